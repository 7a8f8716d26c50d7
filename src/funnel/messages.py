"""Labels and explanations of answers for shop staff, in English and Indonesian.

`funnel._messages` holds all texts. A sentence gives the actual value, not the limit: the limits are in the policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from funnel._arguments import brief, instance, is_one_of
from funnel._messages import ANSWERS, EXPLAINS, EXPLAINS_FUTURE, FACTS, POINTS, REASONS, SPANS, Explaining, Translated
from funnel.errors import ArgumentError
from funnel.facts._base import BaseFacts
from funnel.facts._display import output_value
from funnel.policy import OCCASION
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from funnel._expr.explain import Explanation, Reason

__all__ = ["explain", "label"]

Language: TypeAlias = Literal["en", "id"]
"""A language: "en" English, "id" Indonesian."""

_LANGUAGES: dict[str, int] = {"en": 0, "id": 1}
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_MINIMUMS: Mapping[str, timedelta] = {"purchase_interval": OCCASION}
"""Minimum value to mention a fact: purchases of one occasion show no interval."""


def label(answer: Enum, *, language: Language = "en") -> str:
    """Return the label of an answer.

    Args:
        answer: Member of an enum of the library. For another enum, the label is its value.
        language: "en" for English, "id" for Indonesian.

    Raises:
        ArgumentError: The language is unknown.

    Example:
        >>> from funnel.rules import NextAction
        >>> from funnel import Stage
        >>> label(NextAction.ANSWER), label(Stage.REPEAT_CUSTOMER, language="id")
        ('Answer the question', 'Pelanggan')
    """
    column = _column_of(language)
    instance(answer, Enum, "answer", "a member of an enum, such as the answer of a rule")
    value = str(answer.value)
    labels = ANSWERS.get(type(answer).__name__, {}).get(value)
    return value.replace("_", " ") if labels is None else labels[column]


def explain(
    rule: Rule[Any, Any, Any], person: Any, policy: Any, *, as_of: datetime | None = None, language: Language = "en"
) -> str:
    """Return the answer of a rule for one person and its reasons, as one sentence.

    Reasons with points are listed with their points, the largest first. A reason without a text is shown as the
    condition of the rule.

    Args:
        rule: The rule, such as `next_action` or `readiness`.
        person: Facts or history of the person.
        policy: The shop's policy.
        as_of: Instant to evaluate at. Allowed with a history only.
        language: "en" for English, "id" for Indonesian.

    Raises:
        ArgumentError: The language is unknown.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Facts, Policy, readiness
        >>> facts = Facts(
        ...     as_of=datetime(2026, 3, 1, tzinfo=UTC),
        ...     inbound_count=2,
        ...     purchase_count=1,
        ...     since_last_purchase=timedelta(days=9),
        ...     since_last_cart=timedelta(days=2),
        ... )
        >>> explain(readiness, facts, Policy())
        'Warm: they have bought once, they last bought 9 days ago (+32); they filled the cart 2 days ago (+20).'
        >>> explain(readiness, facts, Policy(), language="id")
        'Mulai tertarik: sudah belanja sekali, terakhir belanja 9 hari lalu (+32); mengisi keranjang 2 hari lalu (+20).'
    """
    column = _column_of(language)
    facts = check_is_rule(rule)._facts_from(person, as_of)
    why = rule.why(facts, policy)
    answer = label(why.answer, language=language) if isinstance(why.answer, Enum) else str(why.answer)
    reasons = list(_reasons(why, facts, column))
    return f"{answer}: {'; '.join(reasons)}." if reasons else f"{answer}."


def facts_explained(answers: type[Enum]) -> frozenset[str]:
    """Return the facts that the sentences of some answers show, besides those that their rule reads."""
    texts = EXPLAINS[answers.__name__].values()
    names = (name for explaining in texts for one in explaining for name in ((one,) if isinstance(one, str) else one))
    return frozenset(names)


def check_language(language: object) -> None:
    """Check that texts exist in a language.

    Raises:
        ArgumentError: The language is unknown.
    """
    if not is_one_of(language, _LANGUAGES):
        raise ArgumentError(f"language must be 'en' or 'id' (got {brief(language)})")


def _column_of(language: str) -> int:
    check_language(language)
    return _LANGUAGES[language]


def _reasons(why: Explanation, facts: BaseFacts, column: int) -> Iterator[str]:
    """Yield the reasons for an answer.

    These are the parts of its points, or else the facts listed for the answer, or else all its reasons.
    """
    points = [reason for reason in why.reasons if reason.points]
    value = str(getattr(why.answer, "value", ""))
    explaining = EXPLAINS.get(type(why.answer).__name__, {}).get(value)
    if points:
        yield from _of_points(points, facts, column)
    elif explaining is not None:
        read = {name for reason in why.reasons for name in reason.facts}
        yield from _phrases(_explaining(explaining, EXPLAINS_FUTURE.get(value), facts, read), facts, column)
    else:
        yield from dict.fromkeys(_of_reason(reason, facts, column) for reason in why.reasons)


def _of_points(parts: Iterable[Reason], facts: BaseFacts, column: int) -> Iterator[str]:
    """Yield the parts of the points, the largest first.

    Parts with the same text are summed.
    """
    sums: dict[str, int] = {}
    for part in parts:
        names = POINTS.get(part.points_field, part.facts)
        words = ", ".join(_phrases(names, facts, column)) or part.condition
        sums[words] = sums.get(words, 0) + part.points
    for words, points in sorted(sums.items(), key=lambda one: -abs(one[1])):
        if points:
            yield f"{words} ({points:+d})"


def _explaining(
    explaining: Explaining, future: tuple[str, ...] | None, facts: BaseFacts, read: Collection[str]
) -> Iterator[str]:
    if future is not None:
        until = _value(facts, future[0])
        if until is not None and until > timedelta(0):
            yield from future
            return
    for one in explaining:
        several = [one] if isinstance(one, str) else [name for name in one if name in read] or one
        yield min(several, key=lambda name: _value(facts, name) or timedelta.max)


def _of_reason(reason: Reason, facts: BaseFacts, column: int) -> str:
    phrases = list(_phrases(reason.facts, facts, column))
    return ", ".join(phrases) if phrases else str(reason)


def _phrases(names: Iterable[str], facts: BaseFacts, column: int) -> Iterator[str]:
    for name in names:
        value = _value(facts, name)
        is_told = name in FACTS and not (name in _MINIMUMS and value is not None and value < _MINIMUMS[name])
        phrase = _phrase(FACTS[name], value, column) if is_told else ""
        if phrase:
            yield phrase


def _value(facts: BaseFacts, name: str) -> Any:
    plan = facts._fact_plan
    return output_value(plan.declared[name], facts.values[plan.indices[name]], facts.now)


def _phrase(words: Translated, value: object, column: int) -> str:
    """Return the phrase for a fact value; "" without a text."""
    forms = words[column].split("|")
    match value:
        case None:
            return ""
        case timedelta():
            over = value < timedelta(0) and len(forms) > 1
            return forms[over].replace("{span}", _span(abs(value), column))
        case bool():
            return forms[value]
        case int():
            return forms[min(value, len(forms) - 1)].replace("{n}", str(value))
        case _:
            reason = REASONS.get(str(value), (str(value), str(value)))
            return forms[0].replace("{n}", reason[column])


def _span(span: timedelta, column: int) -> str:
    days, hours = span // _DAY, span // _HOUR
    if hours < 1:
        return SPANS["short"][column]
    unit, count = ("hour", hours) if days < 2 else ("day", days)  # noqa: PLR2004 (below two days people count hours)
    return SPANS[unit][column].split("|")[count > 1].replace("{n}", str(count))
