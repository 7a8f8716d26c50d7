"""The contents of a report, computed from facts, rules, stages and metrics over a shop's records.

Invariant: a number of people is that of the rule evaluated over everyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import attrs
import polars as pl

from funnel._dataframes.adapter import installed
from funnel._time import MICROSECOND, instant, micros
from funnel.cli._names import PersonNames, records_of_logs
from funnel.cli._source import Source
from funnel.cli._tasks import PeopleQuery, Person, by_amount, of_today
from funnel.cli._words import Words
from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.logs import Logs
from funnel.messages import Language
from funnel.metrics._conversion.conversion import conversion
from funnel.metrics._conversion.result import FunnelResult
from funnel.metrics._conversion.trend import Trend
from funnel.metrics._lifecycle import Lifecycles, lifecycle
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.rates import RepeatRates, repeat_rates
from funnel.metrics._retention.cohorts import Cohorts
from funnel.metrics._retention.retention import retention
from funnel.metrics._stage_flow.stage_flow import StageFlow, stage_flow
from funnel.policy import Policy
from funnel.readers._read_orders import Entry
from funnel.rules._activity import has_rhythm, is_overdue
from funnel.rules._next_action import NextAction, is_due_for_follow_up, next_action
from funnel.rules._rule import Rule
from funnel.stages import Stage, stage

if TYPE_CHECKING:
    from funnel.forecast import ShopForecast  # noqa: TC004 (loaded only if the extra is installed)


# ---- the forecast of the next four weeks in the report, or the reason why it is missing ------------------------------


_WEEKS, _PAST, _MIN_PAST = 4, 8, 4
"""The length of a forecast, and how many past forecasts are made and required: the defaults of `shop_forecast`."""


@attrs.frozen
class Expected:
    """The forecast, or the numbers that explain why it is missing.

    Attributes:
        forecast: The forecast; None without the extra `forecast`, or with too little data.
        repeat_buyers: Number of people with two purchases or more.
        min_repeat_buyers: Required number of such people at `since`; None without the extra.
        since: The earliest of the past forecasts that are required.
    """

    forecast: ShopForecast | None
    repeat_buyers: int
    min_repeat_buyers: int | None
    since: datetime


def has_forecasts() -> bool:
    """Return whether the extra `forecast` is installed."""
    return installed("numpy") and installed("scipy")


def expect(source: Source, *, tz: str, as_of: datetime, repeat_buyers: int) -> Expected:
    """Return the forecast of a shop.

    A forecast needs repeat buyers on past days too, and few shops have them. Their number is therefore compared first.

    Args:
        source: The records.
        tz: The shop's time zone.
        as_of: The evaluation time. If it is the last instant of a day, the forecast begins with the next day.
        repeat_buyers: Number of people with two purchases or more.
    """
    since = as_of - timedelta(weeks=_WEEKS * _MIN_PAST)
    if not has_forecasts():
        return Expected(None, repeat_buyers, None, since)
    from funnel.forecast._buyers import MIN_REPEAT_BUYERS

    forecast = None
    if repeat_buyers >= MIN_REPEAT_BUYERS:
        forecast = _forecast(source, tz, as_of + MICROSECOND)
    return Expected(forecast, repeat_buyers, MIN_REPEAT_BUYERS, since)


def _forecast(source: Source, tz: str, as_of: datetime) -> ShopForecast | None:
    from funnel.forecast import shop_forecast

    try:
        return shop_forecast(source.buyers, tz=tz, as_of=as_of, weeks=_WEEKS, past=_PAST)
    except ArgumentError:  # too few of the repeat buyers had bought again on the past days
        return None


# ---- everything that the report says ---------------------------------------------------------------------------------


S = TypeVar("S", bound=StrEnum)
Progress: TypeAlias = Callable[[str, int, int], None]
_RULES: Sequence[Rule[Any, Any, Any]] = (stage, has_rhythm, is_overdue, next_action, is_due_for_follow_up)
_PROGRESS_STEPS = len(_RULES) + 4


@attrs.frozen
class ReportQuery:
    """The arguments of a report.

    Attributes:
        as_of: The evaluation time.
        tz: The shop's time zone.
        policy: The shop's policy.
        rows: Maximum number of people in each list of the short page.
        limit: Maximum number of people to contact a day.
        within: Time in which a lead should buy, or a first-time buyer buy again.
        language: The language of the report.
        contacts: Whether today's list has contact details.
    """

    as_of: datetime
    tz: str
    policy: Policy
    rows: int = 10
    limit: int = 50
    within: timedelta = timedelta(days=30)
    language: Language = "en"
    contacts: bool = False


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
class Buying:
    """Results about purchases.

    Attributes:
        has_leads: Whether leads convert by a purchase; otherwise first-time buyers convert by a second one.
        funnel: From lead to purchase, or from the first purchase to the second.
        trend: The funnel by month of entry.
        rates: The three repeat rates; the window is the time after which a buyer has lapsed.
        cohorts: Monthly cohorts.
        lifecycle: Buyers and their money by month.
        late: Overdue people among those with a rhythm.
        overdue: The first overdue people, by amount spent.
    """

    has_leads: bool
    funnel: FunnelResult[Any]
    trend: Trend
    rates: RepeatRates
    cohorts: Cohorts
    lifecycle: Lifecycles
    late: Rate
    overdue: tuple[Person, ...]


@attrs.frozen
class Findings:
    """The contents of a report.

    Attributes:
        query: The arguments of the report.
        account: The outcome of the rows of the file.
        currency: The currency of every amount; None without amounts.
        span: Times of the first and the last purchase; None without purchases.
        leads: The leads of each source up to `as_of`, the source with the most leads first.
        later: Number of purchases after `as_of`, which are excluded.
        stages: Number of people in each stage.
        flow: People in each stage over time.
        buying: Results about purchases.
        expected: The forecast of the next four weeks, or the reason for a missing forecast.
        due: Number of people for each next action that is due.
        today: The people to contact today.
        first_today: The first of them, some of each action.
        contacts: Contact details by person; empty without `contacts`.
    """

    query: ReportQuery
    account: tuple[Entry, ...]
    currency: str | None
    span: tuple[datetime, datetime] | None
    leads: tuple[LeadSource, ...]
    later: int
    stages: Mapping[Stage, int]
    flow: StageFlow
    buying: Buying
    expected: Expected
    due: Mapping[NextAction, int]
    today: tuple[Person, ...]
    first_today: tuple[Person, ...]
    contacts: Mapping[str, Sequence[str]]


def find(source: Source, query: ReportQuery, progress: Progress) -> Findings:
    """Compute the contents of a report.

    Args:
        source: The records.
        query: The arguments of the report.
        progress: Called with the progress.
    """
    as_of, purchased = query.as_of, source.purchased
    steps = iter(range(_PROGRESS_STEPS + 1))

    def step() -> None:
        progress("evaluating", next(steps), _PROGRESS_STEPS)

    people = _evaluated(source.logs, query, step)
    described = PeopleQuery(as_of, query.policy, query.language, source.currency, names_of(source, query).of)
    due = people.filter("is_due_for_follow_up")
    rows = of_today(due, query.limit)
    today, first_today = described.people(rows), described.people(of_today(rows, query.rows))
    leads = source.leads.filter(pl.col("t") <= micros(as_of))
    step()
    flow = stage_flow(source.logs, query.policy, tz=query.tz, as_of=as_of)
    step()
    buying = _buying(source, query, people, described, has_leads=leads.height > 0)
    step()
    again = people.filter(pl.col("purchase_count") > 1).height
    expected = expect(source, tz=query.tz, as_of=as_of, repeat_buyers=again)
    step()
    return Findings(
        query=query,
        account=source.account,
        currency=source.currency,
        span=_span(purchased),
        leads=tuple(_leads(leads)),
        later=int((purchased > micros(as_of)).sum()),
        stages=_counts(people, "stage", Stage),
        flow=flow,
        buying=buying,
        expected=expected,
        due=_counts(due, "next_action", NextAction),
        today=today,
        first_today=first_today,
        contacts=source.contacts([one.person_id for one in today]) if query.contacts else {},
    )


def names_of(source: Source, query: ReportQuery) -> PersonNames:
    """Return the names of the people of a source."""
    words = Words(query.language, ZoneInfo(query.tz))
    return PersonNames(records_of_logs(source.logs), source.ids, query.as_of, words, query.contacts, source.order_names)


def _evaluated(logs: Logs, query: ReportQuery, step: Callable[[], None]) -> pl.DataFrame:
    """Return everyone's facts, with the answers of all rules in the report."""
    step()
    people = Facts.over(logs, as_of=query.as_of)
    for rule in _RULES:
        step()
        people = rule.over(people, query.policy)
    assert isinstance(people, pl.DataFrame)
    return people


