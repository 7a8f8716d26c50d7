"""The house rules that no reviewer should have to remember."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest
from importlinter.cli import lint_imports

import funnel
from funnel._expr.reachable_code import reach_of
from tests.public import public

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_FILE = 400
LOCAL_KERNELS = {
    "attempt_loops",
    "blocks",
    "by_person",
    "cohort_loops",
    "id_numbers",
    "_purchase_loops",
    "local_kernel",
    "loops",
    "plain_loop",
}
HEAVY = {
    "altair",
    "duckdb",
    "hypothesis",
    "ibis",
    "narwhals",
    "numba",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pyspark",
    "pytest",
    "rich",
    "sqlalchemy",
    "typer",
    "vl_convert",
}
FORBIDDEN = (
    r"\beval\(",
    r"\bexec\(",
    r"\bpickle\b",
    r"\bdatetime\.now\b",
    r"\butcnow\b",
    r"\btime\.time\b",
    r"\bsocket\b",
    r"\burllib\b",
    r"\brequests\b",
)


def sources(root: Path) -> list[Path]:
    """List the library's own files."""
    return sorted((root / "src").rglob("*.py"))


def modules_of(root: Path) -> list[Path]:
    """List the library's own files without the scripts of the skill, which are not imported."""
    return [path for path in sources(root) if ".agents" not in path.parts]


def public_names() -> list[str]:
    """List what a user may import from the top."""
    return list(funnel.__all__)


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and give what it printed."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_imports_go_down(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of the library imports what stands above it, and no engine is imported but at the edges."""
    monkeypatch.chdir(root)

    assert lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True) == 0


def test_importing_the_library_loads_nothing_heavy() -> None:
    """A back end that imports the library pays for no dataframe library, test tool or command line."""
    loaded = run_python("import sys, funnel; print(*{name.partition('.')[0] for name in sys.modules})")

    assert HEAVY & set(loaded.split()) == set()


def test_importing_facts_and_rules_loads_little() -> None:
    """The names of a first program load nothing beside pydantic, attrs and dateutil but 43 modules of the library.

    `bisect` is compiled and tiny; new versions of those packages load it too.

    They build no model, read no source file and load no kernel, so that they cost at most 1.3 times as much as those
    packages alone (`benchmarks/imports.py`).
    """
    loaded = run_python(FIRST_NAMES)

    others, ours, built = loaded.splitlines()
    assert (others, built) == ("", "")
    assert len(ours.split()) <= MOST_MODULES


MOST_MODULES = 43
FIRST_NAMES = """
import bisect, inspect, sys
import attrs
from dateutil import relativedelta, rrule
from pydantic import BaseModel, Field
inspect.getsource = inspect.getsourcelines = None
before = set(sys.modules)
from funnel import Facts, History, Policy, stage
loaded = sorted(set(sys.modules) - before)
print(*[name for name in loaded if name.partition(".")[0] != "funnel"])
print(*[name for name in loaded if name.partition(".")[0] == "funnel"])
models = [kind for base in BaseModel.__subclasses__() for kind in base.__subclasses__()]
print(*[kind.__name__ for kind in models if kind.__pydantic_complete__])
"""


def test_public_names_are_sorted_and_there() -> None:
    """Every public name is listed once, in order (constants, classes, the rest), imports, and is in `dir`."""
    names = public_names()

    assert names == sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(funnel, name) for name in names)
    assert set(names) <= set(dir(funnel))
    assert {name for name in dir(funnel) if not name.startswith("_")} <= {*names, *submodules()}


def submodules() -> set[str]:
    """Name the parts of the library that importing it may leave on it."""
    return {name.split(".")[1] for name in sys.modules if name.startswith("funnel.")}


@pytest.mark.parametrize("name", ["no_such_name", "_nor_this"])
def test_an_unknown_name_is_refused(name: str) -> None:
    """Asking the library for what it does not have is an error that names it."""
    with pytest.raises(AttributeError, match=name):
        getattr(funnel, name)


def test_public_things_say_what_they_mean() -> None:
    """Every public class and function has a docstring of its own."""
    silent = [name for name, thing in public().items() if is_code(thing) and not own_docstring(thing)]

    assert silent == []


def is_code(thing: object) -> bool:
    """Tell classes and functions from values."""
    return inspect.isclass(thing) or inspect.isroutine(thing)


def own_docstring(thing: object) -> str | None:
    """Give a thing's docstring, leaving out what a class has from its parents."""
    return vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__


