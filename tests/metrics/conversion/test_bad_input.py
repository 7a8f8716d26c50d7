from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import attrs
import narwhals as nw
import polars as pl
import pytest

from funnel import Exclusion, FunnelStep, GroupBy, conversion
from funnel._dataframes import adapter
from funnel.errors import (
    ArgumentError,
    EngineError,
    FunnelError,
    InstantError,
    LogsError,
    MissingExtraError,
    RecordError,
    RuleError,
)
from funnel.interactions import Quote, View
from funnel.logs import Logs
from funnel.metrics import bins
from funnel.money import Money
from tests.metrics.conversion.model import Event
from tests.metrics.conversion.questions import START, minutes, table

EVENTS = table([Event("sari", START, kind, amount=1) for kind in ("view", "cart", "purchase")])
DAY = timedelta(days=1)


def asked(steps: Any = ("view", "purchase"), events: Any = EVENTS, **more: Any) -> Any:
    """Ask a question that is right but for what is given."""
    return conversion(events, steps, **{"within": DAY, "as_of": START, **more})


OPTIONAL = FunnelStep("cart", optional=True)

WRONG: dict[str, tuple[dict[str, Any], type[FunnelError], str]] = {
    "one step": ({"steps": ["view"]}, ArgumentError, "1 steps were given, 1 of them required; give 2 to 16"),
    "too many steps": ({"steps": ["view"] * 17}, ArgumentError, "17 steps"),
    "no list": ({"steps": "view"}, ArgumentError, "steps is a str; give a list"),
    "no step": ({"steps": ["view", 3]}, ArgumentError, "a step is a int"),
    "no kind": ({"steps": ["view", ""]}, ArgumentError, "the name of a step is ''"),
    "one name twice": (
        {"steps": [FunnelStep("view"), FunnelStep("view")]},
        ArgumentError,
        "two steps are called 'view'",
    ),
    "optional first": ({"steps": [OPTIONAL, "view", "purchase"]}, ArgumentError, "the first step, 'cart', is optional"),
    "window of the first": (
        {"steps": [FunnelStep("view", within=DAY), "purchase"]},
        ArgumentError,
        "the first step, 'view', has a window",
    ),
    "optional like the next": (
        {"steps": ["view", FunnelStep("again", kind="purchase", optional=True), "purchase"]},
        ArgumentError,
        "the optional step 'again' asks the same as 'purchase'",
    ),
    "optional like another": (
        {"steps": ["view", OPTIONAL, FunnelStep("c", kind="cart", optional=True), "purchase"]},
        ArgumentError,
        "'cart' asks the same as 'c'",
    ),
    "optional in strict order": (
        {"steps": ["view", OPTIONAL, "purchase"], "order": "strict"},
        ArgumentError,
        "optional",
    ),
    "window in any order": (
        {"steps": ["view", FunnelStep("purchase", within=DAY)], "order": "any"},
        ArgumentError,
        "the step 'purchase' has a window of its own",
    ),
    "later in any order": ({"order": "any", "tie_break": "later"}, ArgumentError, "tie_break is 'later'"),
    "named exclusion in any order": (
        {"order": "any", "exclude": Exclusion("cart", after="view")},
        ArgumentError,
        "no order in any order",
    ),
    "no window": ({"within": timedelta(0)}, ArgumentError, "within must be above zero"),
    "window below zero": ({"within": -DAY}, ArgumentError, "within must be above zero"),
    "window of days": ({"within": 7}, ArgumentError, "within must be a timedelta, or text with a unit"),
    "endless window": ({"within": timedelta(days=400_000)}, ArgumentError, "longer than the years that are kept"),
    "naive as_of": ({"as_of": datetime(2026, 3, 1)}, InstantError, "as_of is a naive datetime"),  # noqa: DTZ001
    "order": ({"order": "strickt"}, ArgumentError, r"order must be .*\(got 'strickt'\).*did you mean 'strict'"),
    "entry": ({"attempts": "last"}, ArgumentError, r"attempts must be 'first' or 'any' or 'each' \(got 'last'\)"),
    "tie_break": ({"tie_break": "never"}, ArgumentError, r"tie_break must be .* \(got 'never'\)"),
    "hold of many": ({"hold_constant": ["sku", "amount", "a", "b"]}, ArgumentError, "give up to 3 different columns"),
    "hold of one twice": ({"hold_constant": ["sku", "sku"]}, ArgumentError, "give up to 3 different columns"),
    "hold of the kind": ({"hold_constant": "kind"}, ArgumentError, "hold_constant names 'kind'"),
    "hold of no text": ({"hold_constant": 3}, ArgumentError, "hold_constant is a int"),
    "hold of no column": ({"hold_constant": "skus"}, EngineError, "the events have no column 'skus'; did you mean sku"),
    "hold of times": (
        {"hold_constant": "arrived"},
        EngineError,
        "the column 'arrived' is Datetime.*whole numbers of 64 bits",
    ),
    "by no column": ({"by": "source"}, EngineError, "the events have no column 'source'"),
    "by no text": ({"by": 3}, ArgumentError, "by is a int"),
    "by at no step": ({"by": GroupBy("sku", at="cart")}, ArgumentError, "no step is called 'cart'"),
    "bands of texts": ({"by": bins("sku", [3])}, EngineError, "the column 'sku' is String; give one of whole numbers"),
    "exclusion that is a step misspelt": ({"exclude": Exclusion("carts")}, ArgumentError, "did you mean 'cart'"),
    "misspelt exclusion": ({"exclude": Exclusion("cat")}, ArgumentError, "the kind 'cat'; did you mean 'cart'"),
    "exclusion that is none": ({"exclude": ["cart"]}, ArgumentError, "exclude is a list; give Exclusions"),
    "exclusion after no step": (
        {"exclude": Exclusion("cart", after="viev")},
        ArgumentError,
        "no step is called 'viev'.*did you mean 'view'",
    ),
    "exclusion the wrong way": (
        {"exclude": Exclusion("cart", after="purchase", before="view")},
        ArgumentError,
        "after 'purchase' and before 'view', which is not later",
    ),
    "exclusion at an optional step": (
        {"steps": ["view", OPTIONAL, "purchase"], "exclude": Exclusion("view", after="cart")},
        ArgumentError,
        "lies at the step 'cart', which is optional",
    ),
    "misspelt kind": ({"steps": ["view", "purchaes"]}, ArgumentError, "the kind 'purchaes'; did you mean 'purchase'"),
    "misspelt first": ({"steps": ["viwe", "cart"]}, ArgumentError, "the kind 'viwe'; did you mean 'view'"),
    "misspelt in any order": (
        {"steps": ["viwe", "cart", "purchase"], "order": "any"},
        ArgumentError,
        "the kind 'viwe'; did you mean 'view'",
    ),
    "misspelt under a name": (
        {"steps": [FunnelStep("look", kind="View"), "cart"]},
        ArgumentError,
        "the kind 'View'; did you mean 'view'",
    ),
    "misspelt in strict order": (
        {"steps": ["view", "cart", "purchses"], "order": "strict"},
        ArgumentError,
        "the kind 'purchses'; did you mean 'purchase'",
    ),
    "the name of a step": (
        {"steps": ["purchase", "purchase 2"]},
        ArgumentError,
        "the kind 'purchase 2'; did you mean 'purchase'",
    ),
    "confidence_level": ({"confidence_level": 95}, ArgumentError, "level of a rate must be a float"),
    "min_people": ({"min_people": 0}, ArgumentError, "min_people must be a whole number from 1 up"),
    "no frame": ({"events": 3}, EngineError, "a int is not a dataframe"),
    "no record": ({"events": [3]}, ArgumentError, "event 1 of the list is a int"),
    "two types": ({"events": [{"person_id": 1}, {"person_id": "sari"}]}, EngineError, "different types"),
    "condition on a misspelt column": (
        {"steps": ["view", FunnelStep("p", where=lambda e: e.amuont > 3)]},
        RuleError,
        "the condition of the step 'p': no fact is called 'amuont'; did you mean amount",
    ),
    "condition on times": (
        {"steps": ["view", FunnelStep("p", where=lambda e: e.arrived > 3)]},
        RuleError,
        "arrived.*a condition reads whole numbers, texts and truths",
    ),
    "condition that is a number": (
        {"steps": ["view", FunnelStep("p", where=lambda e: e.amount + 1)]},
        RuleError,
        "answers with a number; answer whether it holds",
    ),
    "condition that may be None": (
        {"steps": ["view", FunnelStep("p", where=lambda e: True if e.amount > 1 else None)]},
        RuleError,
        "the condition of the step 'p' answers with None; answer whether it holds",
    ),
}
OTHER = EVENTS.with_columns(arrived=pl.col("occurred_at"))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_question_is_refused(name: str) -> None:
    """One clear error says what was given, where, and what is allowed."""
    given, error, message = WRONG[name]

    with pytest.raises(error, match=message) as told:
        asked(**{"events": OTHER, **given})
    assert "sari" not in str(told.value)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: FunnelStep("a", where=3), "where of the step 'a' is a int; give a function"),  # type: ignore[arg-type]
        (lambda: FunnelStep("a", kind=3), "the kind of the step 'a' is 3"),  # type: ignore[arg-type]
        (lambda: FunnelStep("a", within=timedelta(0)), "within of the step 'a'"),
        (Exclusion, "an exclusion asks for nothing"),
        (lambda: Exclusion("a", then="stop"), "then of an exclusion must be 'drop' or 'remove'"),  # type: ignore[arg-type]
        (lambda: bins("amount", []), "give 1 to 50 whole numbers that rise"),
        (lambda: bins("amount", [2, 1]), "are 2, 1; give"),
        (lambda: bins("amount", [1.5]), "are 1.5; give"),  # type: ignore[list-item]
    ],
)
def test_what_makes_no_sense_cannot_be_made(made: Any, message: str) -> None:
    """Steps, exclusions and bands are checked when they are made."""
    with pytest.raises((RecordError, ArgumentError), match=message):
        made()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"person_id": [None, "a", None]}, r"events.person_id: 2 rows \(row 1, 3\): is empty"),
        ({"person_id": ["a", "", "b"]}, r"events.person_id: 1 row \(row 2\): is blank"),
        ({"occurred_at": [START, None, START]}, r"events.occurred_at: 1 row \(row 2\): is empty"),
        ({"occurred_at": [START.replace(year=1700)] * 3}, "events.occurred_at: 3 rows .* years 1800 to 2199"),
        ({"occurred_at": [datetime(2026, 3, 1)] * 3}, "say which zone these naive times are in"),  # noqa: DTZ001
        ({"person_id": [1.5] * 3}, "events.person_id: is Float64; give text or integers"),
        ({"kind": [1, 2, 3]}, "events.kind: is Int64; give text"),
        ({"amount": [10**15 + 1, 1, 1]}, r"events.amount: 1 row \(row 1\): lies outside"),
    ],
)
def test_rows_that_cannot_be_read_are_counted(change: dict[str, list[Any]], message: str) -> None:
    """A person or an instant that is missing or cannot be is refused, with the count and the first rows."""
    events = EVENTS.with_columns(pl.Series(name, values) for name, values in change.items())

    with pytest.raises(LogsError, match=message):
        asked(["view", FunnelStep("p", kind="purchase", where=lambda e: e.amount > 0)], events)


