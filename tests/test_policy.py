"""The shop's own numbers: checked, frozen, each with the reason for its default."""

from __future__ import annotations

from datetime import UTC, time, timedelta
from typing import Any

import pytest
from pydantic import PydanticUserError, ValidationError

from funnel._fields import descriptions
from funnel.errors import ArgumentError
from funnel.policy import Policy
from tests.shop import TICK

NAMES = sorted(Policy.model_fields)
DESCRIPTIONS = descriptions(Policy)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_says_why_it_is_what_it_is(name: str) -> None:
    """No number stands in the policy without its reason, nor with a default that it would refuse."""
    field = Policy.model_fields[name]

    assert len(DESCRIPTIONS[name]) > len("one word")
    assert getattr(Policy.model_validate({name: field.default}), name) == field.default


@pytest.mark.parametrize(
    ("name", "min_people", "most"),
    [
        ("lapse_after", TICK, None),
        ("quiet_after", TICK, None),
        ("answer_within", TICK, None),
        ("resolve_within", TICK, None),
        ("disappointed_for", TICK, None),
        ("phase_lasts", TICK, None),
        ("after_sale_for", TICK, None),
        ("follow_up_after", TICK, None),
        ("thank_within", TICK, None),
        ("rhythm_interval", TICK, None),
        ("delivery_grace", timedelta(0), None),
        ("overdue_percent", 1, 500),
        ("contact_window", TICK, None),
        ("max_contacts", 1, 3),
        ("meeting_percent", 1, 500),
        ("nearly_due_percent", 1, 500),
        ("likely_lost_percent", 1, 500),
        ("rhythm_purchases", 2, 100),
        ("regular_occasions", 3, 100),
        ("regular_percent", 1, 500),
        ("low_score", 1, 5),
        ("meeting_amount", 0, 10**14),
        ("max_follow_ups", 0, 10_000),
        *((name, -1000, 1000) for name in NAMES if name.endswith("_points")),
    ],
)
def test_each_number_has_its_limits(name: str, min_people: Any, most: Any) -> None:
    """The least and the most are allowed, what lies beyond is refused."""
    step = TICK if isinstance(min_people, timedelta) else 1

    assert getattr(Policy.model_validate({name: min_people}), name) == min_people
    with pytest.raises(ValidationError, match=name):
        Policy.model_validate({name: min_people - step})
    if most is not None:
        assert getattr(Policy.model_validate({name: most}), name) == most
        with pytest.raises(ValidationError, match=name):
            Policy.model_validate({name: most + step})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lapse_after": timedelta(0)}, "must be a span above zero"),
        ({"lapse_afer": timedelta(days=1)}, "lapse_afer"),
        ({"overdue_percent": 150.0}, "overdue_percent"),
        ({"window_percents": (8, 50, 50)}, "must have rising percents: earliest, likely, latest"),
        ({"regular_window_percents": (50, 95)}, "regular_window_percents"),
        ({"overdue_percent": True}, "overdue_percent"),
        ({"ready_points": "60"}, "ready_points"),
        ({"assurance_percents": (100, 150, 200)}, "must have 4 limits.*got 3"),
        ({"assurance_percents": (100, 150, 150, 300)}, "above the limit before"),
        ({"assurance_percents": ()}, "must have 4 limits.*got 0"),
        ({"wait_limits": tuple(timedelta(days=day) for day in range(1, 22))}, "at most 20 limits.*got 21"),
        ({"opens_at": time(9), "closes_at": time(8)}, "closes_at is before opens_at"),
        ({"opens_at": time(9, tzinfo=UTC)}, "must not have a time zone"),
        ({"opens_at": 9}, r'opens_at: must be a time of day, such as time\(9\) or "09:00"'),
        ({"closes_at": "32400"}, "must be a time of day"),
        ({"closes_at": 9.5}, "must be a time of day"),
        ({"closes_at": time(21, tzinfo=UTC)}, "must not have a time zone"),
    ],
)
def test_what_is_no_number_of_the_shop_is_refused(fields: dict[str, Any], message: str) -> None:
    """An unknown name, a float, a bool and a text are refused with the name of the field."""
    with pytest.raises(ValidationError, match=message):
        Policy.model_validate(fields)


def test_a_policy_is_a_value() -> None:
    """Two policies with the same numbers are one; none can change."""
    policy = Policy(lapse_after=timedelta(days=60))

    assert policy == Policy(lapse_after=timedelta(days=60))
    assert hash(policy) == hash(Policy(lapse_after=timedelta(days=60)))
    assert policy != Policy()
    with pytest.raises(ValidationError, match="frozen"):
        policy.lapse_after = timedelta(days=1)


def test_a_shop_adds_numbers_of_its_own() -> None:
    """A class of the shop's own has all the numbers and its own, and is not mistaken for the plain one."""

    class ShopPolicy(Policy):
        vip_orders: int = 5

    assert ShopPolicy(vip_orders=6).vip_orders == 6
    assert ShopPolicy().lapse_after == Policy().lapse_after
    assert ShopPolicy() != Policy()


@pytest.mark.parametrize(("field", "value"), [("gifts", 3), ("lapse_after", TICK)])
def test_a_field_without_a_type_is_refused_with_the_remedy(field: str, value: object) -> None:
    """The error names the field, a new one or one of the library, and how to write it."""
    message = f"the field {field} of the policy ShopPolicy has no type; write its type, such as {field}: int = "
    with pytest.raises(ArgumentError, match=message):
        type("ShopPolicy", (Policy,), {field: value})


def test_another_fault_of_a_policy_class_is_an_error_of_pydantic() -> None:
    """Only a field without a type is a common mistake."""
    with pytest.raises(PydanticUserError, match="model_config"):
        type("ShopPolicy", (Policy,), {"__annotations__": {"model_config": str}})
