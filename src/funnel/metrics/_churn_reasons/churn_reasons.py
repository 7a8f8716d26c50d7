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
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from funnel._arguments import count_of, parse_as_of
from funnel._time import instant
from funnel.errors import ArgumentError
from funnel.metrics._churn_reasons.counts import TROUBLES, Said, returns, whys
from funnel.metrics._rate import LEAST, Difference, Rate
from funnel.metrics._shown import as_html, as_text, days, percent
from funnel.policy import check_is_policy
from funnel.stages import Stage

if TYPE_CHECKING:
    from funnel.logs import Logs
    from funnel.policy import Policy

Word: TypeAlias = Literal["no", "not_yet"]
"""The last answer of a person: "no", or "not yet"."""


@attrs.frozen
class ChurnReason:
    """One reason why people left.

    Attributes:
        said: Whether the reason came with a "no" or a "not yet".
        reason: The reason.
        rate: People who gave it, of people whose reason is known.
        weighted: The share if people of every stage had given reasons equally often; None if nobody of one stage did.
        lower_bound: Lower bound of the share of all people who left: the people who gave the reason.
        upper_bound: Upper bound of the share: the people who gave the reason, and all people who gave none.
    """

    said: Word
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
        left: Lapsed people, of all people with that many purchases.
        known: People whose reason is known, of lapsed people.
        reasons: The reasons, most frequent first.
    """

    stage: Stage
    left: Rate
    known: Rate
    reasons: tuple[ChurnReason, ...]


@attrs.frozen
class ServiceProblem:
    """Comparison of people with and without one service problem, by later return.

    Attributes:
        trouble: The problem: complaint, late_delivery, unanswered_question, or any of these.
        with_it: People who returned, of people with the problem.
        without: People who returned, of the rest.
        difference: `with_it` less `without`, with its interval.
    """

    trouble: str
    with_it: Rate
    without: Rate
    difference: Difference


@attrs.frozen
class ChurnReasons:
    """Result of `churn_reasons`: why lapsed buyers left, as far as it is known.

    Attributes:
        as_of: The evaluation time.
        left: Lapsed people, of all buyers.
        known: People whose reason is known, of lapsed people.
        reasons: The reasons, most frequent first.
        stages: The same by the stage that people left from.
        soon: Time after a purchase in which a problem counts.
        within: Time after the same purchase in which a return counts.
        troubles: Return rates with and without each problem; empty if no window is complete.
        quick: Number of buyers who bought again within `soon`; these are not compared.
        pending: Number of buyers without a purchase as old as `within`. Their outcome is open.
    """

    as_of: datetime
    left: Rate
    known: Rate
    reasons: tuple[ChurnReason, ...]
    stages: tuple[ChurnOrigin, ...]
    soon: timedelta
    within: timedelta
    troubles: tuple[ServiceProblem, ...]
    quick: int
    pending: int

    @property
    def summary(self) -> str:
        """Return what can be concluded, and what cannot."""
        if not self.left.successes:
            return "Nobody has lapsed."
        start = f"{self.left.successes:,} have lapsed; of {percent(self.known.value)} of them the reason is known."
        if not self.reasons:
            return f"{start} Ask those who have gone."
        one = self.reasons[0]
        bounds = f"{100 * one.lower_bound:.1f} and {100 * one.upper_bound:.1f} %"
        return (
            f"{start} Who says why need not be like who does not: between {bounds} of all of them left for the first "
            f"reason, {one.reason}."
        )

    @property
    def comparison(self) -> str:
        """Return what the comparison shows, and what it does not."""
        return (
            f"Bought again later than {days(self.soon)} and within {days(self.within)} of a purchase, by what went "
            f"wrong in the first {days(self.soon)}; {self.quick:,} had bought again by then, {self.pending:,} pending. "
            "It compares people: who complains may care more than who goes silently."
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per stage and reason, and one per stage without a known reason."""
        return [row for one in self.stages for row in _rows_of(one)]

    def _reason_rows(self) -> list[tuple[object, ...]]:
        return [
            (f"{one.said.replace('_', ' ')}: {one.reason}", one.rate, percent(one.weighted), _bounds(one))
            for one in self.reasons
        ]

    def _stage_rows(self) -> list[tuple[object, ...]]:
        firsts = (one.reasons[0].reason if one.reasons else "" for one in self.stages)
        return [(one.stage.value, one.left, one.known, why) for one, why in zip(self.stages, firsts, strict=True)]

    def _trouble_rows(self) -> list[tuple[object, ...]]:
        return [(one.trouble.replace("_", " "), one.with_it, one.without, one.difference) for one in self.troubles]

    def _tables(self) -> Iterator[tuple[str, Sequence[str], list[tuple[object, ...]]]]:
        yield (
            self.summary,
            ("said", "of those who said why", "weighted by stage", "of all who left"),
            self._reason_rows(),
        )
        yield "", ("left from", "lapsed", "reason known", "first reason"), self._stage_rows()
        yield self.comparison, ("went wrong", "came back", "came back of the rest", "difference"), self._trouble_rows()

    def __str__(self) -> str:
        """Return the conclusion, the reasons and the service problems as text."""
        told = ("\n".join(filter(None, [above, as_text(head, rows)])) for above, head, rows in self._tables())
        return "\n\n".join(told)

    def _repr_html_(self) -> str:
        return "".join(as_html(head, rows, above=above) for above, head, rows in self._tables())


def _bounds(one: ChurnReason) -> str:
    return f"{100 * one.lower_bound:.1f} to {100 * one.upper_bound:.1f} %"


