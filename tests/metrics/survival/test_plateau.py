from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given

from funnel.metrics._survival.result import Plateau, Survival
from funnel.metrics._survival.survival import survival
from tests.metrics.waiting import DAY, NOON, TICK, Pair, Step, after, pairs, step_by_hand


def flat(min_people: int = 30, end: float = 40) -> Plateau | None:
    """Twenty came, one on each of the first twenty days; thirty more were watched to a later day."""
    return after(*range(1, 21), watched=[end] * 30).plateau(min_people=min_people)


def test_a_long_flat_end_is_flagged_with_its_figures() -> None:
    """Since when, up to when, how many were watched, how many would have come, and the share by the curve."""
    result = flat()

    assert result is not None
    assert (result.since, result.until) == (20 * DAY, 40 * DAY)
    assert (result.waiting, result.watched) == (30, 30)
    assert result.survival == pytest.approx(0.6)
    assert result.expected == pytest.approx(19 * 600 / (30 * 20 + sum(range(1, 21))))
    assert result.chance < 0.001
    assert result.to_dict()["since"] == 20 * DAY


def test_it_says_what_was_seen_and_no_more() -> None:
    """That the others will never come is never said."""
    assert str(flat()) == (
        "nobody converted from 20 d to 40 d, though 30 still waited and 30 were watched to the end; "
        "at the earlier pace, 14.1 would have converted; 60.0 % still wait, "
        "and the data do not show whether they will convert"
    )


def test_the_curve_tells_of_its_flat_end() -> None:
    """It is flagged where the curve is shown, in words and as values, and only there is it."""
    long, short = (after(*range(1, 21), watched=[end] * 30) for end in (40, 21))

    assert str(long).endswith("; nobody converted from 20 d to 40 d")
    assert (long.to_dict()["flat_since"], long.to_dict()["flat_until"]) == (20 * DAY, 40 * DAY)
    assert "nobody converted" not in str(short)
    assert short.to_dict()["flat_since"] is None


def test_too_few_who_were_watched_are_no_flat_end() -> None:
    """Among the people watched longest, too few to go by are not counted; with one fewer there is no end."""
    assert flat(min_people=30) is not None
    assert flat(min_people=31) is None
    assert after(*range(1, 21), watched=[40] * 30 + [400] * 29).plateau(min_people=30) == Plateau(
        20 * DAY, 40 * DAY, 59, 59, *figures(watched=[40] * 30 + [400] * 29), pytest.approx(59 / 79)
    )


def figures(watched: list[int]) -> tuple[object, object]:
    """How many would have come from day 20 to 40, and the chance of none, from days summed one by one."""
    before = sum(min(day, 20) for day in [*range(1, 21), *watched])
    later = sum(min(day, 40) - 20 for day in watched)
    return pytest.approx(19 * later / before), pytest.approx((before / (before + later)) ** 19)


def test_a_short_flat_end_is_chance() -> None:
    """If as many days of others might well have brought nobody, nothing is flagged."""
    assert flat(end=21) is None


@pytest.mark.parametrize("result", [after(watched=[9] * 50), after(1, 2, 3), after(*range(1, 21), watched=[20] * 50)])
def test_without_a_flat_part_there_is_none(result: Survival) -> None:
    """If nobody came, if everybody came, and if the last one came at the end, no end is flat."""
    assert result.plateau() is None


def test_people_as_keen_as_before_are_seldom_flagged() -> None:
    """In shops whose people all come at one pace, watched for unequal times, few in a hundred are flagged."""
    chance = Random(11)

    assert sum(one_pace(chance).plateau(min_people=10) is not None for _ in range(300)) <= 25


def one_pace(chance: Random) -> Survival:
    """Eighty people who come at one pace, each watched for a time of their own."""
    rows: list[Pair] = []
    for _ in range(80):
        start, wait = NOON - chance.uniform(0, 60) * DAY, chance.expovariate(1 / 60) * DAY
        rows.append((start, start + wait))
    return survival(rows, as_of=NOON)


@given(pairs())
def test_the_figures_are_those_of_time_watched_person_by_person(waits: list[Pair]) -> None:
    """How long everybody was watched in two equally long times, and how many came in the first of them."""
    people = step_by_hand(
        [*waits, *[(NOON - day * DAY / 8, NOON) for day in range(8)], *[(NOON - 9 * DAY, None)] * 5], NOON
    )
    result = survival(
        [*waits, *[(NOON - day * DAY / 8, NOON) for day in range(8)], *[(NOON - 9 * DAY, None)] * 5], as_of=NOON
    ).plateau(min_people=5)
    last = max(one.watched for one in people if one.converted)
    end = sorted(one.watched for one in people if not one.converted)[-5]
    start = max(2 * last - end, timedelta(0))
    arrived = sum(one.converted and start < one.watched <= last for one in people) - 1
    before, later = time_watched(people, start, last), time_watched(people, last, end)
    chance = Fraction(before, before + later) ** arrived if end > last else Fraction(1)

    if result is None:
        assert chance >= 0.0499
        return
    assert result.chance == pytest.approx(float(chance), rel=1e-9)
    assert result.expected == pytest.approx(arrived * later / before)
    assert result.waiting == sum(one.watched > last for one in people)


def time_watched(people: list[Step], start: timedelta, end: timedelta) -> int:
    """The microseconds between two times in which each was watched, summed."""
    return sum(max(min(one.watched, end) - start, timedelta(0)) // TICK for one in people)
