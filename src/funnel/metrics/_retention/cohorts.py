"""Cohorts: people by first period, with the activity in each later period.

Invariants: a period that has not begun at `as_of` is not observed and is None. A period in which nobody of the cohort
bought is 0. The trials of a rate are people whose outcome is known. An average uses only cells that are over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, get_args

import attrs

from funnel._arguments import check_choice, count_of, day_of, suggest
from funnel._dataframes.frame_types import PeopleT
from funnel._format import MOST_ROWS, Listed, as_text, escape, more_rows
from funnel._results import Charted, Rows, chart_of
from funnel.errors import ArgumentError
from funnel.metrics._display import percent
from funnel.metrics._periods import Period, period_label
from funnel.metrics._rate import Rate
from funnel.metrics._retention.activity import Measure, RefundBasis
from funnel.metrics._retention.cohort import MAX_PERIODS, Cohort, number_at, periods_of, shown_number

if TYPE_CHECKING:
    from altair.typing import ChartType

CohortShow: TypeAlias = Literal["share", "revenue", "value"]
"""The content of a heat map: the share of people, the revenue of a period, or the amount paid by a person so far."""


@attrs.frozen
class Cohorts(Charted, Rows, Listed[Cohort], Generic[PeopleT]):
    """Cohorts at an instant, oldest first.

    A period in which nobody started has no cohort.

    Attributes:
        as_of: The evaluation time.
        tz: The time zone in which periods are cut.
        period: The calendar period of cohorts.
        window: The length of each person's own windows. None for calendar periods.
        brackets: The first period of each bracket, counted from 0, and the end of the last bracket. () if each
            period is its own bracket.
        measure: The people that a cell counts.
        first: The kind of event that puts a person into a cohort.
        refund_basis: The period from which refunds are subtracted.
        is_partial: Whether the calendar period of `as_of` was not over.
        cohorts: The cohorts.
        currency: The currency of the amounts. None if it is not known; amounts are then in minor units.
        amount: The number that is summed as `revenue`: "revenue", "margin" or an own column.
    """

    as_of: datetime
    tz: str
    period: Period
    window: timedelta | None
    brackets: tuple[int, ...]
    measure: Measure
    first: str
    refund_basis: RefundBasis
    is_partial: bool
    cohorts: tuple[Cohort, ...]
    currency: str | None = attrs.field(default=None, kw_only=True)
    amount: str = attrs.field(default="revenue", kw_only=True)
    _people_of_cell: Callable[[int, int], PeopleT] = attrs.field(alias="people_of_cell", eq=False, repr=False)

    _CHART = "cohorts.heat_map"
    _PARTS = "cohorts"

    def plot(self, *, show: CohortShow = "share") -> ChartType:
        """Return the cohorts as a heat map: as an Altair chart, which can be changed and saved.

        Args:
            show: "share" of people, "revenue" of each period, or "value": the average amount paid by a person up to
                the period.

        Raises:
            ArgumentError: `show` is another word.
            MissingExtraError: The extra `plots` is not installed.
        """
        check_choice(show, get_args(CohortShow), "show")
        return chart_of(self, show=show)

    @property
    def width(self) -> int:
        """The number of periods of the longest row, including period 0 and periods that are not over."""
        return max((len(cohort.people) for cohort in self.cohorts), default=0)

    @property
    def horizon(self) -> int | None:
        """The last period that is over for everybody in every cohort.

        None if there is none.
        """
        over = min((cohort.over for cohort in self.cohorts), default=0)
        return over - 1 if over else None

    def label(self, periods: int) -> str:
        """Return the label of a column: +1, or +4-7 if a bracket has several periods.

        Args:
            periods: The number of the column; 0 is the first.

        Raises:
            ArgumentError: `periods` is not a whole number from 0 up, or there is no such bracket.
        """
        index = count_of(periods, "periods", minimum=0, most=len(self.brackets) - 2 if self.brackets else MAX_PERIODS)
        if not self.brackets:
            return f"+{index}"
        first, last = self.brackets[index], self.brackets[index + 1] - 1
        return f"+{first}" if first == last else f"+{first}-{last}"

    def average(self, periods: int) -> Rate | None:
        """Return the share of people counted this many periods later, over finished cohorts.

        Only cohorts for which that period is over count. Every person has the same weight, so a large cohort weighs
        more than a small one.

        Args:
            periods: 0 is the first period of a cohort.

        Returns:
            The rate. None if that period is not over for any cohort.
        """
        index = periods_of(periods)
        over = [cohort for cohort in self.cohorts if 0 <= index < cohort.over]
        if not over:
            return None
        return Rate(sum(one.people[index] for one in over), sum(one.trials[index] for one in over))

    def values(self, periods: int) -> dict[date, int | None]:
        """Return the average amount paid by a person up to a common period, by cohort.

        Args:
            periods: The last period that counts; 0 is the first period of a cohort.

        Returns:
            Minor units by the start of the cohort. None for a cohort whose period of that number is not over.
        """
        index = periods_of(periods)
        return {one.start: one.value_each(index) for one in self.cohorts}

    def people_of(self, start: date, periods: int) -> PeopleT:
        """Return the people counted in a cell.

        Args:
            start: The first day of the cohort's period.
            periods: 0 is the first period of the cohort.

        Returns:
            The ids: a dataframe with the column `person_id`, of the same type as the input, or a list if the input was
            a list.

        Raises:
            ArgumentError: There is no such cohort, or the period is not observed.
        """
        day_of(start, "start")
        row = next((cohort for cohort in self.cohorts if cohort.start == start), None)
        if row is None:
            raise ArgumentError(f"no cohort begins on {start}; {suggest(str(start), (str(one.start) for one in self))}")
        if row.after(periods) is None:
            raise ArgumentError(
                f"periods must be below {len(row.people)}, the observed periods of the cohort {start} (got {periods})"
            )
        return self._people_of_cell(row.index, periods)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the long form: one row for each cohort and later period.

        Unobserved cells are None. `is_partial` is True for each cell whose period is not over, begun or not.
        """
        return [self._cell(cohort, periods) for cohort in self.cohorts for periods in range(self.width)]

    def _cell(self, cohort: Cohort, periods: int) -> dict[str, Any]:
        rate, first = cohort.rate(periods, unfinished=True), cohort.of_first(periods, unfinished=True)
        before = cohort.of_before(periods, unfinished=True)
        return {
            "cohort": cohort.start,
            "size": cohort.size,
            "periods_after": self.brackets[periods] if self.brackets else periods,
            "people": cohort.after(periods),
            "trials": number_at(cohort.trials, periods),
            "rate": rate and rate.value,
            "ci_lower": rate and rate.ci_lower,
            "ci_upper": rate and rate.ci_upper,
            "of_first": first and first.value,
            "of_before": before and before.value,
            "orders": number_at(cohort.orders, periods),
            "revenue": None if cohort.revenue is None else number_at(cohort.revenue, periods),
            "average_order": cohort.average_order(periods, unfinished=True),
            "value": None if cohort.value is None else number_at(cohort.value, periods),
            "is_partial": cohort.is_partial(periods),
        }

    @property
    def averages(self) -> tuple[Rate | None, ...]:
        """The average of each period, from 0, over finished periods only: the last row of the table."""
        return tuple(self.average(periods) for periods in range(self.width))

    def triangle(self, *, unfinished: bool = False) -> list[dict[str, Any]]:
        """Return the wide form: one row for each cohort, with people by `label`.

        Args:
            unfinished: Whether to include periods that are not over for the whole cohort. If False, they are None, so
                that sums and averages of a column use only finished periods.
        """
        labels = [self.label(periods) for periods in range(self.width)]
        return [
            {
                "cohort": one.start,
                "size": one.size,
                **{label: shown_number(one, one.people, at, unfinished) for at, label in enumerate(labels)},
            }
            for one in self.cohorts
        ]

    def heatmap_values(self, *, unfinished: bool = False) -> list[list[float | None]]:
        """Return the shares, one list for each cohort, for a heat map.

        None (grey) is not known yet.

        Args:
            unfinished: Whether to include periods that are not over for the whole cohort. If False, they are None, so
                that an average of a column uses only finished periods. `averages` weighs every person equally.
        """
        rates = [[one.rate(at, unfinished=unfinished) for at in range(self.width)] for one in self.cohorts]
        return [[None if rate is None else rate.value for rate in row] for row in rates]

    def __str__(self) -> str:
        """Return the table: people by cohort and period.

        A star marks a cell that is not over for the whole cohort.
        """
        return _text_of(self)

    def _html(self) -> str:
        return _html_of(self)


