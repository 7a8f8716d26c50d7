"""Kinds of event in a question: a kind that occurs nowhere counts 0, and a misspelt kind is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

import narwhals as nw

from funnel.errors import ArgumentError
from funnel.metrics._purchases import PERSON

if TYPE_CHECKING:
    from funnel._frames import Frame

_CLOSE = 0.75
"""One wrong letter in four, such as "viwe" for "view"; "email_clicked" and "email_opened" have 0.64."""

_LONGEST = 200
"""Longer texts are not compared: difflib takes time that grows with the square of their length."""

_WITH_PEOPLE = ("leads", "purchases", "interactions")


def check_kinds(asked: Iterable[str], there: Collection[str]) -> None:
    """Refuse kinds that do not occur and look like one that does.

    Args:
        asked: The kinds that the question names.
        there: The kinds that occur; of logs, those that logs can hold.

    Raises:
        ArgumentError: A kind is misspelt.
    """
    kinds = dict.fromkeys(asked)
    for kind in kinds:
        close = None if kind in there else _close(kind, there, kinds)
        if close is not None:
            msg = f"no event is of the kind {kind[:_LONGEST]!r}; did you mean {close!r}?"
            raise ArgumentError(msg)


def _close(kind: str, there: Collection[str], asked: Collection[str]) -> str | None:
    name, _, number = kind.rpartition(" ")
    if name in there and number.isdigit():  # a step that repeats a kind is called "purchase 2"; its kind is "purchase"
        return name
    folded = kind[:_LONGEST].casefold()
    others = {one.casefold(): one for one in sorted(there) if _may_be_meant(folded, one, asked)}
    return next((others[one] for one in get_close_matches(folded, others, n=1, cutoff=_CLOSE)), None)


def _may_be_meant(kind: str, other: str, asked: Collection[str]) -> bool:
    """Whether a kind can be another one misspelt: not if they are numbered, or if the question names the other too."""
    folded = other.casefold()
    if sorted(kind) == sorted(folded):
        return True
    return other not in asked and _without_numbers(kind) != _without_numbers(folded)


def _without_numbers(kind: str) -> str:
    return re.sub(r"\d+", "0", kind)


def no_events(tables: Mapping[str, Frame], **columns: nw.dtypes.DType) -> Frame:
    """A table without rows, for a log that is not there: `person_id` as the other logs have it, and these columns."""
    other = next(tables[name] for name in _WITH_PEOPLE if name in tables)
    return other.head(0).select(PERSON, **{name: nw.lit(0).cast(dtype) for name, dtype in columns.items()})
