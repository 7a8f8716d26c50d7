"""Causes of transitions: the record that caused a change of stage.

If several records have the same instant, records that a fact of the rule counts come first. Among these the order is:
refund, cancellation, purchase, payment, delivery, interaction, referral, arrival. Within a kind, records sort by source
and id.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import attrs

from funnel._aggregate.fold import Row, T
from funnel._expr.nodes import Value, holds
from funnel._expr.tree import Fork, Tree
from funnel._ledger.ledger import Ledger
from funnel._ledger.own import own_row
from funnel._ledger.rows import ID, RANK, SOURCE
from funnel._ledger.streams import INTERACTION_FIELDS, RANKS, ROOTS
from funnel.facts._schema import FactSchema

if TYPE_CHECKING:
    import narwhals as nw

    from funnel._dataframes.adapter import Frame

KINDS: Mapping[str, str] = {
    "refunds": "refund",
    "cancellations": "cancellation",
    "orders": "purchase",
    "payments": "purchase",
    "deliveries": "delivery",
    "interactions": "",
    "referrals": "referral",
    "leads": "lead",
}
"""Kind of record by table, in order of priority; an interaction has its own kind."""

NAMELESS = ("referral", "lead")
"""Kinds of records without an id."""

_FOLLOWING: Mapping[str, frozenset[str]] = {
    "refunds": frozenset({"purchases", "promises"}),
    "cancellations": frozenset({"purchases", "promises"}),
    "orders": frozenset({"purchases", "promises", "open_follow_ups"}),
    "payments": frozenset({"purchases", "promises"}),
    "deliveries": frozenset({"promises"}),
}
"""Derived tables, by the table whose records begin or end their rows."""

_INTERACTIONS: Mapping[str, tuple[str, ...]] = {
    "open_questions": ("question", "answer"),
    "open_complaints": ("complaint", "resolution"),
    "open_follow_ups": ("follow_up",),
    "promises": ("delivery",),
    "deliveries": ("delivery",),
}
"""Kinds of interactions that begin or end rows, by the table of the rows."""


@attrs.frozen
class Record:
    """Kind, source and id of a record; all None without a record."""

    kind: str | None = None
    source: str | None = None
    id: str | None = None


# ---- records that the rule reads -----------------------------------------------------------------------------------


def _tables_read(plan: FactSchema) -> frozenset[str]:
    return frozenset(one.stream.plain_table for one in plan.reductions)


def _always(plan: FactSchema, table: str) -> bool:
    """Return whether every record of a table may cause a transition."""
    return not _FOLLOWING.get(table, frozenset()).isdisjoint(_tables_read(plan))


def _may_cause(plan: FactSchema, table: str) -> bool:
    """Return whether a record of a table may cause a transition or an arrival."""
    return table in ROOTS or table in _tables_read(plan) or _always(plan, table)


def _kinds_read(plan: FactSchema) -> tuple[str, ...]:
    return tuple(kind for table in sorted(_tables_read(plan)) for kind in _INTERACTIONS.get(table, ()))


def _reads_inbound(plan: FactSchema) -> bool:
    """Return whether any inbound interaction may cause a transition."""
    return "open_follow_ups" in _tables_read(plan)


# ---- one person ----------------------------------------------------------------------------------------------------


def record_of(plan: FactSchema, ledger: Ledger, at: int) -> Record:
    """Return the record that caused the change at an instant."""
    (_, table, row) = min(_candidates(plan, ledger, at), key=lambda one: one[0])
    kind = KINDS[table] or str(row[_COLUMNS["kind"]])
    return Record(kind) if kind in NAMELESS else Record(kind, str(row[SOURCE]), str(row[ID]))


def _candidates(plan: FactSchema, ledger: Ledger, at: int) -> Iterator[tuple[tuple[Value, ...], str, Row]]:
    for weight, table in enumerate(KINDS):
        for row in _rows_at(ledger.rows.get(table, ()), at) if _may_cause(plan, table) else ():
            unread = not (_always(plan, table) or _reads(plan, ledger, table, row))
            yield (unread, weight, -int(row[RANK]), row[SOURCE], row[ID]), table, row


def _rows_at(rows: Sequence[Row], at: int) -> Sequence[Row]:
    """Return the rows of an instant, from sorted rows."""
    return rows[bisect_left(rows, at, key=_WHEN) : bisect_right(rows, at, key=_WHEN)]


_WHEN = itemgetter(T)


_COLUMNS = {name: index for index, name in enumerate(INTERACTION_FIELDS)}


def _reads(plan: FactSchema, ledger: Ledger, table: str, row: Row) -> bool:
    """Return whether a fact of the plan counts the record itself."""
    if table == "interactions":
        kind, direction = row[_COLUMNS["kind"]], row[_COLUMNS["direction"]]
        if kind in _kinds_read(plan) or (_reads_inbound(plan) and direction == "in"):
            return True
    reading = [one for one in plan.reductions if one.stream.plain_table == table]
    if not reading:
        return False
    stream = reading[0].stream
    fields = dict(zip(stream.fields, own_row(ledger, stream, row), strict=False))
    kinds = ("", fields.get("kind", ""))
    return any(one.stream.kind in kinds and _meets(one.where, fields.__getitem__) for one in reading)


def _meets(tree: Tree, read: Callable[[str], Value]) -> bool:
    while isinstance(tree, Fork):
        tree = tree.yes if holds(tree.test, read) else tree.no
    return bool(tree.answer)


# ---- everyone ------------------------------------------------------------------------------------------------------


RECORD = ("record_kind", "record_source", "record_id")
"""Columns that identify a record."""


ORDERED = ("_unread", "_weight", "_rank", "record_source", "record_id")
"""Sort columns to find the first of several records."""


def records_of(plan: FactSchema, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """Return the record that caused the change at each person and instant."""
    import narwhals as nw

    from funnel._aggregate.group_by import PERSON
    from funnel._expr.to_narwhals import int_lit

    numbered = candidates(plan, tables, moved, at).with_columns(_turn=int_lit(1))
    numbered = numbered.with_columns(nw.col("_turn").cum_sum().over(PERSON, "t", order_by=ORDERED))
    return numbered.filter(nw.col("_turn") == 1).select(PERSON, nw.col("t").alias(at), *RECORD)


def candidates(plan: FactSchema, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """Return all records of the wanted people and instants."""
    import narwhals as nw

    from funnel._aggregate.group_by import PERSON

    changes = moved.select(PERSON, t=nw.col(at))
    read = {one.stream.plain_table: one.stream.origin.table for one in plan.reductions}
    rows = (
        _rows(plan, tables[read.get(table, table)].join(changes, on=[PERSON, "t"], how="semi"), table, weight)
        for weight, table in enumerate(KINDS)
        if table in tables and _may_cause(plan, table)
    )
    return nw.concat(list(rows))


def _rows(plan: FactSchema, table: Frame, name: str, weight: int) -> Frame:
    import narwhals as nw

    from funnel._expr.to_narwhals import int_lit, to_int

    kind = nw.lit(KINDS[name], nw.String()) if KINDS[name] else None
    read = _read_column(plan, name)
    unread = int_lit(0) if read is None else to_int(~read)
    return table.select(
        "person_id",
        "t",
        _unread=unread,
        _weight=int_lit(weight),
        _rank=_rank() if kind is None else int_lit(0),
        record_kind=nw.col("kind") if kind is None else kind,
        record_source=nw.col("source"),
        record_id=nw.col("id"),
    )


def _rank() -> nw.Expr:
    """Return the negative rank of an interaction, for candidates only."""
    from funnel._expr.to_narwhals import by_value, int_lit

    return by_value("kind", ((kind, int_lit(-number)) for kind, number in RANKS.items()), int_lit(0))


def _read_column(plan: FactSchema, table: str) -> nw.Expr | None:
    """Return whether a fact of the plan counts each record; None if all count."""
    if _always(plan, table):
        return None
    import narwhals as nw

    conditions = list(_conditions(plan, table))
    if any(one is None for one in conditions):
        return None
    nothing = nw.col("t") < nw.col("t")
    return reduce(lambda a, b: a | b, [one for one in conditions if one is not None], nothing)


def _conditions(plan: FactSchema, table: str) -> Iterable[Any]:
    import narwhals as nw

    from funnel._aggregate.group_by import belongs

    yield from (belongs(one) for one in plan.reductions if one.stream.plain_table == table)
    if table == "interactions":
        yield from (nw.col("kind") == kind for kind in _kinds_read(plan))
        if _reads_inbound(plan):
            yield nw.col("direction") == "in"
