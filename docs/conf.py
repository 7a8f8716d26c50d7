"""How the pages are built: Sphinx, MyST and furo; a warning is an error."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # drawn.py, which draws tables and pictures from the code

PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
author = PROJECT["authors"][0]["name"]
project_copyright = f"2026, {author}"
version = release = PROJECT["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.mermaid",
    "drawn",
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
html_title = f"{project} {version}"

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
