from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.errors import ArgumentError, EngineError, InstantError, LogsError, MoneyError
from funnel.logs import Logs
from funnel.metrics import Counting
from funnel.metrics._lifecycle import lifecycle
from funnel.metrics._rate import Rate
from funnel.metrics._retention.cohort import Cohort, Ratio
from funnel.metrics._retention.cohorts import Cohorts
from funnel.metrics._retention.retention import retention
from funnel.money import Money
from funnel.records import Purchase
from tests.engines import ENGINES, HERE, examples
from tests.frames import read
from tests.metrics.bought import Shop, shops
from tests.metrics.cohort_model import Question, counts_of
from tests.strategies import instants

ZONES = st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"])
PERIODS = st.sampled_from([("month", None), ("quarter", None), ("year", None), ("week", "sunday")])


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Whatever can be asked, of any period, window, bracket, measure, start and basis."""
    period, week_start = draw(PERIODS)
    return Question(
        as_of=draw(instants()),
        tz=draw(ZONES),
        period=period,
        week_start=week_start,
        window=draw(st.sampled_from([None, None, timedelta(days=1), timedelta(days=30)])),
        brackets=draw(st.sampled_from([(), (), (0, 1, 3), (0, 2, 3, 40)])),
        measure=draw(st.sampled_from(["on", "on_or_after", "cumulative", "streak"])),
        first=draw(st.sampled_from(["purchase", "purchase", "recurring", "lead", "visit"])),
        refund_basis=draw(st.sampled_from(["order", "refund"])),
    )


def retention_of(purchases: object, question: Question) -> Cohorts:
    """The library's answer to a question."""
    return _retention_of(purchases, **attrs.asdict(question, recurse=False))


def _retention_of(purchases: object, **arguments: Any) -> Cohorts:
    """Call `retention`; the fields of `Counting` are among the arguments."""
    names = set(arguments) & set(attrs.fields_dict(Counting))
    counting = Counting(**{name: arguments.pop(name) for name in names})
    return retention(purchases, counting=counting, **arguments)


def rows_of(cohorts: Cohorts) -> dict[date, dict[str, Any]]:
    """Return the numbers of each cohort, in the words of the model."""
    names = ("people", "trials", "orders", "revenue", "value")
    return {
        one.start: {
            "size": one.size,
            "is_open": one.is_open,
            "over": one.over,
            **{name: list(getattr(one, name)) for name in names},
        }
        for one in cohorts
    }


def people_of_cell(cohorts: Cohorts, cohort: Cohort, index: int) -> list[str]:
    """The people of a cell."""
    result = cohorts.people_of(cohort.start, index)
    return sorted(result) if isinstance(result, list) else [row["person_id"] for row in read(result)]


MOST = 20
"""The highest number of columns to compare: with windows of a day there are hundreds."""


def cut_short(rows: dict[date, dict[str, Any]]) -> dict[date, dict[str, Any]]:
    """The first columns of each row."""
    short = {}
    for start, row in rows.items():
        lists = {name: value[:MOST] if isinstance(value, list) else value for name, value in row.items()}
        short[start] = {**lists, "over": min(row["over"], MOST)}
    return short


@pytest.mark.no_cover
@given(shops(), questions())
def test_the_table_is_what_counting_by_hand_finds(shop: Shop, question: Question) -> None:
    """Every cell of every kind of table equals a count person by person, and the last one names whom it counts."""
    cohorts, right = retention_of(Logs(**shop.tables()), question), counts_of(shop, question)
    cells = [(one, index) for one in cohorts for index in range(min(MOST, len(one.people)))][-1:]

    assert cut_short(rows_of(cohorts)) == cut_short({start: row for start, (row, _) in right.items()})
    assert [people_of_cell(cohorts, *cell) for cell in cells] == [right[one.start][1][index] for one, index in cells]


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_every_engine_counts_as_a_person_would(engine: str) -> None:
    """The order of the rows changes no cell, and people are returned as the kind of frame that was passed."""

    @settings(max_examples=examples(engine, 3))
    @given(shops(), questions())
    def law(shop: Shop, question: Question) -> None:
        cohorts, right = retention_of(Logs(**ENGINES[engine](shop.tables())), question), counts_of(shop, question)

        assert cut_short(rows_of(cohorts)) == cut_short({start: row for start, (row, _) in right.items()})

    law()


