"""Instants are whole microseconds of one clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from funnel._time import EARLIEST, FOREVER, LATEST, NEVER, instant, micros

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NAIVE = st.datetimes(datetime(1700, 1, 2), datetime(2239, 12, 30))  # noqa: DTZ001 - a zone is drawn beside it


@given(NAIVE, ZONES)
def test_an_instant_and_its_microseconds_are_one(naive: datetime, zone: timezone) -> None:
    """Every aware instant goes through whole microseconds and comes back, in UTC."""
    moment = naive.replace(tzinfo=zone)

    assert instant(micros(moment)) == moment
    assert instant(micros(moment)).tzinfo is UTC


@given(NAIVE, ZONES, ZONES)
def test_the_zone_changes_no_number(naive: datetime, one: timezone, other: timezone) -> None:
    """Equal instants in different zones are equal numbers."""
    moment = naive.replace(tzinfo=one)

    assert micros(moment.astimezone(other)) == micros(moment)


@given(NAIVE)
def test_a_microsecond_later_is_one_more(naive: datetime) -> None:
    """Nothing is rounded, in any century."""
    moment = naive.replace(tzinfo=UTC)

    assert micros(moment + timedelta(microseconds=1)) == micros(moment) + 1


def test_the_edges_of_time_lie_in_order_and_fit_a_float() -> None:
    """NEVER is before every record, FOREVER is after; a float stores both exactly."""
    edges = [NEVER, EARLIEST, LATEST, FOREVER]

    assert edges == sorted(set(edges))
    assert [int(float(edge)) for edge in edges] == edges
    assert 2 * max(map(abs, edges)) < 2**63
    assert max(map(abs, edges)) < 2**53
