"""Merge two names of one person, and undo a merge.

Merges make no circle. Undoing the last merge restores the former histories.

The names of a person are a group. One name's row holds the person and the current name. A merge moves the smaller group
into the larger one, so merging n names changes at most n log n rows, in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from funnel._format import quoted_id
from funnel._time import instant
from funnel.errors import RecordError
from funnel.records import Record
from funnel.store._change import Change
from funnel.store._damage import damaged, readable
from funnel.store._reading import movable_records, names_of, people_by_name
from funnel.store._results import Alias
from funnel.store._tables import Merge, Person, Tables


def merge(tables: Tables, change: Change, alias: str, into: str, at: int) -> bool:
    """Make one name an alias of another; return False if it already is.

    Raises:
        RecordError: The merge would make a circle, the alias leads elsewhere, or neither name has records.
    """
    change.read([alias, into, *_referrers(tables, list(people_by_name(tables, [alias, into]).values()))])
    merged, person = change.person(alias), change.person(into)
    names = quoted_id(alias), quoted_id(into)
    if not (merged.version or person.version):
        raise RecordError(f"the store has no records of {names[0]} or {names[1]}; append a record of one of them first")
    current_merge = None if merged.canonical == alias else tables.merge_of(alias)
    if current_merge is not None and current_merge.person_id == into:
        return False
    if merged is person:
        msg = f"{names[0]} and {names[1]} are names of one person already; merging them again would make a circle"
        raise RecordError(msg)
    if current_merge is not None:
        target = quoted_id(current_merge.person_id)
        msg = f"{names[0]} is an alias of {target} already; merge {target} instead, or unmerge {names[0]} first"
        raise RecordError(msg)
    # If the alias has no records, the person's history and those of the referrers stay unchanged.
    referrers = _locked_referrers(tables, change, [merged, person]) if merged.version else ()
    is_larger = _count(tables, merged) > _count(tables, person)
    holder, other = (merged, person) if is_larger else (person, merged)
    _combine(tables, change, holder, other, person)
    for name in referrers:
        change.mark_changed(name)
    tables.put_merge(Merge(alias, into, at))
    tables.save(change.people.values())
    tables.regroup(other.person_id, holder.person_id)
    return True


def _combine(tables: Tables, change: Change, holder: Person, other: Person, person: Person) -> None:
    """Move all names of one group into another, whose row then holds the merged person."""
    change.versions_before[holder.person_id] = holder.version
    canonical = person.canonical
    change.added[holder.person_id] = _moved_records(tables, holder, other, canonical)
    holder.version = max(holder.version, other.version) + 1
    holder.name_count = _count(tables, holder) + _count(tables, other)
    holder.was_referred = max(holder.was_referred or 0, other.was_referred or 0)
    if person is other:
        _move_evaluation(other, holder)
    _clear_evaluation(other)
    holder.canonical_id = None if canonical == holder.person_id else canonical
    other.canonical_id, other.name_count, other.was_referred = None, 1, 0
    other.version = max(other.version, 1)
    for row in change.people.values():
        if row.group_id == other.person_id:
            row.group_id = holder.person_id


def _moved_records(tables: Tables, holder: Person, other: Person, canonical: str) -> list[Record] | None:
    """Return the records that a group gets from another; None if its history must be read again."""
    if not other.version:
        return []
    names = tables.group(other.person_id)
    return movable_records(tables, names, canonical, was_referred=bool(holder.was_referred)) if holder.version else None


def _count(tables: Tables, holder: Person) -> int:
    """Return the number of names of a person; counted once if an older table version did not."""
    if holder.name_count is None:
        holder.name_count = len(tables.group(holder.person_id))
    return holder.name_count


_EVALUATION = ("stage", "previous_stage", "evaluated_at", "due_at", "rule_fingerprint")


def _move_evaluation(source: Person, target: Person) -> None:
    for name in _EVALUATION:
        setattr(target, name, getattr(source, name))


def _clear_evaluation(person: Person) -> None:
    for name in _EVALUATION:
        setattr(person, name, None)


def _locked_referrers(tables: Tables, change: Change, people: Sequence[Person]) -> Sequence[str]:
    """Lock and return the referrers of these people: a merge or its undoing changes their counts."""
    referrers = _referrers(tables, people)
    change.read(referrers)
    for person in people:
        person.was_referred = int(bool(referrers)) if person.was_referred is None else person.was_referred
    return referrers


def _referrers(tables: Tables, people: Collection[Person]) -> Sequence[str]:
    """Lock and return the referrers of these people, all at once, so that two merges never deadlock."""
    referred = list(dict.fromkeys(person.person_id for person in people if person.was_referred != 0))
    return tables.referrers(referred) if referred else ()


def unmerge(tables: Tables, change: Change, alias: str, at: int) -> str:
    """Undo a merge: the alias and the names that lead to it become a person; return the name of the remaining person.

    Raises:
        RecordError: The alias does not lead to another name.
    """
    change.read([alias, *_referrers(tables, list(people_by_name(tables, [alias]).values()))])
    holder = change.person(alias)
    current_merge = None if holder.canonical == alias else tables.merge_of(alias)
    if current_merge is None:
        raise RecordError(f"{quoted_id(alias)} is not an alias; aliases(...) lists the names of a person")
    referrers = _locked_referrers(tables, change, [holder])
    tables.put_merge(attrs.evolve(current_merge, unmerged_at=at))
    names, canonical = _names_leading_to(tables, alias), holder.canonical
    change.read([canonical])
    is_empty = holder.person_id not in names and movable_records(tables, names, alias, was_referred=True) == []
    _split(tables, change, holder, alias, names)
    if is_empty:  # these names have no records, so the history of the other person stays unchanged
        change.touch(canonical)
    for name in (alias,) if is_empty else (alias, canonical, *referrers):
        change.mark_changed(name)
    tables.save(change.people.values())
    return canonical


def _split(tables: Tables, change: Change, holder: Person, alias: str, names: Collection[str]) -> None:
    """Move an alias and the names that lead to it to a new person; the row of the group stays with its name."""
    count, new_holder, moving = _count(tables, holder), alias, names
    is_holder_moving = holder.person_id in names
    if is_holder_moving:
        new_holder, moving = holder.canonical, [name for name in tables.group(holder.person_id) if name not in names]
    change.read(moving)
    for name in moving:
        change.people[name].group_id = new_holder
    other = change.people[new_holder]
    other.version, other.was_referred = holder.version, holder.was_referred
    other.name_count, holder.name_count = len(moving), count - len(moving)
    if is_holder_moving:
        _move_evaluation(holder, other)
        _clear_evaluation(holder)
        holder.canonical_id = None if alias == holder.person_id else alias


def _names_leading_to(tables: Tables, name: str) -> Collection[str]:
    """Return a name and every name that currently leads to it.

    Raises:
        StoreError: The merges form a circle, which no merge has made.
    """
    names = {name: None}
    new_names = [name]
    while new_names:
        ends = frozenset(new_names)
        new_names = [
            merge.alias for merge in tables.merges(new_names) if merge.person_id in ends and merge.unmerged_at is None
        ]
        if any(alias in names for alias in new_names):
            raise damaged("a name leads to a circle of names")
        names |= dict.fromkeys(new_names)
    return names.keys()


def aliases_of(tables: Tables, name: str) -> list[Alias]:
    """Return all other names of a person, including undone merges."""
    _, names = names_of(tables, name)
    with readable("the date of a merge cannot be read"):
        return [
            Alias(
                merge.alias,
                merge.person_id,
                instant(merge.merged_at),
                None if merge.unmerged_at is None else instant(merge.unmerged_at),
            )
            for merge in tables.merges(names)
        ]
