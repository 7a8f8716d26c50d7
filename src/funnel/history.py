"""History of one person: records validated together, without duplicates, in one order.

Invariants: order of delivery and repetition do not change a history; its JSON reads back as an equal history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, TypeVar, cast

from pydantic import AfterValidator, GetCoreSchemaHandler

from funnel._aggregate.aggregations import LARGEST_SUM, TOO_LARGE
from funnel._arguments import each, instance, kind_of
from funnel._copies import unchecked
from funnel._fields import Frozen, Id, check_id
from funnel._format import is_contact, quoted_id
from funnel._time import micros
from funnel.errors import ArgumentError, RecordError
from funnel.money import Money
from funnel.records import Customer, Lead, Purchase, Record, Refund

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

    from funnel._ledger.ledger import L, Ledger
    from funnel.interactions import AnyInteraction, Interaction

__all__ = ["History"]

R = TypeVar("R", bound=Record)

MOST_FAULTS = 20
"""Largest number of issues listed in one message; the rest are only counted."""


def _order(record: Record) -> tuple[int, str, str]:
    """Return the sort key of a record within its kind: instant, source and id."""
    return micros(record.happened_at), *record.key


def _tidy(records: tuple[R, ...]) -> tuple[R, ...]:
    """Sort records and drop duplicates.

    Two different records with the same key stay, to be reported as an issue.
    """
    return tuple(sorted(dict.fromkeys(records), key=_order))


def _tidy_talk(records: tuple[Interaction, ...]) -> tuple[Interaction, ...]:
    from funnel._ledger.rows import InOrder

    return InOrder.of(dict.fromkeys(records))


class _OfAnyKind:
    """Interactions of any kind, whose models are loaded with the first history rather than with this module."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from funnel.interactions import AnyInteraction

        return handler.generate_schema(tuple[AnyInteraction, ...])


_Leads: TypeAlias = Annotated[tuple[Lead, ...], AfterValidator(_tidy)]
_Purchases: TypeAlias = Annotated[tuple[Purchase, ...], AfterValidator(_tidy)]
_Refunds: TypeAlias = Annotated[tuple[Refund, ...], AfterValidator(_tidy)]
if TYPE_CHECKING:
    _Interactions: TypeAlias = tuple[AnyInteraction, ...]
else:
    _Interactions = Annotated[tuple[Any, ...], _OfAnyKind, AfterValidator(_tidy_talk)]


