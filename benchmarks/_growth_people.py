"""Operations on tables, files and stores of any size: what `growth` measures, one case an operation."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, cast, get_args

import polars as pl

from benchmarks import _made_up
from benchmarks._growth_person import AS_OF, POLICY, SHORT, START, Case, Work, at, bought, late_first, records
from funnel import (
    Exclusion,
    Facts,
    GroupBy,
    History,
    Lead,
    Logs,
    Money,
    OrderLine,
    Policy,
    Purchase,
    SqliteStore,
    conversion,
    is_lapsed,
    lifecycle,
    repeat_rates,
    retention,
    stage,
    survival,
    transitions,
    worklist,
)
from funnel.backtest import RuleBook, backtest, calibrate, compare_rules, stage_difference
from funnel.cli._findings import ReportQuery, find
from funnel.cli._source import of_orders
from funnel.metrics import (
    Affinity,
    PurchaseSummary,
    affinity,
    churn_reasons,
    durations,
    growth,
    logrank_test,
    next_offers,
    promotion_retention,
    purchase_rhythm,
    purchase_steps,
    referral_rate,
    repeat_by,
    rfm_quantiles,
    segments,
    stage_flow,
    survival_by,
)
from funnel.metrics._conversion.query import Entry, Order
from funnel.readers._read_orders import Columns, OrderMapping, read_orders
from funnel.rules import is_quiet, readiness_points
from funnel.worklists import next_review_at

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
LIMITS = Policy(
    recency_limits=(30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY),
    frequency_limits=(2, 3, 5, 8),
    monetary_limits=(2, 10, 100, 1000),
)

# ---- tables --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def shop(events: int) -> Logs:
    """A made-up shop with arrivals and promotions; a tenth as many people as events."""
    frames = dict(_made_up.shop(max(events, 10)))
    frames["purchases"] = frames["purchases"].with_columns(
        promotion=pl.when(pl.col("id").hash() % 3 == 0).then(pl.lit("launch")).otherwise(pl.lit(""))
    )
    people = pl.concat([one.select("person_id") for one in frames.values() if "person_id" in one.columns]).unique()
    frames["leads"] = people.sort("person_id").with_columns(
        arrived_at=pl.lit(_made_up.AS_OF - timedelta(days=700)).cast(pl.Datetime("us", "UTC")), source=pl.lit("ad")
    )
    return Logs(**frames)


@lru_cache(maxsize=4)
def alone(events: int) -> Logs:
    """All of it is of one person."""
    frames = {
        log: frame.with_columns(person_id=pl.lit("p1")) if "person_id" in frame.columns else frame
        for log, frame in _made_up.shop(max(events, 10)).items()
    }
    return Logs(**frames)


def over(way: Callable[[Logs], object], of: Callable[[int], Logs]) -> Callable[[int], Work]:
    """A question about everyone."""

    def make(count: int) -> Work:
        logs = of(count)
        return lambda: way(logs)

    return make


def _collected(answer: Any) -> object:
    return answer.collect() if isinstance(answer, pl.LazyFrame) else answer


def _survived(logs: Logs) -> object:
    table = durations(logs, "interactions", "purchases", as_of=_made_up.AS_OF)
    found = survival(table, as_of=_made_up.AS_OF)
    return list(found.steps), found.median, found.plateau()


QUESTIONS: Mapping[str, Callable[[Logs], object]] = {
    "Facts.over": lambda logs: _collected(Facts.over(logs, as_of=_made_up.AS_OF)),
    "moves.over": lambda logs: _collected(transitions.over(logs, SHORT, as_of=_made_up.AS_OF)),
    "stage.next_change.over": lambda logs: _collected(stage.next_change.over(logs, POLICY, as_of=_made_up.AS_OF)),
    "worklist": lambda logs: _collected(worklist(logs, POLICY, as_of=_made_up.AS_OF, tz="UTC")),
    "next_review_at": lambda logs: _collected(next_review_at(logs, POLICY, as_of=_made_up.AS_OF)),
    "retention": lambda logs: str(retention(logs, tz="UTC", as_of=_made_up.AS_OF)),
    "retention, rolling windows": lambda logs: retention(logs, "day", tz="UTC", as_of=_made_up.AS_OF).to_dicts(),
    "lifecycle": lambda logs: str(lifecycle(logs, "day", tz="UTC", as_of=_made_up.AS_OF)),
    "repeat_rates": lambda logs: repeat_rates(logs, MONTH, as_of=_made_up.AS_OF),
    "repeat_by": lambda logs: repeat_by(logs, "source", MONTH, as_of=_made_up.AS_OF),
    "purchase_steps": lambda logs: purchase_steps(logs, MONTH, as_of=_made_up.AS_OF),
    "purchase_rhythm": lambda logs: purchase_rhythm(logs, as_of=_made_up.AS_OF),
    "promotion_retention": lambda logs: promotion_retention(logs, MONTH, as_of=_made_up.AS_OF),
    "rfm_quantiles": lambda logs: _collected(rfm_quantiles(logs, as_of=_made_up.AS_OF)),
    "segments": lambda logs: segments(logs, LIMITS, as_of=_made_up.AS_OF),
    "PurchaseSummary.over": lambda logs: _collected(PurchaseSummary.over(logs, tz="UTC", as_of=_made_up.AS_OF)),
    "leaving": lambda logs: str(churn_reasons(logs, POLICY, as_of=_made_up.AS_OF)),
    "stage_flow": lambda logs: str(stage_flow(logs, POLICY, tz="UTC", as_of=_made_up.AS_OF)),
    "stage_difference": lambda logs: str(
        stage_difference(logs, RuleBook(POLICY), RuleBook(SHORT), tz="UTC", as_of=_made_up.AS_OF)
    ),
    "waits and survival": _survived,
}


def grown(logs: Logs) -> object:
    """The five ways, and who sent whom."""
    told = str(growth(logs, within=MONTH, margin=0.25, tz="UTC", as_of=_made_up.AS_OF))
    return told, referral_rate(logs, as_of=_made_up.AS_OF)


# ---- aliases -------------------------------------------------------------------------------------------------------


def _chain(count: int) -> list[int]:
    return list(range(1, count + 1))


def _backward(count: int) -> list[int]:
    return [number - 1 for number in range(count)]


def _star(count: int) -> list[int]:
    return [count] * count


def _forest(count: int) -> list[int]:
    pick = random.Random(5)
    return [pick.randrange(number + 1, count + 1) for number in range(count)]


def _loops(count: int) -> list[int]:
    return [number ^ 1 for number in range(count)]


def aliased(shape: Callable[[int], list[int]]) -> Callable[[int], Work]:
    """Logs are made of as many aliases as there are people, and each person's facts."""

    def make(count: int) -> Work:
        leads = pl.DataFrame(
            {"person_id": [f"n{number}" for number in range(count + 1)], "arrived_at": [START] * (count + 1)}
        )
        pairs = shape(count)
        aliases = pl.DataFrame(
            {"alias": [f"n{number}" for number in range(count)], "person_id": [f"n{number}" for number in pairs]}
        )
        return lambda: _collected(Facts.over(Logs(leads=leads, aliases=aliases), as_of=AS_OF))

    return make