def test_no_file_is_too_long(root: Path) -> None:
    """A file that needs more than 400 lines holds two ideas."""
    lines = {path.relative_to(root).as_posix(): len(path.read_text().splitlines()) for path in sources(root)}

    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_file_does_what_a_library_must_not(root: Path, pattern: str) -> None:
    """Nothing runs text as code, loads untrusted objects, reads a clock or opens a connection."""
    guilty = [path.relative_to(root).as_posix() for path in sources(root) if re.search(pattern, path.read_text())]

    assert guilty == []


def test_every_frame_is_computed_in_one_place(root: Path) -> None:
    """A frame is collected by `collected` alone, so that the failure of an engine is an EngineError everywhere."""
    texts = {path.relative_to(root).as_posix(): path.read_text() for path in sources(root)}

    assert [path for path, text in texts.items() if ".collect(" in text] == ["src/funnel/_dataframes/compute.py"]


def test_the_wheel_holds_the_library_and_nothing_else(root: Path, tmp_path: Path) -> None:
    """The wheel has the typed library with its skill and its licence: no tests, no examples, no docs."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()

    assert "funnel/py.typed" in files
    assert any(name.endswith("licenses/LICENSE") for name in files)
    assert {name.split("/")[0] for name in files} == {"funnel", f"shopfunnel-{version(root)}.dist-info"}
    library = {name for name in files if name.startswith("funnel/")}
    assert {name.rpartition(".")[2] for name in library if not name.endswith(".md")} == {"py", "pyi", "typed"}
    assert [name for name in library if name.endswith(".md")] == ["funnel/.agents/skills/shopfunnel/SKILL.md"]
    assert "funnel/.agents/skills/shopfunnel/scripts/summarize.py" in library


def version(root: Path) -> str:
    """Read the version that is built."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def test_the_changelog_tells_of_this_version(root: Path) -> None:
    """Users can read what the version they install brought."""
    assert f"## [{version(root)}]" in (root / "CHANGELOG.md").read_text()


def test_every_module_opens_with_what_it_is_for(root: Path) -> None:
    """Every file of the library can be imported by itself and begins with a docstring."""
    names = [".".join(path.relative_to(root / "src").with_suffix("").parts) for path in modules_of(root)]
    modules = [importlib.import_module(name.removesuffix(".__init__")) for name in names if "__main__" not in name]

    assert [module.__name__ for module in modules if not module.__doc__] == []


def test_the_rules_of_the_library_are_plain() -> None:
    """None of them can reach `try`, `is` or `type`: such a rule is proven with many more people, and takes seconds."""
    rules = [thing for thing in public().values() if isinstance(thing, funnel.Rule)]
    odd = [one.name for one in rules if reach_of(one.__wrapped__, funnel.Policy(), one.facts).is_odd]

    assert len(rules) > 40
    assert odd == []


def test_tests_reach_the_local_kernels_through_one_module(root: Path) -> None:
    """Only `tests/kernels.py` imports the kernels for local memory. A kernel can move without changes to tests."""
    kernels = {
        ".".join(path.relative_to(root / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sources(root)
        if "packed" in path.as_posix() or path.stem in LOCAL_KERNELS
    }
    names = "|".join(re.escape(name) for name in sorted(kernels, key=len, reverse=True))
    deep = re.compile(rf"(?:from|import|\") *(?:{names})\b")
    tests = sorted((root / "tests").rglob("*.py"))

    assert len(kernels) > 10
    assert [path.name for path in tests if deep.search(path.read_text())] == ["kernels.py"]


def test_every_cache_is_bounded(root: Path) -> None:
    """A function with arguments is cached by `lru_cache` with a size: a cache that grows without end is a leak."""
    texts = {path.name: path.read_text() for path in sources(root)}
    unbounded = [
        f"{name}: {one.name}"
        for name, text in texts.items()
        if re.search(r"^from functools import .*cache\b", text, re.MULTILINE)
        for one in ast.walk(ast.parse(text))
        if isinstance(one, ast.FunctionDef) and any(map(is_unbounded, one.decorator_list)) and ast.unparse(one.args)
    ]

    assert unbounded == []


def is_unbounded(decorator: ast.expr) -> bool:
    """Tell whether a decorator caches without a limit."""
    text = ast.unparse(decorator)
    return text in {"cache", "functools.cache"} or ("lru_cache" in text and not re.search(r"maxsize=[1-9A-Z]", text))