def shop(*bought: tuple[str, str], amount: int = 9) -> list[dict[str, Any]]:
    """Purchases, each by whom and when, as a plain list."""
    return [
        {"person_id": person, "purchased_at": datetime.fromisoformat(when), "amount": amount} for person, when in bought
    ]


JANUARY, MARCH = "2026-01-05T00:00+00:00", "2026-03-05T00:00+00:00"
THREE = shop(("a", JANUARY), ("b", MARCH), ("a", "2026-03-06T00:00+00:00"))
DAY = datetime(2026, 3, 20, tzinfo=UTC)


def test_the_zone_of_the_shop_cuts_the_months() -> None:
    """Seventeen hours UTC on the last of January is February in Jakarta: another cohort, the same person."""
    rows = shop(("a", "2026-01-31T17:00+00:00"), ("a", "2026-02-28T16:59:59.999999+00:00"))
    in_utc, in_jakarta, in_york = (
        retention(rows, tz=tz, as_of=datetime(2026, 3, 1, tzinfo=UTC))
        for tz in ("UTC", "Asia/Jakarta", "America/New_York")
    )

    assert [(one.start, one.people) for one in in_utc] == [(date(2026, 1, 1), (1, 1, 0))]
    assert [(one.start, one.people) for one in in_jakarta] == [(date(2026, 2, 1), (1, 0))]
    assert [(one.start, one.people) for one in in_york] == [(date(2026, 1, 1), (1, 1))]


@pytest.mark.parametrize(
    ("tz", "start", "people", "orders"),
    [
        ("UTC", date(2026, 2, 1), (1, 1, 0), (1, 2, 0)),
        ("Asia/Jakarta", date(2026, 3, 1), (1, 1), (1, 2)),
        ("Europe/Berlin", date(2026, 3, 1), (1, 1), (2, 1)),
        ("Africa/Lagos", date(2026, 3, 1), (1, 0), (3, 0)),
    ],
)
def test_summer_time_moves_the_end_of_a_month(tz: str, start: date, people: Any, orders: Any) -> None:
    """The same purchases in UTC, in Jakarta, where clocks are put forward in March, and where they are not."""
    rows = shop(
        ("a", "2026-02-28T23:00+00:00"), ("a", "2026-03-31T21:59:59.999999+00:00"), ("a", "2026-03-31T22:00+00:00")
    )
    (result,) = retention(rows, tz=tz, as_of=datetime(2026, 4, 15, tzinfo=UTC))
    (month, *_) = lifecycle(rows, tz=tz, as_of=datetime(2026, 4, 15, tzinfo=UTC))

    assert (result.start, result.people, result.orders) == (start, people, orders)
    assert month.start == start


@pytest.mark.parametrize(
    ("as_of", "partial"),
    [
        ("2026-01-31T16:59:59.999998+00:00", True),
        ("2026-01-31T16:59:59.999999+00:00", False),
        ("2026-01-31T17:00+00:00", True),
    ],
)
def test_a_month_is_partial_until_its_last_instant(as_of: str, *, partial: bool) -> None:
    """As of its last microsecond a month is over, for what happens at the evaluation time has happened."""
    cohorts = retention(shop(("a", JANUARY)), tz="Asia/Jakarta", as_of=datetime.fromisoformat(as_of))

    assert cohorts.is_partial is partial
    assert cohorts.to_dicts()[-1]["is_partial"] is partial


