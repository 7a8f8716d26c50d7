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
from tests.metrics.buyers import DAY, buyers, counted, moments
from tests.metrics.people import FEW
from tests.shop import logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
LATER = NOON + 900 * DAY


@FEW
@given(buyers(), moments)
def test_the_rhythm_is_what_counting_by_hand_finds(people: list[History], as_of: datetime) -> None:
    """The times between purchases, their quarter marks and the pairs equal those of a list."""
    found = purchase_rhythm(logs_of(people), as_of=as_of, min_people=1)
    times = [[one.purchased_at for one in counted(person, as_of)] for person in people]
    gaps = sorted(later - before for each in times for before, later in pairwise(each))
    marks = [{gap for gap in gaps if sum(one <= gap for one in gaps) * 4 >= k * len(gaps)} for k in (1, 2, 3)]

    assert found.gaps == len(gaps)
    assert found.people == sum(len(each) > 1 for each in times)
    assert found.quarters == (tuple(map(min, marks)) if gaps else None)
    assert found.pairs == sum(len(each) > 2 and each[2] - each[0] >= timedelta(seconds=1) for each in times)


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
    drawn = [(chance.gammavariate(k, 9), chance.gammavariate(k, 9)) for _ in range(4000)]
    found = purchase_rhythm(shop(*((a * DAY, b * DAY) for a, b in drawn)), as_of=LATER)
    v = variance(a / (a + b) for a, b in drawn)

    assert found.regularity == pytest.approx(k, rel=0.1)
    assert found.regularity == pytest.approx((1 - 4 * v) / (8 * v), rel=1e-3)


@pytest.mark.parametrize(
    ("gaps", "min_people", "regularity", "said"),
    [
        ([(DAY, DAY)] * 3, 3, None, "all alike, of 3 people"),
        ([(DAY, DAY)] * 3, 4, None, "not enough: 3 of 4"),
        ([(DAY, 0 * DAY), (0 * DAY, DAY)], 2, 0.0, "k = 0.00 of 2 people; 1 is chance, more is regular"),
        ([(DAY, 2 * DAY)], 1, None, "all alike, of 1 people"),
        ([(0 * DAY, 0 * DAY)] * 2, 1, None, "not enough: 0 of 1"),
    ],
)
def test_regularity_takes_people_who_differ(
    gaps: list[tuple[timedelta, timedelta]], min_people: int, regularity: float | None, said: str
) -> None:
    """Too few people, or people all alike, have no k; bursts have one near nothing."""
    found = purchase_rhythm(shop(*gaps), as_of=LATER, min_people=min_people)

    assert found.regularity == regularity
    assert str(found).splitlines()[1] == f"regularity: {said}"


def test_the_rhythm_reads_well() -> None:
    """Text, rows and a notebook's table say the same; where nobody bought twice, that is said."""
    found = purchase_rhythm(shop((DAY, 2 * DAY), (3 * DAY, 4 * DAY)), as_of=LATER, min_people=2)
    nobody = purchase_rhythm(shop((DAY, DAY)), as_of=NOON)

    assert str(found).splitlines()[0] == (
        "from one purchase to the next: 2 d (the middle half: 1 d to 3 d; 4 times of 2 people)"
    )
    assert found.to_dict()["typical"] == 2 * DAY
    assert "<td>regularity</td>" in found._repr_html_()
    assert nobody == Rhythm(NOON, 0, 0, None, 0, None, 30)
    assert nobody.typical is None
    assert str(nobody) == "from one purchase to the next: nobody has bought twice"
    assert purchase_rhythm(Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]})), as_of=NOON) == nobody
