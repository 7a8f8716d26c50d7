"""Types of the dataframes that calls return; read by mypy and pyright, never run.

pyarrow has no types of its own. Without the package `pyarrow-stubs` its tables are `Any` to a type checker.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

import duckdb
import pandas as pd
import polars as pl

from funnel import (
    Facts,
    History,
    Lead,
    Logs,
    Policy,
    SqliteStore,
    Stage,
    conversion,
    is_lapsed,
    lifecycle,
    retention,
    stage,
    survival,
    transitions,
    worklist,
)
from funnel.backtest import Calibration, RuleBook, RuleComparison, compare_rules, stage_difference
from funnel.machines import SHOP_MACHINE
from funnel.metrics import (
    Cohorts,
    Events,
    FunnelResult,
    PurchaseSummary,
    durations,
    next_offers,
    rfm_quantiles,
)
from funnel.metrics._stage_flow.difference_result import StageDifference
from funnel.store import AsyncSqlAlchemyStore, Engine, Store
from funnel.worklists import Worklist, next_review_at

policy, week = Policy(), timedelta(days=7)


def logs_are_of_their_frames(
    eager: pl.DataFrame, lazy: pl.LazyFrame, pandas: pd.DataFrame, duckdb_table: duckdb.DuckDBPyRelation
) -> None:
    """Logs have the type of the frames that they are made of."""
    assert_type(Logs(purchases=eager), Logs[pl.DataFrame])
    assert_type(Logs(leads=lazy, purchases=lazy, currency="IDR"), Logs[pl.LazyFrame])
    assert_type(Logs(interactions=pandas), Logs[pd.DataFrame])
    assert_type(Logs(refunds=duckdb_table), Logs[duckdb.DuckDBPyRelation])


def events_are_of_their_frame(eager: pl.DataFrame, lazy: pl.LazyFrame, as_of: datetime) -> None:
    """Prepared events, and the funnels of them, have the type of the frame that they are made of."""
    assert_type(Events(eager), Events[pl.DataFrame])
    assert_type(conversion(Events(lazy), ["a", "b"], within=week, as_of=as_of), FunnelResult[pl.LazyFrame])


def one_of_each_kind(
    eager: Logs[pl.DataFrame],
    lazy: Logs[pl.LazyFrame],
    pandas: Logs[pd.DataFrame],
    duckdb_logs: Logs[duckdb.DuckDBPyRelation],
    unknown: Logs,
) -> None:
    """A rule returns the kind of frame that the logs have."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert_type(stage.over(eager, policy, as_of=now), pl.DataFrame)
    assert_type(stage.over(lazy, policy, as_of=now), pl.LazyFrame)
    assert_type(stage.over(pandas, policy, as_of=now), pd.DataFrame)
    assert_type(stage.over(duckdb_logs, policy, as_of=now), duckdb.DuckDBPyRelation)
    assert_type(stage.over(unknown, policy, as_of=now), Any)


def every_call_on_logs(logs: Logs[pl.LazyFrame], lines: pl.DataFrame, now: datetime) -> None:
    """Each call that returns a frame returns the kind that the logs have."""
    assert_type(logs.as_known(now), Logs[pl.LazyFrame])
    assert_type(Facts.over(logs, as_of=now), pl.LazyFrame)
    assert_type(Facts.running(logs, as_of=now), pl.LazyFrame)
    assert_type(is_lapsed.next_change.over(logs, policy, as_of=now), pl.LazyFrame)
    assert_type(SHOP_MACHINE.over(logs, policy, as_of=now), pl.LazyFrame)
    assert_type(SHOP_MACHINE.transitions.over(logs, policy, as_of=now), pl.LazyFrame)
    assert_type(transitions.over(logs, policy, as_of=now), pl.LazyFrame)
    assert_type(worklist(logs, policy, as_of=now, tz="UTC"), pl.LazyFrame)
    assert_type(next_review_at(logs, policy, as_of=now), pl.LazyFrame)
    assert_type(rfm_quantiles(logs, as_of=now), pl.LazyFrame)
    assert_type(next_offers(logs, lines, week, as_of=now), pl.LazyFrame)
    assert_type(durations(logs, "leads", "purchases", as_of=now), pl.LazyFrame)
    assert_type(PurchaseSummary.over(logs, tz="UTC", as_of=now), pl.LazyFrame)
    assert_type(compare_rules(is_lapsed, is_lapsed, logs, policy, as_of=now), RuleComparison[pl.LazyFrame])
    assert_type(compare_rules(is_lapsed, is_lapsed, logs, policy, as_of=now).people(1, 0), pl.LazyFrame)
    funnel = conversion(logs, ["view", "purchase"], within=week, as_of=now)
    assert_type(funnel, FunnelResult[pl.LazyFrame])
    assert_type(funnel.people("view", "pending"), pl.LazyFrame)
    cohorts = retention(logs, tz="UTC", as_of=now)
    assert_type(cohorts, Cohorts[pl.LazyFrame])
    assert_type(cohorts.people_of(now.date(), 0), pl.LazyFrame)
    difference = stage_difference(logs, RuleBook(policy), RuleBook(policy), tz="UTC", as_of=now)
    assert_type(difference, StageDifference[pl.LazyFrame])
    assert_type(difference.people, pl.LazyFrame)


