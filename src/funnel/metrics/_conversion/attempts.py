"""The attempts that a query finds in events: as columns, with values read at their rows, and as counts.

Invariants of counts: entered = reached the last step + dropped + pending. A required step is never reached by more
people than the required step before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property, partial, reduce
from typing import Any, cast

import attrs
import narwhals as nw

from funnel._arguments import instance
from funnel._dataframes.adapter import (
    Frame,
    FrameKind,
    collect_once,
    distinct,
    installed,
    is_remote,
    to_local,
)
from funnel._dataframes.by_part import by_part, frame_by_part, part_count
from funnel._dataframes.by_worker import by_worker, workers_have_library
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import to_int
from funnel.errors import EngineError
from funnel.metrics._conversion import narwhals_kernel
from funnel.metrics._conversion.events import LOG_KINDS, is_whole, read_events
from funnel.metrics._conversion.groups import GroupBy
from funnel.metrics._conversion.label_events import DROPPED, PENDING, LabelledEvents, Plan, as_table, label_events
from funnel.metrics._conversion.prepared import Events
from funnel.metrics._conversion.query import ConversionQuery
from funnel.metrics._kinds import check_kinds
from funnel.metrics._rate import Rate


@attrs.frozen
class AttemptRows:
    """The selected attempts, one row each as `plan` describes, and the rows they refer to."""

    frame: Frame
    _numbered: Callable[[], Frame]

    @property
    def rows(self) -> Frame:
        """The labelled frame, with the column `row` that `row_1` ... of an attempt refer to."""
        return self._numbered()


def attempts(labels: LabelledEvents) -> AttemptRows:
    """Find the selected attempts: with loops locally, on the workers of Spark, or with engine windows elsewhere."""
    numbered = cache(lambda: narwhals_kernel.numbered(labels.frame, labels.plan))
    frame = _on_workers(labels) if labels.frame_kind == "pyspark" else _by_loops(labels)
    return AttemptRows(narwhals_kernel.attempts(numbered(), labels.plan) if frame is None else frame, numbered)


def _by_loops(labels: LabelledEvents) -> Frame | None:
    """Return the attempts by loops over each person's rows.

    None if the events are not local, numba is missing, or they do not fit.
    """
    if not (labels.on_polars and installed("numba")):
        return None
    from funnel.metrics._conversion import local_kernel

    return _looped(local_kernel.read(labels), labels.plan, labels.source.people)


def _labels_by_part(labels: LabelledEvents, count: int) -> Frame | None:
    """Return the attempts in files with many rows, from as many parts; a part has labels in place of the columns.

    None if loops cannot answer for every part, or if no row counts.
    """
    if not installed("numba"):
        return None
    from funnel._dataframes.loops import fast
    from funnel.metrics._conversion import local_kernel

    def work(part: Frame) -> Frame | None:
        return local_kernel.attempts(labels.plan, local_kernel.in_memory(part), fast)

    rows = local_kernel.rows_that_count(labels)
    frames = [] if rows is None else by_part(rows, "person", work, lambda frame: frame, count)
    with_rows = [frame for frame in frames if frame is not None]
    return nw.concat(with_rows) if with_rows else None


def _looped(rows: Any, plan: Plan, people: Any = None) -> Frame | None:
    from funnel._dataframes.loops import runner
    from funnel.metrics._conversion import local_kernel

    run = None if rows is None else runner(len(rows))
    return None if rows is None or run is None else local_kernel.attempts(plan, rows, run, people)


def _on_workers(labels: LabelledEvents) -> Frame | None:  # pragma: no cover - make test-services has PySpark
    """Return the attempts of a Spark frame, found by each worker in the rows of its people.

    None if the workers do not have this version of the library.
    """
    plan = attrs.evolve(labels.plan, ordering=0)  # rows that differ only in values to carry are interchangeable
    if not workers_have_library(labels.frame):
        return None
    rows = labels.frame.select("person", "t", "rank", "steps", "out", *plan.path_columns)
    names = [f"{of}_{step.number}" for step in plan.steps for of in ("row", "t")]
    return by_worker(rows, "person", partial(_of_worker, plan=plan), [*names, "reached", "state", "settled"])


def _of_worker(rows: Any, plan: Plan) -> Frame:  # pragma: no cover - runs in a process of Spark
    """Return the attempts in a labelled Polars frame that has all rows of its people."""
    from funnel.metrics._conversion import local_kernel

    frame: Frame = nw.from_native(rows.lazy())
    result = _looped(local_kernel.label_rows(frame, plan), plan) if installed("numba") else None
    return narwhals_kernel.attempts(narwhals_kernel.numbered(frame, plan), plan) if result is None else result


@attrs.frozen
class Attempts:
    """The selected attempts, one row each as `plan` describes, with the requested column values."""

    frame: Frame
    frame_kind: FrameKind
    plan: Plan


class AttemptColumns:
    """The events and the query, with the attempts as columns.

    Args:
        events: The events, as passed to `conversion`.
        query: The query.
    """

    def __init__(self, events: object, query: ConversionQuery) -> None:
        """Store both; nothing is computed yet."""
        self.events = as_table(events)
        self.query = query

    @property
    def _readable(self) -> object:
        return self.events._source if isinstance(self.events, Events) else self.events  # pyright: ignore[reportUnknownMemberType] (any engine)

    @cached_property
    def attempts(self) -> Attempts:
        """The selected attempts, with the column `by` if the query has groups."""
        by = self.query.by
        return self.with_values({} if by is None else {"by": by})

    def with_values(self, values: Mapping[str, GroupBy], *, whole: bool = False) -> Attempts:
        """Return the selected attempts with column values read at their own rows, under these names.

        Raises:
            EngineError: A column is missing, or does not hold whole numbers when `whole` is true.
        """
        for one in values.values():
            instance(one.column, str, "column", "the name of a column")
        carry = list(dict.fromkeys(one.column for one in values.values()))
        here = self.labelled(carry)
        for name in carry:
            _check_whole(name, here.source.types[name], needed=whole or any(one.edges for one in values.values()))

        def with_values(rows: Frame) -> Frame:
            return self._with_values(here.of_rows(rows), values, carry)

        rows = here.source.frame
        count = part_count(rows) if here.frame_kind == "polars lazy" else 1
        frame = None if carry or count == 1 else _labels_by_part(here, count)
        if frame is None:
            frame = with_values(rows) if count == 1 else frame_by_part(rows, "person_id", with_values)
        return Attempts(frame, here.frame_kind, here.plan)

    def _with_values(self, here: LabelledEvents, values: Mapping[str, GroupBy], carry: Sequence[str]) -> Frame:
        selected = attempts(here)
        frame = selected.frame
        for name, one in values.items():
            column = f"v_{carry.index(one.column) + 1}"
            rows = selected.rows.select("person", _at=nw.col("row"), _value=nw.col(column))
            at = frame.with_columns(_at=self._at(one, here.plan))
            joined = at.join(rows, on=["person", "_at"], how="left")
            frame = joined.with_columns(_binned(one).alias(name)).drop("_at", "_value")
        return collect_once(frame)

    def labelled(self, carry: Sequence[str] = (), *, every_row: bool = False) -> LabelledEvents:
        """Return the events with the steps they match, in local memory if every attempt counts.

        Spark's workers find every attempt.
        """
        labels = label_events(self._readable, self.query, carry, every_row=every_row)
        if self.query.matching.attempts != "each" or not is_remote(labels.frame_kind):
            return labels
        if labels.frame_kind == "pyspark" and workers_have_library(labels.frame):  # pragma: no cover
            return labels
        frame, kind = to_local(labels.frame, labels.frame_kind)

        def shape(_: object) -> Frame:
            return frame

        return attrs.evolve(labels, shape=shape, frame_kind=kind)

    def _at(self, by: GroupBy, plan: Plan) -> nw.Expr:
        """Return the number of the row at which a column is read."""
        if by.at == "first":
            return nw.col("row_1")
        if by.at != "last":
            return nw.col(f"row_{self.query.number(by.at)}")
        last = nw.col("row_1")
        for position, step in enumerate(plan.required[1:], 2):
            last = nw.when(nw.col("reached") >= position).then(nw.col(f"row_{step.number}")).otherwise(last)
        return last

    def check_kinds(self) -> None:
        """Refuse misspelt kinds.

        A kind that does not occur and resembles none that does counts 0.

        Raises:
            ArgumentError: A kind of a step or an exclusion does not occur and resembles a kind that does, or it
                is a kind that logs cannot hold.
        """
        steps = (step.kind for step in self.query.steps if step.kind is not None)
        excluded = (one.kind for one in self.query.matching.exclude if one.kind is not None)
        check_kinds(steps, self._kinds, excluded, only=self._kinds is LOG_KINDS)

    @cached_property
    def _kinds(self) -> Sequence[str]:
        """Return the kinds that occur, before or after `as_of`.

        For logs: every kind that logs can hold.
        """
        source = read_events(self._readable, (), self.query.now, is_checked=True)  # `attempts` has checked the rows
        if source.is_logs:
            return LOG_KINDS
        return sorted(kind for (kind,) in to_rows(distinct(source.frame.select("kind")), "kind"))


def _check_whole(name: str, dtype: nw.dtypes.DType, *, needed: bool) -> None:
    if needed and not is_whole(dtype):
        raise EngineError(f"column {name!r} must hold integers, such as amounts in minor units (got {dtype})")


def _binned(by: GroupBy) -> nw.Expr:
    """Return the value itself, or the number of its bin."""
    if not by.edges:
        return nw.col("_value")
    number = reduce(
        lambda band, edge: nw.when(nw.col("_value") >= edge[1]).then(nw.lit(edge[0], nw.Int64())).otherwise(band),
        enumerate(by.edges, 1),
        nw.lit(0, nw.Int64()),
    )
    return nw.when(~nw.col("_value").is_null()).then(number)


# ---- counts of attempts ----


@attrs.frozen
class StepCount:
    """The number of people who reached a step, and the outcome of those who got no further.

    Attributes:
        name: The name of the step.
        is_optional: Whether people may skip the step.
        reached: The number of people who reached the step.
        dropped: The number of people who got exactly this far and can get no further. None for an optional step, 0 for
            the last step.
        pending: The number of people who got exactly this far and may still get further. None for an optional step, 0
            for the last step.
        from_start: The share of people who entered that reached this step. Only people with a closed window count.
        from_before: The share of people who reached the previous required step that reached this step. None for the
            first step.
    """

    name: str
    is_optional: bool
    reached: int
    dropped: int | None
    pending: int | None
    from_start: Rate
    from_before: Rate | None

    def to_dict(self) -> dict[str, object]:
        """Return the counts and the rates by name."""
        return {
            "step": self.name,
            "is_optional": self.is_optional,
            "reached": self.reached,
            "dropped": self.dropped,
            "pending": self.pending,
            **_flat("from_start", self.from_start),
            **_flat("from_before", self.from_before),
        }


def _flat(name: str, rate: Rate | None) -> dict[str, object]:
    parts = ("successes", "trials", "value", "ci_lower", "ci_upper")
    return {f"{name}_{part}": None if rate is None else getattr(rate, part) for part in parts}


@attrs.frozen
class Line:
    """The count of identical attempts, and how many of them took each optional step."""

    reached: int
    state: int
    final: bool
    count: int
    optional: Mapping[int, int]


Group = str | int | bool | None


def lines(attempts: Attempts) -> Mapping[Group, Sequence[Line]]:
    """Return the attempts of each group, with identical attempts counted.

    Without groups, the only group is None.
    """
    numbers = [step.number for step in attempts.plan.steps if step.optional]
    frame = attempts.frame
    if "by" not in frame.collect_schema():
        frame = frame.with_columns(by=nw.lit(0, nw.Int64()))
    frame = frame.with_columns(one=nw.lit(1, nw.Int64()))
    frame = (
        frame.with_columns(to_int(nw.col(f"row_{n}") >= 0).alias(f"took_{n}") for n in numbers) if numbers else frame
    )
    sums = ["one", *(f"took_{n}" for n in numbers)]
    table = frame.group_by("by", "reached", "state", "settled").agg(*(nw.col(name).sum() for name in sums))
    groups: dict[Group, list[Line]] = {}
    for by, reached, state, final, count, *took in to_rows(table, "by", "reached", "state", "settled", *sums):
        optional = dict(zip(numbers, map(whole, took), strict=True))
        line = Line(int(reached), int(state), bool(final), int(count), optional)
        groups.setdefault(_key(by), []).append(line)
    return groups


def _key(value: Any) -> Group:
    """Return the value of a group.

    Pandas stores whole numbers as floats if some are missing.
    """
    if isinstance(value, float):
        return int(value) if value == value else None  # noqa: PLR0124 (not a number is not itself)
    return cast("Group", value)


def counts(lines: Sequence[Line], plan: Plan, names: Sequence[str], confidence_level: float) -> tuple[StepCount, ...]:
    """Return the counts and rates of every step."""
    final_lines = [line for line in lines if line.final]
    step_counts: list[StepCount] = []
    for step, name in zip(plan.steps, names, strict=True):
        before = None if step.number == 1 else plan.before(step).number
        successes = _reached(final_lines, plan, step.number)
        position = None if step.optional else _position(plan, step.number)
        step_counts.append(
            StepCount(
                name,
                step.optional,
                _reached(lines, plan, step.number),
                None if position is None else _stopped(lines, position, DROPPED),
                None if position is None else _stopped(lines, position, PENDING),
                Rate(successes, _reached(final_lines, plan, 1), confidence_level=confidence_level),
                None
                if before is None
                else Rate(successes, _reached(final_lines, plan, before), confidence_level=confidence_level),
            )
        )
    return tuple(step_counts)


def last_required(steps: Sequence[StepCount]) -> StepCount:
    """Return the step that counts as conversion: the last required step."""
    return next(step for step in reversed(steps) if not step.is_optional)


def _position(plan: Plan, number: int) -> int:
    """Return the position of a step among the required steps, from 1."""
    return [step.number for step in plan.required].index(number) + 1


def _reached(lines: Iterable[Line], plan: Plan, number: int) -> int:
    if plan.steps[number - 1].optional:
        return sum(line.optional[number] for line in lines)
    position = _position(plan, number)
    return sum(line.count for line in lines if line.reached >= position)


def _stopped(lines: Iterable[Line], position: int, state: int) -> int:
    return sum(line.count for line in lines if line.reached == position and line.state == state)
