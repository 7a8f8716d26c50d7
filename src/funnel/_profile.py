"""The seven things to know of a customer, on one screen.

Who they are and where they live, what they bought, how often, when last, how much, what last passed between them and
the shop, and what they think of it. Who they are and what they said in their own words are shown only where that is
asked for.

Law: the numbers are those of the person's facts at the same instant.
Source: the article "Seven things to know of your customer".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from funnel._given import judgement, truth
from funnel._instants import instant
from funnel.facts import Facts
from funnel.interactions import Feedback
from funnel.metrics._lines import counting
from funnel.metrics._shown import as_html, days
from funnel.money import Money
from funnel.policy import OCCASION

if TYPE_CHECKING:
    from funnel.history import History
    from funnel.interactions import AnyInteraction

_UNKNOWN = "not known"


@attrs.frozen
class Bought:
    """One thing that a person bought.

    Attributes:
        sku: What it is.
        pieces: How many of it, in all their valid purchases.
        times: In how many of their purchases it was.
        last_at: When they last bought it.
    """

    sku: str
    pieces: int
    times: int
    last_at: datetime

    def __str__(self) -> str:
        """Write what it is, and how often."""
        return f"{self.pieces} {self.sku}" if self.times == 1 else f"{self.pieces} {self.sku} ({self.times} times)"


@attrs.frozen
class Who:
    """Who a person is: shown on a screen, and never in a `repr`.

    Attributes:
        name: The full name.
        nickname: What they like to be called; "" is not known.
        address: Where they live; "" is not known.
    """

    name: str = attrs.field(repr=False)
    nickname: str = attrs.field(repr=False)
    address: str = attrs.field(repr=False)

    def __str__(self) -> str:
        """Write the name, what they like to be called, and where they live."""
        called = f"{self.name} ({self.nickname})" if self.nickname else self.name
        return f"{called}, {self.address or 'address ' + _UNKNOWN}"


@attrs.frozen
class Said:
    """Something that passed between a person and the shop.

    Attributes:
        kind: What it was: a question, a complaint, a visit.
        direction: Who began: "in" the person, "out" the shop.
        channel: By which way; "" is not known.
        at: When.
        score: For feedback, from 1 to 5; None for everything else.
        words: What was said; "" where it was not asked for, or is not known. Never in a `repr`.
    """

    kind: str
    direction: str
    channel: str
    at: datetime
    score: int | None
    words: str = attrs.field(repr=False)

    def __str__(self) -> str:
        """Write what it was, who began, when, and what was said."""
        began = "they" if self.direction == "in" else "the shop"
        by = f" by {self.channel}" if self.channel else ""
        return f"{self.kind.replace('_', ' ')} ({began} began{by}), {self.told}"

    @property
    def told(self) -> str:
        """The score, if it is one, when it was, and what was said."""
        score = "" if self.score is None else f"{self.score} of 5, "
        words = f': "{self.words}"' if self.words else ""
        return f"{score}{_when(self.at)}{words}"


@attrs.frozen
class Profile:
    """The seven things to know of a customer, as of an instant.

    Attributes:
        as_of: The instant of judgement.
        person_id: Whose they are.
        who: Who they are and where they live; None where it was not asked for, or nobody wrote it down.
        bought: What they bought, what they bought last first; empty where the purchases have no lines.
        purchase_count: How often they bought.
        purchase_interval: Their own average time from one purchase to the next; None before the second.
        last_purchase_at: When they last bought; None where they have not.
        spent: How much in all, net of what went back; None where they have not bought.
        average_purchase: How much on average; None where they have not bought.
        last_interaction: What last passed between them and the shop; None where nothing did.
        feedback_count: How often they said how content they are.
        last_feedback: What they said of it last; None where they did not.
    """

    as_of: datetime
    person_id: str
    who: Who | None
    bought: tuple[Bought, ...]
    purchase_count: int
    purchase_interval: timedelta | None
    last_purchase_at: datetime | None
    spent: Money | None
    average_purchase: Money | None
    last_interaction: Said | None
    feedback_count: int
    last_feedback: Said | None

    def to_dict(self) -> dict[str, Any]:
        """Every thing by its name; what is made of parts as a dict of them."""
        parts = {"who": self.who, "last_interaction": self.last_interaction, "last_feedback": self.last_feedback}
        told = {name: None if part is None else attrs.asdict(part) for name, part in parts.items()}
        plain = {field.name: getattr(self, field.name) for field in attrs.fields(Profile)}
        return {**plain, **told, "bought": [attrs.asdict(one) for one in self.bought]}

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("who", _UNKNOWN if self.who is None else str(self.who)),
            ("what they bought", ", ".join(map(str, self.bought)) or _UNKNOWN),
            ("how often", self._how_often),
            ("when last", self._when_last),
            ("how much", self._how_much),
            ("last interaction", "none" if self.last_interaction is None else str(self.last_interaction)),
            ("feedback", self._feedback),
        ]

    @property
    def _how_often(self) -> str:
        times = f"{self.purchase_count} {'time' if self.purchase_count == 1 else 'times'}"
        if self.purchase_interval is None or self.purchase_interval < OCCASION:
            return times
        return f"{times}, every {days(self.purchase_interval)} on average"

    @property
    def _when_last(self) -> str:
        if self.last_purchase_at is None:
            return "never"
        return f"{_when(self.last_purchase_at)}, {days(self.as_of - self.last_purchase_at)} ago"

    @property
    def _how_much(self) -> str:
        if self.spent is None:
            return "nothing"
        return f"{self.spent} in all, {self.average_purchase} on average"

    @property
    def _feedback(self) -> str:
        if self.last_feedback is None:
            return "none"
        return f"{self.last_feedback.told} ({self.feedback_count} in all)"

    def __str__(self) -> str:
        """Write the seven, a line each."""
        return "\n".join(f"{what}: {told}" for what, told in self._rows())

    def _repr_html_(self) -> str:
        return as_html(("what", "known"), self._rows())


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def profile(history: History, *, as_of: datetime, personal: bool = False) -> Profile:
    """The seven things to know of one customer.

    Args:
        history: The person's records.
        as_of: The instant of judgement.
        personal: Whether to show who they are, where they live, and what they said in their own words.

    Returns:
        What is known; it prints as seven lines, and shows as a table in a notebook.

    Raises:
        InstantError: `as_of` is naive.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Customer, History, Line, Money, Purchase
        >>> mugs = Line(sku="mug", quantity=2, unit_price=Money("4.50", "USD"))
        >>> order = Purchase(id="1", person_id="p1", purchased_at="2026-03-01T02:00Z", lines=(mugs,))
        >>> sari = Customer(person_id="p1", name="Sari Dewi", nickname="Sari", address="Jl. Melati 5")
        >>> history = History.of("p1", [order], customer=sari)
        >>> print(profile(history, as_of=datetime(2026, 3, 9, 2, tzinfo=UTC), personal=True))
        who: Sari Dewi (Sari), Jl. Melati 5
        what they bought: 2 mug
        how often: 1 time
        when last: 2026-03-01 02:00 UTC, 8 d ago
        how much: USD 9.00 in all, USD 9.00 on average
        last interaction: none
        feedback: none
        >>> profile(history, as_of=datetime(2026, 3, 9, 2, tzinfo=UTC)).who is None
        True
    """
    now = judgement(as_of)
    truth(personal, "personal")
    facts = Facts.of(history, as_of=as_of)
    known = [one for one in history.interactions if one.occurred_at <= as_of]
    given = [one for one in known if isinstance(one, Feedback)]
    told = facts.to_dict()
    return Profile(
        as_of=instant(now),
        person_id=history.person_id,
        who=_who(history) if personal else None,
        bought=tuple(sorted(_bought(history, now), key=lambda one: (-one.last_at.timestamp(), one.sku))),
        purchase_count=facts.purchase_count,
        purchase_interval=told["purchase_interval"],
        last_purchase_at=facts.last_purchase_at,
        spent=_money(history, facts.spent, facts),
        average_purchase=_money(history, facts.average_purchase, facts),
        last_interaction=_said(known[-1], personal=personal) if known else None,
        feedback_count=facts.feedback_count,
        last_feedback=_said(given[-1], personal=personal) if given else None,
    )


def _who(history: History) -> Who | None:
    customer = history.customer
    return None if customer is None else Who(customer.name, customer.nickname, customer.address)


def _said(record: AnyInteraction, *, personal: bool) -> Said:
    words: str = getattr(record, "words", "") if personal else ""
    score = record.score if isinstance(record, Feedback) else None
    return Said(record.kind, record.direction, record.channel, record.occurred_at, score, words)


def _money(history: History, minor: int, facts: Facts) -> Money | None:
    """An amount, where they have bought; a purchase that counts has a currency."""
    currency = history.currency
    return Money.of_minor(minor, currency) if currency is not None and facts.purchase_count else None


def _bought(history: History, now: int) -> Iterator[Bought]:
    """Every thing that is in a purchase that counts."""
    pieces: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    for one in counting(history, now):
        for line in one.lines:
            pieces[line.sku] += line.quantity
        for sku in {line.sku for line in one.lines}:
            orders[sku] += 1
            last[sku] = max(one.purchased_at, last.get(sku, one.purchased_at))
    return (Bought(sku, pieces[sku], orders[sku], last[sku]) for sku in pieces)
