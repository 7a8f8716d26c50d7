"""Wrong arguments of many kinds, and what must come of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from funnel import Facts, History, Logs, Policy, rule
from tests.specimens import NOW, SHOP_MACHINE, everyone


class Vague(tzinfo):
    """A zone that has no offset."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:  # noqa: ARG002
        """None."""
        return None


class Broken(tzinfo):
    """A zone that fails."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Fail."""
        raise KeyError(moment)


class OtherFacts(Facts):
    """The facts of another shop."""


class OtherPolicy(Policy):
    """The policy of another shop."""

    size: int = 3


class Blank(Enum):
    """An enum of another kind of values."""

    NONE = None


def _recursive() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def _nested() -> list[Any]:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def _closed() -> Any:
    connection = duckdb.connect()
    relation = connection.sql("select 'p' as person_id, now() as occurred_at, 'view' as kind")
    connection.close()
    return relation


_FAILS = pl.LazyFrame({"person_id": ["p"], "purchased_at": ["x"], "occurred_at": ["x"], "kind": ["view"]})
"""A lazy frame whose schema is right, and whose plan fails when it runs."""

_TIME = pl.Datetime("us", "UTC")

WRONG: Mapping[str, Callable[[], Any]] = {
    "None": lambda: None,
    "a number": lambda: 42,
    "a negative number": lambda: -1,
    "zero": lambda: 0,
    "a huge number": lambda: 10**30,
    "a number of 5,000 digits": lambda: 10**5_000,
    "a fraction": lambda: 0.3,
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "true": lambda: True,
    "text": lambda: "text",
    "empty text": lambda: "",
    "a zero byte": lambda: "a\0b",
    "digits": lambda: "9" * 5_000,
    "very long text": lambda: "x" * 1_000_000,
    "a lone surrogate": lambda: "\ud800",
    "bytes": lambda: b"",
    "a path to nowhere": lambda: "/nowhere/at/all",
    "a zone of another planet": lambda: "Mars/Phobos",
    "an empty list": list,
    "an empty dict": dict,
    "a set": lambda: {1},
    "a list of None": lambda: [None],
    "a list of numbers": lambda: [1, 2],
    "a list of dicts": lambda: [{"a": 1}],
    "a dict of None": lambda: {None: None},
    "a recursive list": _recursive,
    "a deep list": _nested,
    "a generator": lambda: (number for number in range(2)),
    "an object": object,
    "a function": lambda: len,
    "a class": lambda: int,
    "an enum": lambda: Blank.NONE,
    "a date": lambda: date(2026, 3, 1),
    "a naive datetime": lambda: datetime(2026, 3, 1),  # noqa: DTZ001
    "the last datetime": lambda: datetime.max.replace(tzinfo=UTC),
    "the first datetime": lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    "a datetime of 1700": lambda: datetime(1700, 1, 1, tzinfo=UTC),
    "a datetime of no offset": lambda: datetime(2026, 3, 1, tzinfo=Vague()),
    "a datetime of a broken zone": lambda: datetime(2026, 3, 1, tzinfo=Broken()),
    "a zone": Broken,
    "NaT": lambda: pd.NaT,
    "a pandas NA": lambda: pd.NA,
    "a naive timestamp": lambda: pd.Timestamp("2026-03-01"),
    "a timestamp": lambda: pd.Timestamp("2026-03-01", tz="UTC"),
    "a pandas timedelta": lambda: pd.Timedelta(days=1),
    "a numpy datetime": lambda: np.datetime64("2026-03-01"),
    "a numpy NaT": lambda: np.datetime64("NaT"),
    "a numpy timedelta": lambda: np.timedelta64(1, "D"),
    "a numpy integer": lambda: np.int64(3),
    "a numpy bool": lambda: np.bool_(True),  # noqa: FBT003
    "a numpy array": lambda: np.array([1, 2]),
    "a timedelta": lambda: timedelta(days=1),
    "a negative timedelta": lambda: timedelta(days=-1),
    "the longest timedelta": lambda: timedelta.max,
    "a policy": Policy,
    "a policy of another shop": OtherPolicy,
    "the class Policy": lambda: Policy,
    "the class Facts": lambda: Facts,
    "the class of other facts": lambda: OtherFacts,
    "the class History": lambda: History,
    "the class Logs": lambda: Logs,
    "facts": lambda: Facts(as_of=NOW),
    "facts of another shop": lambda: OtherFacts(as_of=NOW),
    "a history": lambda: everyone()[1],
    "an empty history": lambda: History(person_id="p9"),
    "a rule of other facts": lambda: rule(_other),
    "a rule that fails": lambda: rule(_failing),
    "a rule": lambda: rule(_is_big),
    "a machine": lambda: SHOP_MACHINE,
    "a frame of another thing": lambda: pl.DataFrame({"a": [1]}),
    "an empty frame": pl.DataFrame,
    "a frame without rows": lambda: pl.DataFrame(schema={"person_id": pl.String, "occurred_at": _TIME}),
    "a frame of objects": lambda: pl.DataFrame({"person_id": pl.Series([object()], dtype=pl.Object)}),
    "a frame of structs": lambda: pl.DataFrame({"person_id": [{"a": 1}], "occurred_at": [[NOW]]}),
    "a lazy frame that fails": lambda: _FAILS.with_columns(pl.col("purchased_at", "occurred_at").cast(_TIME)),
    "a lazy frame without the column": lambda: pl.LazyFrame({"a": [1]}).select("person_id"),
    "a series": lambda: pl.Series([1]),
    "a pandas frame": lambda: pd.DataFrame({"a": [1]}),
    "a pandas frame of numbered columns": lambda: pd.DataFrame([[1, 2]]),
    "a pandas frame of two equal columns": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "an empty pandas frame": pd.DataFrame,
    "a relation": lambda: duckdb.connect().sql("select 1 as a"),
    "a relation of a closed connection": _closed,
}
"""Makers of wrong arguments, by what they make; some are right for some calls."""


