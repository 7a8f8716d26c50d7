"""Churn reasons: the reasons that lapsed buyers gave, and the service problems before.

Two questions, because neither alone is enough. How many lapsed buyers gave a reason, and which one? And for all buyers
at equal follow-up: do people with a service problem return less often than the rest?

Invariants: every lapsed buyer is in exactly one reason, or among the people without a reason. Each buyer is compared
once, from one purchase, over the same time.

A person who got all their money back is not a buyer and is in neither part; `funnel.Facts` counts them in
`refund_count`.
Source: the article "Repeat order" ("know why those who do not return left"). The comparison is a landmark analysis: J.
R. Anderson, K. C. Cain and R. D. Gelber, "Analysis of survival by tumor response", Journal of Clinical Oncology 1
(1983), 710-719.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import attrs

from funnel._arguments import count_of, parse_as_of
from funnel._format import Table, Tabular
from funnel._results import Charted, Rows
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.logs import Logs
from funnel.metrics._churn_reasons.counts import PROBLEMS, ReasonKey, reason_counts, return_counts
from funnel.metrics._display import days, percent
from funnel.metrics._rate import DEFAULT_MIN_PEOPLE, Difference, Rate
from funnel.policy import Policy, check_is_policy
from funnel.stages import Stage

Word: TypeAlias = Literal["no", "not_yet"]
"""The last answer of a person: "no", or "not yet"."""


@attrs.frozen
class ChurnReason:
    """One reason why people left.

    Attributes:
        answer: Whether the reason came with a "no" or a "not yet".
        reason: The reason.
        rate: People who gave it, of people whose reason is known.
        weighted: The share if people of every stage had given reasons equally often; None if nobody of one stage did.
        lower_bound: Lower bound of the share of all people who left: the people who gave the reason.
        upper_bound: Upper bound of the share: the people who gave the reason, and all people who gave none.
    """

    answer: Word
    reason: str
    rate: Rate
    weighted: float | None
    lower_bound: float
    upper_bound: float


@attrs.frozen
class ChurnOrigin:
    """People who left from one stage.

    Attributes:
        stage: Stage before the silence: customer after one purchase, repeat customer after more.
        lapsed: Lapsed people, of all people with that many purchases.
        reason_known: People whose reason is known, of lapsed people.
        reasons: The reasons, most frequent first.
    """

    stage: Stage
    lapsed: Rate
    reason_known: Rate
    reasons: tuple[ChurnReason, ...]


@attrs.frozen
class ServiceProblem:
    """Comparison of people with and without one service problem, by later return.

    Attributes:
        problem: The problem: complaint, late_delivery, unanswered_question, or any of these.
        with_it: People who returned, of people with the problem.
        without: People who returned, of the rest.
        difference: `with_it` less `without`, with its interval.
    """

    problem: str
    with_it: Rate
    without: Rate
    difference: Difference


@attrs.frozen
class ChurnReasons(Charted, Rows, Tabular):
    """Result of `churn_reasons`: why lapsed buyers left, as far as it is known.

    Attributes:
        as_of: The evaluation time.
        lapsed: Lapsed people, of all buyers.
        reason_known: People whose reason is known, of lapsed people.
        reasons: The reasons, most frequent first.
        stages: The same by the stage that people left from.
        problem_within: Time after a purchase in which a problem counts.
        within: Time after the same purchase in which a return counts.
        problems: Return rates with and without each problem; empty if no window is complete.
        returned_early: Number of buyers who bought again within `problem_within`; these are not compared.
        pending: Number of buyers without a purchase as old as `within`. Their outcome is open.
    """

    as_of: datetime
    lapsed: Rate
    reason_known: Rate
    reasons: tuple[ChurnReason, ...]
    stages: tuple[ChurnOrigin, ...]
    problem_within: timedelta
    within: timedelta
    problems: tuple[ServiceProblem, ...]
    returned_early: int
    pending: int

    _CHART = "people.churn_reasons"

    @property
    def summary(self) -> str:
        """Return the conclusion and its limits, as text."""
        if not self.lapsed.successes:
            return "Nobody has lapsed."
        share = percent(self.reason_known.value)
        start = f"{self.lapsed.successes:,} people have lapsed; the reason is known for {share} of them."
        if not self.reasons:
            return f"{start} Ask the people who left."
        one = self.reasons[0]
        bounds = f"{100 * one.lower_bound:.1f} and {100 * one.upper_bound:.1f} %"
        return (
            f"{start} People who give a reason may differ from the others: between {bounds} of all lapsed people left "
            f"for the first reason, {one.reason}."
        )

    @property
    def comparison(self) -> str:
        """Return what the comparison shows, and what it does not."""
        return (
            f"Bought again later than {days(self.problem_within)} and within {days(self.within)} of a purchase, by "
            f"service problem in the first {days(self.problem_within)}; {self.returned_early:,} bought again earlier, "
            f"{self.pending:,} pending. "
            "This compares people: people who complain may care more than people who leave silently."
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per stage and reason, and one per stage without a known reason."""
        return [row for one in self.stages for row in _rows_of(one)]

    def _reason_rows(self) -> list[tuple[object, ...]]:
        return [
            (f"{one.answer.replace('_', ' ')}: {one.reason}", one.rate, percent(one.weighted), _bounds(one))
            for one in self.reasons
        ]

    def _stage_rows(self) -> list[tuple[object, ...]]:
        firsts = (one.reasons[0].reason if one.reasons else "" for one in self.stages)
        return [
            (one.stage.value, one.lapsed, one.reason_known, why) for one, why in zip(self.stages, firsts, strict=True)
        ]

    def _problem_rows(self) -> list[tuple[object, ...]]:
        return [(one.problem.replace("_", " "), one.with_it, one.without, one.difference) for one in self.problems]

    def _tables(self) -> Iterator[Table]:
        yield (
            self.summary,
            ("reason", "of people with a reason", "weighted by stage", "of all lapsed people"),
            self._reason_rows(),
        )
        yield "", ("stage", "lapsed", "reason known", "first reason"), self._stage_rows()
        yield self.comparison, ("problem", "returned", "returned of the rest", "difference"), self._problem_rows()


