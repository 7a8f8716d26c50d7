"""Labels and explanations of answers for shop staff, in English and Indonesian.

`funnel._messages` holds all texts. A sentence gives the actual value, not the limit: the limits are in the policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from funnel._arguments import brief, instance, is_one_of
from funnel._messages import AHEAD, ANSWERS, EXPLAINS, FACTS, POINTS, REASONS, SPANS, Explaining, Translated
from funnel.errors import ArgumentError
from funnel.facts._display import known
from funnel.policy import OCCASION
from funnel.rules._rule import check_is_rule

if TYPE_CHECKING:
    from funnel._expr.explain import Explanation, Reason
    from funnel.facts._base import BaseFacts
    from funnel.rules._rule import Rule

__all__ = [
    "explain",
    "label",
]

Language: TypeAlias = Literal["en", "id"]
"""A language: "en" English, "id" Indonesian."""

_PLACES: dict[str, int] = {"en": 0, "id": 1}
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_LEAST: Mapping[str, timedelta] = {"purchase_interval": OCCASION}
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
        ('Answer their question', 'Pelanggan')
    """
    place = _place(language)
    instance(answer, Enum, "answer", "a member of an enum, such as a rule answers with")
    value = str(answer.value)
    told = ANSWERS.get(type(answer).__name__, {}).get(value)
    return value.replace("_", " ") if told is None else told[place]


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
        ...     since_last_cart=timedelta(days=2),
        ... )
        >>> explain(readiness, facts, Policy())
        'Warm: they filled a basket 2 days ago (+20); they have bought once (+10).'
        >>> explain(readiness, facts, Policy(), language="id")
        'Mulai tertarik: mengisi keranjang 2 hari lalu (+20); sudah membeli sekali (+10).'
    """
    place = _place(language)
    facts = check_is_rule(rule).facts_from(person, as_of)
    why = rule.why(facts, policy)
    answer = label(why.answer, language=language) if isinstance(why.answer, Enum) else str(why.answer)
    reasons = list(_reasons(why, facts, place))
    return f"{answer}: {'; '.join(reasons)}." if reasons else f"{answer}."


def _place(language: str) -> int:
    if not is_one_of(language, _PLACES):
        msg = f"no words are known in {brief(language)}; give 'en' or 'id'"
        raise ArgumentError(msg)
    return _PLACES[language]


def _reasons(why: Explanation, facts: BaseFacts, place: int) -> Iterator[str]:
    """Yield the reasons for an answer.

    These are the parts of its points, or else the facts listed for the answer, or else all its reasons.
    """
    points = [reason for reason in why.reasons if reason.points]
    value = str(getattr(why.answer, "value", ""))
    named = EXPLAINS.get(type(why.answer).__name__, {}).get(value)
    if points:
        yield from _of_points(points, facts, place)
    elif named is not None:
        read = {name for reason in why.reasons for name in reason.facts}
        yield from _phrases(_explaining(named, AHEAD.get(value), facts, read), facts, place)
    else:
        yield from dict.fromkeys(_of_reason(reason, facts, place) for reason in why.reasons)


def _of_points(parts: Iterable[Reason], facts: BaseFacts, place: int) -> Iterator[str]:
    """Yield the parts of the points, the largest first.

    Parts with the same text are summed.
    """
    told: dict[str, int] = {}
    for part in parts:
        names = POINTS.get(part.points_field, part.facts)
        words = ", ".join(_phrases(names, facts, place)) or part.condition
        told[words] = told.get(words, 0) + part.points
    for words, points in sorted(told.items(), key=lambda one: -abs(one[1])):
        if points:
            yield f"{words} ({points:+d})"


def _explaining(
    named: Explaining, ahead: tuple[str, ...] | None, facts: BaseFacts, read: Collection[str]
) -> Iterator[str]:
    if ahead is not None:
        until = _value(facts, ahead[0])
        if until is not None and until > timedelta(0):
            yield from ahead
            return
    for one in named:
        several = [one] if isinstance(one, str) else [name for name in one if name in read] or one
        yield min(several, key=lambda name: _value(facts, name) or timedelta.max)


def _of_reason(reason: Reason, facts: BaseFacts, place: int) -> str:
    phrases = list(_phrases(reason.facts, facts, place))
    return ", ".join(phrases) if phrases else str(reason)


def _phrases(names: Iterable[str], facts: BaseFacts, place: int) -> Iterator[str]:
    for name in names:
        value = _value(facts, name)
        is_told = name in FACTS and not (name in _LEAST and value is not None and value < _LEAST[name])
        phrase = _phrase(FACTS[name], value, place) if is_told else ""
        if phrase:
            yield phrase


def _value(facts: BaseFacts, name: str) -> Any:
    plan = facts.fact_plan
    return known(plan.declared[name], facts.values[plan.places[name]], facts.now)


def _phrase(words: Translated, value: object, place: int) -> str:
    """Return the phrase for a fact value; "" if there is none."""
    forms = words[place].split("|")
    match value:
        case None:
            return ""
        case timedelta():
            over = value < timedelta(0) and len(forms) > 1
            return forms[over].replace("{span}", _span(abs(value), place))
        case bool():
            return forms[value]
        case int():
            return forms[min(value, len(forms) - 1)].replace("{n}", str(value))
        case _:
            told = REASONS.get(str(value), (str(value), str(value)))
            return forms[0].replace("{n}", told[place])


def _span(span: timedelta, place: int) -> str:
    days, hours = span // _DAY, span // _HOUR
    if hours < 1:
        return SPANS["short"][place]
    unit, count = ("hour", hours) if days < 2 else ("day", days)  # noqa: PLR2004 (below two days people count hours)
    return SPANS[unit][place].split("|")[count > 1].replace("{n}", str(count))
