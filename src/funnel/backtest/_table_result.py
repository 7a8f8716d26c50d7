"""Result of `backtest_table`: one row for each question and figure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import attrs

from funnel._arguments import instance
from funnel._format import Listed, Table, Tabular, TextRepr
from funnel._results import Rows
from funnel.backtest._result import Figure
from funnel.metrics._display import days

Question = Literal["ranking", "chance", "window", "worklist"]
"""The questions of a table."""


@attrs.frozen
class BacktestRow(TextRepr):
    """One figure of one question.

    Attributes:
        question: "ranking": who first. "chance": how likely a purchase is. "window": when the next occasion comes.
            "worklist": the people to contact on a day.
        subject: Whose answers they are: a rule, a baseline, "facts" for the window from facts, the name of a fitted
            model, or "worklist".
        name: Name of the figure, see `backtest_table`.
        figure: The figure with its interval.
    """

    question: Question
    subject: str
    name: str
    figure: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return every field by name, those of the figure included."""
        return {"question": self.question, "subject": self.subject, "name": self.name, **self.figure.to_dict()}

    def __str__(self) -> str:
        """Return the row as one line of text."""
        return f"{self.question}, {self.subject}: {self.name} {self.figure}"


@attrs.frozen
class BacktestTable(Rows, Tabular, Listed[BacktestRow]):
    """Result of `backtest_table`: a row for each question and figure.

    Attributes:
        rows: The rows.
        days: Number of days.
        excluded: Number of further days whose horizon was not over.
        horizon: Time after each day in which a purchase counts, inclusive.
        as_of: The end of the data.
        people: Number of people with a record by the last day.
        seed: Seed of the bootstrap draws.
        confidence_level: Confidence level of the intervals.
    """

    rows: tuple[BacktestRow, ...]
    days: int
    excluded: int
    horizon: timedelta
    as_of: datetime
    people: int
    seed: int
    confidence_level: float

    _PARTS = "rows"
    _LEFT = (0, 1, 2)

    def figure(self, question: Question, subject: str, name: str) -> Figure | None:
        """Return one figure; None if the table does not have it.

        Args:
            question: The question.
            subject: Whose answers they are.
            name: Name of the figure.

        Raises:
            ArgumentError: An argument is not text.
        """
        for argument, value in (("question", question), ("subject", subject), ("name", name)):
            instance(value, str, argument, "text")
        rows = (one.figure for one in self.rows if (one.question, one.subject, one.name) == (question, subject, name))
        return next(rows, None)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per row."""
        return [one.to_dict() for one in self.rows]

    def _tables(self) -> Iterator[Table]:
        excluded = f"; {self.excluded} more excluded, their horizon is not over" if self.excluded else ""
        title = f"{self.people:,} people on {self.days} days, purchases within {days(self.horizon)}{excluded}"
        yield title, ("question", "subject", "figure", ""), ((*attrs.astuple(one, recurse=False),) for one in self.rows)
