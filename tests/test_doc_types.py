"""The code of the README and of the tutorial passes mypy and pyright, both strict."""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"readme": ROOT / "README.md", "tutorial": ROOT / "docs" / "tutorial.md"}
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def code_of(page: str) -> str:
    """Return the code of a page as one module.

    A shown value is passed to `print`, because a checker reports a value that is not used.
    """
    return "\n".join(plain(block) if block.startswith(">>>") else block for block in BLOCK.findall(page))


def plain(block: str) -> str:
    """Return the statements of a session, without the answers."""
    tree = ast.parse("".join(example.source for example in doctest.DocTestParser().get_examples(block)))
    for one in tree.body:
        if isinstance(one, ast.Expr):
            one.value = ast.Call(ast.Name("print"), [one.value], [])
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Write the code of each page into a folder."""
    for name, path in PAGES.items():
        (tmp_path / f"{name}.py").write_text(code_of(path.read_text(encoding="utf-8")), encoding="utf-8")
    return tmp_path


def checked(*command: str | Path) -> str:
    """Run a type checker; return its problems, or nothing if there are none."""
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr if run.returncode else ""


def test_mypy_accepts_the_pages(pages: Path) -> None:
    """Somebody who types along with the tutorial sees no error of mypy, in strict mode and without plugins."""
    settings = pages / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\nfollow_imports = silent\nmypy_path = src\n")

    assert not checked(
        "mypy", "--config-file", settings, "--cache-dir", ROOT / ".mypy_cache/pages", *pages.glob("*.py")
    )


def test_pyright_accepts_the_pages(pages: Path) -> None:
    """Somebody who types along with the tutorial sees no error of pyright, in strict mode."""
    settings = {
        "typeCheckingMode": "strict",
        "include": [str(pages)],
        "extraPaths": [str(ROOT / "src")],
        "venvPath": str(ROOT),
        "venv": ".venv",
    }
    (pages / "pyrightconfig.json").write_text(json.dumps(settings))

    assert not checked("pyright", "--project", pages)
