"""One person's facts kept up to date, record by record, for a back end that does not want to read the history again.

Law: whatever the order in which records come (a refund after its purchase), the facts are those of `Facts.of` for the
history of all of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from funnel._facts.base import BaseFacts, judgement
from funnel._instants import FOREVER
from funnel._ledger import Ledger
from funnel._reduce.folds import END, Row, with_gaps
from funnel.history import History
from funnel.records import Record

F = TypeVar("F", bound=BaseFacts)


class Tally(Generic[F]):
    """The running facts of one person: each record is put to what is there, and nothing is read again.

    Records are taken as they are, each once: the checks of a `History` (an answer to nothing, a refund above its
    purchase) are made where a history is made.

    Args:
        history: What is known so far.
        facts: The class of facts to keep.

    Example:
        >>> from datetime import UTC, datetime
        >>> from funnel import Facts, History, Visit
        >>> tally = Tally(History(person_id="p1"), Facts)
        >>> tally.add(Visit(id="v1", person_id="p1", occurred_at=datetime(2026, 3, 1, tzinfo=UTC)))
        >>> tally.facts(as_of=datetime(2026, 3, 2, tzinfo=UTC)).inbound_count
        1
    """

    def __init__(self, history: History, facts: type[F]) -> None:
        """Take up what is known so far."""
        self._class = facts
        self._plan = facts.fact_plan
        self._ledger = Ledger(history.person_id, wanted=frozenset(self._plan.folds))
        self._seen: set[tuple[type[Record], tuple[str, str]]] = set()
        self._held = {fold.place: fold.start for ready in self._plan.folds.values() for fold in ready.folds}
        self._values = list(self._plan.empties)
        self._stale = False
        self._last_counting: dict[str, Row] = {}
        for record in history.records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Put one record to what is there; one that is there already changes nothing.

        Args:
            record: A lead, purchase, refund or interaction of this person.

        Raises:
            RecordError: It is of another person, or a refund of a purchase that is not there.
        """
        key = (type(record), record.key)
        if key in self._seen:
            return
        self._ledger.add(record)
        self._seen.add(key)
        for stream, row in self._ledger.added:
            if stream not in self._ledger.changed:
                self._step(stream, row)
        self._ledger.added.clear()

    def _step(self, stream: str, row: Row) -> None:
        """Put one more row, the last of its stream, to the values; a row that has ceased to count adds nothing."""
        if row[END] != FOREVER:
            return
        ready = self._plan.folds[stream]
        shown = self._with_gap(stream, row) if ready.gapped else row
        ready.step(self._held, self._values, shown)
        self._stale = self._stale or stream in self._plan.deriving

    def _with_gap(self, stream: str, row: Row) -> Row:
        pair = [*([self._last_counting[stream]] if stream in self._last_counting else []), row]
        self._last_counting[stream] = row
        return with_gaps(pair)[-1]

    def facts(self, *, as_of: datetime) -> F:
        """The facts at an instant.

        Args:
            as_of: The instant of judgement. At or after the latest record it costs little; before it, the rows are
            read again.

        Raises:
            InstantError: `as_of` is naive.
        """
        now = judgement(as_of)
        if now < self._ledger.latest:
            return self._class.held_as(tuple(self._plan.values(self._ledger, now)), now)
        for stream in sorted(self._ledger.changed):
            self._again(stream, now)
            self._stale = True
        self._ledger.changed.clear()
        if self._stale:
            self._plan.finish(self._values)
            self._stale = False
        return self._class.held_as(tuple(self._values), now)

    def _again(self, stream: str, now: int) -> None:
        """Put the rows of a stream together anew, after one of them changed."""
        ready = self._plan.folds[stream]
        rows = self._ledger.rows.get(stream, [])
        shown = ready.seen(rows, now, settled=True)
        for fold in ready.folds:
            self._held[fold.place] = so_far = fold.over(shown, now)
            self._values[fold.place] = fold.value(so_far)
        if shown:
            self._last_counting[stream] = shown[-1][: len(rows[0])]
        else:
            self._last_counting.pop(stream, None)
