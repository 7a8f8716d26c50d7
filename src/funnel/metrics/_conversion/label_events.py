"""Events labelled with the steps they match. A kernel finds the attempts in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import attrs
import narwhals as nw

from funnel._arguments import INNER
from funnel._dataframes.adapter import ROW, Frame, FrameKind
from funnel._expr.to_narwhals import to_int
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError, EngineError
from funnel.metrics._conversion.conditions import TEXTS, Condition, Types, condition, filled, is_whole
from funnel.metrics._conversion.events import Source, T, absent, let_in, types_of
from funnel.metrics._conversion.plan import Plan, PlanExclusion, PlanStep
from funnel.metrics._conversion.query import ConversionQuery
from funnel.metrics._conversion.steps import FunnelStep
from funnel.metrics._purchases import to_rows, whole


@attrs.frozen
class LabelledEvents:
    """A labelled frame with its plan, as `plan` describes them.

    `frame` also has the values to carry, unchanged, as `v_1`, `v_2` and so on. `meets` has, for each step, whether a
    row of the source matches it; `breaks` has the same for each exclusion. Rows are on a path if they have all values
    to `hold_constant`.
    """

    frame: Frame
    home: FrameKind
    plan: Plan
    source: Source
    meets: tuple[nw.Expr, ...]
    breaks: tuple[nw.Expr, ...]
    hold_constant: tuple[str, ...]

    @property
    def paths(self) -> Mapping[str, nw.Expr]:
        """The columns that form the path of a row of the source, by name."""
        return {
            f"path_{n}": _ordering(name, self.source.types, "hold_constant")
            for n, name in enumerate(self.hold_constant, 1)
        }


def label_events(
    events: object, asked: ConversionQuery, carry: Sequence[str] = (), *, every_row: bool = False
) -> LabelledEvents:
    """Read events and label them.

    Args:
        events: The events as passed to `conversion`, with a list already converted to a table.
        asked: The query.
        carry: The columns whose values are carried beside the labels.
        every_row: Whether to keep rows that match nothing, too.

    Raises:
        RuleError: A condition cannot run for a table.
        EngineError: The events cannot be read, or a column is missing or has a wrong type.
        LogsError: A person or a time is missing.
        ArgumentError: Two steps that must differ have the same condition, or a row matches two steps when `order` is
            "any".
    """
    types = types_of(events)
    absent((*asked.hold_constant, *carry), types)
    steps = [condition(one.kind, one.where, types, f"the step {one.name!r}") for one in asked.steps]
    outs = [condition(one.kind, one.where, types, "an exclusion") for one in asked.exclude]
    plan = _plan(asked, steps, outs, ordering=2 * len(carry))
    compared = {name for one in (*steps, *outs) for name in one.read}
    numbers = [name for name in compared if is_whole(types[name])]
    source = let_in(events, {*compared, *asked.hold_constant, *carry}, asked.now, numbers)
    frame = _marks(source, asked, steps, outs)
    if plan.order == "any":
        _one_step_a_row(frame, plan)
    if plan.order != "strict" and not every_row:
        frame = frame.filter((nw.col(f"{INNER}steps") > 0) | (nw.col(f"{INNER}out") > 0))
    meets, breaks = (tuple(one.column(source.types) for one in asks) for asks in (steps, outs))
    return LabelledEvents(
        _shaped(frame, source, asked, carry), source.home, plan, source, meets, breaks, asked.hold_constant
    )


def _plan(asked: ConversionQuery, steps: Sequence[Condition], outs: Sequence[Condition], ordering: int) -> Plan:
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
        asked.attempts,
        asked.tie_break,
        exclusions,
        len(asked.hold_constant),
        ordering,
    )


def _span(step: FunnelStep) -> int | None:
    return None if step.within is None else step.within // MICROSECOND


def _check_optional(asked: ConversionQuery, planned: Sequence[PlanStep]) -> None:
    """Refuse neighbouring optional steps with one condition: rows would be ambiguous."""
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


def _marks(source: Source, asked: ConversionQuery, steps: Sequence[Condition], outs: Sequence[Condition]) -> Frame:
    """Return the rows up to `as_of` that are on a path, with the bits and the rank of each."""
    held = [~nw.col(name).is_null() for name in asked.hold_constant]
    frame = source.frame.filter(nw.col(T) <= asked.now, *held)
    meets = {f"{INNER}step_{number}": to_int(one.column(source.types)) for number, one in enumerate(steps, 1)}
    breaks = {f"{INNER}out_{number}": to_int(one.column(source.types)) for number, one in enumerate(outs, 1)}
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
    """Refuse rows that match two different steps, which is ambiguous without an order.

    Raises:
        ArgumentError: Such rows exist.
    """
    different = {step.condition: f"{INNER}step_{step.number}" for step in plan.steps}
    if len({step.kind for step in plan.steps} - {None}) == len(different):
        return
    met = reduce(lambda total, name: total + nw.col(name), different.values(), nw.lit(0, nw.Int64()))
    ((twice,),) = to_rows(frame.select(twice=to_int(met > 1)).select(nw.col("twice").sum()), "twice")
    if count := whole(twice):
        msg = f"{count:,} events match two different steps at once, and in any order nobody can say which they are"
        raise ArgumentError(f"{msg}; make the steps differ")


def _shaped(frame: Frame, source: Source, asked: ConversionQuery, carry: Sequence[str]) -> Frame:
    """Return the columns of a labelled frame. Columns that order rows have no nulls."""
    paths = {
        f"path_{n}": _ordering(name, source.types, "hold_constant") for n, name in enumerate(asked.hold_constant, 1)
    }
    order: dict[str, nw.Expr] = {}
    for n, name in enumerate(carry):
        order[f"o_{2 * n + 1}"] = to_int(nw.col(name).is_null())
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
