"""Tables of a few rows, as text and as a notebook shows them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

Row = Sequence[object]


def as_text(head: Row, rows: Iterable[Row]) -> str:
    """The table in columns of even width: the first one begins each line, the others end together."""
    lines = [[str(cell) for cell in line] for line in (head, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    ended = (cell.rjust(wide) for cell, wide in zip(others, widths[1:], strict=True))
    return "  ".join([first.ljust(widths[0]), *ended]).rstrip()


def as_html(head: Row, rows: Iterable[Row], *, above: str = "") -> str:
    """The table as a notebook shows it, under a sentence."""
    top = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in head)
    cells = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    said = f"<p>{html.escape(above)}</p>" if above else ""
    return f"{said}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