def test_a_window_includes_its_end() -> None:
    """Thirty days after the first purchase, to the microsecond, is in the first window; one later is in the second."""
    edge = datetime.fromisoformat(JANUARY) + timedelta(days=30)
    for off, people in ((0, (1, 0)), (1, (1, 1))):
        again = edge + timedelta(microseconds=off)
        rows = shop(("a", JANUARY), ("a", again.isoformat()))
        cohorts = retention(rows, tz="UTC", as_of=edge + timedelta(days=30), window=timedelta(days=30))

        assert [one.people for one in cohorts] == [people]
    short = retention(rows, tz="UTC", as_of=edge + timedelta(days=30, microseconds=-1), window=timedelta(days=30))

    assert [one.people for one in short] == [(1,)]


def test_a_refund_of_a_later_month_is_seen_in_either() -> None:
    """A refund in February is taken off January's order, or off February; the sum is the same."""
    when = [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6, 7)]
    bought = {"id": ["1", "2", "3"], "person_id": ["a", "a", "a"], "purchased_at": when, "amount": [50, 30, 20]}
    back = [("r1", "1", 10), ("r2", "2", 30)]
    refunds = {
        "id": [one for one, _, _ in back],
        "purchase_id": [one for _, one, _ in back],
        "refunded_at": [datetime(2026, 2, 3, tzinfo=UTC)] * 2,
        "amount": [amount for _, _, amount in back],
    }
    logs = Logs(purchases=pl.DataFrame(bought), refunds=pl.DataFrame(refunds))
    (by_order,) = retention(logs, tz="UTC", as_of=DAY)
    (by_refund,) = retention(logs, tz="UTC", as_of=DAY, counting=Counting(refund_basis="refund"))
    (before,) = retention(logs, tz="UTC", as_of=datetime(2026, 2, 2, tzinfo=UTC))
    (bare,) = retention(
        Logs(purchases=pl.DataFrame(bought)), tz="UTC", as_of=DAY, counting=Counting(refund_basis="refund")
    )

    assert (by_order.orders, by_order.revenue) == ((2, 0, 0), (60, 0, 0))
    assert (by_refund.orders, by_refund.revenue) == ((2, 0, 0), (100, -40, 0))
    assert (before.orders, before.revenue) == ((3, 0), (100, 0))
    assert by_order.value == (60, 60, 60)
    assert bare.revenue == (100, 0, 0)
    assert by_refund.value == (100, 60, 60)


def test_a_purchase_counts_in_the_period_of_its_payment() -> None:
    """Paid later counts later, unpaid does not count, and a gift card is left out, whatever the period of refunds."""
    when = [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6, 7)]
    march = datetime(2026, 3, 2, tzinfo=UTC)
    bought = {"id": ["1", "2", "3"], "person_id": ["a", "b", "c"], "purchased_at": when, "amount": [50, 30, 20]}
    bought |= {"paid_at": [march, None, None], "status": ["paid", "unpaid", "paid"], "prepaid": [None, None, 15]}
    table = pl.DataFrame(bought, schema_overrides={"paid_at": pl.Datetime("us", "UTC")})
    back = [("r1", "3", 2, 4), ("r2", "3", 3, 6), ("r3", "1", 2, 10)]
    refunds = pl.DataFrame(
        {
            "id": [one for one, *_ in back],
            "purchase_id": [one for _, one, *_ in back],
            "refunded_at": [datetime(2026, month, 1, tzinfo=UTC) for *_, month, _ in back],
            "amount": [amount for *_, amount in back],
        }
    )

    def revenue(basis: Any, **frames: pl.DataFrame) -> dict[date, Sequence[int] | None]:
        logs: Logs[Any] = Logs(**frames)
        cohorts = retention(logs, tz="UTC", as_of=DAY, counting=Counting(refund_basis=basis))
        return {one.start: one.revenue for one in cohorts}

    january = date(2026, 1, 1)
    paid = {january: (5, 0, 0), march.date().replace(day=1): (50,)}
    assert revenue("order", purchases=table) == revenue("refund", purchases=table) == paid
    less = {january: (0, 0, 0), march.date().replace(day=1): (40,)}
    assert revenue("order", purchases=table, refunds=refunds) == less
    assert revenue("refund", purchases=table, refunds=refunds) == less | {january: (5, -4, -1)}


