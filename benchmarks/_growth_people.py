"""Operations on tables, files and stores of any size, measured by `growth`, one case for each operation."""

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

from benchmarks import _synthetic_shop
from benchmarks._growth_person import AS_OF, POLICY, SHORT, START, Case, Work, at, late_first, purchase_record, records
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
from funnel.backtest import BacktestDates, RuleBook, backtest, calibrate, compare_rules, stage_difference
from funnel.cli._findings import ReportQuery, find
from funnel.cli._source import of_orders
from funnel.metrics import (
    Affinity,
    Matching,
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
)
from funnel.metrics._conversion.label_events import Entry, Order
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
    frames = dict(_synthetic_shop.shop(max(events, 10)))
    frames["purchases"] = frames["purchases"].with_columns(
        promotion=pl.when(pl.col("id").hash() % 3 == 0).then(pl.lit("launch")).otherwise(pl.lit(""))
    )
    people = pl.concat([one.select("person_id") for one in frames.values() if "person_id" in one.columns]).unique()
    frames["leads"] = people.sort("person_id").with_columns(
        arrived_at=pl.lit(_synthetic_shop.AS_OF - timedelta(days=700)).cast(pl.Datetime("us", "UTC")),
        source=pl.lit("ad"),
    )
    return Logs(**frames)


@lru_cache(maxsize=4)
def alone(events: int) -> Logs:
    """A shop with one person only."""
    frames = {
        log: frame.with_columns(person_id=pl.lit("p1")) if "person_id" in frame.columns else frame
        for log, frame in _synthetic_shop.shop(max(events, 10)).items()
    }
    return Logs(**frames)


def over(operation: Callable[[Logs], object], of: Callable[[int], Logs]) -> Callable[[int], Work]:
    """Return a computation over everyone."""

    def make(count: int) -> Work:
        logs = of(count)
        return lambda: operation(logs)

    return make


def _collected(answer: Any) -> object:
    return answer.collect() if isinstance(answer, pl.LazyFrame) else answer


def _survived(logs: Logs) -> object:
    table = durations(logs, "interactions", "purchases", as_of=_synthetic_shop.AS_OF)
    all_cases = survival(table, as_of=_synthetic_shop.AS_OF)
    return list(all_cases.steps), all_cases.median, all_cases.plateau()


QUESTIONS: Mapping[str, Callable[[Logs], object]] = {
    "Facts.over": lambda logs: _collected(Facts.over(logs, as_of=_synthetic_shop.AS_OF)),
    "transitions.over": lambda logs: _collected(transitions.over(logs, SHORT, as_of=_synthetic_shop.AS_OF)),
    "stage.next_change.over": lambda logs: _collected(
        stage.next_change.over(logs, POLICY, as_of=_synthetic_shop.AS_OF)
    ),
    "worklist": lambda logs: _collected(worklist(logs, POLICY, as_of=_synthetic_shop.AS_OF, tz="UTC")),
    "next_review_at": lambda logs: _collected(next_review_at(logs, POLICY, as_of=_synthetic_shop.AS_OF)),
    "retention": lambda logs: str(retention(logs, tz="UTC", as_of=_synthetic_shop.AS_OF)),
    "retention, rolling windows": lambda logs: retention(logs, "day", tz="UTC", as_of=_synthetic_shop.AS_OF).to_dicts(),
    "lifecycle": lambda logs: str(lifecycle(logs, "day", tz="UTC", as_of=_synthetic_shop.AS_OF)),
    "repeat_rates": lambda logs: repeat_rates(logs, MONTH, as_of=_synthetic_shop.AS_OF),
    "repeat_by": lambda logs: repeat_by(logs, "source", MONTH, as_of=_synthetic_shop.AS_OF),
    "purchase_steps": lambda logs: purchase_steps(logs, MONTH, as_of=_synthetic_shop.AS_OF),
    "purchase_rhythm": lambda logs: purchase_rhythm(logs, as_of=_synthetic_shop.AS_OF),
    "promotion_retention": lambda logs: promotion_retention(logs, MONTH, as_of=_synthetic_shop.AS_OF),
    "rfm_quantiles": lambda logs: _collected(rfm_quantiles(logs, as_of=_synthetic_shop.AS_OF)),
    "segments": lambda logs: segments(logs, LIMITS, as_of=_synthetic_shop.AS_OF),
    "PurchaseSummary.over": lambda logs: _collected(PurchaseSummary.over(logs, tz="UTC", as_of=_synthetic_shop.AS_OF)),
    "churn_reasons": lambda logs: str(churn_reasons(logs, POLICY, as_of=_synthetic_shop.AS_OF)),
    "stage_flow": lambda logs: str(stage_flow(logs, POLICY, tz="UTC", as_of=_synthetic_shop.AS_OF)),
    "stage_difference": lambda logs: str(
        stage_difference(logs, RuleBook(POLICY), RuleBook(SHORT), tz="UTC", as_of=_synthetic_shop.AS_OF)
    ),
    "durations and survival": _survived,
}


