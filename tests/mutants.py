"""Does a test fail where the code is wrong? Small faults are made one by one, and the tests of the file are run.

`python -m tests.mutants` looks at a sample, the same in every run, `--every 1` at all of them. A fault that no test
finds is printed; docs/decisions/mutants.md says of those that are known why none can.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[1]
SLOWER = 10
"""A run that takes this many times a processor's time has found the fault: it has no end."""

SECONDS = 10
"""The time a run may take beside that."""

MEMORY = 8 << 30
"""A run that takes more memory has found the fault, too."""

TESTS: dict[str, tuple[str, ...]] = {
    "rules/_activity.py": ("tests/rules/test_activity.py", "tests/test_stages.py"),
    "rules/_buying.py": ("tests/rules/test_buying.py",),
    "rules/_next_action.py": ("tests/rules/test_follow_up.py",),
    "rules/_postponement.py": ("tests/rules/test_postponement.py",),
    "rules/_readiness.py": ("tests/rules/test_readiness.py",),
    "rules/_rfm.py": ("tests/rules/test_rfm.py",),
    "rules/_trust.py": ("tests/rules/test_trust.py",),
    "rules/_window.py": ("tests/rules/test_window.py",),
    "stages.py": ("tests/test_stages.py",),
    "_expr/": ("tests/expr",),
    "_aggregate/": ("tests/aggregate", "tests/facts/test_by_hand.py"),
    "_ledger/effects.py": ("tests/incremental/test_cases.py",),
    "_ledger/": (
        *("tests/test_ledger.py", "tests/test_ledger_streams.py", "tests/facts/test_by_hand.py"),
        "tests/incremental",
    ),
    "logs/": ("tests/logs",),
    "machines/": ("tests/machines/test_check.py", "tests/machines/test_one.py", "tests/machines/test_over.py"),
    "metrics/_conversion/": (
        *("tests/metrics/conversion/test_cases.py", "tests/metrics/conversion/test_bad_input.py"),
        "tests/metrics/conversion/test_packed.py",
    ),
    "incremental/": ("tests/incremental/test_cases.py",),
}
"""The tests that are to find a fault in a file or a folder."""

OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


@attrs.frozen
class Mutant:
    """A file with one fault."""

    path: Path
    node: int
    fault: int
    line: int
    change: str

    def __str__(self) -> str:
        """Show where it is, and what was done."""
        return f"{self.path.relative_to(ROOT)}:{self.line} {self.change}"

    def tree(self) -> ast.Module:
        """The file with the fault."""
        whole = ast.parse(self.path.read_text())
        node = next(one for number, one in enumerate(ast.walk(whole)) if number == self.node)
        list(_faults(node))[self.fault]()
        return ast.fix_missing_locations(whole)


def mutants(path: Path) -> Iterator[Mutant]:
    """Every fault that can be made in a file."""
    for node_index, node in enumerate(ast.walk(ast.parse(path.read_text()))):
        for fault_index in range(len(list(_faults(node)))):
            fault = list(_faults(deepcopy(node)))[fault_index]()
            yield Mutant(path, node_index, fault_index, getattr(node, "lineno", 0), fault)


def _faults(node: Any) -> Iterator[Any]:
    """Yield the faults that a node may get."""
    match node:
        case ast.Compare(ops=ops):
            for number, op in enumerate(ops):
                if type(op) in OTHER:
                    yield lambda number=number: _swap(node.ops, number)
        case ast.BoolOp() | ast.BinOp() if type(node.op) in OTHER and not _is_type(node):
            yield lambda: _other(node)
        case ast.Constant(value=bool() | int()):
            yield lambda: _constant(node)
        case ast.If() | ast.IfExp() if not _is_checking(node.test):
            yield lambda: _negated(node)


