"""From each purchase to the next: against a count person by person, and against the survival of the first step."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given

from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.rates import repeat_rate_within
from funnel.metrics._repeat.steps import PurchaseSteps, purchase_steps
from funnel.metrics._repeat.window import RepeatRate
from funnel.metrics._survival.survival import survival
from tests.metrics.buyers import DAY, buyers, counted_occasions, moments, spans
from tests.metrics.people import FEW
from tests.shop import logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


@FEW
@given(buyers(), spans, moments)
def test_the_steps_are_what_counting_by_hand_finds(people: list[History], within: timedelta, as_of: datetime) -> None:
    """Each step equals a count of those who came so far; its waits are theirs, and the first is the repeat rate."""
    logs = logs_of(people)
    result = purchase_steps(logs, within, as_of=as_of, min_people=1)
    times = [[one.purchased_at for one in counted_occasions(person, as_of)] for person in people]

    assert len(result) == max(map(len, times))
    for step in result:
        waits = [(each[step.nth - 1], (each[step.nth :] or [None])[0]) for each in times if len(each) >= step.nth]
        had = [(start, end) for start, end in waits if start <= as_of - within]
        successes = sum(end is not None and end - start <= within for start, end in had)
        assert step.repeat == RepeatRate(within, Rate(successes, len(had)), len(waits) - len(had))
        assert str(step.wait) == str(survival(waits, as_of=as_of))
        assert step.people == len(waits)
    if result.steps:
        assert result.steps[0].repeat == repeat_rate_within(logs, within, as_of=as_of)


def test_the_steps_read_well() -> None:
    """Text, rows and a notebook's table say the same; a long way is cut short as text."""
    rows = [("a", NOON + number * DAY) for number in range(12)] + [("b", NOON)]
    table = pl.DataFrame(rows, ["person_id", "purchased_at"], orient="row").with_row_index("id")
    result = purchase_steps(
        Logs(purchases=table.with_columns(amount=pl.lit(9))), DAY, as_of=NOON + 20 * DAY, min_people=2
    )

    assert [re.split(" {2,}", line) for line in str(result).splitlines()[:2]] == [
        ["purchase", "people", "bought again within 1 d", "pending", "half of them by"],
        ["1", "2", "50.0 % (1 of 2; 9.5 to 90.5 %)", "0", str(result.steps[0].wait.median)],
    ]
    assert "not enough" in str(result).splitlines()[2]
    assert str(result).splitlines()[-1] == "and 2 more"
    assert result.to_dicts()[0] == {
        "nth": 1,
        "people": 2,
        **result.steps[0].repeat.to_dict(),
        "median_wait": DAY,
    }
    assert "<td>12</td>" in result._repr_html_()


def test_nobody_takes_no_step() -> None:
    """Without a log of purchases there is no step."""
    logs = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))

    assert purchase_steps(logs, DAY, as_of=NOON) == PurchaseSteps(NOON, DAY, ())
    assert str(purchase_steps(logs, DAY, as_of=NOON)) == (
        "purchase  people  bought again within 1 d  pending  half of them by"
    )