def test_not_yet_observed_is_none_and_nobody_is_none_of_them() -> None:
    """Unknown is not zero: a month to come is None, a month in which nobody bought is 0."""
    first, second = retention(THREE, tz="UTC", as_of=DAY)

    assert [first.after(periods) for periods in (-1, 0, 1, 2, 3)] == [None, 1, 0, 1, None]
    assert (second.after(0), second.after(1), second.is_open, first.is_open) == (1, None, True, False)
    assert (first.rate(2, unfinished=True), first.rate(2), first.rate(3, unfinished=True)) == (Rate(1, 1), None, None)
    assert (first.of_first(1), first.of_before(1)) == (Ratio(0, 1), Ratio(0, 1))
    assert (first.of_first(3), first.of_before(3), first.of_before(0)) == (None, None, None)
    assert (first.average_order(0), first.average_order(1)) == (9, None)
    assert (first.value_each(1), first.value_each(3), first.value_each(3, unfinished=True)) == (9, None, None)


def test_an_average_is_of_what_is_over() -> None:
    """Large cohorts weigh more, and a period that is not over is in no average and under no common horizon."""
    bought = [("a", JANUARY), ("b", JANUARY), ("c", JANUARY), ("d", "2026-02-05T00:00+00:00")]
    again = [("a", "2026-02-06T00:00+00:00"), ("d", MARCH), ("a", MARCH)]
    cohorts = retention(shop(*bought, *again), tz="UTC", as_of=DAY)

    assert [cohorts.average(periods) for periods in (0, 1, 2, 3)] == [Rate(4, 4), Rate(1, 3), None, None]
    assert cohorts.average(-1) is None
    assert cohorts.horizon == 0
    assert cohorts.values(1) == {date(2026, 1, 1): 12, date(2026, 2, 1): None}
    assert retention(THREE, tz="UTC", as_of=DAY).horizon is None


def test_the_table_reads_well() -> None:
    """Text, rows, a heat-map and a notebook's table say the same, mark what is not over and grey what is not known."""
    cohorts = retention(THREE, tz="UTC", as_of=DAY)
    page = cohorts._html()

    assert str(cohorts).splitlines() == [
        " cohort  people     +1  +2",
        "2026-01       1      0  1*",
        "2026-03      1*",
        "average          0.0 %",
    ]
    assert {name: cohorts.to_dicts()[2][name] for name in ("cohort", "size", "periods_after", "people", "value")} == {
        "cohort": date(2026, 1, 1),
        "size": 1,
        "periods_after": 2,
        "people": 1,
        "value": 18,
    }
    assert [row["rate"] for row in cohorts.to_dicts()] == [1.0, 0.0, 1.0, 1.0, None, None]
    unfinished = cohorts.triangle(unfinished=True)
    assert unfinished[1] == {"cohort": date(2026, 3, 1), "size": 1, "+0": 1, "+1": None, "+2": None}
    assert cohorts.heatmap_values(unfinished=True) == [[1.0, 0.0, 1.0], [1.0, None, None]]
    assert page.count("#ddd") == 2
    assert "1*</td>" in page
    assert pl.DataFrame(cohorts.to_dicts()).height == len(cohorts) * cohorts.width
    assert str(Ratio(3, 2)) == "150.0 % (3 beside 2)"
    assert str(Ratio(3, 0)) == "no ratio (3 beside 0)"


