"""Select attempts: each person's first, each person's deepest, or every attempt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._time import NEVER
from funnel.metrics._conversion.label_events import DROPPED, PENDING, Plan
from funnel.metrics._conversion.lookahead import FAR

_DEEPER = 2**40
"""More than the number of rows of any person."""

_OVER = 2**46
"""More than any number of steps."""


def chosen(attempts: Frame, plan: Plan) -> Frame:
    """Return the attempts that the `attempts` option selects, in the columns that `plan` describes."""
    match plan.attempts:
        case "first":
            return _shaped(attempts.filter(nw.col("removed") == 0), plan)
        case "any":
            return _shaped(_deepest(attempts.filter(nw.col("removed") == 0)), plan)
        case _:
            return _shaped(_chain(attempts, plan).filter(nw.col("removed") == 0), plan)


def _shaped(frame: Frame, plan: Plan) -> Frame:
    numbers = [step.number for step in plan.steps]
    here = {n: nw.col(f"ok_{n}") == 1 for n in numbers}
    rows = {f"row_{n}": nw.when(here[n]).then(nw.col(f"r_{n}")).otherwise(int_lit(-1)) for n in numbers}
    times = {f"t_{n}": nw.when(here[n]).then(nw.col(f"t_{n}")).otherwise(int_lit(NEVER)) for n in numbers}
    return frame.select("person", "reached", "state", "settled", **rows, **times)


def _deepest(attempts: Frame) -> Frame:
    """Return each person's deepest attempt.

    Only attempts with a closed window compete, if there are any.

    The earliest of equally deep attempts wins. If none of a person's windows is closed, the person is pending, not
    dropped, while an attempt is still open.
    """
    ranked = attempts.with_columns(
        depth=nw.col("settled") * _OVER + nw.col("reached") * _DEEPER - nw.col("r_1"),
        open=to_int(nw.col("state") == PENDING),
    )
    most = ranked.with_columns(best=nw.col("depth").max().over("person"), still=nw.col("open").max().over("person"))
    waits = (nw.col("settled") == 0) & (nw.col("state") == DROPPED) & (nw.col("still") == 1)
    one = most.filter(nw.col("depth") == nw.col("best"))
    return one.with_columns(state=nw.when(waits).then(int_lit(PENDING)).otherwise(nw.col("state")))


def _chain(attempts: Frame, plan: Plan) -> Frame:
    """Select on each path the attempts that start after the previous one ended.

    The next attempt depends on the previous one, so this runs in order, in local memory.
    """
    path = ["person", *plan.path_columns]
    here: nw.DataFrame[Any] = collected(attempts).sort(*path, "r_1")
    lists = here.select(*path, "r_1", "t_1", "exit").to_dict(as_series=False)
    counts = nw.new_series(
        "counts", list(_selected(lists, path, plan.within)), nw.Boolean(), backend=here.implementation
    )
    return here.with_columns(counts).filter(nw.col("counts")).lazy()


def _selected(lists: dict[str, list[Any]], path: Sequence[str], within: int) -> Iterator[bool]:
    """Yield whether each attempt is selected."""
    on: Any = None
    row = moment = NEVER
    for key, start_row, start, exit_row in zip(
        zip(*(lists[name] for name in path), strict=True), lists["r_1"], lists["t_1"], lists["exit"], strict=True
    ):
        counts = key != on or (start_row > row and start > moment)
        if counts:
            on = key
            row, moment = (exit_row, NEVER) if exit_row < FAR else (NEVER, start + within)
        yield counts
