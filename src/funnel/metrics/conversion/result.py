"""The answer to a funnel: counts and rates at hand, and what else can be asked of the same attempts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs
import narwhals as nw

from funnel._frames import leave
from funnel._given import is_one_of, one_of
from funnel.errors import ArgumentError
from funnel.metrics._periods import Calendar, Period, Weekday
from funnel.metrics.conversion import shown
from funnel.metrics.conversion._found import Found
from funnel.metrics.conversion.compared import Comparison, compared
from funnel.metrics.conversion.counted import Group, StepCount, last_required
from funnel.metrics.conversion.drivers import Drivers, drivers
from funnel.metrics.conversion.groups import By
from funnel.metrics.conversion.plan import DROPPED, PENDING
from funnel.metrics.conversion.times import StepTime, times
from funnel.metrics.conversion.trend import Trend, trend
from funnel.metrics.conversion.value import StepValue, values
from funnel.metrics.rate import Rate

Which = Literal["reached", "dropped", "pending"]


@attrs.frozen
class FunnelGroup:
    """The funnel of those who share a value.

    Attributes:
        value: The value of the column, or the name of the band; None where it is not known.
        steps: The counts and rates of every step.
    """

    value: Group
    steps: tuple[StepCount, ...]

    @property
    def rate(self) -> Rate:
        """Those who converted among those who entered, counting those alone whose window was over."""
        return last_required(self.steps).from_start


@attrs.frozen
class Funnel:
    """Who entered a funnel, how far they came, and what became of them; made by `conversion`.

    Counts are of everybody. Rates are of those alone whose window was over at `as_of`, whatever became of them: of the
    others nobody can say yet. One line counts people, or every attempt where `entry` is "each"; intervals of rates then
    treat the attempts of one person as independent.

    Attributes:
        as_of: The instant of judgement.
        within: The window, from the entry on.
        steps: The counts and rates of every step, in order.
        groups: The same for each group, the largest first (bands in their order); none where none were asked for.
        enough: The fewest a rate is shown of.
    """

    as_of: datetime
    within: timedelta
    steps: tuple[StepCount, ...]
    groups: tuple[FunnelGroup, ...]
    enough: int
    _found: Found = attrs.field(repr=False, eq=False)

    def __len__(self) -> int:
        """How many steps."""
        return len(self.steps)

    def __iter__(self) -> Iterator[StepCount]:
        """The steps, in order."""
        return iter(self.steps)

    def step(self, name: str) -> StepCount:
        """The counts and rates of a step.

        Args:
            name: What the step is called.

        Raises:
            ArgumentError: No step is called so.
        """
        return self.steps[self._found.asked.number(name) - 1]

    @property
    def entered(self) -> int:
        """How many entered."""
        return self.steps[0].reached

    @property
    def converted(self) -> int:
        """How many reached the last required step."""
        return last_required(self.steps).reached

    @property
    def dropped(self) -> int:
        """How many entered and will not convert."""
        return sum(step.dropped or 0 for step in self.steps)

    @property
    def pending(self) -> int:
        """How many entered and may still convert."""
        return sum(step.pending or 0 for step in self.steps)

    @property
    def rate(self) -> Rate:
        """Those who converted among those who entered, counting those alone whose window was over."""
        return last_required(self.steps).from_start

    def times(self, quantile: float = 0.5) -> tuple[StepTime, ...]:
        """How long each step after the first took those who reached it.

        A quantile is a time that somebody took: the smallest that at least such a share took no longer than.

        Args:
            quantile: The share, above 0 and up to 1; 0.5 for the median.

        Raises:
            ArgumentError: It is no such share.
        """
        return times(self._found.attempts, [step.name for step in self.steps], quantile)

    def people(self, step: str, which: Which = "reached") -> Any:
        """Who reached a step, or came as far and dropped or is pending there.

        Args:
            step: What the step is called.
            which: "reached", "dropped" or "pending".

        Returns:
            A frame of the kind the events came in as: `person_id`, `entered_at`, `reached_at` (the step); one row an
            attempt. Where `entry` is "each" and the events are in a database, the frame is in local memory.

        Raises:
            ArgumentError: No step is called so, another word is asked for, or an optional step is asked who dropped.
        """
        one_of(which, ("reached", "dropped", "pending"), "which")
        counted, number = self.step(step), self._found.asked.number(step)
        if which != "reached" and counted.is_optional:
            msg = f"the step {step!r} is optional, so nobody is {which} there; ask for those who reached it"
            raise ArgumentError(msg)
        attempts = self._found.attempts
        frame = attempts.frame.filter(nw.col(f"row_{number}") >= 0)
        if which != "reached":
            turn = self._found.asked.required.index(step) + 1
            state = DROPPED if which == "dropped" else PENDING
            frame = frame.filter((nw.col("reached") == turn) & (nw.col("state") == state))
        told = frame.select(person_id=nw.col("person"), entered_at=nw.col("t_1"), reached_at=nw.col(f"t_{number}"))
        return leave(told, attempts.home, instants=["entered_at", "reached_at"])

    def value(self, column: str, *, at: str = "first") -> tuple[StepValue, ...]:
        """What the amounts of those who reached each step come to, and of those who dropped or are pending there.

        Args:
            column: A column of whole numbers, such as amounts in minor units; null counts as nothing.
            at: At which row of an attempt it is read: "first", "last", or the name of a step. Who has not come there
                has no amount.

        Raises:
            EngineError: The column is not there, or holds no whole numbers.
            ArgumentError: No step is called so.
        """
        if not is_one_of(at, ("first", "last")):
            self.step(at)
        attempts = self._found.valued({"value": By(column, at=at)}, whole=True)
        return values(attempts, [step.name for step in self.steps])

    def drivers(self, column: str = "kind") -> Drivers:
        """What those who converted had done on the way that the others had not, of those whose window was over.

        Looked at are the rows that meet no step, from the entry to the conversion or to the end of the window. The odds
        ratio of a value is that of PostHog's correlation analysis, with one added to each count; a value is looked at
        if 25 people had it, or 1 in 50.

        Args:
            column: The column whose values are looked at: texts, whole numbers or truths.

        Raises:
            EngineError: The column is not there, or holds something else.
        """
        rows = self._found.marked([column], every_row=True)
        return drivers(self._found.attempts, rows.frame, column, self.rate.level)

    def trend(self, period: Period, *, tz: str, week_start: Weekday | None = None) -> Trend:
        """The funnel by when people entered; a period in which not every window is over yet is marked.

        Args:
            period: "day", "week", "month", "quarter" or "year".
            tz: The zone by whose clock periods are cut, such as "Asia/Jakarta".
            week_start: The day with which a week begins; only a week has one.

        Raises:
            ArgumentError: The zone, the period or the weekday is unknown, or the weekday does not belong there.
        """
        calendar = Calendar.of(period, tz, week_start)
        names = [step.name for step in self.steps]
        periods = trend(self._found.attempts, calendar, names, self.rate.level)
        return Trend(period, tz, tuple(periods), self.enough, calendar)

    def compare(self) -> tuple[Comparison, ...]:
        """Each group beside all the others: the difference of the rates to the last step, with its interval.

        Of many groups some differ by chance alone; the intervals are as wide as all of them together ask for.

        Raises:
            ArgumentError: No groups were asked for.
        """
        if self._found.asked.by is None:
            raise ArgumentError("the funnel has no groups to compare; ask conversion(..., by=...) for some")
        return compared({group.value: group.rate for group in self.groups}, self.rate.level, self.enough)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a step, as a dataframe takes them; one row a step and group, with `by`, where there are groups."""
        if not self.groups:
            return [step.to_dict() for step in self.steps]
        return [{"by": group.value, **step.to_dict()} for group in self.groups for step in group.steps]

    def __str__(self) -> str:
        """Write a table: a line for each step; with groups, one below another."""
        if not self.entered:
            return f"{self._caption}\nnobody entered"
        parts = [self._caption, shown.text(shown.table(self.steps, self.times(), self.enough))]
        for group in self.groups:
            lines = shown.table(group.steps, (), self.enough)
            parts.append(f"{self._by} {'unknown' if group.value is None else group.value}\n{shown.text(lines)}")
        return "\n".join(parts)

    @property
    def _by(self) -> str:
        by = self._found.asked.by
        return "" if by is None else f"{by.column}:"

    @property
    def _caption(self) -> str:
        asked = self._found.asked
        what = "attempts" if asked.entry == "each" else "people"
        told = (
            f"{self.entered:,} {what}: {self.converted:,} converted, {self.dropped:,} dropped, {self.pending:,} pending"
        )
        return (
            f"{told} ({asked.order}, entry {asked.entry}, within {self.within}, as of {self.as_of:%Y-%m-%d %H:%M} UTC)"
        )

    def _repr_html_(self) -> str:
        return shown.page(self._caption, shown.table(self.steps, self.times(), self.enough))
