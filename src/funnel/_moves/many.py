"""Everyone's moves on every engine: running facts by windows, and the instants at which time may change the stage.

A row is a person and an instant at which something counts or ceases to, with the facts as known from then on; every
wait of the rules that ends before the person's next such row makes one more. Where the stage of a row is not that of
the row before, somebody has moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import narwhals as nw

from funnel._computing import collected
from funnel._facts.frames import fact_column, held_over, with_derived
from funnel._frames import Frame, Home, brought, installed, kept, laid_down, leave
from funnel._instants import FOREVER
from funnel._lift.columns import Column, node_column, tree_column, whole
from funnel._lift.nodes import Value
from funnel._moves.course import BY_EVENT, BY_TIME, Course
from funnel._moves.records import KINDS, NAMELESS, RECORD, records_of
from funnel._moves.walked import BASE, BY, FROM, MOVED, NOBODY, TO, walked
from funnel._people import logs_of
from funnel._reduce.aggregates import PERSON, value_name
from funnel._reduce.windows import AT, running
from funnel._streams import ROOTS
from funnel.logs import Logs


def is_packed(course: Course, logs: Logs) -> bool:
    """Whether Polars holds the logs in local memory, numpy can look through them, and a mark has bits for the plan."""
    first = next(iter(logs_of(logs).tables.values()))
    if not first.implementation.is_polars() or not installed("numpy"):
        return False
    from funnel._moves.packed import lines

    return len(lines.bits_of(course.plan)) <= lines.MOST_BITS


def moves_over(course: Course, logs: Logs, now: int) -> Any:
    """Every move of everyone, as a frame of the logs' own kind."""
    moved, home = moved_over(course, logs, now)
    by_event = moved.filter(nw.col(BY) == BY_EVENT)
    if is_packed(course, logs):
        from funnel._moves.packed.named import records_near

        return told_over(course, moved, records_near(course.plan, logs.tables, by_event, MOVED), home)
    tables = logs.laid_tables
    if home != logs.home:
        tables = {name: brought(tables[name], logs.home)[0] for name in KINDS if name in tables}
    return told_over(course, moved, records_of(course.plan, tables, by_event, MOVED), home)


def moved_over(course: Course, logs: Logs, now: int) -> tuple[Frame, Home]:
    """Every move of everyone, by the numbers of stages, and where it now is: person, instant, from, to, by what.

    Raises:
        MoveError: The rule makes a move that the table has not, or the stages of a path never rest.
    """
    if is_packed(course, logs):
        from funnel._moves.packed.kernel import moves_packed

        return moves_packed(course, logs.tables, now), logs.home
    lines = _lines(course, logs, now)
    if course.is_path:
        return _path_over(course, logs, lines)
    moved = kept(laid_down(_moved(course, lines)))
    _check(course, moved)
    return moved.select(PERSON, MOVED, FROM, TO, BY), logs.home


def standing_over(course: Course, logs: Logs, now: int) -> Any:
    """Where everyone stands at an instant, as a frame of the logs' own kind."""
    stood, home = _stood(course, logs, now)
    return leave(stood.select(PERSON, stage=_stage(course, TO)), home)


def _stood(course: Course, logs: Logs, now: int) -> tuple[Frame, Home]:
    if not course.is_path:
        held, column = held_over(course.plan, logs, now), fact_column(course.plan, whole(now))
        return held.select(PERSON, _answers(course, column).alias(TO)), logs.home
    moved, home = moved_over(course, logs, now)
    following = moved.with_columns(_next=nw.col(MOVED).shift(-1).over(PERSON, order_by=MOVED))
    return following.filter(nw.col("_next").is_null()), home


# ---- rows that matter ----------------------------------------------------------------------------------------------


def _lines(course: Course, logs: Logs, now: int) -> Frame:
    """Every person and instant that matters: `moved_at`, the values known then and just before, and the answers."""
    known = laid_down(_known(course, logs, now))
    numbers = range(len(course.waits) + 1)
    few = nw.concat([known.select(_turn=whole(number)).head(1) for number in numbers])
    rows = known.join(few, how="cross") if course.waits else known.with_columns(_turn=whole(0))
    present = fact_column(course.plan, nw.col(AT))
    wait = whole(0)
    for number, node in enumerate(course.waits, 1):
        wait = nw.when(nw.col("_turn") == number).then(node_column(node, present)).otherwise(wait)
    rows = rows.with_columns(_wait=wait)
    ahead = (nw.col("_wait") > 0) & (nw.col("_wait") < nw.col("_until") - nw.col(AT))
    rows = rows.filter((nw.col("_turn") == 0) | ahead).with_columns((nw.col(AT) + nw.col("_wait")).alias(MOVED))
    return rows.with_columns(_answer=_answers(course, fact_column(course.plan, nw.col(MOVED))))


def _known(course: Course, logs: Logs, now: int) -> Frame:
    """The values of everyone at their own instants, with the instant before which they hold."""
    tables, plan = logs.laid_tables, course.plan
    read = {one.stream.table for one in plan.reductions}
    narrow: Mapping[str, Frame] = {name: tables[name] for name in tables if name in read}
    known = with_derived(plan, running({**narrow, "": arrivals(tables)}, plan.reductions, now))
    until = nw.col(AT).shift(-1).over(PERSON, order_by=AT)
    return known.with_columns(_until=until).with_columns(nw.col("_until").fill_null(now + 1).cast(nw.Int64()))


