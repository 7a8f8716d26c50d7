"""Two rule books beside each other: who stands elsewhere, since when, and which moves are made more often or less.

Law: a rule book differs from itself in nobody; turned around, each count has the other sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._facts.base import judgement
from funnel._frames import Home, kept, laid_down, leave
from funnel._lift.columns import whole
from funnel._moves.many import moved_over
from funnel._moves.table import Tabled
from funnel._moves.walked import FROM, MOVED, NOBODY, TO
from funnel._reduce.aggregates import PERSON
from funnel.errors import MoveError
from funnel.metrics._shown import as_html, as_text
from funnel.metrics.flow.result import Value
from funnel.policy import Policy
from funnel.stages import FUNNEL

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

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


@attrs.frozen
class StageChange:
    """How many people stand in one stage by the old rule book, and in another by the new one.

    Attributes:
        old_stage: Where they stand by the old one.
        new_stage: Where they stand by the new one.
        count: How many people.
    """

    old_stage: Value
    new_stage: Value
    count: int


@attrs.frozen
class StageDifference:
    """What a new rule book changes, up to an instant.

    Attributes:
        as_of: The instant of judgement.
        changes: Who stands elsewhere at the instant, by the stages of both.
        unchanged: How many people stand where they stood.
        ever: How many people stood elsewhere at any time.
        moves: By from (None for who came in) and to, how often the move is made by the old and by the new rule book.
        people: Everyone who stood elsewhere at any time, a frame of the logs' kind: `person_id`, `differs_from` (the
            first instant at which they did), `old_stage` and `new_stage` at `as_of`.
    """

    as_of: datetime
    changes: tuple[StageChange, ...]
    unchanged: int
    ever: int
    moves: Mapping[tuple[Value | None, Value], tuple[int, int]]
    people: Any = attrs.field(eq=False, repr=False)

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row a kind of move, as a dataframe takes them."""
        return [
            {"from_stage": start, "to_stage": to, "old": old, "new": new, "more": new - old}
            for (start, to), (old, new) in self.moves.items()
        ]

    def _rows(self) -> list[list[object]]:
        return [
            [f"{row['from_stage'] or '(new)'} -> {row['to_stage']}", row["old"], row["new"], f"{row['more']:+}"]
            for row in self.to_dicts()
        ]

    def _said(self) -> str:
        moved = sum(one.count for one in self.changes)
        return f"{moved:,} of {moved + self.unchanged:,} people stand elsewhere, {self.ever:,} did at some time"

    def __str__(self) -> str:
        """Write who stands elsewhere, and every kind of move."""
        lines = [f"{one.count:,} from {one.old_stage} to {one.new_stage}" for one in self.changes]
        return "\n".join([self._said(), *lines, "", as_text(_HEAD, self._rows())])

    def _repr_html_(self) -> str:
        return as_html(_HEAD, self._rows(), above=self._said())


_HEAD = ("move", "old", "new", "more")


def stage_difference(logs: Logs, old: RuleBook, new: RuleBook, *, as_of: datetime) -> StageDifference:
    """What a new rule book changes: who stands elsewhere, since when, and which moves are made more often or less.

    Both tell the whole past anew, from the same records.

    Args:
        logs: Everyone's records.
        old: The rule book as it is.
        new: The rule book as it may be.
        as_of: The instant of judgement.

    Raises:
        InstantError: `as_of` is naive.
        MoveError: A rule makes a move that its table has not, or the stages of the two have texts here, numbers there.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, timedelta
        >>> from funnel import Logs, Policy
        >>> orders = {"id": [1], "person_id": ["p1"], "purchased_at": [datetime(2026, 1, 5, tzinfo=UTC)], "amount": [9]}
        >>> logs = Logs(purchases=pl.DataFrame(orders))
        >>> old, new = RuleBook(Policy()), RuleBook(Policy(lapse_after=timedelta(days=30)))
        >>> print(stage_difference(logs, old, new, as_of=datetime(2026, 3, 1, tzinfo=UTC)))
        1 of 1 people stand elsewhere, 1 did at some time
        1 from customer to lapsed
        <BLANKLINE>
        move                old  new  more
        (new) -> customer     1    1    +0
        customer -> lapsed    0    1    +1
    """
    now = judgement(as_of)
    stages = _stages(old, new)
    parts, homes = zip(
        *(_numbered(logs, book, now, which, stages) for which, book in enumerate((old, new))), strict=True
    )
    lines = kept(laid_down(nw.concat(list(parts))))
    told = kept(laid_down(_sides(lines)))
    counted = told.group_by("_old", "_new").agg(nw.len().alias("_count"), nw.col("_ever").sum().alias("_ever_sum"))
    rows = sorted((int(a), int(b), int(n), int(e)) for a, b, n, e in counted.collect().select(*_COUNTED).rows())
    return StageDifference(
        as_of,
        tuple(StageChange(stages[a], stages[b], count) for a, b, count, _ in rows if a != b),
        sum(count for a, b, count, _ in rows if a == b),
        sum(ever for *_, ever in rows),
        _moves(lines, stages),
        _people(told, stages, homes[0]),
    )


_COUNTED = ("_old", "_new", "_count", "_ever_sum")


def _stages(old: RuleBook, new: RuleBook) -> Sequence[Value]:
    """The stages of both, each once."""
    found: dict[Any, None] = {
        stage.value: None for book in (old, new) for stage in book.machine.course(book.policy).stages
    }
    if len({isinstance(value, str) for value in found}) > 1:
        raise MoveError("the stages of one rule book are texts and those of the other numbers; give both one kind")
    return list(found)


def _numbered(logs: Logs, book: RuleBook, now: int, which: int, stages: Sequence[Value]) -> tuple[Frame, Home]:
    """The moves of one rule book by the numbers that both share."""
    course = book.machine.course(book.policy)
    shared = [stages.index(stage.value) for stage in course.stages]
    moved, home = moved_over(course, logs, now)
    return moved.select(PERSON, MOVED, _renumbered(FROM, shared), _renumbered(TO, shared), _which=whole(which)), home


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


def _moves(lines: Frame, stages: Sequence[Value]) -> Mapping[tuple[Value | None, Value], tuple[int, int]]:
    counted = lines.group_by(FROM, TO, "_which").agg(nw.len().alias("_count")).collect()
    found: dict[tuple[int, int], list[int]] = {}
    for start, to, which, count in counted.select(FROM, TO, "_which", "_count").rows():
        found.setdefault((int(start), int(to)), [0, 0])[int(which)] = int(count)
    return {
        (None if start == NOBODY else stages[start], stages[to]): (old, new)
        for (start, to), (old, new) in sorted(found.items())
    }


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