# ---- the table as text and for a notebook ----------------------------------------------------------------------------

_GREY = "#ddd"
_HEAT = "46, 125, 50"


def _text_of(cohorts: Cohorts) -> str:
    """Return the triangle of people, with a last line of averages over finished periods."""
    lines = [_cells_of(cohorts, cohort) for cohort in cohorts]
    if _is_any_over(cohorts):
        lines.append(["average", "", *(_share(cohorts.average(index)) for index in _columns(cohorts))])
    return as_text(_heading(cohorts), lines, left=())


def _is_any_over(cohorts: Cohorts) -> bool:
    return any(cohort.over for cohort in cohorts)


def _columns(cohorts: Cohorts) -> range:
    """Return the columns to show.

    Without period 0 if its count is always the whole cohort.
    """
    return range(1 if cohorts.first == "purchase" else 0, cohorts.width)


def _heading(cohorts: Cohorts) -> list[str]:
    return ["cohort", "people", *(cohorts.label(index) for index in _columns(cohorts))]


def _cells_of(cohorts: Cohorts, cohort: Cohort) -> list[str]:
    size = f"{cohort.size:,}{'*' * cohort.is_open}"
    return [period_label(cohort.start, cohorts.period), size, *(_cell(cohort, index) for index in _columns(cohorts))]


