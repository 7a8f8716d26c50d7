"""Worklists and tasks as Python objects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from funnel._expr.explain import Explanation
from funnel._format import Listed, Table, Tabular
from funnel._results import Charted, Rows
from funnel.facts import Facts
from funnel.history import History
from funnel.messages import Language, explain
from funnel.metrics._display import money
from funnel.money import Money
from funnel.policy import Policy
from funnel.rules._next_action import NextAction, next_action


@attrs.frozen
class Task:
    """Next action for one person.

    Attributes:
        person_id: Id of the person.
        action: The action.
        due_at: Instant from which the action is due, in UTC. An action that is due while the shop is closed is due at
            opening.
        value_minor: Value at stake, in minor units; None if unknown.
    """

    person_id: str
    action: NextAction
    due_at: datetime
    value_minor: int | None
    _history: History = attrs.field(repr=False, eq=False)
    _facts: Facts = attrs.field(repr=False, eq=False)
    _policy: Policy = attrs.field(repr=False, eq=False)

    @property
    def value(self) -> Money | None:
        """Value at stake: the recent quote, else the average purchase.

        None if neither is known.
        """
        return None if self.value_minor is None else Money.of_minor(self.value_minor, self._history.currency or "")

    def reason(self, *, language: Language = "en") -> str:
        """Return the action and its reason as a sentence.

        Args:
            language: "en" for English, "id" for Indonesian.
        """
        return explain(next_action, self._facts, self._policy, language=language)

    @property
    def why(self) -> Explanation:
        """Conditions that led to the action, with the person's values."""
        return next_action.why(self._facts, self._policy)

    @property
    def next_review_at(self) -> datetime | None:
        """Instant when the action changes if nothing happens; None if never."""
        return next_action.next_change.of(self._facts, self._policy)


@attrs.frozen
class Worklist(Charted, Rows, Listed[Task], Tabular):
    """Tasks of the shop, most urgent first.

    Attributes:
        as_of: Instant of the evaluation.
        tz: Time zone of the shop.
        tasks: One task for each person with a due action.
        language: Language of the reasons in `to_dicts`; None for no reasons.
    """

    as_of: datetime
    tz: ZoneInfo
    tasks: tuple[Task, ...]
    language: Language | None = None

    _CHART = "people.worklist"
    _PARTS = "tasks"

    def reasons(self, *, language: Language = "en") -> str:
        """Return one line for each task, with its reason.

        Args:
            language: "en" for English, "id" for Indonesian.
        """
        return "\n".join(f"{task.person_id}: {task.reason(language=language)}" for task in self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict for each task, with the columns of `worklist`."""
        return [
            {
                "person_id": task.person_id,
                "next_action": task.action.value,
                "due_at": task.due_at,
                "value": task.value_minor,
                **({"reason": task.reason(language=self.language)} if self.language else {}),
            }
            for task in self
        ]

    def _tables(self) -> Iterator[Table]:
        rows = [
            (
                task.person_id,
                task.action.value.replace("_", " "),
                f"{task.due_at.astimezone(self.tz):%Y-%m-%d %H:%M}",
                "" if task.value is None else money(task.value.minor, task.value.currency),
            )
            for task in self
        ]
        yield "" if rows else "No action is due.", ("person", "next action", "due", "at stake"), rows
