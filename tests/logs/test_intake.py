"""Logs of a shop's own frames: every engine reads alike, bad rows are split off whole, and references are checked."""

# ruff: noqa: DTZ001 (clock times of a shop have no zone)

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pytest

from funnel import Facts, Logs, Policy, stage
from funnel.errors import ArgumentError, EngineError, FunnelError, LogsError, MoneyError
from funnel.logs import Amounts, Times
from tests.engines import FULL, HERE, on
from tests.frames import in_order
from tests.logs.shop import AT, ORDERED

COLUMNS = {"id": "No", "person_id": "Buyer", "purchased_at": "Date", "amount": "Paid", "country": "Country"}
LINES = pl.DataFrame(
    {
        "No": [1, 1, 2, 3, 4, 4, 2],
        "Buyer": [7, 7, 8, None, 9, 9, 8],
        "Date": [
            *([datetime(2026, 3, 1, 9, 30)] * 3),
            datetime(2026, 3, 29, 2, 30),
            *([datetime(2026, 10, 25, 2, 30)] * 2),
            datetime(2026, 3, 1, 9, 30),
        ],
        "Paid": [19.99, 5.0, 0.1, 3.0, 4.0, 1.25, 0.1],
        "Country": ["UK", "UK", "NL", "NL", None, "NL", "NL"],
        "Item": ["mug", "pot", "mug", "mug", "pan", "mug", "mug"],
    }
)
TEXTS = LINES.with_columns(
    pl.col("Date").dt.to_string("%d/%m/%Y %H:%M"), pl.format("${}", pl.col("Paid").cast(pl.Decimal(9, 2)))
)
ORDERS = [("1", "7", 2499, "UK"), ("2", "8", 10, "NL"), ("4", "9", 525, None)]
NOTES = {
    "purchased_at: 2 rows with a time that the clock showed twice, read as the first",
    "1 row equal to an earlier row in every column, read once",
    "4 rows are lines of 2 orders; their amounts were added",
}
FEW = HERE if FULL else ("polars", "polars lazy", "pandas", "pyarrow", "duckdb")


def orders_in(logs: Logs) -> list[tuple[Any, ...]]:
    """Return the orders of logs, sorted."""
    frame = logs._native(logs._logs["purchases"].select("id", "person_id", "amount", "country"))
    rows = [tuple(None if pd.isna(value) else value for value in row.values()) for row in in_order(frame)]
    return sorted(rows)


def from_lines(engine: str, table: pl.DataFrame = LINES, **more: Any) -> Logs:
    """Read order lines on an engine."""
    options = {"columns": COLUMNS, "tz": "Europe/Paris", "currency": "USD", "amount": "major", "on_issues": "split"}
    return Logs.from_orders(on(engine, {"purchases": table})["purchases"], **{**options, **more})


@pytest.mark.parametrize("engine", FEW)
@pytest.mark.parametrize("kind", ["typed", "texts"])
def test_every_engine_reads_a_frame_alike(engine: str, kind: str) -> None:
    """Typed columns and texts give the same orders, notes and issues; results have the frame's own kind."""
    more = {"tz": Times("Europe/Paris", format="%d/%m/%Y %H:%M"), "amount": Amounts("us", symbols=["$"])}
    logs = from_lines(engine) if kind == "typed" else from_lines(engine, TEXTS, **more)

    assert orders_in(logs) == ORDERS
    assert set(logs.notes) == NOTES
    assert [(issue.column, issue.count) for issue in logs.issues] == [("purchased_at", 1), ("person_id", 1)]
    assert {issue.rows for issue in logs.issues} == ({(4,)} if engine in ORDERED else {()})
    assert logs.own_columns == {"purchases": ("country",)}
    assert (repr(logs), logs.currency) == (f"Logs(purchases, on {engine}; 1 row left out, see issues)", "USD")


