"""The events between entry and conversion that go together with conversion.

A driver is not a cause: a person who intends to buy also asks more. When many values are compared, some stand out by
chance alone. The intervals are therefore widened for the number of comparisons (Bonferroni).
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from statistics import NormalDist

import attrs
import narwhals as nw

from funnel._dataframes.adapter import Frame, distinct
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import to_int
from funnel._format import Listed
from funnel._results import Charted, Rows
from funnel.metrics._conversion.attempts import Attempts
from funnel.metrics._conversion.label_events import CONVERTED

Value = str | int | bool

_SHARE, _FEW, _SKEW = 50, 25, 10
"""A value is compared if 1 in 50 people had it, or 25 people. "Skewed": one outcome is over ten times as frequent."""


@attrs.frozen
class Driver:
    """A value of a column, with the counts of people who had it between entry and end.

    Attributes:
        value: The value.
        converted_with: People with the value who converted.
        converted_without: People without the value who converted.
        others_with: People with the value who did not convert.
        others_without: People without the value who did not convert.
        confidence_level: The confidence level of this interval, adjusted for the number of values compared.
    """

    value: Value
    converted_with: int
    converted_without: int
    others_with: int
    others_without: int
    confidence_level: float

    @property
    def odds_ratio(self) -> float:
        """The odds of converting with the value, divided by the odds without it.

        One is added to each count.
        """
        a, b, c, d = self._counts
        return a * d / (b * c)

    @property
    def ci_lower(self) -> float:
        """The lower end of the confidence interval of the odds ratio."""
        return exp(log(self.odds_ratio) - self._half)

    @property
    def ci_upper(self) -> float:
        """The upper end of the confidence interval of the odds ratio."""
        return exp(log(self.odds_ratio) + self._half)

    @property
    def _counts(self) -> tuple[int, int, int, int]:
        return (self.converted_with + 1, self.converted_without + 1, self.others_with + 1, self.others_without + 1)

    @property
    def _half(self) -> float:
        return NormalDist().inv_cdf((1 + self.confidence_level) / 2) * sqrt(sum(1 / count for count in self._counts))

    def to_dict(self) -> dict[str, str | int | bool | float]:
        """Return the counts, the ratio and its interval by name."""
        return {
            **attrs.asdict(self),
            "odds_ratio": self.odds_ratio,
            "ci_lower": self.ci_lower,
            "ci_upper": self.ci_upper,
        }

    def __str__(self) -> str:
        """Return the ratio with its interval and counts."""
        converted = self.converted_with + self.converted_without
        others = self.others_with + self.others_without
        return (
            f"{self.value}: odds ratio {self.odds_ratio:.2f} ({self.ci_lower:.2f} to {self.ci_upper:.2f}), "
            f"{self.converted_with:,} of {converted:,} converted and {self.others_with:,} of {others:,} other people"
        )


@attrs.frozen
class Drivers(Charted, Rows, Listed[Driver]):
    """The values that go together with conversion, largest odds ratio first.

    Attributes:
        column: The column that was compared.
        drivers: The values that enough people had.
        excluded: The number of values that too few people had.
        converted: The number of people with a closed window who converted.
        others: The number of people with a closed window who did not convert.
        confidence_level: The joint confidence level of all intervals.
    """

    column: str
    drivers: tuple[Driver, ...]
    excluded: int
    converted: int
    others: int
    confidence_level: float

    _CHART = "funnels.drivers"
    _PARTS = "drivers"

    @property
    def is_skewed(self) -> bool:
        """Whether one outcome is more than ten times as frequent as the other.

        Ratios then rest on few people.
        """
        return max(self.converted, self.others) > _SKEW * min(self.converted, self.others)

    def to_dicts(self) -> list[dict[str, str | int | bool | float]]:
        """Return one row for each value, ready for a dataframe."""
        return [driver.to_dict() for driver in self.drivers]

    def __str__(self) -> str:
        """Return one line for each value, and the number of values compared."""
        return "\n".join([self._caption, *map(str, self.drivers)])

    @property
    def _caption(self) -> str:
        skewed = "; skewed: one outcome is over ten times as frequent" if self.is_skewed else ""
        return (
            f"{len(self)} values of {self.column} compared, {self.excluded} excluded with too few people; simultaneous "
            f"intervals at {100 * self.confidence_level:.4g} %{skewed}; association is not causation"
        )

    def _html(self) -> str:
        items = "".join(f"<li>{html.escape(str(driver))}</li>" for driver in self.drivers)
        return f"<p>{html.escape(self._caption)}</p><ul>{items}</ul>"


def drivers(attempts: Attempts, rows: Frame, column: str, confidence_level: float) -> Drivers:
    """Count people by value of the column `v_1`, read strictly between entry and end.

    Rows of steps are skipped.
    """
    plan = attempts.plan
    last = plan.required[-1].number
    through = nw.col("state") == CONVERTED
    closed = attempts.frame.filter(nw.col("settled") == 1).select(
        "person",
        "row_1",
        "t_1",
        converted=to_int(through),
        end=nw.when(through).then(nw.col(f"t_{last}")).otherwise(nw.col("t_1") + plan.within + 1),
    )
    between = rows.filter((nw.col("steps") == 0) & ~nw.col("v_1").is_null()).select("person", "t", value=nw.col("v_1"))
    met = between.join(closed, on="person", how="inner")
    inside = met.filter((nw.col("t") >= nw.col("t_1")) & (nw.col("t") < nw.col("end")))
    people = distinct(inside.select("person", "row_1", "value", "converted"))
    counts = people.group_by("value", "converted").agg(nw.len().alias("people"))
    total = closed.select("converted", one=nw.lit(1, nw.Int64())).select(nw.col("converted").sum(), nw.col("one").sum())
    ((successes, trials),) = to_rows(total, "converted", "one")
    return _ranked(
        to_rows(counts, "value", "converted", "people"), column, whole(successes), whole(trials), confidence_level
    )


def _ranked(
    counts: Sequence[tuple[Value, int, int]], column: str, successes: int, trials: int, confidence_level: float
) -> Drivers:
    had: dict[Value, dict[int, int]] = {}
    for value, converted, people in counts:
        had.setdefault(value, {})[int(converted)] = int(people)
    frequent = {value: one for value, one in had.items() if sum(one.values()) >= min(_FEW, trials / _SHARE)}
    each = 1 - (1 - confidence_level) / max(len(frequent), 1)
    drivers = [_driver(value, one, successes, trials, each) for value, one in frequent.items()]
    drivers.sort(key=lambda driver: (-driver.odds_ratio, str(driver.value)))
    return Drivers(column, tuple(drivers), len(had) - len(frequent), successes, trials - successes, confidence_level)


def _driver(value: Value, had: Mapping[int, int], successes: int, trials: int, confidence_level: float) -> Driver:
    with_it, others = had.get(1, 0), had.get(0, 0)
    return Driver(value, with_it, successes - with_it, others, trials - successes - others, confidence_level)
