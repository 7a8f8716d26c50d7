"""ClickHouse's own `windowFunnel` finds the same, where it means the same; where it does not, it differs as documented.

It counts how far each person came at their best entry. If one row meets several steps it needs "strict_once", or it
counts the row twice. Its "strict_increase" forgets an earlier entry for a later one of the same instant as the next
step, so it is used only if a person has one event an instant; there it must agree with its default.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel import conversion
from funnel.metrics import Matching
from tests.engines import FULL
from tests.metrics.conversion.model import Event
from tests.metrics.conversion.questions import START, minutes, table

pytestmark = pytest.mark.skipif(not FULL, reason="ClickHouse itself is asked in make test-full")

ROWS = st.lists(
    st.tuples(st.sampled_from("pqrs"), st.integers(0, 20), st.sampled_from("abcd")), min_size=1, max_size=40
)
STEPS = st.sampled_from([["a", "b"], ["a", "b", "c"], ["d", "b", "a", "c"]])
WITHIN = st.integers(1, 15)


@pytest.fixture(scope="module")
def session() -> Any:
    """Give ClickHouse, in this process."""
    return pytest.importorskip("chdb.session", reason="chdb is not installed").Session()


def theirs(session: Any, rows: list[tuple[str, int, str]], steps: list[str], within: int, *modes: str) -> list[int]:
    """How many people came at least to each step."""
    values = ", ".join(f"('{person}', {minute}, '{kind}')" for person, minute, kind in rows)
    given_modes = "".join(f", '{mode}'" for mode in modes)
    conditions = ", ".join(f"kind = '{kind}'" for kind in steps)
    confidence_level = f"windowFunnel({within}{given_modes})(toUInt64(minute), {conditions})"
    events = f"values('person String, minute UInt64, kind String', {values})"
    option = session.query(f"select {confidence_level} as level from {events} group by person", "CSV")  # noqa: S608 (our own words)
    levels = [int(line) for line in str(option).split()]
    return [
        sum(confidence_level >= min_people for confidence_level in levels) for min_people in range(1, len(steps) + 1)
    ]


def ours(rows: list[tuple[str, int, str]], steps: list[str], within: int, **arguments: Any) -> list[int]:
    """The same from a funnel; every kind occurs, by a person of its own."""
    others = [Event(f"only {kind}", START + minutes(99), kind) for kind in "abcd"]
    events = table([*(Event(person, START + minutes(minute), kind) for person, minute, kind in rows), *others])
    funnel = conversion(
        events,
        steps,
        within=minutes(within),
        as_of=START + minutes(200),
        matching=Matching(attempts="any"),
        **arguments,
    )
    return [funnel.steps[0].reached - 1, *(step.reached for step in funnel.steps[1:])]


@settings(max_examples=100)
@given(rows=ROWS, steps=STEPS, within=WITHIN)
def test_the_default_is_ranked_ties(
    session: Any, rows: list[tuple[str, int, str]], steps: list[str], within: int
) -> None:
    """People come as far, also where events share an instant."""
    assert ours(rows, steps, within) == theirs(session, rows, steps, within)


@settings(max_examples=100)
@given(rows=ROWS, within=WITHIN, times=st.integers(2, 4))
def test_strict_once_is_one_row_for_one_step(
    session: Any, rows: list[tuple[str, int, str]], within: int, times: int
) -> None:
    """If one kind occurs in two steps, one event is one step."""
    rows = [(person, minute, kind) for person, minute, kind in dict.fromkeys(rows)]
    assert ours(rows, ["a"] * times, within) == theirs(session, rows, ["a"] * times, within, "strict_once")


@settings(max_examples=100)
@given(rows=ROWS, steps=STEPS, within=WITHIN)
def test_strict_increase_is_later_ties(
    session: Any, rows: list[tuple[str, int, str]], steps: list[str], within: int
) -> None:
    """If a person has one event an instant, each step is later anyway, and all agree."""
    alone = list({(person, minute): (person, minute, kind) for person, minute, kind in rows}.values())

    assert ours(alone, steps, within, matching=Matching(tie_break="later")) == theirs(
        session, alone, steps, within, "strict_increase"
    )
    assert ours(alone, steps, within, matching=Matching(tie_break="later")) == ours(alone, steps, within)


# ---- strict_order is another question ------------------------------------------------------------------------------


def in_strict_order(kinds: list[str], steps: list[str]) -> int:
    """How far one person comes in ClickHouse's `strict_order`, as the docs of this library describe it."""
    done = 0
    for kind in kinds:
        if done == 0:
            done = int(kind == steps[0])
        elif done < len(steps) and kind == steps[done]:
            done += 1
        elif kind not in steps[:done]:
            return done
    return done


@settings(max_examples=100)
@given(kinds=st.lists(st.sampled_from("aabbcx"), min_size=1, max_size=8))
def test_strict_order_skips_repeats_and_ends_for_good(session: Any, kinds: list[str]) -> None:
    """Repeats of steps that are done are skipped; the first event of another kind ends it, whatever comes later."""
    rows = [("p", minute, kind) for minute, kind in enumerate(kinds)]
    steps = ["a", "b", "c"]
    depth = in_strict_order(kinds, steps)

    assert theirs(session, rows, steps, 99, "strict_order") == [int(depth >= min_people) for min_people in (1, 2, 3)]


@pytest.mark.parametrize(
    ("kinds", "clickhouse", "first", "best"),
    [("aab", 2, 1, 2), ("axab", 1, 1, 2), ("abac", 3, 2, 2), ("abc", 3, 3, 3)],
    ids=["a repeat", "a violation, then in order", "an earlier step again", "nothing between"],
)
def test_order_strict_is_not_strict_order(session: Any, kinds: str, clickhouse: int, first: int, best: int) -> None:
    """Here each step is the very next event, from the first entry or from the best one."""
    rows = [("p", minute, kind) for minute, kind in enumerate(kinds)]
    steps = ["a", "b", "c"]
    events = table([Event(person, START + minutes(minute), kind) for person, minute, kind in rows])
    arguments: dict[str, Any] = {"within": minutes(99), "as_of": START + minutes(200), "order": "strict"}

    assert sum(theirs(session, rows, steps, 99, "strict_order")) == clickhouse
    assert sum(step.reached for step in conversion(events, steps, **arguments)) == first
    assert (
        sum(step.reached for step in conversion(events, steps, matching=Matching(attempts="any"), **arguments)) == best
    )
