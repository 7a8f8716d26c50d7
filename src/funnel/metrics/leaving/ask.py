"""Why those who did not return left: what they said, and what went wrong before.

Two questions, for neither alone is an answer. Of those who have lapsed: how many have said why, and what. And of
everyone who bought, at equal follow-up: do those for whom something went wrong come back less than the rest?

Laws: every buyer who has lapsed is in one reason or among those who said nothing; each buyer is compared once, from one
purchase, over the same time.

Who got all their money back is no buyer, and in neither; `funnel.Facts` counts them in `refund_count`.
Source: the article "Repeat order" ("know why those who do not return left"); the comparison is a landmark analysis:
J. R. Anderson, K. C. Cain and R. D. Gelber, "Analysis of survival by tumor response", Journal of Clinical Oncology 1
(1983), 710-719.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from funnel._given import count_of, judgement
from funnel._instants import instant
from funnel.errors import ArgumentError
from funnel.metrics._shown import as_html, as_text, days, percent
from funnel.metrics.leaving.left import TROUBLES, Said, returns, whys
from funnel.metrics.rate import LEAST, Difference, Rate
from funnel.policy import policy_given
from funnel.stages import Stage

if TYPE_CHECKING:
    from funnel.logs import Logs
    from funnel.policy import Policy

Word: TypeAlias = Literal["no", "not_yet"]
"""What they said last: "no", or "not yet"."""


@attrs.frozen
class LeavingReason:
    """One reason for which people left.

    Attributes:
        said: Whether it was the reason of a "no" or of a "not yet".
        reason: The reason.
        rate: Who gave it, of those whose reason is known.
        weighted: The share it would have if of each stage as many had said why; None where of one stage nobody has.
        least: The share of all who left that have it for certain: those who said so.
        most: The share that it can have at most: those who said so, and all who said nothing.
    """

    said: Word
    reason: str
    rate: Rate
    weighted: float | None
    least: float
    most: float


@attrs.frozen
class LeftFrom:
    """Those who left from one stage.

    Attributes:
        stage: Where they stood when they fell silent: customer after one purchase, repeat customer after more.
        left: Who has lapsed, of all who have bought so often.
        known: Of whom the reason is known, of those who have lapsed.
        reasons: The reasons they gave, the most frequent first.
    """

    stage: Stage
    left: Rate
    known: Rate
    reasons: tuple[LeavingReason, ...]


@attrs.frozen
class Trouble:
    """Who came back after something had gone wrong, beside those for whom it had not.

    Attributes:
        trouble: What had gone wrong: complaint, late_delivery, unanswered_question, or any of them.
        with_it: Who came back, of those for whom it had.
        without: Who came back, of the rest.
        difference: The first less the second, with its interval.
    """

    trouble: str
    with_it: Rate
    without: Rate
    difference: Difference


@attrs.frozen
class Leaving:
    """Why those who did not return left, as far as it is known.

    Attributes:
        as_of: The instant of judgement.
        left: Who has lapsed, of all buyers.
        known: Of whom the reason is known, of those who have lapsed.
        reasons: The reasons they gave, the most frequent first.
        stages: The same by the stage they left from.
        soon: How long after a purchase it was looked for what went wrong.
        within: By when who had come back is judged, from the same purchase.
        troubles: Who came back after something had gone wrong, beside the rest; empty where nobody has had the time.
        quick: Buyers who bought again within `soon`, and are not compared.
        pending: Buyers none of whose purchases is as long ago as `within`: nobody can say yet.
    """

    as_of: datetime
    left: Rate
    known: Rate
    reasons: tuple[LeavingReason, ...]
    stages: tuple[LeftFrom, ...]
    soon: timedelta
    within: timedelta
    troubles: tuple[Trouble, ...]
    quick: int
    pending: int

    @property
    def says(self) -> str:
        """What can be concluded, and what cannot."""
        if not self.left.hits:
            return "Nobody has lapsed."
        start = f"{self.left.hits:,} have lapsed; of {percent(self.known.value)} of them the reason is known."
        if not self.reasons:
            return f"{start} Ask those who have gone."
        one = self.reasons[0]
        bounds = f"{100 * one.least:.1f} and {100 * one.most:.1f} %"
        return (
            f"{start} Who says why need not be like who does not: between {bounds} of all of them left for the first "
            f"reason, {one.reason}."
        )

    @property
    def compares(self) -> str:
        """What the comparison can tell, and what it cannot."""
        return (
            f"Bought again later than {days(self.soon)} and within {days(self.within)} of a purchase, by what went "
            f"wrong in the first {days(self.soon)}; {self.quick:,} had bought again by then, {self.pending:,} pending. "
            "It compares people: who complains may care more than who goes silently."
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each stage and reason, and one for each stage where none is known, as a dataframe takes them."""
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
        yield self.says, ("said", "of those who said why", "weighted by stage", "of all who left"), self._reason_rows()
        yield "", ("left from", "lapsed", "reason known", "first reason"), self._stage_rows()
        yield self.compares, ("went wrong", "came back", "came back of the rest", "difference"), self._trouble_rows()

    def __str__(self) -> str:
        """Write what can be concluded, the reasons, and what went wrong before."""
        told = ("\n".join(filter(None, [above, as_text(head, rows)])) for above, head, rows in self._tables())
        return "\n\n".join(told)

    def _repr_html_(self) -> str:
        return "".join(as_html(head, rows, above=above) for above, head, rows in self._tables())


def _bounds(one: LeavingReason) -> str:
    return f"{100 * one.least:.1f} to {100 * one.most:.1f} %"


