"""Types of the fields of records; read by mypy and pyright, never run."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from funnel import Customer, Lead, Money, Purchase, Refund
from funnel.interactions import AnyInteraction, Postponement, PostponementReason, Question, Visit

now = datetime.fromisoformat("2026-03-01T09:00+07:00")
TEXT = "2026-03-01T09:00+07:00"


def instants_are_given_as_datetimes_or_as_text(price: Money) -> None:
    """A field for an instant takes a datetime or text, and is a datetime."""
    lead = Lead(person_id="p1", arrived_at=TEXT)
    assert_type(lead.arrived_at, datetime)
    purchase = Purchase(id="1", person_id="p1", purchased_at=now, amount=price, delivered_at=TEXT, promised_at=None)
    assert_type(purchase.purchased_at, datetime)
    assert_type(purchase.delivered_at, datetime | None)
    assert_type(purchase.cancelled_at, datetime | None)
    assert_type(Refund(id="r1", purchase_id="1", refunded_at=TEXT, amount=price).refunded_at, datetime)
    assert_type(Customer(person_id="p1", name="Sari", since=TEXT).since, datetime | None)


def interactions_too(one: AnyInteraction) -> None:
    """Every kind of interaction is a record, too."""
    assert_type(Question(id="q1", person_id="p1", occurred_at=TEXT).occurred_at, datetime)
    assert_type(Visit(id="v1", person_id="p1", occurred_at=now).occurred_at, datetime)
    assert_type(one.occurred_at, datetime)
    later = Postponement(
        id="n1", person_id="p1", occurred_at=TEXT, reason=PostponementReason.PAYDAY, until=TEXT, latest=now
    )
    assert_type(later.until, datetime)
    assert_type(later.latest, datetime | None)


def refused(lead: Lead) -> None:
    """A record never changes, and a missing field is an error."""
    lead.arrived_at = now  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Lead(person_id="p1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
