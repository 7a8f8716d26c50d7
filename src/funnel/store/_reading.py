"""Conversion of rows to one person's history: all names merged, unresolved records left out.

Invariant: the history of the stored records equals the history of the added records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from funnel.history import History, trusted
from funnel.records import Customer, Lead, Record
from funnel.store._checks import referring_to
from funnel.store._customers import customer_of
from funnel.store._damage import damaged, readable
from funnel.store._rows import PLACES, Key, Row, record_of
from funnel.store._tables import Person, Tables


def person_of(tables: Tables, name: str) -> Person:
    """Return a person by any name; version 0 if the person has no records.

    Raises:
        StoreError: The name leads to a missing name.
    """
    person = tables.people([name]).get(name, Person(name, name))
    if person.root == name:
        return person
    root = tables.people([person.root]).get(person.root)
    if root is None or root.root != root.person_id:
        raise damaged("a name leads to one that is not there, or in a circle")
    return root


def names_of(tables: Tables, name: str) -> tuple[str, Sequence[str]]:
    """Return the current name of a person, and all names of the person, the current one first."""
    person = person_of(tables, name)
    others = set(tables.group(person.person_id)) - {person.canonical} if person.version else ()
    return person.canonical, [person.canonical, *sorted(others)]


def history_of(tables: Tables, name: str) -> History:
    """Return the history of a person, by any name."""
    root, names = names_of(tables, name)
    rows = tables.of_people(names)
    own = dict.fromkeys(names, root)
    given = [row for row in tables.sent_by(names) if row.person_id not in own]
    people = _people(tables, [*rows, *given])
    known_as = {name: person.canonical for name, person in people.items()} | own
    sent = _first_of_each(tables, given, {name: person.person_id for name, person in people.items()})
    with readable(f"a record of {root!r} cannot be read"):
        records = [record_of(row, known_as) for row in (*_in_history(rows), *sent)]
        return trusted(root, _each_lead_once(records), _customer(tables, root, names))


def _first_of_each(tables: Tables, sent: Sequence[Row], roots: Mapping[str, str]) -> Sequence[Row]:
    """Drop arrivals that a merge has made equal to an earlier written arrival under another name."""
    aliases: Sequence[str] = tables.others({roots.get(row.person_id, row.person_id) for row in sent}) if sent else ()
    if not aliases:
        return sent
    known_as = {name: person.root for name, person in tables.people(aliases).items()}
    known_as |= {root: root for root in known_as.values()}
    first: dict[tuple[object, ...], Key] = {}
    for row in tables.of_people(list(known_as)):
        if row.kind == "lead":
            first.setdefault(_arrival(row, known_as[row.person_id]), row.key)
    return [row for row in sent if first.get(_arrival(row, known_as.get(row.person_id, "")), row.key) == row.key]


def _arrival(row: Row, root: str) -> tuple[object, ...]:
    return root, row.key[1], row["happened_at"], row["campaign"]


def _people(tables: Tables, rows: Iterable[Row]) -> dict[str, Person]:
    """Return the people in leads, by any of their names."""
    leads = [row for row in rows if row.kind == "lead" and row["referred_by"] is not None]
    named = {name for row in leads for name in (row.person_id, row["referred_by"])}
    return roots_of(tables, named) if named else {}


def roots_of(tables: Tables, names: Collection[str]) -> dict[str, Person]:
    """Return the root rows of names; names without records are left out."""
    there = tables.people(names)
    roots = {person.root for person in there.values()} - there.keys()
    there = {**there, **tables.people(roots)} if roots else there
    with readable("a name leads to one that is not there"):
        return {name: there[there[name].root] for name in names if name in there}


def waiting_of(tables: Tables, names: Sequence[str]) -> list[Record]:
    """Return the records of a person that refer to a missing record."""
    rows = tables.of_people(names)
    kinds = _kinds(rows)
    with readable("a record that waits cannot be read"):
        return [record_of(row) for row in rows if row.kind != "complaint" and _waits(row, kinds)]


def joined(tables: Tables, names: Collection[str], canonical: str, *, was_sent: bool) -> list[Record] | None:
    """Return the records of names if they can be added to another history unchanged, None otherwise.

    They cannot be added if a record is unresolved, if a record of another person refers to one of them, or if a record
    names a referrer. If the other person was referred, a lead cannot be added either, because the same arrival may be a
    referral there.
    """
    rows = tables.of_people(list(names))
    kinds = _kinds(rows)
    if tables.sent_by(list(names)) or any(_waits(row, kinds) for row in rows):
        return None
    if any(row.kind == "lead" and (was_sent or row["referred_by"] is not None) for row in rows):
        return None
    if any(row.key not in kinds for row in referring_to(tables, {row.key: row for row in rows})):
        return None
    with readable("a record cannot be read"):
        return [record_of(row, dict.fromkeys(names, canonical)) for row in rows]


def _in_history(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the resolved rows; a complaint whose purchase is missing becomes one without a purchase."""
    kinds = _kinds(rows)
    for row in rows:
        if not _waits(row, kinds):
            yield row
        elif row.kind == "complaint":
            yield attrs.evolve(row, said=_without(row.said, "regarding"), target=None)


def _kinds(rows: Iterable[Row]) -> Mapping[Key, str]:
    return {row.key: row.kind for row in rows}


def _waits(row: Row, kinds: Mapping[Key, str]) -> bool:
    return row.target is not None and kinds.get(row.target) != row.needs


def _without(said: tuple[str | int | None, ...], column: str) -> tuple[str | int | None, ...]:
    place = PLACES[column]
    return (*said[:place], None, *said[place + 1 :])


def _each_lead_once(records: Iterable[Record]) -> Iterator[Record]:
    """Yield records; of arrivals that a merge has made equal, only the earliest written."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        if not isinstance(record, Lead):
            yield record
        elif record.key not in seen:
            seen.add(record.key)
            yield record


def _customer(tables: Tables, root: str, names: Sequence[str]) -> Customer | None:
    """Return the person's customer entry: under the current name, or else under the first other name."""
    entries = {entry.person_id: entry for entry in tables.entries(names)}
    found = next((entries[name] for name in (root, *names) if name in entries), None)
    return None if found is None else customer_of(root, found)
