"""Kinds of event in a query: absent kinds count 0, misspelt kinds are refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel.errors import ArgumentError
from funnel.metrics._purchases import PERSON

_CLOSE = 0.75
"""Allows one wrong letter in four, such as "viwe" for "view"; "email_clicked" and "email_opened" have 0.64."""

_LONGEST = 200
"""Longer texts are not compared: the time of difflib grows with the square of their length."""

_WITH_PEOPLE = ("leads", "purchases", "interactions")


def check_kinds(
    queried: Iterable[str], there: Collection[str], excluded: Iterable[str] = (), *, only: bool = False
) -> None:
    """Refuse kinds that do not occur and resemble a kind that does.

    A query may contain two similar kinds, such as "view" and "views". This does not excuse an exclusion: a misspelt
    exclusion excludes nothing, and nobody notices.

    Args:
        queried: The kinds that the query names.
        there: The kinds that occur; for logs, the kinds that logs can hold.
        excluded: The kinds of the exclusions.
        only: Whether no other kind can occur.

    Raises:
        ArgumentError: A kind is misspelt, or it cannot occur.
    """
    kinds = dict.fromkeys(queried)
    for kind, others in (*((kind, kinds) for kind in kinds), *((kind, {}) for kind in excluded)):
        close = None if kind in there else _close(kind, there, others)
        if close is not None:
            raise ArgumentError(f"no event has the kind {kind[:_LONGEST]!r}; did you mean {close!r}?")
        if only and kind not in there:
            remedy = f"use one of {', '.join(there)}, or pass a table of events that has this kind"
            raise ArgumentError(f"Logs cannot hold events of the kind {kind[:_LONGEST]!r}; {remedy}")


def _close(kind: str, there: Collection[str], queried: Collection[str]) -> str | None:
    name, _, number = kind.rpartition(" ")
    if name in there and number.isdigit():  # a step that repeats a kind is called "purchase 2"; its kind is "purchase"
        return name
    folded = kind[:_LONGEST].casefold()
    same = next((one for one in sorted(there) if _plain(one.casefold()) == _plain(folded)), None)
    if same is not None:
        return same
    others = {one.casefold(): one for one in sorted(there) if _may_be_meant(folded, one, queried)}
    return next((others[one] for one in get_close_matches(folded, others, n=1, cutoff=_CLOSE)), None)


def _may_be_meant(kind: str, other: str, queried: Collection[str]) -> bool:
    """Return whether a kind may be a misspelling of another kind.

    Yes if both have the same characters in another order. Otherwise no if they differ only in their numbers, or if the
    query names the other kind too.
    """
    folded = other.casefold()
    if sorted(_plain(kind)) == sorted(_plain(folded)) and _numbers(kind) == _numbers(folded):
        return True
    return other not in queried and _without_numbers(kind) != _without_numbers(folded)


def _plain(kind: str) -> str:
    """Return a kind without blanks, hyphens and underscores.

    Between two numbers these stay: "1_2" is not "12".
    """
    return re.sub(r"(?<!\d)[\s_-]+|[\s_-]+(?!\d)", "", kind)


def _numbers(kind: str) -> list[str]:
    return re.findall(r"\d+", kind)


def _without_numbers(kind: str) -> str:
    return re.sub(r"\d+", "0", kind)


def no_events(tables: Mapping[str, Frame], **columns: nw.dtypes.DType) -> Frame:
    """Return a table without rows for a missing log: `person_id` as in the other logs, and these columns."""
    other = next(tables[name] for name in _WITH_PEOPLE if name in tables)
    return other.head(0).select(PERSON, **{name: nw.lit(0).cast(dtype) for name, dtype in columns.items()})
