"""The customer book: conversion between customers and table entries, and erased entries."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from funnel._time import instant, micros
from funnel.errors import ConflictError
from funnel.records import Customer
from funnel.store._tables import Entry, Tables

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