def growth_report(logs: Logs) -> object:
    """Return the growth report and the referral rate."""
    text = str(growth(logs, within=MONTH, margin=0.25, tz="UTC", as_of=_synthetic_shop.AS_OF))
    return text, referral_rate(logs, as_of=_synthetic_shop.AS_OF)


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


def with_aliases(shape: Callable[[int], list[int]]) -> Callable[[int], Work]:
    """Return logs with as many aliases as people, and everyone's facts."""

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


def affinity_of(operation: Callable[..., object], baskets: Callable[[int], int]) -> Callable[[int], Work]:
    """Return the affinity of one person's products, in one basket or in many."""

    def make(count: int) -> Work:
        logs, lines = _sold(count, baskets)
        return lambda: operation(logs, lines, MONTH, as_of=AS_OF)

    return make


def affinity_of_basket(count: int) -> Work:
    """Return the affinity of a history with one basket."""
    lines = tuple(OrderLine(sku=f"s{number}", unit_price=Money(1, "USD")) for number in range(count))
    person = History.of("p1", [Purchase(id="1", person_id="p1", purchased_at=START, lines=lines)])
    return lambda: Affinity.of([person], MONTH, as_of=AS_OF)


def affinity_of_alternating(count: int) -> Work:
    """Return the affinity of two products bought alternately."""
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
    """Events of one person: views, carts, purchases, some complaints."""
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


def funnel_of(order: Any, entry: Any, **options: Any) -> Callable[[int], Work]:
    """Return a funnel of one person with the given options."""

    def make(count: int) -> Work:
        table = events(count)
        within = (AS_OF - START) if options.get("long", True) else MONTH
        rest = {name: value for name, value in options.items() if name != "long"}
        matching = Matching(order=order, attempts=entry, **rest)
        return lambda: str(conversion(table, KINDS, within=within, as_of=AS_OF, matching=matching))

    return make


def funnel_result(operation: Callable[[Any], object]) -> Callable[[int], Work]:
    """Return a further result of a funnel of one person, with every attempt."""

    def make(count: int) -> Work:
        table = events(count)

        def work() -> object:
            return operation(
                conversion(table, KINDS, within=MONTH, as_of=AS_OF, matching=Matching(attempts="each"), by="sku")
            )

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


def survival_of(groups: Callable[[int], int]) -> Callable[[int], Work]:
    """Curves of groups."""

    def make(count: int) -> Work:
        table = _waits(count, max(groups(count), 1))

        def work() -> object:
            all_cases = survival(table, by="source", as_of=AS_OF)
            return [one.median for one in all_cases.values()]

        return work

    return make


def logrank_of(count: int) -> Work:
    """Return the log-rank test of two groups."""
    table = _waits(count, 2)
    return lambda: logrank_test(survival(table, by="source", as_of=AS_OF))


