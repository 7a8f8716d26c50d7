from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.metrics._conversion.events import LOG_KINDS
from funnel.metrics._kinds import check_kinds


@pytest.mark.parametrize(
    ("kinds", "there", "suggestion"),
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
        (["view", "view "], ["view"], "view"),
        (["view", "VIEW"], ["view"], "view"),
        (["a", "a "], ["a"], "a"),
        (["add_to_cart", "add-to cart"], ["add_to_cart"], "add_to_cart"),
        (["step_1", "step1"], ["step_1"], "step_1"),
    ],
)
def test_a_near_miss_of_a_kind_that_occurs_is_refused(kinds: list[str], there: list[str], suggestion: str) -> None:
    """Wrong letters, another case, a plural, and the name of a step for its kind are refused with the kind meant."""
    with pytest.raises(ArgumentError, match=f"did you mean '{suggestion}'"):
        check_kinds(kinds, there)


@pytest.mark.parametrize(
    ("kinds", "there"),
    [
        (["view", "purchase"], ["view"]),
        (["view"], []),
        (["checkout_started", "checkout_completed"], ["checkout_started"]),
        (["email_sent", "email_seen"], ["email_sent"]),
        (["email_clicked"], ["email_opened", "email_sent"]),
        (["step_1", "step_3"], ["step_1", "step_2"]),
        (["complaint"], ["view", "purchase", "question"]),
        (["cart 2"], ["view 2"]),
        (["view", "views"], ["view"]),
        (["step_12"], ["step_21"]),
        (["plan 12", "plan 1_2"], ["plan 12"]),
    ],
)
def test_a_kind_that_is_merely_absent_is_allowed(kinds: list[str], there: list[str]) -> None:
    """A quiet day is not an error: not for kinds of one family, of which the other is asked for, nor numbered kinds."""
    check_kinds(kinds, there)


@given(st.sampled_from(LOG_KINDS), st.data())
def test_one_letter_too_many_is_always_refused(kind: str, data: st.DataObject) -> None:
    """Wherever a letter is inserted into a kind of four letters or more, the kind that was meant is named."""
    index = data.draw(st.integers(0, len(kind)))
    typo = kind[:index] + data.draw(st.sampled_from("aeikzq")) + kind[index:]

    with pytest.raises(ArgumentError, match=f"did you mean '{kind}'"):
        check_kinds([typo], [kind])


@given(st.lists(st.sampled_from(LOG_KINDS), unique=True), st.lists(st.sampled_from(LOG_KINDS)))
def test_kinds_that_occur_are_never_refused(there: list[str], kinds: list[str]) -> None:
    """Whatever else occurs, a kind that occurs is not taken for another one."""
    check_kinds([kind for kind in kinds if kind in there], there)


def test_long_kinds_are_compared_in_time_and_not_shown_whole() -> None:
    """A kind of a million letters is compared, and shown, by its first 200."""
    with pytest.raises(ArgumentError) as caught:
        check_kinds(["a" * 1_000_000], ["a" * 200])
    assert len(str(caught.value)) < 500


@given(st.sampled_from(LOG_KINDS), st.data())
def test_another_spelling_is_refused_even_beside_the_right_one(kind: str, data: st.DataObject) -> None:
    """Another case, a blank, a hyphen or an underscore is a mistake, even if the question names the right kind too."""
    index = data.draw(st.integers(0, len(kind)))
    typo = kind[:index] + data.draw(st.sampled_from(" _-\t\u00a0")) + kind[index:]

    with pytest.raises(ArgumentError, match=f"did you mean '{kind}'"):
        check_kinds([kind, data.draw(st.sampled_from([typo, typo.upper()]))], [kind])


@pytest.mark.parametrize("excluded", ["views", "viwe", "view ", "View", "vie"])
def test_a_misspelt_exclusion_is_refused_even_beside_the_right_kind(excluded: str) -> None:
    """An exclusion that excludes nothing is refused, whichever kinds the steps name."""
    with pytest.raises(ArgumentError, match="did you mean 'view'"):
        check_kinds(["view", "cart"], ["view", "cart"], [excluded])
    check_kinds(["view", "cart"], ["view", "cart"], ["refund", "cart"])


def test_logs_cannot_hold_a_kind_of_their_own() -> None:
    """A step or an exclusion that can never happen is refused with the kinds of logs; a table may have any kind."""
    message = "Logs cannot hold events of the kind 'order'; use one of lead, purchase, .*, or pass a table of events"
    for kinds, excluded in ((["view", "order"], []), (["view", "cart"], ["order"])):
        with pytest.raises(ArgumentError, match=message):
            check_kinds(kinds, LOG_KINDS, excluded, only=True)
    check_kinds(["view", "order"], LOG_KINDS)
