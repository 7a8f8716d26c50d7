"""The contents of a report, computed from facts, rules, stages and metrics over a shop's records.

Invariant: a printed reason is the rule's sentence for that person's facts. A number of people is that of the rule
evaluated over everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import attrs
import polars as pl

from funnel._time import instant, micros
from funnel.cli._source import Source
from funnel.facts import Facts
from funnel.logs import Logs
from funnel.messages import explain
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.rates import repeat_rate, repeat_rate_within
from funnel.metrics._repeat.window import RepeatRate
from funnel.metrics._retention.cohorts import Cohorts
from funnel.metrics._retention.retention import retention
from funnel.money import Money
from funnel.policy import Policy
from funnel.readers._read_orders import Entry
from funnel.rules._activity import has_rhythm, is_overdue
from funnel.rules._next_action import NextAction, is_due_for_follow_up, next_action
from funnel.rules._rule import Rule
from funnel.stages import Stage, stage

S = TypeVar("S", bound=StrEnum)
Progress: TypeAlias = Callable[[str, int, int], None]
_RULES: Sequence[Rule[Any, Any, Any]] = (stage, has_rhythm, is_overdue, next_action, is_due_for_follow_up)
_PROGRESS_STEPS = len(_RULES) + 3


@attrs.frozen
class ReportQuery:
    """The arguments of a report.

    Attributes:
        as_of: The evaluation time.
        tz: The shop's time zone.
        policy: The shop's policy.
        rows: Maximum number of people in each list.
    """

    as_of: datetime
    tz: str
    policy: Policy
    rows: int


@attrs.frozen
class Person:
    """One person in a list of the report, identified only by id.

    Attributes:
        person_id: The person.
        purchases: Number of valid purchases.
        net_spent: Amount spent, net of refunds; None if the shop has no paid purchases yet.
        silent: Time since the last purchase; None without a purchase.
        interval: The person's average purchase interval; None if there is none.
        action: The next action for the person.
        why: The reason, as a sentence.
        change: When the next action changes if nothing happens; None if it does not.
        becomes: The next action after the change; "" if it does not change.
    """

    person_id: str
    purchases: int
    net_spent: Money | None
    silent: timedelta | None
    interval: timedelta | None
    action: str
    why: str
    change: datetime | None
    becomes: str


@attrs.frozen
class LeadSource:
    """The leads from one marketing source.

    Attributes:
        source: The source.
        leads: Number of leads.
        people: Number of people among them.
        first: Time of the first lead.
        last: Time of the last lead.
    """

    source: str
    leads: int
    people: int
    first: datetime
    last: datetime


@attrs.frozen
class Findings:
    """The contents of a report.

    Attributes:
        query: The arguments of the report.
        account: The outcome of the rows of the file.
        span: Times of the first and the last purchase; None without purchases.
        leads: The leads of each source up to `as_of`, the source with the most leads first.
        later: Number of purchases after `as_of`, which are excluded.
        stages: Number of people in each stage.
        ever: Repeat customers among buyers.
        within: People who bought again before lapsing, among those whose time is over.
        cohorts: Monthly cohorts.
        late: Overdue people among those with a rhythm.
        overdue: The first overdue people, by amount spent.
        due: Number of people for each next action that is due.
        follow_ups: The first people to follow up, by urgency of the action, then by amount spent.
    """

    query: ReportQuery
    account: tuple[Entry, ...]
    span: tuple[datetime, datetime] | None
    leads: tuple[LeadSource, ...]
    later: int
    stages: Mapping[Stage, int]
    ever: Rate
    within: RepeatRate
    cohorts: Cohorts
    late: Rate
    overdue: tuple[Person, ...]
    due: Mapping[NextAction, int]
    follow_ups: tuple[Person, ...]


def find(source: Source, query: ReportQuery, progress: Progress) -> Findings:
    """Compute the contents of a report.

    Args:
        source: The records.
        query: The arguments of the report.
        progress: Called with the progress.

    Returns:
        The findings.
    """
    as_of, policy = query.as_of, query.policy
    logs, purchased = source.logs, source.purchased
    people = _evaluated(logs, query, progress)
    buyers = source.buyers
    ever, within = repeat_rate(buyers, as_of=as_of), repeat_rate_within(buyers, policy.lapse_after, as_of=as_of)
    progress("evaluating", _PROGRESS_STEPS - 1, _PROGRESS_STEPS)
    cohorts = retention(buyers, tz=query.tz, as_of=as_of)
    progress("evaluating", _PROGRESS_STEPS, _PROGRESS_STEPS)
    overdue, due = people.filter("is_overdue"), people.filter("is_due_for_follow_up")
    return Findings(
        query=query,
        account=source.account,
        span=_span(purchased),
        leads=_leads(source.leads.filter(pl.col("t") <= micros(as_of))),
        later=int((purchased > micros(as_of)).sum()),
        stages=_counts(people, "stage", Stage),
        ever=ever,
        within=within,
        cohorts=cohorts,
        late=Rate(overdue.height, people.filter("has_rhythm").height),
        overdue=_people(overdue.sort("net_spent", "person_id", descending=[True, False]), query, source.currency),
        due=_counts(due, "next_action", NextAction),
        follow_ups=_people(_by_urgency(due), query, source.currency),
    )


def _evaluated(logs: Logs, query: ReportQuery, progress: Progress) -> pl.DataFrame:
    """Return everyone's facts, with the answers of all rules in the report."""
    progress("evaluating", 0, _PROGRESS_STEPS)
    people = Facts.over(logs, as_of=query.as_of)
    for done, rule in enumerate(_RULES, start=1):
        progress("evaluating", done, _PROGRESS_STEPS)
        people = rule.over(people, query.policy)
    assert isinstance(people, pl.DataFrame)
    return people


