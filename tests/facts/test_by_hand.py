"""Facts made by hand, for the tests of a rule: checked, frozen, a value."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import FactsError, InstantError
from funnel.facts import Facts, count, exists
from funnel.facts._base import BaseFacts
from funnel.facts._declare import occasions
from funnel.history import History
from tests.shop import DAY, NOW, TICK, ShopFacts, bought, person
from tests.strategies import histories, instants


class Nowhere(tzinfo):
    """A zone that does not know how far it is from UTC."""

    def utcoffset(self, _: datetime | None) -> None:
        """Not known."""


NAIVE = datetime(2026, 3, 1)  # noqa: DTZ001 - it must be refused


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        (NAIVE, "as_of is a naive datetime; give an aware datetime, such as"),
        (NAIVE.replace(tzinfo=Nowhere()), "as_of is a naive datetime"),
        ("2026-03-01", "as_of is str"),
        (None, "as_of is None"),
        (datetime(1800, 1, 1, tzinfo=UTC) - TICK, "outside the supported years"),
        (datetime(2200, 1, 1, tzinfo=UTC), "outside the supported years"),
    ],
)
def test_the_evaluation_time_is_an_aware_instant(as_of: Any, message: str) -> None:
    """Nothing is judged at a time without a zone, at none at all, or in years that are not kept."""
    with pytest.raises(InstantError, match=message):
        Facts(as_of=as_of)
    with pytest.raises(InstantError, match=message):
        Facts.of(History(person_id="p1"), as_of=as_of)
    with pytest.raises(InstantError, match=message):
        person().at(as_of)


@pytest.mark.parametrize("as_of", [datetime(1800, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC) - TICK])
def test_the_first_and_the_last_instant_are_kept(as_of: datetime) -> None:
    """The edges of the years that are kept belong to them."""
    assert Facts(as_of=as_of).as_of == as_of


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"purchase_count": -1}, "purchase_count must be a whole number from 0 to"),
        ({"purchase_count": 2**31 + 1}, "must be a whole number from 0 to 2147483648"),
        ({"purchase_count": 2.0}, "purchase_count must be .*got float"),
        ({"purchase_count": True}, "purchase_count must be .*got bool"),
        ({"purchase_count": None}, "purchase_count must be .*got NoneType"),
        ({"last_purchase_at": NAIVE}, "last_purchase_at must be an aware datetime"),
        ({"last_purchase_at": datetime(9999, 1, 1, tzinfo=UTC)}, "of the years 1800 to 2199"),
        ({"last_purchase_at": "yesterday"}, "last_purchase_at must be .*got str"),
        ({"since_last_purchase": 40}, "since_last_purchase must be a timedelta"),
        ({"since_last_purchase": None}, "since_last_purchase must be a timedelta"),
        ({"since_last_purchase": timedelta.max}, "of less than 400 years"),
        ({"until_ready": timedelta.min}, "until_ready must be a timedelta of less than 400 years"),
        ({"purchase_interval": -TICK}, "purchase_interval must be a timedelta of zero or more"),
        ({"campaign": 3}, "campaign must be text"),
        ({"last_interaction_kind": "shout"}, "last_interaction_kind must be one of 'visit', 'view'"),
        ({"was_referred": 1}, "was_referred must be True or False"),
        ({"purchase_cout": 1}, "the fact 'purchase_cout' is unknown; did you mean purchase_count"),
        (
            {"last_purchase_at": NOW - DAY, "since_last_purchase": 2 * DAY},
            "last_purchase_at and since_last_purchase set the same value and contradict each other; give one of them",
        ),
        ({"last_purchase_at": NOW + TICK}, "last_purchase_at is after as_of; facts know only earlier records"),
        ({"oldest_open_question": -TICK}, "oldest_open_question is after as_of"),
        (
            {"purchase_count": 0, "since_last_purchase": 3 * DAY},
            "since_last_purchase is set, and purchase_count is 0, so they contradict each other; leave one of them out",
        ),
        ({"purchase_count": 0, "purchase_interval": DAY}, "purchase_interval is set, and purchase_count is 0"),
        ({"largest_purchase": 9, "purchase_count": 0}, "largest_purchase is set, and purchase_count is 0"),
        ({"question_count": 0, "since_last_question": DAY}, "since_last_question is set, and question_count is 0"),
    ],
)
def test_what_cannot_be_a_fact_is_refused(fields: dict[str, Any], message: str) -> None:
    """A wrong type, a number out of range, an unknown name, two facts at odds: told by name, with what is allowed."""
    with pytest.raises(FactsError, match=message):
        Facts(as_of=NOW, **fields)
    with pytest.raises(FactsError, match=message):
        person().evolve(**fields)


@pytest.mark.parametrize(
    ("fields", "follows"),
    [
        ({"last_purchase_at": NOW - DAY}, {"since_last_purchase": DAY, "purchase_count": 0}),
        ({"since_last_purchase": DAY, "last_purchase_at": NOW - DAY}, {"last_purchase_at": NOW - DAY}),
        ({"last_purchase_at": None}, {"last_purchase_at": None}),
        ({"last_purchase_at": None, "purchase_count": 0, "net_spent": 0}, {"last_purchase_at": None}),
        ({"last_purchase_at": NOW, "purchase_count": 1}, {"since_last_purchase": timedelta(0)}),
        ({"purchase_count": 0, "since_last_question": DAY, "refund_count": 1}, {"purchase_count": 0}),
        ({"postponed_until": NOW + DAY}, {"until_ready": DAY}),
        ({"until_ready": -DAY}, {"postponed_until": NOW - DAY}),
        ({"was_referred": True}, {"was_referred": True}),
        ({"campaign": "may"}, {"campaign": "may"}),
        ({"purchase_count": 4, "net_spent": 10}, {"average_purchase": 2}),
        ({"purchase_count": 4, "net_spent": 10, "average_purchase": 9}, {"average_purchase": 9}),
        ({"purchase_count": 4}, {"average_purchase": 0}),
        (
            {"purchase_count": 3, "first_purchase_at": NOW - 9 * DAY, "since_last_purchase": DAY},
            {"purchase_interval": 4 * DAY},
        ),
        ({"purchase_count": 3, "last_purchase_at": NOW}, {"purchase_interval": None}),
        (
            {"purchase_count": 5, "occasion_count": 3, "first_purchase_at": NOW - 8 * DAY, "last_purchase_at": NOW},
            {"purchase_interval": 4 * DAY, "interval_spread": None},
        ),
        (
            {"purchase_count": 3, "first_purchase_at": NOW, "last_purchase_at": NOW - DAY},
            {"purchase_interval": None},
        ),
    ],
)
def test_what_follows_from_facts_by_hand_follows(fields: dict[str, Any], follows: dict[str, Any]) -> None:
    """An instant and the span since it are one; a mean is worked out where all of its parts are known."""
    actual = person(**fields).to_dict()

    assert {name: actual[name] for name in follows} == follows


def test_a_mean_goes_when_what_it_was_made_of_goes() -> None:
    """Facts turned back to nothing leave no average behind; one that was given by hand stays."""
    facts = person(purchase_count=4, net_spent=12)

    assert facts.average_purchase == 3
    assert facts.evolve(purchase_count=2).average_purchase == 6
    assert facts.evolve(purchase_count=0).average_purchase == 0
    assert person(average_purchase=5).evolve(purchase_count=2).average_purchase == 5


def test_the_rhythm_follows_purchases_changed_by_hand() -> None:
    """A later or another purchase changes the average interval; how much it varies is not known then."""
    every = [bought(str(day), NOW + (day - 9) * DAY) for day in (0, 3, 9)]
    facts = ShopFacts.of(History.of("p1", every), as_of=NOW)

    assert (facts.purchase_interval, facts.interval_spread) == (4 * DAY + DAY / 2, DAY + DAY / 2)
    assert facts.evolve(purchase_count=4).purchase_interval == 3 * DAY
    assert facts.evolve(since_last_purchase=DAY).purchase_interval == 4 * DAY
    for changes in ({"purchase_count": 4}, {"since_last_purchase": DAY}):
        assert facts.evolve(**changes).to_dict()["interval_spread"] is None
    assert facts.evolve(purchase_count=4, interval_spread=DAY).interval_spread == DAY
    assert facts.evolve(was_referred=True).interval_spread == facts.interval_spread
    assert facts.evolve(purchase_count=1).to_dict()["purchase_interval"] is None


def test_facts_by_hand_of_a_class_without_a_rhythm() -> None:
    """A class may declare the number of occasions and nothing else about rhythm, or not even that."""

    class Occasions(BaseFacts):
        occasion_count: int = occasions()

    class Orders(BaseFacts):
        order_count: int = count("orders")

    assert Orders(as_of=NOW, order_count=2).order_count == 2
    assert Occasions(as_of=NOW).evolve(occasion_count=3).occasion_count == 3


def test_a_shops_own_count_and_its_truth_agree() -> None:
    """A flag follows from its count, in both directions."""

    class Gifts(Facts):
        gift_count: int = count("purchases", where=lambda purchase: purchase.promotion == "gift")
        has_gift: bool = exists("purchases", where=lambda purchase: purchase.promotion == "gift")

    assert Gifts(as_of=NOW, gift_count=1).has_gift is True
    assert Gifts(as_of=NOW, gift_count=1).evolve(gift_count=0).has_gift is False


@pytest.mark.parametrize("name", ["purchase_count", "as_of", "now", "values", "anything"])
def test_facts_cannot_be_changed(name: str) -> None:
    """Facts can be neither set nor deleted."""
    facts = person(purchase_count=1)
    before = (facts.now, facts.values)

    with pytest.raises(AttributeError, match=f"{name} cannot be set, because facts are immutable"):
        setattr(facts, name, 3)
    with pytest.raises(AttributeError, match=f"{name} cannot be deleted"):
        delattr(facts, name)
    with pytest.raises(AttributeError, match="purchase_count cannot be set"):
        object.__setattr__(facts, "purchase_count", 3)
    assert (facts.now, facts.values) == before


def test_facts_are_of_an_instant_that_must_be_given() -> None:
    """The instant is required, and facts are keywords."""
    with pytest.raises(TypeError, match="as_of"):
        Facts()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Facts(NOW)  # type: ignore[misc]


@given(histories(), instants())
def test_facts_are_values(history: History, as_of: datetime) -> None:
    """Copied, carried to another process or made again they are equal; evolved by nothing they are the same."""
    facts = ShopFacts.of(history, as_of=as_of)

    assert pickle.loads(pickle.dumps(facts)) == copy.deepcopy(facts) == copy.copy(facts) == facts  # noqa: S301 - ours
    assert hash(copy.copy(facts)) == hash(facts)
    assert facts.evolve() == facts.at(as_of) == facts


@given(histories(), instants())
def test_facts_made_by_hand_from_what_they_say_are_the_same(history: History, as_of: datetime) -> None:
    """Every fact that is known can be given by hand, and gives the same facts."""
    facts = ShopFacts.of(history, as_of=as_of)
    values = {name: fact for name, fact in facts.to_dict().items() if fact is not None}

    assert ShopFacts(as_of=as_of, **values).to_dict() == facts.to_dict()


@given(st.sampled_from([Facts, ShopFacts]))
def test_facts_of_different_classes_are_not_equal(one: type[Facts]) -> None:
    """A shop's own facts are not the plain ones, nor is anything else."""
    other = ShopFacts if one is Facts else Facts

    assert one(as_of=NOW) != other(as_of=NOW)
    assert one(as_of=NOW) != one(as_of=NOW + TICK)
    assert one(as_of=NOW) != one(as_of=NOW, purchase_count=1)
    assert one(as_of=NOW) != "facts"


