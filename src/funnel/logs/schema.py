"""Columns of each log as input: required or not, types, defaults; and the issues of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import attrs
import narwhals as nw

from funnel._dataframes.adapter import FrameKind, InputFrame
from funnel.errors import LogsError
from funnel.interactions import KINDS, DeclineReason, PostponementReason
from funnel.records import STATUSES

# ---- remedies for a column, as code of the caller's own engine -------------------------------------------------------


_ROUND: Mapping[str, str] = {
    "polars": "df.with_columns(pl.col({name!r}).round({decimals}))",
    "pandas": "df[{name!r}] = df[{name!r}].round({decimals})",
    "pyarrow": "pyarrow.compute.round(table[{name!r}], {decimals})",
    "duckdb": "round({name}, {decimals})",
    "ibis": "table.mutate({name}=table[{name!r}].round({decimals}))",
    "pyspark": "df.withColumn({name!r}, functions.round({name!r}, {decimals}))",
}
_TEXT: Mapping[str, str] = {
    "polars": "df.with_columns(pl.col({name!r}).cast(pl.String))",
    "pandas": "df[{name!r}] = df[{name!r}].astype('string')",
    "pyarrow": "table[{name!r}].cast(pyarrow.string())",
    "duckdb": "cast({name} as varchar)",
    "ibis": "table.mutate({name}=table[{name!r}].cast('string'))",
    "pyspark": "df.withColumn({name!r}, df[{name!r}].cast('string'))",
}


_LAST: Mapping[str, str] = {
    "polars": "df.unique({name!r}, keep='last', maintain_order=True)",
    "pandas": "df.drop_duplicates({name!r}, keep='last')",
    "pyarrow": "pl.from_arrow(table).unique({name!r}, keep='last', maintain_order=True)",
    "duckdb": "qualify row_number() over (partition by {name} order by exported_at desc) = 1",
    "ibis": "ibis.row_number().over(group_by={name!r}, order_by=ibis.desc('exported_at')) == 0",
    "pyspark": "functions.row_number().over(Window.partitionBy({name!r}).orderBy(functions.desc('exported_at'))) == 1",
}
_TIME: Mapping[str, str] = {
    "polars": "pl.col({name!r}).str.to_datetime(time_zone='UTC')",
    "pandas": "pd.to_datetime(df[{name!r}]).dt.tz_localize('Asia/Jakarta')",
    "pyarrow": "pyarrow.compute.strptime(table[{name!r}], format='%Y-%m-%d %H:%M', unit='us')",
    "duckdb": "cast({name} as timestamptz)",
    "ibis": "table[{name!r}].cast('timestamp('UTC')')",
    "pyspark": "functions.to_timestamp({name!r})",
}
_ZONE: Mapping[str, str] = {
    "polars": "pl.col({name!r}).dt.replace_time_zone('Asia/Jakarta')",
    "pandas": "df[{name!r}].dt.tz_localize('Asia/Jakarta')",
    "pyarrow": "pyarrow.compute.assume_timezone(table[{name!r}], 'Asia/Jakarta')",
    "duckdb": "timezone('Asia/Jakarta', {name})",
    "ibis": "table[{name!r}].cast('timestamp('UTC')')",
    "pyspark": "functions.to_utc_timestamp({name!r}, 'Asia/Jakarta')",
}


def round_it(kind: FrameKind, name: str, decimals: int) -> str:
    """Return how to round a column of amounts."""
    return f"if rounding is right, round it first: {_of(_ROUND, kind).format(name=name, decimals=decimals)}"


READ_AS_MINOR = "whole numbers were read as minor units (cents)"
"""Note about amounts whose unit nobody said."""


def in_units(currency: str) -> str:
    """Return how to read amounts of whole units of a currency, such as 19.99, that were read as minor units."""
    code = currency or "USD"
    return f"if 19.99 means {code} 19.99, pass currency={code!r} and amount='major'"


def keep_last(kind: FrameKind, name: str) -> str:
    """Return how to keep the last row of each value of a column."""
    return _of(_LAST, kind).format(name=name)


def to_text(kind: FrameKind, name: str) -> str:
    """Return how to make texts of a column."""
    return _of(_TEXT, kind).format(name=name)


def to_time(kind: FrameKind, name: str) -> str:
    """Return how to make aware times of texts."""
    return _of(_TIME, kind).format(name=name)


def with_zone(kind: FrameKind, name: str) -> str:
    """Return how to give naive times their zone."""
    return _of(_ZONE, kind).format(name=name)


def _of(remedies: Mapping[str, str], kind: FrameKind) -> str:
    return remedies[kind.removesuffix(" lazy").removesuffix(" connect")]


# ---- the columns -----------------------------------------------------------------------------------------------------


Kind = Literal["person", "id", "text", "instant", "amount", "whole"]

WIDE = (nw.UInt64, nw.Int128, nw.UInt128)
"""Types of integers that do not fit 64 signed bits."""

DIRECTIONS = ("in", "out")
REASONS = tuple(dict.fromkeys([*map(str, PostponementReason), *map(str, DeclineReason)]))


@attrs.frozen
class Column:
    """One column: its kind, whether it is required and filled, its default and its allowed values.

    A column that is not `required` may be absent or empty; `default` is its value then (None: no value).
    """

    kind: Kind
    required: bool = False
    default: str | int | None = None
    choices: tuple[str, ...] = ()


RECORDED = "recorded_at"
"""Column with the instant at which the shop learned of a row; if empty, the instant at which it happened."""

_SOURCE = Column("id", default="shop")

LOGS: Mapping[str, Mapping[str, Column]] = {
    "leads": {
        "person_id": Column("person", required=True),
        "arrived_at": Column("instant", required=True),
        "source": Column("text", default=""),
        "campaign": Column("text", default=""),
        "referred_by": Column("person"),
        RECORDED: Column("instant"),
    },
    "purchases": {
        "id": Column("id", required=True),
        "source": _SOURCE,
        "person_id": Column("person", required=True),
        "purchased_at": Column("instant", required=True),
        "amount": Column("amount", required=True),
        "currency": Column("text"),
        "status": Column("text", default="paid", choices=STATUSES),
        "cancelled_at": Column("instant"),
        "promotion": Column("text", default=""),
        "promised_at": Column("instant"),
        "delivered_at": Column("instant"),
        "paid_at": Column("instant"),
        "prepaid": Column("amount"),
        "fees": Column("amount"),
        "cost": Column("amount"),
        RECORDED: Column("instant"),
    },
    "refunds": {
        "id": Column("id", required=True),
        "source": _SOURCE,
        "purchase_id": Column("id", required=True),
        "refunded_at": Column("instant", required=True),
        "amount": Column("amount", required=True),
        "currency": Column("text"),
        "reason": Column("text", default=""),
        RECORDED: Column("instant"),
    },
    "interactions": {
        "id": Column("id", required=True),
        "source": _SOURCE,
        "person_id": Column("person", required=True),
        "occurred_at": Column("instant", required=True),
        "kind": Column("text", required=True, choices=KINDS),
        "direction": Column("text", choices=DIRECTIONS),
        "channel": Column("text", default=""),
        "regarding": Column("id"),
        "reason": Column("text", default=""),
        "until": Column("instant"),
        "latest": Column("instant"),
        "score": Column("whole"),
        "amount": Column("amount"),
        "currency": Column("text"),
        RECORDED: Column("instant"),
    },
    "people": {"person_id": Column("person", required=True)},
    "aliases": {"alias": Column("person", required=True), "person_id": Column("person", required=True)},
}
"""Every log with its columns. Amounts are whole minor units; instants are aware datetimes. `regarding` names the
question of an answer, the complaint of a resolution, the purchase of a delivery, and the purchase of a complaint if it
has one. `people` has own columns of people, and is not a log of records."""

NOT_RECORDS = frozenset({"people", "aliases"})
"""Tables of `LOGS` that have no records."""

EVENTS = "events"
"""One table of purchases, leads and interactions, each with its kind."""

READ: Mapping[str, Mapping[str, Column]] = {
    **LOGS,
    EVENTS: {
        **LOGS["interactions"],
        "kind": Column("text", required=True, choices=("purchase", "lead", *KINDS)),
        "campaign": Column("text", default=""),
        "promotion": Column("text", default=""),
    },
}
"""The columns of every table that can be read from a shop's own frame."""

