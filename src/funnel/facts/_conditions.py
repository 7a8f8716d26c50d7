"""The conditions of declared facts, and the fields of a record that they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from funnel._aggregate.aggregations import EVERY, GAP_FIELDS, Stream
from funnel._arguments import is_function, kind_of
from funnel._expr.nodes import Fact
from funnel._expr.tracer import UnknownFactError
from funnel._expr.tree import Tree, not_truth, trace
from funnel.errors import ArgumentError, FactsError, RuleError

Condition = Callable[[Any], object]


def condition(stream: Stream, where: Condition | None, own: dict[str, Fact]) -> Tree:
    """Return the condition of a declaration, with own columns by their names.

    Raises:
        ArgumentError: It is not a function.
        RuleError: It cannot be traced.
        FactsError: It does not return a truth.
    """
    if where is None:
        return EVERY
    if not is_function(where):
        msg = f"where must be a function of one record, such as lambda one: one.source == 'shop' (got {kind_of(where)})"
        raise ArgumentError(msg)
    plain = {name: attrs.evolve(field, name=name) for name, field in own.items()}
    try:
        tree = _trace(where)(where, record_fields(stream) | plain)
    except RuleError as error:
        message = str(error)
        if isinstance(error, UnknownFactError) and not own:
            message = error.with_remedy("declare a column of your own: columns={'country': str}")
        raise RuleError(f"in the condition on {stream.name}: {message}") from error.__cause__
    if other := not_truth(tree):
        raise FactsError(f"the condition on {stream.name} returns {other}; it must return True or False")
    if not own:
        return tree
    from funnel._expr.rename import renamed

    return renamed(tree, {name: field.name for name, field in own.items()})


def record_fields(stream: Stream) -> dict[str, Fact]:
    """Return the fields that a declaration can read."""
    return {name: fact for name, fact in stream.fields.items() if name not in _INTERNAL}


_INTERNAL = frozenset(("start", "end", "rank", *GAP_FIELDS[1:]))


def _trace(where: Condition) -> Callable[[Condition, Mapping[str, Fact]], Tree]:
    # Verifying the conditions of the library's own facts takes 6 ms: a test verifies them, not every import.
    if where.__module__ == "funnel.facts._builtin":
        return trace
    from funnel._expr.verify import trace_and_verify

    return trace_and_verify
