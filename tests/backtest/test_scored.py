"""The figures of several days are those of every person and every pair of each day, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._expr.tree import Leaf
from funnel.backtest._calibration import calibrate
from funnel.backtest._figures import Draws
from funnel.backtest._questions import RuleQuery
from funnel.backtest._replay import Day, Replay
from funnel.backtest._scores import FigureSettings, scored
from tests.backtest.model import Row, pairs_in_order, top_tenth

DAYS = st.lists(st.lists(st.tuples(st.sampled_from([0, 10, 20, 90]), st.booleans()), max_size=12), max_size=4)
FITTED = calibrate([0, 10, 10, 20, 20], [False, False, True, True, True], min_people=1)


@given(DAYS)
def test_figures_of_days_are_those_of_plain_loops(days: list[list[Row]]) -> None:
    """Precision, recall, lift, AUC and the Brier score, from sums or from everyone one by one: the same."""
    flat = [row for rows in days for row in rows]
    flagged = [bought for score, bought in flat if score >= 20]
    buyers = sum(bought for _, bought in flat)
    tops, pairs = [top_tenth(rows) for rows in days], [pairs_in_order(rows) for rows in days]
    size, above, trials = sum(top for top, _ in tops), sum(one for one, _ in pairs), sum(one for _, one in pairs)
    error = sum(((FITTED.of(score) or 0.0) - bought) ** 2 for score, bought in flat)
    expected = {
        "precision": sum(flagged) / len(flagged) if flagged and buyers else None,
        "recall": sum(flagged) / buyers if buyers else None,
        "lift": float(sum(top for _, top in tops) / size) / (buyers / len(flat)) if buyers else None,
        "auc": float(above / trials) if trials else None,
        "brier": error / len(flat) if buyers else None,
    }

    assert figures_of(days) == {
        name: value if value is None else pytest.approx(value) for name, value in expected.items()
    }


def figures_of(days: list[list[Row]]) -> dict[str, float | None]:
    """The figures of a replay of such days, told of one buyer or more."""
    each = [_day(index, rows) for index, rows in enumerate(days)]
    one, draws = RuleQuery(Leaf(0), flags=20), Draws.of(12, seed=0)
    sums = scored(Replay(12, iter(each)), {"points": one}, draws, FITTED)
    ranking = FigureSettings(0.95, 1).ranking("points", one, sums.total["points"], None, is_chance=True)
    return {name: getattr(ranking, name).value for name in ("precision", "recall", "lift", "auc", "brier")}


def _day(index: int, rows: list[Row]) -> Day:
    scores, bought = np.array([score for score, _ in rows], np.int64), np.array([one for _, one in rows], np.bool_)
    return Day(index, np.arange(len(rows)), {"points": scores}, bought)
