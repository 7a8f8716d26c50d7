from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import isclose, prod
from typing import Any

import attrs
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.errors import ArgumentError, InstantError
from funnel.facts import Facts
from funnel.logs import Logs
from funnel.metrics._growth.five_ways import WAYS, FiveWays, Growth
from funnel.metrics._growth.growth import growth, referral_rate
from funnel.metrics._rate import Rate
from tests.engines import ENGINES, HERE, examples
from tests.frames import TIME
from tests.metrics.bought import PEOPLE, Shop, shops
from tests.metrics.cohort_model import Question
from tests.strategies import instants

WITHIN = timedelta(days=45)


@attrs.frozen
class Arrival:
    """One arrival of a person."""

    person: str
    at: datetime
    source: str
    by: str | None


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        person=st.sampled_from(PEOPLE),
        at=instants(),
        source=st.sampled_from(["fair", "friend", "web"]),
        by=st.sampled_from([None, "d"]),
    ),
    max_size=6,
    unique_by=lambda one: (one.person, one.at, one.source),
)


def tables_of(shop: Shop, arrivals: list[Arrival]) -> dict[str, pl.DataFrame]:
    """The logs, with these arrivals as the leads."""
    rows = [(one.person, one.at, one.source, one.by) for one in arrivals]
    schema = {"person_id": pl.String, "arrived_at": TIME, "source": pl.String, "referred_by": pl.String}
    tables = shop.tables()
    return {
        "leads": pl.DataFrame(rows, schema, orient="row"),
        "purchases": tables["purchases"],
        "refunds": tables["refunds"],
    }


def plainly(shop: Shop, arrivals: list[Arrival], question: Question) -> dict[date, dict[str, Any]]:
    """Count each period person by person."""
    rows: dict[date, dict[str, Any]] = {}
    for person in PEOPLE:
        mine = [one for one in arrivals if one.person == person and one.at <= question.as_of]
        if not mine:
            continue
        start = min(one.at for one in mine)
        row = rows.setdefault(
            question.day(start), dict.fromkeys(("leads", "pending", "referred", "buyers", "orders", "revenue"), 0)
        )
        if start + WITHIN > question.as_of:
            row["pending"] += 1
            continue
        here = [one for one in mine if one.at == start]
        paid = [
            one.left(question.as_of)
            for one in shop.orders
            if one.person == person and start <= one.at <= start + WITHIN
        ]
        paid = [amount for amount in paid if amount]
        row["leads"] += 1
        row["referred"] += any(one.by for one in here)
        row["buyers"] += bool(paid)
        row["orders"] += len(paid)
        row["revenue"] += sum(paid)
    return rows


def asked_of(logs: Logs, one: Question) -> Growth:
    """The library's answer to a question."""
    period: Any = one.period
    return growth(logs, period, within=WITHIN, margin=0.25, tz=one.tz, as_of=one.as_of)


def rows_of(result: Growth) -> dict[date, dict[str, Any]]:
    """Return the counts of the library."""
    names = ("leads", "pending", "referred", "buyers", "orders", "revenue")
    return {one.start: {name: getattr(one, name) for name in names} for one in result}


QUESTIONS = st.builds(
    Question,
    as_of=instants(),
    tz=st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"]),
    period=st.sampled_from(["month", "quarter"]),
)


@given(shops(), ARRIVALS, QUESTIONS)
def test_the_five_ways_are_what_counting_by_hand_finds(shop: Shop, arrivals: list[Arrival], one: Question) -> None:
    """Every count equals one made person by person; the five multiplied are the profit; each source is part of it."""
    result = asked_of(Logs(**tables_of(shop, arrivals)), one)

    assert rows_of(result) == plainly(shop, arrivals, one)
    for each in result:
        factors = each.factors()
        assert factors is None or isclose(prod(factors), each.revenue * 0.25)
        assert sum(rate.trials for rate in each.sources.values()) == each.leads
        assert sum(rate.successes for rate in each.sources.values()) == each.buyers


