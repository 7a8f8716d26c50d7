"""Two names of one person: merged from one instant on, transitively, and parted again where that was wrong.

Laws: no chain of aliases leads back to itself; parting what was merged last gives the histories of before.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from funnel._instants import instant
from funnel.errors import RecordError
from funnel.store._change import Change
from funnel.store._damage import damaged, readable
from funnel.store._reading import names_of
from funnel.store._tables import Link, Tables
from funnel.store.protocol import Alias


def merge(tables: Tables, change: Change, alias: str, into: str, at: int) -> bool:
    """Let one name lead to another; false where it does so already.

    Raises:
        RecordError: It would go in a circle, or the alias leads elsewhere, or neither name is known.
    """
    ahead: Sequence[str] = _senders_ahead(tables, alias, into) if tables.people([alias]) else ()
    change.know([alias, into, *ahead])
    if not (change.root(alias).version or change.root(into).version):
        msg = f"nothing is kept of {alias!r} or of {into!r}; append a record of one of the two first"
        raise RecordError(msg)
    leads_to = _leads_to(tables, alias)
    if leads_to == into:
        return False
    _refuse_circle(change, alias, into)
    if leads_to is not None:
        msg = f"{alias!r} is an alias of {leads_to!r} already; merge that name instead, or part the two first"
        raise RecordError(msg)
    merged, person = change.people[alias], change.root(into)
    # If no record is of the alias, the history of the person stays as it was, and so do those of the senders.
    changed = [into, *_known_senders(tables, change, [alias, person.person_id])] if merged.version else []
    for one in change.people.values():
        if one.root == alias:
            one.root = person.person_id
    person.version = max(person.version, merged.version)
    merged.version = max(merged.version, 1)
    merged.stage = merged.former = merged.judged_at = merged.due_at = merged.judged_by = None
    change.touch(into)
    for name in changed:
        change.anew(name)
    tables.link(Link(alias, into, at))
    tables.save(change.people.values())
    tables.reroot(alias, person.person_id)
    return True


def _known_senders(tables: Tables, change: Change, roots: Sequence[str]) -> Sequence[str]:
    """Return everybody who sent these people: a merge or its undoing changes how many people the senders sent."""
    senders = tables.senders(roots)
    change.know(senders)
    return senders


def _senders_ahead(tables: Tables, *people: str) -> Sequence[str]:
    """Return everybody who sent these people: all are held at once, so that two merges never wait in a ring."""
    known = tables.people(people)
    return tables.senders(list(dict.fromkeys(known[name].root if name in known else name for name in people)))


def _refuse_circle(change: Change, alias: str, into: str) -> None:
    if change.people[alias].root == change.people[into].root:
        msg = f"{alias!r} and {into!r} are one person already; a merge of the two would go in a circle"
        raise RecordError(msg)


def _leads_to(tables: Tables, alias: str) -> str | None:
    """Return the name that a name leads to by now."""
    return next((link.person_id for link in tables.links([alias]) if _is_of(link, alias)), None)


def _is_of(link: Link, alias: str) -> bool:
    return link.alias == alias and link.parted_at is None


def part(tables: Tables, change: Change, alias: str, at: int) -> str:
    """Let an alias be a person of its own again, with the names that lead to it; gives the name that it led to.

    Raises:
        RecordError: It leads to no other name.
    """
    change.know([alias, *_senders_ahead(tables, alias)])
    root = change.root(alias)
    current = [link for link in tables.links([alias]) if _is_of(link, alias)]
    if not current:
        msg = f"{alias!r} is an alias of nobody; merges and their dates are in aliases(...)"
        raise RecordError(msg)
    senders = _known_senders(tables, change, [root.person_id])
    tables.link(attrs.evolve(current[0], parted_at=at))
    names = _leading_to(tables, alias)
    change.know(names)
    for name in names:
        change.people[name].root = alias
    change.people[alias].version = root.version
    for name in (alias, root.person_id, *senders):
        change.anew(name)
    tables.save(change.people.values())
    return current[0].person_id


def _leading_to(tables: Tables, name: str) -> Sequence[str]:
    """Return a name and every name that leads to it by now.

    Raises:
        StoreError: The links lead in a circle, which no merge has made.
    """
    found = {name: None}
    last = [name]
    while last:
        ends = frozenset(last)
        last = [link.alias for link in tables.links(last) if link.person_id in ends and link.parted_at is None]
        if any(alias in found for alias in last):
            raise damaged("a name leads in a circle")
        found |= dict.fromkeys(last)
    return list(found)


def aliases_of(tables: Tables, name: str) -> list[Alias]:
    """Every other name of a person, by now or once."""
    _, names = names_of(tables, name)
    with readable("the date of a merge cannot be read"):
        return [
            Alias(
                link.alias,
                link.person_id,
                instant(link.merged_at),
                None if link.parted_at is None else instant(link.parted_at),
            )
            for link in tables.links(names)
        ]