def arrivals(tables: Mapping[str, Frame]) -> Frame:
    """When anything was first recorded of everyone, as a table of which nothing is read."""
    there = [tables[name].select(PERSON, "start") for name in ROOTS if name in tables]
    first = nw.concat(there).group_by(PERSON).agg(nw.col("start").min())
    return first.with_columns(end=whole(FOREVER))


def _answers(course: Course, column: Column) -> nw.Expr:
    """The number of the stage, or of those into which each stage moves, one digit each."""
    answer = whole(0)
    for digit, tree in enumerate(course.trees):
        answer = answer + tree_column(tree, column) * BASE**digit
    return answer


# ---- a stage that does not depend on the one before -----------------------------------------------------------------


def _moved(course: Course, lines: Frame) -> Frame:
    """The rows in which somebody has moved, with the values that were known."""
    told = _with_before(course, lines, {"_before": "_answer"})
    moved = told.with_columns(nw.col("_before").fill_null(NOBODY).cast(nw.Int64()))
    moved = moved.filter(nw.col("_before") != nw.col("_answer"))
    by_time = (nw.col("_turn") > 0) | ((nw.col("_before") >= 0) & (nw.col("_waited") == nw.col("_answer")))
    by = nw.when(by_time).then(whole(BY_TIME)).otherwise(whole(BY_EVENT))
    return moved.select(PERSON, MOVED, *_names(course), _from=nw.col("_before"), _to=nw.col("_answer"), _by=by)


def _with_before(course: Course, lines: Frame, more: Mapping[str, str]) -> Frame:
    """Each row with what the rules would have answered had time alone passed since the row before."""
    shifted = {f"{_WAS}{name}": name for name in _names(course)}
    shifted.update(more, _since=MOVED)
    order = [MOVED, "_turn"]
    before = lines.with_columns(
        **{new: nw.col(name).shift(1).over(PERSON, order_by=order) for new, name in shifted.items()}
    )
    named = zip(_names(course), course.plan.empties, strict=True)
    filled = [_filled(f"{_WAS}{name}", empty) for name, empty in named]
    told = before.with_columns(*filled) if filled else before
    return told.with_columns(_waited=_answers(course, fact_column(course.plan, nw.col(MOVED), _WAS)))


_WAS = "_was_"


def _names(course: Course) -> Sequence[str]:
    """The columns of the values."""
    return [value_name(place) for place in range(len(course.plan.empties))]


def _filled(name: str, empty: Value) -> nw.Expr:
    was = nw.col(name).fill_null(empty)
    return was if isinstance(empty, str) else was.cast(nw.Int64())


def _check(course: Course, moved: Frame) -> None:
    """See that the table has every move.

    Raises:
        MoveError: It has not; the first that is found is told, with what was known.
    """
    kinds = collected(moved.group_by(FROM, TO, BY).agg(nw.len().alias("_moves"))).rows()
    for start, to, by, _ in sorted(kinds):
        if start != NOBODY and not course.may(start, to, by):
            same = (nw.col(FROM) == start) & (nw.col(TO) == to) & (nw.col(BY) == by)
            row = collected(moved.filter(same).head(1)).rows(named=True)[0]
            course.check([start, to], by, [row[name] for name in _names(course)], row[MOVED])


# ---- a stage that depends on the one before --------------------------------------------------------------------------


def _path_over(course: Course, logs: Logs, lines: Frame) -> tuple[Frame, Home]:
    """Everyone's moves where each depends on the one before: walked in order, in local memory."""
    told = _with_before(course, lines, {}).select(PERSON, MOVED, "_turn", "_answer", "_waited", *_names(course))
    near, home = brought(told, logs.home)
    here = collected(near).sort(PERSON, MOVED, "_turn")
    columns = here.to_dict(as_series=False)
    steps = walked(course, columns, _names(course))
    moved = here.select(PERSON, MOVED).with_columns(
        *(nw.new_series(name, steps[name], nw.Int64(), backend=here.implementation) for name in (FROM, TO, BY))
    )
    return moved.filter(nw.col(FROM) != nw.col(TO)).lazy(), home


# ---- what is told ----------------------------------------------------------------------------------------------------


def told_over(course: Course, moved: Frame, records: Frame, home: Home) -> Any:
    """Moves by the numbers of stages as they are shown, each with the record that brought it about."""
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
    return leave(told.select(PERSON, MOVED, *COLUMNS), home, instants=[MOVED])


COLUMNS = ("from_stage", "to_stage", "cause", *RECORD, "is_return")
"""What is told of a move, beside of whom and when."""


def _stage(course: Course, name: str) -> nw.Expr:
    """The value of the stage of a number; null where it is that of none."""
    values = [stage.value for stage in course.stages]
    dtype = nw.String() if isinstance(values[0], str) else nw.Int64()
    shown = nw.lit(values[0], dtype)
    for number, value in enumerate(values[1:], 1):
        shown = nw.when(nw.col(name) == number).then(nw.lit(value, dtype)).otherwise(shown)
    return nw.when(nw.col(name) >= 0).then(shown)