def _is_type(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def _is_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in ast.unparse(test)


def _swap(ops: list[Any], number: int) -> str:
    before = ops[number]
    ops[number] = OTHER[type(before)]()
    return f"{type(before).__name__} -> {type(ops[number]).__name__}"


def _other(node: Any) -> str:
    before = node.op
    node.op = OTHER[type(before)]()
    return f"{type(before).__name__} -> {type(node.op).__name__} in {ast.unparse(node)[:60]}"


def _constant(node: Any) -> str:
    before = node.value
    node.value = (not before) if isinstance(before, bool) else before + 1
    return f"{before!r} -> {node.value!r}"


def _negated(node: Any) -> str:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return f"if {ast.unparse(node.test)[:60]}"


class Wrong(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the file with the fault in place of the file."""

    def __init__(self, mutant: Mutant) -> None:
        """Take the mutant."""
        parts = mutant.path.relative_to(ROOT / "src").with_suffix("").parts
        self.name = ".".join(parts).removesuffix(".__init__")
        self.mutant = mutant

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """Find it by its name only."""
        return importlib.machinery.ModuleSpec(name, self, origin=str(self.mutant.path)) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the file with the fault."""
        code = compile(self.mutant.tree(), str(self.mutant.path), "exec")
        exec(code, module.__dict__)  # noqa: S102 (our own file, with a fault)


class CheapestFirst:
    """The tests in the order of the time they took without a fault: a fault is mostly found by a cheap one."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.took: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put what takes long last."""
        items.sort(key=lambda item: self.took.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a test took."""
        self.took[report.nodeid] = self.took.get(report.nodeid, 0) + report.duration


OPTIONS = (
    *("-x", "-q", "--hypothesis-seed=0", "--no-cov", "--assert=plain", "--disable-plugin-autoload"),
    *("-p", "_hypothesis_pytestplugin", "-p", "pytest_cov.plugin", "-p", "no:cacheprovider"),
)


def is_found(mutant: Mutant | None, tests: Sequence[str], order: CheapestFirst) -> bool:
    """Whether a test fails, in a process of its own; without a fault none may.

    Without a fault, what the tests load beside the library is loaded here too, so that the next ones need not, and
    what each test takes is noted.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as text:
            _learn(text.read(), order)
        return os.waitpid(child, 0)[1] != 0
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    if mutant is not None:
        sys.meta_path.insert(0, Wrong(mutant))
        signal.setitimer(signal.ITIMER_PROF, SECONDS + SLOWER * sum(order.took.values()))
    ended = int(pytest.main([*OPTIONS, *tests], plugins=[order]))
    if mutant is None:
        ours = ("funnel", "tests", "__")
        names = [name for name in sys.modules if not name.startswith(ours)]
        with os.fdopen(writing, "w") as telling:
            json.dump({"names": names, "took": order.took}, telling)
    os._exit(ended)


def _learn(text: str, order: CheapestFirst) -> None:
    """Load and note what a run without a fault has told; others tell nothing."""
    if not text:
        return
    learnt = json.loads(text)
    order.took.update(learnt["took"])
    for name in learnt["names"]:
        with suppress(ImportError):
            importlib.import_module(name)


def main() -> int:
    """Look at a sample of the faults."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--every", type=int, default=23, help="look at every so many faults (default: 23)")
    reading.add_argument("only", nargs="*", help="files or folders of src/funnel, such as rules/ (default: all known)")
    options = reading.parse_args()
    killed, left = 0, list[Mutant]()
    if "funnel" in sys.modules:
        sys.exit("the library is loaded already, so that no fault can be put in; set HYPOTHESIS_NO_PLUGINS=1")
    for where, tests in TESTS.items():
        if options.only and not any(where.startswith(name) for name in options.only):
            continue
        order = CheapestFirst()
        if is_found(None, tests, order):
            sys.exit(f"the tests of {where} fail without any fault; mend them first")
        whole = ROOT / "src" / "funnel" / where
        paths = sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]
        for mutant in [one for path in paths for one in mutants(path)][:: options.every]:
            if is_found(mutant, tests, order):
                killed += 1
            else:
                left.append(mutant)
                sys.stdout.write(f"not found: {mutant}\n")
                sys.stdout.flush()
    sys.stdout.write(
        f"{killed} of {killed + len(left)} faults were found ({100 * killed // max(killed + len(left), 1)} %)\n"
    )
    return int(killed < 9 * len(left))


if __name__ == "__main__":
    sys.exit(main())
