"""Options of `backtest_table`: rules, a function that fits a model, and the length of the worklist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import attrs

from funnel._arguments import count_of, each, instance, kind_of
from funnel.backtest._dates import BacktestDates
from funnel.backtest._questions import DEFAULT_SCALE, AnswerScale, AnyRule
from funnel.errors import ArgumentError
from funnel.rules._check import check_is_rule
from funnel.rules._readiness import readiness_points, readiness_rank


class FittedModel(Protocol):
    """Model of purchases, such as `BuyingModel`."""

    name: str

    def over(self, summaries: Any, *, within: Any) -> Any:
        """Return the columns `chance` and `expected`."""

    def next_purchases(self, summaries: Any, *, buyers: Any) -> Any:
        """Return the columns `earliest`, `likely` and `latest`."""


Fit: TypeAlias = Callable[[Any], FittedModel]
"""Function that fits a model to the summaries of all buyers, such as `buying_model`."""


def _scales(rules: object) -> Mapping[AnyRule, AnswerScale]:
    """Return each rule with the order of its answers."""
    mapping: Any = rules
    scales: dict[Any, Any] = (
        dict(mapping)
        if isinstance(rules, Mapping)
        else dict.fromkeys(each(rules, "rules", "a list of rules"), DEFAULT_SCALE)
    )
    for one, scale in scales.items():
        check_is_rule(one, "each of rules")
        instance(scale, AnswerScale, f"the scale of {one.name}", "an AnswerScale")
    return scales


def _default_rules() -> dict[AnyRule, AnswerScale]:
    return {readiness_rank: DEFAULT_SCALE, readiness_points: DEFAULT_SCALE}


@attrs.frozen(kw_only=True)
class BacktestQuestions:
    """Rules, model and length of the worklist that `backtest_table` measures.

    Args:
        rules: Rules that rank people, as a list; or as a mapping of each rule to its `AnswerScale`, for rules that
            answer with words.
        calibrate_on: Earlier days, on which the answers of the rules are turned into chances. Days whose horizon is not
            over on the first day of the backtest are left out. None: the rules have no chances.
        fit: Function that fits a model to the summaries of all buyers, such as `buying_model`. It is called for each
            day. None: no model.
        limit: Number of people to contact in a day: the length of the worklist. None: no limit.

    Raises:
        ArgumentError: An element of `rules` is not a rule, two rules have one name, `limit` is not a whole number, or
            `fit` is not a function.

    Example:
        >>> [one.name for one in BacktestQuestions(limit=20).rules]
        ['readiness_rank', 'readiness_points']
    """

    rules: Mapping[AnyRule, AnswerScale] = attrs.field(factory=_default_rules, converter=_scales)
    calibrate_on: BacktestDates | None = None
    fit: Fit | None = None
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        """Validate the options."""
        if self.calibrate_on is not None:
            instance(self.calibrate_on, BacktestDates, "calibrate_on", "a BacktestDates")
        if self.limit is not None:
            count_of(self.limit, "limit", minimum=1)
        if not (self.fit is None or callable(self.fit)):
            raise ArgumentError(f"fit must be a function of summaries, such as buying_model (got {kind_of(self.fit)})")
        if len(self.subjects) < len(self.rules):
            names = ", ".join(one.name for one in self.rules)
            raise ArgumentError(f"rules must have different names (got {names}); rename one of them")

    @property
    def subjects(self) -> dict[str, tuple[AnyRule, AnswerScale]]:
        """Each rule with the order of its answers, by name."""
        return {one.name: (one, scale) for one, scale in self.rules.items()}
