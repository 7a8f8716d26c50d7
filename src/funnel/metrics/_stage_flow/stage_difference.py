"""Comparison of two rule books: people whose stage differs, since when, and changed transitions and stage counts.

Invariant: histories and an engine give the same differences for the same people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

import attrs
import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._arguments import instance
from funnel._dataframes.adapter import Frame, FrameKind, collect_once, materialize, to_native
from funnel._dataframes.compute import collected
from funnel._dataframes.frame_types import FrameT
from funnel._expr.to_narwhals import by_value, int_lit, to_int
from funnel._people import histories_of
from funnel._time import instant
from funnel.errors import TransitionError
from funnel.history import History
from funnel.logs import Logs
from funnel.machines._compiled import CompiledMachine
from funnel.machines._fixed_points import FROM, MOVED, NOBODY, TO
from funnel.machines._machine import AnyMachine, check_is_machine
from funnel.machines._replay import Step
from funnel.machines._replay_frames import stage_value
from funnel.metrics._periods import Calendar, Period, Weekday
from funnel.metrics._stage_flow.difference_result import StageChange, StageDifference
from funnel.metrics._stage_flow.stage_flow import StageFlowQuery, Value, flow_of
from funnel.metrics._stage_flow.transitions import TransitionsOfHistories, TransitionsOfLogs, TransitionSource
from funnel.policy import Policy, check_is_policy
from funnel.stages import SHOP_MACHINE

_OLD, _NEW = 0, 1
_ROOM = 1000
"""Factor to pack two stage numbers into one; larger than the number of stages of any machine."""


@attrs.frozen
class RuleBook:
    """A machine with the shop's policy.

    Args:
        policy: The shop's policy.
        machine: The stages with their rule and transition table.
    """

    policy: Policy
    machine: AnyMachine[Any] = SHOP_MACHINE

    def __attrs_post_init__(self) -> None:
        """Validate the policy and the machine.

        Raises:
            ArgumentError: Either has the wrong type.
        """
        check_is_policy(self.policy)
        check_is_machine(self.machine)


@overload
def stage_difference(
    people: Logs[FrameT],
    old: RuleBook,
    new: RuleBook,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
) -> StageDifference[FrameT]: ...


@overload
def stage_difference(
    people: History | Iterable[History],
    old: RuleBook,
    new: RuleBook,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
) -> StageDifference[list[dict[str, Any]]]: ...


def stage_difference(  # noqa: PLR0913 - two rule books, what is cut, and by whose clock
    people: Logs | History | Iterable[History],
    old: RuleBook,
    new: RuleBook,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
) -> StageDifference[Any]:
    """Compare two rule books over the whole past of the same records.

    The result has the people whose stage differs and since when. It also compares how often each transition occurs,
    which share of the spells in a stage ends this way and after how long, and how many people are in each stage at the
    end of each period.

    Args:
        people: All logs, one history, or several histories.
        old: The current rule book.
        new: The proposed rule book.
        period: The kind of period.
        tz: The time zone in which periods are cut, such as "Asia/Jakarta".
        as_of: The evaluation time.
        week_start: First day of the week; for weeks only.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, the period or the weekday is unknown.
        TransitionError: A rule makes a transition that its table does not allow, or one rule book has text stages and
            the other has number stages.

    Example:
        >>> from datetime import UTC, timedelta
        >>> from funnel import History, Money, Policy, Purchase
        >>> bought = Purchase(id="1", person_id="p1", purchased_at="2026-01-05T00:00Z", amount=Money(9, "USD"))
        >>> old, new = RuleBook(Policy()), RuleBook(Policy(lapse_after=timedelta(days=30)))
        >>> day = datetime(2026, 2, 20, tzinfo=UTC)
        >>> print(stage_difference(History.of("p1", [bought]), old, new, tz="UTC", as_of=day))
        1 of 1 people are in another stage, 1 were at some time
        1 from customer to lapsed
        <BLANKLINE>
        transition          old  new  more         of spells  median time before
        (new) -> customer     1    1    +0
        customer -> lapsed    0    1    +1  0.0 % -> 100.0 %        none -> 30 d
        <BLANKLINE>
        period       stage  old  new  more
        2026-02*  customer    1    0    -1
        2026-02*    lapsed    0    1    +1
    """
    query = StageFlowQuery(as_of, tz, Calendar.of(period, tz, week_start))
    for name, book in (("old", old), ("new", new)):
        instance(book, RuleBook, name, "a RuleBook")
    stages = _stages(old, new)
    books = (old, new)
    shared = [[stages.index(stage.value) for stage in _compiled(book).stages] for book in books]
    sources: Sequence[TransitionSource]
    if isinstance(people, Logs):
        sources = of_logs = [TransitionsOfLogs.of(_compiled(book), people, query.now) for book in books]
        differing = _differing_logs(of_logs, shared, stages)
    else:
        histories = histories_of(people)
        sources = of_histories = [TransitionsOfHistories.of(_compiled(book), histories, query.now) for book in books]
        differing = _differing_histories(of_histories, shared, stages)
    before, after = (flow_of(sources[which], _compiled(books[which]), query) for which in (_OLD, _NEW))
    changes = [StageChange(stages[a], stages[b], count) for a, b, count, _ in differing.counts if a != b]
    unchanged = sum(count for a, b, count, _ in differing.counts if a == b)
    ever = sum(ever for *_, ever in differing.counts)
    return StageDifference(as_of, tuple(changes), unchanged, ever, before, after, differing.people)


@attrs.frozen
class _Differing:
    """Counts by old and new stage, and the people who ever differed.

    A count is: old stage, new stage, number of people, number of these who ever differed.
    """

    counts: Sequence[tuple[int, int, int, int]]
    people: Any


def _compiled(book: RuleBook) -> CompiledMachine:
    return book.machine._compiled(book.policy)


def _stages(old: RuleBook, new: RuleBook) -> Sequence[Value]:
    """Return the distinct stages of both rule books."""
    values: dict[Any, None] = {stage.value: None for book in (old, new) for stage in _compiled(book).stages}
    if len({isinstance(value, str) for value in values}) > 1:
        raise TransitionError(
            "both rule books must have stages of one kind (got texts and numbers); use texts, or numbers, in both"
        )
    return list(values)


# ---- people one by one ----


def _differing_histories(
    transitions: Sequence[TransitionsOfHistories], shared: Sequence[Sequence[int]], stages: Sequence[Value]
) -> _Differing:
    counts: Counter[tuple[int, int]] = Counter()
    ever: Counter[tuple[int, int]] = Counter()
    people: list[dict[str, Any]] = []
    for (person_id, old), (_, new) in zip(*(one.people for one in transitions), strict=True):
        stood = _stood(_path(old, shared[_OLD]), _path(new, shared[_NEW]))
        if not stood:
            continue
        pair = list(stood.values())[-1]
        counts[pair] += 1
        since = next((at for at, (a, b) in stood.items() if a != b), None)
        if since is not None:
            ever[pair] += 1
            sides = {"old_stage": stages[pair[_OLD]], "new_stage": stages[pair[_NEW]]}
            people.append({PERSON: person_id, "differs_from": instant(since), **sides})
    return _Differing([(*pair, count, ever[pair]) for pair, count in sorted(counts.items())], people)


def _path(steps: Iterable[Step], shared: Sequence[int]) -> dict[int, int]:
    """Return a person's stages by instant."""
    return {step.at: shared[step.to] for step in steps}