def test_every_form_has_the_same_average() -> None:
    """Text, notebook, rows and heat-map: an average is of finished periods alone, and unfinished ones are marked."""
    bought = [("a", JANUARY), ("b", JANUARY), ("c", JANUARY), ("d", "2026-02-05T00:00+00:00")]
    again = [("a", "2026-02-06T00:00+00:00"), ("d", MARCH), ("a", MARCH)]
    cohorts = retention(shop(*bought, *again), tz="UTC", as_of=DAY)
    page, rows = cohorts._repr_html_(), pl.DataFrame(cohorts.to_dicts())

    assert str(cohorts).splitlines()[1:] == [
        "2026-01       3       1  1*",
        "2026-02       1      1*",
        "average          33.3 %",
    ]
    assert cohorts.averages == (Rate(4, 4), Rate(1, 3), None)
    assert "<tfoot><tr><th>average</th><td></td>" in page
    assert f'<td title="{Rate(1, 3)}">33.3 %</td><td title="no period is over"></td></tr></tfoot>' in page
    assert cohorts.heatmap_values() == [[1.0, 1 / 3, None], [1.0, None, None]]
    assert [row["+1"] for row in cohorts.triangle()] == [1, None]
    over = rows.filter((pl.col("periods_after") == 1) & ~pl.col("is_partial"))
    assert (over["people"].sum(), over["trials"].sum()) == (1, 3)
    assert "tfoot" not in retention(shop(("a", MARCH)), tz="UTC", as_of=DAY)._repr_html_()


@given(shops(), st.sampled_from([None, timedelta(days=30)]), st.sampled_from(["on", "cumulative"]))
def test_the_average_of_a_column_is_that_of_what_is_shown(shop: Shop, window: Any, measure: Any) -> None:
    """In finished cells, the people and the people they are among add up to the average's."""
    cohorts = retention(Logs(**shop.tables()), tz="UTC", as_of=DAY, window=window, counting=Counting(measure=measure))

    for periods, average in enumerate(cohorts.averages):
        cells = [
            (one.people[periods], one.trials[periods])
            for one, row in zip(cohorts, cohorts.heatmap_values(), strict=True)
            if row[periods] is not None
        ]
        successes, trials = (sum(cell[part] for cell in cells) for part in (0, 1))
        assert (average or Rate(0, 0)) == Rate(successes, trials)


@pytest.mark.parametrize(
    ("measure", "people"),
    [
        ("on", (2, 1, 0, 1)),
        ("on_or_after", (2, 1, 1, 1)),
        ("cumulative", (2, 1, 1, 1)),
        ("streak", (2, 1, 0, 0)),
    ],
)
def test_the_four_ways_to_come_back(measure: Any, people: tuple[int, ...]) -> None:
    """Two people bought in January and one again in February and in April: in the period, by then, since, each time."""
    rows = shop(("a", JANUARY), ("b", JANUARY), ("a", "2026-02-05T00:00+00:00"), ("a", "2026-04-05T00:00+00:00"))

    result = retention(rows, counting=Counting(measure=measure), tz="UTC", as_of=datetime(2026, 5, 1, tzinfo=UTC))
    assert next(iter(result)).people[:4] == people


def test_whoever_bought_in_a_period_is_in_its_cohort() -> None:
    """Not only those who began in it: the share of all buyers of a period who bought in the next."""
    rows = shop(("a", JANUARY), ("b", JANUARY), ("a", "2026-02-05T00:00+00:00"), ("c", "2026-02-06T00:00+00:00"))
    result = retention(rows, counting=Counting(first="recurring"), tz="UTC", as_of=datetime(2026, 3, 1, tzinfo=UTC))

    assert [(one.size, one.people) for one in result] == [(2, (2, 1, 0)), (2, (2, 0))]


def test_brackets_are_named_by_the_periods_they_hold() -> None:
    """A bracket is a column; one of a single period is called by it."""
    cohorts = retention(THREE, tz="UTC", as_of=DAY, brackets=(0, 1, 4, 5))

    assert [cohorts.label(index) for index in range(3)] == ["+0", "+1-3", "+4"]
    wrong: list[Any] = [-1, 3, True, "1", 10**5_000, None]
    for index in wrong:
        with pytest.raises(ArgumentError, match="periods must be a whole number from 0 to 2"):
            cohorts.label(index)
    assert [row["periods_after"] for row in cohorts.to_dicts()] == [0, 1, 0, 1]
    assert cohorts.cohorts[0].people == (1, 1)


