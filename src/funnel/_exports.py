"""Lazy loading of public names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(
    package: str, modules: Mapping[str, str]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a lazy package.

    Its names are defined in other modules.

    Args:
        package: The package's name.
        modules: The module of each public name, below `funnel`.
    """

    def load(name: str) -> object:
        """Load a public name when it is first used."""
        if name not in modules:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value: object = getattr(import_module(f"funnel.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return list(modules), load, lambda: sorted(modules)
