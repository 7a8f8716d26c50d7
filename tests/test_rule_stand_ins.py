"""A traced rule gets the same kind of objects as a plain call: facts of the shop's own class, and an equal policy."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from funnel import Facts, Policy, is_lapsed, rule
from funnel.errors import ArgumentError, RuleError
from funnel.facts import count
from tests.expr.facts import Careful

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class ShopPolicy(Policy):
    """Numbers of a shop, and what it works out of them."""

    vip_purchases: int = 5
    vip_label: str = "web"
    limits: tuple[int, ...] = (1, 3)

    @property
    def half(self) -> timedelta:
        """Half the time until somebody has lapsed."""
        return self.lapse_after // 2

    @functools.cached_property
    def twice(self) -> int:
        """Twice the purchases of a VIP."""
        return 2 * self.vip_purchases

    def limit_for(self, f: ShopFacts) -> int:
        """A limit that depends on the facts."""
        return self.vip_purchases if f.was_referred else 2 * self.vip_purchases


class ShopFacts(Facts):
    """Facts of a shop, and what it works out of them."""

    @property
    def is_big(self) -> bool:
        """Return whether the person bought often."""
        return self.purchase_count > 3

    @functools.cached_property
    def points(self) -> int:
        """A score, worked out once."""
        return 2 * (self.purchase_count > 3) + self.was_referred

    def at_least(self, limit: int) -> bool:
        """Return whether the person reached a number of purchases."""
        return self.purchase_count >= limit


def matched_facts(f: Any) -> bool:
    """Match the facts by class and by a fact."""
    match f:
        case ShopFacts(purchase_count=3 | 4):
            return True
        case _:
            return False


def matched_policy(p: Any) -> int:
    """Match the policy by class and by a field."""
    match p:
        case ShopPolicy(vip_purchases=3):
            return 3
        case ShopPolicy():
            return 2
        case Policy():
            return 1
        case _:
            return 0


READS: list[tuple[str, Callable[[Any, Any], object]]] = [
    ("the class of the policy", lambda _, p: isinstance(p, ShopPolicy)),
    ("the type of the policy", lambda _, p: type(p) is ShopPolicy),
    ("the name of the type", lambda _, p: type(p).__name__),
    ("a matched policy", lambda _, p: matched_policy(p)),
    ("an equal policy", lambda _, p: p == ShopPolicy()),
    ("another policy", lambda _, p: p != ShopPolicy()),
    ("a policy of another class", lambda _, p: p == Policy()),
    ("the hash of a policy", lambda _, p: hash(p) == hash(ShopPolicy())),
    ("a policy in a set", lambda _, p: p in {ShopPolicy()}),  # noqa: FURB171 (by its hash)
    ("the fields of a policy", lambda _, p: "vip_label" in type(p).model_fields),
    ("the fields that were set", lambda _, p: len(p.model_fields_set)),
    ("a policy as text", lambda _, p: repr(p) == repr(ShopPolicy())),
    ("a policy as a dict", lambda _, p: p.model_dump() == ShopPolicy().model_dump()),
    ("a policy as JSON", lambda _, p: p.model_dump_json() == ShopPolicy().model_dump_json()),
    ("a copied policy", lambda _, p: copy.copy(p) == p),
    ("a property of a policy", lambda f, p: f.since_last_purchase > p.half),
    ("a cached property of a policy", lambda f, p: f.purchase_count > p.twice),
    ("a method of a policy", lambda f, p: f.purchase_count > p.limit_for(f)),
    ("a limit among several", lambda f, p: f.purchase_count > p.limits[1]),
    ("a text of a policy", lambda f, p: f.lead_source == p.vip_label),
    ("a text of a policy, answered", lambda _, p: p.vip_label),
    ("a span of a policy, answered", lambda _, p: p.lapse_after),
    ("a number of a policy, shown", lambda _, p: f"{p.vip_purchases} {p.lapse_after!r}"),
    ("a number of a policy by class", lambda _, p: p.vip_purchases.__class__ is int),
    ("the class of the facts", lambda f, _: isinstance(f, ShopFacts)),
    ("the type of the facts", lambda f, _: type(f) is ShopFacts),
    ("matched facts", lambda f, _: matched_facts(f)),
    ("a property of the facts", lambda f, _: f.is_big),
    ("a cached property of the facts", lambda f, _: f.points),
    ("a method of the facts", lambda f, _: f.at_least(4)),
    ("the truth of the facts", lambda f, _: bool(f)),
    ("other facts", lambda f, _: type(f)(as_of=NOON, purchase_count=3).purchase_count > 2),
]
POLICIES = (ShopPolicy(), ShopPolicy(vip_purchases=3), Policy())


class Twice(Facts):
    """Facts of which one has two names."""

    buys: int = count("purchases")


def people() -> list[ShopFacts]:
    """Buyers of nought to eleven purchases."""
    return [
        ShopFacts(
            as_of=NOON,
            purchase_count=number,
            was_referred=number % 2 == 0,
            **({"since_last_purchase": timedelta(days=80 + number)} if number else {}),
            lead_source="web" if number % 3 else "",
        )
        for number in range(12)
    ]


@pytest.mark.parametrize("function", [case[1] for case in READS], ids=[case[0] for case in READS])
def test_a_rule_sees_what_it_sees_as_plain_python(function: Callable[[Any, Any], object]) -> None:
    """Classes, equality, hashes, properties and methods of facts and policy are those of the real ones."""
    one_rule = rule(annotated(function))

    for policy in POLICIES:
        for facts in people():
            try:
                expected = function(facts, policy)
            except AttributeError:
                assert type(policy) is Policy
                with pytest.raises(RuleError, match="raises AttributeError"):
                    one_rule.of(facts, policy)
                break
            answer = one_rule.of(facts, policy)
            assert (type(answer), answer) == (type(expected), expected)


def annotated(function: Callable[[Any, Any], object]) -> Callable[[Any, Any], object]:
    """The function, with the class of its facts."""

    def one_rule(f: ShopFacts, policy: Policy) -> object:
        return function(f, policy)

    return one_rule


def is_new(f: Facts) -> bool:
    """A function without a policy."""
    return f.purchase_count == 0


REFUSED: list[tuple[str, Callable[[Any], object], str]] = [
    ("the clock", lambda f: f.as_of > NOON, "the values or the clock of the facts"),
    ("what is held", lambda f: f.values[0], "the values or the clock of the facts"),
    ("the instant that is held", lambda f: f.now > 3, "the values or the clock of the facts"),
    ("equal facts", lambda f: f == ShopFacts(as_of=NOON), "the values or the clock of the facts"),
    ("the hash of the facts", hash, "the facts themselves looked up in a set or dict"),
    ("facts as text", repr, "the values or the clock of the facts"),
    ("facts as a dict", lambda f: f.to_dict(), "the values or the clock of the facts"),
    ("facts changed", lambda f: f.evolve(purchase_count=1).purchase_count, "a loop over the facts"),
    ("facts at another instant", lambda f: f.at(NOON).purchase_count, "the values or the clock of the facts"),
    ("a copy of the facts", copy.deepcopy, "the values or the clock of the facts"),
    (
        "a fact that may be missing",
        lambda f: f.last_purchase_at is None,
        "the fact last_purchase_at cannot be used in a rule",
    ),
    ("an unknown fact", lambda f: f.purchase_cuont > 3, "the fact 'purchase_cuont' is unknown; did you mean"),
    ("an unknown fact by default", lambda f: getattr(f, "purchase_cuont", 3), "the fact 'purchase_cuont' is unknown"),
    ("a fact that is set", lambda f: setattr(f, "purchase_count", 3), "raises AttributeError"),
    ("a loop over the facts", lambda f: [*f], "must be an iterable"),
]


@pytest.mark.parametrize(("function", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_facts_have_no_value_for_is_refused(function: Callable[[Any], object], message: str) -> None:
    """Facts of the shop's class have no clock, no text and no values while a rule is traced."""
    with pytest.raises(RuleError, match=f"in the rule one_rule: .*{message}"):
        rule(annotated(lambda f, _: function(f)))._compiled_rule(Policy())


