"""Schema of a class of facts: every distinct value once, and the index of each fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from funnel._aggregate.aggregations import POST_AGGREGATIONS, Derived, Reduction
from funnel._aggregate.fold import StreamFold, finishing, folds
from funnel._expr.nodes import Fact, Value
from funnel.facts._declare import SLOPES, Declared

if TYPE_CHECKING:
    from funnel._ledger.ledger import Ledger


@attrs.frozen(eq=False)
class FactSchema:
    """Reductions of a class of facts and the values derived from them, each with its index.

    `empties` are the values of an unknown person.
    """

    declared: Mapping[str, Declared]
    reductions: tuple[Reduction, ...]
    derived: tuple[Derived, ...]
    indices: Mapping[str, int]
    folds: Mapping[str, StreamFold]
    finishes: tuple[tuple[Callable[..., int], tuple[int, ...]], ...]
    finish: Callable[[list[Value]], None]
    """Compute the derived values in place."""
    empties: tuple[Value, ...]

    @property
    def readable(self) -> Mapping[str, Fact]:
        """Facts that a rule may read."""
        return {name: one.fact(name) for name, one in self.declared.items() if one.show != "instant"}

    @property
    def refused(self) -> Mapping[str, str]:
        """Facts that a rule may not read, each with a remedy."""
        return {name: self._remedy(name) for name, one in self.declared.items() if one.show == "instant"}

    def _remedy(self, name: str) -> str:
        spans = [other for other, index in self.indices.items() if index == self.indices[name] and other != name]
        better = (
            f"read {' or '.join(spans)}" if spans else f"declare a span of it, such as since_{name.removesuffix('_at')}"
        )
        return f"it may be missing; {better}"

    def run_indices(self) -> dict[str, tuple[int, int]]:
        """Return the index of each fact in a compiled rule, and its slope with the clock."""
        return {name: (self.indices[name], SLOPES.get(one.show, 0)) for name, one in self.declared.items()}

    def values(self, ledger: Ledger, now: int) -> tuple[Value, ...]:
        """Return the values of one person: the fold of every reduction with a row."""
        if now < ledger.latest:
            return self._put_together(ledger, now)
        values = ledger.cached_values.get(self)
        if values is None:
            values = self._put_together(ledger, now)
            ledger.cache_values(self, values)
        return values

    def _put_together(self, ledger: Ledger, now: int) -> tuple[Value, ...]:
        values, has_row, folds = list(self.empties), [False] * len(self.reductions), self.folds
        for stream, rows in ledger.rows.items():
            if stream in folds:
                folds[stream].fill(values, has_row, rows, now)
        self.finish(values)
        return tuple(values)


def fact_schema(declared: Mapping[str, Declared]) -> FactSchema:
    """Build the schema of declared facts."""
    derived = tuple(dict.fromkeys(one.value for one in declared.values() if isinstance(one.value, Derived)))
    direct = (one.value for one in declared.values() if isinstance(one.value, Reduction))
    reductions = tuple(dict.fromkeys([*direct, *_parts(derived)]))
    every: list[Reduction | Derived] = [*reductions, *derived]
    order = {value: index for index, value in enumerate(every)}
    indices = {name: order[one.value] for name, one in declared.items()}
    finishes = tuple((POST_AGGREGATIONS[one.how].one, tuple(order[part] for part in one.parts)) for one in derived)
    empties = [reduction.empty for reduction in reductions]
    computed = [finish(*(empties[part] for part in parts)) for finish, parts in finishes]
    finish = finishing(finishes, reductions)
    return FactSchema(
        declared, reductions, derived, indices, folds(reductions), finishes, finish, (*empties, *computed)
    )


@lru_cache(maxsize=256)
def narrowed(plan: FactSchema, read: frozenset[str]) -> FactSchema:
    """Return the schema of some facts of another schema.

    Rules that read the same facts share one schema.
    """
    return fact_schema({name: one for name, one in plan.declared.items() if name in read})


def _parts(derived: Iterable[Derived]) -> Iterable[Reduction]:
    for one in derived:
        yield from one.parts
