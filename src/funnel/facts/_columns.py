"""A shop's own columns in the declarations of facts: their types, and the fields that a class of facts reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import cast

import attrs

from funnel._aggregate.aggregations import Derived, Reduction, Stream, own_field, own_kind, own_name, with_own
from funnel._arguments import kind_of
from funnel._expr.nodes import Fact
from funnel._expr.tracer import FactsProxy
from funnel.errors import ArgumentError, FactsError

ColumnTypes = Mapping[str, type[str] | type[int] | type[bool] | type[datetime]]
"""Types of a shop's own columns."""


def own_fields(stream: Stream, columns: object) -> dict[str, Fact]:
    """Return the field of each own column that a declaration names, under the name that the shop gives to it.

    Raises:
        ArgumentError: It is not a mapping of names and types.
        FactsError: The records have no own columns, or a name cannot be used.
    """
    if not isinstance(columns, Mapping):
        msg = f"columns must be a mapping of names and types, such as {{'country': str}} (got {kind_of(columns)})"
        raise ArgumentError(msg)
    if not columns:
        return {}
    from funnel._ledger.own import OWN_LOGS

    if stream.plain_table not in OWN_LOGS:
        msg = f"{stream.name} are derived from several records and have no own columns"
        raise FactsError(f"{msg}; declare the columns of one of {', '.join(OWN_LOGS)}")
    return {str(name): _own_field(stream, name, one) for name, one in cast("Mapping[object, object]", columns).items()}


def _own_field(stream: Stream, name: object, kind: object) -> Fact:
    from funnel._columns import name_of_column
    from funnel._ledger.own import NAMES, OWN_LOGS, RESERVED, TYPES

    if problem := name_of_column(name):
        raise ArgumentError(problem)
    assert isinstance(name, str)
    if name.casefold() in RESERVED[OWN_LOGS[stream.plain_table]] or hasattr(FactsProxy, name):
        raise FactsError(f"the own column {name} has the name of a field of {stream.name}; give it another name")
    if not isinstance(kind, type) or kind not in TYPES:
        allowed = ", ".join(NAMES.values())
        raise ArgumentError(f"the type of the own column {name} must be one of {allowed} (got {kind_of(kind)})")
    return own_field(name, TYPES[kind])


# ---- a class of facts ----


class SharedColumns:
    """Own columns that the declarations of a class read, by table: rows have all of them.

    Invariant: all streams of one table have the same fields, so a table is read once.
    """

    def __init__(self, values: Iterable[Reduction | Derived]) -> None:
        """Collect the own columns.

        Raises:
            FactsError: A column is declared with two types.
        """
        self._own: dict[str, dict[str, Fact]] = {}
        for one in _reductions(values):
            fields = self._own.setdefault(one.stream.plain_table, {})
            for field in one.stream.origin.own:
                first = fields.setdefault(field.name, field)
                if first != field:
                    from funnel._ledger.own import NAMES

                    types = " and ".join(NAMES[own_kind(one)] for one in (first, field))
                    msg = f"the own column {own_name(field)} of {one.stream.name} is declared as {types}"
                    raise FactsError(f"{msg}; declare one type")

    def of(self, value: Reduction | Derived) -> Reduction | Derived:
        """Return a declared value over streams with all own columns of their tables."""
        if isinstance(value, Derived):
            return attrs.evolve(value, parts=tuple(map(self._of, value.parts)))
        return self._of(value)

    def _of(self, one: Reduction) -> Reduction:
        own = self._own[one.stream.plain_table]
        return attrs.evolve(one, stream=with_own(one.stream, own.values())) if own else one


def _reductions(values: Iterable[Reduction | Derived]) -> Iterator[Reduction]:
    for one in values:
        if isinstance(one, Derived):
            yield from one.parts
        else:
            yield one
