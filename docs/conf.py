"""How the pages are built: Sphinx, MyST and furo; a warning is an error."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
author = PROJECT["authors"][0]["name"]
project_copyright = f"2026, {author}"
version = release = PROJECT["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
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

myst_enable_extensions = ["fieldlist"]
myst_fence_as_directive = ["mermaid"]  # the fence that GitHub draws too
myst_heading_anchors = 3

toc_object_entries = False  # a thousand names in the navigation of each page took a quarter of the time of a build
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def shorten_types(_app: Sphinx, _kind: str, _name: str, _value: object, _options: object, lines: list[str]) -> None:
    """Show the type of an attribute without its module, as signatures do; the link stays."""
    lines[:] = [re.sub(r"(?<![\w.~])funnel(?:\.\w+)+", r"~\g<0>", line) if ":type" in line else line for line in lines]


def setup(app: Sphinx) -> None:
    """Connect the hook; napoleon writes the types, so it comes first."""
    app.connect("autodoc-process-docstring", shorten_types, priority=600)
