"""A small valid shop as tables, and changes that make one row invalid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from funnel.errors import LogsError
from funnel.facts import count, last, latest, total
from funnel.facts._base import BaseFacts
from funnel.logs import Logs
from tests.engines import ENGINES, FULL, HERE
from tests.frames import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funnel.logs import Issue

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
BEFORE, AFTER = AT - timedelta(microseconds=1), AT + timedelta(microseconds=1)
FEW = HERE if FULL else ("polars", "pandas")
"""The engines of a test of which one way each to run is enough every day."""

ORDERED = ("polars", "polars lazy", "pandas", "pyarrow")
"""The engines whose rows have an order, and so numbers."""

REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "leads": {"person_id": "p1", "arrived_at": AT, "source": "fair", "campaign": "c"},
    "purchases": {"id": "1", "person_id": "p1", "purchased_at": AT, "amount": 900},
    "refunds": {"id": "1", "purchase_id": "1", "refunded_at": AT, "amount": 1},
    "interactions": {"id": "1", "person_id": "p1", "occurred_at": AT, "kind": "visit"},
    "aliases": {"alias": "a", "person_id": "p1"},
}
"""The least that a row of each log says."""


class FewFacts(BaseFacts):
    """A fact of every log; other tests check all facts on every engine."""

    lead_count: int = count("leads")
    referral_count: int = count("referrals")
    purchase_count: int = count("purchases")
    last_purchase_at: datetime | None = last("purchases")
    net_spent: int = total("purchases", "net_amount")
    open_promise_count: int = count("promises")
    open_question_count: int = count("open_questions")
    unanswered_follow_up_count: int = count("open_follow_ups")
    last_feedback_score: int = latest("feedback", "score")


def rows(log: str, *changes: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of a log: minimal rows with some changes, with ids if the log has ids."""
    filled: list[dict[str, Any]] = []
    for number, change in enumerate(changes, 1):
        numbered = {"id": str(number)} if "id" in REQUIRED[log] else {}
        filled.append({**REQUIRED[log], **numbered, **change})
    columns = {name for row in filled for name in row}
    types = {**SCHEMAS.get(log, {}), "currency": pl.String, "alias": pl.String, "person_id": pl.String}
    schema = {name: dtype for name, dtype in types.items() if name in {*REQUIRED[log], *columns}}
    return pl.DataFrame(filled, schema={**schema, **dict.fromkeys(columns - set(schema))})


def faults(engine: str = "polars", *, currency: str | None = None, **tables: pl.DataFrame) -> tuple[Issue, ...]:
    """Return the issues of tables on an engine."""
    with pytest.raises(LogsError) as caught:
        Logs(currency=currency, **ENGINES[engine](tables))
    return caught.value.faults  # type: ignore[return-value]
