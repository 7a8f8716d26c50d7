from __future__ import annotations

from math import isclose, sqrt
from statistics import NormalDist
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import FunnelError
from funnel.metrics.rate import Difference, Rate

COUNTS = st.integers(1, 10**9).flatmap(lambda among: st.tuples(st.integers(0, among), st.just(among)))
LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@pytest.mark.parametrize(
    ("hits", "among", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(hits: int, among: int, low: float, high: float) -> None:
    """The intervals are those of Newcombe (1998), Statistics in Medicine 17, table I, row 3: Wilson's score method."""
    rate = Rate(hits, among)

    assert rate.low == pytest.approx(low, abs=5e-5)
    assert rate.high == pytest.approx(high, abs=5e-5)


@given(COUNTS, LEVELS)
def test_the_rate_lies_inside_its_interval(counts: tuple[int, int], level: float) -> None:
    """Nothing above 1 or below 0, and the share itself between the two ends."""
    rate = Rate.of(*counts, level=level)

    assert rate.low is not None
    assert rate.value is not None
    assert rate.high is not None
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


@given(COUNTS, LEVELS)
def test_each_end_is_just_so_far_from_the_share(counts: tuple[int, int], level: float) -> None:
    """Were an end the truth, the share that was seen would be just so many of the truth's standard errors away."""
    rate = Rate(*counts, level=level)
    z = NormalDist().inv_cdf((1 + level) / 2)

    for end in (rate.low, rate.high):
        assert end is not None
        assert rate.value is not None
        reach = z * sqrt(end * (1 - end) / rate.among)
        assert isclose(abs(rate.value - end), reach, rel_tol=1e-4, abs_tol=1e-7)


@given(COUNTS, LEVELS)
def test_those_of_whom_it_is_not_so_have_the_mirrored_interval(counts: tuple[int, int], level: float) -> None:
    """Asking the opposite question turns the interval around and changes nothing else."""
    hits, among = counts
    rate, other = Rate(hits, among, level=level), Rate(among - hits, among, level=level)

    assert rate.low == pytest.approx(1 - (other.high or 0), abs=1e-9)
    assert rate.high == pytest.approx(1 - (other.low or 0), abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(2, 50))
def test_more_people_make_it_surer(hits: int, misses: int, times: int) -> None:
    """The same share among more people has a narrower interval; a surer interval is a wider one."""
    few, many = Rate(hits, hits + misses), Rate(hits * times, (hits + misses) * times)
    surer = Rate(hits, hits + misses, level=0.99)

    assert width(many) < width(few) < width(surer)


def width(rate: Rate) -> float:
    """How wide an interval is."""
    assert rate.low is not None
    assert rate.high is not None
    return rate.high - rate.low


def test_nothing_among_nobody_is_none() -> None:
    """Nothing divided by nothing is None, never 0 and never an error."""
    rate = Rate(0, 0)

    assert rate.to_dict() == {"hits": 0, "among": 0, "value": None, "low": None, "high": None, "level": 0.95}
    assert str(rate) == "no rate (0 of 0)"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Rate(1234, 3610), "34.2 % (1,234 of 3,610; 32.7 to 35.7 %)"),
        (Rate(0, 20), "0.0 % (0 of 20; 0.0 to 16.1 %)"),
        (Rate(7, 7), "100.0 % (7 of 7; 64.6 to 100.0 %)"),
    ],
)
def test_a_rate_reads_with_what_it_is_a_share_of(rate: Rate, text: str) -> None:
    """No number stands alone: the share, the counts and the interval, in text as in a notebook."""
    assert str(rate) == text
    assert f">{text}</span>" in rate._repr_html_()
    assert "0.95" in rate._repr_html_()


def test_a_rate_as_values_says_all_of_it() -> None:
    """The dict holds what the properties say."""
    rate = Rate(1, 4, level=0.9)

    assert rate.to_dict() == {
        "hits": 1, "among": 4, "value": 0.25, "low": rate.low, "high": rate.high, "level": 0.9,
    }  # fmt: skip
    assert rate == Rate.of(1, 4, level=0.9)


@pytest.mark.parametrize(("among", "said"), [(11, False), (12, True), (13, True)])
def test_too_few_people_are_an_answer(among: int, *, said: bool) -> None:
    """A rate among just as many as the shop asks for is enough; among one fewer it is not."""
    assert Rate(3, among).enough(12) is said


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"hits": -1, "among": 2}, r"hits of a rate must be .* \(got -1\)"),
        ({"hits": 1.0, "among": 2}, r"hits of a rate must be .* \(got 1.0\)"),
        ({"hits": True, "among": 2}, r"hits of a rate must be .* \(got True\)"),
        ({"hits": 0, "among": -2}, r"among of a rate must be .* \(got -2\)"),
        ({"hits": 3, "among": 2}, "3 hits among 2"),
        ({"hits": 1, "among": 2, "level": 0.0}, r"level of a rate must be .* \(got 0.0\)"),
        ({"hits": 1, "among": 2, "level": 1.0}, r"level of a rate must be .* \(got 1.0\)"),
        ({"hits": 1, "among": 2, "level": 95}, r"level of a rate must be .* \(got 95\)"),
        ({"hits": 1, "among": 2, "level": float("nan")}, r"level of a rate must be .* \(got nan\)"),
    ],
)
def test_what_is_no_rate_is_refused(given_: dict[str, Any], said: str) -> None:
    """Counts that cannot be true and levels that are no share are errors that say what was given."""
    with pytest.raises(FunnelError, match=said):
        Rate(**given_)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """The intervals are those of Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10."""
    difference = Rate(*one).minus(Rate(*other))

    assert difference.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert difference.low == pytest.approx(low, abs=5e-5)
    assert difference.high == pytest.approx(high, abs=5e-5)