def test_instants_are_those_of_the_zone() -> None:
    """The first of two equal clock times counts, with the summer's offset."""
    frame = from_lines("polars")._logs["purchases"].select("id", "purchased_at").collect().to_dict(as_series=False)
    instants = {key: datetime.fromtimestamp(micros / 1e6, UTC) for key, micros in zip(*frame.values(), strict=True)}

    assert instants["1"] == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert instants["4"] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_without_splitting_every_issue_is_raised() -> None:
    """The error has all of them, with all rows."""
    with pytest.raises(LogsError, match="2 kinds of issue") as caught:
        from_lines("polars", on_issues="raise")

    assert [issue.rows for issue in caught.value.faults] == [(4,), (4,)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", FEW)
def test_an_order_with_a_bad_line_is_left_out_whole(engine: str) -> None:
    """Its sum would be too small."""
    broken = LINES.with_columns(Paid=pl.when(pl.col("Item") == "pot").then(None).otherwise("Paid"))
    logs = from_lines(engine, broken)

    assert [order[0] for order in orders_in(logs)] == ["2", "4"]
    assert repr(logs) == f"Logs(purchases, on {engine}; 3 rows left out, see issues)"
    assert ("id", 1) in [(issue.column, issue.count) for issue in logs.issues]


@pytest.mark.parametrize("engine", FEW)
def test_lines_that_disagree_are_left_out(engine: str) -> None:
    """Two people under one number, and an order below zero, are issues of all their rows."""
    table = LINES.with_columns(
        Buyer=pl.when(pl.col("Item") == "pot").then(99).otherwise("Buyer"),
        Paid=pl.when(pl.col("No") == 4).then(-1.0).otherwise("Paid"),
    )
    logs = from_lines(engine, table)
    problems = {(issue.column, issue.count) for issue in logs.issues}

    assert [order[0] for order in orders_in(logs)] == ["2"]
    assert problems == {("purchased_at", 1), ("person_id", 1), ("person_id", 2), ("amount", 2)}
    assert repr(logs).endswith("; 5 rows left out, see issues)")
    with pytest.raises(LogsError, match="differs between the rows of an order"):
        from_lines(engine, table.filter(pl.col("No") != 3), on_issues="raise")


@pytest.mark.parametrize("engine", FEW)
def test_an_amount_of_the_order_on_each_line(engine: str) -> None:
    """It is not added; lines that state different ones are an issue."""
    table = pl.DataFrame({"id": ["1", "1", "2", "2"], "sku": list("abab"), "total": [5, 5, 7, 8]})
    table = table.with_columns(person_id=pl.lit("p"), purchased_at=pl.lit(AT))
    logs = Logs.from_orders(on(engine, {"o": table})["o"], {"order_amount": "total"}, amount="minor", on_issues="split")

    assert [(row["id"], row["amount"]) for row in in_order(logs._native(logs._logs["purchases"]))] == [("1", 5)]
    assert [(issue.column, issue.count) for issue in logs.issues] == [("order_amount", 2)]
    assert logs.notes == ("2 rows are lines of 1 order; the amount of the order is on each of them",)


@pytest.mark.parametrize("engine", FEW)
def test_quantity_times_price_is_exact(engine: str) -> None:
    """2.55 times 6 is 15.30, which floats miss; whatever is not a product of two numbers is an issue."""
    table = pl.DataFrame({"pieces": [6.0, None, 1.5, 2e9, 10.0], "price": [2.55, 1.0, 1.0, 1.0, 1e12]})
    table = table.with_columns(id=pl.Series(list("abcde")), person_id=pl.lit("p"), purchased_at=pl.lit(AT))
    columns = {"quantity": "pieces", "unit_price": "price"}
    logs = Logs.from_orders(on(engine, {"o": table})["o"], columns, currency="USD", amount="major", on_issues="split")

    assert [(row["id"], row["amount"]) for row in in_order(logs._native(logs._logs["purchases"]))] == [("a", 1530)]
    assert sorted((issue.column, issue.count) for issue in logs.issues) == [
        ("quantity", 1),
        ("quantity", 1),
        ("quantity", 1),
        ("unit_price", 1),
    ]


@pytest.mark.parametrize("engine", FEW)
def test_rows_without_ids_are_numbered(engine: str) -> None:
    """Each row is an order; also if the rows of a database have no order."""
    table = pl.DataFrame({"person_id": ["a", "b"], "purchased_at": [AT, AT], "amount": [5, 6]})
    logs = Logs.from_orders(on(engine, {"o": table})["o"])
    rows = in_order(logs._native(logs._logs["purchases"]))

    assert sorted((row["id"], row["person_id"]) for row in rows) == [("1", "a"), ("2", "b")]


def test_a_column_that_looks_like_an_id_is_no_reason_to_number_rows() -> None:
    """The hint names it."""
    table = pl.DataFrame({"ID": [7], "person_id": ["a"], "purchased_at": [AT], "amount": [5]})

    with pytest.raises(LogsError, match=r"purchases.id: is missing; did you mean ID"):
        Logs.from_orders(table)


def test_columns_without_values_count_as_missing() -> None:
    """An optional one has its default; a required one is empty in every row; ids are not invented."""
    empty = {"id": [None], "person_id": ["a"], "purchased_at": [AT], "amount": [5], "status": [None], "note": [None]}
    logs = Logs.from_orders(pl.DataFrame({**empty, "id": ["1"]}), {"remark": "note"}, statuses={"x": "paid"})

    assert logs._logs["purchases"].select("status", "remark").collect().to_dict(as_series=False) == {
        "status": ["paid"],
        "remark": [None],
    }
    with pytest.raises(LogsError, match=r"purchases.id: 1 row .* is empty"):
        Logs.from_orders(pl.DataFrame(empty))
    nothing = pl.DataFrame({"person_id": [None], "purchased_at": [None], "pieces": [None], "price": [None]})
    with pytest.raises(LogsError) as caught:
        Logs.from_orders(nothing, {"quantity": "pieces", "unit_price": "price"})
    assert {issue.column for issue in caught.value.faults} == {  # type: ignore[attr-defined]
        *("person_id", "purchased_at", "quantity", "unit_price"),
    }


def test_issues_of_one_problem_are_one() -> None:
    """An order below zero is one whether it came once or twice."""
    table = pl.DataFrame(
        {"id": ["1", "2", "2", "3"], "person_id": ["p"] * 4, "purchased_at": [AT] * 4, "amount": [-1, -2, -2, 3]}
    )
    (issue,) = Logs.from_orders(table, on_issues="split").issues

    assert (issue.count, issue.rows) == (2, (1, 2))


def test_a_decimal_quantity_is_a_whole_number() -> None:
    """Databases have such columns."""
    table = pl.DataFrame({"pieces": [Decimal("3.00")], "price": [5], "person_id": ["p"], "purchased_at": [AT]})
    logs = Logs.from_orders(table, {"quantity": "pieces", "unit_price": "price"})

    assert logs._logs["purchases"].collect()["amount"].to_list() == [15]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"quantity": [1]}, "unit_price: is missing; quantity and unit_price go together"),
        ({"price": [1]}, "quantity: is missing; quantity and unit_price go together"),
        ({"purchased_at": [7]}, r"is Int64; integers are read with tz=Times\(format='epoch'\) for seconds since 1970"),
        ({"purchased_at": [7.5]}, "is Float64; .*cast other numbers to integers"),
        ({"purchased_at": [True]}, "give dates, times, or texts"),
        ({"amount": [True]}, "give numbers or texts"),
        ({"quantity": ["1"], "price": [1]}, "quantity: is String; give whole numbers"),
        (
            {"person_id": [True]},
            r"give texts or whole numbers: df.with_columns\(pl.col\('person_id'\).cast\(pl.String\)\)",
        ),
        ({"promotion": [7]}, r"give texts: df.with_columns\(pl.col\('promotion'\).cast"),
        ({"status": None, "total": [1]}, "status: is missing, and its words are passed"),
    ],
)
def test_a_column_that_cannot_be_read_is_an_issue(columns: dict[str, Any], message: str) -> None:
    """All are reported together, with the remedy."""
    base = {"id": ["1"], "person_id": ["a"], "purchased_at": [AT], "amount": [5], "status": ["x"], **columns}
    frame = pl.DataFrame({name: values for name, values in base.items() if values is not None})
    columns_by_name = {"unit_price": "price"} if "price" in columns else {}
    columns_by_name |= {"quantity": "quantity"} if "quantity" in columns else {}

    with pytest.raises(LogsError, match=message):
        Logs.from_orders(frame, columns_by_name, statuses={"x": "paid"}, tz="UTC")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": {"id": "Nr"}}, r"columns\['id'\] is 'Nr', which is not a column of the frame; use one of Buyer"),
        ({"columns": {"id": 7}}, r"columns\['id'\] is 'int', which is not a column"),
        (
            {"columns": {"Buyer": "person_id"}},
            r"columns\['Buyer'\] is 'person_id', .*; the frame has 'Buyer': .* as in columns=\{'person_id': 'Buyer'\}",
        ),
        ({"columns": {7: "No"}}, r"columns must be a mapping from texts, .* \(got a key that is int\)"),
        ({"columns": ["No"]}, r"columns must be a mapping such as .* \(got list\)"),
        ({"columns": {"amounts": "Paid"}}, "cannot be called 'amounts': it looks like amount"),
        ({"amount": "dollars"}, r"amount must be 'minor' or 'major' or .* \(got 'dollars'\)"),
        ({"amount": "major", "currency": None}, "amount='major' needs the currency"),
        ({"amount": Amounts("id"), "currency": None}, "amount='id' needs the currency"),
        ({"on_issues": "skip"}, r"on_issues must be 'raise' or 'split' \(got 'skip'\)"),
        (
            {"statuses": {"done": "payed"}},
            r"statuses must mean one of unpaid, placed, paid, .*'payed'\); did you mean 'placed'\?",
        ),
        ({"statuses": {"done": 7}}, r"statuses must mean one of .* \(got 'int'\)"),
        ({"tz": "Asia/Jakata"}, "time zone 'Asia/Jakata' is unknown; did you mean 'Asia/Jakarta'"),
        ({"tz": 7}, r"zone must be the name of a time zone, .* \(got int\)"),
        ({"currency": "USX"}, "a currency must be a code of ISO 4217"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: dict[str, Any], message: str) -> None:
    """The message has what was passed and what to do."""
    with pytest.raises(FunnelError, match=message):
        from_lines("polars", **arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Times("UTC", format="%d/%m"), "time format has no whole day"),
        (lambda: Times("UTC", format=7), r"a time format must be text such as '%d/%m/%Y %H:%M' \(got int\)"),
        (lambda: Times("UTC", formats=["%d"]), r"formats must be a mapping from columns to time formats \(got list\)"),
        (lambda: Amounts("us", symbols="$"), r"symbols must be texts beside an amount, such as \['\$'\] \(got str\)"),
        (lambda: Amounts("us", symbols=[" "]), "symbols must be texts beside an amount that are not blank"),
        (lambda: Amounts("us", negatives="red"), r"negatives must be 'leading' or 'trailing' or 'parentheses'"),
    ],
)
def test_a_wrong_format_is_refused(make: Any, message: str) -> None:
    """When it is made."""
    with pytest.raises(ArgumentError, match=message):
        make()


