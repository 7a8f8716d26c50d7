from __future__ import annotations

import random
from math import isclose

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from funnel.errors import ArgumentError, FunnelError
from funnel.metrics._survival.logrank import logrank_test, solved, tail
from funnel.metrics._survival.result import Survival
from funnel.metrics._survival.survival import survival
from tests.metrics.survival.test_survival import PLACEBO, treated
from tests.metrics.waiting import DAY, NOON, Pair, Step, after, frame_of, pairs, step_by_hand

CROWDS = st.lists(pairs(), min_size=2, max_size=4)


def test_the_test_is_the_published_one() -> None:
    """On Freireich's data chi square is 16.79, p 0.00004; were both alike, 19.3 and 10.7 would have relapsed."""
    test = logrank_test({"drug": treated(), "placebo": after(*PLACEBO)})

    assert test.chi_square == pytest.approx(16.79, abs=5e-3)
    assert test.p_value == pytest.approx(4.17e-5, abs=5e-8)
    assert test.degrees == 1
    assert [(one.group, one.people, one.converted) for one in test.groups] == [("drug", 21, 9), ("placebo", 21, 21)]
    assert [one.expected for one in test.groups] == pytest.approx([19.25, 10.75], abs=5e-3)


@given(CROWDS)
def test_two_of_many_groups_are_tested_by_the_formula(crowds: list[list[Pair]]) -> None:
    """For two groups, chi square is the square of seen less expected, over the variance, counted person by person."""
    one, other = (step_by_hand(waits, NOON) for waits in crowds[:2])
    test = logrank_test({name: survival(waits, as_of=NOON) for name, waits in enumerate(crowds[:2])})

    difference, variance = by_hand(one, other)
    if variance == 0:
        assert (test.chi_square, test.p_value, test.degrees) == (None, None, 0)
        return
    assert test.chi_square == pytest.approx(difference**2 / variance, rel=1e-9, abs=1e-12)
    assert test.degrees == 1


def by_hand(one: list[Step], other: list[Step]) -> tuple[float, float]:
    """Seen less expected in the first of two groups, and its variance: hypergeometric at each time."""
    differences = variance = 0.0
    for time in {person.watched for person in [*one, *other] if person.converted}:
        n, m = (sum(person.watched >= time for person in group) for group in (one, other))
        observed, more = (
            sum(person.converted and person.watched == time for person in group) for group in (one, other)
        )
        events = observed + more
        differences += observed - events * n / (n + m)
        variance += events * n * m * (n + m - events) / ((n + m) ** 2 * (n + m - 1)) if n + m > 1 else 0
    return differences, variance


@given(CROWDS, st.randoms())
def test_the_order_of_the_groups_changes_nothing(crowds: list[list[Pair]], chance: random.Random) -> None:
    """Nor does it matter which group is named first; seen and expected come to the same in sum."""
    groups = {name: survival(waits, as_of=NOON) for name, waits in enumerate(crowds)}
    turned = list(groups)
    chance.shuffle(turned)
    here, there = logrank_test(groups), logrank_test({name: groups[name] for name in turned})

    assert here.degrees == there.degrees
    assert (here.chi_square or 0) == pytest.approx(there.chi_square or 0, rel=1e-6, abs=1e-9)
    assert sum(one.converted for one in here.groups) == pytest.approx(sum(one.expected for one in here.groups))
    assert {one.group for one in here.groups} | set(here.excluded) == set(groups)


@given(pairs(), st.integers(2, 4))
def test_groups_that_are_alike_do_not_differ(waits: list[Pair], times: int) -> None:
    """The same people twice or more have a chi square of 0, and chance makes as much of it always."""
    test = logrank_test(
        {name: survival([*waits, (NOON - DAY, NOON), (NOON - DAY, None)], as_of=NOON) for name in range(times)}
    )

    assert test.chi_square == pytest.approx(0, abs=1e-9)
    assert test.p_value == pytest.approx(1)
    assert test.degrees == times - 1


@given(pairs(), pairs(), pairs())
def test_a_group_that_is_named_twice_adds_nothing_it_could_hide(
    one: list[Pair], other: list[Pair], third: list[Pair]
) -> None:
    """Three groups differ at least as much as two of them put together do from the third."""
    curves = [survival(waits, as_of=NOON) for waits in (one, other, third)]
    together = logrank_test({"both": survival([*one, *other], as_of=NOON), "third": curves[2]})
    separate = logrank_test(dict(enumerate(curves)))

    assert (separate.chi_square or 0) >= (together.chi_square or 0) - 1e-9