# ---- backtests -----------------------------------------------------------------------------------------------------


def _tested(logs: Logs, count: int, **more: Any) -> object:
    first = _synthetic_shop.AS_OF - timedelta(days=200)
    end = first + count * timedelta(hours=1)
    return backtest(
        readiness_points,
        logs,
        POLICY,
        BacktestDates(first, every=timedelta(hours=1), horizon=DAY),
        as_of=end + DAY,
        **more,
    )


def tested_days(count: int) -> Work:
    """A backtest of few people on many days."""
    logs = shop(300)
    return lambda: _tested(logs, min(count, 970))  # no more than 1,000 days until as_of


def tested_records(count: int) -> Work:
    """A backtest of many records on four days."""
    logs = shop(count)
    return lambda: _tested(logs, 4)


def compared_rules(count: int) -> Work:
    """Compare two rules on the same people."""
    logs = shop(count)
    return lambda: str(compare_rules(is_lapsed, is_quiet, logs, POLICY, as_of=_synthetic_shop.AS_OF))


def calibrated_points(count: int) -> Work:
    """Calibrate points, different for every person."""
    pick = random.Random(2)
    points = pick.sample(range(10 * count), count)
    bought_then = [bool(pick.randrange(2)) for _ in points]
    return lambda: calibrate(points, bought_then)


# ---- stores --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=3)
def _store_of(shape: str, count: int) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """Return a store of one person with many records; the folder is removed with its last reference."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "shop.db"
    with SqliteStore(path, flush="normal") as store:
        store.load(records(shape, count), recorded_at=AS_OF)
        store.refresh("p1", as_of=AS_OF)
    return folder, path


def with_store(operation: Callable[[SqliteStore, int], object], shape: str = "mixed records") -> Callable[[int], Work]:
    """Return an operation on a store that was just opened."""

    def make(count: int) -> Work:
        folder, path = _store_of(shape, count)

        def work() -> None:
            assert folder.name
            with SqliteStore(path, flush="normal") as store:
                operation(store, count)

        return work

    return make


_fresh = iter(range(-1, -(10**9), -1))


def _append(store: SqliteStore, _: int) -> object:
    return store.append(purchase_record(next(_fresh)), recorded_at=AS_OF)


def _append_later(store: SqliteStore, count: int) -> object:
    _append(store, count)
    for number in range(100):
        order = purchase_record(count + number).model_copy(update={"id": f"late{next(_fresh)}"})
        store.append(order, recorded_at=AS_OF)
    return None


def _amend(store: SqliteStore, _: int) -> object:
    return store.amend(purchase_record(3, promotion=f"x{next(_fresh)}"), recorded_at=AS_OF)


def append_each(order: Callable[[Sequence[Any]], Sequence[Any]], shape: str) -> Callable[[int], Work]:
    """Append records to a store one by one."""

    def make(count: int) -> Work:
        source_records = order(records(shape, count))

        def work() -> None:
            with SqliteStore() as store:
                for record in source_records:
                    store.append(record, recorded_at=AS_OF)

        return work

    return make


def load_all(shape: str) -> Callable[[int], Work]:
    """Load all records at once, and evaluate everyone."""

    def make(count: int) -> Work:
        source_records = records(shape, count)

        def work() -> None:
            with SqliteStore() as store:
                store.load(source_records, recorded_at=AS_OF)
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


def of_many(operation: Callable[[SqliteStore, Sequence[Purchase]], object]) -> Callable[[int], Work]:
    """Return an operation on a new store and the orders of many people."""

    def make(count: int) -> Work:
        orders = _of_many(count)

        def work() -> None:
            with SqliteStore() as store:
                operation(store, orders)

        return work

    return make


def of_one(operation: Callable[[SqliteStore, Sequence[Purchase]], object]) -> Callable[[int], Work]:
    """Return an operation on a new store and the orders of one person."""

    def make(count: int) -> Work:
        orders = [purchase_record(number) for number in range(count)]

        def work() -> None:
            with SqliteStore() as store:
                operation(store, orders)

        return work

    return make


def merge_names(
    shape: Callable[[int], list[int]], *, unmerge: bool = False, own: bool = False, backward: bool = False
) -> Callable[[int], Work]:
    """Merge names one by one, optionally undo the merges; each name has a record, or two names have."""

    def make(count: int) -> Work:
        pairs = shape(count)
        orders = _of_many(count + 1)
        orders = orders if own else [orders[0], orders[-1]]

        def work() -> None:
            with SqliteStore() as store:
                store.load(orders, recorded_at=AS_OF)
                for number, into in list(enumerate(pairs))[:: -1 if backward else 1]:
                    store.merge(f"n{number}", into=f"n{into}", merged_at=AS_OF)
                for number in range(count if unmerge else 0):
                    store.unmerge(f"n{number}", unmerged_at=AS_OF)

        return work

    return make


def append_referrals(count: int) -> Work:
    """Append the referrals of one person one by one."""
    source_records = records("referred people", count)

    def work() -> None:
        with SqliteStore() as store:
            for lead in source_records:
                store.append(lead, recorded_at=AS_OF)

    return work


# ---- files ---------------------------------------------------------------------------------------------------------


def report_on(count: int) -> Work:
    """The report on a file of orders."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "orders.csv"
    rows = "".join(
        f"o{number},p{number % max(count // 5, 1)},{at(number):%Y-%m-%d %H:%M},9.00\n" for number in range(count)
    )
    path.write_text("order,customer,date,amount\n" + rows, encoding="utf-8")
    mapping = OrderMapping(
        columns=Columns(id="order", person_id="customer", purchased_at="date", amount="amount"),
        currency="USD",
        zone="UTC",
        time_format="%Y-%m-%d %H:%M",
        amount_style="plain",
    )

    def work() -> object:
        assert folder.name
        orders = read_orders(path, mapping)
        return find(of_orders(orders), ReportQuery(as_of=AS_OF, tz="UTC", policy=POLICY, rows=10), lambda *_: None)

    return work


