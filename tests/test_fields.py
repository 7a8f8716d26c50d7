"""Field types: instants with a zone, ids and labels that every file can store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, create_model

from funnel._fields import LARGEST_AMOUNT, LONGEST_ID, Amount, Frozen, Id, Instant, Label, PrivateText
from funnel._time import EARLIEST, LATEST, instant
from funnel.money import Money

MICROSECOND = timedelta(microseconds=1)


class Sample(Frozen, frozen=True):
    """One field of each sort."""

    at: Instant | None = None
    id: Id | None = None
    label: Label = ""
    text: PrivateText = ""
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
    ("moment", "message"),
    [
        (datetime(2026, 3, 1), "no time zone"),  # noqa: DTZ001 - the fault that is tested
        ("2026-03-01T09:00", "no time zone; write it like 2026-03-01T09:00+07:00"),
        ("2026-03-01", "no time zone; write it like 2026-03-01T09:00+07:00"),
        ("1. March", "not ISO 8601"),
        ("1772330400", "not ISO 8601"),
        (1772330400, "got int"),
        (1772330400.0, "got float"),
        (date(2026, 3, 1), "got date"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=12))), "from 1800"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), "from 1800"),
        (instant(EARLIEST) - MICROSECOND, "from 1800"),
        (instant(LATEST), "from 1800"),
    ],
)
def test_a_time_that_is_no_instant_is_refused(moment: object, message: str) -> None:
    """No zone, a bare number, a bare day or a year that is not kept is an error with the remedy."""
    assert message in said_of(at=moment)


@pytest.mark.parametrize("moment", [instant(EARLIEST), instant(LATEST) - MICROSECOND])
def test_the_first_and_the_last_instant_are_kept(moment: datetime) -> None:
    """The years 1800 and 2199 are kept whole."""
    assert Sample(at=moment).at == moment


@pytest.mark.parametrize("text", ["1", "a b", "x" * LONGEST_ID, "Łódź 😀", "'; drop table"])
def test_any_text_may_be_an_id(text: str) -> None:
    """An id is opaque: whatever can be written in a file will do."""
    assert Sample(id=text, label=text).id == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "blank"),
        (" \u00a0", "blank"),
        ("x" * (LONGEST_ID + 1), "at most 200"),
        ("a\tb", "control character"),
        ("a\x85b", "control character"),
        ("a\u2028b", "control character"),
        ("a\x00b", "null character"),
        ("a\ud800b", "half of a surrogate pair"),
        (12, "str(...)"),
        (b"12", "got bytes"),
        (None, ""),
    ],
)
def test_what_is_no_id_is_refused_without_being_shown(text: Any, expected: str) -> None:
    """Blank, overlong or unprintable text and numbers are refused; the message never holds what was given."""
    if text is None:
        assert Sample(id=text).id is None
        return
    message = said_of(id=text)

    assert expected in message
    assert repr(text) not in message


@pytest.mark.parametrize("text", ["a\tb", "x" * (LONGEST_ID + 1), 5])
def test_a_label_is_short_and_printable(text: object) -> None:
    """A label may be empty, but is otherwise as an id is."""
    assert "label" in said_of(label=text)
    assert not Sample(label="").label


def test_free_words_may_have_many_lines() -> None:
    """Free text may be long and have line breaks; only characters that cannot be stored are refused."""
    assert "null character" in said_of(text="a\x00")
    assert Sample(text="a\n" * 500).text == "a\n" * 500


@pytest.mark.parametrize("minor", [-1, LARGEST_AMOUNT + 1])
def test_an_amount_lies_between_nothing_and_the_largest(minor: int) -> None:
    """A record's amount is never negative: a refund has its own record."""
    assert "must be from 0 to" in said_of(amount=Money.of_minor(minor, "USD"))
    assert Sample(amount=Money.of_minor(LARGEST_AMOUNT, "USD")).amount
    assert Sample(amount=Money.of_minor(0, "USD")).amount is not None


@pytest.mark.parametrize(
    "fields", [{"text": 628123456}, {"id": 628123456}, {"phone": "628123456"}, {"at": "628123456"}]
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


class Parent(Frozen, frozen=True):
    """A model whose fields have docstrings."""

    first: Id
    """First field,
    in two lines."""
    second: Id = Field(default="2", alias="Second")
    """Second field."""
    third: Id = Field(default="3", description="Given by hand.")
    """Third field."""
    fourth: Id = "4"
    fifth: Id = "5"
    """Fifth field."""


class Child(Parent, frozen=True):
    """A model that extends another."""

    first: Id = "1"
    sixth: Id = "6"
    """Sixth field."""


def test_json_schema_describes_fields_by_their_docstrings() -> None:
    """The description of a field is its docstring, unless it has one already; a redefined field has its own."""
    parent, child = (model.model_json_schema()["properties"] for model in (Parent, Child))

    assert {name: field.get("description") for name, field in parent.items()} == {
        "first": "First field,\nin two lines.",
        "Second": "Second field.",
        "third": "Given by hand.",
        "fourth": None,
        "fifth": "Fifth field.",
    }
    assert child["first"].get("description") is None
    assert child["Second"]["description"] == "Second field."
    assert child["sixth"]["description"] == "Sixth field."


def test_model_without_source_has_no_descriptions() -> None:
    """A model that is made by a call has a JSON schema without descriptions."""
    model = create_model("Made", __base__=Frozen, name=(str, "x"))

    assert "description" not in model.model_json_schema()["properties"]["name"]
