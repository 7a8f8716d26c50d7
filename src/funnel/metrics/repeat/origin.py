"""Who comes back, by where they came from: the source that brought them, who sent them, what they bought first.

Laws: each group is judged at equal follow-up, as everyone is; a person is in one group, but by product in one for each
thing that their first purchase held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import narwhals as nw

from funnel._facts.frames import held_over
from funnel._facts.plan import narrowed
from funnel._given import SpanLike, count_of, judgement, one_of, span
from funnel._instants import MICROSECOND, instant
from funnel._lift.columns import flag
from funnel._reduce.aggregates import value_name
from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.metrics._lines import SKU, lines_beside
from funnel.metrics._purchases import PERSON
from funnel.metrics._shown import as_html, as_text, days
from funnel.metrics.rate import LEAST, Rate
from funnel.metrics.repeat.numbered import added_up, judged, numbered
from funnel.metrics.repeat.rates import RepeatRate

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs

By: TypeAlias = Literal["source", "campaign", "referral", "promotion", "product"]
"""By what buyers are told apart: where they first arrived from, the campaign, whether another person sent them, the
promotion of their first purchase, what their first purchase held."""

_GROUP = "group"


@attrs.frozen
class RepeatGroup:
    """The buyers of one group, and who of them bought again.

    Attributes:
        group: The source, campaign, promotion or thing; None where it is not known, or there was none.
        repeat: Who bought again within the time.
    """

    group: str | None
    repeat: RepeatRate


@attrs.frozen
class RepeatGroups:
    """Who bought again within a time, group by group, the largest group first.

    Attributes:
        as_of: The instant of judgement.
        by: By what the buyers are told apart.
        within: The time they had.
        least: The fewest people of whom a share is told.
        groups: The groups.
    """

    as_of: datetime
    by: By
    within: timedelta
    least: int
    groups: tuple[RepeatGroup, ...]

    def __len__(self) -> int:
        """How many groups."""
        return len(self.groups)

    def __iter__(self) -> Iterator[RepeatGroup]:
        """The groups, the largest first."""
        return iter(self.groups)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row for each group, as a dataframe takes them."""
        return [{self.by: one.group, **one.repeat.to_dict()} for one in self.groups]

    @property
    def says(self) -> str:
        """What the table can tell, and what it cannot."""
        told = sum(one.repeat.rate.enough(self.least) for one in self.groups)
        many = f" Of {told} groups that are alike, one in twenty still seems to stand out." if told > 1 else ""
        chosen = "It tells who came back, not why: people chose their group, and the shop chose whom it asked."
        return f"Bought again within {days(self.within)}, by {self.by}. {chosen}{many}"

    def _rows(self) -> list[tuple[object, ...]]:
        return [(_name(one.group), self._told(one.repeat.rate), f"{one.repeat.pending:,}") for one in self.groups]

    def _told(self, rate: Rate) -> str:
        return str(rate) if rate.enough(self.least) else f"not enough: {rate.among:,} of {self.least:,}"

    def _head(self) -> tuple[str, ...]:
        return self.by, "bought again", "pending"

    def __str__(self) -> str:
        """Write the table under what it can tell; a group too small to tell of says so."""
        return f"{self.says}\n{as_text(self._head(), self._rows())}"

    def _repr_html_(self) -> str:
        return as_html(self._head(), self._rows(), above=self.says)


def _name(group: str | None) -> str:
    return "(none)" if group is None else group


