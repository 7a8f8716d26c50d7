"""Backtests: how well a rule would have performed, and what changes between two rules or policies."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "backtest._backtest": "backtest",
        "backtest._backtest_table": "backtest_table",
        "backtest._calibration": "Calibration CalibrationLevel calibrate",
        "backtest._compare": "AnswerChange RuleComparison compare_rules",
        "backtest._dates": "BacktestDates",
        "backtest._scorecard": "ScoreBand ScoreLevel Scorecard ScorecardDrift",
        "backtest._feature_table": "feature_table",
        "backtest._fit_points": "fit_points",
        "backtest._points": "ScorecardPolicy",
        "backtest._result": "AnswerShare Backtest Figure FigureChange Ranking Reliability",
        "backtest._questions": "AnswerScale",
        "backtest._table_questions": "BacktestQuestions",
        "backtest._table_result": "BacktestRow BacktestTable",
        "metrics._stage_flow.difference_result": "StageChange StageCountChange StageDifference TransitionChange",
        "metrics._stage_flow.stage_difference": "RuleBook stage_difference",
    },
)
