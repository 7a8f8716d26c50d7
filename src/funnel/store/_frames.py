"""Conversion of a store's tables to logs: whole columns at a time, without a loop over rows.

SQLite and PostgreSQL write each column of a batch as one JSON array, and Polars reads it. This is three times as fast
as fetching rows. Other databases limit the length of such an array, and return rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from funnel._arguments import check_choice
from funnel._columns import name_of_column
from funnel._fields import LARGEST_AMOUNT
from funnel._record_columns import KINDS
from funnel._time import EARLIEST, LATEST, instant
from funnel.errors import LogsError, MissingExtraError
from funnel.money import Money, decimals
from funnel.store._currencies import OPEN_WITH_RATES
from funnel.store._damage import damaged, readable
from funnel.store._results import Engine
from funnel.store._rows import LOG_COLUMNS
from funnel.store._tables import Tables

if TYPE_CHECKING:
    import polars as pl

    from funnel.logs import Logs
    from funnel.rates import Rates


# ---- own columns of a store's records as columns of a table ----------------------------------------------------------

# The store has them as one JSON text for each record: names and values by kind.


OWN_TEXT = "own_columns"
_NAMES = {"text": "texts", "whole": "whole numbers", "truth": "truths", "instant": "instants"}
_UNREADABLE = "own columns of a record cannot be read"


def with_own_columns(log: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table of a log with a typed column for each own column, in place of their JSON.

    Raises:
        LogsError: A column has values of two kinds, or two names differ only in upper and lower case.
        StoreError: A text was not written by a store.
    """
    import polars as pl

    rows = frame.select(OWN_TEXT).with_row_index("_row").drop_nulls()
    frame = frame.drop(OWN_TEXT)
    if rows.is_empty():
        return frame
    by_kind = pl.read_ndjson(BytesIO("\n".join(rows[OWN_TEXT]).encode()), infer_schema_length=None)
    columns: dict[str, pl.Series] = {}
    kinds: dict[str, str] = {}
    every = [(column, kind) for kind in by_kind.columns for column in _columns(kind, by_kind[kind])]
    # Sorted, so that an error does not depend on the order in which a database returns its rows.
    for column, kind in sorted(every, key=lambda one: (one[0].name, [*_NAMES].index(one[1]))):
        _check_name(log, column.name, kind, kinds)
        columns[column.name], kinds[column.name] = column, kind
    if not columns.keys().isdisjoint(frame.columns):
        raise damaged(_UNREADABLE)
    own = pl.DataFrame([rows["_row"], *columns.values()])
    return frame.with_row_index("_row").join(own, on="_row", how="left", maintain_order="left").drop("_row")


def _columns(kind: str, values: pl.Series) -> list[pl.Series]:
    """Return the own columns of a kind, typed."""
    import polars as pl

    types: dict[str, Any] = {"text": pl.String, "whole": pl.Int64, "truth": pl.Boolean, "instant": pl.Int64}
    is_struct = isinstance(values.dtype, pl.Struct)
    columns = values.struct.unnest().get_columns() if is_struct else []
    if not columns or any(column.dtype != types.get(kind) or name_of_column(column.name) for column in columns):
        raise damaged(_UNREADABLE)
    if kind in _BOUNDS and not all(column.drop_nulls().is_between(*_BOUNDS[kind]).all() for column in columns):
        raise damaged("an own column of a record is out of range")
    return [column.cast(pl.Datetime("us", "UTC")) if kind == "instant" else column for column in columns]


_BOUNDS = {"whole": (0, LARGEST_AMOUNT), "instant": (EARLIEST, LATEST - 1)}


def _check_name(log: str, name: str, kind: str, kinds: dict[str, str]) -> None:
    """Check that no other own column of the log has this name.

    Raises:
        LogsError: One has.
    """
    other = next((one for one in kinds if one.casefold() == name.casefold()), name)
    if other != name:
        msg = f"{log} have own columns that differ only in upper and lower case: {other} and {name}"
        raise LogsError(f"{msg}; amend the records, so that they have one name")
    if name in kinds:
        msg = f"the own column {name} of {log} has {_NAMES[kinds[name]]} and {_NAMES[kind]}"
        raise LogsError(f"{msg}; amend the records, so that it has one type")


# ---- the tables ------------------------------------------------------------------------------------------------------


