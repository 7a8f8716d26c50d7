"""The numpy kernel: from events in local memory to the selected attempts."""

from __future__ import annotations

from functools import cache, reduce
from operator import add
from typing import Any

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected
from funnel._dataframes.packed.blocks import in_blocks
from funnel._dataframes.packed.rows import LEFT_OUT, Array, Block, Codes, Flags, Places, Rows, Whole
from funnel._time import NEVER
from funnel.metrics._conversion.events import T
from funnel.metrics._conversion.label_events import LabelledEvents, Plan
from funnel.metrics._conversion.packed.attempts import Attempts, Look, find_attempts
from funnel.metrics._conversion.packed.choice import chosen, firsts
from funnel.metrics._conversion.packed.lookahead import NextMatch, Paths
from funnel.metrics._conversion.packed.outcomes import outcomes

MOST_BITS = 24
"""This many steps and exclusions can be looked up in a table."""

MOST_CODES = 512
"""This many different labels leave room for an instant within four hundred years in one whole number."""


@attrs.frozen(eq=False)
class _Marks:
    """The distinct labels of rows, in the order of rows at one instant, and what each label matches."""

    values: Whole
    plan: Plan

    @classmethod
    def of(cls, marks: pl.Series, plan: Plan) -> _Marks:
        """Return the labels that occur, sorted by the first step they match, then all steps, then exclusions."""
        steps, bits = len(plan.steps), len(plan.steps) + len(plan.exclusions)

        def order(value: int) -> tuple[int, int, int]:
            met = value & ((1 << steps) - 1)
            return (met & -met).bit_length() if met else steps + 1, met, value

        fewest = 0 if plan.order == "strict" else 1
        inside = (value for value in marks.unique().to_list() if fewest <= value < 1 << bits)
        return cls(np.array(sorted(inside, key=order), np.int64), plan)

    @property
    def codes(self) -> Codes:
        """The code of each label."""
        table = np.full(1 << (len(self.plan.steps) + len(self.plan.exclusions) + 1), LEFT_OUT, np.uint16)
        table[self.values] = np.arange(len(self.values))
        return table

    def step(self, number: int) -> Flags:
        """Return which labels match a step."""
        return (self.values >> (number - 1) & 1).astype(np.bool_)

    def out(self, number: int) -> Flags:
        """Return which labels match an exclusion."""
        return self.step(len(self.plan.steps) + number)

    @property
    def begins(self) -> Flags:
        """Which labels start an attempt."""
        any_step = (1 << len(self.plan.steps)) - 1 if self.plan.order == "any" else 1
        return self.values & any_step > 0


def attempts(marked: LabelledEvents) -> Frame | None:
    """Return the selected attempts, as `plan` describes; `row_1` ... number each person's rows in the total order.

    Args:
        marked: Events in a Polars dataframe.

    Returns:
        One row for each attempt. None if there are more steps and exclusions, or more distinct labels, than fit.
    """
    plan = marked.plan
    if len(plan.steps) + len(plan.exclusions) >= MOST_BITS:
        return None
    here = _read(marked)
    marks = _Marks.of(here["mark"], plan)
    if len(marks.values) > MOST_CODES:
        return None
    rows = Rows(here["person"], here["t"].to_numpy(), here["mark"].to_numpy(), marks.codes, _path(here, plan))
    made = in_blocks(rows, lambda block: _of_block(block, plan, marks))
    return nw.from_native(_together(here["person"], made, plan).lazy())


