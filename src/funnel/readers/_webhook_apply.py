"""Webhooks in a store.

Invariant: in whatever order and however often the webhooks arrive, the store ends with the newest state of each order,
the earliest report of each payment and each refund, and the newest of each contact detail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from inspect import iscoroutinefunction
from threading import Lock
from typing import Protocol

import attrs

from funnel._arguments import instance, kind_of, parse_as_of
from funnel._time import instant, micros
from funnel.errors import ArgumentError, ConflictError, RecordError, StaleError, StoreError
from funnel.readers._webhook import Webhook
from funnel.records import Customer, Purchase, Refund
from funnel.store._base import TableStore
from funnel.store._protocol import Store
from funnel.store._register import DIGITS, HEAD, detail_key
from funnel.store._results import AppendResult
from funnel.store._server import AsyncSqlAlchemyStore

# ---- registers of the newest state of each record, and instants as text that is compared -----------------------------


OFFSET = 10**17
"""Added to every instant, to make it positive."""

_LATEST = 10**DIGITS - 1 - OFFSET
"""Minus an instant, it is the text of `_earliest`."""


def sortable(at: datetime) -> str:
    """Return an instant as text that is greater if the instant is later."""
    return f"{micros(at) + OFFSET:0{DIGITS}}"


class NewestStates(Protocol):
    """A durable register of the newest state of each record.

    The stores of this library have one in their own database. A store of the shop's own needs one table and this
    method. The states have the person ids of the orders, so they must be erased with the person.
    """

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, in one transaction, and return it.

        Args:
            key: The record, with at most 430 characters.
            state: The state. States are compared as text; a newer state is greater, and an empty state is the oldest.
        """
        ...