def every_call_on_a_frame(frame: pd.DataFrame, now: datetime, calibration: Calibration) -> None:
    """Each call that takes a plain frame returns the same kind."""
    assert_type(stage.over(frame, policy), pd.DataFrame)
    assert_type(calibration.over(frame, "points"), pd.DataFrame)
    assert_type(durations(frame, "lead", "order", as_of=now), pd.DataFrame)
    assert_type(PurchaseSummary.over(frame, tz="UTC", as_of=now), pd.DataFrame)
    assert_type(conversion(frame, ["a", "b"], within=week, as_of=now).people("a"), pd.DataFrame)
    assert_type(retention(frame, tz="UTC", as_of=now).people_of(now.date(), 0), pd.DataFrame)
    survival(frame, as_of=now)
    lifecycle(frame, tz="UTC", as_of=now)


def every_call_on_people(history: History, now: datetime) -> None:
    """Histories and lists give plain Python."""
    assert_type(worklist(history, policy, as_of=now, tz="UTC"), Worklist)
    assert_type(next_review_at([history], policy, as_of=now), dict[str, datetime | None])
    assert_type(stage.of(history, policy, as_of=now), Stage)
    events = [{"person_id": "p1", "kind": "view", "occurred_at": now}]
    assert_type(conversion(events, ["a", "b"], within=week, as_of=now).entered, int)
    assert_type(retention(history.purchases, tz="UTC", as_of=now).people_of(now.date(), 0), list[Any])
    difference = stage_difference(history, RuleBook(policy), RuleBook(policy), tz="UTC", as_of=now)
    assert_type(difference.people, list[dict[str, Any]])
    survival([(now, None), (now, now + week)], as_of=now)


def own_facts(logs: Logs[pl.DataFrame], now: datetime, kind: type[Facts]) -> None:
    """Facts of a class that the call does not name have the kind of frame too."""
    assert_type(kind.over(logs, as_of=now), pl.DataFrame)


async def stores(
    store: Store, sqlite: SqliteStore, server: AsyncSqlAlchemyStore, engine: Engine, now: datetime
) -> None:
    """A store returns logs of the engine that the call names."""
    polars_logs: Logs[pl.DataFrame] = store.logs()
    same: Logs[pl.DataFrame] = store.logs(engine="polars")
    pandas_logs: Logs[pd.DataFrame] = store.logs(engine="pandas")
    duckdb_logs: Logs[duckdb.DuckDBPyRelation] = sqlite.logs(engine="duckdb")
    any_logs: Logs = store.logs(engine=engine)
    wrong: Logs[pl.LazyFrame] = store.logs()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert_type(stage.over(sqlite.logs(), policy, as_of=now), pl.DataFrame)
    assert_type(stage.over(sqlite.logs(engine="pyarrow"), policy, as_of=now), Any)
    assert_type(stage.over(await server.logs(engine="pandas"), policy, as_of=now), pd.DataFrame)
    print(polars_logs, same, pandas_logs, duckdb_logs, any_logs, wrong)  # noqa: T201 (all are used)


def refused(logs: Logs[pl.DataFrame], frame: pl.DataFrame, history: History, now: datetime) -> None:
    """Calls that raise an error at run time are errors to a type checker."""
    Logs(purchases=42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Logs(purchases=[Lead(person_id="p1", arrived_at=now)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    stage.over(logs, policy)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    stage.over(frame, policy, as_of=now)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    stage.over(42, policy)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    stage.of(history, policy)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    Facts.over(frame, as_of=now)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    worklist(frame, policy, as_of=now, tz="UTC")  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    conversion(42, ["a", "b"], within=week, as_of=now)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    retention(42, tz="UTC", as_of=now)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    SqliteStore().logs(engine="excel")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    stage.over(logs, policy, as_of=now).no_such_method()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