def cases() -> list[Case]:
    """Return every operation: its name, its preparation, and its largest size."""
    far, near = 100_000, 10_000
    all_cases: list[Case] = [
        (f"{name}, many people", over(operation, shop), far) for name, operation in QUESTIONS.items()
    ]
    all_cases += [(f"{name}, one person", over(operation, alone), far) for name, operation in QUESTIONS.items()]
    all_cases.append(("growth and referral_rate, many people", over(growth_report, shop), far))
    shapes = {"a chain": _chain, "a star": _star, "a random forest": _forest}
    all_cases += [(f"Logs with aliases: {name}", with_aliases(shape), far) for name, shape in shapes.items()]
    all_cases += [
        ("affinity of one basket", affinity_of(affinity, lambda _: 0), near),
        ("affinity of one person, each product once", affinity_of(affinity, lambda number: number), near),
        ("next_offers of one basket", affinity_of(next_offers, lambda _: 0), near),
        ("next_offers of one person, each product once", affinity_of(next_offers, lambda number: number), near),
        ("Affinity.of one basket", affinity_of_basket, near),
        ("Affinity.of two alternating products", affinity_of_alternating, near),
        ("survival by two groups", survival_of(lambda _: 2), far),
        ("survival by many groups", survival_of(lambda count: count // 10), near),
        ("logrank_test", logrank_of, far),
        ("backtest, days", tested_days, 1_000),
        ("backtest, records", tested_records, far),
        ("compare_rules, records", compared_rules, far),
        ("calibrate, records", calibrated_points, far),
        ("report on a file", report_on, far),
    ]
    for order, entry in product(get_args(Order), get_args(Entry)):
        all_cases.append((f"conversion of one person, {order}, {entry}", funnel_of(order, entry), far))
        for then in ("drop", "remove"):
            exclude = Exclusion("complaint", then=cast("Any", then))
            if order != "any":
                name = f"conversion of one person, {order}, {entry}, exclusion: {then}"
                all_cases.append((name, funnel_of(order, entry, exclude=exclude), far))
    all_cases += [
        (
            "conversion of one person, hold_constant",
            funnel_of("ordered", "any", hold_constant="sku"),
            far,
        ),
        ("conversion of one person, each, short window", funnel_of("ordered", "each", long=False), far),
        ("conversion of one person, by a column", funnel_of("ordered", "each", by=GroupBy("sku")), far),
        ("FunnelResult.times", funnel_result(lambda one: one.times()), near),
        ("FunnelResult.drivers", funnel_result(lambda one: one.drivers()), near),
        ("FunnelResult.trend", funnel_result(lambda one: one.trend("day", tz="UTC")), near),
        ("FunnelResult.people", funnel_result(lambda one: one.people("purchase")), near),
        ("FunnelResult.compare", funnel_result(lambda one: one.compare()), near),
    ]
    all_cases += [
        ("SqliteStore.history", with_store(lambda store, _: store.history("p1")), far),
        ("SqliteStore.append, a long history read again", with_store(_append), far),
        ("SqliteStore.append, a long history read once, then 100 records", with_store(_append_later), far),
        ("SqliteStore.amend, a long history", with_store(_amend, "orders"), far),
        ("SqliteStore.export", with_store(lambda store, _: store.export("p1")), far),
        ("SqliteStore.logs", with_store(lambda store, _: store.logs()), far),
        ("SqliteStore.refresh_all", with_store(lambda store, _: store.refresh_all(as_of=AS_OF)), far),
        (
            "SqliteStore.due and unresolved",
            with_store(lambda store, _: (store.due(before=AS_OF), store.unresolved())),
            far,
        ),
        ("SqliteStore.erase", with_store(lambda store, _: store.erase("p1")), far),
        ("SqliteStore.load, one person", load_all("mixed records"), far),
        ("SqliteStore.append one by one, orders", append_each(list, "orders"), near),
        ("SqliteStore.append one by one, mixed records", append_each(list, "mixed records"), near),
        ("SqliteStore.append one by one, newest first", append_each(late_first, "orders"), near),
        (
            "SqliteStore.append one by one, answered questions",
            append_each(list, "questions answered immediately"),
            near,
        ),
        ("SqliteStore.append one by one, refunds of one order", append_each(list, "refunds of one order"), near),
        ("SqliteStore.append one by one, referred people", append_referrals, near),
        ("SqliteStore.append by hundreds, one person", of_one(_by_hundreds), far),
        ("SqliteStore.append one by one, many people", of_many(_one_by_one), near),
        ("SqliteStore.append by hundreds, many people", of_many(_by_hundreds), near),
        ("SqliteStore.amend at once, one person", of_one(_amended), far),
        ("SqliteStore.amend at once, many people", of_many(_amended), near),
        ("SqliteStore.due in pages, many people", of_many(_due_in_pages), near),
        ("SqliteStore.refresh_all and logs, many people", of_many(_of_everyone), far),
        ("SqliteStore.export and erase, many people", of_many(_erased), near),
        ("SqliteStore.logs, many people merged in pairs", of_many(_merged_tables), near),
        ("SqliteStore.merge, a chain", merge_names(_chain), near),
        ("SqliteStore.merge, a chain from the last", merge_names(_chain, backward=True), near),
        ("SqliteStore.merge, a chain, all buyers", merge_names(_chain, own=True), near),
        ("SqliteStore.merge, a star", merge_names(_star), near),
        ("SqliteStore.merge, a star, all buyers", merge_names(_star, own=True), near),
        ("SqliteStore.merge, a random forest, all buyers", merge_names(_forest, own=True), near),
        ("SqliteStore.merge and unmerge, a star", merge_names(_star, unmerge=True), near),
    ]
    return all_cases
