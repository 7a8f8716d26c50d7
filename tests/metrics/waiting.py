"""Made-up waits for the tests of survival, and what is true of them, counted person by person in plain fractions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import attrs
import polars as pl
from hypothesis import strategies as st

from funnel.metrics._survival.result import Survival
from funnel.metrics._survival.survival import survival
from tests.frames import TIME

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)

Pair = tuple[datetime, datetime | None]

SPANS = st.one_of(st.integers(0, 8).map(lambda days: days * DAY), st.timedeltas(timedelta(0), 8 * DAY))
"""Times that are often the same, and often are not."""


def starts() -> st.SearchStrategy[datetime]:
    """Some day about noon, before, at or after the evaluation time."""
    return SPANS.map(lambda span: NOON + 2 * DAY - span)


@st.composite
def pairs(draw: st.DrawFn, most: int = 20) -> list[Pair]:
    """Waits, some of which have not ended, not started, or ended before they started."""
    return [
        (start, None if draw(st.booleans()) else start - DAY + draw(SPANS))
        for start in draw(st.lists(starts(), max_size=most))
    ]


@attrs.frozen
class Step:
    """One person who waited: how long they were watched, and whether they then converted."""

    watched: timedelta
    converted: bool


def step_by_hand(waits: Iterable[Pair], as_of: datetime) -> list[Step]:
    """People who had started and did not end before that, as of an instant."""
    rows: list[Step] = []
    for start, end in waits:
        if start > as_of:
            continue
        if end is not None and end <= as_of:
            if end >= start:
                rows.append(Step(end - start, converted=True))
        else:
            rows.append(Step(as_of - start, converted=False))
    return rows


def still_waiting(people: Sequence[Step], within: timedelta) -> Fraction:
    """The product-limit estimate, as Kaplan and Meier wrote it: over each time at which anybody converted."""
    remaining = Fraction(1)
    for time in {one.watched for one in people if one.converted and one.watched <= within}:
        at_risk = sum(one.watched >= time for one in people)
        remaining *= 1 - Fraction(sum(one.converted and one.watched == time for one in people), at_risk)
    return remaining


def greenwood(people: Sequence[Step], within: timedelta) -> Fraction | None:
    """The variance of that estimate by Greenwood's formula; None where nobody is left."""
    total = Fraction(0)
    for time in {one.watched for one in people if one.converted and one.watched <= within}:
        at_risk = sum(one.watched >= time for one in people)
        events = sum(one.converted and one.watched == time for one in people)
        if events == at_risk:
            return None
        total += Fraction(events, at_risk * (at_risk - events))
    return still_waiting(people, within) ** 2 * total


def frame_of(waits: Sequence[Pair], **groups: Sequence[object]) -> pl.DataFrame:
    """Waits as a Polars table."""
    table = pl.DataFrame(list(waits), {"started_at": TIME, "ended_at": TIME}, orient="row")
    return table.with_columns(pl.Series(name, values, pl.String) for name, values in groups.items())


def after(*days: float, watched: Sequence[float] = (), min_people: int = 1, confidence_level: float = 0.95) -> Survival:
    """The survival of people who converted after a number of days, and of others watched as long."""
    converted = [(NOON - day * DAY, NOON) for day in days]
    return survival(
        [*converted, *((NOON - day * DAY, None) for day in watched)],
        as_of=NOON,
        min_people=min_people,
        confidence_level=confidence_level,
    )