@given(COUNTS, COUNTS, LEVELS)
def test_a_difference_lies_inside_its_interval(one: tuple[int, int], other: tuple[int, int], level: float) -> None:
    """Nothing above 1 or below -1, and the difference itself between the two ends."""
    difference = Rate(*one, level=level).minus(Rate(*other, level=level))

    assert difference.low is not None
    assert difference.value is not None
    assert difference.high is not None
    assert -1 <= difference.low <= difference.value <= difference.high <= 1


@given(COUNTS, COUNTS, LEVELS)
def test_a_difference_turned_around_has_the_other_sign(
    one: tuple[int, int], other: tuple[int, int], level: float
) -> None:
    """The second less the first is the first less the second with its sign turned, to the last digit."""
    rates = Rate(*one, level=level), Rate(*other, level=level)
    here, there = rates[0].minus(rates[1]), rates[1].minus(rates[0])

    assert (there.value, there.low, there.high) == (-here.value, -here.high, -here.low)  # type: ignore[operator]


@given(COUNTS, COUNTS)
def test_a_difference_asked_the_other_way_has_the_other_sign(one: tuple[int, int], other: tuple[int, int]) -> None:
    """Of those of whom it is not so, the rates differ as much to the other side."""
    so = Rate(*one).minus(Rate(*other))
    not_so = Rate(one[1] - one[0], one[1]).minus(Rate(other[1] - other[0], other[1]))

    assert not_so.low == pytest.approx(-(so.high or 0), abs=1e-9)
    assert not_so.high == pytest.approx(-(so.low or 0), abs=1e-9)


@given(COUNTS, LEVELS)
def test_a_rate_differs_from_one_of_very_many_as_from_a_known_share(counts: tuple[int, int], level: float) -> None:
    """Where nobody doubts that the other share is 0, the interval of the difference is that of the rate."""
    rate = Rate(*counts, level=level)
    difference = rate.minus(Rate(0, 10**30, level=level))

    assert difference.low == pytest.approx(rate.low, abs=1e-9)
    assert difference.high == pytest.approx(rate.high, abs=1e-9)


@pytest.mark.parametrize(
    "difference",
    [Rate(0, 0).minus(Rate(3, 4)), Rate(3, 4).minus(Rate(0, 0)), Rate(3, 4).minus(Rate(30, 40), least=5)],
    ids=["of nobody", "from nobody", "too few"],
)
def test_too_few_people_have_no_difference(difference: Difference) -> None:
    """Where either rate is among fewer than asked for, there is no figure, and the text says so."""
    assert not difference.enough
    assert (difference.value, difference.low, difference.high) == (None, None, None)
    assert str(difference).startswith("not enough (")
    assert str(difference).endswith(f"at least {difference.least} each)")


@pytest.mark.parametrize(("among", "said"), [(11, False), (12, True)])
def test_just_as_many_as_asked_for_are_enough(among: int, *, said: bool) -> None:
    """The fewest people that are asked for are enough, in each of the two."""
    assert Rate(3, among).minus(Rate(3, 12), least=12).enough is said
    assert Rate(3, 12).minus(Rate(3, among), least=12).enough is said


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (Rate(1234, 3610).minus(Rate(999, 3610)), "+6.5 points (1,234 of 3,610 less 999 of 3,610; +4.4 to +8.6)"),
        (Rate(1, 4).minus(Rate(1, 4)), "+0.0 points (1 of 4 less 1 of 4; -49.4 to +49.4)"),
        (Rate(1, 4000).minus(Rate(2, 4000)), "+0.0 points (1 of 4,000 less 2 of 4,000; -0.2 to +0.1)"),
    ],
)
def test_a_difference_reads_with_both_counts(difference: Difference, text: str) -> None:
    """In points of a hundred with its sign, how many of how many twice, and the interval; never a minus before 0."""
    assert str(difference) == text
    assert f">{text}</span>" in difference._repr_html_()
    assert "0.95" in difference._repr_html_()


def test_a_difference_as_values_says_all_of_it() -> None:
    """The dict holds what the properties say, by plain names."""
    difference = Rate(1, 4, level=0.9).minus(Rate(2, 9, level=0.9), least=3)

    assert difference.to_dict() == {
        "hits": 1, "among": 4, "other_hits": 2, "other_among": 9, "value": 1 / 4 - 2 / 9, "low": difference.low,
        "high": difference.high, "level": 0.9, "least": 3,
    }  # fmt: skip


@pytest.mark.parametrize("least", [0, -1, 1.5, True, None])
def test_the_fewest_people_are_a_whole_number(least: Any) -> None:
    """Fewer than one person, a part of one and what is no number are refused."""
    with pytest.raises(FunnelError, match="least must be a whole number"):
        Rate(1, 2).minus(Rate(1, 2), least=least)


def test_two_levels_have_no_difference() -> None:
    """Intervals that mean different things are not put together."""
    with pytest.raises(FunnelError, match=r"0\.95 and 0\.9; give both the same"):
        Rate(1, 2).minus(Rate(1, 2, level=0.9))
