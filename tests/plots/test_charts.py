"""Charts: their specification, their data and their pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import attrs
import pytest

from funnel import Rate, lifecycle, retention
from funnel.backtest import calibrate
from funnel.errors import ArgumentError
from funnel.metrics import Groups, SurvivalGroups, TimeHistogram, growth, segments
from funnel.metrics._repeat.window import RepeatRate
from funnel.plots import _style as style
from funnel.plots import to_png, to_svg
from funnel.readers import read_orders
from tests import gallery
from tests.gallery import NAMES, chart, result

MARK_TYPES: Mapping[str, str] = {
    "funnel": "bar point rule text",
    "funnel-groups": "bar rule text",
    "trend": "area bar line point",
    "step-times": "bar line",
    "drivers": "point rule text",
    "survival": "area line text",
    "survival-groups": "area line text",
    "cohorts": "rect text",
    "lifecycle": "bar rule",
    "growth": "bar",
    "growth-change": "bar text",
    "repeat-rates": "point rule text",
    "purchase-steps": "point rule text",
    "repeat-groups": "point rule text",
    "promotion": "point rule text",
    "rhythm": "point rule text",
    "affinity": "point rule text",
    "segments": "bar rect text",
    "churn-reasons": "point rule text",
    "worklist": "bar text",
    "stage-flow": "area",
    "stage-difference": "bar text",
    "journey": "bar",
    "backtest": "point rule text",
    "calibration": "line point rule",
    "rule-comparison": "rect text",
    "model-check": "line point rule",
    "shop-forecast": "bar point rule",
    "cohorts-revenue": "rect text",
    "cohorts-value": "rect text",
    "lifecycle-revenue": "bar rule",
    "stage-flow-links": "area text",
    "backtest-reliability": "line point rule",
}
"""The marks of each chart."""

LABELS: Mapping[str, str] = {
    "funnel": "cart|people who reached the step|dropped here|went on|pending here|869 of 869",
    "funnel-groups": "instagram|fair|search|purchase",
    "trend": "2026-01|2026-10|some windows are open|entered",
    "step-times": "days since entry|done by then",
    "drivers": "cart|odds ratio of converting",
    "survival": "people at risk|900|days since the start",
    "survival-groups": "fair|instagram|search|people at risk",
    "cohorts": "2026-10* (46)|average|+9|months later",
    "lifecycle": "dormant|resurrected|2026-10*",
    "growth": "with pending people|2026-10*|leads",
    "growth-change": "average sale|+Rp417k|profit (Rp)",
    "repeat-rates": "bought again within 60 d|have bought again by now",
    "purchase-steps": "purchase 1 to 2|purchase 10 to 11",
    "repeat-groups": "fair|bought again",
    "promotion": "again: promotion buyers|outside a promotion: the rest",
    "rhythm": "middle half",
    "affinity": "mug, then jar",
    "segments": "champion|recency score (most recent at the right)",
    "churn-reasons": "no: bought elsewhere",
    "worklist": "repair|win back",
    "stage-flow": "repeat customer|2026-10*",
    "stage-difference": "repeat customer to lapsed|fewer",
    "journey": "repeat customer|lapsed",
    "backtest": "readiness points|own rhythm",
    "calibration": "points|probability of a purchase",
    "rule-comparison": "new: stage|old: stage|220",
    "model-check": "predicted share that buys",
    "shop-forecast": "purchases made|purchases expected|first day",
    "cohorts-revenue": "average|+0",
    "cohorts-value": "average|+0",
    "lifecycle-revenue": "paid (Rp)|dormant",
    "stage-flow-links": "(new) · 900|lapsed · 338",
    "backtest-reliability": "observed share that bought",
}
"""Texts of each picture."""


def specs(part: Any, data: Any = None) -> Iterator[Mapping[str, Any]]:
    """Yield every part of a specification that has a mark, with the data that it shows."""
    data = part.get("data", data)
    if "mark" in part:
        yield {**part, "data": data}
    for key in ("layer", "hconcat", "vconcat"):
        for inner in part.get(key, ()):
            yield from specs(inner, data)


def rows(one: Any) -> list[dict[str, Any]]:
    """All rows of all data sets of a chart."""
    return [row for several in one.to_dict()["datasets"].values() for row in several]


def texts(svg: str) -> set[str]:
    """All lines of text of a picture."""
    return set(re.findall(r">([^<>]+)</t", svg))


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_has_its_marks_and_every_field_that_it_shows(name: str) -> None:
    """The specification has the expected marks, a title, no `config` of its own, and data for each encoding."""
    spec = chart(name).to_dict()
    parts = list(specs(spec))

    assert " ".join(sorted({part["mark"]["type"] for part in parts})) == MARK_TYPES[name]
    assert spec["title"]["text"][0]
    assert set(spec["config"]) == {"view"}
    for part in parts:
        fields = {one["field"] for one in part["encoding"].values() if isinstance(one, dict) and "field" in one}
        assert fields <= set(spec["datasets"][part["data"]["name"]][0])


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_its_labels(name: str) -> None:
    """The SVG has no script, and shows the title and the labels in full."""
    svg = to_svg(chart(name))
    visible = texts(svg)
    title = chart(name).to_dict()["title"]

    assert "<script" not in svg
    assert "…" not in svg
    assert {*title["text"], *title["subtitle"]} <= visible
    assert set(LABELS[name].split("|")) <= visible | {text.split(" · ")[-1] for text in visible}


def test_the_bars_of_a_funnel_add_up_to_the_people_who_reached_each_step() -> None:
    """The people who went on, are pending or dropped are all people who reached a step."""
    parts = [row for row in rows(chart("funnel")) if "state" in row]

    for step in result("funnel"):
        assert sum(row["people"] for row in parts if row["step"] == step.name) == step.reached


def test_the_groups_of_a_funnel_have_the_rates_of_the_result() -> None:
    """Each bar is the rate of a step with its interval."""
    visible = {(row["group"], row["label"]): row for row in rows(chart("funnel-groups"))}

    for group in result("funnel-groups").groups:
        for step in group.steps[1:]:
            row, rate = visible[str(group.value), step.name], step.from_start
            assert (row["value"], row["lower"], row["upper"]) == (rate.value, rate.ci_lower, rate.ci_upper)


def test_a_trend_marks_periods_with_open_windows() -> None:
    """Only the last month has open windows."""
    states = [row["state"] for row in rows(chart("trend"))]

    assert states[-1] == "some windows are open"
    assert set(states[:-1]) == {"every window is closed"}


def test_the_times_of_a_step_are_those_of_the_people_who_reached_it() -> None:
    """The histogram counts everybody, and its median is within one span of the exact median."""
    histogram = result("step-times")
    exact = next(one for one in result("funnel").times() if one.name == "purchase")

    assert histogram.people == exact.reached == sum(row.get("people", 0) for row in rows(chart("step-times"))) // 2
    assert timedelta(0) <= histogram.median - exact.from_start <= histogram.width
    assert histogram.to_dicts()[1]["start"] == histogram.width


def test_a_survival_curve_is_that_of_the_result_with_few_points() -> None:
    """Every point is on the curve, rises, and lies inside its interval; the number of points is bounded."""
    points = [row for row in rows(chart("survival")) if "converted" in row]
    curve = result("survival")

    assert len(points) <= 302
    assert all(one["converted"] <= two["converted"] for one, two in pairwise(points))
    assert all(row["lower"] <= row["converted"] + 1e-12 and row["converted"] <= row["upper"] + 1e-12 for row in points)
    assert points[-1]["converted"] == curve.steps[-1].conversion
    assert next(row["people"] for row in rows(chart("survival")) if "people" in row) == f"{curve.people:,}"


def test_a_survival_curve_shows_its_median() -> None:
    """If half of the people convert, the chart has a line at the median."""
    half = dict(result("survival-groups"))["fair"]

    assert "half of them within" in half.plot().to_dict()["title"]["text"][0]
    assert any(str(row.get("text")).startswith("median ") for row in rows(half.plot()))


def test_a_heat_map_of_cohorts_hides_what_is_not_observed() -> None:
    """Unobserved cells have no value, unfinished cells a star, and the last row averages finished periods alone."""
    cohorts = result("cohorts")
    cells = [row for row in rows(chart("cohorts")) if row["cohort"] != "average"]
    average = {row["after"]: row["value"] for row in rows(chart("cohorts")) if row["cohort"] == "average"}

    assert {row["text"] for row in cells if row["value"] is None} == {""}
    assert all(row["text"].endswith("*") is row["is_partial"] for row in cells if row["value"] is not None)
    assert average["+1"] == cohorts.average(1).value
    assert average["+9"] is None


def test_a_heat_map_of_money_has_its_currency() -> None:
    """The cells of value are those of the result. The currency of the logs is in the notes."""
    cohorts = result("cohorts-value")
    first = cohorts.cohorts[0]
    cells = {row["after"]: row for row in rows(chart("cohorts-value")) if row["cohort"].startswith("2026-01")}

    assert cohorts.currency == "IDR"
    assert cells["+1"]["value"] == first.value_each(1)
    assert not cells["+1"]["text"].startswith("Rp")
    assert any("Amounts are in Rp." in line for line in chart("cohorts-value").to_dict()["title"]["subtitle"])


@pytest.mark.parametrize(
    "name", ["cohorts-revenue", "cohorts-value", "growth", "growth-change", "lifecycle-revenue", "segments", "worklist"]
)
def test_a_picture_writes_money_in_one_style(name: str) -> None:
    """Titles, cells, tooltips and axes have the sign of the currency and the points of English texts."""
    spec = str(chart(name).to_dict())

    assert "Rp" in spec
    assert "IDR" not in spec
    assert not re.search(r"Rp[\d.,]*\.\d{3}", spec)


def test_large_and_negative_amounts_are_written_alike_on_axes_and_bars() -> None:
    """Billions have one suffix, and a minus stands before the sign of the currency."""
    change = result("growth-change")
    before, after = (attrs.evolve(one, revenue=-(10**6) * one.revenue) for one in (change.before, change.after))
    parts = {"leads": after.profit - before.profit}
    picture = attrs.evolve(change, before=before, after=after, parts=parts).plot()

    assert finding(picture) == "Profit went from -Rp3,388,500,000,000 to -Rp3,393,000,000,000"
    assert {"-Rp3.4T", "-Rp4.5B"} <= texts(to_svg(picture))
    assert not any("G" in text for text in texts(to_svg(picture)))


def test_a_lifecycle_shows_dormant_people_below_zero() -> None:
    """The bars above zero add up to the active people."""
    for one in result("lifecycle"):
        bars = [row for row in rows(chart("lifecycle")) if row.get("period", "").startswith(f"{one.start:%Y-%m}")]
        assert sum(row["amount"] for row in bars if row["amount"] > 0) == one.active
        assert sum(row["amount"] for row in bars if row["kind"] == "dormant") == -one.dormant


def test_a_waterfall_ends_at_the_later_profit() -> None:
    """Each part begins where the part before ends."""
    bars = rows(chart("growth-change"))

    assert all(one["end"] == two["start"] for one, two in pairwise(bars[:-1]))
    assert bars[-2]["end"] == bars[-1]["end"]


def test_a_comparison_of_two_rules_has_the_stages_in_their_order() -> None:
    """Both sides of the heat map have the order of the stages, not that of the alphabet."""
    parts = chart("rule-comparison").to_dict()["layer"][0]["encoding"]
    order = ["lead", "prospect", "customer", "repeat customer", "lapsed"]

    assert [parts[side]["sort"] for side in ("y", "x")] == [order, order]


def test_links_of_stages_have_the_width_of_their_counts() -> None:
    """A Sankey link is as wide as its number of transitions, and links of one stage do not overlap."""
    links: dict[str, list[dict[str, Any]]] = {}
    for row in rows(chart("stage-flow-links")):
        if "link" in row:
            links.setdefault(row["link"], []).append(row)
    counts = {(one["from"], one["to"]): one["count"] for one in result("stage-flow").links}

    assert len(links) == len(counts)
    assert sorted(round(band[0]["high"] - band[0]["low"]) for band in links.values()) == sorted(counts.values())
    starts = sorted((band[0]["low"], band[0]["high"]) for band in links.values())
    assert all(high <= low for (_, high), (low, _) in pairwise(starts))


def test_a_stage_has_one_colour_in_every_chart() -> None:
    """People over time, transitions and the way of one person show a stage in the same colour."""

    def colours(part: Any) -> dict[str, str]:
        scale = part["encoding"]["color"]["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))

    people, person = (colours(chart(name).to_dict()) for name in ("stage-flow", "journey"))
    links = colours(chart("stage-flow-links").to_dict()["layer"][0])

    assert links == {"(new)": style.LIGHT, **people, **{name: links[name] for name in links if name not in people}}
    assert {name: people[name] for name in person} == person
    assert len(set(links.values())) == len(links)


def test_a_grid_of_scores_counts_every_buyer_once() -> None:
    """The cells add up to the buyers, and their segment is that of most of them."""
    segments = result("segments")
    prospects = next(one for one in segments if one.segment == "prospect")

    assert sum(one.people for one in segments.scores) == prospects.people.trials - prospects.people.successes
    assert {(one.recency, one.frequency) for one in segments.scores if one.segment == "dormant"} == {(1, 1), (1, 2)}


def test_a_chart_of_a_model_shows_every_group() -> None:
    """The points of a reliability diagram are the groups of the check."""
    points = [row for row in rows(chart("model-check")) if "text" in row]

    assert [row["people"] for row in points] == [one.people for one in result("model-check").groups]


def test_a_chart_of_a_forecast_shows_the_next_weeks_beside_the_past() -> None:
    """Each past span has what was made and expected; the next one has its interval, and nothing made."""
    forecast = result("shop-forecast")
    *past, coming = rows(chart("shop-forecast"))

    assert [row["actual"] for row in past] == [one.actual_purchases for one in forecast.past]
    assert [row["expected"] for row in past] == [round(one.expected_purchases, 1) for one in forecast.past]
    assert coming["actual"] is None
    assert coming["lower"] < coming["expected"] == round(forecast.total.purchases.value, 1) < coming["upper"]


def test_a_worklist_shows_no_person() -> None:
    """The chart of a worklist counts people by action."""
    bars = rows(chart("worklist"))

    assert sum(row["people"] for row in bars) == len(result("worklist"))
    assert not any(task.person_id in str(bars) for task in result("worklist"))


def without(name: str, **values: object) -> Callable[[], Any]:
    """A result without its parts."""
    return lambda: attrs.evolve(result(name), **values)


def nobody_entered() -> Any:
    """A funnel that nobody entered."""
    one = result("funnel")
    return attrs.evolve(one, steps=tuple(attrs.evolve(step, reached=0, dropped=0, pending=0) for step in one.steps))


def without_amounts(name: str, parts: str, *fields: str, **options: str) -> Callable[[], Any]:
    """A result whose amounts are not known, and the argument of its chart."""

    def build() -> Any:
        one = result(name)
        several = tuple(attrs.evolve(part, **dict.fromkeys(fields)) for part in getattr(one, parts))
        return Chosen(attrs.evolve(one, **{parts: several}), options)

    return build


@attrs.frozen
class Chosen:
    """A result with the options of its chart."""

    of: Any
    options: Mapping[str, str]

    def plot(self) -> Any:
        """The chart."""
        return self.of.plot(**self.options)


def too_few_groups() -> Any:
    """Survival by group with too few people in each group."""
    groups = result("survival-groups").groups
    return SurvivalGroups(("source",), tuple((name, attrs.evolve(one, min_people=10**6)) for name, one in groups))


def same_books() -> Any:
    """Two rule books with the same transitions."""
    one = result("stage-difference")
    return attrs.evolve(one, new=one.old)


EMPTY: Mapping[str, tuple[Callable[[], Any], str]] = {
    "funnel": (nobody_entered, "Nobody entered."),
    "trend": (lambda: attrs.evolve(result("trend"), periods=()), "Nobody entered."),
    "times": (lambda: TimeHistogram("paid", timedelta(0), ()), "Nobody reached paid."),
    "drivers": (without("drivers", drivers=()), "No value of kind was frequent enough to compare."),
    "survival": (without("survival", min_people=1000), "Too few people: 900 of 1,000."),
    "groups": (too_few_groups, "No group has enough people."),
    "cohorts": (without("cohorts", cohorts=()), "The result has no cohorts."),
    "cohorts without amounts": (
        without_amounts("cohorts", "cohorts", "revenue", "value", show="value"),
        "The amounts are not known.",
    ),
    "lifecycle": (without("lifecycle", periods=()), "Nobody has bought."),
    "lifecycle without amounts": (
        without_amounts("lifecycle", "periods", "new_revenue", show="revenue"),
        "The amounts are not known.",
    ),
    "growth": (without("growth", periods=()), "Nobody has arrived."),
    "waterfall": (without("growth-change", parts=None), "Profit went from Rp3,388,500 to Rp3,393,000."),
    "steps": (without("purchase-steps", steps=()), "Nobody has bought."),
    "repeat groups": (without("repeat-groups", groups=()), "Nobody has bought."),
    "rhythm": (without("rhythm", quarters=None), "Nobody has bought twice."),
    "affinity": (without("affinity", in_order=(), together=()), "No pair of products occurs 30 times."),
    "segments": (without("segments", scores=()), "Nobody has bought."),
    "worklist": (without("worklist", tasks=()), "Nobody needs a message now."),
    "churn": (without("churn-reasons", reasons=(), lapsed=Rate(0, 9)), "Nobody has lapsed."),
    "flow": (without("stage-flow", periods=()), "Nobody has arrived."),
    "same books": (same_books, "50 of 900 people are in another stage; 290 were at some time"),
    "journey": (without("journey", transitions=()), "The person has no transitions."),
    "reliability": (
        lambda: Chosen(attrs.evolve(result("backtest"), reliability=()), {"show": "reliability"}),
        "The rule has no probabilities.",
    ),
    "calibration": (without("calibration", min_people=1000), "Too few people for probabilities."),
    "comparison": (without("rule-comparison", changes=(), old_answers=(), new_answers=()), "Nobody can be compared."),
}
"""Results without parts, and the title of their chart."""


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_result_has_a_chart_that_says_so(name: str) -> None:
    """A result without parts has a chart with a title alone, and the picture is drawn."""
    build, title = EMPTY[name]
    one = build().plot()

    assert " ".join(one.to_dict()["title"]["text"]).replace("\u00a0", " ") == title
    assert title.split()[0] in to_svg(one)


def finding(one: Any) -> str:
    """The title of a chart in one line."""
    return " ".join(one.to_dict()["title"]["text"]).replace("\u00a0", " ")


def note(one: Any) -> str:
    """The notes of a chart in one line."""
    return " ".join(one.to_dict()["title"]["subtitle"]).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lifecycle-revenue", "2026-09: Rp17,115,000 paid, Rp10,950,000 of it by new buyers"),
        ("repeat-groups", "Bought again within 60 d, by source: 320 people, 52.3 % (instagram) to 52.6 % (search)"),
        ("drivers", "cart has the highest odds of converting of 3 values of kind"),
        ("backtest-reliability", "readiness points: predicted 11.8 % of 2,492 evaluations, 7.4 % bought"),
        ("survival", "428 of 900 people converted, fewer than half"),
    ],
)
def test_a_title_says_the_finding(name: str, words: str) -> None:
    """The numbers of the result are in the title, with the number of people."""
    assert finding(chart(name)) == words


def test_a_stage_that_nobody_had_is_not_in_the_picture() -> None:
    """It is neither in the legend nor in the title."""
    flow = result("stage-flow")
    empty = [attrs.evolve(one, people={**one.people, "lead": 0}) for one in flow.periods]
    picture = attrs.evolve(flow, periods=tuple(empty)).plot()

    assert "lead" not in {row["stage"] for row in rows(picture)}
    assert " lead" not in finding(picture)


def test_a_picture_of_a_journey_names_its_instant_in_utc() -> None:
    """An instant of another zone is converted, so that the note is true."""
    local = without("journey", as_of=gallery.NOW.astimezone(ZoneInfo("Asia/Jakarta")))()

    assert note(local.plot()) == note(chart("journey")) == "As of 2026-10-28 00:00 UTC."


def test_charts_of_few_people_say_that_there_are_too_few() -> None:
    """A rate below the minimum is not in the title."""
    few = attrs.evolve(result("funnel"), min_people=10**6)
    trend = attrs.evolve(result("trend"), min_people=10**6)
    rates, steps = result("repeat-rates"), result("purchase-steps")
    none = RepeatRate(rates.within.within, Rate(0, 0), 5)
    first = attrs.evolve(steps.steps[0], repeat=none)

    assert finding(few.plot()) == "Too few people with a closed window for a rate: 869 of 900"
    assert {row["text"] for row in rows(few.plot()) if "counts" in row} >= {"not enough: 280 of 869"}
    assert finding(trend.plot()) == "No month is complete yet; 900 entered"
    assert "fewer than 1,000,000 people whose window is closed has no point." in note(trend.plot())
    assert "no point" not in note(result("trend").plot())
    assert finding(attrs.evolve(rates, within=none).plot()) == "No buyer has been observed for long enough"
    assert finding(attrs.evolve(steps, steps=(first,)).plot()) == "No buyer has been observed for long enough"


def test_charts_of_other_states_are_drawn() -> None:
    """Nothing pending, one period, pairs bought together, a smooth calibration, amounts in minor units."""
    growth, flow, lifecycle, affinity = (result(name) for name in ("growth", "stage-flow", "lifecycle", "affinity"))
    over = tuple(one for one in growth if not one.pending)
    smooth = calibrate([1, 2, 3, 4] * 50, [False, False, True, True] * 50, method="logistic", min_people=10)
    flat = attrs.evolve(smooth, slope=0.0)
    open_alone = attrs.evolve(lifecycle, periods=lifecycle.periods[-1:])
    change = attrs.evolve(result("growth-change"), currency=None)
    late = growth.change(growth.periods[0].start, growth.periods[-2].start)
    fresh = attrs.evolve(result("cohorts"), cohorts=result("cohorts").cohorts[-1:])
    asleep = attrs.evolve(lifecycle.periods[0], new=0)
    segments, funnel = result("segments"), result("funnel-groups")
    unpaid = attrs.evolve(segments, segments=tuple(attrs.evolve(one, net_spent=0) for one in segments))
    unknown = attrs.evolve(funnel, groups=(attrs.evolve(funnel.groups[0], value=None),))
    new_alone = attrs.evolve(flow, transitions=flow.transitions[:1])

    assert attrs.evolve(growth, periods=over).plot().to_dict()["title"]["subtitle"] == ["By period of arrival."]
    assert any(
        part["mark"]["type"] == "bar" for part in specs(attrs.evolve(flow, periods=flow.periods[:1]).plot().to_dict())
    )
    assert finding(unpaid.plot()) == "428 buyers by recency and frequency"
    assert "(unknown)" in texts(to_svg(unknown))
    assert "lapsed · 338" not in texts(to_svg(new_alone.plot(show="links")))
    assert "(bought together)" in finding(attrs.evolve(affinity, in_order=()).plot())
    assert [part["mark"]["type"] for part in specs(smooth.plot().to_dict())] == ["line", "rule"]
    assert len({row["probability"] for row in rows(flat.plot()) if "points" in row}) == 1
    assert finding(open_alone.plot()).startswith("2026-10*: ")
    assert "profit (minor units)" in texts(to_svg(change))
    assert any("pending; the split will change" in line for line in late.plot().to_dict()["title"]["subtitle"])
    assert finding(fresh.plot()) == "46 people in 1 cohort; no later month is over yet"
    assert "0 returned; 0 became" in finding(attrs.evolve(lifecycle, periods=(asleep,)).plot())


def test_charts_of_many_parts_show_the_first_and_count_the_rest() -> None:
    """A chart of very many groups stays readable."""
    groups = result("repeat-groups")
    many = attrs.evolve(groups, groups=tuple(attrs.evolve(groups.groups[0], group=f"g{at}") for at in range(20)))
    wide = attrs.evolve(result("cohorts"), cohorts=tuple(widened(one) for one in result("cohorts").cohorts))

    assert many.plot().to_dict()["title"]["subtitle"][-1] == "5 more groups not shown."
    assert "text" not in {part["mark"]["type"] for part in specs(wide.plot().to_dict())}


def widened(cohort: Any, times: int = 5) -> Any:
    """A cohort that was observed for several times as long."""
    fields = {name: getattr(cohort, name) * times for name in ("people", "trials", "orders", "revenue", "value")}
    return attrs.evolve(cohort, over=cohort.over * times, **fields)


@pytest.mark.parametrize("show", ["share", "revenue", "value"])
@pytest.mark.parametrize(("times", "has_texts"), [(3, True), (5, False)])
def test_a_heat_map_of_many_columns_has_texts_or_a_legend(show: Any, times: int, *, has_texts: bool) -> None:
    """Up to 36 columns have texts. More columns have narrow cells, a legend with the unit, and labels with gaps."""
    one = result("cohorts")
    cohorts = tuple(widened(cohort, times) for cohort in one.cohorts)
    picture = attrs.evolve(one, cohorts=cohorts).plot(show=show)
    svg = to_svg(picture)
    visible = texts(svg)
    legend = "share of people" if show == "share" else f"{show} (Rp)"
    hidden = re.findall(r'opacity="0">(\+\d+)<', svg)

    assert ("text" in {part["mark"]["type"] for part in specs(picture.to_dict())}) is has_texts
    assert (legend in visible) is not has_texts
    assert bool(hidden) is not has_texts


BY_SOURCE: Mapping[str, Callable[..., Any]] = {
    "cohorts": partial(retention, tz=gallery.TZ),
    "lifecycle": partial(lifecycle, tz=gallery.TZ),
    "growth": partial(growth, within=60 * gallery.DAY, margin=0.5, tz=gallery.TZ),
    "segments": partial(segments, policy=gallery.POLICY),
}


@pytest.mark.parametrize("name", BY_SOURCE)
def test_results_by_group_have_one_chart_for_each_group(name: str) -> None:
    """The largest group is first. Each chart has its group and its finding as the title. Common notes are above."""
    groups = BY_SOURCE[name](gallery.shop(), as_of=gallery.NOW, by="source")
    spec = groups.plot().to_dict()
    titles = [" ".join(part["title"]["text"]).replace("\u00a0", " ") for part in spec["vconcat"]]

    assert spec["title"]["text"] == ["3 groups by source, largest first"]
    assert sorted(title.split(": ")[0] for title in titles) == list(groups) == ["fair", "instagram", "search"]
    assert titles[0].split(": ", 1)[1] == finding(groups[titles[0].split(": ")[0]].plot())
    assert spec["title"]["subtitle"] == groups[titles[0].split(": ")[0]].plot().to_dict()["title"]["subtitle"]
    assert "<svg" in groups._repr_html_()


def test_a_chart_of_groups_has_the_options_of_one_and_at_most_eight_groups() -> None:
    """The content of the charts can be chosen, the other groups are counted, and no group is a sentence."""
    one = result("cohorts")
    groups = Groups(("city",), tuple((None if not at else f"c{at}", one) for at in range(10)))
    spec = groups.plot(show="value").to_dict()

    assert [part["title"]["text"][0].split(": ")[0] for part in spec["vconcat"]] == [
        "(unknown)",
        *map("c{}".format, range(1, 8)),
    ]
    assert "paid by each person" in spec["vconcat"][0]["title"]["text"][0]
    assert spec["title"]["subtitle"][0] == "2 more groups not shown."
    assert finding(Groups(("city",), ()).plot()) == "The result has no groups by city."


def test_a_chart_can_be_changed_and_put_beside_another() -> None:
    """A chart is Altair's own, without `config`: it can be resized and joined."""
    both = chart("repeat-rates").properties(width=200) | chart("repeat-groups")

    assert isinstance(both, alt.HConcatChart)
    assert to_png(both, scale=1)[:8] == b"\x89PNG\r\n\x1a\n"


