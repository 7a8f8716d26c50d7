"""Charts of repeat purchases: rates with intervals, steps, groups, promotions, rhythm and products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funnel.metrics._display import days, group_name, percent
from funnel.plots import _style as style

if TYPE_CHECKING:
    from funnel.metrics._affinity.affinity import Affinity
    from funnel.metrics._repeat.by_origin import RepeatGroups
    from funnel.metrics._repeat.promotion_retention import PromotionRetention
    from funnel.metrics._repeat.rates import RepeatRates
    from funnel.metrics._repeat.rhythm import Rhythm
    from funnel.metrics._repeat.steps import PurchaseSteps

_MOST_STEPS, _MOST_GROUPS, _MOST_PAIRS = 10, 15, 12
_INTERVALS = "Points with 95 % intervals."


def rates(result: RepeatRates) -> style.Chart:
    """Return the three repeat rates with their intervals."""
    length = days(result.within.within)
    labels = {
        f"bought again within {length}": result.within.rate,
        "have bought again by now": result.ever,
        f"returned, of buyers of the last {length}": result.returning,
    }
    rows = [style.rate_row(label, rate) for label, rate in labels.items()]
    first = result.within.rate
    finding = f"{percent(first.value)} of {first.trials:,} buyers bought again within {length}"
    if not first.trials:
        finding = "No buyer has been observed for long enough"
    note = f"{_INTERVALS} {result.within.pending:,} people are pending, as of {result.as_of:%Y-%m-%d}."
    return style.titled(style.intervals(rows, "share of people", zero=True), finding, note)


def steps(result: PurchaseSteps) -> style.Chart:
    """Return the share of people who take each step to the next purchase, with its interval."""
    if not len(result):
        return style.nothing("Nobody has bought.")
    visible, more = style.first(list(result), _MOST_STEPS, "steps")
    rows: list[style.Row] = []
    for one in visible:
        row = style.rate_row(f"purchase {one.nth} to {one.nth + 1}", one.repeat.rate)
        median = one.wait.median.value
        rows.append(row if median is None else {**row, "text": f"{row['text']}, half by {days(median)}"})
    rate = visible[0].repeat.rate
    length = days(result.within)
    finding = f"{percent(rate.value)} of {rate.trials:,} first-time buyers bought again within {length}"
    if not rate.trials:
        finding = "No buyer has been observed for long enough"
    note = f"Share that takes each step within {length}; {sum(one.repeat.pending for one in visible):,} pending."
    figure = style.intervals(rows, f"bought again within {length}", domain=[0, 1])
    return style.titled(figure, finding, f"{note} {_INTERVALS}", more)


def groups(result: RepeatGroups) -> style.Chart:
    """Return the repeat rate of each group with its interval."""
    if not len(result):
        return style.nothing("Nobody has bought.")
    visible, more = style.first(list(result), _MOST_GROUPS, "groups")
    rows = [style.rate_row(group_name(one.group), one.repeat.rate, result.min_people) for one in visible]
    people = sum(one.repeat.rate.trials for one in result)
    finding = f"Bought again within {days(result.within)}, by {result.by}: {people:,} people"
    rates = [(row["value"], row["label"]) for row in rows if row["value"] is not None]
    if len(rates) > 1:
        finding = f"{finding}, {' to '.join(f'{percent(rate)} ({name})' for rate, name in (min(rates), max(rates)))}"
    figure = style.intervals(rows, "bought again", zero=True)
    return style.titled(figure, finding, f"{_INTERVALS} {_CHOSEN}", more)


_CHOSEN = "People chose their group: this shows who came back, not why."


def promotions(result: PromotionRetention) -> style.Chart:
    """Return the repeat rates of promotion buyers and of the rest, with their intervals."""
    pairs = {"again": result.repeat, "outside a promotion": result.unprompted}
    rows = [
        style.rate_row(f"{bought}: {group}", rate.rate)
        for bought, one in pairs.items()
        for group, rate in (("promotion buyers", one.promoted), ("the rest", one.rest))
    ]
    figure = style.intervals(rows, f"bought again within {days(result.within)}", zero=True)
    finding, limits = style.sentences(result.summary)
    return style.titled(figure, finding, limits, _INTERVALS)


def rhythm(result: Rhythm) -> style.Chart:
    """Return the middle half of the times between purchases, and the median."""
    if result.quarters is None or result.typical is None:
        return style.nothing("Nobody has bought twice.")
    size, unit = style.unit_of(result.quarters[2])
    short, typical, long = (one / size for one in result.quarters)
    row = style.row("middle half", (typical, short, long), f"median {days(result.typical)}")
    figure = style.intervals([row], f"{unit} from one purchase to the next", form=",.4~r")
    finding = f"Half of {result.gaps:,} times between purchases are up to {days(result.typical)}"
    return style.titled(figure, finding, f"{result.people:,} people with at least two purchases.")


def pairs(result: Affinity) -> style.Chart:
    """Return the most certain pairs bought in order, else together, with their intervals."""
    in_order = bool(result.in_order)
    several, word = (result.in_order, "then") if in_order else (result.together, "with")
    if not several:
        return style.nothing(f"No pair of products occurs {result.min_people:,} times.")
    visible, more = style.first(several, _MOST_PAIRS, "pairs")
    rows: list[style.Row] = []
    for one in visible:
        row = style.rate_row(f"{one.sku}, {word} {one.other}", one.confidence)
        rows.append({**row, "text": f"{row['text']}, lift {one.lift:.2f}"})
    how = f"bought after, within {days(result.within)}" if in_order else "bought together"
    rate = percent(visible[0].confidence.value)
    finding = f"{rate} of buyers of {visible[0].sku} also bought {visible[0].other} ({how})"
    figure = style.intervals(rows, f"of buyers of the first: {how}", zero=True)
    return style.titled(figure, finding, f"{_INTERVALS} A lift of 1 is chance.", more)
