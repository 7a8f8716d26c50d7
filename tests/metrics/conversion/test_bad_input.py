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
from funnel.metrics import Matching, bins
from funnel.money import Money
from tests.metrics.conversion.model import Event
from tests.metrics.conversion.questions import START, minutes, table

EVENTS = table([Event("sari", START, kind, amount=1) for kind in ("view", "cart", "purchase")])
DAY = timedelta(days=1)


def funnel_of(steps: Any = ("view", "purchase"), events: Any = EVENTS, **arguments: Any) -> Any:
    """Call `conversion` with valid arguments, except those of the test; rules of matching become a `Matching`."""
    names = set(arguments) & set(attrs.fields_dict(Matching))
    if names:
        arguments["matching"] = Matching(**{name: arguments.pop(name) for name in names})
    return conversion(events, steps, **{"within": DAY, "as_of": START, **arguments})


OPTIONAL = FunnelStep("cart", optional=True)

WRONG: dict[str, tuple[dict[str, Any], type[FunnelError], str]] = {
    "one step": ({"steps": ["view"]}, ArgumentError, "steps must be 2 to 16, at least 2 required .got 1, 1 required"),
    "too many steps": ({"steps": ["view"] * 17}, ArgumentError, "got 17"),
    "no list": ({"steps": "view"}, ArgumentError, "steps must be a list .*got str"),
    "no step": ({"steps": ["view", 3]}, ArgumentError, "a step must be a kind .*got int"),
    "no kind": ({"steps": ["view", ""]}, ArgumentError, "the name of a step must be a non-empty text .got ''"),
    "one name twice": (
        {"steps": [FunnelStep("view"), FunnelStep("view")]},
        ArgumentError,
        "names of steps must be unique .got 'view' twice",
    ),
    "optional first": (
        {"steps": [OPTIONAL, "view", "purchase"]},
        ArgumentError,
        "the first step must be required .*'cart'",
    ),
    "window of the first": (
        {"steps": [FunnelStep("view", within=DAY), "purchase"]},
        ArgumentError,
        "the first step cannot have a window .*'view'",
    ),
    "optional like the next": (
        {"steps": ["view", FunnelStep("again", kind="purchase", optional=True), "purchase"]},
        ArgumentError,
        "the optional step 'again' equal to 'purchase'",
    ),
    "optional like another": (
        {"steps": ["view", OPTIONAL, FunnelStep("c", kind="cart", optional=True), "purchase"]},
        ArgumentError,
        "'cart' equal to 'c'",
    ),
    "optional in strict order": (
        {"steps": ["view", OPTIONAL, "purchase"], "order": "strict"},
        ArgumentError,
        "optional steps require order='ordered'",
    ),
    "window in any order": (
        {"steps": ["view", FunnelStep("purchase", within=DAY)], "order": "any"},
        ArgumentError,
        "within of a step requires an order .*'purchase'",
    ),
    "later in any order": (
        {"order": "any", "tie_break": "later"},
        ArgumentError,
        "tie_break='later' requires an order",
    ),
    "named exclusion in any order": (
        {"order": "any", "exclude": Exclusion("cart", after="view")},
        ArgumentError,
        "after and before of an Exclusion require an order",
    ),
    "no window": ({"within": timedelta(0)}, ArgumentError, "within must be above zero"),
    "window below zero": ({"within": -DAY}, ArgumentError, "within must be above zero"),
    "window of days": ({"within": 7}, ArgumentError, "within must be a timedelta, or text with a unit"),
    "endless window": ({"within": timedelta(days=400_000)}, ArgumentError, "is too long"),
    "naive as_of": ({"as_of": datetime(2026, 3, 1)}, InstantError, "as_of is a naive datetime"),  # noqa: DTZ001
    "order": ({"order": "strickt"}, ArgumentError, r"order must be .*\(got 'strickt'\).*did you mean 'strict'"),
    "entry": ({"attempts": "last"}, ArgumentError, r"attempts must be 'first' or 'any' or 'each' \(got 'last'\)"),
    "tie_break": ({"tie_break": "never"}, ArgumentError, r"tie_break must be .* \(got 'never'\)"),
    "hold of many": (
        {"hold_constant": ["sku", "amount", "a", "b"]},
        ArgumentError,
        "hold_constant must name up to 3 different columns",
    ),
    "hold of one twice": (
        {"hold_constant": ["sku", "sku"]},
        ArgumentError,
        "hold_constant must name up to 3 different columns",
    ),
    "hold of the kind": ({"hold_constant": "kind"}, ArgumentError, "hold_constant cannot be 'kind'"),
    "hold of no text": ({"hold_constant": 3}, ArgumentError, "hold_constant must be a column name .*got int"),
    "hold of no column": ({"hold_constant": "skus"}, EngineError, "the events have no column 'skus'; did you mean sku"),
    "hold of times": (
        {"hold_constant": "arrived"},
        EngineError,
        "column 'arrived' must hold integers of at most 64 bits.*got Datetime",
    ),
    "by no column": ({"by": "source"}, EngineError, "the events have no column 'source'"),
    "by no text": ({"by": 3}, ArgumentError, "by must be a column name.*got int"),
    "by at no step": ({"by": GroupBy("sku", at="cart")}, ArgumentError, "no step is called 'cart'"),
    "bands of texts": ({"by": bins("sku", [3])}, EngineError, "column 'sku' must hold integers.*got String"),
    "exclusion that is a step misspelt": ({"exclude": Exclusion("carts")}, ArgumentError, "did you mean 'cart'"),
    "misspelt exclusion": ({"exclude": Exclusion("cat")}, ArgumentError, "the kind 'cat'; did you mean 'cart'"),
    "exclusion that is none": (
        {"exclude": ["cart"]},
        ArgumentError,
        "exclude must be an Exclusion or a list of them.*got list",
    ),
    "exclusion after no step": (
        {"exclude": Exclusion("cart", after="viev")},
        ArgumentError,
        "no step is called 'viev'.*did you mean 'view'",
    ),
    "exclusion the wrong way": (
        {"exclude": Exclusion("cart", after="purchase", before="view")},
        ArgumentError,
        "before of an Exclusion must be a later step .*after='purchase', before='view'",
    ),
    "exclusion at an optional step": (
        {"steps": ["view", OPTIONAL, "purchase"], "exclude": Exclusion("view", after="cart")},
        ArgumentError,
        "an Exclusion must lie between required steps .got the optional step 'cart'",
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
    "no frame": ({"events": 3}, EngineError, "an int is not a supported dataframe"),
    "no record": ({"events": [3]}, ArgumentError, "event 1 must be a mapping or an interaction .got int"),
    "two types": ({"events": [{"person_id": 1}, {"person_id": "sari"}]}, EngineError, "different types"),
    "condition on a misspelt column": (
        {"steps": ["view", FunnelStep("p", where=lambda e: e.amuont > 3)]},
        RuleError,
        "the condition of the step 'p': the fact 'amuont' is unknown; did you mean amount",
    ),
    "condition on times": (
        {"steps": ["view", FunnelStep("p", where=lambda e: e.arrived > 3)]},
        RuleError,
        "arrived.*a condition can read integers, texts and booleans",
    ),
    "condition that is a number": (
        {"steps": ["view", FunnelStep("p", where=lambda e: e.amount + 1)]},
        RuleError,
        "must return True or False .got a number",
    ),
    "condition that may be None": (
        {"steps": ["view", FunnelStep("p", where=lambda e: True if e.amount > 1 else None)]},
        RuleError,
        "the condition of the step 'p' must return True or False .got None",
    ),
}
OTHER = EVENTS.with_columns(arrived=pl.col("occurred_at"))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_question_is_refused(name: str) -> None:
    """One clear error says what was given, where, and what is allowed."""
    arguments, error, message = WRONG[name]

    with pytest.raises(error, match=message) as caught:
        funnel_of(**{"events": OTHER, **arguments})
    assert "sari" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FunnelStep("a", where=3), "where of the step 'a' must be a function .*got int"),  # type: ignore[arg-type]
        (lambda: FunnelStep("a", kind=3), "the kind of the step 'a' must be a non-empty text .got 3"),  # type: ignore[arg-type]
        (lambda: FunnelStep("a", within=timedelta(0)), "within of the step 'a'"),
        (Exclusion, "an Exclusion requires a kind"),
        (lambda: Exclusion("a", then="stop"), "then of an exclusion must be 'drop' or 'remove'"),  # type: ignore[arg-type]
        (lambda: bins("amount", []), "edges must be 1 to 50 ascending integers"),
        (lambda: bins("amount", [2, 1]), "got 2, 1"),
        (lambda: bins("amount", [1.5]), "got 1.5"),  # type: ignore[list-item]
    ],
)
def test_what_makes_no_sense_cannot_be_made(make: Any, message: str) -> None:
    """Steps, exclusions and bands are checked when they are made."""
    with pytest.raises((RecordError, ArgumentError), match=message):
        make()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"person_id": [None, "a", None]}, r"events.person_id: 2 rows \(row 1, 3\): is empty"),
        ({"person_id": ["a", "", "b"]}, r"events.person_id: 1 row \(row 2\): is blank"),
        ({"occurred_at": [START, None, START]}, r"events.occurred_at: 1 row \(row 2\): is empty"),
        ({"occurred_at": [START.replace(year=1700)] * 3}, "events.occurred_at: 3 rows .* years 1800 to 2199"),
        ({"occurred_at": [datetime(2026, 3, 1)] * 3}, "set the zone of these naive times"),  # noqa: DTZ001
        ({"person_id": [1.5] * 3}, "events.person_id: is Float64; give text or integers"),
        ({"kind": [1, 2, 3]}, "events.kind: is Int64; give text"),
        ({"amount": [10**15 + 1, 1, 1]}, r"events.amount: 1 row \(row 1\): lies outside"),
        ({"amount": [1, -(10**15) - 1, 1]}, r"events.amount: 1 row \(row 2\): lies outside"),
    ],
)
def test_rows_that_cannot_be_read_are_counted(change: dict[str, list[Any]], message: str) -> None:
    """A person or an instant that is missing or cannot be is refused, with the count and the first rows."""
    events = EVENTS.with_columns(pl.Series(name, values) for name, values in change.items())

    with pytest.raises(LogsError, match=message):
        funnel_of(["view", FunnelStep("p", kind="purchase", where=lambda e: e.amount > 0)], events)