def _cell(cohort: Cohort, index: int) -> str:
    people = cohort.after(index)
    return "" if people is None else f"{people:,}{'*' * cohort.is_partial(index)}"


def _share(rate: Rate | None) -> str:
    return percent(None if rate is None else rate.value)


def _html_of(cohorts: Cohorts) -> str:
    """Return the triangle as a heat map: greener is larger, grey is not observed, a star is not over."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in _heading(cohorts))
    body = "".join(f"<tr>{''.join(_cells(cohorts, cohort))}</tr>" for cohort in cohorts.cohorts[:MOST_ROWS])
    foot = f"<tfoot><tr>{''.join(_average_cells(cohorts))}</tr></tfoot>" if _is_any_over(cohorts) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>{more_rows(len(cohorts))}"


def _average_cells(cohorts: Cohorts) -> Iterator[str]:
    yield "<th>average</th><td></td>"
    for index in _columns(cohorts):
        rate = cohorts.average(index)
        title = "no period is over" if rate is None else str(rate)
        yield f'<td title="{escape(title)}">{_share(rate)}</td>'


def _cells(cohorts: Cohorts, cohort: Cohort) -> Iterator[str]:
    start, size, *_ = _cells_of(cohorts, cohort)
    yield f"<td>{start}</td><td>{size}</td>"
    for index in _columns(cohorts):
        rate = cohort.rate(index, unfinished=True)
        if rate is None or rate.value is None:
            yield f'<td style="background: {_GREY}" title="not observed"></td>'
        else:
            shade = f"background: rgba({_HEAT}, {rate.value:.2f})"
            yield f'<td style="{shade}" title="{escape(rate)}">{_cell(cohort, index)}</td>'
