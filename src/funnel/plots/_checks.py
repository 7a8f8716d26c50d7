"""Charts of checks: lift and reliability of rules and models, and the answers of two rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from funnel.metrics._display import days, percent
from funnel.metrics._rate import Rate
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.backtest._calibration import Calibration
    from funnel.backtest._compare import RuleComparison
    from funnel.backtest._result import Backtest
    from funnel.forecast._check import ModelCheck

Show = Literal["lift", "reliability"]

_SIZE, _POINTS, _DARK = 340, 60, 0.5
_DIAGONAL = "On the diagonal, a prediction of 30 % means that 30 % bought."


def backtest(result: Backtest, show: Show) -> style.Chart:
    """Return the lift of the rule beside its baselines, or predicted and observed shares."""
    return _lifts(result) if show == "lift" else _reliability_of(result)


def _lifts(result: Backtest) -> style.Chart:
    rows = [
        style.row(
            style.name_of(one.name),
            (one.lift.value, one.lift.ci_lower, one.lift.ci_upper),
            f"lift {one.lift}" if one.auc.value is None else f"lift {one.lift} · AUC {one.auc.value:.3f}",
        )
        for one in result.rankings
    ]
    figure = style.intervals(
        rows, "buyers in the top tenth, as a multiple of a random tenth", form=",.4~r", even=1, zero=True
    )
    rule = result.rule
    finding = f"{style.name_of(rule.name)}: lift {rule.lift}"
    bought = f"{rule.bought:,} of {rule.people:,} evaluations of {result.people:,} people"
    note = f"{bought} were followed by a purchase within {days(result.horizon)}, on {len(result.by_date):,} days."
    return style.titled(figure, finding, f"{note} The dashed line is a random choice.")


def _reliability_of(result: Backtest) -> style.Chart:
    if not result.reliability:
        return style.nothing(
            "The rule has no probabilities.", "Pass a calibration to backtest to compare probabilities."
        )
    rows = [
        _point(one.predicted, one.bought, one.people, one.observed.ci_lower, one.observed.ci_upper)
        for one in result.reliability
    ]
    people = sum(one.people for one in result.reliability)
    predicted = percent(sum(one.predicted * one.people for one in result.reliability) / people)
    bought = percent(sum(one.bought for one in result.reliability) / people)
    finding = f"{style.name_of(result.rule.name)}: predicted {predicted} of {people:,} evaluations, {bought} bought"
    return style.titled(_reliability(rows), finding, _DIAGONAL)


def _point(predicted: float, bought: int, people: int, lower: float | None, upper: float | None) -> dict[str, Any]:
    text = f"predicted {percent(predicted)} · {percent(bought / people)} bought · {bought:,} of {people:,}"
    observed = {"observed": bought / people, "lower": lower, "upper": upper}
    return {"predicted": predicted, **observed, "people": people, "text": text}


def _reliability(rows: Sequence[dict[str, Any]]) -> style.Chart:
    """Return predicted shares against observed shares, with intervals and the diagonal."""
    most = min(1.0, 1.1 * max(max(row["predicted"], row["observed"], row["upper"] or 0) for row in rows))
    scale: dict[str, Any] = {"domain": [0, most], "nice": False}
    across = alt.X(**style.numbers("predicted", "predicted share that buys", form="%", **scale))
    up = style.numbers("observed", "observed share that bought", form="%", **scale)
    even = style.chart([{"predicted": 0, "observed": 0}, {"predicted": most, "observed": most}])
    diagonal = even.mark_line(strokeDash=[4, 4], color=style.MUTED).encode(x=across, y=alt.Y(**up))
    base = style.chart(rows).encode(x=across, tooltip=style.tips("text"))
    lines = base.mark_rule(size=2, opacity=0.5, color=style.BLUE).encode(**style.between(up))
    points = base.mark_point(filled=True, opacity=1, color=style.BLUE, size=80).encode(y=alt.Y(**up))
    return alt.layer(diagonal, lines, points).properties(width=_SIZE, height=_SIZE)


def model_check(result: ModelCheck) -> style.Chart:
    """Return predicted and observed shares of ten groups of people of rising chances."""
    rows: list[dict[str, Any]] = []
    for one in result.groups:
        rate = Rate(one.bought, one.people)
        rows.append(_point(one.chance, one.bought, one.people, rate.ci_lower, rate.ci_upper))
    finding = (
        f"{result.model}: {result.expected_buyers:,.0f} of {result.people:,} people expected to buy, "
        f"{result.actual_buyers:,} did"
    )
    days_text = f"{result.as_of:%Y-%m-%d} until {result.until:%Y-%m-%d}"
    note = f"Forecast of {days_text}; mean error {percent(result.calibration_error)}."
    return style.titled(_reliability(rows), finding, f"{note} Intervals at 95 %.", _DIAGONAL)


def calibration(result: Calibration) -> style.Chart:
    """Return the probability by points, and the share of people who bought at each level."""
    counts = f"{result.bought:,} of {result.people:,} observations were followed by a purchase"
    if not result.is_reportable:
        return style.nothing("Too few people for probabilities.", f"{counts}; at least {result.min_people:,} buyers.")
    y = style.numbers("probability", "probability of a purchase", form="%", zero=True)
    x = alt.X(**style.numbers("points", "points", form=",.4~r", zero=False))
    layers: list[Any] = []
    if result.levels:
        rows = list(_levels(result))
        base = style.chart(rows).encode(x=x, tooltip=style.tips("text"))
        layers.append(base.mark_line(interpolate="step-after", color=style.BLUE).encode(y=alt.Y(**y)))
        layers.append(base.mark_rule(size=2, opacity=0.5, color=style.BLUE).encode(**style.between(y)))
        layers.append(base.mark_point(filled=True, opacity=1, size=70, color=style.BLUE).encode(y=alt.Y(**y)))
    else:
        layers.append(style.chart(_smooth(result)).mark_line(color=style.BLUE).encode(x=x, y=alt.Y(**y)))
    average = style.chart([{"probability": result.base_rate}]).mark_rule(strokeDash=[4, 4], color=style.MUTED)
    layers.append(average.encode(y="probability:Q"))
    figure = alt.layer(*layers).properties(width=style.WIDTH, height=240)
    note = f"The dashed line is the average, {percent(result.base_rate)}. Method: {result.method}."
    return style.titled(figure, f"{counts}", note)


def _levels(result: Calibration) -> Iterator[dict[str, Any]]:
    for one in result.levels:
        rate = Rate(one.bought, one.people)
        text = f"from {one.points} points · {percent(one.probability)} · {one.bought:,} of {one.people:,}"
        ends = {"lower": rate.ci_lower, "upper": rate.ci_upper}
        yield {"points": one.points, "probability": one.probability, **ends, "text": text}


def _smooth(result: Calibration) -> Iterator[dict[str, Any]]:
    """Yield the curve where its probability is between 1 and 99 %."""
    slope, intercept = result.slope or 0.0, result.intercept or 0.0
    middle, half = (-intercept / slope, abs(4.6 / slope)) if slope else (0.0, 50.0)
    for number in range(_POINTS + 1):
        points = round(middle - half + 2 * half * number / _POINTS)
        yield {"points": points, "probability": result.of(points)}


def comparison(result: RuleComparison[Any]) -> style.Chart:
    """Return the number of people by old and new answer as a heat map."""
    if not result.changes:
        return style.nothing("Nobody can be compared.")
    most = max((one.people for one in result.changes if not one.is_unchanged), default=1)
    rows: list[dict[str, Any]] = [
        {
            "before": style.name_of(one.before),
            "after": style.name_of(one.after),
            "people": one.people,
            "text": f"{one.people:,}",
            "is_same": one.is_unchanged,
            "is_dark": one.people > _DARK * most and not one.is_unchanged,
        }
        for one in result.changes
    ]
    before, after = (list(map(style.name_of, answers)) for answers in (result.old_answers, result.new_answers))
    axis = alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False, labelLimit=110)
    base = style.chart(rows).encode(
        x=alt.X("after:N", sort=after, title=f"new: {result.new}", axis=axis),
        y=style.names("before", f"old: {result.old}", order=before),
    )
    heat = alt.Color("people:Q", scale=alt.Scale(domain=[0, most], range=list(style.HEAT)), legend=None)
    color = alt.condition(alt.datum.is_same, alt.value(style.GREY), heat)
    ink = style.ink("is_dark")
    cells = base.mark_rect(stroke="white", strokeWidth=2).encode(color=color)
    texts = base.mark_text(fontSize=12).encode(text="text:N", color=ink)
    figure = alt.layer(cells, texts).properties(width=max(len(after) * 100, 200), height=len(before) * 34)
    share = percent(result.changed / result.total)
    finding = f"{result.changed:,} of {result.total:,} people ({share}) get a different answer"
    return style.titled(figure, finding, f"As of {result.as_of:%Y-%m-%d}. Grey cells are unchanged.")
