"""Facts that are columns of a shop's table of people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, overload

from funnel.facts._declare import latest

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
