"""Conversion of rows to one person's history: all names merged, without unresolved records.

Invariant: the history of the stored records equals the history of the added records.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from funnel._format import quoted_id
from funnel._time import instant, micros
from funnel.errors import ConflictError
from funnel.history import History, trusted
from funnel.records import Customer, Lead, Record
from funnel.store._checks import referring_to
from funnel.store._currencies import in_one_currency
from funnel.store._damage import damaged, readable
from funnel.store._rows import Key, Row, record_of
from funnel.store._tables import Entry, Person, Tables

if TYPE_CHECKING:
    from funnel.rates import Rates


# ---- the customer book: conversion between customers and table entries, and erased entries ---------------------------


_BOOK = ("name", "nickname", "address", "contact")


def entry_of(customer: Customer) -> Entry:
    """Return a customer as an entry: id and date in columns, personal data as JSON."""
    since = None if customer.since is None else micros(customer.since)
    return Entry(customer.person_id, since, customer.model_dump_json(include=set(_BOOK)))


def customer_of(person_id: str, entry: Entry) -> Customer:
    """Return the customer of an entry; without a name if the entry was erased."""
    personal_data: dict[str, Any] = json.loads(entry.payload) if entry.payload else {"name": ""}
    return Customer(person_id=person_id, since=None if entry.since is None else instant(entry.since), **personal_data)


def refuse_erased(tables: Tables, names: Collection[str], *, is_allowed: bool) -> None:
    """Refuse an erased person, unless the caller allows it.

    Raises:
        ConflictError: One of the names was erased.
    """
    erased = tables.erased_names(list(names))
    if erased and not is_allowed:
        raise ConflictError(
            "the person was erased; leave the person out, or pass after_erasure=True if the person has given their "
            "details again"
        )
    if erased:
        tables.clear_erased(erased)


# ---- histories -------------------------------------------------------------------------------------------------------


def person_of(tables: Tables, name: str) -> Person:
    """Return a person by any name; version 0 if the person has no records.

    Raises:
        StoreError: The name leads to a missing name.
    """
    person = tables.people([name]).get(name, Person(name, name))
    if person.group_id == name:
        return person
    holder = tables.people([person.group_id]).get(person.group_id)
    if holder is None or holder.group_id != holder.person_id:
        raise damaged("a name leads to a missing name, or to a circle of names")
    return holder


def names_of(tables: Tables, name: str) -> tuple[str, Sequence[str]]:
    """Return the current name of a person, and all names of the person, the current one first."""
    person = person_of(tables, name)
    others = set(tables.group(person.person_id)) - {person.canonical} if person.version else ()
    return person.canonical, [person.canonical, *sorted(others)]


def history_of(tables: Tables, name: str, rates: Rates | None) -> History:
    """Return the history of a person, by any name, in one currency.

    Raises:
        MoneyError: The rates have no rate of a day; or there are no rates, and the amounts have two currencies.
    """
    canonical, records, customer = records_of(tables, name)
    converted = in_one_currency(records, rates)
    with readable(f"a record of {quoted_id(canonical)} cannot be read"):
        return trusted(canonical, converted, customer)


def records_of(tables: Tables, name: str) -> tuple[str, Sequence[Record], Customer | None]:
    """Return the current name of a person, the records of the history as they were stored, and the customer."""
    canonical, names = names_of(tables, name)
    rows = tables.of_people(names)
    own_names = dict.fromkeys(names, canonical)
    referrals = [row for row in tables.referrals(names) if row.person_id not in own_names]
    people = _people(tables, [*rows, *referrals])
    current_names = {name: person.canonical for name, person in people.items()} | own_names
    unique_referrals = _earliest_arrivals(
        tables, referrals, {name: person.person_id for name, person in people.items()}
    )
    with readable(f"a record of {quoted_id(canonical)} cannot be read"):
        records = [record_of(row, current_names) for row in (*_in_history(rows), *unique_referrals)]
        return canonical, list(_each_lead_once(records)), _customer(tables, canonical, names)


def _earliest_arrivals(tables: Tables, referrals: Sequence[Row], group_ids_of: Mapping[str, str]) -> Sequence[Row]:
    """Drop arrivals that a merge has made equal to an earlier written arrival under another name."""
    aliases: Sequence[str] = (
        tables.other_names({group_ids_of.get(row.person_id, row.person_id) for row in referrals}) if referrals else ()
    )
    if not aliases:
        return referrals
    group_ids = {name: person.group_id for name, person in tables.people(aliases).items()}
    group_ids |= {group_id: group_id for group_id in group_ids.values()}
    first: dict[tuple[object, ...], Key] = {}
    for row in tables.of_people(list(group_ids)):
        if row.kind == "lead":
            first.setdefault(_arrival(row, group_ids[row.person_id]), row.key)
    return [row for row in referrals if first.get(_arrival(row, group_ids.get(row.person_id, "")), row.key) == row.key]


def _arrival(row: Row, group_id: str) -> tuple[object, ...]:
    return group_id, row.key[1], row["happened_at"], row["campaign"]


def _people(tables: Tables, rows: Iterable[Row]) -> dict[str, Person]:
    """Return the people in leads, by any of their names."""
    leads = [row for row in rows if row.kind == "lead" and row["referred_by"] is not None]
    names = {name for row in leads for name in (row.person_id, row["referred_by"])}
    return people_by_name(tables, names) if names else {}


def people_by_name(tables: Tables, names: Collection[str]) -> dict[str, Person]:
    """Return the people of names; names without records are left out."""
    rows = tables.people(names)
    missing = {person.group_id for person in rows.values()} - rows.keys()
    rows = {**rows, **tables.people(missing)} if missing else rows
    with readable("a name leads to a missing name"):
        return {name: rows[rows[name].group_id] for name in names if name in rows}


def unresolved_of(tables: Tables, names: Sequence[str]) -> list[Record]:
    """Return the records of a person that refer to a missing record."""
    rows = tables.of_people(names)
    kinds = _kinds(rows)
    with readable("an unresolved record cannot be read"):
        return [record_of(row) for row in rows if row.kind != "complaint" and _is_unresolved(row, kinds)]


def movable_records(
    tables: Tables, names: Collection[str], canonical: str, *, was_referred: bool
) -> list[Record] | None:
    """Return the records of names if they can be added to another history unchanged, None otherwise.

    They cannot be added if a record is unresolved, if a record of another person refers to one of them, or if a record
    names a referrer. If the other person was referred, a lead cannot be added either, because the same arrival may be a
    referral there.
    """
    rows = tables.of_people(list(names))
    kinds = _kinds(rows)
    if tables.referrals(list(names)) or any(_is_unresolved(row, kinds) for row in rows):
        return None
    if any(row.kind == "lead" and (was_referred or row["referred_by"] is not None) for row in rows):
        return None
    if any(row.key not in kinds for row in referring_to(tables, {row.key: row for row in rows})):
        return None
    with readable("a record cannot be read"):
        return [record_of(row, dict.fromkeys(names, canonical)) for row in rows]


def _in_history(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the resolved rows; a complaint whose purchase is missing becomes one without a purchase."""
    kinds = _kinds(rows)
    for row in rows:
        if not _is_unresolved(row, kinds):
            yield row
        elif row.kind == "complaint":
            yield attrs.evolve(row.with_cell("regarding", None), target=None)


def _kinds(rows: Iterable[Row]) -> Mapping[Key, str]:
    return {row.key: row.kind for row in rows}


def _is_unresolved(row: Row, kinds: Mapping[Key, str]) -> bool:
    return row.target is not None and kinds.get(row.target) != row.target_kind


def _each_lead_once(records: Iterable[Record]) -> Iterator[Record]:
    """Yield records; of arrivals that a merge has made equal, only the earliest written."""
    keys: set[tuple[str, str]] = set()
    for record in records:
        if not isinstance(record, Lead):
            yield record
        elif record.key not in keys:
            keys.add(record.key)
            yield record


def _customer(tables: Tables, canonical: str, names: Sequence[str]) -> Customer | None:
    """Return the person's customer entry: under the current name, or else under the first other name."""
    entries = {entry.person_id: entry for entry in tables.entries(names)}
    entry = next((entries[name] for name in (canonical, *names) if name in entries), None)
    return None if entry is None else customer_of(canonical, entry)
