"""Survival by group, and the log-rank test of the groups."""

from __future__ import annotations

import html
from functools import cached_property
from typing import Any

import attrs

from funnel.metrics._by_group import Groups
from funnel.metrics._display import group_name
from funnel.metrics._survival.logrank import LogrankTest, logrank_test
from funnel.metrics._survival.result import Survival


@attrs.frozen
class SurvivalGroups(Groups[Survival]):
    """Survival by group: a mapping from each group to its `Survival`.

    A mapping is not a table for Polars: use `to_polars()` in place of `pl.DataFrame(groups)`.

    Attributes:
        by: The columns to group by.
        groups: The survival of each group, in the order of the groups. A group is the value of the column, None if
            unknown; or a tuple of values if there are several columns.
    """

    _CHART = "survivals.groups"

    @cached_property
    def logrank_test(self) -> LogrankTest:
        """The test whether the groups convert alike, from `funnel.metrics.logrank_test`."""
        return logrank_test(self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row for each group."""
        return [{"group": group, **one.to_dict()} for group, one in self.groups]

    def __str__(self) -> str:
        """Return a line for each group, and the test."""
        lines = [f"{group_name(group)}: {one}" for group, one in self.groups]
        return "\n".join([*lines, f"log-rank test: {self.logrank_test}"])

    def _html(self) -> str:
        return "<br>".join(html.escape(line) for line in str(self).splitlines())