def test_an_unknown_fact_of_somebody_is_an_attribute_error() -> None:
    """Outside a rule facts are plain objects."""
    with pytest.raises(AttributeError, match="'ShopFacts' object has no attribute 'purchase_cuont'"):
        _ = people()[0].purchase_cuont  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]


def test_a_rule_inside_another_is_part_of_it() -> None:
    """Lifted, proven and as it is written, a rule that is refused alone may be part of one that is not."""

    @rule
    def pair(f: Facts, policy: Policy) -> Any:
        return f.purchase_count, policy.max_follow_ups

    @rule
    def outer(f: Facts, policy: Policy) -> bool:
        count, limit = pair(f, policy)
        return bool(count > limit)

    facts = Facts(as_of=NOON, purchase_count=4)
    assert outer.of(facts, Policy()) is True
    assert outer._as_written(facts, Policy()) is True
    with pytest.raises(RuleError, match="in the rule pair: a rule returned a tuple"):
        pair(facts, Policy())


def test_a_rule_asked_by_its_verbs_inside_another_is_refused() -> None:
    """Inside a rule another one is called; `of`, `why` and `next_change` are for people."""

    @rule
    def inner(f: Facts, policy: Policy) -> bool:
        return f.purchase_count > policy.max_follow_ups

    for name, one_rule in (("inner", inner), ("is_lapsed", is_lapsed)):
        message = (
            rf"{name}.of, {name}.why or {name}.next_change cannot be used in a rule; call the rule: {name}\(f, policy\)"
        )
        for verb in (one_rule.of, one_rule.why, one_rule.next_change):
            with pytest.raises(RuleError, match=message):
                rule(annotated(lambda f, p, verb=verb: bool(verb(f, p))))._compiled_rule(Policy())  # type: ignore[misc]


