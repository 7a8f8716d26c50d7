"""People and locks of a store in SQLAlchemy Core: writers lock people and keys before they write.

Invariant: locks are taken in one order: the slots of keys, then people, each sorted by number or name; see
`docs/decisions/people-are-locked.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from zlib import crc32

import attrs
import sqlalchemy as sa

from funnel.store._alchemy.personal import AlchemyPersonalData
from funnel.store._alchemy.schema import WHOLE, StoreTables
from funnel.store._alchemy.transactions import RetryTransactionError
from funnel.store._rows import Key
from funnel.store._tables import Evaluation, Merge, Person

if TYPE_CHECKING:
    from sqlalchemy.sql.selectable import NamedFromClause

MAX_BOUND = 500
"""Maximum number of names or ids in one query."""

SLOTS = 1_000
"""Number of slots for record keys; with more slots, fewer keys share a slot."""

_PEOPLE = tuple(field.name for field in attrs.fields(Person))
_name = attrgetter("person_id")


class AlchemyPeople(AlchemyPersonalData):
    """The people and their names, over a connection inside a transaction."""

    def __init__(self, connection: sa.Connection, tables: StoreTables, *, lock_all_keys: bool = False) -> None:
        """Use a connection.

        Args:
            connection: The connection.
            tables: The tables.
            lock_all_keys: Whether to lock all keys if any key must be locked.
        """
        super().__init__(connection, tables)
        self._lock_all_keys = lock_all_keys
        self._slots: set[int] = set()
        self._are_new = False
        self._currency: str | None = None
        self._stored: dict[str, tuple[Any, ...]] = {}

    # ---- locks -----------------------------------------------------------------------------------------------------

    def reserve(self, keys: Collection[Key]) -> str | None:
        """Lock the slots of keys until the end of the transaction; return the store's currency.

        All slots are locked in one order and before any person, so two transactions never deadlock.

        Raises:
            RetryTransactionError: Other slots are locked already: the work must lock all slots from the start.
        """
        slots = {_slot(key) for key in keys} - self._slots
        if not slots:
            return None
        if self._slots:
            raise RetryTransactionError("another slot must be locked after the first slots", lock_all_keys=True)
        slots = set(range(SLOTS)) if self._lock_all_keys else slots
        query = _reserved(self._tables, is_one=len(slots) == 1)
        rows: Sequence[Any] = self._execute(query, parameters("slots", sorted(slots))).all()
        self._slots |= slots
        return rows[0][1] if rows else self._new_slots()

    def _new_slots(self) -> str | None:
        """Lock the slots of a new store; return the currency of records older than the slots.

        This method writes the first slot, so a second transaction that creates the slots waits. `finish` writes the
        other slots.
        """
        r = self._tables.records
        self._currency = self._execute(sa.select(r.c.currency).where(r.c.currency.is_not(None)).limit(1)).scalar()
        self._execute(self._tables.locks.insert(), {"slot": 0, "currency": self._currency})
        self._are_new, self._slots = True, set(range(SLOTS))
        return self._currency

    def finish(self) -> None:
        """Write the remaining slots of a new store, now that its currency is set."""
        if self._are_new:
            self._execute(_other_slots(self._tables), {"store_currency": self._currency})

    def other_currency(self, currency: str) -> str | None:
        """Return another currency among stored amounts; None if there is none."""
        r = self._tables.records
        other: str | None = self._execute(sa.select(r.c.currency).where(r.c.currency != currency).limit(1)).scalar()
        return other

    def set_currency(self, currency: str) -> None:
        """Write the store's currency into every slot, so a writer that locks a slot reads it.

        Raises:
            RetryTransactionError: Not all slots are locked.
        """
        if len(self._slots) < SLOTS:
            raise RetryTransactionError("the first amount sets the currency, which needs all slots", lock_all_keys=True)
        self._currency = currency
        self._execute(self._tables.locks.update().values(currency=currency))  # a new store has only its first slot

    def lock(self, names: Collection[str]) -> Mapping[str, Person]:
        """Lock the people of names in one order; return the rows of the names and of their groups.

        The group's row is locked. Every writer of a person locks that row first.

        Raises:
            RetryTransactionError: A name was merged or unmerged meanwhile.
        """
        rows = self._each(_locked_people, sorted(names))
        holders: dict[str, Person] = {}
        aliases: list[str] = []
        for name, *values in rows:
            person = Person(*values)
            holders[person.person_id] = person
            if name != person.person_id:
                aliases.append(name)
        people = {**holders, **self.people([name for name in aliases if name not in holders])}
        if any(holders[name].group_id != name for name in holders) or any(
            people[name].group_id not in holders for name in aliases
        ):
            raise RetryTransactionError("another transaction merged or unmerged one of the names")
        self._stored |= {name: attrs.astuple(person) for name, person in people.items()}
        return people

    # ---- people ----------------------------------------------------------------------------------------------------

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """Return the stored rows of names."""
        return {row[0]: Person(*row) for row in self._each(_people, names)}

    def _each(self, query: Callable[..., sa.Select[Any]], names: Collection[str]) -> Iterator[Any]:
        """Yield the rows that a statement of this module selects for names."""
        for part in batches(names):
            yield from self._execute(query(self._tables, is_one=len(part) == 1), parameters("names", part))

    def save(self, people: Iterable[Person]) -> None:
        """Write the rows of locked names; for existing rows, only changed columns.

        A name that the caller expects to be new is inserted and deleted, so no other writer can have inserted it.
        """
        p = self._tables.people
        new: list[dict[str, Any]] = []
        changed: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for person in sorted(people, key=_name):
            now, before = attrs.asdict(person), self._stored.get(person.person_id)
            if before is None:
                new.append(now)
            elif columns := tuple(name for name, was in zip(_PEOPLE, before, strict=True) if now[name] != was):
                values = {name: now[name] for name in columns}
                changed.setdefault(columns, []).append({"row_id": person.person_id, **values})
            self._stored[person.person_id] = tuple(now.values())
        if new:
            self._write_people(new)
        if unknown := [one["person_id"] for one in new if not one["version"]]:
            self._execute(p.delete().where(p.c.person_id.in_(unknown)))
        for columns, rows in changed.items():
            self._write_people(rows, columns)

    def _write_people(self, rows: list[dict[str, Any]], columns: tuple[str, ...] | None = None) -> None:
        """Insert rows, or update some columns of stored rows."""
        statement = self._tables.people.insert() if columns is None else _update(self._tables, columns)
        self._execute(statement, one_or_all(rows))

    def regroup(self, before: str, now: str) -> None:
        """Move all aliases of a group to another group."""
        p = self._tables.people
        self._execute(p.update().where(p.c.group_id == before, p.c.person_id != before).values(group_id=now))

    def group(self, group_id: str) -> Sequence[str]:
        """Return every name of a group, the name of the group's row first."""
        p = self._tables.people
        aliases = (
            sa.select(p.c.person_id).where(p.c.group_id == group_id, p.c.person_id != group_id).order_by(p.c.person_id)
        )
        return [group_id, *self._execute(aliases).scalars()]

    def other_names(self, group_ids: Collection[str]) -> Sequence[str]:
        """Return all names of these groups, except the names of the groups' rows."""
        p = self._tables.people
        query = sa.select(p.c.person_id).where(p.c.group_id != p.c.person_id)
        return [
            name for part in batches(group_ids) for name in self._execute(query.where(p.c.group_id.in_(part))).scalars()
        ]

    def due(self, rule_fingerprint: int, before: int, limit: int | None) -> Sequence[str]:
        """Return people to evaluate: first those of another rule, then those due before an instant.

        The longest overdue come first.
        """
        p, names = self._tables.people, list[str]()
        by = p.c.rule_fingerprint
        for condition in (
            by < rule_fingerprint,
            by > rule_fingerprint,
            sa.and_(by == rule_fingerprint, p.c.due_at < before),
        ):
            query = sa.select(_canonical(p)).where(condition).order_by(by, p.c.due_at, p.c.person_id)
            names += self._execute(query.limit(None if limit is None else limit - len(names))).scalars()
        return names

    def versions(self) -> Sequence[tuple[str, str, int]]:
        """Return group, name and version of every person with a stage or due for one, ordered by group."""
        p = self._tables.people
        query = sa.select(p.c.person_id, _canonical(p), p.c.version).where(p.c.rule_fingerprint.is_not(None))
        rows = self._execute(query.order_by(p.c.person_id))  # rows are written, and so locked, in this order
        return [(group_id, name, version) for group_id, name, version in rows]

    def save_evaluations(self, evaluations: Sequence[Evaluation], evaluated_at: int, rule_fingerprint: int) -> None:
        """Write stages, except for people changed since."""
        p = self._tables.people
        values = [
            {"row_id": one.group_id, "of": one.version, "now": one.stage, "then": one.due_at} for one in evaluations
        ]
        same = (
            p.c.person_id == sa.bindparam("row_id"),
            p.c.version == sa.bindparam("of"),
            p.c.rule_fingerprint.is_not(None),
        )
        stage: sa.BindParameter[Any] = sa.bindparam("now")
        due_at: sa.BindParameter[Any] = sa.bindparam("then")
        now = (p.c.stage, stage), (p.c.due_at, due_at)
        at = (p.c.evaluated_at, evaluated_at), (p.c.rule_fingerprint, rule_fingerprint)
        update = (
            p.update().where(*same).ordered_values((p.c.previous_stage, p.c.stage), *now, *at)
        )  # MySQL assigns columns in this order
        self._execute(update, values)

    def merges(self, names: Sequence[str]) -> Sequence[Merge]:
        """Return every merge from or to these names, including undone merges, in order of creation."""
        t = self._tables.merges
        query = sa.select(t.c.alias, t.c.person_id, t.c.merged_at, t.c.unmerged_at)
        either = sa.or_(t.c.alias.in_(names), t.c.person_id.in_(names))
        return [Merge(*row) for row in self._execute(query.where(either).order_by(t.c.seq))]

    def merge_of(self, alias: str) -> Merge | None:
        """Return the merge from a name that is in effect."""
        t = self._tables.merges
        query = sa.select(t.c.alias, t.c.person_id, t.c.merged_at)
        row = self._execute(query.where(t.c.alias == alias, t.c.unmerged_at.is_(None))).first()
        return None if row is None else Merge(*row)

    def put_merge(self, merge: Merge) -> None:
        """Write a merge, or its undoing."""
        t = self._tables.merges
        if merge.unmerged_at is None:
            self._execute(t.insert(), attrs.asdict(merge))
        else:
            open_one = t.update().where(t.c.alias == merge.alias, t.c.unmerged_at.is_(None))
            self._execute(open_one.values(unmerged_at=merge.unmerged_at))


