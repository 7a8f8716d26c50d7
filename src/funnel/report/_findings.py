"""What a report says, found with the ladder itself: facts, rules, stages and metrics over a shop's records.

Law: a reason that is printed is the sentence of the rule for that person's facts, and a number of people is that of the
rule asked over everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import attrs
import polars as pl

from funnel._instants import instant, micros
from funnel._rule import Rule
from funnel.facts import Facts
from funnel.logs import Logs
from funnel.metrics.rate import Rate
from funnel.metrics.repeat.rates import RepeatRate, repeat_rate, repeat_rate_within
from funnel.metrics.retention.ask import retention
from funnel.metrics.retention.cohorts import Cohorts
from funnel.money import Money
from funnel.policy import Policy
from funnel.readers.orders import Entry
from funnel.report._source import Source
from funnel.rules.activity import has_rhythm, is_overdue
from funnel.rules.follow_up import NextStep, is_due_for_follow_up, next_step
from funnel.sentences import sentence
from funnel.stages import Stage, stage

S = TypeVar("S", bound=StrEnum)
Progress: TypeAlias = Callable[[str, int, int], None]
_ASKED: Sequence[Rule[Any, Any, Any]] = (stage, has_rhythm, is_overdue, next_step, is_due_for_follow_up)
_STEPS = len(_ASKED) + 3


@attrs.frozen
class Asked:
    """What a report is asked for.

    Attributes:
        as_of: The instant of judgement.
        tz: The zone of the shop's clock.
        policy: The shop's numbers.
        rows: How many people each list shows at most.
    """

    as_of: datetime
    tz: str
    policy: Policy
    rows: int


@attrs.frozen
class Person:
    """One person in a list of the report, by no more than their id.

    Attributes:
        person_id: Who.
        purchases: How many valid purchases.
        spent: What they have spent, net of what they got back; None where nobody has paid anything yet.
        silent: How long ago they last bought; None where they have not.
        interval: Their own average interval; None where they have none.
        step: What to do next for them.
        why: Why, as a sentence.
        change: When the next step changes if nothing happens; None where it does not.
        becomes: What the next step is from then on; "" where it does not change.
    """

    person_id: str
    purchases: int
    spent: Money | None
    silent: timedelta | None
    interval: timedelta | None
    step: str
    why: str
    change: datetime | None
    becomes: str


@attrs.frozen
class Findings:
    """All that a report says.

    Attributes:
        asked: What it was asked for.
        account: What became of the rows that were read.
        span: When the first and the last purchase were made; None where there is none.
        later: How many purchases there are after the instant of judgement: they are left out.
        stages: How many people stand in each stage.
        ever: Repeat customers among buyers.
        within: Who bought again before they would have lapsed, among those who have had that time.
        cohorts: Monthly cohorts.
        late: The overdue among those who have a rhythm.
        overdue: The first of them, those who spent most.
        due: How many people there are of each next step that is due.
        follow_ups: The first of them, the most pressing step first, and of one step those who spent most.
    """

    asked: Asked
    account: tuple[Entry, ...]
    span: tuple[datetime, datetime] | None
    later: int
    stages: Mapping[Stage, int]
    ever: Rate
    within: RepeatRate
    cohorts: Cohorts
    late: Rate
    overdue: tuple[Person, ...]
    due: Mapping[NextStep, int]
    follow_ups: tuple[Person, ...]


def find(source: Source, asked: Asked, progress: Progress) -> Findings:
    """Find out all that a report says.

    Args:
        source: What it is of.
        asked: What the report is asked for.
        progress: Told how far it is.

    Returns:
        The findings.
    """
    as_of, policy = asked.as_of, asked.policy
    logs, purchased = source.logs, source.purchased
    people = _judged(logs, asked, progress)
    ever, within = repeat_rate(logs, as_of=as_of), repeat_rate_within(logs, policy.lapse_after, as_of=as_of)
    progress("judging", _STEPS - 1, _STEPS)
    cohorts = retention(logs, tz=asked.tz, as_of=as_of)
    progress("judging", _STEPS, _STEPS)
    overdue, due = people.filter("is_overdue"), people.filter("is_due_for_follow_up")
    return Findings(
        asked=asked,
        account=source.account,
        span=_span(purchased),
        later=int((purchased > micros(as_of)).sum()),
        stages=_counted(people, "stage", Stage),
        ever=ever,
        within=within,
        cohorts=cohorts,
        late=Rate(overdue.height, people.filter("has_rhythm").height),
        overdue=_listed(overdue.sort("spent", "person_id", descending=[True, False]), asked, source.currency),
        due=_counted(due, "next_step", NextStep),
        follow_ups=_listed(_pressing(due), asked, source.currency),
    )


def _judged(logs: Logs, asked: Asked, progress: Progress) -> pl.DataFrame:
    """Everyone's facts, with the answers to all that the report asks of them."""
    progress("judging", 0, _STEPS)
    people = Facts.over(logs, as_of=asked.as_of)
    for done, rule in enumerate(_ASKED, start=1):
        progress("judging", done, _STEPS)
        people = rule.over(people, asked.policy)
    assert isinstance(people, pl.DataFrame)
    return people


def _span(purchased: pl.Series) -> tuple[datetime, datetime] | None:
    first, last = purchased.min(), purchased.max()
    return (instant(first), instant(last)) if isinstance(first, int) and isinstance(last, int) else None


def _counted(people: pl.DataFrame, column: str, answers: type[S]) -> dict[S, int]:
    counts = dict(people.group_by(column).len().iter_rows())
    return {answer: counts[answer.value] for answer in answers if answer.value in counts}


def _pressing(due: pl.DataFrame) -> pl.DataFrame:
    """The people for whom something is due, the most pressing first, and among equals those who spent most."""
    ranks = {step.value: rank for rank, step in enumerate(NextStep)}
    rank = pl.col("next_step").replace_strict(ranks, return_dtype=pl.Int64)
    return due.sort(rank, "spent", "person_id", descending=[False, True, False])


def _listed(people: pl.DataFrame, asked: Asked, currency: str | None) -> tuple[Person, ...]:
    return tuple(_person(row, asked, currency) for row in people.head(asked.rows).iter_rows(named=True))


def _person(row: Mapping[str, Any], asked: Asked, currency: str | None) -> Person:
    facts, step = facts_of(row, asked.as_of), row["next_step"]
    _, _, why = sentence(next_step, facts, asked.policy).partition(": ")
    change = next_step.next_change.of(facts, asked.policy)
    return Person(
        person_id=row["person_id"],
        purchases=row["purchase_count"],
        spent=None if currency is None else Money.of_minor(row["spent"], currency),
        silent=row["since_last_purchase"],
        interval=row["purchase_interval"],
        step=step,
        why=why,
        change=change,
        becomes="" if change is None else next_step.of(facts.at(change), asked.policy).value,
    )


def facts_of(row: Mapping[str, Any], as_of: datetime) -> Facts:
    """The facts of one person again, from their row in the table of everyone's."""
    told = {name: row[name] for name in Facts(as_of=as_of).to_dict() if row[name] is not None}
    return Facts(as_of=as_of, **told)