def _read(marked: LabelledEvents) -> pl.DataFrame:
    """Read the person, instant, path and label of each row.

    A label has one bit for each step and exclusion, and one more bit if the row is left out. Labels are rebuilt if the
    events are in local memory: a label has one byte, and no row is moved to leave it out.
    """
    bits = len(marked.plan.steps) + len(marked.plan.exclusions) + 1
    dtype = next(dtype for size, dtype in ((8, nw.UInt8()), (16, nw.UInt16()), (32, nw.UInt32())) if bits <= size)
    if marked.source.frame.implementation.is_polars():
        own = {"person": nw.col("person_id"), "t": nw.col(T), "mark": _mark(marked, dtype)}
        frame = marked.source.frame.select(**own, **marked.paths)
    else:
        mark = nw.col("steps") + nw.col("out") * 2 ** len(marked.plan.steps)
        frame = marked.frame.select("person", "t", *marked.plan.path_columns, mark=mark.cast(dtype))
    rows: pl.DataFrame = collected(nw.to_native(frame), engine="in-memory")
    return rows.rechunk()  # rechunk copies no unchanged column; streaming would


def _mark(marked: LabelledEvents, dtype: nw.dtypes.DType) -> nw.Expr:
    outside = [nw.col(T) > marked.plan.as_of, *(nw.col(name).is_null() for name in marked.hold_constant)]
    bits = [*marked.meets, *marked.breaks, nw.any_horizontal(*outside, ignore_nulls=False)]
    return reduce(add, (bit.cast(dtype) * nw.lit(1 << place, dtype) for place, bit in enumerate(bits)))


def _path(here: pl.DataFrame, plan: Plan) -> Whole | None:
    """Return the number of each row's path among all paths, in order of their values."""
    names = plan.path_columns
    if not names:
        return None
    different = here.select(names).unique().sort(names).with_row_index("path")
    return here.join(different, on=names, how="left", maintain_order="left")["path"].cast(pl.Int64).to_numpy()


def _of_block(block: Block, plan: Plan, marks: _Marks) -> tuple[pl.Series, dict[str, Array]]:
    """Return the selected attempts of a block."""
    look = _look(Paths.of(block), plan, marks)
    begun = np.flatnonzero(marks.begins[look.paths.code])
    judged = outcomes(look, find_attempts(look, firsts(look.paths, begun) if plan.attempts == "first" else begun))
    counting, judged = chosen(look, judged)
    who = look.paths.who[judged.tries.path[counting]]
    columns = {
        "reached": judged.reached[counting],
        "state": judged.state[counting],
        "settled": judged.settled[counting].astype(np.int64),
        **_steps(look, judged.tries, counting, block.starts[who]),
    }
    return block.person(who), columns


def _look(paths: Paths, plan: Plan, marks: _Marks) -> Look:
    def step(number: int) -> NextMatch:
        return paths.matching(marks.step(number))

    def out(number: int) -> NextMatch:
        return paths.matching(marks.out(number))

    return Look(plan, paths, cache(step), cache(out), cache(paths.later))


def _steps(look: Look, made: Attempts, counting: Places, firsts: Places) -> dict[str, Array]:
    """Return the row number, within its person, and the instant of each step."""
    rows: dict[str, Array] = {}
    times: dict[str, Array] = {}
    for number in range(1, len(look.plan.steps) + 1):
        places = made.rows[number][counting]
        reached = places < look.paths.none
        row, t = np.full(len(places), -1), np.full(len(places), NEVER)
        row[reached] = look.paths.standing(places[reached]) - firsts[reached] + 1
        t[reached] = look.paths.t[places[reached]]
        rows[f"row_{number}"], times[f"t_{number}"] = row, t
    return rows | times


def _together(person: pl.Series, made: list[tuple[pl.Series, dict[str, Array]]], plan: Plan) -> pl.DataFrame:
    """Return the attempts of all blocks as one table."""
    names = ["reached", "state", "settled"]
    names += [f"{of}_{step.number}" for of in ("row", "t") for step in plan.steps]
    none = np.array([], np.int64)
    whole: dict[str, Any] = {name: np.concatenate([none, *(columns[name] for _, columns in made)]) for name in names}
    return pl.DataFrame({"person": pl.concat([person.clear(), *(who for who, _ in made)]), **whole})
