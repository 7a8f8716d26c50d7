from __future__ import annotations

from math import isclose, sqrt
from statistics import NormalDist
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import FunnelError
from funnel.metrics._rate import Difference, Rate

COUNTS = st.integers(1, 10**9).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))
LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(successes: int, trials: int, low: float, high: float) -> None:
    """The intervals are those of Newcombe (1998), Statistics in Medicine 17, table I, row 3: Wilson's score method."""
    rate = Rate(successes, trials)

    assert rate.ci_lower == pytest.approx(low, abs=5e-5)
    assert rate.ci_upper == pytest.approx(high, abs=5e-5)


@given(COUNTS, LEVELS)
def test_the_rate_lies_inside_its_interval(counts: tuple[int, int], confidence_level: float) -> None:
    """Nothing above 1 or below 0, and the share itself between the two ends."""
    rate = Rate.of(*counts, confidence_level=confidence_level)

    assert rate.ci_lower is not None
    assert rate.value is not None
    assert rate.ci_upper is not None
    assert 0 <= rate.ci_lower <= rate.value <= rate.ci_upper <= 1


@given(COUNTS, LEVELS)
def test_each_end_is_just_so_far_from_the_share(counts: tuple[int, int], confidence_level: float) -> None:
    """Were an end the truth, the share that was seen would be just so many of the truth's standard errors away."""
    rate = Rate(*counts, confidence_level=confidence_level)
    z = NormalDist().inv_cdf((1 + confidence_level) / 2)

    for end in (rate.ci_lower, rate.ci_upper):
        assert end is not None
        assert rate.value is not None
        reach = z * sqrt(end * (1 - end) / rate.trials)
        assert isclose(abs(rate.value - end), reach, rel_tol=1e-4, abs_tol=1e-7)


@given(COUNTS, LEVELS)
def test_those_of_whom_it_is_not_so_have_the_mirrored_interval(
    counts: tuple[int, int], confidence_level: float
) -> None:
    """Asking the opposite question turns the interval around and changes nothing else."""
    successes, trials = counts
    rate, other = (
        Rate(successes, trials, confidence_level=confidence_level),
        Rate(trials - successes, trials, confidence_level=confidence_level),
    )

    assert rate.ci_lower == pytest.approx(1 - (other.ci_upper or 0), abs=1e-9)
    assert rate.ci_upper == pytest.approx(1 - (other.ci_lower or 0), abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(2, 50))
def test_more_people_make_it_surer(successes: int, misses: int, times: int) -> None:
    """The same share among more people has a narrower interval; a surer interval is a wider one."""
    few, many = Rate(successes, successes + misses), Rate(successes * times, (successes + misses) * times)
    surer = Rate(successes, successes + misses, confidence_level=0.99)

    assert width(many) < width(few) < width(surer)


def width(rate: Rate) -> float:
    """How wide an interval is."""
    assert rate.ci_lower is not None
    assert rate.ci_upper is not None
    return rate.ci_upper - rate.ci_lower


def test_nothing_among_nobody_is_none() -> None:
    """Nothing divided by nothing is None, never 0 and never an error."""
    rate = Rate(0, 0)

    assert rate.to_dict() == {
        "successes": 0,
        "trials": 0,
        "value": None,
        "ci_lower": None,
        "ci_upper": None,
        "confidence_level": 0.95,
    }
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
    rate = Rate(1, 4, confidence_level=0.9)

    assert rate.to_dict() == {
        "successes": 1, "trials": 4, "value": 0.25,
        "ci_lower": rate.ci_lower, "ci_upper": rate.ci_upper, "confidence_level": 0.9,
    }  # fmt: skip
    assert rate == Rate.of(1, 4, confidence_level=0.9)


@pytest.mark.parametrize(("trials", "message"), [(11, False), (12, True), (13, True)])
def test_too_few_people_are_an_answer(trials: int, *, message: bool) -> None:
    """A rate among just as many as the shop asks for is enough; among one fewer it is not."""
    assert Rate(3, trials).is_reportable(12) is message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"successes": -1, "trials": 2}, r"successes of a rate must be a whole number from 0 up \(got -1\)"),
        ({"successes": 1.0, "trials": 2}, r"successes of a rate must be .* \(got 1.0\)"),
        ({"successes": True, "trials": 2}, r"successes of a rate must be .* \(got True\)"),
        ({"successes": 0, "trials": -2}, r"trials of a rate must be .* \(got -2\)"),
        ({"successes": 3, "trials": 2}, "successes cannot exceed trials .got 3 successes of 2"),
        ({"successes": 1, "trials": 2, "confidence_level": 0.0}, r"level of a rate must be .* \(got 0.0\)"),
        ({"successes": 1, "trials": 2, "confidence_level": 1.0}, r"level of a rate must be .* \(got 1.0\)"),
        ({"successes": 1, "trials": 2, "confidence_level": 95}, r"level of a rate must be .* \(got 95\)"),
        ({"successes": 1, "trials": 2, "confidence_level": float("nan")}, r"level of a rate must be .* \(got nan\)"),
    ],
)
def test_what_is_no_rate_is_refused(arguments: dict[str, Any], message: str) -> None:
    """Counts that cannot be true and levels that are not a share are errors that state the argument."""
    with pytest.raises(FunnelError, match=message):
        Rate(**arguments)


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
    assert difference.ci_lower == pytest.approx(low, abs=5e-5)
    assert difference.ci_upper == pytest.approx(high, abs=5e-5)


