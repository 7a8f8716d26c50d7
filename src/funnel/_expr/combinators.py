"""Several conditions as one: a rule that uses these has fewer paths than with `and` and `or`."""

from __future__ import annotations

from typing import cast

from funnel.errors import ArgumentError


def all_of(*conditions: bool) -> bool:
    """Return whether all conditions hold, as one condition.

    In a rule, `a and b` is two conditions in sequence, and each has its own paths; `all_of(a, b)` is one condition. The
    answer is the same, each condition is read once, and each has its own reason. Use it if a rule has too many paths.

    Args:
        conditions: Two or more conditions.

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
    """Return whether at least one condition holds, as one condition.

    Args:
        conditions: Two or more conditions.

    Example:
        >>> any_of(False, True)
        True
    """
    return _count(*conditions) > 0


def _count(first: bool, *others: bool) -> int:  # noqa: FBT001 (conditions, not options)
    """Return how many of the conditions hold.

    It uses neither `try` nor `type`: a rule that can reach either is verified with many more samples.
    """
    for one in cast("tuple[object, ...]", (first, *others)):
        if not isinstance(one, int):
            kind = one.__class__.__name__
            raise ArgumentError(f"conditions must be true or false (got {kind}); compare facts with constants")
    return sum(others, start=first)
