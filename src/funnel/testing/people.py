"""Strategies for generated people (facts, histories, tables) and for policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st
from pydantic import ValidationError

from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Record
from funnel.store._frames import frames_of, logs_with_people
from funnel.store._results import Engine
from funnel.store._sqlite_store import SqliteStore
from funnel.testing.arguments import check_arguments
from funnel.testing.own_columns import OwnColumns
from funnel.testing.strategies import END, histories, instants

if TYPE_CHECKING:
    from funnel.logs import Logs

F = TypeVar("F", bound=BaseFacts)
P = TypeVar("P", bound=Policy)

_NUMBERS = (0, 1, 2, 3, 5, 100, 150)
_SPANS = tuple(timedelta(microseconds=1) * count for count in (0, 1)) + tuple(map(timedelta, (1, 7, 30, 90, 365)))


@check_arguments
def policies(policy: type[P] = Policy) -> st.SearchStrategy[P]:  # type: ignore[assignment]
    """Return a strategy for policies: most values are defaults, some are other allowed values.

    Args:
        policy: The policy class, for a shop that has its own fields.

    Example:
        >>> from hypothesis import given
        >>> @given(policies())
        ... def test_shops_differ(policy: Policy) -> None:
        ...     assert policy.lapse_after > timedelta(0)
        >>> test_shops_differ()
    """
    allowed = {name: _allowed(policy, name) for name in policy.model_fields}
    several = {name: st.sampled_from(values) for name, values in allowed.items() if values}
    policy_values = st.fixed_dictionaries({}, optional=several)
    return policy_values.filter(lambda numbers: _fits(policy, numbers)).map(policy.model_validate)


def _allowed(policy: type[Policy], name: str) -> list[object]:
    """Return numbers or spans that a field may hold."""
    default = policy.model_fields[name].get_default(call_default_factory=True)
    candidates: tuple[object, ...] = _SPANS if isinstance(default, timedelta) else _NUMBERS
    return [value for value in candidates if _fits(policy, {name: value})]


def _fits(policy: type[Policy], numbers: Mapping[str, object]) -> bool:
    try:
        policy.model_validate(numbers)
    except ValidationError:
        return False
    return True


@check_arguments
def facts(facts: type[F] = Facts, *, as_of: datetime | None = None) -> st.SearchStrategy[F]:  # type: ignore[assignment]
    """Return a strategy for consistent facts of a generated person.

    Args:
        facts: The class of facts. The person's records have the own columns that it reads.
        as_of: The instant of the facts; any instant by default.
    """
    moments = instants() if as_of is None else st.just(as_of)
    return st.tuples(histories(facts=facts), moments).map(lambda pair: facts.of(pair[0], as_of=pair[1]))


def _owned(record: Record, person_id: str) -> Record:
    """Return the record with an id that is unique across people."""
    names = ("id", "purchase_id", "question_id", "complaint_id")
    numbers = {name: getattr(record, name, None) for name in names}
    return record.model_copy(update={name: f"{person_id}-{number}" for name, number in numbers.items() if number})


@check_arguments
def people(count: int = 3, *, most: int = 12, facts: type[BaseFacts] = Facts) -> st.SearchStrategy[tuple[History, ...]]:
    """Return a strategy for histories of several people, whose record ids are unique across people.

    Args:
        count: Number of people.
        most: Maximum number of records per person.
        facts: A class of facts. Records and people have the own columns that it reads.
    """

    def owned(history: History) -> History:
        records = [_owned(record, history.person_id) for record in history.records]
        return History.of(history.person_id, records, customer=history.customer)

    return st.tuples(*(histories(f"p{number}", most=most, facts=facts).map(owned) for number in range(1, count + 1)))


@check_arguments
def logs(count: int = 3, *, engine: Engine = "polars", facts: type[BaseFacts] = Facts) -> st.SearchStrategy[Logs]:
    """Return a strategy for tables of several people.

    Args:
        count: Number of people.
        engine: The engine that holds the tables.
        facts: A class of facts. The tables have the own columns that it reads.
    """
    own = OwnColumns.of(facts)
    return people(count, facts=facts).map(lambda people_records: logs_of(people_records, engine, own))


def logs_of(people_records: Sequence[History], engine: Engine, own: OwnColumns) -> Logs:
    """Return the records of histories as tables of an engine, with own columns."""
    with SqliteStore() as store:
        store.load([*_records(people_records), *own.specimens()], recorded_at=END)
        with store._reading() as tables:  # noqa: SLF001 (the store of this call)
            return logs_with_people(frames_of(tables), engine, own.rows_of(people_records))


def _records(people_records: Sequence[History]) -> Iterator[Record]:
    """Yield every record once; an arrival in two histories is one record."""
    yield from dict.fromkeys(record for history in people_records for record in history.records)
