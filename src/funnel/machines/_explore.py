"""Search for transitions with synthetic people.

Invariant: `transitions` raises for every synthetic person with a forbidden transition.

The search is bounded and breadth-first. It begins with one record of each kind. It adds one record at a time: at the
same instant, a microsecond later, at each instant when time may change the stage and a microsecond before it, and as
long after a purchase as a condition of a fact on the time between purchases asks. If people have the same facts for the
machine, only one of them is extended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import attrs

from funnel._aggregate.aggregations import GAP
from funnel._expr.linear import linear
from funnel._expr.nodes import Op, Value, facts_of, format_value, tests_of
from funnel._expr.tree import forks
from funnel._ledger.effects import streams_of
from funnel._ledger.ledger import Ledger, ledger_of
from funnel._time import EPOCH, instant, micros
from funnel.interactions import Answer, Complaint, Interaction, Question, Resolution
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine, dues
from funnel.machines._replay import Step, steps_of
from funnel.money import Money
from funnel.records import Lead, Purchase, Refund

MOST_RECORDS = 4
MOST_PEOPLE = 2000

Happened = Lead | Purchase | Refund | Interaction
Records = tuple[Happened, ...]

_PERSON, _BEGIN = "somebody", micros(EPOCH)
_PLAIN = frozenset({"id", "person_id", "occurred_at"})
_AMOUNTS = (Money.of_minor(1, "USD"), Money.of_minor(10**8, "USD"))


@attrs.frozen
class ExploredTransition:
    """Transition of a synthetic person.

    Attributes:
        records: All records of the person, in order.
        step: The transition.
        values: Values of the facts at that instant.
    """

    records: Records
    step: Step
    values: Sequence[Value]

    def __str__(self) -> str:
        """Return the records up to the transition."""
        before_it = [record for record in self.records if micros(record.happened_at) <= self.step.at]
        texts, before = list[str](), before_it[0].happened_at
        for record in before_it:
            delay = micros(record.happened_at) - micros(before)
            texts.append(f"after {format_value(delay, 'span')} {record.kind}" if delay else record.kind)
            before = record.happened_at
        return ", ".join(texts)


def explore(compiled: CompiledMachine) -> Iterator[ExploredTransition]:
    """Yield each distinct transition that the search finds, allowed or not.

    Raises:
        TransitionError: The stages form a cycle.
    """
    every = [BY_EVENT | BY_TIME] * len(compiled.stages)
    free = attrs.evolve(compiled, allowed=tuple(tuple(every) for _ in compiled.stages))
    visited, transitions, queue = set[object](), set[object](), deque[Records]([()])
    for records in islice(_people(compiled, queue), MOST_PEOPLE):
        at, ledger = micros(records[-1].happened_at), ledger_of(_PERSON, records)
        steps = list(steps_of(free, ledger, at))
        for step in steps:
            if (step.before, step.to, step.by, step.last) not in transitions:
                transitions.add((step.before, step.to, step.by, step.last))
                yield ExploredTransition(records, step, compiled.plan.values(ledger, step.at))
        key = _state_key(compiled, ledger, steps[-1], at)
        if key not in visited and len(records) < MOST_RECORDS:
            visited.add(key)
            queue.append(records)


def _people(compiled: CompiledMachine, queue: deque[Records]) -> Iterator[Records]:
    """Yield people of the queue with one more record; the queue may grow."""
    kinds = _kinds(compiled)
    while queue:
        yield from _one_more(compiled, queue.popleft(), kinds)


def _state_key(compiled: CompiledMachine, ledger: Ledger, last: Step, at: int) -> object:
    """Return a key of the facts relative to the last instant, and the last stages."""
    plan, slopes = compiled.plan, dict(compiled.plan.run_indices().values())

    def relative(values: Sequence[Value]) -> tuple[Value, ...]:
        facts = enumerate(values[: len(plan.empties)])
        return tuple(value - at if slopes.get(index) and isinstance(value, int) else value for index, value in facts)

    future = plan.future(plan.values(ledger, at), at, plan.windows)
    changes = tuple((start - at, relative(values)) for start, _, values in future)
    return (last.to, last.before if last.at == at else last.to, changes)


def _one_more(compiled: CompiledMachine, records: Records, kinds: Sequence[type[Interaction]]) -> Iterator[Records]:
    """Yield a person with one more record, at each instant that may matter."""
    if not records:
        moments = [_BEGIN]
    else:
        last, plan = micros(records[-1].happened_at), compiled.plan
        future = list(plan.future(plan.values(ledger_of(_PERSON, records), last), last, plan.windows))
        moments = [*(at for at, _, _ in future), last + 1]
        changes = [due for at, until, values in future for due in dues(compiled, values, at, until)]
        moments += [*changes, *(due - 1 for due in changes if due - 1 > last)]
        yield from ((*records, record) for record in _next_purchases(compiled, records, last))
    for at in moments:
        yield from ((*records, record) for record in _next(records, at, kinds))


def _next_purchases(compiled: CompiledMachine, records: Records, last: int) -> Iterator[Purchase]:
    """Yield purchases at the instants at which a condition on the time between purchases flips."""
    bought = [micros(record.happened_at) for record in records if isinstance(record, Purchase)]
    for gap in _gaps(compiled) if bought else ():
        if bought[-1] + gap > last + 1:
            yield _purchase(records, bought[-1] + gap, _AMOUNTS[0])


def _gaps(compiled: CompiledMachine) -> Iterator[int]:
    """Yield the times between two purchases at which a condition of a fact flips."""
    conditions = (fork.test for one in compiled.plan.reductions for fork in forks(one.where))
    for test in dict.fromkeys(test for condition in conditions for test in tests_of(condition)):
        if {fact.name for fact in facts_of(test)} == {GAP}:
            form = linear(Op("-", test.a, test.b))
            yield from (-form.constant // sum(weight for _, weight in form.weights) + more for more in (0, 1))


def _next(records: Records, at: int, kinds: Sequence[type[Interaction]]) -> Iterator[Happened]:
    """Yield the records that a person may get at an instant."""
    moment, name = instant(at), str(len(records))
    yield Lead(person_id=_PERSON, arrived_at=moment)
    for amount in _AMOUNTS:
        yield _purchase(records, at, amount)
    for kind in kinds:
        yield kind.model_validate({"id": name, "person_id": _PERSON, "occurred_at": moment})
    for record in records:
        if isinstance(record, Purchase) and not any(_is_of(other, record) for other in records):
            yield Refund(id=name, purchase_id=record.id, refunded_at=moment, amount=record.amount)
        elif isinstance(record, Question):
            yield Answer(id=name, person_id=_PERSON, occurred_at=moment, question_id=record.id)
        elif isinstance(record, Complaint):
            yield Resolution(id=name, person_id=_PERSON, occurred_at=moment, complaint_id=record.id)


def _purchase(records: Records, at: int, amount: Money) -> Purchase:
    return Purchase(id=str(len(records)), person_id=_PERSON, purchased_at=instant(at), amount=amount)


def _is_of(record: Happened, order: Purchase) -> bool:
    return isinstance(record, Refund) and record.purchase_id == order.id


def _kinds(compiled: CompiledMachine) -> Sequence[type[Interaction]]:
    """Return the kinds that need only a person and an instant.

    If the machine reads several kinds in the same way, only the first of them is returned.
    """
    kinds: dict[object, type[Interaction]] = {}
    for kind in Interaction.__subclasses__():
        needed = {name for name, field in kind.model_fields.items() if field.is_required()}
        read = streams_of(kind) & compiled.plan.streams
        if needed <= _PLAIN and read:
            own = kind if _reads_kinds(compiled) else kind.model_fields["direction"].default
            kinds.setdefault((frozenset(read), own), kind)
    return list(kinds.values())


def _reads_kinds(compiled: CompiledMachine) -> bool:
    """Return whether a fact reads the kind of an interaction."""
    tests = (fork.test for reduction in compiled.plan.reductions for fork in forks(reduction.where))
    fields = {fact.name for test in tests for fact in facts_of(test)}
    return "kind" in fields.union(reduction.field for reduction in compiled.plan.reductions)