# ---- other logs ------------------------------------------------------------------------------------------------------

EVENTS = pl.DataFrame(
    {
        "user": ["a", "a", "b", "a", "a"],
        "at": ["2026-03-01 09:00", "2026-03-01 09:30", "2026-03-02 10:00", "2026-03-02 11:00", "2026-03-03 09:00"],
        "what": ["pv", "buy", "ad", "ask", "fav"],
        "sum": [None, 19.99, None, None, None],
        "id": ["1", "2", "3", "4", "5"],
    }
)
KINDS = {"pv": "view", "buy": "purchase", "ad": "lead", "ask": "question", "fav": None}
NAMES = {"person_id": "user", "occurred_at": "at", "kind": "what", "amount": "sum"}


@pytest.mark.parametrize("engine", FEW)
def test_one_table_of_events_becomes_logs(engine: str) -> None:
    """Each row goes to the log of its kind; facts are those of the three tables."""
    frame = on(engine, {"events": EVENTS})["events"]
    logs = Logs.from_events(frame, NAMES, tz="Asia/Jakarta", currency="USD", amount="major", kinds=KINDS)
    facts = {row["person_id"]: row for row in in_order(Facts.over(logs, as_of=datetime(2026, 4, 1, tzinfo=UTC)))}

    assert repr(logs) == f"Logs(leads, purchases, interactions, on {engine})"
    assert logs.notes == ("1 row left out, because their word is mapped to None",)
    assert (facts["a"]["purchase_count"], facts["a"]["net_spent"], facts["b"]["purchase_count"]) == (1, 1999, 0)


