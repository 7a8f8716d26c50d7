"""One made-up shop on every engine: whatever is asked of its people, where the data lie changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

from funnel.logs import Logs
from funnel.metrics._affinity.affinity import affinity, next_offers
from funnel.metrics._churn_reasons.churn_reasons import churn_reasons
from funnel.metrics._repeat.by_origin import repeat_by
from funnel.metrics._repeat.promotion_retention import promotion_retention
from funnel.metrics._repeat.rates import repeat_rates
from funnel.metrics._repeat.rhythm import purchase_rhythm
from funnel.metrics._repeat.steps import purchase_steps
from funnel.metrics._rfm import rfm_quantiles, segments
from funnel.policy import Policy
from funnel.rules._rfm import rfm
from tests.engines import ENGINES, HERE
from tests.frames import as_span, read
from tests.metrics.people import AS_OF, shop_tables

SPAN = timedelta(days=90)
POLICY = Policy(lapse_after=SPAN, after_sale_for=timedelta(days=30), monetary_limits=(1, 2, 4, 8))


def tables() -> Mapping[str, pl.DataFrame]:
    """The shop with arrivals, promotions, promises, things and words."""
    chance, shop = Random(11), shop_tables()
    orders = shop["purchases"]
    bought, people = orders["purchased_at"].to_list(), sorted(set(orders["person_id"]))
    interactions = [chance.choice([None, 2, 5]) for _ in bought]
    due = [
        None if days is None else moment + timedelta(days=days)
        for moment, days in zip(bought, interactions, strict=True)
    ]
    arrivals = [None if moment is None else moment + timedelta(days=chance.choice([-2, 1])) for moment in due]
    orders = orders.with_columns(
        pl.Series("promotion", [chance.choice(["", "", "launch"]) for _ in bought]),
        pl.Series("promised_at", due, pl.Datetime("us", "UTC")),
        pl.Series("delivered_at", arrivals, pl.Datetime("us", "UTC")),
    )
    kinds = [chance.choice(["complaint", "question", "declined"]) for _ in range(120)]
    words = {
        "id": [f"i{number}" for number in range(120)],
        "person_id": [chance.choice(people) for _ in kinds],
        "occurred_at": [chance.choice(bought) + timedelta(days=chance.randrange(20)) for _ in kinds],
        "kind": kinds,
        "reason": [chance.choice(["price", "moved"]) if kind == "declined" else "" for kind in kinds],
    }
    leads = {
        "person_id": people,
        "arrived_at": [min(bought)] * len(people),
        "source": [chance.choice(["fair", "web"]) for _ in people],
    }
    ids = [chance.choice(orders["id"].to_list()) for _ in range(500)]
    lines = {"purchase_id": ids, "sku": [chance.choice(["pot", "lid", "cup", "jar"]) for _ in ids]}
    return {
        **shop,
        "purchases": orders,
        "leads": pl.DataFrame(leads),
        "interactions": pl.DataFrame(words),
        "lines": pl.DataFrame(lines),
    }


def results_of(engine: str) -> dict[str, Any]:
    """All that can be asked of the shop, on an engine."""
    frames = ENGINES[engine](tables())
    lines = frames.pop("lines")
    logs = Logs(**frames)
    steps = purchase_steps(logs, SPAN, as_of=AS_OF)
    ranks = read(rfm_quantiles(logs, as_of=AS_OF))
    return {
        "rates": repeat_rates(logs, SPAN, as_of=AS_OF),
        "sources": repeat_by(logs, "source", SPAN, as_of=AS_OF),
        "products": repeat_by(logs, "product", SPAN, as_of=AS_OF, lines=lines),
        "promotion_retention": promotion_retention(logs, SPAN, as_of=AS_OF),
        "steps": (steps.to_dicts(), [str(one.wait) for one in steps]),
        "rhythm": purchase_rhythm(logs, as_of=AS_OF, min_people=9),
        "segments": segments(logs, POLICY, as_of=AS_OF),
        "ranks": [{**row, "since_last_purchase": as_span(row["since_last_purchase"])} for row in ranks],
        "scores": read(rfm.over(logs, POLICY, as_of=AS_OF)),
        "leaving": churn_reasons(logs, POLICY, as_of=AS_OF, min_people=2),
        "affinity": affinity(logs, lines, SPAN, as_of=AS_OF, min_people=2),
        "offers": sorted(map(str, read(next_offers(logs, lines, SPAN, as_of=AS_OF, min_people=2, most=2)))),
    }


@pytest.fixture(scope="module")
def same() -> dict[str, Any]:
    """Give the answers on Polars, where the other tests look at them."""
    return results_of("polars")


def test_the_shop_has_something_to_say(same: dict[str, Any]) -> None:
    """No answer is empty, or the others would be equal for nothing."""
    assert same["rates"].within.rate.successes > 0
    assert [len(same[name]) for name in ("sources", "products")] == [2, 5]
    assert same["promotion_retention"].unprompted.promoted.rate.successes > 0
    assert same["rhythm"].regularity is not None
    assert len(same["steps"][0]) > 4
    assert sum(one.people.successes > 0 for one in same["segments"]) > 4
    assert {row["recency_rank"] for row in same["ranks"]} == {1, 2, 3, 4, 5}
    assert all(one.with_it.trials for one in same["leaving"].problems)
    assert len(same["leaving"].reasons) == 2
    assert len(same["affinity"].in_order) > 4
    assert same["offers"]


@pytest.mark.parametrize("engine", [name for name in HERE if name != "polars"])
def test_every_engine_gives_the_same_answers(engine: str, same: dict[str, Any]) -> None:
    """Rates, groups, steps, scores, reasons and offers are equal, to the last digit."""
    there = results_of(engine)

    assert {name: there[name] for name in same if there[name] != same[name]} == {}
