"""The types of stores; read by mypy and pyright, never run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_type

from funnel import History, Lead, Logs, SqliteStore, Store
from funnel.store import Alias, AppendResult, StageRecord

now = datetime(2026, 3, 1, tzinfo=UTC)
lead = Lead(person_id="p1", arrived_at=now)
store: Store = SqliteStore()

with SqliteStore("shop.db") as shop:
    assert_type(shop, SqliteStore)
    assert_type(shop.append(lead, recorded_at=now), AppendResult)
    assert_type(shop.amend(lead, recorded_at=now, expected={"p1": 1}), AppendResult)
    assert_type(shop.load([lead], recorded_at=now).stage_records, tuple[StageRecord, ...])
    assert_type(shop.history("p1"), History)
    assert_type(shop.stage_record("p1"), StageRecord | None)
    assert_type(shop.due(before=now), list[str])
    assert_type(shop.refresh("p1", as_of=now), list[StageRecord])
    assert_type(shop.merge("p2", into="p1", merged_at=now), StageRecord)
    assert_type(shop.unmerge("p2", unmerged_at=now), tuple[StageRecord, StageRecord])
    assert_type(shop.aliases("p1"), list[Alias])
    assert_type(shop.logs(engine="pyarrow"), Logs[Any])
    assert_type(shop.export("p1"), str)
    assert_type(shop.erase("p1"), int)