_INSTANTS = ("arrived_at", "purchased_at", "refunded_at", "occurred_at", "cancelled_at", "promised_at", "delivered_at")
_TIMES = (*_INSTANTS, "paid_at", "until", "latest")
_AMOUNTS = ("amount", "prepaid", "fees", "cost")
_INTEGERS = (*_AMOUNTS, "score", *_TIMES)


def logs_of(tables: Tables, engine: Engine, currency: str | None, rates: Rates | None) -> Logs:
    """Return everyone's records as logs.

    Args:
        tables: The tables.
        engine: The kind of dataframes.
        currency: The currency of the amounts to return as they were stored; None for all amounts.
        rates: The rates of a store of several currencies.

    Raises:
        ArgumentError: The engine is unknown.
        MissingExtraError: The engine, or Polars, is not installed.
        LogsError: The amounts are in more than one currency and there are no rates, or a day has no rate.
        MoneyError: The currency is unknown.
    """
    check_engine(engine)
    if currency is not None:
        decimals(currency)
    frames = frames_of(tables)
    if currency is None:
        return logs_in(frames, rates, engine)
    return logs_in(of_currency(frames, currency), None, engine)


def logs_in(frames: Mapping[str, pl.DataFrame], rates: Rates | None, engine: Engine = "polars") -> Logs:
    """Return Polars tables as logs of an engine, in one currency.

    Raises:
        LogsError: The amounts are in more than one currency and there are no rates, or a day has no rate.
    """
    from funnel.logs import trusted

    if rates is None:
        return trusted(in_engine(frames, engine), _currency(frames), own_of(frames))
    from funnel.rates._factors import Factors
    from funnel.rates._over import CODE, converted

    coded = {log: frame.rename({"currency": CODE}, strict=False) for log, frame in frames.items()}
    factors = Factors(rates.currency, rates.tz, rates.factors)
    return converted(factors, trusted(in_engine(coded, engine), None, own_of(coded)))


def logs_with_people(frames: Mapping[str, pl.DataFrame], engine: Engine, people: Sequence[Mapping[str, Any]]) -> Logs:
    """Return Polars tables of one currency as logs of an engine, with a table of people if it has rows."""
    import polars as pl

    from funnel.logs import trusted

    of_people = {"people": pl.DataFrame(people, infer_schema_length=None)} if people else {}
    native = in_engine({**frames, **of_people}, engine)
    table = native.pop("people", None)
    logs = trusted(native, _currency(frames), own_of(frames))
    return logs.with_people(table, {name: name for name in people[0]}) if people else logs


def of_currency(frames: Mapping[str, pl.DataFrame], currency: str) -> dict[str, pl.DataFrame]:
    """Return the tables without the records that have an amount in another currency.

    Deliveries of such purchases are left out too; complaints about them have no purchase.
    """
    import polars as pl

    others = frames["purchases"].filter(pl.col("currency") != currency).select("source", regarding="id", is_other=True)
    of_one = {
        log: frame if log == "leads" else frame.filter(pl.col("currency").fill_null(currency) == currency)
        for log, frame in frames.items()
    }
    kinds = pl.col("kind").is_in(("delivery", "complaint"))
    talk = of_one["interactions"].join(others, on=["source", "regarding"], how="left", maintain_order="left")
    is_about = pl.col("is_other").is_not_null() & kinds
    talk = talk.filter(~is_about | (pl.col("kind") != "delivery"))
    return {
        **of_one,
        "interactions": talk.with_columns(regarding=pl.when(~is_about).then("regarding")).drop("is_other"),
    }


def own_of(frames: Mapping[str, pl.DataFrame]) -> dict[str, tuple[str, ...]]:
    """Return the names of the own columns of each log; logs without own columns are absent."""
    own = {log: tuple(name for name in frame.columns if name not in LOG_COLUMNS[log]) for log, frame in frames.items()}
    return {log: names for log, names in own.items() if names}


def frames_of(tables: Tables) -> dict[str, pl.DataFrame]:
    """Return everyone's records as Polars tables.

    Raises:
        MissingExtraError: Polars is not installed.
    """
    _need("polars")
    import polars as pl

    try:
        with readable("a table of records cannot be read"):
            plain = {log: _frame(tables, log) for log in LOG_COLUMNS}
        frames = {log: with_own_columns(log, frame) for log, frame in plain.items()}
    except pl.exceptions.PolarsError:
        raise damaged("a table of records cannot be read") from None
    if any(_is_damaged(log, frame) for log, frame in frames.items()):
        raise damaged("a record has a missing value, or a value out of range")
    return frames


