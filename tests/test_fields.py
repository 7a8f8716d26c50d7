"""What may stand in a field: instants with a zone, ids and labels that can be written anywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from funnel._fields import LARGEST_AMOUNT, LONGEST_ID, Amount, Frozen, Id, Instant, Label, Words
from funnel._time import EARLIEST, LATEST, instant
from funnel.money import Money

MICROSECOND = timedelta(microseconds=1)


class Sample(Frozen, frozen=True):
    """One field of each sort."""

    at: Instant | None = None
    id: Id | None = None
    label: Label = ""
    words: Words = ""
    amount: Amount | None = None


def said_of(**fields: object) -> str:
    """The message of the error that these fields make."""
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(fields)
    return str(caught.value)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 1, 2, tzinfo=UTC),
        datetime(2026, 3, 1, 9, tzinfo=ZoneInfo("Asia/Jakarta")),
        "2026-03-01T02:00Z",
        "2026-03-01T09:00:00.000000+07:00",
        "20260301T020000Z",
    ],
)
def test_an_instant_is_kept_in_utc(moment: Any) -> None:
    """The zone in which a time was said does not matter: equal instants are equal fields."""
    at = Sample(at=moment).at

    assert at == datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert at is not None
    assert at.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1801, 1, 1), max_value=datetime(2199, 1, 1)), st.timezones(), st.booleans())  # noqa: DTZ001 - hypothesis adds the zone
def test_a_zone_changes_no_instant(naive: datetime, tz: ZoneInfo, later: bool) -> None:  # noqa: FBT001 - drawn
    """Any zone, its skipped and repeated hours among them, gives the instant that the zone means."""
    moment = naive.replace(tzinfo=tz, fold=int(later))
    at = Sample(at=moment).at

    assert at == moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 3, 1), "without a zone"),  # noqa: DTZ001 - the fault that is tested
        ("2026-03-01T09:00", "without a zone"),
        ("2026-03-01", "without a zone"),
        ("1. March", "not ISO 8601"),
        ("1772330400", "not ISO 8601"),
        (1772330400, "given as int"),
        (1772330400.0, "given as float"),
        (date(2026, 3, 1), "given as date"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=12))), "from 1800"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), "from 1800"),
        (instant(EARLIEST) - MICROSECOND, "from 1800"),
        (instant(LATEST), "from 1800"),
    ],
)
def test_a_time_that_is_no_instant_is_refused(moment: object, said: str) -> None:
    """No zone, a bare number, a bare day or a year that is not kept is an error with the remedy."""
    assert said in said_of(at=moment)


@pytest.mark.parametrize("moment", [instant(EARLIEST), instant(LATEST) - MICROSECOND])
def test_the_first_and_the_last_instant_are_kept(moment: datetime) -> None:
    """The years 1800 and 2199 are kept whole."""
    assert Sample(at=moment).at == moment


@pytest.mark.parametrize("text", ["1", "a b", "x" * LONGEST_ID, "Łódź 😀", "'; drop table"])
def test_any_text_may_be_an_id(text: str) -> None:
    """An id is opaque: whatever can be written in a file will do."""
    assert Sample(id=text, label=text).id == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "blank"),
        (" \u00a0", "blank"),
        ("x" * (LONGEST_ID + 1), "at most 200"),
        ("a\tb", "control character"),
        ("a\x85b", "control character"),
        ("a\u2028b", "control character"),
        ("a\x00b", "zero byte"),
        ("a\ud800b", "half a character"),
        (12, "str(...)"),
        (b"12", "given as bytes"),
        (None, ""),
    ],
)
def test_what_is_no_id_is_refused_without_being_shown(text: Any, said: str) -> None:
    """Blank, overlong or unprintable text and numbers are refused; the message never holds what was given."""
    if text is None:
        assert Sample(id=text).id is None
        return
    message = said_of(id=text)

    assert said in message
    assert repr(text) not in message


@pytest.mark.parametrize("text", ["a\tb", "x" * (LONGEST_ID + 1), 5])
def test_a_label_is_short_and_printable(text: object) -> None:
    """A label may be empty, but is otherwise as an id is."""
    assert "label" in said_of(label=text)
    assert not Sample(label="").label


def test_free_words_may_have_many_lines() -> None:
    """What somebody said may be long and have line breaks; only what no file keeps is refused."""
    assert "zero byte" in said_of(words="a\x00")
    assert Sample(words="a\n" * 500).words == "a\n" * 500


@pytest.mark.parametrize("minor", [-1, LARGEST_AMOUNT + 1])
def test_an_amount_lies_between_nothing_and_the_largest(minor: int) -> None:
    """A record's amount is never negative: a refund has its own record."""
    assert "below 0 or above" in said_of(amount=Money.of_minor(minor, "USD"))
    assert Sample(amount=Money.of_minor(LARGEST_AMOUNT, "USD")).amount
    assert Sample(amount=Money.of_minor(0, "USD")).amount is not None


@pytest.mark.parametrize(
    "fields", [{"words": 628123456}, {"id": 628123456}, {"phone": "628123456"}, {"at": "628123456"}]
)
def test_no_error_shows_what_was_given(fields: dict[str, object]) -> None:
    """Neither the message, nor the list of faults, nor its JSON holds a given value."""
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(fields)

    assert "628123456" not in f"{caught.value!s}{caught.value!r}{caught.value.errors()}{caught.value.json()}"


def test_nothing_changes_once_it_is_made() -> None:
    """A field cannot be set again."""
    sample: Any = Sample(id="1")

    with pytest.raises(ValidationError, match="frozen"):
        sample.id = "2"


def test_the_json_schema_names_the_limits() -> None:
    """A stranger's program can learn the limits from the schema."""
    fields = Sample.model_json_schema()["properties"]

    assert fields["label"]["maxLength"] == LONGEST_ID
    assert {"type": "string", "format": "date-time"} in fields["at"]["anyOf"]
