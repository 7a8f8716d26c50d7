"""Own columns of people: one person, everyone, live facts, changes and transitions agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import polars as pl
import pytest

from funnel import Customer, Facts, History, LiveFacts, Logs, Machine, Policy, SqliteStore, rule
from funnel.backtest import BacktestDates, backtest, feature_table
from funnel.errors import ArgumentError, EngineError, FactsError, LogsError, RecordError
from funnel.facts import column, count, last, since
from funnel.facts._base import BaseFacts
from funnel.interactions import Visit
from funnel.machines import Cause
from funnel.profiles import customer_profile
from funnel.records import Lead, Record
from tests.engines import on
from tests.frames import answered, as_instant, in_order
from tests.shop import bought

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy()
PEOPLE = pl.DataFrame({"no": ["sari", "nobody"], "tier": ["gold", "gold"], "visits": [3, 4], "letters": [True, False]})
NAMES = {"person_id": "no", "tier": "tier", "visits": "visits", "letters": "letters"}
ORDERS = pl.DataFrame(
    {"id": ["1", "2"], "person_id": ["sari", "budi"], "purchased_at": [MARCH, MARCH + DAY], "amount": [900, 500]}
)


class PersonFacts(BaseFacts):
    """Facts of the table of people, and of purchases."""

    tier: str = column("tier", str)
    visits: int = column("visits", int)
    letters: bool = column("letters", bool)
    purchase_count: int = count("purchases")
    since_last_purchase: timedelta = since(last("purchases"))


class WrongFacts(BaseFacts):
    """A column of texts that is declared as a whole number."""

    tier: int = column("tier", int)


@rule
def is_gold(f: PersonFacts, policy: Policy) -> bool:
    """Gold, and away for less than 30 days."""
    return f.tier == "gold" and f.since_last_purchase < timedelta(days=30)


def logs_with_people(people: pl.DataFrame = PEOPLE) -> Logs[Any]:
    """Logs of two orders, with a table of people."""
    return Logs(purchases=ORDERS, currency="USD").with_people(people, NAMES)


def sari(*records: Record) -> History:
    """A person with own columns."""
    columns = {"tier": "gold", "visits": 3, "letters": True}
    return History.of("sari", records, customer=Customer(person_id="sari", name="", columns=columns))


@pytest.mark.no_cover
def test_a_rule_answers_alike_on_every_engine(engine: str) -> None:
    """The rule and its next change; a person who is missing in the table has empty values."""
    native = on(engine, {"purchases": ORDERS, "people": PEOPLE})
    people = native.pop("people")
    logs = Logs(**native, currency="USD").with_people(people, NAMES)
    now = MARCH + 2 * DAY
    change = MARCH + 30 * DAY

    assert answered(is_gold.next_change.over(logs, POLICY, as_of=now)) == {
        "sari": {"is_gold": True, "next_change": change},
        "budi": {"is_gold": False, "next_change": None},
    }
    for person in ("sari", "budi"):
        history = logs.history(person)
        assert is_gold.of(history, POLICY, as_of=now) == (person == "sari")
        assert is_gold.next_change.of(history, POLICY, as_of=now) == (change if person == "sari" else None)


def test_a_reason_names_the_column() -> None:
    """The reason shows the fact and its value."""
    why = is_gold.why(sari(bought("1", MARCH, person_id="sari")), POLICY, as_of=MARCH)

    assert "because tier == 'gold' (tier is 'gold')" in str(why)


class Level(StrEnum):
    """Two levels."""

    NEW = "new"
    GOLD = "gold"


@rule
def level(f: PersonFacts, policy: Policy) -> Level:
    """Gold from the first purchase on."""
    return Level.GOLD if f.tier == "gold" and f.purchase_count > 0 else Level.NEW


LEVELS = Machine(level, {Level.NEW: {Level.GOLD: Cause.EVENT}, Level.GOLD: {}})


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_transitions_read_the_columns_of_people(engine: str) -> None:
    """Everyone's transitions are those of one person; the table of people makes no transition of its own."""
    leads = pl.DataFrame({"person_id": ["sari", "budi"], "arrived_at": [MARCH - DAY] * 2})
    native = on(engine, {"purchases": ORDERS, "leads": leads, "people": PEOPLE})
    people = native.pop("people")
    logs = Logs(**native, currency="USD").with_people(people, NAMES)
    rows = in_order(LEVELS.transitions.over(logs, POLICY, as_of=MARCH + DAY))
    moved = sorted((row["person_id"], as_instant(row["transitioned_at"]), row["to_stage"]) for row in rows)

    assert moved == [("budi", MARCH - DAY, "new"), ("sari", MARCH - DAY, "new"), ("sari", MARCH, "gold")]
    for person in ("budi", "sari"):
        journey = LEVELS.transitions.of(logs.history(person), POLICY, as_of=MARCH + DAY)
        assert [(person, one.transitioned_at, one.to_stage) for one in journey] == [
            row for row in moved if row[0] == person
        ]


