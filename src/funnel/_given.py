"""What a caller gave, looked at: a word of a few, a span of time; and which word was meant by one that is unknown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from difflib import get_close_matches

from funnel._instants import FOREVER, MICROSECOND, NEVER
from funnel.errors import RecordError

_LONGEST = 200
"""So much of a text that was given is compared; to look for names like a long one takes for ever."""


def span(given: object, what: str, *, least: int = 1) -> int:
    """A span of time in microseconds.

    Args:
        given: What was given for it.
        what: How the caller knows it, for the error.
        least: How many microseconds it must have: one, or none where zero will do.

    Raises:
        RecordError: It is no timedelta, shorter than that, or longer than all the years that are kept.
    """
    if not isinstance(given, timedelta) or given // MICROSECOND < least:
        allowed = "above zero" if least else "from zero up"
        msg = f"{what} is {given!r}; give a timedelta {allowed}, such as timedelta(days=7)"
        raise RecordError(msg)
    whole = given // MICROSECOND
    if whole > FOREVER - NEVER:
        msg = f"{what} is {given!r}, longer than the years that are kept; give a shorter timedelta"
        raise RecordError(msg)
    return whole


INNER = "_funnel_"
"""No column, fact or rule of a shop begins so: columns of this library that stand beside a shop's own do."""


def name_problem(name: str, taken: Collection[str]) -> str:
    """What is wrong with the name of a fact or a rule, which becomes that of a column; "" if nothing is.

    Databases do not tell upper case from lower case.
    """
    if name.casefold().startswith(INNER):
        return f"begins with {INNER}, which is kept for columns of this library"
    if name.casefold() in taken:
        return "is the name of a column that is added to every answer"
    return ""


def quoted(name: str) -> str:
    """The name of a column as SQL has it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def one_of(given: object, allowed: Sequence[str], what: str) -> None:
    """Refuse a word that is not allowed.

    Raises:
        RecordError: It is none of them.
    """
    if given not in allowed:
        msg = f"{what} is {given!r}; give {' or '.join(map(repr, allowed))}{meant(given, allowed)}"
        raise RecordError(msg)


def meant(given: object, known: Iterable[str]) -> str:
    """A hint at the word that was meant, to put behind a message; empty where none is like it."""
    close = get_close_matches(str(given)[:_LONGEST], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def nearest(given: str, known: Iterable[str]) -> str:
    """A hint at the names that look most like one that is unknown, or else all of them."""
    known = sorted(known)
    close = get_close_matches(given[:_LONGEST], known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