# ---- what is bought with what --------------------------------------------------------------------------------------


def _sold(count: int, baskets: Callable[[int], int]) -> tuple[Logs, pl.DataFrame]:
    orders = sorted({baskets(number) for number in range(count)})
    purchases = {
        "id": [f"o{number}" for number in orders],
        "person_id": ["p1"] * len(orders),
        "purchased_at": [at(number) for number in orders],
        "amount": [900] * len(orders),
    }
    lines = {
        "purchase_id": [f"o{baskets(number)}" for number in range(count)],
        "sku": [f"s{number}" for number in range(count)],
    }
    return Logs(purchases=pl.DataFrame(purchases)), pl.DataFrame(lines)


def sold(way: Callable[..., object], baskets: Callable[[int], int]) -> Callable[[int], Work]:
    """What goes with what, of one person who bought so many things, in one basket or in many."""

    def make(count: int) -> Work:
        logs, lines = _sold(count, baskets)
        return lambda: way(logs, lines, MONTH, as_of=AS_OF)

    return make


def sold_of(count: int) -> Work:
    """The same of the history of one basket."""
    lines = tuple(OrderLine(sku=f"s{number}", unit_price=Money(1, "USD")) for number in range(count))
    person = History.of("p1", [Purchase(id="1", person_id="p1", purchased_at=START, lines=lines)])
    return lambda: Affinity.of([person], MONTH, as_of=AS_OF)