class MemoryStates:
    """Register in memory, for tests. A restart empties it.

    Example:
        >>> states = MemoryStates()
        >>> states.keep("order", "2"), states.keep("order", "1")
        ('2', '2')
    """

    def __init__(self) -> None:
        """Create an empty register."""
        self._lock = Lock()
        self._states: dict[str, str] = {}

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, and return it."""
        with self._lock:
            newest = max(self._states.get(key, ""), state)
            self._states[key] = newest
            return newest


class StoreStates:
    """Register in the database of a store of this library, in its table `webhook_states`."""

    def __init__(self, store: TableStore) -> None:
        """Use the database of the store; no query is sent yet."""
        self._store = store

    def keep(self, key: str, state: str) -> str:
        """Keep the greatest text under a key, in one transaction, and return it.

        Raises:
            StoreError: The database cannot be written, or the table is missing.
        """
        return self._store._keep_newest(key, state)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


# ---- contact details of webhooks in a store --------------------------------------------------------------------------

# The register of newest states must not hold personal data. It has the instant of the newest value of each detail, and
# a brief hash of the value. The hash also decides between two values of one instant.

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


# ---- webhooks in a store ---------------------------------------------------------------------------------------------


_RANKS = {"unpaid": 0, "placed": 1, "shipped": 2, "paid": 3, "delivered": 4, "cancelled": 5}


def apply(webhook: Webhook, store: Store, states: NewestStates | None = None, *, recorded_at: datetime) -> AppendResult:
    """Write the records of a webhook into a store. An older state never replaces a newer state.

    The newest state of each record is in a register. After each write the register is read again: if another delivery
    has a newer state meanwhile, that state is written too. No version of a person is needed, and an order may move
    from one person to another. If a payment or a refund has several times, the earliest is kept. The time of a payment
    stays when a newer state of the order does not have it.

    A contact detail is that of the newest webhook that has it; the details of an order are as old as the order. The
    details of an erased person are not written. If `erase` gave the person of an order another id, the order keeps it.

    Args:
        webhook: The result of a reader of webhooks.
        store: The store.
        states: The register; None for that in the database of the store. It must outlive a restart.
        recorded_at: The instant at which the records are recorded and the people are evaluated.

    Returns:
        The number of new and changed records, of which a changed customer is one; the number of records that the store
        already had; and the stage records of the people whose history changed.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The records can never be stored. Answer 422.
        StoreError: The records may be stored later: the store is busy, or its order does not allow the refund yet.
            Answer 503, and the platform sends the webhook again.

    Example:
        >>> from datetime import UTC
        >>> from funnel import SqliteStore
        >>> from funnel.readers.webhooks import woocommerce
        >>> ignored = woocommerce("order.deleted", b'{"id": 812}')
        >>> with SqliteStore() as store:
        ...     apply(ignored, store, recorded_at=datetime(2026, 3, 1, tzinfo=UTC)).added
        0
    """
    instance(webhook, Webhook, "webhook", "a result of a reader of webhooks")
    parse_as_of(recorded_at, "recorded_at")
    if not hasattr(store, "amend") or iscoroutinefunction(store.amend):
        raise ArgumentError(f"store must be a store, and apply_async takes an async one (got {kind_of(store)})")
    register = StoreStates(store) if states is None and isinstance(store, TableStore) else states
    if register is None or not hasattr(register, "keep"):
        raise ArgumentError(
            f"states must be a register with a method keep (got {kind_of(states)}); only a store of this library has "
            "a register of its own"
        )
    if isinstance(store, TableStore):
        webhook = _after_erasure(webhook, store)
    of_records = _write_records(webhook, store, register, recorded_at)
    return _both(of_records, write_customer(webhook, store, register, recorded_at))


async def apply_async(webhook: Webhook, store: AsyncSqlAlchemyStore, *, recorded_at: datetime) -> AppendResult:
    """Write the records of a webhook into an async store, with the register in its database; see `apply`.

    Args:
        webhook: The result of a reader of webhooks.
        store: The store.
        recorded_at: The instant at which the records are recorded and the people are evaluated.

    Returns:
        The result of `apply`.

    Raises:
        ArgumentError: An argument is not allowed.
        RecordError: The records can never be stored. Answer 422.
        StoreError: The records may be stored later. Answer 503.

    Example:
        >>> import asyncio
        >>> from datetime import UTC
        >>> from sqlalchemy.ext.asyncio import create_async_engine
        >>> from funnel.readers.webhooks import woocommerce
        >>> ignored = woocommerce("order.deleted", b'{"id": 812}')
        >>> async def receive():
        ...     engine = create_async_engine("sqlite+aiosqlite://")
        ...     try:
        ...         at = datetime(2026, 3, 1, tzinfo=UTC)
        ...         return await apply_async(ignored, AsyncSqlAlchemyStore(engine), recorded_at=at)
        ...     finally:
        ...         await engine.dispose()
        >>> asyncio.run(receive()).added
        0
    """
    instance(store, AsyncSqlAlchemyStore, "store", "an AsyncSqlAlchemyStore")
    return await store._done(  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        lambda plain: apply(webhook, plain, recorded_at=recorded_at)
    )


def _after_erasure(webhook: Webhook, store: TableStore) -> Webhook:
    """Return the webhook under the id that `erase` gave the person of its order, if there is one."""
    order, customer = webhook.purchase, webhook.customer
    person_id = None if order is None else store._id_after_erasure(order)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    if order is None or person_id is None:
        return webhook
    person = {"person_id": person_id}
    customer = None if customer is None else customer.model_copy(update=person)
    return attrs.evolve(webhook, purchase=order.model_copy(update=person), customer=customer)


def _write_records(webhook: Webhook, store: Store, states: NewestStates, recorded_at: datetime) -> AppendResult:
    records: list[Purchase | Refund] = [*([webhook.purchase] if webhook.purchase else []), *webhook.refunds]
    own = {_key(one): _state(one, webhook.updated_at or one.happened_at) for one in records}
    payment = f"payment:{':'.join(webhook.purchase.key)}" if webhook.purchase else ""
    if webhook.purchase:  # the newest state of an order seldom has the time of its payment
        own[payment] = _earliest(webhook.purchase.paid_at)
    result, stored = AppendResult(0, 0), dict[str, str]()
    while (newest := {key: states.keep(key, state) for key, state in own.items()}) != stored:
        try:
            result = _both(result, store.amend(*_records(newest, payment), recorded_at=recorded_at))
        except RecordError:
            if webhook.purchase is not None:
                raise
            raise StoreError("the refund does not fit the order that the store has; send it again later") from None
        stored = newest
    return result


def _both(first: AppendResult, second: AppendResult) -> AppendResult:
    """Return the result of two writes: each person as after the second, with the stage before the first."""
    people = {one.person_id: one for one in first.stage_records}
    for one in second.stage_records:
        before = people.get(one.person_id, one).previous_stage
        people[one.person_id] = attrs.evolve(one, previous_stage=before)
    return AppendResult(first.added + second.added, first.skipped + second.skipped, tuple(people.values()))


def _key(record: Purchase | Refund) -> str:
    return ":".join((record.kind, *record.key))


def _state(record: Purchase | Refund, at: datetime) -> str:
    """Write a record as text that is greater if the record is newer; of a refund, if it is earlier."""
    if isinstance(record, Refund):
        return f"{_earliest(record.refunded_at)}r{record.model_dump_json()}"
    return f"{sortable(at)}{_RANKS[record.status]}{record.model_dump_json()}"


def _earliest(at: datetime | None) -> str:
    """Return an instant as text that is greater if the instant is earlier; "" if it is unknown."""
    return "" if at is None else f"{_LATEST - micros(at):0{DIGITS}}"


def _records(states: Mapping[str, str], payment: str) -> Iterator[Purchase | Refund]:
    """Yield the records of states; the order with the earliest time of its payment."""
    for key, state in states.items():
        if key == payment:
            continue
        if state[DIGITS] == "r":
            yield Refund.model_validate_json(state[HEAD:])
        else:
            yield _paid(Purchase.model_validate_json(state[HEAD:]), states[payment])


def _paid(order: Purchase, payment: str) -> Purchase:
    """Return an order that counts from its payment on; an order that waits again, or has never counted, has none."""
    paid_at = instant(_LATEST - int(payment)) if payment else None
    has_counted = order.status in ("paid", "delivered") or order.cancelled_at is not None
    if paid_at is None or not has_counted or paid_at <= order.purchased_at:
        return order
    return order.model_copy(update={"paid_at": paid_at})
