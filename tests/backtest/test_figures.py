"""Figures from counts are those of every pair and every tie looked at one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.backtest._figures import BINS, Draws, binned, counts_by_score, quotient, ranked, spread, tiers
from tests.backtest.model import Row, pairs_in_order, top_tenth

ROWS = st.lists(st.tuples(st.sampled_from([-(2**62), -3, 0, 1, 2, 70_000, 2**40]), st.booleans()), max_size=40)
FIXED: list[Row] = [(5, True), (5, False), (3, True), (1, False), (1, False), (0, True)]


def ranked_rows(rows: list[Row]) -> list[float]:
    """The sums of a ranking of rows."""
    distinct, indexes = tiers(np.array([score for score, _ in rows], np.int64))
    return ranked(*counts_by_score(indexes, np.array([bought for _, bought in rows], np.bool_), len(distinct))).tolist()


@given(ROWS)
def test_pairs_and_the_top_tenth_are_those_of_every_pair(rows: list[Row]) -> None:
    """Sorted and summed, or pair by pair: the same, with ties half and the tied in the top by equal parts."""
    above, pairs = pairs_in_order(rows)
    size, buyers = top_tenth(rows)

    assert ranked_rows(rows) == pytest.approx([float(size), float(buyers), float(above), pairs])


def test_pairs_of_a_ranking_that_can_be_counted() -> None:
    """Nine pairs, four with the buyer above and one tied; the top tenth is half of a tie of two."""
    assert ranked_rows(FIXED) == [0.6, 0.3, 4.5, 9]


@given(ROWS)
def test_scores_close_together_and_far_apart_are_counted_alike(rows: list[Row]) -> None:
    """Every score stands at its place among those there are."""
    scores = [score for score, _ in rows]
    distinct, indexes = tiers(np.array(scores, np.int64))

    assert distinct.tolist() == sorted(set(scores))
    assert distinct[indexes].tolist() == scores


def test_the_scores_of_nobody() -> None:
    """Nobody has no score."""
    distinct, indexes = tiers(np.array([], np.int64))

    assert len(distinct) == len(indexes) == 0


def test_whole_numbers_far_and_near_keep_their_places() -> None:
    """Both ways to count give the scores in order."""
    for far in (9, 2**50):
        distinct, indexes = tiers(np.array([far, 0, far, 3], np.int64))
        assert (distinct.tolist(), indexes.tolist()) == ([0, 3, far], [2, 0, 2, 1])


def test_nothing_is_divided_by_nothing() -> None:
    """Such a quotient is not a number, and others stay right."""
    quotients = quotient(np.array([1.0, 1.0]), np.array([0.0, 4.0]))

    assert np.isnan(quotients[0])
    assert quotients[1] == 0.25


def test_the_first_draw_is_everyone_once() -> None:
    """With few people and few scores it gives exactly the sums themselves; every draw is of as many people."""
    draws = Draws.of(6, seed=1)
    scores, bought = (np.array(part) for part in zip(*FIXED, strict=True))
    distinct, indexes = tiers(scores)
    people, _ = counts_by_score(indexes, bought, len(distinct))
    sums = draws.ranked(draws.group, indexes, bought, people)

    assert sums[0].tolist() == ranked_rows(FIXED)
    assert set(draws.weights.sum(axis=1)) == {6}
    assert draws.summed(draws.group)[0] == 6


def test_the_same_seed_draws_the_same_people() -> None:
    """An interval is the same whoever asks for it."""
    first, repeated, other = (Draws.of(1000, seed) for seed in (1, 1, 2))

    assert (first.weights == repeated.weights).all()
    assert (first.group == repeated.group).all()
    assert (first.group != other.group).any()


def test_many_scores_are_put_together_in_order() -> None:
    """Bins hold about as many people each, and never part those of one score."""
    people = np.ones(BINS * 4)
    people[7] = 50.0
    bins = binned(people)

    assert (np.diff(bins) >= 0).all()
    assert bins[0] == 0
    assert bins[-1] == BINS - 1
    assert binned(np.ones(5)).tolist() == [0, 1, 2, 3, 4]


def test_an_interval_needs_most_of_the_draws() -> None:
    """If one draw in twenty has no figure, there is no interval; else it lies around the figure."""
    values = np.concatenate([[0.5], np.linspace(0.4, 0.6, 100)])
    holes = values.copy()
    holes[1:7] = np.nan

    assert spread(values, 0.7, 0.95) == pytest.approx((0.605, 0.795))
    assert spread(holes, 0.7, 0.95) is None


def test_an_interval_is_about_as_wide_as_the_textbook_says() -> None:
    """For a share of 2,000 people in groups, the interval is within a fifth of two standard errors to each side."""
    bought = np.random.default_rng(3).random(2000) < 0.3
    draws = Draws.of(2000, seed=0)
    shares = quotient(draws.summed(draws.group[bought]), draws.summed(draws.group))
    low, high = spread(shares, bought.mean(), 0.95) or (0, 0)
    share = bought.mean()

    assert high - low == pytest.approx(2 * 1.96 * (share * (1 - share) / 2000) ** 0.5, rel=0.2)
