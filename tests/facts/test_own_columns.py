"""Own columns of records and of facts: what is read, and what is refused where it is written."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest

from funnel import Facts, History, LiveFacts, Logs
from funnel._columns import OwnColumns
from funnel.errors import ArgumentError, FactsError, FieldsError, LogsError, RuleError
from funnel.facts import count, largest, latest, soonest, total
from funnel.facts._base import BaseFacts
from funnel.interactions import Question, Visit, read_interaction
from funnel.records import Lead, Purchase
from tests.frames import TIME, read
from tests.shop import DAY, NOW, bought, did

OWN = {"country": str, "pieces": int, "is_gift": bool, "due": datetime}
VALUES: dict[str, Any] = {"country": "UK", "pieces": 3, "is_gift": True, "due": NOW}


class Own(BaseFacts):
    """Facts on own columns of purchases."""

    uk_count: int = count("purchases", where=lambda one: one.country == "UK", columns=OWN)
    pieces: int = total("purchases", "pieces", columns=OWN)
    last_gift: bool = latest("purchases", "is_gift", columns=OWN)
    due_at: datetime | None = soonest("purchases", "due", columns=OWN)


def own_frame(**columns: pl.Series | Any) -> pl.DataFrame:
    """Two purchases of one person, with these own columns."""
    plain = {"id": ["1", "2"], "person_id": ["p1", "p1"], "purchased_at": [NOW - DAY, NOW], "amount": [9, 9]}
    return pl.DataFrame({**plain, **columns})


# ---- records -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        bought("1", NOW, columns=VALUES),
        did(Visit, "v", NOW, columns=VALUES),
        Lead(person_id="p1", arrived_at=NOW, columns=VALUES),
    ],
)
def test_a_record_has_its_own_columns_in_every_form(record: Any) -> None:
    """JSON, copies, pickles and hashes keep the values and their types; the repr has no value."""
    kind = type(record)

    assert record.columns == VALUES
    assert kind.model_validate_json(record.model_dump_json()) == record
    assert kind.model_validate(record.model_dump()) == record
    again = pickle.loads(pickle.dumps(record))  # noqa: S301 - our own bytes
    assert again == copy.deepcopy(record) == record
    assert hash(again) == hash(record)
    assert again.columns["due"] == NOW
    assert "UK" not in repr(record) + repr(record.columns)
    assert repr(record.columns) == "OwnColumns(country, due, is_gift, pieces)"
    assert record.model_copy(update={"columns": {}}).columns == {}


def test_own_columns_are_left_out_of_json_if_there_are_none() -> None:
    """Records without own columns have the JSON that they had before."""
    assert "columns" not in Visit(id="v", person_id="p1", occurred_at=NOW).model_dump()
    visit = Visit(id="v", person_id="p1", occurred_at=NOW, columns={"page": "2026-03-01T02:00Z"})
    assert read_interaction(visit.model_dump_json()).columns["page"] == "2026-03-01T02:00Z"


def test_own_columns_cannot_be_changed() -> None:
    """Assignment is refused, and so is a change by item."""
    columns = bought("1", NOW, columns=VALUES).columns
    with pytest.raises(AttributeError, match="the columns of a record are immutable"):
        columns.pieces = 4  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        columns["pieces"] = 4  # type: ignore[index]
    assert isinstance(columns, OwnColumns)
    assert len(columns) == 4
    assert columns != bought("2", NOW).columns


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([("a", 1)], r"columns must be a mapping of names and values, such as .* \(got list\)"),
        ({7: 1}, r"the name of an own column must be text \(got int\)"),
        ({"ship to": 1}, "must be a name that Python allows; use letters, digits and _"),
        ({"a" * 201: 1}, "must be a name that Python allows"),
        ({"_own_x": 1}, "the name of an own column begins with _, which is reserved; give it another name"),
        (
            {"pieces": -1},
            "the value of an own column is outside 0 to 100000000000000; give a whole number in this range",
        ),
        ({"pieces": 10**14 + 1}, "the value of an own column is outside 0 to"),
        (
            {"pieces": 1.5},
            r"the value of an own column must be text, a whole number, True or False, or .* \(got float\)",
        ),
        ({"pieces": {"instant": 3}}, r"the value of an own column must be text, .* \(got dict\)"),
        ({"pieces": {"other": "x"}}, r"the value of an own column must be text, .* \(got dict\)"),
        ({"due": datetime(2026, 1, 1)}, "a time has no time zone"),  # noqa: DTZ001 - without a zone
        ({"note": "a\x00b"}, "contains a null character"),
    ],
)
def test_own_columns_that_a_record_cannot_have_are_refused(columns: Any, message: str) -> None:
    """The message has neither a name nor a value of the input."""
    with pytest.raises(FieldsError, match=message):
        bought("1", NOW, columns=columns)


def test_the_same_record_with_other_own_columns_is_another() -> None:
    """A history refuses it and names the field."""
    twice = [bought("1", NOW, columns={"country": one}) for one in ("UK", "FR")]
    with pytest.raises(Exception, match="occurs twice and differs in columns; keep the correct one"):
        History.of("p1", twice)


# ---- facts ---------------------------------------------------------------------------------------------------------


def test_an_empty_cell_counts_as_nothing() -> None:
    """A missing text is "", a number 0, a truth false; `soonest` leaves a missing instant out."""
    history = History.of("p1", [bought("1", NOW - DAY, columns=VALUES), bought("2", NOW)])
    facts = Own.of(history, as_of=NOW)
    nothing = {"country": ["UK", None], "pieces": [3, None], "is_gift": [True, None]}
    frame = own_frame(**nothing, due=pl.Series([NOW, None], dtype=TIME))

    assert (facts.uk_count, facts.pieces, facts.last_gift, facts.due_at) == (1, 3, False, NOW)
    (row,) = read(Own.over(Logs(purchases=frame, keep={"purchases": list(OWN)}), as_of=NOW))
    assert {name: row[name] for name in facts.to_dict()} == facts.to_dict()


def test_logs_need_only_the_columns_that_a_fact_reads() -> None:
    """A mapping may name more columns than the logs have."""

    class Narrow(BaseFacts):
        uk_count: int = count("purchases", where=lambda one: one.country == "UK", columns=OWN)

    logs = Logs(purchases=own_frame(country=["UK", "UK"]), keep={"purchases": ["country"]})

    assert read(Narrow.over(logs, as_of=NOW))[0]["uk_count"] == 2


def test_logs_without_the_log_of_a_column_have_none_of_its_records() -> None:
    """Logs of leads alone have no purchases, so no column is missing."""
    leads = pl.DataFrame({"person_id": ["p1"], "arrived_at": [NOW]})

    assert read(Own.over(Logs(leads=leads), as_of=NOW)) == [
        {"person_id": "p1", "uk_count": 0, "pieces": 0, "last_gift": False, "due_at": None}
    ]


def test_integers_with_missing_cells_are_floats_in_pandas() -> None:
    """Whole floats of pandas are read as the integers that they were; a fraction is refused."""

    class Pieces(BaseFacts):
        pieces: int = total("purchases", "pieces", columns=OWN)

    def logs(*pieces: float | None) -> Logs:
        return Logs(purchases=own_frame(pieces=list(pieces)).to_pandas(), keep={"purchases": ["pieces"]})

    assert read(Pieces.over(logs(3.0, None), as_of=NOW))[0]["pieces"] == 3
    with pytest.raises(LogsError, match=r"purchases.pieces: 1 row: is not a whole number from 0 to"):
        Pieces.over(logs(3.0, 1.5), as_of=NOW)


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (
            {},
            FactsError,
            r"reads the own column \w+ of purchases, which the logs do not have; keep it: Logs\(\.\.\., keep=",
        ),
        (
            {"contry": ["UK", "FR"]},
            FactsError,
            "the own column country of purchases, .*; keep it: .*; or did you mean contry",
        ),
        (
            {"country": [1, 2]},
            FactsError,
            "the own column country of purchases is Int64, and a fact declares it as str",
        ),
        ({"country": ["", ""], "due": [NOW, NOW], "is_gift": ["a", "b"]}, FactsError, "is_gift of purchases is String"),
    ],
)
def test_columns_that_the_logs_do_not_have_are_named(
    columns: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The message has the nearest name, or the type and the remedy."""
    logs = Logs(purchases=own_frame(**columns), keep={"purchases": list(columns)})
    with pytest.raises(error, match=message):
        Own.over(logs, as_of=NOW)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pieces": [1, -1]}, r"purchases.pieces: 1 row: is not a whole number from 0 to 100000000000000"),
        ({"due": [NOW, datetime(2300, 1, 1, tzinfo=UTC)]}, r"purchases.due: 1 row: lies outside the years"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    """As in a record; the message has no value."""
    columns = {"country": ["", ""], "pieces": [1, 1], "is_gift": [True, False], "due": [NOW, NOW], **values}
    logs = Logs(purchases=own_frame(**columns), keep={"purchases": list(OWN)})
    with pytest.raises(LogsError, match=message):
        Own.over(logs, as_of=NOW)


def test_a_total_that_does_not_fit_is_refused_for_one_and_for_all() -> None:
    """The sum of a person is at most 2⁵³."""
    many = 100
    rows = {"id": [str(number) for number in range(many)], "person_id": ["p1"] * many, "purchased_at": [NOW] * many}
    logs = Logs(
        purchases=pl.DataFrame({**rows, "amount": [1] * many, "pieces": [10**14] * many}),
        keep={"purchases": ["pieces"]},
    )
    history = History.of("p1", [bought(str(one), NOW, columns={"pieces": 10**14}) for one in range(many)])

    class Pieces(BaseFacts):
        pieces: int = total("purchases", "pieces", columns=OWN)

    with pytest.raises(LogsError, match=r"purchases.pieces: 100 rows: cannot be summed for one person"):
        Pieces.over(logs, as_of=NOW)
    with pytest.raises(Exception, match="the records of one person cannot be added up"):
        Pieces.of(history, as_of=NOW)


@pytest.mark.parametrize("value", [3, True, NOW])
def test_a_record_with_another_type_than_declared_is_refused(value: object) -> None:
    """The message names the column, both types and the remedy."""
    history = History.of("p1", [bought("1", NOW, columns={"country": value})])
    with pytest.raises(FactsError, match=r"country is declared as str, but a record has \w+; declare the"):
        Own.of(history, as_of=NOW)
    live = LiveFacts(History(person_id="p1"), Own)
    live.add(history.purchases[0])
    with pytest.raises(FactsError, match="the own column country is declared as str"):
        live.facts(as_of=NOW)


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: count("purchases", columns=["x"]), ArgumentError, r"columns must be a mapping of .* \(got list\)"),
        (lambda: count("purchases", columns={7: str}), ArgumentError, "the name of an own column must be text"),
        (lambda: count("purchases", columns={"x": float}), ArgumentError, r"datetime \(got the class float\)"),
        (lambda: count("purchases", columns={"x": "str"}), ArgumentError, r"one of str, int, bool, .* \(got str\)"),
        (
            lambda: count("purchases", columns={"Amount": int}),
            FactsError,
            "Amount has the name of a field of purchases",
        ),
        (lambda: count("replies", columns=OWN), FactsError, "replies are derived from several records"),
        (lambda: total("purchases", "country", columns=OWN), FactsError, "country of purchases is not an amount or a"),
        (lambda: soonest("purchases", "pieces", columns=OWN), FactsError, "pieces of purchases is not an instant"),
        (lambda: largest("purchases", "peices", columns=OWN), FactsError, "the field 'peices'; did you mean pieces"),
        (lambda: count("orders", where=lambda one: one.contry == "", columns=OWN), RuleError, "did you mean country"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_where_it_is_written(
    declare: Callable[[], object], error: type[Exception], message: str
) -> None:
    """Types and names are checked when a fact is declared."""
    with pytest.raises(error, match=message):
        declare()


def test_one_column_has_one_type_in_a_class() -> None:
    """Two types of one column of one table are refused when the facts are first used."""

    class Both(BaseFacts):
        texts: int = count("purchases", where=lambda one: one.size == "L", columns={"size": str})
        numbers: int = total("purchases", "size", columns={"size": int})

    with pytest.raises(FactsError, match="the own column size of purchases is declared as str and int; declare one"):
        Both.of(History(person_id="p1"), as_of=NOW)


def test_a_zone_of_an_instant_does_not_matter() -> None:
    """Equal instants in two zones are one instant."""
    jakarta = timezone(timedelta(hours=7))
    history = History.of("p1", [bought("1", NOW, columns={"due": NOW.astimezone(jakarta)})])

    assert Own.of(history, as_of=NOW).due_at == NOW


def test_built_in_facts_stay_as_they_are() -> None:
    """Records with own columns have the built-in facts of records without them."""
    with_own, without = (
        History.of("p1", [bought("1", NOW, columns=one), did(Question, "q", NOW, columns=one)]) for one in (VALUES, {})
    )
    assert Facts.of(with_own, as_of=NOW) == Facts.of(without, as_of=NOW)
    assert isinstance(with_own.purchases[0], Purchase)
