"""The kernel for local memory: from labelled events to the selected attempts, by loops over the rows of each person.

Same results as `narwhals_kernel`, several times faster. Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._dataframes.adapter import Frame
from funnel._dataframes.blocks import sort_runs
from funnel._dataframes.by_person import LEFT_OUT, Clock, People, Runs, runs_of
from funnel._dataframes.compute import collected
from funnel._dataframes.loops import Array, Run, Whole, in_shares, read_only, shares_of
from funnel.metrics._conversion import attempt_loops as loops
from funnel.metrics._conversion.events import T
from funnel.metrics._conversion.label_events import LabelledEvents, Plan, PlanExclusion, could_serve
from funnel.metrics._conversion.plain_loop import read_people

MOST_BITS = 24
"""The maximum number of steps and exclusions; labels are looked up in a table."""

BITS = 63
"""The number of bits of a key."""

TOGETHER = 256
"""The number of people, from one whose rows would be read too often, that are not read but followed."""

SURE_BITS = 8
"""Up to this number of steps and exclusions, a label and any instant fit into one integer."""

_ORDERS = {"ordered": loops.ORDERED, "strict": loops.STRICT, "any": loops.ANY_ORDER}
_ATTEMPTS = {"first": loops.FIRST, "any": loops.DEEPEST, "each": loops.EACH}


def attempts(plan: Plan, rows: pl.DataFrame, run: Run, people: People | None = None) -> Frame | None:
    """Return the selected attempts, as `plan` describes; `row_1` ... number each person's rows in the total order.

    Args:
        plan: The query.
        rows: The result of `read` or `label_rows`.
        run: How loops run.
        people: The people of the rows, if the rows have no person.

    Returns:
        One row for each attempt. None if no row counts, or if an instant and a label do not fit into one
        integer.
    """
    t, labels = rows["t"].to_numpy(), rows["label"].to_numpy()
    codes: Whole = np.full(1 << (len(plan.steps) + len(plan.exclusions) + 1), LEFT_OUT, np.int64)
    present = np.zeros(len(codes), np.bool_)
    in_shares(run, mark_labels, shares_of(len(labels)), read_only(labels), present)
    values = _sorted(np.flatnonzero(present).tolist(), plan)
    codes[values] = np.arange(len(values))
    clock = Clock.of(t, (len(values) - 1).bit_length()) if len(t) and values else None
    if clock is None or clock.bits > BITS:
        return None
    people = people or People.of(rows["person"], run)
    runs = runs_of(people, t, labels, codes, clock, run, _paths(rows, plan))
    question = _Question.of(plan, clock, values)
    parts = runs.in_parts(lambda low, high: _attempts(question, plan, runs, run, low, high))
    return nw.from_native(pl.concat(parts, rechunk=False).lazy())


def read(labels: LabelledEvents) -> pl.DataFrame | None:
    """Read the person, instant, paths and label of each row.

    A label has one bit for each step and exclusion, and one more bit if the row is left out. Labels are rebuilt if the
    events are in local memory: a label has one byte, and no row is moved to leave it out.

    Returns:
        The rows. None if there are too many steps and exclusions.
    """
    if not labels.source.frame.implementation.is_polars():
        return label_rows(labels.frame, labels.plan)
    dtype = _label_type(labels.plan)
    if dtype is None:
        return None
    rows = _labelled(labels, dtype)
    if labels.is_part or labels.source.is_logs:  # a plan with joins, computed twice, may order its rows differently
        return in_memory(rows, in_chunks=labels.is_part)
    label = in_memory(rows.select("label"), in_chunks=True)  # on all cores; other columns would be copied
    numbered = ["person"] if labels.source.people else []
    return in_memory(rows.drop("label", *numbered)).hstack(label)


def rows_that_count(labels: LabelledEvents) -> Frame | None:
    """Return the rows that count, as `read` returns them, not yet computed.

    Returns:
        The rows. None if an instant and a label may not fit into one integer.
    """
    bits = len(labels.conditions)
    if bits > SURE_BITS:
        return None
    dtype = _label_type(labels.plan)
    assert dtype is not None
    fewest = 0 if labels.plan.order == "strict" else 1
    return _labelled(labels, dtype).filter(nw.col("label") >= fewest, nw.col("label") < 1 << bits)


def _labelled(labels: LabelledEvents, dtype: nw.dtypes.DType) -> Frame:
    own = {"person": nw.col("person_id"), "t": nw.col(T), "label": _label(labels, dtype)}
    return labels.source.frame.select(**own, **labels.paths)


def label_rows(frame: Frame, plan: Plan) -> pl.DataFrame | None:
    """Return what `read` returns, from a labelled Polars frame."""
    dtype = _label_type(plan)
    if dtype is None:
        return None
    label = (nw.col("steps") + nw.col("out") * 2 ** len(plan.steps)).cast(dtype)
    return in_memory(frame.select("person", "t", *plan.path_columns, label=label))


def _label_type(plan: Plan) -> nw.dtypes.DType | None:
    bits = len(plan.steps) + len(plan.exclusions) + 1
    if bits > MOST_BITS:
        return None
    return nw.UInt8() if bits <= 8 else nw.UInt32()  # noqa: PLR2004 (the bits of a byte)


def in_memory(frame: Frame, *, in_chunks: bool = False) -> pl.DataFrame:
    """Return the rows: in chunks, a file is never in memory as a whole; else no unchanged column is copied."""
    rows: pl.DataFrame = collected(nw.to_native(frame), engine="streaming" if in_chunks else "in-memory")
    return rows.rechunk()


def _label(labels: LabelledEvents, dtype: nw.dtypes.DType) -> nw.Expr:
    kinds: dict[str, int] = {}
    others: list[nw.Expr] = []
    for index, one in enumerate(labels.conditions):
        if one.tree is None and one.kind is not None:
            kinds[one.kind] = kinds.get(one.kind, 0) + (1 << index)
        else:
            others.append(one.column(labels.source.types).cast(dtype) * nw.lit(1 << index, dtype))
    label = nw.lit(0, dtype)
    for kind, bits in kinds.items():
        label = nw.when(nw.col("kind") == kind).then(nw.lit(bits, dtype)).otherwise(label)
    outside = [nw.col(T) > labels.plan.as_of, *(nw.col(name).is_null() for name in labels.hold_constant)]
    left_out = nw.lit(1 << len(labels.conditions), dtype)
    return nw.when(nw.any_horizontal(*outside, ignore_nulls=False)).then(left_out).otherwise(reduce(add, others, label))


def mark_labels(labels: Array, present: Array, low: int, high: int) -> None:
    """Loop: mark each label that occurs from row `low` to before `high`."""
    for row in range(low, high):
        present[labels[row]] = True


def _sorted(labels: Sequence[int], plan: Plan) -> list[int]:
    """Return the labels of rows that count, sorted by the first step they match, then all steps, then exclusions."""
    steps, bits = len(plan.steps), len(plan.steps) + len(plan.exclusions)

    def order(value: int) -> tuple[int, int, int]:
        met = value & ((1 << steps) - 1)
        return (met & -met).bit_length() if met else steps + 1, met, value

    fewest = 0 if plan.order == "strict" else 1
    return sorted((value for value in labels if fewest <= value < 1 << bits), key=order)


def _paths(rows: pl.DataFrame, plan: Plan) -> Whole:
    """Return the number of each row's path among all paths, in order of their values."""
    names = plan.path_columns
    if not names:
        return np.zeros(0, np.int64)
    different = rows.select(names).unique().sort(names).with_row_index("path")
    return rows.join(different, on=names, how="left", maintain_order="left")["path"].cast(pl.Int64).to_numpy()


