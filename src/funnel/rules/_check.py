"""Check of a rule that was passed as an argument."""

from __future__ import annotations

from typing import Any

from funnel._arguments import instance
from funnel.rules._rule import Rule


def check_is_rule(value: object, name: str = "rule") -> Rule[Any, Any, Any]:
    """Return a rule that was passed as an argument.

    Raises:
        ArgumentError: The argument is not a rule, such as a function without `@rule`.
    """
    checked: Rule[Any, Any, Any] = instance(value, Rule, name, "a rule, a function under @rule")
    return checked
