"""Comparison of two rules, or two policies, on one day: which people get a different answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Generic

import attrs
import narwhals as nw

from funnel._arguments import brief, parse_as_of, suggest
from funnel._dataframes.adapter import Frame, FrameKind, from_native, to_native
from funnel._dataframes.compute import to_rows
from funnel._dataframes.frame_types import FrameT
from funnel._format import Table, Tabular
from funnel._people import logs_of
from funnel._results import Charted, Rows
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._purchases import PERSON
from funnel.policy import Policy
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule


@attrs.frozen
class AnswerChange:
    """Number of people with one answer by the old rule and one by the new.

    Attributes:
        before: Answer of the old rule.
        after: Answer of the new rule.
        people: Number of people.
    """

    before: Any
    after: Any
    people: int

    @property
    def is_unchanged(self) -> bool:
        """Whether both answers are the same."""
        return bool(self.before == self.after)


@attrs.frozen
class RuleComparison(Charted, Rows, Tabular, Generic[FrameT]):
    """Result of `compare_rules`: answers of two rules or policies on one day.

    In the table, the rows are the old answers and the columns the new.

    Attributes:
        old: Name of the old rule.
        new: Name of the new rule.
        as_of: The day.
        old_answers: Answers of the old rule, in the order of its enum, or ascending; None first.
        new_answers: Answers of the new rule, in the same order.
        changes: Number of people for each pair of answers, in order. Pairs without people are left out.
    """

    old: str
    new: str
    as_of: datetime
    old_answers: tuple[Any, ...]
    new_answers: tuple[Any, ...]
    changes: tuple[AnswerChange, ...]
    _answers: Frame = attrs.field(repr=False, eq=False, alias="answers")
    _kind: FrameKind = attrs.field(repr=False, eq=False, alias="kind")

    _CHART = "checks.comparison"

    @property
    def total(self) -> int:
        """Return the number of people whom both rules were evaluated for."""
        return sum(change.people for change in self.changes)

    @property
    def changed(self) -> int:
        """Return the number of people whose answer changes."""
        return sum(change.people for change in self.changes if not change.is_unchanged)

    def people(self, before: Any, after: Any) -> FrameT:
        """Return the people with one pair of answers.

        Args:
            before: Answer of the old rule; a member of an enum or its value.
            after: Answer of the new rule.

        Returns:
            The ids of the people in order, as a dataframe of the same type as the logs with the column `person_id`.

        Raises:
            ArgumentError: No person has this answer by either rule.
        """
        pair = getattr(before, "value", before), getattr(after, "value", after)
        if not any((change.before, change.after) == pair for change in self.changes if all(map(_is_answer, pair))):
            pairs = [f"{change.before} to {change.after}" for change in self.changes]
            pair_text = " to ".join(str(one) if isinstance(one, str) else brief(one) for one in pair)
            msg = f"no person changes from {brief(pair[0])} to {brief(pair[1])}; {suggest(pair_text, pairs)}"
            raise ArgumentError(msg)
        is_before, is_after = (_is(name, value) for name, value in zip(("_old", "_new"), pair, strict=True))
        people = self._answers.filter(is_before & is_after).select(PERSON).sort(PERSON)
        result: FrameT = to_native(people, self._kind)
        return result

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per pair of answers."""
        return [{**attrs.asdict(change), "is_unchanged": change.is_unchanged} for change in self.changes]

    def _tables(self) -> Iterator[Table]:
        counts = {(change.before, change.after): change.people for change in self.changes}
        rows = [(one, *(f"{counts.get((one, to), 0):,}" for to in self.new_answers)) for one in self.old_answers]
        title = f"{self.changed:,} of {self.total:,} people get a different answer on {self.as_of:%Y-%m-%d}"
        yield title, (f"{self.old}, then {self.new}", *self.new_answers), rows


def _is(name: str, value: Any) -> nw.Expr:
    return nw.col(name).is_null() if value is None else nw.col(name) == nw.lit(value)


def compare_rules(  # noqa: PLR0913 (two rules, each with a policy)
    old: Rule[Any, Any, Any],
    new: Rule[Any, Any, Any],
    logs: Logs[FrameT],
    policy: Policy,
    *,
    as_of: datetime,
    new_policy: Policy | None = None,
) -> RuleComparison[FrameT]:
    """Compare the answers of two rules, or of one rule with two policies, on one day.

    To measure which one predicts better, subtract the backtests: `backtest(new, ...).minus(backtest(old, ...))`.

    Args:
        old: The current rule.
        new: The proposed rule; pass the same rule to compare policies.
        logs: All records.
        policy: The shop's policy.
        as_of: The evaluation time.
        new_policy: The policy for the new rule; None: the same policy.

    Returns:
        The number of people for each pair of answers, and their ids.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The argument is not a rule.
        RuleError: A rule cannot be compiled for a table.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs, Policy, is_lapsed
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> bought = {"id": [1], "person_id": ["sari"], "purchased_at": [march - timedelta(days=90)], "amount": [900]}
        >>> logs, shorter = Logs(purchases=pl.DataFrame(bought)), Policy(lapse_after=timedelta(days=60))
        >>> found = compare_rules(is_lapsed, is_lapsed, logs, Policy(), as_of=march, new_policy=shorter)
        >>> print(found)
        1 of 1 people get a different answer on 2026-03-01
        is_lapsed, then is_lapsed  True
        False                         1
        >>> found.people(False, True)["person_id"].to_list()
        ['sari']
    """
    for name, one in (("old", old), ("new", new)):
        check_is_rule(one, name)
    now = instant(parse_as_of(as_of))
    later_policy = policy if new_policy is None else new_policy
    before = _answers(old, logs_of(logs), policy, now, "_old")
    after = _answers(new, logs, later_policy, now, "_new")
    both = before.join(after, on=PERSON, how="inner")
    counts = both.group_by("_old", "_new").agg(nw.col(PERSON).count().alias("_people"))
    people_of_pair = {(one, other): int(people) for one, other, people in to_rows(counts, "_old", "_new", "_people")}
    olds = tuple(sorted({one for one, _ in people_of_pair}, key=old._compiled_rule(policy).answer_key))
    news = tuple(sorted({other for _, other in people_of_pair}, key=new._compiled_rule(later_policy).answer_key))
    pairs = [pair for pair in product(olds, news) if pair in people_of_pair]
    changes = tuple(AnswerChange(one, other, people_of_pair[one, other]) for one, other in pairs)
    return RuleComparison(old.name, new.name, now, olds, news, changes, both, logs._frame_kind)


def _answers(one: Rule[Any, Any, Any], logs: Logs, policy: Policy, now: datetime, name: str) -> Frame:
    frame = from_native(one.over(logs, policy, as_of=now)).frame
    return frame.select(PERSON, nw.col(one.name).alias(name))


def _is_answer(value: object) -> bool:
    return value is None or isinstance(value, str | int | timedelta)
