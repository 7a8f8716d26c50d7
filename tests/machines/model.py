"""Moves by brute force: asked at every microsecond of a small world, knowing nothing of instants that matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from funnel import History, Logs, Machine, Policy
from funnel.errors import TransitionError
from funnel.facts import count, earliest, first, largest, last, latest, mean_gap, since, total, until
from funnel.facts._base import BaseFacts
from funnel.machines import Cause, PathDependentMachine
from funnel.records import Record
from funnel.rules._rule import Rule
from tests.engines import ENGINES
from tests.frames import as_instant, read, tables
from tests.random_rules import Level, RandomRule, rules
from tests.shop import TICK, people
from tests.strategies import START

POLICY = Policy()


class FewFacts(BaseFacts):
    """One fact of every form, over tables whose rows cease to count and tables whose rows do not."""

    purchase_count: int = count("purchases")
    net_spent: int = total("purchases", "net_amount")
    largest_purchase: int = largest("purchases", "net_amount")
    since_last_purchase: timedelta = since(last("purchases"))
    purchase_interval: timedelta = mean_gap("purchases")
    first_was_promoted: bool = earliest("purchases", "promoted")
    since_first_open_question: timedelta = since(first("open_questions", never="ahead"))
    since_last_inbound: timedelta = since(last("interactions", where=lambda said: said.direction == "in"))
    until_ready: timedelta = until(latest("postponements", "ready_from"))
    unanswered_follow_up_count: int = count("open_follow_ups")
    question_count: int = count("questions")


READ = FewFacts.fact_plan.readable


class Place(StrEnum):
    """Somewhere to stand."""

    NORTH = "north"
    EAST = "east"
    SOUTH = "south"
    WEST = "west"


EVERYWHERE: Mapping[Place, Mapping[Place, Cause]] = {
    start: {to: Cause.EITHER for to in Place if to is not start} for start in Place
}
PLACES = {(low, high): place for place, (low, high) in zip(Place, [(a, b) for a in Level for b in Level], strict=True)}

Table = Mapping[Place, Mapping[Place, Cause]]
Told = tuple[datetime, Any, Any, str]
"""When, from where, to where, by what."""

# ---- a small world -------------------------------------------------------------------------------------------------


def squeezed(history: History, gaps: Sequence[int]) -> History:
    """The same records in the same order, a few microseconds apart."""
    moments = sorted({moment for record in history.records for moment in _times(record).values()})
    steps = [sum(gaps[: place + 1]) for place in range(len(moments))]
    near = {moment: START + step * TICK for moment, step in zip(moments, steps, strict=True)}
    moved = [
        record.model_copy(update={name: near[moment] for name, moment in _times(record).items()})
        for record in history.records
    ]
    return History.of(history.person_id, moved)


def _times(record: Record) -> dict[str, datetime]:
    return {name: value for name, value in dict(record).items() if isinstance(value, datetime)}


def crowds(most: int = 9) -> st.SearchStrategy[list[History]]:
    """Four people in a small world; the instants of one are not those of another."""
    gaps = st.lists(st.integers(1, 12), min_size=40, max_size=40)
    return st.tuples(people(most=most), gaps, st.integers(0, 9)).map(
        lambda drawn: [squeezed(one, [drawn[2], *drawn[1]][place:]) for place, one in enumerate(drawn[0])]
    )


def as_ofs() -> st.SearchStrategy[datetime]:
    """Instants of the small world, and some after it."""
    return st.integers(0, 90).map(lambda ticks: START + ticks * TICK)


# ---- machines ------------------------------------------------------------------------------------------------------


def machines(table: Table = EVERYWHERE) -> st.SearchStrategy[Machine[Place]]:
    """A machine by two random rules, which say one of four places."""
    level = rules(READ, answers=("level",))
    return st.tuples(level, level).map(lambda pair: _machine(*pair, table)).filter(_fits)


def _fits(machine: Any) -> bool:
    try:
        machine.course(POLICY)
    except Exception as error:
        if "add conditions up" not in str(error):
            raise
        return False
    return True


def _machine(a: RandomRule, b: RandomRule, table: Table) -> Machine[Place]:
    def asked(f: FewFacts, policy: Policy) -> Place:
        return PLACES[a.function(f), b.function(f)]

    asked.__annotations__ = {"f": FewFacts, "policy": Policy}
    asked.__doc__ = f"{a} and {b}"
    return Machine(Rule(asked), table)


def path_machines(table: Table = EVERYWHERE) -> st.SearchStrategy[PathDependentMachine[Place]]:
    """A machine that leads from each place to one other, by a random rule."""
    targets = st.lists(st.sampled_from(list(Place)), min_size=4, max_size=4)
    conditions = st.lists(rules(READ, answers=("level",)), min_size=4, max_size=4)
    return st.builds(
        lambda start, chosen, asked: PathDependentMachine(
            start, _onward(dict(zip(Place, zip(chosen, asked, strict=True), strict=True))), table
        ),
        st.sampled_from(list(Place)),
        targets,
        conditions,
    )


def _onward(ways: Mapping[Place, tuple[Place, RandomRule]]) -> Callable[[Place, FewFacts, Policy], Place]:
    def next_stage(stage: Place, f: FewFacts, policy: Policy) -> Place:
        target, asked = ways[stage]
        return target if asked.function(f) is Level.HIGH else stage

    next_stage.__annotations__ = {"f": FewFacts, "policy": Policy}
    next_stage.__doc__ = str(ways)
    return next_stage


# ---- brute force ---------------------------------------------------------------------------------------------------


class ForbiddenError(Exception):
    """A machine does what it may not."""


def brute(machine: Any, history: History, as_of: datetime) -> list[Told]:
    """Every move, found by asking at every microsecond."""
    first_known = min((record.happened_at for record in history.records), default=as_of + TICK)
    told: list[Told] = []
    here, before, now = None, None, first_known
    while now <= as_of:
        facts = machine_facts(machine).of(history, as_of=now)
        trail = trail_of(machine, here, facts)
        if trail[-1] != here:
            waited = None if before is None else trail_of(machine, here, before.at(now))[-1]
            cause = Cause.TIME if waited == trail[-1] else Cause.EVENT
            for start, to in pairwise(trail):
                if start is not None and start != to and machine.table[start].get(to) not in (cause, Cause.EITHER):
                    raise ForbiddenError
            told.append((now, here, trail[-1], cause.value))
        here, before, now = trail[-1], facts, now + TICK
    return told


def machine_facts(machine: Any) -> Any:
    """The class of facts that a machine reads."""
    return machine.asked(next(iter(machine.table))).facts


def trail_of(machine: Any, here: Any, facts: Any) -> list[Any]:
    """Where somebody goes at an instant, until they rest."""
    if isinstance(machine, Machine):
        return [here, machine.stage(facts, POLICY)]
    trail = [machine.start if here is None else here]
    while (there := machine.asked(trail[-1])(facts, POLICY)) != trail[-1]:
        if there in trail:
            raise ForbiddenError
        trail.append(there)
    return trail


def brute_all(machine: Any, everyone: Sequence[History], as_of: datetime) -> dict[str, list[Told]] | None:
    """The moves of all who have any; None where somebody moves as they may not."""
    try:
        told = {history.person_id: brute(machine, history, as_of) for history in everyone}
    except ForbiddenError:
        return None
    return {person: moves for person, moves in told.items() if moves}


# ---- asked of the library ------------------------------------------------------------------------------------------


def logs_on(engine: str, everyone: Sequence[History]) -> Logs:
    """Everyone's records on an engine."""
    return Logs(**ENGINES[engine.removesuffix(" alone")](tables(everyone)))


def told_of(machine: Any, everyone: Sequence[History], as_of: datetime) -> dict[str, list[dict[str, Any]]] | None:
    """The moves of each, asked one by one."""
    try:
        told = {one.person_id: machine.transitions.of(one, POLICY, as_of=as_of).to_dicts() for one in everyone}
    except TransitionError:
        return None
    return {person: moves for person, moves in told.items() if moves}


def told_over(machine: Any, logs: Logs, as_of: datetime) -> dict[str, list[dict[str, Any]]] | None:
    """The moves of all, asked at once."""
    try:
        rows = read(machine.transitions.over(logs, POLICY, as_of=as_of))
    except TransitionError:
        return None
    told: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        told.setdefault(row.pop("person_id"), []).append({name: as_instant(value) for name, value in row.items()})
    return {person: sorted(moves, key=lambda one: one["transitioned_at"]) for person, moves in told.items()}


def bare(told: Mapping[str, Sequence[Mapping[str, Any]]] | None) -> dict[str, list[Told]] | None:
    """When, from where, to where, by what."""
    if told is None:
        return None
    names = ("transitioned_at", "from_stage", "to_stage", "cause")
    return {person: [tuple(move[name] for name in names) for move in moves] for person, moves in told.items()}  # type: ignore[misc]
