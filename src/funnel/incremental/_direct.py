"""Direct steps: an interaction after all other records updates values without a row of the ledger.

Invariant: the values equal those after a step with the row.

A row takes longer than all the rest, and most schemas read one or two of its 14 fields. Each kind of interaction has
one generated function that reads only the needed fields of the record.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from funnel._aggregate.aggregations import Stream
from funnel._aggregate.fold import StreamFold, step_body
from funnel._expr.nodes import Value
from funnel._expr.to_python import function
from funnel._ledger.own import own_value
from funnel._ledger.rows import DETAILS, details
from funnel._ledger.streams import RANKS
from funnel._time import FOREVER, micros
from funnel.records import Record

DirectStep = Callable[[list[Value], list[bool], Record], None]
"""Adds a record to the values of the folds."""


def direct_step(kind: type[Record], streams: Sequence[StreamFold]) -> DirectStep:
    """Generate the function that adds an interaction of a kind to the folds of some streams."""
    name = str(kind.model_fields["kind"].default)
    body = [
        _Fields(name, ready.stream).visit(statement)
        for ready in streams
        for statement in step_body(ready.stream, ready.groups)
    ]
    own = {field.name: field for ready in streams for field in ready.stream.own}
    names = {"micros": micros, "details": details, "own_value": own_value, **own}
    step: DirectStep = function(name, ("values", "has_row", "record"), body or [ast.Pass()], names)
    return step


class _Fields(ast.NodeTransformer):
    """Replace the fields of a row `v` by the fields of the record."""

    def __init__(self, kind: str, stream: Stream) -> None:
        self.kind = kind
        self.fields = list(stream.fields)
        self.own = {field.name for field in stream.own}

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        match node:
            case ast.Subscript(value=ast.Name(id="v"), slice=ast.Constant(value=int(index))):
                return self._field(self.fields[index])
            case _:
                return node

    def _field(self, name: str) -> ast.expr:
        match name:
            case "t" | "start":
                return _call("micros", ast.Attribute(_RECORD, "occurred_at", ast.Load()))
            case "end":
                return ast.Constant(FOREVER)
            case "rank":
                return ast.Constant(RANKS[self.kind])
            case "kind":
                return ast.Constant(self.kind)
            case "source" | "id" | "direction" | "channel":
                return ast.Attribute(_RECORD, name, ast.Load())
            case _ if name in self.own:
                return _call("own_value", ast.Name(name, ast.Load()), ast.Attribute(_RECORD, "columns", ast.Load()))
            case _:
                index = ast.Constant(DETAILS.index(name))
                return ast.Subscript(_call("details", _RECORD), index, ast.Load())


_RECORD = ast.Name("record", ast.Load())


def _call(name: str, *values: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(values), [])
