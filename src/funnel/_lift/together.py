"""Several conditions asked at once: one path through a rule where `and` and `or` take one for each of them."""

from __future__ import annotations

from typing import cast

from funnel.errors import ArgumentError


def all_of(*conditions: bool) -> bool:
    """Whether all conditions hold, asked at once.

    In a rule `a and b` is two conditions, one after the other, and each has its own paths; this is one. It answers the
    same, reads each condition once, and its reasons are told one by one. Take it where a rule has too many paths.

    Args:
        conditions: Two or more.

    Example:
        >>> from funnel import Facts, Policy, rule
        >>> @rule
        ... def is_new(f: Facts, policy: Policy) -> bool:
        ...     return all_of(f.purchase_count == 1, f.since_last_purchase <= policy.after_sale_for)
        >>> len(is_new.table(Policy()).paths)
        2
    """
    return _count(*conditions) == len(conditions)


def any_of(*conditions: bool) -> bool:
    """Whether one of the conditions holds at least, asked at once.

    Args:
        conditions: Two or more.

    Example:
        >>> any_of(False, True)
        True
    """
    return _count(*conditions) > 0


def _count(first: bool, *others: bool) -> int:  # noqa: FBT001 (conditions, not options)
    """How many of the conditions hold.

    Without `try` and `type`: a rule that can reach them is proven with many more people.
    """
    for one in cast("tuple[object, ...]", (first, *others)):
        if not isinstance(one, int):
            kind = one.__class__.__name__
            raise ArgumentError(f"conditions must be true or false (got {kind}); compare facts with constants")
    return sum(others, start=first)