def test_columns_that_are_missing_are_named() -> None:
    """A column that is needed and not there is named, with the one that was perhaps meant."""
    with pytest.raises(LogsError, match=r"events.occurred_at: is missing; did you mean occured_at\?"):
        asked(events=EVENTS.rename({"occurred_at": "occured_at"}))


def test_columns_without_a_cell_have_no_type() -> None:
    """Where every cell is empty nothing is made up: a kind that is empty is of no step, a person must be there."""
    empty = EVENTS.with_columns(kind=None)

    assert asked(events=empty).entered == 0
    with pytest.raises(LogsError, match=r"person_id: 3 rows \(row 1, 2, 3\): is empty"):
        asked(events=EVENTS.with_columns(person_id=None))
    with pytest.raises(LogsError, match=r"occurred_at: 3 rows \(row 1, 2, 3\): is empty"):
        asked(events=EVENTS.with_columns(occurred_at=None))


def test_a_row_that_is_two_steps_is_refused_in_any_order() -> None:
    """In any order nobody could say which of the two it is; the same step twice is no such row."""
    steps = [FunnelStep("some", where=lambda e: e.amount > 0), "purchase"]

    with pytest.raises(ArgumentError, match="1 events match two different steps at once"):
        asked(steps, order="any")
    assert asked(["view", FunnelStep("two", where=lambda e: e.amount > 1)], order="any").entered == 1


