"""The texts of the docs for language models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sphinx", reason="Sphinx is in the dependency group docs")

from sphinx.application import Sphinx

from docs.llms import write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.no_cover,
    pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx API"),  # MyST uses older names of Sphinx
]

PAGES = {
    "index": "# Shop\n\nThe *stage* of each [person](b.md). And more.\n\n```{toctree}\n\nb\na\n```\n",
    "a": "---\norphan: true\n---\n# A\n\n<!-- table: a -->\n\nHow to `read` a file. Short.\n\n```python\nx = 1\n```\n",
    "b": "# B\n\n```{eval-rst}\n.. note:: hidden\n```\n\n```{include} more.txt\n:relative-images:\n```\n",
    "c": "---\norphan: true\n---\n# C\n\nAlone.\n",
}


def test_both_texts_are_written_beside_the_pages(tmp_path: Path) -> None:
    """One link a page in the order of the navigation, with its first sentence; and the text of every page."""
    for name, text in PAGES.items():
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    (tmp_path / "more.txt").write_text("<!-- one -->\n- from another file", encoding="utf-8")
    settings = {"extensions": ["myst_parser", "docs.llms"], "project": "shop", "version": "1.2"}
    site = tmp_path / "site"
    app = Sphinx(tmp_path, None, site, tmp_path / "trees", "html", confoverrides=settings, status=None, warning=None)
    app.build()

    assert (site / "llms.txt").read_text(encoding="utf-8") == (
        "# shop 1.2\n\n> The stage of each person. And more.\n\n## Pages\n\n"
        "- [Shop](index.html): The stage of each person\n- [B](b.html)\n- [A](a.html): How to read a file\n"
        "- [C](c.html): Alone\n"
    )
    whole = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert "x = 1" in whole
    assert "- from another file" in whole
    assert not any(hidden in whole for hidden in ("toctree", "eval-rst", "orphan", "table:"))


def test_a_build_that_failed_writes_nothing(tmp_path: Path) -> None:
    """After an error the build has no pages to describe."""
    site = tmp_path / "site"
    app = Sphinx(tmp_path, None, site, tmp_path / "trees", "html", status=None, warning=None)
    write(app, ValueError())

    assert not (site / "llms.txt").exists()
