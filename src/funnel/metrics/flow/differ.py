"""Two rule books beside each other: who stands elsewhere and since when, and how moves and standing move with it.

Law: the same people differ alike, one by one and in an engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._computing import collected
from funnel._frames import kept, laid_down, leave
from funnel._given import instance
from funnel._instants import instant
from funnel._lift.columns import whole
from funnel._moves.ask import Tabled, machine_given
from funnel._moves.walked import FROM, MOVED, NOBODY, TO
from funnel._reduce.aggregates import PERSON
from funnel.errors import MoveError
from funnel.logs import Logs
from funnel.metrics._periods import Calendar, Period, Weekday
from funnel.metrics.flow.counted import Asked, flow_of
from funnel.metrics.flow.difference import StageChange, StageDifference
from funnel.metrics.flow.made import Made, MadeByAll, MadeByEach, each_of
from funnel.metrics.flow.result import StageFlow, Value
from funnel.policy import Policy, policy_given
from funnel.stages import FUNNEL

if TYPE_CHECKING:
    from funnel._frames import Frame, Home
    from funnel._moves.course import Course
    from funnel._moves.one import Step
    from funnel.history import History

_OLD, _NEW = 0, 1
_ROOM = 1000
"""More stages than any machine has."""


@attrs.frozen
class RuleBook:
    """A machine with the shop's numbers.

    Args:
        policy: The shop's numbers.
        machine: The stages, their rule and their table.
    """

    policy: Policy
    machine: Tabled[Any] = FUNNEL

    def __attrs_post_init__(self) -> None:
        """Refuse what is not a policy or not a machine.

        Raises:
            ArgumentError: It is something else.
        """
        policy_given(self.policy)
        machine_given(self.machine)


def stage_difference(  # noqa: PLR0913 - two rule books, what is cut, and by whose clock
    people: Logs | History | Iterable[History],
    old: RuleBook,
    new: RuleBook,
    period: Period = "month",
    *,
    tz: str,
    as_of: datetime,
    week_start: Weekday | None = None,
) -> StageDifference:
    """What a new rule book changes: who stands elsewhere, since when, and which numbers move.

    Both tell the whole past anew, from the same records: how often each move is made, which share of the spells in a
    stage ends so and after how long, and how many people stand in each stage at the end of each period.

    Args:
        people: Everyone's logs, one history, or several.
        old: The rule book as it is.
        new: The rule book as it may be.
        period: The kind of period.
        tz: The zone by whose clock periods are cut, such as "Asia/Jakarta".
        as_of: The instant of judgement.
        week_start: The day with which a week begins; only for weeks.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The zone, the period or the weekday is unknown.
        MoveError: A rule makes a move that its table has not, or the stages of the two have texts here, numbers there.

    Example:
        >>> from datetime import UTC, timedelta
        >>> from funnel import History, Money, Policy, Purchase
        >>> bought = Purchase(id="1", person_id="p1", purchased_at="2026-01-05T00:00Z", amount=Money(9, "USD"))
        >>> old, new = RuleBook(Policy()), RuleBook(Policy(lapse_after=timedelta(days=30)))
        >>> day = datetime(2026, 2, 20, tzinfo=UTC)
        >>> print(stage_difference(History.of("p1", [bought]), old, new, tz="UTC", as_of=day))
        1 of 1 people stand elsewhere, 1 did at some time
        1 from customer to lapsed
        <BLANKLINE>
        move                old  new  more     of its spells  median time before
        (new) -> customer     1    1    +0
        customer -> lapsed    0    1    +1  0.0 % -> 100.0 %        none -> 30 d
        <BLANKLINE>
        period       stage  old  new  more
        2026-02*  customer    1    0    -1
        2026-02*    lapsed    0    1    +1
    """
    asked = Asked(as_of, tz, Calendar.of(period, tz, week_start))
    for name, book in (("old", old), ("new", new)):
        instance(book, RuleBook, name, "a RuleBook")
    stages = _stages(old, new)
    if isinstance(people, Logs):
        frames = [MadeByAll.of(_course(book), people, asked.now) for book in (old, new)]
        apart, (before, after) = _all_apart(frames, (old, new), stages), _flows(frames, (old, new), asked)
    else:
        histories = each_of(people)
        each = [MadeByEach.of(_course(book), histories, asked.now) for book in (old, new)]
        apart, (before, after) = _each_apart(each, (old, new), stages), _flows(each, (old, new), asked)
    changes = [StageChange(stages[a], stages[b], count) for a, b, count, _ in apart.counts if a != b]
    unchanged = sum(count for a, b, count, _ in apart.counts if a == b)
    ever = sum(ever for *_, ever in apart.counts)
    return StageDifference(as_of, tuple(changes), unchanged, ever, before, after, apart.people)


@attrs.frozen
class _Apart:
    """Where people stand by both: old, new, how many, how many of them ever stood elsewhere; and who."""

    counts: Sequence[tuple[int, int, int, int]]
    people: Any


def _course(book: RuleBook) -> Course:
    return book.machine.course(book.policy)


def _flows(made: Iterable[Made], books: Iterable[RuleBook], asked: Asked) -> Iterator[StageFlow]:
    return (flow_of(one, _course(book), asked) for one, book in zip(made, books, strict=True))


def _stages(old: RuleBook, new: RuleBook) -> Sequence[Value]:
    """The stages of both, each once."""
    found: dict[Any, None] = {stage.value: None for book in (old, new) for stage in _course(book).stages}
    if len({isinstance(value, str) for value in found}) > 1:
        raise MoveError("the stages of one rule book are texts and those of the other numbers; give both one kind")
    return list(found)


def _shared(book: RuleBook, stages: Sequence[Value]) -> Sequence[int]:
    """The numbers that both rule books share, by those of one."""
    return [stages.index(stage.value) for stage in _course(book).stages]


# ---- people one by one ----


def _each_apart(made: Sequence[MadeByEach], books: Sequence[RuleBook], stages: Sequence[Value]) -> _Apart:
    shared = [_shared(book, stages) for book in books]
    counts: Counter[tuple[int, int]] = Counter()
    ever: Counter[tuple[int, int]] = Counter()
    people: list[dict[str, Any]] = []
    for (person_id, old), (_, new) in zip(*(one.people for one in made), strict=True):
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
    return _Apart([(*pair, count, ever[pair]) for pair, count in sorted(counts.items())], people)


def _path(steps: Iterable[Step], shared: Sequence[int]) -> dict[int, int]:
    """Where somebody went, by instant."""
    return {step.at: shared[step.to] for step in steps}


def _stood(old: Mapping[int, int], new: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Where somebody stood by both from each instant on; both begin when they arrive."""
    stood: dict[int, tuple[int, int]] = {}
    here = (NOBODY, NOBODY)
    for at in sorted({*old, *new}):
        stood[at] = here = (old.get(at, here[_OLD]), new.get(at, here[_NEW]))
    return stood


