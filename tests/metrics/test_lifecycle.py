from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.errors import InstantError
from funnel.logs import Logs
from funnel.metrics._lifecycle import Lifecycle, Lifecycles, lifecycle
from funnel.metrics._retention.retention import retention
from tests.engines import ENGINES, HERE, examples
from tests.metrics.bought import PEOPLE, Shop, shops
from tests.metrics.cohort_model import Question, following
from tests.metrics.people import FEW
from tests.strategies import instants

ARGUMENTS = st.builds(
    Question,
    as_of=instants(),
    tz=st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"]),
    period=st.sampled_from(["month", "quarter"]),
) | st.builds(
    Question, as_of=instants(), tz=st.just("Asia/Jakarta"), period=st.just("week"), week_start=st.just("friday")
)


def lifecycle_of(purchases: object, one: Question) -> Lifecycles:
    """The library's answer to a question."""
    week_start: Any = one.week_start
    period: Any = one.period
    return lifecycle(purchases, period, tz=one.tz, as_of=one.as_of, week_start=week_start)


def plainly(shop: Shop, one: Question) -> list[dict[str, Any]]:
    """Count each period person by person: by what each paid in it, and in those before."""
    bought = {people_of: {} for people_of in PEOPLE}
    for order in shop.orders:
        if left := order.left(one.as_of):
            day = one.day(order.at)
            bought[order.person][day] = bought[order.person].get(day, 0) + left
    days = [day for each in bought.values() for day in each]
    rows, day, before = [], min(days, default=None), date.min
    while day is not None and day <= one.day(one.as_of):
        rows.append(_period(list(bought.values()), day, before))
        before, day = day, following(day, one, 1)
    return rows


def _period(all_people: list[dict[date, int]], day: date, before: date) -> dict[str, Any]:
    new = [each[day] for each in all_people if day in each and min(each) == day]
    stayed = [(each[day], each[before]) for each in all_people if day in each and before in each]
    back = [each[day] for each in all_people if day in each and min(each) < day and before not in each]
    missing = [each[before] for each in all_people if before in each and day not in each]
    return {
        "start": day,
        "new": len(new),
        "retained": len(stayed),
        "resurrected": len(back),
        "dormant": len(missing),
        "new_revenue": sum(new),
        "retained_revenue": sum(now for now, _ in stayed),
        "resurrected_revenue": sum(back),
        "expanded": sum(max(now - then, 0) for now, then in stayed),
        "contracted": sum(max(then - now, 0) for now, then in stayed),
        "dormant_revenue": sum(missing),
    }


def rows_of(result: Lifecycles) -> list[dict[str, Any]]:
    """Return the numbers of the library, without those computed from the rest."""
    excluded = ("active", "revenue", "is_partial")
    return [{name: value for name, value in row.items() if name not in excluded} for row in result.to_dicts()]


def identity_holds(before: Lifecycle, one: Lifecycle) -> bool:
    """Whether nobody and no money is lost from one period to the next."""
    people = before.active + one.new + one.resurrected - one.dormant
    revenue = sum(
        [before.revenue or 0, one.new_revenue or 0, one.resurrected_revenue or 0, one.expanded or 0],
        start=-(one.contracted or 0) - (one.dormant_revenue or 0),
    )
    return (one.active, one.revenue) == (people, revenue)


@pytest.mark.no_cover
@given(shops(), ARGUMENTS)
def test_the_periods_are_what_counting_by_hand_finds(shop: Shop, one: Question) -> None:
    """Every count and every sum equals one made person by person, with refunds, zones and weeks."""
    assert rows_of(lifecycle_of(Logs(**shop.tables()), one)) == plainly(shop, one)


@FEW
@given(shops(), ARGUMENTS)
def test_nobody_is_lost_between_periods(shop: Shop, one: Question) -> None:
    """Active = active before + new + resurrected - dormant, and so for money; the new are those of the cohorts."""
    logs = Logs(**shop.tables())
    result = lifecycle_of(logs, one)
    week_start: Any = one.week_start
    period: Any = one.period
    cohorts = retention(logs, period, tz=one.tz, as_of=one.as_of, week_start=week_start)

    assert all(identity_holds(before, after) for before, after in pairwise(result))
    assert {each.start: each.new for each in result if each.new} == {each.start: each.size for each in cohorts}
    assert [each.is_partial for each in result] == [False] * (len(result) - 1) + [cohorts.is_partial] * bool(result)
    assert sum(each.revenue or 0 for each in result) == sum(sum(each.revenue or ()) for each in cohorts)


@pytest.mark.parametrize("engine", [name for name in HERE if name != "polars"])
def test_every_engine_counts_as_a_person_would(engine: str) -> None:
    """The order of the rows changes no count and no sum."""

    @settings(max_examples=examples(engine, 4))
    @given(shops(), ARGUMENTS)
    def law(shop: Shop, one: Question) -> None:
        assert rows_of(lifecycle_of(Logs(**ENGINES[engine](shop.tables())), one)) == plainly(shop, one)

    law()


BOUGHT = [("sari", 1, 10), ("sari", 2, 30), ("budi", 2, 30), ("budi", 4, 20), ("sari", 5, 5), ("budi", 5, 7)]
ROWS = [
    {"person_id": people_of, "purchased_at": datetime(2026, month, 9, tzinfo=UTC), "amount": amount}
    for people_of, month, amount in BOUGHT
]


def test_the_table_reads_well() -> None:
    """Text and a notebook's table say the same, with what was lost below nothing and a star where it is not over."""
    result = lifecycle(ROWS, tz="UTC", as_of=datetime(2026, 5, 20, tzinfo=UTC))

    assert str(result).splitlines() == [
        "  period  active  new  retained  resurrected  dormant",
        " 2026-01       1    1         0            0        0",
        " 2026-02       2    1         1            0        0",
        " 2026-03       0    0         0            0       -2",
        " 2026-04       1    0         0            1        0",
        "2026-05*       2    0         1            1        0",
    ]
    assert "<td>2026-05*</td><td>2</td>" in result._repr_html_()
    assert [each.revenue for each in result] == [10, 60, 0, 20, 12]
    assert [each.to_dict()["revenue"] for each in result] == [10, 60, 0, 20, 12]
    assert (result.periods[4].contracted, result.periods[1].expanded, result.periods[2].dormant_revenue) == (13, 20, 60)


def test_without_amounts_people_are_counted_and_money_is_unknown() -> None:
    """Unknown is None, never 0."""
    bare = [{name: row[name] for name in ("person_id", "purchased_at")} for row in ROWS]
    result = lifecycle(bare, tz="UTC", as_of=datetime(2026, 5, 20, tzinfo=UTC))

    assert [each.active for each in result] == [1, 2, 0, 1, 2]
    assert {each.revenue for each in result} == {None}
    assert {each.dormant_revenue for each in result} == {None}


def test_nobody_has_no_period() -> None:
    """If nobody has bought there is no period, and the result is valid; a naive instant is an error."""
    result = lifecycle([], tz="UTC", as_of=datetime(2026, 5, 20, tzinfo=UTC))

    assert (len(result), result.to_dicts()) == (0, [])
    with pytest.raises(InstantError, match="naive"):
        lifecycle([], tz="UTC", as_of=datetime(2026, 5, 20))  # noqa: DTZ001 (on purpose)
