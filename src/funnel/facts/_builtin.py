"""Built-in facts of one person: one line a fact, named as in the glossary; and `column`, a fact of the shop's people.

A shop adds its own fact with one line in a subclass; it works like the built-in facts::

    class ShopFacts(Facts):
        gift_count: int = count("purchases", where=lambda purchase: purchase.promotion == "gift week")
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar, overload

from funnel.facts._base import BaseFacts
from funnel.facts._declare import (
    count,
    earliest,
    exists,
    first,
    gap_spread,
    largest,
    last,
    last_interval,
    latest,
    mean,
    mean_interval,
    occasions,
    since,
    soonest,
    total,
    until,
)

T = TypeVar("T", str, int, bool)


@overload
def column(name: str, kind: type[datetime]) -> datetime | None: ...
@overload
def column(name: str, kind: type[T]) -> T: ...
def column(name: str, kind: type[Any]) -> Any:
    """Declare a column of the shop's table of people, such as the tier of a membership.

    The value of one person is in `Customer.columns`, the values of everyone are in `Logs.with_people`. It counts from
    the person's first record. Without a value, the fact is "", 0, False or never.

    Args:
        name: Name of the own column.
        kind: Type of its values: str, int, bool or datetime.

    Raises:
        ArgumentError: The name or the type cannot be used.
        FactsError: The name is that of a field of every record, such as `source`.

    Example:
        >>> from funnel import Facts
        >>> class ShopFacts(Facts):
        ...     tier: str = column("tier", str)
        ...     takes_letters: bool = column("takes_letters", bool)
    """
    return latest("people", name, columns={name: kind})


class Facts(BaseFacts):
    """Facts of one person at `as_of`: purchases, interactions and promises up to then.

    Counts are integers. Money is in whole minor units, net of refunds. Spans are timedeltas. If something never
    happened, its span is infinite for a rule, and its instant is None for a reader. Text is "" if nothing was recorded.

    Args:
        as_of: Instant of the facts, an aware datetime.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> march = datetime(2026, 3, 1, tzinfo=UTC)
        >>> facts = Facts(as_of=march, purchase_count=2, since_last_purchase=timedelta(days=40))
        >>> facts.last_purchase_at
        datetime.datetime(2026, 1, 20, 0, 0, tzinfo=datetime.timezone.utc)
    """

    # leads
    arrived_at: datetime | None = first("leads")
    since_arrival: timedelta = since(first("leads"))
    lead_count: int = count("leads")
    lead_source: str = earliest("leads", "source")
    campaign: str = earliest("leads", "campaign")
    was_referred: bool = exists("leads", where=lambda lead: lead.referred)
    referral_count: int = count("referrals")

    # purchases: how often, when last, how much (valid purchases, net of refunds)
    # Purchases less than a day apart are one occasion: rhythm counts occasions, money counts every purchase.
    order_count: int = count("orders")
    purchase_count: int = count("purchases")
    occasion_count: int = occasions()
    first_purchase_at: datetime | None = first("purchases")
    since_first_purchase: timedelta = since(first("purchases"))
    last_purchase_at: datetime | None = last("purchases")
    since_last_purchase: timedelta = since(last("purchases"))
    purchase_interval: timedelta = mean_interval()
    interval_spread: timedelta = gap_spread()
    gap_before_last_purchase: timedelta = last_interval()
    net_spent: int = total("purchases", "net_amount")
    average_purchase: int = mean("purchases", "net_amount")
    largest_purchase: int = largest("purchases", "net_amount")
    last_purchase_amount: int = latest("purchases", "net_amount")

    # launches and promotions
    promoted_purchase_count: int = count("purchases", where=lambda purchase: purchase.promoted)
    first_purchase_was_promoted: bool = earliest("purchases", "promoted")

    # refunds and cancellations
    refund_count: int = count("refunds")
    refunded: int = total("refunds", "amount")
    since_last_refund: timedelta = since(last("refunds"))
    cancellation_count: int = count("cancellations")

    # engagement: interactions between the person and the shop
    inbound_count: int = count("interactions", where=lambda contact: contact.direction == "in")
    last_interaction_at: datetime | None = last("interactions")
    last_interaction_kind: str = latest("interactions", "kind")
    last_interaction_direction: str = latest("interactions", "direction")
    since_last_inbound: timedelta = since(last("interactions", where=lambda contact: contact.direction == "in"))
    since_last_outbound: timedelta = since(last("interactions", where=lambda contact: contact.direction == "out"))
    view_count: int = count("views")
    since_last_visit: timedelta = since(last("interactions", where=lambda contact: contact.kind in ("visit", "view")))
    since_last_question: timedelta = since(last("questions"))
    since_last_quote: timedelta = since(last("quotes"))
    last_quote_amount: int = latest("quotes", "amount")
    since_last_cart: timedelta = since(last("carts"))
    since_last_checkout: timedelta = since(last("checkouts"))
    since_last_ready_signal: timedelta = since(last("ready_signals"))

    # postponements: until when, and why
    postponement_count: int = count("postponements")
    since_last_postponement: timedelta = since(last("postponements"))
    postponed_until: datetime | None = latest("postponements", "ready_from")
    until_ready: timedelta = until(latest("postponements", "ready_from"))
    until_ready_at_latest: timedelta = until(latest("postponements", "ready_by"))
    postponement_reason: str = latest("postponements", "reason")

    # trust and after-sales care
    question_count: int = count("questions")
    open_question_count: int = count("open_questions")
    oldest_open_question: timedelta = since(first("open_questions", never="ahead"))
    newest_open_question: timedelta = since(last("open_questions"))
    reply_count: int = count("replies")
    first_reply_time: timedelta = earliest("replies", "took")
    last_reply_time: timedelta = latest("replies", "took")
    average_reply_time: timedelta = mean("replies", "took")
    delivery_question_count: int = count("delivery_questions")
    complaint_count: int = count("complaints")
    open_complaint_count: int = count("open_complaints")
    oldest_open_complaint: timedelta = since(first("open_complaints", never="ahead"))
    since_last_complaint: timedelta = since(last("complaints"))
    since_last_resolution: timedelta = since(last("resolutions"))
    resolved_complaint_count: int = count("repairs")
    reopened_complaint_count: int = count("reopenings")
    average_repair_time: timedelta = mean("repairs", "took")
    delivery_count: int = count("deliveries")
    late_delivery_count: int = count("deliveries", where=lambda delivery: delivery.late)
    timely_delivery_count: int = count("deliveries", where=lambda delivery: delivery.promised and not delivery.late)
    last_delivery_at: datetime | None = last("deliveries")
    since_last_delivery: timedelta = since(last("deliveries"))
    open_promise_count: int = count("promises")
    since_promise_was_due: timedelta = since(soonest("promises", "due"))
    feedback_count: int = count("feedback")
    last_feedback_score: int = latest("feedback", "score")
    since_last_feedback: timedelta = since(last("feedback"))
    meeting_count: int = count("meetings")

    # follow-ups, opt-outs and declines
    follow_up_count: int = count("follow_ups")
    unanswered_follow_up_count: int = count("open_follow_ups")
    since_last_follow_up: timedelta = since(last("follow_ups"))
    since_second_last_follow_up: timedelta = since(latest("contacts", "second"))
    since_third_last_follow_up: timedelta = since(latest("contacts", "third"))
    has_opted_out: bool = exists("opt_outs")
    since_last_opt_out: timedelta = since(last("opt_outs"))
    decline_count: int = count("declines")
    since_last_decline: timedelta = since(last("declines"))
    decline_reason: str = latest("declines", "reason")
