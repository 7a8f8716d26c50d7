"""Events labelled with the steps they match, and the query in microseconds: the contract with the kernels.

`label_events` builds a *labelled frame*. A kernel (`narwhals_kernel`, `local_kernel`) finds the attempts in it
and returns one row for each selected attempt. Steps are numbered from 1 in the order of the query, optional steps
included.

A labelled frame is lazy. It has one row for each relevant event, no row after `as_of`, and no null cell:

===============  =====================================================================================================
`person`         the person, as given (text or whole number)
`path_1` ...     the values that stay the same on a path; rows with a null here are left out
`t`              the instant, in microseconds
`rank`           the number of the first step that the row matches; the number of steps + 1 if it matches none
`steps`          the steps that the row matches: bit k-1 stands for step k
`out`            the exclusions that the row matches: bit k-1 stands for exclusion k
`o_1` ...        further columns that order rows which are equal so far
`row`            the number of the row; only if rows are numbered
===============  =====================================================================================================

The total order within a person is: `t`, `rank`, `steps`, `out`, the paths, `o_1` ... Swapping rows that are equal in
all of these columns never changes a result. Rows that match nothing are present only if the order is strict.

A kernel returns these columns for each attempt that `attempts` selects (for "first" and "any" at most one for
each person):

===============  =====================================================================================================
`person`         the person
`row_1` ...      the number of the row at which each step was reached, -1 if it was not
`t_1` ...        the instant, in microseconds; NEVER if not reached; in the order "any", of the k-th step that was done
`reached`        the number of required steps reached
`state`          DROPPED, PENDING or CONVERTED, at `as_of`
`settled`        1 if the window of the attempt was closed at `as_of`, else 0
===============  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, reduce
from typing import Any

import attrs
import narwhals as nw

from funnel._arguments import INNER, brief, is_one_of, kind_of
from funnel._dataframes.adapter import ROW, Frame, FrameKind
from funnel._dataframes.compute import to_rows, whole
from funnel._dataframes.output import frame_from_rows
from funnel._expr.to_narwhals import to_int
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError, EngineError
from funnel.interactions import Interaction
from funnel.logs.schema import hint
from funnel.metrics._conversion.events import (
    NEEDED,
    TEXTS,
    Condition,
    Source,
    T,
    Types,
    condition,
    filled,
    is_whole,
    read_events,
    types_of,
)
from funnel.metrics._conversion.query import ConversionQuery, Entry, FunnelStep, Order, Ties

DROPPED, PENDING, CONVERTED = 0, 1, 2
"""The state of an attempt: dropped, still open, or through to the last required step."""


@attrs.frozen
class PlanStep:
    """A step. `within` is the maximum time in microseconds from the previous required step.

    `optional` says whether people may skip the step. Steps with the same `condition` match the same rows. `kind` is the
    kind of all rows that match, None for any kind.
    """

    number: int
    condition: int
    kind: str | None
    within: int | None = None
    optional: bool = False


@attrs.frozen
class PlanExclusion:
    """An event that must not come between two required steps.

    `remove` discards the whole attempt.
    """

    number: int
    kind: str | None
    after: int
    before: int
    remove: bool


@attrs.frozen
class Plan:
    """The whole query.

    `paths` and `ordering` are the numbers of those columns in the labelled frame.
    """

    steps: tuple[PlanStep, ...]
    within: int
    as_of: int
    order: Order = "ordered"
    attempts: Entry = "first"
    tie_break: Ties = "ranked"
    exclusions: tuple[PlanExclusion, ...] = ()
    paths: int = 0
    ordering: int = 0

    @property
    def required(self) -> tuple[PlanStep, ...]:
        """The steps that are not optional."""
        return tuple(step for step in self.steps if not step.optional)

    @property
    def is_plain(self) -> bool:
        """Whether the steps are in order, without paths, exclusions and optional steps."""
        return self.order == "ordered" and len(self.required) == len(self.steps) and not (self.exclusions or self.paths)

    def before(self, step: PlanStep) -> PlanStep:
        """Return the required step before a step that is not the first."""
        return next(one for one in reversed(self.steps[: step.number - 1]) if not one.optional)

    def after(self, step: PlanStep) -> PlanStep | None:
        """Return the next required step; None after the last."""
        return next((one for one in self.steps[step.number :] if not one.optional), None)

    @property
    def path_columns(self) -> tuple[str, ...]:
        """The columns of the labelled frame that, with the person, identify a path."""
        return tuple(f"path_{number}" for number in range(1, self.paths + 1))

    @property
    def total_order(self) -> tuple[str, ...]:
        """The columns that order the rows of a person."""
        last = (f"o_{number}" for number in range(1, self.ordering + 1))
        return ("t", "rank", "steps", "out", *self.path_columns, *last)


def may_meet(a: PlanStep | PlanExclusion, b: PlanStep | PlanExclusion) -> bool:
    """Return whether one row could match both: false only if they require two different kinds."""
    return a.kind is None or b.kind is None or a.kind == b.kind


def could_serve(plan: Plan, exclusion: PlanExclusion) -> tuple[int, ...]:
    """Return the numbers of the steps whose rows could match the exclusion.

    The row of a step never excludes.
    """
    inside = [step for step in plan.steps if exclusion.after < step.number < exclusion.before]
    if plan.order == "any":  # the k-th completed step can be any step
        return tuple(step.number for step in inside if any(may_meet(one, exclusion) for one in plan.steps))
    return tuple(step.number for step in inside if may_meet(step, exclusion))


@attrs.frozen
class LabelledEvents:
    """A labelled frame with its plan, as `plan` describes them.

    `conditions` has those of the steps, then those of the exclusions. Rows are on a path if they have all values to
    `hold_constant`. `is_part` says whether these are the events of some people in files.
    """

    _shape: Callable[[Source], Frame]
    frame_kind: FrameKind
    plan: Plan
    source: Source
    conditions: tuple[Condition, ...]
    hold_constant: tuple[str, ...]
    is_part: bool = False

    @cached_property
    def frame(self) -> Frame:
        """The labelled frame, with the values to carry, unchanged, as `v_1`, `v_2` and so on."""
        return self._shape(self.source)

    def of_rows(self, rows: Frame) -> LabelledEvents:
        """Return the labels of some rows of the source, or these labels if they are all rows."""
        if rows is self.source.frame:
            return self
        return attrs.evolve(self, source=attrs.evolve(self.source, frame=rows), is_part=True)

    @property
    def on_polars(self) -> bool:
        """Whether the rows are in a Polars frame."""
        return self.source.frame.implementation.is_polars() or self.frame.implementation.is_polars()

    @property
    def paths(self) -> Mapping[str, nw.Expr]:
        """The columns that form the path of a row of the source, by name."""
        return {
            f"path_{n}": _ordering(name, self.source.types, "hold_constant")
            for n, name in enumerate(self.hold_constant, 1)
        }


def as_table(events: object) -> object:
    """Convert a list of records or mappings to a dataframe of an installed engine.

    Other input stays unchanged.

    Raises:
        ArgumentError: An entry is neither a mapping nor an interaction.
        MissingExtraError: Neither Polars nor pandas is installed.
    """
    if not isinstance(events, Sequence):
        return events
    rows = [_row(number, one) for number, one in enumerate(events, 1)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    names = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(NEEDED)
    return frame_from_rows([{name: row.get(name) for name in names} for row in rows], tuple(names))


def _row(number: int, one: object) -> dict[str, Any]:
    match one:
        case Interaction():
            row = one.model_dump()
            amount = getattr(one, "amount", None)
            row = {**row.pop("columns", {}), **row}
            return row if amount is None else {**row, "amount": amount.minor}
        case Mapping():
            return dict(one)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            raise ArgumentError(
                f"event {number} must be a mapping or an interaction (got {kind_of(one)}); or pass Logs"
            )


def label_events(
    events: object, query: ConversionQuery, carry: Sequence[str] = (), *, every_row: bool = False
) -> LabelledEvents:
    """Read events and label them.

    Args:
        events: The events as passed to `conversion`, with a list already converted to a table.
        query: The query.
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
    absent((*query.matching.hold_constant, *carry), types)
    steps = [condition(one.kind, one.where, types, f"the step {one.name!r}") for one in query.steps]
    outs = [condition(one.kind, one.where, types, "an exclusion") for one in query.matching.exclude]
    plan = _plan(query, steps, outs, ordering=2 * len(carry))
    compared = {name for one in (*steps, *outs) for name in one.read}
    numbers = [name for name in compared if is_whole(types[name])]
    source = read_events(events, {*compared, *query.matching.hold_constant, *carry}, query.now, numbers)
    if plan.order == "any":
        _check_unique_steps(_labelled(source, query, steps, outs), plan)

    def shape(source: Source) -> Frame:
        rows = _labelled(source, query, steps, outs)
        if plan.order != "strict" and not every_row:
            rows = rows.filter((nw.col(f"{INNER}steps") > 0) | (nw.col(f"{INNER}out") > 0))
        return _shaped(rows, source, query, carry)

    return LabelledEvents(shape, source.frame_kind, plan, source, (*steps, *outs), query.matching.hold_constant)