def test_facts_show_what_is_known_and_nothing_else() -> None:
    """The repr leaves out default values, and shows each instant once."""
    facts = person(purchase_count=2, since_last_purchase=DAY, campaign="may", was_referred=True)

    assert repr(facts) == (
        "Facts(as_of=2026-09-01T00:00:00+00:00, campaign='may', was_referred=True, purchase_count=2, "
        "occasion_count=2, last_purchase_at=datetime.datetime(2026, 8, 31, 0, 0, tzinfo=datetime.timezone.utc))"
    )
    assert repr(person()) == "Facts(as_of=2026-09-01T00:00:00+00:00)"


def test_facts_cannot_be_turned_back() -> None:
    """Facts cannot go back to an earlier instant."""
    with pytest.raises(InstantError, match="as_of is before the instant of these facts"):
        person().at(NOW - TICK)


def test_the_text_of_facts_shows_a_span_if_no_fact_shows_its_instant() -> None:
    """Two people who differ in such a span differ in their texts; the day of the last cart is not a fact."""
    silent = timedelta(days=3)

    assert repr(Facts(as_of=NOW, since_last_cart=silent)).endswith(f", since_last_cart={silent!r})")
    assert "since_last_purchase" not in repr(Facts(as_of=NOW, purchase_count=1, since_last_purchase=silent))