class History(Frozen, frozen=True):
    """All records of one person, in the order in which they happened.

    A history is consistent: a record that came twice is kept once. An answer without a question, or refunds above their
    purchase, raise an error that lists every issue. `History(...)`, `of` and `add` raise `RecordError`. When pydantic
    validates a history inside another model, the `FieldsError` has the same message.

    Example:
        >>> from funnel.money import Money
        >>> bought = Purchase(id="1", person_id="p1", purchased_at="2026-03-01T02:00Z", amount=Money(9, "USD"))
        >>> History.of("p1", [bought, bought])
        History('p1', leads=0, purchases=1, refunds=0, interactions=0, referrals=0)
    """

    person_id: Id
    """Id of the person."""
    customer: Customer | None = None
    """Customer record of the person; None if unknown."""
    leads: _Leads = ()
    """Leads of the person."""
    purchases: _Purchases = ()
    """Purchases of the person."""
    refunds: _Refunds = ()
    """Refunds to the person."""
    interactions: _Interactions = ()
    """Interactions between the person and the shop."""
    referrals: _Leads = ()
    """Leads of other people with this person as referrer."""

    if not TYPE_CHECKING:  # pragma: no branch - type checkers read the fields above

        def __init__(self, **fields: object) -> None:
            super().__init__(**fields)
            faults = sorted({fault for check in _CHECKS for fault in check(self)})
            if faults:
                raise RecordError(_report(self.person_id, faults))

    @classmethod
    def of(cls, person_id: str, records: Iterable[Record], *, customer: Customer | None = None) -> Self:
        """Create a history from records of every kind; drop duplicates.

        Args:
            person_id: Id of the person.
            records: Leads, purchases, refunds and interactions, and leads of other people with this person as
                referrer.
            customer: Customer record of the person.

        Returns:
            The history.

        Raises:
            RecordError: The records contradict each other; the message lists every issue.
            ArgumentError: `person_id` is not an id, or an item of `records` is not a record.

        Example:
            >>> friend = Lead(person_id="p2", arrived_at="2026-03-01T02:00Z", referred_by="p1")
            >>> len(History.of("p1", [friend]).referrals)
            1
        """
        from funnel.interactions import Interaction

        check_id(person_id)
        all_records = each(records, "records", "a list of records")
        kinds = (Lead, Purchase, Refund, Interaction)
        strangers = sorted({kind_of(record) for record in all_records if not isinstance(record, kinds)})
        if strangers:
            raise ArgumentError(
                f"{', '.join(strangers)} is not a record of a history; give leads, purchases, refunds and interactions"
            )
        return cls(
            person_id=person_id,
            customer=customer,
            leads=tuple(lead for lead in _only(Lead, all_records) if not _is_referral(lead, person_id)),
            purchases=_only(Purchase, all_records),
            refunds=_only(Refund, all_records),
            interactions=cast("tuple[AnyInteraction, ...]", _only(Interaction, all_records)),
            referrals=tuple(lead for lead in _only(Lead, all_records) if _is_referral(lead, person_id)),
        )

    def add(self, *records: Record) -> Self:
        """Return a new history with these records too; this history does not change.

        Args:
            records: Leads, purchases, refunds and interactions; duplicates are dropped.

        Returns:
            The new history.

        Raises:
            RecordError: The records contradict each other; the message lists every issue.

        Example:
            >>> History(person_id="p1").add(Lead(person_id="p1", arrived_at="2026-03-01T02:00Z")).leads[0].source
            ''
        """
        return self.of(self.person_id, (*self.records, *records), customer=self.customer)

    @property
    def records(self) -> tuple[Record, ...]:
        """All records: leads, purchases, refunds, interactions, referrals; each sorted."""
        return *self.leads, *self.purchases, *self.refunds, *self.interactions, *self.referrals

    @cached_property
    def _ledger(self) -> Ledger:
        """Ledger rows from which facts are computed."""
        from funnel._ledger.ledger import Ledger

        return self._fill(Ledger(self.person_id))

    def _fill(self, ledger: L) -> L:
        """Internal: write the records into an empty ledger of this person."""
        from funnel._ledger.ledger import fill_ledger

        if self.customer is not None:
            ledger.columns = self.customer.columns
        return fill_ledger(ledger, self.interactions, (*self.leads, *self.purchases, *self.refunds, *self.referrals))

    @property
    def currency(self) -> str | None:
        """Currency of all amounts; None if there are no amounts."""
        return next((money.currency for _, money in _moneys(self)), None)

    def __repr__(self) -> str:
        """Return the person's id and the number of records, nothing else."""
        names = ("leads", "purchases", "refunds", "interactions", "referrals")
        counts = ", ".join(f"{name}={len(getattr(self, name))}" for name in names)
        return f"History({self.person_id!r}, {counts})"

    __str__ = __repr__


def check_is_history(value: object, name: str = "history") -> History:
    """Return an argument that must be a history.

    Raises:
        ArgumentError: The argument is not a history.
    """
    checked: History = instance(value, History, name, "a History")
    return checked


def trusted(person_id: str, records: Iterable[Record], customer: Customer | None) -> History:
    """Return a history of consistent records, without the checks of `History.of`.

    Args:
        person_id: Id of the person.
        records: Records that a store has validated, without duplicates.
        customer: Customer record of the person.
    """
    from funnel._ledger.rows import InOrder
    from funnel.interactions import Interaction

    logs: dict[type[Record], list[Any]] = {Lead: [], Purchase: [], Refund: [], Interaction: []}
    referrals: list[Lead] = []
    for record in records:
        if isinstance(record, Lead) and _is_referral(record, person_id):
            referrals.append(record)
        else:
            logs[type(record) if type(record) in logs else Interaction].append(record)
    fields = {
        "person_id": person_id,
        "customer": customer,
        "leads": tuple(sorted(logs[Lead], key=_order)),
        "purchases": tuple(sorted(logs[Purchase], key=_order)),
        "refunds": tuple(sorted(logs[Refund], key=_order)),
        "interactions": InOrder.of(logs[Interaction]),
        "referrals": tuple(sorted(referrals, key=_order)),
    }
    return unchecked(History, fields)


def _only(kind: type[R], records: Iterable[Record]) -> tuple[R, ...]:
    return tuple(record for record in records if isinstance(record, kind))


def _is_referral(lead: Lead, person_id: str) -> bool:
    return lead.referred_by == person_id and lead.person_id != person_id


def _report(person_id: str, faults: list[str]) -> str:
    many = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return f"the history of {quoted_id(person_id)} has {many}: {'; '.join([*faults[:MOST_FAULTS], *more])}"


def _name(record: Record) -> str:
    source, number = record.key
    if isinstance(record, Lead) and is_contact(record.person_id):  # its key has the id of the person
        return f"lead of {source!r}"
    return f"{type(record).__name__.lower()} {number!r} of {source!r}"


