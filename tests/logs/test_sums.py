"""Amounts that are too large to be summed are refused alike: for one person, on every engine, by every metric."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Facts, History, Policy, conversion, lifecycle, retention
from funnel._time import EARLIEST, LATEST, instant
from funnel.errors import LogsError, RecordError
from funnel.incremental import LiveFacts
from funnel.interactions import Answer, Question, Quote
from funnel.logs import Logs
from funnel.logs.sums import _above, _sums
from funnel.metrics import PurchaseSummary, segments
from funnel.rules._rule import rule
from tests.engines import on
from tests.frames import read, tables
from tests.shop import DAY, NOW, bought, did, usd

LARGEST = 10**14
MOST = 2**53
TOO_LARGE = "the amounts are too large to be summed in 64 bits; check their unit, or give them in a larger one"


def purchases(*amounts: int, person: str | None = None) -> pl.DataFrame:
    """A table of purchases, an hour apart; each of another person by default."""
    return pl.DataFrame(
        {
            "id": [str(number) for number in range(len(amounts))],
            "person_id": [person or f"p{number}" for number in range(len(amounts))],
            "purchased_at": [NOW - DAY + timedelta(seconds=number) for number in range(len(amounts))],
            "amount": list(amounts),
        }
    )


def history(*amounts: int) -> History:
    """A person who paid these amounts."""
    return History.of("p1", [bought(str(number), NOW - DAY, minor) for number, minor in enumerate(amounts)])


NEARLY = [LARGEST] * 90
JUST = [*NEARLY, MOST - 90 * LARGEST]
TOO_MUCH = [*NEARLY, MOST - 90 * LARGEST + 1]


def test_the_largest_sum_of_one_person() -> None:
    """One unit more is refused by a history, by live facts and by hand."""
    assert Facts.of(history(*JUST), as_of=NOW).net_spent == MOST
    with pytest.raises(RecordError, match=f"its purchases cannot be added up: {TOO_LARGE}"):
        history(*TOO_MUCH)

    live = LiveFacts(history(*JUST), Facts)
    assert live.facts(as_of=NOW).net_spent == MOST
    live.add(bought("more", NOW - DAY, 1))
    for _ in range(2):
        with pytest.raises(RecordError, match=f"the records of one person cannot be added up: {TOO_LARGE}"):
            live.facts(as_of=NOW)

    @rule
    def is_rich(f: Facts, policy: Policy) -> bool:
        return f.net_spent > MOST - 1

    live = LiveFacts(history(*JUST), Facts)
    assert is_rich.of(live, Policy(), as_of=NOW) is True
    live.add(bought("more", NOW - DAY + timedelta(hours=1), 1))
    for _ in range(2):
        with pytest.raises(RecordError, match="the records of one person cannot be added up"):
            is_rich.of(live, Policy(), as_of=NOW)


def test_amounts_of_interactions_are_summed_too() -> None:
    """Quotes have amounts as well."""
    quotes = [did(Quote, str(number), NOW - DAY, amount=usd(LARGEST)) for number in range(91)]

    with pytest.raises(RecordError, match="its interactions cannot be added up"):
        History.of("p1", quotes)
    quoted = tables([History.of("p1", quotes[:1])])["interactions"]
    many = quoted.select(pl.all().repeat_by(91).explode()).with_columns(id=pl.int_range(91).cast(pl.String))
    with pytest.raises(
        LogsError, match=f"interactions.amount: 91 rows .*: cannot be summed for one person: {TOO_LARGE}"
    ):
        Logs(interactions=many)


@pytest.mark.no_cover
def test_the_largest_sum_is_the_same_on_every_engine(engine: str) -> None:
    """A table is accepted up to the same unit and gives the same sums."""
    logs = Logs(**on(engine, {"purchases": purchases(*JUST, person="p1")}))

    assert [row["net_spent"] for row in read(Facts.over(logs, as_of=NOW))] == [MOST]
    with pytest.raises(LogsError, match=f"purchases.amount: 91 rows.*cannot be summed for one person: {TOO_LARGE}"):
        Logs(**on(engine, {"purchases": purchases(*TOO_MUCH, person="p1")}))


def people_records(amount: int = LARGEST, last: int = LARGEST) -> pl.DataFrame:
    """Purchases of people whose sum fits 64 bits without the last one."""
    count = (2**63 - 1) // amount + 1
    return pl.select(
        id=pl.int_range(count),
        person_id=pl.int_range(count).cast(pl.String),
        purchased_at=pl.lit(NOW - DAY),
        amount=pl.when(pl.int_range(count) == 0).then(pl.lit(last)).otherwise(pl.lit(amount)),
    )


@pytest.mark.no_cover
def test_the_sum_of_everyone_fits_64_bits_or_is_refused(engine: str) -> None:
    """Exactly, on every engine."""
    rest = 2**63 - 1 - ((2**63 - 1) // LARGEST) * LARGEST
    logs = Logs(**on(engine, {"purchases": people_records(last=rest)}))
    net_spent = nw.from_native(Facts.over(logs, as_of=NOW)).lazy().select(nw.col("net_spent").sum()).collect()

    assert int(net_spent["net_spent"].item()) == 2**63 - 1
    with pytest.raises(LogsError, match=f"purchases.amount: cannot be summed for everyone: {TOO_LARGE}"):
        Logs(**on(engine, {"purchases": people_records(last=rest + 1)}))


def test_metrics_sum_up_to_64_bits() -> None:
    """Every metric that sums amounts is exact at the limit."""
    most = 2**63 - 1
    logs = Logs(purchases=people_records(last=most % LARGEST))

    assert sum(share.net_spent for share in segments(logs, Policy(), as_of=NOW)) == most
    assert sum(retention(logs, tz="UTC", as_of=NOW).cohorts[0].revenue or ()) == most
    assert lifecycle(logs, tz="UTC", as_of=NOW).periods[0].new_revenue == most


def test_a_table_without_ids_is_checked_too() -> None:
    """In a plain table of purchases each row is a purchase."""
    with pytest.raises(LogsError, match="cannot be summed for one person"):
        PurchaseSummary.over(purchases(*TOO_MUCH, person="p1").drop("id"), tz="UTC", as_of=NOW)
    with pytest.raises(LogsError, match="cannot be summed for everyone"):
        retention(people_records().drop("id"), tz="UTC", as_of=NOW)


def test_sums_of_refunds_are_checked_before_the_comparison() -> None:
    """A sum that overflows would be below the paid amount."""
    count = 2**63 // LARGEST + 1
    refunds = pl.select(id=pl.int_range(count), purchase_id=pl.lit(0), refunded_at=pl.lit(NOW), amount=pl.lit(LARGEST))

    with pytest.raises(LogsError, match=f"refunds.amount: .* cannot be summed for one purchase: {TOO_LARGE}"):
        Logs(purchases=purchases(LARGEST).with_columns(id=pl.lit(0)), refunds=refunds)


def test_reply_times_are_summed_or_refused() -> None:
    """Some seven hundred reply times of four hundred years fit; more are refused for histories and logs."""
    first, last = instant(EARLIEST), instant(LATEST) - timedelta(microseconds=1)

    def talk(count: int) -> list[Any]:
        questions = [did(Question, f"q{number}", first) for number in range(count)]
        return [*questions, *(did(Answer, f"a{number}", last, question_id=f"q{number}") for number in range(count))]

    few, many = (History.of("p1", talk(count)) for count in (600, 800))
    logs = Logs(interactions=tables([few])["interactions"])

    assert Facts.over(logs, as_of=last)["average_reply_time"].to_list() == [last - first]
    assert Facts.of(few, as_of=last).average_reply_time == last - first
    with pytest.raises(RecordError, match="the records of one person cannot be added up"):
        Facts.of(many, as_of=last)
    with pytest.raises(LogsError, match=r"interactions.occurred_at: the times of the replies of one person are too"):
        Logs(interactions=tables([many])["interactions"])


def test_amounts_of_a_funnel_are_summed_exactly(engine: str) -> None:
    """Events of a shop's own table may have any integer; sums are exact above and below zero."""
    values = [2**62, 2**62 + 1, 2**62, -1]
    events = pl.DataFrame(
        {
            "person_id": ["a", "b", "c", "d"] * 2,
            "occurred_at": [NOW - DAY] * 4 + [NOW] * 4,
            "kind": ["view"] * 4 + ["buy"] * 4,
            "amount": pl.Series(values * 2, dtype=pl.Int64),
        }
    )
    (native,) = on(engine, {"events": events}).values()
    result = conversion(native, ["view", "buy"], within=DAY, as_of=NOW + DAY)

    assert result.value("amount")[0].reached == sum(values)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, LARGEST)), max_size=9), st.integers(0, 3 * LARGEST))
def test_split_sums_are_exact(rows: list[tuple[str, int]], most: int) -> None:
    """The groups above a limit equal those of Python integers."""
    frame: Any = nw.from_native(pl.LazyFrame(rows, schema={"by": pl.String, "x": pl.Int64}, orient="row"))
    sums = {name: sum(value for by, value in rows if by == name) for name, _ in rows}
    over = _above(_sums(frame, ["by"], "x"), most).collect()["by"].to_list()

    assert sorted(over) == sorted(name for name, total in sums.items() if total > most)