def repeat_by(  # noqa: PLR0913 - three of them say when, how long, how many
    logs: Logs, by: By, within: SpanLike, *, as_of: datetime, lines: object = None, least: int = LEAST
) -> RepeatGroups:
    """Who bought again within a time, by where they came from or what they bought first.

    Args:
        logs: Everyone's records.
        by: By what to tell them apart: `source`, `campaign` or `referral` (of their first arrival), `promotion` or
            `product` (of their first purchase).
        within: The time from the first purchase to the second; its end is part of it.
        as_of: The instant of judgement.
        lines: For `product`: a table of the logs' engine with `purchase_id` and `sku` (and `source`, if the logs have
            one), a row for each thing that a purchase held.
        least: The fewest people of whom a share is told.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a span above zero, `by` none of those, or `product` without lines or the reverse.
        LogsError: The lines are at fault.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 2)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> arrived = {"person_id": ["a", "b"], "arrived_at": when[:2], "source": ["fair", "instagram"]}
        >>> logs = Logs(purchases=pl.DataFrame(bought), leads=pl.DataFrame(arrived))
        >>> groups = repeat_by(logs, "source", timedelta(days=60), as_of=datetime(2026, 4, 9, tzinfo=UTC), least=1)
        >>> [(one.group, one.repeat.rate.hits, one.repeat.rate.among) for one in groups]
        [('fair', 1, 1), ('instagram', 0, 1)]
    """
    now, length = judgement(as_of), span(within, "within")
    within = length * MICROSECOND
    one_of(by, get_args(By), "by")
    count_of(least, "least", least=1)
    if (lines is not None) is not (by == "product"):
        raise ArgumentError("lines go with by='product', and it with lines; give both or neither")
    rows = numbered(logs, now)
    if rows is None:
        return RepeatGroups(instant(now), by, within, least, ())
    labels = _labels(logs, rows, by, lines, now)
    people = judged(first_and_soon(rows, length), "first", "soon", length, now)
    counts = added_up(people.join(labels, on=PERSON, how="inner"), _GROUP)
    return RepeatGroups(instant(now), by, within, least, tuple(_groups(counts, within)))


def first_and_soon(rows: Frame, length: int) -> Frame:
    """Every buyer: when they first bought, and whether they bought again within the time."""
    soon = flag((nw.col("nth") > 1) & (nw.col("t") - nw.col("first") <= length))
    people = rows.with_columns(soon=soon).group_by(PERSON)
    return people.agg(nw.col("first").min(), nw.col("soon").sum())


def _groups(counts: Mapping[tuple[object, ...], tuple[int, int, int]], within: timedelta) -> Iterator[RepeatGroup]:
    named = ((str(group), counted) for (group,), counted in counts.items())
    for group, (hits, had, pending) in sorted(named, key=lambda one: (-one[1][1], -one[1][2], one[0])):
        yield RepeatGroup(group or None, RepeatRate(within, Rate(hits, had), pending))


# ---- the group of each buyer ---------------------------------------------------------------------------------------


def _labels(logs: Logs, rows: Frame, by: By, lines: object, now: int) -> Frame:
    """`person_id` and `group`, "" where it is not known."""
    firsts = rows.filter(nw.col("nth") == 1)
    if by == "promotion":
        return firsts.select(PERSON, group=nw.col("promotion"))
    if by == "product":
        return _first_things(firsts, lines_beside(logs, lines))
    return _arrivals(logs, now).select(PERSON, group=_OF_ARRIVAL[by]())


def _first_things(firsts: Frame, lines: Frame) -> Frame:
    keys = ["source", "id"]
    held = firsts.select(PERSON, *keys).join(lines, on=keys, how="left")
    return held.select(PERSON, group=nw.col(SKU).fill_null(""))


_ARRIVAL = ("lead_count", "lead_source", "campaign", "was_referred")


def _arrivals(logs: Logs, now: int) -> Frame:
    """What is known of how everyone arrived: the same facts as of one person."""
    plan = narrowed(Facts.fact_plan, frozenset(_ARRIVAL))
    read = {name: nw.col(value_name(plan.places[name])) for name in _ARRIVAL}
    return held_over(plan, logs, now).select(PERSON, **read)


def _referral() -> nw.Expr:
    sent = nw.when(nw.col("was_referred") == 1).then(nw.lit("referred")).otherwise(nw.lit("not referred"))
    return nw.when(nw.col("lead_count") == 0).then(nw.lit("")).otherwise(sent)


_OF_ARRIVAL: Mapping[str, Callable[[], Any]] = {
    "source": lambda: nw.col("lead_source"),
    "campaign": lambda: nw.col("campaign"),
    "referral": _referral,
}
