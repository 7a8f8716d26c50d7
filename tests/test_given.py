"""What a caller gave is looked at in one place: a word of a few, a span of time, a name that is unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from funnel._given import meant, nearest, one_of, span
from funnel.errors import RecordError

SECOND = 1_000_000


def test_a_span_is_whole_microseconds() -> None:
    """Every span is a whole number of them; nothing will do where zero is allowed."""
    assert span(timedelta(seconds=2), "within") == 2 * SECOND
    assert span(timedelta(microseconds=1), "within") == 1
    assert span(timedelta(0), "within", least=0) == 0


@pytest.mark.parametrize(
    ("given", "least", "said"),
    [
        (timedelta(0), 1, r"within is datetime.timedelta\(0\); give a timedelta above zero"),
        (timedelta(days=-1), 0, "give a timedelta from zero up"),
        (7, 1, "within is 7; give a timedelta above zero"),
        (None, 1, "within is None; give a timedelta above zero"),
        (timedelta(days=366 * 600), 1, "longer than the years that are kept; give a shorter timedelta"),
    ],
)
def test_what_is_no_span_is_told(given: object, least: int, said: str) -> None:
    """The error says what was given, for what, and what to give."""
    with pytest.raises(RecordError, match=said):
        span(given, "within", least=least)


def test_a_word_that_is_not_allowed_is_told_with_the_likeliest() -> None:
    """The error lists what is allowed; what is allowed passes."""
    one_of("order", ("order", "refund"), "refund_basis")
    with pytest.raises(RecordError, match=r"refund_basis is 'ordr'; give 'order' or 'refund'; did you mean 'order'\?"):
        one_of("ordr", ("order", "refund"), "refund_basis")


def test_the_word_that_was_meant_stands_behind_the_message() -> None:
    """It is named where one is like it; a text of any length is looked at no further than a name is long."""
    assert meant("persn_id", ["person_id", "amount"]) == "; did you mean 'person_id'?"
    assert meant("x" * 10**6, ["person_id"]) == ""


def test_the_nearest_names_come_first() -> None:
    """Names that look alike, or else all of them in order."""
    assert nearest("spend", ["spent", "refunded"]) == "did you mean spent?"
    assert nearest("x", ["b", "a"]) == "known are a, b"
