"""The public names: each is what its own file defines, in whatever order they are asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import funnel


def test_a_public_name_is_what_its_file_defines() -> None:
    """A public name is never a file of the same name, and is the one thing that its own file has under it."""
    for name in funnel.__all__:
        home = import_module(f"funnel.{funnel._HOMES[name]}")

        assert not isinstance(getattr(funnel, name), ModuleType), name
        assert getattr(funnel, name) is getattr(home, name), name


def test_no_file_is_called_as_a_public_name() -> None:
    """A file that is loaded stands in the package under its own name, and would take the place of what is public."""
    assert [name for name in funnel.__all__ if find_spec(f"funnel.{name}") is not None] == []
