"""Metrics by group: each equals the metric of logs that have the people of the group alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pytest

from funnel import FunnelStep, Logs, Policy, conversion, lifecycle, retention, survival
from funnel._time import micros
from funnel.errors import ArgumentError, FactsError
from funnel.metrics import Groups, PurchaseSummary, bins, durations, growth, margin_by, repeat_by, segments
from funnel.metrics._by_group import MOST_GROUPS, by_group
from tests.engines import FULL, HERE, on
from tests.frames import read
from tests.shop import DAY, NOW

LEADS = pl.DataFrame(
    {
        "person_id": ["a", "b", "c", "d"],
        "arrived_at": [NOW - 200 * DAY] * 4,
        "source": ["ad", "fair", "ad", "fair"],
        "city": ["Oslo", "Oslo", "Rome", None],
    }
)
ORDERS = pl.DataFrame(
    {
        "id": ["1", "2", "3", "4", "5", "6"],
        "person_id": ["a", "a", "b", "b", "c", "c"],
        "purchased_at": [NOW - days * DAY for days in (150, 20, 140, 70, 100, 5)],
        "amount": [900, 100, 400, 50, 70, 30],
        "country": ["UK", "FR", "FR", "FR", "UK", "UK"],
        "pieces": [2, 1, 3, 1, 2, 9],
        "is_gift": [True, False, False, True, True, True],
    }
)
REFUNDS = pl.DataFrame({"id": ["1", "2"], "purchase_id": ["1", "4"], "refunded_at": [NOW - DAY] * 2, "amount": [5, 50]})
VISITS = pl.DataFrame(
    {"id": ["1"], "person_id": ["b"], "occurred_at": [NOW - 9 * DAY], "kind": ["visit"], "device": ["phone"]}
)
MEMBERS = pl.DataFrame(
    {"person_id": ["a", "b", "c"], "tier": ["gold", "gold", None], "letters": [True, False, True], "stars": [3, 1, 3]}
)
KEEP = {"leads": ["city"], "purchases": ["country", "pieces", "is_gift"], "interactions": ["device"]}
TABLES = {"leads": LEADS, "purchases": ORDERS, "refunds": REFUNDS, "interactions": VISITS}


def metric(function: Any, *arguments: Any, **options: Any) -> Callable[..., Any]:
    """A metric with its arguments; logs and `by` are missing."""

    def of(logs: Any, by: str | None = None) -> Any:
        return function(logs, *arguments, as_of=NOW, **options, by=by)

    return of


METRICS: Mapping[str, Callable[..., Any]] = {
    "retention": metric(retention, tz="UTC"),
    "lifecycle": metric(lifecycle, tz="UTC"),
    "segments": metric(segments, Policy()),
    "growth": metric(growth, within=60 * DAY, margin=0.5, tz="UTC"),
}
PEOPLE: Mapping[str, Mapping[Any, str]] = {
    "city": {"Oslo": "ab", "Rome": "c", None: "d"},
    "source": {"ad": "ac", "fair": "bd"},
    "country": {"FR": "b", "UK": "ac", None: "d"},
    "pieces": {0: "d", 2: "ac", 3: "b"},
    "is_gift": {False: "bd", True: "ac"},
    "promotion": {None: "abcd"},
    "device": {"phone": "b", None: "acd"},
    "tier": {"gold": "ab", None: "cd"},
    "letters": {False: "bd", True: "ac"},
    "stars": {0: "d", 1: "b", 3: "ac"},
}
ELSEWHERE = [name for name in HERE if not name.startswith("polars")]


def shop(people: str = "abcd", engine: str = "polars") -> Logs:
    """The records of some people."""
    of_people = pl.col("person_id").is_in(list(people))
    rows = {log: table.filter(of_people) for log, table in TABLES.items() if log != "refunds"}
    rows["refunds"] = REFUNDS.filter(pl.col("purchase_id").is_in(rows["purchases"]["id"].to_list()))
    native = on(engine, {**rows, "members": MEMBERS})
    members = native.pop("members")
    own = {"person_id": "person_id", "tier": "tier", "letters": "letters", "stars": "stars"}
    return Logs(**native, keep=KEEP, currency="USD").with_people(members, own)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_group_is_the_metric_of_its_people_alone(name: str) -> None:
    """The result of each group equals that of logs with its people alone, in the order of the values.

    An unknown group of people whom the metric does not count, such as people without a purchase, is left out.
    """
    for by, unknown in (("city", 1), ("tier", 0)):
        groups = METRICS[name](shop(), by=by)
        alone = [(group, METRICS[name](shop(people))) for group, people in PEOPLE[by].items()]

        assert list(groups.items()) == [one for one in alone if len(one[1])]
        assert len(groups) == len(alone) - unknown * (name in {"retention", "lifecycle"})


@pytest.mark.parametrize("by", sorted(PEOPLE))
def test_people_are_grouped_by_their_first_record(by: str) -> None:
    """Origins and own columns of every log, of people and of every type group people.

    Unknown texts are last, and empty numbers are 0.
    """
    groups = by_group(shop(), by, micros(NOW), lambda logs: {history.person_id for history in logs.histories()})

    assert groups.by == (by,)
    assert list(groups.items()) == [(group, set(people)) for group, people in PEOPLE[by].items()]


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", ELSEWHERE)
def test_groups_are_the_same_on_every_engine(engine: str) -> None:
    """Groups by text, whole number and truth equal those of Polars, also by columns of people."""
    for by in ("country", "pieces", "is_gift", "tier", "stars") if FULL else ("is_gift", "tier"):
        assert METRICS["lifecycle"](shop(engine=engine), by=by) == METRICS["lifecycle"](shop(), by=by)


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", [name for name in ELSEWHERE if name != "polars lazy"])
def test_funnels_and_waits_by_people_are_the_same_on_every_engine(engine: str) -> None:
    """Each event has the column of its person, and each wait keeps it."""
    for by in ("tier", "stars", "letters") if FULL else ("stars",):
        assert funnel_by(shop(engine=engine), by) == funnel_by(shop(), by)
    waits = durations(shop(engine=engine), "leads", "purchases", as_of=NOW, keep=["stars"])
    assert sorted((row["person_id"], row["stars"]) for row in read(waits)) == [("a", 3), ("b", 1), ("c", 3), ("d", 0)]


def funnel_by(logs: Logs, by: str) -> dict[Any, list[int]]:
    """The people who arrived and who bought, by group."""
    result = conversion(logs, ["lead", "purchase"], within=150 * DAY, as_of=NOW, min_people=1, by=by)
    return {group.value: [step.reached for step in group.steps] for group in result.groups}


def test_a_funnel_is_grouped_by_columns_of_people() -> None:
    """A text is unknown, a number 0 and a truth False if the person is not in the table; conditions read them too."""
    assert funnel_by(shop(), "tier") == {"gold": [2, 2], None: [2, 1]}
    assert funnel_by(shop(), "stars") == {0: [1, 0], 1: [1, 1], 3: [2, 2]}
    assert funnel_by(shop(), "letters") == {False: [2, 1], True: [2, 2]}
    steps = ["lead", FunnelStep("gold order", kind="purchase", where=lambda e: e.tier == "gold")]
    result = conversion(shop(), steps, within=150 * DAY, as_of=NOW)

    assert [step.reached for step in result.steps] == [4, 2]


def test_columns_of_people_of_another_instant_group_nobody() -> None:
    """A forecast of March says nothing of April: grouping by it is an error of its instant."""
    forecast = MEMBERS.with_columns(as_of=pl.lit(NOW - 9 * DAY))
    names = {"person_id": "person_id", "tier": "tier", "as_of": "as_of"}
    logs = Logs(leads=LEADS, purchases=ORDERS).with_people(forecast, names)

    for call in (METRICS["lifecycle"], METRICS["segments"]):
        with pytest.raises(FactsError, match="the columns of people are as of"):
            call(logs, by="tier")
    with pytest.raises(FactsError, match="the columns of people are as of"):
        funnel_by(logs, "tier")


def test_growth_is_not_grouped_by_what_only_buyers_have() -> None:
    """With leads, a column of purchases is refused, because everyone in its groups bought; without leads it works."""
    groups = "'source' or 'campaign' or 'referral' or .* or 'city'"
    with pytest.raises(ArgumentError, match=rf"by must be {groups} .got 'country'"):
        METRICS["growth"](shop(), by="country")
    buyers: Logs[Any] = Logs(purchases=ORDERS, keep={"purchases": ["country"]})

    assert list(METRICS["growth"](buyers, by="country")) == ["FR", "UK"]


def test_a_column_of_two_logs_is_that_of_purchases() -> None:
    """If purchases and leads have the column, the first purchase decides."""
    leads = LEADS.with_columns(country=pl.lit("DE"))
    logs = Logs(leads=leads, purchases=ORDERS, keep={"leads": ["country"], "purchases": ["country"]})

    assert list(retention(logs, tz="UTC", as_of=NOW, by="country")) == ["FR", "UK"]


def test_grouping_needs_logs_and_few_groups() -> None:
    """A plain table, a misspelt column and a column with a value for each person are refused, with the remedy."""
    table: Any = ORDERS
    with pytest.raises(ArgumentError, match=r"logs must be Logs .got a DataFrame of polars.; make Logs"):
        retention(table, tz="UTC", as_of=NOW, by="country")
    with pytest.raises(ArgumentError, match=r"did you mean 'country'"):
        lifecycle(shop(), tz="UTC", as_of=NOW, by="contry")
    many = pl.DataFrame(
        {"person_id": [f"p{number}" for number in range(MOST_GROUPS + 1)], "purchased_at": [NOW] * (MOST_GROUPS + 1)}
    ).with_columns(id=pl.col("person_id"), amount=pl.lit(1), card=pl.col("person_id"))
    logs = Logs(purchases=many, keep={"purchases": ["card"]})
    with pytest.raises(ArgumentError, match=r"by='card' has 101 groups, and at most 100 are allowed; put rare values"):
        segments(logs, Policy(), as_of=NOW, by="card")


def test_groups_are_a_mapping_and_print_each_result_below_its_group() -> None:
    """Rows have the group, and text and HTML have its name above the result."""
    groups = METRICS["lifecycle"](shop(), by="country")
    rows = groups.to_dicts()

    assert issubclass(type(groups), Groups)
    assert (len(groups), list(groups)) == (2, ["FR", "UK"])
    assert {row["group"] for row in rows} == {"FR", "UK"}
    assert rows[0] == {"group": "FR", **groups["FR"].to_dicts()[0]}
    assert str(groups).startswith(f"country: FR\n{groups['FR']}\n\ncountry: UK\n")
    assert "<h4>country: UK</h4>" in groups._repr_html_()
    assert "<h4>country: (unknown)</h4>" in METRICS["segments"](shop(), by="country")._repr_html_()


def test_a_purchase_summary_has_the_group_of_each_buyer() -> None:
    """The column `group` has texts, whole numbers and booleans, and is empty if the group is unknown."""

    def groups(by: str) -> dict[str, Any]:
        rows = read(PurchaseSummary.over(shop(), tz="UTC", as_of=NOW, by=by))
        return {row["person_id"]: row["group"] for row in rows}

    assert groups("country") == {"a": "UK", "b": "FR", "c": "UK"}
    assert groups("device") == {"a": None, "b": "phone", "c": None}
    assert groups("pieces") == {"a": 2, "b": 3, "c": 2}
    assert groups("is_gift") == {"a": True, "b": False, "c": True}
    assert groups("tier") == {"a": "gold", "b": "gold", "c": None}
    assert groups("letters") == {"a": True, "b": False, "c": True}
    assert groups("source") == {"a": "ad", "b": "fair", "c": "ad"}


def test_people_without_a_value_have_one_name() -> None:
    """None as a key, and "(unknown)" in every text; each group of a funnel has its median times."""
    as_of, days = NOW, [NOW - 40 * DAY, NOW - 30 * DAY]
    people = [f"p{number}" for number in range(6)]
    leads = pl.DataFrame({"person_id": people, "arrived_at": days[0], "source": ["web", None, "web"] * 2})
    bought = pl.DataFrame({"person_id": people[:4], "purchased_at": days[1], "id": range(4), "amount": 9, "cost": 4})
    bought = bought.with_columns(purchased_at=pl.col("purchased_at") + pl.duration(days=pl.col("id")))
    logs = Logs(leads=leads, purchases=bought)
    funnel = conversion(logs, ["lead", "purchase"], within=30 * DAY, as_of=as_of, by="source", min_people=1)
    binned = conversion(logs, ["lead", "purchase"], within=30 * DAY, as_of=as_of, by=bins("amount", [5], at="last"))
    waits = survival(durations(logs, "leads", "purchases", as_of=as_of, keep=["source"]), as_of=as_of, by="source")
    again = repeat_by(logs, "source", 30 * DAY, as_of=as_of)
    margins = margin_by(logs, "source", as_of=as_of)
    months = growth(logs, "month", tz="UTC", as_of=as_of, within=9 * DAY, margin=0.5)

    assert [group.value for group in funnel.groups] == list(waits) == ["web", None]
    assert {one.group for one in again} == {one.group for one in margins} == {"web", None}
    assert set(next(iter(months)).sources) == {"web", None}
    for text in (str(funnel), str(waits), str(again), str(margins), funnel._repr_html_(), str(funnel.compare()[1])):
        assert "(unknown)" in text
    medians = [line.split()[5:7] for line in str(funnel).splitlines() if line.startswith("purchase")]
    assert medians == [["11", "d"], ["12", "d"], ["11", "d"]]
    assert "12 d" in funnel._repr_html_()
    assert str(binned).count("11 d") == 2


def test_waits_keep_own_columns_of_their_start() -> None:
    """A wait has the own columns of its first start event, for `survival` by group."""
    table = durations(shop(), "leads", "purchases", as_of=NOW, keep=["city", "source", "tier"])
    groups = survival(table, as_of=NOW, by="city")

    assert [(row["person_id"], row["city"], row["source"], row["tier"]) for row in read(table)] == [
        ("a", "Oslo", "ad", "gold"),
        ("b", "Oslo", "fair", "gold"),
        ("c", "Rome", "ad", None),
        ("d", None, "fair", None),
    ]
    assert list(groups) == ["Oslo", "Rome", None]
    assert [line.partition(":")[0] for line in str(groups).splitlines()] == [
        "Oslo",
        "Rome",
        "(unknown)",
        "log-rank test",
    ]
    assert str(survival(table, as_of=NOW, by=["city", "tier"])).splitlines()[-2].startswith("(unknown), (unknown): ")
    with pytest.raises(ArgumentError, match=r"keep must name columns of leads or of people .got 'country'"):
        durations(shop(), "leads", "purchases", as_of=NOW, keep=["country"])
