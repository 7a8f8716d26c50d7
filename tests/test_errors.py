"""The tree of errors is as it is drawn."""

from __future__ import annotations

import builtins
import inspect
import re

import pytest

from funnel import errors
from funnel.errors import FunnelError, LogsError, RecordError

DIAGRAM = re.findall(r"[├└]── (\w+)\s+(\w+)", errors.__doc__ or "")
CLASSES = {name: one for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, FunnelError)}


def test_every_error_is_drawn() -> None:
    """The picture at the head of the file has every error, once."""
    assert sorted(name for name, _ in DIAGRAM) == sorted(CLASSES.keys() - {"FunnelError"})


@pytest.mark.parametrize(("name", "builtin"), DIAGRAM)
def test_each_error_is_a_builtin_too(name: str, builtin: str) -> None:
    """Each error is also the builtin error that the picture shows."""
    assert issubclass(CLASSES[name], getattr(builtins, builtin))
    assert issubclass(CLASSES[name], FunnelError)


def test_an_error_of_logs_keeps_its_faults() -> None:
    """Faults can be read by a program, and an error of logs is one of records."""
    error = LogsError("two rows are wrong", faults=("first", "second"))

    assert error.faults == ("first", "second")
    assert str(error) == "two rows are wrong"
    assert isinstance(error, RecordError)
    assert LogsError("none").faults == ()