@pytest.mark.parametrize("records", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_live_facts_count_the_columns_from_the_first_record(records: list[int]) -> None:
    """In any order of arrival, and from a stored state, the facts are those of the history."""
    come: list[Record] = [
        Lead(person_id="sari", arrived_at=MARCH - DAY),
        bought("1", MARCH, person_id="sari"),
        Visit(id="v", person_id="sari", occurred_at=MARCH + DAY),
    ]
    live = LiveFacts(sari(), PersonFacts)
    assert live.facts(as_of=MARCH + DAY).tier == ""
    for many, number in enumerate(records, start=1):
        state = live.state
        live.add(come[number])
        restored = LiveFacts.from_state(state, PersonFacts, lambda: sari(*(come[one] for one in records[: many - 1])))  # noqa: B023 (called here)
        restored.add(come[number])
        whole = PersonFacts.of(sari(*(come[one] for one in records[:many])), as_of=MARCH + DAY)
        assert live.facts(as_of=MARCH + DAY) == restored.facts(as_of=MARCH + DAY) == whole
        assert whole.tier == "gold"
    assert live.facts(as_of=MARCH - 2 * DAY).tier == ""


def test_a_history_of_logs_has_the_columns_in_its_customer() -> None:
    """A person who is only in the table of people has no history; a profile has no identity without a name."""
    logs = logs_with_people()
    histories = {history.person_id: history for history in logs.histories()}

    assert histories.keys() == {"sari", "budi"}
    assert histories["budi"].customer is None
    customer = histories["sari"].customer
    assert customer is not None
    assert dict(customer.columns) == {"letters": True, "tier": "gold", "visits": 3}
    assert customer_profile(histories["sari"], as_of=MARCH).identity is None
    with pytest.raises(ArgumentError, match="the logs have no record of 'nobody'"):
        logs.history("nobody")


def test_names_of_people_follow_the_aliases() -> None:
    """An alias in the table of people is the person; a table replaces the one before."""
    aliases = pl.DataFrame({"alias": ["s@shop"], "person_id": ["sari"]})
    people = pl.DataFrame({"no": ["s@shop"], "tier": ["gold"], "visits": [1], "letters": [True]})
    logs = Logs(purchases=ORDERS, currency="USD", aliases=aliases).with_people(people, NAMES)
    other = logs.with_people(people.with_columns(tier=pl.lit("silver")), NAMES)

    assert PersonFacts.of(logs.history("sari"), as_of=MARCH).tier == "gold"
    assert PersonFacts.of(other.history("sari"), as_of=MARCH).tier == "silver"
    assert PersonFacts.of(logs.as_known(MARCH).history("sari"), as_of=MARCH).tier == "gold"
    joined = Logs.concat(logs, Logs(leads=pl.DataFrame({"person_id": ["sari"], "arrived_at": [MARCH]})))
    assert PersonFacts.of(joined.history("sari"), as_of=MARCH).tier == "gold"


def test_bad_rows_of_people_are_reported() -> None:
    """A person with two rows that differ is an error, or is split off with all rows; a copy is read once."""
    twice = pl.concat([PEOPLE, PEOPLE.with_columns(tier=pl.lit("silver"))])

    assert logs_with_people(pl.concat([PEOPLE, PEOPLE])).notes == (
        "2 rows equal to an earlier row in every column, read once",
    )
    with pytest.raises(LogsError, match="repeats the same person_id with different content"):
        logs_with_people(twice)
    logs = Logs(purchases=ORDERS, currency="USD").with_people(twice, NAMES, on_issues="split")
    assert [issue.rows for issue in logs.issues] == [(1, 2, 3, 4)]
    assert PersonFacts.of(logs.history("sari"), as_of=MARCH).tier == ""
    aliases = pl.DataFrame({"alias": ["nobody"], "person_id": ["sari"]})
    unlike = PEOPLE.with_columns(visits=pl.Series([3, 4]))
    with pytest.raises(LogsError, match="repeats the same person_id"):
        Logs(purchases=ORDERS, currency="USD", aliases=aliases).with_people(unlike, NAMES)


def test_what_cannot_be_read_is_an_error() -> None:
    """Logs without the table or the column, another engine, a name of a field, and another type."""
    plain = Logs(purchases=ORDERS, currency="USD")
    with pytest.raises(FactsError, match="reads letters, tier, visits of people, and the logs have no table of people"):
        PersonFacts.over(plain, as_of=MARCH)
    with pytest.raises(FactsError, match="the own column letters of people, which the logs do not have"):
        PersonFacts.over(plain.with_people(PEOPLE, {"person_id": "no", "tier": "tier"}), as_of=MARCH)
    with pytest.raises(EngineError, match="different engines"):
        plain.with_people(on("duckdb", {"people": PEOPLE})["people"], NAMES)
    with pytest.raises(ArgumentError, match="an own column of people cannot be called 'source'"):
        plain.with_people(PEOPLE, {"person_id": "no", "source": "tier"})
    with pytest.raises(FactsError, match="has the name of a field"):
        column("source", str)
    with pytest.raises(FactsError, match="tier is declared as int, but a record has str"):
        WrongFacts.of(sari(bought("1", MARCH, person_id="sari")), as_of=MARCH)


def test_an_instant_of_a_person_is_since() -> None:
    """A column of instants has spans."""

    class MemberFacts(BaseFacts):
        since_member: timedelta = since(column("member_since", datetime))
        member_since: datetime | None = column("member_since", datetime)

    customer = Customer(person_id="sari", name="", columns={"member_since": MARCH - DAY})
    facts = MemberFacts.of(History.of("sari", [bought("1", MARCH, person_id="sari")], customer=customer), as_of=MARCH)

    assert facts.since_member == DAY
    assert facts.member_since == MARCH - DAY


def test_a_store_has_no_columns_of_people() -> None:
    """A store refuses them, and a rule that reads them; its logs take the shop's table."""
    store = SqliteStore()
    with pytest.raises(RecordError, match="a store does not keep own columns of people"):
        store.put_customer(Customer(person_id="sari", name="", columns={"tier": "gold"}), recorded_at=MARCH)
    with pytest.raises(FactsError, match="is_gold reads own columns of people, which a store does not keep"):
        SqliteStore(stage=is_gold).append(bought("1", MARCH, person_id="sari"), recorded_at=MARCH)
    store.append(bought("1", MARCH, person_id="sari"), recorded_at=MARCH)
    logs = store.logs().with_people(PEOPLE, NAMES)
    assert is_gold.over(logs, POLICY, as_of=MARCH)["is_gold"].to_list() == [True]


DATED = {**NAMES, "as_of": "as_of"}


def dated(as_of: object = MARCH + DAY, people: tuple[str, ...] = ("sari", "budi")) -> pl.DataFrame:
    """A table of people as of an instant."""
    rows = [{"no": one, "tier": "gold", "visits": 3, "letters": True, "as_of": as_of} for one in people]
    return pl.DataFrame(rows)


@pytest.mark.no_cover
def test_columns_of_an_instant_count_at_that_instant_alone(engine: str) -> None:
    """On every engine: the rule answers at the instant of the columns, and refuses the next day."""
    native = on(engine, {"purchases": ORDERS, "people": dated()})
    people = native.pop("people")
    logs = Logs(**native, currency="USD").with_people(people, DATED)
    now = MARCH + DAY

    assert answered(is_gold.over(logs, POLICY, as_of=now)) == {"sari": {"is_gold": True}, "budi": {"is_gold": True}}
    assert all(is_gold.of(history, POLICY, as_of=now) for history in logs.histories())
    with pytest.raises(FactsError, match="the columns of people are as of 2026-03-02T00:00:00"):
        is_gold.over(logs, POLICY, as_of=now + DAY)


EARLIER = BacktestDates(MARCH, every=DAY, horizon=DAY)


AT_ANOTHER: Mapping[str, Callable[[Logs[Any], datetime], object]] = {
    "facts": lambda logs, now: PersonFacts.over(logs, as_of=now),
    "rule": lambda logs, now: is_gold.over(logs, POLICY, as_of=now),
    "next change": lambda logs, now: is_gold.next_change.over(logs, POLICY, as_of=now),
    "one person": lambda logs, now: is_gold.of(logs.history("sari"), POLICY, as_of=now),
    "why": lambda logs, now: is_gold.why(logs.history("sari"), POLICY, as_of=now),
    "facts of one person": lambda logs, now: PersonFacts.of(logs.history("sari"), as_of=now),
}


@pytest.mark.parametrize("name", AT_ANOTHER)
@pytest.mark.parametrize("days", [-1, 1])
def test_facts_at_another_instant_than_the_columns_are_an_error(name: str, days: int) -> None:
    """The error has both instants, before and after; facts without these columns have no limit."""
    logs = Logs(purchases=ORDERS, currency="USD").with_people(dated(), DATED)
    instants = rf"2026-03-02T00:00:00\+00:00, and the facts are as of {(MARCH + (1 + days) * DAY).isoformat()[:10]}"

    with pytest.raises(FactsError, match=instants):
        AT_ANOTHER[name](logs, MARCH + (1 + days) * DAY)
    AT_ANOTHER[name](logs, MARCH + DAY)
    assert Facts.over(logs, as_of=MARCH + 9 * DAY).height == 2


AT_SEVERAL: Mapping[str, Callable[[Logs[Any]], object]] = {
    "running": lambda logs: PersonFacts.running(logs, as_of=MARCH + DAY),
    "backtest": lambda logs: backtest(is_gold, logs, POLICY, EARLIER, as_of=MARCH + 2 * DAY, min_people=1),
    "feature table": lambda logs: feature_table(logs, EARLIER, ["tier"], facts=PersonFacts, as_of=MARCH + 2 * DAY),
    "transitions": lambda logs: LEVELS.transitions.over(logs, POLICY, as_of=MARCH + DAY),
    "journey": lambda logs: LEVELS.transitions.of(logs.history("sari"), POLICY, as_of=MARCH + DAY),
    "live facts": lambda logs: LiveFacts(logs.history("sari"), PersonFacts).facts(as_of=MARCH + DAY),
}


@pytest.mark.parametrize("name", AT_SEVERAL)
def test_facts_at_several_instants_refuse_columns_of_one(name: str) -> None:
    """A backtest, a journey or live facts never see values that come from later."""
    logs = Logs(purchases=ORDERS, currency="USD")

    AT_SEVERAL[name](logs.with_people(dated(), NAMES))
    with pytest.raises(FactsError, match="the facts are as of several instants"):
        AT_SEVERAL[name](logs.with_people(dated(), DATED))


@pytest.mark.parametrize("is_late", [False, True])
def test_a_backtest_reads_columns_of_people_as_the_rule_does(*, is_late: bool) -> None:
    """Each day has the columns of the table, also if a record arrived late."""
    recorded = pl.lit(MARCH + 2 * DAY if is_late else MARCH).alias("recorded_at")
    logs = Logs(purchases=ORDERS.with_columns(recorded), currency="USD").with_people(PEOPLE, NAMES)
    dates = BacktestDates(MARCH + DAY, every=DAY, horizon=DAY)
    table = feature_table(logs, dates, ["tier", "purchase_count"], facts=PersonFacts, as_of=MARCH + 4 * DAY)

    for day, rows in table.group_by("as_of"):
        facts = PersonFacts.over(logs.as_known(day[0]), as_of=day[0]).fill_null("")  # type: ignore[arg-type]
        columns = ["person_id", "tier", "purchase_count"]
        assert sorted(rows.select(columns).rows()) == sorted(facts.select(columns).rows())
    assert table["tier"].to_list().count("gold") == (2 if is_late else 3)


def test_a_table_of_an_instant_has_every_buyer_and_one_instant() -> None:
    """Buyers who are missing, several instants, and texts in place of instants are errors; empty cells are missing."""
    logs = Logs(purchases=ORDERS, currency="USD")
    with pytest.raises(ArgumentError, match=r"as of 2026-03-02T00:00:00\+00:00 and lacks 1 people who bought by then"):
        logs.with_people(dated(people=("sari",)), DATED)
    missing = pl.when(pl.col("no") == "sari").then("as_of").alias("as_of")
    with pytest.raises(ArgumentError, match="lacks 1 people"):
        logs.with_people(dated().with_columns(missing), DATED)
    logs.with_people(dated(MARCH, people=("sari",)), DATED)
    with pytest.raises(FactsError, match=r"columns of 2 instants \(2026-03-01T00:00:00\+00:00 to 2026-03-02"):
        logs.with_people(pl.concat([dated(people=("sari",)), dated(MARCH, people=("budi",))]), DATED)
    with pytest.raises(FactsError, match="the own column as_of of people is String"):
        logs.with_people(dated("2026-03-02"), DATED)
    customer = Customer(person_id="sari", name="", columns={"as_of": "2026"})
    with pytest.raises(FactsError, match="as_of is declared as datetime, but a record has str"):
        PersonFacts.of(History.of("sari", [], customer=customer), as_of=MARCH)


def test_a_table_without_any_instant_counts_always() -> None:
    """Empty cells alone do not give an instant, and logs without purchases have no buyers to miss."""
    empty = dated(people=("budi",)).with_columns(as_of=pl.lit(None, pl.Datetime("us", "UTC")))
    always = Logs(purchases=ORDERS, currency="USD").with_people(empty, DATED)
    leads = pl.DataFrame({"person_id": ["sari"], "arrived_at": [MARCH]})
    only_leads = Logs(leads=leads).with_people(dated(people=("budi",)), DATED)

    assert PersonFacts.over(always, as_of=MARCH + 5 * DAY).sort("person_id")["tier"].to_list() == ["gold", None]
    assert PersonFacts.over(only_leads, as_of=MARCH + DAY)["tier"].to_list() == [None]
