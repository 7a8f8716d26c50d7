"""The tables of a store in SQLite: all statements, with bound values only."""

# ruff: noqa: S608 - statements are put together from the tables' own names

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, cast

import attrs

from funnel._record_columns import COLUMNS
from funnel.store._rows import HAS_PII, Key, Row, positions_of, row_from
from funnel.store._sqlite_personal import BY_KEY, MAX_BOUND, SqlitePersonalData, in_list, placeholders
from funnel.store._tables import DuplicateKeyError, Evaluation, Merge, Person

BATCH_ROWS = 100_000
"""Number of table rows in one batch of columns."""

_LAST_SEQ = 2**63 - 1
"""The largest possible row number."""

_KEY = ("log", "source", "source_id")
_HEAD = (*_KEY, "person_id", "version", "recorded_at", "personal_data_state")
_CELLS = tuple(COLUMNS)
_PEOPLE = tuple(field.name for field in attrs.fields(Person))
_CHANGING = range(1, len(_PEOPLE))
_person_values = attrgetter(*_PEOPLE)
_evaluation_values = attrgetter("stage", "due_at", "group_id", "version")


_UPDATE = f"UPDATE records SET {', '.join(f'{name} = ?' for name in _HEAD[3:] + _CELLS)} WHERE {BY_KEY}"
_DELETE_PERSONAL_DATA = (
    f"DELETE FROM personal_data WHERE (person_id, version) IN (SELECT person_id, version FROM records WHERE {BY_KEY})"
)
_SELECTED = (*_KEY, "person_id", "version", "personal_data_state", *_CELLS)
_SELECT = f"SELECT {', '.join(f'r.{name}' for name in _SELECTED)}, a.payload"
_PERSONAL_DATA = (
    f"LEFT JOIN personal_data a ON r.personal_data_state = {HAS_PII} "
    "AND a.person_id = r.person_id AND a.version = r.version"
)
_FROM = f"{_SELECT} FROM records r {_PERSONAL_DATA}"
_INSERT_PERSON = f"INSERT INTO people ({', '.join(_PEOPLE)}) VALUES ({placeholders(len(_PEOPLE))})"
_SAVE_EVALUATION = (
    "UPDATE people SET previous_stage = stage, stage = ?, due_at = ?, "
    "evaluated_at = {evaluated_at:d}, rule_fingerprint = {rule_fingerprint:d} "
    "WHERE person_id = ? AND version = ? AND rule_fingerprint IS NOT NULL"
)
_DUE = tuple(
    f"SELECT coalesce(canonical_id, person_id) FROM people WHERE {these} "
    "ORDER BY rule_fingerprint, due_at, person_id LIMIT :limit"
    for these in (
        "rule_fingerprint < :rule_fingerprint",
        "rule_fingerprint > :rule_fingerprint",
        "rule_fingerprint = :rule_fingerprint AND due_at < :before",
    )
)
_INSERT_PERSONAL_DATA = "INSERT INTO personal_data (person_id, version, payload) VALUES (?, ?, ?)"
_TARGET = """
    EXISTS (
        SELECT 1 FROM records t JOIN people q ON q.person_id = t.person_id
        WHERE t.log = CASE WHEN r.kind IN ('answer', 'resolution') THEN 'interactions' ELSE 'purchases' END
        AND t.source = r.source AND t.source_id = r.regarding AND q.group_id = p.group_id
        AND t.kind = CASE r.kind WHEN 'answer' THEN 'question' WHEN 'resolution' THEN 'complaint' ELSE 'purchase' END
    )
"""
_IS_UNRESOLVED = f"r.kind IN ('refund', 'answer', 'resolution', 'delivery') AND NOT {_TARGET}"
_ALIASES = "SELECT person_id FROM people WHERE group_id <> person_id"
_MERGED = "SELECT group_id FROM people WHERE group_id <> person_id"
_FIRST = f"""
    SELECT min(t.seq) FROM people q JOIN records t ON t.person_id = q.person_id
    WHERE q.person_id IN ({_ALIASES} UNION ALL {_MERGED}) AND t.log = 'leads'
    GROUP BY q.group_id, t.happened_at, t.source, t.campaign
"""
"""The earliest written of arrivals that a merge has made equal."""
_IN_HISTORY = {
    "leads": f"p.group_id NOT IN ({_MERGED}) OR r.seq IN ({_FIRST})",
    "purchases": "TRUE",
    "refunds": "r.person_id <> ''",
    "interactions": f"r.kind IS NULL OR r.kind NOT IN ('answer', 'resolution', 'delivery') OR {_TARGET}",
}
"""The rows of each log that are in a person's history."""


