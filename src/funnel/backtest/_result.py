"""Results of `backtest`: every figure with its interval, beside the baselines.

Invariant: a figure is a quotient of sums over days, so people are compared only with people of the same day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs

from funnel._arguments import brief, check_choice, is_one_of
from funnel._format import TextRepr, as_html, as_text
from funnel._results import Charted, Rows, chart_of
from funnel.errors import ArgumentError
from funnel.metrics._display import days, percent

if TYPE_CHECKING:
    from altair.typing import ChartType

BacktestShow: TypeAlias = Literal["lift", "reliability"]
"""The content of a chart: the lift of the rule, or the reliability of its probabilities."""

Sums = tuple[float, ...]
"""Sums of a ranking, in the order of `SUMS`."""

SUMS = ("people", "bought", "flagged", "flagged_bought", "error", "top", "top_bought", "ordered", "pairs")

FIGURES = {
    "precision": ("flagged_bought", "flagged"),
    "recall": ("flagged_bought", "bought"),
    "lift": ("top_bought", "top_expected"),
    "auc": ("ordered", "pairs"),
    "brier": ("error", "people"),
}
"""The numerator and denominator of each figure."""


@attrs.frozen
class Figure(TextRepr):
    """One figure of a ranking, with numerator, denominator and interval.

    Attributes:
        value: The figure; None with too few buyers, or if the denominator is zero.
        ci_lower: Lower end of the bootstrap interval; None without an interval.
        ci_upper: Upper end of the interval.
        numerator: The numerator.
        denominator: The denominator.
        bought: Number of people who bought after a day on which they were evaluated.
        min_people: Minimum number of such people for a reported figure.
    """

    value: float | None
    ci_lower: float | None
    ci_upper: float | None
    numerator: float
    denominator: float
    bought: int
    min_people: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return every field by name."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Return the figure with its interval as text."""
        if self.bought < self.min_people:
            return f"not enough ({self.bought:,} bought; at least {self.min_people:,})"
        if self.value is None:
            return "none"
        interval = (
            "" if self.ci_lower is None or self.ci_upper is None else f" ({self.ci_lower:.3f} to {self.ci_upper:.3f})"
        )
        return f"{self.value:.3f}{interval}"


@attrs.frozen(repr=False)
class Ranking(TextRepr):
    """How well one rule predicted purchases, on one day or over all days.

    A person counts once for each day on which they were evaluated. Ties have no order: the tied people in the top have
    the same share of buyers as all tied people.

    Attributes:
        name: Name of the rule.
        date: The day, in the time zone of the first day; None for all days together.
        people: Number of evaluations; a person counts once per day.
        unanswered: Number of evaluations without an answer; these rank last.
        bought: Number of evaluations followed by a purchase.
        flagged: Number of evaluations with an answer of at least the limit; None without a limit.
        precision: Share of flagged people who bought.
        recall: Share of buyers who were flagged.
        lift: Buyers in the tenth with the highest answers, as a multiple of the buyers in a random tenth.
        auc: Probability that a buyer has a higher answer than another person of the same day; ties count half.
        brier: Mean squared error of the probabilities; None if the answers are not probabilities.
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
        """Return the share of all people who bought; None without people.

        A random choice of people has this share of buyers.
        """
        return self.bought / self.people if self.people else None

    def to_dict(self) -> dict[str, Any]:
        """Return every field by name; each figure with its interval. The date is the local day."""
        row: dict[str, Any] = {field.name: getattr(self, field.name) for field in attrs.fields(Ranking)}
        row["date"] = None if self.date is None else self.date.date()
        for name in FIGURES:
            figure: Figure | None = row.pop(name)
            row[name] = None if figure is None else figure.value
            row[f"{name}_ci_lower"] = None if figure is None else figure.ci_lower
            row[f"{name}_ci_upper"] = None if figure is None else figure.ci_upper
        return {**row, "base_rate": self.base_rate}

    def __str__(self) -> str:
        """Return the ranking as one line of text."""
        figures = [f"{name} {getattr(self, name)}" for name in FIGURES if getattr(self, name) is not None]
        return f"{self.name}: {', '.join(figures)} ({self.bought:,} of {self.people:,} bought)"

    def __repr__(self) -> str:
        """Return the text with the day."""
        return f"<{'' if self.date is None else f'{self.date:%Y-%m-%d} '}{self}>"


@attrs.frozen
class AnswerShare(TextRepr):
    """Share of people with one answer who bought.

    Attributes:
        answer: The answer.
        people: Number of people with it; a person counts once per day.
        bought: Number of these people who bought.
    """

    answer: Any
    people: int
    bought: int

    def __str__(self) -> str:
        """Return the share as one line of text."""
        return f"{self.answer}: {self.bought:,} of {self.people:,} bought"


@attrs.frozen
class Reliability(TextRepr):
    """Predicted and observed share of buyers, for people with similar probabilities.

    Attributes:
        predicted: Mean predicted probability.
        people: Number of people; a person counts once per day.
        bought: Number of these people who bought.
        observed: Share who bought, with its interval.
    """

    predicted: float
    people: int
    bought: int
    observed: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return every field by name."""
        ends = {"ci_lower": self.observed.ci_lower, "ci_upper": self.observed.ci_upper}
        return {"predicted": self.predicted, "people": self.people, "bought": self.bought, **ends}

    def __str__(self) -> str:
        """Return one line of text."""
        return f"predicted {self.predicted:.3f}, {self.bought:,} of {self.people:,} bought"


