from __future__ import annotations

import pickle
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import SqliteStore
from funnel.errors import ArgumentError, FunnelError, InstantError
from funnel.metrics._survival.curve import curve_of
from funnel.metrics._survival.result import Survival
from funnel.metrics._survival.survival import durations_in, survival
from tests.kernels import curve_of_array, without_numpy
from tests.metrics.waiting import (
    DAY,
    NOON,
    SPANS,
    TICK,
    Pair,
    after,
    frame_of,
    greenwood,
    pairs,
    step_by_hand,
    still_waiting,
)

KEYS = st.lists(st.one_of(st.integers(-9, 9), st.integers(-(2**55), 2**55)))

MERCAPTOPURINE = {
    "days": (6, 6, 6, 7, 10, 13, 16, 22, 23),
    "watched": (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35),
}
PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
"""Weeks of remission of children with leukaemia, on 6-mercaptopurine and on placebo: E. J. Freireich and others, "The
effect of 6-mercaptopurine on the duration of steroid-induced remissions in acute leukemia", Blood 21 (1963), 699-716.
"""


def treated(**options: Any) -> Survival:
    """The children on 6-mercaptopurine, a day for each week."""
    return after(*MERCAPTOPURINE["days"], watched=MERCAPTOPURINE["watched"], **options)


# ---- published -----------------------------------------------------------------------------------------------------


def test_the_curve_is_the_published_one() -> None:
    """Survival and standard error are those that D. R. Cox and D. Oakes, Analysis of Survival Data (1984), print."""
    steps = [(step.wait / DAY, step.at_risk, step.converted, step.censored) for step in treated().steps]
    shares = [(round(step.survival, 3), round(sqrt(step.variance or 0), 4)) for step in treated().steps]

    assert steps == [
        (0, 21, 0, 0), (6, 21, 3, 1), (7, 17, 1, 1), (10, 15, 1, 2), (13, 12, 1, 0), (16, 11, 1, 3), (22, 7, 1, 0),
        (23, 6, 1, 5),
    ]  # fmt: skip
    assert shares == [
        (1, 0), (0.857, 0.0764), (0.807, 0.0869), (0.753, 0.0963), (0.69, 0.1068), (0.627, 0.1141), (0.538, 0.1282),
        (0.448, 0.1346),
    ]  # fmt: skip


def test_the_medians_are_the_published_ones() -> None:
    """Half are in remission for 23 weeks (13 to not reached) and for 8 weeks (4 to 11), on the scale of log(-log)."""
    drug, placebo = treated().median, after(*PLACEBO).median

    assert (drug.value, drug.ci_lower, drug.ci_upper) == (23 * DAY, 13 * DAY, None)
    assert (placebo.value, placebo.ci_lower, placebo.ci_upper) == (8 * DAY, 4 * DAY, 11 * DAY)


def test_the_restricted_means_are_the_published_ones() -> None:
    """Up to the longest time watched, the means are 23.29 (standard error 2.83) and 8.667 (1.377) weeks."""
    drug, placebo = treated().restricted_mean(35 * DAY), after(*PLACEBO).restricted_mean(23 * DAY)

    assert (drug.value or DAY) / DAY == pytest.approx(23.287, abs=5e-4)
    assert (drug.error or DAY) / DAY == pytest.approx(2.827, abs=5e-4)
    assert (placebo.value or DAY) / DAY == pytest.approx(8.667, abs=5e-4)
    assert (placebo.error or DAY) / DAY == pytest.approx(1.377, abs=5e-4)


# ---- laws ----------------------------------------------------------------------------------------------------------


@given(pairs(), SPANS)
def test_the_share_is_that_of_the_people_counted_one_by_one(waits: list[Pair], within: timedelta) -> None:
    """Value, counts and interval are those of the formulae in exact fractions, person by person."""
    people = step_by_hand(waits, NOON)
    result = survival(waits, as_of=NOON).at(within)

    assert result.people == len(people)
    assert result.converted == sum(one.converted and one.watched <= within for one in people)
    assert result.at_risk == sum(one.watched >= within for one in people)
    if not people or max(one.watched for one in people) < within:
        assert (result.value, result.ci_lower, result.ci_upper) == (None, None, None)
        return
    remaining, variance = still_waiting(people, within), greenwood(people, within)
    assert result.value == pytest.approx(float(1 - remaining), abs=1e-12)
    if variance is None or remaining == 1:
        assert (result.ci_lower, result.ci_upper) == (None, None)
        return
    reach = NormalDist().inv_cdf(0.975) * sqrt(variance) / float(remaining) / abs(log(remaining))
    assert result.ci_lower == pytest.approx(1 - float(remaining) ** exp(-reach), abs=1e-9)
    assert result.ci_upper == pytest.approx(1 - float(remaining) ** exp(reach), abs=1e-9)


