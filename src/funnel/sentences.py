"""Answers and their reasons as a sentence that a shop owner reads, in English and Indonesian.

The words stand in one table, `funnel._words`. A sentence says what is so, not what it was compared with: the numbers of
the shop stand in the policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from funnel._facts.views import known
from funnel._given import brief, instance, is_one_of
from funnel._rule import rule_given
from funnel._words import AHEAD, ANSWERS, EXPLAINS, FACTS, POINTS, REASONS, SPANS, Both, Explaining
from funnel.errors import ArgumentError
from funnel.policy import OCCASION

if TYPE_CHECKING:
    from funnel._facts.base import BaseFacts
    from funnel._lift.paths import Reason, Why
    from funnel._rule import Rule

Language: TypeAlias = Literal["en", "id"]
"""A language: "en" English, "id" Indonesian."""

_PLACES: dict[str, int] = {"en": 0, "id": 1}
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_LEAST: Mapping[str, timedelta] = {"purchase_interval": OCCASION}
"""Facts of which a smaller value is not worth a word: purchases of one occasion show no interval."""


def in_words(answer: Enum, *, language: Language = "en") -> str:
    """What an answer is called.

    Args:
        answer: A member of an enum of the library; of another one, its value is told.
        language: "en" English, "id" Indonesian.

    Raises:
        ArgumentError: The language is unknown.

    Example:
        >>> from funnel import NextStep, Stage
        >>> in_words(NextStep.ANSWER), in_words(Stage.REPEAT_CUSTOMER, language="id")
        ('Answer their question', 'Pelanggan')
    """
    place = _place(language)
    instance(answer, Enum, "answer", "a member of an enum, such as a rule answers with")
    value = str(answer.value)
    told = ANSWERS.get(type(answer).__name__, {}).get(value)
    return value.replace("_", " ") if told is None else told[place]


def sentence(
    rule: Rule[Any, Any, Any], person: Any, policy: Any, *, as_of: datetime | None = None, language: Language = "en"
) -> str:
    """The answer of a rule for one person and why, as one sentence.

    What adds to points is told with them, the biggest first. What nobody has put into words is told as the rule has it.

    Args:
        rule: The rule, such as `next_step` or `readiness`.
        person: Their facts, or their history.
        policy: The shop's numbers.
        as_of: The instant of judgement; with a history only.
        language: "en" English, "id" Indonesian.

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
        >>> sentence(readiness, facts, Policy())
        'Warm: they filled a basket 2 days ago (+20); they have bought once (+10).'
        >>> sentence(readiness, facts, Policy(), language="id")
        'Mulai tertarik: mengisi keranjang 2 hari lalu (+20); sudah membeli sekali (+10).'
    """
    place = _place(language)
    facts = rule_given(rule).facts_from(person, as_of)
    why = rule.why(facts, policy)
    answer = in_words(why.answer, language=language) if isinstance(why.answer, Enum) else str(why.answer)
    reasons = list(_reasons(why, facts, place))
    return f"{answer}: {'; '.join(reasons)}." if reasons else f"{answer}."


def _place(language: str) -> int:
    if not is_one_of(language, _PLACES):
        msg = f"no words are known in {brief(language)}; give 'en' or 'id'"
        raise ArgumentError(msg)
    return _PLACES[language]


def _reasons(why: Why, facts: BaseFacts, place: int) -> Iterator[str]:
    """What explains the answer: the facts that are named for it, the parts of its points, or else all its reasons."""
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
    """What adds to the points, the biggest first; what is told in the same words is added up."""
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


def _phrase(words: Both, value: object, place: int) -> str:
    """What is said of a fact of this value; nothing where there is nothing to say."""
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
