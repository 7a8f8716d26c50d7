"""What is asked of everyone on each day: rules whose answers are whole numbers, the likelier a purchase the higher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from itertools import combinations
from typing import Any, cast

import attrs

from funnel._facts.base import BaseFacts
from funnel._facts.plan import Plan, narrowed
from funnel._given import brief, each, nearest
from funnel._instants import MICROSECOND
from funnel._lift.tree import Answer, Fork, Leaf, Tree, answer_kind, describe, leaf_value, leaves
from funnel._rule import Rule, rule, rule_given
from funnel.errors import ArgumentError, FactsError
from funnel.facts import Facts
from funnel.policy import Policy

UNANSWERED = -(2**62)
"""The place of who has no answer: below all others."""

_TRUTHS = (False, True)

AnyRule = Rule[Any, Any, Any]


@attrs.frozen
class Asked:
    """A rule as whole numbers.

    Attributes:
        tree: What gives the number.
        order: The answers that the numbers 0, 1, ... stand for; empty where the answer is a number itself.
        flags: From which number on a person is flagged; None where no limit was given.
        is_span: Whether the number is a span, in microseconds.
    """

    tree: Tree
    order: tuple[Answer, ...] = ()
    flags: int | None = None
    is_span: bool = False

    def answer(self, number: int) -> Answer:
        """The answer that a number stands for."""
        if number == UNANSWERED:
            return None
        if self.is_span:
            return number * MICROSECOND
        return self.order[number] if self.order else number


def asked(tree: Tree, name: str, order: Sequence[Answer] | None, at_least: Answer) -> Asked:
    """A rule as whole numbers.

    Args:
        tree: The lifted rule.
        name: Its name.
        order: Its answers from the least likely to the likeliest.
        at_least: From which answer on a person is flagged.

    Raises:
        ArgumentError: The order is missing or does not hold an answer, or `at_least` is none of the answers.
    """
    if answer_kind(tree) in ("number", "span"):
        if order is not None:
            msg = f"{name} answers with numbers, which have their own order; leave order out"
            raise ArgumentError(msg)
        return Asked(_numbered(tree), flags=_limit(at_least, name), is_span=answer_kind(tree) == "span")
    known = _TRUTHS if order is None and answer_kind(tree) == "bool" else order
    if known is None:
        found = sorted({describe(leaf) for leaf in leaves(tree)})
        msg = f"{name} answers in words ({', '.join(found)}); give order, from the least likely to buy to the likeliest"
        raise ArgumentError(msg)
    values = [_plain(answer) for answer in each(known, "order", "a list of answers")]
    _all_there(tree, name, values)
    flags = len(values) - 1 if at_least is None else _place(values, at_least, name)
    return Asked(_placed(tree, values), tuple(known), flags)


def _limit(at_least: Answer, name: str) -> int | None:
    if isinstance(at_least, timedelta):
        return at_least // MICROSECOND
    if at_least is None or (isinstance(at_least, int) and not isinstance(at_least, Enum)):
        return at_least
    msg = f"at_least is {brief(at_least)}, and {name} answers with numbers; give a number"
    raise ArgumentError(msg)


def _plain(answer: Answer) -> object:
    return answer.value if isinstance(answer, Enum) else answer


def _all_there(tree: Tree, name: str, values: Sequence[object]) -> None:
    for leaf in leaves(tree):
        if leaf.node is not None:
            msg = f"{name} answers with a text of the facts; answer with words of the rule's own, and give their order"
            raise ArgumentError(msg)
        if leaf.answer is not None and leaf_value(leaf) not in values:
            msg = f"order does not hold {describe(leaf)!r}, which {name} answers with; name every answer"
            raise ArgumentError(msg)


def _place(values: Sequence[object], at_least: Answer, name: str) -> int:
    if isinstance(_plain(at_least), str | int) and _plain(at_least) in values:
        return values.index(_plain(at_least))
    hint = nearest(_plain(at_least), map(str, values))
    msg = f"at_least is {brief(_plain(at_least))}, which is not an answer of {name}; {hint}"
    raise ArgumentError(msg)


def _numbered(tree: Tree) -> Tree:
    if isinstance(tree, Fork):
        return Fork(tree.test, _numbered(tree.yes), _numbered(tree.no))
    if tree.node is not None:
        return tree
    value = leaf_value(tree)
    return Leaf(UNANSWERED if value is None else cast("int", value))


def _placed(tree: Tree, values: Sequence[object]) -> Tree:
    if isinstance(tree, Fork):
        return Fork(tree.test, _placed(tree.yes, values), _placed(tree.no, values))
    return Leaf(UNANSWERED if tree.answer is None else values.index(leaf_value(tree)))


# ---- what a rule is held against -----------------------------------------------------------------------------------

_NONE = timedelta(0)


@rule
def do_nothing(f: Facts, policy: Policy) -> int:  # noqa: ARG001 (every rule takes both)
    """Nobody before anybody else."""
    return 0


@rule
def most_recent_first(f: Facts, policy: Policy) -> timedelta:  # noqa: ARG001 (every rule takes both)
    """Whoever bought or came last, first."""
    return _NONE - min(f.since_last_purchase, f.since_last_inbound, f.since_arrival)


@rule
def own_rhythm(f: Facts, policy: Policy) -> timedelta:  # noqa: ARG001 (every rule takes both)
    """Whoever buys at the shortest intervals, first; a silence that is longer than their interval counts as it."""
    return _NONE - max(f.purchase_interval, f.since_last_purchase)


BASELINES: Mapping[str, AnyRule] = {
    "do nothing": do_nothing,
    "most recent first": most_recent_first,
    "own rhythm": own_rhythm,
}
"""What every rule is held against."""


@attrs.frozen
class Questions:
    """All that is asked of everyone on each day, of the same facts.

    Attributes:
        plan: The facts that are read.
        asked: The questions by name, the rule first.
        among: Who is looked at: those of whom this is 1; None for everyone of whom anything is known.
    """

    plan: Plan
    asked: Mapping[str, Asked]
    among: Tree | None


def questions(
    subject: AnyRule,
    policy: Policy,
    order: Sequence[Answer] | None,
    at_least: Answer,
    among: AnyRule | None,
) -> Questions:
    """What is asked: the rule, what it is held against, and who is looked at.

    Raises:
        ArgumentError: What was passed is not a rule.
        ArgumentError: An argument does not go with the answers of the rule.
        LiftError: A rule does what cannot be run for a table.
    """
    rule_given(subject)
    if among is not None:
        rule_given(among, "among")
    if subject.name in BASELINES:
        msg = f"the rule is called {subject.name}, as what every rule is held against is; give it another name"
        raise ArgumentError(msg)
    facts = _facts_of([one.facts for one in (subject, among) if one is not None])
    ready = subject.lifted(policy, facts)
    rules = {name: baseline.lifted(policy, facts) for name, baseline in BASELINES.items()}
    made = {subject.name: asked(ready.tree, subject.name, order, at_least)}
    made |= {name: Asked(_numbered(one.tree)) for name, one in rules.items()}
    chosen = None if among is None else among.lifted(policy, facts)
    if chosen is not None and answer_kind(chosen.tree) != "bool":
        msg = f"among is {among}, which does not answer yes or no; give a rule that does, such as has_bought"
        raise ArgumentError(msg)
    read = frozenset(name for one in (ready, *rules.values(), chosen) if one is not None for name in one.read)
    plan = narrowed(ready.plan, read)
    return Questions(plan, made, None if chosen is None else _placed(chosen.tree, _TRUTHS))


def _facts_of(classes: Sequence[type[BaseFacts]]) -> type[BaseFacts]:
    """One class that has the facts of all, and those of the library.

    Raises:
        FactsError: Two classes mean different things by one name.
    """
    every = list(dict.fromkeys([*classes, Facts]))
    last: list[type[BaseFacts]] = [
        one for one in every if not any(other is not one and issubclass(other, one) for other in every)
    ]
    if len(last) == 1:
        return last[0]
    for one, other in combinations(last, 2):
        mine, theirs = one.fact_plan.declared, other.fact_plan.declared
        for name in mine.keys() & theirs.keys():
            if mine[name] != theirs[name]:
                msg = f"{one.__name__} and {other.__name__} declare {name} differently; rename one of the two facts"
                raise FactsError(msg)
    return type("Replayed", tuple(last), {})