def _bounds(one: ChurnReason) -> str:
    return f"{100 * one.lower_bound:.1f} to {100 * one.upper_bound:.1f} %"


def _rows_of(one: ChurnOrigin) -> Iterator[dict[str, Any]]:
    common = {
        "stage": one.stage.value,
        "buyers": one.lapsed.trials,
        "lapsed": one.lapsed.successes,
        "reason_known": one.reason_known.successes,
    }
    for reason in one.reasons:
        yield {**common, "answer": reason.answer, "reason": reason.reason, "people": reason.rate.successes}
    if not one.reasons:
        yield {**common, "answer": None, "reason": None, "people": 0}


def churn_reasons(logs: Logs, policy: Policy, *, as_of: datetime, min_people: int = DEFAULT_MIN_PEOPLE) -> ChurnReasons:
    """Compute why lapsed buyers left: reasons given, and earlier service problems.

    The reason is that of a person's last "no" or "not yet" after their last purchase. A service problem is a complaint,
    a delivery later than promised, or a question unanswered for longer than `answer_within`. The comparison starts at
    each buyer's last purchase that is at least `lapse_after` old. A problem counts in the first `after_sale_for` after
    it. A return is a purchase after that time and within `lapse_after`.

    Args:
        logs: All records; the interactions hold reasons, complaints and questions.
        policy: The shop's policy.
        as_of: The evaluation time.
        min_people: Minimum number of people on each side for a reported difference.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The policy's `after_sale_for` is not shorter than its `lapse_after`.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy
        >>> when = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "b", "c"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> no = {"id": [1], "person_id": ["a"], "occurred_at": when[1:2], "kind": ["declined"], "reason": ["price"]}
        >>> logs = Logs(purchases=pl.DataFrame(bought), interactions=pl.DataFrame(no))
        >>> reasons = churn_reasons(logs, Policy(), as_of=datetime(2026, 9, 1, tzinfo=UTC))
        >>> print(reasons.reason_known)
        33.3 % (1 of 3; 6.1 to 79.2 %)
        >>> [(one.answer, one.reason, one.rate.successes) for one in reasons.reasons]
        [('no', 'price', 1)]
    """
    now = parse_as_of(as_of)
    check_is_policy(policy)
    count_of(min_people, "min_people", minimum=1)
    if policy.after_sale_for >= policy.lapse_after:
        raise ArgumentError(
            f"after_sale_for must be shorter than lapse_after (got {days(policy.after_sale_for)} and "
            f"{days(policy.lapse_after)}); change one of them in the policy"
        )
    counts = reason_counts(logs, policy, now)
    reasons_of_lapsed = {is_repeat: _reasons_of_lapsed(counts, is_repeat=is_repeat) for is_repeat in (False, True)}
    stages = tuple(_origin(counts, reasons, is_repeat=is_repeat) for is_repeat, reasons in reasons_of_lapsed.items())
    compared, returned_early, pending = return_counts(logs, policy, now)
    names = [name for name in PROBLEMS if name == "late_delivery" or "interactions" in logs._tables]
    return ChurnReasons(
        as_of=instant(now),
        lapsed=_together(one.lapsed for one in stages),
        reason_known=_together(one.reason_known for one in stages),
        reasons=_reasons(list(reasons_of_lapsed.values())),
        stages=stages,
        problem_within=policy.after_sale_for,
        within=policy.lapse_after,
        problems=tuple(_compared(compared, names, min_people)) if compared else (),
        returned_early=returned_early,
        pending=pending,
    )