def test_numbers_at_the_limits_are_compared() -> None:
    """The limits themselves are allowed."""
    events = EVENTS.with_columns(pl.Series("amount", [10**15, -(10**15), 10**15]))

    assert funnel_of(["view", FunnelStep("p", kind="purchase", where=lambda e: e.amount > 0)], events).entered == 1


def test_columns_that_are_missing_are_named() -> None:
    """A column that is needed and not there is named, with the one that was perhaps meant."""
    with pytest.raises(LogsError, match=r"events.occurred_at: is missing; did you mean occured_at\?"):
        funnel_of(events=EVENTS.rename({"occurred_at": "occured_at"}))


def test_columns_without_a_cell_have_no_type() -> None:
    """If every cell is empty nothing is made up: an empty kind is not a step, a person is required."""
    empty = EVENTS.with_columns(kind=None)

    assert funnel_of(events=empty).entered == 0
    with pytest.raises(LogsError, match=r"person_id: 3 rows \(row 1, 2, 3\): is empty"):
        funnel_of(events=EVENTS.with_columns(person_id=None))
    with pytest.raises(LogsError, match=r"occurred_at: 3 rows \(row 1, 2, 3\): is empty"):
        funnel_of(events=EVENTS.with_columns(occurred_at=None))


def test_a_row_that_is_two_steps_is_refused_in_any_order() -> None:
    """In any order the two steps cannot be told apart; the same step twice is refused."""
    steps = [FunnelStep("some", where=lambda e: e.amount > 0), "purchase"]

    with pytest.raises(ArgumentError, match=r"an event may match one step only .1 events match two"):
        funnel_of(steps, order="any")
    assert funnel_of(["view", FunnelStep("two", where=lambda e: e.amount > 1)], order="any").entered == 1


