"""The kernel for every engine: window functions find the rows of the next steps.

A chain is built one step at a time, from the last step backwards. Each row of step k holds the rows that come after it.
Each row of step k-1 looks up the next row of step k and takes over its values. `outcomes` decides the outcome of an
attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import narwhals as nw

from funnel._dataframes.adapter import Frame, collect_once
from funnel._expr.to_narwhals import int_lit
from funnel.metrics._conversion.choice import chosen
from funnel.metrics._conversion.label_events import Plan, PlanExclusion, PlanStep, could_serve, may_meet
from funnel.metrics._conversion.lookahead import Path, has_bit, value_if
from funnel.metrics._conversion.outcomes import outcomes

Look = Callable[[Frame, Mapping[str, nw.Expr]], Frame]


def numbered(frame: Frame, plan: Plan) -> Frame:
    """Return a labelled frame with `row`: the index within the person, in total order."""
    tie_break = ["row"] if "row" in frame.collect_schema() else []
    ordered = frame.with_columns(one=int_lit(1)).with_columns(
        row=nw.col("one").cum_sum().over("person", order_by=[*plan.total_order, *tie_break])
    )
    return collect_once(ordered.drop("one").with_columns(nw.col("row").cast(nw.Int64())))


def attempts(rows: Frame, plan: Plan) -> Frame:
    """Return the selected attempts, as `plan` describes them.

    Args:
        rows: A labelled frame with row numbers.
        plan: The query.
    """
    path = Path(["person", *plan.path_columns])
    frame = path.last_of_instant(rows.with_columns(back=int_lit(0) - nw.col("row"), **_matches(plan)))
    frame = _exclusions(path, frame, plan)
    frame = _in_any_order(path, frame, plan) if plan.order == "any" else _in_order(path, frame, plan)
    return chosen(outcomes(_entries(frame, plan), plan), plan)


def _matches(plan: Plan) -> Mapping[str, nw.Expr]:
    """Return the steps and the exclusions that each row matches, as columns.

    Each is computed once: a division is ten calls to a Spark session.
    """
    steps = {f"step_{number}": has_bit("steps", number) for number in range(1, len(plan.steps) + 1)}
    return {**steps, **{f"excludes_{one.number}": has_bit("out", one.number) for one in plan.exclusions}}


def _entries(frame: Frame, plan: Plan) -> Frame:
    """Return the rows at which attempts start; only each person's earliest if only that one counts."""
    begins = nw.col("steps") > 0 if plan.order == "any" else nw.col("step_1")
    entries = frame.filter(begins).with_columns(r_1=nw.col("row"), t_1=nw.col("t"))
    if plan.attempts != "first":
        return entries
    firsts = entries.with_columns(first=nw.col("r_1").min().over("person"))
    return firsts.filter(nw.col("r_1") == nw.col("first"))


# ---- in order ------------------------------------------------------------------------------------------------------


def _in_order(path: Path, frame: Frame, plan: Plan) -> Frame:
    """Return first-step rows with the rows of all later steps: `r_2`, `t_2` ..."""
    required = plan.required
    frame = _optional(path, frame, plan)
    if plan.order == "strict":
        frame = path.next_row(frame, {"n": nw.col("row"), "nt": nw.col("t")})
        frame = frame.with_columns(
            nw.col(of).alias(f"{of}_{step.number}") for step in required[:-1] for of in ("n", "nt")
        )
    for before, step in reversed(list(pairwise(required))):
        meets = nw.col(f"step_{step.number}")
        values = {f"r_{step.number}": nw.col("row"), f"t_{step.number}": nw.col("t")}
        values |= {name: nw.col(name) for name in _carried(plan, step)}
        look = _look(path, plan, before, step)
        frame = look(frame, {name: value_if(meets, value) for name, value in values.items()})
    return frame


def _look(path: Path, plan: Plan, before: PlanStep, step: PlanStep) -> Look:
    """Return how the next row of a step is found from the row of the previous step."""
    if plan.order == "strict":
        return path.next_row
    if plan.tie_break == "later":
        return path.later
    return path.after if may_meet(before, step) else path.soonest


