"""Where a person stands after a change: the one place that says how stored stages are worked out.

Law: a stored stage, and when it changes by itself, are those of the rule for the person's history at that instant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

import attrs

from funnel._instants import instant, micros
from funnel._rule import Rule
from funnel.history import History
from funnel.policy import Policy
from funnel.records import Record
from funnel.tally import Tally

MOST_LIVE = 1_000
"""How many people are kept ready for their next record; who came longest ago makes room."""


@attrs.define
class _Live:
    """A person as they were at the last judgement, ready for the next record."""

    version: int
    at: int
    tally: Tally[Any]
    ahead: list[int]


class Judge:
    """Says where people stand by one rule and one policy.

    Args:
        rule: The rule whose answer is the stage.
        policy: The shop's numbers.
    """

    def __init__(self, rule: Rule[Any, Any, Any], policy: Policy) -> None:
        """Begin with nobody ready."""
        self._rule = rule
        self._policy = policy
        self._live: OrderedDict[str, _Live] = OrderedDict()
        self._judged: list[str] = []

    def begin(self) -> None:
        """A change begins."""
        self._judged.clear()

    def forget(self) -> None:
        """Forget whom the change was about, for it was not written."""
        for person_id in self._judged:
            self._live.pop(person_id, None)

    def judge(
        self,
        person_id: str,
        versions: tuple[int, int],
        at: int,
        added: Sequence[Record] | None,
        read: Callable[[], History],
    ) -> tuple[str, int | None]:
        """Say where one person stands, and when that must be asked again.

        Args:
            person_id: Who.
            versions: The version before the change and after it.
            at: The instant of judgement.
            added: What has been added to their history; None where more than that happened.
            read: Reads their whole history.

        Returns:
            The stage, and the instant of its next change: one that time brings, or a record that is dated ahead.
        """
        self._judged.append(person_id)
        live = self._live.pop(person_id, None)
        if live is None or added is None or live.version != versions[0] or at < live.at:
            history = read()
            live = _Live(0, at, Tally(history, self._rule.facts), _moments(history.records))
        else:
            for record in added:
                live.tally.add(record)
            live.ahead += _moments(added)
        live.version, live.at = versions[1], at
        live.ahead = [moment for moment in live.ahead if moment > at]
        self._keep(person_id, live)
        return self._answer(live)

    def _keep(self, person_id: str, live: _Live) -> None:
        self._live[person_id] = live
        if len(self._live) > MOST_LIVE:
            self._live.popitem(last=False)

    def _answer(self, live: _Live) -> tuple[str, int | None]:
        facts = live.tally.facts(as_of=instant(live.at))
        stage = self._rule.of(facts, self._policy)
        change = self._rule.next_change.of(facts, self._policy)
        times = live.ahead if change is None else [micros(change), *live.ahead]
        return str(stage.value if isinstance(stage, Enum) else stage), min(times, default=None)


def _moments(records: Iterable[Record]) -> list[int]:
    """Every instant at which records begin or cease to tell something."""
    told = [
        getattr(record, name, None) for record in records for name in ("happened_at", "cancelled_at", "delivered_at")
    ]
    return [micros(moment) for moment in told if moment is not None]