@attrs.frozen(eq=False)
class _Question:
    """The plan as integer arrays, as `attempt_loops` describes."""

    query: Whole
    steps: Whole
    outs: Whole
    matches: Whole

    @classmethod
    def of(cls, plan: Plan, clock: Clock, values: list[int]) -> _Question:
        """Return the plan as numbers, for the labels that occur."""
        different, count = sorted({step.condition for step in plan.steps}), len(plan.steps)
        required, outs = [step.number - 1 for step in plan.required], plan.exclusions
        query = {
            loops.WITHIN: plan.within,
            loops.AS_OF: plan.as_of,
            loops.ORDER: _ORDERS[plan.order],
            loops.LATER: plan.tie_break == "later",
            loops.ATTEMPTS: _ATTEMPTS[plan.attempts],
            loops.CONDITIONS: len(different),
            loops.NEEDED: len(required),
            loops.UNUSED: plan.order != "any" and all(step.condition > 1 for step in plan.steps[1:]),
            loops.CODE_BITS: clock.code_bits,
            loops.START: clock.start,
        }
        steps = {
            loops.CONDITION: [different.index(step.condition) for step in plan.steps],
            loops.SPAN: [loops.NO_TIME if step.within is None else step.within for step in plan.steps],
            loops.BEFORE: [0, *(plan.before(step).number - 1 for step in plan.steps[1:])],
            loops.FOLLOWING: [-1 if (after := plan.after(step)) is None else after.number - 1 for step in plan.steps],
            loops.OPTIONAL: [step.optional for step in plan.steps],
            loops.REQUIRED: [*required, *[-1] * (count - len(required))],
        }
        excluding = [
            [len(different) + index, one.after - 1, one.before - 1, one.remove, *_serving(plan, one)]
            for index, one in enumerate(outs)
        ]
        bits = [*(condition - 1 for condition in different), *(count + one.number - 1 for one in outs)]
        matches = [sum((value >> bit & 1) << index for index, bit in enumerate(bits)) for value in values]
        return cls(
            _whole([query[name] for name in sorted(query)]),
            _whole([steps[name] for name in sorted(steps)]),
            _whole(excluding).reshape(len(outs), loops.SERVES + count),
            _whole(matches),
        )