def test_events_without_a_row_that_is_left_are_refused() -> None:
    """Logs need a log."""
    with pytest.raises(ArgumentError, match="no event that is left"):
        Logs.from_events(EVENTS.tail(1), NAMES, tz="UTC", currency="USD", amount="major", kinds=KINDS)


@pytest.mark.parametrize("engine", FEW)
def test_ids_written_as_floats_are_those_of_the_floats(engine: str) -> None:
    """A float column writes 7.0 into a file; read as text, it is the person that the float 7.0 is."""
    texts = LINES.with_columns(pl.col("Buyer").cast(pl.Float64).cast(pl.String))
    logs = from_lines(engine, texts)

    assert orders_in(logs) == ORDERS
    assert set(logs.notes) == {*NOTES, "person_id: written as a float, such as 1001.0, read as 1001"}


@pytest.mark.parametrize("other", ["p8", "2.88E+18", "007.0", "9999999999999999.0"])
@pytest.mark.parametrize("before", [0, 100])
def test_one_other_id_in_the_column_leaves_changed_ids_bad(other: str, before: int) -> None:
    """Nothing says then that the ids were whole numbers, wherever the other id is; the message has the remedy."""
    people = ["7.0"] * before + [other, "7.0"]
    frame = pl.DataFrame({"id": range(len(people)), "person_id": people}).with_columns(
        purchased_at=pl.lit(AT), amount=pl.lit(5)
    )
    with pytest.raises(LogsError, match=r"changed number as text.*in pandas, astype\('Int64'\)"):
        Logs.from_orders(frame)