def _rows_of(one: LeftFrom) -> Iterator[dict[str, Any]]:
    common = {"stage": one.stage.value, "buyers": one.left.among, "left": one.left.hits, "known": one.known.hits}
    for reason in one.reasons:
        yield {**common, "said": reason.said, "reason": reason.reason, "people": reason.rate.hits}
    if not one.reasons:
        yield {**common, "said": None, "reason": None, "people": 0}


def leaving(logs: Logs, policy: Policy, *, as_of: datetime, least: int = LEAST) -> Leaving:
    """Why those who did not return left: the reasons they gave, and what went wrong before.

    The reason is that of their last "no" or "not yet" after their last purchase. What went wrong is a complaint, goods
    that came later than promised, or a question that waited longer than `answer_within`; it is looked for in the first
    `after_sale_for` after each buyer's last purchase that has had `lapse_after`, and they came back if they bought
    again after that and within `lapse_after`.

    Args:
        logs: Everyone's records; reasons, complaints and questions stand in the interactions.
        policy: The shop's numbers.
        as_of: The instant of judgement.
        least: The fewest people of each side of whom a difference is told.

    Raises:
        InstantError: `as_of` is naive.
        ArgumentError: The policy's `after_sale_for` is not shorter than its `lapse_after`.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy
        >>> when = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["a", "b", "c"], "purchased_at": when, "amount": [9, 9, 9]}
        >>> said = {"id": [1], "person_id": ["a"], "occurred_at": when[1:2], "kind": ["said_no"], "reason": ["price"]}
        >>> logs = Logs(purchases=pl.DataFrame(bought), interactions=pl.DataFrame(said))
        >>> found = leaving(logs, Policy(), as_of=datetime(2026, 9, 1, tzinfo=UTC))
        >>> print(found.known)
        33.3 % (1 of 3; 6.1 to 79.2 %)
        >>> [(one.said, one.reason, one.rate.hits) for one in found.reasons]
        [('no', 'price', 1)]
    """
    now = judgement(as_of)
    policy_given(policy)
    count_of(least, "least", least=1)
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
    return Leaving(
        as_of=instant(now),
        left=_together(one.left for one in stages),
        known=_together(one.known for one in stages),
        reasons=_reasons(list(gone.values())),
        stages=stages,
        soon=policy.after_sale_for,
        within=policy.lapse_after,
        troubles=tuple(_compared(compared, known, least)) if compared else (),
        quick=quick,
        pending=pending,
    )


# ---- what they said ------------------------------------------------------------------------------------------------


def _together(rates: Iterable[Rate]) -> Rate:
    told = list(rates)
    return Rate(sum(one.hits for one in told), sum(one.among for one in told))


Given: TypeAlias = Mapping[tuple[str, str], int]
"""How many said what, and for what reason; both are "" for those who said nothing."""

_NOTHING = ("", "")


def _gone(counts: Mapping[Said, int], *, again: bool) -> Given:
    """What those said who have lapsed from a stage."""
    left = {key[2:]: people for key, people in counts.items() if key[:2] == (again, True)}
    return {(said, why): people for (said, why), people in left.items()}


def _left_from(counts: Mapping[Said, int], gone: Given, *, again: bool) -> LeftFrom:
    buyers = sum(people for key, people in counts.items() if key[0] is again)
    left, silent = sum(gone.values()), gone.get(_NOTHING, 0)
    stage = Stage.REPEAT_CUSTOMER if again else Stage.CUSTOMER
    return LeftFrom(stage, Rate(left, buyers), Rate(left - silent, left), _reasons([gone]))


def _reasons(stages: Sequence[Given]) -> tuple[LeavingReason, ...]:
    """The reasons given from all these stages, the most frequent first."""
    gone = {key: sum(one.get(key, 0) for one in stages) for one in stages for key in one}
    silent, everyone = gone.pop(_NOTHING, 0), sum(gone.values())
    given = sorted(gone, key=lambda key: (-gone[key], key))
    return tuple(
        LeavingReason(
            said="no" if key[0] == "no" else "not_yet",
            reason=key[1],
            rate=Rate(gone[key], everyone),
            weighted=_weighted(key, stages),
            least=gone[key] / (everyone + silent),
            most=(gone[key] + silent) / (everyone + silent),
        )
        for key in given
    )


def _weighted(key: tuple[str, str], stages: Sequence[Given]) -> float | None:
    """The share of a reason if of each stage as many had said why as have left from it."""
    left = [(one, sum(one.values()), sum(one.values()) - one.get(_NOTHING, 0)) for one in stages if one]
    if any(known == 0 for _, _, known in left):
        return None
    return sum(one.get(key, 0) / known * people for one, people, known in left) / sum(people for _, people, _ in left)


# ---- what went wrong before ----------------------------------------------------------------------------------------


def _compared(counts: Mapping[tuple[bool, ...], int], known: Sequence[str], least: int) -> Iterator[Trouble]:
    for name in [*known, "any"]:
        places = range(len(TROUBLES)) if name == "any" else (TROUBLES.index(name),)
        with_it, without = (_came_back(counts, places, had=had) for had in (True, False))
        yield Trouble(name, with_it, without, with_it.minus(without, least=least))


def _came_back(counts: Mapping[tuple[bool, ...], int], places: Sequence[int], *, had: bool) -> Rate:
    chosen = [(key[-1], people) for key, people in counts.items() if any(key[place] for place in places) is had]
    return Rate(sum(people for back, people in chosen if back), sum(people for _, people in chosen))
