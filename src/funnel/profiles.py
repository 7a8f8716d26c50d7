"""Customer profiles: seven facts about a customer on one screen.

The seven facts: identity and address, items bought, frequency, last purchase, amount, last interaction, feedback.
Identity and quoted texts are included only on request.

Invariant: the numbers equal the person's facts at the same instant.
Source: the article "Seven things to know of your customer".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs

from funnel._arguments import parse_as_of, truth
from funnel._format import as_html, clock
from funnel._time import instant
from funnel.facts import Facts
from funnel.history import History
from funnel.interactions import AnyInteraction, Feedback
from funnel.metrics._display import days, money
from funnel.metrics._lines import counting
from funnel.money import Money

__all__ = ["CustomerProfile", "ProfileIdentity", "ProfileInteraction", "ProfileItem", "customer_profile"]

_UNKNOWN = "not known"


@attrs.frozen
class ProfileItem:
    """Item that a person bought.

    Attributes:
        sku: Stock keeping unit (id of the item).
        pieces: Number of pieces in all valid purchases.
        times: Number of valid purchases with the item.
        last_at: Instant of the last purchase with the item.
    """

    sku: str
    pieces: int
    times: int
    last_at: datetime

    def __str__(self) -> str:
        """Return the pieces, the item and the number of purchases."""
        return f"{self.pieces} {self.sku}" if self.times == 1 else f"{self.pieces} {self.sku} ({self.times} times)"


@attrs.frozen
class ProfileIdentity:
    """Identity of a person: shown on a screen, never in a `repr`.

    Attributes:
        name: Full name.
        nickname: Preferred name; "" if unknown.
        address: Address; "" if unknown.
    """

    name: str = attrs.field(repr=False)
    nickname: str = attrs.field(repr=False)
    address: str = attrs.field(repr=False)

    def __str__(self) -> str:
        """Return the name, the nickname and the address."""
        called = f"{self.name} ({self.nickname})" if self.nickname else self.name
        return f"{called}, {self.address or 'address ' + _UNKNOWN}"


@attrs.frozen
class ProfileInteraction:
    """Interaction between a person and the shop.

    Attributes:
        kind: Kind of interaction, such as a question, a complaint or a visit.
        direction: "in" from the person, "out" from the shop.
        channel: Channel; "" if unknown.
        at: Instant of the interaction.
        score: Feedback score from 1 to 5; None for other kinds.
        text: Text of the interaction; "" if not requested or unknown. Never in a `repr`.
    """

    kind: str
    direction: str
    channel: str
    at: datetime
    score: int | None
    text: str = attrs.field(repr=False)

    def __str__(self) -> str:
        """Return the kind, the sender, the time and the text."""
        sender = "from the person" if self.direction == "in" else "from the shop"
        by = f" by {self.channel}" if self.channel else ""
        return f"{self.kind.replace('_', ' ')} ({sender}{by}), {self.summary}"

    @property
    def summary(self) -> str:
        """Score if rated, time and text."""
        score = "" if self.score is None else f"{self.score} of 5, "
        quoted = f': "{self.text}"' if self.text else ""
        return f"{score}{clock(self.at)}{quoted}"


@attrs.frozen
class CustomerProfile:
    """Seven things about one customer, as of an instant.

    Attributes:
        as_of: Instant of the evaluation.
        person_id: Id of the person.
        identity: Identity and address; None if not requested or not recorded.
        items: Items bought, most recent first; empty if the purchases have no lines.
        purchase_count: Number of valid purchases.
        purchase_interval: Average time between occasions; None before the second occasion.
        last_purchase_at: Instant of the last purchase; None without a purchase.
        net_spent: Total spending net of refunds; None without a purchase.
        average_purchase: Average amount of a purchase; None without a purchase.
        last_interaction: Last interaction with the shop; None without interactions.
        feedback_count: Number of feedback records.
        last_feedback: Last feedback; None without feedback.
    """

    as_of: datetime
    person_id: str
    identity: ProfileIdentity | None
    items: tuple[ProfileItem, ...]
    purchase_count: int
    purchase_interval: timedelta | None
    last_purchase_at: datetime | None
    net_spent: Money | None
    average_purchase: Money | None
    last_interaction: ProfileInteraction | None
    feedback_count: int
    last_feedback: ProfileInteraction | None

    def to_dict(self) -> dict[str, Any]:
        """Return every attribute by name; nested objects become dicts."""
        parts = {
            "identity": self.identity,
            "last_interaction": self.last_interaction,
            "last_feedback": self.last_feedback,
        }
        nested = {name: None if part is None else attrs.asdict(part) for name, part in parts.items()}
        plain = {field.name: getattr(self, field.name) for field in attrs.fields(CustomerProfile)}
        return {**plain, **nested, "items": [attrs.asdict(one) for one in self.items]}

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("identity", _UNKNOWN if self.identity is None else str(self.identity)),
            ("items", ", ".join(map(str, self.items)) or _UNKNOWN),
            ("purchases", self._how_often),
            ("last purchase", self._when_last),
            ("amount", self._how_much),
            ("last interaction", "none" if self.last_interaction is None else str(self.last_interaction)),
            ("feedback", self._feedback),
        ]

    @property
    def _how_often(self) -> str:
        times = f"{self.purchase_count} {'time' if self.purchase_count == 1 else 'times'}"
        if self.purchase_interval is None:
            return times
        return f"{times}, every {days(self.purchase_interval)} on average"

    @property
    def _when_last(self) -> str:
        if self.last_purchase_at is None:
            return "never"
        return f"{clock(self.last_purchase_at)}, {days(self.as_of - self.last_purchase_at)} ago"

    @property
    def _how_much(self) -> str:
        if self.net_spent is None or self.average_purchase is None:
            return "nothing"
        spent, average = (money(one.minor, one.currency) for one in (self.net_spent, self.average_purchase))
        return f"{spent} in all, {average} on average"

    @property
    def _feedback(self) -> str:
        if self.last_feedback is None:
            return "none"
        return f"{self.last_feedback.summary} ({self.feedback_count} in all)"

    def __str__(self) -> str:
        """Return seven lines, one for each fact."""
        return "\n".join(f"{label}: {text}" for label, text in self._rows())

    def _repr_html_(self) -> str:
        return as_html(("fact", "value"), self._rows())


def customer_profile(history: History, *, as_of: datetime, personal: bool = False) -> CustomerProfile:
    """Return the profile of one customer.

    Args:
        history: Records of the person.
        as_of: Instant to evaluate at.
        personal: If True, include identity, address and quoted texts.

    Returns:
        The profile. It prints as seven lines and renders as a table in a notebook.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Customer, History, OrderLine, Money, Purchase
        >>> mugs = OrderLine(sku="mug", quantity=2, unit_price=Money("4.50", "USD"))
        >>> order = Purchase(id="1", person_id="p1", purchased_at="2026-03-01T02:00Z", lines=(mugs,))
        >>> sari = Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
        >>> history = History.of("p1", [order], customer=sari)
        >>> print(customer_profile(history, as_of=datetime(2026, 3, 9, 2, tzinfo=UTC), personal=True))
        identity: Sari Dewi (Sari), Jl. Melati 5
        items: 2 mug
        purchases: 1 time
        last purchase: 2026-03-01 02:00 UTC, 8 d ago
        amount: USD 9.00 in all, USD 9.00 on average
        last interaction: none
        feedback: none
        >>> customer_profile(history, as_of=datetime(2026, 3, 9, 2, tzinfo=UTC)).identity is None
        True
    """
    now = parse_as_of(as_of)
    truth(personal, "personal")
    facts = Facts.of(history, as_of=as_of)
    interactions = [one for one in history.interactions if one.occurred_at <= as_of]
    feedback = [one for one in interactions if isinstance(one, Feedback)]
    facts_by_name = facts.to_dict()
    return CustomerProfile(
        as_of=instant(now),
        person_id=history.person_id,
        identity=_identity(history) if personal else None,
        items=tuple(sorted(_bought(history, now), key=lambda one: (-one.last_at.timestamp(), one.sku))),
        purchase_count=facts.purchase_count,
        purchase_interval=facts_by_name["purchase_interval"],
        last_purchase_at=facts.last_purchase_at,
        net_spent=_money(history, facts.net_spent, facts),
        average_purchase=_money(history, facts.average_purchase, facts),
        last_interaction=_profile_interaction(interactions[-1], personal=personal) if interactions else None,
        feedback_count=facts.feedback_count,
        last_feedback=_profile_interaction(feedback[-1], personal=personal) if feedback else None,
    )


def _identity(history: History) -> ProfileIdentity | None:
    customer = history.customer
    details = ("", "", "") if customer is None else (customer.name, customer.nickname, customer.address)
    return ProfileIdentity(*details) if any(details) else None


def _profile_interaction(record: AnyInteraction, *, personal: bool) -> ProfileInteraction:
    text: str = getattr(record, "text", "") if personal else ""
    score = record.score if isinstance(record, Feedback) else None
    return ProfileInteraction(record.kind, record.direction, record.channel, record.occurred_at, score, text)


def _money(history: History, minor: int, facts: Facts) -> Money | None:
    """Return an amount; None without a valid purchase, which has a currency."""
    currency = history.currency
    return Money.of_minor(minor, currency) if currency is not None and facts.purchase_count else None


def _bought(history: History, now: int) -> Iterator[ProfileItem]:
    """Yield every item of the valid purchases."""
    pieces: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    for one in counting(history, now):
        for line in one.lines:
            pieces[line.sku] += line.quantity
        for sku in {line.sku for line in one.lines}:
            orders[sku] += 1
            last[sku] = max(one.purchased_at, last.get(sku, one.purchased_at))
    return (ProfileItem(sku, pieces[sku], orders[sku], last[sku]) for sku in pieces)
