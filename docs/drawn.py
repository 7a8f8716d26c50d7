"""What the pages show is drawn from the code itself: facts, streams, policy, rules, moves, columns.

In a page::

    ```{drawn} rule is_lapsed
    ```

Each drawing is Markdown; a name that the code does not have, or that `words.toml` does not explain, stops the build.
"""

# ruff: noqa: PLR2004 (the rules that are shown as refused hold plain numbers)

from __future__ import annotations

import ast
import inspect
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import funnel
from funnel._aggregate.aggregations import COMMON
from funnel._expr.nodes import Fact, written
from funnel._ledger.streams import STREAMS
from funnel.facts._declare import Declared
from funnel.logs.schema import LOGS, Column
from funnel.readers._read_orders import Columns, OrderMapping
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
WORDS: Mapping[str, Any] = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
LONG_TABLE = 12
"""A decision table of more rows is folded away."""

RULE_FILES = ("activity", "postponement", "trust", "buying", "readiness", "window", "next_action", "rfm")
SOURCES = {
    "W": "When will they buy?",
    "S": "Seven things to know of your customer",
    "C": "Confidence in an online shop",
    "R": "Repeat order",
    "B": "The buying process",
}


def draw(what: str) -> str:
    """Draw one thing, such as `facts` or `rule is_lapsed`, as Markdown."""
    name, *about = what.split()
    if name not in DRAWINGS:
        msg = f"nothing is drawn for {name!r}; there are {', '.join(DRAWINGS)}"
        raise KeyError(msg)
    return DRAWINGS[name](*about)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _code(text: object) -> str:
    return f"`{text}`"


def _same(where: str, told: Iterable[str], known: Iterable[str]) -> None:
    """Stop where the words and the code do not speak of the same things."""
    differ = sorted(set(told) ^ set(known))
    if differ:
        msg = f"docs/words.toml and the code differ in {where}: {', '.join(differ)}"
        raise ValueError(msg)


# ---- facts -----------------------------------------------------------------------------------------------------------


def _facts() -> str:
    groups: Mapping[str, Mapping[str, Sequence[str]]] = WORDS["facts"]
    declared = funnel.Facts.fact_plan.declared
    _same("facts", (name for group in groups.values() for name in group), declared)
    lines = _declarations()
    head = ("fact and column", "meaning", "unit", "where nothing is known", "declared as", "source")
    parts: list[str] = []
    for title, group in groups.items():
        rows = [
            (_code(name), meaning, *_unit(declared[name], lines[name]), _code(lines[name]), source)
            for name, (meaning, source) in group.items()
        ]
        parts += [f"**{title.capitalize()}**", _table(head, rows)]
    return "\n\n".join(parts)


def _declarations() -> dict[str, str]:
    """Every fact with the line that declares it."""
    tree = ast.parse(inspect.getsource(funnel.Facts)).body[0]
    assert isinstance(tree, ast.ClassDef)
    return {
        line.target.id: ast.unparse(line.value)
        for line in tree.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None
    }


_UNITS: Mapping[str, tuple[str, str]] = {
    "instant": ("instant", "None"),
    "since": ("span", "for ever; null in a frame"),
    "until": ("span", "long over; null in a frame"),
    "span": ("span", "for ever; null in a frame"),
    "text": ("text", '""; null in a frame'),
    "flag": ("true or false", "false"),
    "number": ("how many", "0"),
}


def _unit(declared: Declared, line: str) -> tuple[str, str]:
    if "amount'" in line:
        return "minor units", "0"
    if "score'" in line:
        return "score, 1 to 5", "0"
    if "never='ahead'" in line or "soonest(" in line:
        return "span", "far ahead; null in a frame"
    return _UNITS[declared.show]


def _sources() -> str:
    return ", ".join(f"{short}: *{title}*" for short, title in SOURCES.items())


def _streams() -> str:
    told: Mapping[str, str] = WORDS["streams"]
    _same("streams", told, STREAMS)
    rows = [
        (_code(name), told[name], ", ".join(map(_code, _fields(stream.fields))) or "none of its own")
        for name, stream in STREAMS.items()
    ]
    return _table(("stream", "its records", "fields"), rows)


def _fields(fields: Mapping[str, Fact]) -> list[str]:
    return [name for name in fields if name not in COMMON]


# ---- policy ----------------------------------------------------------------------------------------------------------


def _policy() -> str:
    rows = []
    for name, field in funnel.Policy.model_fields.items():
        value, unit = _number(name, getattr(funnel.Policy(), name))
        rows.append((_code(name), value, unit, " ".join(str(field.description).split())))
    return _table(("number", "default", "unit", "what it decides, and why this default"), rows)


def _number(name: str, value: object) -> tuple[str, str]:
    if isinstance(value, tuple):
        told = [_number(name.removesuffix("_limits"), one) for one in value]
        return ", ".join(shown for shown, _ in told) or "none", told[0][1] if told else "minor units"
    if hasattr(value, "total_seconds"):
        return written(round(value.total_seconds() * 1_000_000), "span"), "span"
    units = {"percent": "percent", "points": "points", "amount": "minor units", "score": "score"}
    return str(value), next((unit for end, unit in units.items() if name.endswith(end)), "how many")