def _plan(query: ConversionQuery, steps: Sequence[Condition], outs: Sequence[Condition], ordering: int) -> Plan:
    planned = tuple(
        PlanStep(number, steps.index(one) + 1, one.kind, _span(step), step.optional)
        for number, (one, step) in enumerate(zip(steps, query.steps, strict=True), 1)
    )
    _check_optional(query, planned)
    exclusions = tuple(
        PlanExclusion(number, one.kind, *query.between(exclusion), exclusion.then == "remove")
        for number, (one, exclusion) in enumerate(zip(outs, query.matching.exclude, strict=True), 1)
    )
    return Plan(
        planned,
        query.within,
        query.now,
        query.matching.order,
        query.matching.attempts,
        query.matching.tie_break,
        exclusions,
        len(query.matching.hold_constant),
        ordering,
    )


def _span(step: FunnelStep) -> int | None:
    return None if step.within is None else step.within // MICROSECOND


def _check_optional(query: ConversionQuery, planned: Sequence[PlanStep]) -> None:
    """Refuse neighbouring optional steps with one condition: rows would be ambiguous."""
    for step in planned:
        if not step.optional:
            continue
        for beside in planned[step.number :]:
            if beside.condition == step.condition:
                names = query.steps[step.number - 1].name, query.steps[beside.number - 1].name
                raise ArgumentError(
                    f"adjacent steps must differ (got the optional step {names[0]!r} equal to {names[1]!r}); change one"
                )
            if not beside.optional:
                break