def test_words_without_a_meaning_are_named_with_the_argument() -> None:
    """A few words of a status column are shown; many words, or one that may be personal, are not."""
    frame = pl.DataFrame({"id": ["1", "2"], "person_id": ["p", "p"], "purchased_at": [AT] * 2, "amount": [5, 5]})
    remedy = r"pass statuses=\{'Completed': 'unpaid', ...\}, the meaning of the frame's words"
    with pytest.raises(LogsError, match=f"{remedy}, which are 'annulled', 'done'$"):
        Logs.from_orders(frame.with_columns(status=pl.Series(["done", "annulled"])))
    with pytest.raises(LogsError, match=f"{remedy}$"):
        Logs.from_orders(frame.with_columns(status=pl.Series(["done", "sari@x.test"])))
    kinds = pl.DataFrame({"person_id": ["p", "p"], "occurred_at": [AT] * 2, "kind": ["pv", "buy"]})
    with pytest.raises(LogsError, match=r"pass kinds=\{'Completed': 'purchase', ...\}.* 'buy', 'pv'$"):
        Logs.from_events(kinds)
    with pytest.raises(LogsError, match=r"cancelled$"):
        Logs(purchases=frame.with_columns(status=pl.Series(["done", "annulled"])))


def test_an_order_that_a_later_export_repeats_has_the_remedy() -> None:
    """Its last row has the latest status; the error has the code, in the words of the caller's engine."""
    frame = NOBODY.head(1).select("person_id", "purchased_at", "amount", No="id", status=pl.lit("unpaid"))
    twice = pl.concat([frame, frame.with_columns(status=pl.lit("paid"))])
    with pytest.raises(
        LogsError, match=r"one status; if a later export .*: df\.unique\('No', keep='last', maintain_ord"
    ):
        Logs.from_orders(twice, {"id": "No"})
    with pytest.raises(LogsError, match=r": df\.drop_duplicates\('No', keep='last'\)$"):
        Logs.from_orders(twice.to_pandas(), {"id": "No"})
    logs = Logs.from_orders(twice.unique("No", keep="last", maintain_order=True), {"id": "No"})
    assert logs._logs["purchases"].select("status").collect()["status"].to_list() == ["paid"]


