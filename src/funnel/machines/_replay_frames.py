"""Replay of everyone on every engine, with window functions.

A row is a person and an instant when a record begins or ceases to count, with the facts from then on. Each delay of the
rules that ends before the person's next row adds one more row. If the stage of a row differs from the row before, the
person has a transition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import narwhals as nw

from funnel._aggregate.group_by import PERSON, value_name
from funnel._aggregate.window import AT, running
from funnel._dataframes.adapter import Frame, FrameKind, collect_once, installed, materialize, to_local, to_native
from funnel._dataframes.compute import collected
from funnel._expr.nodes import Value
from funnel._expr.to_narwhals import Column, int_lit, node_column, tree_column
from funnel._people import logs_of
from funnel.facts._frames import fact_column, held_by_engine, with_derived
from funnel.logs import Logs
from funnel.logs.derived import arrivals
from funnel.machines._causes import KINDS, NAMELESS, RECORD, records_of
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine
from funnel.machines._fixed_points import BASE, BY, FROM, MOVED, NOBODY, TO, fixed_points


def is_packed(course: CompiledMachine, logs: Logs) -> bool:
    """Return whether the numpy replay can be used.

    Polars must hold the logs, numpy must be installed, and the plan must fit the bits of a mark.
    """
    first = next(iter(logs_of(logs).tables.values()))
    if not first.implementation.is_polars() or not installed("numpy"):
        return False
    from funnel.machines._packed import event_rows

    return len(event_rows.bits_of(course.plan)) <= event_rows.MOST_BITS


def moves_over(course: CompiledMachine, logs: Logs, now: int) -> Any:
    """Return every transition of everyone, as a dataframe of the logs' type."""
    moved, home = moved_over(course, logs, now)
    by_event = moved.filter(nw.col(BY) == BY_EVENT)
    if is_packed(course, logs):
        from funnel.machines._packed.columns import records_near

        return journey_over(course, moved, records_near(course.plan, logs.tables, by_event, MOVED), home)
    tables = logs.laid_tables
    if home != logs.home:
        tables = {name: to_local(tables[name], logs.home)[0] for name in KINDS if name in tables}
    return journey_over(course, moved, records_of(course.plan, tables, by_event, MOVED), home)


def moved_over(course: CompiledMachine, logs: Logs, now: int) -> tuple[Frame, FrameKind]:
    """Return every transition of everyone by stage numbers, and its dataframe kind.

    Columns: person, instant, from, to, cause.

    Raises:
        TransitionError: The rule makes a transition that is not in the table, or the stages form a cycle.
    """
    if is_packed(course, logs):
        from funnel.machines._packed.replay_numpy import moves_packed

        return moves_packed(course, logs.tables, now), logs.home
    event_rows = _lines(course, logs, now)
    if course.is_path:
        return _path_over(course, logs, event_rows)
    moved = collect_once(materialize(_moved(course, event_rows)))
    _check(course, moved)
    return moved.select(PERSON, MOVED, FROM, TO, BY), logs.home


def standing_over(course: CompiledMachine, logs: Logs, now: int) -> Any:
    """Return the stage of everyone at an instant, as a dataframe of the logs' type."""
    stood, home = _stood(course, logs, now)
    return to_native(stood.select(PERSON, stage=_stage(course, TO)), home)


def _stood(course: CompiledMachine, logs: Logs, now: int) -> tuple[Frame, FrameKind]:
    if not course.is_path:
        held, column = held_by_engine(course.plan, logs, now), fact_column(course.plan, int_lit(now))
        return held.select(PERSON, _answers(course, column).alias(TO)), logs.home
    moved, home = moved_over(course, logs, now)
    following = moved.with_columns(_next=nw.col(MOVED).shift(-1).over(PERSON, order_by=MOVED))
    return following.filter(nw.col("_next").is_null()), home


# ---- rows that matter ----------------------------------------------------------------------------------------------


def _lines(course: CompiledMachine, logs: Logs, now: int) -> Frame:
    """Return every relevant person and instant.

    Columns: `transitioned_at`, the values then, and the answers.
    """
    known = materialize(_known(course, logs, now))
    numbers = range(len(course.waits) + 1)
    few = nw.concat([known.select(_turn=int_lit(number)).head(1) for number in numbers])
    rows = known.join(few, how="cross") if course.waits else known.with_columns(_turn=int_lit(0))
    present = fact_column(course.plan, nw.col(AT))
    wait = int_lit(0)
    for number, node in enumerate(course.waits, 1):
        wait = nw.when(nw.col("_turn") == number).then(node_column(node, present)).otherwise(wait)
    rows = rows.with_columns(_wait=wait)
    ahead = (nw.col("_wait") > 0) & (nw.col("_wait") < nw.col("_until") - nw.col(AT))
    rows = rows.filter((nw.col("_turn") == 0) | ahead).with_columns((nw.col(AT) + nw.col("_wait")).alias(MOVED))
    return rows.with_columns(_answer=_answers(course, fact_column(course.plan, nw.col(MOVED))))


def _known(course: CompiledMachine, logs: Logs, now: int) -> Frame:
    """Return the values of everyone at each change, with their end (exclusive)."""
    tables, plan = logs.laid_tables, course.plan
    read = {one.stream.table for one in plan.reductions}
    narrow: Mapping[str, Frame] = {name: tables[name] for name in tables if name in read}
    known = with_derived(plan, running({**narrow, "": arrivals(tables)}, plan.reductions, now))
    until = nw.col(AT).shift(-1).over(PERSON, order_by=AT)
    return known.with_columns(_until=until).with_columns(nw.col("_until").fill_null(now + 1).cast(nw.Int64()))


