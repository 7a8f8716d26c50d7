"""The pages with code as Jupyter and marimo notebooks. `make notebooks` writes them; the built pages link to them."""

from __future__ import annotations

import ast
import doctest
import re
import sys
from functools import cache
from pathlib import Path
from symtable import SymbolTable, symtable
from textwrap import indent
from typing import TYPE_CHECKING, Any

import nbformat
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markdown_it.token import Token

DOCS = Path(__file__).parent
LINK = re.compile(r"\[([^]]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]+)?\)")
PICTURE = re.compile(r"!\[[^]]*\]\([^)]+\)\n*")


@cache
def pages() -> tuple[str, ...]:
    """List the pages with code, without their suffix."""
    paths = [path for path in DOCS.rglob("*.md") if "_build" not in path.parts]
    with_code = [path for path in paths if "```python\n" in path.read_text("utf-8")]
    return tuple(sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in with_code))


def notebook(page: str) -> Any:
    """Return the Jupyter notebook of a page."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=_cells(page, ".ipynb"), metadata={"kernelspec": kernel})


def _cells(page: str, suffix: str) -> list[Any]:
    """Return the cells of a page: its texts, and a cell for each block of code or example with an answer."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    lines, names = text.splitlines(keepends=True), set(pages())
    cells: list[Any] = []
    start = 0
    for token in MarkdownIt().parse(text):
        if token.level or token.map is None or token.type not in {"fence", "html_block"}:
            continue
        is_code = token.type == "fence" and not token.info.startswith("{")
        if is_code and token.info != "python":
            continue
        cells += _prose("".join(lines[start : token.map[0]]), page, names, suffix)
        cells += _code(token) if is_code else ()
        start = token.map[1]
    cells += _prose("".join(lines[start:]), page, names, suffix)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return cells


def _prose(text: str, page: str, names: set[str], suffix: str) -> Iterator[Any]:
    """Yield the cell of a text: pictures are left out, because code draws them; links lead to other notebooks."""

    def link(match: re.Match[str]) -> str:
        target = (DOCS / page).parent.joinpath(match[2]).resolve()
        name = target.with_suffix("").relative_to(DOCS).as_posix() if target.is_relative_to(DOCS) else ""
        return f"[{match[1]}]({match[2].removesuffix('.md')}{suffix})" if name in names else match[1]

    if short := LINK.sub(link, PICTURE.sub("", text)).strip():
        yield new_markdown_cell(short)


def _code(token: Token) -> Iterator[Any]:
    """Yield the cells of one block. An example ends its cell if it has an answer."""
    if not token.content.startswith(">>>"):
        yield new_code_cell(token.content.rstrip())
        return
    sources = ""
    for example in doctest.DocTestParser().get_examples(token.content):
        sources += example.source
        if example.want:
            tags = {"tags": ["raises-exception"]} if example.exc_msg else {}
            yield new_code_cell(sources.rstrip(), metadata=tags)
            sources = ""
    if sources:
        yield new_code_cell(sources.rstrip())


# ---- marimo ----------------------------------------------------------------------------------------------------------


def marimo_notebook(page: str) -> str:
    """Return the marimo notebook of a page: a Python file in which each cell is a function of the names that it reads.

    marimo allows a name to be defined in one cell alone. A later definition gets another name: one that begins with an
    underscore if no other cell reads it, otherwise one with a number.

    Raises:
        ValueError: A cell changes a name of an earlier cell.
    """
    cells = _cells(page, ".py")
    sources = _without_repeated_imports([cell["source"] for cell in cells if cell["cell_type"] == "code"])
    code = _marimo_code(page, sources)
    parts = [_HEAD]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            parts.append(_MARKDOWN.format(indent(cell["source"].replace('"""', "'" * 3), "    ")))
            continue
        source, reads, defines = next(code)
        if "raises-exception" in cell["metadata"].get("tags", ()):
            source = _caught(source)
        if source.strip():
            returned = f"({defines[0]},)" if len(defines) == 1 else ", ".join(defines)
            parts.append(
                f"@app.cell\ndef _({', '.join(reads)}):\n{indent(source, '    ')}\n    return {returned}".rstrip()
            )
    return "\n\n\n".join([*parts, 'if __name__ == "__main__":\n    app.run()\n'])


_HEAD = """import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell(hide_code=True)
def _():
    import marimo as mo
    return (mo,)"""
_MARKDOWN = """@app.cell(hide_code=True)
def _(mo):
    mo.md(r\"\"\"
{}
    \"\"\")
    return"""
_CAUGHT = """try:
{}
except Exception as _error:
    print(f"{{type(_error).__name__}}: {{_error}}")"""


