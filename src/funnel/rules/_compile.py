"""Compilation of a rule: its function is traced for one policy and becomes a decision tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from inspect import signature

from funnel._expr.nodes import Value
from funnel._expr.operands import with_name
from funnel._expr.reachable_code import reach_of
from funnel._expr.to_python import compile_tree
from funnel._expr.tracer import UnknownFactError
from funnel._expr.tree import is_none, leaves, no_answer
from funnel._expr.verify import SampleGap, trace_and_verify
from funnel.errors import RuleError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.facts._compiled_rule import CompiledRule
from funnel.facts._traced import reader, sample_facts, traced
from funnel.policy import Policy


def compile_rule(
    name: str,
    function: Callable[[BaseFacts, Policy], object],
    facts: type[BaseFacts],
    policy: Policy,
    *,
    may_be_none: bool,
) -> CompiledRule:
    """Return the compiled rule of a function.

    Raises:
        RuleError: The function cannot run for a table, or an answer is None and must not be.
    """
    plan, named_policy = facts._fact_plan, _named_policy(policy)
    slots = plan.run_indices()

    def meet(person: Mapping[str, Value]) -> SampleGap:
        sample = sample_facts(facts, person)
        return SampleGap(lambda: function(sample, policy), reader(slots, sample))

    try:
        tree = trace_and_verify(
            lambda symbols: function(traced(facts, symbols), named_policy),
            plan.readable,
            plan.refused,
            meet,
            reach_of(function, policy, facts),
        )
    except RuleError as error:
        message = str(error)
        if isinstance(error, UnknownFactError) and facts == Facts:
            message = error.with_remedy(_ANNOTATE, only_similar=True)
        raise RuleError(f"in the rule {name}: {message}") from error.__cause__
    compiled_rule = CompiledRule(tree, plan, compile_tree(tree, slots, name))
    if not may_be_none and any(map(is_none, leaves(tree))):
        path = next(path for path in compiled_rule.paths if is_none(path.leaf))
        raise no_answer(name, f"if {path.words}")
    return compiled_rule


_ANNOTATE = "if a class of your own declares it, annotate f with that class, such as f: ShopFacts"


def check_parameters(name: str, function: Callable[..., object]) -> None:
    """Check that a function takes facts and a policy.

    Raises:
        RuleError: It takes another number of arguments.
    """
    try:
        signature(function).bind(None, None)
    except TypeError:
        msg = f"the rule {name} must take two arguments, facts and a policy"
        raise RuleError(f"{msg}; write def {name}(f: Facts, policy: Policy)") from None


def _named_policy(policy: Policy) -> Policy:
    """Return an equal copy of the policy whose numbers carry their field name."""
    copied = copy(policy)
    vars(copied).update({name: with_name(getattr(policy, name), name) for name in type(policy).model_fields})
    return copied
