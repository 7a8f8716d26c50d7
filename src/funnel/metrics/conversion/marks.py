"""Events with the steps they match marked on them: what a kernel finds the attempts in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import attrs
import narwhals as nw

from funnel._frames import ROW, Frame, Home
from funnel._given import INNER
from funnel._instants import MICROSECOND
from funnel._lift.columns import flag
from funnel.errors import ArgumentError, EngineError
from funnel.metrics._purchases import told, whole
from funnel.metrics.conversion.asked import Asked
from funnel.metrics.conversion.conditions import TEXTS, Condition, Types, condition, filled, is_whole
from funnel.metrics.conversion.events import Source, T, absent, let_in, types_of
from funnel.metrics.conversion.plan import Plan, PlanExclusion, PlanStep
from funnel.metrics.conversion.steps import FunnelStep


@attrs.frozen
class Marked:
    """A marked frame with its plan, as `plan` describes them.

    `frame` has, besides, the values that were asked to be carried along, as they came in: `v_1`, `v_2` ...  Rows of the
    source `meets` each step, and `breaks` each exclusion, or not; on a path are those that have all values to `hold`.
    """

    frame: Frame
    home: Home
    plan: Plan
    source: Source
    meets: tuple[nw.Expr, ...]
    breaks: tuple[nw.Expr, ...]
    hold: tuple[str, ...]

    @property
    def paths(self) -> Mapping[str, nw.Expr]:
        """The path of a row of the source."""
        return {f"path_{n}": _ordering(name, self.source.types, "hold") for n, name in enumerate(self.hold, 1)}


def marked(events: object, asked: Asked, carry: Sequence[str] = (), *, every_row: bool = False) -> Marked:
    """Let events in and mark them.

    Args:
        events: What `conversion` was given, a list made a table.
        asked: The question.
        carry: The columns whose values are wanted beside the marks.
        every_row: Whether to keep the rows that match nothing, too.

    Raises:
        LiftError: A condition cannot be run for a table.
        EngineError: The events cannot be read, or a column is not there or of a wrong type.
        LogsError: A person or a time is missing.
        ArgumentError: Two steps that must differ ask the same, or a row is two steps of a funnel in any order.
    """
    types = types_of(events)
    absent((*asked.hold, *carry), types)
    steps = [condition(one.kind, one.where, types, f"the step {one.name!r}") for one in asked.steps]
    outs = [condition(one.kind, one.where, types, "an exclusion") for one in asked.exclude]
    plan = _plan(asked, steps, outs, ordering=2 * len(carry))
    compared = {name for one in (*steps, *outs) for name in one.read}
    numbers = [name for name in compared if is_whole(types[name])]
    source = let_in(events, {*compared, *asked.hold, *carry}, asked.now, numbers)
    frame = _marks(source, asked, steps, outs)
    if plan.order == "any":
        _one_step_a_row(frame, plan)
    if plan.order != "strict" and not every_row:
        frame = frame.filter((nw.col(f"{INNER}steps") > 0) | (nw.col(f"{INNER}out") > 0))
    meets, breaks = (tuple(one.column(source.types) for one in asks) for asks in (steps, outs))
    return Marked(_shaped(frame, source, asked, carry), source.home, plan, source, meets, breaks, asked.hold)


def _plan(asked: Asked, steps: Sequence[Condition], outs: Sequence[Condition], ordering: int) -> Plan:
    planned = tuple(
        PlanStep(number, steps.index(one) + 1, one.kind, _span(given), given.optional)
        for number, (one, given) in enumerate(zip(steps, asked.steps, strict=True), 1)
    )
    _check_optional(asked, planned)
    exclusions = tuple(
        PlanExclusion(number, one.kind, *asked.between(exclusion), exclusion.then == "remove")
        for number, (one, exclusion) in enumerate(zip(outs, asked.exclude, strict=True), 1)
    )
    return Plan(
        planned,
        asked.within,
        asked.now,
        asked.order,
        asked.entry,
        asked.ties,
        exclusions,
        len(asked.hold),
        ordering,
    )


def _span(step: FunnelStep) -> int | None:
    return None if step.within is None else step.within // MICROSECOND


def _check_optional(asked: Asked, planned: Sequence[PlanStep]) -> None:
    """An optional step that asks what another one beside it asks would never be told apart from it."""
    for step in planned:
        if not step.optional:
            continue
        for beside in planned[step.number :]:
            if beside.condition == step.condition:
                names = asked.steps[step.number - 1].name, asked.steps[beside.number - 1].name
                msg = (
                    f"the optional step {names[0]!r} asks the same as {names[1]!r}, which may follow; make them differ"
                )
                raise ArgumentError(msg)
            if not beside.optional:
                break


def _marks(source: Source, asked: Asked, steps: Sequence[Condition], outs: Sequence[Condition]) -> Frame:
    """The rows up to the instant of judgement that are on a path, with the bits and the rank of each."""
    held = [~nw.col(name).is_null() for name in asked.hold]
    frame = source.frame.filter(nw.col(T) <= asked.now, *held)
    meets = {f"{INNER}step_{number}": flag(one.column(source.types)) for number, one in enumerate(steps, 1)}
    breaks = {f"{INNER}out_{number}": flag(one.column(source.types)) for number, one in enumerate(outs, 1)}
    return frame.with_columns(**meets, **breaks).with_columns(
        **{f"{INNER}steps": _bits(list(meets)), f"{INNER}out": _bits(list(breaks)), f"{INNER}rank": _rank(list(meets))}
    )


def _bits(names: Sequence[str]) -> nw.Expr:
    return reduce(lambda bits, place: bits + nw.col(names[place]) * 2**place, range(len(names)), nw.lit(0, nw.Int64()))


def _rank(names: Sequence[str]) -> nw.Expr:
    rank = nw.lit(len(names) + 1, nw.Int64())
    for number in range(len(names), 0, -1):
        rank = nw.when(nw.col(names[number - 1]) == 1).then(nw.lit(number, nw.Int64())).otherwise(rank)
    return rank


def _one_step_a_row(frame: Frame, plan: Plan) -> None:
    """Refuse rows that are two different steps: in any order nobody could say which.

    Raises:
        ArgumentError: There are some.
    """
    different = {step.condition: f"{INNER}step_{step.number}" for step in plan.steps}
    if len({step.kind for step in plan.steps} - {None}) == len(different):
        return
    met = reduce(lambda total, name: total + nw.col(name), different.values(), nw.lit(0, nw.Int64()))
    ((twice,),) = told(frame.select(twice=flag(met > 1)).select(nw.col("twice").sum()), "twice")
    if count := whole(twice):
        msg = f"{count:,} events match two different steps at once, and in any order nobody can say which they are"
        raise ArgumentError(f"{msg}; make the steps differ")


def _shaped(frame: Frame, source: Source, asked: Asked, carry: Sequence[str]) -> Frame:
    """The columns of a marked frame; what orders rows is never null."""
    paths = {f"path_{n}": _ordering(name, source.types, "hold") for n, name in enumerate(asked.hold, 1)}
    order: dict[str, nw.Expr] = {}
    for n, name in enumerate(carry):
        order[f"o_{2 * n + 1}"] = flag(nw.col(name).is_null())
        order[f"o_{2 * n + 2}"] = _ordering(name, source.types, "by, value or drivers")
    values = {f"v_{n}": nw.col(name) for n, name in enumerate(carry, 1)}
    row = {"row": nw.col(ROW)} if ROW in frame.collect_schema() else {}
    person = nw.col("person_id").alias("person")
    own = (nw.col(f"{INNER}{name}").alias(name) for name in ("t", "rank", "steps", "out"))
    return frame.select(person, *own, **row, **paths, **order, **values)


def _ordering(name: str, types: Types, what: str) -> nw.Expr:
    dtype = types[name]
    if is_whole(dtype) or isinstance(dtype, (nw.Boolean, *TEXTS)):
        return filled(name, dtype)
    msg = f"the column {name!r} is {dtype}; {what} takes whole numbers of 64 bits, texts and truths"
    raise EngineError(msg)