@pytest.mark.parametrize("engine", [name for name in HERE if name != "polars"])
def test_every_engine_counts_as_a_person_would(engine: str) -> None:
    """The order of the rows changes no count."""

    @settings(max_examples=examples(engine, 2))
    @given(shops(), ARRIVALS, QUESTIONS)
    def law(shop: Shop, arrivals: list[Arrival], one: Question) -> None:
        logs = Logs(**ENGINES[engine](tables_of(shop, arrivals)))

        assert rows_of(asked_of(logs, one)) == plainly(shop, arrivals, one)

    law()


@st.composite
def periods(draw: st.DrawFn) -> FiveWays:
    """The counts of any period."""
    leads = draw(st.integers(0, 200))
    buyers = draw(st.integers(0, leads))
    orders = draw(st.integers(buyers, buyers * 5))
    revenue = draw(st.integers(0, 10**6)) if orders else 0
    margin = draw(st.floats(0.01, 1))
    pending = draw(st.just(0) | st.integers(0, 200))
    return FiveWays(date(2026, 1, 1), leads, pending, 0, buyers, orders, revenue, margin, {})


@pytest.mark.no_cover
@settings(max_examples=200)
@given(periods(), periods())
def test_the_parts_of_a_change_add_up_to_it(one: FiveWays, other: FiveWays) -> None:
    """Nothing is left over, and a way that grew takes nothing away but rounding."""
    result = Growth(
        datetime(2026, 5, 1, tzinfo=UTC), "UTC", "month", WITHIN, (one, attrs.evolve(other, start=date(2026, 2, 1)))
    ).change(date(2026, 1, 1), date(2026, 2, 1))

    assert result.total == other.profit - one.profit
    assert (result.parts is None) is (one.factors() is None or other.factors() is None)
    if result.parts is not None:
        assert sum(result.parts.values()) == result.total
        grown = [*zip(WAYS, one.factors() or (), other.factors() or (), strict=True)]
        assert ("pending" in result.parts) is (one.pending + other.pending > 0)
        if "pending" in result.parts:
            grown[0] = ("leads", one.arrived, other.arrived)
            grown.append(("pending", one.leads / one.arrived, other.leads / other.arrived))
        assert all(
            result.parts[factor] >= -2 if new >= old else result.parts[factor] <= 2 for factor, old, new in grown
        )


def test_one_way_alone_explains_all_of_its_change() -> None:
    """If only the leads have doubled, they brought all of it; if nothing changed, nothing brought anything."""
    one = FiveWays(date(2026, 1, 1), 10, 0, 0, 5, 10, 1000, 0.5, {})
    more = FiveWays(date(2026, 2, 1), 20, 0, 0, 10, 20, 2000, 0.5, {})
    result = Growth(datetime(2026, 5, 1, tzinfo=UTC), "UTC", "month", WITHIN, (one, more))
    none = dict.fromkeys(WAYS, 0)

    assert result.change(one.start, more.start).parts == {**none, "leads": 500}
    assert result.change(one.start, one.start).parts == none
    change = result.change(one.start, more.start)
    assert str(change).startswith("+500: leads +500, conversion +0")
    assert str(attrs.evolve(change, currency="GBP")).startswith("+GBP 5.00: leads +GBP 5.00, conversion +GBP 0.00")
    assert str(attrs.evolve(result.change(more.start, one.start), currency="IDR")).startswith("-Rp5: leads -Rp5")
    with pytest.raises(ArgumentError, match=r"start must be the first day of a month with arrivals .got 2026-03-01"):
        result.of(date(2026, 3, 1))


def test_people_who_are_pending_have_a_part_of_their_own() -> None:
    """If as many arrive, and half of them have not had the time, nothing is due to the leads, all to the pending."""
    one = FiveWays(date(2026, 1, 1), 20, 0, 0, 10, 20, 2000, 0.5, {})
    young = FiveWays(date(2026, 2, 1), 10, 10, 0, 5, 10, 1000, 0.5, {})
    none = dict.fromkeys((*WAYS, "pending"), 0)
    result = Growth(datetime(2026, 2, 20, tzinfo=UTC), "UTC", "month", WITHIN, (one, young))

    assert result.change(one.start, young.start).parts == {**none, "pending": -500}
    assert result.change(young.start, one.start).parts == {**none, "pending": 500}
    assert str(result.change(one.start, young.start)) == (
        "-500: leads +0, conversion +0, transactions +0, average_sale +0, margin +0, pending -500; "
        "0 of 20 pending before, 10 of 20 pending after"
    )


