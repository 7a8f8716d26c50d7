"""One definition of an id: what a record takes is what tables take, on every engine, and what a call takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Facts, History, Lead, Logs, Money, Policy, Purchase, SqliteStore, stage
from funnel._dataframes.adapter import from_native
from funnel._fields import LONGEST_ID, check_id
from funnel.errors import ArgumentError, FieldsError, FunnelError, LogsError
from funnel.incremental import LiveFacts
from funnel.interactions import Question
from funnel.logs.normalize import normalize
from funnel.logs.schema import LOGS
from funnel.logs.validate import checks_of, valid_rows
from tests.engines import asked_of, on

AT = datetime(2026, 1, 1, tzinfo=UTC)

SPACES = [chr(code) for code in range(sys.maxunicode) if chr(code).isspace()]
WIDTHLESS = ["\u200b", "\u200c", "\u200d", "\u200e", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u3164", "\u2800"]
CONTROLS = [chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x2029)]
LOST = ["nan", "NaN", "NaT", "None", "<NA>", "null", "NULL", "undefined"]
CHANGED = ["2.88E+18", "6.28E+12", "1e+18", "6,28e+12", "-1.5e+10", "1001.0", "1001.00", "0.0", "+1.0"]
BAD = [
    *sorted({*SPACES} - {*CONTROLS}),
    *WIDTHLESS,
    " \u00a0\u3000",
    *(blank + "a" for blank in (" ", "\u00a0", "\u200b", "\ufeff")),
    *("a" + blank for blank in (" ", "\u00a0", "\u3000", "\u200b")),
    *CONTROLS,
    *(f"a{control}b" for control in CONTROLS),
    "x" * (LONGEST_ID + 1),
    "😀" * (LONGEST_ID + 1),
    *LOST,
    *CHANGED,
]
GOOD = [
    "1",
    "007",
    "a b",
    "a\u00a0b",
    "x" * LONGEST_ID,
    "😀" * LONGEST_ID,
    "Łódź 😀",
    "'; drop table",
    '"',
    "$1\\d[^",
    "nano",
    "Nones",
    "none",
    "null-1",
    "1001",
    "1001.5",
    "1001.0a",
    "1.0.0",
    "1e10",
    "12345E67",
    "E+18",
    "v2.0",
    "\u0301",
    "م",
]


def is_taken_by_a_record(text: str) -> bool:
    """Return whether a record accepts a text as the id of a person."""
    try:
        Lead(person_id=text, arrived_at=AT)
    except FieldsError:
        return False
    return True


def taken_by_tables(engine: str, texts: Sequence[str]) -> list[str]:
    """Which texts the tables of an engine take as people and as order numbers, in order."""
    rows = {"id": texts, "person_id": texts, "purchased_at": [AT] * len(texts), "amount": [1] * len(texts)}
    entered = from_native(on(engine, {"purchases": pl.DataFrame(rows)})["purchases"], LOGS["purchases"])
    frame = normalize("purchases", entered)
    checks = checks_of("purchases", None, entered)
    valid = [valid_rows(frame, [one for one in checks if one.column == name]) for name in ("id", "person_id")]
    ids, people = (sorted(one.select("id").collect().to_dict(as_series=False)["id"]) for one in valid)
    assert ids == people
    return list(ids)


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_what_names_nobody_is_refused(text: str) -> None:
    """Blanks of every kind, control characters, more than 200 characters, missing values and changed numbers."""
    assert not is_taken_by_a_record(text)
    with pytest.raises(ArgumentError, match=r"^person_id is not an id: "):
        check_id(text)


@pytest.mark.parametrize("text", GOOD, ids=lambda text: ascii(text)[:40])
def test_any_other_text_is_an_id(text: str) -> None:
    """An id is opaque: what only looks like a number is kept as it is."""
    assert is_taken_by_a_record(text)
    assert check_id(text) == text


def test_every_engine_takes_what_a_record_takes(engine: str) -> None:
    """In tables as in records, person by person and order by order."""
    texts = sorted({*BAD, *GOOD})

    assert taken_by_tables(engine, texts) == sorted(filter(is_taken_by_a_record, texts))


ODD = st.text(st.sampled_from(" \u00a0\u200b\x00\t\x85\u2028a0.E+-1nN<A>é😀"), min_size=1, max_size=6)


@pytest.mark.no_cover
def test_every_engine_takes_what_a_record_takes_whatever_it_is(engine: str) -> None:
    """The same for texts of odd characters, and for all texts."""

    @asked_of(engine, 1)
    @given(st.lists(st.one_of(ODD, st.text(min_size=1, max_size=8), st.floats().map(str)), min_size=1, unique=True))
    def holds(texts: list[str]) -> None:
        texts = [text for text in texts if not any(0xD800 <= ord(one) <= 0xDFFF for one in text)]

        assert not texts or taken_by_tables(engine, texts) == sorted(filter(is_taken_by_a_record, texts))

    holds()


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\n", "a\x00", "x" * 201, "None"], ids=ascii)
def test_guests_without_a_name_are_not_one_repeat_customer(blank: str) -> None:
    """Three orders of a blank person are a fault of three rows, as they are three faults of records."""
    orders = {"id": ["1", "2", "3"], "person_id": [blank] * 3, "purchased_at": [AT] * 3, "amount": [5] * 3}

    with pytest.raises(LogsError, match=r"purchases.person_id: 3 rows") as caught:
        stage.over(Logs(purchases=pl.DataFrame(orders)), Policy(), as_of=AT)
    assert not blank.strip() or blank not in str(caught.value).replace("such as 'None'", "")


@pytest.mark.parametrize("column", ["source", "campaign", "referred_by"])
def test_every_text_of_a_table_can_be_written_as_in_a_record(column: str) -> None:
    """A label with a control character or of more than 200 characters is a fault, and one that is empty is not."""
    row: dict[str, list[Any]] = {"person_id": ["p"], "arrived_at": [AT]}

    assert Logs(leads=pl.DataFrame({**row, column: [""]}))
    for wrong in ("a\tb", "x" * 201):
        with pytest.raises(LogsError, match=rf"leads.{column}: 1 row \(row 1\): has more than 200 characters"):
            Logs(leads=pl.DataFrame({**row, column: [wrong]}))


def test_an_empty_cell_is_what_an_absent_column_is() -> None:
    """An empty source is the shop, and an empty referrer is nobody."""
    order = {"id": ["1"], "person_id": ["p"], "purchased_at": [AT], "amount": [5], "source": [""]}
    refund = {"id": ["r"], "purchase_id": ["1"], "refunded_at": [AT], "amount": [5], "source": [None]}
    lead = {"person_id": ["p"], "arrived_at": [AT], "referred_by": [""]}
    frames = {"purchases": order, "refunds": refund, "leads": lead}
    logs = Logs(**{log: pl.DataFrame(rows, schema_overrides={"source": pl.String}) for log, rows in frames.items()})

    assert stage.over(logs, Policy(), as_of=AT)["person_id"].to_list() == ["p"]


WHOLE: list[Any] = [7, np.int64(7), True, 7.0]

CALLS: dict[str, Callable[[Any], object]] = {
    "History.of": lambda person_id: History.of(person_id, []),
    "History": lambda person_id: History(person_id=person_id),
    "Lead": lambda person_id: Lead(person_id=person_id, arrived_at=AT),
    "Purchase": lambda person_id: Purchase(id=person_id, person_id="p", purchased_at=AT, amount=Money(1, "USD")),
    "Question": lambda person_id: Question(id="1", person_id=person_id, occurred_at=AT),
    "LiveFacts": lambda person_id: LiveFacts(History(person_id=person_id), Facts),
    "check_id": check_id,
}


@pytest.mark.parametrize("number", WHOLE, ids=lambda number: type(number).__name__)
@pytest.mark.parametrize("name", CALLS)
def test_a_number_is_no_id_in_any_call(name: str, number: Any) -> None:
    """7 and "7" would be two people: the error says to give str(...) of it."""
    with pytest.raises(FunnelError, match="convert it with str"):
        CALLS[name](number)


# ---- ids that are personal data --------------------------------------------------------------------------------------

EMAIL, OTHER = "canary@example.com", "canary2@example.com"
CLICK = Lead(person_id=OTHER, arrived_at=AT, source="ad")
BOUGHT = Purchase(id="1", person_id=OTHER, purchased_at=AT, amount=Money(1, "USD"))


def merged(*pairs: tuple[str, str]) -> None:
    """Merge names in a store that knows one of them."""
    with SqliteStore() as store:
        store.append(BOUGHT, recorded_at=AT)
        for alias, into in pairs:
            store.merge(alias, into=into, merged_at=AT)


def unmerged() -> None:
    """Unmerge a name that is not an alias."""
    with SqliteStore() as store:
        store.unmerge(EMAIL, unmerged_at=AT)


@pytest.mark.parametrize(
    "call",
    [
        lambda: History.of(EMAIL, [CLICK, BOUGHT]),
        lambda: LiveFacts(History(person_id=EMAIL), Facts).add(BOUGHT),
        lambda: Logs(leads=pl.DataFrame({"person_id": [OTHER], "arrived_at": [AT]})).history(EMAIL),
        lambda: merged((EMAIL, "+628120001111")),
        lambda: merged((EMAIL, OTHER), (OTHER, EMAIL)),
        lambda: merged((EMAIL, OTHER), (EMAIL, "third@example.com")),
        unmerged,
    ],
    ids=["history", "live facts", "logs", "unknown", "circle", "alias", "unmerge"],
)
def test_no_error_shows_an_id_that_may_be_personal_data(call: Callable[[], object]) -> None:
    """An e-mail address or a telephone number may be an id, and an error names the person without it."""
    with pytest.raises(FunnelError, match="a person whose id may be personal data") as caught:
        call()

    assert not [word for word in ("canary", "62812", "third") if word in str(caught.value)]
