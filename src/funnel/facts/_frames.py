"""Facts as columns: all people at one instant, or at every instant of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import narwhals as nw

from funnel._aggregate.aggregations import POST_AGGREGATIONS, base_table, own_kind, own_name
from funnel._aggregate.group_by import PERSON, aggregated, value_name
from funnel._aggregate.intervals import cached
from funnel._aggregate.window import AT, running
from funnel._aggregate.within import table_until
from funnel._arguments import brief, suggest
from funnel._dataframes.adapter import Frame
from funnel._dataframes.frame_types import FrameT
from funnel._dataframes.repeat_rows import REPEAT, repeat_rows
from funnel._expr.nodes import Fact, Node
from funnel._expr.to_narwhals import Column, by_value, int_lit, node_column
from funnel._ledger.own import OWN_LOGS
from funnel._ledger.streams import ROOTS
from funnel._people import logs_of
from funnel._time import EVER, FOREVER, LATEST, NEVER
from funnel.errors import FactsError
from funnel.facts._declare import SLOPES, Declared
from funnel.facts._schema import FactSchema, narrowed
from funnel.logs import Logs
from funnel.logs.ledger import LedgerTables

KNOWN_AT = "known_at"
UNTIL = "_until"
"""Column of the instant until which the values of a row hold, exclusive."""


def facts_over(plan: FactSchema, logs: Logs[FrameT], now: int) -> FrameT:
    """Return everyone's facts at one instant, in the logs' frame kind."""
    return _as_columns(plan, raw_facts_over(plan, logs, now), logs, nw.lit(now, nw.Int64()), [])


def facts_sql(
    plan: FactSchema, tables: Mapping[str, Collection[str]], now: int, dialect: str, names: Collection[str] | None
) -> str:
    """Return the SQL of everyone's facts at one instant."""
    from funnel.logs.sql_tables import SqlLogs, to_sql, words_of

    own: dict[str, dict[str, str]] = {}
    for stream in plan.layouts.values():
        kinds = {own_name(field): own_kind(field) for field in stream.own}
        own.setdefault(OWN_LOGS[stream.plain_table], {}).update(kinds)
    logs = SqlLogs(tables, dialect, own)
    chosen = plan.declared if names is None else words_of(names, "facts")
    unknown = [name for name in chosen if name not in plan.declared]
    if unknown:
        raise FactsError(f"the fact {brief(unknown[0])} is unknown; {suggest(unknown[0], plan.declared)}")
    return to_sql(facts_over(narrowed(plan, frozenset(chosen)), logs, now), dialect)


def facts_running(plan: FactSchema, logs: Logs[FrameT], now: int) -> FrameT:
    """Return everyone's facts at each of their instants, in the logs' frame kind."""
    frame = with_derived(plan, running(logs_of(logs)._materialized_tables, plan.reductions, now)).rename({AT: KNOWN_AT})
    return _as_columns(plan, frame, logs, nw.col(KNOWN_AT), [KNOWN_AT])


def raw_facts_over(plan: FactSchema, logs: Logs, now: int) -> Frame:
    """Return the raw values of facts of all people.

    They are integers and texts, without nulls.

    Raises:
        ArgumentError: The argument is not `Logs`.
    """
    return raw_facts(plan, logs_of(logs)._fact_tables, now)


def raw_facts(plan: FactSchema, tables: LedgerTables, now: int) -> Frame:
    """Return the raw values of facts of all people, from their tables.

    Raises:
        FactsError: The columns of people are of another instant.
    """
    tables = tables.at(now) if plan.reads_people else tables
    raw = with_derived(plan, aggregated(tables, plan.reductions, now, ROOTS, tables.is_sorted))
    return raw if tables.people is None else tables.people.with_ids(raw)


def future_facts(plan: FactSchema, logs: Logs, now: int) -> Frame:
    """Return the raw values of all people from an instant on if nothing happens.

    There is one row per person at the instant itself, and one at each later instant at which a row leaves a window.
    The values hold from `AT` until `UNTIL`.
    """
    raw, tables = cached(raw_facts_over(plan, logs, now)), logs_of(logs)._materialized_tables
    indices = [index for index, one in enumerate(plan.reductions) if one.stream.within is not None]
    read = dict.fromkeys(plan.reductions[index].stream.table for index in indices)
    windows = {name: _from(tables, name, now) for name in read if name in tables}
    rows = raw.with_columns(int_lit(now).alias(AT))
    if windows:
        columns, moving = [PERSON, *rows.drop(PERSON).collect_schema().names()], list(map(value_name, indices))
        later = running(windows, plan.reductions, LATEST - 1).filter(nw.col(AT) > now).select(PERSON, AT, *moving)
        left = with_derived(plan, later.join(raw.drop(moving), on=PERSON, how="inner"))
        rows = cached(nw.concat([rows.select(columns), left.select(columns)]))
    until = nw.col(AT).shift(-1).over(PERSON, order_by=AT)
    return rows.with_columns(until.alias(UNTIL)).with_columns(nw.col(UNTIL).fill_null(LATEST).cast(nw.Int64()))