TIMES: Mapping[str, str] = {
    "leads": "arrived_at",
    "purchases": "purchased_at",
    "refunds": "refunded_at",
    "interactions": "occurred_at",
}
"""Column with the instant of a row, by log."""

REGARDING: Mapping[str, str] = {"answer": "question", "resolution": "complaint"}
"""Kind of interaction that another kind closes."""

OUTWARD = ("quote", "answer", "delivery", "resolution", "follow_up")
"""Kinds of interaction that the shop starts if the table does not say who did."""


# ---- names and types of columns ----


_LONGEST_HINT = 200
_ALIKE = 0.7
"""Similarity of names; country and amount have 0.6."""
_COMPARED = 200
"""Number of characters compared: the time of difflib grows with the square of the length."""


def hint(name: object, others: Sequence[str], fitting: Sequence[str] = ()) -> str:
    """Return a hint which of the other columns a missing name means; columns of a `fitting` type are preferred."""
    if not isinstance(name, str) or not any(others):
        return ""
    same = [other for other in others if plain_name(other) == plain_name(name)]
    plain = {plain_name(other): other for other in fitting or others}
    close = same or [plain[one] for one in get_close_matches(plain_name(name), plain, cutoff=_ALIKE)]
    suggestion = f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(sorted(plain.values()))}"
    if len(suggestion) > _LONGEST_HINT:
        return f"; none of the {len(others)} other columns has a similar name"
    return f"; {suggestion}"


