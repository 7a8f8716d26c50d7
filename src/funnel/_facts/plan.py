"""What the facts of one class need: every distinct value once, and where each fact is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import attrs

from funnel._facts.declare import SLOPES, Declared
from funnel._ledger.ledger import Ledger
from funnel._lift.nodes import Fact, Value
from funnel._reduce.folds import Ready, finishing, folds
from funnel._reduce.forms import FINISHES, Derived, Reduction


@attrs.frozen(eq=False)
class Plan:
    """The reductions of a class of facts and the values derived from them, each with its place.

    `empties` are the values of a person of whom nothing is known.
    """

    declared: Mapping[str, Declared]
    reductions: tuple[Reduction, ...]
    derived: tuple[Derived, ...]
    places: Mapping[str, int]
    folds: Mapping[str, Ready]
    finishes: tuple[tuple[Callable[..., int], tuple[int, ...]], ...]
    finish: Callable[[list[Value]], None]
    """Work out, in their places, the values that are derived from others."""
    empties: tuple[Value, ...]

    @property
    def is_finished(self) -> bool:
        """Whether values that were reduced are as they are: nothing is derived from them, and no sum is too large."""
        return not self.derived and not any(one.is_large for one in self.reductions)

    @property
    def readable(self) -> Mapping[str, Fact]:
        """The facts a rule may read."""
        return {name: one.fact(name) for name, one in self.declared.items() if one.show != "instant"}

    @property
    def refused(self) -> Mapping[str, str]:
        """The facts a rule may not read, each with the remedy."""
        return {name: self._remedy(name) for name, one in self.declared.items() if one.show == "instant"}

    def _remedy(self, name: str) -> str:
        spans = [other for other, place in self.places.items() if place == self.places[name] and other != name]
        better = (
            f"read {' or '.join(spans)}" if spans else f"declare a span of it, such as since_{name.removesuffix('_at')}"
        )
        return f"it may be missing; {better}"

    def run_places(self) -> dict[str, tuple[int, int]]:
        """Where a compiled rule reads each fact, and how it runs with the clock."""
        return {name: (self.places[name], SLOPES.get(one.show, 0)) for name, one in self.declared.items()}

    def values(self, ledger: Ledger, now: int) -> tuple[Value, ...]:
        """The values of one person at an instant: the fold of every reduction that has a row."""
        if now < ledger.latest:
            return self._put_together(ledger, now)
        values = ledger.settled.get(self)
        if values is None:
            values = self._put_together(ledger, now)
            ledger.settle_values(self, values)
        return values

    def _put_together(self, ledger: Ledger, now: int) -> tuple[Value, ...]:
        values, held, folds = list(self.empties), [False] * len(self.reductions), self.folds
        for stream, rows in ledger.rows.items():
            if stream in folds:
                folds[stream].fill(values, held, rows, now)
        self.finish(values)
        return tuple(values)


def plan_of(declared: Mapping[str, Declared]) -> Plan:
    """Lay out what the facts need."""
    derived = tuple(dict.fromkeys(one.value for one in declared.values() if isinstance(one.value, Derived)))
    direct = (one.value for one in declared.values() if isinstance(one.value, Reduction))
    reductions = tuple(dict.fromkeys([*direct, *_parts(derived)]))
    every: list[Reduction | Derived] = [*reductions, *derived]
    order = {value: place for place, value in enumerate(every)}
    places = {name: order[one.value] for name, one in declared.items()}
    finishes = tuple((FINISHES[one.how].one, tuple(order[part] for part in one.parts)) for one in derived)
    empties = [reduction.empty for reduction in reductions]
    worked = [finish(*(empties[part] for part in parts)) for finish, parts in finishes]
    finish = finishing(finishes, reductions)
    return Plan(declared, reductions, derived, places, folds(reductions), finishes, finish, (*empties, *worked))


@lru_cache(maxsize=256)
def narrowed(plan: Plan, read: frozenset[str]) -> Plan:
    """Return the plan of some facts of another plan. Rules that read the same facts share one plan."""
    return plan_of({name: one for name, one in plan.declared.items() if name in read})


def _parts(derived: Iterable[Derived]) -> Iterable[Reduction]:
    for one in derived:
        yield from one.parts
