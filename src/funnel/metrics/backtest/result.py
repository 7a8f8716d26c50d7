"""How good a rule would have been: what `backtest` gives, with every figure's interval and what it is held against.

Law: a figure is the quotient of sums over days, so people are compared with those of the same day only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from funnel._given import brief, is_one_of
from funnel.errors import ArgumentError
from funnel.metrics._shown import as_html, as_text, days
from funnel.metrics.survival.estimates import Shown

Sums = tuple[float, ...]
"""The sums of a ranking, in the order of `SUMS`."""

SUMS = ("people", "bought", "flagged", "flagged_bought", "error", "top", "top_bought", "ordered", "pairs")

FIGURES = {
    "precision": ("flagged_bought", "flagged"),
    "recall": ("flagged_bought", "bought"),
    "lift": ("top_bought", "top_expected"),
    "auc": ("ordered", "pairs"),
    "brier": ("error", "people"),
}
"""The sums that each figure is the quotient of."""


@attrs.frozen
class Figure(Shown):
    """One figure of a ranking, with what it was divided from and the interval in which the true one lies.

    Attributes:
        value: The figure; None where there is not enough, or nothing to divide by.
        low: The lower end of its interval, by drawing people again and again; None where there is none.
        high: The upper end.
        numerator: What was divided.
        denominator: By what.
        bought: How many people bought in the time after a day on which they were looked at.
        least: The fewest such people of whom a figure is told.
    """

    value: float | None
    low: float | None
    high: float | None
    numerator: float
    denominator: float
    bought: int
    least: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Everything of it by name."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Write the figure with its interval."""
        if self.bought < self.least:
            return f"not enough ({self.bought:,} bought; at least {self.least:,})"
        if self.value is None:
            return "none"
        interval = "" if self.low is None or self.high is None else f" ({self.low:.3f} to {self.high:.3f})"
        return f"{self.value:.3f}{interval}"


@attrs.frozen
class Ranking(Shown):
    """How well the answers of one rule told who would buy, on one day or on all of them together.

    A person counts once for each day on which they were looked at. Ties are in no order: the part of them that is in
    the top bought as often as all of them.

    Attributes:
        name: The rule.
        date: The day; None for all days together.
        people: How many were looked at, a person once a day.
        unanswered: Those of them for whom the rule had no answer; they come last.
        bought: Those who bought in the time that followed.
        flagged: Those whose answer was high enough; None where no limit was given.
        precision: Of those flagged, the share who bought.
        recall: Of those who bought, the share who were flagged.
        lift: How many times as many bought of the tenth with the highest answers as of a tenth chosen blindly.
        auc: How often, of one who bought and one who did not on the same day, the buyer had the higher answer; ties
            count half.
        brier: The mean squared error of the probabilities; None where the answers are none.
    """

    name: str
    date: datetime | None
    people: int
    unanswered: int
    bought: int
    flagged: int | None
    precision: Figure | None
    recall: Figure | None
    lift: Figure
    auc: Figure
    brier: Figure | None

    @property
    def base_rate(self) -> float | None:
        """The share who bought of all who were looked at: what choosing blindly gives; None of nobody."""
        return self.bought / self.people if self.people else None

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name; each figure with its interval."""
        told: dict[str, Any] = {field.name: getattr(self, field.name) for field in attrs.fields(Ranking)}
        for name in FIGURES:
            figure: Figure | None = told.pop(name)
            told[name] = None if figure is None else figure.value
            told[f"{name}_low"] = None if figure is None else figure.low
            told[f"{name}_high"] = None if figure is None else figure.high
        return {**told, "base_rate": self.base_rate}

    def __str__(self) -> str:
        """Write the ranking as a line."""
        told = [f"{name} {getattr(self, name)}" for name in FIGURES if getattr(self, name) is not None]
        return f"{self.name}: {', '.join(told)} ({self.bought:,} of {self.people:,} bought)"


@attrs.frozen
class AnswerShare(Shown):
    """How many of those with one answer bought.

    Attributes:
        answer: The answer.
        people: How many had it, a person once a day.
        bought: How many of them bought.
    """

    answer: Any
    people: int
    bought: int

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Write the share as a line."""
        return f"{self.answer}: {self.bought:,} of {self.people:,} bought"


@attrs.frozen
class Reliability(Shown):
    """Whether probabilities came true: of those who were given about so much, the share who bought.

    Attributes:
        predicted: The mean probability that they were given.
        people: How many they were, a person once a day.
        bought: How many of them bought.
        observed: The share who bought, with its interval.
    """

    predicted: float
    people: int
    bought: int
    observed: Figure

    def to_dict(self) -> dict[str, Any]:
        """Everything of it by name."""
        ends = {"low": self.observed.low, "high": self.observed.high}
        return {"predicted": self.predicted, "people": self.people, "bought": self.bought, **ends}

    def __str__(self) -> str:
        """Write the line."""
        return f"given {self.predicted:.3f}, {self.bought:,} of {self.people:,} bought"


