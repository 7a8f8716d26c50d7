"""Stored form of live facts.

Invariant: `FactsState.model_validate_json(state.model_dump_json()) == state` for every state.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from funnel._fields import Frozen, Id, Instant
from funnel.facts._schema import FactSchema

_VERSION = 2
"""Version of the layout of a row; rows of other versions are not read."""


class FactsState(Frozen, frozen=True):
    """State of one person between two records: the values of the facts that were read.

    A state converts to JSON and back without loss, and can be a field of a pydantic model. It does not contain policy
    numbers: if the policy changes, states stay valid. If the declaration of a fact changes, its values are not used any
    more, and the history is read.

    Example:
        >>> from funnel import Facts, History, LiveFacts
        >>> state = LiveFacts(History(person_id="p1"), Facts).state
        >>> FactsState.model_validate_json(state.model_dump_json()) == state
        True
    """

    person_id: Id
    """Id of the person."""
    latest: Instant
    """Latest instant in the values; the year 1800 if there are no records."""
    values: tuple[tuple[str, tuple[int | str, ...]], ...] = ()
    """Values of each group of facts, after a digest of the declarations."""

    def __repr__(self) -> str:
        """Return the sizes only, without values."""
        return f"FactsState(values={[len(row) for _, row in self.values]})"

    __str__ = __repr__


@lru_cache(maxsize=256)
def digest(plan: FactSchema) -> str:
    """Return the version of the layout and a digest of the fact declarations.

    The text differs if the values of a state would differ.
    """
    declared = repr((plan.reductions, plan.derived)).encode()
    return f"{_VERSION}:{blake2b(declared, digest_size=8).hexdigest()}"
