"""Rules as whole numbers: a higher number means a more likely purchase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from itertools import combinations
from typing import Any, cast

import attrs

from funnel._arguments import brief, each, suggest
from funnel._expr.tree import Answer, Fork, Leaf, Tree, answer_kind, describe, leaf_value, leaves
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError, FactsError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.facts._schema import FactSchema, narrowed
from funnel.policy import Policy
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule, rule

# ---- the order of a rule's answers, from least to most likely to buy -------------------------------------------------


def _listed(order: Sequence[Answer] | None) -> tuple[Any, ...] | None:
    return None if order is None else tuple(each(order, "order", "a list of answers"))


@attrs.frozen(kw_only=True)
class AnswerScale:
    """The order of a rule's answers, and the answer from which a person is flagged.

    Args:
        order: For a rule that answers with words, all its answers from least to most likely to buy. For a rule that
            answers yes or no, `(True, False)` reverses the order. Numbers have their own order.
        at_least: The lowest answer that flags a person. None: the last answer of the order; numbers have no limit then.

    Raises:
        ArgumentError: `order` is not a list.

    Example:
        >>> AnswerScale(order=["cold", "warm", "hot"], at_least="warm").order
        ('cold', 'warm', 'hot')
    """

    order: tuple[Answer, ...] | None = attrs.field(default=None, converter=_listed)
    at_least: Answer = None


DEFAULT_SCALE = AnswerScale()
"""The scale if a caller passes none."""


# ---- the questions ---------------------------------------------------------------------------------------------------


UNANSWERED = -(2**62)
"""Number of a missing answer; below all other numbers."""

_TRUTHS = (False, True)

AnyRule = Rule[Any, Any, Any]


@attrs.frozen
class RuleQuery:
    """A rule as whole numbers.

    Attributes:
        tree: The decision tree that returns the number.
        order: Answers of the numbers 0, 1, ...; empty if the answer is a number itself.
        flags: Lowest number that flags a person; None without a limit.
        is_span: Whether the number is a span, in microseconds.
    """

    tree: Tree
    order: tuple[Answer, ...] = ()
    flags: int | None = None
    is_span: bool = False

    def answer(self, number: int) -> Answer:
        """Return the answer of a number."""
        if number == UNANSWERED:
            return None
        if self.is_span:
            return number * MICROSECOND
        return self.order[number] if self.order else number


def rule_query(tree: Tree, name: str, scale: AnswerScale) -> RuleQuery:
    """Convert a rule to whole numbers.

    Args:
        tree: The compiled rule.
        name: Name of the rule.
        scale: The order of the rule's answers, and the lowest answer that flags a person.

    Raises:
        ArgumentError: The order is missing or lacks an answer, or `at_least` is not one of the answers.
    """
    order, at_least = scale.order, scale.at_least
    if answer_kind(tree) in ("number", "span"):
        if order is not None:
            msg = f"order requires a rule that returns words or truths ({name} returns numbers); omit order"
            raise ArgumentError(msg)
        return RuleQuery(_numbered(tree), flags=_limit(at_least, name), is_span=answer_kind(tree) == "span")
    answers = _TRUTHS if order is None and answer_kind(tree) == "bool" else order
    if answers is None:
        words = sorted({describe(leaf) for leaf in leaves(tree)})
        msg = f"{name} returns words ({', '.join(words)}); pass AnswerScale(order=[...]), least likely to buy first"
        raise ArgumentError(msg)
    values = [_plain(answer) for answer in answers]
    _check_answers(tree, name, values)
    flags = len(values) - 1 if at_least is None else _index_of(values, at_least, name)
    return RuleQuery(_indexed(tree, values), tuple(answers), flags)


def _limit(at_least: Answer, name: str) -> int | None:
    if isinstance(at_least, timedelta):
        return at_least // MICROSECOND
    if at_least is None or (isinstance(at_least, int) and not isinstance(at_least, Enum)):
        return at_least
    raise ArgumentError(f"at_least must be a number because {name} returns numbers (got {brief(at_least)})")


def _plain(answer: Answer) -> object:
    return answer.value if isinstance(answer, Enum) else answer


def _check_answers(tree: Tree, name: str, values: Sequence[object]) -> None:
    for leaf in leaves(tree):
        if leaf.node is not None:
            raise ArgumentError(f"{name} returns the text of a fact, which has no order; return words of your own")
        if leaf.answer is not None and leaf_value(leaf) not in values:
            raise ArgumentError(f"order must list every answer of {name} (got no {describe(leaf)!r}); add it")


def _index_of(values: Sequence[object], at_least: Answer, name: str) -> int:
    if isinstance(_plain(at_least), str | int) and _plain(at_least) in values:
        return values.index(_plain(at_least))
    hint = suggest(_plain(at_least), map(str, values))
    raise ArgumentError(f"at_least must be an answer of {name} (got {brief(_plain(at_least))}); {hint}")


def _numbered(tree: Tree) -> Tree:
    if isinstance(tree, Fork):
        return Fork(tree.test, _numbered(tree.yes), _numbered(tree.no))
    if tree.node is not None:
        return tree
    value = leaf_value(tree)
    return Leaf(UNANSWERED if value is None else cast("int", value))


def _indexed(tree: Tree, values: Sequence[object]) -> Tree:
    if isinstance(tree, Fork):
        return Fork(tree.test, _indexed(tree.yes, values), _indexed(tree.no, values))
    return Leaf(UNANSWERED if tree.answer is None else values.index(leaf_value(tree)))


# ---- what a rule is held against -----------------------------------------------------------------------------------

_NONE = timedelta(0)


@rule
def do_nothing(f: Facts, policy: Policy) -> int:  # noqa: ARG001 (every rule takes both)
    """Rank nobody above anybody else."""
    return 0


@rule
def most_recent_first(f: Facts, policy: Policy) -> timedelta:  # noqa: ARG001 (every rule takes both)
    """Rank the people with the most recent purchase or arrival first."""
    return _NONE - min(f.since_last_purchase, f.since_last_inbound, f.since_arrival)


@rule
def own_rhythm(f: Facts, policy: Policy) -> timedelta:  # noqa: ARG001 (every rule takes both)
    """Rank the people with the shortest purchase interval first.

    If the silence is longer than the interval, it replaces the interval.
    """
    return _NONE - max(f.purchase_interval, f.since_last_purchase)


BASELINES: Mapping[str, AnyRule] = {
    "do nothing": do_nothing,
    "most recent first": most_recent_first,
    "own rhythm": own_rhythm,
}
"""The baselines of every backtest."""


@attrs.frozen
class BacktestQuery:
    """All rules to evaluate on each day, compiled for the same facts.

    Attributes:
        plan: The facts to read.
        rule_queries: The rule queries by name, the rule under test first.
        eligible: Selects the people for whom this is 1; None: every person with a record.
    """

    plan: FactSchema
    rule_queries: Mapping[str, RuleQuery]
    eligible: Tree | None


def backtest_query(subject: AnyRule, policy: Policy, scale: AnswerScale, eligible: AnyRule | None) -> BacktestQuery:
    """Compile the rule, the baselines and the selection of people.

    Raises:
        ArgumentError: The argument is not a rule.
        ArgumentError: An argument does not match the answers of the rule.
        RuleError: A rule cannot be compiled for a table.
    """
    check_is_rule(subject)
    if eligible is not None:
        check_is_rule(eligible, "eligible")
    if subject.name in BASELINES:
        raise ArgumentError(f"the name of a rule cannot be that of a baseline (got {subject.name!r}); rename the rule")
    subjects = {subject.name: (subject, scale), **{name: (one, DEFAULT_SCALE) for name, one in BASELINES.items()}}
    return compiled_query(subjects, policy, eligible)


def compiled_query(
    subjects: Mapping[str, tuple[AnyRule, AnswerScale]], policy: Policy, eligible: AnyRule | None = None
) -> BacktestQuery:
    """Compile rules and the selection of people for the same facts.

    Raises:
        ArgumentError: An argument does not match the answers of a rule.
        RuleError: A rule cannot be compiled for a table.
    """
    facts = _facts_of([one.facts for one in (*(one for one, _ in subjects.values()), eligible) if one is not None])
    compiled = {name: one._compiled_rule(policy, facts) for name, (one, _) in subjects.items()}
    queries = {name: rule_query(one.tree, name, subjects[name][1]) for name, one in compiled.items()}
    chosen = None if eligible is None else eligible._compiled_rule(policy, facts)
    if chosen is not None and answer_kind(chosen.tree) != "bool":
        raise ArgumentError(f"eligible must be a rule that returns a truth, such as has_bought (got {eligible})")
    read = frozenset(name for one in (*compiled.values(), chosen) if one is not None for name in one.read)
    plan = narrowed(facts._fact_plan, read)
    return BacktestQuery(plan, queries, None if chosen is None else _indexed(chosen.tree, _TRUTHS))


def _facts_of(classes: Sequence[type[BaseFacts]]) -> type[BaseFacts]:
    """Return one class with the facts of all classes and of the library.

    Raises:
        FactsError: Two classes define one name differently.
    """
    every = list(dict.fromkeys([*classes, Facts]))
    last: list[type[BaseFacts]] = [
        one for one in every if not any(other is not one and issubclass(other, one) for other in every)
    ]
    if len(last) == 1:
        return last[0]
    for one, other in combinations(last, 2):
        mine, theirs = one._fact_plan.declared, other._fact_plan.declared
        for name in mine.keys() & theirs.keys():
            if mine[name] != theirs[name]:
                msg = f"{one.__name__} and {other.__name__} declare {name} differently; rename one of the two facts"
                raise FactsError(msg)
    return type("Replayed", tuple(last), {})