@given(pairs())
def test_the_steps_go_down_from_everybody(waits: list[Pair]) -> None:
    """The curve starts at everybody and never rises; at risk are those of the step before less who left since."""
    result = survival([*waits, (NOON, None)], as_of=NOON)
    steps = list(result.steps)

    assert steps[0].at_risk == result.people == result.converted + result.waiting
    assert (steps[0].wait, steps[0].survival, steps[0].converted) == (timedelta(0), 1.0, 0)
    assert sum(step.converted for step in steps) == result.converted
    assert sum(step.censored for step in steps) == result.waiting
    for one, later in pairwise(steps):
        assert later.at_risk == one.at_risk - one.converted - one.censored
        assert later.survival < one.survival
        assert later.conversion == 1 - later.survival
        assert 0 <= (later.ci_lower or 0) <= later.survival <= (later.ci_upper or 1) <= 1


@given(pairs())
def test_the_steps_say_what_is_asked_of_each_time(waits: list[Pair]) -> None:
    """At the time of a step, the share converted is what is left of its survival, with the mirrored interval."""
    result = survival(waits, as_of=NOON)

    for step in result.steps[1:]:
        there = result.at(step.wait)
        assert (there.value, there.at_risk) == (step.conversion, step.at_risk)
        assert there.ci_lower == (None if step.ci_upper is None else 1 - step.ci_upper)
        assert there.ci_upper == (None if step.ci_lower is None else 1 - step.ci_lower)


@given(pairs(), st.randoms())
def test_the_order_of_the_rows_changes_nothing(waits: list[Pair], chance: Any) -> None:
    """Shuffled waits are the same waits."""
    shuffled = list(waits)
    chance.shuffle(shuffled)

    assert survival(shuffled, as_of=NOON) == survival(waits, as_of=NOON)


@given(pairs(), pairs(), SPANS)
def test_what_happens_later_changes_nothing(waits: list[Pair], others: list[Pair], later: timedelta) -> None:
    """Waits that start after `as_of`, and ends after it, are not known yet."""
    results = [(start, None if end is None or end > NOON else end) for start, end in waits if start <= NOON]
    new = [(NOON + TICK + later, end) for _, end in others]

    assert survival([*waits, *new], as_of=NOON) == survival(results, as_of=NOON)


@given(pairs())
def test_another_unit_of_time_changes_the_times_alone(waits: list[Pair]) -> None:
    """Were each wait seven times as long, shares and counts would be the same, and each time seven times as long."""
    longer = [(NOON - 7 * (NOON - start), None if end is None else NOON - 7 * (NOON - end)) for start, end in waits]
    one, other = survival(waits, as_of=NOON), survival(longer, as_of=NOON)

    assert [7 * step.wait for step in one.steps] == [step.wait for step in other.steps]
    assert one.curve.survival == other.curve.survival
    assert other.median.value == (None if one.median.value is None else 7 * one.median.value)


@given(st.lists(SPANS, min_size=1), SPANS)
def test_where_all_were_watched_to_the_end_it_is_a_plain_share(spans: list[timedelta], within: timedelta) -> None:
    """With nobody still waiting, the share is so many of so many."""
    result = survival([(NOON - span, NOON) for span in spans], as_of=NOON).at(within)
    plain = sum(span <= within for span in spans) / len(spans)

    assert result.value == (pytest.approx(plain, abs=1e-12) if within <= max(spans) else None)


@given(pairs(), st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]))
def test_the_time_of_a_share_is_the_first_at_which_so_many_converted(waits: list[Pair], share: float) -> None:
    """Value and ends are the first times at which the curve, and each side of its interval, has come so far."""
    result = survival(waits, as_of=NOON)
    steps = [step for step in result.steps if step.wait or step.converted]
    quantile = result.quantile(share)

    lows = [step.wait for step in steps if (step.ci_lower or 0.0) <= 1 - share + 1e-9 and step.survival < 1]
    highs = [step.wait for step in steps if step.ci_upper is not None and step.ci_upper <= 1 - share + 1e-9]
    assert quantile.value == next((step.wait for step in steps if step.survival <= 1 - share + 1e-9), None)
    assert quantile.ci_lower == (None if not lows else min(lows))
    assert quantile.ci_upper == (None if not highs else min(highs))


