"""The whole report as one HTML page: no scripts, and no files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from funnel._dataframes.adapter import installed
from funnel._format import escape, one_line
from funnel._results import Charted
from funnel.cli._findings import Findings
from funnel.cli._sections import Section, Sections, Table
from funnel.cli._words import Words

# ---- charts of results as static pictures; none without the extra `plots` --------------------------------------------


def has_pictures() -> bool:
    """Return whether the extra `plots` is installed."""
    return installed("altair") and installed("vl_convert")


def pictures(result: Charted, words: Words) -> tuple[str, str] | None:
    """Return the chart of a result as SVG, wide and for a phone, in the language of the report.

    The title of the chart is left out: the section says it. None without the extra.
    """
    if not has_pictures():
        return None
    from funnel.plots._render import specification, svg_of

    spec, numbers = specification(result), None
    del spec["title"]
    if words.language != "en":
        spec, numbers = _translated(spec, words), _INDONESIAN
    wide = svg_of(spec, numbers)
    plot = max(_widths(spec))
    around = int(wide.partition('width="')[2].partition('"')[0]) - plot
    return wide, svg_of(_narrowed(spec, max(_PHONE - around, _NARROWEST) / plot), numbers)


_PHONE, _NARROWEST = 360, 100
"""The width of a picture on a phone, and of the plot in it if the texts beside the plot are long."""


def _widths(part: Any) -> Iterator[float]:
    """Yield the widths of the plots of a specification."""
    if isinstance(part.get("width"), int | float):
        yield part["width"]
    for one in part.get("vconcat", ()):
        yield from _widths(one)


def _narrowed(part: object, ratio: float) -> Any:
    """Return a part of a specification with narrower plots, short texts in cells, and short rows of legends."""
    if isinstance(part, list):
        return [_narrowed(one, ratio) for one in cast("list[object]", part)]
    if isinstance(part, str):
        return _CELL.sub(r"\1\2", part)
    if not isinstance(part, dict):
        return part
    fields = {name: _narrowed(value, ratio) for name, value in cast("dict[str, Any]", part).items()}
    if "width" in fields:
        fields["width"] *= ratio
    if "columns" in fields:
        fields["columns"] = min(fields["columns"], _COLUMNS)
    if fields.get("type") == "text" and "align" not in fields:
        fields["fontSize"] *= _SMALLER
    if "value" in fields.get("x", ()):
        fields["x"]["value"] *= ratio
    return fields


_COLUMNS, _SMALLER = 3, 0.85

_CELL = re.compile(r"^([\d.,]+) %(\*?)$")
"""The share in a cell of a heat map."""


def _translated(part: object, words: Words) -> Any:
    """Return a part of a specification with its texts in the language of the report."""
    if isinstance(part, dict):
        fields = cast("dict[str, object]", part)
        return {name: value if name in _NAMES else _translated(value, words) for name, value in fields.items()}
    if isinstance(part, list):
        return [_translated(one, words) for one in cast("list[object]", part)]
    if not isinstance(part, str):
        return part
    if "datum." in part:
        return _QUOTED.sub(lambda text: f"'{words.chart(text[1])}'", part)
    return words.chart(part)


_INDONESIAN = {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["Rp", ""]}
"""How Vega writes the numbers of an axis."""

_NAMES = ("field", "type", "mark", "shorthand")
"""The parts of a specification whose texts are names of Vega-Lite or of a column."""

_QUOTED = re.compile("'([^']*)'")
"""A text in an expression of Vega."""


# ---- the page --------------------------------------------------------------------------------------------------------


PALETTE: Mapping[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#141414"),
    "card": ("#f4f6f8", "#1f2225"),
    "ink": ("#1b1f24", "#e8eaed"),
    "muted": ("#56606b", "#a9b1ba"),
    "line": ("#d5dbe1", "#3a4047"),
    "accent": ("#005a8f", "#6cbcf0"),
    "shade": ("#b9c1c9", "#4a5158"),
}
"""Each colour of the page, light and dark."""

_STYLE = """
*{box-sizing:border-box}
html{color-scheme:light dark;scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:62rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.75rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
p{margin:.4rem 0;max-width:46rem}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;margin:1rem 0 0;padding:0}
dl{margin:.75rem 0;padding:.25rem 1rem;background:var(--card);border-radius:.5rem}
dt{font-weight:600;margin-top:.75rem}
dd{margin:0 0 .75rem;max-width:46rem}
.muted{color:var(--muted);font-size:.9rem}
figure{margin:1rem 0}
.scroll{overflow-x:auto;margin:1rem 0;background:linear-gradient(to right,var(--paper) 30%,transparent) 0 0,
linear-gradient(to left,var(--paper) 30%,transparent) 100% 0,linear-gradient(to right,var(--shade),transparent) 0 0,
linear-gradient(to left,var(--shade),transparent) 100% 0;background-repeat:no-repeat;
background-size:3rem 100%,3rem 100%,1rem 100%,1rem 100%;background-attachment:local,local,scroll,scroll}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding-bottom:.35rem}
th,td{padding:.3rem 1rem .3rem 0;text-align:right;vertical-align:top;white-space:nowrap;
border-bottom:1px solid var(--line)}
th{color:var(--muted);font-weight:600;vertical-align:bottom;white-space:normal}
.text{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:8.5rem}
.long{min-width:14rem}
figure svg{display:block;width:100%;max-width:52rem;height:auto}
.phone{display:none}
@media screen and (max-width:37rem){.wide{display:none}.phone{display:block}}
figure svg>rect{fill:none}
@media (prefers-color-scheme:dark){figure svg{filter:invert(.92) hue-rotate(180deg)}}
@media print{:root{PRINT}body{max-width:none;padding:0;font-size:10pt}nav{display:none}h2{break-after:avoid}
figure,tr,dl{break-inside:avoid}.scroll{overflow:visible;background:none}
figure svg{filter:none;width:auto;max-width:100%;max-height:9cm}p:has(+figure){break-after:avoid}
table{font-size:8pt}th,td{padding-right:.5rem}}
"""


def html_page(name: str, findings: Findings, words: Words) -> str:
    """Return the report as one page.

    Args:
        name: The name of the file or store.
        findings: The contents of the report.
        words: The language.
    """
    sections = list(Sections(findings, words).all())
    title = escape(words("title", name=one_line(name)))
    moment = escape(words("as_of", moment=words.clock(findings.query.as_of), zone=findings.query.tz))
    body = "".join(part for section in sections for part in _section(section, words))
    read = "".join(f"<p>{escape(text)}</p>" for _, text in sections[-1].sentences)
    plots = "" if has_pictures() else f"<p class=muted>{escape(words('no_plots'))}</p>"
    return (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_style()}</style></head><body>"
        f"<header><h1>{title}</h1><p class=muted>{moment}</p>{read}{_links(sections, words)}{plots}</header>"
        f"<main>{body}</main></body></html>\n"
    )


def _style() -> str:
    light, dark = (";".join(f"--{name}:{pair[which]}" for name, pair in PALETTE.items()) for which in (0, 1))
    media = f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return media + _STYLE.replace("PRINT", light)


def _links(sections: Iterable[Section], words: Words) -> str:
    links = "".join(f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in sections)
    return f'<nav aria-label="{escape(words("contents"))}"><ul>{links}</ul></nav>'


def _section(section: Section, words: Words) -> Iterator[str]:
    yield f'<section id="{section.name}"><h2>{escape(section.title)}</h2>'
    if any(question for question, _ in section.sentences):
        answers = (f"<dt>{escape(question)}</dt><dd>{escape(text)}</dd>" for question, text in section.sentences)
        yield f"<dl>{''.join(answers)}</dl>"
    else:
        yield "".join(f"<p>{escape(text)}</p>" for _, text in section.sentences)
    if section.picture is not None and (both := pictures(section.picture, words)):
        parts = "".join(f"<div class={name}>{svg}</div>" for name, svg in zip(("wide", "phone"), both, strict=True))
        yield f'<figure role="img" aria-label="{escape(section.title)}" tabindex="0">{parts}</figure>'
    for table in section.tables:
        yield _table(table, section.title)
    if section.notes:
        notes = _CODE.sub(r"<code>\1</code>", escape(" ".join(section.notes)))
        yield f"<p class=muted>{notes}</p>"
    yield "</section>"


def _table(table: Table, title: str) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    classes = [_class(table, position) for position in range(len(table.head))]
    head = "".join(f"<th scope=col{kind}>{escape(name)}</th>" for kind, name in zip(classes, table.head, strict=True))
    rows = (
        "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(classes, row, strict=True)) for row in table.rows
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    label = escape(table.caption or title)
    return (
        f'<div class=scroll role=region tabindex=0 aria-label="{label}"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _class(table: Table, position: int) -> str:
    """Return the class of a column: numbers have none, and long texts are wide."""
    if position not in table.left:
        return ""
    is_long = any(len(row[position]) > _LONG for row in table.rows)
    return f' class="text{" long" * is_long}"'


_LONG = 30
_CODE = re.compile("`([^`]+)`")
"""An option of the command, in a note."""
