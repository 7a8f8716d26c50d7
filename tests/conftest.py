"""Fixtures for every test: the number of examples of a law, and the folder of the real data."""

from __future__ import annotations

import gc
import os
import pkgutil
from contextlib import suppress
from functools import wraps
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.engines import ALONE, ENGINES, FULL, HERE, spark_session

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
DATABASE = DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples")

# The examples of the checks are the same in every run; those of the full run are new ones each time, and those that
# failed before come first. A slow, shared machine is not a fault of a law.
settings.register_profile(
    "dev",
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("full", settings.get_profile("dev"), max_examples=500, derandomize=False, database=DATABASE)
settings.register_profile("laws", settings.get_profile("dev"), max_examples=50)
settings.register_profile("lowest", settings.get_profile("dev"), max_examples=2)
settings.load_profile(os.environ.get("FUNNEL_PROFILE", "dev"))


def pytest_collection_finish() -> None:
    """Keep the modules and the tests themselves out of every garbage collection, which saves 4 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


@pytest.fixture(scope="session", autouse=True)
def _all_there() -> None:
    """Load every module before a test that is not measured does, or the lines that define things were missed."""
    if Coverage.current() is None:
        return
    import funnel

    for module in pkgutil.walk_packages(funnel.__path__, "funnel."):
        with suppress(ImportError):  # what an extra brings may not be there
            import_module(module.name)


@pytest.fixture(scope="session", autouse=True)
def _uncompiled() -> Generator[None]:
    """Run every loop uncompiled: compiling them takes 15 seconds of each process, so only the full run does it."""
    with pytest.MonkeyPatch.context() as patch:
        if not FULL:
            from tests import kernels

            kernels.never_compiled(patch)
        yield


REPEATED = frozenset({"polars lazy", "pandas", "pyarrow", ALONE})
"""Engines on which a law repeats the lines of Polars and DuckDB; their own lines are measured with the adapter."""
LAWS = frozenset({"laws", "facts", "metrics", "machines", "backtest", "test_worklists.py", "test_clocks.py"})
"""Folders and files of tests whose laws run on every engine."""
EVERY_ENGINE = frozenset({"test_engines.py", "test_every_engine.py", "machines"})
"""Files and folders among these that ask each engine before every merge, also those that repeat the lines of Polars.

The other files ask those engines in the full run: a fault of theirs is one of reading and returning a dataframe, which
these files find, and the tests of the adapter and of the logs. `make test` has `test_every_engine.py` alone of these.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-services`, `make test-more` and `make test-laws` run.

    Services are all of MariaDB, and what asks PostgreSQL the same lines again; more are laws on DuckDB and on the
    engines that repeat the lines of Polars, if they measure no line.
    """
    for item in items:
        callspec = getattr(item, "callspec", None)
        chosen = (one for one in callspec.params.values() if isinstance(one, str)) if callspec else ()
        needs = {*getattr(item, "fixturenames", ()), *chosen}
        on_postgres = not needs.isdisjoint({"postgres", "postgresql"})
        if not needs.isdisjoint(REPEATED) and not LAWS.isdisjoint(item.path.parts):
            item.add_marker("no_cover")
            if not FULL and EVERY_ENGINE.isdisjoint(item.path.parts):
                item.add_marker(pytest.mark.skip(reason="asked in make test-full; it repeats the lines of Polars"))
            elif item.path.name != "test_every_engine.py":
                item.add_marker("more")
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("law")
        if "spark" in needs:
            item.add_marker("services")
        if not needs.isdisjoint({"maria", "mariadb"}) or (on_postgres and item.get_closest_marker("no_cover")):
            item.add_marker("services")
        engines = {one.rpartition(" on ")[2] for one in needs}
        if item.get_closest_marker("no_cover") and LAWS & {*item.path.parts} and engines & {"duckdb", ALONE}:
            item.add_marker("more")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Measure the lines of a law's fixed examples and of its first one alone; the others run at full speed."""
    law, measured = getattr(getattr(item, "obj", None), "hypothesis", None), Coverage.current()
    if law is None or measured is None or item.get_closest_marker("no_cover"):
        return (yield)
    inner_test, repetitions = law.inner_test, count()
    fixed = len(getattr(item.obj, "hypothesis_explicit_examples", ())) + 1  # type: ignore[attr-defined]

    @wraps(inner_test)  # so that a law draws the same examples as without measuring
    def repeated(*args: object, **kwargs: object) -> Any:
        if next(repetitions) == fixed:
            measured.stop()
        return inner_test(*args, **kwargs)

    law.inner_test = repeated
    try:
        return (yield)
    finally:
        law.inner_test = inner_test
        if next(repetitions) > fixed:
            measured.start()


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of the real data sets, which lie beside the project and are not part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets are not beside the project (../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def spark() -> Any:
    """Give the Spark session of the process; `make test-services` installs PySpark, and a server must have Java."""
    return spark_session()


@pytest.fixture(params=[*ENGINES, ALONE])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give each engine of the run in turn; pandas also as where Polars is not installed."""
    name = str(request.param)
    if name not in (*HERE, ALONE):
        pytest.skip(f"{name} is asked in make test-full")
    if name == ALONE:
        monkeypatch.setattr("funnel._dataframes.adapter.installed", lambda module: module == "pandas")
    return name
