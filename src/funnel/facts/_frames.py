"""Facts as columns: all people at one instant, or at every instant of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._aggregate.aggregations import POST_AGGREGATIONS
from funnel._aggregate.group_by import PERSON, aggregated, value_name
from funnel._aggregate.window import AT, running
from funnel._dataframes.frame_types import FrameT
from funnel._expr.nodes import Fact
from funnel._expr.to_narwhals import Column, int_lit
from funnel._ledger.streams import ROOTS
from funnel._people import logs_of
from funnel._time import EVER, FOREVER, NEVER
from funnel.facts._declare import SLOPES, Declared
from funnel.facts._schema import FactSchema
from funnel.logs import Logs

Frame = nw.LazyFrame[Any]
KNOWN_AT = "known_at"


def facts_over(plan: FactSchema, logs: Logs[FrameT], now: int) -> FrameT:
    """Return everyone's facts at one instant, in the logs' frame kind."""
    return _as_columns(plan, raw_facts_over(plan, logs, now), logs, nw.lit(now, nw.Int64()), [])


def facts_running(plan: FactSchema, logs: Logs[FrameT], now: int) -> FrameT:
    """Return everyone's facts at each of their instants, in the logs' frame kind."""
    frame = with_derived(plan, running(logs_of(logs)._materialized_tables, plan.reductions, now)).rename({AT: KNOWN_AT})
    return _as_columns(plan, frame, logs, nw.col(KNOWN_AT), [KNOWN_AT])


def raw_facts_over(plan: FactSchema, logs: Logs, now: int) -> Frame:
    """Return the raw values of facts of all people.

    They are integers and texts, without nulls.
    """
    return raw_facts_in(plan, logs_of(logs)._tables, now)


def raw_facts_in(plan: FactSchema, tables: Mapping[str, Frame], now: int) -> Frame:
    """Return the raw values of facts of all people, from tables of the ledger."""
    return with_derived(plan, aggregated(tables, plan.reductions, now, ROOTS))


def with_derived(plan: FactSchema, frame: Frame) -> Frame:
    """Add the derived values."""
    start = len(plan.reductions)
    worked = {
        value_name(index): POST_AGGREGATIONS[one.how]
        .column(*(nw.col(value_name(part)) for part in parts))
        .cast(nw.Int64())
        for index, (one, (_, parts)) in enumerate(zip(plan.derived, plan.finishes, strict=True), start)
    }
    return frame.with_columns(**worked) if worked else frame


def fact_column(plan: FactSchema, now: nw.Expr, prefix: str = "") -> Column:
    """Return how a rule reads a fact from raw values at an instant.

    The columns of raw values may have a prefix.
    """

    def read(fact: Fact) -> nw.Expr:
        value = nw.col(prefix + value_name(plan.indices[fact.name]))
        slope = SLOPES.get(plan.declared[fact.name].show, 0)
        if slope == 0:
            return value
        never = (
            nw.when(value >= FOREVER).then(int_lit(-slope * EVER)).otherwise(now - value if slope > 0 else value - now)
        )
        return nw.when(value <= NEVER).then(int_lit(slope * EVER)).otherwise(never)

    return read


def _as_columns(plan: FactSchema, frame: Frame, logs: Logs[FrameT], now: nw.Expr, keys: Sequence[str]) -> FrameT:
    columns = [_column(one, value_name(plan.indices[name]), now).alias(name) for name, one in plan.declared.items()]
    instants = [*keys, *_facts_shown(plan, "instant")]
    spans = list(_facts_shown(plan, "since", "until", "span"))
    return logs._native(frame.select(PERSON, *keys, *columns), instants=instants, spans=spans)


def _facts_shown(plan: FactSchema, *shows: str) -> Iterable[str]:
    return (name for name, one in plan.declared.items() if one.show in shows)


def _column(declared: Declared, index: str, now: nw.Expr) -> nw.Expr:
    value = nw.col(index)
    never = (value <= NEVER) | (value >= FOREVER)
    match declared.show:
        case "instant":
            return nw.when(~never).then(value)
        case "since":
            return nw.when(~never).then(now - value)
        case "until":
            return nw.when(~never).then(value - now)
        case "span":
            return nw.when(value < EVER).then(value)
        case "text":
            return nw.when(value != "").then(value)
        case "flag":
            return value == 1
        case _:
            return value
