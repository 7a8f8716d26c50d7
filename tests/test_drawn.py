"""What the pages of the docs draw from the code: all of it is there, and nothing else."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import funnel
from funnel._ledger.streams import STREAMS
from funnel.logs.schema import LOGS
from funnel.rules._rule import Rule
from tests.public import public
from tests.stubs import homes, lazy_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parents[1] / "docs"
ASKED = re.compile(r"^```\{drawn\} (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def drawn() -> Iterator[Any]:
    """Give the module that draws, which lies in the folder of the docs."""
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("drawn")
    sys.path.remove(str(DOCS))


def asked() -> list[tuple[str, str]]:
    """List every page with each thing that it asks to be drawn."""
    pages = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
    return [(page.relative_to(DOCS).as_posix(), what) for page in pages for what in ASKED.findall(page.read_text())]


@pytest.mark.parametrize(("page", "what"), asked())
def test_what_a_page_asks_for_is_drawn(drawn: Any, page: str, what: str) -> None:
    """Each drawing of each page is some Markdown."""
    assert drawn.draw(what).strip()


def test_a_drawing_that_nobody_can_make_is_an_error(drawn: Any) -> None:
    """A misspelt drawing stops the build and names what can be drawn."""
    with pytest.raises(KeyError, match="there are facts"):
        drawn.draw("fact")


def test_every_fact_stands_in_the_glossary(drawn: Any) -> None:
    """A fact, its declaration and its meaning are one row each."""
    rows = [line for line in drawn.draw("facts").splitlines() if line.startswith("| `")]

    assert sorted(row.split("`")[1] for row in rows) == sorted(funnel.Facts.fact_plan.declared)


def test_every_stream_and_number_is_drawn(drawn: Any) -> None:
    """The streams and the shop's own numbers are all in their tables, each number with its reason."""
    streams, numbers = drawn.draw("streams"), drawn.draw("policy")

    assert all(f"| `{name}` |" in streams for name in STREAMS)
    assert all(f"| `{name}` |" in numbers for name in funnel.Policy.model_fields)
    assert all(field.description for field in funnel.Policy.model_fields.values())


def test_every_rule_and_log_has_its_table(drawn: Any) -> None:
    """No rule and no log is left out of the pages."""
    drawings = {what for _, what in asked()}

    assert {f"rule {name}" for name in drawn.rules()} | {f"log {name}" for name in LOGS} <= drawings
    rules = {name for name, one in public().items() if isinstance(one, Rule)}
    assert rules <= set(drawn.rules())


def test_words_that_differ_from_the_code_stop_the_build(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that nobody explains is named."""
    told = {name: meaning for name, meaning in drawn.WORDS["streams"].items() if name != "visits"}
    monkeypatch.setattr(drawn, "WORDS", {**drawn.WORDS, "streams": told})

    with pytest.raises(ValueError, match="streams: visits"):
        drawn.draw("streams")


def test_every_refusal_that_is_shown_has_a_remedy(drawn: Any) -> None:
    """Each rule that a page shows as refused is refused, with what to do instead."""
    rows = drawn.draw("refused").splitlines()[2:]

    assert len(rows) == len(drawn._refused_rules())
    assert all("; " in row for row in rows)


def test_every_public_name_has_a_page() -> None:
    """The reference lists every file that a public name is from."""
    listed = set(re.findall(r"automodule:: (funnel\.[\w.]+)", (DOCS / "api.md").read_text()))

    assert {f"funnel.{home}" for path in lazy_packages() for home in homes(path).values()} <= listed


def test_every_page_can_be_reached() -> None:
    """No page of the docs is an orphan, and no decision is left out of their list."""
    decisions = {path.stem for path in (DOCS / "decisions").glob("*.md")} - {"index"}
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}

    assert decisions <= set((DOCS / "decisions" / "index.md").read_text().split())
    assert pages <= set((DOCS / "index.md").read_text().split())
