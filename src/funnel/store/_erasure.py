"""Erasure of a person's personal data, and of ids that are personal data themselves; the export of a person's data.

Invariant: after an erasure with another id, no table has the former ids, and every fact is as before.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import attrs

from funnel._time import instant
from funnel.errors import ArgumentError, RecordError
from funnel.history import trusted
from funnel.records import Lead
from funnel.store._aliases import aliases_of
from funnel.store._change import Change
from funnel.store._damage import readable
from funnel.store._reading import names_of, person_of, records_of, unresolved_of
from funnel.store._register import rename_states
from funnel.store._results import Alias
from funnel.store._rows import ID_ERASED, Key, Row, record_of
from funnel.store._tables import Entry, Tables


def erase(tables: Tables, change: Change, name: str, new_id: str | None) -> int:
    """Erase a person's personal data and return the number of entries; with `new_id`, also every id of the person.

    Raises:
        RecordError: The store has no records of the person.
        ArgumentError: `new_id` is the id of another person.
    """
    if new_id is not None:
        return _rename(tables, change, name, new_id)
    change.read([name])
    person = change.person(name)
    if not person.version:
        raise _unknown()
    erased = tables.erase(tables.group(person.person_id))
    person.version += erased > 0
    tables.save([person])
    return erased


def _unknown() -> RecordError:
    return RecordError("the store has no records of this person; pass the person id as in the records")


def _rename(tables: Tables, change: Change, name: str, new_id: str) -> int:
    _locked(tables, change, name, new_id)
    holder = change.person(name)
    if not holder.version:
        if tables.erased_names([new_id]):  # the same call again, after an error
            return 0
        raise _unknown()
    if change.person(new_id) is not holder and change.person(new_id).version:
        raise ArgumentError("new_id is the id of another person already; pass an id that the store does not have")
    names, rows, referrals = _locked(tables, change, name, new_id)  # again, because others wrote before the locks
    entries = {entry.person_id: entry for entry in tables.entries(names)}
    erased = tables.erase(names)
    renamed = list(_renamed(rows, names, new_id, holder.version))
    renamed += [(row, row.with_cell("referred_by", new_id)) for row in referrals]
    tables.remove([row.key for row, now in renamed if now is None])
    tables.move({row.key: now for row, now in renamed if now is not None})
    tables.forget([one for one in names if one != new_id])
    rename_states(tables, names, new_id)
    _mark_erased(tables, new_id, next((entries[one] for one in names if one in entries), None))
    version = holder.version + len(rows) + 1
    person = attrs.evolve(holder, person_id=new_id, group_id=new_id, version=version, canonical_id=None, name_count=1)
    for other in _related(rows, referrals, names):
        change.touch(other)
    related = [change.people[group_id] for group_id in change.versions_before]
    tables.save([person, *related])
    return erased


def _locked(
    tables: Tables, change: Change, name: str, new_id: str
) -> tuple[Sequence[str], Sequence[Row], Sequence[Row]]:
    """Read the names of a person, their records, and the leads of others that name the person; lock all of them.

    Locks are taken as by every writer: first the records and the records that they refer to, then the people.
    """
    _, names = names_of(tables, name)
    rows = tables.of_people(names)
    referrals = [row for row in tables.referrals(names) if row.person_id not in names]
    tables.reserve([key for row in (*rows, *referrals) for key in (row.key, row.target) if key is not None])
    change.read([name, new_id, *names, *_related(rows, referrals, names)])
    return names, rows, referrals


def _related(rows: Sequence[Row], referrals: Sequence[Row], names: Collection[str]) -> Sequence[str]:
    """Return the other people whose history names the person."""
    referrers = [row["referred_by"] for row in rows if row["referred_by"] not in (None, *names)]
    return list(dict.fromkeys([*referrers, *(row.person_id for row in referrals)]))


def _renamed(
    rows: Sequence[Row], names: Collection[str], new_id: str, version: int
) -> Iterator[tuple[Row, Row | None]]:
    """Yield each row with its row under the new id; None if a merge has made it equal to an earlier written arrival."""
    keys: set[Key] = set()
    for number, row in enumerate(rows, start=version + 1):
        now = row.with_cell("referred_by", new_id) if row["referred_by"] in names else row
        now = attrs.evolve(now, person_id=new_id, version=number, payload=None, personal_data_state=ID_ERASED)
        if row.kind == "lead":  # the id of a lead contains that of the person
            now = attrs.evolve(now, key=(row.key[0], *record_of(now).key))
        yield row, None if now.key in keys else now
        keys.add(now.key)


def _mark_erased(tables: Tables, new_id: str, entry: Entry | None) -> None:
    """Mark the new id as erased, with the date of the person's entry in the customer book."""
    if entry is None:
        tables.erase([new_id])
    else:
        tables.put_customer(attrs.evolve(entry, person_id=new_id, payload=""))


# ---- the export of one person's stored data, as JSON to hand to that person ------------------------------------------


FORMAT = 1
"""The version of the export format."""


def export(tables: Tables, name: str, rule_fingerprint: int) -> str:
    """Return a person's history, unresolved records, other names and stage, without others' contacts."""
    group_id, names = names_of(tables, name)
    _, records, customer = records_of(tables, name)  # amounts as they were stored
    visible = [_without_contact(one) if isinstance(one, Lead) and one.person_id != group_id else one for one in records]
    data = {
        "format": FORMAT,
        "person_id": group_id,
        "stage": _stage(tables, name, rule_fingerprint),
        "aliases": [_plain(alias) for alias in aliases_of(tables, name)],
        "history": trusted(group_id, visible, customer).model_dump(mode="json"),
        "unresolved": [record.model_dump(mode="json") for record in unresolved_of(tables, names)],
    }
    return json.dumps(data, ensure_ascii=False, indent=2)


def _stage(tables: Tables, name: str, rule_fingerprint: int) -> dict[str, Any] | None:
    person = person_of(tables, name)
    if person.evaluated_at is None or person.rule_fingerprint != rule_fingerprint:
        return None
    with readable("the date of an evaluation cannot be read"):
        return {"stage": person.stage, "evaluated_at": instant(person.evaluated_at).isoformat()}


def _without_contact(lead: Lead) -> Lead:
    return lead.model_copy(update={"contact": None})


def _plain(alias: Alias) -> dict[str, str | None]:
    values: dict[str, Any] = attrs.asdict(alias)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