# ---- reasons -------------------------------------------------------------------------------------------------------


def _together(rates: Iterable[Rate]) -> Rate:
    all_rates = list(rates)
    return Rate(sum(one.successes for one in all_rates), sum(one.trials for one in all_rates))


ReasonCounts: TypeAlias = Mapping[tuple[str, str], int]
"""Number of people by answer and reason; both are "" for people who gave none."""

_NOTHING = ("", "")


def _reasons_of_lapsed(counts: Mapping[ReasonKey, int], *, is_repeat: bool) -> ReasonCounts:
    """Return the answers of people who lapsed from a stage."""
    return {(key[2], key[3]): people for key, people in counts.items() if key[:2] == (is_repeat, True)}


def _origin(counts: Mapping[ReasonKey, int], reasons: ReasonCounts, *, is_repeat: bool) -> ChurnOrigin:
    buyers = sum(people for key, people in counts.items() if key[0] is is_repeat)
    lapsed, silent = sum(reasons.values()), reasons.get(_NOTHING, 0)
    stage = Stage.REPEAT_CUSTOMER if is_repeat else Stage.CUSTOMER
    return ChurnOrigin(stage, Rate(lapsed, buyers), Rate(lapsed - silent, lapsed), _reasons([reasons]))


def _reasons(stages: Sequence[ReasonCounts]) -> tuple[ChurnReason, ...]:
    """Return the reasons from all these stages, most frequent first."""
    counts = {key: sum(one.get(key, 0) for one in stages) for one in stages for key in one}
    silent, total = counts.pop(_NOTHING, 0), sum(counts.values())
    keys = sorted(counts, key=lambda key: (-counts[key], key))
    return tuple(
        ChurnReason(
            answer="no" if key[0] == "no" else "not_yet",
            reason=key[1],
            rate=Rate(counts[key], total),
            weighted=_weighted(key, stages),
            lower_bound=counts[key] / (total + silent),
            upper_bound=(counts[key] + silent) / (total + silent),
        )
        for key in keys
    )


def _weighted(key: tuple[str, str], stages: Sequence[ReasonCounts]) -> float | None:
    """Return the share of a reason if every stage had answered equally often."""
    stage_counts = [(one, sum(one.values()), sum(one.values()) - one.get(_NOTHING, 0)) for one in stages if one]
    if any(answered == 0 for _, _, answered in stage_counts):
        return None
    return sum(one.get(key, 0) / answered * people for one, people, answered in stage_counts) / sum(
        people for _, people, _ in stage_counts
    )


# ---- service problems ----------------------------------------------------------------------------------------------


def _compared(
    counts: Mapping[tuple[bool, ...], int], names: Sequence[str], min_people: int
) -> Iterator[ServiceProblem]:
    for name in [*names, "any"]:
        indexes = range(len(PROBLEMS)) if name == "any" else (PROBLEMS.index(name),)
        with_it, without = (_return_rate(counts, indexes, had=had) for had in (True, False))
        yield ServiceProblem(name, with_it, without, with_it.minus(without, min_people=min_people))


def _return_rate(counts: Mapping[tuple[bool, ...], int], indexes: Sequence[int], *, had: bool) -> Rate:
    chosen = [(key[-1], people) for key, people in counts.items() if any(key[index] for index in indexes) is had]
    return Rate(sum(people for back, people in chosen if back), sum(people for _, people in chosen))
