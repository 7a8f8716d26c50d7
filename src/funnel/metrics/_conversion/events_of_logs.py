"""The logs of a shop as events."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import narwhals as nw

from funnel._aggregate.aggregations import own_field, own_kind, with_own
from funnel._arguments import INNER
from funnel._dataframes.adapter import Frame
from funnel._expr.nodes import Fact
from funnel._ledger.own import OWN_LOGS
from funnel._ledger.streams import STREAMS
from funnel._time import EARLIEST
from funnel.interactions import KINDS
from funnel.logs import Logs
from funnel.logs.ledger import LedgerTables
from funnel.logs.own_columns import own_kinds
from funnel.metrics._conversion.conditions import Types
from funnel.metrics._purchases import is_valid

T = f"{INNER}t"
"""The instant of an event, beside the columns of the shop."""

LOG_KINDS = ("lead", "purchase", *KINDS)
"""The kinds of event that the logs of a shop hold."""

FROM_LOGS: Types = {
    "kind": nw.String(),
    "source": nw.String(),
    "campaign": nw.String(),
    "direction": nw.String(),
    "channel": nw.String(),
    "reason": nw.String(),
    "promotion": nw.String(),
    "amount": nw.Int64(),
}
"""The columns of an event of the logs."""

OWN_TYPES: Types = {"text": nw.String(), "whole": nw.Int64(), "truth": nw.Boolean()}
"""Type of an own column of the logs as a column of events, by the kind of its values."""


def own_kinds_of(logs: Logs) -> dict[str, str]:
    """Return the kind of each own column of the logs that events can have.

    A column that has another kind in another log, or the name of a column of events, is left out.
    """
    tables = logs._tables
    assert isinstance(tables, LedgerTables)
    if not any(tables.own[0].values()):
        return {}
    by_log = own_kinds(tables.log, *tables.own)
    kinds: dict[str, set[str]] = {}
    for own in by_log.values():
        for name, kind in own.items():
            kinds.setdefault(name, set()).add(kind)
    reserved = {*FROM_LOGS, "person_id", "occurred_at"}
    single = {name: kind for name, (kind, *others) in kinds.items() if not others and kind in OWN_TYPES}
    return {name: kind for name, kind in single.items() if name not in reserved}


def events_of_logs(logs: Logs, now: int, read: Collection[str]) -> Frame:
    """Return arrivals, interactions, and the purchases valid at an instant, with amounts net of refunds."""
    tables, kinds = logs._tables, own_kinds_of(logs)
    own = {name: own_field(name, kind) for name, kind in kinds.items() if name in read}

    def table(name: str) -> Frame:
        fields = [field for column, field in own.items() if column in logs.own_columns.get(OWN_LOGS[name], ())]
        return tables[with_own(STREAMS[name], fields).table if fields else STREAMS[name].table]

    parts: list[Frame] = []
    if "leads" in tables:
        parts.append(_events(table("leads"), nw.lit("lead"), own, "source", "campaign"))
    if "interactions" in tables:
        amount = nw.when(nw.col("amount") > 0).then(nw.col("amount"))
        interactions = table("interactions").with_columns(amount=amount)
        parts.append(_events(interactions, nw.col("kind"), own, "direction", "channel", "reason", "amount"))
    if "purchases" in tables:
        valid = table("purchases").filter(is_valid(now))
        bought = valid.with_columns(amount=nw.col("net_amount"))
        parts.append(_events(bought, nw.lit("purchase"), own, "promotion", "amount"))
    return nw.concat(parts)


def _events(table: Frame, kind: nw.Expr, own: Mapping[str, Fact], *has: str) -> Frame:
    others = (_ledger_column(name, has) for name in FROM_LOGS if name != "kind")
    present = table.collect_schema().names() if own else ()
    owned = (_own_column(name, field, is_present=field.name in present) for name, field in own.items())
    return table.select("person_id", nw.col("t").alias(T), kind.alias("kind"), *others, *owned)


def _own_column(name: str, field: Fact, *, is_present: bool) -> nw.Expr:
    """Return an own column. An empty text is null, and so is every cell of a log without the column."""
    value, kind = nw.col(field.name), own_kind(field)
    if kind == "text":
        text = nw.when(value != "").then(value) if is_present else nw.lit(None, nw.String())
        return text.alias(name)
    number = value if is_present else nw.when(nw.col("t") < EARLIEST).then(nw.col("t"))
    return (number == 1 if kind == "truth" else number).alias(name)


def _ledger_column(name: str, has: Collection[str]) -> nw.Expr:
    """Return a column of a ledger table. An empty text is null."""
    if name == "amount":  # pandas has no null integers; no row has such an early time
        return (nw.col(name) if name in has else nw.when(nw.col("t") < EARLIEST).then(nw.col("t"))).alias(name)
    if name not in has:
        return nw.lit(None, nw.String()).alias(name)
    return nw.when(nw.col(name) != "").then(nw.col(name)).alias(name)
