"""The people in the lists of the report: those to contact today, and overdue people.

Invariant: a printed reason is the rule's sentence for that person's facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import polars as pl

from funnel.cli._names import visible_id
from funnel.facts import Facts
from funnel.messages import Language, explain
from funnel.money import Money
from funnel.policy import Policy
from funnel.rules._next_action import NextAction, next_action

_OWED = list(NextAction)[: list(NextAction).index(NextAction.ASK_FEEDBACK)]
"""Actions that the shop owes the person: they come before every offer."""


@attrs.frozen
class Person:
    """One person in a list of the report.

    Attributes:
        person_id: The id of the person, which may be personal data; for contact details.
        name: Name of the person in the report.
        purchases: Number of valid purchases.
        net_spent: Amount spent, net of refunds; None if the shop has no paid purchases yet.
        silent: Time since the last purchase; None without a purchase.
        interval: The person's average purchase interval; None without a second purchase.
        action: The next action for the person.
        sentence: The action and its reason, as a sentence.
        change: When the next action changes if nothing happens; None if it does not.
        becomes: The next action after the change; None if it does not change.
    """

    person_id: str = attrs.field(repr=False)
    name: str
    purchases: int
    net_spent: Money | None
    silent: timedelta | None
    interval: timedelta | None
    action: NextAction
    sentence: str
    change: datetime | None
    becomes: NextAction | None

    @property
    def why(self) -> str:
        """Return the reason alone, as a sentence; empty if the action needs none."""
        _, _, why = self.sentence.partition(": ")
        return why[:1].upper() + why[1:]


@attrs.frozen
class PeopleQuery:
    """How the people of a list are described.

    Attributes:
        as_of: The evaluation time.
        policy: The shop's policy.
        language: The language of the reasons.
        currency: The currency of every amount; None without amounts.
        names: Returns the names of people, by id.
    """

    as_of: datetime
    policy: Policy
    language: Language
    currency: str | None
    names: Callable[[Iterable[str]], Mapping[str, str]]

    def people(self, rows: pl.DataFrame) -> tuple[Person, ...]:
        """Return the people of the rows, in the same order."""
        names = self.names(rows["person_id"])
        return tuple(self._person(row, names[row["person_id"]]) for row in rows.iter_rows(named=True))

    def _person(self, row: Mapping[str, Any], name: str) -> Person:
        facts = facts_of(row, self.as_of)
        change = next_action.next_change.of(facts, self.policy)
        return Person(
            person_id=row["person_id"],
            name=name,
            purchases=row["purchase_count"],
            net_spent=None if self.currency is None else Money.of_minor(row["net_spent"], self.currency),
            silent=row["since_last_purchase"],
            interval=row["purchase_interval"],
            action=NextAction(row["next_action"]),
            sentence=explain(next_action, facts, self.policy, language=self.language),
            change=change,
            becomes=None if change is None else next_action.of(facts.at(change), self.policy),
        )


def facts_of(row: Mapping[str, Any], as_of: datetime) -> Facts:
    """Rebuild the facts of one person from a row of everyone's table."""
    values = {name: row[name] for name in Facts(as_of=as_of).to_dict() if row[name] is not None}
    return Facts(as_of=as_of, **values)


def by_amount(people: pl.DataFrame) -> pl.DataFrame:
    """Return the people by amount spent, the largest amount first."""
    return people.sort("net_spent", "person_id", descending=[True, False])


def of_today(due: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return the people to contact today, most urgent action first, then by amount spent.

    Owed actions come first. The rest of the limit is divided between the other actions, because the most
    frequent action would otherwise take every day.

    Args:
        due: The people with a due action.
        limit: Maximum number of people a day.
    """
    ranked = by_amount(due).with_columns(
        pl.col("next_action").replace_strict(_RANKS, return_dtype=pl.Int64).alias("_rank"),
        pl.int_range(pl.len()).over("next_action").alias("_turn"),
    )
    order = pl.when(pl.col("_rank") < len(_OWED)).then(pl.lit(-1)).otherwise(pl.col("_turn"))
    today = ranked.sort(order, "_rank", "_turn").head(limit)
    return today.sort("_rank", "_turn").drop("_rank", "_turn")


_RANKS: Mapping[str, int] = {action.value: rank for rank, action in enumerate(NextAction)}


def worklist_csv(
    people: Sequence[Person], zone: ZoneInfo, contacts: Mapping[str, Sequence[str]], names: Sequence[str]
) -> str:
    """Return the people to contact as CSV, one row for each person.

    A text that a spreadsheet would run as a formula gets a leading apostrophe.

    Args:
        people: The people.
        zone: The shop's zone.
        contacts: Contact details of the people by id; empty without `--contacts`.
        names: The columns of the contact details; empty without `--contacts`.
    """
    rows = [_row(one, zone) | dict(zip(names, contacts.get(one.person_id, ()), strict=False)) for one in people]
    columns = [*_COLUMNS, *names]
    table = pl.DataFrame(
        [[row.get(name, "") for name in columns] for row in rows],
        schema=dict.fromkeys(columns, pl.String),
        orient="row",
    )
    is_formula = pl.col(pl.String).str.contains(r"^[=@\t\r]|^[+-].*[^0-9 .()/-]")
    safe = table.with_columns(
        pl.when(is_formula).then("'" + pl.col(pl.String)).otherwise(pl.col(pl.String)).name.keep()
    )
    return safe.write_csv()


_COLUMNS = (
    *("person", "person_id", "next_action", "reason"),
    *("purchases", "net_spent", "currency", "changes_at", "becomes"),
)


def _row(one: Person, zone: ZoneInfo) -> dict[str, str]:
    spent = one.net_spent
    return {
        "person": one.name,
        "person_id": visible_id(one.person_id, one.name),
        "next_action": one.action.value,
        "reason": one.sentence,
        "purchases": str(one.purchases),
        "net_spent": "" if spent is None else str(spent).partition(" ")[2],
        "currency": "" if spent is None else spent.currency,
        "changes_at": "" if one.change is None else one.change.astimezone(zone).isoformat(timespec="minutes"),
        "becomes": "" if one.becomes is None else one.becomes.value,
    }
