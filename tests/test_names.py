"""The public names: each is what its own file defines, in whatever order they are asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import funnel


@pytest.mark.parametrize("name", funnel.__all__)
def test_a_public_name_is_what_its_file_defines(name: str) -> None:
    """A public name is never a file of the same name, and is the one thing that its own file has under it."""
    home = import_module(f"funnel.{funnel._HOMES[name]}")

    assert not isinstance(getattr(funnel, name), ModuleType)
    assert getattr(funnel, name) is getattr(home, name)


@pytest.mark.parametrize("before", ["stage", "Rule", "is_lapsed"])
def test_a_file_that_is_called_as_a_public_name_does_not_hide_it(before: str) -> None:
    """`rule` is the decorator, though the file `rule` was loaded first for the sake of another name."""
    asked = f"from funnel import {before}, rule; print(type(rule).__name__)"
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)

    assert told.stdout == "function\n"


def test_what_is_no_module_may_still_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may put something of its own in the place of a public name."""
    monkeypatch.setattr(funnel, "rule", len)

    assert funnel.rule is len