def one_or_all(values: list[dict[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    """Return a single row by itself: drivers write one row with fewer messages than a list of one."""
    return values[0] if len(values) == 1 else values


def batches(values: Collection[str]) -> Iterator[list[str]]:
    """Yield values in portions that one statement may bind."""
    unique = list(dict.fromkeys(values))
    return (unique[start : start + MAX_BOUND] for start in range(0, len(unique), MAX_BOUND))


def parameters(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return the parameters for a condition of `matches`."""
    return {name: values[0] if len(values) == 1 else list(values)}


def matches(column: sa.ColumnElement[Any], name: str, *, is_one: bool) -> sa.ColumnElement[bool]:
    """Return the condition that a column equals the bound value, or one of them; lists expand per call."""
    return column == sa.bindparam(name) if is_one else column.in_(sa.bindparam(name, expanding=True))


@lru_cache(maxsize=16)
def _other_slots(tables: StoreTables) -> sa.Insert:
    """Return an insert of every slot but the first; the database generates the slots."""
    t, first = tables.locks, sa.select(sa.literal(1, WHOLE).label("slot"))  # sending 999 rows takes 25 ms more
    slots = first.cte("slots", recursive=True)
    slots = slots.union_all(sa.select(slots.c.slot + 1).where(slots.c.slot < SLOTS - 1))
    currency: sa.BindParameter[Any] = sa.bindparam("store_currency", type_=t.c.currency.type)
    return t.insert().from_select(["slot", "currency"], sa.select(slots.c.slot, currency))


@lru_cache(maxsize=16)
def _reserved(tables: StoreTables, *, is_one: bool) -> sa.Executable:
    """Return a select of slots that locks them, in order."""
    t = tables.locks
    query = sa.select(t.c.slot, t.c.currency).where(matches(t.c.slot, "slots", is_one=is_one))
    return query.order_by(t.c.slot).with_for_update()


# Statements are cached: SQLAlchemy takes longer to build a statement than to send it.


@lru_cache(maxsize=16)
def _locked_people(tables: StoreTables, *, is_one: bool) -> sa.Select[Any]:
    """Return a select of the people of names that locks the rows of their groups, in order."""
    p, n = tables.people, tables.people.alias("n")
    query = sa.select(n.c.person_id, *_columns(p)).join(p, p.c.person_id == n.c.group_id).order_by(p.c.person_id)
    return query.where(matches(n.c.person_id, "names", is_one=is_one)).with_for_update(of=p)


@lru_cache(maxsize=16)
def _people(tables: StoreTables, *, is_one: bool) -> sa.Select[Any]:
    """Return a select of the rows of names."""
    return sa.select(*_columns(tables.people)).where(matches(tables.people.c.person_id, "names", is_one=is_one))


def _canonical(people: NamedFromClause[Any]) -> sa.ColumnElement[str]:
    """Return the current name of a person, from the group's row."""
    return sa.func.coalesce(people.c.canonical_id, people.c.person_id)


def canonical_of(people: NamedFromClause[Any], groups: sa.Table) -> sa.ColumnElement[str]:
    """Return the current name of a person, from any row; a person with one name needs no second row."""
    c = groups.alias(f"{people.name}_group")
    of_group = sa.select(_canonical(c)).where(c.c.person_id == people.c.group_id).correlate(people).scalar_subquery()
    return sa.case((people.c.group_id == people.c.person_id, _canonical(people)), else_=of_group)


def _columns(people: sa.Table) -> list[sa.Column[Any]]:
    return [people.c[name] for name in _PEOPLE]


@lru_cache(maxsize=64)
def _update(tables: StoreTables, columns: tuple[str, ...]) -> sa.Update:
    """Return an update of some columns of a name."""
    p = tables.people
    new_values: dict[str, Any] = {name: sa.bindparam(name) for name in columns}
    return p.update().where(p.c.person_id == sa.bindparam("row_id")).values(**new_values)


def _slot(key: Key) -> int:
    """Return the slot of a key: a row locked in place of keys, which may not exist yet."""
    return crc32("\0".join(key).encode()) % SLOTS
