"""Live facts of one person, updated record by record.

Invariant: for any arrival order (a refund after its purchase), facts and answers equal those of `Facts.of` and of the
rule for the history of all records.

A back end does not need to read the history again. `add` only stores a record. A query updates only the values that it
needs: a rule needs the few facts that it reads. The ledger is written when a query or a record needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

from funnel._aggregate.fold import Row
from funnel._arguments import instance, is_function, kind_of, parse_as_of, subclass
from funnel._expr.nodes import Value
from funnel._fields import Frozen, Id, Instant
from funnel._ledger.incremental import GrowingLedger
from funnel._time import EARLIEST, instant, micros
from funnel.errors import ArgumentError, FactsError
from funnel.facts._base import AnyLiveFacts, BaseFacts
from funnel.facts._schema import FactSchema
from funnel.history import History, check_is_history
from funnel.incremental._live_values import LiveValues
from funnel.interactions import Interaction
from funnel.records import Purchase, Record, check_is_record

# ---- stored form of live facts ---------------------------------------------------------------------------------------

# Invariant: `FactsState.model_validate_json(state.model_dump_json()) == state` for every state.


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


# ---- the live facts --------------------------------------------------------------------------------------------------


F = TypeVar("F", bound=BaseFacts)
G = TypeVar("G", bound=BaseFacts)
R = TypeVar("R")

_Key: TypeAlias = tuple[type[Record], tuple[str, str]]

_BEFORE_ALL = instant(EARLIEST)
"""Latest instant of a person without records."""

_MOST_SCHEMAS = 64
"""Maximum number of cached schemas; rules that read the same facts share a schema."""


class LiveFacts(AnyLiveFacts, Generic[F]):
    """Live facts of one person: each record updates them, without a full read.

    Rules take live facts like a history: `rule.of(live, policy, as_of=...)`. A duplicate record is ignored. Records are
    not validated like in a `History` (an answer without a question, a refund above its purchase). The own columns of
    the customer are those of the history; make live facts again when they change.

    Args:
        history: Records so far.
        facts: Facts class to keep.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Facts, History, LiveFacts, Policy, stage
        >>> from funnel.interactions import Visit
        >>> live = LiveFacts(History(person_id="p1"), Facts)
        >>> live.add(Visit(id="v1", person_id="p1", occurred_at=datetime(2026, 3, 1, tzinfo=UTC)))
        >>> live.facts(as_of=datetime(2026, 3, 2, tzinfo=UTC)).inbound_count
        1
        >>> stage.of(live, Policy(), as_of=datetime(2026, 3, 2, tzinfo=UTC)).value
        'prospect'
    """

    facts_class: type[F]
    """The class of the facts."""
    person_id: str
    """Id of the person."""
    _ledger: GrowingLedger | None  # None until the history of a restored state is read
    _latest: datetime  # the last instant at which a record changes a fact
    _new: list[Record]  # records after all others, not yet in the ledger
    _keys: set[_Key]
    _version: int  # number of times the ledger was written
    _values: dict[FactSchema, LiveValues]
    _read: Callable[[], History] | None
    _stored: Mapping[str, Row]

    def __init__(self, history: History, facts: type[F]) -> None:
        """Read the records so far."""
        subclass(facts, BaseFacts, "facts", "Facts or a class that extends it")
        self.__setstate__((facts, *_opened(check_is_history(history))))

    @staticmethod
    def from_state(state: FactsState, facts: type[G], read: Callable[[], History]) -> LiveFacts[G]:
        """Restore live facts from a stored state, without the history.

        Args:
            state: The state, as returned by `state`.
            facts: Facts class to keep.
            read: Returns the history with all records of the state. It is called at most once: if a rule reads facts
                that are not in the state, or if a record changes facts that depend on earlier records. Examples: a
                record at or before the latest one; a refund; a lead; an order that is cancelled or delivered; an
                answer, if the rule reads open questions.

        Raises:
            ArgumentError: `state` is not a state, or `read` is not a function.
        """
        instance(state, FactsState, "state", "a FactsState, such as LiveFacts.state")
        if not is_function(read):
            raise ArgumentError(f"read must be a function that returns the history (got {kind_of(read)})")
        live = LiveFacts(History(person_id=state.person_id), facts)
        live._restore(state, read)
        return live

    def _restore(self, state: FactsState, read: Callable[[], History]) -> None:
        self._ledger, self._read = None, read
        self._stored, self._latest = dict(state.values), state.latest

    def __getstate__(self) -> tuple[type[F], GrowingLedger, set[_Key]]:
        """Return the ledger for a copy; a copy computes its values again on demand."""
        with self._lock:
            return self.facts_class, copy(self._full_ledger()), self._keys.copy()

    def __setstate__(self, state: tuple[type[F], GrowingLedger, set[_Key]]) -> None:
        """Restore the ledger of a copy."""
        self.facts_class, ledger, self._keys = state
        self.person_id = ledger.person_id
        self._ledger = ledger
        self._latest = _last(ledger)
        self._new = []
        self._version = 0
        self._values = {}
        self._read, self._stored = None, {}
        self._lock = Lock()

    # ---- records ----

    def add(self, record: Record) -> None:
        """Add one record; a duplicate record changes nothing.

        Args:
            record: A lead, purchase, refund or interaction of this person.

        Raises:
            RecordError: The record is of another person, or refunds an unknown purchase. Add the refund again after
                its purchase.
        """
        kind = type(record)
        moment = _moment_of(kind)
        if not moment:
            check_is_record(record)
        key, fields = (kind, record.key), vars(record)
        with self._lock:
            if key in self._keys:
                return
            if (
                moment
                and fields[moment] > self._latest
                and self.person_id == fields["person_id"]
                and _is_whole(fields)
                and (self._latest > _BEFORE_ALL or not self._reads_people)
            ):
                self._new.append(record)
                self._latest = fields[moment]
            else:
                self._write(record, key)
            self._keys.add(key)

    @property
    def _reads_people(self) -> bool:
        """Return whether a fact is an own column of the person, which counts from the first record."""
        return "people" in self.facts_class._fact_plan.streams

    def _write(self, record: Record, key: _Key) -> None:
        """Write a record to the ledger, unless the history that was read for it has it."""
        ledger = self._full_ledger()
        if key not in self._keys:
            ledger.add(record)
            self._version += 1
            self._latest = max(self._latest, _last(ledger))

    def _full_ledger(self) -> GrowingLedger:
        """Return the ledger of all records; read the history if needed."""
        if self._ledger is None:
            assert self._read is not None
            history = check_is_history(self._read(), "the result of read")
            if history.person_id != self.person_id:
                raise ArgumentError("read returned the history of another person; return the history of this person")
            self._ledger, keys = _opened(history)
            self._new = [record for record in self._new if _key(record) not in keys]
            self._keys |= keys
            self._values.clear()
            self._latest = max(self._latest, _last(self._ledger))
        if self._new:
            self._write_new(self._ledger)
        return self._ledger

    def _write_new(self, ledger: GrowingLedger) -> None:
        """Write the new records to the ledger; values that contain them already only follow."""
        start = 0
        for end in sorted({len(self._new), *(live.count for live in self._values.values())}):
            for record in self._new[start:end]:
                ledger.add(record)
            for live in self._values.values():
                if live.count == end > 0:
                    live.catch_up(ledger, is_added=True)
                    live.count = 0
            start = end
        self._new.clear()
        self._version += 1

    # ---- queries ----

    def facts(self, *, as_of: datetime) -> F:
        """Return the facts at an instant.

        Args:
            as_of: Instant to evaluate at. It is fast at or after the latest record; before the latest record, all rows
                are read again.

        Raises:
            InstantError: `as_of` is naive.
        """
        kind = self.facts_class
        return self._evaluate(kind._fact_plan, lambda values, now: kind._from_raw(tuple(values), now), as_of)

    def _class_for(self, name: str, facts: type[BaseFacts]) -> type[F]:
        """Internal: return the class of the facts, for a rule.

        Raises:
            FactsError: The rule reads another class of facts.
        """
        if issubclass(self.facts_class, facts):
            return self.facts_class
        present, needed = self.facts_class.__name__, facts.__name__
        raise FactsError(f"{name} reads {needed} (got live facts of {present}); create LiveFacts(history, {needed})")

    def _evaluate(self, plan: FactSchema, compute: Callable[[Sequence[Value], int], R], as_of: datetime) -> R:
        """Internal: compute a result from the values of a schema and the instant, in microseconds."""
        now = parse_as_of(as_of)
        with self._lock:
            if as_of < self._latest:
                ledger = self._full_ledger()
                ledger.settle()
                return compute(plan.values(ledger, now), now)
            live = self._values.get(plan)
            if live is None or live.version != self._version or not live.add(self._new):
                live = self._current(plan)
            return compute(live.at(now), now)

    def _current(self, plan: FactSchema) -> LiveValues:
        """Return the values of a schema after all records."""
        live = self._values.get(plan) or self._put(plan)
        if self._ledger is not None and live.version != self._version:
            live.catch_up(self._ledger)
            live.version = self._version
        if live.add(self._new):
            return live
        self._full_ledger()
        return self._current(plan)

    def _put(self, plan: FactSchema) -> LiveValues:
        """Start to keep the values of a schema."""
        stored = None if self._ledger is not None else self._stored.get(digest(plan))
        live = LiveValues.of_ledger(plan, self._full_ledger()) if stored is None else LiveValues.of_row(plan, stored)
        if len(self._values) >= _MOST_SCHEMAS:
            self._values.clear()
        self._values[plan] = live
        return live

    @property
    def state(self) -> FactsState:
        """The values of the facts that were read so far, to store and to restore with `from_state`.

        Example:
            >>> from datetime import UTC, datetime
            >>> from funnel import Facts, History, LiveFacts, Policy, stage
            >>> now = datetime(2026, 3, 2, tzinfo=UTC)
            >>> live = LiveFacts(History(person_id="p1"), Facts)
            >>> stage.of(live, Policy(), as_of=now).value
            'lead'
            >>> text = live.state.model_dump_json()
            >>> state = FactsState.model_validate_json(text)
            >>> restored = LiveFacts.from_state(state, Facts, lambda: History(person_id="p1"))
            >>> stage.of(restored, Policy(), as_of=now).value
            'lead'
        """
        with self._lock:
            is_unchanged = self._ledger is None and not self._new
            values = {digest(plan): self._current(plan) for plan in list(self._values)}
            rows = {name: live.to_row(micros(self._latest)) for name, live in values.items()}
            stored = tuple(sorted({**(self._stored if is_unchanged else {}), **rows}.items()))
            return FactsState(person_id=self.person_id, latest=self._latest, values=stored)


def _opened(history: History) -> tuple[GrowingLedger, set[_Key]]:
    """Return the ledger of a history, and the keys of its records."""
    return history._fill(GrowingLedger(history.person_id)), {_key(record) for record in history.records}


def _last(ledger: GrowingLedger) -> datetime:
    """Return the last instant at which a record changes a fact; the year 1800 if there are no records."""
    return instant(max(ledger.latest, EARLIEST))


def _key(record: Record) -> _Key:
    return type(record), record.key


@lru_cache(maxsize=64)
def _moment_of(kind: type) -> str:
    """Return the field with the instant of a record; "" for a lead, which may be a referral, and for a refund."""
    if issubclass(kind, Interaction):
        return "occurred_at"
    return "purchased_at" if issubclass(kind, Purchase) else ""


def _is_whole(fields: Mapping[str, object]) -> bool:
    """Return whether nothing follows from a record at a later instant."""
    later = fields.get("delivered_at"), fields.get("paid_at")
    return later == (None, None) and fields.get("status") not in ("cancelled", "unpaid")
