"""Products bought together and one after the other: two forms that agree, against a count of every pair."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._affinity.affinity import Affinity, affinity, next_offers
from funnel.metrics._rate import Rate
from funnel.money import Money
from funnel.records import OrderLine, Purchase
from tests.frames import read
from tests.metrics.buyers import DAY, THINGS, buyers, counted_purchases, lines_of, moments, spans
from tests.metrics.people import FEW
from tests.shop import logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
LATER = NOON + 100 * DAY
LEADS = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))


def baskets(person: History, as_of: datetime) -> list[tuple[datetime, set[str]]]:
    """When somebody bought what, by purchase."""
    rows = [(one.purchased_at, {line.sku for line in one.lines}) for one in counted_purchases(person, as_of)]
    return [(moment, skus) for moment, skus in rows if skus]


def together(people: Sequence[History], one: str, other: str, as_of: datetime) -> tuple[Rate, Rate, float] | None:
    """Count the purchases that hold both."""
    all_baskets = [skus for person in people for _, skus in baskets(person, as_of)]
    both, first, second = (sum(things <= skus for skus in all_baskets) for things in ({one, other}, {one}, {other}))
    return (
        (Rate(both, len(all_baskets)), Rate(both, first), both * len(all_baskets) / (first * second)) if both else None
    )


def follows(person: History, one: str, other: str, within: timedelta, as_of: datetime) -> bool | None:
    """Whether somebody who has had the time since they first bought the one then bought the other."""
    times = {sku: [moment for moment, skus in baskets(person, as_of) if sku in skus] for sku in (one, other)}
    if not times[one] or min(times[one]) > as_of - within:
        return None
    return any(min(times[one]) < moment <= min(times[one]) + within for moment in times[other])


def in_order(
    people: Sequence[History], one: str, other: str, within: timedelta, as_of: datetime
) -> tuple[Rate, Rate, float] | None:
    """Count the people who bought the other after the one, and how often it follows any."""
    answers = {sku: [follows(person, sku, other, within, as_of) for person in people] for sku in THINGS}
    followed = {sku: [bool(one) for one in each if one is not None] for sku, each in answers.items() if sku != other}
    successes, trials = sum(followed[one]), len(followed[one])
    if not successes:
        return None
    onto, first_buyers = sum(map(sum, followed.values())), sum(map(len, followed.values()))
    old = [person for person in people if any(moment <= as_of - within for moment, _ in baskets(person, as_of))]
    return Rate(successes, len(old)), Rate(successes, trials), (successes / trials) / (onto / first_buyers)


@FEW
@given(buyers(), spans, moments)
def test_pairs_are_what_counting_by_hand_finds(people: list[History], within: timedelta, as_of: datetime) -> None:
    """Every pair of things is counted as it is person by person, by an engine and in plain Python alike."""
    result = affinity(logs_of(people), lines_of(people), within, as_of=as_of, min_people=1)
    both = {(one.sku, one.other): (one.support, one.confidence, one.lift) for one in result.together}
    after = {(one.sku, one.other): (one.support, one.confidence, one.lift) for one in result.in_order}

    assert result == Affinity.of(people, within, as_of=as_of, min_people=1)
    for one, other in ((one, other) for one in THINGS for other in THINGS if one != other):
        beside = together(people, one, other, as_of)
        assert both.get((one, other)) == (beside if beside is None else pytest.approx(beside))
        then = in_order(people, one, other, within, as_of)
        assert after.get((one, other)) == (then if then is None else pytest.approx(then))


@FEW
@given(buyers(6), spans, moments, st.integers(1, 3))
def test_what_is_met_too_seldom_is_not_told(
    people: list[History], within: timedelta, as_of: datetime, min_people: int
) -> None:
    """No pair below the minimum is in the result, and both forms leave out the same ones."""
    result = affinity(logs_of(people), lines_of(people), within, as_of=as_of, min_people=min_people)

    assert result == Affinity.of(people, within, as_of=as_of, min_people=min_people)
    assert all(pair.support.successes >= min_people for pair in (*result.together, *result.in_order))
    assert [pair.lift for pair in result.together if pair.lift > 0] == [pair.lift for pair in result.together]


@FEW
@given(buyers(6), spans, moments, st.integers(1, 2))
def test_the_table_offers_what_is_offered_to_each(
    people: list[History], within: timedelta, as_of: datetime, most: int
) -> None:
    """A person's rows of the table are what is offered to them alone, in that order."""
    logs, lines = logs_of(people), lines_of(people)
    result = affinity(logs, lines, within, as_of=as_of, min_people=1)
    rows = read(next_offers(logs, lines, within, as_of=as_of, min_people=1, most=most))
    for person in people:
        bought = {sku for _, skus in baskets(person, as_of) for sku in skus}
        mine = sorted((row for row in rows if row["person_id"] == person.person_id), key=lambda row: row["rank"])
        alone = result.next_after(bought, most)
        assert [(row["sku"], row["because"], row["people"], row["trials"]) for row in mine] == [
            (one.other, one.sku, one.confidence.successes, one.confidence.trials) for one in alone
        ]
        assert [row["rank"] for row in mine] == list(range(1, len(mine) + 1))