def test_wrong_questions_to_a_funnel() -> None:
    """The arguments of the result's methods are checked, too."""
    funnel = funnel_of(["view", OPTIONAL, "purchase"])

    with pytest.raises(ArgumentError, match=r"quantile must be a float .*got 50"):
        funnel.times(50)
    with pytest.raises(ArgumentError, match=r"which must be 'reached' or 'dropped' or 'pending' \(got 'lost'\)"):
        funnel.people("view", "lost")
    with pytest.raises(ArgumentError, match=r"which must be 'reached' for the optional step 'cart' .got 'dropped'"):
        funnel.people("cart", "dropped")
    with pytest.raises(ArgumentError, match=r"no step is called 'veiw'.*did you mean 'view'"):
        funnel.step("veiw")
    with pytest.raises(ArgumentError, match="no step is called 'x'"):
        funnel.value("amount", at="x")
    with pytest.raises(EngineError, match=r"column 'sku' must hold integers.*got String"):
        funnel.value("sku")
    with pytest.raises(EngineError, match="no column 'amounts'; did you mean amount"):
        funnel.drivers("amounts")
    with pytest.raises(ArgumentError, match="compare requires groups"):
        funnel.compare()
    with pytest.raises(ArgumentError, match="zone 'Mars' is unknown"):
        funnel.trend("month", tz="Mars")


def test_numbers_wider_than_64_bits_are_refused() -> None:
    """A value that does not fit a column of every engine is refused."""
    with pytest.raises(EngineError, match="integers of at most 64 bits"):
        funnel_of(events=EVENTS.with_columns(sku=pl.lit(1, pl.UInt64)), hold_constant="sku")


# ---- lists ---------------------------------------------------------------------------------------------------------

