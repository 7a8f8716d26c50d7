"""How many people there are of each answer of a rule, such as how many stand in each stage."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._frames import enter
from funnel._people import logs_of
from funnel.metrics._purchases import PERSON, told

if TYPE_CHECKING:
    from funnel._rule import Rule
    from funnel.logs import Logs
    from funnel.policy import Policy


def people_by(rule: Rule[Any, Any, Any], logs: Logs, policy: Policy, *, as_of: datetime) -> dict[Any, int]:
    """How many people a rule answers with what: with `stage`, how many stand in each stage.

    Args:
        rule: The question.
        logs: Everyone's records.
        policy: The shop's numbers.
        as_of: The instant of judgement.

    Returns:
        The number of people of each answer that anybody has; an answer that is a member of an enum as its value.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy, stage
        >>> bought = {"id": [1], "person_id": ["a"], "purchased_at": [datetime(2026, 3, 1, tzinfo=UTC)], "amount": [9]}
        >>> people_by(stage, Logs(purchases=pl.DataFrame(bought)), Policy(), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        {'customer': 1}
    """
    answers = enter(rule.over(logs_of(logs), policy, as_of=as_of)).frame.select(PERSON, _answer=nw.col(rule.name))
    counts = answers.group_by("_answer").agg(nw.col(PERSON).count().alias("_people"))
    return {answer: int(people) for answer, people in sorted(told(counts, "_answer", "_people"), key=str)}
