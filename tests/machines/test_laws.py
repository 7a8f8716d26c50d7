"""Law 4 in full: the moves of one and of everyone are those of brute force, at every microsecond that matters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from funnel import History
from funnel._dataframes import adapter
from funnel.machines import SHOP_MACHINE, Cause
from tests.engines import DEFAULT_MIN_PEOPLE
from tests.machines.model import (
    Region,
    as_ofs,
    bare,
    brute_all,
    crowds,
    logs_on,
    machines,
    path_machines,
    told_of,
    told_over,
)
from tests.shop import PEOPLE

pytestmark = pytest.mark.no_cover

FULL = 100
SHARES = {
    "polars": 60,
    "polars lazy": 20,
    "pandas": 20,
    "pandas alone": 10,
    "pyarrow": 20,
    "duckdb": 10,
    "ibis": 5,
    "pyspark": 1,
}
"""How many examples of a hundred each engine gets: by windows an example takes seconds, on Spark half a minute."""

TABLES = st.fixed_dictionaries(
    {
        start: st.dictionaries(st.sampled_from([to for to in Region if to is not start]), st.sampled_from(Cause))
        for start in Region
    }
)
ANY_MACHINE = st.one_of(machines(), path_machines(), TABLES.flatmap(machines), TABLES.flatmap(path_machines))


@settings(deadline=None)
@given(crowds(), as_ofs(), ANY_MACHINE)
def test_the_moves_of_one_are_those_of_brute_force(everyone: list[History], as_of: datetime, machine: Any) -> None:
    """Random people and machines: every move at its microsecond with its cause, and refused where brute force does."""
    for history in everyone:
        assert bare(told_of(machine, [history], as_of)) == brute_all(machine, [history], as_of)


@pytest.fixture(params=SHARES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn; pandas also as where Polars is not installed."""
    name = str(request.param)
    if name in ("ibis", "pyspark") and settings().max_examples < FULL:
        pytest.skip(f"{name} runs these laws in make test-full")
    if name in ("ibis", "pyspark"):
        pytest.importorskip(name, reason=f"{name} is not installed (make test-full does it)")
    if name == "pyspark":
        request.getfixturevalue("spark")
    if name == "pandas alone":
        monkeypatch.setattr(adapter, "installed", lambda module: module not in ("polars", "numpy"))
    return name


def examples(engine: str) -> settings:
    """Return fewer examples for slower engines."""
    most = max(settings().max_examples * SHARES[engine] // 100, DEFAULT_MIN_PEOPLE)
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(max_examples=most, deadline=None, phases=phases)


def test_the_moves_of_all_are_those_of_each(engine: str) -> None:
    """On every engine: the same moves, causes and records; and refused where one of them is."""

    @examples(engine)
    @given(crowds(), as_ofs(), st.one_of(ANY_MACHINE, st.just(SHOP_MACHINE)))
    def holds(everyone: list[History], as_of: datetime, machine: Any) -> None:
        actual = told_over(machine, logs_on(engine, everyone), as_of)
        own = None if actual is None else {person: actual[person] for person in PEOPLE if person in actual}
        each = told_of(machine, everyone, as_of)
        if each is None or own is not None:
            assert own == each

    holds()