@given(CROWDS)
@example([[(NOON - 3 * DAY, NOON - DAY), (NOON - DAY, None)], [(NOON - 2 * DAY, NOON)], [(NOON - DAY, NOON)] * 2])
def test_arrays_give_the_same_test(crowds: list[list[Pair]]) -> None:
    """Counted in whole arrays or time by time, the test is the same to its last digit."""
    pytest.importorskip("numpy")
    curves = {name: survival(waits, as_of=NOON) for name, waits in enumerate(crowds)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("funnel.metrics._survival.logrank._MANY", 1)
        in_arrays = logrank_test(curves)

    assert in_arrays == logrank_test(curves)


@pytest.mark.parametrize("groups", [1, 2, 64, 65])
def test_few_groups_and_many_are_those_of_their_rows(groups: int) -> None:
    """However many groups there are, each is that of its rows."""
    waits: list[Pair] = [(NOON - index * DAY / 8, None if index % 3 else NOON) for index in range(130)]
    names = [f"g{index % groups:02}" for index in range(130)]
    result = survival(frame_of(waits, name=names), by="name", as_of=NOON)

    assert list(result) == sorted(set(names))
    for name, one in result.items():
        own = [wait for wait, person in zip(waits, names, strict=True) if person == name]
        assert one == survival(own, as_of=NOON)


def test_small_groups_are_left_out_by_name() -> None:
    """Groups of too few people, or of whom nobody was watched when anybody converted, are named and not tested."""
    large = {"ad": after(1, 2, 3, min_people=3), "shop": after(4, 5, watched=[6], min_people=3)}
    small = {"radio": after(9, min_people=3), "unwatched": after(watched=[0, 0, 0], min_people=3)}
    test = logrank_test({**large, **small})

    assert test.excluded == ("radio", "unwatched")
    assert test.chi_square == logrank_test(large).chi_square


@pytest.mark.parametrize("groups", [{}, {"a": after(1, 2)}, {"a": after(1), "b": after(watched=[0])}])
def test_fewer_than_two_groups_are_no_test(groups: dict[str, Survival]) -> None:
    """The answer is that there is not enough, without figures."""
    test = logrank_test(groups)

    assert (test.chi_square, test.degrees, test.p_value) == (None, 0, None)
    assert str(test).startswith("not enough: ")
    assert test.to_dict() == {"chi_square": None, "degrees": 0, "p_value": None}


def test_all_at_one_instant_are_no_test() -> None:
    """If everybody of two groups converts at the same time nothing tells them apart."""
    assert logrank_test({"a": after(1, 1), "b": after(1, 1)}).chi_square is None


def test_a_group_that_was_gone_before_anybody_converted_is_left_out() -> None:
    """Nobody can say how it differs from the others, and it makes no degree of freedom."""
    test = logrank_test({"a": after(1, 2, watched=[2]), "b": after(1, 2, 2), "c": after(watched=[0.5])})

    assert test.excluded == ("c",)
    assert test.degrees == 1


@pytest.mark.parametrize(
    ("degrees", "chi_square", "published"),
    [(1, 3.841, 0.05), (1, 6.635, 0.01), (2, 5.991, 0.05), (3, 7.815, 0.05), (4, 13.277, 0.01), (5, 15.086, 0.01),
     (10, 18.307, 0.05), (15, 24.996, 0.05), (30, 43.773, 0.05), (100, 124.342, 0.05)],
)  # fmt: skip
def test_the_tail_is_the_one_of_the_tables(degrees: int, chi_square: float, published: float) -> None:
    """The five and one per cent points of M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 26.8."""
    assert tail(chi_square, degrees) == pytest.approx(published, abs=2e-5)


@given(st.integers(1, 600), st.floats(0, 2000))
@example(1, 5e-324)
def test_the_tail_falls(degrees: int, chi_square: float) -> None:
    """For 0 it is 1; the larger chi square the smaller it is, and the more degrees the larger."""
    assert tail(0, degrees) == 1.0
    assert 0 <= tail(chi_square, degrees) <= 1 + 1e-9
    assert tail(chi_square + 1, degrees) <= tail(chi_square, degrees) + 1e-12
    assert tail(chi_square, degrees + 2) >= tail(chi_square, degrees)


def test_equations_that_follow_from_others_say_nothing() -> None:
    """Each row of a variance is less the sum of the others, so one is left out."""
    result, rank = solved([[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, -1.0, 2.0]], [1.0, 0.0, -1.0])

    assert rank == 2
    assert all(
        isclose(sum(left * value for left, value in zip(row, result, strict=True)), right, abs_tol=1e-9)
        for row, right in zip([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], [1, 0, -1], strict=True)
    )
    assert solved([], []) == ([], 0)


def test_it_reads_with_what_was_seen_and_expected() -> None:
    """No number stands alone, and a very small chance is not told to the last digit."""
    test = logrank_test({"drug": treated(), "placebo": after(*PLACEBO)})
    text = (
        "chi square 16.79, degrees 1, p below 0.001 "
        "(drug: 9 converted, 19.3 expected; placebo: 21 converted, 10.7 expected)"
    )

    assert str(test) == text
    assert test._repr_html_() == f'<span title="log-rank test">{text}</span>'
    assert [row["group"] for row in test.to_dicts()] == ["drug", "placebo"]
    assert str(logrank_test({"a": after(1)})) == "not enough: 1 group to compare"
    assert str(logrank_test({})) == "not enough: 0 groups to compare"


# ---- by groups -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(pairs(most=6), st.sampled_from(["ad", "shop", None])), max_size=4))
def test_each_group_is_those_with_its_value(parts: list[tuple[list[Pair], str | None]]) -> None:
    """The survival of each group is that of its rows alone; empty values are a group of their own, the last."""
    rows = [(pair, source) for waits, source in parts for pair in waits]
    result = survival(
        frame_of([pair for pair, _ in rows], source=[source for _, source in rows]), by="source", as_of=NOON
    )
    sources = sorted(
        {source for (start, _), source in rows if start <= NOON}, key=lambda source: (source is None, source)
    )

    assert list(result) == sources
    assert len(result) == len(sources)
    for source in sources:
        assert result[source] == survival([pair for pair, one in rows if one == source], as_of=NOON)
    assert result.logrank_test == logrank_test(dict(result))


def test_a_number_that_is_none_is_an_empty_value() -> None:
    """A value that is not a number, and an empty one, are one group."""
    waits = frame_of([(NOON, None)] * 4).with_columns(size=pl.Series([1.5, float("nan"), None, 1.5]))
    result = survival(waits, by="size", as_of=NOON)

    assert [(size, one.people) for size, one in result.items()] == [(1.5, 2), (None, 2)]


def test_several_columns_make_groups_together() -> None:
    """A group of several columns is named by all of their values."""
    waits = [(NOON - DAY, NOON), (NOON - DAY, None), (NOON - DAY, None)]
    result = survival(
        frame_of(waits, source=["ad", "ad", "shop"], town=["x", "y", "x"]), by=["source", "town"], as_of=NOON
    )

    assert list(result) == [("ad", "x"), ("ad", "y"), ("shop", "x")]
    assert result["ad", "x"].converted == 1


def test_groups_read_one_a_line() -> None:
    """Each group with its counts, then the test; as rows and in a notebook too."""
    waits = [(NOON - day * DAY, NOON) for day in (1, 2, 3, 7, 8, 9)]
    result = survival(
        frame_of(waits, source=["<ad>"] * 3 + ["shop"] * 3), by="source", as_of=NOON, min_people=3, confidence_level=0.9
    )
    lines = str(result).splitlines()

    assert lines[0].startswith("<ad>: 3 people, 3 converted, 0 still waiting; watched for up to 3 d; median 2 d (")
    assert lines[2].startswith("log-rank test: chi square ")
    assert result._repr_html_().startswith("&lt;ad&gt;: 3 people")
    assert [(row["group"], row["confidence_level"]) for row in result.to_dicts()] == [("<ad>", 0.9), ("shop", 0.9)]


def test_groups_need_a_column() -> None:
    """Without one, or with one that is not there, the error says what to do."""
    with pytest.raises(FunnelError, match="by must name at least one column"):
        survival(frame_of([]), by=[], as_of=NOON)
    with pytest.raises(FunnelError, match=r"durations.sauce: is missing; did you mean source\?"):
        survival(frame_of([], source=[]), by="sauce", as_of=NOON)


def test_what_is_not_a_mapping_of_curves_is_refused() -> None:
    """A list of curves has no names."""
    with pytest.raises(ArgumentError, match="groups must be survival curves by name"):
        logrank_test([])  # type: ignore[arg-type]
