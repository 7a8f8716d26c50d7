from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from funnel.metrics._by_group import people_by
from funnel.metrics._repeat.rates import repeat_rate, repeat_rate_within
from funnel.metrics._retention.retention import retention
from funnel.policy import Policy
from funnel.stages import stage
from tests.engines import HERE
from tests.metrics.people import AS_OF, shop_on

if TYPE_CHECKING:
    from funnel.logs import Logs


WITHIN = timedelta(days=600)


@pytest.fixture(scope="module")
def same() -> Logs:
    """Give the shop on Polars, where the other tests look at it."""
    return shop_on("polars")


@pytest.mark.no_cover
@pytest.mark.parametrize("engine", [name for name in HERE if name != "polars"])
def test_every_engine_counts_alike(engine: str, same: Logs) -> None:
    """The order of the rows changes no cohort, no rate and no number of people."""
    logs = shop_on(engine)
    cohorts = retention(logs, tz="Asia/Jakarta", as_of=AS_OF)
    rate = repeat_rate_within(logs, WITHIN, as_of=AS_OF)

    assert cohorts.width == 24
    assert cohorts == retention(same, tz="Asia/Jakarta", as_of=AS_OF)
    assert repeat_rate(logs, as_of=AS_OF) == repeat_rate(same, as_of=AS_OF)
    assert rate == repeat_rate_within(same, WITHIN, as_of=AS_OF)
    assert rate.rate.successes > 0
    assert rate.pending > 0
    assert people_by(stage, logs, Policy(), as_of=AS_OF) == people_by(stage, same, Policy(), as_of=AS_OF)
