"""Every example a reader can see runs: the README, the docs, and each docstring."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.example import SybilFailure
from sybil.parsers.myst import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

if TYPE_CHECKING:
    from sybil.document import Document

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).resolve().parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PAGES = Sybil([PythonCodeBlockParser(doctest_optionflags=FLAGS)], path=str(ROOT))
DOCSTRINGS = Sybil([DocTestParser(optionflags=FLAGS)], path=str(ROOT))

SAMPLE = ROOT / "examples" / "orders_export.csv"

SIGNS = {".md": "python", ".py": ">>> "}
"""The text without which a file of each kind holds no example."""


def parsed(path: Path) -> Document:
    """Read one page or one source file for its examples."""
    return (DOCSTRINGS if path.suffix == ".py" else PAGES).parse(path)


def shown_files() -> list[Path]:
    """List the pages and source files that may hold an example: cheaply, for each process of a run lists them."""
    docs = [path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts]
    source = [path for sign in SIGNS for path in (ROOT / "src").rglob(f"*{sign}")]
    files = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs, *source])
    return [path for path in files if SIGNS[path.suffix] in path.read_text(encoding="utf-8")]


def run(path: Path) -> None:
    """Run the examples of one file in order, in one namespace, as a reader would."""
    for example in parsed(path).examples():
        example.evaluate()


@pytest.mark.parametrize("path", shown_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_of_a_file_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example does what the page beside it says. A page that reads the sample export runs beside a copy of it."""
    if f'"{SAMPLE.name}"' in path.read_text(encoding="utf-8"):
        shutil.copy(SAMPLE, tmp_path)
        monkeypatch.chdir(tmp_path)
    run(path)


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("```python\n>>> 1 + 1\n3\n```\n", SybilFailure),
        ("```python\nassert 1 + 1 == 3\n```\n", AssertionError),
        ("```{code-block} python\n1 / 0\n```\n", ZeroDivisionError),
    ],
    ids=["shown answer", "assertion", "error"],
)
def test_a_wrong_example_is_found(tmp_path: Path, block: str, fault: type[Exception]) -> None:
    """An example that does not do what it says fails, however the block is written."""
    page = tmp_path / "page.md"
    page.write_text(block)

    with pytest.raises(fault):
        run(page)


def test_a_wrong_docstring_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example in a docstring is run too, with the names of its own file."""
    module = tmp_path / "module_with_a_wrong_example.py"
    module.write_text('"""Say what two is.\n\n>>> two\n3\n"""\n\ntwo = 2\n')
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(SybilFailure, match="Got:\n    2"):
        run(module)
