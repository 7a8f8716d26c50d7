"""Static checks of a machine: reachability, traps, overlaps, table.

Each possible path of a rule has a witness: example facts that lead there. The check lets time pass from each witness.
For transitions by events, the witnesses are synthetic people with a few records (`explore`). Every problem found is
real. A check without findings does not cover longer histories, whose transitions are checked when they happen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise

import attrs

from funnel._aggregate.aggregations import GAP
from funnel._expr.explain import paths
from funnel._expr.linear import linear
from funnel._expr.nodes import Op, Value, facts_of, format_value, tests_of
from funnel._expr.solver import witness
from funnel._expr.tree import forks
from funnel._ledger.ledger import Ledger, ledger_of
from funnel._ledger.own import streams_of
from funnel._time import EPOCH, LATEST, instant, instant_at, micros
from funnel.errors import TransitionError
from funnel.interactions import Answer, Complaint, Interaction, Question, Resolution
from funnel.machines._compiled import BY_EVENT, BY_TIME, CompiledMachine, dues
from funnel.machines._replay import Step, steps_of
from funnel.money import Money
from funnel.records import Lead, Purchase, Refund

# ---- search for transitions with synthetic people --------------------------------------------------------------------

# Invariant: `transitions` raises for every synthetic person with a forbidden transition.
#
# The search is bounded and breadth-first. It begins with one record of each kind. It adds one record at a time: at the
# same instant, a microsecond later, at each instant when time may change the stage and a microsecond before it, and as
# long after a purchase as a condition of a fact on the time between purchases asks. If people have the same facts for
# the machine, only one of them is extended.


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


# ---- the check -------------------------------------------------------------------------------------------------------


_NOW = 0
"""Any instant works for witnesses: their spans are relative to it."""


@attrs.frozen
class MachineCheck:
    """Problems of a machine; each is a sentence with the facts that show it.

    Attributes:
        unreachable: Stages that no path of the rule leads to.
        traps: Stages without exit, by the table or by the rule; some are intended.
        overlapping: Stages that lead to each other for the same facts, so the stage never stays the same.
        forbidden: Transitions that the rule makes and the table does not have.
    """

    unreachable: tuple[str, ...]
    traps: tuple[str, ...]
    overlapping: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """True without unreachable stages, overlapping stages and forbidden transitions.

        Traps do not count.
        """
        return not (self.unreachable or self.overlapping or self.forbidden)

    def __str__(self) -> str:
        """Return one line for each problem."""
        lines = (
            *(f"no path leads to {one}" for one in self.unreachable),
            *(f"no path leaves {one}" for one in self.traps),
            *self.overlapping,
            *self.forbidden,
        )
        return "\n".join(lines) or "no problems found"


def check_machine(compiled: CompiledMachine) -> MachineCheck:
    """Check every possible path of the rules."""
    findings = _Findings(compiled)
    for number, tree in enumerate(compiled.trees):
        for facts in [one for one in map(witness, paths(tree)) if one is not None]:
            findings.follow(number, _values(compiled, facts))
    findings.meet()
    return MachineCheck(
        tuple(compiled.words([number]) for number in findings.unreachable()),
        tuple(compiled.words([number]) for number in findings.traps()),
        tuple(findings.overlapping),
        tuple(findings.forbidden),
    )


def _values(compiled: CompiledMachine, facts: Mapping[str, Value]) -> list[Value]:
    """Return the values for these facts; other facts are unknown."""
    values = list(compiled.plan.empties)
    for name, value in facts.items():
        index, slope = compiled.plan.run_indices()[name]
        values[index] = value if isinstance(value, str) or not slope else instant_at(value, slope, _NOW)
    return values


class _Findings:
    """Collected transitions and problems, witness by witness."""

    def __init__(self, compiled: CompiledMachine) -> None:
        self.compiled = compiled
        self.steps: set[tuple[int, int]] = set()
        self.overlapping: dict[str, None] = {}
        self.forbidden: list[str] = []
        self.reported: dict[tuple[int, int], int] = {}

    def follow(self, here: int, values: Sequence[Value]) -> None:
        """Follow the rule from a witness, and then over time."""
        compiled = self.compiled
        if compiled.is_path:
            self.steps.add((here, compiled.step(here, values, _NOW)))
        try:
            trail = compiled.trail(here if compiled.is_path else None, values, _NOW)
            self._keep(trail, BY_EVENT | BY_TIME, values, _NOW)
            for due in dues(compiled, values, _NOW, LATEST):
                trail = compiled.trail(trail[-1], values, due)
                self._keep(trail, BY_TIME, values, due)
        except TransitionError as error:
            self.overlapping[str(error)] = None

    def meet(self) -> None:
        """Follow synthetic people; skip this if stages overlap.

        With overlapping stages, the replay never ends.
        """
        compiled = self.compiled
        try:
            for one in () if self.overlapping else explore(compiled):
                trail = compiled.trail(one.step.before, one.values, one.step.at)
                self._keep(trail, one.step.by, one.values, one.step.at, f"; records: {one}")
        except TransitionError as error:
            self.overlapping[str(error)] = None

    def _keep(self, trail: Sequence[int], by: int, values: Sequence[Value], now: int, records: str = "") -> None:
        self.steps.update([(trail[0], trail[0]), *pairwise(trail)])
        for pair in pairwise(trail):
            reported = self.reported.get(pair, 0)
            if by & ~reported and not self.compiled.may(*pair, by):
                self.reported[pair] = reported | by
                self.forbidden.append(
                    f"{self._message(*pair, by)} (facts: {self.compiled.witness(values, now)}{records})"
                )

    def _message(self, start: int, to: int, by: int) -> str:
        cause = {BY_EVENT: "an event", BY_TIME: "time"}.get(by, "an event or time")
        start_text, to_text = self.compiled.words([start]), self.compiled.words([to])
        return f"the rule moves a person from {start_text} to {to_text} by {cause}, which the table does not allow"

    def unreachable(self) -> list[int]:
        """Return the stages that no path leads to."""
        start, numbers = self.compiled.start, range(len(self.compiled.stages))
        if start is None:
            return [number for number in numbers if not any(to == number for _, to in self.steps)]
        reached = {start}
        while more := {to for one, to in self.steps if one in reached} - reached:
            reached |= more
        return [number for number in numbers if number not in reached]

    def traps(self) -> list[int]:
        """Return the stages with an empty row.

        For a path-dependent machine, include the stages that no path of the rule leaves.
        """
        exited = {start for start, to in self.steps if start != to}
        rows = enumerate(self.compiled.allowed)
        return [number for number, row in rows if not any(row) or (self.compiled.is_path and number not in exited)]
