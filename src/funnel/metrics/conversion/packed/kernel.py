"""Attempts by packed rows: from events in local memory to the attempts that count."""

from __future__ import annotations

from functools import cache, reduce
from operator import add
from typing import Any

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._computing import collected
from funnel._frames import Frame
from funnel._instants import NEVER
from funnel._packed import LEFT_OUT, Array, Block, Codes, Flags, Places, Rows, Whole, in_blocks
from funnel.metrics.conversion.events import T
from funnel.metrics.conversion.marks import Marked
from funnel.metrics.conversion.packed.choice import chosen, firsts
from funnel.metrics.conversion.packed.path import Ahead, Paths
from funnel.metrics.conversion.packed.tries import Look, Tries, tries
from funnel.metrics.conversion.packed.worth import worth
from funnel.metrics.conversion.plan import Plan

MOST_BITS = 24
"""So many steps and exclusions can be looked up in a table."""

MOST_CODES = 512
"""So many different marks leave room for an instant of four hundred years in a whole number."""


@attrs.frozen(eq=False)
class _Marks:
    """The marks that rows have, in the order of rows of one instant; which of them match what."""

    values: Whole
    plan: Plan

    @classmethod
    def of(cls, marks: pl.Series, plan: Plan) -> _Marks:
        """The marks that some row has: by the first step they match, then by all of them, then by the exclusions."""
        steps, bits = len(plan.steps), len(plan.steps) + len(plan.exclusions)

        def order(value: int) -> tuple[int, int, int]:
            met = value & ((1 << steps) - 1)
            return (met & -met).bit_length() if met else steps + 1, met, value

        least = 0 if plan.order == "strict" else 1
        inside = (value for value in marks.unique().to_list() if least <= value < 1 << bits)
        return cls(np.array(sorted(inside, key=order), np.int64), plan)

    @property
    def codes(self) -> Codes:
        """The code of each mark."""
        table = np.full(1 << (len(self.plan.steps) + len(self.plan.exclusions) + 1), LEFT_OUT, np.uint16)
        table[self.values] = np.arange(len(self.values))
        return table

    def step(self, number: int) -> Flags:
        """Which of them match a step."""
        return (self.values >> (number - 1) & 1).astype(np.bool_)

    def out(self, number: int) -> Flags:
        """Which of them match an exclusion."""
        return self.step(len(self.plan.steps) + number)

    @property
    def begins(self) -> Flags:
        """Which of them begin an attempt."""
        any_step = (1 << len(self.plan.steps)) - 1 if self.plan.order == "any" else 1
        return self.values & any_step > 0


def attempts(marked: Marked) -> Frame | None:
    """The attempts that count, as `plan` describes them; `row_1` ... number the rows of each person in the total order.

    Args:
        marked: Events in a frame of Polars.

    Returns:
        One row an attempt; None where there are more steps and exclusions, or more different marks of rows, than this
        has room for.
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


def _read(marked: Marked) -> pl.DataFrame:
    """Whose every row is and when, its path, and its mark: a bit for each step and exclusion, one more if it is out.

    Marks are made anew where the events are in local memory: a mark has one byte, and no row is moved to leave it out.
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
    return rows.rechunk()  # columns as they came are not copied, as streaming does


def _mark(marked: Marked, dtype: nw.dtypes.DType) -> nw.Expr:
    outside = [nw.col(T) > marked.plan.as_of, *(nw.col(name).is_null() for name in marked.hold)]
    bits = [*marked.meets, *marked.breaks, nw.any_horizontal(*outside, ignore_nulls=False)]
    return reduce(add, (bit.cast(dtype) * nw.lit(1 << place, dtype) for place, bit in enumerate(bits)))


def _path(here: pl.DataFrame, plan: Plan) -> Whole | None:
    """The number of each row's path among all paths, in order of their values."""
    names = plan.path_columns
    if not names:
        return None
    different = here.select(names).unique().sort(names).with_row_index("path")
    return here.join(different, on=names, how="left", maintain_order="left")["path"].cast(pl.Int64).to_numpy()


def _of_block(block: Block, plan: Plan, marks: _Marks) -> tuple[pl.Series, dict[str, Array]]:
    """The attempts of a block that count."""
    look = _look(Paths.of(block), plan, marks)
    begun = np.flatnonzero(marks.begins[look.paths.code])
    judged = worth(look, tries(look, firsts(look.paths, begun) if plan.entry == "first" else begun))
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
    def step(number: int) -> Ahead:
        return paths.matching(marks.step(number))

    def out(number: int) -> Ahead:
        return paths.matching(marks.out(number))

    return Look(plan, paths, cache(step), cache(out), cache(paths.later))


def _steps(look: Look, made: Tries, counting: Places, firsts: Places) -> dict[str, Array]:
    """Which row of its person the row of each step is, and when it was."""
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
    """The attempts of all blocks as one table."""
    names = ["reached", "state", "settled"]
    names += [f"{of}_{step.number}" for of in ("row", "t") for step in plan.steps]
    none = np.array([], np.int64)
    whole: dict[str, Any] = {name: np.concatenate([none, *(columns[name] for _, columns in made)]) for name in names}
    return pl.DataFrame({"person": pl.concat([person.clear(), *(who for who, _ in made)]), **whole})
