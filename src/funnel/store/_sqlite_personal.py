"""Personal data in SQLite: the customer book, erasures, other ids, and the register of webhooks."""

# ruff: noqa: S608 - statements are put together from the tables' own names

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from funnel.store._rows import ERASED, HAS_PII, Key, Row
from funnel.store._tables import Entry

MAX_BOUND = 300
"""Maximum number of keys in one query; each binds up to three values, and older SQLite allows 999."""

BY_KEY = "(log, source, source_id) = (?, ?, ?)"
"""Condition on the key of a record."""

_MARK_ERASED = "INSERT OR IGNORE INTO personal_data (person_id, version, payload) VALUES (?, 0, '')"
_MOVE = (
    "UPDATE records SET source_id = ?, person_id = ?, version = ?, personal_data_state = ?, referred_by = ? "
    f"WHERE {BY_KEY}"
)

_KEEP_NEWEST = (
    "INSERT INTO webhook_states (key, state) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET state = max(state, excluded.state) RETURNING state"
)


def placeholders(count: int) -> str:
    """Return the placeholders of this many values."""
    return ", ".join("?" * count)


class SqlitePersonalData:
    """The personal data, over one connection inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use a connection."""
        self._connection = connection
        self._execute = connection.execute

    # ---- the customer book -----------------------------------------------------------------------------------------

    def entries(self, names: Sequence[str]) -> Sequence[Entry]:
        """Return the customers in the customer book."""
        these, bound = in_list(names)
        query = (
            "SELECT c.person_id, c.since, a.payload FROM customers c "
            f"LEFT JOIN personal_data a ON a.person_id = c.person_id AND a.version = 0 WHERE c.person_id IN {these}"
        )
        return [Entry(*row) for row in self._execute(query, bound)]

    def put_customer(self, entry: Entry) -> None:
        """Write a customer into the customer book."""
        self._execute(
            "INSERT OR REPLACE INTO customers (person_id, since) VALUES (?, ?)", (entry.person_id, entry.since)
        )
        insert = "INSERT OR REPLACE INTO personal_data (person_id, version, payload) VALUES (?, 0, ?)"
        self._execute(insert, (entry.person_id, entry.payload))

    def erase(self, names: Sequence[str]) -> int:
        """Delete all personal data of names and mark the names as erased; return the number of rows."""
        these, bound = in_list(names)
        update = f"UPDATE records SET personal_data_state = {ERASED}"
        self._execute(f"{update} WHERE person_id IN {these} AND personal_data_state = {HAS_PII}", bound)
        delete = f"DELETE FROM personal_data WHERE person_id IN {these} AND payload <> ''"
        erased = self._execute(delete, bound).rowcount
        self._connection.executemany(_MARK_ERASED, [(name,) for name in names])
        return erased

    def erased_names(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names among these that are marked as erased."""
        select = f"SELECT person_id FROM personal_data WHERE {_is_marked(names)}"
        return [name for (name,) in self._execute(select, names)]

    def clear_erased(self, names: Sequence[str]) -> None:
        """Remove the erasure mark from names."""
        self._execute(f"DELETE FROM personal_data WHERE {_is_marked(names)}", names)

    # ---- other ids -------------------------------------------------------------------------------------------------

    def move(self, rows: Mapping[Key, Row]) -> None:
        """Write another id, person, version and referrer into stored rows, by their present keys."""
        values = [
            (row.key[2], row.person_id, row.version, row.personal_data_state, row["referred_by"], *key)
            for key, row in rows.items()
        ]
        self._connection.executemany(_MOVE, values)

    def remove(self, keys: Collection[Key]) -> None:
        """Delete rows."""
        self._connection.executemany(f"DELETE FROM records WHERE {BY_KEY}", keys)

    def forget(self, names: Sequence[str]) -> None:
        """Delete names that have no rows left, with their merges, entries and erasure marks."""
        these, bound = in_list(names)
        for table in ("people", "customers", "personal_data"):
            self._execute(f"DELETE FROM {table} WHERE person_id IN {these}", bound)
        self._execute(f"DELETE FROM merges WHERE alias IN {these} OR person_id IN {these}", (*bound, *bound))

    # ---- the register of webhooks ----------------------------------------------------------------------------------

    def keep_newest(self, key: str, state: str) -> str:
        """Keep the greatest state of a key in the register of webhooks, and return it."""
        return str(self._execute(_KEEP_NEWEST, (key, state)).fetchall()[0][0])

    def states_with(self, text: str) -> Mapping[str, str]:
        """Return the states in the register that contain a text, by key."""
        return dict(self._execute("SELECT key, state FROM webhook_states WHERE instr(state, ?) > 0", (text,)))

    def put_state(self, key: str, state: str) -> None:
        """Replace a state in the register."""
        self._execute("UPDATE webhook_states SET state = ? WHERE key = ?", (state, key))

    def drop_states(self, keys: Collection[str]) -> None:
        """Delete states from the register."""
        self._connection.executemany("DELETE FROM webhook_states WHERE key = ?", [(key,) for key in keys])


def _is_marked(names: Sequence[str]) -> str:
    """Return the condition that a row of personal data is the erasure mark of one of these names."""
    return f"person_id IN ({placeholders(len(names))}) AND version = 0 AND payload = ''"


def in_list(names: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the list for `IN` and its parameters; many names are bound as one JSON array."""
    if len(names) <= MAX_BOUND:
        return f"({placeholders(len(names))})", names
    return "(SELECT value FROM json_each(?))", [json.dumps(names)]
