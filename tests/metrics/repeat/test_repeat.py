from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.logs import Logs
from funnel.metrics._by_group import people_by
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.rates import (
    RepeatRate,
    RepeatRates,
    repeat_rate,
    repeat_rate_within,
    repeat_rates,
    returning_rate,
)
from funnel.policy import Policy
from funnel.rules._activity import has_bought, has_bought_again
from funnel.rules._rule import rule
from funnel.stages import Stage, stage
from tests.metrics.people import FEW, bought_by, crowds, logs_of
from tests.strategies import instants

if TYPE_CHECKING:
    from funnel.history import History

SPANS = st.integers(1, 400).map(lambda days: timedelta(days=days)) | st.just(timedelta(microseconds=1))
NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
LEADS = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))


def bought(**times: list[datetime]) -> Logs:
    """Purchases of people, each by when."""
    rows = [(person, moment) for person, moments in times.items() for moment in moments]
    table = {"person_id": [person for person, _ in rows], "purchased_at": [moment for _, moment in rows]}
    return Logs(purchases=pl.DataFrame(table).with_row_index("id").with_columns(pl.lit(9).alias("amount")))


def occasions(times: list[datetime]) -> list[datetime]:
    """The times that begin an occasion: a day or more after the time before."""
    return times[:1] + [later for one, later in pairwise(times) if later - one >= DAY]


def plainly(people: list[History], within: timedelta, as_of: datetime) -> RepeatRate:
    """Count person by person who bought again within a time."""
    times = [occasions(times) for person in people if (times := bought_by(person, as_of))]
    had = [(first, rest) for first, *rest in times if first <= as_of - within]
    successes = sum(any(moment - first <= within for moment in rest) for first, rest in had)
    return RepeatRate(within, Rate(successes, len(had)), len(times) - len(had))


@FEW
@given(crowds(), SPANS, instants())
def test_repeat_rates_are_what_counting_by_hand_finds(
    people: list[History], within: timedelta, as_of: datetime
) -> None:
    """Both rates equal a count person by person, agree with the rules, and lose nobody: judged or pending."""
    logs, policy = logs_of(people), Policy()
    counts = [len(occasions(bought_by(person, as_of))) for person in people]
    ever, soon = repeat_rate(logs, as_of=as_of), repeat_rate_within(logs, within, as_of=as_of)
    closed = [(has_bought.of(facts, policy), has_bought_again.of(facts, policy)) for facts in facts_of(people, as_of)]

    assert ever == Rate(sum(count > 1 for count in counts), sum(count > 0 for count in counts))
    assert ever == Rate(sum(repeated for _, repeated in closed), sum(once for once, _ in closed))
    assert soon == plainly(people, within, as_of)
    assert soon.rate.trials + soon.pending == ever.trials
    assert soon.rate.successes <= ever.successes


@FEW
@given(crowds(), SPANS, instants())
def test_the_three_rates_are_those_asked_one_by_one(people: list[History], within: timedelta, as_of: datetime) -> None:
    """Side by side they are what each function says; who returned is counted by the purchases of the time."""
    logs = logs_of(people)
    rates = repeat_rates(logs, within, as_of=as_of)
    times = [bought_by(person, as_of) for person in people]
    lately = [each for each in times if any(moment >= as_of - within for moment in each)]
    back = [each for each in lately if len(occasions(each)) > 1]

    assert rates.within == repeat_rate_within(logs, within, as_of=as_of)
    assert rates.ever == repeat_rate(logs, as_of=as_of)
    assert rates.returning == returning_rate(logs, within, as_of=as_of) == Rate(len(back), len(lately))


def facts_of(people: list[History], as_of: datetime) -> list[Facts]:
    """Everyone's facts, one by one."""
    return [Facts.of(person, as_of=as_of) for person in people]


DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("second", "as_of", "answer"),
    [
        (NOON + DAY, NOON + DAY, RepeatRate(DAY, Rate(1, 1), 0)),
        (NOON + DAY, NOON + DAY - TICK, RepeatRate(DAY, Rate(0, 0), 1)),
        (NOON + DAY + TICK, NOON + 9 * DAY, RepeatRate(DAY, Rate(0, 1), 0)),
        (NOON, NOON + DAY, RepeatRate(DAY, Rate(0, 1), 0)),
        (NOON, NOON, RepeatRate(DAY, Rate(0, 0), 1)),
    ],
    ids=["at its end", "still open", "just too late", "at once", "at once, still open"],
)
def test_a_window_includes_its_end(second: datetime, as_of: datetime, answer: RepeatRate) -> None:
    """Bought again just at the end counts, a microsecond later does not; until the end, nobody is judged."""
    assert repeat_rate_within(bought(a=[NOON, second]), DAY, as_of=as_of) == answer


def test_the_rate_says_who_is_pending() -> None:
    """As text it names those of whom nobody can say yet."""
    rate = repeat_rate_within(bought(a=[NOON], b=[NOON, NOON + DAY], c=[NOON + DAY]), DAY, as_of=NOON + DAY)

    assert str(rate) == "50.0 % (1 of 2; 9.5 to 90.5 %); 1 pending"


