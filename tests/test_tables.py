"""The tables in the docs: up to date, complete, and with a description of everything they list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import funnel
from funnel._fields import descriptions
from funnel._ledger.streams import STREAMS
from funnel.logs.schema import LOGS
from funnel.rules._rule import Rule
from tests import tables
from tests.public import public

if TYPE_CHECKING:
    from pathlib import Path


def marked() -> dict[str, Path]:
    """Return each table that a page contains, with its page."""
    return {match[1]: page for page in tables.pages() for match in tables.MARKED.finditer(page.read_text())}


@pytest.mark.parametrize(
    "page", sorted(set(marked().values())), ids=lambda page: page.relative_to(tables.DOCS).as_posix()
)
def test_the_tables_of_a_page_are_up_to_date(page: Path) -> None:
    """Each table in a page is what the code computes today."""
    text = page.read_text()

    assert text == tables.filled(text), f"a table in {page} is stale: run `make tables`"


def test_every_marker_has_its_end() -> None:
    """No page has a marker without its partner, which would leave a table as it is."""
    texts = [page.read_text() for page in tables.pages()]

    assert [len(re.findall(r"<!-- (?:table:|end of table)", text)) for text in texts] == [
        2 * len(tables.MARKED.findall(text)) for text in texts
    ]


def test_an_unknown_table_is_an_error() -> None:
    """A misspelt marker is refused, with the tables that exist."""
    with pytest.raises(KeyError, match="use one of "):
        tables.table("fact")


def test_the_glossary_lists_every_fact() -> None:
    """Each declared fact has one row, and no row is left over."""
    rows = [line for line in tables.table("facts").splitlines() if line.startswith("| `")]

    assert sorted(row.split("`")[1] for row in rows) == sorted(funnel.Facts._fact_plan.declared)


def test_the_docs_list_every_stream_and_threshold() -> None:
    """Each stream and each threshold of the policy has a row, and each threshold a reason."""
    streams, thresholds = tables.table("streams"), tables.table("policy")

    assert all(f"| `{name}` |" in streams for name in STREAMS)
    assert all(f"| `{name}` |" in thresholds for name in funnel.Policy.model_fields)
    assert descriptions(funnel.Policy).keys() == funnel.Policy.model_fields.keys()


def test_the_docs_have_a_table_for_every_rule_and_log() -> None:
    """Each rule and each log has its table in some page."""
    public_rules = {name for name, value in public().items() if isinstance(value, Rule)}

    assert {f"rule {name}" for name in tables.rules()} | {f"log {name}" for name in LOGS} <= marked().keys()
    assert public_rules <= tables.rules().keys()


def test_a_missing_description_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without a description is named."""
    streams = {name: meaning for name, meaning in tables.DESCRIPTIONS["streams"].items() if name != "visits"}
    monkeypatch.setattr(tables, "DESCRIPTIONS", {**tables.DESCRIPTIONS, "streams": streams})

    with pytest.raises(ValueError, match="streams: visits"):
        tables.table("streams")


def test_a_decision_table_gives_the_answer_of_the_rule() -> None:
    """The first row whose conditions hold has the answer, and the last row holds for everybody else."""
    rows = tables.table("rule is_lapsed").splitlines()[4:]

    assert rows == [
        "| `is_lapsed` | if |",
        "| --- | --- |",
        "| **True** | `purchase_count >= 1` and `since_last_purchase > lapse_after (180 d)` |",
        "| **False** | otherwise |",
    ]


def test_a_decision_table_has_no_row_that_the_row_below_covers() -> None:
    """A row with the answer of the row below needs a condition that the row below does not need."""
    rows = tables.table("rule is_won_back").splitlines()[6:]

    assert [row.partition("|")[2].partition("|")[0].strip() for row in rows] == ["**False**", "**True**", "**False**"]


def test_every_refused_rule_in_the_docs_has_a_remedy() -> None:
    """Each message says what to do instead."""
    rows = tables.table("refused").splitlines()[2:]

    assert len(rows) == len(tables._refused_rules())
    assert all("; " in row for row in rows)


def test_the_reference_lists_every_public_module() -> None:
    """Each public module has its page in the reference, and no private module has."""
    pages = {path.stem: path.read_text() for path in (tables.DOCS / "api").glob("*.md")}

    assert sorted(pages) == sorted(tables.PUBLIC_MODULES)
    assert [name for name, text in pages.items() if f".. automodule:: funnel.{name}\n" not in text] == []
    assert set(funnel.stages.__all__) <= set(funnel.machines.__all__)


def test_every_page_is_in_a_table_of_contents() -> None:
    """No page of the docs is an orphan, and no decision is left out."""
    decisions = {path.stem for path in (tables.DOCS / "decisions").glob("*.md")} - {"index"}
    pages = {path.stem for path in tables.DOCS.glob("*.md")} - {"index"}
    reference = {f"api/{path.stem}" for path in (tables.DOCS / "api").glob("*.md")}

    assert reference <= set((tables.DOCS / "api.md").read_text().split())
    assert decisions <= set((tables.DOCS / "decisions" / "index.md").read_text().split())
    assert pages <= set((tables.DOCS / "index.md").read_text().split())