def _canonical(people: str) -> str:
    """Return the current name of a person; a person with one name needs no second row."""
    of_group = f"SELECT coalesce(c.canonical_id, c.person_id) FROM people c WHERE c.person_id = {people}.group_id"
    own = f"coalesce({people}.canonical_id, {people}.person_id)"
    return f"CASE WHEN {people}.group_id = {people}.person_id THEN {own} ELSE ({of_group}) END"


_REFERRER = f"CASE WHEN s.group_id <> p.group_id THEN {_canonical('s')} END"
_CURRENT = {
    "person_id": _canonical("p"),
    "referred_by": f"(SELECT {_REFERRER} FROM people s WHERE s.person_id = r.referred_by)",
    "regarding": f"CASE WHEN r.kind = 'complaint' AND NOT {_TARGET} THEN NULL ELSE r.regarding END",
}
"""Columns not shown as stored: current names of people, and no purchase for a complaint whose purchase is missing."""


def _all_names_of(count: int) -> str:
    """Return the query for all names of this many people, by the index of aliases."""
    return f"{_ALIASES} AND group_id IN ({placeholders(count)}) UNION ALL VALUES {', '.join(['(?)'] * count)}"


@lru_cache(maxsize=64)
def _insert(kind: str) -> tuple[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]]:
    """Return the insert for records of a kind, and the function that picks its values.

    Columns that the kind never fills are not bound: that halves the time.
    """
    names = (*_HEAD, *(_CELLS[position] for position in positions_of(kind)))
    values_of = cast("Callable[..., Callable[[tuple[Any, ...]], tuple[Any, ...]]]", itemgetter)(*positions_of(kind))
    return f"INSERT INTO records ({', '.join(names)}) VALUES ({placeholders(len(names))})", values_of


@lru_cache(maxsize=64)
def _update(positions: tuple[int, ...]) -> str:
    """Return the update of some columns of a name; indexes of unchanged columns are not touched."""
    return f"UPDATE people SET {', '.join(f'{_PEOPLE[position]} = ?' for position in positions)} WHERE person_id = ?"


