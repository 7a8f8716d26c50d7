"""Small tables as text and as HTML, the units of a span, and names for SQL and Mermaid."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import attrs

T = TypeVar("T")
Row: TypeAlias = Sequence[object]
Table: TypeAlias = tuple[str, Row, Iterable[Row]]

MOST_WORDS = 10
"""Maximum number of words of a column in a message."""

_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1, "µs"))
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ADDRESS = re.compile(r"\S(?:[@\uff20]|%40)\S")
_WITH_CODE = re.compile(r"\+\d{7}")
_PHONE_DIGITS = 7
_DATA = re.compile(r"@|[\x00-\x1f\x7f-\x9f]|[0-9].*[0-9].*[0-9].*[0-9].*[0-9]|^[\s0-9.,:;/+()'-]*$", flags=re.DOTALL)
_LONGEST_NAME = 60
_ID = re.compile("[A-Za-z][A-Za-z0-9_]*")
_RESERVED = frozenset(
    ("choice", "class", "classdef", "click", "default", "direction", "end", "fork", "join", "note", "state", "style")
)
_ENTITIES = {"#": "#35;", ";": "#59;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}


def one_line(cell: object) -> str:
    """Return a cell as one line, with control and direction characters escaped."""
    return _INVISIBLE.sub(lambda match: repr(match[0])[1:-1], str(cell))


def is_contact(person_id: str) -> bool:
    """Return whether a person id may be an e-mail address, a telephone number, or a name of several words.

    A number of seven digits or more may be a telephone number.
    """
    if _ADDRESS.search(person_id) or _WITH_CODE.search(person_id) or len(person_id.split()) > 1:
        return True
    has_letter = any(letter.isalpha() for letter in person_id)
    return not has_letter and sum(letter.isdigit() for letter in person_id) >= _PHONE_DIGITS


def quoted_id(person_id: str) -> str:
    """Return a person id for an error, or words in its place if the id may be personal data."""
    return "a person whose id may be personal data" if is_contact(person_id) else repr(person_id)


def looks_like_data(name: str) -> bool:
    """Return whether a name looks like a cell: an e-mail address, a number, a date, a long text, nothing."""
    return len(name) > _LONGEST_NAME or _DATA.search(name) is not None


def shown_words(words: Collection[str]) -> str:
    """Return the words of a column of statuses or kinds for a message; "" if there are many, or one may be personal."""
    if len(words) > MOST_WORDS or any(map(looks_like_data, words)):
        return ""
    return ", ".join(map(repr, sorted(words)))


def sql_name(name: str) -> str:
    """Return a column name as a quoted SQL identifier."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def span_parts(micros: int) -> list[tuple[int, str]]:
    """Split a span into whole days, hours, minutes, seconds and microseconds."""
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        count, micros = divmod(micros, size)
        parts.append((count, unit))
    return parts


def clock(moment: datetime) -> str:
    """Return an instant to the minute, with its zone: "2026-03-01 02:00 UTC"."""
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzinfo}"


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


class Html:
    """Base class of results that are displayed as HTML in a notebook."""

    __slots__ = ()

    @abstractmethod
    def _html(self) -> str:
        """Return the text or the tables as HTML."""

    def _repr_html_(self) -> str:
        return self._html()


class TextRepr(Html):
    """Base class of results that are displayed as their text, and are a row of their fields."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        fields: Any = self
        return attrs.asdict(fields)

    def _html(self) -> str:
        return as_span(self)


class Listed(Generic[T]):
    """Base class of results with parts in order: a result has a length, and iterates over its parts."""

    __slots__ = ()
    _PARTS: ClassVar[str]

    def __len__(self) -> int:
        return len(getattr(self, self._PARTS))

    def __iter__(self) -> Iterator[T]:
        return iter(getattr(self, self._PARTS))


class Tabular(Html):
    """Base class of results that are displayed as tables."""

    __slots__ = ()
    _LEFT: ClassVar[Collection[int]] = (0,)

    @abstractmethod
    def _tables(self) -> Iterable[Table]:
        """Return each table: the sentence above it, the heading and the rows."""

    def __str__(self) -> str:
        tables = ((above, as_text(head, rows, left=self._LEFT)) for above, head, rows in self._tables())
        return "\n\n".join("\n".join(filter(None, parts)) for parts in tables)

    def _html(self) -> str:
        return "".join(as_html(head, rows, above=above) for above, head, rows in self._tables())


def as_text(head: Row, rows: Iterable[Row], *, left: Collection[int] = (0,)) -> str:
    """Return the table as text: the columns at the positions in `left` are left-aligned, the others right."""
    lines = [[one_line(cell) for cell in line] for line in (head, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    padded = ([f"{cell:{'<' if at in left else '>'}{widths[at]}}" for at, cell in enumerate(line)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def as_html(head: Row, rows: Iterable[Row], *, above: str = "") -> str:
    """Return the table as HTML for a notebook, below an optional sentence. A long table is cut, with a note."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    several = list(rows)
    cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in several[:MOST_ROWS])
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    caption = f"<p>{escape(above)}</p>" if above else ""
    return f"{caption}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{more_rows(len(several))}"


def more_rows(count: int) -> str:
    """Return the note below a table that is cut. Empty if it has few rows."""
    return f"<p>and {count - MOST_ROWS:,} more rows</p>" if count > MOST_ROWS else ""


MOST_ROWS = 60
"""The most rows of a table in a notebook."""


def as_span(text: object, title: str = "") -> str:
    """Return a text as HTML for a notebook, with an optional tooltip."""
    tooltip = f' title="{escape(title)}"' if title else ""
    return f"<span{tooltip}>{escape(text)}</span>"


def escape(text: object) -> str:
    """Return a text as HTML."""
    import html  # its table of names takes 6 ms to load

    return html.escape(str(text))
