"""The number of people for each result of a rule, such as the number in each stage."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import from_native
from funnel._dataframes.compute import to_rows
from funnel._people import logs_of
from funnel.logs import Logs
from funnel.metrics._purchases import PERSON
from funnel.policy import Policy
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule


def people_by(rule: Rule[Any, Any, Any], logs: Logs, policy: Policy, *, as_of: datetime) -> dict[Any, int]:
    """Count people by the result of a rule, such as the people in each stage.

    For people by origin or by an own column, see `repeat_by`, and `by=` of `conversion` and `retention`.

    Args:
        rule: The rule.
        logs: The shop's records as tables.
        policy: The shop's policy.
        as_of: The evaluation time.

    Returns:
        The number of people for each result that occurs: None first, then in the order of the enum, or ascending.
        An enum member is returned as its value.

    Raises:
        ArgumentError: The argument is not a rule.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy, stage
        >>> bought = {"id": [1], "person_id": ["a"], "purchased_at": [datetime(2026, 3, 1, tzinfo=UTC)], "amount": [9]}
        >>> people_by(stage, Logs(purchases=pl.DataFrame(bought)), Policy(), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        {'customer': 1}
    """
    answers = from_native(check_is_rule(rule).over(logs_of(logs), policy, as_of=as_of)).frame.select(
        PERSON, _answer=nw.col(rule.name)
    )
    counts = answers.group_by("_answer").agg(nw.col(PERSON).count().alias("_people"))
    people_of = {answer: int(people) for answer, people in to_rows(counts, "_answer", "_people")}
    return {answer: people_of[answer] for answer in sorted(people_of, key=rule._compiled_rule(policy).answer_key)}
