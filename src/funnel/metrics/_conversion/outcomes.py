"""The outcome of an attempt: steps reached in time, how it ended, whether it is open."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import int_lit, to_int
from funnel.metrics._conversion.label_events import (
    CONVERTED,
    DROPPED,
    PENDING,
    Plan,
    PlanExclusion,
    PlanStep,
    could_serve,
)
from funnel.metrics._conversion.lookahead import FAR, value_if


def outcomes(entries: Frame, plan: Plan) -> Frame:
    """Add the outcome to the rows at which attempts start.

    Adds `ok_k` (1 if step k was reached); `reached`, `state` and `settled` as in `plan`; `removed` (1 if an exclusion
    removed the attempt); `exit` (the row at which the attempt ended before its window did, else FAR).
    """
    frame = _reached(entries, plan)
    for one in plan.exclusions:
        frame = _met(frame, plan, one)
    frame = _with_ends(frame, plan)
    reached = nw.sum_horizontal(*(f"ok_{step.number}" for step in plan.required))
    frame = frame.with_columns(reached=reached.cast(nw.Int64()))
    frame = frame.with_columns(broken=_broken(plan))
    return frame.with_columns(state=_state(plan), settled=to_int(_over(plan)), exit=_exit(plan))


# ---- in time -------------------------------------------------------------------------------------------------------


def _reached(frame: Frame, plan: Plan) -> Frame:
    """Add the steps reached if nothing excludes.

    A step is reached only if the previous step was.
    """
    frame = frame.with_columns(ok_1=int_lit(1))
    for step in plan.required[1:]:
        frame = frame.with_columns(to_int(_in_time(plan, step)).alias(f"ok_{step.number}"))
    for step in plan.steps:
        if step.optional:
            reached = _in_time(plan, step) & _before_next(plan, step)
            frame = frame.with_columns(to_int(reached).alias(f"ok_{step.number}"))
    return frame


def _in_time(plan: Plan, step: PlanStep) -> nw.Expr:
    when, before = nw.col(f"t_{step.number}"), plan.before(step).number
    there = (nw.col(f"ok_{before}") == 1) & (nw.col(f"r_{step.number}") < FAR)
    in_time = there & (when - nw.col("t_1") <= plan.within)
    if step.within is not None:
        in_time &= when - nw.col(f"t_{before}") <= step.within
    if plan.order == "strict" and plan.tie_break == "later":
        in_time &= when > nw.col(f"t_{before}")
    return in_time


def _before_next(plan: Plan, step: PlanStep) -> nw.Expr:
    """Return whether an optional step came before the next required step, if that one was reached."""
    following = plan.after(step)
    if following is None:
        return nw.lit(value=True)
    of = "t" if plan.tie_break == "later" else "r"
    return (nw.col(f"ok_{following.number}") == 0) | (
        nw.col(f"{of}_{step.number}") < nw.col(f"{of}_{following.number}")
    )


# ---- exclusions ----------------------------------------------------------------------------------------------------


def _met(frame: Frame, plan: Plan, exclusion: PlanExclusion) -> Frame:
    """Return the rows with `out_e`: the row at which the exclusion was met, FAR if it was not."""
    at, when = f"out_{exclusion.number}", f"out_t_{exclusion.number}"
    numbers = could_serve(plan, exclusion)
    last = len(numbers)
    frame = frame.with_columns(nw.col(f"x_{exclusion.number}_{last}").alias(at))
    frame = frame.with_columns(nw.col(f"xt_{exclusion.number}_{last}").alias(when))
    for time in range(last - 1, -1, -1):
        row, moment = f"x_{exclusion.number}_{time}", f"xt_{exclusion.number}_{time}"
        serves = _any(_serves(row, number) for number in numbers)
        frame = frame.with_columns(
            nw.when(serves).then(nw.col(at)).otherwise(nw.col(row)).alias(at),
            nw.when(serves).then(nw.col(when)).otherwise(nw.col(moment)).alias(when),
        )
    through = nw.col(f"ok_{exclusion.before}") == 1
    inside = (through & (nw.col(at) < nw.col(f"r_{exclusion.before}"))) | (
        ~through & (nw.col(when) - nw.col("t_1") <= plan.within)
    )
    met = (nw.col(f"ok_{exclusion.after}") == 1) & (nw.col(at) < FAR) & inside
    return frame.with_columns(value_if(met, nw.col(at)).alias(at))


def _serves(row: str, number: int) -> nw.Expr:
    return (nw.col(f"ok_{number}") == 1) & (nw.col(row) == nw.col(f"r_{number}"))


def _any(conditions: Iterator[nw.Expr]) -> nw.Expr:
    return nw.any_horizontal(*conditions, ignore_nulls=False)


def _with_ends(frame: Frame, plan: Plan) -> Frame:
    """Drop the steps after the row that ends the attempt.

    `out_row` is the first excluding row.
    """
    every = [f"out_{one.number}" for one in plan.exclusions]
    removing = [nw.col(f"out_{one.number}") < FAR for one in plan.exclusions if one.remove]
    dropping = [f"out_{one.number}" for one in plan.exclusions if not one.remove]
    frame = frame.with_columns(out_row=_minimum(every), cut=_minimum(dropping))
    frame = frame.with_columns(removed=to_int(_any(iter(removing))) if removing else int_lit(0))
    cut = (to_int((nw.col(f"ok_{n}") == 1) & (nw.col(f"r_{n}") < nw.col("cut"))) for n in range(2, len(plan.steps) + 1))
    return frame.with_columns(one.alias(f"ok_{n}") for n, one in enumerate(cut, 2)) if dropping else frame


def _minimum(names: list[str]) -> nw.Expr:
    if not names:
        return int_lit(FAR)
    first, *others = map(nw.col, names)  # Spark's least() needs at least two columns
    return (nw.min_horizontal(first, *others) if others else first).cast(nw.Int64())


# ---- state ---------------------------------------------------------------------------------------------------------


def _over(plan: Plan) -> nw.Expr:
    """Return whether the window of the whole attempt is closed."""
    return plan.as_of - nw.col("t_1") >= plan.within


def _broken(plan: Plan) -> nw.Expr:
    """Return the row that came in time in place of the step that strict order requires; FAR if there is none."""
    broken = int_lit(FAR)
    if plan.order == "strict":
        for position, step in enumerate(plan.required[:-1], 1):
            next_row = value_if(nw.col(f"nt_{step.number}") - nw.col("t_1") <= plan.within, nw.col(f"n_{step.number}"))
            broken = nw.when(nw.col("reached") == position).then(next_row).otherwise(broken)
    return broken


def _state(plan: Plan) -> nw.Expr:
    is_ended = (nw.col("cut") < FAR) | (nw.col("broken") < FAR) | _over(plan) | _too_late(plan)
    still = nw.when(is_ended).then(int_lit(DROPPED)).otherwise(int_lit(PENDING))
    return nw.when(nw.col("reached") == len(plan.required)).then(int_lit(CONVERTED)).otherwise(still)


def _too_late(plan: Plan) -> nw.Expr:
    """Return whether the window of the next step alone is closed."""
    late = nw.lit(value=False)
    for position, (before, step) in enumerate(pairwise(plan.required), 1):
        if step.within is not None:
            over = plan.as_of - nw.col(f"t_{before.number}") >= step.within
            late |= (nw.col("reached") == position) & over
    return late


def _exit(plan: Plan) -> nw.Expr:
    """Return the row at which the attempt ended: last step, exclusion or broken order.

    FAR at the window's end.
    """
    last = plan.required[-1].number
    end_row = nw.when(nw.col("out_row") < FAR).then(nw.col("out_row")).otherwise(nw.col("broken"))
    through = (nw.col("reached") == len(plan.required)) & (nw.col("removed") == 0)
    return nw.when(through).then(nw.col(f"r_{last}")).otherwise(end_row)
