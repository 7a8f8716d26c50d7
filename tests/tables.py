"""The tables in the docs that are computed from the code, written into the pages by `make tables`.

A page holds each table between two markers::

    <!-- table: rule is_lapsed -->
    <!-- end of table -->

The meaning of each fact, stream and log is in `docs/descriptions.toml`.
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import funnel
from funnel._aggregate.aggregations import COMMON, GAP_FIELDS
from funnel._expr.explain import conditions_of
from funnel._expr.nodes import Fact, Test, format_value
from funnel._expr.tree import Leaf, Tree, describe
from funnel._fields import descriptions
from funnel._ledger.streams import STREAMS
from funnel.facts._declare import Declared
from funnel.logs.schema import LOGS, Column
from funnel.readers._read_orders import Columns, OrderMapping
from funnel.rules._rule import Rule
from tests.public import MODULES

DOCS = Path(__file__).parents[1] / "docs"
DESCRIPTIONS: Mapping[str, Any] = tomllib.loads((DOCS / "descriptions.toml").read_text(encoding="utf-8"))
MARKED = re.compile(r"^<!-- table: (.+?) -->\n.*?^<!-- end of table -->$", re.DOTALL | re.MULTILINE)

PUBLIC_MODULES = tuple(module for module in (*MODULES, "readers", "readers.webhooks", "testing") if module != "stages")
"""Modules of the reference. The names of `funnel.stages` are in `funnel.machines`, too."""

RULE_FILES = ("activity", "postponement", "trust", "buying", "readiness", "window", "next_action", "rfm")
SOURCES = {
    "W": "When will they buy?",
    "S": "Seven things to know of your customer",
    "C": "Confidence in an online shop",
    "R": "Repeat order",
    "B": "The buying process",
}


def pages() -> list[Path]:
    """List the pages of the docs."""
    return sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)


def filled(page: str) -> str:
    """Return a page with each table computed anew."""
    return MARKED.sub(lambda match: f"<!-- table: {match[1]} -->\n\n{table(match[1])}\n\n<!-- end of table -->", page)


def table(name: str) -> str:
    """Return one table, such as `facts` or `rule is_lapsed`, as Markdown."""
    kind, *about = name.split()
    if kind not in TABLES:
        msg = f"no table is called {kind!r}; use one of {', '.join(TABLES)}"
        raise KeyError(msg)
    return TABLES[kind](*about)


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _code(text: object) -> str:
    return f"`{text}`"


def _require_same(section: str, described: Iterable[str], declared: Iterable[str]) -> None:
    """Raise if the descriptions and the code have different names."""
    differences = sorted(set(described) ^ set(declared))
    if differences:
        msg = f"docs/descriptions.toml and the code differ in {section}: {', '.join(differences)}"
        raise ValueError(msg)


# ---- facts -----------------------------------------------------------------------------------------------------------


def _facts() -> str:
    groups: Mapping[str, Mapping[str, Sequence[str]]] = DESCRIPTIONS["facts"]
    declared = funnel.Facts._fact_plan.declared
    _require_same("facts", (name for group in groups.values() for name in group), declared)
    lines = _declarations()
    head = ("fact and column", "meaning", "unit", "without a record", "declared as", "source")
    parts: list[str] = []
    for title, group in groups.items():
        rows = [
            (_code(name), meaning, *_unit(declared[name], lines[name]), _code(lines[name]), source)
            for name, (meaning, source) in group.items()
        ]
        parts += [f"**{title.capitalize()}**", _grid(head, rows)]
    return "\n\n".join(parts)


def _declarations() -> dict[str, str]:
    """Return the declaration of each fact, as source code."""
    tree = ast.parse(inspect.getsource(funnel.Facts)).body[0]
    assert isinstance(tree, ast.ClassDef)
    return {
        line.target.id: ast.unparse(line.value)
        for line in tree.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None
    }


_UNITS: Mapping[str, tuple[str, str]] = {
    "instant": ("instant", "None"),
    "since": ("span", "infinite; null in a column"),
    "until": ("span", "long over; null in a column"),
    "span": ("span", "infinite; null in a column"),
    "text": ("text", '""; null in a column'),
    "flag": ("true or false", "false"),
    "number": ("number", "0"),
}


def _unit(declared: Declared, line: str) -> tuple[str, str]:
    if "amount'" in line:
        return "minor units", "0"
    if "score'" in line:
        return "score, 1 to 5", "0"
    if "never='ahead'" in line or "soonest(" in line:
        return "span", "far ahead; null in a column"
    return _UNITS[declared.show]


def _sources() -> str:
    return "Sources: " + ", ".join(f"{short} *{title}*" for short, title in SOURCES.items()) + "."


def _streams() -> str:
    meanings: Mapping[str, str] = DESCRIPTIONS["streams"]
    _require_same("streams", meanings, STREAMS)
    rows = [
        (_code(name), meanings[name], ", ".join(map(_code, _fields(stream.fields))) or "none")
        for name, stream in STREAMS.items()
    ]
    return _grid(("stream", "rows", "fields"), rows)


def _fields(fields: Mapping[str, Fact]) -> list[str]:
    return [name for name in fields if name not in (*COMMON, *GAP_FIELDS[1:])]


# ---- policy ----------------------------------------------------------------------------------------------------------


def _policy() -> str:
    rows = []
    for name, meaning in descriptions(funnel.Policy).items():
        value, unit = _threshold(name, getattr(funnel.Policy(), name))
        rows.append((_code(name), value, unit, " ".join(meaning.split())))
    return _grid(("threshold", "default", "unit", "meaning, and reason for the default"), rows)


def _threshold(name: str, value: object) -> tuple[str, str]:
    if isinstance(value, tuple):
        parts = [_threshold(name.removesuffix("_limits").removesuffix("s"), one) for one in value]
        return ", ".join(text for text, _ in parts) or "none", parts[0][1] if parts else "minor units"
    if hasattr(value, "total_seconds"):
        return format_value(round(value.total_seconds() * 1_000_000), "span"), "span"
    if hasattr(value, "isoformat"):
        return value.isoformat("minutes"), "time of day"
    units = {"percent": "percent", "points": "points", "amount": "minor units", "score": "score"}
    return str(value), next((unit for end, unit in units.items() if name.endswith(end)), "number")


# ---- rules -----------------------------------------------------------------------------------------------------------


def rules() -> dict[str, Rule[Any, Any, Any]]:
    """Return each rule of the library by its name, in the order of the files."""
    modules = [import_module(f"funnel.rules._{name}") for name in RULE_FILES]
    listed = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    return {rule.name: rule for rule in [*listed, funnel.stage]}


def _rule(name: str) -> str:
    rule = rules()[name]
    compiled = rule._compiled_rule(funnel.Policy())
    facts = ", ".join(map(_code, sorted(compiled.read)))
    rows = ((_answer(leaf), _conditions(tests)) for leaf, tests in _decisions(compiled.tree))
    return f"{inspect.getdoc(rule)}\n\nReads {facts}.\n\n{_grid((_code(name), 'if'), rows)}"


def _decisions(tree: Tree) -> list[tuple[Leaf, tuple[Test, ...]]]:
    """Return the answers with their conditions, to be read from the top: the first row that holds decides.

    A person who fails a condition is on a later path, so a row needs only the conditions that hold. A row is dropped if
    the row below it has the same answer and needs no other condition.
    """
    *rows, (last, _) = _paths(tree, ())
    decisions: list[tuple[Leaf, tuple[Test, ...]]] = [(last, ())]
    for leaf, tests in reversed(rows):
        below, needed = decisions[0]
        if describe(leaf) != describe(below) or not {*needed} <= {*tests}:
            decisions.insert(0, (leaf, tests))
    return decisions


def _paths(tree: Tree, used: tuple[Test, ...]) -> Iterator[tuple[Leaf, tuple[Test, ...]]]:
    if isinstance(tree, Leaf):
        yield tree, used
        return
    yield from _paths(tree.yes, (*used, tree.test))
    yield from _paths(tree.no, used)


LONGEST_FORMULA = 240
"""Characters of a formula in a table; longer ones are cut, because a row that wide cannot be read."""


def _answer(leaf: Leaf) -> str:
    answer = describe(leaf)
    if len(answer) > LONGEST_FORMULA:
        return f"{_code(answer[:LONGEST_FORMULA].rpartition(' ')[0])} ... (a formula of {len(answer):,} characters)"
    return f"**{answer}**" if answer.replace("_", "").isalnum() else _code(answer)


def _conditions(tests: Sequence[Test]) -> str:
    return " and ".join(map(_code, conditions_of(tests))) or "otherwise"


# ---- what a rule may not contain -------------------------------------------------------------------------------------


def _refused_rules() -> list[Callable[[Any], object]]:
    """Return bodies of rules that are refused. The docs show each body with the message of the library."""
    return [
        lambda f: f.last_purchase_at is None,
        lambda f: f.has_opted_out is True,
        lambda f: f.since_last_purchase > 30,
        lambda f: f.since_last_purchase.days > 30,
        lambda f: f.since_last_purchase > date(2026, 1, 1),
        lambda f: f.net_spent > 99.5,
        lambda f: f.net_spent / f.purchase_count > 100,
        lambda f: f.net_spent // f.purchase_count > 100,
        lambda f: f.net_spent**2 > 100,
        lambda f: f.net_spent * f.net_spent > 100,
        lambda f: ~(f.purchase_count > 1),
        lambda f: (f.purchase_count > 1) & (f.net_spent > 100),
        lambda f: not f.purchase_count,
        lambda f: int(f.purchase_count),
        lambda f: f"{f.purchase_count} purchases",
        lambda f: f.lead_source.startswith("insta"),
        lambda f: f.lead_source in {"instagram", "fair"},
        lambda f: f.lead_source < "m",
        lambda f: f.last_interaction_direction == "inward",
        lambda f: f.purchase_cuont > 1,
        lambda f: "many" if f.purchase_count > 5 else 0,
        lambda f: [f.purchase_count],
    ]


def _refused() -> str:
    tree = ast.parse(inspect.getsource(_refused_rules))
    bodies = [ast.unparse(node.body) for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    messages = [_refusal(function) for function in _refused_rules()]
    return _grid(("code", "message"), ((_code(a), b) for a, b in zip(bodies, messages, strict=True)))


def _refusal(function: Callable[[Any], object]) -> str:
    try:
        Rule(lambda f, _: function(f))._compiled_rule(funnel.Policy())
    except funnel.errors.RuleError as error:
        return str(error).partition(": ")[2].replace("_", "\\_").replace("*", "\\*").replace("~", "\\~")
    raise AssertionError("docs/how-it-works.md shows a rule as refused that is not")


# ---- stages ----------------------------------------------------------------------------------------------------------


def _stages() -> str:
    tree = ast.parse(inspect.getsource(funnel.Stage)).body[0]
    assert isinstance(tree, ast.ClassDef)
    meanings = [
        line.value.value
        for line in tree.body[1:]
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    ]
    rows = [(_code(stage.value), str(meaning)) for stage, meaning in zip(funnel.Stage, meanings, strict=True)]
    return _grid(("stage", "the person"), rows)


def _transitions(form: str) -> str:
    machine = funnel.machines.SHOP_MACHINE
    return f"```mermaid\n{machine.mermaid()}\n```" if form == "picture" else f"```text\n{machine}\n```"


# ---- logs ------------------------------------------------------------------------------------------------------------

_TYPES = {
    "person": "text",
    "id": "text or integer",
    "text": "text",
    "instant": "aware datetime",
    "amount": "integer, minor units",
    "whole": "integer",
}


def _log(name: str) -> str:
    meanings: Mapping[str, str] = DESCRIPTIONS["logs"]
    _require_same("logs", meanings, LOGS)
    rows = [(_code(column), _TYPES[one.kind], *_cell(one)) for column, one in LOGS[name].items()]
    return f"{meanings[name]}\n\n{_grid(('column', 'type', 'required', 'allowed values'), rows)}"


def _cell(column: Column) -> tuple[str, str]:
    choices = ", ".join(map(_code, column.choices))
    if column.required:
        return "yes", choices
    return (f"no: {column.default}" if column.default else "no"), choices


# ---- engines ---------------------------------------------------------------------------------------------------------


def _runs_on() -> str:
    """Return where each question runs on each kind of dataframe, as tests observe it."""
    from tests import runs_on

    noted = runs_on.notes()
    rows = [(name, *(noted[column][name] for column in runs_on.COLUMNS)) for name in runs_on.QUESTIONS]
    return _grid(("", *runs_on.COLUMNS.values()), rows)


# ---- names -----------------------------------------------------------------------------------------------------------


def _names() -> str:
    """Return the names of the root package, each with its public module."""
    modules = {name: module for module in PUBLIC_MODULES for name in import_module(f"funnel.{module}").__all__}
    rows = (
        (_code(name), f"[`funnel.{modules[name]}`](api/{modules[name]}.md)", _summary(getattr(funnel, name)))
        for name in funnel.__all__
    )
    return _grid(("name", "module", "summary"), rows)


def _module(name: str) -> str:
    """Return the names of one public module, each with the first line of its docstring."""
    module = import_module(f"funnel.{name}")
    rows = (
        (f'<a href="#funnel.{name}.{each}"><code>{each}</code></a>', _summary(getattr(module, each)))
        for each in module.__all__
    )
    return _grid(("name", "summary"), rows)


def _summary(value: object) -> str:
    is_code = inspect.isclass(value) or inspect.isroutine(value) or isinstance(value, Rule)
    return (inspect.getdoc(value) or "").partition("\n")[0] if is_code else ""


# ---- code ------------------------------------------------------------------------------------------------------------


def _source(path: str, *functions: str) -> str:
    """Return some functions of an example as code. The fence is `py`, because code fences of `python` run as tests."""
    text = (DOCS.parent / path).read_text(encoding="utf-8")
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    parts = {part.name: part for part in ast.parse(text).body if isinstance(part, kinds)}
    starts = {name: min([part.lineno, *(one.lineno for one in part.decorator_list)]) for name, part in parts.items()}
    sources = ["\n".join(text.splitlines()[starts[name] - 1 : parts[name].end_lineno]) for name in functions]
    return "```py\n" + "\n\n\n".join(sources) + "\n```"


# ---- readers ---------------------------------------------------------------------------------------------------------


def _mapping(part: str) -> str:
    model = {"keys": OrderMapping, "columns": Columns}[part]
    fields = model.model_fields
    rows = [
        (_code(name), "yes" if fields[name].is_required() else _default(fields[name].default), _escaped(meaning))
        for name, meaning in descriptions(model).items()
    ]
    return _grid(("key", "required", "meaning"), rows)


def _default(default: object) -> str:
    return f"no: {_code(default)}" if isinstance(default, str) and default.strip() else "no"


def _escaped(text: str) -> str:
    return " ".join(text.replace("%", "&#37;").replace("*", "&#42;").split())


def _frame(_about: str) -> str:
    """Return the shapes of a shop's own frame, each with its call and result."""
    from tests.logs.frame_shapes import SHAPES

    rows = []
    for shape in SHAPES:
        engine = "" if shape.engine == "frame" else f" {_code(shape.engine)}"
        rows.append(
            [
                shape.name,
                f"{_code(shape.columns)}{engine}",
                _code(shape.arguments) if shape.arguments else "",
                shape.result,
            ]
        )
    return _grid(["shape", "columns", "arguments", "result"], rows)


TABLES: Mapping[str, Callable[..., str]] = {
    "facts": _facts,
    "sources": _sources,
    "streams": _streams,
    "policy": _policy,
    "rule": _rule,
    "refused": _refused,
    "stages": _stages,
    "transitions": _transitions,
    "log": _log,
    "mapping": _mapping,
    "names": _names,
    "module": _module,
    "code": _source,
    "frame": _frame,
    "runs_on": _runs_on,
}


if __name__ == "__main__":
    for each in pages():
        each.write_text(filled(each.read_text(encoding="utf-8")), encoding="utf-8")
