"""Monthly cohorts: of those who first bought in a month, how many bought again in each month after.

Law: a month that has not begun at `as_of` is not observed and is None; one in which nobody of the cohort bought is 0.
A cohort's size is that of its own month, so what is refunded in whole leaves the cohort as if it had never been bought.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import attrs
import narwhals as nw

from funnel._facts.base import judgement
from funnel._instants import instant
from funnel.metrics._periods import Calendar, Periods
from funnel.metrics._purchases import PERSON, purchases_at, told
from funnel.metrics.rate import Rate

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs


@attrs.frozen
class Cohort:
    """The people who first bought in one month.

    Attributes:
        month: The first day of that month, by the shop's clock.
        bought: How many of them bought in that month, in the next, and so on to the month of `as_of`.
    """

    month: date
    bought: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many people."""
        return self.bought[0]

    def after(self, months: int) -> int | None:
        """How many of them bought in the month that came so many months after; None where it has not begun.

        Args:
            months: 0 is their own month.
        """
        return self.bought[months] if months < len(self.bought) else None

    def rate(self, months: int) -> Rate | None:
        """The share of them who bought in the month that came so many months after; None where it has not begun.

        Args:
            months: 0 is their own month.
        """
        bought = self.after(months)
        return None if bought is None else Rate(bought, self.size)


@attrs.frozen
class Cohorts:
    """Monthly cohorts at an instant, the oldest first; a month in which nobody first bought has none.

    Attributes:
        as_of: The instant of judgement.
        tz: The zone by whose clock months are cut.
        is_partial: Whether the month of `as_of` was not over; it is the last one of every cohort.
        cohorts: The cohorts.
    """

    as_of: datetime
    tz: str
    is_partial: bool
    cohorts: tuple[Cohort, ...]

    def __len__(self) -> int:
        """How many cohorts."""
        return len(self.cohorts)

    def __iter__(self) -> Iterator[Cohort]:
        """The cohorts, the oldest first."""
        return iter(self.cohorts)

    @property
    def width(self) -> int:
        """How many months the oldest cohort has been observed for, its own and the partial one among them."""
        return len(self.cohorts[0].bought) if self.cohorts else 0

    def to_dicts(self) -> list[dict[str, date | int | bool | None]]:
        """One row for each cohort and month after, as a dataframe takes them: unobserved months are None."""
        return [self._cell(cohort, months) for cohort in self.cohorts for months in range(self.width)]

    def _cell(self, cohort: Cohort, months: int) -> dict[str, date | int | bool | None]:
        return {
            "cohort": cohort.month,
            "size": cohort.size,
            "months_after": months,
            "people": cohort.after(months),
            "is_partial": self.is_partial and months == len(cohort.bought) - 1,
        }

    def __str__(self) -> str:
        """Write the table: people by cohort and month after; the partial month is marked by a star."""
        lines = [self._heading(), *(self._line(cohort) for cohort in self.cohorts)]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        told = ("  ".join(cell.rjust(wide) for cell, wide in zip(line, widths, strict=True)) for line in lines)
        return "\n".join(line.rstrip() for line in told)

    def _heading(self) -> list[str]:
        return ["cohort", "people", *(f"+{months}" for months in range(1, self.width))]

    def _line(self, cohort: Cohort) -> list[str]:
        size, *later = (self._text(cohort, months) for months in range(self.width))
        return [f"{cohort.month:%Y-%m}", size, *later]

    def _text(self, cohort: Cohort, months: int) -> str:
        people = cohort.after(months)
        if people is None:
            return ""
        return f"{people:,}{'*' * (self.is_partial and months == len(cohort.bought) - 1)}"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in self._heading())
        rows = ("".join(f"<td>{html.escape(cell)}</td>" for cell in self._line(cohort)) for cohort in self.cohorts)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def monthly_cohorts(logs: Logs, *, tz: str, as_of: datetime) -> Cohorts:
    """Of those who first bought in a month, how many bought in each month after.

    Counted are valid purchases as of the instant: one that was cancelled, or refunded in whole by then, is none, and
    whose only purchase it was is in no cohort. The records begin where they begin: who bought before they do is taken
    for new, so the first cohort of a shop that is older than its records is too large.

    Args:
        logs: Everyone's records.
        tz: The zone by whose clock the months are cut, such as "Asia/Jakarta".
        as_of: The instant of judgement.

    Returns:
        The cohorts, from the month of the first purchase to that of `as_of`.

    Raises:
        InstantError: `as_of` is naive, or the zone is unknown.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs
        >>> when = [datetime(2026, month, 9, tzinfo=UTC) for month in (1, 2, 2, 4)]
        >>> bought = {"id": [1, 2, 3, 4], "person_id": ["a", "a", "b", "b"], "purchased_at": when, "amount": [9] * 4}
        >>> logs = Logs(purchases=pl.DataFrame(bought))
        >>> print(monthly_cohorts(logs, tz="Asia/Jakarta", as_of=datetime(2026, 4, 20, tzinfo=UTC)))
         cohort  people  +1  +2  +3
        2026-01       1   1   0  0*
        2026-02       1   0  1*
    """
    now, calendar = judgement(as_of), Calendar.of("month", tz)
    rows = purchases_at(logs, now)
    start = None if rows is None else _start(rows)
    if rows is None or start is None:
        return Cohorts(instant(now), tz, is_partial=_is_partial(Periods.between(now, now, calendar), now), cohorts=())
    months = Periods.between(start, now, calendar)
    return Cohorts(instant(now), tz, _is_partial(months, now), tuple(_cohorts(_counted(rows, months), months)))


def _is_partial(months: Periods, now: int) -> bool:
    """Whether anything can still happen in the last month: what happens at the instant itself has happened."""
    return not months.is_over(len(months) - 1, now)


def _start(rows: Frame) -> int | None:
    ((start,),) = told(rows.select(nw.col("t").min()), "t")
    return None if start is None else int(start)


def _counted(rows: Frame, months: Periods) -> Mapping[tuple[int, int], int]:
    """How many people by the places of the month in which they first bought and of one in which they bought."""
    placed = rows.select(PERSON, cohort=months.place_column("first"), month=months.place_column("t"))
    counts = placed.unique().group_by("cohort", "month").agg(nw.col(PERSON).count().alias("people"))
    return {(int(cohort), int(month)): int(n) for cohort, month, n in told(counts, "cohort", "month", "people")}


def _cohorts(counts: Mapping[tuple[int, int], int], months: Periods) -> Iterator[Cohort]:
    starts: Sequence[int] = sorted({cohort for cohort, _ in counts})
    for start in starts:
        bought = tuple(counts.get((start, month), 0) for month in range(start, len(months)))
        yield Cohort(months.day(start), bought)
