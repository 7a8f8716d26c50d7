"""How long it is from one purchase to the next, and how regular that is: against a count by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import variance

import polars as pl
import pytest
from hypothesis import given

from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._repeat.rhythm import Rhythm, purchase_rhythm
from tests.metrics.buyers import DAY, buyers, counted_purchases, moments
from tests.metrics.people import FEW
from tests.shop import logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
LATER = NOON + 900 * DAY


@FEW
@given(buyers(), moments)
def test_the_rhythm_is_what_counting_by_hand_finds(people: list[History], as_of: datetime) -> None:
    """The times between occasions, their quarter marks and the pairs equal those of a list."""
    result = purchase_rhythm(logs_of(people), as_of=as_of, min_people=1)
    times = [[one.purchased_at for one in counted_purchases(person, as_of)] for person in people]
    each_gaps = [[gap for one, later in pairwise(each) if (gap := later - one) >= DAY] for each in times]
    gaps = sorted(gap for own in each_gaps for gap in own)
    quartiles = [{gap for gap in gaps if sum(one <= gap for one in gaps) * 4 >= k * len(gaps)} for k in (1, 2, 3)]

    assert result.gaps == len(gaps)
    assert result.people == sum(len(own) > 0 for own in each_gaps)
    assert result.quarters == (tuple(map(min, quartiles)) if gaps else None)
    assert result.pairs == sum(len(own) > 1 for own in each_gaps)


def shop(*gaps: tuple[timedelta, timedelta]) -> Logs:
    """People with two times between three purchases each."""
    rows = [
        (f"p{number}", moment)
        for number, (first, second) in enumerate(gaps)
        for moment in (NOON, NOON + first, NOON + first + second)
    ]
    table = pl.DataFrame(rows, ["person_id", "purchased_at"], orient="row").with_row_index("id")
    return Logs(purchases=table.with_columns(amount=pl.lit(9)))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_regular_buyers_have_a_larger_k(k: int) -> None:
    """Times drawn from a gamma distribution of shape k give back that k, nearly; and it is the formula's."""
    chance = Random(k)
    gaps = [(max(1.0, chance.gammavariate(k, 900)), max(1.0, chance.gammavariate(k, 900))) for _ in range(4000)]
    result = purchase_rhythm(shop(*((a * DAY, b * DAY) for a, b in gaps)), as_of=NOON + 60_000 * DAY)
    v = variance(a / (a + b) for a, b in gaps)

    assert result.regularity == pytest.approx(k, rel=0.1)
    assert result.regularity == pytest.approx((1 - 4 * v) / (8 * v), rel=1e-3)


@pytest.mark.parametrize(
    ("gaps", "min_people", "regularity", "text"),
    [
        ([(DAY, DAY)] * 3, 3, None, "all gaps equal, of 3 people"),
        ([(DAY, DAY)] * 3, 4, None, "not enough: 3 of 4"),
        ([(DAY, 800 * DAY), (800 * DAY, DAY)], 2, 0.0, "k = 0.00 of 2 people; 1 is random, more is regular"),
        ([(DAY, 2 * DAY)], 1, None, "all gaps equal, of 1 people"),
        ([(0 * DAY, DAY)] * 2, 1, None, "not enough: 0 of 1"),
    ],
)
def test_regularity_takes_people_who_differ(
    gaps: list[tuple[timedelta, timedelta]], min_people: int, regularity: float | None, text: str
) -> None:
    """Too few people, or people all alike, have no k; bursts have one near nothing."""
    result = purchase_rhythm(shop(*gaps), as_of=LATER, min_people=min_people)

    assert result.regularity == regularity
    assert str(result).splitlines()[1] == f"regularity: {text}"


def test_the_rhythm_reads_well() -> None:
    """Text, rows and a notebook's table agree; if nobody bought twice, they state it."""
    result = purchase_rhythm(shop((DAY, 2 * DAY), (3 * DAY, 4 * DAY)), as_of=LATER, min_people=2)
    empty = purchase_rhythm(shop((DAY, DAY)), as_of=NOON)

    assert str(result).splitlines()[0] == (
        "from one purchase to the next: 2 d (the middle half: 1 d to 3 d; 4 times of 2 people)"
    )
    assert result.to_dict()["typical"] == 2 * DAY
    assert "<td>regularity</td>" in result._repr_html_()
    assert empty == Rhythm(NOON, 0, 0, None, 0, None, 30)
    assert empty.typical is None
    assert str(empty) == "from one purchase to the next: nobody has bought twice"
    assert purchase_rhythm(Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]})), as_of=NOON) == empty
