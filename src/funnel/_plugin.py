"""The pytest plugin: three fixtures and the option that names the engines. It loads nothing until a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from datetime import datetime

    from funnel.policy import Policy


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("funnel").addoption(
        "--funnel-engine",
        action="append",
        default=[],
        metavar="NAME",
        help="run tests that ask for funnel_engine on this engine; may be given again (default: all installed)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `funnel_engine` on each."""
    if "funnel_engine" in metafunc.fixturenames:
        from funnel.errors import FunnelError
        from funnel.testing.engines import chosen_engines

        named: list[str] = metafunc.config.getoption("funnel_engine") or []
        try:
            metafunc.parametrize("funnel_engine", chosen_engines(named))
        except FunnelError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture
def funnel_policy() -> Policy:
    """Give the default numbers; a shop's own fixture of this name takes its place."""
    from funnel.policy import Policy

    return Policy()


@pytest.fixture
def funnel_as_of() -> datetime:
    """Give an instant of judgement, the same in every run; a shop's own fixture of this name takes its place."""
    from datetime import UTC, datetime

    return datetime(2026, 3, 1, tzinfo=UTC)
