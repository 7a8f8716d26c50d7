"""A Sphinx extension: `llms.txt`, the list of all pages, and `llms-full.txt`, their text, beside the HTML pages.

The form is that of llmstxt.org: a title, a summary, and links with a description.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HIDDEN = re.compile(r"^---\n.*?\n---\n|<!--.*?-->\n*|```\{(?:toctree|eval-rst)\}.*?\n```\n*", re.DOTALL)
"""The parts of a source that a reader does not see: the header, comments, the navigation and directives."""

INCLUDED = re.compile(r"```\{include\} (\S+)\n.*?```", re.DOTALL)
"""The place of another file in a page."""

MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")
"""Links and emphasis in a description."""


def write(app: Sphinx, error: Exception | None) -> None:
    """Write both files after a build of HTML pages that succeeded."""
    if error is not None or app.builder.name != "html":
        return
    env = app.env
    sources = {name: source(Path(env.doc2path(name))) for name in pages(env)}
    links = "".join(
        f"- [{env.titles[name].astext()}]({app.builder.get_target_uri(name)}){described(text)}\n"
        for name, text in sources.items()
    )
    heading = f"# {app.config.project} {app.config.version}\n\n> {summary(sources[app.config.root_doc])}\n"
    folder = Path(app.outdir)
    folder.joinpath("llms.txt").write_text(f"{heading}\n## Pages\n\n{links}", encoding="utf-8")
    folder.joinpath("llms-full.txt").write_text(f"{heading}\n{''.join(parts(sources))}", encoding="utf-8")


def source(path: Path) -> str:
    """Return the text of a page as a reader sees it, with the files that it includes."""
    text = path.read_text(encoding="utf-8")
    return HIDDEN.sub("", INCLUDED.sub(lambda match: source(path.parent / match[1]), text))


def pages(env: BuildEnvironment) -> list[str]:
    """Return the names of all pages: those of the navigation in its order, then the others."""
    ordered: dict[str, None] = {}
    stack = [env.config.root_doc]
    while stack:
        name = stack.pop()
        if name not in ordered:
            ordered[name] = None
            stack.extend(reversed(env.toctree_includes.get(name, [])))
    return [*ordered, *sorted(env.found_docs - set(ordered))]


def parts(sources: Mapping[str, str]) -> Iterator[str]:
    """Yield the text of each page, below the name of its file."""
    for name, text in sources.items():
        yield f"<!-- {name}.md -->\n\n{text.strip()}\n\n"


def summary(text: str) -> str:
    """Return the first paragraph below the title as one line; empty if the page has none."""
    blocks = (block.strip() for block in text.split("\n\n"))
    first = next((block for block in blocks if block and block[0].isalnum()), "")
    return " ".join(MARKUP.sub(r"\1", first).split())


def described(text: str) -> str:
    """Return the first sentence of a page, as the description of a link."""
    sentence, _, _ = summary(text).partition(". ")
    return f": {sentence.removesuffix('.')}" if sentence else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
