from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import InstantError
from funnel.logs import Logs
from funnel.metrics.cohorts import Cohort, Cohorts, monthly_cohorts
from funnel.metrics.rate import Rate
from tests.metrics.people import FEW, bought_by, crowds, logs_of
from tests.strategies import instants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funnel.history import History

ZONES = st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"])


def shop(*bought: tuple[str, str]) -> Logs:
    """Purchases, each by whom and when."""
    rows = {
        "id": list(range(len(bought))),
        "person_id": [person for person, _ in bought],
        "purchased_at": [datetime.fromisoformat(when) for _, when in bought],
        "amount": [9] * len(bought),
    }
    times = pl.col("purchased_at").cast(pl.Datetime("us", "UTC"))
    return Logs(purchases=pl.DataFrame(rows, schema_overrides={"person_id": pl.String}).with_columns(times))


def month_of(moment: datetime, tz: str) -> tuple[int, int]:
    """The month that the clock of a zone shows."""
    shown = moment.astimezone(ZoneInfo(tz))
    return shown.year, shown.month


def plainly(people: Sequence[History], tz: str, as_of: datetime) -> dict[date, list[int]]:
    """Count the cohorts person by person and month by month."""
    counts: Counter[tuple[tuple[int, int], int]] = Counter()
    starts = set()
    for person in people:
        months = {month_of(moment, tz) for moment in bought_by(person, as_of)}
        starts |= {min(months)} if months else set()
        counts.update((min(months), apart(min(months), month)) for month in months)
    last = month_of(as_of, tz)
    return {
        date(*start, 1): [counts[start, after] for after in range(apart(start, last) + 1)] for start in sorted(starts)
    }


def apart(start: tuple[int, int], end: tuple[int, int]) -> int:
    """How many months lie between two."""
    return (end[0] - start[0]) * 12 + end[1] - start[1]


@FEW
@given(crowds(), ZONES, instants())
def test_cohorts_are_what_counting_by_hand_finds(people: list[History], tz: str, as_of: datetime) -> None:
    """The table equals a count person by person; each buyer is in one cohort, and no month has more than it."""
    cohorts = monthly_cohorts(logs_of(people), tz=tz, as_of=as_of)

    assert {cohort.month: list(cohort.bought) for cohort in cohorts} == plainly(people, tz, as_of)
    assert sum(cohort.size for cohort in cohorts) == sum(bool(bought_by(person, as_of)) for person in people)
    assert all(0 <= bought <= cohort.size for cohort in cohorts for bought in cohort.bought)


@FEW
@given(crowds(), instants(), st.integers(1, 60))
def test_what_has_been_observed_stays(people: list[History], as_of: datetime, days: int) -> None:
    """A month that is over keeps its table, unless something is given back or cancelled: waiting adds columns."""
    bare = [person.model_copy(update={"refunds": ()}) for person in people]
    kept = [
        person.model_copy(update={"purchases": tuple(one for one in person.purchases if one.status != "cancelled")})
        for person in bare
    ]
    now, later = (
        monthly_cohorts(logs_of(kept), tz="UTC", as_of=moment) for moment in (as_of, as_of + timedelta(days=days))
    )
    after = {cohort.month: cohort.bought for cohort in later}

    for cohort in now:
        over = cohort.bought[:-1] if now.is_partial else cohort.bought
        if cohort.month < as_of.date().replace(day=1) or not now.is_partial:
            assert after[cohort.month][: len(over)] == over


def test_the_zone_of_the_shop_cuts_the_months() -> None:
    """Seventeen hours UTC on the last of January is February in Jakarta: another cohort, the same person."""
    logs = shop(("a", "2026-01-31T17:00+00:00"), ("a", "2026-02-28T16:59:59.999999+00:00"))
    as_of = datetime(2026, 3, 1, tzinfo=UTC)

    assert [cohort.month for cohort in monthly_cohorts(logs, tz="Asia/Jakarta", as_of=as_of)] == [date(2026, 2, 1)]
    assert [cohort.bought for cohort in monthly_cohorts(logs, tz="Asia/Jakarta", as_of=as_of)] == [(1, 0)]
    assert [cohort.bought for cohort in monthly_cohorts(logs, tz="UTC", as_of=as_of)] == [(1, 1, 0)]