def sold_again(count: int) -> Work:
    """The same of one thing and another, bought in turns."""
    cup, pot = (OrderLine(sku=name, unit_price=Money(1, "USD")) for name in ("cup", "pot"))
    orders = [
        Purchase(id=f"o{number}", person_id="p1", purchased_at=at(number), lines=((cup, pot)[number % 2],))
        for number in range(count)
    ]
    person = History.of("p1", orders)
    return lambda: Affinity.of([person], MONTH, as_of=AS_OF)


# ---- funnels -------------------------------------------------------------------------------------------------------

KINDS = ("view", "cart", "purchase")


@lru_cache(maxsize=4)
def events(count: int) -> pl.DataFrame:
    """Events of one person: views, carts, purchases, now and then a complaint."""
    pick = random.Random(3)
    kinds = [pick.choice((*KINDS, "view", "complaint")) for _ in range(count)]
    kinds[:4] = [*KINDS, "complaint"]
    return pl.DataFrame(
        {
            "person_id": ["p1"] * count,
            "occurred_at": [at(number) for number in range(count)],
            "kind": kinds,
            "sku": [f"s{number % 7}" for number in range(count)],
        }
    )


def tried(order: Any, entry: Any, **asked: Any) -> Callable[[int], Work]:
    """A funnel of one person, in whatever way it is asked for."""

    def make(count: int) -> Work:
        table = events(count)
        within = (AS_OF - START) if asked.get("long", True) else MONTH
        rest = {name: value for name, value in asked.items() if name != "long"}
        return lambda: str(conversion(table, KINDS, within=within, as_of=AS_OF, order=order, attempts=entry, **rest))

    return make


def funnel_told(way: Callable[[Any], object]) -> Callable[[int], Work]:
    """What else is asked of a funnel of one person, every attempt of it."""

    def make(count: int) -> Work:
        table = events(count)

        def work() -> object:
            return way(conversion(table, KINDS, within=MONTH, as_of=AS_OF, attempts="each", by="sku"))

        return work

    return make


# ---- waits ---------------------------------------------------------------------------------------------------------


def _waits(count: int, groups: int) -> pl.DataFrame:
    pick = random.Random(9)
    ends = [START + timedelta(seconds=pick.randrange(1, 10**8)) for _ in range(count)]
    return pl.DataFrame(
        {
            "started_at": [START] * count,
            "ended_at": [None if number % 3 == 0 else end for number, end in enumerate(ends)],
            "source": [f"g{number % groups}" for number in range(count)],
        },
        schema={
            "started_at": pl.Datetime("us", "UTC"),
            "ended_at": pl.Datetime("us", "UTC"),
            "source": pl.String(),
        },
    )


def waited(groups: Callable[[int], int]) -> Callable[[int], Work]:
    """Curves of groups."""

    def make(count: int) -> Work:
        table = _waits(count, max(groups(count), 1))

        def work() -> object:
            found = survival_by(table, "source", as_of=AS_OF)
            return [one.median for one in found.values()]

        return work

    return make


def ranked(count: int) -> Work:
    """The test whether two groups differ."""
    table = _waits(count, 2)
    return lambda: logrank_test(survival_by(table, "source", as_of=AS_OF))


# ---- backtests -----------------------------------------------------------------------------------------------------


def _tested(logs: Logs, count: int, **more: Any) -> object:
    first = _made_up.AS_OF - timedelta(days=200)
    end = first + count * timedelta(hours=1)
    return backtest(
        readiness_points,
        logs,
        POLICY,
        first=first,
        every=timedelta(hours=1),
        horizon=DAY,
        as_of=end + DAY,
        **more,
    )