def _answers(course: CompiledMachine, column: Column) -> nw.Expr:
    """Return the stage number; for several trees, the next stages as digits."""
    answer = int_lit(0)
    for digit, tree in enumerate(course.trees):
        answer = answer + tree_column(tree, column) * BASE**digit
    return answer


# ---- a stage that does not depend on the one before -----------------------------------------------------------------


def _moved(course: CompiledMachine, event_rows: Frame) -> Frame:
    """Return the rows with a transition, with their values."""
    told = _with_before(course, event_rows, {"_before": "_answer"})
    moved = told.with_columns(nw.col("_before").fill_null(NOBODY).cast(nw.Int64()))
    moved = moved.filter(nw.col("_before") != nw.col("_answer"))
    by_time = (nw.col("_turn") > 0) | ((nw.col("_before") >= 0) & (nw.col("_waited") == nw.col("_answer")))
    by = nw.when(by_time).then(int_lit(BY_TIME)).otherwise(int_lit(BY_EVENT))
    return moved.select(PERSON, MOVED, *_names(course), _from=nw.col("_before"), _to=nw.col("_answer"), _by=by)


def _with_before(course: CompiledMachine, event_rows: Frame, more: Mapping[str, str]) -> Frame:
    """Add the answers that time alone would have given since the row before."""
    shifted = {f"{_WAS}{name}": name for name in _names(course)}
    shifted.update(more, _since=MOVED)
    order = [MOVED, "_turn"]
    before = event_rows.with_columns(
        **{new: nw.col(name).shift(1).over(PERSON, order_by=order) for new, name in shifted.items()}
    )
    named = zip(_names(course), course.plan.empties, strict=True)
    filled = [_filled(f"{_WAS}{name}", empty) for name, empty in named]
    told = before.with_columns(*filled) if filled else before
    return told.with_columns(_waited=_answers(course, fact_column(course.plan, nw.col(MOVED), _WAS)))


_WAS = "_was_"


def _names(course: CompiledMachine) -> Sequence[str]:
    """Return the columns of the values."""
    return [value_name(place) for place in range(len(course.plan.empties))]


def _filled(name: str, empty: Value) -> nw.Expr:
    was = nw.col(name).fill_null(empty)
    return was if isinstance(empty, str) else was.cast(nw.Int64())


def _check(course: CompiledMachine, moved: Frame) -> None:
    """Check that the table has every transition.

    Raises:
        TransitionError: A transition is not in the table. The message has the first such transition with its facts.
    """
    kinds = collected(moved.group_by(FROM, TO, BY).agg(nw.len().alias("_moves"))).rows()
    for start, to, by, _ in sorted(kinds):
        if start != NOBODY and not course.may(start, to, by):
            same = (nw.col(FROM) == start) & (nw.col(TO) == to) & (nw.col(BY) == by)
            row = collected(moved.filter(same).head(1)).rows(named=True)[0]
            course.check([start, to], by, [row[name] for name in _names(course)], row[MOVED])


# ---- a stage that depends on the one before --------------------------------------------------------------------------


def _path_over(course: CompiledMachine, logs: Logs, event_rows: Frame) -> tuple[Frame, FrameKind]:
    """Return the transitions of a path-dependent machine, replayed in local memory."""
    told = _with_before(course, event_rows, {}).select(PERSON, MOVED, "_turn", "_answer", "_waited", *_names(course))
    near, home = to_local(told, logs.home)
    here = collected(near).sort(PERSON, MOVED, "_turn")
    columns = here.to_dict(as_series=False)
    steps = fixed_points(course, columns, _names(course))
    moved = here.select(PERSON, MOVED).with_columns(
        *(nw.new_series(name, steps[name], nw.Int64(), backend=here.implementation) for name in (FROM, TO, BY))
    )
    return moved.filter(nw.col(FROM) != nw.col(TO)).lazy(), home


# ---- result ----------------------------------------------------------------------------------------------------------


def journey_over(course: CompiledMachine, moved: Frame, records: Frame, home: FrameKind) -> Any:
    """Return transitions with stage values, each with the record that caused it."""
    by_event = nw.col(BY) == BY_EVENT
    named = ~nw.col(RECORD[0]).is_in(NAMELESS)
    kind, *names = RECORD
    pairs = [(nw.col(FROM) == start) & (nw.col(TO) == to) for start, to in sorted(course.returns)]
    told = moved.join(records, on=[PERSON, MOVED], how="left").select(
        PERSON,
        MOVED,
        nw.when(by_event).then(nw.col(kind)).alias(kind),
        *(nw.when(by_event & named).then(nw.col(name)).alias(name) for name in names),
        from_stage=_stage(course, FROM),
        to_stage=_stage(course, TO),
        cause=nw.when(by_event).then(nw.lit("event", nw.String())).otherwise(nw.lit("time", nw.String())),
        is_return=reduce(lambda a, b: a | b, pairs, nw.col(BY) < 0),
    )
    return to_native(told.select(PERSON, MOVED, *COLUMNS), home, instants=[MOVED])


COLUMNS = ("from_stage", "to_stage", "cause", *RECORD, "is_return")
"""Columns of a transition after the person and the instant."""


def _stage(course: CompiledMachine, name: str) -> nw.Expr:
    """Return the value of a stage number; null if the number is not a stage."""
    values = [stage.value for stage in course.stages]
    dtype = nw.String() if isinstance(values[0], str) else nw.Int64()
    shown = nw.lit(values[0], dtype)
    for number, value in enumerate(values[1:], 1):
        shown = nw.when(nw.col(name) == number).then(nw.lit(value, dtype)).otherwise(shown)
    return nw.when(nw.col(name) >= 0).then(shown)
