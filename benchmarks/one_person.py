"""One person: facts, stage and why from twenty records, and one new event, against two libraries of state machines.

The peers move between the same five stages with one guard (a customer who was silent for too long has lapsed; asked
when they talk again, for a machine has no clock) and are fed the same twenty events, one call each. They know the stage
alone; ours knows every fact, and why. In their favour machines and models are made beforehand, as their docs advise for
speed, and only set back to the first stage before each run. Ours is measured twice: on a history that was asked before,
at another instant (its facts are kept, for between records only the clock moves), and on one just made of its records
(checking these is not measured: it is done once, when they come in). Reasons are asked for as values; text is made of
them when they are shown.

One new event after another is added to a `LiveFacts`, and the stage is read a second later: alone, and with every fact.
The peers are fed the same twenty events again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, product
from statistics import median

import attrs
from statemachine import State, StateMachine
from transitions import Machine

from benchmarks._measure import Line, Size, alternate, rate, span
from funnel import Facts, History, Interaction, LiveFacts, Money, Policy, Purchase, stage
from funnel.interactions import Answer, Cart, Checkout, FollowUp, Question, View, Visit
from funnel.records import Record

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
POLICY = Policy()

KINDS: Sequence[type[Record]] = (
    *(Visit, View, Question, Answer, View, Cart, Checkout, Purchase, View, FollowUp),
    *(Visit, View, Question, Answer, Purchase, View, Cart, Checkout, Purchase, FollowUp),
)


def records(first: int = 0) -> Iterator[Record]:
    """Twenty records of one person, a day apart, numbered from `first`."""
    for number, kind in enumerate(KINDS, first):
        moment, name = START + timedelta(days=number), str(number)
        if kind is Purchase:
            yield Purchase(id=name, person_id="p1", purchased_at=moment, amount=Money(25, "USD"))
        elif kind is Answer:
            yield Answer(id=name, person_id="p1", occurred_at=moment, question_id=str(number - 1))
        else:
            assert issubclass(kind, Interaction)
            yield kind(id=name, person_id="p1", occurred_at=moment)


# ---- the peers -----------------------------------------------------------------------------------------------------

STAGES = ("lead", "prospect", "customer", "repeat_customer", "lapsed")
NAMES: Sequence[str] = tuple("buy" if kind is Purchase else "talk" for kind in KINDS)


@attrs.define
class Person:
    """A model of `transitions`: it knows when it last bought, for the guard."""

    silent: bool = False
    state: str = "lead"

    def is_silent(self) -> bool:
        """Whether they have been silent for too long."""
        return self.silent


def transitions_person() -> Person:
    """A model with the five stages, as a user would declare them."""
    person = Person.__new__(type("Model", (Person,), {}))
    person.__init__()
    moves = [
        ["talk", "lead", "prospect"],
        {"trigger": "talk", "source": ["customer", "repeat_customer"], "dest": "lapsed", "conditions": "is_silent"},
        ["talk", ["prospect", "customer", "repeat_customer", "lapsed"], None],
        ["buy", ["lead", "prospect"], "customer"],
        ["buy", ["customer", "repeat_customer", "lapsed"], "repeat_customer"],
    ]
    Machine(person, states=list(STAGES), transitions=moves, initial="lead", auto_transitions=False)
    return person


class Shop(StateMachine):
    """The same as a machine of `python-statemachine`."""

    lead = State(initial=True)
    prospect = State()
    customer = State()
    repeat_customer = State()
    lapsed = State()

    talk = (
        lead.to(prospect)
        | customer.to(lapsed, cond="is_silent")
        | repeat_customer.to(lapsed, cond="is_silent")
        | prospect.to.itself(internal=True)
        | customer.to.itself(internal=True)
        | repeat_customer.to.itself(internal=True)
        | lapsed.to.itself(internal=True)
    )
    buy = (
        lead.to(customer)
        | prospect.to(customer)
        | customer.to(repeat_customer)
        | repeat_customer.to.itself(internal=True)
        | lapsed.to(repeat_customer)
    )

    silent = False

    def is_silent(self) -> bool:
        """Whether they have been silent for too long."""
        return self.silent


def fed(calls: Sequence[Callable[[], object]], back: Callable[[], None]) -> Callable[[], None]:
    """Twenty events, from the first stage on."""

    def run() -> None:
        back()
        for call in calls:
            call()

    return run


def transitions_run(names: Sequence[str] = NAMES) -> tuple[Callable[[], None], Person]:
    """Feed events to a model of `transitions`."""
    person = transitions_person()

    def back() -> None:
        person.state = "lead"

    return fed([getattr(person, name) for name in names], back), person


def statemachine_run(names: Sequence[str] = NAMES) -> tuple[Callable[[], None], Shop]:
    """Feed events to a machine of `python-statemachine`."""
    shop = Shop()

    def back() -> None:
        shop.current_state_value = "lead"

    return fed([getattr(shop, name) for name in names], back), shop


# ---- ours ----------------------------------------------------------------------------------------------------------


def answers(history: History, as_of: datetime) -> tuple[Facts, str, str]:
    """Facts, stage and the reasons."""
    facts = Facts.of(history, as_of=as_of)
    return facts, stage.of(facts, POLICY), str(stage.why(facts, POLICY))


def structured(history: History, as_of: datetime) -> object:
    """Facts, stage and the reasons as values, not yet as text."""
    facts = Facts.of(history, as_of=as_of)
    return facts, stage.of(facts, POLICY), stage.why(facts, POLICY).reasons


def answer(history: History, moments: Iterator[datetime]) -> object:
    """The same for a history that was asked before, at another instant each time."""
    return structured(history, next(moments))


def fresh(history: History, as_of: datetime) -> object:
    """The same for a history whose rows are not ready yet."""
    history.__dict__.pop("ledger", None)
    return structured(history, as_of)


class Added:
    """Live facts to which one new event after another is added; the stage is read after each."""

    def __init__(self, history: History, count: int) -> None:
        self._history = history
        self._new = [record for step in range(1, count // 20 + 1) for record in records(20 * step)]
        self._at = [START + timedelta(days=number, seconds=1) for number in range(20, 20 + len(self._new))]
        self.back()

    def back(self) -> None:
        """Begin again with the history alone."""
        self._live = LiveFacts(self._history, Facts)
        self._steps = iter(zip(self._new, self._at, strict=True))

    def stage(self) -> str:
        """One event, and the stage."""
        record, moment = next(self._steps)
        self._live.add(record)
        return stage.of(self._live, POLICY, as_of=moment)

    def facts(self) -> str:
        """One event, every fact, and the stage."""
        record, moment = next(self._steps)
        self._live.add(record)
        return stage.of(self._live.facts(as_of=moment), POLICY)


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    repeats, calls = {"tiny": (1, 2), "usual": (9, 200), "full": (25, 400)}[size]
    history = History.of("p1", records())
    as_of = START + timedelta(days=30)
    moments = cycle([as_of + timedelta(hours=hour) for hour in range(100)])
    theirs, person = transitions_run()
    others, shop = statemachine_run()
    theirs()
    others()
    assert answers(history, as_of)[1] == person.state == shop.current_state_value == "repeat_customer"
    took = alternate(
        {
            "asked": lambda: answer(history, moments),
            "fresh": lambda: fresh(history, as_of),
            "transitions": theirs,
            "statemachine": others,
        },
        repeats=repeats,
        calls=calls,
    )
    for name, peer in (("transitions", "transitions"), ("statemachine", "python-statemachine")):
        for how, text in (("asked", "a history asked before"), ("fresh", "a history just made")):
            yield Line(
                f"20 records -> facts, stage, why; {text}",
                rate(20, took[how]),
                f"{rate(20, took[name])} {peer}",
                f"{took[name] / took[how]:.1f} x as many",
                ">= 10 x",
            )
    yield from _one_event(history, repeats, calls)


def _one_event(history: History, repeats: int, calls: int) -> Iterator[Line]:
    many = 20 * -(-calls // 20)
    added = Added(history, many)
    ours: dict[str, list[float]] = {
        "stage (LiveFacts)": [],
        "facts and stage (LiveFacts)": [],
    }
    theirs: dict[str, list[float]] = {"transitions": [], "python-statemachine": []}
    twenties = {
        "transitions": transitions_run()[0],
        "python-statemachine": statemachine_run()[0],
    }
    for _ in range(repeats):
        for name, one in {"stage (LiveFacts)": added.stage, "facts and stage (LiveFacts)": added.facts}.items():
            added.back()
            ours[name].append(alternate({name: one}, repeats=1, calls=many - 1)[name])
        for name, seconds in alternate(twenties, repeats=1, calls=max(many // 20, 1)).items():
            theirs[name].append(seconds / 20)
    for peer, name in product(theirs, ours):
        mine, took = median(ours[name]), median(theirs[peer])
        yield Line(
            f"one new event -> {name}",
            span(mine),
            f"{span(took)} a call of {peer}",
            f"{took / mine:.1f} x as many",
            {"transitions": ">= 1.5 x", "python-statemachine": ">= 15 x"}[peer] if name.startswith("stage") else "",
        )
