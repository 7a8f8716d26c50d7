"""Random rules as Python source, of everything that people write and of much that they should not.

`tests/random_rules.py` draws rules that can all be traced. Here most cannot: they look at types and identities, catch
errors, read the text of a fact, leave by `finally`. Each is either refused, or it answers as the plain function does.
"""

from __future__ import annotations

import contextlib
import copy
import enum
import functools
import json
import math
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import attrs

from funnel import Facts, Policy, Rule, all_of, any_of, is_lapsed, rule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class ShopPolicy(Policy):
    """Numbers of a shop, and what it works out of them."""

    vip_purchases: int = 5
    vip_label: str = "web"
    limits: tuple[int, ...] = (1, 3, 7)

    @property
    def half(self) -> timedelta:
        """Half the time until somebody has lapsed."""
        return self.lapse_after // 2

    def limit_for(self, f: Any) -> int:
        """A limit that depends on the facts."""
        return self.vip_purchases if f.was_referred else 2 * self.vip_purchases


class ShopFacts(Facts):
    """Facts of a shop with what it works out of them."""

    @property
    def points(self) -> int:
        """A score."""
        return 2 * (self.purchase_count > 3) + self.was_referred

    def at_least(self, count: int) -> bool:
        """Whether they bought so often."""
        return self.purchase_count >= count


class Size(enum.StrEnum):
    """An answer."""

    SMALL = "small"
    LARGE = "large"


class Other(enum.Enum):
    """Members that are neither texts nor numbers."""

    ONE = 1


@functools.cache
def cached(number: Any) -> bool:
    """Look its argument up before it works."""
    return bool(number > 3)


def helper(f: Any) -> Any:
    """Part of a rule."""
    return f.purchase_count + 2 * f.was_referred


def careful(number: Any) -> Any:
    """Catch what goes wrong."""
    try:
        return int(number)
    except TypeError:
        return 3


@rule
def inner(f: ShopFacts, policy: ShopPolicy) -> bool:
    """Another rule."""
    return f.purchase_count >= policy.vip_purchases


NAMES: dict[str, object] = {
    **{one.__name__: one for one in (ShopPolicy, ShopFacts, Size, Other, Policy, Facts, cached, helper, careful)},
    **{one.__name__: one for one in (all_of, any_of, timedelta, datetime, contextlib, copy, json, math, pickle)},
    "inner": inner,
    "is_lapsed": is_lapsed,
    "NOON": NOON,
    "NAMES": {1: "one", 3: "three"},
}

CONSTANTS = (0, 1, 2, 3, 5, 7, 77, 2**31, 2**53, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**70)
SMALL = (0, 1, 2, 3, 5, 7, 77)
WORDS = ("", "shop", "web", "stand")
ERRORS = ("TypeError", "Exception", "BaseException", "(TypeError, ValueError)", "AttributeError")


@attrs.frozen(repr=False)
class WrittenRule:
    """A rule with its source."""

    source: str
    rule: Rule[Any, Any, Any] = attrs.field(eq=False)

    def __repr__(self) -> str:
        """Show the source."""
        return self.source


def written_rule(random: Random) -> WrittenRule:
    """Draw a rule."""
    body = "\n".join(f"    {line}" for line in _Writer(random).body())
    source = f"def drawn(f, p):\n{body}\n"
    names = dict(NAMES)
    exec(compile(source, "<drawn>", "exec"), names)  # noqa: S102 (source of our own)
    function: Any = names["drawn"]
    function.__annotations__ = {"f": ShopFacts, "p": ShopPolicy}
    return WrittenRule(source, rule(function))


