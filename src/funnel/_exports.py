"""Lazy loading of public names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(
    package: str, names: Mapping[str, str], extra: str | None = None
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a lazy package.

    Its names are defined in other modules.

    Args:
        package: The package's name.
        names: The public names of each module, separated by spaces. The modules are below `funnel`.
        extra: The extra whose packages the modules import. None if they need no package of an extra.
    """
    modules = {name: module for module, several in names.items() for name in several.split()}

    def load(name: str) -> object:
        """Load a public name when it is first used."""
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value: object = getattr(import_module(f"funnel.{modules[name]}"), name)
        except ModuleNotFoundError as error:
            if extra is None:
                raise
            from funnel.errors import MissingExtraError

            raise MissingExtraError(
                f"{package}.{name} needs {error.name}, which is not installed; run: pip install 'shopfunnel[{extra}]'"
            ) from None
        setattr(sys.modules[package], name, value)
        return value

    every = sorted(modules, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    return every, load, lambda: sorted(modules)