def _caught(source: str) -> str:
    """Return a cell whose last statement raises an error: the error is printed."""
    lines, last = source.splitlines(), ast.parse(source).body[-1]
    start = last.lineno - 1
    prefix = "_ = " if isinstance(last, ast.Expr) else ""  # marimo shows no expression of a block, and warns
    return "\n".join([*lines[:start], _CAUGHT.format(indent(prefix + "\n".join(lines[start:]), "    "))])


def _without_repeated_imports(sources: list[str]) -> list[str]:
    """Return the cells, each import once."""
    imported: dict[str, str] = {}
    results = []
    for source in sources:
        lines = source.splitlines()
        for node in reversed(ast.parse(source).body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                origin = f"{getattr(node, 'module', '')}."
                new = [one for one in node.names if imported.get(one.asname or one.name) != origin + one.name]
                imported.update({one.asname or one.name: origin + one.name for one in new})
                if len(new) < len(node.names):
                    node.names = new
                    lines[node.lineno - 1 : node.end_lineno] = [ast.unparse(node)] if new else []
        results.append("\n".join(lines).strip("\n"))
    return results


def _marimo_code(page: str, sources: list[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each cell with unique names, the names that it reads from other cells, and those that it defines."""
    names = [_names(source) for source in sources]
    current: dict[str, str] = {}
    used = {name for _, defines in names for name in defines}
    for index, (source, (reads, defines)) in enumerate(zip(sources, names, strict=True)):
        before, own = dict(current), {}
        for name in defines:
            if name in current and _reads_first(source, name):
                msg = f"{page}: a cell changes {name!r} of an earlier cell; give the result another name"
                raise ValueError(msg)
            later = [number for number in range(index + 1, len(names)) if name in names[number][1]]
            readers = names[index + 1 : later[0] + 1 if later else None]
            is_read = any(name in read for read, _ in readers)
            if name not in current:
                own[name] = name
            elif is_read:
                own[name] = next(free for n in range(2, 99) if (free := f"{name}_{n}") not in used)
                used.add(own[name])
            else:
                own[name] = f"_{name.lstrip('_')}"
        current |= {name: new for name, new in own.items() if not new.startswith("_")}
        inputs = sorted({before[name] for name in reads - set(own) if name in before})
        yield (
            _renamed(source, {**before, **own}),
            inputs,
            sorted(new for new in own.values() if not new.startswith("_")),
        )


def _names(source: str) -> tuple[set[str], list[str]]:
    """Return the names that a cell reads from its globals, and the names that it defines."""
    top = symtable(source, "cell", "exec")
    reads = {one.get_name() for one in top.get_symbols() if one.is_referenced()} | _globals_of(top)
    reads |= {node.target.id for node in ast.walk(ast.parse(source)) if _is_change(node)}
    return reads, sorted(one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported())


def _globals_of(table: SymbolTable) -> set[str]:
    """Return the globals that the scopes inside a scope read."""
    inside = table.get_children()
    own = {one.get_name() for scope in inside for one in scope.get_symbols() if one.is_global()}
    return own.union(*map(_globals_of, inside))


def _is_change(node: ast.AST) -> bool:
    return isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)


def _reads_first(source: str, name: str) -> bool:
    """Return whether a cell reads a name before it defines the name."""
    for statement in ast.parse(source).body:
        reads, defines = _names(ast.unparse(statement))
        if name in defines and not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return False
        if name in reads or name in defines:
            return name in reads
    return False


def _renamed(source: str, names: Mapping[str, str]) -> str:
    """Return a cell with other names of its globals."""
    visitor = _Globals({name: new for name, new in names.items() if name != new})
    visitor.visit(ast.parse(source))
    lines = [line.encode() for line in source.split("\n")]
    for line, start, name in sorted(visitor.spots, reverse=True):
        text = lines[line - 1]
        lines[line - 1] = text[:start] + names[name].encode() + text[start + len(name.encode()) :]
    return b"\n".join(lines).decode()


class _Globals(ast.NodeVisitor):
    """The places of global names in a cell: line, column and name."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names, self.local, self.spots = set(names), set[str](), list[tuple[int, int, str]]()

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.names - self.local:
            self.spots.append((node.lineno, node.col_offset, node.id))

    def generic_visit(self, node: ast.AST) -> None:
        before = self.local
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in self.names - self.local:
            start = node.col_offset + len("def " if isinstance(node, ast.FunctionDef) else "class ")
            self.spots.append((node.lineno, start, node.name))
        if isinstance(
            node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            arguments = {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
            self.local = before | arguments | {one.id for one in ast.walk(node) if _is_stored(one)}
        super().generic_visit(node)
        self.local = before


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


# ---- files -----------------------------------------------------------------------------------------------------------


def write(folder: Path) -> None:
    """Write the notebooks of each page into a folder."""
    for page in pages():
        path = folder / f"{page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(page), path)
        path.with_suffix(".py").write_text(marimo_notebook(page), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
