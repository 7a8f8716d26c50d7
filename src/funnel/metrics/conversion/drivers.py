"""What those who converted had done on the way that the others had not.

A driver is no cause: who means to buy asks more, too. Many values are looked at, so that some stand out by chance
alone; intervals are therefore as wide as all looks together ask for (Bonferroni).
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from math import exp, log, sqrt
from statistics import NormalDist

import attrs
import narwhals as nw

from funnel._frames import Frame
from funnel._lift.columns import flag
from funnel.metrics._purchases import told, whole
from funnel.metrics.conversion._found import Attempts
from funnel.metrics.conversion.plan import CONVERTED

Value = str | int | bool

_SHARE, _FEW, _SKEW = 50, 25, 10
"""A value is looked at if 1 in 50 of all had it, or 25 did; skewed is one outcome over ten times as frequent."""


@attrs.frozen
class Driver:
    """A value of a column, and who had it on the way.

    Attributes:
        value: The value.
        converted_with: Those who had it and converted.
        converted_without: Those who converted and had not had it.
        others_with: Those who had it and did not convert.
        others_without: Those who neither had it nor converted.
        level: How often such an interval holds the true ratio, with all that were looked at in mind.
    """

    value: Value
    converted_with: int
    converted_without: int
    others_with: int
    others_without: int
    level: float

    @property
    def odds_ratio(self) -> float:
        """The odds to convert of those who had it, over those of the others; one is added to each count."""
        a, b, c, d = self._counts
        return a * d / (b * c)

    @property
    def low(self) -> float:
        """The lower end of the interval of the odds ratio."""
        return exp(log(self.odds_ratio) - self._half)

    @property
    def high(self) -> float:
        """The upper end of the interval of the odds ratio."""
        return exp(log(self.odds_ratio) + self._half)

    @property
    def _counts(self) -> tuple[int, int, int, int]:
        return (self.converted_with + 1, self.converted_without + 1, self.others_with + 1, self.others_without + 1)

    @property
    def _half(self) -> float:
        return NormalDist().inv_cdf((1 + self.level) / 2) * sqrt(sum(1 / count for count in self._counts))

    def to_dict(self) -> dict[str, str | int | bool | float]:
        """The counts, the ratio and its interval, by name."""
        return {**attrs.asdict(self), "odds_ratio": self.odds_ratio, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        """Write the ratio with its interval and what it is of."""
        converted = self.converted_with + self.converted_without
        others = self.others_with + self.others_without
        return (
            f"{self.value}: odds x {self.odds_ratio:.2f} ({self.low:.2f} to {self.high:.2f}), had by "
            f"{self.converted_with:,} of {converted:,} who converted and {self.others_with:,} of {others:,} others"
        )


@attrs.frozen
class Drivers:
    """What stands out among those who converted, the largest odds ratio first.

    Attributes:
        column: The column that was looked at.
        drivers: The values that enough people had.
        left_out: How many values too few people had.
        converted: How many converted, of those whose window was over.
        others: How many did not, of the same.
        level: How often all intervals together hold the truth.
    """

    column: str
    drivers: tuple[Driver, ...]
    left_out: int
    converted: int
    others: int
    level: float

    def __len__(self) -> int:
        """How many values were looked at."""
        return len(self.drivers)

    def __iter__(self) -> Iterator[Driver]:
        """The values, the largest odds ratio first."""
        return iter(self.drivers)

    @property
    def is_skewed(self) -> bool:
        """Whether one outcome is more than ten times as frequent as the other: ratios then rest on few people."""
        return max(self.converted, self.others) > _SKEW * min(self.converted, self.others)

    def to_dicts(self) -> list[dict[str, str | int | bool | float]]:
        """One row a value, as a dataframe takes them."""
        return [driver.to_dict() for driver in self.drivers]

    def __str__(self) -> str:
        """Write a line for each value, and how many were looked at."""
        return "\n".join([self._caption, *map(str, self.drivers)])

    @property
    def _caption(self) -> str:
        skewed = "; skewed: one outcome is over ten times as frequent" if self.is_skewed else ""
        return (
            f"{len(self)} values of {self.column} looked at, {self.left_out} had by too few; intervals that hold "
            f"together at {100 * self.level:.4g} %{skewed}; what goes together need not be a cause"
        )

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(str(driver))}</li>" for driver in self.drivers)
        return f"<p>{html.escape(self._caption)}</p><ul>{items}</ul>"


def drivers(attempts: Attempts, rows: Frame, column: str, level: float) -> Drivers:
    """Count who had which value of the column `v_1` of the rows, strictly between entry and end; steps are left out."""
    plan = attempts.plan
    last = plan.required[-1].number
    through = nw.col("state") == CONVERTED
    settled = attempts.frame.filter(nw.col("settled") == 1).select(
        "person",
        "row_1",
        "t_1",
        converted=flag(through),
        end=nw.when(through).then(nw.col(f"t_{last}")).otherwise(nw.col("t_1") + plan.within + 1),
    )
    between = rows.filter((nw.col("steps") == 0) & ~nw.col("v_1").is_null()).select("person", "t", value=nw.col("v_1"))
    met = between.join(settled, on="person", how="inner")
    inside = met.filter((nw.col("t") >= nw.col("t_1")) & (nw.col("t") < nw.col("end")))
    once = inside.select("person", "row_1", "value", "converted").unique()
    counts = once.group_by("value", "converted").agg(nw.len().alias("people"))
    total = settled.select("converted", one=nw.lit(1, nw.Int64())).select(
        nw.col("converted").sum(), nw.col("one").sum()
    )
    ((hits, among),) = told(total, "converted", "one")
    return _ranked(told(counts, "value", "converted", "people"), column, whole(hits), whole(among), level)


def _ranked(counts: Sequence[tuple[Value, int, int]], column: str, hits: int, among: int, level: float) -> Drivers:
    had: dict[Value, dict[int, int]] = {}
    for value, converted, people in counts:
        had.setdefault(value, {})[int(converted)] = int(people)
    seen = {value: one for value, one in had.items() if sum(one.values()) >= min(_FEW, among / _SHARE)}
    each = 1 - (1 - level) / max(len(seen), 1)
    found = [_driver(value, one, hits, among, each) for value, one in seen.items()]
    found.sort(key=lambda driver: (-driver.odds_ratio, str(driver.value)))
    return Drivers(column, tuple(found), len(had) - len(seen), hits, among - hits, level)


def _driver(value: Value, had: Mapping[int, int], hits: int, among: int, level: float) -> Driver:
    with_it, others = had.get(1, 0), had.get(0, 0)
    return Driver(value, with_it, hits - with_it, others, among - hits - others, level)
