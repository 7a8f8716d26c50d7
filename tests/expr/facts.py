"""Facts for the tests of tracing, and functions that run a rule for one person in every form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from funnel._expr.nodes import Fact, Value
from funnel._expr.to_python import compile_tree
from funnel._expr.tree import Tree
from funnel._expr.verify import trace_and_verify

WIDE = 10**6

FACTS: Mapping[str, Fact] = {
    fact.name: fact
    for fact in (
        Fact("count", high=6),
        Fact("visits", high=2**31),
        Fact("net_spent", high=2**53),
        Fact("referred", high=1),
        Fact("silent", high=1),
        Fact("since", "span", -WIDE, WIDE, slope=1),
        Fact("since_visit", "span", -WIDE, WIDE, slope=1),
        Fact("until", "span", -WIDE, WIDE, slope=-1),
        Fact("gap", "span", 0, WIDE),
        Fact("source", "text"),
        Fact("reason", "text", choices=("", "payday", "travel")),
    )
}
REFUSED = {"bought_at": "it may be missing; read since"}
POSITIONS = {name: (position, fact.slope) for position, (name, fact) in enumerate(FACTS.items())}


def compiled_rule(function: Callable[[Any], object]) -> Tree:
    """Lift a function of these facts, and prove it."""
    return trace_and_verify(function, FACTS, REFUSED)


def in_order(values: Mapping[str, Value]) -> list[Value]:
    """The values as a compiled rule reads them at the instant 0: of a span that runs, the instant it counts from."""
    return [-int(values[name]) if fact.slope == 1 else values[name] for name, fact in FACTS.items()]


def later(values: Mapping[str, Value], wait: int) -> dict[str, Value]:
    """The values after some microseconds in which nothing happens."""
    moved = {name: int(values[name]) + wait * fact.slope for name, fact in FACTS.items() if fact.slope}
    return {**values, **moved}


def run_of(tree: Tree) -> Callable[[Mapping[str, Value], int], Any]:
    """The compiled rule, asked of a person as they are at the instant 0."""
    run = compile_tree(tree, POSITIONS, "rule")
    return lambda values, now: run(in_order(values), now)


def person(**values: Value) -> dict[str, Value]:
    """Return a person with only these facts."""
    nobody = {name: "" if fact.unit == "text" else 0 for name, fact in FACTS.items()}
    return {**nobody, **values}


def numbered(cases: Sequence[object]) -> list[str]:
    """The names of cases that show nothing by which to tell them apart."""
    return [str(number) for number in range(1, len(cases) + 1)]


class Careful:
    """Code that catches errors."""

    @staticmethod
    def safe(x: Any) -> bool:
        """Catch what Python says about a symbol."""
        try:
            return "".join([x]) == "a"  # noqa: FLY002 (an error of Python's own)
        except TypeError:
            return False
