"""Checks of the rows of a log: each is a condition of invalid rows; one pass counts all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import attrs
import narwhals as nw

from funnel._dataframes.adapter import ROW, Frame, InputFrame, distinct
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import to_int
from funnel._fields import BLANK, EDGES, LONGEST_ID, MANGLED, NOT_EDGES, NOT_MANGLED, UNPRINTABLE
from funnel._format import MOST_WORDS, shown_words
from funnel._ledger.streams import LARGEST_AMOUNT
from funnel._time import EARLIEST, LATEST
from funnel.interactions import DeclineReason, PostponementReason
from funnel.logs.normalize import MISSING
from funnel.logs.schema import EVENTS, READ, REGARDING, Column, Issue


@attrs.frozen
class Check:
    """Condition of invalid rows; some checks apply only if the column exists, some only if it holds text."""

    column: str
    problem: str
    bad: nw.Expr
    choices: Sequence[str] = ()
    argument: str = ""
    """Argument with the meaning of each word, if other words than the choices may be read."""
    of_texts: bool = False
    of_absent: bool = False
    parts: Sequence[Check] = ()
    """Specific checks behind this one, run only if it finds a row."""

    def can_fail(self, schema: Mapping[str, nw.dtypes.DType]) -> bool:
        """Return whether a row with these columns can be invalid."""
        if self.column not in schema:
            return self.of_absent
        return not (self.of_texts and schema[self.column].is_integer())


def issues_of(log: str, frame: Frame, checks: Sequence[Check]) -> Iterator[Issue]:
    """Count the invalid rows of every check in one pass.

    Each count above zero yields an issue with its rows.
    """
    names = [f"check_{number}" for number in range(len(checks))]
    as_int = _truths if frame.implementation.is_polars() else to_int
    flags = (as_int(check.bad).sum().alias(name) for name, check in zip(names, checks, strict=True))
    counts = collected(frame.select(*flags)).to_dict(as_series=False)
    for name, check in zip(names, checks, strict=True):
        if not counts[name][0]:
            continue
        if check.parts:
            yield from issues_of(log, frame, check.parts)
        else:
            rows = frame.filter(check.bad)
            yield Issue(log, check.column, check.problem + _hint(rows, check), int(counts[name][0]), row_numbers(rows))


def _truths(condition: nw.Expr) -> nw.Expr:
    """Return a condition unchanged: Polars sums booleans faster than integers."""
    return condition


def _hint(rows: Frame, check: Check) -> str:
    """Return a hint at the intended value, if all rows have the same wrong one, or at the argument for many."""
    if not check.choices:
        return ""
    some = distinct(rows.select(check.column)).head(MOST_WORDS + 1)
    values: list[str] = collected(some).to_dict(as_series=False)[check.column]
    close = get_close_matches(values[0].lower(), check.choices, n=1)
    if close and len(values) == 1:
        return f"; did you mean {close[0]}?"
    if not check.argument:
        return ""
    words = shown_words(values)
    these = f", which are {words}" if words else ""
    return (
        f"; pass {check.argument}={{'Completed': {check.choices[0]!r}, ...}}, the meaning of the frame's words{these}"
    )


def valid_rows(frame: Frame, checks: Sequence[Check]) -> Frame:
    """Return the rows that no check finds invalid."""
    flags = {f"_bad_{number}": to_int(check.bad) for number, check in enumerate(checks)}
    return frame.with_columns(**flags).filter(*(nw.col(name) == 0 for name in flags)).drop(*flags)


def row_count(frame: Frame) -> int:
    """Return the number of rows."""
    return int(collected(frame.select(nw.len().alias("_rows"))).to_dict(as_series=False)["_rows"][0])


def row_numbers(frame: Frame) -> tuple[int, ...]:
    """Return the numbers of all rows; empty if rows have no order."""
    if ROW not in frame.collect_schema():
        return ()
    rows = collected(frame.select(ROW).sort(ROW)).to_dict(as_series=False)
    return tuple(rows[ROW])


def checks_of(log: str, currency: str | None, source: InputFrame, *, lowest: int = 0) -> list[Check]:
    """Return every check that a row of the input frame can fail; `lowest` is the smallest amount."""
    columns = [check for name, column in READ[log].items() for check in _column_checks(name, column, lowest)]
    money = [_of_currency(currency)] if "currency" in READ[log] else []
    schema = source.frame.collect_schema()
    return [check for check in [*columns, *_SPECIAL.get(log, list)(), *money] if check.can_fail(schema)]


def _column_checks(name: str, column: Column, lowest: int) -> Iterator[Check]:
    value = nw.col(name)
    match column.kind:
        case "instant":
            is_set = value != MISSING
            if column.required:
                yield Check(name, "is empty; give an instant", ~is_set)
            outside = is_set & ((value < EARLIEST) | (value >= LATEST))
            yield Check(name, "lies outside the years 1800 to 2199; give the instant it happened", outside)
        case "amount" | "whole":
            if column.required:
                yield Check(name, "is empty; give whole minor units", value == MISSING)
            outside = (value != MISSING) & ((value < lowest) | (value > LARGEST_AMOUNT))
            yield Check(
                name,
                f"is not a whole number from {lowest} to {LARGEST_AMOUNT}; give minor units, refunds in their own log",
                outside,
            )
        case "person":
            if column.required:
                yield Check(name, "is empty; give the person, or leave the row out if unknown", value.is_null())
            yield id_check(name, value, "is blank; give the person", is_required=column.required)
        case "id":
            problem = "is empty; give the id that the record has in its source"
            yield id_check(name, value, problem, is_required=column.required)
        case "text" if column.choices:
            others = () if column.required else ("",)
            allowed = value.is_in([*column.choices, *others])
            yield Check(name, f"is not one of {', '.join(column.choices)}", ~allowed, column.choices)
        case _:
            yield _unwritable(name, value)


def id_check(name: str, value: nw.Expr, blank: str, *, is_required: bool = True) -> Check:
    """Return the check of an id, as in a record; an optional cell may be ""."""
    # one pattern takes a third of the time of three
    bad = (value.str.len_chars() > LONGEST_ID) | value.str.contains(f"{UNPRINTABLE}|{BLANK}|{EDGES}|{MANGLED}")
    is_blank = value.str.contains(BLANK)
    if not is_required:
        bad, is_blank = bad & (value != ""), is_blank & (value != "")
    parts = (
        Check(name, blank, is_blank),
        _unwritable(name, value),
        Check(name, NOT_EDGES, value.str.contains(EDGES) & ~value.str.contains(BLANK)),
        Check(name, NOT_MANGLED, value.str.contains(MANGLED)),
    )
    return Check(name, "is not an id", bad, of_texts=True, parts=parts)


def _unwritable(name: str, value: nw.Expr) -> Check:
    problem = f"has more than {LONGEST_ID} characters, or a control character; shorten it, or remove the character"
    bad = (value.str.len_chars() > LONGEST_ID) | value.str.contains(UNPRINTABLE)
    return Check(name, problem, bad, of_texts=True)


def _not_before(first: str, later: str) -> Check:
    bad = (nw.col(later) != MISSING) & (nw.col(later) < nw.col(first))
    return Check(later, f"lies before {first}; it may be the same instant or later", bad)


def _purchases() -> list[Check]:
    cancelled = (nw.col("cancelled_at") != MISSING) & (nw.col("status") != "cancelled")
    paid = (nw.col("paid_at") != MISSING) & (nw.col("status") == "unpaid")
    dates = ("cancelled_at", "promised_at", "delivered_at", "paid_at")
    return [
        Check("cancelled_at", "is set, but the status is not 'cancelled'; set both or neither", cancelled),
        Check("paid_at", "is set, but the status is 'unpaid'; set the status to 'paid', or leave it empty", paid),
        Check(
            "prepaid", "is above the amount; it is the part that a gift card paid", nw.col("prepaid") > nw.col("amount")
        ),
        *(_not_before("purchased_at", later) for later in dates),
    ]


def _refunds() -> list[Check]:
    return [Check("amount", "is 0; the amount of a refund is above 0", nw.col("amount") == 0)]


def _leads() -> list[Check]:
    return [
        Check(
            "referred_by",
            "is the lead's own person_id; name another person, or leave it empty",
            nw.col("referred_by") == nw.col("person_id"),
        )
    ]


def _interactions() -> list[Check]:
    kind = nw.col("kind")
    score, until, regarding, reason = (nw.col(name) for name in ("score", "until", "regarding", "reason"))
    closes = kind.is_in([*REGARDING, "delivery"])
    return [
        Check(
            "regarding",
            "is empty; an answer, a resolution or a delivery needs the id of its question, complaint or purchase",
            closes & (regarding == ""),
            of_absent=True,
        ),
        Check(
            "until",
            "is empty; a postponement needs an instant",
            (kind == "postponement") & (until == MISSING),
            of_absent=True,
        ),
        Check("until", "lies before occurred_at", (until != MISSING) & (until < nw.col("occurred_at"))),
        _not_before("until", "latest"),
        _reasons("postponement", [str(one) for one in PostponementReason], kind, reason),
        _reasons("declined", [str(one) for one in DeclineReason], kind, reason),
        Check(
            "score",
            "is not 1 to 5; feedback needs a score",
            (kind == "feedback") & ((score < 1) | (score > 5)),  # noqa: PLR2004
            of_absent=True,
        ),
        Check(
            "amount",
            "is empty; a quote needs an amount",
            (kind == "quote") & (nw.col("amount") == MISSING),
            of_absent=True,
        ),
    ]


def _events() -> list[Check]:
    bought = (nw.col("kind") == "purchase") & (nw.col("amount") == MISSING)
    return [*_interactions(), Check("amount", _NO_AMOUNT, bought, of_absent=True)]


_NO_AMOUNT = (
    "is empty; a purchase needs an amount: if amounts are unknown, fill in 1, and leave sums of money unread; "
    "or count the frame itself with conversion(frame, ...), which needs no amounts"
)


def _reasons(kind: str, allowed: Sequence[str], row_kind: nw.Expr, reason: nw.Expr) -> Check:
    problem = f"of kind {kind!r} is not one of {', '.join(allowed)}"
    return Check("reason", problem, (row_kind == kind) & ~reason.is_in(allowed), of_absent=True)


_SPECIAL: Mapping[str, Any] = {
    "purchases": _purchases,
    "refunds": _refunds,
    "leads": _leads,
    "interactions": _interactions,
    EVENTS: _events,
}


def _of_currency(currency: str | None) -> Check:
    """Return the check of the currency; an empty cell means the currency of the logs."""
    return Check("currency", _currency_problem(currency), ~nw.col("currency").is_in(["", currency or ""]))


def _currency_problem(currency: str | None) -> str:
    if currency is None:
        return "is set, but the logs have no currency; pass Logs(..., currency=...), one for all amounts"
    return f"is not {currency}; convert the amounts, or make separate logs for each currency"
