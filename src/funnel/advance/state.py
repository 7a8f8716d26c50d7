"""The running values of one person, as they are kept between two events.

Law: `Running.from_json(state.to_json()) == state` for every state.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from pydantic import AwareDatetime  # noqa: TC002 (pydantic reads it)
from pydantic_core import core_schema

from funnel._facts.plan import Plan
from funnel._fields import Frozen, Id
from funnel._instants import instant, micros
from funnel.advance.waiting import Open, Waiting

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

Row = tuple[int | str, ...]


@attrs.define(init=False, repr=False, unsafe_hash=True)
class _Values:
    """What a state holds; its fields are set and then it is closed: a frozen class takes three times as long."""

    facts: str
    """Which facts the values are of: the form in which they are written, and a digest of how they are declared."""
    person_id: str
    """Whose values they are."""
    latest: datetime
    """The latest instant that is in the values; the year 1800 where nothing is."""
    values: Row
    """The values, each at its place."""
    waiting: Waiting
    """The questions and complaints that are open, where the rule reads them."""


class Running(_Values):
    """The running values of one person: all that one rule needs to know of what was.

    It goes into a column of JSON and comes back as itself, and may be a field of a pydantic model. The shop's numbers
    do not stand in it: where they change, states stay good, unless the rule now reads other facts.

    Example:
        >>> from funnel import Advance, Policy, Visit, stage
        >>> advance = Advance(stage, Policy())
        >>> came = Visit(id="v1", person_id="p1", occurred_at="2026-03-01T09:00Z")
        >>> state = advance(advance.begin("p1"), came)
        >>> Running.from_json(state.to_json()) == state
        True
    """

    __slots__ = ()
    VERSION: ClassVar[int] = 1
    """The form in which states are written; those of another form are refused."""

    if not TYPE_CHECKING:  # pragma: no branch - type checkers need no more than that it is frozen

        def __setattr__(self, name: str, value: object) -> None:
            msg = f"{name} cannot be set; a state is what is known after one event, the next event makes another"
            raise AttributeError(msg)

    def to_json(self) -> str:
        """The state as JSON text."""
        return _written(self).model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Running:
        """Read a state as it was written.

        Args:
            text: What `to_json` gave.

        Raises:
            pydantic.ValidationError: It is no state; it is a ValueError too.
        """
        return _read(_Written.model_validate_json(text))

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Say how pydantic reads and writes a state."""
        read = core_schema.no_info_after_validator_function(_read, handler(_Written))
        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda state: _written(state).model_dump(mode="json")
            ),
        )

    def __repr__(self) -> str:
        """Show how much there is, nothing else."""
        return f"Running(facts={self.facts!r}, values={len(self.values)}, waiting={len(self.waiting)})"

    __str__ = __repr__


class _Written(Frozen, frozen=True, title="Running"):
    """A state as it is written."""

    facts: str
    person_id: Id
    latest: AwareDatetime
    values: Row
    waiting: tuple[Open, ...] = ()


def _written(state: Running) -> _Written:
    told: dict[str, Any] = {name: getattr(state, name) for name in _Written.model_fields}
    told["waiting"] = tuple(state.waiting)
    return _Written.model_construct(**told)


def _read(written: _Written) -> Running:
    latest = instant(micros(written.latest))
    return running(written.facts, written.person_id, latest, written.values, Waiting.of(written.waiting))


def running(facts: str, person_id: str, latest: datetime, values: Row, waiting: Waiting) -> Running:
    """A state."""
    state: Any = object.__new__(_Values)
    state.facts = facts
    state.person_id = person_id
    state.latest = latest
    state.values = values
    state.waiting = waiting
    state.__class__ = Running
    return state  # type: ignore[no-any-return]


def digest(plan: Plan) -> str:
    """A short text that is another where the values of a state would be others: the form, and the declarations."""
    declared = repr((plan.reductions, plan.derived)).encode()
    return f"{Running.VERSION}:{blake2b(declared, digest_size=8).hexdigest()}"
