"""Names and sentences: plain technical English, in the code, its tests, its docs and its messages.

A retired name or construct is refused with its replacement.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = [pytest.mark.no_cover, pytest.mark.words]

ROOT = Path(__file__).resolve().parents[1]

RETIRED: Mapping[str, str] = {
    "ahead": "lookahead, future",
    "among": "trials",
    "apart": "separate, personal_data",
    "ask": "evaluate, query",
    "asked": "query, question, requested",
    "asks": "queries",
    "begun": "start, started",
    "brought": "collected, result",
    "came": "arrived, source",
    "counted": "counts, count",
    "course": "compiled",
    "door": "adapter",
    "drawn": "sample, choice",
    "found": "result, match, values",
    "former": "previous",
    "given": "arguments, values",
    "gone": "removed, missing",
    "hears": "receives",
    "held": "values, stored, state",
    "home": "module, kind",
    "homes": "modules, kinds",
    "judged": "evaluated, answer",
    "kept": "rows, remaining, result",
    "known": "names, facts, values",
    "laid": "materialized",
    "least": "minimum",
    "lifted": "compiled, traced",
    "lifting": "tracing",
    "made": "created, result",
    "mark": "label, flag",
    "marks": "labels, flags",
    "meant": "intended, suggestion",
    "named": "labels, columns, by_name",
    "onward": "next_stage",
    "place": "index, position",
    "places": "indices, positions",
    "said": "message, text, output",
    "say": "message, report",
    "says": "message, text",
    "searched": "explored",
    "seen": "visited, previous",
    "settled": "final, resolved",
    "shown": "text, displayed",
    "speaks": "is_recent",
    "standing": "stage, record",
    "standings": "stages, records",
    "taken": "used, path",
    "tells": "reports",
    "told": "message, text, rows",
    "tries": "attempts",
    "turn": "repetition, step",
    "turns": "repetitions, steps",
    "unlifted": "uncompiled",
    "walk": "replay, visit",
    "walked": "replayed, journey",
    "wanted": "expected, requested",
    "way": "path, form",
    "ways": "paths, forms",
    "what": "subject, value, kind",
    "who": "person_id, person_ids",
    "whose": "owner, person_id",
    "worth": "outcomes, value",
    "written": "text, formatted",
}
"""Names that say nothing about the value, each with names that do."""

PLAIN: Mapping[str, str] = {
    "src/funnel/metrics/_growth/five_ways.py:WAYS": "the five ways to grow are a term of the field",
    "src/funnel/metrics/_growth/five_ways.py:way": "one of the five ways to grow, in the public interface",
    "src/funnel/readers/_account.py:What": "the kinds of an entry of the account, in the public interface",
    "src/funnel/readers/_account.py:what": "the kind of an entry of the account, in the public interface",
    "src/funnel/readers/_mapping.py:given": "the columns that the caller gives, in the public interface",
}
"""Retired names that are plain English at one position, as `file:name`, each with the reason."""

OPENINGS = re.compile(
    r"(?:^|(?<=[.!?] )|(?<=\n))"
    r"(?:(?:Who|Whom|What|Of|So|Where|Those who|They who|None is|One who)\b"
    r"|As (?!an?\b|if\b|in\b|of\b|soon\b|long\b|for\b|with\b|JSON\b|text\b)"
    r"|That (?=is\b|was\b|are\b|does\b|gives\b|means\b|has\b|will\b|would\b|can\b|may\b))"
    r"[^.?!]*(?=[.!?]|$)"
)
"""Openings of sentences that a reader must parse twice. A question may begin so."""

CONSTRUCTS: Mapping[str, str] = {
    r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b|later\b|less\b|earlier\b)": "is not a; has no",
    r"(?-i:\bnone is\b)": "if there is no ...; is missing",
    r"\b(?:is|are|it is) (?:told|said)\b": "reports, states",
    r"\bis known by\b": "has",
    r"\blet in\b": "accepted",
    r"\bla(?:id|y) down\b": "materialized, stored",
    r"\bat fault\b": "invalid",
    r"\bhow manieth\b": "number",
    r"\bas it lies\b|\bas they lie\b": "unchanged",
    r"\bfor ever\b": "without end, infinite",
    r"\bso many (?=orders|events|days|records|people|rows)": "this number of",
}
"""Retired constructs as patterns, each with its replacement."""
ANY_CONSTRUCT = re.compile("|".join(f"(?:{pattern})" for pattern in CONSTRUCTS), re.IGNORECASE)


def files(*suffixes: str) -> list[Path]:
    """List the files that people read: code, tests, benchmarks, examples and docs."""
    folders = [path for name in ("src", "tests", "benchmarks", "examples", "docs") for path in (ROOT / name).rglob("*")]
    paths = [path for path in [*ROOT.glob("*.md"), *folders] if path.suffix in suffixes and "_build" not in path.parts]
    return sorted(path for path in paths if path != Path(__file__))


def name_of(path: Path) -> str:
    """Return the path of a file below the root."""
    return path.relative_to(ROOT).as_posix()


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name that the code defines, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name, node.lineno
            case _:
                pass


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the parsed code of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def retired_names(path: Path) -> list[str]:
    """List the retired names of a file with their lines and replacements."""
    defined = [(path.stem, 1), *names(tree_of(path))]
    return [
        f"{name_of(path)}:{line}: {name}: say {RETIRED[plain]}"
        for name, line in defined
        if (plain := name.strip("_").lower()) in RETIRED and f"{name_of(path)}:{name}" not in PLAIN
    ]


def prose(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the texts of a file that people read, with their lines: paragraphs, docstrings, strings, comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from paragraphs(text)
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            for part, line in paragraphs(node.value):
                yield part, node.lineno + line - 1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("#: "), token.start[0]


def paragraphs(text: str) -> Iterator[tuple[str, int]]:
    """Yield the paragraphs of a page or a docstring, each on one line; code and headings are left out."""
    code, block, start = False, list[str](), 1
    for number, raw in enumerate([*text.splitlines(), ""], 1):
        line = raw.strip()
        fence = line.startswith("```")
        code ^= fence
        heading = line.startswith("#")
        item = re.match(r"(?:[-*|:]|\d+\.|\*{0,2}\w+: )\s*", line)
        if code or fence or heading or not line or line.startswith((">>>", "...")) or item:
            if block:
                yield " ".join(block), start
            block = []
        if line and not (code or fence or heading or line.startswith((">>>", "..."))):
            start = start if block else number
            block.append(line[item.end() :] if item else line)


def retired_prose(path: Path) -> list[str]:
    """List the retired openings and constructs of a file with their lines."""
    return [f"{name_of(path)}:{line}: {hit}" for text, line in prose(path) for hit in faults(text)]


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a text."""
    for match in OPENINGS.finditer(text):
        if text[match.end() : match.end() + 1] != "?":
            yield f"{match[0][:60]!r} opens a sentence: name the thing, or say if or when"
    if ANY_CONSTRUCT.search(text):
        for pattern, instead in CONSTRUCTS.items():
            for match in re.finditer(pattern, text, re.IGNORECASE):
                yield f"{match[0]!r}: say {instead}"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Of a hundred leads, three bought.", 1),
        ("People buy. So the rate rises.", 1),
        ("That is not a rate.", 1),
        ("That rate is lower.", 0),
        ("What does it cost?", 0),
        ("This is no dataframe.", 1),
        ("There is no dataframe.", 0),
        ("The table is no longer read.", 0),
        ("Return 0 where none is left.", 1),
        ("A value of None is skipped.", 0),
    ],
)
def test_a_retired_sentence_is_found(text: str, count: int) -> None:
    """An opening or a construct is refused only if a reader would stumble over it."""
    assert len(list(faults(text))) == count


@pytest.mark.parametrize("name", ["src", "tests", "benchmarks", "examples"])
def test_no_retired_name_is_defined(name: str) -> None:
    """Modules, classes, functions, parameters and variables say what their value is."""
    paths = [path for path in files(".py") if name_of(path).startswith(f"{name}/")]
    hits = [hit for path in paths for hit in retired_names(path)]

    assert hits == []


@pytest.mark.parametrize("name", ["src", "tests", "benchmarks", "examples", "docs", ""])
def test_no_retired_sentence_is_written(name: str) -> None:
    """Docs, docstrings, messages and comments are read once; "" is the pages at the root."""
    paths = [path for path in files(".md", ".py") if name_of(path).rpartition("/")[0].partition("/")[0] == name]

    assert [hit for path in paths for hit in retired_prose(path)] == []


def test_every_exception_is_used() -> None:
    """A name that is removed from its file leaves the list of exceptions."""
    for one in PLAIN:
        path, _, name = one.partition(":")
        assert name in {each for each, _ in names(ast.parse((ROOT / path).read_text()))}, one