def person(random: Random) -> ShopFacts:
    """Draw somebody on or beside what the rules compare with."""
    near = [value for one in (0, 1, 2, 3, 5, 7, 10, 77) for value in (one - 1, one, one + 1) if value >= 0]
    spans = [timedelta(days=days, microseconds=tick) for days in (0, 1, 30, 90, 180, 77) for tick in (-1, 0, 1)]
    purchase_count, order_count = random.choice(near), random.choice(near)
    spent, since = random.choice([*near, 10**14, 2**53 - 1, 2**53]), max(random.choice(spans), timedelta(0))
    of_buyer: dict[str, Any] = {"net_spent": spent, "since_last_purchase": since} if purchase_count else {}
    return ShopFacts(
        as_of=NOON,
        purchase_count=purchase_count,
        order_count=order_count,
        **of_buyer,
        was_referred=random.choice([False, True]),
        has_opted_out=random.choice([False, True]),
        until_ready=random.choice(spans),
        lead_source=random.choice([*WORDS, "other"]),
        last_interaction_direction=random.choice(["", "in", "out"]),
    )


POLICIES: tuple[Policy, ...] = (ShopPolicy(), ShopPolicy(vip_purchases=3, lapse_after=timedelta(days=77)), Policy())


class _Writer:
    def __init__(self, random: Random) -> None:
        self.random = random

    def of(self, *choices: Callable[[], str] | str) -> str:
        choice = self.random.choice(choices)
        return choice if isinstance(choice, str) else choice()

    def odd(self, often: float = 0.12) -> bool:
        return self.random.random() < often

    def small(self) -> str:
        return repr(self.random.choice(SMALL))

    def constant(self) -> str:
        return repr(self.random.choice(CONSTANTS if self.odd() else SMALL))

    # ---- numbers, spans, texts ----

    def number(self, depth: int = 2) -> str:
        if depth == 0:
            return self.of("f.purchase_count", "f.order_count", "f.net_spent", "p.vip_purchases", "p.overdue_percent")
        if self.odd():
            return self.odd_number(depth - 1)

        def a() -> str:
            return self.number(depth - 1)

        return self.of(
            "f.purchase_count",
            "f.order_count",
            "f.net_spent",
            "f.points",
            "helper(f)",
            "p.limit_for(f)",
            lambda: f"({a()} + {a()})",
            lambda: f"({a()} - {self.small()})",
            lambda: f"({self.small()} * {a()})",
            lambda: f"({a()} // {self.small()})",
            lambda: f"({a()} % {self.small()})",
            lambda: f"{self.of('min', 'max')}({a()}, {self.small()})",
            lambda: f"abs({a()} - {self.small()})",
            lambda: f"sum([{a()}, {a()}])",
            lambda: f"({self.condition(0)}) + ({self.condition(0)})",
            lambda: f"({a()} if {self.condition(0)} else {self.small()})",
            lambda: f"-{a()}",
        )

    def odd_number(self, depth: int) -> str:
        a = self.number(depth)
        return self.of(
            f"({a} * {self.number(0)})",
            f"({a} * {self.constant()})",
            f"({a} + {self.constant()})",
            f"divmod({a}, 3)[0]",
            f"round({a})",
            f"int({a})",
            f"len([{a}])",
            f"careful({a})",
            f"sorted([{a}, 3])[0]",
            f"math.prod([{a}, 2])",
            f"max([{a}, {self.number(depth)}], key=lambda x: -x)",
            f"p.limits[{a}]",
            f"(p.limits[0] + {a})",
            f"copy.copy({a})",
            f"pickle.loads(pickle.dumps({a}))",
            f"hash({a})",
            f"({a} if type({a}) is int else 4)",
            f"{a} // -2",
            f"{a} / 2",
            f"{a} * 1.5",
            f"sum(1 for x in p.limits if {a} > x)",
            f"next(x for x in (1, 2, 3, 9) if x == 9 or {a} == x)",
        )

    def span(self) -> str:
        return self.of(
            "f.since_last_purchase",
            "f.until_ready",
            "p.lapse_after",
            "p.half",
            lambda: f"timedelta(days={self.small()})",
            lambda: f"(f.since_last_purchase + timedelta({self.small()}))",
            lambda: f"({self.small()} * f.until_ready)",
            lambda: f"max(f.since_last_purchase, timedelta({self.small()}))",
        )

    def text(self) -> str:
        return self.of("f.lead_source", "f.lead_source", "f.last_interaction_direction", "p.vip_label")

    # ---- conditions ----

    def condition(self, depth: int = 2) -> str:
        if self.odd(0.25):
            return self.odd_condition()
        op = self.of(">", ">=", "<", "<=", "==", "!=")
        if depth == 0:
            return self.of(
                lambda: f"{self.number(0)} {op} {self.constant()}",
                lambda: f"{self.span()} {op} {self.span()}",
                "f.was_referred",
                "f.has_opted_out",
            )

        def a() -> str:
            return self.condition(depth - 1)

        return self.of(
            lambda: f"{self.number()} {op} {self.constant()}",
            lambda: f"{self.number(1)} {op} {self.number(1)}",
            lambda: f"{self.span()} {op} {self.span()}",
            lambda: f"{self.text()} == {self.random.choice(WORDS)!r}",
            lambda: f"{self.text()} in {WORDS[:2]!r}",
            lambda: f"{self.number(1)} in (1, 3, 77)",
            lambda: f"({a()} and {a()})",
            lambda: f"({a()} or {a()})",
            lambda: f"(not {a()})",
            lambda: f"(({a()}) == ({a()}))",
            lambda: f"{self.of('any', 'all')}([{a()}, {a()}])",
            lambda: f"{self.of('any_of', 'all_of')}({a()}, {a()})",
            lambda: f"({self.small()} < {self.number(1)} <= {self.constant()})",
            "inner(f, p)",
            "is_lapsed(f, p)",
            "f.at_least(3)",
        )

    def odd_condition(self) -> str:
        x = self.number(0)
        n, c, t, s = self.number(1), self.condition(0) if self.odd(0.5) else "f.was_referred", self.text(), self.span()
        return self.of(
            f"(({c}) is True)",
            f"(({c}) is not False)",
            f"isinstance({c}, bool)",
            f"isinstance({n}, {self.of('int', 'bool', 'str')})",
            f"isinstance({s}, timedelta)",
            f"isinstance({t}, str)",
            f"type({n}) is int",
            f"type({t}) == str",
            f"({n}).__class__ is int",
            f"(type({n}) is int and {n} == 77)",
            "type(p.vip_purchases) is int",
            "type(p.lapse_after) is timedelta",
            "isinstance(f, ShopFacts)",
            "isinstance(f, Facts)",
            "type(f) is ShopFacts",
            "isinstance(p, ShopPolicy)",
            "type(p) is ShopPolicy",
            "type(p).__name__ == 'ShopPolicy'",
            "p == ShopPolicy()",
            "p != ShopPolicy()",
            "p == Policy()",
            "hash(p) == hash(ShopPolicy())",
            "p in (ShopPolicy(), Policy())",
            "p in {ShopPolicy()}",
            "repr(p) == repr(ShopPolicy())",
            "p.model_dump() == ShopPolicy().model_dump()",
            "p.model_copy() == p",
            "'vip_label' in type(p).model_fields",
            f"({n} is {n})",
            f"id({n}) == id({n})",
            f"repr({n}) == '3'",
            f"str({n}) == '3'",
            f"f'{{{x}}}' == '3'",
            f"f'{{{x}!r}}' == '3'",
            f"'%r' % ({n},) == '3'",
            f"'%s' % {n} == '77'",
            f"'{{}}'.format({n}) == '3'",
            f"str([{n}]) == '[3]'",
            f"json.dumps({n}, default=repr) == '77'",
            f"json.dumps({{'a': {t}}}, default=str) > '3'",
            f"''.join([{t}, 'x']) == 'webx'",
            f"'shop,web'.find({t}) >= 0",
            f"{t} in 'shop,web'",
            f"{t}.startswith('s')",
            f"{t} == p.vip_label",
            f"{t} < 'web'",
            f"{t} == None",
            f"{t} is None",
            f"{n} in range(4)",
            f"{n} in {{1, 2}}",
            f"{t} in {{'web'}}",
            f"NAMES.get({n}) == 'one'",
            f"cached({n})",
            f"bool({n})",
            f"{n}",
            f"({n} and {c})",
            f"hasattr({n}, 'real')",
            f"({n}).real > 3",
            f"({n}).__gt__(3)",
            "hasattr(f, 'nope')",
            "getattr(f, 'nope', 3) == 3",
            "f == f",
            "f in [f]",
            "f is f",
            "hash(f) == 0",
            "repr(f) == ''",
            "f.as_of > NOON",
            "f.now > 3",
            "f.values[0] == 1",
            "len(f.to_dict()) > 3",
            "copy.copy(f).purchase_count > 3",
            "f.evolve(purchase_count=3).purchase_count == 3",
            "inner.of(f, p)",
            "callable(f.purchase_count)",
            f"{n} == 1.0",
            f"{n} == '3'",
            f"Size({t}) is Size.SMALL",
            f"{t} == Size.SMALL",
            f"{n} == Other.ONE",
        )

    # ---- statements ----

    def body(self) -> list[str]:
        kind = self.random.choice(["bool", "number", "text", "span", "enum"])
        lines = [line for _ in range(self.random.randint(0, 2)) for line in self.statement(kind)]
        return [*lines, f"return {self.answer(kind)}"]

    def answer(self, kind: str) -> str:
        if self.odd(0.03):
            return "None"
        match kind:
            case "bool":
                return self.of("True", "False", self.condition, lambda: f"bool({self.condition()})")
            case "number":
                return self.of(self.small, self.number, "p.vip_purchases")
            case "text":
                return self.of("'web'", "''", "f.lead_source", "p.vip_label")
            case "span":
                return self.of(self.span)
            case _:
                return self.of("Size.SMALL", "Size.LARGE")

    def statement(self, kind: str) -> list[str]:
        answer, other = self.answer(kind), self.answer(kind)
        n, c = self.number(), self.condition()
        plain = [[f"if {c}:", f"    return {answer}"]] * 3 + [
            ["for limit in (1, 3, 5):", f"    if {n} > limit:", f"        return {answer}"],
            [f"if (n := {n}) > 3 and n != 5:", f"    return {answer}"],
            [f"match {n}:", "    case 0 | 1:", f"        return {answer}", "    case 77:", f"        return {other}"],
            ["match f:", "    case ShopFacts(purchase_count=3):", f"        return {answer}"],
            ["match p:", "    case ShopPolicy(vip_purchases=3):", f"        return {answer}"],
            [f"match {self.text()}:", "    case 'web':", f"        return {answer}"],
            [f"match {n}, {c}:", "    case 3, True:", f"        return {answer}"],
        ]
        error = self.random.choice(ERRORS)
        odd = [
            ["try:", f"    if {c}:", f"        return {answer}", f"except {error}:", f"    return {other}"],
            ["try:", f"    if int({n}) > 3:", f"        return {answer}", f"except {error}:", "    pass"],
            [f"with contextlib.suppress({error}):", f"    if {c}:", f"        return {answer}"],
            ["try:", f"    if {c}:", f"        return {answer}", "finally:", f"    if f.was_referred: return {other}"],
            [f"match {n}:", "    case int():", f"        return {answer}"],
            [f"match {n}:", "    case bool() | str():", f"        return {answer}"],
            ["match f.was_referred:", "    case True:", f"        return {answer}"],
            [f"{{int: 1}}[type({n})]"],
            [f"print({n}, end='')"],
            ["total = 0", f"while total < {n}:", "    total += 1"],
        ]
        return self.random.choice(odd if self.odd(0.3) else plain)
