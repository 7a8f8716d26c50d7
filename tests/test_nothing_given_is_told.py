"""No error of ours shows what was put into a record: not in its message, its list of faults, its JSON or its chain."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import traceback
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from funnel import Contact, Customer, History, Lead, Money, OrderLine, Policy, Purchase, Refund
from funnel._fields import Frozen
from funnel.errors import ArgumentError, FieldsError, FunnelError, MoneyError, RecordError
from funnel.interactions import KINDS, AnyInteraction, read_interaction
from funnel.readers._read_orders import Columns, OrderMapping

CANARY = "sari0812-3456-7890"
TIME = "2026-03-01T02:00Z"


def models(base: type[Frozen] = Frozen) -> Iterator[type[Frozen]]:
    """Every model of the library that can be made."""
    for one in base.__subclasses__():
        if one.__module__.startswith("funnel.") and not inspect.isabstract(one):
            yield one
        yield from models(one)


MODELS = sorted(set(models()), key=lambda model: model.__name__)

WRONG: list[Any] = [
    CANARY,
    CANARY * 20,
    CANARY + "\x00",
    CANARY.encode(),
    [CANARY],
    {CANARY: CANARY},
    {"kind": CANARY},
    {"amount": CANARY, "currency": "USD"},
    {"amount": "1", "currency": CANARY},
    {"amount": Decimal("NaN812345"), "currency": "USD"},
    [{"kind": CANARY, CANARY: 1}],
    8123456789,
    8123456789.5,
    date(1812, 3, 4),
    object(),
]


def error_text(error: BaseException) -> str:
    """Everything that a program or a log can read of an error, without the lines of this file."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None:
        chain.append(one)
        one = one.__cause__ or one.__context__
    texts = [text for each in chain for text in (str(each), repr(each), repr(each.args))]
    texts += ["".join(traceback.format_exception_only(error)), repr(getattr(error, "__notes__", ()))]
    if isinstance(error, ValidationError):
        texts += [repr(error.errors()), error.json()]
    return _ADDRESS.sub("", "\n".join(texts))


_ADDRESS = re.compile("0x[0-9a-f]+")
"""The address of an object in memory, whose digits may be those of a person by chance."""


def holds_nothing(error: FunnelError) -> None:
    """See that an error holds no part of what was given."""
    text = error_text(error)

    assert not [part for part in ("sari", "0812", "3456", "8123456789", "812345", "1812") if part in text], text


def test_the_law_is_of_mappings_too() -> None:
    """Keys and cells of a mapping may come from a file, so they are not shown either."""
    assert {OrderMapping, Columns} <= set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_field_of_any_model_shows_what_was_given(model: type[Frozen]) -> None:
    """Every field of every record, with every wrong thing, by name, in JSON and as an unknown key."""
    for name in [*model.model_fields, CANARY]:
        for wrong in WRONG:
            for make in (lambda fields: model(**fields), model.model_validate, model.model_validate_strings):
                try:
                    make({name: wrong})
                except RecordError as error:
                    holds_nothing(error)
            try:
                text = json.dumps({name: wrong})
            except TypeError:
                continue
            for serialized in (text, text[:-1], text.replace(":", "="), CANARY):
                try:
                    model.model_validate_json(serialized)
                except FunnelError as error:
                    holds_nothing(error)


@given(st.sampled_from(MODELS), st.data())
def test_no_mixture_of_faults_shows_what_was_given(model: type[Frozen], data: st.DataObject) -> None:
    """Several unknown fields are reported together, also keys that are not text."""
    keys = st.sampled_from([*model.model_fields, CANARY, 8123456789, "pone", "Phone"])
    fields = data.draw(st.dictionaries(keys, st.sampled_from(WRONG), min_size=1, max_size=5))
    try:
        model.model_validate(fields)
    except FunnelError as error:
        holds_nothing(error)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_name_that_is_no_text_is_an_unknown_field(model: type[Frozen]) -> None:
    """A mapping may have any keys; the error is one of the library and does not show them."""
    with pytest.raises(FunnelError) as caught:
        model.model_validate({8123456789: CANARY})
    holds_nothing(caught.value)