def test_ids_are_shown_as_text() -> None:
    """A group of `<script>` is text in the picture."""
    groups = result("repeat-groups")
    odd = attrs.evolve(groups, groups=(attrs.evolve(groups.groups[0], group="<script>alert(1)</script>"),))

    assert "<script" not in to_svg(odd)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in to_svg(odd)


def test_pictures_on_one_page_share_no_ids() -> None:
    """The ids inside a picture begin with its own hash."""
    ids = [set(re.findall(r'\bid="([^"]+)"', to_svg(chart(name)))) for name in ("cohorts", "stage-flow-links", "trend")]

    assert ids[0] & ids[1] == ids[1] & ids[2] == set()


@pytest.mark.parametrize("scale", [0, 11, -1, True, "2", None, float("nan")])
def test_a_scale_that_is_no_size_is_refused(scale: Any) -> None:
    """A picture is up to ten times as large as the chart."""
    with pytest.raises(ArgumentError, match="scale must be a number above 0 and at most 10"):
        to_png(chart("rhythm"), scale=scale)


@pytest.mark.parametrize("other", [None, 1, "chart", {}, Rate(1, 2)])
def test_what_has_no_chart_is_refused(other: Any) -> None:
    """Only results with a chart, and charts, have a picture."""
    with pytest.raises(ArgumentError, match="chart must be a result with a chart, or an Altair chart"):
        to_svg(other)


@pytest.mark.parametrize("name", ["cohorts", "lifecycle", "stage-flow", "backtest"])
def test_an_unknown_word_to_show_is_refused(name: str) -> None:
    """The message names the words."""
    with pytest.raises(ArgumentError, match="show must be"):
        result(name).plot(show="pie")


def test_the_picture_of_the_index_is_that_of_the_sample_export() -> None:
    """The export is the shop's, as `make charts` writes it, and the code of the index draws the picture beside it."""
    data = read_orders(gallery.EXPORT)
    chart = lifecycle(data.logs(), tz=gallery.TZ, as_of=gallery.NOW).plot()

    assert gallery.EXPORT.read_text(encoding="utf-8") == gallery.export()
    assert chart.to_dict() == gallery.chart("lifecycle").to_dict()


@pytest.mark.parametrize("name", NAMES)
def test_the_pictures_of_the_docs_are_those_of_the_charts(name: str) -> None:
    """Each file in `docs/_static/charts` was written from the chart as it is now; `make charts` writes it again."""
    text = (gallery.FOLDER / f"{name}.svg").read_text(encoding="utf-8")

    assert text.startswith(f"<!-- {gallery.fingerprint(name)} -->\n<svg")