def test_wrong_questions_to_a_funnel() -> None:
    """What is asked of the answer is checked, too."""
    funnel = asked(["view", OPTIONAL, "purchase"])

    with pytest.raises(ArgumentError, match="the quantile is 50; give a float"):
        funnel.times(50)
    with pytest.raises(ArgumentError, match=r"which must be 'reached' or 'dropped' or 'pending' \(got 'lost'\)"):
        funnel.people("view", "lost")
    with pytest.raises(ArgumentError, match="the step 'cart' is optional, so nobody is dropped there"):
        funnel.people("cart", "dropped")
    with pytest.raises(ArgumentError, match=r"no step is called 'veiw'.*did you mean 'view'"):
        funnel.step("veiw")
    with pytest.raises(ArgumentError, match="no step is called 'x'"):
        funnel.value("amount", at="x")
    with pytest.raises(EngineError, match="the column 'sku' is String; give one of whole numbers"):
        funnel.value("sku")
    with pytest.raises(EngineError, match="no column 'amounts'; did you mean amount"):
        funnel.drivers("amounts")
    with pytest.raises(ArgumentError, match="the funnel has no groups"):
        funnel.compare()
    with pytest.raises(ArgumentError, match="zone 'Mars' is unknown"):
        funnel.trend("month", tz="Mars")


