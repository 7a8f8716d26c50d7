"""The installed engines on which a rule can be tested."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import get_args

from funnel._arguments import check_choice, each
from funnel.errors import MissingExtraError
from funnel.store._frames import NEEDED
from funnel.store._results import Engine

ENGINES: tuple[Engine, ...] = get_args(Engine)
"""The engines that can hold generated people."""


def installed_engines() -> tuple[Engine, ...]:
    """Return the engines whose packages are all installed.

    Example:
        >>> "polars" in installed_engines()
        True
    """
    return tuple(name for name in ENGINES if all(map(find_spec, ("polars", *NEEDED.get(name, ())))))


def chosen_engines(names: Iterable[str]) -> tuple[Engine, ...]:
    """Return the named engines; all installed engines if no name is passed.

    Raises:
        ArgumentError: A name is unknown.
        MissingExtraError: The engine is not installed.
    """
    chosen, installed = each(names, "engines", "a list of names"), installed_engines()
    for name in chosen:
        check_choice(name, ENGINES, "an engine")
    missing = [name for name in chosen if name not in installed]
    if missing:
        msg = f'{missing[0]} is not installed; install it with: pip install "shopfunnel[polars,{missing[0]}]"'
        raise MissingExtraError(msg)
    return tuple(name for name in ENGINES if name in chosen) if chosen else installed
