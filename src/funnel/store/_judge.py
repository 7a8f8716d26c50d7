"""Where a person stands after a change: the one place that says how stored stages are worked out.

Law: a stored stage, and when it changes by itself, are those of the rule for the person's history at that instant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cached_property
from hashlib import sha256
from heapq import heappop, heappush
from threading import Lock
from typing import Any, TypeGuard

import attrs

from funnel._copies import unchecked
from funnel._instants import instant, micros
from funnel._rule import Rule
from funnel.errors import RecordError
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Record
from funnel.tally import Tally

MOST_LIVE = 1_000
"""How many people are kept ready for their next record; who came longest ago makes room."""


@attrs.define
class Live:
    """A person as they were at the last judgement, ready for the next record.

    Attributes:
        name: The name that the records in the tally are under.
        version: Their version after it.
        at: The instant of judgement.
        tally: What is known of them, to which records can be added.
        ahead: Instants to come at which a record begins or ceases to tell something, as a heap.
        stage: The stage that was found.
        due_at: When that must be asked again: at a change that time brings, or for a record that is dated ahead.
    """

    name: str
    version: int
    at: int
    tally: Tally[Any]
    ahead: list[int]
    stage: str = ""
    due_at: int | None = None


class Judge:
    """Says where people stand by one rule and one policy.

    Args:
        rule: The rule whose answer is the stage.
        policy: The shop's numbers.
    """

    def __init__(self, rule: Rule[Any, Any, Any], policy: Policy) -> None:
        """Begin with nobody ready."""
        self.rule = rule
        self.policy = policy
        self._live: OrderedDict[str, Live] = OrderedDict()
        self._lock = Lock()

    @cached_property
    def fingerprint(self) -> int:
        """A number for what is asked: another one where the rule, its facts, or a number that it reads is another."""
        ready = self.rule.lifted(self.policy)
        asked = repr((ready.tree, sorted(ready.narrowed().declared.items())))
        return int.from_bytes(sha256(asked.encode()).digest()[:7], "big") + 1

    def judge(  # noqa: PLR0913, PLR0917 - all that is known of one change of one person
        self,
        root: str,
        name: str,
        versions: tuple[int, int],
        at: int,
        added: Sequence[Record] | None,
        read: Callable[[], History],
    ) -> Live:
        """Say where one person stands, and when that must be asked again.

        Args:
            root: The row that holds the person.
            name: The name that the person is known by.
            versions: The version before the change and after it.
            at: The instant of judgement.
            added: What has been added to their history; None where more than that happened.
            read: Reads their whole history.

        Returns:
            Where they stand; it is to be kept once it is written, and never if it is not.
        """
        with self._lock:
            live = self._live.pop(root, None)
        if added is None or not _is_ready(live, versions[0], at) or not _take(live, name, added, at):
            history = read()
            live = Live(name, 0, at, Tally(history, self.rule.facts), [])
            _look_ahead(live, history.records, at)
        live.version, live.at = versions[1], at
        while live.ahead and live.ahead[0] <= at:
            heappop(live.ahead)
        self._answer(live)
        return live

    def keep(self, judged: Mapping[str, Live]) -> None:
        """Keep people ready for their next record, now that it is written where they stand."""
        with self._lock:
            self._live.update(judged)
            while len(self._live) > MOST_LIVE:
                self._live.popitem(last=False)

    def _answer(self, live: Live) -> None:
        stage, change = live.tally.ask_on(self.rule, self.policy, as_of=instant(live.at))
        times = live.ahead[:1] if change is None else [micros(change), *live.ahead[:1]]
        live.stage, live.due_at = said(stage), min(times, default=None)


def said(stage: object) -> str:
    """An answer of the rule as the text that is kept."""
    return str(stage.value if isinstance(stage, Enum) else stage)


def _is_ready(live: Live | None, version: int, at: int) -> TypeGuard[Live]:
    """Whether a person is ready as they were before the change, and not for a later instant."""
    return live is not None and live.version == version and live.at <= at


def _take(live: Live, name: str, added: Sequence[Record], at: int) -> bool:
    """Add records to what is ready; false where they must be read in their order, a purchase before its refund."""
    try:
        for record in added:
            live.tally.add(record if live.name == name else _renamed(record, name, live.name))
    except RecordError:
        return False
    _look_ahead(live, added, at)
    return True


def _renamed(record: Record, before: str, now: str) -> Record:
    """Return a record with a person under another name."""
    fields = vars(record)
    names = {field: now for field in ("person_id", "referred_by") if fields.get(field) == before}
    return unchecked(type(record), {**fields, **names}) if names else record


def _look_ahead(live: Live, records: Iterable[Record], at: int) -> None:
    """Add every instant after the judgement at which records begin or cease to tell something."""
    for record in records:
        for moment in (record.happened_at, vars(record).get("cancelled_at"), vars(record).get("delivered_at")):
            if moment is not None and (ahead := micros(moment)) > at:
                heappush(live.ahead, ahead)
