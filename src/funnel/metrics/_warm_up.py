"""`warm_up`: compile every loop before the first query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from funnel._dataframes.adapter import installed
from funnel._dataframes.output import frame_from_rows
from funnel.errors import MissingExtraError
from funnel.facts import Facts
from funnel.facts._schema import narrowed
from funnel.logs import Logs
from funnel.metrics._conversion.label_events import label_events
from funnel.metrics._conversion.prepared import Events
from funnel.metrics._conversion.query import DEFAULT_MATCHING, conversion_query
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._retention.activity import Plan


def warm_up() -> None:
    """Compile the loops of all metrics and machines and store the machine code on disk.

    Without it, the first metric or replay of a large table compiles its own loops, once for each installation: some 10
    seconds of processor time. All loops together need at most half a minute. Call it when a server starts or when an
    image is built. Needs the extra `fast`.

    Raises:
        MissingExtraError: numba or Polars is not installed.

    Example:
        >>> import funnel
        >>> funnel.warm_up()
    """
    if not (installed("numba") and installed("polars")):
        raise MissingExtraError("warm_up needs numba and Polars; run: pip install 'shopfunnel[fast]'")
    from funnel._dataframes.blocks import in_blocks
    from funnel._dataframes.loops import fast
    from funnel.machines._packed.event_rows import EventRows, read_tables
    from funnel.metrics._conversion import local_kernel
    from funnel.metrics._purchase_loops import Purchases, summaries
    from funnel.metrics._retention.cohort_loops import cohort_counts

    now = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"person_id": "a", "occurred_at": now, "kind": "a"}
    events: Any = frame_from_rows([row], list(row))
    query = conversion_query(["a", "b"], within=timedelta(days=1), as_of=now, matching=DEFAULT_MATCHING)
    labels = label_events(events, query)
    rows: Any = local_kernel.label_rows(labels.frame, labels.plan)
    local_kernel.attempts(labels.plan, rows, fast)
    local_kernel.attempts(attrs.evolve(labels.plan, order="strict"), rows, fast)
    local_kernel.attempts(labels.plan, rows, fast, label_events(Events(events)._source, query).source.people)
    in_blocks(rows["person"], rows["t"].to_numpy(), None, lambda block: block.starts, fast)
    purchases = Purchases(rows.select("t", person_id="person", net_amount="t"), fast, is_priced=True)
    days = Periods.between(query.now, query.now, Calendar.of("day", "UTC"))
    summaries(purchases, days)
    cohort_counts(purchases, Plan(query.now, days, None, (), "order"), "on")
    purchase = {"id": "1", "person_id": "a", "purchased_at": now, "amount": 1}
    bought: Any = frame_from_rows([purchase], list(purchase))
    logs: Any = Logs(purchases=bought)
    plan = narrowed(Facts._fact_plan, frozenset({"gap_before_last_purchase"}))
    replayed = EventRows.of(plan, read_tables(plan, logs._tables, query.now), {"": 0}, query.now, fast)
    replayed.in_blocks(lambda block: block.at, fast)
