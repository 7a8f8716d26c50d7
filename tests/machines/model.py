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
from funnel.facts import count, earliest, exists, first, largest, last, latest, mean_gap, since, total, until
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
    since_last_inbound: timedelta = since(last("interactions", where=lambda interaction: interaction.direction == "in"))
    until_ready: timedelta = until(latest("postponements", "ready_from"))
    unanswered_follow_up_count: int = count("open_follow_ups")
    question_count: int = count("questions")
    recent_count: int = count("purchases", within=timedelta(microseconds=9))
    recent_spent: int = total("purchases", "net_amount", within=timedelta(microseconds=20))
    largest_recent: int = largest("purchases", "net_amount", within=timedelta(microseconds=9))
    since_first_recent: timedelta = since(first("interactions", within=timedelta(microseconds=14), never="ahead"))
    has_asked: bool = exists("open_questions", within=timedelta(microseconds=1))


READ = FewFacts._fact_plan.readable


class Region(StrEnum):
    """Somewhere to stand."""

    NORTH = "north"
    EAST = "east"
    SOUTH = "south"
    WEST = "west"


EVERYWHERE: Mapping[Region, Mapping[Region, Cause]] = {
    start: {to: Cause.EITHER for to in Region if to is not start} for start in Region
}
REGIONS = {
    (low, high): region for region, (low, high) in zip(Region, [(a, b) for a in Level for b in Level], strict=True)
}

Table = Mapping[Region, Mapping[Region, Cause]]
Transition = tuple[datetime, Any, Any, str]
"""When, from where, to where, by what."""

# ---- a small world -------------------------------------------------------------------------------------------------


def squeezed(history: History, gaps: Sequence[int]) -> History:
    """The same records in the same order, a few microseconds apart."""
    moments = sorted({moment for record in history.records for moment in _times(record).values()})
    steps = [sum(gaps[: index + 1]) for index in range(len(moments))]
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
        lambda sample: [squeezed(one, [sample[2], *sample[1]][index:]) for index, one in enumerate(sample[0])]
    )


def as_ofs() -> st.SearchStrategy[datetime]:
    """Instants of the small world, and some after it."""
    return st.integers(0, 90).map(lambda ticks: START + ticks * TICK)


# ---- machines ------------------------------------------------------------------------------------------------------


def machines(table: Table = EVERYWHERE, facts: type[BaseFacts] = FewFacts) -> st.SearchStrategy[Machine[Region]]:
    """A machine by two random rules, which say one of four places."""
    level = rules(facts._fact_plan.readable, answers=("level",))
    return st.tuples(level, level).map(lambda pair: _machine(*pair, table, facts)).filter(_fits)


def _fits(machine: Any) -> bool:
    try:
        machine._compiled(POLICY)
    except Exception as error:
        if "add conditions up" not in str(error):
            raise
        return False
    return True


def _machine(a: RandomRule, b: RandomRule, table: Table, facts: type[BaseFacts]) -> Machine[Region]:
    def random_rule(f: Any, policy: Policy) -> Region:
        return REGIONS[a.function(f), b.function(f)]

    random_rule.__annotations__ = {"f": facts, "policy": Policy}
    random_rule.__doc__ = f"{a} and {b}"
    return Machine(Rule(random_rule), table)


def path_machines(table: Table = EVERYWHERE) -> st.SearchStrategy[PathDependentMachine[Region]]:
    """A machine that leads from each place to one other, by a random rule."""
    targets = st.lists(st.sampled_from(list(Region)), min_size=4, max_size=4)
    conditions = st.lists(rules(READ, answers=("level",)), min_size=4, max_size=4)
    return st.builds(
        lambda start, chosen, random_rule: PathDependentMachine(
            start, _next_stage(dict(zip(Region, zip(chosen, random_rule, strict=True), strict=True))), table
        ),
        st.sampled_from(list(Region)),
        targets,
        conditions,
    )


def _next_stage(forms: Mapping[Region, tuple[Region, RandomRule]]) -> Callable[[Region, FewFacts, Policy], Region]:
    def next_stage(stage: Region, f: FewFacts, policy: Policy) -> Region:
        target, random_rule = forms[stage]
        return target if random_rule.function(f) is Level.HIGH else stage

    next_stage.__annotations__ = {"f": FewFacts, "policy": Policy}
    next_stage.__doc__ = str(forms)
    return next_stage


# ---- brute force ---------------------------------------------------------------------------------------------------


class ForbiddenError(Exception):
    """A machine does what it may not."""


def brute(machine: Any, history: History, as_of: datetime) -> list[Transition]:
    """Every move, found by asking at every microsecond."""
    first_known = min((record.happened_at for record in history.records), default=as_of + TICK)
    actual: list[Transition] = []
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
            actual.append((now, here, trail[-1], cause.value))
        here, before, now = trail[-1], facts, now + TICK
    return actual


def machine_facts(machine: Any) -> Any:
    """The class of facts that a machine reads."""
    return machine._rule_in(next(iter(machine.table))).facts


def trail_of(machine: Any, here: Any, facts: Any) -> list[Any]:
    """Return the stages at an instant, up to the final stage."""
    if isinstance(machine, Machine):
        return [here, machine.stage(facts, POLICY)]
    trail = [machine.start if here is None else here]
    while (there := machine._rule_in(trail[-1])(facts, POLICY)) != trail[-1]:
        if there in trail:
            raise ForbiddenError
        trail.append(there)
    return trail


def brute_all(machine: Any, everyone: Sequence[History], as_of: datetime) -> dict[str, list[Transition]] | None:
    """Return the transitions of every person with any; None if a transition is forbidden."""
    try:
        actual = {history.person_id: brute(machine, history, as_of) for history in everyone}
    except ForbiddenError:
        return None
    return {person: moves for person, moves in actual.items() if moves}


# ---- asked of the library ------------------------------------------------------------------------------------------


def logs_on(engine: str, everyone: Sequence[History]) -> Logs:
    """Everyone's records on an engine."""
    return Logs(**ENGINES[engine.removesuffix(" alone")](tables(everyone)))


def told_of(machine: Any, everyone: Sequence[History], as_of: datetime) -> dict[str, list[dict[str, Any]]] | None:
    """The moves of each, asked one by one."""
    try:
        actual = {one.person_id: machine.transitions.of(one, POLICY, as_of=as_of).to_dicts() for one in everyone}
    except TransitionError:
        return None
    return {person: moves for person, moves in actual.items() if moves}


def told_over(machine: Any, logs: Logs, as_of: datetime) -> dict[str, list[dict[str, Any]]] | None:
    """The moves of all, asked at once."""
    try:
        rows = read(machine.transitions.over(logs, POLICY, as_of=as_of))
    except TransitionError:
        return None
    actual: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        actual.setdefault(row.pop("person_id"), []).append({name: as_instant(value) for name, value in row.items()})
    return {person: sorted(moves, key=lambda one: one["transitioned_at"]) for person, moves in actual.items()}


def bare(expected: Mapping[str, Sequence[Mapping[str, Any]]] | None) -> dict[str, list[Transition]] | None:
    """When, from where, to where, by what."""
    if expected is None:
        return None
    names = ("transitioned_at", "from_stage", "to_stage", "cause")
    return {person: [tuple(move[name] for name in names) for move in moves] for person, moves in expected.items()}  # type: ignore[misc]
