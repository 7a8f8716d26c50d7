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
from funnel._dataframes.frame_types import FrameT
from funnel._expr.nodes import Value
from funnel._expr.to_narwhals import Column, by_value, int_lit, tree_column
from funnel._people import logs_of
from funnel.facts._frames import UNTIL, fact_column, raw_facts_over, with_derived, with_waits
from funnel.logs import Logs
from funnel.logs.derived import arrivals
from funnel.machines._causes import KINDS, NAMELESS, RECORD, records_of
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine
from funnel.machines._fixed_points import BASE, BY, FROM, MOVED, NOBODY, TO, fixed_points


def _is_local(compiled: CompiledMachine, logs: Logs) -> bool:
    """Return whether loops can replay the logs.

    Polars must hold the logs, numba must be installed, and a row must have a bit for each reduction of the plan.
    """
    first = next(iter(logs_of(logs)._tables.values()))
    if not (first.implementation.is_polars() and installed("numba")):
        return False
    from funnel.machines._packed import event_rows

    return len(compiled.plan.reductions) <= event_rows.MOST_REDUCTIONS


def transitions_over(compiled: CompiledMachine, logs: Logs[FrameT], now: int) -> FrameT:
    """Return every transition of everyone, as a dataframe of the logs' type."""
    moved, frame_kind = numbered_transitions(compiled, logs, now)
    by_event = moved.filter(nw.col(BY) == BY_EVENT)
    if _is_local(compiled, logs):
        from funnel.machines._packed.event_rows import records_near

        records = records_near(compiled.plan, logs._tables, by_event, MOVED)
    else:
        tables = logs._materialized_tables
        if frame_kind != logs._frame_kind:
            tables = {name: to_local(tables[name], logs._frame_kind)[0] for name in KINDS if name in tables}
        records = records_of(compiled.plan, tables, by_event, MOVED)
    result: FrameT = journey_over(compiled, moved, records, frame_kind)
    return result


def numbered_transitions(compiled: CompiledMachine, logs: Logs, now: int) -> tuple[Frame, FrameKind]:
    """Return every transition of everyone by stage numbers, and its dataframe kind.

    Columns: person, instant, from, to, cause.

    Raises:
        TransitionError: The rule makes a transition that is not in the table, or the stages form a cycle.
    """
    if _is_local(compiled, logs):
        from funnel.machines._packed.replay_numpy import moves_packed

        moved = moves_packed(compiled, logs._tables, now)
        if moved is not None:
            return moved, logs._frame_kind
    event_rows = _lines(compiled, logs, now)
    if compiled.is_path:
        return _path_over(compiled, logs, event_rows)
    moved = collect_once(materialize(_moved(compiled, event_rows)))
    _check(compiled, moved)
    return moved.select(PERSON, MOVED, FROM, TO, BY), logs._frame_kind


def stages_over(compiled: CompiledMachine, logs: Logs[FrameT], now: int) -> FrameT:
    """Return the stage of everyone at an instant, as a dataframe of the logs' type."""
    stood, frame_kind = _stood(compiled, logs, now)
    result: FrameT = to_native(stood.select(PERSON, stage=_stage(compiled, TO)), frame_kind, order=(PERSON,))
    return result


def _stood(compiled: CompiledMachine, logs: Logs, now: int) -> tuple[Frame, FrameKind]:
    if not compiled.is_path:
        raw, column = raw_facts_over(compiled.plan, logs, now), fact_column(compiled.plan, int_lit(now))
        return raw.select(PERSON, _answers(compiled, column).alias(TO)), logs._frame_kind
    moved, frame_kind = numbered_transitions(compiled, logs, now)
    following = moved.with_columns(_next=nw.col(MOVED).shift(-1).over(PERSON, order_by=MOVED))
    return following.filter(nw.col("_next").is_null()), frame_kind


# ---- rows that matter ----------------------------------------------------------------------------------------------


def _lines(compiled: CompiledMachine, logs: Logs, now: int) -> Frame:
    """Return every relevant person and instant.

    Columns: `transitioned_at`, the values then, and the answers.
    """
    rows = with_waits(compiled.plan, materialize(_values_at_changes(compiled, logs, now)), compiled.waits, MOVED)
    return rows.with_columns(_answer=_answers(compiled, fact_column(compiled.plan, nw.col(MOVED))))


def _values_at_changes(compiled: CompiledMachine, logs: Logs, now: int) -> Frame:
    """Return the values of everyone at each change, with their end (exclusive)."""
    tables, plan = logs._materialized_tables, compiled.plan
    read = dict.fromkeys(one.stream.table for one in plan.reductions)
    narrow: Mapping[str, Frame] = {name: tables[name] for name in read if name in tables}
    values = with_derived(plan, running({**narrow, "": arrivals(tables)}, plan.reductions, now))
    until = nw.col(AT).shift(-1).over(PERSON, order_by=AT)
    return values.with_columns(until.alias(UNTIL)).with_columns(nw.col(UNTIL).fill_null(now + 1).cast(nw.Int64()))


def _answers(compiled: CompiledMachine, column: Column) -> nw.Expr:
    """Return the stage number; for several trees, the next stages as digits."""
    answer = int_lit(0)
    for digit, tree in enumerate(compiled.trees):
        answer = answer + tree_column(tree, column) * BASE**digit
    return answer


# ---- a stage that does not depend on the one before -----------------------------------------------------------------