def _stood(old: Mapping[int, int], new: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Return a person's stage by both from each instant on; both start at arrival."""
    stood: dict[int, tuple[int, int]] = {}
    here = (NOBODY, NOBODY)
    for at in sorted({*old, *new}):
        stood[at] = here = (old.get(at, here[_OLD]), new.get(at, here[_NEW]))
    return stood


# ---- everyone, where the data are ----


def _differing_logs(
    transitions: Sequence[TransitionsOfLogs], shared: Sequence[Sequence[int]], stages: Sequence[Value]
) -> _Differing:
    parts = [_numbered(transitions[which].moved, shared[which], which) for which in (_OLD, _NEW)]
    sides = collect_once(materialize(_sides(collect_once(materialize(nw.concat(parts))))))
    totals = sides.group_by("_old", "_new").agg(nw.len().alias("_count"), nw.col("_ever").sum().alias("_ever_sum"))
    rows = sorted((int(a), int(b), int(n), int(e)) for a, b, n, e in collected(totals).select(*_COUNT_COLUMNS).rows())
    return _Differing(rows, _people(sides, stages, transitions[_OLD].kind))


_COUNT_COLUMNS = ("_old", "_new", "_count", "_ever_sum")


def _numbered(moved: Frame, shared: Sequence[int], which: int) -> Frame:
    """Return the transitions of one rule book with shared stage numbers."""
    return moved.select(PERSON, MOVED, _renumbered(FROM, shared), _renumbered(TO, shared), _which=int_lit(which))


def _renumbered(name: str, shared: Sequence[int]) -> nw.Expr:
    return by_value(name, enumerate(map(int_lit, shared)), int_lit(NOBODY)).alias(name)


def _sides(lines: Frame) -> Frame:
    """Return each person's stage by both, whether they ever differed, and since when."""
    order = [MOVED, "_which"]
    turned = lines.with_columns(_turn=int_lit(1))
    turned = turned.with_columns(nw.col("_turn").cum_sum().over(PERSON, order_by=order))
    marked = turned.with_columns(_side(_OLD).alias("_old"), _side(_NEW).alias("_new"))
    names = ("_old", "_new")
    numbered = marked.with_columns(*(nw.col(name).cum_max().over(PERSON, order_by=order).alias(name) for name in names))
    numbered = numbered.with_columns(_next=nw.col(MOVED).shift(-1).over(PERSON, order_by=order))
    with_next = numbered.with_columns(nw.col("_next").fill_null(NOBODY).cast(nw.Int64()))
    last = with_next.filter(nw.col("_next") != nw.col(MOVED))
    stood = last.select(PERSON, MOVED, "_next", *(_stage_of(name) for name in names))
    differing = stood.filter(nw.col("_old") != nw.col("_new")).group_by(PERSON).agg(nw.col(MOVED).min().alias("_from"))
    ends = stood.filter(nw.col("_next") == NOBODY).select(PERSON, *names).join(differing, on=PERSON, how="left")
    return ends.with_columns(_ever=to_int(~nw.col("_from").is_null()))


def _side(which: int) -> nw.Expr:
    """Return row number and stage of one rule book's row as one number.

    Later rows get larger numbers.
    """
    return nw.when(nw.col("_which") == which).then(nw.col("_turn") * _ROOM + nw.col(TO)).otherwise(int_lit(NOBODY))


def _stage_of(name: str) -> nw.Expr:
    return nw.col(name) - (nw.col(name) // _ROOM) * _ROOM


def _people(sides: Frame, stages: Sequence[Value], kind: FrameKind) -> Any:
    differing = sides.filter(nw.col("_ever") == 1)
    result = differing.select(
        PERSON,
        differs_from=nw.col("_from").cast(nw.Int64()),
        old_stage=stage_value(stages, "_old"),
        new_stage=stage_value(stages, "_new"),
    )
    return to_native(result, kind, instants=["differs_from"], order=(PERSON,))
