"""Make small faults on purpose, one by one, and run the tests that reach them.

`python -m tests.mutants` makes a sample of the faults of each package, the same in every run; `--most 9999` makes all.
The tool prints each fault that no test finds. docs/decisions/mutants.md explains the known ones.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "funnel"
SLOWER = 10
"""A run that takes this many times a processor's time has found the fault: it does not end."""

SECONDS = 10
"""The time that a run may take in addition."""

WAITING = 10
"""A run that takes this many times that time by the clock waits for something, and has found the fault, too."""

MEMORY = 8 << 30
"""A run that takes more memory has found the fault, too."""

TESTS: dict[str, tuple[str, ...]] = {
    "rules/": ("tests/rules", "tests/test_stages.py"),
    "stages.py": ("tests/test_stages.py", "tests/machines/test_check.py"),
    "_expr/": ("tests/expr",),
    "_aggregate/": ("tests/aggregate", "tests/facts/test_by_hand.py"),
    "_ledger/": (
        *("tests/test_ledger.py", "tests/test_ledger_streams.py", "tests/test_growing.py", "tests/test_history.py"),
        *(
            "tests/facts/test_by_hand.py",
            "tests/incremental",
            "tests/test_copies.py::test_a_copy_of_live_facts_is_independent",
        ),
    ),
    "logs/": ("tests/logs", "tests/facts/test_by_hand.py"),
    "machines/": ("tests/machines",),
    "metrics/_conversion/": ("tests/metrics/conversion",),
    "incremental/": ("tests/incremental/test_cases.py",),
    "_dataframes/": ("tests/dataframes", "tests/logs"),
}
"""The tests that are to find a fault in a file or a folder."""

PACKED = frozenset({"packed", "_packed"})
"""Folders with numpy kernels, which get faults only if they are named."""

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
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


# ---- faults --------------------------------------------------------------------------------------------------------


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

    @property
    def file(self) -> str:
        """The file, by its path in the library."""
        return self.path.relative_to(SOURCE).as_posix()

    def code(self) -> CodeType:
        """The code of the file with the fault."""
        whole = ast.parse(self.path.read_text())
        node = next(one for number, one in enumerate(ast.walk(whole)) if number == self.node)
        list(_faults(node))[self.fault]()
        return compile(ast.fix_missing_locations(whole), str(self.path), "exec", dont_inherit=True)

    def functions(self) -> list[str]:
        """Return the functions whose code the fault changes; empty if only an annotation changes."""
        return list(_different(compile(self.path.read_text(), str(self.path), "exec", dont_inherit=True), self.code()))


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
        case ast.If() | ast.IfExp() if "TYPE_CHECKING" not in ast.unparse(node.test):
            yield lambda: _negated(node)
        case _:
            yield from _larger_faults(node)


def _larger_faults(node: Any) -> Iterator[Any]:
    """Yield the faults of a call or a statement."""
    match node:
        case ast.UnaryOp(op=ast.Invert()):
            yield lambda: _plain(node)
        case ast.comprehension(ifs=[_, *_]):
            yield lambda: _negated_filter(node)
        case ast.Call(args=[first, second, *_]) if not {ast.Starred} & {type(first), type(second)}:
            yield lambda: _exchanged(node)
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield lambda: _removed(node)
        case ast.Assign(targets=[target]) if _is_replaced(target, node.value):
            yield lambda: _removed(node)
        case _:
            pass


def _is_type(node: ast.AST) -> bool:
    """Whether an operator joins types, such as `Quote | None`; a column or a set has a name in small letters."""
    names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and not hasattr(builtins, one.id)]
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and not any(one[0].islower() for one in names)


def _is_replaced(target: ast.expr, value: ast.expr) -> bool:
    """Return whether the name has a value before the statement, so that leaving it out is possible."""
    return not isinstance(target, ast.Name) or target.id in {
        one.id for one in ast.walk(value) if isinstance(one, ast.Name)
    }


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


def _plain(node: Any) -> str:
    before = ast.unparse(node)[:60]
    operand = vars(node.operand)
    node.__class__ = type(node.operand)
    vars(node).clear()
    vars(node).update(operand)
    return f"{before} without ~"


def _negated_filter(node: Any) -> str:
    node.ifs[0] = ast.UnaryOp(ast.Not(), node.ifs[0])
    return f"for ... if {ast.unparse(node.ifs[0])[:60]}"


def _exchanged(node: Any) -> str:
    node.args[:2] = node.args[1::-1]
    return f"arguments of {ast.unparse(node)[:60]}"


def _removed(node: Any) -> str:
    before = ast.unparse(node)[:60]
    node.__class__ = ast.Pass
    return f"without {before}"


def _different(before: CodeType, after: CodeType) -> Iterator[str]:
    """Yield the functions that differ, without the functions inside."""
    if _shape(before) != _shape(after):
        yield _name(before)
    for one, other in zip(_inner(before), _inner(after), strict=False):
        yield from _different(one, other)


def _shape(code: CodeType) -> tuple[Any, ...]:
    constants = [repr(one) for one in code.co_consts if not isinstance(one, CodeType)]
    return code.co_code, code.co_names, code.co_varnames, constants, len(_inner(code))