# ---- rules -----------------------------------------------------------------------------------------------------------


def rules() -> dict[str, Rule[Any, Any, Any]]:
    """Every rule of the library by its name, in the order of the files."""
    modules = [import_module(f"funnel.rules._{name}") for name in RULE_FILES]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    return {one.name: one for one in [*found, funnel.stage]}


def _rule(name: str) -> str:
    rule = rules()[name]
    policy = funnel.Policy()
    read = ", ".join(map(_code, sorted(rule.compiled_rule(policy).read)))
    rows = [(_answer(path.answer), _conditions(path.conditions)) for path in rule.table(policy).paths]
    table = _table((_code(name), "where"), rows)
    if len(rows) > LONG_TABLE:
        table = f"<details><summary>The decision table: {len(rows)} ways</summary>\n\n{table}\n\n</details>"
    return f"{inspect.getdoc(rule)}\n\nReads {read}.\n\n{table}"


def _answer(answer: str) -> str:
    return f"**{answer}**" if answer.replace("_", "").isalnum() else _code(answer)


def _conditions(conditions: Sequence[str]) -> str:
    return " and ".join(map(_code, conditions)) or "always"


# ---- what a rule may not contain -------------------------------------------------------------------------------------


def _refused_rules() -> list[Callable[[Any], object]]:
    """Bodies of rules that are refused; they are shown as they stand here, with what the library says of them."""
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
    told = [_refusal(function) for function in _refused_rules()]
    return _table(("written", "what the library says"), ((_code(a), b) for a, b in zip(bodies, told, strict=True)))


def _refusal(function: Callable[[Any], object]) -> str:
    try:
        Rule(lambda f, _: function(f)).compiled_rule(funnel.Policy())
    except funnel.errors.RuleError as error:
        return str(error).partition(": ")[2].replace("_", "\\_").replace("*", "\\*").replace("~", "\\~")
    raise AssertionError("docs/how-it-works.md shows a rule as refused that is not")


# ---- stages ----------------------------------------------------------------------------------------------------------


def _stages() -> str:
    tree = ast.parse(inspect.getsource(funnel.Stage)).body[0]
    assert isinstance(tree, ast.ClassDef)
    told = [
        line.value.value
        for line in tree.body[1:]
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    ]
    rows = [(_code(stage.value), str(meaning)) for stage, meaning in zip(funnel.Stage, told, strict=True)]
    return _table(("stage", "who stands there"), rows)


def _moves(form: str) -> str:
    if form == "picture":
        return f"```{{mermaid}}\n{funnel.machines.SHOP_MACHINE.mermaid()}\n```"
    return f"```text\n{funnel.machines.SHOP_MACHINE}\n```"


# ---- logs ------------------------------------------------------------------------------------------------------------

_TYPES = {
    "person": "text or integer",
    "id": "text or integer",
    "text": "text",
    "instant": "aware datetime",
    "amount": "integer, minor units",
    "whole": "integer",
}


def _log(name: str) -> str:
    told: Mapping[str, str] = WORDS["logs"]
    _same("logs", told, LOGS)
    rows = [(_code(column), _TYPES[one.kind], *_cell(one)) for column, one in LOGS[name].items()]
    return f"{told[name]}\n\n{_table(('column', 'type', 'must be there', 'may say'), rows)}"


def _cell(column: Column) -> tuple[str, str]:
    choices = ", ".join(map(_code, column.choices))
    if column.required:
        return "yes", choices
    return (f"no: {column.default}" if column.default else "no"), choices


# ---- readers ---------------------------------------------------------------------------------------------------------


def _mapping(part: str) -> str:
    model = {"keys": OrderMapping, "columns": Columns}[part]
    rows = [
        (_code(name), "yes" if field.is_required() else _left_out(field.default), _escaped(str(field.description)))
        for name, field in model.model_fields.items()
    ]
    return _table(("key", "must be given", "meaning"), rows)


def _left_out(default: object) -> str:
    """What stands where a key is left out; a number or a text is shown, nothing is not."""
    return f"no: {_code(default)}" if isinstance(default, str) and default.strip() else "no"


def _escaped(text: str) -> str:
    return " ".join(text.replace("%", "&#37;").split())


DRAWINGS: Mapping[str, Callable[..., str]] = {
    "facts": _facts,
    "sources": _sources,
    "streams": _streams,
    "policy": _policy,
    "rule": _rule,
    "refused": _refused,
    "stages": _stages,
    "transitions": _moves,
    "log": _log,
    "mapping": _mapping,
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Teach Sphinx the directive."""
    from sphinx.util.docutils import SphinxDirective

    class Drawn(SphinxDirective):
        """A part of a page that is drawn from the code."""

        required_arguments: ClassVar[int] = 1
        final_argument_whitespace: ClassVar[bool] = True

        def run(self) -> list[nodes.Node]:
            """Draw it, and read the Markdown as if it stood in the page."""
            self.env.note_dependency(str(HERE / "words.toml"))
            return self.parse_text_to_nodes(draw(self.arguments[0]))

    app.add_directive("drawn", Drawn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