@attrs.frozen
class FigureChange(Shown):
    """One figure less another of the same people on the same days, with the interval of the difference.

    Attributes:
        value: The difference; None where either is none.
        low: The lower end of its interval; the same people were drawn for both.
        high: The upper end.
    """

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Everything of it by name."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Write the difference with its interval."""
        if self.value is None:
            return "not enough"
        interval = "" if self.low is None or self.high is None else f" ({self.low:+z.3f} to {self.high:+z.3f})"
        return f"{self.value:+z.3f}{interval}"


@attrs.frozen
class Backtest:
    """How good a rule would have been on past days, made by `backtest`.

    Attributes:
        rule: The rule over all days.
        baselines: What it is held against, over all days: to do nothing, most recent first, own rhythm.
        by_date: The rule on each day.
        answers: How many of those with each answer bought, from the lowest; empty where there are very many answers.
        reliability: Whether the probabilities came true; empty where there are none.
        left_out: How many more days there were whose horizon was not over.
        horizon: The time after each day in which a purchase counted; its end is part of it.
        as_of: The end of the data.
        among: Who was looked at: "everyone", or the name of a rule.
        people: How many people were looked at, each once.
        seed: What people were drawn with.
        level: How often an interval holds the truth.
        least: The fewest people who bought of whom a figure is told.
        draws: The sums of all draws of people, for `minus`.
    """

    rule: Ranking
    baselines: tuple[Ranking, ...]
    by_date: tuple[Ranking, ...]
    answers: tuple[AnswerShare, ...]
    reliability: tuple[Reliability, ...]
    left_out: int
    horizon: timedelta
    as_of: datetime
    among: str
    people: int
    seed: int
    level: float
    least: int
    draws: Any = attrs.field(repr=False, eq=False)

    def minus(self, other: Backtest | str) -> dict[str, FigureChange]:
        """How much better this rule was than another, figure by figure, with the interval of the difference.

        Args:
            other: The backtest of another rule with the same people, days, horizon and seed; or the name of a baseline
                of this one, such as "own rhythm".

        Returns:
            The difference of each figure that both have.

        Raises:
            ArgumentError: The other is of other people or days, or no baseline has such a name.
        """
        if isinstance(other, Backtest):
            mine, theirs = _alike(self), _alike(other)
            apart = [name for name, value in mine.items() if value != theirs[name]]
            if apart:
                msg = f"the two backtests differ in {', '.join(apart)}; run both on the same people and days"
                raise ArgumentError(msg)
            return dict(self.draws.less(self.rule, other.draws, other.rule))
        named = {one.name: one for one in self.baselines}
        if not is_one_of(other, named):
            msg = f"no baseline is called {brief(other)}; known are {', '.join(named)}"
            raise ArgumentError(msg)
        return dict(self.draws.less(self.rule, self.draws, named[other]))

    @property
    def rankings(self) -> tuple[Ranking, ...]:
        """The rule and what it is held against, over all days."""
        return self.rule, *self.baselines

    def to_dicts(self) -> list[dict[str, Any]]:
        """Every ranking as a dictionary: over all days, then the rule day by day."""
        return [one.to_dict() for one in (*self.rankings, *self.by_date)]

    def _title(self) -> str:
        one = self.rule
        rate = "" if one.base_rate is None else f" ({100 * one.base_rate:.1f} %)"
        left = f"; {self.left_out} more left out, their horizon is not over" if self.left_out else ""
        return (
            f"{one.name} on {len(self.by_date)} days, {self.people:,} people ({self.among}): {one.bought:,} of "
            f"{one.people:,}{rate} bought within {days(self.horizon)}{left}"
        )

    def _head(self) -> tuple[str, ...]:
        last = () if self.rule.brier is None else ("Brier",)
        return "", "lift of the top tenth", "AUC", "precision", "recall", *last

    def _rows(self, rankings: Sequence[Ranking]) -> Iterator[tuple[str, ...]]:
        return (_row(one) for one in rankings)

    def __str__(self) -> str:
        """Write what was looked at, and the rule above what it is held against."""
        return f"{self._title()}\n{as_text(self._head(), self._rows(self.rankings))}"

    def _repr_html_(self) -> str:
        return as_html(self._head(), self._rows([*self.rankings, *self.by_date]), above=self._title())


def _row(one: Ranking) -> tuple[str, ...]:
    shown = ("" if figure is None else str(figure) for figure in (one.lift, one.auc, one.precision, one.recall))
    brier = () if one.brier is None else (str(one.brier),)
    return one.name if one.date is None else f"{one.date:%Y-%m-%d}", *shown, *brier


def _alike(one: Backtest) -> dict[str, object]:
    """What two backtests that are compared have in common."""
    told = {name: getattr(one, name) for name in ("horizon", "as_of", "people", "seed", "level")}
    counts = tuple((day.date, day.people, day.bought) for day in one.by_date)
    return {**told, "days and who was looked at on them": counts}
