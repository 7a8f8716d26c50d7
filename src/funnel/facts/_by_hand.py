"""Facts set by hand: what is checked, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from funnel._aggregate.aggregations import EVERY, Reduction
from funnel._arguments import brief, suggest
from funnel._expr.nodes import Value
from funnel._time import NEVER
from funnel.errors import FactsError
from funnel.facts._display import raw_value

if TYPE_CHECKING:
    from funnel.facts._schema import FactSchema, Occasions


def changed(
    plan: FactSchema, values: list[Value], changes: Mapping[str, object], now: int, *, is_solved: bool = False
) -> list[Value]:
    """Return the values after changes by hand, with derived values that are not given.

    Args:
        plan: The facts.
        values: The values before; changed in place.
        changes: The new facts by name.
        now: The instant of the facts.
        is_solved: Whether the conditions of a rule gave the facts, which need not be those of one person.

    Raises:
        FactsError: A fact is unknown, or its value is not allowed, or two facts contradict each other.
    """
    names: dict[int, str] = {}
    before = list(values)
    for name, fact in changes.items():
        if name not in plan.declared:
            raise FactsError(f"the fact {brief(name)} is unknown; {suggest(name, plan.declared)}")
        index, value = plan.indices[name], raw_value(name, plan.declared[name], fact, now)
        if index in names and values[index] != value:
            msg = f"{names[index]} and {name} set the same value and contradict each other; give one of them"
            raise FactsError(msg)
        values[index], names[index] = value, name
    if not is_solved:
        _check_agreement(plan, values, names, now)
    _put_derived(plan, before, values, names.keys() | _put_occasions(plan, before, values, names))
    for window in plan.windows:
        if any(values[index] != before[index] for index in window.indices):
            values[window.index] = cast("Value", None)
    return values


def _check_agreement(plan: FactSchema, values: Sequence[Value], names: Mapping[int, str], now: int) -> None:
    """Check that facts set together can be those of one person.

    Raises:
        FactsError: A record lies in the future, or a fact of records is set although their number is 0.
    """
    first, not_empty = len(plan.reductions), [index for index in names if values[index] != plan.empties[index]]
    for index in not_empty:
        value = values[index]
        if index < first and plan.reductions[index].field == "t" and isinstance(value, int) and value > now:
            raise FactsError(f"{names[index]} is after as_of; facts know only earlier records")
    none = {one.stream: names[index] for index, one in enumerate(plan.reductions) if index in names and _is_count(one)}
    none = {stream: name for stream, name in none.items() if not values[plan.indices[name]]}
    for index in not_empty:
        parts = (plan.reductions[index],) if index < first else plan.derived[index - first].parts
        if count := next((none[part.stream.origin] for part in parts if part.stream.origin in none), ""):
            msg = f"{names[index]} is set, and {count} is 0, so they contradict each other; leave one of them out"
            raise FactsError(msg)


def _is_count(one: Reduction) -> bool:
    """Return whether a reduction is the number of all rows of a stream."""
    return one.how == "sum" and not one.field and one.where == EVERY and one.stream.base is None


def _put_derived(plan: FactSchema, before: list[Value], values: list[Value], set_by_hand: Collection[int]) -> None:
    """Update derived values whose parts changed.

    They are computed if all parts are known, and reset if a part became unknown.
    """
    first, empty = len(plan.reductions), plan.empties
    computed = list(values)
    plan.finish(computed)
    for index, (_, parts) in enumerate(plan.finishes, first):
        if index in set_by_hand or all(before[part] == values[part] for part in parts):
            continue
        if all(values[part] != empty[part] for part in parts):
            values[index] = computed[index]
        elif all(before[part] != empty[part] for part in parts):
            values[index] = empty[index]


def _put_occasions(
    plan: FactSchema, before: list[Value], values: list[Value], set_by_hand: Collection[int]
) -> set[int]:
    """Update the number of occasions and the sums behind their rhythm; return the index of that number.

    Each purchase that is added by hand is an occasion of its own. Purchases of one occasion are of one instant, so a
    later last purchase lengthens the time between occasions. How this time varies is not known any more.
    """
    occasions = plan.occasions
    if occasions is None:
        return set()
    old, new, count = cast("list[int]", before), cast("list[int]", values), occasions.count
    added = new[occasions.purchases] - old[occasions.purchases]
    if added and count not in set_by_hand:
        new[count] = min(new[occasions.purchases], max(1, old[count] + added))
    longer = _between(new, occasions) - _between(old, occasions)
    if new[count] != old[count] or longer:
        new[occasions.returns] = max(new[count] - 1, 0)
        for index in occasions.squares:
            new[index] = 0
        if occasions.gap is not None:
            new[occasions.gap] = max(old[occasions.gap] + longer, 0)
    return {count}


def _between(values: Sequence[int], occasions: Occasions) -> int:
    """Return the time from the first to the last purchase; 0 if one of them is not known."""
    first, last = (NEVER if index is None else values[index] for index in (occasions.first, occasions.last))
    return 0 if NEVER in (first, last) else last - first