@given(pairs(), SPANS.filter(bool))
def test_the_restricted_mean_is_the_area_under_the_curve(waits: list[Pair], horizon: timedelta) -> None:
    """Summed in slices from one step to the next, with the standard error by the same slices in fractions."""
    people = step_by_hand(waits, NOON)
    result = survival(waits, as_of=NOON).restricted_mean(horizon)

    if not people or max(one.watched for one in people) < horizon:
        assert (result.value, result.error, result.ci_lower, result.ci_upper) == (None, None, None, None)
        return
    cuts = sorted({timedelta(0), horizon, *(one.watched for one in people if one.watched < horizon)})
    slices = [(start, (end - start) // TICK * still_waiting(people, start)) for start, end in pairwise(cuts)]
    area = sum(part for _, part in slices)
    variance = 0.0
    for time in {one.watched for one in people if one.converted and one.watched < horizon}:
        at_risk = sum(one.watched >= time for one in people)
        events = sum(one.converted and one.watched == time for one in people)
        next_time = sum(part for start, part in slices if start >= time)
        if at_risk > events:
            variance += float(next_time) ** 2 * events / (at_risk * (at_risk - events))
    assert (result.value or horizon) // TICK == pytest.approx(float(area), rel=1e-9, abs=1)
    assert (result.error or timedelta(0)) // TICK == pytest.approx(sqrt(variance), rel=1e-6, abs=1)
    assert timedelta(0) <= (result.ci_lower or timedelta(0)) <= (result.ci_upper or horizon) <= horizon


@given(KEYS)
def test_arrays_give_the_same_digits(keys: list[int]) -> None:
    """Counted in whole arrays or one by one, every count is the same, and every float to its last digit."""
    np = pytest.importorskip("numpy")
    counts = {key: keys.count(key) for key in keys}

    assert curve_of_array(np.array(keys, "int64")) == curve_of(counts.items())


@given(pairs())
def test_a_frame_without_arrays_gives_the_same(waits: list[Pair]) -> None:
    """Without numpy the engine counts, and the answer is the same."""
    table = frame_of(waits)
    with pytest.MonkeyPatch.context() as patch:
        without_numpy(patch)
        result = survival(table, as_of=NOON)

    assert result == survival(table, as_of=NOON) == survival(waits, as_of=NOON)


def test_many_people_give_the_same_digits() -> None:
    """At twenty thousand people both ways still agree to the last digit, and with the list of pairs."""
    waits = [(NOON - index * 7919 % 20_011 * TICK, None if index % 3 else NOON) for index in range(20_000)]
    table = frame_of(waits)
    now = survival(table, as_of=NOON)

    assert now == survival(waits, as_of=NOON)
    assert now.people == 20_000
    assert len(now.steps) == 6_668


# ---- edges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "as_of", "converted"),
    [(NOON, NOON, 1), (NOON, NOON - TICK, 0), (NOON + TICK, NOON, 0), (NOON - DAY, NOON, 1)],
    ids=["just now", "a moment early", "a moment late", "at once"],
)
def test_an_end_at_the_instant_has_come(end: datetime, as_of: datetime, converted: int) -> None:
    """An end at `as_of` has ended, a microsecond later it has not; a wait of 0 is a wait."""
    result = survival([(NOON - DAY, end)], as_of=as_of)

    assert (result.people, result.converted, result.excluded) == (1, converted, 0)


def test_a_time_includes_its_end() -> None:
    """A conversion at just the requested time is within it; a microsecond less, and it is not."""
    result = after(2, 5)

    assert result.at(2 * DAY).value == 0.5
    assert result.at(2 * DAY - TICK).value == 0.0


def test_those_who_ended_before_they_started_are_left_out_and_counted() -> None:
    """They are not among the people; an end that is not known yet leaves out nobody."""
    early = (NOON - DAY, NOON - DAY - TICK)

    assert survival([early, (NOON - DAY, NOON)], as_of=NOON).excluded == 1
    assert survival([early, (NOON - DAY, NOON)], as_of=NOON).people == 1
    assert survival([early], as_of=NOON - DAY - TICK).excluded == 0


def test_beyond_what_was_watched_nothing_is_said() -> None:
    """To the longest time that anybody was watched there is an answer, a microsecond later there is none."""
    result = after(1, watched=[3])

    assert result.longest == 3 * DAY
    assert result.at(3 * DAY).value == 0.5
    assert result.at(3 * DAY + TICK).value is None
    assert str(result.at(4 * DAY)) == "not known within 4 d (1 of 2 converted; nobody was watched so long)"
    assert result.restricted_mean(3 * DAY).value is not None
    assert str(result.restricted_mean(4 * DAY)) == "not known within 4 d (2 people; nobody was watched so long)"


def test_a_median_that_is_not_reached_is_none() -> None:
    """If fewer than half have converted nobody knows when half will."""
    result = after(1, watched=[3, 3])

    assert result.median.value is None
    assert str(result.median) == "not reached (1 d to not reached)"


def test_nobody_is_an_answer() -> None:
    """Without people there is no share, no time and no mean, and the text says so."""
    result = survival([], as_of=NOON)

    assert (result.people, result.longest, result.at(DAY).value, result.median.value) == (0, None, None, None)
    assert result.plateau() is None
    assert list(result.steps) == []
    assert str(result) == "not enough (0 people, 0 converted, 0 still waiting; at least 1)"
    assert survival(frame_of([]), as_of=NOON) == result


def test_too_few_people_are_an_answer() -> None:
    """Below the minimum of people there is no figure; at the minimum there are all."""
    few, enough = after(1, 2, watched=[4], min_people=4), after(1, 2, watched=[4], min_people=3)

    assert (few.at(DAY).value, few.median.value, few.restricted_mean(DAY).value) == (None, None, None)
    assert (list(few.steps), few.plateau(min_people=1)) == ([], None)
    assert str(few) == "not enough (3 people, 2 converted, 1 still waiting; at least 4)"
    assert str(few.at(DAY)) == "not enough (1 of 3 converted; at least 4)"
    assert str(few.median) == str(few.restricted_mean(DAY)) == "not enough (3 people; at least 4)"
    assert enough.is_reportable
    assert enough.at(DAY).value is not None


def test_a_surer_interval_is_wider() -> None:
    """The level is an argument."""
    usual, surer = treated().at(10 * DAY), treated(confidence_level=0.99).at(10 * DAY)

    assert usual.value == surer.value
    assert (surer.ci_lower or 0) < (usual.ci_lower or 0) < (usual.ci_upper or 0) < (surer.ci_upper or 0)


def test_it_reads_with_its_counts() -> None:
    """No number stands alone, in text as in a notebook."""
    result = treated()

    assert str(result) == (
        "21 people, 9 converted, 12 still waiting; watched for up to 35 d; median 23 d (13 d to not reached)"
    )
    assert str(result.at(10 * DAY)) == "24.7 % within 10 d (5 of 21 converted, 15 waited so long; 11.1 to 49.7 %)"
    assert str(result.at(DAY)) == "0.0 % within 1 d (0 of 21 converted, 21 waited so long; no interval)"
    assert str(result.restricted_mean(35 * DAY)) == (
        "23 d 6 h within 35 d (21 people, 1 waited so long; 17 d 17 h to 28 d 19 h)"
    )
    assert str(result.steps[1]) == "6 d: 3 of 21 converted, 85.7 % still wait"
    assert ">21 people, 9 converted" in result._repr_html_()
    assert result._repr_html_().startswith('<span title="Kaplan-Meier, intervals at 0.95">')
    assert result.median._repr_html_() == "<span>23 d (13 d to not reached)</span>"
    assert "1 excluded" in str(survival([(NOON, NOON - DAY), (NOON, None)], as_of=NOON))


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (45 * DAY, "45 d"), (1.5 * DAY, "1 d 12 h"), (DAY / 24, "1 h"), (DAY / 48, "30 min"), (DAY / 86400, "1 s"),
        (TICK * 500, "0 s"), (timedelta(0), "0 d"),
    ],
)  # fmt: skip
def test_a_time_has_its_two_largest_units(span: timedelta, text: str) -> None:
    """A text of a curve shows times as all other texts do."""
    result = survival([(NOON - span, NOON)], as_of=NOON)

    assert f"for up to {text};" in str(result)


