"""Every public call answers wrong arguments with an error of this library, never with one of Python or of an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pytest

import funnel
from funnel.errors import FunnelError
from tests.every_call import CONSTRUCTORS, RESULTS, Call, calls, public_names
from tests.specimens import classes
from tests.wrong import outcome, wrong_for

FEW = 3
"""As many wrong values an argument are tried in the short run, chosen by a hash of the names."""

LONGEST = 2_000
"""A message fits on a screen, however long the argument is."""

UNASKED = frozenset(
    {
        *("Facts.held_as", "History.fill", "Machine.asked", "Machine.compile_for", "Machine.course"),
        *("PathMachine.asked", "PathMachine.compile_for", "PathMachine.course", "Rule.as_written", "Rule.facts_from"),
        *("Rule.lifted", "Rule.person", "StageFlow.rate", "StageFlow.spells"),
    }
)
"""Methods for the parts of this library; and those of a table of stages, which any value may be asked of."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls that make files of what they are given make them in a temporary folder."""
    monkeypatch.chdir(tmp_path)


def _all_named(call: Call) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Every argument of a call with the wrong values for it."""
    is_full = os.environ.get("FUNNEL_PROFILE") == "full"
    for argument, valid in call.arguments.items():
        found = list(wrong_for(valid))
        found.sort(key=lambda one: crc32(f"{call.name} {argument} {one[0]}".encode()))
        yield from ((argument, name, make) for name, make in (found if is_full else found[:FEW]))


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.name)
def test_the_examples_are_allowed(call: Call) -> None:
    """Every call works with its own examples, so that only the argument that is replaced can be wrong."""
    call.ask()


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.name)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_argument_is_an_error_of_this_library(call: Call) -> None:
    """Whatever is passed is answered, or refused with an error of this library whose message is short."""
    for argument, name, make in _all_named(call):
        value = make()
        error = outcome(lambda argument=argument, value=value: call.ask(**{argument: value}))  # type: ignore[misc]
        is_ours = error is None or isinstance(error, FunnelError)
        assert is_ours, f"{call.name}({argument}={name}) raised {type(error).__name__}"
        assert error is None or len(str(error)) < LONGEST, f"{call.name}({argument}={name}) says too much"


def test_every_public_call_is_there() -> None:
    """Each public function and method has its examples; so has each class that users make themselves."""
    there = {call.name for call in calls()}
    protocol = {name for name in public_names() if name.startswith("Store.")}
    copies = {name for name in public_names() if name.endswith(".copy")}  # pydantic's old name of model_copy

    assert set(public_names()) - there - protocol - copies == UNASKED


def test_every_public_class_is_made_by_users_or_a_result() -> None:
    """Each class has examples for its constructor, or is a result that the library makes."""
    there = {call.name for call in calls()} | RESULTS | CONSTRUCTORS.keys()
    named = {one.__name__ for one in classes() if not issubclass(one, Exception | funnel.Stage)}
    enums = {one.__name__ for one in classes() if issubclass(one, str)}

    assert named - there - enums == {"Record", "Store"}