def test_what_one_way_more_would_bring() -> None:
    """A tenth more of a way is a tenth more profit, with the doubt of the rate; nobody converts more than everyone."""
    one = FiveWays(date(2026, 1, 1), 100, 0, 10, 60, 90, 9000, 0.5, {})
    rate = one.conversion
    result = one.what_if("transactions", 0.1)

    assert (result.gained, result.ci_lower, result.ci_upper) == (
        450,
        round(450 * (rate.ci_lower or 0) / 0.6),
        round(450 * (rate.ci_upper or 0) / 0.6),
    )
    assert one.what_if("conversion", 1.0).gained == 3000
    assert one.what_if("margin", 3.0).gained == 4500
    less = one.what_if("leads", -0.5)
    assert less.gained == -2250
    assert less.ci_lower is not None
    assert less.ci_lower <= less.gained <= (less.ci_upper or 0)
    assert one.referral == Rate(10, 100)
    assert str(result) == "transactions +10 %: +450 (377 to 518)"
    in_pounds = attrs.evolve(one, currency="GBP")
    assert str(in_pounds.what_if("transactions", 0.1)) == "transactions +10 %: +GBP 4.50 (GBP 3.77 to GBP 5.18)"
    assert str(in_pounds) == "100 x 60.0 % x 1.50 x GBP 1.00 x 50 % = GBP 45.00"
    assert str(attrs.evolve(in_pounds, pending=3, buyers=0)) == "100 leads, 0 buyers: profit GBP 45.00; 3 pending"
    bare = attrs.evolve(one, buyers=0, orders=0, revenue=0).what_if("leads", 0.1)
    assert (bare.gained, bare.ci_lower, str(bare)) == (0, None, "leads +10 %: +0")
    with pytest.raises(ArgumentError, match="did you mean 'margin'"):
        one.what_if("margins", 0.1)
    with pytest.raises(ArgumentError, match="from -1 up"):
        one.what_if("leads", -1.5)


def test_a_rate_that_falls_because_the_sources_changed_stays_where_they_are_kept() -> None:
    """Each source converts as before, and more leads of the weaker one come: with a fixed mix the rate stays."""
    before = {"friend": Rate(40, 80), "web": Rate(2, 20)}
    after = {"friend": Rate(10, 20), "web": Rate(8, 80), "fair": Rate(0, 10)}
    one = FiveWays(date(2026, 1, 1), 100, 0, 0, 42, 42, 420, 0.5, before)
    other = FiveWays(date(2026, 2, 1), 110, 0, 0, 18, 18, 180, 0.5, after)
    result = Growth(datetime(2026, 5, 1, tzinfo=UTC), "UTC", "month", WITHIN, (one, other))
    mix = result.fixed_mix(one.start, other.start)

    assert (mix.before, mix.after, mix.covered) == (Rate(42, 100), Rate(18, 110), Rate(100, 100))
    assert mix.value == pytest.approx(0.42)
    assert "with the same sources 42.0 %" in str(mix)
    alone = Growth(result.as_of, "UTC", "month", WITHIN, (one, attrs.evolve(other, sources={"fair": Rate(1, 10)})))
    assert alone.fixed_mix(one.start, other.start).value is None
    assert "not known" in str(alone.fixed_mix(one.start, other.start))


JANUARY = datetime(2026, 1, 9, tzinfo=UTC)
LEADS = pl.DataFrame(
    {
        "person_id": ["a", "b", "c"],
        "arrived_at": [JANUARY, JANUARY, datetime(2026, 3, 9, tzinfo=UTC)],
        "referred_by": [None, "a", "b"],
    }
)
BOUGHT = pl.DataFrame({"id": [1, 2], "person_id": ["a"] * 2, "purchased_at": [JANUARY] * 2, "amount": [300, 500]})
LOGS = Logs(leads=LEADS, purchases=BOUGHT)
ARGUMENTS: dict[str, Any] = {"within": WITHIN, "margin": 0.25, "tz": "UTC", "as_of": datetime(2026, 3, 20, tzinfo=UTC)}


