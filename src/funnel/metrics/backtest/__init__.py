"""Backtests: how good a rule would have been, from what was known then.

- `ask`: the door, `backtest`
- `dates`: the days of a replay
- `asked`, `answered`: rules as whole numbers, and what they are held against
- `replay`, `standing`, `walk`: what was known on each day, and who bought
- `figures`, `resampled`, `scored`: sums, draws of people, figures
- `result`: what comes out
- `calibrated`: probabilities from points; `compared`: who moves between two rules
"""

from funnel.metrics.backtest.ask import backtest
from funnel.metrics.backtest.calibrated import Calibration, CalibrationLevel, calibrate
from funnel.metrics.backtest.compared import AnswerMove, RuleComparison, compare
from funnel.metrics.backtest.result import AnswerShare, Backtest, Figure, FigureChange, Ranking, Reliability

__all__ = [
    "AnswerMove",
    "AnswerShare",
    "Backtest",
    "Calibration",
    "CalibrationLevel",
    "Figure",
    "FigureChange",
    "Ranking",
    "Reliability",
    "RuleComparison",
    "backtest",
    "calibrate",
    "compare",
]