def test_a_rule_without_a_policy_is_refused_with_the_form_of_a_rule() -> None:
    """A rule takes the facts and the policy, even if it does not read the policy."""
    with pytest.raises(
        RuleError, match=r"is_new must take two arguments, .* write def is_new\(f: Facts, policy: Policy\)"
    ):
        rule(is_new).of(Facts(as_of=NOON), Policy())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_two_facts_of_one_value_are_proven_as_one() -> None:
    """Two names of one count cannot differ in anybody."""

    @rule
    def differ(f: Twice, policy: Policy) -> bool:
        return f.buys != f.purchase_count

    assert differ.of(Twice(as_of=NOON, purchase_count=3), Policy()) is False


def test_the_cause_of_a_refusal_is_kept() -> None:
    """An error of the rule itself is the cause of the refusal."""
    with pytest.raises(RuleError, match="in the rule one_rule: the rule raises KeyError") as caught:
        rule(annotated(lambda _, __: {}["none"]))._compiled_rule(Policy())

    assert isinstance(caught.value.__cause__, KeyError)


class Looking(Careful):
    """Helpers of a shop that look at an identity or catch an error."""

    @staticmethod
    def check(x: object) -> bool:
        """Look at an identity."""
        return x is True


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda f, _: Looking.check(f.has_opted_out), "returns True instead of False"),
        (lambda f, _: Looking.safe(f.campaign), "write it without try and with"),
    ],
)
def test_a_helper_class_that_leaves_no_trace_is_refused(function: Callable[[Any, Any], object], message: str) -> None:
    """A rule that would answer otherwise than its function is refused, also if a class holds the code."""
    with pytest.raises(RuleError, match=message):
        rule(annotated(function))._compiled_rule(Policy())


def test_a_rule_is_written_as_a_def() -> None:
    """A partial function or an object has no annotations to read; the error names the remedy."""

    def is_vip(f: Facts, policy: Policy, most: int) -> bool:
        return f.purchase_count > most

    with pytest.raises(ArgumentError, match=r"written with def \(got partial\); write a def that calls it"):
        rule(functools.partial(is_vip, most=3))


def test_a_policy_of_another_class_is_told() -> None:
    """If the rule reads a field that the policy has not, the error names the class to give."""

    @rule
    def is_vip(f: Facts, policy: ShopPolicy) -> bool:
        return f.purchase_count > policy.vip_purchases

    with pytest.raises(ArgumentError, match=r"must be a ShopPolicy \(got Policy\)"):
        is_vip.of(Facts(as_of=NOON), Policy())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
