"""What a type checker must see of stores; read by mypy and pyright, never run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_type

from funnel import History, Lead, Logs, SqliteStore, Store
from funnel.store import Alias, AppendResult, StageRecord

now = datetime(2026, 3, 1, tzinfo=UTC)
lead = Lead(person_id="p1", arrived_at=now)
store: Store = SqliteStore()

with SqliteStore("shop.db") as kept:
    assert_type(kept, SqliteStore)
    assert_type(kept.append(lead, recorded_at=now), AppendResult)
    assert_type(kept.amend(lead, recorded_at=now, expected={"p1": 1}), AppendResult)
    assert_type(kept.load([lead], recorded_at=now).standings, tuple[StageRecord, ...])
    assert_type(kept.history("p1"), History)
    assert_type(kept.stage_record("p1"), StageRecord | None)
    assert_type(kept.due(before=now), list[str])
    assert_type(kept.refresh("p1", as_of=now), list[StageRecord])
    assert_type(kept.merge("p2", into="p1", merged_at=now), StageRecord)
    assert_type(kept.unmerge("p2", unmerged_at=now), tuple[StageRecord, StageRecord])
    assert_type(kept.aliases("p1"), list[Alias])
    assert_type(kept.logs(engine="pandas"), Logs)
    assert_type(kept.export("p1"), str)
    assert_type(kept.erase("p1"), int)