def test_it_is_told_as_plain_values() -> None:
    """The dict holds counts and median, the rows hold the steps with their complement."""
    result = treated()

    assert result.to_dict() == {
        "as_of": NOON, "people": 21, "converted": 9, "waiting": 12, "excluded": 0, "longest": 35 * DAY,
        "median": 23 * DAY, "median_ci_lower": 13 * DAY, "median_ci_upper": None,
        "flat_since": None, "flat_until": None,
        "confidence_level": 0.95,
    }  # fmt: skip
    rows = result.to_dicts()
    assert [row["conversion"] for row in rows] == [1 - row["survival"] for row in rows]
    assert result.at(DAY).to_dict()["within"] == DAY
    assert result.median.to_dict()["share"] == 0.5
    assert result.restricted_mean(DAY).to_dict()["horizon"] == DAY
    assert result.steps[-1].survival == result.steps[7].survival
    assert len(result.steps[2:4]) == 2


def test_it_can_be_sent_to_another_process() -> None:
    """The result is plain values that can be kept."""
    assert pickle.loads(pickle.dumps(treated())) == treated()  # noqa: S301 - our own bytes


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pair",
    [(NOON,), (NOON.replace(tzinfo=None), None), (NOON, NOON.replace(tzinfo=None)), (None, NOON), NOON, ("a", "b")],
)
def test_what_is_no_pair_is_refused(pair: Any) -> None:
    """Each pair is two aware datetimes, or one and None."""
    with pytest.raises(InstantError, match="duration 1 must be a pair of aware datetimes"):
        survival([(NOON, None), pair], as_of=NOON)


