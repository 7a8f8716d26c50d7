"""Sums over the days of a replay, for all people and for every bootstrap draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs
import numpy as np

from funnel.backtest._figures import (
    Draws,
    Flags,
    Floats,
    Indices,
    Whole,
    counts_by_score,
    quotient,
    ranked,
    spread,
    tiers,
)
from funnel.backtest._questions import UNANSWERED, RuleQuery
from funnel.backtest._replay import Day, Replay
from funnel.backtest._result import FIGURES, SUMS, Figure, FigureChange, Ranking, Reliability

if TYPE_CHECKING:
    from funnel.backtest._calibration import Calibration

MOST_ANSWERS = 256
"""Maximum number of different answers to report one by one. With more answers, hardly any answer occurs twice."""

_TENTHS = 10


@attrs.frozen(eq=False)
class Total:
    """The sums of one ranking.

    Attributes:
        exact: Sums of all people.
        resampled: Sums of each draw, one row per draw. The first is all people, with neighbouring scores merged.
        unanswered: Number of evaluations without an answer.
        buyers: Whether each person bought after a day on which they were evaluated.
    """

    exact: Floats
    resampled: Floats
    unanswered: int
    buyers: Flags

    def with_day(self, other: Total) -> Total:
        """Return the sums with another day added; draws stay separate."""
        both = self.unanswered + other.unanswered
        return Total(self.exact + other.exact, self.resampled + other.resampled, both, self.buyers | other.buyers)

    def part(self, name: str) -> tuple[float, Floats]:
        """Return one of the sums: of all people, and of each draw."""
        if name == "top_expected":
            (top, tops), (bought, buyers) = self.part("top"), self.part("bought")
            people, peoples = self.part("people")
            return (top * bought / people if people else 0.0), quotient(tops * buyers, peoples)
        index = SUMS.index(name)
        return float(self.exact[index]), self.resampled[:, index]


@attrs.frozen(eq=False)
class Scored:
    """All sums of a replay.

    Attributes:
        total: Sums of each ranking over all days.
        by_date: Sums of the rule on each day.
        answers: For each answer of the rule, the people with it and the buyers, per group of people; None if there are
            very many answers.
        evaluated: Whether each person was evaluated on any day.
    """

    total: Mapping[str, Total]
    by_date: Sequence[tuple[int, Total]]
    answers: Mapping[int, tuple[Floats, Floats]] | None
    evaluated: int


def scored(replayed: Replay, queries: Mapping[str, RuleQuery], draws: Draws, calibration: Calibration | None) -> Scored:
    """Sum up a replay, day by day."""
    subject, *_ = queries
    total: dict[str, Total] = {name: nothing(replayed.people, draws) for name in queries}
    by_date: list[tuple[int, Total]] = []
    answers: dict[int, tuple[Floats, Floats]] | None = {}
    evaluated = np.zeros(replayed.people, np.bool_)
    for day in replayed.days:
        evaluated[day.persons] = True
        group = draws.group[day.persons]
        for name, query in queries.items():
            distinct, indexes = tiers(day.answers[name])
            chances = chances_of(distinct, query, calibration, is_subject=name == subject)
            summed = _summed(day, _Scores(distinct, indexes, query.flags, chances), group, draws, replayed.people)
            total[name] = total[name].with_day(summed)
            if name == subject:
                by_date.append((day.at, summed))
                answers = _with_answers(answers, distinct, indexes, day, draws)
    return Scored(total, by_date, answers, int(evaluated.sum()))


def nothing(people: int, draws: Draws) -> Total:
    """Return the sums of zero days."""
    sums = np.zeros(len(SUMS))
    return Total(sums, np.zeros((len(draws.weights), len(SUMS))), 0, np.zeros(people, np.bool_))


@attrs.frozen(eq=False)
class _Scores:
    """Scores of one day: the distinct scores, each person's index, and derived sums."""

    distinct: Whole
    indexes: Indices
    flags: int | None
    chances: Floats | None


def chances_of(distinct: Whole, one: RuleQuery, calibration: Calibration | None, *, is_subject: bool) -> Floats | None:
    """Return the probability of each score.

    A baseline gets the share of people who bought in the fit.
    """
    if calibration is None or not calibration.is_reportable:
        return None
    if not is_subject:
        return np.full(len(distinct), calibration.base_rate or 0.0)
    chances = (calibration.of(one.answer(int(score))) for score in distinct)
    return np.array([calibration.base_rate if chance is None else chance for chance in chances], np.float64)


def _summed(day: Day, scores: _Scores, group: Indices, draws: Draws, people_count: int) -> Total:
    people, buyers = counts_by_score(scores.indexes, day.bought, len(scores.distinct))
    flagged = np.zeros(len(group), np.bool_)
    if scores.flags is not None:
        flagged = (scores.distinct >= scores.flags)[scores.indexes]
    error = None if scores.chances is None else (scores.chances[scores.indexes] - day.bought) ** 2
    linear = [(group, None), (group[day.bought], None), (group[flagged], None), (group[flagged & day.bought], None)]
    resampled = [draws.summed(*pair) for pair in linear]
    resampled.append(np.zeros(len(draws.weights)) if error is None else draws.summed(group, error))
    order = draws.ranked(group, scores.indexes, day.bought, people)
    counts = [
        len(group),
        day.bought.sum(),
        flagged.sum(),
        (flagged & day.bought).sum(),
        0 if error is None else error.sum(),
    ]
    unanswered = int(people[scores.distinct == UNANSWERED].sum())
    exact = np.concatenate([np.array(counts, np.float64), ranked(people, buyers)])
    bought = np.zeros(people_count, np.bool_)
    bought[day.persons[day.bought]] = True
    return Total(exact, np.column_stack([*resampled, order]), unanswered, bought)


