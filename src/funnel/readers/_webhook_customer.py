"""Contact details of webhooks in a store.

The register of newest states must not hold personal data. It has the instant of the newest value of each detail, and a
brief hash of the value. The hash also decides between two values of one instant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from funnel.errors import ConflictError, StaleError
from funnel.readers._webhook import Webhook
from funnel.readers._webhook_states import NewestStates, sortable
from funnel.records import Customer
from funnel.store._protocol import Store
from funnel.store._register import detail_key
from funnel.store._results import AppendResult

_FEW = 4
"""Digits of the hash: enough to tell a few values of one person apart, and too few to recognise a person by."""


def write_customer(webhook: Webhook, store: Store, states: NewestStates, recorded_at: datetime) -> AppendResult:
    """Write the contact details that no newer webhook has; a changed customer counts as one record.

    The version of the person is read before the register, so the store refuses a write that another delivery overtakes,
    and the write is repeated. After a write the register is read again. If a newer webhook found its value in the store
    just before this write replaced it, the hash matches the replaced value, which is then written back.
    """
    customer, updated = webhook.customer, webhook.updated_at
    if customer is None or updated is None:
        return AppendResult(0, 0)
    at = sortable(webhook.purchase.purchased_at if webhook.purchase else updated) + sortable(updated)
    own = {name: value for name, value in _details(customer).items() if value}
    replaced: Mapping[str, str] = {}
    result = AppendResult(0, 0)
    while True:
        record = store.stage_record(customer.person_id)
        person, version = (record.person_id, record.version) if record else (customer.person_id, 0)
        hashes = {
            name: states.keep(detail_key(person, name), at + _brief_hash(value))[-_FEW:] for name, value in own.items()
        }
        stored = store.history(person).customer or Customer(person_id=person, name="")
        present = _details(stored)
        newest = {
            name: _matching(code, present[name], own[name], replaced.get(name, "")) for name, code in hashes.items()
        }
        merged = _merged(stored, {**present, **newest}, customer.since)
        if merged == stored:
            return result
        try:
            stage_record = store.put_customer(merged, recorded_at=recorded_at, expected={person: version})
        except StaleError:
            continue
        except ConflictError:  # the person was erased
            return result
        replaced, result = present, AppendResult(1, 0, (stage_record,))


def _matching(code: str, present: str, *others: str) -> str:
    """Return the first value with a hash; the value that the store has if no value matches."""
    return next((one for one in (present, *others) if one and _brief_hash(one) == code), present)


def _brief_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_FEW]


def _details(customer: Customer) -> dict[str, str]:
    contact = customer.contact
    return {"name": customer.name, "address": customer.address, "email": contact.email, "phone": contact.phone}


def _merged(stored: Customer, details: Mapping[str, str], since: datetime | None) -> Customer:
    """Return the stored customer with new details, and with the earlier of both instants."""
    contact = stored.contact.model_copy(update={name: details[name] for name in ("email", "phone")})
    instants = [one for one in (stored.since, since) if one is not None]
    changes = {"name": details["name"], "address": details["address"], "contact": contact}
    return stored.model_copy(update={**changes, "since": min(instants, default=None)})