def test_people_who_arrived_and_never_bought_are_in_the_cohort() -> None:
    """By arrival, a cohort is everyone who came; what was bought before arriving is left out, and column 0 is shown."""
    day = datetime.fromisoformat(JANUARY)
    leads = pl.DataFrame({"person_id": ["a", "b"], "arrived_at": [day, day]})
    bought = pl.DataFrame(shop(("a", "2026-01-04T00:00+00:00"), ("a", MARCH))).with_columns(id=pl.Series(["1", "2"]))
    cohorts = retention(Logs(leads=leads, purchases=bought), tz="UTC", as_of=DAY, counting=Counting(first="lead"))

    assert [(one.size, one.people, one.revenue) for one in cohorts] == [(2, (0, 0, 1), (0, 0, 9))]
    assert str(cohorts).splitlines()[0] == " cohort  people     +0     +1  +2"
    assert cohorts.cohorts[0].of_first(2, unfinished=True) == Ratio(1, 0)
    assert '"no ratio' not in cohorts._repr_html_()


def test_an_old_order_makes_no_empty_cohorts() -> None:
    """One order of long ago widens the table and adds one cohort, not one for each month in between."""
    cohorts = retention(shop(("a", "2001-01-05T00:00+00:00"), ("b", MARCH)), tz="UTC", as_of=DAY)

    assert cohorts.width == 25 * 12 + 3
    assert [sum(cohort.people) for cohort in cohorts] == [1, 1]


# ---- what comes in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", HERE)
def test_a_plain_table_is_counted_like_logs(engine: str) -> None:
    """A table of purchases gives what the logs of the same purchases give, on every engine, with and without ids."""
    times = {"purchased_at": pl.Datetime("us", "UTC")}
    bare = pl.DataFrame(THREE, schema_overrides=times)
    labelled = bare.with_columns(id=pl.Series(["1", "2", "3"]))
    right = retention(Logs(purchases=labelled), tz="UTC", as_of=DAY)

    for table in (bare, labelled):
        (native,) = ENGINES[engine]({"purchases": table}).values()
        cohorts = retention(native, tz="UTC", as_of=DAY)
        assert cohorts == right
    assert people_of_cell(cohorts, cohorts.cohorts[0], 2) == ["a"]


def test_an_order_that_comes_twice_is_one_where_it_has_an_id() -> None:
    """Rows without ids are each a purchase; rows with one are as many purchases as there are ids."""
    bare = [*THREE, THREE[0]]
    labelled = [{**row, "id": str(number % 3)} for number, row in enumerate(bare)]
    (with_ids, _), (without, _) = (retention(rows, tz="UTC", as_of=DAY) for rows in (labelled, bare))

    assert (with_ids.orders, without.orders) == ((1, 0, 1), (2, 0, 1))


def test_a_list_of_purchases_and_one_without_amounts() -> None:
    """Records are read as they are; where amounts are not known, people and orders are counted and money is None."""
    records = [
        Purchase(id=str(n), person_id=row["person_id"], purchased_at=row["purchased_at"], amount=Money("0.09", "USD"))
        for n, row in enumerate(THREE)
    ]
    bare = [{name: row[name] for name in ("person_id", "purchased_at")} for row in THREE]
    labelled = [{**row, "id": n} for n, row in enumerate(bare)]
    right = retention(THREE, tz="UTC", as_of=DAY)

    assert retention(records, tz="UTC", as_of=DAY) == right
    for rows in (bare, labelled):
        first, _ = retention(rows, tz="UTC", as_of=DAY)
        assert (first.people, first.orders, first.revenue, first.value) == ((1, 0, 1), (1, 0, 1), None, None)
        assert (first.average_order(0), first.value_each(0)) == (None, None)
        assert retention(rows, tz="UTC", as_of=DAY).to_dicts()[0]["revenue"] is None
    assert right.people_of(date(2026, 3, 1), 0) == ["b"]