def plain_name(name: str) -> str:
    """Return a name in lower case without punctuation and plural, to compare names."""
    return "".join(letter for letter in name[:_COMPARED].lower() if letter.isalnum()).removesuffix("s")


def wrong_type(name: str, column: Column, dtype: Any, source: InputFrame) -> str:
    """Return what to give instead of a wrong column type, in the words of the frame's engine; empty if it is right."""
    kind = source.frame_kind
    match column.kind:
        case "instant" if not isinstance(dtype, nw.Datetime):
            return f"give aware datetimes: {to_time(kind, name)}; {OR_READ}"
        case "instant" if dtype.time_zone is None:
            return f"give aware datetimes: set the zone of these naive times ({with_zone(kind, name)}); {OR_READ}"
        case "amount" | "whole" if dtype.is_float() and kind == "pandas" and not column.required:
            return ""  # pandas converts integers to floats if some are missing
        case "amount" if not dtype.is_integer():
            return f"give whole minor units as integers, such as 1999 for 19.99; {OR_READ}"
        case "whole" if not dtype.is_integer():
            return "give integers"
        case "person" if not isinstance(dtype, nw.String):
            return f"ids of people are texts: {to_text(kind, name)}; {OR_READ}"
        case "id" if not (dtype.is_integer() or isinstance(dtype, nw.String)):
            return f"give text or integers: {to_text(kind, name)}; {OR_READ}"
        case "text" if not isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
            return f"give text: {to_text(kind, name)}"
        case _:
            return ""


OR_READ = "or read the frame as it is, with Logs.from_orders or one of its siblings"


# ---- issues of tables, reported together ----


_LONGEST = 200
"""Largest number of characters of a column name in a message."""

_MOST_SHOWN = 5
"""Largest number of row numbers in a message; `Issue.rows` has all of them."""


@attrs.frozen
class Issue:
    """One kind of issue in one column of one log.

    `rows` are the numbers (from 1) of all invalid rows; empty if the engine does not keep the order of rows. The text
    of an issue shows the first five.
    """

    log: str
    column: str
    problem: str
    count: int = 0
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the issue as one line, without any value of a row."""
        column = f"{self.log}.{self.column[:_LONGEST]}"
        if not self.count:
            return f"{column}: {self.problem}"
        first = ", ".join(map(str, self.rows[:_MOST_SHOWN]))
        more = ", …" if self.count > min(len(self.rows), _MOST_SHOWN) else ""
        rows = f" (row {first}{more})" if first else ""
        return f"{column}: {self.count} row{'s' if self.count > 1 else ''}{rows}: {self.problem}"


def raise_if_any(issues: Sequence[Issue], begin: str = "", remedy: str = "") -> None:
    """Raise one error with every issue, if there are any.

    Args:
        issues: The issues.
        begin: The begin of the message.
        remedy: Code or argument that helps with all of them.

    Raises:
        LogsError: There is at least one issue.
    """
    if not issues:
        return
    lines = "\n".join(f"  {issue}" for issue in issues)
    names = {issue.log for issue in issues}
    subject = "logs" if names <= LOGS.keys() else " and ".join(sorted(names))
    msg = f"{begin}the {subject} have {len(issues)} kind{'s' if len(issues) > 1 else ''} of issue{remedy}:\n{lines}"
    raise LogsError(msg, tuple(issues))
