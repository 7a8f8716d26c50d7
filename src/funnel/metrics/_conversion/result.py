"""The result of a funnel: counts, rates, and further results for the same attempts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Generic, Literal

import attrs
import narwhals as nw

from funnel._arguments import check_choice, is_one_of
from funnel._dataframes.adapter import to_native
from funnel._dataframes.frame_types import FrameT
from funnel._format import Listed, as_html, as_text, clock
from funnel._results import Charted, Rows
from funnel.errors import ArgumentError
from funnel.metrics._conversion.attempts import AttemptColumns, Group, StepCount, last_required
from funnel.metrics._conversion.display import HEADING, LEFT, rows
from funnel.metrics._conversion.drivers import Drivers, drivers
from funnel.metrics._conversion.groups import GroupBy
from funnel.metrics._conversion.label_events import DROPPED, PENDING
from funnel.metrics._conversion.times import StepTime, TimeHistogram, time_histogram, times
from funnel.metrics._conversion.trend import Trend, trend
from funnel.metrics._conversion.value import StepValue, values
from funnel.metrics._display import days, group_name
from funnel.metrics._periods import Calendar, Period, Weekday
from funnel.metrics._rate import Difference, Rate


@attrs.frozen(repr=False)
class Comparison:
    """The conversion of one group compared with all other groups.

    Attributes:
        value: The value of the group. None if the value is unknown.
        difference: The group's rate minus the rate of the other groups. The interval is widened for all comparisons.
    """

    value: Group
    difference: Difference

    def __str__(self) -> str:
        """Return the difference under the name of the group."""
        return f"{group_name(self.value)}: {self.difference}"

    def __repr__(self) -> str:
        return f"<{self}>"


def compared(rates: dict[Group, Rate], confidence_level: float, min_people: int) -> tuple[Comparison, ...]:
    """Compare each rate with the rate of all other groups; the intervals hold jointly (Bonferroni)."""
    each = 1 - (1 - confidence_level) / max(len(rates), 1)
    successes, trials = (sum(getattr(rate, part) for rate in rates.values()) for part in ("successes", "trials"))
    return tuple(
        Comparison(
            value,
            Rate(rate.successes, rate.trials, confidence_level=each).minus(
                Rate(successes - rate.successes, trials - rate.trials, confidence_level=each), min_people=min_people
            ),
        )
        for value, rate in rates.items()
    )


Which = Literal["reached", "dropped", "pending"]


@attrs.frozen
class FunnelGroup:
    """The funnel of the people who share a value.

    Attributes:
        value: The value of the column, or the label of the bin. None if the value is unknown.
        steps: The counts and rates of every step.
    """

    value: Group
    steps: tuple[StepCount, ...]

    @property
    def rate(self) -> Rate:
        """The share of people who entered that converted.

        Only people with a closed window count.
        """
        return last_required(self.steps).from_start


@attrs.frozen
class FunnelResult(Charted, Rows, Listed[StepCount], Generic[FrameT]):
    """Result of a conversion funnel; returned by `conversion`.

    Counts include everybody. Rates include only people whose window was closed at `as_of`, whatever their outcome; the
    outcome of the other people is not final. Each unit counted is a person, or an attempt if `attempts` is "each";
    intervals of rates then treat the attempts of one person as independent.

    Attributes:
        as_of: The evaluation time.
        within: The window, from the entry on.
        steps: The counts and rates of every step, in order.
        groups: The same for each group, largest first (bins in their order). Empty if no groups were requested.
        min_people: The minimum number of people for a rate to be shown in text.
    """

    as_of: datetime
    within: timedelta
    steps: tuple[StepCount, ...]
    groups: tuple[FunnelGroup, ...]
    min_people: int
    _columns: AttemptColumns = attrs.field(repr=False, eq=False)

    _CHART = "funnels.steps"
    _PARTS = "steps"

    def step(self, name: str) -> StepCount:
        """Return the counts and rates of a step.

        Args:
            name: The name of the step.

        Raises:
            ArgumentError: No step has this name.
        """
        return self.steps[self._columns.query.number(name) - 1]

    @property
    def by(self) -> str | None:
        """The column of the groups. None without groups."""
        by = self._columns.query.by
        return None if by is None else by.column

    @property
    def unit(self) -> Literal["people", "attempts"]:
        """The unit of all counts: people, or attempts if `attempts` is "each"."""
        return "attempts" if self._columns.query.matching.attempts == "each" else "people"

    @property
    def entered(self) -> int:
        """The number of people who entered."""
        return self.steps[0].reached

    @property
    def converted(self) -> int:
        """The number of people who reached the last required step."""
        return last_required(self.steps).reached

    @property
    def dropped(self) -> int:
        """The number of people who entered and can no longer convert."""
        return sum(step.dropped or 0 for step in self.steps)

    @property
    def pending(self) -> int:
        """The number of people who entered and may still convert."""
        return sum(step.pending or 0 for step in self.steps)

    @property
    def rate(self) -> Rate:
        """The share of people who entered that converted.

        Only people with a closed window count.
        """
        return last_required(self.steps).from_start

    def times(self, quantile: float = 0.5) -> tuple[StepTime, ...]:
        """Return how long each step after the first took the people who reached it.

        A quantile is an observed time: the smallest time within which at least that share of people was done.

        Args:
            quantile: The share, above 0 and up to 1; 0.5 for the median.

        Raises:
            ArgumentError: `quantile` is not above 0 and up to 1.
        """
        return times(self._columns.attempts, [step.name for step in self.steps], quantile)

    def _times_of(self, group: FunnelGroup) -> tuple[StepTime, ...]:
        """Return the median times of a group."""
        attempts, by, value = self._columns.attempts, self._columns.query.by, group.value
        if by is not None and by.edges and value is not None:
            value = by.labels.index(str(value))
        of_group = nw.col("by").is_null() if value is None else nw.col("by") == value
        part = attrs.evolve(attempts, frame=attempts.frame.filter(of_group))
        return times(part, [step.name for step in group.steps], 0.5)

    def people(self, step: str, which: Which = "reached") -> FrameT:
        """Return the people who reached a step, or who dropped or are pending there.

        Args:
            step: The name of the step.
            which: "reached", "dropped" or "pending".

        Returns:
            A dataframe of the same type as the events, with `person_id`, `entered_at` and `reached_at` (of the step);
            one row for each attempt. If `attempts` is "each" and the events are in a database, the dataframe is
            in local memory.

        Raises:
            ArgumentError: No step has this name, `which` is another word, or `which` is not "reached" for an optional
                step.
        """
        check_choice(which, ("reached", "dropped", "pending"), "which")
        count, number = self.step(step), self._columns.query.number(step)
        if which != "reached" and count.is_optional:
            raise ArgumentError(
                f"which must be 'reached' for the optional step {step!r} (got {which!r}); an optional step stops nobody"
            )
        attempts = self._columns.attempts
        frame = attempts.frame.filter(nw.col(f"row_{number}") >= 0)
        if which != "reached":
            position = self._columns.query.required.index(step) + 1
            state = DROPPED if which == "dropped" else PENDING
            frame = frame.filter((nw.col("reached") == position) & (nw.col("state") == state))
        people = frame.select(person_id=nw.col("person"), entered_at=nw.col("t_1"), reached_at=nw.col(f"t_{number}"))
        instants = ("entered_at", "reached_at")
        result: FrameT = to_native(people, attempts.frame_kind, instants=instants, order=("person_id", *instants))
        return result

    def time_histogram(self, step: str, *, bins: int = 30) -> TimeHistogram:
        """Return how many people took how long from the entry to a step, in spans of equal length.

        Args:
            step: The name of the step.
            bins: The number of spans, 1 to 1,000.

        Raises:
            ArgumentError: No step has this name, or `bins` is not a whole number from 1 to 1,000.
        """
        self.step(step)
        return time_histogram(self._columns.attempts, step, self._columns.query.number(step), bins)

    def value(self, column: str, *, at: str = "first") -> tuple[StepValue, ...]:
        """Return the sum of the amounts of people who reached each step, dropped or are pending there.

        Args:
            column: A column of whole numbers, such as amounts in minor units. Null counts as 0.
            at: The row of an attempt at which the column is read: "first", "last", or the name of a step. A person who
                did not reach that step has no amount.

        Raises:
            EngineError: The column is missing, or does not hold whole numbers.
            ArgumentError: No step has this name.
        """
        if not is_one_of(at, ("first", "last")):
            self.step(at)
        attempts = self._columns.with_values({"value": GroupBy(column, at=at)}, whole=True)
        return values(attempts, [step.name for step in self.steps])

    def drivers(self, column: str = "kind") -> Drivers:
        """Compare what converters and the other people did on the way; only closed windows count.

        The comparison reads the rows that match no step, from the entry to the conversion or to the end of the window.
        The odds ratio of a value is that of PostHog's correlation analysis, with one added to each count. A value is
        compared if 25 people had it, or 1 in 50.

        Args:
            column: The column whose values are compared: texts, whole numbers or booleans.

        Raises:
            EngineError: The column is missing, or has another type.
        """
        rows = self._columns.labelled([column], every_row=True)
        return drivers(self._columns.attempts, rows.frame, column, self.rate.confidence_level)

    def trend(self, period: Period, *, tz: str, week_start: Weekday | None = None) -> Trend:
        """Return the funnel by period of entry. A period with open windows is marked.

        Args:
            period: "day", "week", "month", "quarter" or "year".
            tz: The time zone in which periods are cut, such as "Asia/Jakarta".
            week_start: The first day of a week; required for weeks and invalid otherwise.

        Raises:
            ArgumentError: The zone, the period or the weekday is unknown, or the weekday does not belong there.
        """
        calendar = Calendar.of(period, tz, week_start)
        names = [step.name for step in self.steps]
        periods = trend(self._columns.attempts, calendar, names, self.rate.confidence_level)
        return Trend(period, tz, tuple(periods), self.min_people, calendar)

    def compare(self) -> tuple[Comparison, ...]:
        """Compare the conversion rate of each group with that of all other groups.

        With many groups, some differ by chance alone. The intervals are widened for the number of comparisons.

        Raises:
            ArgumentError: The funnel has no groups.
        """
        if self._columns.query.by is None:
            raise ArgumentError("compare requires groups (got a funnel without groups); pass by=... to conversion")
        return compared({group.value: group.rate for group in self.groups}, self.rate.confidence_level, self.min_people)

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one row for each step, or for each step and group (column `group`) if there are groups."""
        if not self.groups:
            return [step.to_dict() for step in self.steps]
        return [{"group": group.value, **step.to_dict()} for group in self.groups for step in group.steps]

    def __str__(self) -> str:
        """Return a table with one line for each step.

        Groups are listed one below another.
        """
        if not self.entered:
            return f"{self._caption}\nnobody entered"
        parts = [self._caption, as_text(HEADING, rows(self.steps, self.times(), self.min_people), left=LEFT)]
        for group in self.groups:
            parts.append(f"{self.by}: {group_name(group.value)}")
            parts.append(as_text(HEADING, rows(group.steps, self._times_of(group), self.min_people), left=LEFT))
        return "\n".join(parts)

    @property
    def _caption(self) -> str:
        entered = f"{self.entered:,} {self.unit}"
        counts = f"{entered}: {self.converted:,} converted, {self.dropped:,} dropped, {self.pending:,} pending"
        rules = self._columns.query.matching
        how = f"{rules.order}, attempts {rules.attempts}, within {days(self.within)}"
        return f"{counts} ({how}, as of {clock(self.as_of)})"

    def _html(self) -> str:
        groups = (
            as_html(
                HEADING,
                rows(group.steps, self._times_of(group), self.min_people),
                above=f"{self.by}: {group_name(group.value)}",
            )
            for group in self.groups
        )
        everybody = as_html(HEADING, rows(self.steps, self.times(), self.min_people), above=self._caption)
        return "".join([everybody, *groups])