def _moved(compiled: CompiledMachine, event_rows: Frame) -> Frame:
    """Return the rows with a transition, with their values."""
    rows = _with_before(compiled, event_rows, {"_before": "_answer"})
    moved = rows.with_columns(nw.col("_before").fill_null(NOBODY).cast(nw.Int64()))
    moved = moved.filter(nw.col("_before") != nw.col("_answer"))
    by_time = (nw.col("_turn") > 0) | ((nw.col("_before") >= 0) & (nw.col("_waited") == nw.col("_answer")))
    by = nw.when(by_time).then(int_lit(BY_TIME)).otherwise(int_lit(BY_EVENT))
    return moved.select(PERSON, MOVED, *_names(compiled), _from=nw.col("_before"), _to=nw.col("_answer"), _by=by)


def _with_before(compiled: CompiledMachine, event_rows: Frame, more: Mapping[str, str]) -> Frame:
    """Add the answers that time alone would have given since the row before."""
    shifted = {f"{_WAS}{name}": name for name in _names(compiled)}
    shifted.update(more, _since=MOVED)
    order = [MOVED, "_turn"]
    before = event_rows.with_columns(
        **{new: nw.col(name).shift(1).over(PERSON, order_by=order) for new, name in shifted.items()}
    )
    pairs = zip(_names(compiled), compiled.plan.empties, strict=True)
    filled = [_filled(f"{_WAS}{name}", empty) for name, empty in pairs]
    rows = before.with_columns(*filled) if filled else before
    waited = _answers(compiled.waiting, fact_column(compiled.plan, nw.col(MOVED), _WAS))
    return rows.with_columns(_waited=waited)


_WAS = "_was_"


def _names(compiled: CompiledMachine) -> Sequence[str]:
    """Return the columns of the values."""
    return [value_name(number) for number in range(len(compiled.plan.empties))]


def _filled(name: str, empty: Value) -> nw.Expr:
    was = nw.col(name).fill_null(empty)
    return was if isinstance(empty, str) else was.cast(nw.Int64())


def _check(compiled: CompiledMachine, moved: Frame) -> None:
    """Check that the table has every transition.

    Raises:
        TransitionError: A transition is not in the table. The message has the first such transition with its facts.
    """
    kinds = collected(moved.group_by(FROM, TO, BY).agg(nw.len().alias("_moves"))).rows()
    for start, to, by, _ in sorted(kinds):
        if start != NOBODY and not compiled.may(start, to, by):
            same = (nw.col(FROM) == start) & (nw.col(TO) == to) & (nw.col(BY) == by)
            row = collected(moved.filter(same).head(1)).rows(named=True)[0]
            compiled.check([start, to], by, [row[name] for name in _names(compiled)], row[MOVED])


# ---- a stage that depends on the one before --------------------------------------------------------------------------


def _path_over(compiled: CompiledMachine, logs: Logs, event_rows: Frame) -> tuple[Frame, FrameKind]:
    """Return the transitions of a path-dependent machine, replayed in local memory."""
    rows = _with_before(compiled, event_rows, {}).select(
        PERSON, MOVED, "_turn", "_answer", "_waited", *_names(compiled)
    )
    local_rows, frame_kind = to_local(rows, logs._frame_kind)
    sorted_rows = collected(local_rows).sort(PERSON, MOVED, "_turn")
    steps = fixed_points(compiled, sorted_rows.to_dict(as_series=False), _names(compiled))
    moved = sorted_rows.select(PERSON, MOVED).with_columns(
        *(nw.new_series(name, steps[name], nw.Int64(), backend=sorted_rows.implementation) for name in (FROM, TO, BY))
    )
    return moved.filter(nw.col(FROM) != nw.col(TO)).lazy(), frame_kind


# ---- result ----------------------------------------------------------------------------------------------------------


def journey_over(compiled: CompiledMachine, moved: Frame, records: Frame, frame_kind: FrameKind) -> Any:
    """Return transitions with stage values, each with the record that caused it."""
    by_event = nw.col(BY) == BY_EVENT
    has_id = ~nw.col(RECORD[0]).is_in(NAMELESS)
    kind, *names = RECORD
    pairs = [(nw.col(FROM) == start) & (nw.col(TO) == to) for start, to in sorted(compiled.returns)]
    result = moved.join(records, on=[PERSON, MOVED], how="left").select(
        PERSON,
        MOVED,
        nw.when(by_event).then(nw.col(kind)).alias(kind),
        *(nw.when(by_event & has_id).then(nw.col(name)).alias(name) for name in names),
        from_stage=_stage(compiled, FROM),
        to_stage=_stage(compiled, TO),
        cause=nw.when(by_event).then(nw.lit("event", nw.String())).otherwise(nw.lit("time", nw.String())),
        is_return=reduce(lambda a, b: a | b, pairs, nw.col(BY) < 0),
    )
    return to_native(result.select(PERSON, MOVED, *COLUMNS), frame_kind, instants=[MOVED], order=(PERSON, MOVED))


COLUMNS = ("from_stage", "to_stage", "cause", *RECORD, "is_return")
"""Columns of a transition after the person and the instant."""


def _stage(compiled: CompiledMachine, name: str) -> nw.Expr:
    return nw.when(nw.col(name) >= 0).then(stage_value([stage.value for stage in compiled.stages], name))


def stage_value(stages: Sequence[int | str], name: str) -> nw.Expr:
    """Return the value of a stage from a column of its number."""
    first, *others = (nw.lit(value, nw.String() if isinstance(value, str) else nw.Int64()) for value in stages)
    return by_value(name, enumerate(others, 1), first)
