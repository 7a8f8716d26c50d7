"""The pages with code as notebooks: all code, in order; and a notebook that runs shows its pictures."""

from __future__ import annotations

import ast
import builtins
import doctest
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from docs import notebooks
from tests.test_docs import ROOT, parsed

pytestmark = pytest.mark.no_cover


def code_of(notebook: Any) -> list[str]:
    """Return the sources of the code cells."""
    return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("page", ["index", "charts", "traps/pending", "coming-from/spreadsheet"])
def test_a_notebook_has_all_code_of_its_page(page: str) -> None:
    """Each example that the tests run is in a cell, in the same order, and each cell is Python."""
    examples = [example.parsed for example in parsed(ROOT / "docs" / f"{page}.md").examples()]
    sources = [one.source if isinstance(one, doctest.Example) else str(one) for one in examples]
    cells = code_of(notebooks.notebook(page))

    assert "".join("".join(cells).split()) == "".join("".join(sources).split())
    assert all(ast.parse(cell) for cell in cells)


def test_each_page_with_code_has_a_valid_notebook(tmp_path: Path) -> None:
    """`make notebooks` writes a file for each page, without a warning of the format. Cells have stable ids."""
    notebooks.write(tmp_path)
    files = {path.relative_to(tmp_path).with_suffix("").as_posix() for path in tmp_path.rglob("*.ipynb")}

    assert files == set(notebooks.pages())
    assert nbformat.read(tmp_path / "charts.ipynb", as_version=4) == notebooks.notebook("charts")


def test_texts_lead_to_other_notebooks() -> None:
    """A link to a page with code leads to its notebook; other links and pictures are left out."""
    texts = [cell["source"] for cell in notebooks.notebook("index")["cells"] if cell["cell_type"] == "markdown"]

    assert "[the gallery](charts.ipynb)" in "".join(texts)
    assert not any(".md" in text or "_static" in text or "toctree" in text for text in texts)


def test_an_expected_error_stops_no_notebook() -> None:
    """A cell whose example raises has Jupyter's tag for it."""
    cells = notebooks.notebook("traps/time-zones")["cells"]

    assert [cell["metadata"].get("tags") for cell in cells if "replace_time_zone" in cell["source"]] == [
        ["raises-exception"]
    ]


def result_of(source: str) -> str | None:
    """Return the code of a cell that draws a chart, with the result in place of its chart."""
    *rest, last = ast.parse(source).body
    match last:
        case ast.Expr(ast.Call(ast.Attribute(value=value, attr="plot"))):
            return ast.unparse(ast.Module([*rest, ast.Expr(value)], []))
    return None


# ---- marimo ----------------------------------------------------------------------------------------------------------


def marimo_cells(text: str) -> list[tuple[set[str], str, list[str]]]:
    """Return the names that each cell with code reads, its source, and the names that it defines."""
    cells = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    parts = []
    for cell in cells:
        *body, end = cell.body
        reads = {one.arg for one in cell.args.args}
        if "mo" not in reads and ast.unparse(body[0]) != "import marimo as mo":
            assert isinstance(end, ast.Return)
            defines = {one.id for one in ast.walk(end) if isinstance(one, ast.Name)}
            parts.append((reads, ast.unparse(ast.Module(body, [])), sorted(defines)))
    return parts


@pytest.mark.parametrize("page", notebooks.pages())
def test_a_marimo_notebook_defines_each_name_once(page: str) -> None:
    """A cell reads names of earlier cells alone, and declares each of them; marimo allows one definition of a name."""
    values = set[str]()
    for reads, source, defines in marimo_cells(notebooks.marimo_notebook(page)):
        read, own = notebooks._names(source)

        assert reads <= values
        assert read - set(own) - set(dir(builtins)) <= reads
        assert {name for name in own if not name.startswith("_")} >= set(defines)
        assert not values & set(own)
        values |= set(defines)


@pytest.mark.parametrize("page", ["traps/time-zones", "retention"])
def test_the_cells_of_a_marimo_notebook_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each cell runs with the names that it declares; a cell of an expected error prints the error."""
    values: dict[str, Any] = {}
    for reads, source, defines in marimo_cells(notebooks.marimo_notebook(page)):
        scope = {name: values[name] for name in reads}
        exec(source, scope)  # noqa: S102 - code of the docs
        values |= {name: scope[name] for name in defines}

    printed = capsys.readouterr().out
    assert ("InvalidOperationError: " in printed or "Error: " in printed) == (page == "traps/time-zones")


def test_later_definitions_get_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that other cells read gets a number, any other an underscore. Locals of functions keep their names."""
    blocks = [
        "import math\n\nrows = [1, 2]",
        "import math\n\nfor rows in (3, 4):\n    print(rows)",
        "def rows(rows):\n    return [rows for _ in range(rows)]\n\n\nclass Rows:\n    size = math.floor(2.5)",
        "rows(Rows.size), (lambda rows: rows)(2)",
    ]
    (tmp_path / "page.md").write_text("".join(f"```python\n{block}\n```\n\n" for block in blocks), "utf-8")
    monkeypatch.setattr(notebooks, "DOCS", tmp_path)
    notebooks.pages.cache_clear()
    sources = [source for _, source, _ in marimo_cells(notebooks.marimo_notebook("page"))]

    assert sources == [
        "import math\nrows = [1, 2]",
        "for _rows in (3, 4):\n    print(_rows)",
        "def rows_2(rows):\n    return [rows for _ in range(rows)]\n\nclass Rows:\n    size = math.floor(2.5)",
        "(rows_2(Rows.size), (lambda rows: rows)(2))",
    ]
    (tmp_path / "page.md").write_text("```python\ntotal = 1\n```\n\n```python\ntotal += 1\n```\n", "utf-8")
    with pytest.raises(
        ValueError, match="page: a cell changes 'total' of an earlier cell; give the result another name"
    ):
        notebooks.marimo_notebook("page")
    notebooks.pages.cache_clear()


@pytest.mark.services
def test_a_notebook_shows_pictures(tmp_path: Path) -> None:
    """The gallery runs in Jupyter: each chart is drawn, and results without `.plot()` show a picture, too."""
    gallery = notebooks.notebook("charts")
    charts = [cell for cell in gallery["cells"] if cell["cell_type"] == "code" and result_of(cell["source"])]
    results = [new_code_cell(result_of(cell["source"])) for cell in charts[::4]]
    gallery["cells"] += results

    NotebookClient(gallery, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()

    assert len(charts) >= 30
    assert len(results) >= 6
    for cell in charts:
        assert "vega" in str(cell["outputs"][-1]["data"]), cell["source"]
    for cell in results:
        assert "<svg" in cell["outputs"][-1]["data"]["text/html"], cell["source"]