ROWS = [
    {"person_id": "sari", "occurred_at": START, "kind": "view", "amount": 5},
    {"person_id": "sari", "occurred_at": START + minutes(1), "kind": "purchase"},
    {"person_id": "budi", "occurred_at": START, "kind": "view"},
]


def test_a_list_is_a_table() -> None:
    """Mappings and interactions are events like those of a frame; what one does not say is null."""
    when: dict[str, Any] = {"person_id": "wati", "source": "shop"}
    interaction = [
        View(id="1", occurred_at=START, **when),
        Quote(id="2", occurred_at=START, amount=Money(7, "IDR"), **when),
    ]
    funnel = funnel_of(
        ["view", FunnelStep("sum", where=lambda e: e.amount > 0)], [*ROWS, *interaction], as_of=START + DAY
    )

    assert [step.reached for step in funnel] == [3, 1]
    assert isinstance(funnel.people("view"), pl.DataFrame)
    assert funnel_of(events=[]).entered == 0


def test_a_list_needs_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Polars pandas runs a list; without both, the error says what to install."""
    monkeypatch.setattr(adapter, "installed", lambda name: name == "pandas")
    assert type(funnel_of(events=ROWS, as_of=START + DAY).people("view")).__module__.startswith("pandas")

    monkeypatch.setattr(adapter, "installed", lambda _: False)
    with pytest.raises(MissingExtraError, match=r"pip install 'shopfunnel\[polars\]'"):
        funnel_of(events=ROWS)


def test_every_attempt_needs_local_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts one after another are walked through here; where no engine is installed, the error says so."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("events", EVENTS.to_arrow())
    relation = connection.table("events")

    assert isinstance(funnel_of(events=relation, attempts="each").people("view"), pl.DataFrame)
    monkeypatch.setattr(adapter, "installed", lambda _: False)
    with pytest.raises(MissingExtraError, match="computed in local memory"):
        funnel_of(events=relation, attempts="each")


def test_pandas_makes_floats_of_whole_numbers_where_some_are_missing() -> None:
    """Such numbers are whole numbers again; one with a fraction is refused."""
    import pandas as pd

    rows = pd.DataFrame({"person_id": ["p", "p", "q"], "kind": ["a", "b", "a"], "amount": [2.0, 3.0, None]})
    events = rows.assign(occurred_at=pd.to_datetime([START] * 3))
    steps = ["a", FunnelStep("b", kind="b", where=lambda e: e.amount > 2)]
    funnel = funnel_of(steps, events, by="amount")

    assert [(group.value, group.rate.successes) for group in funnel.groups] == [(2, 0), (None, 0)]
    assert funnel.converted == 1
    assert funnel.value("amount")[0].reached == 2
    with pytest.raises(LogsError, match=r"events.amount: 1 row .*: is not a whole number"):
        funnel_of(steps, events.assign(amount=[2.5, 3.0, None]))


def test_a_condition_that_leaves_no_trace_is_refused() -> None:
    """A condition that depends on a type or on chance cannot be run for a table."""
    with pytest.raises(RuleError, match="it must not use a clock"):
        funnel_of(["view", FunnelStep("p", where=lambda e: type(e.amount) is int)])


def test_the_model_of_the_tests_can_be_asked_with_plain_events() -> None:
    """A condition is a plain function: it runs on one event as it does on a table."""
    step = FunnelStep("large", kind="purchase", where=lambda e: e.amount >= 100)

    assert step.where is not None
    assert step.where(SimpleNamespace(amount=100)) is True
    assert attrs.evolve(step, optional=True).optional
    assert nw.from_native(EVENTS).shape == (3, 5)


def test_logs_are_asked_for_kinds_that_logs_have() -> None:
    """A misspelt kind and a kind that logs cannot hold are refused, though nothing of the right kind occurs."""
    bought = {"id": [1], "person_id": ["p"], "purchased_at": [START], "amount": [9]}
    logs = Logs(purchases=pl.DataFrame(bought))

    with pytest.raises(ArgumentError, match="the kind 'purchases'; did you mean 'purchase'"):
        funnel_of(["lead", "purchases"], logs)
    with pytest.raises(ArgumentError, match="the kind 'complaints'; did you mean 'complaint'"):
        funnel_of(["lead", "purchase"], logs, exclude=Exclusion("complaints"))
    assert funnel_of(["lead", "purchase"], logs).entered == 0
    with pytest.raises(
        ArgumentError, match="Logs cannot hold events of the kind 'fitting'; use one of lead, purchase,"
    ):
        funnel_of(["purchase", "fitting"], logs)
    assert funnel_of(["purchase", "purchase"], logs, as_of=datetime(2026, 5, 1, tzinfo=UTC)).dropped == 1
