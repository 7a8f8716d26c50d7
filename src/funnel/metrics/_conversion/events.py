"""Read events: any dataframe, the logs of a shop, or a plain list become one table.

Invariant: an internal table has `person_id` and `kind` without nulls, `t` in whole microseconds, and the other columns
unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs
import narwhals as nw

from funnel._aggregate.aggregations import own_field, own_kind, with_own
from funnel._arguments import INNER
from funnel._dataframes.adapter import (
    Frame,
    FrameKind,
    InputFrame,
    collect_once,
    column_types,
    from_native,
    installed,
    microseconds,
)
from funnel._dataframes.by_part import part_count
from funnel._expr.nodes import Fact, Node, facts_of
from funnel._expr.to_narwhals import tree_column
from funnel._expr.tree import Tree, forks, leaves, not_truth
from funnel._expr.verify import trace_and_verify
from funnel._fields import MANGLED_STARTS
from funnel._ledger.own import OWN_LOGS
from funnel._ledger.streams import STREAMS
from funnel._time import EARLIEST, LATEST
from funnel.errors import RuleError
from funnel.interactions import KINDS
from funnel.logs import Issue, Logs
from funnel.logs.ledger import LedgerTables
from funnel.logs.normalize import MISSING
from funnel.logs.own_columns import own_kinds
from funnel.logs.schema import WIDE, Column, hint, raise_if_any, wrong_type
from funnel.logs.validate import Check, id_check, issues_of
from funnel.metrics._by_group import PEOPLE, people_groups
from funnel.metrics._conversion.query import EventCondition
from funnel.metrics._purchases import is_valid

LARGEST = 10**15
"""A condition reads whole numbers of a column only between this and its negative."""

Types = Mapping[str, nw.dtypes.DType]
TEXTS = (nw.String, nw.Categorical, nw.Enum)

T = f"{INNER}t"
"""The instant of an event, beside the columns of the shop."""

LOG_KINDS = ("lead", "purchase", *KINDS)
"""The kinds of event that the logs of a shop hold."""

FROM_LOGS: Types = {
    "kind": nw.String(),
    "source": nw.String(),
    "campaign": nw.String(),
    "direction": nw.String(),
    "channel": nw.String(),
    "reason": nw.String(),
    "promotion": nw.String(),
    "amount": nw.Int64(),
}
"""The columns of an event of the logs."""

OWN_TYPES: Types = {"text": nw.String(), "whole": nw.Int64(), "truth": nw.Boolean()}
"""Type of an own column of the logs as a column of events, by the kind of its values."""

NEEDED: Mapping[str, Column] = {
    "person_id": Column("id", required=True),
    "occurred_at": Column("instant", required=True),
    "kind": Column("text", required=True),
}


@attrs.frozen
class Source:
    """Events as an internal table, with the kind of the input.

    `types` are the types of all available columns. `people` are the `People` of the rows, if they are numbered.
    """

    frame: Frame
    frame_kind: FrameKind
    types: Types
    is_logs: bool = False
    people: Any = None


def types_of(events: object) -> Types:
    """Return the available columns with their types.

    Pandas stores whole numbers as floats if some are missing. Such columns are typed as whole numbers again and
    checked.
    """
    if isinstance(events, Source):
        return events.types
    if isinstance(events, Logs):
        return {**FROM_LOGS, **{name: OWN_TYPES[kind] for name, kind in own_kinds_of(events).items()}}  # pyright: ignore[reportUnknownArgumentType] (any engine)
    types = column_types(events)
    return {name: nw.Int64() if _from_pandas(events, dtype) else dtype for name, dtype in types.items()}


def _from_pandas(events: object, dtype: nw.dtypes.DType) -> bool:
    return dtype.is_float() and type(events).__module__.partition(".")[0] == "pandas"


def read_events(
    events: object, read: Collection[str], now: int, compared: Collection[str] = (), *, is_checked: bool = False
) -> Source:
    """Read the events, with the requested columns.

    Args:
        events: The events as passed to `conversion`, with a list already converted to a table; or read events.
        read: The columns to read, besides those that every event has.
        now: The evaluation time, in microseconds.
        compared: The columns of whole numbers that conditions read. Their values must lie in a range.
        is_checked: Whether the rows were checked before.

    Raises:
        LogsError: A required column is missing or has a wrong type, or a person or a time is missing.
        EngineError: The input is not a dataframe that can be read.
    """
    if isinstance(events, Logs):
        frame = events_of_logs(events, now, read)  # pyright: ignore[reportUnknownArgumentType] (any engine)
        return Source(frame, events._frame_kind, types_of(events), is_logs=True)  # pyright: ignore[reportUnknownArgumentType] (any engine)
    checks: list[Check] = []
    if isinstance(events, Source):
        source = events
    else:
        source, checks = source_of(events, {*NEEDED, *read}, is_checked=is_checked)
    if not is_checked:
        checks += _value_checks(source, read, compared)
        raise_if_any(list(issues_of("events", source.frame, checks)) if checks else [])
    return source


def source_of(events: object, read: Collection[str] | None, *, is_checked: bool = False) -> tuple[Source, list[Check]]:
    """Return the events of a dataframe, and the checks of people and instants that are left."""
    entered = from_native(events, read)
    raise_if_any(_schema_faults(entered))
    source = Source(_canonical(entered), entered.frame_kind, types_of(events))
    if is_checked:
        return source, []
    people, checks = None, _checks(entered)
    if can_loop(source) and (source.frame_kind != "polars lazy" or part_count(source.frame) == 1):
        from funnel._dataframes.by_person import people_of_texts

        if source.frame_kind == "polars lazy":  # the checks and the loops read it
            source = attrs.evolve(source, frame=collect_once(source.frame))
        people = people_of_texts(source.frame, "person_id")
    if people is not None:  # a text occurs in many rows: a check of the distinct ones takes a tenth of the time
        is_plain = people.start not in MANGLED_STARTS
        if is_plain or not any(issues_of("events", nw.from_native(people.ids.to_frame().lazy()), [_ID_CHECK])):
            checks.remove(_ID_CHECK)
    return attrs.evolve(source, people=people), checks


def can_loop(source: Source) -> bool:
    return source.frame.implementation.is_polars() and installed("numba")


def _schema_faults(entered: InputFrame) -> list[Issue]:
    schema = entered.frame.collect_schema()
    faults: list[Issue] = []
    for name, column in NEEDED.items():
        if name not in schema:
            faults.append(Issue("events", name, f"is missing{hint(name, entered.excluded)}"))
        elif name not in entered.typeless and (problem := wrong_type(name, column, schema[name], entered)):
            faults.append(Issue("events", name, f"is {schema[name]}; {problem}"))
    return faults


def _canonical(entered: InputFrame) -> Frame:
    """Return the columns under the library's names.

    A column with only empty cells has no type and gets none.
    """
    schema = entered.frame.collect_schema()
    typed = [name for name in ("occurred_at",) if name not in entered.typeless]
    frame = microseconds(entered.frame, entered.frame_kind, typed)
    when = nw.col("occurred_at").fill_null(MISSING).cast(nw.Int64()) if typed else nw.lit(MISSING, nw.Int64())
    kind = nw.lit("") if "kind" in entered.typeless else nw.col("kind").cast(nw.String()).fill_null("")
    others = [name for name in schema if name not in NEEDED]
    return frame.select(_person(entered), *others, when.alias(T), kind=kind)


def _person(entered: InputFrame) -> nw.Expr:
    if "person_id" in entered.typeless:
        return nw.lit(None, nw.String()).alias("person_id")
    dtype = entered.frame.collect_schema()["person_id"]
    return nw.col("person_id").cast(
        nw.String() if isinstance(dtype, WIDE) else nw.Int64() if dtype.is_integer() else dtype
    )


_ID_CHECK = id_check("person_id", nw.col("person_id").cast(nw.String()), "is blank; give the person")


def _checks(entered: InputFrame) -> list[Check]:
    when, give = nw.col(T), "give the instant it happened"
    outside = (when < EARLIEST) | (when >= LATEST)
    parts = (
        Check("occurred_at", f"is empty; {give}", when == MISSING),
        Check("occurred_at", f"lies outside the years 1800 to 2199; {give}", (when != MISSING) & outside),
    )
    checks = [
        Check("person_id", "is empty; pass the person, or drop the row", nw.col("person_id").is_null()),
        Check("occurred_at", "is not an instant", outside, parts=parts),
    ]
    return checks if entered.frame.collect_schema()["person_id"].is_integer() else [*checks, _ID_CHECK]


def _value_checks(source: Source, read: Collection[str], compared: Collection[str]) -> Iterator[Check]:
    schema = source.frame.collect_schema()
    floats = [name for name in schema if name in read and schema[name].is_float()]
    for name in floats if source.frame_kind == "pandas" else ():
        broken = ~nw.col(name).is_null() & (nw.col(name) != nw.col(name).round(0))
        yield Check(name, "is not a whole number; give whole minor units, or round them", broken)
    for name in sorted(compared):
        outside = (nw.col(name) < -LARGEST) | (nw.col(name) > LARGEST)
        problem = f"lies outside the numbers that a condition compares; give {-LARGEST} to {LARGEST}"
        yield Check(name, problem, outside)


# ---- the logs of a shop ----------------------------------------------------------------------------------------------


def own_kinds_of(logs: Logs) -> dict[str, str]:
    """Return the kind of each own column of the logs that events can have.

    A column that has another kind in another log, or the name of a column of events, is left out. A column of people is
    that of each event of the person, unless the logs have a column with that name.
    """
    tables = logs._tables
    assert isinstance(tables, LedgerTables)
    if not any(tables.own[0].values()):
        return {}
    by_log = own_kinds(tables.log, *tables.own)
    kinds: dict[str, set[str]] = {}
    for name, kind in (pair for log in _LOGS_OF_EVENTS for pair in by_log.get(log, {}).items()):
        kinds.setdefault(name, set()).add(kind)
    for name, kind in by_log.get(PEOPLE, {}).items():
        kinds.setdefault(name, {kind})
    reserved = {*FROM_LOGS, "person_id", "occurred_at"}
    single = {name: kind for name, (kind, *others) in kinds.items() if not others and kind in OWN_TYPES}
    return {name: kind for name, kind in single.items() if name not in reserved}


_LOGS_OF_EVENTS = ("leads", "interactions", "purchases")


def events_of_logs(logs: Logs, now: int, read: Collection[str]) -> Frame:
    """Return arrivals, interactions, and the purchases valid at an instant, with amounts net of refunds."""
    tables, kinds = logs._tables, own_kinds_of(logs)
    own = {name: own_field(name, kind) for name, kind in kinds.items() if name in read}

    def table(name: str) -> Frame:
        fields = [field for column, field in own.items() if column in logs.own_columns.get(OWN_LOGS[name], ())]
        return tables[with_own(STREAMS[name], fields).table if fields else STREAMS[name].table]

    parts: list[Frame] = []
    if "leads" in tables:
        parts.append(_events(table("leads"), nw.lit("lead"), own, "source", "campaign"))
    if "interactions" in tables:
        amount = nw.when(nw.col("amount") > 0).then(nw.col("amount"))
        interactions = table("interactions").with_columns(amount=amount)
        parts.append(_events(interactions, nw.col("kind"), own, "direction", "channel", "reason", "amount"))
    if "purchases" in tables:
        valid = table("purchases").filter(is_valid(now))
        bought = valid.with_columns(amount=nw.col("net_amount"))
        parts.append(_events(bought, nw.lit("purchase"), own, "promotion", "amount"))
    events = nw.concat(parts)
    for name in own:
        if not any(name in logs.own_columns.get(log, ()) for log in _LOGS_OF_EVENTS):
            events = _with_people(events.drop(name), logs, name, kinds[name], now)
    return events


def _with_people(events: Frame, logs: Logs, name: str, kind: str, now: int) -> Frame:
    """Return the events with a column of people; an empty text is null."""
    people = people_groups(logs, name, now, (PEOPLE,)).rename({"group": name})
    value = nw.col(name)
    filled = nw.when(value != "").then(value) if kind == "text" else value.fill_null(0).cast(nw.Int64())
    joined = events.join(people, on="person_id", how="left")
    return joined.with_columns((filled == 1 if kind == "truth" else filled).alias(name))


def _events(table: Frame, kind: nw.Expr, own: Mapping[str, Fact], *has: str) -> Frame:
    others = (_ledger_column(name, has) for name in FROM_LOGS if name != "kind")
    present = table.collect_schema().names() if own else ()
    owned = (_own_column(name, field, is_present=field.name in present) for name, field in own.items())
    return table.select("person_id", nw.col("t").alias(T), kind.alias("kind"), *others, *owned)


def _own_column(name: str, field: Fact, *, is_present: bool) -> nw.Expr:
    """Return an own column. An empty text is null, and so is every cell of a log without the column."""
    value, kind = nw.col(field.name), own_kind(field)
    if kind == "text":
        text = nw.when(value != "").then(value) if is_present else nw.lit(None, nw.String())
        return text.alias(name)
    number = value if is_present else nw.when(nw.col("t") < EARLIEST).then(nw.col("t"))
    return (number == 1 if kind == "truth" else number).alias(name)


def _ledger_column(name: str, has: Collection[str]) -> nw.Expr:
    """Return a column of a ledger table. An empty text is null."""
    if name == "amount":  # pandas has no null integers; no row has such an early time
        return (nw.col(name) if name in has else nw.when(nw.col("t") < EARLIEST).then(nw.col("t"))).alias(name)
    if name not in has:
        return nw.lit(None, nw.String()).alias(name)
    return nw.when(nw.col(name) != "").then(nw.col(name)).alias(name)


# ---- conditions ------------------------------------------------------------------------------------------------------


def is_whole(dtype: nw.dtypes.DType) -> bool:
    """Return whether a column holds whole numbers that fit 64 bits."""
    return dtype.is_integer() and not isinstance(dtype, WIDE)


@attrs.frozen
class Condition:
    """Conditions of a row: a kind (None: any kind) and a condition."""

    kind: str | None
    tree: Tree | None = None

    @property
    def read(self) -> frozenset[str]:
        """The columns that the condition reads, besides the kind."""
        return frozenset() if self.tree is None else _read(self.tree)

    def column(self, types: Types) -> nw.Expr:
        """Return an expression: whether each row matches."""
        parts = [] if self.kind is None else [nw.col("kind") == self.kind]
        if self.tree is not None:
            parts += [~nw.col(name).is_null() for name in sorted(self.read)]
            parts.append(tree_column(self.tree, lambda fact: filled(fact.name, types[fact.name])))
        return nw.all_horizontal(*parts, ignore_nulls=False)


def condition(kind: str | None, where: EventCondition | None, types: Types, label: str) -> Condition:
    """Build a condition from a kind and a function of one event.

    Raises:
        RuleError: The function does something that cannot run for a table, reads a column that is missing or
            unreadable, or does not return a truth value.
    """
    if where is None:
        return Condition(kind)
    facts = {name: fact for name, dtype in types.items() if (fact := _fact(name, dtype)) is not None}
    refused = {name: _remedy(dtype) for name, dtype in types.items() if name not in facts}
    try:
        tree = trace_and_verify(where, facts, refused)
    except RuleError as error:
        raise RuleError(f"the condition of {label}: {error}") from error
    if other := not_truth(tree):
        raise RuleError(f"the condition of {label} must return True or False (got {other})")
    return Condition(kind, tree)


def _fact(name: str, dtype: nw.dtypes.DType) -> Fact | None:
    if is_whole(dtype):
        return Fact(name, low=-LARGEST, high=LARGEST)
    if isinstance(dtype, nw.Boolean):
        return Fact(name, high=1)
    return Fact(name, "text") if isinstance(dtype, TEXTS) else None


def _remedy(dtype: nw.dtypes.DType) -> str:
    return f"its column is {dtype}; a condition can read integers, texts and booleans"


def _read(tree: Tree) -> frozenset[str]:
    tests = [fork.test for fork in forks(tree)]
    nodes: list[Node] = [*tests, *(leaf.node for leaf in leaves(tree) if leaf.node is not None)]
    return frozenset(fact.name for node in nodes for fact in facts_of(node))


def filled(name: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a column without nulls: texts as texts, booleans and whole numbers as 64 bits."""
    if isinstance(dtype, TEXTS):
        return nw.col(name).cast(nw.String()).fill_null("")
    if isinstance(dtype, nw.Boolean):
        return nw.when(nw.col(name).fill_null(value=False)).then(nw.lit(1, nw.Int64())).otherwise(nw.lit(0, nw.Int64()))
    return nw.col(name).fill_null(0).cast(nw.Int64())
