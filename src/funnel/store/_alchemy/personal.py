"""Personal data in SQLAlchemy Core: the customer book, erasures, other ids, and the register of webhooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from funnel.store._alchemy.schema import StoreTables
from funnel.store._rows import ERASED, HAS_PII, Key, Row
from funnel.store._tables import Entry


class AlchemyPersonalData:
    """The personal data, over a connection inside a transaction."""

    def __init__(self, connection: sa.Connection, tables: StoreTables) -> None:
        """Use a connection."""
        self._connection = connection
        self._tables = tables

    def _execute(self, statement: sa.Executable, values: Any = None) -> Any:
        return self._connection.execute(statement, values)

    # ---- the customer book -----------------------------------------------------------------------------------------

    def entries(self, names: Sequence[str]) -> Sequence[Entry]:
        """Return the customers in the customer book."""
        c, a = self._tables.customers, self._tables.personal_data
        beside = c.outerjoin(a, sa.and_(a.c.person_id == c.c.person_id, a.c.version == 0))
        query = sa.select(c.c.person_id, c.c.since, a.c.payload).select_from(beside)
        return [Entry(*row) for row in self._execute(query.where(c.c.person_id.in_(names)))]

    def put_customer(self, entry: Entry) -> None:
        """Write a customer into the customer book."""
        c, a = self._tables.customers, self._tables.personal_data
        self._execute(c.delete().where(c.c.person_id == entry.person_id))
        self._execute(a.delete().where(a.c.person_id == entry.person_id, a.c.version == 0))
        self._execute(c.insert(), {"person_id": entry.person_id, "since": entry.since})
        self._execute(a.insert(), {"person_id": entry.person_id, "version": 0, "payload": entry.payload})

    def erase(self, names: Sequence[str]) -> int:
        """Delete all personal data of names and mark the names as erased; return the number of rows."""
        r, a = self._tables.records, self._tables.personal_data
        with_data = r.update().where(r.c.person_id.in_(names), r.c.personal_data_state == HAS_PII)
        self._execute(with_data.values(personal_data_state=ERASED))
        erased: int = self._execute(a.delete().where(a.c.person_id.in_(names), a.c.payload != "")).rowcount
        unmarked = set(names).difference(self.erased_names(names))
        if unmarked:
            self._execute(a.insert(), [{"person_id": name, "version": 0, "payload": ""} for name in sorted(unmarked)])
        return erased

    def erased_names(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names among these that are marked as erased."""
        a = self._tables.personal_data
        return list(self._execute(sa.select(a.c.person_id).where(*self._erasure_mark(names))).scalars())

    def clear_erased(self, names: Sequence[str]) -> None:
        """Remove the erasure mark from names."""
        self._execute(self._tables.personal_data.delete().where(*self._erasure_mark(names)))

    def _erasure_mark(self, names: Sequence[str]) -> tuple[sa.ColumnElement[bool], ...]:
        a = self._tables.personal_data
        return a.c.person_id.in_(names), a.c.version == 0, a.c.payload == ""

    # ---- other ids -------------------------------------------------------------------------------------------------

    def move(self, rows: Mapping[Key, Row]) -> None:
        """Write another id, person, version and referrer into stored rows, by their present keys."""
        for key, row in rows.items():
            now = {"source_id": row.key[2], "person_id": row.person_id, "version": row.version}
            state = {"personal_data_state": row.personal_data_state, "referred_by": row["referred_by"]}
            self._execute(self._tables.records.update().where(self._has(key)).values(**now, **state))

    def remove(self, keys: Collection[Key]) -> None:
        """Delete rows."""
        for key in keys:
            self._execute(self._tables.records.delete().where(self._has(key)))

    def _has(self, key: Key) -> sa.ColumnElement[bool]:
        r = self._tables.records
        return sa.and_(r.c.log == key[0], r.c.source == key[1], r.c.source_id == key[2])

    def forget(self, names: Sequence[str]) -> None:
        """Delete names that have no rows left, with their merges, entries and erasure marks."""
        t = self._tables
        for table in (t.people, t.customers, t.personal_data):
            self._execute(table.delete().where(table.c.person_id.in_(names)))
        self._execute(t.merges.delete().where(sa.or_(t.merges.c.alias.in_(names), t.merges.c.person_id.in_(names))))

    # ---- the register of webhooks ----------------------------------------------------------------------------------

    def keep_newest(self, key: str, state: str) -> str:
        """Keep the greatest state of a key in the register of webhooks, and return it."""
        w = self._tables.webhook_states
        query = sa.select(w.c.state).where(w.c.key == key).with_for_update()
        stored: str | None = self._execute(query).scalar()
        if stored is None:
            self._execute(w.insert().values(key=key, state=state))
        elif stored < state:
            self._execute(w.update().where(w.c.key == key).values(state=state))
        return max(stored or "", state)

    def states_with(self, text: str) -> Mapping[str, str]:
        """Return the states in the register that contain a text, by key."""
        w = self._tables.webhook_states
        query = sa.select(w.c.key, w.c.state).where(w.c.state.contains(text, autoescape=True)).with_for_update()
        return {row.key: row.state for row in self._execute(query)}

    def put_state(self, key: str, state: str) -> None:
        """Replace a state in the register."""
        w = self._tables.webhook_states
        self._execute(w.update().where(w.c.key == key).values(state=state))

    def drop_states(self, keys: Collection[str]) -> None:
        """Delete states from the register."""
        w = self._tables.webhook_states
        self._execute(w.delete().where(w.c.key.in_(keys)))