def test_what_is_assigned_to_a_record_is_not_shown() -> None:
    """Assigning and deleting fields shows no value."""
    contact: Any = Contact(phone=CANARY)
    for name in ("phone", "fone"):
        with pytest.raises(FieldsError, match=r"frozen|is not a field") as caught:
            setattr(contact, name, CANARY)
        holds_nothing(caught.value)
    with pytest.raises(FieldsError, match="frozen") as caught:
        del contact.phone
    holds_nothing(caught.value)


@pytest.mark.parametrize(
    "body",
    ["{", CANARY, f'{{"phone": {CANARY}', "[]", "null", f'"{CANARY}"', '{"kind": "' + CANARY + '"}', "{}", b"\xff"],
)
def test_a_bad_webhook_is_an_error_of_ours(body: str | bytes) -> None:
    """Whatever a web shop sends, `except FunnelError` catches what comes of it, and `except ValidationError` too."""
    for read in (Purchase.model_validate_json, Refund.model_validate_json, read_interaction):
        with pytest.raises(FunnelError) as caught:
            read(body)
        holds_nothing(caught.value)
    with pytest.raises(ValidationError):
        Purchase.model_validate_json(body)


def test_every_fault_is_counted_with_its_field_and_its_reason() -> None:
    """The message, `errors()` and `error_count()` have all of them."""
    with pytest.raises(FieldsError) as caught:
        Refund.model_validate({"id": 7, "refunded_at": "today", "amount": "5", "reson": "x", CANARY: 1})

    assert caught.value.error_count() == 6
    assert {".".join(map(str, one["loc"])) for one in caught.value.errors()} == {
        "id",
        "purchase_id",
        "refunded_at",
        "amount",
        "reson",
        "(unknown)",
    }
    unknown = "(unknown): is not a field; put own columns into columns={...}, or use id, source, purchase_id"
    assert str(caught.value).splitlines() == [
        "Refund has 6 faults:",
        "  id: a text must be a str (got int); convert it with str(...)",
        "  purchase_id: Field required",
        "  refunded_at: a time is text that is not ISO 8601; write it like 2026-03-01T09:00+07:00",
        '  amount: money must be Money("12.50", "USD"), or {"amount": "12.50", "currency": "USD"} (got str)',
        "  reson: is not a field; did you mean reason?",
        f"  {unknown}, refunded_at, amount, reason, original",
    ]


def test_many_faults_fit_on_a_screen() -> None:
    """Faults that are alike are one line with their number; of different ones 20 are listed, and all are counted."""
    with pytest.raises(FieldsError) as caught:
        Lead.model_validate({f"key {number}": number for number in range(2_000)})
    lines = str(caught.value).splitlines()
    assert lines[0] == "Lead has 2002 faults:"
    assert lines[-1].endswith("source, campaign, referred_by, contact (2000 times)")

    statuses = {str(number): number for number in range(50)}
    with pytest.raises(FieldsError) as caught:
        Purchase.model_validate({"id": 7, "person_id": "p", "purchased_at": TIME, "lines": [statuses] * 50})
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1].startswith("  and ")


def test_a_mapping_file_shows_nothing_that_stands_in_it(tmp_path: Path) -> None:
    """Neither a value, nor a key, nor a line that is not TOML."""
    path = tmp_path / "orders.toml"
    for text in (
        f'zone = "{CANARY}"\ncurrency = "{CANARY}"\ndelimiter = "{CANARY}"\nquote = "{CANARY}"\n"{CANARY}" = 1',
        f'[columns]\n"{CANARY}" = "{CANARY}"\n[statuses]\n"{CANARY}" = "{CANARY}"\n[time_formats]\n"{CANARY}" = "x"',
        CANARY,
        f'"{CANARY}" = 1\n"{CANARY}" = 1',
        f'a = {{"{CANARY}" = 1, "{CANARY}" = 2}}',
        f'["{CANARY}"]\n["{CANARY}"]',
        f'a = "{CANARY}',
    ):
        path.write_text(text)
        with pytest.raises(ArgumentError, match=r"mapping orders\.toml") as caught:
            OrderMapping.read(path)
        holds_nothing(caught.value)


