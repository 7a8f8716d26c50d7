"""Small tables as text and as HTML, and names for Mermaid diagrams."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Row = Sequence[object]

_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ID = re.compile("[A-Za-z][A-Za-z0-9_]*")
_RESERVED = frozenset(
    ("choice", "class", "classdef", "click", "default", "direction", "end", "fork", "join", "note", "state", "style")
)
_ENTITIES = {"#": "#35;", ";": "#59;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}


def one_line(cell: object) -> str:
    """Return a cell as one line, with control and direction characters escaped."""
    return _INVISIBLE.sub(lambda match: repr(match[0])[1:-1], str(cell))


def mermaid_names(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return a valid Mermaid id for each text, and the lines that declare them.

    Only a replaced id needs a declaration.
    """
    texts = list(dict.fromkeys(names))
    prefix = "stage_"
    while any(text.startswith(prefix) for text in texts):
        prefix += "_"
    is_plain = {text: bool(_ID.fullmatch(text)) and text.lower() not in _RESERVED for text in texts}
    ids = {text: text if is_plain[text] else f"{prefix}{number}" for number, text in enumerate(texts, 1)}
    declarations = [f'state "{_quoted(text)}" as {ids[text]}' for text in texts if not is_plain[text]]
    return ids, declarations


def _quoted(text: str) -> str:
    return "".join(_ENTITIES.get(letter, letter) for letter in one_line(text))


class TextRepr:
    """Base class of results whose display in a notebook is their text."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        import html

        return f"<span>{html.escape(str(self))}</span>"


def as_text(head: Row, rows: Iterable[Row]) -> str:
    """Return the table as text: first column left-aligned, the others right."""
    lines = [[one_line(cell) for cell in line] for line in (head, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = cells
    padded = (cell.rjust(wide) for cell, wide in zip(others, widths[1:], strict=True))
    return "  ".join([first.ljust(widths[0]), *padded]).rstrip()


def as_html(head: Row, rows: Iterable[Row], *, above: str = "") -> str:
    """Return the table as HTML for a notebook, below an optional sentence."""
    import html  # its table of names takes 6 ms to load

    top = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in head)
    cells = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    caption = f"<p>{html.escape(above)}</p>" if above else ""
    return f"{caption}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