def test_numbers_wider_than_64_bits_are_refused() -> None:
    """What does not fit a column of every engine is not squeezed into one."""
    with pytest.raises(EngineError, match="whole numbers of 64 bits"):
        asked(events=EVENTS.with_columns(sku=pl.lit(1, pl.UInt64)), hold_constant="sku")


# ---- lists ---------------------------------------------------------------------------------------------------------

ROWS = [
    {"person_id": "sari", "occurred_at": START, "kind": "view", "amount": 5},
    {"person_id": "sari", "occurred_at": START + minutes(1), "kind": "purchase"},
    {"person_id": "budi", "occurred_at": START, "kind": "view"},
]


def test_a_list_is_a_table() -> None:
    """Mappings and interactions are events like those of a frame; what one does not say is null."""
    when: dict[str, Any] = {"person_id": "wati", "source": "shop"}
    said = [
        View(id="1", occurred_at=START, **when),
        Quote(id="2", occurred_at=START, amount=Money(7, "IDR"), **when),
    ]
    funnel = asked(["view", FunnelStep("sum", where=lambda e: e.amount > 0)], [*ROWS, *said], as_of=START + DAY)

    assert [step.reached for step in funnel] == [3, 1]
    assert isinstance(funnel.people("view"), pl.DataFrame)
    assert asked(events=[]).entered == 0


def test_a_list_needs_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Polars is not installed pandas runs a list; where neither is, the error says what to install."""
    monkeypatch.setattr(adapter, "installed", lambda name: name == "pandas")
    assert type(asked(events=ROWS, as_of=START + DAY).people("view")).__module__.startswith("pandas")

    monkeypatch.setattr(adapter, "installed", lambda _: False)
    with pytest.raises(MissingExtraError, match=r"pip install 'shopfunnel\[polars\]'"):
        asked(events=ROWS)


def test_every_attempt_needs_local_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts one after another are walked through here; where no engine is installed, the error says so."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("events", EVENTS.to_arrow())
    relation = connection.table("events")

    assert isinstance(asked(events=relation, attempts="each").people("view"), pl.DataFrame)
    monkeypatch.setattr(adapter, "installed", lambda _: False)
    with pytest.raises(MissingExtraError, match="walked through in local memory"):
        asked(events=relation, attempts="each")


def test_pandas_makes_floats_of_whole_numbers_where_some_are_missing() -> None:
    """Such numbers are whole numbers again; one with a fraction is refused."""
    import pandas as pd

    rows = pd.DataFrame({"person_id": ["p", "p", "q"], "kind": ["a", "b", "a"], "amount": [2.0, 3.0, None]})
    events = rows.assign(occurred_at=pd.to_datetime([START] * 3))
    steps = ["a", FunnelStep("b", kind="b", where=lambda e: e.amount > 2)]
    funnel = asked(steps, events, by="amount")

    assert [(group.value, group.rate.successes) for group in funnel.groups] == [(2, 0), (None, 0)]
    assert funnel.converted == 1
    assert funnel.value("amount")[0].reached == 2
    with pytest.raises(LogsError, match=r"events.amount: 1 row .*: is not a whole number"):
        asked(steps, events.assign(amount=[2.5, 3.0, None]))


def test_a_condition_that_leaves_no_trace_is_refused() -> None:
    """What a condition does by type or by chance cannot be run for a table."""
    with pytest.raises(RuleError, match="leaves no trace"):
        asked(["view", FunnelStep("p", where=lambda e: type(e.amount) is int)])


def test_the_model_of_the_tests_can_be_asked_with_plain_events() -> None:
    """A condition is a plain function: it runs on one event as it does on a table."""
    step = FunnelStep("large", kind="purchase", where=lambda e: e.amount >= 100)

    assert step.where is not None
    assert step.where(SimpleNamespace(amount=100)) is True
    assert attrs.evolve(step, optional=True).optional
    assert nw.from_native(EVENTS).shape == (3, 5)


def test_logs_are_asked_for_kinds_that_logs_have() -> None:
    """A misspelt kind is refused, though nothing of the right kind occurs; a kind that logs cannot hold counts 0."""
    bought = {"id": [1], "person_id": ["p"], "purchased_at": [START], "amount": [9]}
    logs = Logs(purchases=pl.DataFrame(bought))

    with pytest.raises(ArgumentError, match="the kind 'purchases'; did you mean 'purchase'"):
        asked(["lead", "purchases"], logs)
    with pytest.raises(ArgumentError, match="the kind 'complaints'; did you mean 'complaint'"):
        asked(["lead", "purchase"], logs, exclude=Exclusion("complaints"))
    assert asked(["lead", "purchase"], logs).entered == 0
    assert asked(["purchase", "fitting"], logs).converted == 0
    assert asked(["purchase", "purchase"], logs, as_of=datetime(2026, 5, 1, tzinfo=UTC)).dropped == 1
