"""Survival by group, and the log-rank test of the groups."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import attrs

from funnel._arguments import each, instance, parse_as_of
from funnel.errors import ArgumentError
from funnel.metrics._rate import LEVEL
from funnel.metrics._survival.input import waits_by
from funnel.metrics._survival.logrank import LogrankTest, logrank_test
from funnel.metrics._survival.survival import Survival, survival_of


@attrs.frozen
class SurvivalGroups(Mapping[Any, Survival]):
    """Survival by group: a mapping from each group to its `Survival`.

    Attributes:
        by: The columns to group by.
        groups: The survival of each group, in the order of the groups. A group is the value of the column, or a tuple
            of values if there are several columns.
    """

    by: tuple[str, ...]
    groups: tuple[tuple[Any, Survival], ...]

    @cached_property
    def _known(self) -> Mapping[Any, Survival]:
        return dict(self.groups)

    def __getitem__(self, group: Any) -> Survival:
        """Return the survival of a group."""
        return self._known[group]

    def __iter__(self) -> Iterator[Any]:
        """Yield the groups."""
        return iter(self._known)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.groups)

    @cached_property
    def logrank_test(self) -> LogrankTest:
        """The test whether the groups convert alike, from `funnel.metrics.logrank_test`."""
        return logrank_test(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each group."""
        return [{"group": group, **one.to_dict()} for group, one in self.groups]

    def __str__(self) -> str:
        """Return a line for each group, and the test."""
        lines = [f"{group}: {one}" for group, one in self.groups]
        return "\n".join([*lines, f"log-rank test: {self.logrank_test}"])

    def _repr_html_(self) -> str:
        return "<br>".join(html.escape(line) for line in str(self).splitlines())


def survival_by(
    durations: object, by: str | Sequence[str], *, as_of: datetime, confidence_level: float = LEVEL, min_people: int = 1
) -> SurvivalGroups:
    """Return the survival of each group, and a test whether the groups differ.

    Args:
        durations: A dataframe of any engine with `started_at`, `ended_at` and the columns to group by.
        by: The column, or columns, to group by.
        as_of: The instant of judgement.
        confidence_level: The probability that an interval contains the true value.
        min_people: The minimum number of people for any estimate. Smaller groups are marked as such and not tested.

    Returns:
        The survival of each group, and the log-rank test.

    Raises:
        InstantError: `as_of` is naive.
        LogsError: A column is missing or does not hold aware datetimes, or a start is empty.
        EngineError: The dataframe cannot be read.
        ArgumentError: The level is not between 0 and 1, `min_people` is not a whole number from 1 up, or `by` is empty.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> day, start = timedelta(days=1), datetime(2026, 1, 1, tzinfo=UTC)
        >>> ended = [start + day, start + 2 * day, start + 9 * day, None]
        >>> columns = {"started_at": [start] * 4, "ended_at": ended, "source": ["ad", "ad", "shop", "shop"]}
        >>> durations = pl.DataFrame(columns)
        >>> found = survival_by(durations, "source", as_of=start + 20 * day)
        >>> print(found["ad"].median)
        1 day (1 day to not reached)
        >>> found.logrank_test.degrees
        1
    """
    names = (by,) if isinstance(by, str) else tuple(each(by, "by", "a column or a list of columns"))
    for name in names:
        instance(name, str, "a column of by", "text")
    if not names:
        raise ArgumentError("no column is named that makes the groups; give one, or ask for `survival`")
    found = waits_by(durations, names, parse_as_of(as_of))
    made = ((group, survival_of(one, as_of, confidence_level, min_people)) for group, one in found.items())
    return SurvivalGroups(names, tuple((group[0] if len(names) == 1 else group, one) for group, one in made))