def _of_others(history: History) -> Iterator[str]:
    own: tuple[Lead | Purchase | Interaction | Customer, ...] = (
        *history.leads,
        *history.purchases,
        *history.interactions,
        *filter(None, [history.customer]),
    )
    for record in own:
        if record.person_id != history.person_id:
            subject = "the customer" if isinstance(record, Customer) else _name(record)
            yield f"{subject} belongs to {quoted_id(record.person_id)}; use one history per person"
    for lead in history.referrals:
        if not _is_referral(lead, history.person_id):
            yield f"referral {_name(lead)} is not by this person; its referred_by must be this person"


def _conflicts(history: History) -> Iterator[str]:
    """Yield records with the same key and different content.

    Name the differing fields, never their values.
    """
    from funnel.interactions import Interaction

    by_key: dict[tuple[str, tuple[str, str]], Record] = {}
    for record in history.records:
        kind = "interaction" if isinstance(record, Interaction) else type(record).__name__
        first = by_key.setdefault((kind, record.key), record)
        if first is not record and first != record:
            fields = ", ".join(_differing(first, record))
            yield f"{_name(first)} occurs twice and differs in {fields}; keep the correct one"


def _differing(first: Record, second: Record) -> list[str]:
    names = sorted({*type(first).model_fields, *type(second).model_fields})
    return [name for name in names if getattr(first, name, None) != getattr(second, name, None)]


def _bad_refunds(history: History) -> Iterator[str]:
    purchases = {purchase.key: purchase for purchase in history.purchases}
    returned: dict[tuple[str, str], int] = {}
    for refund in history.refunds:
        key = refund.source, refund.purchase_id
        purchase = purchases.get(key)
        if purchase is None:
            yield f"{_name(refund)} refers to the unknown purchase {refund.purchase_id!r}; add that purchase too"
            continue
        if refund.refunded_at < purchase.purchased_at:
            yield f"{_name(refund)} is before its {_name(purchase)}; it must be at the same instant or later"
        returned[key] = returned.get(key, 0) + refund.amount.minor
    for key, total in returned.items():
        if total > purchases[key].amount.minor:
            yield f"the refunds of {_name(purchases[key])} exceed its amount; together they may reach it at most"


def _answers_to_nothing(history: History) -> Iterator[str]:
    """Yield references to missing or later records."""
    from funnel.interactions import Answer, Complaint, Delivery, Question, Resolution

    questions = {record.key: record for record in history.interactions if isinstance(record, Question)}
    complaints = {record.key: record for record in history.interactions if isinstance(record, Complaint)}
    purchases = {record.key: record for record in history.purchases}
    for record in history.interactions:
        match record:
            case Answer():
                yield from _reference(record, "question", record.question_id, questions)
            case Resolution():
                yield from _reference(record, "complaint", record.complaint_id, complaints)
            case Delivery():
                yield from _reference(record, "purchase", record.purchase_id, purchases)
            case Complaint() if record.purchase_id is not None:
                yield from _reference(record, "purchase", record.purchase_id, purchases)
            case _:
                pass


def _reference(record: Interaction, kind: str, number: str, targets: Mapping[tuple[str, str], Record]) -> Iterator[str]:
    target = targets.get((record.source, number))
    if target is None:
        yield f"{_name(record)} refers to the unknown {kind} {number!r}; add that {kind} from the same source too"
    elif record.happened_at < target.happened_at:
        yield f"{_name(record)} is before its {_name(target)}; it must be at the same instant or later"


def _moneys(history: History) -> Iterator[tuple[Record, Money]]:
    for record in history.records:
        money: Money | None = getattr(record, "amount", None)
        if money is not None:
            yield record, money


def _currencies(history: History) -> Iterator[str]:
    currencies = sorted({money.currency for _, money in _moneys(history)})
    if len(currencies) > 1:
        yield f"it has amounts in {' and '.join(currencies)}; convert them to one currency first"


def _sums(history: History) -> Iterator[str]:
    bought, talked = history.purchases, history.interactions
    for name, field, records in (
        ("purchases", "amount", bought),
        ("costs", "cost", bought),
        ("fees", "fees", bought),
        ("interactions", "amount", talked),
    ):
        amounts: Iterator[Money | None] = (getattr(record, field, None) for record in records)
        if sum(amount.minor for amount in amounts if amount is not None) > LARGEST_SUM:
            yield f"its {name} cannot be added up: {TOO_LARGE}"


_CHECKS = (_of_others, _conflicts, _bad_refunds, _answers_to_nothing, _currencies, _sums)
