"""The check of a file of rules: each rule compiles, and its decision table has a size."""

from __future__ import annotations

import sys
from importlib.abc import Loader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs

from funnel._format import one_line
from funnel.errors import FileError, FunnelError
from funnel.policy import Policy
from funnel.rules._rule import Rule

_MODULE = "checked_rules"


@attrs.frozen
class CheckedRule:
    """The result for one rule.

    Attributes:
        name: The rule.
        paths: Number of paths of its decision table.
        answers: Number of different answers.
        facts: Number of facts that it reads.
        problem: Why the rule does not compile; "" if it does.
    """

    name: str
    paths: int = 0
    answers: int = 0
    facts: int = 0
    problem: str = ""

    def __str__(self) -> str:
        """Return the result as one line."""
        if self.problem:
            return f"{self.name}: {one_line(self.problem)}"
        counts = ((self.paths, "path"), (self.answers, "answer"), (self.facts, "fact"))
        return f"{self.name}: " + ", ".join(f"{count:,} {noun}{'s' * (count != 1)}" for count, noun in counts)


def check_rules(path: Path) -> list[CheckedRule]:
    """Run a file and check each rule that it defines, in the order of the file.

    Args:
        path: A Python file of the shop. Its code is run, as Python runs any module.

    Raises:
        FileError: The file is not a Python file, cannot be run, or defines no rule.
    """
    spec = spec_from_file_location(_MODULE, path) if path.suffix == ".py" and path.is_file() else None
    if spec is None or spec.loader is None:
        raise FileError(f"{path.name} is not a Python file; pass the path of a file such as rules.py")
    module = module_from_spec(spec)
    sys.modules[_MODULE] = module  # annotations of its classes are looked up there
    try:
        _run(module, spec.loader, path.name)
        rules: list[Rule[Any, Any, Any]] = [
            one for one in vars(module).values() if isinstance(one, Rule) and one.__module__ == _MODULE
        ]
        checked = [_checked(one, module) for one in dict.fromkeys(rules)]
    finally:
        del sys.modules[_MODULE]
    if not checked:
        raise FileError(f"{path.name} defines no rule; write @rule above a function of facts and a policy")
    return checked


def _run(module: ModuleType, loader: Loader, name: str) -> None:
    try:
        loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 (any error of the shop's own code)
        msg = f"{name} cannot be run: {type(error).__name__}: {error}"
    else:
        return
    raise FileError(msg)


def _checked(rule: Rule[Any, Any, Any], module: ModuleType) -> CheckedRule:
    try:
        ready = rule._compiled_rule(_policy(rule, module))
    except FunnelError as error:
        return CheckedRule(rule.name, problem=str(error))
    return CheckedRule(rule.name, len(ready.paths), len({path.answer for path in ready.paths}), len(ready.read))


def _policy(rule: Rule[Any, Any, Any], module: ModuleType) -> Policy:
    """Return a policy of the module that the rule takes, or else one with the defaults."""
    kind = rule._policy_class  # noqa: SLF001 (our own class)
    return next((one for one in vars(module).values() if isinstance(one, kind)), None) or kind()