def _from(tables: Mapping[str, Frame], name: str, now: int) -> Frame:
    """Return the rows of a windowed table that count at an instant, each until it leaves the window."""
    base, within = base_table(name)
    rows = tables[base].filter((nw.col("start") <= now) & (nw.col("end") > now))
    return table_until(rows.with_columns(start=int_lit(now), end=int_lit(FOREVER)), within or 0)


def with_waits(plan: FactSchema, rows: Frame, waits: Sequence[Node], moment: str) -> Frame:
    """Return the rows of facts, and one more row for each delay that ends while the facts of a row hold.

    Args:
        plan: The facts.
        rows: Rows of facts that hold from `AT` until `UNTIL`.
        waits: The delays.
        moment: Name of the column for the instant: that of the row, or the end of the delay.
    """
    repeated = repeat_rows(rows, len(waits) + 1) if waits else rows.with_columns(int_lit(0).alias(REPEAT))
    rows = repeated.rename({REPEAT: "_turn"})
    present = fact_column(plan, nw.col(AT))
    delays = ((number, node_column(node, present)) for number, node in enumerate(waits, 1))
    rows = rows.with_columns(_wait=by_value("_turn", delays, int_lit(0)))
    in_time = (nw.col("_wait") > 0) & (nw.col("_wait") < nw.col(UNTIL) - nw.col(AT))
    return rows.filter((nw.col("_turn") == 0) | in_time).with_columns((nw.col(AT) + nw.col("_wait")).alias(moment))


def with_derived(plan: FactSchema, frame: Frame) -> Frame:
    """Add the derived values."""
    derived = _derived(plan)
    return frame.with_columns(*derived) if derived else frame


@lru_cache(maxsize=256)
def _derived(plan: FactSchema) -> Sequence[nw.Expr]:
    """Return the derived values as columns."""
    finishes = enumerate(zip(plan.derived, plan.finishes, strict=True), len(plan.reductions))
    return [
        POST_AGGREGATIONS[one.how]
        .column(*(nw.col(value_name(part)) for part in parts))
        .cast(nw.Int64())
        .alias(value_name(index))
        for index, (one, (_, parts)) in finishes
    ]


def fact_column(plan: FactSchema, now: nw.Expr, prefix: str = "") -> Column:
    """Return how a rule reads a fact from raw values at an instant.

    The columns of raw values may have a prefix.
    """

    def read(fact: Fact) -> nw.Expr:
        value = nw.col(prefix + value_name(plan.indices[fact.name]))
        slope = SLOPES.get(plan.declared[fact.name].show, 0)
        if slope == 0:
            return value
        never = (
            nw.when(value >= FOREVER).then(int_lit(-slope * EVER)).otherwise(now - value if slope > 0 else value - now)
        )
        return nw.when(value <= NEVER).then(int_lit(slope * EVER)).otherwise(never)

    return read


def _as_columns(plan: FactSchema, frame: Frame, logs: Logs[FrameT], now: nw.Expr, keys: Sequence[str]) -> FrameT:
    columns = [_column(one, value_name(plan.indices[name]), now).alias(name) for name, one in plan.declared.items()]
    instants = [*keys, *_facts_shown(plan, "instant")]
    spans = list(_facts_shown(plan, "since", "until", "span"))
    result = frame.select(PERSON, *keys, *columns)
    return logs._native(result, instants=instants, spans=spans, order=(PERSON, *keys))


def _facts_shown(plan: FactSchema, *shows: str) -> Iterable[str]:
    return (name for name, one in plan.declared.items() if one.show in shows)


def _column(declared: Declared, index: str, now: nw.Expr) -> nw.Expr:
    value = nw.col(index)
    never = (value <= NEVER) | (value >= FOREVER)
    match declared.show:
        case "instant":
            return nw.when(~never).then(value)
        case "since":
            return nw.when(~never).then(now - value)
        case "until":
            return nw.when(~never).then(value - now)
        case "span":
            return nw.when(value < EVER).then(value)
        case "text":
            return nw.when(value != "").then(value)
        case "flag":
            return value == 1
        case _:
            return value
