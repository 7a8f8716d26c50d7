"""Windowed facts just before an instant, as time alone changes them.

At the instant of a record, rows may also leave a window. To state what time alone would have done, each windowed fact
has a shadow: the same fact with a window that is one microsecond shorter. The shadow just before an instant equals the
fact at the instant without the records of that instant.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from funnel._aggregate.aggregations import Derived, Reduction, windowed
from funnel._aggregate.within import length_of
from funnel.facts._declare import Declared
from funnel.facts._schema import FactSchema, fact_schema


def with_shadows(plan: FactSchema) -> tuple[FactSchema, Mapping[str, str]]:
    """Return the schema with a shadow of each windowed fact, and the names of the shadows."""
    read = {index for window in plan.windows for index in window.indices}
    shadows = {name: f"{name} just before" for name, index in plan.indices.items() if index in read}
    declared = {shadow: _shadow(plan.declared[name]) for name, shadow in shadows.items()}
    return (fact_schema({**plan.declared, **declared}) if shadows else plan), shadows


def _shadow(one: Declared) -> Declared:
    value = one.value
    if isinstance(value, Derived):
        return attrs.evolve(one, value=attrs.evolve(value, parts=tuple(map(_shorter, value.parts))))
    return attrs.evolve(one, value=_shorter(value))


def _shorter(one: Reduction) -> Reduction:
    return attrs.evolve(one, stream=windowed(one.stream.origin, length_of(one.stream) - 1))
