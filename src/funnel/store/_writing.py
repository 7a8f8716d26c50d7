"""How records are written: each is checked against what is kept, and gets its person and its version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from funnel.errors import RecordError
from funnel.store._change import Change
from funnel.store._checks import pairs_of, referring_to, refuse_untrue, targets_of
from funnel.store._rows import CURRENCY, NOBODY, SENDER, Key, Row, differing, refuse_other
from funnel.store._tables import Tables

_REFERRED_TO = frozenset({"purchase", "question", "complaint"})
"""The kinds that other records refer to."""


@attrs.frozen
class Writing:
    """What is asked of one call.

    Attributes:
        at: The instant at which the records are recorded, in microseconds.
        expected: The version of people as the caller read them.
        amend: Whether the records replace what is kept.
        judged: Whether the people are judged.
    """

    at: int
    expected: Mapping[str, int]
    amend: bool = False
    judged: bool = True


def write(tables: Tables, change: Change, rows: Mapping[Key, Row], what: Writing, *, asked: bool) -> int:
    """Write rows and return how many were new or changed.

    Args:
        tables: The tables, inside a transaction.
        change: The change that these rows are part of.
        rows: The rows.
        what: What the call is to do.
        asked: Whether to look which rows are there already; without it all are taken to be new.

    Raises:
        ConflictError: A row is kept already with other content.
        RecordError: The rows cannot be true together with what is kept, or are of another currency.
        StaleError: A person has another version than the caller expects.
        TakenError: A row that was taken to be new is there already.
    """
    currency = tables.reserve(list(_concerned(rows.values(), amend=what.amend)))
    kept: Mapping[Key, Row] = tables.found(list(rows)) if asked else {}
    if what.amend:  # what a row referred to before is concerned too; it is reserved already unless that has changed
        tables.reserve([row.target for row in kept.values() if row.target is not None])
    fresh = {key: row for key, row in rows.items() if key not in kept} if kept else rows
    changed = _changed(rows, kept, amend=what.amend) if kept else {}
    if fresh or changed:
        _take_in(tables, change, fresh, changed, kept, what)
        _agree_on_currency(tables, currency, fresh, changed)
    return len(fresh) + len(changed)


def _concerned(rows: Iterable[Row], *, amend: bool) -> Iterator[Key]:
    """Return the keys that nobody else may write, or refer to, while these rows are written."""
    for row in rows:
        if amend or row.kind in _REFERRED_TO or row.said[CURRENCY] is not None:
            yield row.key
        if row.target is not None:
            yield row.target


def _changed(rows: Mapping[Key, Row], kept: Mapping[Key, Row], *, amend: bool) -> dict[Key, Row]:
    """The rows that say something else than what is kept: none, where they are not to amend it."""
    if amend:
        return {key: rows[key] for key, old in kept.items() if differing(old, rows[key])}
    for key, old in kept.items():
        refuse_other(old, rows[key])
    return {}


def _take_in(  # noqa: PLR0913, PLR0917 - all that a change is made of
    tables: Tables,
    change: Change,
    fresh: Mapping[Key, Row],
    changed: Mapping[Key, Row],
    kept: Mapping[Key, Row],
    what: Writing,
) -> None:
    """Look at rows that are new or changed, give each its person and version, and write them."""
    rows = {**fresh, **changed} if changed else fresh
    targets = targets_of(tables, rows)
    referring = referring_to(tables, rows)
    refuse_untrue(tables, rows, targets, referring)
    claimed = _claimed(rows, targets, referring)
    former = [kept[key] for key in changed]
    change.know([*_people_of([*rows.values(), *referring, *former, *targets.values()]), *what.expected])
    change.expect(what.expected)
    for row in fresh.values():
        change.add(row, waits=not what.judged or _waits(change, row, targets))
    for row in (*former, *referring):
        change.anew(row.person_id)
    for row in former:
        change.anew(row["referred_by"] or NOBODY)
    for row in (*changed.values(), *claimed):
        change.add(row, waits=True)
        change.anew(row.person_id)
    tables.insert(list(fresh.values()), what.at)
    tables.replace([*changed.values(), *claimed], what.at)


def _claimed(rows: Mapping[Key, Row], targets: Mapping[Key, Row], referring: Iterable[Row]) -> list[Row]:
    """Let every refund be of the person of its purchase, and give those that are kept and were of another."""
    claimed: list[Row] = []
    for row, purchase in (*pairs_of(rows.values(), targets), *pairs_of(referring, rows)):
        if row.kind != "refund" or row.person_id == purchase.person_id:
            continue
        row.person_id = purchase.person_id
        if row.key not in rows:
            claimed.append(row)
    return claimed


def _people_of(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield row.person_id
        if row.said[SENDER] is not None:
            yield str(row.said[SENDER])


def _waits(change: Change, row: Row, targets: Mapping[Key, Row]) -> bool:
    """Whether a row refers to what is not in the history of its person; a complaint is heard all the same."""
    if row.target is None or row.kind == "complaint":
        return False
    target = targets.get(row.target)
    return target is None or change.root(target.person_id) is not change.root(row.person_id)


def _agree_on_currency(
    tables: Tables, currency: str | None, fresh: Mapping[Key, Row], changed: Mapping[Key, Row]
) -> None:
    """Refuse money of a second currency; the first money gives a store its currency.

    Raises:
        RecordError: Two currencies meet.
    """
    others = [row for row in (*fresh.values(), *changed.values()) if row.said[CURRENCY] not in (None, currency)]
    if not others:
        return
    given = sorted({str(row.said[CURRENCY]) for row in others})
    if len(given) > 1:
        raise _two_currencies(others, given)
    there = tables.other_currency(given[0]) if changed else currency  # the only money may be amended to another one
    if there is not None:
        raise _two_currencies(others, [there, *given])
    tables.adopt(given[0])


def _two_currencies(rows: Sequence[Row], currencies: Collection[str]) -> RecordError:
    names = " and ".join(sorted(currencies))
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    msg = (
        f"{names} meet in the store with {rows[0].name}{more}; change every amount into one currency first, "
        "or keep each currency in a store of its own"
    )
    return RecordError(msg)
