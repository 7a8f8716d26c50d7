"""Hypothesis strategies for consistent records and histories, with many ties, limits and late records.

Each history draws only a few instants and their neighbours one microsecond away, so that events coincide or are
adjacent. Amounts are small, so that sums meet limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.interactions import (
    KINDS,
    Answer,
    Cart,
    Checkout,
    Complaint,
    Declined,
    DeclineReason,
    Delivery,
    Feedback,
    FollowUp,
    Interaction,
    Meeting,
    OptOut,
    Postponement,
    PostponementReason,
    Question,
    Quote,
    ReadySignal,
    Resolution,
    View,
    Visit,
)
from funnel.money import Money
from funnel.records import Contact, Customer, Lead, OrderLine, Purchase, Record, Refund
from funnel.testing.arguments import check_arguments
from funnel.testing.own_columns import OwnColumns

START = datetime(2026, 1, 1, tzinfo=UTC)
"""The first instant of the generated data, minus one microsecond."""

HOURS = 400 * 24
"""Length of the generated period in hours."""

END = START + timedelta(hours=HOURS + 24)
"""An instant after all generated records."""

CANARY = "canary-7b1e"
"""A text in every field that must never be shown."""

CURRENCIES = ("USD", "IDR", "JPY", "KWD", "CLF")
SOURCES = ("shop", "web")
WORDS = st.sampled_from(["", CANARY])
LABELS = st.sampled_from(["", "a", "b"])

Draw = st.DrawFn


def instants() -> st.SearchStrategy[datetime]:
    """Return a strategy for whole hours and days of some 400 days, and instants one microsecond beside."""
    hours = st.one_of(st.integers(0, HOURS), st.integers(0, HOURS // 24).map(lambda day: day * 24))
    edges = st.sampled_from([0, 0, 0, 1, -1])
    return st.tuples(hours, edges).map(lambda parts: START + timedelta(hours=parts[0], microseconds=parts[1]))


@check_arguments
def moneys(currency: str | None = None, *, minimum: int = 0, most: int = 9) -> st.SearchStrategy[Money]:
    """Return a strategy for small amounts in minor units, in one currency or in any."""
    if minimum > most:
        raise ArgumentError(f"minimum must not be above most (got {minimum} and {most})")
    codes = st.sampled_from(CURRENCIES) if currency is None else st.just(currency)
    return st.builds(Money.of_minor, st.integers(minimum, most), codes)


def contacts() -> st.SearchStrategy[Contact]:
    """Return a strategy for contacts, each with the canary in it."""
    return st.just(Contact(phone=CANARY, email=f"{CANARY}@example.com", handle=CANARY))


@check_arguments
def customers(person_id: str = "p1") -> st.SearchStrategy[Customer]:
    """Return a strategy for customers whose private fields all hold the canary."""
    return st.builds(
        Customer,
        person_id=st.just(person_id),
        name=st.just(CANARY),
        nickname=WORDS,
        address=WORDS,
        contact=contacts(),
        since=st.none() | instants(),
    )


@check_arguments
def leads(person_id: str = "p1", at: st.SearchStrategy[datetime] | None = None) -> st.SearchStrategy[Lead]:
    """Return a strategy for leads of a person, some of them referred by another person."""
    return st.builds(
        Lead,
        person_id=st.just(person_id),
        arrived_at=instants() if at is None else at,
        source=LABELS,
        campaign=LABELS,
        referred_by=st.sampled_from([None, "friend"]),
        contact=st.none() | contacts(),
    )


@check_arguments
@st.composite
def lines(draw: Draw, currency: str = "USD") -> OrderLine:
    """Draw an order line whose discount is within its price."""
    price, quantity = draw(st.integers(0, 5)), draw(st.integers(1, 3))
    discount = draw(st.none() | st.integers(0, price * quantity))
    return OrderLine(
        sku=draw(st.sampled_from(["mug", "cup"])),
        category=draw(LABELS),
        quantity=quantity,
        unit_price=Money.of_minor(price, currency),
        discount=None if discount is None else Money.of_minor(discount, currency),
        unit_cost=draw(st.none() | moneys(currency)),
    )


def _from(draw: Draw, pool: Iterable[datetime], start: datetime) -> datetime:
    """Draw an instant of the pool that is not before another."""
    return draw(st.sampled_from([start, *(moment for moment in pool if moment > start)]))


_OF_STATUS: Mapping[str, Sequence[str]] = {"cancelled": ["cancelled_at", "paid_at"], "unpaid": []}
"""Instants beside those of the delivery, by status."""


@check_arguments
@st.composite
def purchases(
    draw: Draw,
    person_id: str = "p1",
    id: str = "1",  # noqa: A002 - one name everywhere
    currency: str = "USD",
    pool: tuple[datetime, ...] = (),
) -> Purchase:
    """Draw a purchase of any status, with lines or only an amount, with any state of delivery and payment."""
    pool = pool or tuple(draw(st.lists(instants(), min_size=1, max_size=4)))
    start = draw(st.sampled_from(pool))
    status = draw(st.sampled_from(["paid", "paid", "placed", "unpaid", "shipped", "delivered", "cancelled"]))
    dates = ("promised_at", "delivered_at", *_OF_STATUS.get(status, ["paid_at"]))
    later = {name: _from(draw, pool, start) for name in dates if draw(st.booleans())}
    bought = tuple(draw(st.lists(lines(currency), max_size=2)))
    summed = draw(st.booleans())
    price: dict[str, Money] = {} if bought and summed else {"amount": draw(moneys(currency))}
    fields = {"id": id, "source": draw(st.sampled_from(SOURCES)), "person_id": person_id, "purchased_at": start}
    promotion = draw(st.sampled_from(["", "", "launch", "fair"]))
    optional = {name: draw(st.none() | moneys(currency)) for name in ("fees", "cost")}
    order = Purchase.model_validate(
        {**fields, "status": status, "lines": bought, **price, "promotion": promotion, **later, **optional}
    )
    if not draw(st.booleans()):
        return order
    prepaid = Money.of_minor(draw(st.integers(0, order.amount.minor)), currency)
    return Purchase.model_validate({**vars(order), "prepaid": prepaid})


@check_arguments
@st.composite
def refunds(
    draw: Draw,
    purchase: Purchase | None = None,
    id: str = "1",  # noqa: A002 - one name everywhere
    remaining: int | None = None,
    pool: tuple[datetime, ...] = (),
) -> Refund:
    """Draw a refund of at most the remaining amount of a purchase, full as often as partial."""
    purchase = purchase or draw(purchases().filter(lambda order: order.amount.minor > 0))
    max_minor = purchase.amount.minor if remaining is None else remaining
    minor = draw(st.one_of(st.just(max_minor), st.integers(1, max_minor)))
    return Refund(
        id=id,
        source=purchase.source,
        purchase_id=purchase.id,
        refunded_at=_from(draw, pool, purchase.purchased_at),
        amount=Money.of_minor(minor, purchase.amount.currency),
        reason=draw(LABELS),
    )


@check_arguments
@st.composite
def interactions(  # noqa: PLR0913, PLR0917 - all that a record is made from
    draw: Draw,
    person_id: str = "p1",
    kind: str | None = None,
    id: str = "1",  # noqa: A002 - one name everywhere
    currency: str = "USD",
    pool: tuple[datetime, ...] = (),
    target: Record | None = None,
) -> Interaction:
    """Draw an interaction of one kind or of any; an answer refers to `target` and is not before it."""
    pool = pool or tuple(draw(st.lists(instants(), min_size=1, max_size=4)))
    kind = kind or draw(st.sampled_from(KINDS))
    source, start = (draw(st.sampled_from(SOURCES)), draw(st.sampled_from(pool)))
    if target is not None:
        source, start = target.key[0], _from(draw, pool, target.happened_at)
    common = {"id": id, "source": source, "person_id": person_id, "occurred_at": start, "channel": draw(LABELS)}
    recipe = _MAKERS[kind]
    number = "0" if target is None else target.key[1]
    interaction = recipe[0].model_validate({**common, **recipe[1](draw, currency, number, (start, *pool))})
    direction = draw(st.sampled_from([None, None, None, "in", "out"]))
    return interaction if direction is None else interaction.model_copy(update={"direction": direction})


Details = Callable[[Draw, str, str, tuple[datetime, ...]], dict[str, object]]


def _with_words(draw: Draw, _currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"text": draw(WORDS)}


def _without_details(_draw: Draw, _currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {}


def _of_sku(draw: Draw, _currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"sku": draw(st.sampled_from(["", "mug"]))}


def _priced(draw: Draw, currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"amount": draw(moneys(currency))}


def _perhaps_priced(draw: Draw, currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"amount": draw(st.none() | moneys(currency))}


def _later(draw: Draw, _currency: str, _number: str, pool: tuple[datetime, ...]) -> dict[str, object]:
    until = _from(draw, pool, pool[0])
    latest = _from(draw, pool, until) if draw(st.booleans()) else None
    reason = draw(st.sampled_from(PostponementReason))
    return {"reason": reason, "until": until, "latest": latest, "text": draw(WORDS)}


def _complained(draw: Draw, _currency: str, number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"text": draw(WORDS), "purchase_id": None if number == "0" else number}


def _scored(draw: Draw, _currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"text": draw(WORDS), "score": draw(st.integers(1, 5))}


def _declined(draw: Draw, _currency: str, _number: str, _pool: tuple[datetime, ...]) -> dict[str, object]:
    return {"reason": draw(st.sampled_from(DeclineReason))}


def _names(field: str) -> Details:
    return lambda _draw, _currency, number, _pool: {field: number}


_MAKERS: dict[str, tuple[type[Interaction], Details]] = {
    "visit": (Visit, _without_details),
    "view": (View, _of_sku),
    "question": (Question, _with_words),
    "cart": (Cart, _of_sku),
    "checkout": (Checkout, _perhaps_priced),
    "quote": (Quote, _priced),
    "answer": (Answer, _names("question_id")),
    "ready_signal": (ReadySignal, _without_details),
    "postponement": (Postponement, _later),
    "meeting": (Meeting, _without_details),
    "delivery": (Delivery, _names("purchase_id")),
    "complaint": (Complaint, _complained),
    "resolution": (Resolution, _names("complaint_id")),
    "feedback": (Feedback, _scored),
    "opt_out": (OptOut, _without_details),
    "declined": (Declined, _declined),
    "follow_up": (FollowUp, _without_details),
}

_REFERS: Mapping[str, type[Record]] = {
    "answer": Question,
    "resolution": Complaint,
    "delivery": Purchase,
    "refund": Purchase,
}
_FIRST = {"answer": "question", "resolution": "complaint", "delivery": "purchase"}
_COMMON = ("purchase", "purchase", "refund", "refund", "question", "answer", "complaint", "resolution", "postponement")
_KINDS_TO_DRAW = ("lead", "referral", *_COMMON, *_COMMON, *KINDS)


@check_arguments
@st.composite
def record_lists(draw: Draw, person_id: str = "p1", *, currency: str = "USD", most: int = 12) -> list[Record]:
    """Draw consistent records of one person, without duplicates, in any order."""
    pool = tuple(draw(st.lists(instants(), min_size=1, max_size=5)))
    records: dict[object, Record] = {}
    size = draw(st.sampled_from([count for count in (1, 0, 2, 4, 6, 9, 12) if count <= most]))
    kinds = draw(st.lists(st.sampled_from(_KINDS_TO_DRAW), min_size=size, max_size=size))
    for number, kind in enumerate(sorted(kinds, key=_after), start=1):
        record = _record(draw, kind, str(number), person_id, currency, pool, list(records.values()))
        records.setdefault((type(record), record.key), record)
    return draw(st.permutations(list(records.values())))


def _after(kind: str) -> int:
    """Return the rank of a kind: records that refer to other records are drawn after them."""
    return 2 if kind in ("answer", "resolution", "delivery", "refund") else int(kind == "complaint")


def _record(  # noqa: PLR0913, PLR0917 - all that a record is made from
    draw: Draw, kind: str, number: str, person_id: str, currency: str, pool: tuple[datetime, ...], records: list[Record]
) -> Record:
    if kind == "lead":
        return draw(leads(person_id, st.sampled_from(pool)))
    if kind == "referral":
        referral = draw(
            leads(draw(st.sampled_from([f"{person_id}-sent-1", f"{person_id}-sent-2"])), st.sampled_from(pool))
        )
        return referral.model_copy(update={"referred_by": person_id})
    if kind == "purchase":
        return draw(purchases(person_id, number, currency, pool))
    if kind == "refund":
        return _refund(draw, number, pool, records) or draw(purchases(person_id, number, currency, pool))
    is_of_purchase = kind == "complaint" and draw(st.booleans())
    target_class: type[Record] | tuple[type[Record], ...] = Purchase if is_of_purchase else _REFERS.get(kind, ())
    targets = [record for record in records if isinstance(record, target_class)]
    if kind in _REFERS and not targets:
        return _record(draw, _FIRST[kind], number, person_id, currency, pool, records)
    target = draw(st.sampled_from(targets)) if targets else None
    return draw(interactions(person_id, kind, number, currency, pool, target))


def _refund(draw: Draw, number: str, pool: tuple[datetime, ...], records: list[Record]) -> Refund | None:
    refunded: dict[tuple[str, str], int] = {}
    for record in records:
        if isinstance(record, Refund):
            key = (record.source, record.purchase_id)
            refunded[key] = refunded.get(key, 0) + record.amount.minor
    purchases_drawn = [record for record in records if isinstance(record, Purchase)]
    balances = [(purchase, purchase.amount.minor - refunded.get(purchase.key, 0)) for purchase in purchases_drawn]
    refundable = [(purchase, minor) for purchase, minor in balances if minor]
    if not refundable:
        return None
    purchase, remaining = draw(st.sampled_from(refundable))
    return draw(refunds(purchase, number, remaining, pool))


@check_arguments
@st.composite
def histories(
    draw: Draw, person_id: str = "p1", *, currency: str = "USD", most: int = 12, facts: type[BaseFacts] = Facts
) -> History:
    """Draw the history of one person, which may be empty, with the own columns that `facts` read."""
    records = draw(record_lists(person_id, currency=currency, most=most))
    history = History.of(person_id, records, customer=draw(st.none() | customers(person_id)))
    return draw(OwnColumns.of(facts).added([history]))[0]


@check_arguments
def next_records(history: History, number: str, now: datetime) -> st.SearchStrategy[Record]:
    """Return a strategy for the next record of a person at one instant.

    Args:
        history: The person's history.
        number: The id of the record.
        now: The instant.
    """

    @st.composite
    def drawn_record(draw: Draw) -> Record:
        kind = draw(st.sampled_from(_KINDS_TO_DRAW))
        return _record(draw, kind, number, history.person_id, "USD", (now,), list(history.records))

    existing = {(type(record), record.key) for record in history.records}
    return drawn_record().filter(
        lambda record: record.happened_at == now and (type(record), record.key) not in existing
    )
