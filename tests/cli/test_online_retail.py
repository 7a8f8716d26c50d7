from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from rich.console import Console

from funnel.cli._findings import Findings, ReportQuery, find
from funnel.cli._page import PIPE_WIDTH, print_page
from funnel.cli._source import of_orders
from funnel.cli._tasks import facts_of
from funnel.cli._words import Words
from funnel.facts import Facts
from funnel.history import History
from funnel.logs import Logs
from funnel.messages import Language, explain
from funnel.metrics._rate import Rate
from funnel.money import Money
from funnel.policy import Policy
from funnel.readers._read_orders import OrderMapping, read_orders
from funnel.readers._shop_data import ShopData
from funnel.records import Purchase, Refund
from funnel.rules._next_action import next_action

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.no_cover, pytest.mark.more]

AS_OF = datetime(2011, 12, 9, 23, 59, 59, 999_999, tzinfo=UTC)
QUERY = ReportQuery(AS_OF, "Europe/London", Policy())


@pytest.fixture(scope="module")
def orders(root: Path) -> ShopData:
    """Return the orders of the example."""
    examples = root / "examples"
    return read_orders(examples / "online_retail.parquet", OrderMapping.read(examples / "online_retail.toml"))


@pytest.fixture(scope="module")
def findings(orders: ShopData) -> Findings:
    """Return the findings of the report."""
    return find(of_orders(orders), QUERY, lambda _stage, _done, _total: None)


@pytest.fixture(scope="module")
def connection(orders: ShopData) -> duckdb.DuckDBPyConnection:
    """Return a database with the valid purchases and every person, computed by SQL."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'Europe/London'")
    connection.register("purchases", orders.purchases.to_arrow())
    connection.register("refunds", orders.refunds.to_arrow())
    connection.execute("""
        create table bought as
        select p.person_id, p.purchased_at, p.amount - coalesce(sum(r.amount), 0) as net
        from purchases p left join refunds r on r.purchase_id = p.id
        where p.status = 'paid' group by p.id, p.person_id, p.purchased_at, p.amount
        having p.amount > coalesce(sum(r.amount), 0)
    """)
    connection.execute(f"create macro as_of() as make_timestamptz({int(AS_OF.timestamp()) * 1_000_000 + 999_999})")
    connection.execute("create macro apart(a, b) as epoch_us(b) - epoch_us(a)")  # intervals would count London's days
    connection.execute("create macro days(n) as n::bigint * 86400 * 1000000")
    connection.execute("""
        create table chained as
        select *, coalesce(gap, days(1)) >= days(1) as begins from (
            select *, apart(lag(purchased_at) over (partition by person_id order by purchased_at), purchased_at) as gap
            from bought)
    """)
    connection.execute("""
        create table people as
        select person_id, count(c.purchased_at) as n, count(*) filter (begins) as occasions,
            sum(gap) filter (begins) // (count(*) filter (begins) - 1) as pause,
            min(c.purchased_at) as first, max(c.purchased_at) as last, sum(c.net) as spent
        from (select distinct person_id from purchases) left join chained c using (person_id) group by person_id
    """)
    return connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return connection.execute(query).fetchall()


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_short_page_has_60_lines_at_most(findings: Findings, language: Language) -> None:
    """The page and the path below it fit, also with the sentence about the next month."""
    console = Console(width=PIPE_WIDTH, file=io.StringIO())
    print_page("online_retail.parquet", findings, Words(language, ZoneInfo("Europe/London")), console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]

    assert any("2011-12-10" in line for line in lines)
    assert len(lines) < 60


def test_people_per_stage_equal_sql(findings: Findings, connection: duckdb.DuckDBPyConnection) -> None:
    """Each stage has as many people as a query over the orders finds."""
    expected = rows(
        connection,
        """
        select case when n = 0 then 'prospect' when apart(last, as_of()) > days(180) then 'lapsed'
            when occasions = 1 then 'customer' else 'repeat_customer' end as stage, count(*) from people group by 1
        """,
    )

    assert {stage.value: people for stage, people in findings.stages.items()} == dict(expected)


def test_repeat_rates_equal_sql(findings: Findings, connection: duckdb.DuckDBPyConnection) -> None:
    """Both rates have the successes and trials of a query."""
    both = "select count(*) filter (occasions > 1), count(*) filter (occasions > 0) from people"
    ((repeat_buyers, buyers),) = rows(connection, both)
    ((successes, had),) = rows(
        connection,
        """
        select count(*) filter (soon > 1), count(*) from (
            select person_id, count(*) filter (begins and apart(first, purchased_at) <= days(180)) as soon
            from chained join people using (person_id) where apart(first, as_of()) >= days(180) group by 1)
        """,
    )

    assert findings.buying.rates.ever == Rate(repeat_buyers, buyers)
    assert findings.buying.rates.within.rate == Rate(successes, had)
    assert findings.buying.rates.within.pending == buyers - had


def test_cohorts_equal_sql(findings: Findings, connection: duckdb.DuckDBPyConnection) -> None:
    """Every cell equals that of a query with London's months."""
    expected = rows(
        connection,
        """
        select date_trunc('month', first)::date, datediff('month', first::date, purchased_at::date),
            count(distinct person_id)
        from bought join people using (person_id) group by all order by all
        """,
    )
    cells = [
        (cohort.start, months, people)
        for cohort in findings.buying.cohorts
        for months, people in enumerate(cohort.people)
        if people
    ]

    assert cells == expected
    assert findings.buying.cohorts.width == 13
    assert findings.buying.cohorts.is_partial


