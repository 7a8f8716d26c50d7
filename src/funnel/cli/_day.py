"""The list of the day and the page of one person, for a terminal or a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import attrs

from funnel._format import as_text, one_line
from funnel.cli._findings import ReportQuery, names_of
from funnel.cli._names import PersonNames, records_of_history, visible_id
from funnel.cli._source import Source
from funnel.cli._words import Words
from funnel.errors import ArgumentError, FileError
from funnel.history import History
from funnel.messages import Language, explain, label
from funnel.metrics._display import money
from funnel.money import Money
from funnel.profiles import CustomerProfile, customer_profile
from funnel.rules._next_action import next_action
from funnel.stages import stage
from funnel.worklists import worklist
from funnel.worklists._worklist import Order

_HEAD = ("person", "person_id", "next_action", "due_at", "value", "currency", "reason")
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d)")
"""Start of a cell that a spreadsheet would compute; a telephone number is left as it is."""


@attrs.frozen
class DayChoice:
    """Limits, order and language of the list of a day."""

    limit: int | None
    limits: Mapping[str, int]
    order: str
    language: str


def limits_of(texts: Iterable[str]) -> dict[str, int]:
    """Convert texts such as win_back=10 to limits.

    Raises:
        ArgumentError: A text is not an action and a number.
    """
    limits: dict[str, int] = {}
    for text in texts:
        action, _, number = text.partition("=")
        if not (number.isascii() and number.isdigit()):
            raise ArgumentError(f"a limit must be an action and a number, such as win_back=10 (got {text[:100]!r})")
        limits[action] = int(number)
    return limits


def rows_of_day(source: Source, query: ReportQuery, choice: DayChoice) -> list[tuple[str, ...]]:
    """Return one row for each task: the columns of the CSV file, as text."""
    frame: Any = worklist(
        source.logs,
        query.policy,
        as_of=query.as_of,
        tz=query.tz,
        limit=choice.limit,
        limits=choice.limits,
        order=cast("Order", choice.order),
        reasons=cast("Language", choice.language),
    )
    zone, rows = ZoneInfo(query.tz), frame.to_dicts()
    in_language = attrs.evolve(query, language=cast("Language", choice.language))
    names = names_of(source, in_language).of(row["person_id"] for row in rows)
    return [_row(row, names[row["person_id"]], zone, source.currency) for row in rows]


def _row(row: Mapping[str, Any], name: str, zone: ZoneInfo, currency: str | None) -> tuple[str, ...]:
    due = row["due_at"].astimezone(zone).isoformat(timespec="minutes")
    value = row["value"]
    stake = "" if value is None or currency is None else str(Money.of_minor(value, currency))
    code, _, amount = stake.partition(" ")
    return name, visible_id(row["person_id"], name), row["next_action"], due, amount, code, row["reason"]


def text_of(rows: Sequence[tuple[str, ...]]) -> str:
    """Return the list as a table of text."""
    lines = [
        (person, due[:16].replace("T", " "), money(Money(value, code).minor, code) if value else "", reason)
        for person, _, _, due, value, code, reason in rows
    ]
    return as_text(("person", "due", "at stake", "what to do, and why"), lines, left=(0, 1, 3))


def write_csv(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write the list as CSV; a cell that a spreadsheet would compute gets a leading apostrophe.

    Raises:
        FileError: The file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(_HEAD)
            lines.writerows([f"'{cell}" if _FORMULA.match(cell) else cell for cell in row] for row in rows)
    except OSError as error:
        msg = f"{path.name} cannot be written: {error.strerror}"
    else:
        return
    raise FileError(msg)


def profile_of(
    person: str, source: Callable[[], Source], stored: Callable[[str], History] | None, query: ReportQuery
) -> str:
    """Return the page of one person: seven facts, the stage, and the next action with its reason.

    Args:
        person: The id of the person, or the name in a report.
        source: Returns the records of everyone.
        stored: Returns the history of an id in a store; None for a file.
        query: The arguments of the command.

    Raises:
        ArgumentError: No person has this id or name.
    """
    history = _history(person, source, stored or source().logs.history, query)
    ids, order_names = ("key", dict[str, str]()) if stored else (source().ids, source().order_names)
    words = Words(query.language, ZoneInfo(query.tz))
    names = PersonNames(records_of_history(history), ids, query.as_of, words, query.contacts, order_names)
    name = names.of([history.person_id])[history.person_id]
    profile = customer_profile(history, as_of=query.as_of, personal=query.contacts)
    facts = str(_in_zone(profile, ZoneInfo(query.tz))).splitlines()
    visible = facts if query.contacts else [line for line in facts if not line.startswith("identity:")]
    now = label(stage.of(history, query.policy, as_of=query.as_of))
    action = explain(next_action, history, query.policy, as_of=query.as_of)
    return "\n".join(map(one_line, (f"person: {name}", *visible, f"stage: {now}", f"next action: {action}")))


def _in_zone(profile: CustomerProfile, zone: ZoneInfo) -> CustomerProfile:
    """Return a profile whose visible instants are in the shop's zone."""
    last = profile.last_purchase_at
    parts = {name: getattr(profile, name) for name in ("last_interaction", "last_feedback")}
    local = {name: one and attrs.evolve(one, at=one.at.astimezone(zone)) for name, one in parts.items()}
    return attrs.evolve(profile, last_purchase_at=last and last.astimezone(zone), **local)


def _history(person: str, source: Callable[[], Source], find: Callable[[str], History], query: ReportQuery) -> History:
    try:
        return find(person)
    except ArgumentError:
        other = names_of(source(), query).id_of(person) if _NAME.match(person) else None
        if other is None:
            raise
        return find(other)


_NAME = re.compile("(?:order|lead|person|pesanan|prospek|orang) ")
"""Start of a name that a report gives to a person whose id it does not show."""