def tested_days(count: int) -> Work:
    """A backtest of few people on so many days."""
    logs = shop(300)
    return lambda: _tested(logs, min(count, 970))  # no more than 1,000 days until as_of


def tested_records(count: int) -> Work:
    """A backtest of so many records on four days."""
    logs = shop(count)
    return lambda: _tested(logs, 4)


def compared(count: int) -> Work:
    """Two rules on the same people."""
    logs = shop(count)
    return lambda: str(compare_rules(is_lapsed, is_quiet, logs, POLICY, as_of=_made_up.AS_OF))


def calibrated(count: int) -> Work:
    """Points become probabilities: every person has points of their own."""
    pick = random.Random(2)
    points = pick.sample(range(10 * count), count)
    bought_then = [bool(pick.randrange(2)) for _ in points]
    return lambda: calibrate(points, bought_then)


# ---- stores --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=3)
def _kept(shape: str, count: int) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """A store of one person with so many records; the folder is gone with the last who holds it."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "shop.db"
    with SqliteStore(path, flush="normal") as store:
        store.load(records(shape, count), recorded_at=AS_OF)
        store.refresh("p1", as_of=AS_OF)
    return folder, path


def stored(way: Callable[[SqliteStore, int], object], shape: str = "a bit of everything") -> Callable[[int], Work]:
    """Something done with a store that was just opened."""

    def make(count: int) -> Work:
        folder, path = _kept(shape, count)

        def work() -> None:
            assert folder.name
            with SqliteStore(path, flush="normal") as store:
                way(store, count)

        return work

    return make


_fresh = iter(range(-1, -(10**9), -1))


def _append(store: SqliteStore, _: int) -> object:
    return store.append(bought(next(_fresh)), recorded_at=AS_OF)


def _append_later(store: SqliteStore, count: int) -> object:
    _append(store, count)
    for number in range(100):
        order = bought(count + number).model_copy(update={"id": f"late{next(_fresh)}"})
        store.append(order, recorded_at=AS_OF)
    return None


def _amend(store: SqliteStore, _: int) -> object:
    return store.amend(bought(3, promotion=f"x{next(_fresh)}"), recorded_at=AS_OF)


def appended(order: Callable[[Sequence[Any]], Sequence[Any]], shape: str) -> Callable[[int], Work]:
    """Records come into a store one by one."""

    def make(count: int) -> Work:
        given = order(records(shape, count))

        def work() -> None:
            with SqliteStore() as store:
                for record in given:
                    store.append(record, recorded_at=AS_OF)

        return work

    return make


def loaded(shape: str) -> Callable[[int], Work]:
    """Records are loaded at once, and everyone is judged."""

    def make(count: int) -> Work:
        given = records(shape, count)

        def work() -> None:
            with SqliteStore() as store:
                store.load(given, recorded_at=AS_OF)
                store.refresh_all(as_of=AS_OF)

        return work

    return make


def _of_many(count: int) -> list[Purchase]:
    return [
        Purchase(id=f"o{number}", person_id=f"n{number}", purchased_at=at(number), amount=Money(9, "USD"))
        for number in range(count)
    ]


def _one_by_one(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    for order in orders:
        store.append(order, recorded_at=AS_OF)


def _by_hundreds(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    for start in range(0, len(orders), 100):
        store.append(*orders[start : start + 100], recorded_at=AS_OF)


def _amended(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    store.load(orders, recorded_at=AS_OF)
    store.amend(*[order.model_copy(update={"promotion": "launch"}) for order in orders], recorded_at=AS_OF)


def _due_in_pages(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    store.load(orders, recorded_at=AS_OF)
    while people := store.due(before=AS_OF, limit=1_000):
        store.refresh(*people, as_of=AS_OF)


def _of_everyone(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    store.load(orders, recorded_at=AS_OF)
    store.refresh_all(as_of=AS_OF)
    store.logs()


def _erased(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    store.load(orders, recorded_at=AS_OF)
    for order in orders:
        store.export(order.person_id)
        store.erase(order.person_id)


def _merged_tables(store: SqliteStore, orders: Sequence[Purchase]) -> None:
    leads = [Lead(person_id=order.person_id, arrived_at=START) for order in orders]
    store.load([*orders, *leads], recorded_at=AS_OF)
    for number in range(1, len(orders), 2):
        store.merge(f"n{number}", into=f"n{number - 1}", merged_at=AS_OF)
    store.logs()


def of_many(way: Callable[[SqliteStore, Sequence[Purchase]], object]) -> Callable[[int], Work]:
    """Something done with a new store and the orders of as many people."""

    def make(count: int) -> Work:
        orders = _of_many(count)

        def work() -> None:
            with SqliteStore() as store:
                way(store, orders)

        return work

    return make


def of_one(way: Callable[[SqliteStore, Sequence[Purchase]], object]) -> Callable[[int], Work]:
    """The same with the orders of one person."""

    def make(count: int) -> Work:
        orders = [bought(number) for number in range(count)]

        def work() -> None:
            with SqliteStore() as store:
                way(store, orders)

        return work

    return make


def merged(
    shape: Callable[[int], list[int]], *, parted: bool = False, own: bool = False, backward: bool = False
) -> Callable[[int], Work]:
    """Names are merged one by one, and parted again if that is asked; each has a record of its own, or two have."""

    def make(count: int) -> Work:
        pairs = shape(count)
        orders = _of_many(count + 1)
        orders = orders if own else [orders[0], orders[-1]]

        def work() -> None:
            with SqliteStore() as store:
                store.load(orders, recorded_at=AS_OF)
                for number, into in list(enumerate(pairs))[:: -1 if backward else 1]:
                    store.merge(f"n{number}", into=f"n{into}", merged_at=AS_OF)
                for number in range(count if parted else 0):
                    store.unmerge(f"n{number}", unmerged_at=AS_OF)

        return work

    return make


def referred(count: int) -> Work:
    """A person sends so many, one by one."""
    given = records("people they sent", count)

    def work() -> None:
        with SqliteStore() as store:
            for lead in given:
                store.append(lead, recorded_at=AS_OF)

    return work


# ---- files ---------------------------------------------------------------------------------------------------------


def reported(count: int) -> Work:
    """The report on a file of orders."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "orders.csv"
    rows = "".join(
        f"o{number},p{number % max(count // 5, 1)},{at(number):%Y-%m-%d %H:%M},9.00\n" for number in range(count)
    )
    path.write_text("order,customer,date,amount\n" + rows, encoding="utf-8")
    how = OrderMapping(
        columns=Columns(id="order", person_id="customer", purchased_at="date", amount="amount"),
        currency="USD",
        zone="UTC",
        time_format="%Y-%m-%d %H:%M",
        amount_style="plain",
    )

    def work() -> object:
        assert folder.name
        orders = read_orders(path, how)
        return find(of_orders(orders), ReportQuery(as_of=AS_OF, tz="UTC", policy=POLICY, rows=10), lambda *_: None)

    return work