def _inner(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def _name(code: CodeType) -> str:
    """The name of a function; empty for a module or the body of a class, which no test calls."""
    called = bool(code.co_flags & inspect.CO_NEWLOCALS) and bool(code.co_flags & inspect.CO_OPTIMIZED)
    return f"{code.co_name}:{code.co_firstlineno}" if called else ""


# ---- runs ----------------------------------------------------------------------------------------------------------


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
        exec(self.mutant.code(), module.__dict__)  # noqa: S102 (our own file, with a fault)


@attrs.define
class Guide:
    """Time that each test took, and the functions of the library that it called."""

    took: dict[str, float] = attrs.field(factory=dict)
    called: dict[str, list[str]] = attrs.field(factory=dict)
    chosen: Collection[str] | None = None
    codes: dict[int, CodeType] = attrs.field(factory=dict)

    def tests_of(self, mutant: Mutant) -> set[str]:
        """The tests that called a function with the fault; none if it is in a module or in the body of a class."""
        names = {f"{mutant.file}:{name}" for name in mutant.functions()}
        return {test for test, called in self.called.items() if not names.isdisjoint(called)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run the chosen tests, those first that take least: a fault is mostly found by one of these."""
        items[:] = [one for one in items if self.chosen is None or one.nodeid in self.chosen]
        items.sort(key=lambda item: self.took.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a test took."""
        self.took[report.nodeid] = self.took.get(report.nodeid, 0) + report.duration


class Measured(Guide):
    """Notes the functions, too."""

    def call(self, frame: FrameType, *_: object) -> None:
        """Note a function; Python calls this at the beginning of each."""
        self.codes[id(frame.f_code)] = frame.f_code

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note what a test calls, its fixtures included."""
        self.codes.clear()
        sys.settrace(self.call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            ours = [code for code in self.codes.values() if code.co_filename.startswith(str(SOURCE))]
            self.called[item.nodeid] = [f"{Path(one.co_filename).relative_to(SOURCE)}:{_name(one)}" for one in ours]


OPTIONS = (
    *("-x", "-q", "--hypothesis-seed=0", "--no-cov", "--assert=plain", "--disable-plugin-autoload"),
    *("-p", "_hypothesis_pytestplugin", "-p", "pytest_cov.plugin", "-p", "no:cacheprovider"),
)


def measure(tests: Collection[str]) -> Guide | None:
    """Run the tests without a fault; None if one fails.

    Modules that the tests load beside the library are loaded here too, so that the next runs need not.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        guide = Measured()
        ended = _run(tests, guide)
        names = [name for name in sys.modules if not name.startswith(("funnel", "tests", "__"))]
        with os.fdopen(writing, "w") as telling:
            json.dump({"names": names, "took": guide.took, "called": guide.called}, telling)
        os._exit(ended)
    os.close(writing)
    with os.fdopen(reading) as text:
        learnt = json.load(text)
    for name in learnt["names"]:
        with suppress(ImportError):
            importlib.import_module(name)
    return None if os.waitpid(child, 0)[1] else Guide(learnt["took"], learnt["called"])


def is_found(mutant: Mutant, tests: Collection[str], guide: Guide) -> bool:
    """Return whether a test fails: first run the tests that call the function, with few examples, then all."""
    chosen = guide.tests_of(mutant)
    files = sorted({test.partition("::")[0] for test in chosen})
    few = bool(chosen) and _fails(mutant, files, attrs.evolve(guide, chosen=chosen), "lowest")
    return few or _fails(mutant, tests, guide, "dev")


def _fails(mutant: Mutant, tests: Collection[str], guide: Guide, profile: str) -> bool:
    """Return whether a test fails, in a process of its own; False if there are no tests to run."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] not in (0, pytest.ExitCode.NO_TESTS_COLLECTED << 8)
    os.environ["FUNNEL_PROFILE"] = profile
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    sys.meta_path.insert(0, Wrong(mutant))
    seconds = SECONDS + SLOWER * sum(guide.took[one] for one in guide.chosen or guide.took)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, WAITING * seconds)
    os._exit(_run(tests, guide))


def _run(tests: Collection[str], guide: Guide) -> int:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    return int(pytest.main([*OPTIONS, *tests], plugins=[guide]))


def sample(where: str, most: int, only: Callable[[str], bool]) -> list[Mutant]:
    """Choose faults of a file or a folder that change its code, the same in every run."""
    whole = SOURCE / where
    paths = sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]
    every = [mutant for path in paths if only(path.relative_to(SOURCE).as_posix()) for mutant in mutants(path)]
    random.Random(1).shuffle(every)
    return [one for one, _ in zip((one for one in every if one.functions()), range(most), strict=False)]


def main() -> int:
    """Look at a sample of the faults."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--most", type=int, default=40, help="largest number of faults per package (default: 40)")
    reading.add_argument("only", nargs="*", help="files or folders of src/funnel, such as rules/ (default: all known)")
    options = reading.parse_args()
    if "funnel" in sys.modules:
        sys.exit("the library is loaded already, so that no fault can be put in; set HYPOTHESIS_NO_PLUGINS=1")

    def only(file: str) -> bool:
        prefixes = [name for name in options.only if file.startswith(name)]
        is_packed = not PACKED.isdisjoint(file.split("/"))
        return bool(prefixes or not options.only) and (not is_packed or any("packed" in name for name in prefixes))

    total, lost = 0, 0
    for where, tests in TESTS.items():
        chosen = sample(where, options.most, only)
        if not chosen:
            continue
        began = time.monotonic()
        guide = measure(tests)
        if guide is None:
            sys.exit(f"the tests of {where} fail without any fault; mend them first")
        left = [one for one in chosen if not _reported(is_found(one, tests, guide), one)]
        total, lost = total + len(chosen), lost + len(left)
        _print(f"{where}: {_share(len(chosen), len(left))} in {time.monotonic() - began:.0f} s")
    _print(_share(total, lost))
    return int(lost * 10 > total)


def _reported(is_detected: bool, mutant: Mutant) -> bool:  # noqa: FBT001
    if not is_detected:
        _print(f"not found: {mutant}")
    return is_detected


def _share(total: int, lost: int) -> str:
    return f"{total - lost} of {total} faults were found ({100 * (total - lost) // max(total, 1)} %)"


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
