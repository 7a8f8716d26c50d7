"""Backtests: how good a rule would have been, from what was known then.

- `ask`: the door, `backtest`
- `dates`: the days of a replay
- `asked`: rules as whole numbers, and what they are held against
- `replay`, `standing`, `walk`: what was known on each day, and who bought
- `figures`, `resampled`, `scored`: sums, draws of people, figures
- `result`: what comes out
"""
from funnel.metrics.backtest.ask import backtest

__all__ = ["backtest"]
