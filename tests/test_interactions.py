"""Interactions are of known kinds, told apart by name, and read back as themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from pydantic import TypeAdapter, ValidationError

from funnel.errors import ArgumentError, RecordError
from funnel.interactions import KINDS, AnyInteraction, Interaction, Postponement, read_interaction
from tests.strategies import CANARY, interactions

if TYPE_CHECKING:
    from collections.abc import Mapping

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
BEFORE, AFTER = AT - timedelta(microseconds=1), AT + timedelta(microseconds=1)
USD = {"amount": "9", "currency": "USD"}
CLASSES: tuple[type[Interaction], ...] = get_args(get_args(AnyInteraction)[0])
NEEDED: Mapping[str, Mapping[str, object]] = {
    "answer": {"question_id": "q"},
    "quote": {"amount": USD},
    "postponement": {"reason": "payday", "until": AT},
    "delivery": {"purchase_id": "1"},
    "resolution": {"complaint_id": "c"},
    "feedback": {"score": 5},
    "declined": {"reason": "price"},
}
OUT = {"answer", "quote", "resolution", "delivery", "follow_up"}


def row(kind: str, **fields: object) -> dict[str, object]:
    """The least that an interaction of a kind is made from."""
    return {"kind": kind, "id": "i", "person_id": "p1", "occurred_at": AT, **NEEDED.get(kind, {}), **fields}


@given(interactions())
def test_an_interaction_reads_back_from_its_json(interaction: Interaction) -> None:
    """JSON, fields and pydantic's union give the same object of the same class."""
    text = interaction.model_dump_json()
    union: TypeAdapter[Interaction] = TypeAdapter(AnyInteraction)

    assert read_interaction(text) == read_interaction(text.encode()) == interaction
    assert read_interaction(interaction.model_dump()) == interaction
    assert union.validate_json(text) == interaction


@given(interactions())
def test_what_somebody_said_is_never_shown(interaction: Interaction) -> None:
    """Free words are in no repr and no str; the key and the instant are the record's own."""
    assert CANARY not in f"{interaction!r}{interaction!s}"
    assert interaction.key == (interaction.source, interaction.id)
    assert interaction.happened_at == interaction.occurred_at


def test_the_kinds_are_declared_once_in_their_order() -> None:
    """Kinds, classes and union agree; a question ranks before its answer."""
    assert tuple(cls.model_fields["kind"].default for cls in CLASSES) == KINDS
    assert [get_args(cls.model_fields["kind"].annotation) for cls in CLASSES] == [(kind,) for kind in KINDS]
    assert KINDS.index("question") < KINDS.index("answer")
    assert KINDS.index("complaint") < KINDS.index("resolution")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_direction_and_needs_little(kind: str) -> None:
    """The person begins, but where the shop answers, names a price, delivers or writes; a record may say otherwise."""
    created = read_interaction(row(kind))

    assert (created.kind, created.source, created.channel) == (kind, "shop", "")
    assert created.direction == ("out" if kind in OUT else "in")
    assert read_interaction(row(kind, direction="out")).direction == "out"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("vist", "did you mean 'visit'"),
        ("zzzz", "use one of visit, view"),
        ("v" * 999, "use one of visit, view"),
        (None, "kind of an interaction is missing"),
        (["visit"], "kind of an interaction is missing"),
    ],
)
def test_an_unknown_kind_is_refused_with_the_nearest(kind: Any, message: str) -> None:
    """The message lists every kind and stays short."""
    with pytest.raises(RecordError, match=message) as caught:
        read_interaction({**row("visit"), "kind": kind})

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "not JSON"),
        ('{"score": NaN}', "not JSON"),
        ("[]", "got list"),
        ("5", "got int"),
        ("\ud800", "not JSON"),
    ],
)
def test_what_is_no_object_is_refused(value: Any, message: str) -> None:
    """Only fields by name make an interaction."""
    with pytest.raises(RecordError, match=message):
        read_interaction(value)


def test_what_is_neither_fields_nor_text_is_a_wrong_argument() -> None:
    """An argument that is neither a mapping nor text raises ArgumentError."""
    number: Any = 7
    with pytest.raises(ArgumentError, match=r"data must be the fields of an interaction by name.*\(got int\)"):
        read_interaction(number)


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        (row("feedback", score=6), "score"),
        (row("feedback", score=0), "score"),
        (row("feedback", score=4.0), "score"),
        (row("feedback", score=True), "score"),
        (row("visit", score=1), "score"),
        (row("visit", direction="up"), "direction"),
        (row("visit", occurred_at="2026-03-01"), "occurred_at"),
        (row("cart", quantity=0), "quantity"),
        (row("quote", amount=9.5), "amount"),
        (row("declined", reason="moon"), "reason"),
        (row("postponement", reason="moon"), "reason"),
        (row("answer", question_id=None), "question_id"),
        (row("question", text=628123456), "text"),
    ],
)
def test_a_field_that_is_not_allowed_is_named_and_not_shown(fields: dict[str, object], at: str) -> None:
    """Each kind has its own fields, and no error holds what was given."""
    with pytest.raises(ValidationError, match=at) as caught:
        read_interaction(fields)

    assert "628123456" not in f"{caught.value}{caught.value.errors()}"


def test_a_postponement_ends_after_it_was_said() -> None:
    """It ends at once at the earliest, and its interval is not turned round."""
    at_once = read_interaction(row("postponement", until=AT, latest=AT))

    assert isinstance(at_once, Postponement)
    with pytest.raises(ValidationError, match="until is before occurred_at"):
        read_interaction(row("postponement", until=BEFORE))
    with pytest.raises(ValidationError, match="latest is before until"):
        read_interaction(row("postponement", until=AFTER, latest=AT))