@pytest.mark.parametrize("logs", [LEADS, bought()], ids=["no log of purchases", "no purchases"])
def test_nobody_has_no_repeat_rate(logs: Logs) -> None:
    """If nobody has bought, the rate is of nobody."""
    assert repeat_rate(logs, as_of=NOON) == Rate(0, 0)
    assert repeat_rate_within(logs, DAY, as_of=NOON) == RepeatRate(DAY, Rate(0, 0), 0)
    assert returning_rate(logs, DAY, as_of=NOON) == Rate(0, 0)
    rates = RepeatRate(DAY, Rate(0, 0), 0)
    assert repeat_rates(logs, DAY, as_of=NOON) == RepeatRates(NOON, rates, Rate(0, 0), Rate(0, 0), 0)


def test_the_three_rates_read_well() -> None:
    """Text, rows and a notebook's table name each of the three; the first edge of the time is part of it."""
    rates = repeat_rates(bought(a=[NOON, NOON + DAY], b=[NOON]), DAY, as_of=NOON + DAY)

    assert rates.returning == Rate(1, 2)
    assert repeat_rates(bought(a=[NOON, NOON]), DAY, as_of=NOON + DAY + TICK).returning == Rate(0, 0)
    assert str(rates).splitlines() == [
        "bought again within 1 d: 50.0 % (1 of 2; 9.5 to 90.5 %); 0 pending",
        "have bought again by now: 50.0 % (1 of 2; 9.5 to 90.5 %)",
        "bought in the last 1 d, not for the first time: 50.0 % (1 of 2; 9.5 to 90.5 %)",
    ]
    assert [(row["name"], row["successes"], row["pending"]) for row in rates.to_dicts()] == [
        ("within", 1, 0),
        ("ever", 1, 0),
        ("returning", 1, 0),
    ]
    assert "<td>have bought again by now</td>" in rates._repr_html_()
    assert rates.within.to_dict()["within"] == DAY


def test_the_text_of_the_rates_has_the_purchases_that_count_with_another() -> None:
    """Two orders of one evening are one occasion. The text has their number, and a notebook has the same sentence."""
    one = repeat_rates(bought(a=[NOON, NOON + TICK], b=[NOON]), DAY, as_of=NOON + DAY)
    three = repeat_rates(bought(a=[NOON] * 3, b=[NOON, NOON + DAY - TICK]), DAY, as_of=NOON + DAY)

    assert str(one).splitlines()[-1] == "1 purchase within a day of another counts with it"
    assert str(three).splitlines()[-1] == "3 purchases within a day of another count with it"
    assert (three.joined, three.ever.successes) == (3, 0)
    assert "<p>3 purchases within a day of another count with it</p>" in three._repr_html_()


@pytest.mark.parametrize("within", [timedelta(0), -DAY, 30])
def test_the_time_must_be_a_span(within: Any) -> None:
    """None, a negative span and a bare number are not a time to buy again in."""
    with pytest.raises(ArgumentError, match=r"within must be (above zero|a timedelta, or text with a unit)"):
        repeat_rate_within(LEADS, within, as_of=NOON)


@FEW
@given(crowds(), instants())
def test_stages_are_counted_as_they_are_found_one_by_one(people: list[History], as_of: datetime) -> None:
    """The number of people in each stage is that of asking each of them; one of whom nothing is known is not asked."""
    facts_of_people = [facts for facts in facts_of(people, as_of) if facts.order_count or facts.purchase_count]
    counts = people_by(stage, logs_of(people), Policy(), as_of=as_of)
    bare = Counter(stage.of(facts_without_words(facts), Policy()).value for facts in facts_of_people)

    assert counts == dict(bare)
    assert list(counts) == [one.value for one in Stage if one.value in counts]


def facts_without_words(facts: Facts) -> Facts:
    """The facts of the same person in a shop that keeps purchases and refunds alone."""
    fields = {name: getattr(facts, name) for name in ("order_count", "purchase_count", "since_last_purchase")}
    return Facts(as_of=facts.as_of, **fields)


def test_people_are_counted_by_whatever_a_rule_answers() -> None:
    """A yes-or-no rule gives the number of each; an answer that nobody has is not listed."""
    logs = bought(a=[NOON, NOON + DAY], b=[NOON, NOON])

    assert people_by(has_bought_again, logs, Policy(), as_of=NOON + DAY) == {False: 1, True: 1}
    assert people_by(has_bought, logs, Policy(), as_of=NOON + DAY) == {True: 2}


def test_answers_are_listed_in_order() -> None:
    """None comes first, and numbers ascend: 9 is before 10."""

    @rule
    def orders(f: Facts, policy: Policy) -> int | None:
        return f.purchase_count if f.purchase_count > 1 else None

    logs = bought(a=[NOON] * 10, b=[NOON] * 9, c=[NOON])

    assert list(people_by(orders, logs, Policy(), as_of=NOON).items()) == [(None, 1), (9, 1), (10, 1)]