def test_an_empty_person_has_the_remedy() -> None:
    """The error says how guests are left out."""
    with pytest.raises(LogsError, match=r"1 kind of issue \(on_issues='split' leaves their rows out\):"):
        Logs.from_orders(NOBODY)


def test_a_missing_column_is_looked_for_among_columns_of_its_type() -> None:
    """Neither a word that is far from the name nor a column of texts is proposed if a number is there."""
    frame = NOBODY.rename({"amount": "paid_eur", "purchased_at": "ordered"}).with_columns(country=pl.lit("PT"))
    with pytest.raises(LogsError, match=r"(?s)purchased_at: is missing; use one of ordered;.*use one of paid_eur;"):
        Logs.from_orders(frame)
    with pytest.raises(LogsError, match="amount: is missing; use one of country;"):
        Logs.from_orders(frame.drop("paid_eur").rename({"ordered": "purchased_at"}))


NOBODY = pl.DataFrame({"id": ["1", "2"], "person_id": ["p", None], "purchased_at": [AT] * 2, "amount": [5, 5]})


@pytest.mark.parametrize("engine", FEW)
def test_a_frame_of_which_no_row_is_left_is_an_error(engine: str) -> None:
    """Splitting off all rows leaves empty logs, whose metrics would be empty too; the error has every issue."""
    below = LINES.filter(pl.col("No") == 2).head(1).with_columns(Paid=pl.lit(-1.0))
    with pytest.raises(LogsError, match=r"^no row is left: the logs have 1 kind of issue.*:\n.*person_id") as caught:
        from_lines(engine, LINES.filter(pl.col("No") == 3).with_columns(Date=pl.lit(AT)))
    assert len(caught.value.faults) == 1
    with pytest.raises(LogsError, match=r"^no row is left: .*\n.*amount: 1 row.*below 0"):
        from_lines(engine, below)
    unpriced = EVENTS.filter(pl.col("what") == "buy").with_columns(sum=pl.lit(None, pl.Int64))
    with pytest.raises(LogsError, match=r"^no row is left: the events have .*\n.*amount: 1 row"):
        Logs.from_events(on(engine, {"e": unpriced})["e"], NAMES, tz="UTC", kinds=KINDS, on_issues="split")


def test_a_frame_without_rows_is_no_error() -> None:
    """No row was left out: an empty table of orders stays one."""
    assert repr(Logs.from_orders(NOBODY.clear(), on_issues="split")) == "Logs(purchases, on polars)"


def test_a_purchase_among_events_needs_an_amount() -> None:
    """An order of nothing would make nobody a buyer."""
    with pytest.raises(LogsError, match=r"events.amount: 1 row .*a purchase needs an amount"):
        Logs.from_events(EVENTS.with_columns(sum=pl.lit(None, pl.Int64)), NAMES, tz="UTC", kinds=KINDS)