def _rows_of(one: ChurnOrigin) -> Iterator[dict[str, Any]]:
    common = {
        "stage": one.stage.value,
        "buyers": one.left.trials,
        "left": one.left.successes,
        "known": one.known.successes,
    }
    for reason in one.reasons:
        yield {**common, "said": reason.said, "reason": reason.reason, "people": reason.rate.successes}
    if not one.reasons:
        yield {**common, "said": None, "reason": None, "people": 0}


def churn_reasons(logs: Logs, policy: Policy, *, as_of: datetime, min_people: int = LEAST) -> ChurnReasons:
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
        >>> said = {"id": [1], "person_id": ["a"], "occurred_at": when[1:2], "kind": ["declined"], "reason": ["price"]}
        >>> logs = Logs(purchases=pl.DataFrame(bought), interactions=pl.DataFrame(said))
        >>> found = churn_reasons(logs, Policy(), as_of=datetime(2026, 9, 1, tzinfo=UTC))
        >>> print(found.known)
        33.3 % (1 of 3; 6.1 to 79.2 %)
        >>> [(one.said, one.reason, one.rate.successes) for one in found.reasons]
        [('no', 'price', 1)]
    """
    now = parse_as_of(as_of)
    check_is_policy(policy)
    count_of(min_people, "min_people", minimum=1)
    if policy.after_sale_for >= policy.lapse_after:
        msg = (
            f"after_sale_for ({days(policy.after_sale_for)}) is not shorter than lapse_after "
            f"({days(policy.lapse_after)}); nobody could come back after the one and within the other"
        )
        raise ArgumentError(msg)
    counts = whys(logs, policy, now)
    gone = {again: _gone(counts, again=again) for again in (False, True)}
    stages = tuple(_left_from(counts, said, again=again) for again, said in gone.items())
    compared, quick, pending = returns(logs, policy, now)
    known = [name for name in TROUBLES if name == "late_delivery" or "interactions" in logs.tables]
    return ChurnReasons(
        as_of=instant(now),
        left=_together(one.left for one in stages),
        known=_together(one.known for one in stages),
        reasons=_reasons(list(gone.values())),
        stages=stages,
        soon=policy.after_sale_for,
        within=policy.lapse_after,
        troubles=tuple(_compared(compared, known, min_people)) if compared else (),
        quick=quick,
        pending=pending,
    )


# ---- what they said ------------------------------------------------------------------------------------------------


def _together(rates: Iterable[Rate]) -> Rate:
    told = list(rates)
    return Rate(sum(one.successes for one in told), sum(one.trials for one in told))


Given: TypeAlias = Mapping[tuple[str, str], int]
"""Number of people by answer and reason; both are "" for people who gave none."""

_NOTHING = ("", "")


def _gone(counts: Mapping[Said, int], *, again: bool) -> Given:
    """Return the answers of people who lapsed from a stage."""
    left = {key[2:]: people for key, people in counts.items() if key[:2] == (again, True)}
    return {(said, why): people for (said, why), people in left.items()}


def _left_from(counts: Mapping[Said, int], gone: Given, *, again: bool) -> ChurnOrigin:
    buyers = sum(people for key, people in counts.items() if key[0] is again)
    left, silent = sum(gone.values()), gone.get(_NOTHING, 0)
    stage = Stage.REPEAT_CUSTOMER if again else Stage.CUSTOMER
    return ChurnOrigin(stage, Rate(left, buyers), Rate(left - silent, left), _reasons([gone]))


def _reasons(stages: Sequence[Given]) -> tuple[ChurnReason, ...]:
    """Return the reasons from all these stages, most frequent first."""
    gone = {key: sum(one.get(key, 0) for one in stages) for one in stages for key in one}
    silent, everyone = gone.pop(_NOTHING, 0), sum(gone.values())
    given = sorted(gone, key=lambda key: (-gone[key], key))
    return tuple(
        ChurnReason(
            said="no" if key[0] == "no" else "not_yet",
            reason=key[1],
            rate=Rate(gone[key], everyone),
            weighted=_weighted(key, stages),
            lower_bound=gone[key] / (everyone + silent),
            upper_bound=(gone[key] + silent) / (everyone + silent),
        )
        for key in given
    )


def _weighted(key: tuple[str, str], stages: Sequence[Given]) -> float | None:
    """Return the share of a reason if every stage had answered equally often."""
    left = [(one, sum(one.values()), sum(one.values()) - one.get(_NOTHING, 0)) for one in stages if one]
    if any(known == 0 for _, _, known in left):
        return None
    return sum(one.get(key, 0) / known * people for one, people, known in left) / sum(people for _, people, _ in left)


# ---- what went wrong before ----------------------------------------------------------------------------------------


def _compared(
    counts: Mapping[tuple[bool, ...], int], known: Sequence[str], min_people: int
) -> Iterator[ServiceProblem]:
    for name in [*known, "any"]:
        places = range(len(TROUBLES)) if name == "any" else (TROUBLES.index(name),)
        with_it, without = (_came_back(counts, places, had=had) for had in (True, False))
        yield ServiceProblem(name, with_it, without, with_it.minus(without, min_people=min_people))


def _came_back(counts: Mapping[tuple[bool, ...], int], places: Sequence[int], *, had: bool) -> Rate:
    chosen = [(key[-1], people) for key, people in counts.items() if any(key[place] for place in places) is had]
    return Rate(sum(people for back, people in chosen if back), sum(people for _, people in chosen))