def test_nobody_has_no_cohort() -> None:
    """If nobody has bought by the instant there is no cohort, and the result is valid."""
    for rows in ([], shop(("a", "2026-04-01T00:00+00:00"))):
        cohorts = retention(rows, tz="UTC", as_of=DAY)

        assert (len(cohorts), cohorts.width, cohorts.horizon, cohorts.to_dicts()) == (0, 0, None, [])
        assert (cohorts.is_partial, str(cohorts)) == (True, "cohort  people")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"as_of": datetime(2026, 1, 1)}, InstantError, "naive"),  # noqa: DTZ001 (on purpose)
        ({"tz": "Asia/Jakata"}, ArgumentError, "Asia/Jakata"),
        ({"period": "week"}, ArgumentError, "week_start must be"),
        ({"window": timedelta(hours=36)}, ArgumentError, "window must be whole days"),
        ({"window": 30}, ArgumentError, "window must be a timedelta, or text with a unit"),
        ({"brackets": (1, 2)}, ArgumentError, "brackets must be ascending integers that start at 0"),
        ({"brackets": (0,)}, ArgumentError, "brackets must be ascending integers that start at 0"),
        ({"brackets": (0, 2, 2)}, ArgumentError, "brackets must be ascending integers that start at 0"),
        ({"brackets": (0, "2")}, ArgumentError, "brackets must be ascending integers that start at 0"),
        ({"measure": "at"}, ArgumentError, r"measure must be .* \(got 'at'\)"),
        ({"refund_basis": "orders"}, ArgumentError, "did you mean 'order'"),
        ({"first": "purchases"}, ArgumentError, "did you mean 'purchase'"),
        ({"first": "lead"}, ArgumentError, "the logs have no leads"),
        ({"first": "visit"}, ArgumentError, "the logs have no interactions"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """A word, a window or a bracket that means nothing is an error that says what does."""
    with pytest.raises(error, match=message):
        _retention_of(THREE, **{"tz": "UTC", "as_of": DAY, **arguments})


@pytest.mark.parametrize(
    ("purchases", "error", "message"),
    [
        (7, EngineError, "is not a supported dataframe"),
        ([7], ArgumentError, "purchase 1 must be a mapping or a Purchase .got int"),
        ([{"person_id": "a"}], LogsError, "purchased_at"),
        ([{**THREE[0], "person_id": None}, THREE[1]], LogsError, "person_id: 1 row"),
        ([{**THREE[0], "amount": -1}], LogsError, "amount: 1 row"),
        (
            Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [DAY]})),
            ArgumentError,
            "the logs have no purchases",
        ),
        (
            [Purchase(id=code, person_id="a", purchased_at=DAY, amount=Money(9, code)) for code in ("IDR", "USD")],
            MoneyError,
            "got IDR and USD",
        ),
    ],
)
def test_what_holds_no_purchases_is_refused(purchases: object, error: type[Exception], message: str) -> None:
    """A wrong table of purchases, or one with faults, is one clear error."""
    with pytest.raises(error, match=message):
        retention(purchases, tz="UTC", as_of=DAY)


def test_a_kind_that_does_not_occur_begins_no_cohort() -> None:
    """In the logs of a shop a kind of which there is no log counts 0, like a kind of which the log has no row."""
    bought = {"id": [1], "person_id": ["a"], "purchased_at": [DAY], "amount": [5]}
    interactions = {"id": [1], "person_id": ["a"], "occurred_at": [DAY], "kind": ["visit"]}
    alone = Logs(purchases=pl.DataFrame(bought))
    both = Logs(purchases=pl.DataFrame(bought), interactions=pl.DataFrame(interactions))

    for logs, first in ((alone, "lead"), (alone, "visit"), (both, "cart"), (both, "lead")):
        assert len(retention(logs, tz="UTC", as_of=DAY, counting=Counting(first=first))) == 0
    assert retention(both, tz="UTC", as_of=DAY, counting=Counting(first="visit")).cohorts[0].size == 1