def _buying(
    source: Source, query: ReportQuery, people: pl.DataFrame, described: PeopleQuery, *, has_leads: bool
) -> Buying:
    logs, as_of = source.buyers, query.as_of
    funnel = conversion(logs, ["lead" if has_leads else "purchase", "purchase"], within=query.within, as_of=as_of)
    overdue = people.filter("is_overdue")
    return Buying(
        has_leads=has_leads,
        funnel=funnel,
        trend=funnel.trend("month", tz=query.tz),
        rates=repeat_rates(logs, query.policy.lapse_after, as_of=as_of),
        cohorts=retention(logs, tz=query.tz, as_of=as_of),
        lifecycle=lifecycle(logs, tz=query.tz, as_of=as_of),
        late=Rate(overdue.height, people.filter("has_rhythm").height),
        overdue=described.people(by_amount(overdue).head(query.rows)),
    )


def _span(purchased: pl.Series) -> tuple[datetime, datetime] | None:
    first, last = purchased.min(), purchased.max()
    return (instant(first), instant(last)) if isinstance(first, int) and isinstance(last, int) else None


def _leads(leads: pl.DataFrame) -> Iterator[LeadSource]:
    t = pl.col("t")
    sources = leads.group_by("source").agg(
        pl.len().alias("leads"), pl.col("person_id").n_unique().alias("people"), t.min().alias("first"), t.max()
    )
    for name, count, people, first, last in sources.sort("leads", "source", descending=[True, False]).iter_rows():
        yield LeadSource(name, count, people, instant(first), instant(last))


def _counts(people: pl.DataFrame, column: str, answers: type[S]) -> dict[S, int]:
    counts = dict(people.group_by(column).len().iter_rows())
    return {answer: counts[answer.value] for answer in answers if answer.value in counts}
