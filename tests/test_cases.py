"""Small inputs after public bug reports of other tools, about records, funnels and hours; files are in readers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from funnel import Facts, History, Logs, Money, Policy, Purchase, conversion, repeat_rates, retention, stage, worklist
from funnel.errors import ArgumentError, FieldsError, InstantError, LogsError
from funnel.interactions import Question
from funnel.metrics import Matching

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\n", "a\x00", "x" * 201])
def test_a_person_without_a_usable_id_is_refused_everywhere(blank: str) -> None:
    """Guests with a lone space as their id are not one repeat customer: tables refuse what a record refuses."""
    days = [START + timedelta(days=number) for number in range(3)]
    frame = pl.DataFrame({"id": ["1", "2", "3"], "person_id": [blank] * 3, "purchased_at": days, "amount": [5] * 3})
    with pytest.raises(LogsError):
        stage.over(Logs(purchases=frame), Policy(), as_of=START + timedelta(days=9))
    with pytest.raises(FieldsError):
        Purchase(id="1", person_id=blank, purchased_at=START, amount=Money(5, "USD"))


@pytest.mark.parametrize("order", ["ordered", "any"])
def test_a_misspelt_kind_is_an_error_in_every_order(order: Any) -> None:
    """A step that never occurs is named, whichever order the steps may have."""
    events = pl.DataFrame(
        {
            "person_id": ["u"] * 3,
            "kind": ["view", "cart", "purchase"],
            "occurred_at": [START + timedelta(minutes=n) for n in range(3)],
        }
    )
    steps = ["viwe", "cart", "purchase"]
    matching = Matching(order=order)
    with pytest.raises(ArgumentError, match="no event has the kind 'viwe'; did you mean 'view'"):
        conversion(events, steps, within=timedelta(hours=1), as_of=START + timedelta(days=1), matching=matching)


def first_open(moment: datetime, opens: time, closes: time, zone: ZoneInfo) -> datetime:
    """Return the first minute at which the shop's clock shows an open hour."""
    while not opens <= moment.astimezone(zone).time() < closes:
        moment += timedelta(minutes=1)
    return moment


@pytest.mark.parametrize(
    ("moment", "tz", "opens", "closes"),
    [
        (datetime(2024, 3, 10, 4, 30, tzinfo=UTC), "America/Havana", time(0), time(22)),
        (datetime(2024, 4, 25, 19, 0, tzinfo=UTC), "Africa/Cairo", time(0), time(20)),
        (datetime(2024, 9, 8, 2, 30, tzinfo=UTC), "America/Santiago", time(0), time(22)),
        (datetime(2024, 3, 10, 4, 0, tzinfo=UTC), "America/New_York", time(2, 30), time(20)),
    ],
)
def test_a_task_is_due_in_open_hours_and_never_before_its_question(
    moment: datetime, tz: str, opens: time, closes: time
) -> None:
    """If the clock skips the hour of opening, the task is due at the first open minute after the gap."""
    question = Question(id="q", person_id="sari", occurred_at=moment)
    policy = Policy(opens_at=opens, closes_at=closes)
    (task,) = worklist(History.of("sari", [question]), policy, as_of=moment + timedelta(days=1), tz=tz)

    assert task.due_at == first_open(moment, opens, closes, ZoneInfo(tz))


DAY = datetime(2026, 3, 1, tzinfo=UTC)
FRAME = pl.DataFrame({"id": ["1"], "person_id": ["a"], "purchased_at": [DAY], "amount": [5]})


def test_a_table_in_the_place_of_logs_names_the_remedy() -> None:
    """Retention takes a table of purchases; where logs are needed, the error says how to make them."""
    assert str(retention(FRAME, tz="UTC", as_of=DAY))
    table: Any = FRAME
    for wrong in (lambda: repeat_rates(table, timedelta(days=30), as_of=DAY), lambda: Facts.over(table, as_of=DAY)):
        with pytest.raises(ArgumentError, match=r"make Logs of the table first: Logs\(purchases=table\)"):
            wrong()


def test_the_last_order_of_an_empty_table_is_no_instant() -> None:
    """The maximum of no rows is NaT in pandas; the error says what to pass."""
    last: Any = FRAME.head(0).to_pandas()["purchased_at"].max()
    with pytest.raises(InstantError, match="as_of is NaT; give an aware datetime"):
        retention(FRAME, tz="UTC", as_of=last)


def test_a_quiet_day_has_a_funnel() -> None:
    """A day on which nobody bought is a funnel without purchases, not an error."""
    events = pl.DataFrame({"person_id": ["a"], "occurred_at": [DAY], "kind": ["view"]})
    steps = conversion(events, ["view", "purchase"], within=timedelta(days=1), as_of=DAY)

    assert [step.reached for step in steps] == [1, 0]
