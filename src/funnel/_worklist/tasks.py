"""The worklist as values: what to do for a person, why, since when, and what is at stake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from funnel._tables import as_html, as_text
from funnel.facts import Facts
from funnel.history import History
from funnel.money import Money
from funnel.policy import Policy
from funnel.rules.follow_up import NextStep, next_step
from funnel.sentences import Language, sentence


@attrs.frozen
class Task:
    """What to do next for one person.

    Attributes:
        person_id: For whom.
        step: What to do.
        due_at: Since when, or from when, it is due, in UTC: what falls due in quiet hours is due when the shop opens.
        stake: What is at stake, in minor units; None is not known.
    """

    person_id: str
    step: NextStep
    due_at: datetime
    stake: int | None
    _history: History = attrs.field(repr=False, eq=False)
    _facts: Facts = attrs.field(repr=False, eq=False)
    _policy: Policy = attrs.field(repr=False, eq=False)

    @property
    def value(self) -> Money | None:
        """What is at stake: the price they were told lately, or else what they pay on average; None is not known."""
        return None if self.stake is None else Money.of_minor(self.stake, self._history.currency or "")

    def reason(self, *, language: Language = "en") -> str:
        """What to do and why, as a sentence.

        Args:
            language: "en" English, "id" Indonesian.
        """
        return sentence(next_step, self._facts, self._policy, language=language)

    @property
    def look_again_at(self) -> datetime | None:
        """When the step changes by itself if nothing happens; None where it does not."""
        return next_step.next_change.of(self._facts, self._policy)


@attrs.frozen
class Worklist:
    """Whom to write to, the most pressing first.

    Attributes:
        on: The instant of judgement.
        tz: The zone of the shop's clock.
        tasks: What to do, one for each person for whom something is due.
    """

    on: datetime
    tz: ZoneInfo
    tasks: tuple[Task, ...]

    def __iter__(self) -> Iterator[Task]:
        """The tasks, the most pressing first."""
        return iter(self.tasks)

    def __len__(self) -> int:
        """How many people there are for whom something is due."""
        return len(self.tasks)

    def reasons(self, *, language: Language = "en") -> str:
        """The list for a person to work from: a line a task, with its reason.

        Args:
            language: "en" English, "id" Indonesian.
        """
        return "\n".join(f"{task.person_id}: {task.reason(language=language)}" for task in self)

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict a task, as the columns of a table."""
        return [
            {
                "person_id": task.person_id,
                "next_step": task.step.value,
                "due_at": task.due_at,
                "value": task.stake,
            }
            for task in self
        ]

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                task.person_id,
                task.step.value.replace("_", " "),
                f"{task.due_at.astimezone(self.tz):%Y-%m-%d %H:%M}",
                "" if task.value is None else str(task.value),
            )
            for task in self
        ]

    def __str__(self) -> str:
        """The list as a table, times by the shop's clock."""
        return as_text(_HEAD, self._rows())

    def _repr_html_(self) -> str:
        return as_html(_HEAD, self._rows())


_HEAD = ("person", "next step", "due", "at stake")
