"""The heading of a file: which mapped columns it has, and advice about missing ones.

Invariant: a message holds a name from the file only if the row is certainly a heading (two mapped columns are in it)
and the name does not look like data. In a file without a heading, the first row is a person's data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from funnel._arguments import did_you_mean
from funnel._format import looks_like_data
from funnel.errors import RecordError

Judge: TypeAlias = Callable[[str, int], Sequence[str]]
"""Return the problems of a mapped column's type, from its name in the mapping and its position in the file."""

_MOST = 30
_MOST_SEARCHED = 1000
_SURE = 2
_MOST_ABOVE = 2
"""Maximum number of filled cells of a line above the heading, such as a title or a note and its value."""

ABOVE = 30
"""Maximum number of lines above the heading."""


def heading_faults(
    columns: Mapping[str, str], names: Sequence[str], judge: Judge, hint: Callable[[], str]
) -> list[str]:
    """Return a problem for every mapped column that is missing, duplicated or unreadable.

    Args:
        columns: The mapped columns: their names in the mapping, and in the file.
        names: The names of the file's columns, in order.
        judge: Returns the problems of a column's type.
        hint: Advice if the row does not look like a heading.

    Returns:
        The problems, one line each; empty if every column can be read.
    """
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    if not is_heading(columns, names):
        looked = ", ".join(map(repr, columns.values()))
        return [f"the first row does not have the mapping's columns ({looked}); {hint()}"]
    there = [name for name in list(counts)[:_MOST_SEARCHED] if not looks_like_data(name)]
    faults: list[str] = []
    for name, column in columns.items():
        where = f"column {column!r} ({name})"
        if column not in counts:
            faults.append(f"{where} is missing{did_you_mean(column, there)}; there are {_some(there, len(counts))}")
        elif counts[column] > 1:
            faults.append(f"{where} stands twice in the heading; give the two different names")
        else:
            faults += [f"{where} {wrong}" for wrong in judge(name, names.index(column))]
    return faults


def is_heading(columns: Mapping[str, str], names: Sequence[str]) -> bool:
    """Return whether a row has two or more mapped columns, ignoring spaces and case; one may be a cell."""
    mapped = {_plain(name) for name in columns.values()}
    return len(mapped.intersection(map(_plain, names))) >= min(_SURE, len(mapped))


def first_heading(rows: Iterable[Sequence[str]], fits: Callable[[Sequence[str]], bool]) -> int | None:
    """Return the number of rows above the first row that fits; None if no row does.

    Raises:
        RecordError: A row above the heading may be a row of data: it has more than two filled cells.
    """
    widest = 0
    for above, row in enumerate(rows):
        if fits(row):
            if widest > _MOST_ABOVE:
                msg = (
                    f"the heading is in row {above + 1}, below rows that may be data; export the file again, or delete "
                    "the rows above the heading"
                )
                raise RecordError(msg)
            return above
        widest = max(widest, sum(cell.strip() != "" for cell in row))
    return None


def check_joined(heading: Sequence[str]) -> None:
    """Refuse the heading of a known export that also has cells of a row: a line end between the two is lost.

    Raises:
        RecordError: Several names of the heading look like cells.
    """
    if sum(cell.strip() != "" and looks_like_data(cell) for cell in heading) > _MOST_ABOVE:
        msg = "the heading also has cells of a row of data, so a line end is lost; export the file again"
        raise RecordError(msg)


def refuse_data(name: str, heading: Sequence[str]) -> None:
    """Refuse a file whose first row looks like a row of data.

    Raises:
        RecordError: A name of the heading looks like a cell.
    """
    if any(looks_like_data(cell) for cell in heading if cell.strip()):
        raise RecordError(f"{name}: the heading seems to be missing; give the file a first row that names its columns")


def _plain(name: str) -> str:
    return name.strip().casefold()


def _some(names: list[str], total: int) -> str:
    """List some names, and count the others."""
    first = names[:_MOST]
    more = f" and {total - len(first)} more" if total > len(first) else ""
    return ", ".join(map(repr, first)) + more
