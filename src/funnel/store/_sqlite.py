"""The tables of a store in SQLite: all statements, with bound values only."""

# ruff: noqa: S608 - statements are put together from the tables' own names

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, cast

import attrs

from funnel.store._rows import COLUMNS, ERASED, HAS_PII, PLACES, Key, Row, filled, target_of
from funnel.store._tables import DuplicateKeyError, Entry, Found, Link, Person

MOST_BOUND = 300
"""Maximum number of keys in one query; each binds up to three values, and older SQLite allows 999."""

STEP = 100_000
"""Number of table rows in one batch of columns."""

_LAST_SEQ = 2**63 - 1
"""The largest possible row number."""

_KEY = ("log", "source", "source_id")
_HEAD = (*_KEY, "person_id", "version", "recorded_at", "apart")
_SAID = tuple(COLUMNS)
_PEOPLE = tuple(field.name for field in attrs.fields(Person))
_CHANGING = range(1, len(_PEOPLE))
_told = attrgetter(*_PEOPLE)
_found = attrgetter("stage", "due_at", "root", "version")


def _marks(count: int) -> str:
    return ", ".join("?" * count)


_THE_ONE = "(log, source, source_id) = (?, ?, ?)"
_UPDATE = f"UPDATE records SET {', '.join(f'{name} = ?' for name in _HEAD[3:] + _SAID)} WHERE {_THE_ONE}"
_UNTELL = f"DELETE FROM apart WHERE (person_id, version) IN (SELECT person_id, version FROM records WHERE {_THE_ONE})"
_SHOWN = f"SELECT {', '.join(f'r.{name}' for name in (*_KEY, 'person_id', 'version', 'apart', *_SAID))}, a.told"
_APART = "LEFT JOIN apart a ON r.apart = 1 AND a.person_id = r.person_id AND a.version = r.version"
_FROM = f"{_SHOWN} FROM records r {_APART}"
_ENTER = f"INSERT INTO people ({', '.join(_PEOPLE)}) VALUES ({_marks(len(_PEOPLE))})"
_JUDGED = (
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
_MARK = "INSERT OR IGNORE INTO apart (person_id, version, told) VALUES (?, 0, '')"
_TELL = "INSERT INTO apart (person_id, version, told) VALUES (?, ?, ?)"
_TARGET = """
    EXISTS (
        SELECT 1 FROM records t JOIN people q ON q.person_id = t.person_id
        WHERE t.log = CASE WHEN r.kind IN ('answer', 'resolution') THEN 'interactions' ELSE 'purchases' END
        AND t.source = r.source AND t.source_id = r.regarding AND q.root = p.root
        AND t.kind = CASE r.kind WHEN 'answer' THEN 'question' WHEN 'resolution' THEN 'complaint' ELSE 'purchase' END
    )
"""
_WAITS = f"r.kind IN ('refund', 'answer', 'resolution', 'delivery') AND NOT {_TARGET}"
_MERGED = "SELECT root FROM people WHERE root <> person_id"
_FIRST = f"""
    SELECT min(t.seq) FROM people q JOIN records t ON t.person_id = q.person_id
    WHERE q.person_id IN (SELECT person_id FROM people WHERE root <> person_id UNION ALL {_MERGED}) AND t.log = 'leads'
    GROUP BY q.root, t.happened_at, t.source, t.campaign
"""
"""The earliest written of arrivals that a merge has made equal."""
_WHICH = {
    "leads": f"p.root NOT IN ({_MERGED}) OR r.seq IN ({_FIRST})",
    "purchases": "TRUE",
    "refunds": "r.person_id <> ''",
    "interactions": f"r.kind IS NULL OR r.kind NOT IN ('answer', 'resolution', 'delivery') OR {_TARGET}",
}
"""The rows of each log that are in a person's history."""


def _canonical(people: str) -> str:
    """Return the current name of a person; a person with one name needs no second row."""
    of_root = f"SELECT coalesce(c.canonical_id, c.person_id) FROM people c WHERE c.person_id = {people}.root"
    own = f"coalesce({people}.canonical_id, {people}.person_id)"
    return f"CASE WHEN {people}.root = {people}.person_id THEN {own} ELSE ({of_root}) END"


_SENDER = f"CASE WHEN s.root <> p.root THEN {_canonical('s')} END"
_NOW = {
    "person_id": _canonical("p"),
    "referred_by": f"(SELECT {_SENDER} FROM people s WHERE s.person_id = r.referred_by)",
    "regarding": "CASE r.kind WHEN 'complaint' THEN NULL ELSE r.regarding END",
}
"""Columns not shown as stored: current names of people, and no purchase for a complaint without one."""


def _names_of(count: int) -> str:
    """Return the query for all names of this many people, by the index of aliases."""
    roots = _marks(count)
    aliases = f"SELECT person_id FROM people WHERE root <> person_id AND root IN ({roots})"
    return f"{aliases} UNION ALL VALUES {', '.join(['(?)'] * count)}"


@cache
def _insert(kind: str) -> tuple[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]]:
    """Return the insert for records of a kind, and the function that picks its values.

    Columns that the kind never fills are not bound: that halves the time.
    """
    names = (*_HEAD, *(_SAID[place] for place in filled(kind)))
    told = cast("Callable[..., Callable[[tuple[Any, ...]], tuple[Any, ...]]]", itemgetter)(*filled(kind))
    return f"INSERT INTO records ({', '.join(names)}) VALUES ({_marks(len(names))})", told


