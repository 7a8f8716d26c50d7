from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.metrics._kinds import check_kinds
from funnel.metrics.conversion.events import LOG_KINDS


@pytest.mark.parametrize(
    ("asked", "there", "meant"),
    [
        (["viwe"], ["view", "cart"], "view"),
        (["purchaes"], ["purchase"], "purchase"),
        (["refound"], ["refund"], "refund"),
        (["Purchase"], ["purchase"], "purchase"),
        (["Add To Cart"], ["add_to_cart"], "add_to_cart"),
        (["purchases"], ["Purchase"], "Purchase"),
        (["purchase", "purchase 2"], ["purchase"], "purchase"),
        (["purchase", "purchaes"], ["purchase"], "purchase"),
        (["step2"], ["step"], "step"),
    ],
)
def test_a_near_miss_of_a_kind_that_occurs_is_refused(asked: list[str], there: list[str], meant: str) -> None:
    """Wrong letters, another case, a plural, and the name of a step for its kind are refused with the kind meant."""
    with pytest.raises(ArgumentError, match=f"did you mean '{meant}'"):
        check_kinds(asked, there)


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        (["view", "purchase"], ["view"]),
        (["view"], []),
        (["checkout_started", "checkout_completed"], ["checkout_started"]),
        (["email_sent", "email_seen"], ["email_sent"]),
        (["email_clicked"], ["email_opened", "email_sent"]),
        (["step_1", "step_3"], ["step_1", "step_2"]),
        (["complaint"], ["view", "purchase", "question"]),
        (["cart 2"], ["view 2"]),
    ],
)
def test_a_kind_that_is_merely_absent_is_allowed(asked: list[str], there: list[str]) -> None:
    """A quiet day is not an error: not for kinds of one family, of which the other is asked for, nor numbered kinds."""
    check_kinds(asked, there)


@given(st.sampled_from(LOG_KINDS), st.data())
def test_one_letter_too_many_is_always_refused(kind: str, data: st.DataObject) -> None:
    """Wherever a letter is inserted into a kind of four letters or more, the kind that was meant is named."""
    place = data.draw(st.integers(0, len(kind)))
    typo = kind[:place] + data.draw(st.sampled_from("aeikzq")) + kind[place:]

    with pytest.raises(ArgumentError, match=f"did you mean '{kind}'"):
        check_kinds([typo], [kind])


@given(st.lists(st.sampled_from(LOG_KINDS), unique=True), st.lists(st.sampled_from(LOG_KINDS)))
def test_kinds_that_occur_are_never_refused(there: list[str], asked: list[str]) -> None:
    """Whatever else occurs, a kind that occurs is not taken for another one."""
    check_kinds([kind for kind in asked if kind in there], there)


def test_long_kinds_are_compared_in_time_and_not_shown_whole() -> None:
    """Of a kind of a million letters the first 200 are compared, and shown."""
    with pytest.raises(ArgumentError) as caught:
        check_kinds(["a" * 1_000_000], ["a" * 200])
    assert len(str(caught.value)) < 500
