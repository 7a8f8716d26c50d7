"""How the pages are built: Sphinx, MyST and furo; a warning is an error."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import notebooks  # noqa: E402 - found beside this file

PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
author = PROJECT["authors"][0]["name"]
project_copyright = f"2026, {author}"
version = release = PROJECT["version"]

extensions = [
    "docs.llms",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
]
exclude_patterns = ["_build"]
nitpicky = True
default_role = "code"  # a name in the backticks of a docstring is code
# Only our own public names must lead somewhere: other libraries' pages are not at hand when these are built, what
# begins with an underscore has no page, nor has the curve behind a `Survival`, a single capital letter is a type
# variable, and Annotated is typing's own.
nitpick_ignore_regex = [
    (r"py:.*", r"^(?!funnel\.).*"),
    (r"py:.*", r"^funnel\.(.*\.)?_.*"),
    (r"py:.*", r"^funnel\.metrics\.survival\.curve\..*"),
    (r"py:.*", r"^funnel\..*\.([A-Z]|Annotated)$"),
]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
html_title = f"{project} {version}"

copybutton_prompt_text = r">>> |\.\.\. |\$ "  # answers are not copied
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["fieldlist"]
myst_fence_as_directive = ["mermaid"]  # the fence that GitHub draws too
myst_heading_anchors = 3

toc_object_entries = False  # a thousand names in the navigation of each page took a quarter of the time of a build
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_display_short_literal_types = True
python_maximum_signature_line_length = 88  # a longer signature has a line for each parameter
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False


COLON = "\ue000"
LONG_VALUE = re.compile(r"\s*=.{100}", re.DOTALL)
LONGEST_DEFAULT = 120
METADATA = re.compile(r"^\[|, FieldInfo\(.*\)\]$", re.DOTALL)


def hide_colon(_app: Sphinx, kind: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    """Hide the colons of an attribute's first line from napoleon, which would take the words before for its type."""
    if lines and kind in {"attribute", "data", "property"}:
        lines[0] = lines[0].replace(":", COLON)


def shorten_types(_app: Sphinx, _kind: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    """Show the type of an attribute without its module, as signatures do; the link stays."""
    lines[:] = [line.replace(COLON, ":") for line in lines]
    lines[:] = [re.sub(r"(?<![\w.~])funnel(?:\.\w+)+", r"~\g<0>", line) if ":type" in line else line for line in lines]


def without_last_line(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Remove the blank line that ends the answers of an example for the tests."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")


def short_signatures(_app: Sphinx, doctree: nodes.document) -> None:
    """Show `X` for each `Annotated[X, ...]`, because the text beside it has the limits; leave out very long values."""
    for value in [node for node in doctree.findall(addnodes.desc_annotation) if LONG_VALUE.match(node.astext())]:
        value.parent.remove(value)
    for value in doctree.findall(nodes.inline):
        if "default_value" in value["classes"] and len(value.astext()) > LONGEST_DEFAULT:
            value[:] = [nodes.Text("...")]
    for name in [node for node in doctree.findall(addnodes.pending_xref) if node.astext() == "Annotated"]:
        parts: Any = name.parent
        if isinstance(parts, nodes.paragraph):  # "alias of Annotated[X, ...]", with the limits in one text
            parts.remove(name)
            for text in [node for node in parts if isinstance(node, nodes.Text)]:
                parts.replace(text, nodes.Text(METADATA.sub("", text)))
            continue
        start, depth, commas = parts.index(name), 0, []
        for end in range(start + 1, len(parts)):
            text = parts[end].astext()
            depth += (text in {"[", "("}) - (text in {"]", ")"})
            if text == "," and depth == 1:
                commas.append(end)
            if depth == 0:
                parts[start : end + 1] = parts[start + 2 : commas[0]]
                break


def write_notebooks(app: Sphinx) -> None:
    """Write the notebooks of each page with code beside the pages."""
    notebooks.write(app.outdir / "notebooks")
    app.config.html_context["notebooks"] = set(notebooks.pages())


def link_notebook(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Link a page to its notebooks, below the title."""
    if page in app.config.html_context["notebooks"]:
        jupyter, marimo = (context["pathto"](f"notebooks/{page}.{suffix}", 1) for suffix in ("ipynb", "py"))
        link = (
            f'</h1>\n<p class="notebook">This page as a notebook: <a href="{jupyter}" download>Jupyter</a>, '
            f'<a href="{marimo}" download>marimo</a></p>'
        )
        context["body"] = context["body"].replace("</h1>", link, 1)


def setup(app: Sphinx) -> None:
    """Connect the hooks; napoleon writes the types, so it comes first."""
    app.connect("autodoc-process-docstring", hide_colon, priority=400)
    app.connect("autodoc-process-docstring", shorten_types, priority=600)
    app.connect("builder-inited", write_notebooks)
    app.connect("html-page-context", link_notebook)
    app.connect("source-read", without_last_line)
    app.connect("doctree-read", short_signatures)