@cache
def _update(places: tuple[int, ...]) -> str:
    """Return the update of some columns of a name; indexes of unchanged columns are not touched."""
    return f"UPDATE people SET {', '.join(f'{_PEOPLE[place]} = ?' for place in places)} WHERE person_id = ?"


class SqliteTables:
    """The tables, over one connection inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use a connection."""
        self._connection = connection
        self._execute = connection.execute
        self._known: dict[str, tuple[Any, ...]] = {}

    # ---- records ---------------------------------------------------------------------------------------------------

    def found(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """Return the rows of stored records."""
        return {row.key: row for row in self._asked(_KEY, list(keys))}

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """Return the rows that refer to records, stored or not."""
        rows = self._asked(("source", "regarding"), list({key[1:] for key in keys}))
        return [row for row in rows if row.target in keys]

    def _asked(self, columns: tuple[str, ...], keys: Sequence[tuple[str, ...]]) -> Iterator[Row]:
        """Yield the rows with any of these keys, by index, in portions that one statement may bind."""
        same = " AND ".join(f"r.{name} = k.{name}" for name in columns)
        for start in range(0, len(keys), MOST_BOUND):
            part = keys[start : start + MOST_BOUND]
            values = ", ".join([f"({_marks(len(columns))})"] * len(part))
            asked = (
                f"WITH k ({', '.join(columns)}) AS (VALUES {values}) {_SHOWN} FROM k JOIN records r ON {same} {_APART}"
            )
            yield from map(_row, self._execute(asked, [value for key in part for value in key]))

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Return every row of a person, in the order of writing."""
        these, bound = _among(names)
        return self._rows(f"r.person_id IN {these} ORDER BY +r.seq", bound)

    def sent_by(self, names: Sequence[str]) -> Sequence[Row]:
        """Return the leads that a person referred, in the order of writing."""
        these, bound = _among(names)
        return self._rows(f"r.referred_by IN {these} ORDER BY +r.seq", bound)

    def unresolved(self) -> Sequence[Row]:
        """Return the rows that refer to a missing record, or to a record of another person."""
        rows = self._execute(f"{_FROM} JOIN people p ON p.person_id = r.person_id WHERE {_WAITS} ORDER BY r.seq")
        return [_row(row) for row in rows]

    def _rows(self, condition: str, bound: Sequence[str]) -> list[Row]:
        return [_row(row) for row in self._execute(f"{_FROM} WHERE {condition}", bound)]

    def insert(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Insert rows and their personal data."""
        kinds: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            _, told = _insert(row.kind)
            kinds.setdefault(row.kind, []).append((*row.key, *_head(row, recorded_at), *told(row.said)))
        try:
            for kind, values in kinds.items():
                self._connection.executemany(_insert(kind)[0], values)
        except sqlite3.IntegrityError:
            raise DuplicateKeyError("a record is there already") from None
        self._tell(rows)

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Replace the rows with the same keys."""
        for row in rows:
            self._execute(_UNTELL, row.key)
            self._execute(_UPDATE, (*_head(row, recorded_at), *row.said, *row.key))
        self._tell(rows)

    def _tell(self, rows: Sequence[Row]) -> None:
        told = [(row.person_id, row.version, row.words) for row in rows if row.words is not None]
        if told:
            self._connection.executemany(_TELL, told)

    def senders(self, roots: Sequence[str]) -> Sequence[str]:
        """Return everybody who referred one of these people; the people are passed as roots."""
        asked = "SELECT DISTINCT referred_by FROM records WHERE referred_by IS NOT NULL AND person_id IN"
        return [name for (name,) in self._execute(f"{asked} ({_names_of(len(roots))})", (*roots, *roots))]

    # ---- the currency of the store ---------------------------------------------------------------------------------

    def reserve(self, keys: Collection[Key]) -> str | None:
        """Return the store's currency; SQLite allows no other writer during a transaction."""
        found = self._execute("SELECT currency FROM store").fetchone() if keys else None
        return None if found is None else found[0]

    def other_currency(self, currency: str) -> str | None:
        """Return another currency among stored amounts; None if there is none."""
        found = self._execute("SELECT currency FROM records WHERE currency <> ? LIMIT 1", (currency,)).fetchone()
        return None if found is None else found[0]

    def adopt(self, currency: str) -> None:
        """Write the store's currency."""
        self._execute("DELETE FROM store")
        self._execute("INSERT INTO store (currency) VALUES (?)", (currency,))

    # ---- all rows as columns ---------------------------------------------------------------------------------------

    def columns(self, log: str, wanted: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """Yield all rows of a log as columns, in batches."""
        shown = ", ".join(f"json_group_array({_NOW.get(column, f'r.{column}')})" for column in wanted.values())
        statement = (
            f"SELECT count(*), {shown} FROM records r JOIN people p ON p.person_id = r.person_id "
            f"WHERE r.seq BETWEEN ? AND ? AND r.log = ? AND ({_WHICH[log]})"
        )
        (start,) = self._execute("SELECT min(seq) FROM records").fetchone()
        while start is not None:  # by row: a single damaged number must not cause an endless gap
            end = min(start + STEP - 1, _LAST_SEQ)
            count, *columns = self._execute(statement, (start, end, log)).fetchone()
            if count:
                yield dict(zip(wanted, columns, strict=True))
            (start,) = self._execute("SELECT min(seq) FROM records WHERE seq > ?", (end,)).fetchone()

    # ---- people ----------------------------------------------------------------------------------------------------

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the stored rows of names."""
        parts = [list(names)[start : start + MOST_BOUND] for start in range(0, len(names), MOST_BOUND)]
        select = f"SELECT {', '.join(_PEOPLE)} FROM people WHERE person_id IN"
        found = {row[0]: row for part in parts for row in self._execute(f"{select} ({_marks(len(part))})", part)}
        self._known |= found
        return {name: Person(*row) for name, row in found.items()}

    def hold(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the rows of names and of their roots."""
        found = self.people(names)
        roots = {person.root for person in found.values()} - found.keys()
        return {**found, **self.people(roots)} if roots else found

    def save(self, people: Iterable[Person]) -> None:
        """Write the rows of names; for existing rows, only changed columns."""
        new: list[tuple[Any, ...]] = []
        changed: dict[tuple[int, ...], list[list[Any]]] = {}
        for person in people:
            if not person.version:
                continue
            now, before = _told(person), self._known.get(person.person_id)
            if before is None:
                new.append(now)
            elif places := tuple(place for place in _CHANGING if now[place] != before[place]):
                changed.setdefault(places, []).append([*(now[place] for place in places), person.person_id])
            self._known[person.person_id] = now
        if new:
            self._connection.executemany(_ENTER, new)
        for places, values in changed.items():
            self._connection.executemany(_update(places), values)

    def reroot(self, before: str, now: str) -> None:
        """Replace the root of all other names of one root."""
        self._execute("UPDATE people SET root = ? WHERE root = ? AND root <> person_id", (now, before))

    def group(self, root: str) -> Sequence[str]:
        """Return every name of a person, the root first."""
        aliases = self._execute(
            "SELECT person_id FROM people WHERE root = ? AND root <> person_id ORDER BY person_id", (root,)
        )
        return [root, *(name for (name,) in aliases)]

    def others(self, roots: Collection[str]) -> Sequence[str]:
        """Return every name of people, except the passed roots."""
        parts = (list(roots)[start : start + MOST_BOUND] for start in range(0, len(roots), MOST_BOUND))
        select = "SELECT person_id FROM people WHERE root <> person_id AND root IN"
        return [name for part in parts for (name,) in self._execute(f"{select} ({_marks(len(part))})", part)]

    def due(self, rule_fingerprint: int, before: int, limit: int | None) -> Sequence[str]:
        """Return people to evaluate: first those of another rule, then those due before an instant.

        The longest overdue come first.
        """
        found: list[str] = []
        for asked in _DUE:
            bound = {
                "rule_fingerprint": rule_fingerprint,
                "before": before,
                "limit": -1 if limit is None else limit - len(found),
            }
            found += [name for (name,) in self._execute(asked, bound)]
        return found

    def versions(self) -> Sequence[tuple[str, str, int]]:
        """Return the root, name and version of every evaluable person, ordered by root."""
        select = "SELECT person_id, coalesce(canonical_id, person_id), version FROM people"
        return self._execute(f"{select} WHERE rule_fingerprint IS NOT NULL ORDER BY person_id").fetchall()

    def judged(self, found: Sequence[Found], evaluated_at: int, rule_fingerprint: int) -> None:
        """Write stages, except for people changed since."""
        update = _JUDGED.format(evaluated_at=evaluated_at, rule_fingerprint=rule_fingerprint)
        self._connection.executemany(update, map(_found, found))

    def links(self, names: Sequence[str]) -> Sequence[Link]:
        """Return every merge from or to these names, including undone merges, in order of creation."""
        these, bound = _among(names)
        either = f"alias IN {these} OR person_id IN {these}"
        asked = f"SELECT alias, person_id, merged_at, unmerged_at FROM links WHERE {either} ORDER BY seq"
        return [Link(*row) for row in self._execute(asked, (*bound, *bound))]

    def link_of(self, alias: str) -> Link | None:
        """Return the merge from a name that is in effect."""
        asked = "SELECT alias, person_id, merged_at FROM links WHERE alias = ? AND unmerged_at IS NULL"
        found = self._execute(asked, (alias,)).fetchone()
        return None if found is None else Link(*found)

    def link(self, link: Link) -> None:
        """Write a merge, or its undoing."""
        if link.unmerged_at is None:
            insert = "INSERT INTO links (alias, person_id, merged_at) VALUES (?, ?, ?)"
            self._execute(insert, (link.alias, link.person_id, link.merged_at))
        else:
            update = "UPDATE links SET unmerged_at = ? WHERE alias = ? AND unmerged_at IS NULL"
            self._execute(update, (link.unmerged_at, link.alias))

    # ---- the customer book -----------------------------------------------------------------------------------------

    def entries(self, names: Sequence[str]) -> Sequence[Entry]:
        """Return the customers in the customer book."""
        these, bound = _among(names)
        asked = (
            "SELECT c.person_id, c.since, a.told FROM customers c LEFT JOIN apart a ON a.person_id = c.person_id AND "
            f"a.version = 0 WHERE c.person_id IN {these}"
        )
        return [Entry(*row) for row in self._execute(asked, bound)]

    def put_customer(self, entry: Entry) -> None:
        """Write a customer into the customer book."""
        self._execute(
            "INSERT OR REPLACE INTO customers (person_id, since) VALUES (?, ?)", (entry.person_id, entry.since)
        )
        self._execute(
            "INSERT OR REPLACE INTO apart (person_id, version, told) VALUES (?, 0, ?)", (entry.person_id, entry.told)
        )

    def erase(self, names: Sequence[str]) -> int:
        """Delete all personal data of names and mark the names as erased; return the number of rows."""
        these, bound = _among(names)
        who = f"person_id IN {these}"
        self._execute(f"UPDATE records SET apart = {ERASED} WHERE {who} AND apart = {HAS_PII}", bound)
        erased = self._execute(f"DELETE FROM apart WHERE {who} AND told <> ''", bound).rowcount
        self._connection.executemany(_MARK, [(name,) for name in names])
        return erased

    def erased(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names among these that are marked as erased."""
        where = f"person_id IN ({_marks(len(names))}) AND version = 0 AND told = ''"
        return [name for (name,) in self._execute(f"SELECT person_id FROM apart WHERE {where}", names)]

    def unmark(self, names: Sequence[str]) -> None:
        """Remove the erasure mark from names."""
        self._execute(
            f"DELETE FROM apart WHERE person_id IN ({_marks(len(names))}) AND version = 0 AND told = ''", names
        )


def _among(names: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the list for `IN` and its parameters; many names are bound as one JSON array."""
    if len(names) <= MOST_BOUND:
        return f"({_marks(len(names))})", names
    return "(SELECT value FROM json_each(?))", [json.dumps(names)]


def _head(row: Row, recorded_at: int) -> tuple[str | int, ...]:
    return row.person_id, row.version, recorded_at, row.apart


def _row(told: tuple[Any, ...]) -> Row:
    log, source, number, person_id, version, apart = told[:6]
    said, words = told[6:-1], told[-1]
    kind = said[PLACES["kind"]]
    target = target_of(kind, source, said[PLACES["regarding"]])
    return Row((log, source, number), person_id, kind, said, target, words, apart, version)