def _other(f: OtherFacts, policy: OtherPolicy) -> bool:
    return f.purchase_count > policy.size


def _failing(f: Facts, policy: Policy) -> bool:
    return {}[f.purchase_count]  # type: ignore[no-any-return]


def _is_big(f: Facts, policy: Policy) -> bool:
    return f.purchase_count > 1


def frames_like(table: pl.DataFrame) -> Mapping[str, Any]:
    """The same columns, wrong in another way each."""
    structs = table.select(pl.struct(pl.col(name)).alias(name) for name in table.columns)
    return {
        "the columns as structs": structs,
        "the columns as lists": table.select(pl.col(name).implode().alias(name) for name in table.columns),
        "the columns as text": table.select(pl.all().cast(pl.String)),
        "the columns empty": table.clear(),
        "the columns null": table.select(pl.lit(None).alias(name) for name in table.columns),
        "the columns as objects": pl.DataFrame(
            [pl.Series(name, [object()], dtype=pl.Object) for name in table.columns]
        ),
        "pandas objects": pd.DataFrame({name: [object(), 1] for name in table.columns}),
        "a plan that fails": table.lazy().with_columns(pl.lit("x").cast(_TIME).alias("extra")),
        "a plan that fails in each": table.lazy().with_columns(pl.all().map_elements(_fail, skip_nulls=False)),
        "a closed connection": _closed_of(table),
    }


def _fail(value: object) -> object:
    raise KeyError(value)


def _closed_of(table: pl.DataFrame) -> Any:
    connection = duckdb.connect()
    connection.register("seen", table.to_arrow())
    relation = connection.sql("select * from seen")
    connection.close()
    return relation


def wrong_for(valid: object) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every wrong value for an argument: the general ones, and the valid one with a part of it replaced."""
    yield from WRONG.items()
    if isinstance(valid, pl.DataFrame):
        yield from ((name, lambda frame=frame: frame) for name, frame in frames_like(valid).items())
    for name, make in WRONG.items():
        if isinstance(valid, list | tuple) and valid:
            yield f"{name} as the last of it", lambda make=make: [*valid[:-1], make()]
        elif isinstance(valid, Mapping) and valid:
            first = next(iter(valid))
            yield f"{name} under a key", lambda make=make, first=first: {**valid, first: make()}
            yield f"{name} as a key", lambda make=make: _with_key(valid, make())


def _with_key(valid: Mapping[Any, Any], key: Any) -> Any:
    try:
        return {**valid, key: next(iter(valid.values()))}
    except (TypeError, KeyError, RecursionError):
        return dict(valid)


def outcome(call: Callable[[], object]) -> BaseException | None:
    """The exception of a call; None if it answered."""
    try:
        call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 (a panic of an engine is a BaseException alone)
        return error
    return None
