"""Merge two names of one person, and undo a merge.

Merges make no circle. Undoing the last merge restores the former histories.

The names of a person share a root. A merge gives the smaller side the root of the larger one, so merging n names
changes at most n log n rows, in any order. The root's row holds the person's current name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from funnel._time import instant
from funnel.errors import RecordError
from funnel.records import Record
from funnel.store._change import Change
from funnel.store._damage import damaged, readable
from funnel.store._protocol import Alias
from funnel.store._reading import joined, names_of, roots_of
from funnel.store._tables import Link, Person, Tables


def merge(tables: Tables, change: Change, alias: str, into: str, at: int) -> bool:
    """Make one name an alias of another; return False if it already is.

    Raises:
        RecordError: The merge would make a circle, the alias leads elsewhere, or neither name has records.
    """
    change.know([alias, into, *_senders(tables, list(roots_of(tables, [alias, into]).values()))])
    merged, person = change.root(alias), change.root(into)
    if not (merged.version or person.version):
        msg = f"nothing is kept of {alias!r} or of {into!r}; append a record of one of the two first"
        raise RecordError(msg)
    link = None if merged.canonical == alias else tables.link_of(alias)
    if link is not None and link.person_id == into:
        return False
    if merged is person:
        msg = f"{alias!r} and {into!r} are one person already; a merge of the two would go in a circle"
        raise RecordError(msg)
    if link is not None:
        msg = f"{alias!r} is an alias of {link.person_id!r} already; merge that name instead, or part the two first"
        raise RecordError(msg)
    # If the alias has no records, the person's history and those of the referrers stay unchanged.
    senders = _held_senders(tables, change, [merged, person]) if merged.version else ()
    is_larger = _count(tables, merged) > _count(tables, person)
    root, other = (merged, person) if is_larger else (person, merged)
    _join(tables, change, root, other, person)
    for name in senders:
        change.anew(name)
    tables.link(Link(alias, into, at))
    tables.save(change.people.values())
    tables.reroot(other.person_id, root.person_id)
    return True


def _join(tables: Tables, change: Change, root: Person, other: Person, person: Person) -> None:
    """Give all names of one root another root, which then holds the merged person."""
    change.before[root.person_id] = root.version
    canonical = person.canonical
    change.added[root.person_id] = _added(tables, root, other, canonical)
    root.version = max(root.version, other.version) + 1
    root.name_count = _count(tables, root) + _count(tables, other)
    root.was_sent = max(root.was_sent or 0, other.was_sent or 0)
    if person is other:
        _move_judgement(other, root)
    _forget_judgement(other)
    root.canonical_id = None if canonical == root.person_id else canonical
    other.canonical_id, other.name_count, other.was_sent = None, 1, 0
    other.version = max(other.version, 1)
    for one in change.people.values():
        if one.root == other.person_id:
            one.root = root.person_id


def _added(tables: Tables, root: Person, other: Person, canonical: str) -> list[Record] | None:
    """Return the records that a root gets from another; None if its history must be read again."""
    if not other.version:
        return []
    names = tables.group(other.person_id)
    return joined(tables, names, canonical, was_sent=bool(root.was_sent)) if root.version else None


def _count(tables: Tables, root: Person) -> int:
    """Return the number of names of a person; counted once if an older table version did not."""
    if root.name_count is None:
        root.name_count = len(tables.group(root.person_id))
    return root.name_count


_JUDGEMENT = ("stage", "previous_stage", "evaluated_at", "due_at", "rule_fingerprint")


def _move_judgement(before: Person, now: Person) -> None:
    for name in _JUDGEMENT:
        setattr(now, name, getattr(before, name))


def _forget_judgement(person: Person) -> None:
    for name in _JUDGEMENT:
        setattr(person, name, None)


def _held_senders(tables: Tables, change: Change, people: Sequence[Person]) -> Sequence[str]:
    """Lock and return the referrers of these people: a merge or its undoing changes their counts."""
    senders = _senders(tables, people)
    change.know(senders)
    for person in people:
        person.was_sent = int(bool(senders)) if person.was_sent is None else person.was_sent
    return senders


def _senders(tables: Tables, people: Collection[Person]) -> Sequence[str]:
    """Lock and return the referrers of these people, all at once, so that two merges never deadlock."""
    sent = list(dict.fromkeys(person.person_id for person in people if person.was_sent != 0))
    return tables.senders(sent) if sent else ()


def unmerge(tables: Tables, change: Change, alias: str, at: int) -> str:
    """Undo a merge: the alias and the names that lead to it become a person; return the other's name.

    Raises:
        RecordError: The alias does not lead to another name.
    """
    change.know([alias, *_senders(tables, list(roots_of(tables, [alias]).values()))])
    root = change.root(alias)
    link = None if root.canonical == alias else tables.link_of(alias)
    if link is None:
        msg = f"{alias!r} is an alias of nobody; merges and their dates are in aliases(...)"
        raise RecordError(msg)
    senders = _held_senders(tables, change, [root])
    tables.link(attrs.evolve(link, unmerged_at=at))
    names, canonical = _leading_to(tables, alias), root.canonical
    change.know([canonical])
    is_empty = root.person_id not in names and joined(tables, names, alias, was_sent=True) == []
    _split(tables, change, root, alias, names)
    if is_empty:  # these names have no records, so the history of the other person stays unchanged
        change.touch(canonical)
    for name in (alias,) if is_empty else (alias, canonical, *senders):
        change.anew(name)
    tables.save(change.people.values())
    return canonical


def _split(tables: Tables, change: Change, root: Person, alias: str, names: Collection[str]) -> None:
    """Move an alias and the names that lead to it to a new person; the side with the root keeps it."""
    count, head, moving = _count(tables, root), alias, names
    is_with_root = root.person_id in names
    if is_with_root:
        head, moving = root.canonical, [name for name in tables.group(root.person_id) if name not in names]
    change.know(moving)
    for name in moving:
        change.people[name].root = head
    other = change.people[head]
    other.version, other.was_sent = root.version, root.was_sent
    other.name_count, root.name_count = len(moving), count - len(moving)
    if is_with_root:
        _move_judgement(root, other)
        _forget_judgement(root)
        root.canonical_id = None if alias == root.person_id else alias


def _leading_to(tables: Tables, name: str) -> Collection[str]:
    """Return a name and every name that currently leads to it.

    Raises:
        StoreError: The merges form a circle, which no merge has made.
    """
    found = {name: None}
    last = [name]
    while last:
        ends = frozenset(last)
        last = [link.alias for link in tables.links(last) if link.person_id in ends and link.unmerged_at is None]
        if any(alias in found for alias in last):
            raise damaged("a name leads in a circle")
        found |= dict.fromkeys(last)
    return found.keys()


def aliases_of(tables: Tables, name: str) -> list[Alias]:
    """Return all other names of a person, including undone merges."""
    _, names = names_of(tables, name)
    with readable("the date of a merge cannot be read"):
        return [
            Alias(
                link.alias,
                link.person_id,
                instant(link.merged_at),
                None if link.unmerged_at is None else instant(link.unmerged_at),
            )
            for link in tables.links(names)
        ]