def cases() -> list[Case]:
    """Every operation: its name, what makes it ready, and the largest size."""
    far, near = 100_000, 10_000
    found: list[Case] = [(f"{name}, many people", over(way, shop), far) for name, way in QUESTIONS.items()]
    found += [(f"{name}, one person", over(way, alone), far) for name, way in QUESTIONS.items()]
    found.append(("growth and referral_rate, many people", over(grown, shop), far))
    shapes = {"a chain": _chain, "a star": _star, "a random forest": _forest}
    found += [(f"Logs with aliases: {name}", aliased(shape), far) for name, shape in shapes.items()]
    found += [
        ("affinity of one basket", sold(affinity, lambda _: 0), near),
        ("affinity of one person, each thing once", sold(affinity, lambda number: number), near),
        ("offers of one basket", sold(next_offers, lambda _: 0), near),
        ("offers of one person, each thing once", sold(next_offers, lambda number: number), near),
        ("Affinity.of one basket", sold_of, near),
        ("Affinity.of two things in turns", sold_again, near),
        ("survival_by two groups", waited(lambda _: 2), far),
        ("survival_by many groups", waited(lambda count: count // 10), near),
        ("logrank_test", ranked, far),
        ("backtest, days", tested_days, 1_000),
        ("backtest, records", tested_records, far),
        ("compare, records", compared, far),
        ("calibrate, records", calibrated, far),
        ("report on a file", reported, far),
    ]
    for order, entry in product(get_args(Order), get_args(Entry)):
        found.append((f"conversion of one person, {order}, {entry}", tried(order, entry), far))
        for then in ("drop", "remove"):
            exclude = Exclusion("complaint", then=cast("Any", then))
            if order != "any":
                name = f"conversion of one person, {order}, {entry}, exclusion: {then}"
                found.append((name, tried(order, entry, exclude=exclude), far))
    found += [
        (
            "conversion of one person, hold",
            tried("ordered", "any", hold="sku"),
            far,
        ),
        ("conversion of one person, each, short", tried("ordered", "each", long=False), far),
        ("conversion of one person, by", tried("ordered", "each", by=GroupBy("sku")), far),
        ("Funnel.times", funnel_told(lambda one: one.times()), near),
        ("Funnel.drivers", funnel_told(lambda one: one.drivers()), near),
        ("Funnel.trend", funnel_told(lambda one: one.trend("day", tz="UTC")), near),
        ("Funnel.people", funnel_told(lambda one: one.people("purchase")), near),
        ("Funnel.compare", funnel_told(lambda one: one.compare()), near),
    ]
    found += [
        ("SqliteStore.history", stored(lambda store, _: store.history("p1")), far),
        ("SqliteStore.append, a long history read anew", stored(_append), far),
        ("SqliteStore.append, a long history read once, then more", stored(_append_later), far),
        ("SqliteStore.amend, a long history", stored(_amend, "orders"), far),
        ("SqliteStore.export", stored(lambda store, _: store.export("p1")), far),
        ("SqliteStore.logs", stored(lambda store, _: store.logs()), far),
        ("SqliteStore.refresh_all", stored(lambda store, _: store.refresh_all(as_of=AS_OF)), far),
        ("SqliteStore.due, waiting", stored(lambda store, _: (store.due(before=AS_OF), store.unresolved())), far),
        ("SqliteStore.erase", stored(lambda store, _: store.erase("p1")), far),
        ("SqliteStore.load, one person", loaded("a bit of everything"), far),
        ("SqliteStore.append one by one, orders", appended(list, "orders"), near),
        ("SqliteStore.append one by one, everything", appended(list, "a bit of everything"), near),
        ("SqliteStore.append one by one, newest first", appended(late_first, "orders"), near),
        ("SqliteStore.append one by one, answered questions", appended(list, "questions answered at once"), near),
        ("SqliteStore.append one by one, refunds of one order", appended(list, "refunds of one order"), near),
        ("SqliteStore.append one by one, people they sent", referred, near),
        ("SqliteStore.append by hundreds, one person", of_one(_by_hundreds), far),
        ("SqliteStore.append one by one, many people", of_many(_one_by_one), near),
        ("SqliteStore.append by hundreds, many people", of_many(_by_hundreds), near),
        ("SqliteStore.amend at once, one person", of_one(_amended), far),
        ("SqliteStore.amend at once, many people", of_many(_amended), near),
        ("SqliteStore.due in pages, many people", of_many(_due_in_pages), near),
        ("SqliteStore.refresh_all and logs, many people", of_many(_of_everyone), far),
        ("SqliteStore.export and erase, many people", of_many(_erased), near),
        ("SqliteStore.logs, many people merged in pairs", of_many(_merged_tables), near),
        ("SqliteStore.merge, a chain", merged(_chain), near),
        ("SqliteStore.merge, a chain from the last", merged(_chain, backward=True), near),
        ("SqliteStore.merge, a chain, all of whom bought", merged(_chain, own=True), near),
        ("SqliteStore.merge, a star", merged(_star), near),
        ("SqliteStore.merge, a star, all of whom bought", merged(_star, own=True), near),
        ("SqliteStore.merge, a random forest, all of whom bought", merged(_forest, own=True), near),
        ("SqliteStore.merge and part, a star", merged(_star, parted=True), near),
    ]
    return found