@attrs.frozen(repr=False)
class FigureChange(TextRepr):
    """Difference of one figure between two rules, for the same people and days.

    Attributes:
        value: The difference; None if either figure is None.
        ci_lower: Lower end of the interval; both figures use the same draws of people.
        ci_upper: Upper end.
    """

    value: float | None
    ci_lower: float | None
    ci_upper: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Return every field by name."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        """Return the difference with its interval as text."""
        if self.value is None:
            return "not enough"
        interval = (
            ""
            if self.ci_lower is None or self.ci_upper is None
            else f" ({self.ci_lower:+z.3f} to {self.ci_upper:+z.3f})"
        )
        return f"{self.value:+z.3f}{interval}"

    def __repr__(self) -> str:
        return f"<{self}>"


@attrs.frozen
class Backtest(Charted, Rows):
    """Result of `backtest`: how well a rule predicted purchases on past days.

    Attributes:
        rule: The rule over all days.
        baselines: The baselines over all days: do nothing, most recent first, own rhythm.
        by_date: The rule on each day.
        answers: Share of buyers for each answer, lowest answer first; empty if there are very many answers.
        reliability: Predicted and observed shares; empty without probabilities.
        excluded: Number of further days whose horizon was not over.
        horizon: Time after each day in which a purchase counts, inclusive.
        as_of: The end of the data.
        eligible: The people evaluated: "everyone", or the name of a rule.
        people: Number of distinct people evaluated.
        seed: Seed of the bootstrap draws.
        confidence_level: Confidence level of the intervals.
        min_people: Minimum number of people who bought for a reported figure.
        draws: Sums of all draws of people, for `minus`.
    """

    rule: Ranking
    baselines: tuple[Ranking, ...]
    by_date: tuple[Ranking, ...]
    answers: tuple[AnswerShare, ...]
    reliability: tuple[Reliability, ...]
    excluded: int
    horizon: timedelta
    as_of: datetime
    eligible: str
    people: int
    seed: int
    confidence_level: float
    min_people: int
    draws: Any = attrs.field(repr=False, eq=False)

    _CHART = "checks.backtest"

    def plot(self, *, show: BacktestShow = "lift") -> ChartType:
        """Return the backtest as an Altair chart, which can be changed and saved.

        Args:
            show: "lift" of the rule and its baselines, or "reliability": predicted and observed shares of buyers.

        Raises:
            ArgumentError: `show` is another word.
            MissingExtraError: The extra `plots` is not installed.
        """
        check_choice(show, get_args(BacktestShow), "show")
        return chart_of(self, show=show)

    def minus(self, other: Backtest | str) -> dict[str, FigureChange]:
        """Return the difference of each figure to another rule, with its interval.

        Args:
            other: The backtest of another rule with the same people, days, horizon and seed; or the name of a baseline
                of this backtest, such as "own rhythm".

        Returns:
            The difference of each figure that both have. A positive difference means this rule has the larger figure.

        Raises:
            ArgumentError: The other backtest has other people or days, or the baseline does not exist.
        """
        if isinstance(other, Backtest):
            mine, theirs = _alike(self), _alike(other)
            differing = [name for name, value in mine.items() if value != theirs[name]]
            if differing:
                msg = f"two backtests must have the same people and days (these differ in {', '.join(differing)})"
                raise ArgumentError(msg)
            return dict(self.draws.differences(self.rule, other.draws, other.rule))
        baselines = {one.name: one for one in self.baselines}
        if not is_one_of(other, baselines):
            msg = f"other must be a Backtest or a baseline (got {brief(other)}); known are {', '.join(baselines)}"
            raise ArgumentError(msg)
        return dict(self.draws.differences(self.rule, self.draws, baselines[other]))

    @property
    def rankings(self) -> tuple[Ranking, ...]:
        """Return the rule and its baselines, over all days."""
        return self.rule, *self.baselines

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary per ranking: all days first, then the rule on each day."""
        return [one.to_dict() for one in (*self.rankings, *self.by_date)]

    def _title(self) -> str:
        one = self.rule
        rate = "" if one.base_rate is None else f" ({100 * one.base_rate:.1f} %)"
        excluded = f"; {self.excluded} more excluded, their horizon is not over" if self.excluded else ""
        return (
            f"{one.name} on {len(self.by_date)} days, {self.people:,} people ({self.eligible}): {one.bought:,} of "
            f"{one.people:,}{rate} bought within {days(self.horizon)}{excluded}"
        )

    def _head(self) -> tuple[str, ...]:
        last = () if self.rule.brier is None else ("Brier",)
        return "", "lift of the top tenth", "AUC", "precision", "recall", *last

    def _rows(self, rankings: Sequence[Ranking]) -> Iterator[tuple[str, ...]]:
        return (_row(one) for one in rankings)

    def __str__(self) -> str:
        """Return the setup, the table of rule and baselines, and the shares of flagged and other people as text."""
        table = as_text(self._head(), self._rows(self.rankings))
        return "\n".join(filter(None, [self._title(), table, _of_flagged(self.rule)]))

    def _html(self) -> str:
        above = ". ".join(filter(None, [self._title(), _of_flagged(self.rule)]))
        return as_html(self._head(), self._rows([*self.rankings, *self.by_date]), above=above)


def _row(one: Ranking) -> tuple[str, ...]:
    figures = ("" if figure is None else str(figure) for figure in (one.lift, one.auc, one.precision, one.recall))
    brier = () if one.brier is None else (str(one.brier),)
    return one.name if one.date is None else f"{one.date:%Y-%m-%d}", *figures, *brier


def _of_flagged(one: Ranking) -> str:
    """Return the shares of flagged people and of the others who bought. Empty if the precision is not known."""
    if one.flagged is None or one.precision is None or one.precision.value is None:
        return ""
    bought = round(one.precision.numerator)
    chosen = f"{percent(bought / one.flagged)} of those it chose bought ({bought:,} of {one.flagged:,})"
    others = one.people - one.flagged
    if not others:
        return chosen
    rest = one.bought - bought
    return f"{chosen}, {percent(rest / others)} of the others ({rest:,} of {others:,})"


def _alike(one: Backtest) -> dict[str, object]:
    """Return the settings that two compared backtests must share."""
    settings = {name: getattr(one, name) for name in ("horizon", "as_of", "people", "seed", "confidence_level")}
    counts = tuple((day.date, day.people, day.bought) for day in one.by_date)
    return {**settings, "days and eligible people": counts}