def _serving(plan: Plan, exclusion: PlanExclusion) -> list[bool]:
    return [step.number in could_serve(plan, exclusion) for step in plan.steps]


def _whole(values: Any) -> Whole:
    return np.array(values, np.int64)


def _attempts(question: _Question, plan: Plan, runs: Runs, run: Run, low: int, high: int) -> pl.DataFrame:  # noqa: PLR0913, PLR0917
    """Return the selected attempts of some people."""
    rows, steps = int(runs.starts[high] - runs.starts[low]), len(plan.steps)
    most = rows if plan.attempts == "each" else min(high - low, rows)
    answers = np.empty((loops.FIRST_ROW + 2 * steps, most + 1), np.int64)
    lines = loops.NEXT_MATCH + int(question.query[loops.CONDITIONS]) + len(plan.exclusions)
    path = np.empty((lines, runs.longest + 1), np.int64)
    own = np.empty((loops.BEST + 1, steps), np.int64)
    arrays = attrs.astuple(question, recurse=False)
    plain = question.query, question.steps, question.matches, runs.starts, runs.keys, own, answers
    person, count = low, 0
    while person < high:
        if plan.is_plain:
            person, count = run(read_people, *plain, count, person, high)
        end = min(person + TOGETHER, high) if plan.is_plain else high
        if person < end:
            own_arrays = runs.starts, runs.keys, runs.extra, path, own, answers
            count, person = run(loops.follow_people, *arrays, *own_arrays, count, person, end), end
    names = [f"{of}_{step}" for of in ("row", "t") for step in range(1, steps + 1)]
    columns = zip(("reached", "state", "settled", *names), answers[1:, :count], strict=True)
    return pl.DataFrame({"person": runs.people.names(answers[loops.PERSON, :count]), **dict(columns)})


# ---- prepared events ----


def together(people: People, t: Whole, run: Run) -> tuple[Whole, People]:
    """Return the indices of the rows, person by person and by instant, and the people of the rows in that order."""
    labels: Array = np.zeros(0, np.uint8)
    runs = runs_of(people, t, labels, np.zeros(0, np.int64), Clock.of(t), run, np.arange(len(t)))
    runs.in_parts(lambda low, high: run(sort_runs, runs.starts, runs.keys, runs.extra, low, high))
    numbers: Whole = np.repeat(np.arange(people.count), np.diff(runs.starts))
    return runs.extra, attrs.evolve(people, numbers=numbers, first=0, starts=runs.starts)
