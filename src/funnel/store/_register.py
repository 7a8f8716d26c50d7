"""The register of the newest states of webhooks, in the database of a store: its keys and its texts.

A state is an instant and a rank, so that a newer state is a greater text, and then the record as JSON. The state of a
contact detail has a short hash in place of the record.
"""

from __future__ import annotations

from collections.abc import Collection

from pydantic_core import to_json

from funnel.records import Purchase
from funnel.store._tables import Tables

DIGITS = 20
"""Number of digits of an instant in a state."""

HEAD = DIGITS + 1
"""Number of characters of a state before the record."""

DETAILS = ("name", "address", "email", "phone")
"""The contact details whose newest instants are in the register."""


def detail_key(person_id: str, detail: str) -> str:
    """Return the key of a contact detail of a person."""
    return f"customer:{person_id}:{detail}"


def rename_states(tables: Tables, names: Collection[str], new_id: str) -> None:
    """Write a new id into the states of a person's orders, and delete the states of the contact details."""
    for name in names:
        for key, state in tables.states_with(f'"person_id":{to_json(name).decode()}').items():
            order = Purchase.model_validate_json(state[HEAD:])
            if order.person_id == name:  # SQLite also returns a name in other capitals
                order = order.model_copy(update={"person_id": new_id})
                tables.put_state(key, state[:HEAD] + order.model_dump_json())
    tables.drop_states([detail_key(name, detail) for name in names for detail in DETAILS])
