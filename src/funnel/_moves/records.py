"""Which record brought a move about: of those of the instant, the weightiest that the rule reads.

Several records may bear one instant. Those that a fact of the rule counts go before others; of these a refund before a
cancellation, a purchase, a delivery, what was said, a referral, an arrival; of one kind the first by source and id.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import attrs

from funnel._facts.plan import Plan
from funnel._ledger.ledger import Ledger
from funnel._ledger.rows import ID, RANK, SOURCE
from funnel._lift.nodes import Value, holds
from funnel._lift.tree import Fork, Tree
from funnel._reduce.folds import Row, T
from funnel._streams import INTERACTION_FIELDS, RANKS, ROOTS, TABLES

if TYPE_CHECKING:
    import narwhals as nw

    from funnel._frames import Frame

KINDS: Mapping[str, str] = {
    "refunds": "refund",
    "cancellations": "cancellation",
    "orders": "purchase",
    "deliveries": "delivery",
    "interactions": "",
    "referrals": "referral",
    "leads": "lead",
}
"""The tables of records, the weightiest first, each with the kind of its records; an interaction says its own."""

NAMELESS = ("referral", "lead")
"""The kinds of records that have no id of their own."""

_FOLLOWING: Mapping[str, frozenset[str]] = {
    "refunds": frozenset({"purchases", "promises"}),
    "cancellations": frozenset({"purchases", "promises"}),
    "orders": frozenset({"purchases", "promises", "open_follow_ups"}),
    "deliveries": frozenset({"promises"}),
}
"""The tables worked out from others, by the tables whose records make their rows begin or end."""

_SAID: Mapping[str, tuple[str, ...]] = {
    "open_questions": ("question", "answer"),
    "open_complaints": ("complaint", "resolution"),
    "open_follow_ups": ("follow_up_sent",),
    "promises": ("delivered",),
    "deliveries": ("delivered",),
}
"""The kinds of interactions that make the rows of other tables begin or end."""


@attrs.frozen
class Record:
    """What a record is called; all None where there is none."""

    kind: str | None = None
    source: str | None = None
    id: str | None = None


# ---- which are read ------------------------------------------------------------------------------------------------


def _tables_read(plan: Plan) -> frozenset[str]:
    return frozenset(one.stream.table for one in plan.reductions)


def _always(plan: Plan, table: str) -> bool:
    """Whether every record of a table may have brought a move about."""
    return not _FOLLOWING.get(table, frozenset()).isdisjoint(_tables_read(plan))


def _may_cause(plan: Plan, table: str) -> bool:
    """Whether a record of a table may have brought a move about, or be the first of a person."""
    return table in ROOTS or table in _tables_read(plan) or _always(plan, table)


def _kinds_heard(plan: Plan) -> tuple[str, ...]:
    return tuple(kind for table in sorted(_tables_read(plan)) for kind in _SAID.get(table, ()))


def _hears(plan: Plan) -> bool:
    """Whether anything that comes from the person may have brought a move about."""
    return "open_follow_ups" in _tables_read(plan)


# ---- one person ----------------------------------------------------------------------------------------------------


def record_of(plan: Plan, ledger: Ledger, at: int) -> Record:
    """The record that brought about what changed at an instant."""
    (_, table, row) = min(_candidates(plan, ledger, at), key=lambda one: one[0])
    kind = KINDS[table] or str(row[_PLACES["kind"]])
    return Record(kind) if kind in NAMELESS else Record(kind, str(row[SOURCE]), str(row[ID]))


def _candidates(plan: Plan, ledger: Ledger, at: int) -> Iterator[tuple[tuple[Value, ...], str, Row]]:
    for weight, table in enumerate(KINDS):
        for row in _rows_at(ledger.rows.get(table, ()), at) if _may_cause(plan, table) else ():
            unread = not (_always(plan, table) or _reads(plan, table, row))
            yield (unread, weight, -int(row[RANK]), row[SOURCE], row[ID]), table, row


def _rows_at(rows: Sequence[Row], at: int) -> Sequence[Row]:
    """The rows that happened at an instant, of rows in order."""
    return rows[bisect_left(rows, at, key=_WHEN) : bisect_right(rows, at, key=_WHEN)]


_WHEN = itemgetter(T)


_PLACES = {name: place for place, name in enumerate(INTERACTION_FIELDS)}


def _reads(plan: Plan, table: str, row: Row) -> bool:
    """Whether a fact that is read counts a record itself."""
    if table == "interactions":
        kind, direction = row[_PLACES["kind"]], row[_PLACES["direction"]]
        if kind in _kinds_heard(plan) or (_hears(plan) and direction == "in"):
            return True
    fields = {name: place for place, name in enumerate(TABLES[table])}
    return any(
        one.stream.kind in ("", row[fields["kind"]] if "kind" in fields else "")
        and _meets(one.where, lambda name: row[fields[name]])
        for one in plan.reductions
        if one.stream.table == table
    )


def _meets(tree: Tree, read: Callable[[str], Value]) -> bool:
    while isinstance(tree, Fork):
        tree = tree.yes if holds(tree.test, read) else tree.no
    return bool(tree.answer)


# ---- everyone ------------------------------------------------------------------------------------------------------


RECORD = ("record_kind", "record_source", "record_id")
"""The columns that name a record."""


ORDERED = ("_unread", "_weight", "_rank", "record_source", "record_id")
"""The columns by which the first of several records is found."""


def records_of(plan: Plan, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """The record that brought about what changed at instants of people: person, instant, and its names."""
    import narwhals as nw

    from funnel._lift.columns import whole
    from funnel._reduce.aggregates import PERSON

    turned = candidates(plan, tables, moved, at).with_columns(_turn=whole(1))
    turned = turned.with_columns(nw.col("_turn").cum_sum().over(PERSON, "t", order_by=ORDERED))
    return turned.filter(nw.col("_turn") == 1).select(PERSON, nw.col("t").alias(at), *RECORD)


def candidates(plan: Plan, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """The records of instants of people."""
    import narwhals as nw

    from funnel._reduce.aggregates import PERSON

    wanted = moved.select(PERSON, t=nw.col(at))
    there = (
        _rows(plan, tables[table].join(wanted, on=[PERSON, "t"], how="semi"), table, weight)
        for weight, table in enumerate(KINDS)
        if table in tables and _may_cause(plan, table)
    )
    return nw.concat(list(there))


def _rows(plan: Plan, table: Frame, name: str, weight: int) -> Frame:
    import narwhals as nw

    from funnel._lift.columns import flag, whole

    kind = nw.lit(KINDS[name], nw.String()) if KINDS[name] else None
    read = _read_column(plan, name)
    unread = whole(0) if read is None else flag(~read)
    return table.select(
        "person_id",
        "t",
        _unread=unread,
        _weight=whole(weight),
        _rank=_rank() if kind is None else whole(0),
        record_kind=nw.col("kind") if kind is None else kind,
        record_source=nw.col("source"),
        record_id=nw.col("id"),
    )


def _rank() -> nw.Expr:
    """The rank of an interaction, turned around; worked out of the few that are candidates."""
    import narwhals as nw

    from funnel._lift.columns import whole

    rank = whole(0)
    for kind, place in RANKS.items():
        rank = nw.when(nw.col("kind") == kind).then(whole(-place)).otherwise(rank)
    return rank


def _read_column(plan: Plan, table: str) -> nw.Expr | None:
    """Whether a fact that is read counts each record of a table; None where all of them."""
    if _always(plan, table):
        return None
    import narwhals as nw

    conditions = list(_conditions(plan, table))
    if any(one is None for one in conditions):
        return None
    nothing = nw.col("t") < nw.col("t")
    return reduce(lambda a, b: a | b, [one for one in conditions if one is not None], nothing)


def _conditions(plan: Plan, table: str) -> Iterable[Any]:
    import narwhals as nw

    from funnel._reduce.aggregates import belongs

    yield from (belongs(one) for one in plan.reductions if one.stream.table == table)
    if table == "interactions":
        yield from (nw.col("kind") == kind for kind in _kinds_heard(plan))
        if _hears(plan):
            yield nw.col("direction") == "in"
