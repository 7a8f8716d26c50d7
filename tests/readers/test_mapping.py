from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from funnel.errors import ArgumentError, FileError
from funnel.readers._read_orders import Columns, OrderMapping
from tests.readers.shop import LINES, WHOLE, lines, mapping

if TYPE_CHECKING:
    from pathlib import Path

STATUS = WHOLE | {"status": "State"}
REFUND = WHOLE | {"refunded_amount": "Back", "refunded_at": "Back on"}
UNDATED = WHOLE | {"refunded_amount": "Back"}
MEANING = {"done": "paid", "gone": "cancelled"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zone": "Asia/Jakrta"}, "a zone is unknown; .* did you mean 'Asia/Jakarta'"),
        ({"zone": "localtime"}, "a zone is unknown"),
        ({"currency": "IRD"}, "must be a code of ISO 4217"),
        ({"amount_style": "uk"}, "Input should be 'plain', 'us', 'id', 'ch', 'in', 'fr', 'minor' or 'number'"),
        ({"delimiter": ";;"}, "a delimiter is not one plain character"),
        ({"delimiter": '"'}, "is not one plain character"),
        ({"source": ""}, "an id is blank"),
        ({"tz": "UTC"}, r"\(unknown\): is not a field; use columns, "),
        ({"curency": "IDR"}, r"curency: is not a field; did you mean currency\?"),
        ({"charges": ("POST",)}, "charges are recognized by their sku"),
        ({"statuses": MEANING}, r"go together; add the column:\n\[columns\]\nstatus = \"Status\""),
        (
            {"statuses": {"done": "payed", "gone": {}}},
            "the meaning of 'done', 'gone' must be one of unpaid, placed, paid",
        ),
        ({"statuses": {"sari@x.test": "payed"}}, "the meaning must be one of unpaid"),
        ({"statuses": {f"w{n}": 1 for n in range(11)}}, "the meaning must be one of unpaid"),
        ({"statuses": ["done"]}, "valid dictionary"),
        ({"credit_prefix": "C", "cancelled_prefix": "CX"}, "begin alike"),
        ({"credit_prefix": "CX", "cancelled_prefix": "C"}, "begin alike"),
        ({"quote": "''"}, "is not one plain character"),
        ({"quote": "a"}, "is not one plain character"),
        ({"quote": "\u201c"}, "is not one plain character"),
        ({"quote": ";", "delimiter": ";"}, "quote and delimiter are the same character"),
        ({"encoding": "rot13"}, "Input should be 'utf-8', 'utf-16'"),
        ({"skip_lines": -1}, "greater than or equal to 0"),
        ({"skip_lines": True}, "valid integer"),
        ({"fill_down": 1}, "valid boolean"),
        ({"time_formats": {"refunded_at": "%d/%m/%Y"}}, "time_formats has refunded_at, a column that is not given"),
        ({"time_formats": {"purchased_at": "%d/%m"}}, "has no whole day"),
        ({"time_formats": {"purchased_at": "%d/%m/%Y %z"}}, "go together"),
        ({"time_formats": {"purchased_at": "epochs"}}, "has no whole day"),
        ({"fractional": True}, "fractional is about quantities"),
        ({"discounts": True, "credit_negative": True}, "discounts needs the amount of each row"),
        ({"discounts": True, "amount_of": "order"}, "discounts needs the amount of each row"),
        ({"cancelled_rows": "drop", "amount_of": "order"}, "needs the amount of each row; remove amount_of"),
        ({"nobody_patterns": ("(",)}, "a pattern is not a regular expression"),
        ({"negatives": "red"}, "Input should be 'leading', 'trailing' or 'parentheses'"),
        ({"skip_end": -1}, "greater than or equal to 0"),
        ({"undated_refunds": "reduce"}, "undated_refunds needs the column refunded_amount"),
        ({f"k{n}": 1 for n in range(40)}, r"has 40 faults:\n  \(unknown\): is not a field; use .* \(40 times\)$"),
        ({"x" * 10_000: 1}, r"  \(unknown\): is not a field; use columns"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_remedy(changes: dict[str, Any], message: str) -> None:
    """A mapping that cannot be read as declared is refused before any file is opened."""
    with pytest.raises(ValidationError, match=message):
        mapping(**changes)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (WHOLE | {"unit_price": "Price"}, "one of them"),
        ({"id": "No", "person_id": "Buyer", "purchased_at": "When"}, "one of them"),
        (WHOLE | {"quantity": "Pieces"}, "quantity and unit price go together"),
        ({**LINES, "quantity": None}, "quantity and unit price go together"),
        (WHOLE | {"refunded_at": "Back on"}, "refunded_at needs refunded_amount"),
        (WHOLE | {"persn_id": "Buyer"}, r"persn_id: is not a field; did you mean person_id\?"),
        (WHOLE | {"sku": ""}, "at least 1 character"),
        (WHOLE | {"sku": "\ud800"}, "valid string"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(columns: dict[str, Any], message: str) -> None:
    """A price needs its quantity, a refund its time, and an order one way to say its amount."""
    with pytest.raises(ValidationError, match=message):
        Columns(**columns)


def test_what_is_no_table_is_refused() -> None:
    """Columns are a table, not a list of names."""
    with pytest.raises(ValidationError, match="should be a valid dictionary"):
        OrderMapping.model_validate({"columns": ["No"], "currency": "IDR", "zone": "UTC"})


@pytest.mark.parametrize(
    ("columns", "changes", "message"),
    [
        (STATUS, {}, r'go together; add the meaning .*:\n\[statuses\]\n"Completed" = "paid"\n"Void" = "cancelled"'),
        (REFUND, {"credit_prefix": "C"}, "tells of refunds in one way"),
        (REFUND, {"credit_negative": True}, "tells of refunds in one way"),
        (UNDATED, {}, "refunded_amount has no day; give the column refunded_at, or undated_refunds"),
        (UNDATED, {"undated_refunds": "as_of"}, "needs as_of, and a zone by whose clock that day ends"),
        (
            UNDATED,
            {"undated_refunds": "as_of", "as_of": date(2026, 3, 1), "zone": "in the text"},
            "needs as_of, and a zone by whose clock that day ends",
        ),
        (LINES, {"amount_of": "order"}, "needs the column amount"),
    ],
)
def test_a_file_says_a_thing_in_one_way(columns: dict[str, str], changes: dict[str, Any], message: str) -> None:
    """Two ways of telling a refund or a cancellation would contradict one another some day."""
    with pytest.raises(ValidationError, match=message):
        mapping(columns, **changes)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("%d/%m/%Y %H:%M %Z", "time format has %Z"),
        ("%d/%m/%Y %", "time format has %;"),
        ("%m/%Y", "has no whole day"),
        ("%d %Y", "has no whole day"),
        ("%d/%m", "has no whole day"),
        ("%d/%m/%Y %H", "half a clock"),
        ("%d/%m/%Y %M", "half a clock"),
        ("%d/%m/%Y %S", "half a clock"),
        ("%d/%m/%Y %I:%M", "half a clock"),
        ("%d/%m/%Y %H:%M %p", "half a clock"),
        ("%d/%m/%Y %H:%M:%S,%f", "write it as %S.%f"),
        ("%d/%m/%Y %H:%M %z", "%z in the time format and the zone 'in the text' go together"),
    ],
)
def test_a_time_format_must_hold_a_whole_day_and_a_whole_clock(form: str, message: str) -> None:
    """A format that two programs would read differently, or that leaves the hour open, is refused."""
    with pytest.raises(ValidationError, match=message):
        mapping(time_format=form)


def test_a_time_in_the_text_needs_its_offset_in_the_format() -> None:
    """A format without %z cannot say how far the clock is ahead."""
    with pytest.raises(ValidationError, match="go together"):
        mapping(zone="in the text", time_format="%d/%m/%Y %H:%M")


def test_a_mapping_file_says_the_same_as_a_mapping(tmp_path: Path) -> None:
    """TOML is only another way to write it; a mark at the beginning of the file is accepted."""
    path = tmp_path / "orders.toml"
    columns = "\n".join(f'{name} = "{column}"' for name, column in LINES.items())
    text = f'currency = "GBP"\nzone = "UTC"\namount_style = "number"\ncredit_prefix = "C"\n[columns]\n{columns}\n'
    path.write_text(text, encoding="utf-8-sig")

    assert OrderMapping.read(path) == lines()


def test_every_fault_of_a_mapping_file_is_named_at_once(tmp_path: Path) -> None:
    """The shopkeeper mends the file once, not five times."""
    path = tmp_path / "orders.toml"
    path.write_text('currency = "RP"\nzone = "UTC"\n[columns]\nid = "No"\nperson = "Buyer"\n')

    with pytest.raises(ArgumentError) as caught:
        OrderMapping.read(path)

    assert sorted(line.removeprefix("mapping orders.toml: ")[:60] for line in str(caught.value).splitlines()) == [
        "columns.person: is not a field; did you mean person_id?",
        "columns.person_id: field required",
        "columns.purchased_at: field required",
        "currency: a currency must be a code of ISO 4217: three capit",
    ]


def test_a_fault_between_two_keys_is_told_without_a_key(tmp_path: Path) -> None:
    """A fault of the whole file has no place in it."""
    path = tmp_path / "orders.toml"
    columns = "\n".join(f'{name} = "{column}"' for name, column in WHOLE.items())
    path.write_text(f'currency = "IDR"\nzone = "UTC"\ncharges = ["X"]\n[columns]\n{columns}\n')

    with pytest.raises(ArgumentError, match=r"^mapping orders\.toml: charges are recognized by their sku"):
        OrderMapping.read(path)


@pytest.mark.parametrize("raw", [b"currency = IDR", b'currency = "\xff"'])
def test_a_mapping_file_that_is_not_toml_is_refused(tmp_path: Path, raw: bytes) -> None:
    """The message says which file, and where in it."""
    path = tmp_path / "orders.toml"
    path.write_bytes(raw)

    with pytest.raises(
        ArgumentError,
        match=r"mapping orders\.toml is not TOML in UTF-8.*; write each text in quotes, such as id = \"Order number\"",
    ):
        OrderMapping.read(path)


def test_a_mapping_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    """A missing file is an error of this library, and of the system too."""
    with pytest.raises(FileError, match=r"none\.toml cannot be opened: No such file or directory"):
        OrderMapping.read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000, "tables nested too deep"),
        ("a." * 50_000 + "b = 1", "tables nested too deep"),
        ("a = " + "9" * 5000, "a number of too many digits"),
        ("#" * 2**20 + "\n", "has more than 1048576 bytes; give the right file"),
    ],
    ids=["deep", "dotted", "digits", "large"],
)
def test_a_mapping_that_would_take_too_long_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Deep tables, endless numbers and large files are refused at once, with what is wrong."""
    path = tmp_path / "orders.toml"
    path.write_text(text)

    with pytest.raises(ArgumentError, match=message):
        OrderMapping.read(path)


def test_dots_in_texts_are_no_depth(tmp_path: Path) -> None:
    """A long list of addresses on one line is as flat as one name."""
    path = tmp_path / "orders.toml"
    columns = "\n".join(f'{name} = "{column}"' for name, column in WHOLE.items())
    people = ", ".join(f'"p{n}@x.test"' for n in range(500))
    path.write_text(f'currency = "IDR"\nzone = "Asia/Jakarta"\nnobody = [{people}]\n[columns]\n{columns}\n')

    assert len(OrderMapping.read(path).nobody) == 500


def test_each_column_of_times_may_have_its_format() -> None:
    """A column without a format of its own has that of the file."""
    how = mapping(REFUND, time_format="%d/%m/%Y %H:%M", time_formats={"refunded_at": "%d/%m/%Y"})

    assert (how.format_of("refunded_at"), how.format_of("purchased_at")) == ("%d/%m/%Y", "%d/%m/%Y %H:%M")


def test_only_columns_of_times_have_a_format() -> None:
    """The format of another column is not the one of all times."""
    wrong: list[Any] = ["amount", [], None]
    for column in wrong:
        with pytest.raises(ArgumentError, match="column must be 'purchased_at' or 'cancelled_at' or 'refunded_at'"):
            mapping().format_of(column)
