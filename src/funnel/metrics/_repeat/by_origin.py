"""Repeat rates by origin: source, campaign, referral, promotion, first product, or an own column of the first record.

Invariants: every group has equal follow-up, as in `repeat_rate_within`. A person is in exactly one group, except by
product: then a person is in one group for each product of their first purchase.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import narwhals as nw

from funnel._arguments import SpanLike, count_of
from funnel._dataframes.adapter import Frame
from funnel._expr.to_narwhals import to_int
from funnel._format import Listed, Table, Tabular
from funnel._results import Charted, Rows
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._by_group import OWN_OF, Cell, check_by, group_of, people_groups
from funnel.metrics._display import days, group_name
from funnel.metrics._lines import SKU, lines_beside
from funnel.metrics._purchases import PERSON
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE, rate_text
from funnel.metrics._repeat.window import RepeatRate, RepeatWindow, numbered_occasions

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


By: TypeAlias = Literal["source", "campaign", "referral", "promotion", "product"]
"""Grouping of buyers: source or campaign of the first arrival, whether another person referred them, or promotion or
products of the first purchase.
"""


@attrs.frozen
class RepeatGroup:
    """The buyers of one group, and their repeat rate.

    Attributes:
        group: The source, campaign, promotion, product or value; None if it is unknown or there was none.
        repeat: The repeat rate within the time.
    """

    group: Cell
    repeat: RepeatRate


@attrs.frozen
class RepeatGroups(Charted, Rows, Listed[RepeatGroup], Tabular):
    """Result of `repeat_by`: the repeat rate of each group, largest group first.

    Attributes:
        as_of: The evaluation time.
        by: The grouping of buyers: one of `By`, or an own column.
        within: Time from the first purchase in which a second purchase counts.
        min_people: Minimum number of people for a reported share.
        groups: The groups.
    """

    as_of: datetime
    by: str
    within: timedelta
    min_people: int
    groups: tuple[RepeatGroup, ...]

    _CHART = "repeats.groups"
    _PARTS = "groups"

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row per group, with the column `group`."""
        return [{"group": one.group, **one.repeat.to_dict()} for one in self.groups]

    @property
    def summary(self) -> str:
        """Return the conclusion and its limits, as text."""
        reportable = sum(one.repeat.rate.is_reportable(self.min_people) for one in self.groups)
        many = f" One in twenty of {reportable} equal groups differs by chance." if reportable > 1 else ""
        chosen = "This shows who came back, not why: people chose their group, and the shop chose whom to ask."
        return f"Bought again within {days(self.within)}, by {self.by}. {chosen}{many}"

    def _tables(self) -> Iterator[Table]:
        rows = [
            (
                group_name(one.group),
                rate_text(one.repeat.rate, self.min_people),
                f"{one.repeat.pending:,}",
            )
            for one in self.groups
        ]
        yield self.summary, (self.by, "bought again", "pending"), rows


def repeat_by(  # noqa: PLR0913 - three of them say when, how long, how many
    logs: Logs,
    by: str,
    within: SpanLike,
    *,
    as_of: datetime,
    lines: IntoFrame | None = None,
    min_people: int = DEFAULT_MIN_PEOPLE,
) -> RepeatGroups:
    """Compute the repeat rate within a time, by origin, first product or an own column.

    Args:
        logs: All records.
        by: The grouping: `source`, `campaign` or `referral` (of the first arrival), `promotion` or `product` (of the
            first purchase), or an own column that is not an instant (of the first purchase, arrival or interaction, or
            of the table of people).
        within: Maximum time from the first purchase to the next occasion, inclusive.
        as_of: The evaluation time.
        lines: For `product` only: a dataframe of the same engine as the logs, with `purchase_id` and `sku` (and
            `source`, if the logs have that column). One row for each product of a purchase.
        min_people: Minimum number of people for a reported share.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: `within` is not a positive span, `by` is not one of the groupings or such a column, `product`
            comes without lines, or lines come without `product`.
        LogsError: The lines are invalid.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 2)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "a", "b"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> arrived = {"person_id": ["a", "b"], "arrived_at": when[:2], "source": ["fair", "instagram"]}
        >>> logs = Logs(purchases=pl.DataFrame(bought), leads=pl.DataFrame(arrived))
        >>> groups = repeat_by(logs, "source", timedelta(days=60), as_of=datetime(2026, 4, 9, tzinfo=UTC), min_people=1)
        >>> [(one.group, one.repeat.rate.successes, one.repeat.rate.trials) for one in groups]
        [('fair', 1, 1), ('instagram', 0, 1)]
    """
    window = RepeatWindow.of(within, as_of)
    check_by(logs, by, OWN_OF, "product")
    count_of(min_people, "min_people", minimum=1)
    if (lines is not None) is not (by == "product"):
        raise ArgumentError(
            "by='product' requires lines, and lines require by='product' (got one of the two); pass both or neither"
        )
    rows = numbered_occasions(logs, window.now)
    if rows is None:
        return RepeatGroups(window.as_of, by, window.within, min_people, ())
    labels = _labels(logs, rows, by, lines, window.now)
    people = rows.with_columns(soon=to_int(window.is_repeat)).group_by(PERSON)
    each = people.agg(nw.col("first").min(), nw.col("soon").sum()).join(labels, on=PERSON, how="inner")
    rates = sorted(window.rates(each, "group").items(), key=_largest_first)
    groups = tuple(RepeatGroup(group_of(logs, by, group), repeat) for group, repeat in rates)
    return RepeatGroups(window.as_of, by, window.within, min_people, groups)


def _largest_first(group: tuple[Any, RepeatRate]) -> tuple[int, int, str]:
    name, repeat = group
    return -repeat.rate.trials, -repeat.pending, str(name)


_KEYS = ["source", "id"]

# ---- the group of each buyer ---------------------------------------------------------------------------------------


def _labels(logs: Logs, rows: Frame, by: str, lines: object, now: int) -> Frame:
    """Return `person_id` and `group`; `group` is "" if unknown."""
    firsts = rows.filter(nw.col("nth") == 1)
    if by == "product":
        return _first_products(firsts, lines_beside(logs, lines))
    return people_groups(logs, by, now)


def _first_products(firsts: Frame, lines: Frame) -> Frame:
    products = firsts.select(PERSON, *_KEYS).join(lines, on=_KEYS, how="left")
    return products.select(PERSON, group=nw.col(SKU).fill_null(""))
