"""Validation of arguments: choices, spans of time, unknown names."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from funnel._arguments import check_choice, did_you_mean, parse_zone, span, suggest
from funnel.errors import ArgumentError

SECOND = 1_000_000


def test_a_span_is_whole_microseconds() -> None:
    """Every span is a whole number of them; nothing will do where zero is allowed."""
    assert span(timedelta(seconds=2), "within") == 2 * SECOND
    assert span(timedelta(microseconds=1), "within") == 1
    assert span(timedelta(0), "within", minimum=0) == 0


@pytest.mark.parametrize(
    ("fields", "min_people", "message"),
    [
        (timedelta(0), 1, r"within must be above zero \(got 0:00:00\)"),
        (timedelta(days=-1), 0, r"within must be zero or more \(got -1 day, 0:00:00\)"),
        (7, 1, r"within must be a timedelta, or text with a unit such as '7 days' \(got int, which has no unit\)"),
        (None, 1, r"within must be a timedelta, or text .* \(got None, which has no unit\)"),
        (timedelta(days=366 * 600), 1, "within is too long; give at most 197230 days"),
    ],
)
def test_what_is_no_span_is_told(fields: object, min_people: int, message: str) -> None:
    """The error says what was given, for what, and what to give."""
    with pytest.raises(ArgumentError, match=message):
        span(fields, "within", minimum=min_people)


def test_a_word_that_is_not_allowed_is_told_with_the_likeliest() -> None:
    """The error lists what is allowed; what is allowed passes."""
    check_choice("order", ("order", "refund"), "refund_basis")
    with pytest.raises(ArgumentError, match=r"refund_basis must be 'order' or 'refund' \(got 'ordr'\); did you mean"):
        check_choice("ordr", ("order", "refund"), "refund_basis")


def test_the_word_that_was_meant_stands_behind_the_message() -> None:
    """It is named where one is like it; a text of any length is looked at no further than a name is long."""
    assert did_you_mean("persn_id", ["person_id", "amount"]) == "; did you mean 'person_id'?"
    assert did_you_mean("x" * 10**6, ["person_id"]) == ""


def test_the_nearest_names_come_first() -> None:
    """Names that look alike, or else all of them in order."""
    assert suggest("net_spend", ["net_spent", "refunded"]) == "did you mean net_spent?"
    assert suggest("x", ["b", "a"]) == "use one of a, b"


@pytest.mark.parametrize(
    ("tz", "reason"),
    [
        ("Asia/Jakata", "did you mean 'Asia/Jakarta'"),
        ("America", "is unknown"),
        ("/etc/passwd", "is unknown; give a name such as 'Asia/Jakarta'"),
        ("../etc/passwd", "is unknown"),
        ("", "give a name"),
        ("a" * 5000, "is unknown"),
        (7, r"must be the name of a time zone, such as 'Asia/Jakarta' \(got int\)"),
        (None, r"\(got None\)"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest(tz: object, reason: str) -> None:
    """The message stays short and says what to pass."""
    with pytest.raises(ArgumentError, match=reason) as caught:
        parse_zone(tz)

    assert len(str(caught.value)) < 300


def test_a_zone_is_passed_by_its_name_or_itself() -> None:
    """Both give the same zone."""
    assert parse_zone("Asia/Jakarta") is parse_zone(ZoneInfo("Asia/Jakarta"))
