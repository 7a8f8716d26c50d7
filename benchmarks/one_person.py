"""One person: facts, stage and why from twenty records, and one new event, against two libraries of state machines.

The peers move between the same five stages with one guard (silent for too long) and are fed the same twenty events, one
call each; they know the stage alone, ours knows every fact and the reasons too. In their favour, machines and models are made
beforehand and only set back to the first state. Ours is measured on a history whose rows are ready (a person asked about
again) and on one just made from records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from statemachine import State, StateMachine
from transitions import Machine

from benchmarks._measure import Line, Size, in_turns, rate, span
from funnel import (
    Answer,
    Cart,
    Checkout,
    Facts,
    FollowUpSent,
    History,
    Lead,
    Money,
    Policy,
    Purchase,
    Question,
    Tally,
    View,
    Visit,
    stage,
)

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
AS_OF = datetime(2026, 12, 1, tzinfo=UTC)
POLICY = Policy()
Record = Lead | Purchase | Visit | View | Question | Answer | Cart | Checkout | FollowUpSent


def records(first: int = 0) -> tuple[Record, ...]:
    """Twenty records of one person, a day apart; later twenties begin where the ones before ended."""
    return tuple(_records(first))


def _records(first: int) -> Iterator[Record]:
    kinds = [Visit, View, Question, Answer, View, Cart, Checkout, Purchase, View, FollowUpSent]
    for number, kind in enumerate([Lead, *kinds[1:], *kinds] if first == 0 else kinds * 2, first):
        moment, name = START + timedelta(days=number), str(number)
        match kind():
            case "lead":
                yield Lead(person_id="p1", arrived_at=moment, source="fair")
            case "purchase":
                yield Purchase(id=name, person_id="p1", purchased_at=moment, amount=Money(25, "USD"))
            case "answer":
                yield Answer(id=name, person_id="p1", occurred_at=moment, question_id=str(number - 1))
            case other:
                yield other(id=name, person_id="p1", occurred_at=moment)