def test_the_table_reads_well() -> None:
    """A line says the five ways, their product, and who is pending; a star marks a period that is not over."""
    result = growth(LOGS, **ARGUMENTS)
    margins = {date(2026, 1, 1): 0.5, date(2026, 3, 1): 0.25}

    assert str(result).splitlines() == [
        " 2026-01  2 x 50.0 % x 2.00 x 400 x 25 % = 200",
        "2026-03*  0 leads, 0 buyers: profit 0; 1 pending",
    ]
    in_yen = growth(Logs(leads=LEADS, purchases=BOUGHT, currency="JPY"), **ARGUMENTS)
    assert str(in_yen.periods[0]) == "2 x 50.0 % x 2.00 x JPY 400 x 25 % = JPY 200"
    assert str(in_yen.periods[0].what_if("leads", 0.5)) == "leads +50 %: +JPY 100 (JPY 19 to JPY 181)"
    assert [one.profit for one in growth(LOGS, **{**ARGUMENTS, "margin": margins})] == [400, 0]
    assert len(result) == 2
    assert [row["conversion"] for row in result.to_dicts()] == [0.5, None]
    assert str(result.change(date(2026, 1, 1), date(2026, 3, 1))) == (
        "-200: cannot be decomposed (a factor is zero in one of the periods); 0 of 2 pending before, "
        "1 of 1 pending after; the period of 2026-03-01 is not over"
    )


def test_buyers_who_sent_others() -> None:
    """The referral rate is buyers who sent somebody among buyers; who sent and never bought is in neither."""
    assert referral_rate(LOGS, as_of=ARGUMENTS["as_of"]) == Rate(1, 1)
    assert referral_rate(LOGS, as_of=JANUARY - timedelta(days=1)) == Rate(0, 0)


def test_nobody_has_no_period() -> None:
    """If nobody has arrived there is no period, and the result is valid."""
    result = growth(LOGS, **{**ARGUMENTS, "as_of": JANUARY - timedelta(days=1)})

    assert (len(result), result.to_dicts(), str(result)) == (0, [], "")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"as_of": datetime(2026, 1, 1)}, InstantError, "naive"),  # noqa: DTZ001 (on purpose)
        ({"within": timedelta(0)}, ArgumentError, "within must be above zero"),
        ({"margin": 1.5}, ArgumentError, "got 1.5 for the period of 2026-01-01"),
        ({"margin": {date(2026, 1, 1): 0.5}}, ArgumentError, "got None for the period of 2026-03-01"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """A wrong time or margin is an error that says what is allowed."""
    with pytest.raises(error, match=message):
        growth(LOGS, **{**ARGUMENTS, **arguments})
    with pytest.raises(ArgumentError, match="the logs have no purchases"):
        growth(Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [JANUARY]})), **ARGUMENTS)


# ---- purchases alone -----------------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", HERE)
def test_purchases_alone_are_people_who_arrive_with_their_first_purchase(engine: str) -> None:
    """The counts of money are those of logs with a lead at each first purchase that counts."""

    @settings(max_examples=examples(engine, 4), deadline=None)
    @given(shops(), instants())
    def holds(shop: Shop, as_of: datetime) -> None:
        tables = tables_of(shop, [])
        del tables["leads"]
        facts = Facts.over(Logs(**tables), as_of=as_of).drop_nulls("first_purchase_at")
        leads = facts.select("person_id", arrived_at="first_purchase_at")
        arguments: dict[str, Any] = {"within": WITHIN, "margin": 0.5, "tz": "UTC", "as_of": as_of}
        alone = growth(Logs(**ENGINES[engine](tables)), **arguments)
        led = growth(Logs(**tables, leads=leads), **arguments)

        assert [attrs.evolve(one, has_leads=False, sources={}) for one in led] == list(alone)

    holds()