def test_interactions_that_contradict_each_other_are_split_off() -> None:
    """Copies are read once; of two contents under one id neither is kept; an answer without its question goes too."""
    table = pl.DataFrame(
        {
            "id": ["1", "1", "2", "2", "q", "a", "b"],
            "person_id": ["p"] * 7,
            "occurred_at": [AT] * 7,
            "kind": ["view", "view", "view", "cart", "question", "answer", "answer"],
            "regarding": ["", "", "", "", "", "q", "x"],
        }
    )
    logs = Logs.from_interactions(table, on_issues="split")

    assert sorted(logs._logs["interactions"].collect()["id"].to_list()) == ["1", "a", "q"]
    assert [(issue.column, issue.rows) for issue in logs.issues] == [("id", (3, 4)), ("regarding", (7,))]
    assert repr(logs) == "Logs(interactions, on polars; 3 rows left out, see issues)"
    twice = Logs.concat(logs, Logs.from_orders(NOBODY, on_issues="split"))
    assert repr(twice) == "Logs(purchases, interactions, on polars; 4 rows left out, see issues)"
    assert logs.notes == ("1 row equal to an earlier row in every column, read once",)
    with pytest.raises(LogsError, match="with different content"):
        Logs.from_interactions(table)


def order(engine: str = "polars", **changes: Any) -> Logs:
    """Read one order on an engine."""
    columns = {"id": ["1"], "person_id": ["p"], "purchased_at": [AT], "amount": [500], **changes}
    return Logs.from_orders(
        on(engine, {"o": pl.DataFrame(columns)})["o"], {"shop": "shop"} if "shop" in changes else {}
    )


@pytest.mark.parametrize("engine", FEW)
def test_logs_are_put_together(engine: str) -> None:
    """Rows of one log follow each other, own columns are empty where a frame has none, and references are checked."""
    back = pl.DataFrame({"id": ["r"], "purchase_id": ["1"], "refunded_at": [AT], "amount": [500]})
    delivered = pl.DataFrame({"person_id": ["p"], "occurred_at": [AT], "kind": ["delivery"], "regarding": ["1"]})
    refunds = Logs.from_refunds(on(engine, {"r": back})["r"])
    arrived = Logs.from_interactions(on(engine, {"i": delivered})["i"])
    more = order(engine, id=["2"], person_id=["q"], shop=["web"], recorded_at=[AT])
    logs = Logs.concat(order(engine), refunds, arrived, more) if engine != "duckdb" else None

    with pytest.raises(LogsError, match="refers to a purchase, but Logs has no purchases"):
        Facts.over(refunds, as_of=AT)
    with pytest.raises(LogsError, match="refers to a purchase, but Logs has no purchases"):
        stage.over(arrived, Policy(), as_of=AT)
    if logs is not None:
        rows = {row["person_id"]: row["purchase_count"] for row in in_order(Facts.over(logs, as_of=AT))}
        assert rows == {"p": 0, "q": 1}
        assert logs.own_columns == {"purchases": ("shop",)}
        assert logs._logs["purchases"].select("shop").collect()["shop"].to_list().count("web") == 1


def test_logs_that_cannot_be_together_are_refused() -> None:
    """Two engines, two currencies, two contents of one order, something else than logs."""
    one, other = order(), order(amount=[600])
    aliases = pl.DataFrame({"alias": ["p"], "person_id": ["q"]})

    assert Logs.concat(one, one, aliases=aliases)._logs["purchases"].collect()["person_id"].to_list() == ["q"]
    with pytest.raises(LogsError, match="with different content"):
        Logs.concat(one, other)
    with pytest.raises(EngineError, match="on different engines"):
        Logs.concat(one, order("duckdb"))
    with pytest.raises(MoneyError, match=r"different currencies \(EUR and USD\)"):
        Logs.concat(
            *(Logs.from_orders(LINES.head(1), COLUMNS, tz="UTC", currency=c, amount="major") for c in ("EUR", "USD"))
        )
    with pytest.raises(ArgumentError, match=r"logs must be Logs \(got DataFrame\)"):
        Logs.concat(one, LINES)  # type: ignore[arg-type]
    with pytest.raises(LogsError, match=r"aliases.alias: 1 row .* is its own person_id"):
        Logs.concat(one, aliases=pl.DataFrame({"alias": ["p"], "person_id": ["p"]}))


