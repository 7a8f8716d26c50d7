"""From rows to one person's history: people under one name, what waits for another record left out.

Law: the history of what is kept is the history of the records that were put in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from funnel.history import History, checked_before
from funnel.records import Customer, Lead, Record
from funnel.store._book import customer_of
from funnel.store._checks import referring_to
from funnel.store._damage import damaged, readable
from funnel.store._rows import PLACES, Key, Row, record_of
from funnel.store._tables import Person, Tables


def person_of(tables: Tables, name: str) -> Person:
    """Return a person by any of their names; of version 0 if nothing is kept of the person.

    Raises:
        StoreError: The name leads to one that is not there.
    """
    person = tables.people([name]).get(name, Person(name, name))
    if person.root == name:
        return person
    root = tables.people([person.root]).get(person.root)
    if root is None or root.root != root.person_id:
        raise damaged("a name leads to one that is not there, or in a circle")
    return root


def names_of(tables: Tables, name: str) -> tuple[str, Sequence[str]]:
    """Return the name that a person is known by, and all of their names: that one first."""
    person = person_of(tables, name)
    others = set(tables.group(person.person_id)) - {person.canonical} if person.version else ()
    return person.canonical, [person.canonical, *sorted(others)]


def history_of(tables: Tables, name: str) -> History:
    """The history of a person, by any of their names."""
    root, names = names_of(tables, name)
    rows = tables.of_people(names)
    own = dict.fromkeys(names, root)
    given = [row for row in tables.sent_by(names) if row.person_id not in own]
    people = _people(tables, [*rows, *given])
    known_as = {name: person.canonical for name, person in people.items()} | own
    sent = _first_of_each(tables, given, {name: person.person_id for name, person in people.items()})
    with readable(f"a record of {root!r} cannot be read"):
        records = [record_of(row, known_as) for row in (*_in_history(rows), *sent)]
        return checked_before(root, _each_lead_once(records), _customer(tables, root, names))


def _first_of_each(tables: Tables, sent: Sequence[Row], roots: Mapping[str, str]) -> Sequence[Row]:
    """Leave out arrivals that a merge has made one with an arrival that was written before, under another name."""
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
    """Return the people whom leads name, by any of their names."""
    leads = [row for row in rows if row.kind == "lead" and row["referred_by"] is not None]
    named = {name for row in leads for name in (row.person_id, row["referred_by"])}
    return roots_of(tables, named) if named else {}


def roots_of(tables: Tables, names: Collection[str]) -> dict[str, Person]:
    """Return the rows that hold the people of names; a name of which nothing is kept is left out."""
    there = tables.people(names)
    roots = {person.root for person in there.values()} - there.keys()
    there = {**there, **tables.people(roots)} if roots else there
    with readable("a name leads to one that is not there"):
        return {name: there[there[name].root] for name in names if name in there}


def waiting_of(tables: Tables, names: Sequence[str]) -> list[Record]:
    """The records of a person that wait for what they refer to."""
    rows = tables.of_people(names)
    kinds = _kinds(rows)
    with readable("a record that waits cannot be read"):
        return [record_of(row) for row in rows if row.kind != "complaint" and _waits(row, kinds)]


def joined(tables: Tables, names: Collection[str], canonical: str, *, was_sent: bool) -> list[Record] | None:
    """Return the records of names if they can be added to another history as they are, None otherwise.

    They cannot if a record waits, if a record of somebody else refers to one of them, or if one names a sender. Nor can
    a lead if the other person was sent, because the same arrival may be a referral there.
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
    """The rows that wait for nothing; a complaint about a purchase that is not there is one about no purchase."""
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
    """Of arrivals that have become one by a merge, the one that was written first."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        if not isinstance(record, Lead):
            yield record
        elif record.key not in seen:
            seen.add(record.key)
            yield record


def _customer(tables: Tables, root: str, names: Sequence[str]) -> Customer | None:
    """How they stand in the shop's book: under the name that they are known by, or else under the first other."""
    entries = {entry.person_id: entry for entry in tables.entries(names)}
    found = next((entries[name] for name in (root, *names) if name in entries), None)
    return None if found is None else customer_of(root, found)