def _labelled(source: Source, query: ConversionQuery, steps: Sequence[Condition], outs: Sequence[Condition]) -> Frame:
    """Return the rows up to `as_of` that are on a path, with the bits and the rank of each."""
    on_path = [~nw.col(name).is_null() for name in query.matching.hold_constant]
    frame = source.frame.filter(nw.col(T) <= query.now, *on_path)
    meets = {f"{INNER}step_{number}": to_int(one.column(source.types)) for number, one in enumerate(steps, 1)}
    breaks = {f"{INNER}out_{number}": to_int(one.column(source.types)) for number, one in enumerate(outs, 1)}
    return frame.with_columns(**meets, **breaks).with_columns(
        **{f"{INNER}steps": _bits(list(meets)), f"{INNER}out": _bits(list(breaks)), f"{INNER}rank": _rank(list(meets))}
    )


def _bits(names: Sequence[str]) -> nw.Expr:
    return reduce(lambda bits, index: bits + nw.col(names[index]) * 2**index, range(len(names)), nw.lit(0, nw.Int64()))


def _rank(names: Sequence[str]) -> nw.Expr:
    rank = nw.lit(len(names) + 1, nw.Int64())
    for number in range(len(names), 0, -1):
        rank = nw.when(nw.col(names[number - 1]) == 1).then(nw.lit(number, nw.Int64())).otherwise(rank)
    return rank


def _check_unique_steps(frame: Frame, plan: Plan) -> None:
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
        msg = f"with order='any', an event may match one step only ({count:,} events match two); make the steps differ"
        raise ArgumentError(msg)


def _shaped(frame: Frame, source: Source, query: ConversionQuery, carry: Sequence[str]) -> Frame:
    """Return the columns of a labelled frame. Columns that order rows have no nulls."""
    paths = {
        f"path_{n}": _ordering(name, source.types, "hold_constant")
        for n, name in enumerate(query.matching.hold_constant, 1)
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


def _ordering(name: str, types: Types, user: str) -> nw.Expr:
    dtype = types[name]
    if is_whole(dtype) or isinstance(dtype, (nw.Boolean, *TEXTS)):
        return filled(name, dtype)
    msg = f"column {name!r} must hold integers of at most 64 bits, texts or booleans for {user} (got {dtype}); cast it"
    raise EngineError(msg)


def absent(names: Collection[str], types: Types) -> None:
    """Refuse columns that are missing.

    Raises:
        EngineError: A column is missing.
    """
    for name in names:
        if not is_one_of(name, types):
            raise EngineError(
                f"the events have no column {brief(name)}{hint(name, [one for one in types if one != ROW])}"
            )
