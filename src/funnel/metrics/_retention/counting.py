"""The people and amounts that a retention table counts."""

from __future__ import annotations

from typing import get_args

import attrs

from funnel._arguments import check_choice
from funnel.metrics._orders import FIRSTS
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

    Raises:
        ArgumentError: An argument is not one of the words.

    Example:
        >>> Counting(first="lead", measure="streak")
        Counting(first='lead', measure='streak', refund_basis='order')
    """

    first: str = "purchase"
    measure: Measure = "on"
    refund_basis: RefundBasis = "order"

    def __attrs_post_init__(self) -> None:
        """Validate the words."""
        check_choice(self.first, FIRSTS, "first")
        check_choice(self.measure, get_args(Measure), "measure")
        check_choice(self.refund_basis, get_args(RefundBasis), "refund_basis")


DEFAULT_COUNTING = Counting()
"""The people and amounts that count if a caller passes nothing."""