def test_purchases_alone_do_not_show_conversion() -> None:
    """First-time buyers take the place of leads; numbers that are not known are None, and the text names them."""
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 1, 2, 2, 3)]
    bought = {"id": [1, 2, 3, 4, 5], "person_id": ["a", "a", "b", "c", "d"], "amount": [30, 10, 50, 50, 60]}
    logs = Logs(purchases=pl.DataFrame({**bought, "purchased_at": days}))
    actual = growth(logs, within=timedelta(days=30), margin=0.5, tz="UTC", as_of=datetime(2026, 3, 9, tzinfo=UTC))
    january, february = date(2026, 1, 1), date(2026, 2, 1)
    change = actual.change(january, february)

    assert str(actual).splitlines() == [
        " 2026-01  1 x 2.00 x 20 x 50 % = 20",
        " 2026-02  2 x 1.00 x 50 x 50 % = 50",
        "2026-03*  0 buyers: profit 0; 1 pending",
        "no leads: these are first-time buyers; leads, conversion and referrals are not known",
    ]
    assert actual.unknown == ("leads", "referred", "conversion")
    assert [(row["leads"], row["conversion"], row["buyers"]) for row in actual.to_dicts()] == [
        (None, None, 1),
        (None, None, 2),
        (None, None, 0),
    ]
    assert (change.total, list(change.parts or {})) == (30, ["leads", "transactions", "average_sale", "margin"])
    assert actual.of(january).referral.value is None
    assert actual.of(january).what_if("average_sale", 0.5).gained == 10
    with pytest.raises(ArgumentError, match="way must be 'leads' or 'transactions'"):
        actual.of(january).what_if("conversion", 0.1)
    with pytest.raises(ArgumentError, match="conversion is not known, because the logs have no leads"):
        actual.fixed_mix(january, february)


def test_a_period_that_is_not_over_is_marked() -> None:
    """A star, `is_partial`, and the text of a change say that more people may arrive."""
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3)]
    leads = pl.DataFrame({"person_id": ["a", "b"], "arrived_at": days})
    bought = pl.DataFrame({"id": [1, 2], "person_id": ["a", "b"], "purchased_at": days, "amount": [10, 10]})
    logs = Logs(leads=leads, purchases=bought)
    day, march = timedelta(days=1), date(2026, 3, 1)
    open_, over = (
        growth(logs, within=day, margin=0.5, tz="UTC", as_of=datetime(2026, *at, tzinfo=UTC)) for at in ((3, 9), (4, 1))
    )

    assert [one.is_partial for one in open_] == [row["is_partial"] for row in open_.to_dicts()] == [False, True]
    assert [line[:8] for line in str(open_).splitlines()] == [" 2026-01", "2026-03*"]
    assert [line[:8] for line in str(over).splitlines()] == ["2026-01 ", "2026-03 "]
    assert str(open_.change(date(2026, 1, 1), march)).endswith("; the period of 2026-03-01 is not over")
    assert "not over" not in str(over.change(date(2026, 1, 1), march))


def test_every_answer_about_a_period_says_who_is_pending() -> None:
    """The gain from more of a factor, and a fixed mix, state how many are pending and which period is not over."""
    was = FiveWays(date(2026, 1, 1), 20, 0, 0, 10, 20, 2000, 0.5, {"web": Rate(10, 20)})
    young = FiveWays(date(2026, 2, 1), 10, 10, 0, 5, 10, 1000, 0.5, {"web": Rate(5, 10)}, is_partial=True)
    result = Growth(datetime(2026, 2, 20, tzinfo=UTC), "UTC", "month", WITHIN, (was, young))
    more, mix = young.what_if("leads", 0.1), result.fixed_mix(was.start, young.start)
    end = "; 0 of 20 pending before, 10 of 20 pending after; the period of 2026-02-01 is not over"

    assert (more.gained, more.pending, more.is_partial) == (50, 10, True)
    assert str(more).endswith("; 10 pending; the period is not over")
    assert mix.periods == (was, young)
    assert str(mix).endswith(end)
    assert str(result.change(was.start, young.start)).endswith(end)
    whole = was.what_if("leads", 0.1)
    assert (whole.pending, whole.is_partial, str(whole)) == (0, False, "leads +10 %: +100 (60 to 140)")
    assert str(result.fixed_mix(was.start, was.start)).endswith("(of 100.0 % (20 of 20; 83.9 to 100.0 %))")