def _carried(plan: Plan, step: PlanStep) -> Sequence[str]:
    """Return the columns that hold, at the row of a step, the rows after it."""
    later = [one for one in plan.steps if one.number > step.number]
    names = [f"{of}_{one.number}" for one in later for of in ("r", "t")]
    names += [name for one in plan.exclusions if one.after >= step.number for name in excluded(plan, one)]
    if plan.order == "strict":
        names += [f"{of}_{one.number}" for one in plan.required[:-1] if one.number >= step.number for of in ("n", "nt")]
    return names


def _optional(path: Path, frame: Frame, plan: Plan) -> Frame:
    """Return every row with the next rows of the optional steps."""
    for step in plan.steps:
        if step.optional:
            before = plan.before(step)
            meets = nw.col(f"step_{step.number}")
            values = {f"r_{step.number}": nw.col("row"), f"t_{step.number}": nw.col("t")}
            look = _look(path, plan, before, step)
            frame = look(frame, {name: value_if(meets, value) for name, value in values.items()})
    return frame


# ---- in any order --------------------------------------------------------------------------------------------------


def _in_any_order(path: Path, frame: Frame, plan: Plan) -> Frame:
    """Return step rows with the rows of the other steps, soonest first: `r_2`, `t_2` ..."""
    names: list[str] = []
    for condition in sorted({step.condition for step in plan.steps}):
        times = sum(step.condition == condition for step in plan.steps)
        frame = _occurrences(path, frame, condition, times)
        names += [f"{condition}_{time}" for time in range(1, times + 1)]
    return _sorted(_sorted(frame, "r", names), "t", names)


def _occurrences(path: Path, frame: Frame, condition: int, times: int) -> Frame:
    """Return the next `times` rows that meet a condition.

    A row that meets it counts as the first of them.
    """
    meets = nw.col(f"step_{condition}")
    values = {"r": nw.col("row"), "t": nw.col("t")}
    for time in range(1, times + 1):
        frame = path.after(
            frame, {f"{of}_any_{condition}_{time}": value_if(meets, value) for of, value in values.items()}
        )
        values = {of: nw.col(f"{of}_any_{condition}_{time}") for of in values}
    return frame.with_columns(
        value_if(~meets, value).alias(f"{of}_any_{condition}_{times}") for of, value in values.items()
    )


def _sorted(frame: Frame, of: str, names: Sequence[str]) -> Frame:
    """Sort the values of each row, starting at the second step, by swapping neighbours."""
    columns = [f"{of}_any_{name}" for name in names]
    for round_number in range(len(columns)):
        pairs = list(pairwise(columns))[round_number % 2 :: 2]
        frame = frame.with_columns(
            expression for pair in pairs for expression in (_less(*pair).alias(pair[0]), _more(*pair).alias(pair[1]))
        )
    return frame.with_columns(
        nw.col(name).alias(f"{of}_{round_number}") for round_number, name in enumerate(columns[:-1], 2)
    )


def _less(a: str, b: str) -> nw.Expr:
    return nw.when(nw.col(a) < nw.col(b)).then(nw.col(a)).otherwise(nw.col(b))


def _more(a: str, b: str) -> nw.Expr:
    return nw.when(nw.col(a) < nw.col(b)).then(nw.col(b)).otherwise(nw.col(a))


# ---- exclusions ----------------------------------------------------------------------------------------------------


def excluded(plan: Plan, exclusion: PlanExclusion) -> Sequence[str]:
    """Return the columns of the next excluding rows, one more than steps they may serve."""
    times = range(len(could_serve(plan, exclusion)) + 1)
    return [f"{of}_{exclusion.number}_{time}" for time in times for of in ("x", "xt")]


def _exclusions(path: Path, frame: Frame, plan: Plan) -> Frame:
    """Return every row with the next rows that exclude."""
    for one in plan.exclusions:
        meets = nw.col(f"excludes_{one.number}")
        values = {"x": nw.col("row"), "xt": nw.col("t")}
        for time in range(len(could_serve(plan, one)) + 1):
            names = {of: f"{of}_{one.number}_{time}" for of in values}
            frame = path.after(frame, {names[of]: value_if(meets, value) for of, value in values.items()})
            values = {of: nw.col(name) for of, name in names.items()}
    return frame
