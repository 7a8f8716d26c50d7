"""Pytest plugin with three fixtures and the option that names the engines; imports are lazy."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from funnel.policy import Policy


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("funnel").addoption(
        "--funnel-engine",
        action="append",
        default=[],
        metavar="NAME",
        help="run the tests that use funnel_engine on this engine; repeatable (default: all installed engines)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test that uses `funnel_engine` over the engines."""
    if "funnel_engine" in metafunc.fixturenames:
        from funnel.errors import FunnelError
        from funnel.testing.engines import chosen_engines

        names: list[str] = metafunc.config.getoption("funnel_engine") or []
        try:
            metafunc.parametrize("funnel_engine", chosen_engines(names))
        except FunnelError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture
def funnel_policy() -> Policy:
    """Return the default policy; override this fixture with a shop's own."""
    from funnel.policy import Policy

    return Policy()


@pytest.fixture
def funnel_as_of() -> datetime:
    """Return a fixed `as_of`, the same in every run; override this fixture with a shop's own."""
    from datetime import UTC, datetime

    return datetime(2026, 3, 1, tzinfo=UTC)