@pytest.mark.parametrize("year", [1799, 2200])
def test_a_year_that_is_not_kept_is_refused(year: int) -> None:
    """In pairs as in tables, with where it stands."""
    far = NOON.replace(year=year)

    with pytest.raises(InstantError, match="duration 0 lies outside the years 1800 to 2199"):
        survival([(far, None)], as_of=NOON)
    with pytest.raises(FunnelError, match=r"durations.ended_at: 1 row \(row 1\): lies outside the years 1800 to 2199"):
        survival(frame_of([(NOON, far)]), as_of=NOON)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence_level": 1.0}, r"level must be .* \(got 1.0\)"),
        ({"confidence_level": 95}, r"level must be .* \(got 95\)"),
        ({"confidence_level": float("nan")}, r"level must be .* \(got nan\)"),
        ({"min_people": 0}, r"min_people must be .* \(got 0\)"),
        ({"as_of": NOON.replace(tzinfo=None)}, "as_of is a naive datetime"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    """Each with what was given and what is allowed."""
    with pytest.raises(FunnelError, match=message):
        survival([], **{"as_of": NOON, **options})


@pytest.mark.parametrize("share", [0.0, 1.0, 50, -0.1, float("nan")])
def test_a_share_lies_between_0_and_1(share: float) -> None:
    """The time of everybody is never known, that of nobody cannot be requested."""
    with pytest.raises(FunnelError, match="share must be a float between 0 and 1"):
        treated().quantile(share)


def test_a_time_is_a_span() -> None:
    """Negative spans and bare numbers are not times; a horizon of 0 is not a horizon."""
    wrong: Any = 30
    for span in (-TICK, wrong):
        with pytest.raises(ArgumentError, match=r"within must be (zero or more|a timedelta)"):
            treated().at(span)
    for span in (timedelta(0), wrong):
        with pytest.raises(ArgumentError, match=r"horizon must be (above zero|a timedelta)"):
            treated().restricted_mean(span)


def test_a_table_says_what_is_wrong_with_it() -> None:
    """Missing columns with the name that was meant, naive times, empty starts: counted, and no value shown."""
    table = frame_of([(NOON, None)] * 3)

    with pytest.raises(FunnelError, match=r"durations.ended_at: is missing; did you mean ended_on\?"):
        survival(table.rename({"ended_at": "ended_on"}), as_of=NOON)
    with pytest.raises(FunnelError, match=r"durations.ended_at: is missing$"):
        survival(table.select("started_at"), as_of=NOON)
    naive = table.with_columns(started_at=table["started_at"].dt.replace_time_zone(None))
    with pytest.raises(FunnelError, match=r"durations.started_at: is Datetime.*; give aware datetimes"):
        survival(naive, as_of=NOON)
    empty = frame_of([(NOON, None), (None, NOON), (None, None)])  # type: ignore[list-item]
    with pytest.raises(FunnelError, match=r"durations.started_at: 2 rows \(row 2, 3\): is empty; give an instant"):
        survival(empty, as_of=NOON)
    with pytest.raises(FunnelError, match=r"needs the waits of people .*durations\(logs, .leads., .purchases., as_of="):
        survival(SqliteStore().logs(), as_of=NOON)
    with pytest.raises(FunnelError, match="a generator is not a supported dataframe"):
        survival((pair for pair in [(NOON, None)]), as_of=NOON)


def test_a_column_of_nothing_is_a_column_of_waits_without_end() -> None:
    """If nobody has converted, a column may have no type at all."""
    import polars as pl

    table = frame_of([(NOON, None)] * 3).with_columns(ended_at=pl.lit(None))

    assert survival(table, as_of=NOON + DAY) == survival([(NOON, None)] * 3, as_of=NOON + DAY)
    assert durations_in(table, 0).curve.people == 0
