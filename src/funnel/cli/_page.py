"""The short page of a report, for a terminal or a pipe: at most 60 lines with the default number of rows."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from funnel._format import one_line
from funnel.cli._findings import Findings
from funnel.cli._sections import Section, Sections, Table
from funnel.cli._words import Words

PIPE_WIDTH = 120
"""The width of the page without a terminal, in characters."""

_MOST_REASONS = 6
_MOST_COHORTS = 3
_MOST_SOURCES = 5


def print_page(name: str, findings: Findings, words: Words, console: Console) -> None:
    """Print the page.

    Args:
        name: The name of the file or store.
        findings: The findings.
        words: The language.
        console: The output.
    """
    for part in _parts(name, findings, words):
        console.print(part)


def _parts(name: str, findings: Findings, words: Words) -> Iterator[RenderableType]:
    sections, query = Sections(findings, words), findings.query
    moment = words("as_of", moment=words.clock(query.as_of), zone=query.tz)
    yield Text(f"{one_line(name)}, {moment}", style="bold")
    read = sections.read()
    yield from _section(read, *_first(read.tables[0], words), below=True)
    stages = sections.stages()
    yield from _section(stages, _table(stages.tables[0]))
    if findings.leads:
        leads = sections.leads(_MOST_SOURCES)
        yield from _section(leads, *map(_table, leads.tables))
    brief = sections.brief()
    yield from _section(brief)
    if sections.has_purchases and not findings.leads:  # both do not fit into 60 lines
        cohorts = sections.cohorts(_MOST_COHORTS)
        yield from _section(cohorts, *map(_table, cohorts.tables), below=True)
    today = sections.today()
    yield from _section(today, *_tasks(findings), Text(words("in_page"), style="dim"))


def _section(section: Section, *parts: RenderableType, below: bool = False) -> Iterator[RenderableType]:
    """Yield the title, the sentences and the parts; the sentences above the parts, or below them."""
    sentences = [Text(f"{question} {sentence}".strip()) for question, sentence in section.sentences]
    notes = [Text(" ".join(section.notes), style="dim")] if section.notes else []
    yield Text()
    yield Text(section.title, style="bold")
    yield Padding(Group(*([*parts, *sentences] if below else [*sentences, *parts]), *notes), (0, 0, 0, 2))


def _first(table: Table, words: Words) -> Iterator[RenderableType]:
    """Yield the first rows of the account, and how many rows there are."""
    rows = table.rows[:_MOST_REASONS]
    yield _table(attrs.evolve(table, rows=rows))
    if len(rows) < len(table.rows):
        yield Text(words("shown", what=words("shown_rows", shown=len(rows), count=len(table.rows))), style="dim")


def _table(table: Table) -> RichTable:
    """Return a table without lines."""
    rich_table = RichTable(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for position, column in enumerate(table.head):
        is_text = position in table.left
        rich_table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text)
    for row in table.rows:
        rich_table.add_row(*map(Text, row))
    return rich_table


def _tasks(findings: Findings) -> Iterator[RenderableType]:
    for position, person in enumerate(findings.first_today, start=1):
        yield Text.assemble(f"{position}. ", (one_line(person.name), "bold"), f"  {person.sentence}")