def test_an_error_of_fields_is_copied_and_pickled_whole() -> None:
    """A queue of jobs hands it on as what it is."""
    with pytest.raises(FieldsError) as caught:
        Lead.model_validate({"person_id": 7, CANARY: 1})
    for copied in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value), copy.deepcopy(caught.value)):  # noqa: S301 (our own)
        assert type(copied) is FieldsError
        assert (str(copied), copied.title, copied.error_count()) == (str(caught.value), "Lead", 3)
        assert _described(copied) == _described(caught.value)
        assert {one["type"] for one in copied.errors()} & {"unknown_field", "missing"} == {"unknown_field", "missing"}


def _described(error: FieldsError) -> list[dict[str, Any]]:
    return [{**fault, "ctx": str(fault.get("ctx"))} for fault in error.errors()]


def test_a_record_inside_a_model_of_others_shows_nothing_either() -> None:
    """If pydantic itself validates, as in a web framework, its error has the same faults without the input."""

    class Body(BaseModel, hide_input_in_errors=True):
        customer: Customer
        policy: Policy = Policy()

    adapter: TypeAdapter[Any] = TypeAdapter(AnyInteraction)
    for read, text in (
        (Body.model_validate, {"customer": {"person_id": CANARY, "name": 8123456789, CANARY: 1}}),
        (TypeAdapter(Purchase).validate_python, {"id": CANARY, CANARY: CANARY, "amount": CANARY}),
        (adapter.validate_python, {"kind": "visit", "id": 8123456789}),
    ):
        with pytest.raises(ValidationError) as caught:
            read(text)
        assert "0812" not in repr(caught.value.errors()) + caught.value.json() + str(caught.value)
        assert "8123456789" not in repr(caught.value.errors()) + caught.value.json() + str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_interaction_shows_its_words(kind: str) -> None:
    """Read by kind, with a fault beside the words of a person."""
    with pytest.raises(FunnelError) as caught:
        read_interaction({"kind": kind, "id": 7, "person_id": "p", "occurred_at": TIME, "text": CANARY + "\x00"})
    holds_nothing(caught.value)


@pytest.mark.parametrize("amount", [CANARY, "8123456789,55555", Decimal("NaN812345"), 8123456789.5, "1" * 99])
def test_an_amount_that_cannot_be_read_is_not_shown(amount: Any) -> None:
    """In a sum by itself, in a style, and in a line."""
    for make in (
        lambda: Money(amount, "USD"),
        lambda: Money.parse(amount, "USD", style="us"),
        lambda: OrderLine(sku="a", unit_price={"amount": amount, "currency": "USD"}),
        lambda: Money("1", CANARY),
    ):
        with pytest.raises((MoneyError, FieldsError)) as caught:
            make()
        holds_nothing(caught.value)


def test_the_time_of_an_instant_is_not_shown() -> None:
    """Nor is a year in which somebody was born."""
    with pytest.raises(FieldsError, match="outside the supported years") as caught:
        Lead(person_id="p", arrived_at=datetime(1712, 3, 4).astimezone() - timedelta(days=1))
    assert "1712" not in error_text(caught.value)


def test_a_false_history_is_one_error_however_it_is_read() -> None:
    """`RecordError` from its own calls; from JSON a `FieldsError`, which is one too."""
    with pytest.raises(RecordError):
        History.model_validate_json('{"person_id": "p", "refunds": [{}]}')