# ---- pandas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "noted"),
    [
        ({}, True),
        ({"currency": "USD"}, True),
        ({"currency": "JPY"}, False),
        ({"amount": "minor"}, False),
        ({"amount": Amounts("minor")}, False),
        ({"amount": "major", "currency": "USD"}, False),
    ],
)
def test_amounts_whose_unit_nobody_said_are_noted(options: dict[str, Any], *, noted: bool) -> None:
    """19 may be 19 cents or 19 dollars; a currency without decimals has one unit."""
    orders = pl.DataFrame({"person_id": ["p"], "purchased_at": [AT], "amount": [19]})
    lines = {"unit_price": "amount", "quantity": "amount"}
    note = "whole numbers were read as minor units (cents); if 19.99 means USD 19.99, pass currency='USD'"

    for columns, name in (({}, "amount"), (lines, "unit_price"), ({"order_amount": "amount"}, "order_amount")):
        some = [one for one in Logs.from_orders(orders, columns, **options).notes if "minor units" in one]
        assert len(some) == noted
        assert all(one.startswith(f"{name}: {note}") for one in some)
    events = orders.rename({"purchased_at": "occurred_at"}).with_columns(kind=pl.lit("purchase"))
    assert len(Logs.from_events(events, **options).notes) == noted
    leads = orders.select("person_id", arrived_at="purchased_at")
    assert Logs.from_leads(leads).notes == ()


def test_a_purchase_without_an_amount_has_a_remedy() -> None:
    """In a table of events, and texts of Unix seconds are an error with their format."""
    events = pl.DataFrame({"person_id": ["p"], "occurred_at": [AT], "kind": ["purchase"]})
    with pytest.raises(
        LogsError, match=r"amount: 1 row .*is empty; a purchase needs an amount: .*fill in 1.*conversion\("
    ):
        Logs.from_events(events)
    assert Logs.from_events(events.with_columns(amount=1)).notes
    texts = pl.DataFrame({"person_id": ["p"], "purchased_at": ["1772330400"], "amount": [9]})
    with pytest.raises(LogsError, match=r"pass tz=Times\(zone, format=.*, or 'epoch' for seconds since 1970\)"):
        Logs.from_orders(texts, tz="UTC")


def test_copies_are_found_among_columns_of_any_type() -> None:
    """Lists and mixed values may be in columns that are not read."""
    frame = pd.DataFrame(
        {"id": ["1", "1", "1"], "person_id": ["p"] * 3, "purchased_at": [AT] * 3, "amount": [5, 5, 5]}
    ).assign(tags=[["a"], ["a"], ["b"]], mixed=[1, 1, "x"])
    logs = Logs.from_orders(frame, amount="minor")

    assert logs.notes == (
        "1 row equal to an earlier row in every column, read once",
        "2 rows are lines of 1 order; their amounts were added",
    )


def test_pandas_without_polars_reads_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The portable expressions give the same orders."""
    monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")
    logs = from_lines("pandas")

    assert orders_in(logs) == ORDERS
    assert [issue.rows for issue in logs.issues] == [(4,), (4,)]


@pytest.mark.parametrize("value", [Decimal("5.00"), 5, 5.0, "5", "USD 5.00"], ids=repr)
def test_one_amount_in_many_types(value: Any) -> None:
    """Each is 500 cents."""
    frame = pl.DataFrame({"person_id": ["p"], "purchased_at": [date(2026, 3, 1)], "amount": [value]})
    logs = Logs.from_orders(frame, tz="UTC", currency="USD", amount="major")

    assert logs._logs["purchases"].collect()["amount"].to_list() == [500]


def test_words_of_the_library_mean_themselves() -> None:
    """A shop that gives its own words for a status needs not repeat ours; a word that is given counts as given."""
    table = pl.DataFrame(
        {"id": ["1", "2", "3"], "person_id": ["a"] * 3, "purchased_at": [AT] * 3, "amount": [5] * 3}
        | {"status": ["paid", "Done", "placed"]}
    )
    logs = Logs.from_orders(table, statuses={"Done": "paid", "placed": "unpaid"})
    assert logs._logs["purchases"].collect()["status"].to_list() == ["paid", "paid", "unpaid"]
