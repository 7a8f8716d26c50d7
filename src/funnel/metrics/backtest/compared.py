"""Two rules, or two policies, on one day: who moves from which answer to which; made by `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import narwhals as nw

from funnel._frames import Frame, Home, enter, leave
from funnel._given import brief, judgement, nearest
from funnel._instants import instant
from funnel._people import logs_of
from funnel._rule import Rule, rule_given
from funnel.errors import ArgumentError
from funnel.metrics._purchases import PERSON, told
from funnel.metrics._shown import as_html, as_text
from funnel.policy import Policy

if TYPE_CHECKING:
    from funnel.logs import Logs


@attrs.frozen
class AnswerMove:
    """How many people one rule answers so, and another so.

    Attributes:
        before: The answer of the old rule.
        after: The answer of the new one.
        people: How many people.
    """

    before: Any
    after: Any
    people: int

    @property
    def stays(self) -> bool:
        """Whether the answer is the same."""
        return bool(self.before == self.after)


@attrs.frozen
class RuleComparison:
    """Two rules, or two policies, on one day: who moves; made by `compare`.

    Attributes:
        old: The name of the old rule.
        new: The name of the new rule.
        as_of: The day.
        moves: How many people have each pair of answers, in order; pairs that nobody has are left out.
    """

    old: str
    new: str
    as_of: datetime
    moves: tuple[AnswerMove, ...]
    _answers: Frame = attrs.field(repr=False, eq=False, alias="answers")
    _home: Home = attrs.field(repr=False, eq=False, alias="home")

    @property
    def asked(self) -> int:
        """Of how many people both rules were asked."""
        return sum(move.people for move in self.moves)

    @property
    def moved(self) -> int:
        """How many people get another answer."""
        return sum(move.people for move in self.moves if not move.stays)

    def people(self, before: Any, after: Any) -> Any:
        """Who moved from one answer to another.

        Args:
            before: The answer of the old rule; a member of an enum or its value.
            after: The answer of the new rule.

        Returns:
            The ids of the people, in order, as a frame of the logs' kind with the column `person_id`.

        Raises:
            ArgumentError: Neither rule answers so to anybody.
        """
        pair = getattr(before, "value", before), getattr(after, "value", after)
        if not any((move.before, move.after) == pair for move in self.moves if all(map(_is_answer, pair))):
            pairs = [f"{move.before} to {move.after}" for move in self.moves]
            asked = " to ".join(str(one) if isinstance(one, str) else brief(one) for one in pair)
            msg = f"nobody moves from {brief(pair[0])} to {brief(pair[1])}; {nearest(asked, pairs)}"
            raise ArgumentError(msg)
        is_before, is_after = (_is(name, value) for name, value in zip(("_old", "_new"), pair, strict=True))
        return leave(self._answers.filter(is_before & is_after).select(PERSON).sort(PERSON), self._home)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The moves, a dictionary a pair of answers."""
        return [{**attrs.asdict(move), "stays": move.stays} for move in self.moves]

    def _table(self) -> tuple[Sequence[object], list[Sequence[object]]]:
        counts = {(move.before, move.after): move.people for move in self.moves}
        before = list(dict.fromkeys(move.before for move in self.moves))
        after = _ordered({move.after for move in self.moves})
        rows: list[Sequence[object]] = [(one, *(f"{counts.get((one, to), 0):,}" for to in after)) for one in before]
        return (f"{self.old}, then {self.new}", *after), rows

    def _title(self) -> str:
        return f"{self.moved:,} of {self.asked:,} people get another answer on {self.as_of:%Y-%m-%d}"

    def __str__(self) -> str:
        """Write how many move, and the table: the old answers down, the new ones across."""
        return f"{self._title()}\n{as_text(*self._table())}"

    def _repr_html_(self) -> str:
        return as_html(*self._table(), above=self._title())


def _is(name: str, value: Any) -> nw.Expr:
    return nw.col(name).is_null() if value is None else nw.col(name) == nw.lit(value)


def _ordered(values: set[Any]) -> list[Any]:
    """The values in order, with nothing first."""
    return sorted(values, key=_first_nothing)


def _first_nothing(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value


def compare(  # noqa: PLR0913 (two rules, each with a policy)
    old: Rule[Any, Any, Any],
    new: Rule[Any, Any, Any],
    logs: Logs,
    policy: Policy,
    *,
    as_of: datetime,
    new_policy: Policy | None = None,
) -> RuleComparison:
    """Who gets another answer if one rule takes the place of another, or one policy of another.

    What it is worth is told by the backtests of both: `backtest(new, ...).minus(backtest(old, ...))`.

    Args:
        old: The rule that is in use.
        new: The rule that may take its place; the same one, to compare policies.
        logs: Everyone's records.
        policy: The shop's numbers.
        as_of: The instant of judgement.
        new_policy: The numbers for the new rule; None: the same.

    Returns:
        How many people have each pair of answers, and who they are.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: What was passed is not a rule.
        LiftError: A rule does what cannot be run for a table.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs, Policy, is_lapsed
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> bought = {"id": [1], "person_id": ["sari"], "purchased_at": [march - timedelta(days=90)], "amount": [900]}
        >>> logs, shorter = Logs(purchases=pl.DataFrame(bought)), Policy(lapse_after=timedelta(days=60))
        >>> found = compare(is_lapsed, is_lapsed, logs, Policy(), as_of=march, new_policy=shorter)
        >>> print(found)
        1 of 1 people get another answer on 2026-03-01
        is_lapsed, then is_lapsed  True
        False                         1
        >>> found.people(False, True)["person_id"].to_list()
        ['sari']
    """
    for name, one in (("old", old), ("new", new)):
        rule_given(one, name)
    now = instant(judgement(as_of))
    before = _answers(old, logs_of(logs), policy, now, "_old")
    after = _answers(new, logs, policy if new_policy is None else new_policy, now, "_new")
    both = before.join(after, on=PERSON, how="inner")
    counts = both.group_by("_old", "_new").agg(nw.col(PERSON).count().alias("_people"))
    found = {(one, other): int(people) for one, other, people in told(counts, "_old", "_new", "_people")}
    pairs = sorted(found, key=_first_nothings)
    moves = tuple(AnswerMove(one, other, found[one, other]) for one, other in pairs)
    return RuleComparison(old.name, new.name, now, moves, both, logs.home)


def _first_nothings(pair: tuple[Any, Any]) -> tuple[tuple[bool, Any], tuple[bool, Any]]:
    return _first_nothing(pair[0]), _first_nothing(pair[1])


def _answers(one: Rule[Any, Any, Any], logs: Logs, policy: Policy, now: datetime, name: str) -> Frame:
    frame = enter(one.over(logs, policy, as_of=now)).frame
    return frame.select(PERSON, nw.col(one.name).alias(name))


def _is_answer(given: object) -> bool:
    return given is None or isinstance(given, str | int | timedelta)