def _with_answers(
    answers: dict[int, tuple[Floats, Floats]] | None, distinct: Whole, indexes: Indices, day: Day, draws: Draws
) -> dict[int, tuple[Floats, Floats]] | None:
    if answers is None or len({*answers, *distinct.tolist()}) > MOST_ANSWERS:
        return None
    people, buyers = draws.by_tier(draws.group[day.persons], indexes, day.bought, len(distinct))
    for index, score in enumerate(distinct.tolist()):
        before = answers.get(score, (0.0, 0.0))
        answers[score] = before[0] + people[:, index], before[1] + buyers[:, index]
    return answers


# ---- figures -------------------------------------------------------------------------------------------------------


@attrs.frozen
class FigureSettings:
    """Settings of reported figures: confidence level and minimum number of people."""

    confidence_level: float
    min_people: int

    def ranking(self, name: str, one: RuleQuery, total: Total, date: datetime | None, *, is_chance: bool) -> Ranking:
        """Return a ranking with its figures."""
        has_flags = one.flags is not None
        people, bought, flagged = (round(total.part(part)[0]) for part in ("people", "bought", "flagged"))
        return Ranking(
            name,
            date,
            people,
            total.unanswered,
            bought,
            flagged if has_flags else None,
            self.figure(total, "precision") if has_flags else None,
            self.figure(total, "recall") if has_flags else None,
            self.figure(total, "lift"),
            self.figure(total, "auc"),
            self.figure(total, "brier") if is_chance else None,
        )

    def figure(self, total: Total, name: str) -> Figure:
        """Return one figure with its interval."""
        over, under = (total.part(part) for part in FIGURES[name])
        return self.quotient_figure(over, under, int(total.buyers.sum()))

    def quotient_figure(self, over: tuple[float, Floats], under: tuple[float, Floats], bought: int) -> Figure:
        """Return a quotient with its interval."""
        value = over[0] / under[0] if under[0] > 0 else None
        if value is None or bought < self.min_people:
            return Figure(None, None, None, over[0], under[0], bought, self.min_people)
        ends = spread(quotient(over[1], under[1]), value, self.confidence_level)
        ci_lower, ci_upper = (None, None) if ends is None else ends
        return Figure(value, ci_lower, ci_upper, over[0], under[0], bought, self.min_people)


@attrs.frozen(eq=False)
class BootstrapSums:
    """Draws of a backtest, to compare with another backtest of the same people."""

    total: Mapping[str, Total]
    confidence_level: float

    def differences(self, mine: Ranking, others: BootstrapSums, theirs: Ranking) -> Iterator[tuple[str, FigureChange]]:
        """Yield the difference of each figure that both rankings have."""
        for name, parts in FIGURES.items():
            one, other = getattr(mine, name), getattr(theirs, name)
            if one is None or other is None:
                continue
            if one.value is None or other.value is None:
                yield name, FigureChange(None, None, None)
                continue
            resampled = [
                quotient(*(total.part(part)[1] for part in parts))
                for total in (self.total[mine.name], others.total[theirs.name])
            ]
            ends = spread(resampled[0] - resampled[1], one.value - other.value, self.confidence_level)
            yield name, FigureChange(one.value - other.value, *(ends or (None, None)))


def reliability(
    answers: Mapping[int, tuple[Floats, Floats]],
    one: RuleQuery,
    calibration: Calibration,
    draws: Draws,
    settings: FigureSettings,
) -> Iterator[Reliability]:
    """Yield predicted and observed shares, in up to ten bins of similar size."""
    levels: dict[float, tuple[Floats, Floats]] = {}
    for score, (people, buyers) in answers.items():
        chance = calibration.of(one.answer(score))
        if chance is not None:
            before = levels.get(chance, (0.0, 0.0))
            levels[chance] = before[0] + people, before[1] + buyers
    total = sum(float(people.sum()) for people, _ in levels.values())
    groups: dict[int, list[float]] = {}
    below = 0.0
    for chance in sorted(levels):
        count = float(levels[chance][0].sum())
        groups.setdefault(int((below + count / 2) * _TENTHS / total), []).append(chance)
        below += count
    for group in groups.values():
        people, buyers = (np.sum([levels[chance][part] for chance in group], axis=0) for part in (0, 1))
        expected = sum(chance * float(levels[chance][0].sum()) for chance in group)
        over, under = (float(buyers.sum()), draws.weights @ buyers), (float(people.sum()), draws.weights @ people)
        observed = settings.quotient_figure(over, under, round(over[0]))
        yield Reliability(expected / under[0], round(under[0]), round(over[0]), observed)
