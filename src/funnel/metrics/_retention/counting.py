"""The people and amounts that a retention table counts."""

from __future__ import annotations

from typing import get_args

import attrs

from funnel._arguments import brief, check_choice, instance
from funnel.errors import ArgumentError
from funnel.metrics._orders import FIRSTS, REVENUE
from funnel.metrics._retention.activity import Measure, RefundBasis


@attrs.frozen(kw_only=True)
class Counting:
    """The people and amounts that a retention table counts.

    Args:
        first: The kind of event that starts a person's time: "purchase", "lead", or a kind of interaction. Earlier
            purchases are left out. "recurring": each person is in the cohort of every period with a purchase, so a
            person may be in many cohorts.
        measure: The people that a cell counts. "on": bought in that period. "on_or_after": in that or a later period,
            so far. "cumulative": in any period from 1 to that one. "streak": in every period from 0 to that one. Money
            is always that of the period.
        refund_basis: The period from which a refund is subtracted: of the "order" or of the "refund" itself. With
            "refund", a fully refunded purchase appears in its own period and is subtracted later.
        amount: The number that is summed as `revenue`. "revenue": the amount paid, less refunds. "margin": that amount,
            less `cost` and `fees`, of purchases with a known cost. Or an own column of purchases with whole numbers.
            The last two need `refund_basis="order"`.

    Raises:
        ArgumentError: An argument is not one of the words, or `amount` does not fit `refund_basis`.

    Example:
        >>> Counting(first="lead", measure="streak")
        Counting(first='lead', measure='streak', refund_basis='order', amount='revenue')
    """

    first: str = "purchase"
    measure: Measure = "on"
    refund_basis: RefundBasis = "order"
    amount: str = REVENUE

    def __attrs_post_init__(self) -> None:
        """Validate the words."""
        check_choice(self.first, FIRSTS, "first")
        check_choice(self.measure, get_args(Measure), "measure")
        check_choice(self.refund_basis, get_args(RefundBasis), "refund_basis")
        instance(self.amount, str, "amount", "'revenue', 'margin' or an own column of purchases")
        if self.amount != REVENUE and self.refund_basis != "order":
            msg = f"amount={brief(self.amount)} needs refund_basis='order' (got {self.refund_basis!r})"
            raise ArgumentError(f"{msg}; a cost has no part for each refund")


DEFAULT_COUNTING = Counting()
"""The people and amounts that count if a caller passes nothing."""
