"""State of one person between two events.

Invariant: `FactsState.from_json(state.to_json()) == state` for every state.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from pydantic import AwareDatetime  # noqa: TC002 (pydantic reads it)
from pydantic_core import core_schema

from funnel._copies import unchecked
from funnel._fields import Frozen, Id
from funnel._time import instant, micros
from funnel.facts._schema import FactSchema
from funnel.incremental._open_rows import Open, Waiting

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

Row = tuple[int | str, ...]


@attrs.define(init=False, repr=False, unsafe_hash=True)
class _Values:
    """Fields of a state."""

    # The fields are set before the class becomes read-only: a frozen class takes three times as long.

    facts: str
    """Format version, and a digest of the fact declarations."""
    person_id: str
    """Id of the person."""
    latest: datetime
    """Latest instant in the values; the year 1800 if there are no records."""
    values: Row
    """Values, in the order of the plan."""
    waiting: Waiting
    """Open questions and complaints, if the rule reads them."""


class FactsState(_Values):
    """State of one person: all past data that one rule needs.

    A state converts to JSON and back without loss, and can be a field of a pydantic model. It does not contain policy
    numbers. If the policy changes, states stay valid, unless the rule then reads other facts.

    Example:
        >>> from funnel.incremental import IncrementalRule
        >>> from funnel import Policy, stage
        >>> from funnel.interactions import Visit
        >>> advance = IncrementalRule(stage, Policy())
        >>> came = Visit(id="v1", person_id="p1", occurred_at="2026-03-01T09:00Z")
        >>> state = advance(advance.begin("p1"), came)
        >>> FactsState.from_json(state.to_json()) == state
        True
    """

    __slots__ = ()
    VERSION: ClassVar[int] = 1
    """Format version of states; other versions raise an error."""

    if not TYPE_CHECKING:  # pragma: no branch - type checkers need no more than that it is frozen

        def __setattr__(self, name: str, value: object) -> None:
            msg = f"{name} cannot be set; a state is what is known after one event, the next event makes another"
            raise AttributeError(msg)

    def to_json(self) -> str:
        """Return the state as JSON text."""
        return _written(self).model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> FactsState:
        """Read a state from JSON text.

        Args:
            text: Result of `to_json`.

        Raises:
            FieldsError: The text is not a valid state. The error is also pydantic's ValidationError.
        """
        return _read(_Written.model_validate_json(text))

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Return the pydantic schema to read and write a state."""
        read = core_schema.no_info_after_validator_function(_read, handler(_Written))
        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda state: _written(state).model_dump(mode="json")
            ),
        )

    def __repr__(self) -> str:
        """Return the sizes only, without values."""
        return f"FactsState(facts={self.facts!r}, values={len(self.values)}, waiting={len(self.waiting)})"

    __str__ = __repr__


class _Written(Frozen, frozen=True, title="FactsState"):
    """Serialised form of a state."""

    facts: str
    person_id: Id
    latest: AwareDatetime
    values: Row
    waiting: tuple[Open, ...] = ()


def _written(state: FactsState) -> _Written:
    fields = {name: getattr(state, name) for name in _Written.model_fields}
    return unchecked(_Written, {**fields, "waiting": tuple(state.waiting)})


def _read(written: _Written) -> FactsState:
    latest = instant(micros(written.latest))
    return running(written.facts, written.person_id, latest, written.values, Waiting.of(written.waiting))


def running(facts: str, person_id: str, latest: datetime, values: Row, waiting: Waiting) -> FactsState:
    """Return a state with these fields."""
    state: Any = object.__new__(_Values)
    state.facts = facts
    state.person_id = person_id
    state.latest = latest
    state.values = values
    state.waiting = waiting
    state.__class__ = FactsState
    return state  # type: ignore[no-any-return]


def digest(plan: FactSchema) -> str:
    """Return the format version and a digest of the fact declarations.

    The text differs if the values of a state would differ.
    """
    declared = repr((plan.reductions, plan.derived)).encode()
    return f"{FactsState.VERSION}:{blake2b(declared, digest_size=8).hexdigest()}"
