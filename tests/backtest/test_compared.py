"""People with another answer from another rule or policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from funnel.backtest._compare import compare_rules
from funnel.errors import ArgumentError, InstantError
from funnel.facts import Facts
from funnel.logs import Logs
from funnel.policy import Policy
from funnel.rules._activity import is_lapsed
from funnel.rules._rfm import Segment, segment
from funnel.rules._rule import rule
from tests.engines import ENGINES, HERE
from tests.frames import read

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SILENT = (10, 40, 80, 100, 200)


def bought() -> pl.DataFrame:
    """Five people with one purchase each, silent for a number of days."""
    moments = [NOW - days * DAY for days in SILENT]
    people = [f"p{days}" for days in SILENT]
    return pl.DataFrame({"id": people, "person_id": people, "purchased_at": moments, "amount": [9] * 5})


@pytest.mark.parametrize("engine", HERE)
def test_who_moves_between_two_policies(engine: str) -> None:
    """With a shorter limit two more have lapsed; on every engine, by number and by name."""
    logs = Logs(**ENGINES[engine]({"purchases": bought()}))
    comparison = compare_rules(is_lapsed, is_lapsed, logs, Policy(), as_of=NOW, new_policy=Policy(lapse_after=60 * DAY))

    assert [(move.before, move.after, move.people) for move in comparison.changes] == [
        (False, False, 2),
        (False, True, 2),
        (True, True, 1),
    ]
    assert (comparison.total, comparison.changed) == (5, 2)
    assert [row["person_id"] for row in read(comparison.people(False, True))] == ["p100", "p80"]  # noqa: FBT003 (answers)


def test_two_rules_may_answer_in_different_words() -> None:
    """The table has the old answers down and the new ones across; a member of an enum may be named as it is."""

    @rule
    def score(f: Facts, policy: Policy) -> int | None:
        return 1 if f.since_last_purchase < 50 * DAY else None

    logs = Logs(purchases=bought())
    comparison = compare_rules(segment, score, logs, Policy(), as_of=NOW)
    text: Any = comparison.people(Segment.DORMANT, None) if ("dormant", None) in pairs(comparison) else None

    assert comparison.old == "segment"
    assert pairs(comparison) == [("new", 1), ("promising", 1), ("needs_attention", None), ("almost_lost", None)]
    assert comparison.people(Segment.NEW, 1)["person_id"].to_list() == ["p10"]
    assert comparison.people("almost_lost", None)["person_id"].to_list() == ["p200"]
    assert text is None
    assert str(comparison).splitlines()[:2] == [
        "5 of 5 people get a different answer on 2026-06-01",
        "segment, then score  None  1",
    ]
    assert comparison.old_answers == ("new", "promising", "needs_attention", "almost_lost")
    assert comparison.new_answers == (None, 1)
    assert comparison._repr_html_().count("<tr>") == 5
    assert comparison.to_dicts()[0] == {"before": "new", "after": 1, "people": 1, "is_unchanged": False}


def pairs(comparison: Any) -> list[tuple[Any, Any]]:
    """The pairs of answers that anybody has."""
    return [(move.before, move.after) for move in comparison.changes]


def test_a_move_that_nobody_makes_is_refused() -> None:
    """With those that are made and look most like it."""
    comparison = compare_rules(is_lapsed, is_lapsed, Logs(purchases=bought()), Policy(), as_of=NOW)

    with pytest.raises(ArgumentError, match=r"no person changes from True to False; .*True to True"):
        comparison.people(True, False)  # noqa: FBT003 (answers)
    with pytest.raises(InstantError, match="as_of is a naive datetime"):
        compare_rules(is_lapsed, is_lapsed, Logs(purchases=bought()), Policy(), as_of=NOW.replace(tzinfo=None))
