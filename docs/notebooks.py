"""The pages with code as Jupyter notebooks. `make notebooks` writes them; the built pages link to them."""

from __future__ import annotations

import doctest
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Return the notebook of a page: its texts, and a cell for each block of code or example with an answer."""
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
        cells += _prose("".join(lines[start : token.map[0]]), page, names)
        cells += _code(token) if is_code else ()
        start = token.map[1]
    cells += _prose("".join(lines[start:]), page, names)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _prose(text: str, page: str, names: set[str]) -> Iterator[Any]:
    """Yield the cell of a text: pictures are left out, because code draws them; links lead to other notebooks."""

    def link(match: re.Match[str]) -> str:
        target = (DOCS / page).parent.joinpath(match[2]).resolve()
        name = target.with_suffix("").relative_to(DOCS).as_posix() if target.is_relative_to(DOCS) else ""
        return f"[{match[1]}]({match[2].removesuffix('.md')}.ipynb)" if name in names else match[1]

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


def write(folder: Path) -> None:
    """Write the notebook of each page into a folder."""
    for page in pages():
        path = folder / f"{page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(page), path)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
