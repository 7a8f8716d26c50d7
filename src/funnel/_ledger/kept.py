"""What a ledger holds."""

from __future__ import annotations

from copy import copy
from typing import Any

from funnel._instants import NEVER
from funnel._ledger.rows import DIRECTION, Key, number
from funnel._lift.nodes import Value
from funnel._reduce.folds import Row, T
from funnel.records import Purchase, Refund

_MOST_SETTLED = 16
"""Plans of which the values are cached."""


class Kept:
    """What a ledger holds: the rows of one person, by stream, those of each in order.

    A list of rows only ever grows at its end; where more than that happened a new list takes its place. `late` are the
    rows that do not belong at the end of their stream and are not in it yet, `stale` the streams that are to be worked
    out again, `latest` is the last instant at which a row begins or ceases to count.
    `notices` hold when the goods of a purchase arrived, `closed` when what was asked was first answered, `sent` when
    each person whom they sent first arrived, `about` which purchase a complaint is of. `settled` keeps, by plan, the
    values after the latest instant: they are the same at whatever instant one asks, for spans are held as the instants
    they run from. A copy shares no list with the original, and has no `settled` values.
    """

    __slots__ = (
        *("about", "closed", "late", "latest", "notices", "person_id"),
        *("purchases", "refunds", "rows", "sent", "settled", "stale"),
    )

    def __init__(self, person_id: str) -> None:
        """Begin with nothing."""
        self.person_id: str = person_id
        self.rows: dict[str, list[Row]] = {}
        self.late: dict[str, list[Row]] = {}
        self.stale: set[str] = set()
        self.latest: int = NEVER
        self.settled: dict[object, tuple[Value, ...]] = {}
        self.purchases: dict[Key, Purchase] = {}
        self.refunds: dict[Key, list[Refund]] = {}
        self.notices: dict[Key, int] = {}
        self.closed: dict[tuple[str, Key], int] = {}
        self.sent: dict[str, int] = {}
        self.about: dict[Key, Key] = {}

    def settle_values(self, plan: object, values: tuple[Value, ...]) -> None:
        """Cache the values of a plan. One person is asked for few classes of facts; the cache starts anew if not."""
        if len(self.settled) >= _MOST_SETTLED:
            self.settled = {}
        self.settled[plan] = values

    def unsettle(self) -> None:
        """Drop the cached values; whoever reads them at this moment keeps what is there."""
        self.settled = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return copies of all that is written, without the cached values."""
        return {name: _detached(getattr(self, name)) for name in Kept.__slots__ if name != "settled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what a copy holds."""
        self.settled = {}
        for name, value in state.items():
            setattr(self, name, value)

    def reach(self, t: int) -> None:
        """Take it down that a row begins or ceases to count at an instant."""
        self.latest = max(self.latest, t)

    def heard(self) -> list[int]:
        """Every instant at which something came from them, in order."""
        talk = [row for row in self.rows.get("interactions", ()) if row[DIRECTION] == "in"]
        return sorted([number(row[T]) for row in [*talk, *self.rows.get("orders", ())]])


def _detached(value: Any) -> Any:
    """Copy lists, dictionaries and sets, at every depth; what they hold cannot change."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is dict:
        return {key: _detached(item) for key, item in value.items()}
    return copy(value) if kind in (list, set) else value