@pytest.mark.parametrize(
    ("as_of", "partial"),
    [
        ("2026-01-31T16:59:59.999998+00:00", True),
        ("2026-01-31T16:59:59.999999+00:00", False),
        ("2026-01-31T17:00+00:00", True),
    ],
)
def test_a_month_is_partial_until_its_last_instant(as_of: str, *, partial: bool) -> None:
    """As of its last microsecond a month is over, for what happens at the instant of judgement has happened."""
    moment = datetime.fromisoformat(as_of)
    cohorts = monthly_cohorts(shop(("a", "2026-01-05T00:00+00:00")), tz="Asia/Jakarta", as_of=moment)

    assert cohorts.is_partial is partial
    assert cohorts.to_dicts()[-1]["is_partial"] is partial


def test_not_yet_observed_is_none_and_nobody_is_none_of_them() -> None:
    """Unknown is not zero: a month to come is None, a month in which nobody bought is 0."""
    logs = shop(("a", "2026-01-05T00:00Z"), ("b", "2026-03-05T00:00Z"), ("a", "2026-03-06T00:00Z"))
    first, second = monthly_cohorts(logs, tz="UTC", as_of=datetime(2026, 3, 20, tzinfo=UTC))

    assert (first.after(1), first.after(2), first.after(3)) == (0, 1, None)
    assert (second.after(0), second.after(1)) == (1, None)
    assert (first.rate(2), first.rate(3)) == (Rate(1, 1), None)


def test_the_table_reads_well() -> None:
    """Text, rows and a notebook's table say the same, and mark the month that is not over."""
    logs = shop(("a", "2026-01-05T00:00Z"), ("b", "2026-03-05T00:00Z"), ("a", "2026-03-06T00:00Z"))
    cohorts = monthly_cohorts(logs, tz="UTC", as_of=datetime(2026, 3, 20, tzinfo=UTC))

    assert str(cohorts).splitlines() == [
        " cohort  people  +1  +2",
        "2026-01       1   0  1*",
        "2026-03      1*",
    ]
    assert cohorts.to_dicts()[3:] == [
        {"cohort": date(2026, 3, 1), "size": 1, "months_after": 0, "people": 1, "is_partial": True},
        {"cohort": date(2026, 3, 1), "size": 1, "months_after": 1, "people": None, "is_partial": False},
        {"cohort": date(2026, 3, 1), "size": 1, "months_after": 2, "people": None, "is_partial": False},
    ]
    assert "<tr><td>2026-01</td><td>1</td><td>0</td><td>1*</td></tr>" in cohorts._repr_html_()
    assert pl.DataFrame(cohorts.to_dicts()).height == len(cohorts) * cohorts.width


def test_an_old_order_makes_no_empty_cohorts() -> None:
    """One order of long ago widens the table and adds one cohort, not one for each month in between."""
    logs = shop(("a", "2001-01-05T00:00Z"), ("b", "2026-03-05T00:00Z"))
    cohorts = monthly_cohorts(logs, tz="UTC", as_of=datetime(2026, 3, 20, tzinfo=UTC))

    assert cohorts.width == 25 * 12 + 3
    assert cohorts.cohorts[1] == Cohort(date(2026, 3, 1), (1,))
    assert [sum(cohort.bought) for cohort in cohorts] == [1, 1]


NOBODY = Cohorts(datetime(2026, 1, 1, tzinfo=UTC), "UTC", is_partial=True, cohorts=())


@pytest.mark.parametrize(
    "logs",
    [
        shop(),
        shop(("a", "2026-01-01T00:00:00.000001+00:00")),
        Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [datetime(2025, 1, 1, tzinfo=UTC)]})),
    ],
    ids=["no orders", "not yet bought", "no log of purchases"],
)
def test_nobody_has_no_cohort(logs: Logs) -> None:
    """Where nobody has bought by the instant there is no cohort, and that is an answer."""
    cohorts = monthly_cohorts(logs, tz="UTC", as_of=datetime(2026, 1, 1, tzinfo=UTC))

    assert cohorts == NOBODY
    assert (len(cohorts), cohorts.width, cohorts.to_dicts()) == (0, 0, [])
    assert str(cohorts) == "cohort  people"


def test_time_and_zone_must_be_known() -> None:
    """A naive instant and an unknown zone are errors, never guesses."""
    with pytest.raises(InstantError, match="naive"):
        monthly_cohorts(shop(), tz="UTC", as_of=datetime(2026, 1, 1))  # noqa: DTZ001 (on purpose)
    with pytest.raises(InstantError, match="Asia/Jakata"):
        monthly_cohorts(shop(), tz="Asia/Jakata", as_of=datetime(2026, 1, 1, tzinfo=UTC))
