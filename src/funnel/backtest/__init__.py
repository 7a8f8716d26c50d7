"""Backtests: how well a rule would have performed, and what changes between two rules or policies."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "AnswerChange": "backtest._compare",
        "AnswerScale": "backtest._scale",
        "AnswerShare": "backtest._result",
        "Backtest": "backtest._result",
        "BacktestDates": "backtest._dates",
        "Calibration": "backtest._calibration",
        "CalibrationLevel": "backtest._calibration",
        "Figure": "backtest._result",
        "FigureChange": "backtest._result",
        "Ranking": "backtest._result",
        "Reliability": "backtest._result",
        "RuleBook": "metrics._stage_flow.stage_difference",
        "RuleComparison": "backtest._compare",
        "StageChange": "metrics._stage_flow.difference_result",
        "StageCountChange": "metrics._stage_flow.difference_result",
        "StageDifference": "metrics._stage_flow.difference_result",
        "TransitionChange": "metrics._stage_flow.difference_result",
        "backtest": "backtest._backtest",
        "calibrate": "backtest._calibration",
        "compare_rules": "backtest._compare",
        "stage_difference": "metrics._stage_flow.stage_difference",
    },
)
