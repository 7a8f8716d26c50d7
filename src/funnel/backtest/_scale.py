"""The order of a rule's answers, from least to most likely to buy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from funnel._arguments import each
from funnel._expr.tree import Answer


def _listed(order: Sequence[Answer] | None) -> tuple[Any, ...] | None:
    return None if order is None else tuple(each(order, "order", "a list of answers"))


@attrs.frozen(kw_only=True)
class AnswerScale:
    """The order of a rule's answers, and the answer from which a person is flagged.

    Args:
        order: For a rule that answers with words, all its answers from least to most likely to buy. For a rule that
            answers yes or no, `(True, False)` reverses the order. Numbers have their own order.
        at_least: The lowest answer that flags a person. None: the last answer of the order; numbers have no limit then.

    Raises:
        ArgumentError: `order` is not a list.

    Example:
        >>> AnswerScale(order=["cold", "warm", "hot"], at_least="warm").order
        ('cold', 'warm', 'hot')
    """

    order: tuple[Answer, ...] | None = attrs.field(default=None, converter=_listed)
    at_least: Answer = None


DEFAULT_SCALE = AnswerScale()
"""The scale if a caller passes none."""