def test_overdue_people_equal_sql(findings: Findings, connection: duckdb.DuckDBPyConnection) -> None:
    """The overdue people, the people with a rhythm, and the order by amount equal those of a query."""
    late = rows(
        connection,
        """
        select person_id, n, spent from people
        where occasions >= 3 and 100 * apart(last, as_of()) > 150 * pause
        order by spent desc, person_id
        """,
    )
    ((steady,),) = rows(connection, "select count(*) from people where occasions >= 3 and pause >= days(1)")

    assert findings.buying.late == Rate(len(late), steady)
    overdue = [(one.person_id, one.purchases, one.net_spent.minor) for one in findings.buying.overdue]
    assert overdue == late[: QUERY.rows]


def test_the_account_adds_up(findings: Findings) -> None:
    """Every row of the file is kept, merged or refused."""
    counts = {entry.reason: entry.count for entry in findings.account}
    lost = sum(entry.count for entry in findings.account if entry.what in ("merged", "refused"))

    assert counts["rows in the file"] == 541_909 == counts["rows kept"] + lost


def test_the_follow_up_list_equals_the_rule(findings: Findings, orders: ShopData) -> None:
    """Actions, reasons, changes and facts equal those of the rule for each history."""
    logs = Logs(purchases=orders.purchases, refunds=orders.refunds, currency="GBP")
    table = Facts.over(logs, as_of=AS_OF).rows_by_key("person_id", named=True, unique=True)

    assert len(findings.today) == 50
    for one in findings.today[::7]:
        person = history(one.person_id, orders)
        assert facts_of(table[one.person_id], AS_OF) == Facts.of(person, as_of=AS_OF)
        assert one.action == next_action.of(person, Policy(), as_of=AS_OF)
        assert one.change == next_action.next_change.of(person, Policy(), as_of=AS_OF)
        assert explain(next_action, person, Policy(), as_of=AS_OF) == one.sentence


def history(person_id: str, orders: ShopData) -> History:
    """Return the history of one person from the rows of the file."""
    bought = orders.purchases.filter(person_id=person_id)
    back = orders.refunds.join(bought, left_on="purchase_id", right_on="id", how="semi")
    records = [
        *(Purchase.model_validate(as_record(row)) for row in bought.to_dicts()),
        *(Refund.model_validate(as_record(row)) for row in back.to_dicts()),
    ]
    return History.of(person_id, records)


def as_record(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its amount as money."""
    bare = {name: value for name, value in row.items() if name != "currency"}
    return {**bare, "amount": Money.of_minor(row["amount"], row["currency"])}