@given(COUNTS, COUNTS, LEVELS)
def test_a_difference_lies_inside_its_interval(
    one: tuple[int, int], other: tuple[int, int], confidence_level: float
) -> None:
    """Nothing above 1 or below -1, and the difference itself between the two ends."""
    difference = Rate(*one, confidence_level=confidence_level).minus(Rate(*other, confidence_level=confidence_level))

    assert difference.ci_lower is not None
    assert difference.value is not None
    assert difference.ci_upper is not None
    assert -1 <= difference.ci_lower <= difference.value <= difference.ci_upper <= 1


@given(COUNTS, COUNTS, LEVELS)
def test_a_difference_turned_around_has_the_other_sign(
    one: tuple[int, int], other: tuple[int, int], confidence_level: float
) -> None:
    """The second less the first is the first less the second with its sign turned, to the last digit."""
    rates = Rate(*one, confidence_level=confidence_level), Rate(*other, confidence_level=confidence_level)
    here, there = rates[0].minus(rates[1]), rates[1].minus(rates[0])

    assert (there.value, there.ci_lower, there.ci_upper) == (-here.value, -here.ci_upper, -here.ci_lower)  # type: ignore[operator]


@given(COUNTS, COUNTS)
def test_a_difference_asked_the_other_way_has_the_other_sign(one: tuple[int, int], other: tuple[int, int]) -> None:
    """For the complements, the rates differ as much to the other side."""
    so = Rate(*one).minus(Rate(*other))
    not_so = Rate(one[1] - one[0], one[1]).minus(Rate(other[1] - other[0], other[1]))

    assert not_so.ci_lower == pytest.approx(-(so.ci_upper or 0), abs=1e-9)
    assert not_so.ci_upper == pytest.approx(-(so.ci_lower or 0), abs=1e-9)


@given(COUNTS, LEVELS)
def test_a_rate_differs_from_one_of_very_many_as_from_a_known_share(
    counts: tuple[int, int], confidence_level: float
) -> None:
    """If the other share is certainly 0, the interval of the difference is that of the rate."""
    rate = Rate(*counts, confidence_level=confidence_level)
    difference = rate.minus(Rate(0, 10**30, confidence_level=confidence_level))

    assert difference.ci_lower == pytest.approx(rate.ci_lower, abs=1e-9)
    assert difference.ci_upper == pytest.approx(rate.ci_upper, abs=1e-9)


@pytest.mark.parametrize(
    "difference",
    [Rate(0, 0).minus(Rate(3, 4)), Rate(3, 4).minus(Rate(0, 0)), Rate(3, 4).minus(Rate(30, 40), min_people=5)],
    ids=["of nobody", "from nobody", "too few"],
)
def test_too_few_people_have_no_difference(difference: Difference) -> None:
    """If either rate is of fewer people than the minimum, there is no figure, and the text says so."""
    assert not difference.is_reportable
    assert (difference.value, difference.ci_lower, difference.ci_upper) == (None, None, None)
    assert str(difference).startswith("not enough (")
    assert str(difference).endswith(f"at least {difference.min_people} each)")


@pytest.mark.parametrize(("trials", "message"), [(11, False), (12, True)])
def test_just_as_many_as_asked_for_are_enough(trials: int, *, message: bool) -> None:
    """The fewest people that are asked for are enough, in each of the two."""
    assert Rate(3, trials).minus(Rate(3, 12), min_people=12).is_reportable is message
    assert Rate(3, 12).minus(Rate(3, trials), min_people=12).is_reportable is message


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (Rate(1234, 3610).minus(Rate(999, 3610)), "+6.5 points (1,234 of 3,610 minus 999 of 3,610; +4.4 to +8.6)"),
        (Rate(1, 4).minus(Rate(1, 4)), "+0.0 points (1 of 4 minus 1 of 4; -49.4 to +49.4)"),
        (Rate(1, 4000).minus(Rate(2, 4000)), "+0.0 points (1 of 4,000 minus 2 of 4,000; -0.2 to +0.1)"),
    ],
)
def test_a_difference_reads_with_both_counts(difference: Difference, text: str) -> None:
    """In points of a hundred with its sign, how many of how many twice, and the interval; never a minus before 0."""
    assert str(difference) == text
    assert f">{text}</span>" in difference._repr_html_()
    assert "0.95" in difference._repr_html_()


def test_a_difference_as_values_says_all_of_it() -> None:
    """The dict holds what the properties say, by plain names."""
    difference = Rate(1, 4, confidence_level=0.9).minus(Rate(2, 9, confidence_level=0.9), min_people=3)

    assert difference.to_dict() == {
        "successes": 1, "trials": 4, "other_successes": 2, "other_trials": 9, "value": 1 / 4 - 2 / 9,
        "ci_lower": difference.ci_lower,
        "ci_upper": difference.ci_upper, "confidence_level": 0.9, "min_people": 3,
    }  # fmt: skip


@pytest.mark.parametrize("min_people", [0, -1, 1.5, True, None])
def test_the_fewest_people_are_a_whole_number(min_people: Any) -> None:
    """Less than one person, a part of one and a value that is not a number are refused."""
    with pytest.raises(FunnelError, match="min_people must be a whole number"):
        Rate(1, 2).minus(Rate(1, 2), min_people=min_people)


def test_two_levels_have_no_difference() -> None:
    """Intervals that mean different things are not put together."""
    with pytest.raises(FunnelError, match=r"the same confidence level \(got 0\.95 and 0\.9\)"):
        Rate(1, 2).minus(Rate(1, 2, confidence_level=0.9))