def test_a_cell_that_is_not_there_has_no_people() -> None:
    """A cohort that is none, or a month that has not begun, is an error and not an empty list."""
    cohorts = retention(THREE, tz="UTC", as_of=DAY)

    with pytest.raises(ArgumentError, match=r"no cohort begins on 2026-02-01; did you mean 2026-0[13]-01"):
        cohorts.people_of(date(2026, 2, 1), 0)
    with pytest.raises(ArgumentError, match=r"periods must be below 1, .* the cohort 2026-03-01 \(got 1\)"):
        cohorts.people_of(date(2026, 3, 1), 1)


def test_a_rate_of_a_period_that_is_not_over_is_none_unless_asked_for() -> None:
    """`rate` agrees with `heat`: a period that is not over is None, and `unfinished=True` includes it."""
    bought = [{"person_id": "a", "purchased_at": datetime(2026, month, 9, tzinfo=UTC)} for month in (1, 2)]
    (row,) = rows = retention(bought, tz="UTC", as_of=datetime(2026, 2, 20, tzinfo=UTC))

    assert (row.rate(0), row.rate(1), row.rate(1, unfinished=True)) == (Rate(1, 1), None, Rate(1, 1))
    assert row.rate(2, unfinished=True) is None
    assert (rows.heatmap_values(), rows.heatmap_values(unfinished=True)) == ([[1.0, None]], [[1.0, 1.0]])
    assert rows.to_dicts()[1]["rate"] == 1.0
    wrong: Any = "yes"
    with pytest.raises(ArgumentError, match="unfinished must be True or False"):
        row.rate(1, unfinished=wrong)


def test_every_figure_of_a_period_that_is_not_over_is_none_unless_asked_for() -> None:
    """Ratios, the average order and the value of a person agree with `rate`; the long form marks the same cells."""
    cohorts = retention(THREE, tz="UTC", as_of=DAY)
    row, marked = cohorts.cohorts[0], [one for one in cohorts.to_dicts() if one["is_partial"]]
    whole: dict[str, Any] = {"of_first": Ratio(1, 1), "of_before": Ratio(1, 0), "average_order": 9, "value_each": 18}

    not_begun = [(date(2026, 3, 1), 1), (date(2026, 3, 1), 2)]
    assert [(one["cohort"], one["periods_after"]) for one in marked] == [
        (row.start, 2),
        (date(2026, 3, 1), 0),
        *not_begun,
    ]
    assert [one["people"] for one in marked[2:]] == [None, None]
    assert all(cohorts.cohorts[1].is_partial(periods) for periods in (0, 1, 2, 99))
    assert not row.is_partial(-1)
    for name, figure in whole.items():
        figure_of = getattr(row, name)
        assert (figure_of(2), figure_of(2, unfinished=True)) == (None, figure)
        with pytest.raises(ArgumentError, match="unfinished must be True or False"):
            figure_of(2, unfinished=1)
    assert [(one["of_first"], one["of_before"], one["average_order"]) for one in marked[:1]] == [(1.0, None, 9)]


@given(shops(), st.sampled_from([None, timedelta(days=30)]), st.sampled_from(["on", "cumulative"]))
def test_a_figure_is_known_only_of_periods_that_are_over(shop: Shop, window: Any, measure: Any) -> None:
    """A figure is not plain unless its rate is, in the calendar's periods and in a person's own windows."""
    cohorts = retention(Logs(**shop.tables()), tz="UTC", as_of=DAY, window=window, counting=Counting(measure=measure))

    for row in cohorts:
        for k in range(row.over, cohorts.width):
            assert {row.rate(k), row.of_first(k), row.of_before(k), row.average_order(k), row.value_each(k)} == {None}
        for k in range(row.over):
            assert None not in {row.rate(k), row.of_first(k), row.value_each(k)}
    assert all(cohorts.values(k)[row.start] == row.value_each(k) for row in cohorts for k in range(cohorts.width))
