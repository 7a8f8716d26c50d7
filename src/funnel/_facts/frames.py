"""Facts as columns: everyone at one instant, or at every instant of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw

from funnel._facts.declare import SLOPES, Declared
from funnel._facts.plan import Plan
from funnel._frames import leave
from funnel._instants import EVER, FOREVER, NEVER
from funnel._lift.columns import Column, whole
from funnel._lift.nodes import Fact
from funnel._people import logs_of
from funnel._reduce.aggregates import PERSON, aggregated, value_name
from funnel._reduce.forms import FINISHES
from funnel._reduce.windows import AT, running
from funnel._streams import ROOTS
from funnel.logs import Logs

Frame = nw.LazyFrame[Any]
KNOWN_AT = "known_at"


def facts_over(plan: Plan, logs: Logs, now: int) -> Any:
    """Everyone's facts at an instant, as a frame of the logs' own kind."""
    return _shown(plan, held_over(plan, logs, now), logs, nw.lit(now, nw.Int64()), [])


def facts_running(plan: Plan, logs: Logs, now: int) -> Any:
    """Everyone's facts at each of their own instants, as a frame of the logs' own kind."""
    frame = with_derived(plan, running(logs_of(logs).laid_tables, plan.reductions, now)).rename({AT: KNOWN_AT})
    return _shown(plan, frame, logs, nw.col(KNOWN_AT), [KNOWN_AT])


def held_over(plan: Plan, logs: Logs, now: int) -> Frame:
    """The values that facts are read from, for everyone: whole numbers and texts, nothing null."""
    return with_derived(plan, aggregated(logs_of(logs).tables, plan.reductions, now, ROOTS))


def with_derived(plan: Plan, frame: Frame) -> Frame:
    """The values with those derived from them."""
    start = len(plan.reductions)
    worked = {
        value_name(place): FINISHES[one.how].column(*(nw.col(value_name(part)) for part in parts)).cast(nw.Int64())
        for place, (one, (_, parts)) in enumerate(zip(plan.derived, plan.finishes, strict=True), start)
    }
    return frame.with_columns(**worked) if worked else frame


def fact_column(plan: Plan, now: nw.Expr, prefix: str = "") -> Column:
    """How a rule reads a fact from the held values, at the instant; their columns may have a prefix."""

    def read(fact: Fact) -> nw.Expr:
        value = nw.col(prefix + value_name(plan.places[fact.name]))
        slope = SLOPES.get(plan.declared[fact.name].show, 0)
        if slope == 0:
            return value
        never = (
            nw.when(value >= FOREVER).then(whole(-slope * EVER)).otherwise(now - value if slope > 0 else value - now)
        )
        return nw.when(value <= NEVER).then(whole(slope * EVER)).otherwise(never)

    return read


def _shown(plan: Plan, frame: Frame, logs: Logs, now: nw.Expr, keys: Sequence[str]) -> Any:
    columns = [_column(one, value_name(plan.places[name]), now).alias(name) for name, one in plan.declared.items()]
    instants = [*keys, *_named(plan, "instant")]
    return leave(
        frame.select(PERSON, *keys, *columns),
        logs.home,
        instants=instants,
        spans=list(_named(plan, "since", "until", "span")),
    )


def _named(plan: Plan, *shows: str) -> Iterable[str]:
    return (name for name, one in plan.declared.items() if one.show in shows)


def _column(declared: Declared, place: str, now: nw.Expr) -> nw.Expr:
    value = nw.col(place)
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
