"""Which attempts count: each person's first, their deepest, or every one that begins when the one before is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw

from funnel._computing import collected
from funnel._frames import Frame
from funnel._instants import NEVER
from funnel._lift.columns import flag, whole
from funnel.metrics.conversion.ahead import FAR
from funnel.metrics.conversion.plan import DROPPED, PENDING, Plan

_DEEPER = 2**40
"""More than any person has rows."""

_OVER = 2**46
"""More than any number of steps counts."""


def chosen(attempts: Frame, plan: Plan) -> Frame:
    """The attempts that count by the entry rule, in the columns that `plan` describes."""
    match plan.entry:
        case "first":
            return _shaped(attempts.filter(nw.col("removed") == 0), plan)
        case "any":
            return _shaped(_deepest(attempts.filter(nw.col("removed") == 0)), plan)
        case _:
            return _shaped(_chain(attempts, plan).filter(nw.col("removed") == 0), plan)


def _shaped(frame: Frame, plan: Plan) -> Frame:
    numbers = [step.number for step in plan.steps]
    here = {n: nw.col(f"ok_{n}") == 1 for n in numbers}
    rows = {f"row_{n}": nw.when(here[n]).then(nw.col(f"r_{n}")).otherwise(whole(-1)) for n in numbers}
    times = {f"t_{n}": nw.when(here[n]).then(nw.col(f"t_{n}")).otherwise(whole(NEVER)) for n in numbers}
    return frame.select("person", "reached", "state", "settled", **rows, **times)


def _deepest(attempts: Frame) -> Frame:
    """The deepest of each person's attempts whose window is over, or else of all; of equals the earliest.

    A person none of whose windows is over is pending, not dropped, while one of the attempts is still open.
    """
    told = attempts.with_columns(
        depth=nw.col("settled") * _OVER + nw.col("reached") * _DEEPER - nw.col("r_1"),
        open=flag(nw.col("state") == PENDING),
    )
    most = told.with_columns(best=nw.col("depth").max().over("person"), still=nw.col("open").max().over("person"))
    waits = (nw.col("settled") == 0) & (nw.col("state") == DROPPED) & (nw.col("still") == 1)
    one = most.filter(nw.col("depth") == nw.col("best"))
    return one.with_columns(state=nw.when(waits).then(whole(PENDING)).otherwise(nw.col("state")))


def _chain(attempts: Frame, plan: Plan) -> Frame:
    """Of each path the first attempt, and then the first that begins after the one before has ended.

    Which one is next depends on the one before, so they are walked through in order, in local memory.
    """
    path = ["person", *plan.path_columns]
    here: nw.DataFrame[Any] = collected(attempts).sort(*path, "r_1")
    lists = here.select(*path, "r_1", "t_1", "exit").to_dict(as_series=False)
    counts = nw.new_series("counts", list(_walked(lists, path, plan.within)), nw.Boolean(), backend=here.implementation)
    return here.with_columns(counts).filter(nw.col("counts")).lazy()


def _walked(lists: dict[str, list[Any]], path: Sequence[str], within: int) -> Iterator[bool]:
    """Whether each attempt counts."""
    on: Any = None
    row = moment = NEVER
    for key, begun, began, ended in zip(
        zip(*(lists[name] for name in path), strict=True), lists["r_1"], lists["t_1"], lists["exit"], strict=True
    ):
        counts = key != on or (begun > row and began > moment)
        if counts:
            on = key
            row, moment = (ended, NEVER) if ended < FAR else (NEVER, began + within)
        yield counts