# ---- everyone, where the data are ----


def _all_apart(made: Sequence[MadeByAll], books: Sequence[RuleBook], stages: Sequence[Value]) -> _Apart:
    parts = [_numbered(one.moved, _shared(book, stages), which) for which, (one, book) in _sided(made, books)]
    told = kept(laid_down(_sides(kept(laid_down(nw.concat(parts))))))
    counted = told.group_by("_old", "_new").agg(nw.len().alias("_count"), nw.col("_ever").sum().alias("_ever_sum"))
    rows = sorted((int(a), int(b), int(n), int(e)) for a, b, n, e in collected(counted).select(*_COUNTED).rows())
    return _Apart(rows, _people(told, stages, made[_OLD].home))


def _sided(made: Sequence[MadeByAll], books: Sequence[RuleBook]) -> Iterator[tuple[int, tuple[MadeByAll, RuleBook]]]:
    return enumerate(zip(made, books, strict=True))


_COUNTED = ("_old", "_new", "_count", "_ever_sum")


def _numbered(moved: Frame, shared: Sequence[int], which: int) -> Frame:
    """The moves of one rule book by the numbers that both share."""
    return moved.select(PERSON, MOVED, _renumbered(FROM, shared), _renumbered(TO, shared), _which=whole(which))


def _renumbered(name: str, shared: Sequence[int]) -> nw.Expr:
    number = whole(NOBODY)
    for own, other in enumerate(shared):
        number = nw.when(nw.col(name) == own).then(whole(other)).otherwise(number)
    return number.alias(name)


def _sides(lines: Frame) -> Frame:
    """Everyone with where they stand by both, whether they ever stood elsewhere, and since when."""
    order = [MOVED, "_which"]
    turned = lines.with_columns(_turn=whole(1))
    turned = turned.with_columns(nw.col("_turn").cum_sum().over(PERSON, order_by=order))
    marked = turned.with_columns(_side(_OLD).alias("_old"), _side(_NEW).alias("_new"))
    names = ("_old", "_new")
    told = marked.with_columns(*(nw.col(name).cum_max().over(PERSON, order_by=order).alias(name) for name in names))
    told = told.with_columns(_next=nw.col(MOVED).shift(-1).over(PERSON, order_by=order))
    settled = told.with_columns(nw.col("_next").fill_null(NOBODY).cast(nw.Int64()))
    last = settled.filter(nw.col("_next") != nw.col(MOVED))
    stood = last.select(PERSON, MOVED, "_next", *(_stage_of(name) for name in names))
    apart = stood.filter(nw.col("_old") != nw.col("_new")).group_by(PERSON).agg(nw.col(MOVED).min().alias("_from"))
    ends = stood.filter(nw.col("_next") == NOBODY).select(PERSON, *names).join(apart, on=PERSON, how="left")
    ever = nw.when(nw.col("_from").is_null()).then(whole(0)).otherwise(whole(1))
    return ends.with_columns(_ever=ever)


def _side(which: int) -> nw.Expr:
    """The turn and the stage of a row of one rule book as one number, which grows with the turn."""
    return nw.when(nw.col("_which") == which).then(nw.col("_turn") * _ROOM + nw.col(TO)).otherwise(whole(NOBODY))


def _stage_of(name: str) -> nw.Expr:
    return nw.col(name) - (nw.col(name) // _ROOM) * _ROOM


def _people(told: Frame, stages: Sequence[Value], home: Home) -> Any:
    dtype = nw.String() if isinstance(stages[0], str) else nw.Int64()

    def named(name: str) -> nw.Expr:
        shown = nw.lit(stages[0], dtype)
        for number, value in enumerate(stages[1:], 1):
            shown = nw.when(nw.col(name) == number).then(nw.lit(value, dtype)).otherwise(shown)
        return shown

    differing = told.filter(nw.col("_ever") == 1)
    shown = differing.select(
        PERSON, differs_from=nw.col("_from").cast(nw.Int64()), old_stage=named("_old"), new_stage=named("_new")
    )
    return leave(shown, home, instants=["differs_from"])
