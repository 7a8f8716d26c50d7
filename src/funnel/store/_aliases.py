"""Two names of one person: merged from one instant on, transitively, and parted again where that was wrong.

Laws: no chain of aliases leads back to itself; parting what was merged last gives the histories of before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from pydantic import TypeAdapter, ValidationError

from funnel._fields import Id
from funnel._instants import instant
from funnel.errors import RecordError
from funnel.store._change import Change, two_currencies
from funnel.store._reading import names_of
from funnel.store._tables import Link, Tables
from funnel.store.protocol import Alias

_NAME: TypeAdapter[str] = TypeAdapter(Id)


def merge(tables: Tables, change: Change, alias: str, into: str, at: int) -> bool:
    """Let one name lead to another; false where it does so already.

    Raises:
        RecordError: It would go in a circle, or the alias leads elsewhere, or two currencies would meet.
    """
    change.know([read_name(alias), read_name(into)])
    leads_to = _leads_to(tables, alias)
    if leads_to == into:
        return False
    _refuse_circle(change, alias, into)
    if leads_to is not None:
        msg = f"{alias!r} is an alias of {leads_to!r} already; merge that name instead, or part the two first"
        raise RecordError(msg)
    merged, person = change.people[alias], change.root(into)
    if merged.currency and person.currency and merged.currency != person.currency:
        raise two_currencies(person.person_id, [merged.currency, person.currency])
    names = tables.group(alias)
    change.know(names)
    for name in (alias, *names):
        change.people[name].root = person.person_id
    person.version = max(person.version, merged.version)
    person.currency = person.currency or merged.currency
    merged.version = max(merged.version, 1)
    merged.stage = merged.former = merged.judged_at = merged.due_at = merged.judged_by = None
    change.anew(into)
    _tell_senders(tables, change, names)
    tables.link(Link(alias, into, at))
    tables.save(change.people.values())
    return True


def read_name(name: str) -> str:
    """Make sure that a person may be called so.

    Raises:
        RecordError: It is blank, too long, or no text that a person's id may be.
    """
    try:
        return _NAME.validate_python(name)
    except ValidationError:
        raise RecordError("a name is blank, too long or no plain text; give the id of a person") from None


def _tell_senders(tables: Tables, change: Change, names: Sequence[str]) -> None:
    """Whoever sent people under two names has sent another number of people now."""
    senders = {row["referred_by"] for row in tables.of_people(names)} - {None}
    change.know(list(senders))
    for sender in senders:
        change.anew(sender)


def _refuse_circle(change: Change, alias: str, into: str) -> None:
    if change.people[alias].root == change.people[into].root:
        msg = f"{alias!r} and {into!r} are one person already; a merge of the two would go in a circle"
        raise RecordError(msg)


def _leads_to(tables: Tables, alias: str) -> str | None:
    """Where a name leads to by now."""
    return _parents(tables, [alias]).get(alias)


def _parents(tables: Tables, names: Sequence[str]) -> Mapping[str, str]:
    return {link.alias: link.person_id for link in tables.links(names) if link.parted_at is None}


def part(tables: Tables, change: Change, alias: str, at: int) -> str:
    """Let an alias be a person of its own again, with the names that lead to it; gives the name that it led to.

    Raises:
        RecordError: It leads to no other name.
    """
    change.know([alias])
    root = change.root(alias)
    names = tables.group(root.person_id)
    current = [link for link in tables.links([alias]) if link.alias == alias and link.parted_at is None]
    if not current:
        msg = f"{alias!r} is an alias of nobody; merges and their dates are in aliases(...)"
        raise RecordError(msg)
    tables.link(attrs.evolve(current[0], parted_at=at))
    change.know(names)
    parents = _parents(tables, names)
    for name in names:
        change.people[name].root = alias if _end(name, parents) == alias else root.person_id
    change.people[alias].version = root.version
    for name in (alias, root.person_id):
        change.anew(name)
    _tell_senders(tables, change, names)
    tables.save(change.people.values())
    for name in (alias, root.person_id):
        change.settle_currency(name)
    return current[0].person_id


def _end(name: str, parents: Mapping[str, str]) -> str:
    """Where a chain of aliases ends."""
    while name in parents:
        name = parents[name]
    return name


def aliases_of(tables: Tables, name: str) -> list[Alias]:
    """Every other name of a person, by now or once."""
    _, names = names_of(tables, name)
    return [
        Alias(
            link.alias,
            link.person_id,
            instant(link.merged_at),
            None if link.parted_at is None else instant(link.parted_at),
        )
        for link in tables.links(names)
    ]