TABLES = {
    "purchases": pl.DataFrame(
        {
            "id": [str(number) for number in range(7)],
            "person_id": list("ababcda"),
            "purchased_at": [NOON + day * DAY for day in (0, 0, 5, 6, 1, 2, 95)],
            "amount": [9] * 7,
        }
    ),
    "lines": pl.DataFrame(
        {
            "purchase_id": ["0", "1", "1", "2", "3", "4", "5", "6"],
            "sku": ["pot", "pot", "lid", "cup", "cup", "pot", "jar", "lid"],
        }
    ),
}
LOGS = Logs(purchases=TABLES["purchases"])


def test_offers_are_worked_by_hand() -> None:
    """Three people bought a pot, two a cup later; beside a pot goes a lid; products they own are not offered."""
    result = affinity(LOGS, TABLES["lines"], 10 * DAY, as_of=LATER, min_people=1)

    assert [(one.sku, one.other, one.confidence) for one in result.in_order] == [
        ("lid", "cup", Rate(1, 1)),
        ("pot", "cup", Rate(2, 3)),
    ]
    assert [str(one) for one in result.next_after({"pot"})] == [
        "pot, then cup: 66.7 % (2 of 3; 20.8 to 93.9 %), lift 1.11"
    ]
    assert result.next_after({"pot", "cup"}) == ()
    assert [one.other for one in result.next_after({"pot", "lid"})] == ["cup"]
    assert [one.other for one in result.beside(["pot"])] == ["lid"]
    assert result.beside(["pot"], 0) == ()


def test_histories_are_worked_by_hand_too() -> None:
    """The same people one by one, their things in the lines of their purchases, give the same pairs."""
    things: dict[str, list[str]] = {}
    for number, sku in TABLES["lines"].rows():
        things.setdefault(number, []).append(sku)
    price = Money(1, "USD")
    people = {
        person: History.of(
            person,
            [
                Purchase(
                    id=row["id"],
                    person_id=person,
                    purchased_at=row["purchased_at"],
                    lines=[OrderLine(sku=sku, unit_price=price) for sku in things[row["id"]]],
                )
                for row in TABLES["purchases"].filter(pl.col("person_id") == person).rows(named=True)
            ],
        )
        for person in "abcd"
    }

    result = Affinity.of(people.values(), 10 * DAY, as_of=LATER, min_people=1)
    assert result == affinity(LOGS, TABLES["lines"], 10 * DAY, as_of=LATER, min_people=1)


def test_a_purchase_without_lines_goes_with_nothing() -> None:
    """Nobody knows its products, so it is not a basket."""
    bare = Purchase(id="1", person_id="a", purchased_at=LATER - 20 * DAY, amount=Money(1, "USD"))
    result = Affinity.of([History.of("a", [bare])], 10 * DAY, as_of=LATER, min_people=1)

    assert (result.together, result.in_order) == ((), ())


def test_pairs_read_well() -> None:
    """Text, rows and a notebook's tables agree; products below the minimum are reported."""
    result = affinity(LOGS, TABLES["lines"], 10 * DAY, as_of=LATER, min_people=1)
    none = affinity(LOGS, TABLES["lines"], 10 * DAY, as_of=LATER)

    assert str(result).splitlines()[0] == "Bought together:"
    assert str(result).splitlines()[-2:] == [
        "lid       cup  100.0 % (1 of 1; 20.7 to 100.0 %)  1.67",
        "pot       cup    66.7 % (2 of 3; 20.8 to 93.9 %)  1.11",
    ]
    assert str(none) == (
        "Bought together: no pair occurs 30 times.\n\nBought after, within 10 d: no pair occurs 30 times."
    )
    assert result.to_dicts()[0] | {"ci_lower": 0, "ci_upper": 0} == {
        "how": "together",
        "sku": "lid",
        "other": "pot",
        "times": 1,
        "support": 1 / 7,
        "confidence": 0.5,
        "ci_lower": 0,
        "ci_upper": 0,
        "lift": 7 / 6,
    }
    assert "<p>Bought after, within 10 d</p>" in result._repr_html_()


def test_a_long_table_is_cut_short() -> None:
    """As text the first ten pairs are shown, and how many more there are."""
    lines = pl.DataFrame({"purchase_id": ["0"] * 5, "sku": list("vwxyz")})
    result = affinity(LOGS, lines, DAY, as_of=LATER, min_people=1)

    assert str(result).splitlines()[12] == "and 10 more"


def test_without_purchases_nothing_goes_with_anything() -> None:
    """There is no pair, and nothing that a table could offer."""
    lines = pl.DataFrame({"purchase_id": ["0"], "sku": ["pot"]})

    assert affinity(LEADS, lines, DAY, as_of=LATER) == Affinity(LATER, DAY, 30, (), ())
    with pytest.raises(ArgumentError, match="next_offers requires purchases"):
        next_offers(LEADS, lines, DAY, as_of=LATER)


@pytest.mark.parametrize("min_people", [0, 1.0, True])
def test_the_least_is_a_whole_number(min_people: Any) -> None:
    """None, a fraction and a bool are not a number of times; None is not a span."""
    with pytest.raises(ArgumentError, match="a whole number from 1 up"):
        Affinity.of([], DAY, as_of=LATER, min_people=min_people)
    with pytest.raises(ArgumentError, match="within must be above zero"):
        affinity(LOGS, TABLES["lines"], 0 * DAY, as_of=LATER)