def _span(purchased: pl.Series) -> tuple[datetime, datetime] | None:
    first, last = purchased.min(), purchased.max()
    return (instant(first), instant(last)) if isinstance(first, int) and isinstance(last, int) else None


def _leads(leads: pl.DataFrame) -> tuple[LeadSource, ...]:
    t = pl.col("t")
    sources = leads.group_by("source").agg(
        pl.len().alias("leads"), pl.col("person_id").n_unique().alias("people"), t.min().alias("first"), t.max()
    )
    rows = sources.sort("leads", "source", descending=[True, False]).iter_rows()
    return tuple(
        LeadSource(name, count, people, instant(first), instant(last)) for name, count, people, first, last in rows
    )


def _counts(people: pl.DataFrame, column: str, answers: type[S]) -> dict[S, int]:
    counts = dict(people.group_by(column).len().iter_rows())
    return {answer: counts[answer.value] for answer in answers if answer.value in counts}


def _by_urgency(due: pl.DataFrame) -> pl.DataFrame:
    """Return the people with a due action, most urgent first, then by amount spent."""
    ranks = {action.value: rank for rank, action in enumerate(NextAction)}
    rank = pl.col("next_action").replace_strict(ranks, return_dtype=pl.Int64)
    return due.sort(rank, "net_spent", "person_id", descending=[False, True, False])


def _people(people: pl.DataFrame, query: ReportQuery, currency: str | None) -> tuple[Person, ...]:
    return tuple(_person(row, query, currency) for row in people.head(query.rows).iter_rows(named=True))


def _person(row: Mapping[str, Any], query: ReportQuery, currency: str | None) -> Person:
    facts, action = facts_of(row, query.as_of), row["next_action"]
    _, _, why = explain(next_action, facts, query.policy).partition(": ")
    change = next_action.next_change.of(facts, query.policy)
    return Person(
        person_id=row["person_id"],
        purchases=row["purchase_count"],
        net_spent=None if currency is None else Money.of_minor(row["net_spent"], currency),
        silent=row["since_last_purchase"],
        interval=row["purchase_interval"],
        action=action,
        why=why,
        change=change,
        becomes="" if change is None else next_action.of(facts.at(change), query.policy).value,
    )


def facts_of(row: Mapping[str, Any], as_of: datetime) -> Facts:
    """Rebuild the facts of one person from a row of everyone's table."""
    values = {name: row[name] for name in Facts(as_of=as_of).to_dict() if row[name] is not None}
    return Facts(as_of=as_of, **values)
