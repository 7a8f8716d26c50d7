"""Every public call answers wrong arguments with an error of this library, never with one of Python or of an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from funnel.errors import FunnelError
from tests.public import called
from tests.wrong import outcome, wrong_for

if TYPE_CHECKING:
    from tests.every_call import Call

FEW = 3
"""Number of wrong values for each argument in the short run, chosen by a hash of the names."""

LONGEST = 2_000
"""A message fits on a screen, however long the argument is."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls that make files of what they are given make them in a temporary folder."""
    monkeypatch.chdir(tmp_path)


@cache
def _calls() -> Mapping[str, Call]:
    """Every call by its name, made when the first test needs it."""
    from tests.every_call import calls

    return {call.name: call for call in calls()}


def _all_named(call: Call) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Every argument of a call with the wrong values for it."""
    is_full = os.environ.get("FUNNEL_PROFILE") == "full"
    for argument, valid in call.arguments.items():
        actual = list(wrong_for(valid))
        actual.sort(key=lambda one: crc32(f"{call.name} {argument} {one[0]}".encode()))
        yield from ((argument, name, make) for name, make in (actual if is_full else actual[:FEW]))


@pytest.mark.parametrize("name", called())
def test_the_examples_are_allowed(name: str) -> None:
    """Every call works with its own examples, so that only the argument that is replaced can be wrong."""
    _calls()[name].run()


@pytest.mark.parametrize("name", called())
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_argument_is_an_error_of_this_library(name: str) -> None:
    """Whatever is passed is answered, or refused with an error of this library whose message is short."""
    call = _calls()[name]
    for argument, wrong, make in _all_named(call):
        value = make()
        error = outcome(lambda argument=argument, value=value: call.run(**{argument: value}))  # type: ignore[misc]
        is_ours = error is None or isinstance(error, FunnelError)
        assert is_ours, f"{name}({argument}={wrong}) raised {type(error).__name__}"
        assert error is None or len(str(error)) < LONGEST, f"{name}({argument}={wrong}) says too much"


def test_every_public_call_has_its_examples() -> None:
    """Each public function and method has examples, and each class that is not a result; nothing else has any."""
    assert sorted(_calls()) == called()