class SqliteTables(SqlitePersonalData):
    """The tables, over one connection inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use a connection."""
        super().__init__(connection)
        self._stored: dict[str, tuple[Any, ...]] = {}

    # ---- records ---------------------------------------------------------------------------------------------------

    def rows_with(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """Return the rows of stored records."""
        return {row.key: row for row in self._rows_by_keys(_KEY, list(keys))}

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """Return the rows that refer to records, stored or not."""
        rows = self._rows_by_keys(("source", "regarding"), list({key[1:] for key in keys}))
        return [row for row in rows if row.target in keys]

    def _rows_by_keys(self, columns: tuple[str, ...], keys: Sequence[tuple[str, ...]]) -> Iterator[Row]:
        """Yield the rows with any of these keys, by index, in portions that one statement may bind."""
        same = " AND ".join(f"r.{name} = k.{name}" for name in columns)
        for start in range(0, len(keys), MAX_BOUND):
            part = keys[start : start + MAX_BOUND]
            values = ", ".join([f"({placeholders(len(columns))})"] * len(part))
            query = f"WITH k ({', '.join(columns)}) AS (VALUES {values}) {_SELECT} FROM k JOIN records r ON {same}"
            yield from map(
                row_from, self._execute(f"{query} {_PERSONAL_DATA}", [value for key in part for value in key])
            )

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Return every row of a person, in the order of writing."""
        these, bound = in_list(names)
        return self._rows(f"r.person_id IN {these} ORDER BY +r.seq", bound)

    def referrals(self, names: Sequence[str]) -> Sequence[Row]:
        """Return the leads that a person referred, in the order of writing."""
        these, bound = in_list(names)
        return self._rows(f"r.referred_by IN {these} ORDER BY +r.seq", bound)

    def unresolved(self) -> Sequence[Row]:
        """Return the rows that refer to a missing record, or to a record of another person."""
        query = f"{_FROM} JOIN people p ON p.person_id = r.person_id WHERE {_IS_UNRESOLVED} ORDER BY r.seq"
        return [row_from(row) for row in self._execute(query)]

    def _rows(self, condition: str, bound: Sequence[str]) -> list[Row]:
        return [row_from(row) for row in self._execute(f"{_FROM} WHERE {condition}", bound)]

    def insert(self, rows: Sequence[Row], recorded_at: int, *, is_unreferenced: bool = False) -> None:
        """Insert rows and their personal data."""
        if is_unreferenced and self.referring([row.key for row in rows]):
            raise DuplicateKeyError("a stored record refers to the new record")
        kinds: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            _, values_of = _insert(row.kind)
            kinds.setdefault(row.kind, []).append((*row.key, *_head(row, recorded_at), *values_of(row.cells)))
        try:
            for kind, values in kinds.items():
                self._connection.executemany(_insert(kind)[0], values)
        except sqlite3.IntegrityError:
            raise DuplicateKeyError("the store has a record with this key already") from None
        self._insert_personal_data(rows)

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Replace the rows with the same keys."""
        for row in rows:
            self._execute(_DELETE_PERSONAL_DATA, row.key)
            self._execute(_UPDATE, (*_head(row, recorded_at), *row.cells, *row.key))
        self._insert_personal_data(rows)

    def _insert_personal_data(self, rows: Sequence[Row]) -> None:
        values = [(row.person_id, row.version, row.payload) for row in rows if row.payload is not None]
        if values:
            self._connection.executemany(_INSERT_PERSONAL_DATA, values)

    def referrers(self, group_ids: Sequence[str]) -> Sequence[str]:
        """Return everybody who referred one of these people."""
        names = _all_names_of(len(group_ids))
        query = f"SELECT DISTINCT referred_by FROM records WHERE referred_by IS NOT NULL AND person_id IN ({names})"
        return [name for (name,) in self._execute(query, (*group_ids, *group_ids))]

    # ---- the currency of the store ---------------------------------------------------------------------------------

    def reserve(self, keys: Collection[Key]) -> str | None:
        """Return the store's currency; SQLite allows no other writer during a transaction."""
        row = self._execute("SELECT currency FROM store").fetchone() if keys else None
        return None if row is None else row[0]

    def other_currency(self, currency: str) -> str | None:
        """Return another currency among stored amounts; None if there is none."""
        row = self._execute("SELECT currency FROM records WHERE currency <> ? LIMIT 1", (currency,)).fetchone()
        return None if row is None else row[0]

    def set_currency(self, currency: str) -> None:
        """Write the store's currency."""
        self._execute("DELETE FROM store")
        self._execute("INSERT INTO store (currency) VALUES (?)", (currency,))

    # ---- all rows as columns ---------------------------------------------------------------------------------------

    def columns(self, log: str, selected: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """Yield all rows of a log as columns, in batches."""
        arrays = ", ".join(f"json_group_array({_CURRENT.get(column, f'r.{column}')})" for column in selected.values())
        statement = (
            f"SELECT count(*), {arrays} FROM records r JOIN people p ON p.person_id = r.person_id "
            f"WHERE r.seq BETWEEN ? AND ? AND r.log = ? AND ({_IN_HISTORY[log]})"
        )
        (start,) = self._execute("SELECT min(seq) FROM records").fetchone()
        while start is not None:  # by row: a single damaged number must not cause an endless gap
            end = min(start + BATCH_ROWS - 1, _LAST_SEQ)
            count, *columns = self._execute(statement, (start, end, log)).fetchone()
            if count:
                yield dict(zip(selected, columns, strict=True))
            (start,) = self._execute("SELECT min(seq) FROM records WHERE seq > ?", (end,)).fetchone()

    # ---- people ----------------------------------------------------------------------------------------------------

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the stored rows of names."""
        parts = [list(names)[start : start + MAX_BOUND] for start in range(0, len(names), MAX_BOUND)]
        select = f"SELECT {', '.join(_PEOPLE)} FROM people WHERE person_id IN"
        rows = {row[0]: row for part in parts for row in self._execute(f"{select} ({placeholders(len(part))})", part)}
        self._stored |= rows
        return {name: Person(*row) for name, row in rows.items()}

    def lock(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the rows of names and of their groups."""
        rows = self.people(names)
        missing = {person.group_id for person in rows.values()} - rows.keys()
        return {**rows, **self.people(missing)} if missing else rows

    def save(self, people: Iterable[Person]) -> None:
        """Write the rows of names; for existing rows, only changed columns."""
        new: list[tuple[Any, ...]] = []
        changed: dict[tuple[int, ...], list[list[Any]]] = {}
        for person in people:
            if not person.version:
                continue
            now, before = _person_values(person), self._stored.get(person.person_id)
            if before is None:
                new.append(now)
            elif positions := tuple(position for position in _CHANGING if now[position] != before[position]):
                changed.setdefault(positions, []).append([*(now[position] for position in positions), person.person_id])
            self._stored[person.person_id] = now
        if new:
            self._connection.executemany(_INSERT_PERSON, new)
        for positions, values in changed.items():
            self._connection.executemany(_update(positions), values)

    def regroup(self, before: str, now: str) -> None:
        """Move all aliases of a group to another group."""
        self._execute("UPDATE people SET group_id = ? WHERE group_id = ? AND group_id <> person_id", (now, before))

    def group(self, group_id: str) -> Sequence[str]:
        """Return every name of a group, the name of the group's row first."""
        aliases = self._execute(f"{_ALIASES} AND group_id = ? ORDER BY person_id", (group_id,))
        return [group_id, *(name for (name,) in aliases)]

    def other_names(self, group_ids: Collection[str]) -> Sequence[str]:
        """Return all names of these groups, except the names of the groups' rows."""
        parts = (list(group_ids)[start : start + MAX_BOUND] for start in range(0, len(group_ids), MAX_BOUND))
        select = f"{_ALIASES} AND group_id IN"
        return [name for part in parts for (name,) in self._execute(f"{select} ({placeholders(len(part))})", part)]

    def due(self, rule_fingerprint: int, before: int, limit: int | None) -> Sequence[str]:
        """Return people to evaluate: first those of another rule, then those due before an instant.

        The longest overdue come first.
        """
        names: list[str] = []
        for query in _DUE:
            bound = {
                "rule_fingerprint": rule_fingerprint,
                "before": before,
                "limit": -1 if limit is None else limit - len(names),
            }
            names += [name for (name,) in self._execute(query, bound)]
        return names

    def versions(self) -> Sequence[tuple[str, str, int]]:
        """Return group, name and version of every person with a stage or due for one, ordered by group."""
        select = "SELECT person_id, coalesce(canonical_id, person_id), version FROM people"
        return self._execute(f"{select} WHERE rule_fingerprint IS NOT NULL ORDER BY person_id").fetchall()

    def save_evaluations(self, evaluations: Sequence[Evaluation], evaluated_at: int, rule_fingerprint: int) -> None:
        """Write stages, except for people changed since."""
        update = _SAVE_EVALUATION.format(evaluated_at=evaluated_at, rule_fingerprint=rule_fingerprint)
        self._connection.executemany(update, map(_evaluation_values, evaluations))

    def merges(self, names: Sequence[str]) -> Sequence[Merge]:
        """Return every merge from or to these names, including undone merges, in order of creation."""
        these, bound = in_list(names)
        either = f"alias IN {these} OR person_id IN {these}"
        query = f"SELECT alias, person_id, merged_at, unmerged_at FROM merges WHERE {either} ORDER BY seq"
        return [Merge(*row) for row in self._execute(query, (*bound, *bound))]

    def merge_of(self, alias: str) -> Merge | None:
        """Return the merge from a name that is in effect."""
        query = "SELECT alias, person_id, merged_at FROM merges WHERE alias = ? AND unmerged_at IS NULL"
        row = self._execute(query, (alias,)).fetchone()
        return None if row is None else Merge(*row)

    def put_merge(self, merge: Merge) -> None:
        """Write a merge, or its undoing."""
        if merge.unmerged_at is None:
            insert = "INSERT INTO merges (alias, person_id, merged_at) VALUES (?, ?, ?)"
            self._execute(insert, (merge.alias, merge.person_id, merge.merged_at))
        else:
            update = "UPDATE merges SET unmerged_at = ? WHERE alias = ? AND unmerged_at IS NULL"
            self._execute(update, (merge.unmerged_at, merge.alias))


def _head(row: Row, recorded_at: int) -> tuple[str | int, ...]:
    return row.person_id, row.version, recorded_at, row.personal_data_state