_NEVER_EMPTY: Mapping[str, Sequence[str]] = {
    "leads": ("person_id", "arrived_at", "source"),
    "purchases": ("person_id", "id", "source", "purchased_at", "amount", "currency", "status"),
    "refunds": ("id", "source", "purchase_id", "refunded_at", "amount", "currency"),
    "interactions": ("person_id", "id", "source", "occurred_at", "kind"),
}
"""The columns that every record of a log fills."""


def _is_damaged(log: str, frame: pl.DataFrame) -> bool:
    """Return whether a table holds values that no store has written: missing or out of bounds."""
    import polars as pl

    wrong = [pl.col(name).is_null() for name in _NEVER_EMPTY[log]]
    wrong += [
        ~pl.col(name).is_between(instant(EARLIEST), instant(LATEST), closed="left")
        for name in frame.columns
        if name in _TIMES
    ]
    wrong += [~pl.col(name).is_between(0, LARGEST_AMOUNT) for name in frame.columns if name in _AMOUNTS]
    if "amount" in frame.columns:
        wrong.append(pl.col("amount").is_null() != pl.col("currency").is_null())
    if "kind" in frame.columns:
        wrong.append(~pl.col("kind").is_in(KINDS))
    return bool(frame.select(pl.any_horizontal(wrong).any()).item())


def _need(name: str) -> None:
    if find_spec(name) is None:
        raise MissingExtraError(f'logs as tables need {name}; install it with: pip install "shopfunnel[{name}]"')


def _frame(tables: Tables, log: str) -> pl.DataFrame:
    import polars as pl

    selected = {**LOG_COLUMNS[log], OWN_TEXT: OWN_TEXT}
    kinds: dict[str, Any] = {name: pl.Int64 if name in _INTEGERS else pl.String for name in selected}
    batches = [
        pl.DataFrame({name: _column(batch[name], kinds[name]) for name in selected})
        for batch in tables.columns(log, selected)
    ]
    frame = pl.concat(batches) if batches else pl.DataFrame(schema=kinds)
    times = [name for name in selected if name in _TIMES]
    return frame.with_columns(pl.col(times).cast(pl.Datetime("us", "UTC")))


def _column(values: str | Sequence[Any], kind: Any) -> pl.Series:
    import polars as pl

    if not isinstance(values, str):
        return pl.Series(values, dtype=kind)
    return pl.Series([values]).str.json_decode(pl.List(kind)).explode()


def _currency(frames: Mapping[str, pl.DataFrame]) -> str | None:
    columns = [frame["currency"].drop_nulls().unique() for frame in frames.values() if "currency" in frame.columns]
    currencies = sorted({code for column in columns for code in column})
    if len(currencies) > 1:
        raise LogsError(f"the store has amounts in {' and '.join(currencies)}; {OPEN_WITH_RATES}")
    with readable("a currency is unknown"):
        return Money.of_minor(0, currencies[0]).currency if currencies else None


# ---- Polars tables as tables of another engine -----------------------------------------------------------------------


def check_engine(engine: object) -> None:
    """Check that tables can be converted to an engine.

    Raises:
        ArgumentError: The engine is unknown.
        MissingExtraError: The engine is not installed.
    """
    check_choice(engine, tuple(_CONVERTERS), "engine")
    for name in NEEDED.get(str(engine), ()):
        _need(name)


def in_engine(frames: Mapping[str, pl.DataFrame], engine: Engine) -> dict[str, Any]:
    """Return Polars tables as tables of an engine that is installed."""
    return _CONVERTERS[engine](frames)


def _duckdb(frames: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    for log, frame in frames.items():
        connection.register("source", cast("Any", frame).to_arrow())
        connection.execute(f"create table {log} as select * from source")  # noqa: S608 (our own names)
        connection.unregister("source")
    return {log: connection.table(log) for log in frames}


_CONVERTERS: Mapping[str, Callable[[Mapping[str, pl.DataFrame]], dict[str, Any]]] = {
    "polars": dict,
    "pandas": lambda frames: {log: frame.to_pandas() for log, frame in frames.items()},
    "pyarrow": lambda frames: {log: frame.to_arrow() for log, frame in frames.items()},
    "duckdb": _duckdb,
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "pandas": ("pandas", "pyarrow"),
    "pyarrow": ("pyarrow",),
    "duckdb": ("duckdb", "pyarrow"),
}
