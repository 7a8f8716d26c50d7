"""Writing of records: each is checked against stored records, and gets its person and version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from funnel.errors import RecordError
from funnel.store._change import Change
from funnel.store._checks import pairs_of, referring_to, refuse_untrue, targets_of
from funnel.store._rows import CURRENCY, REFERRER, UNKNOWN_PERSON, Key, Row, differing, refuse_other
from funnel.store._tables import Tables

_REFERRED_TO = frozenset({"purchase", "question", "complaint"})
"""The kinds that other records refer to."""


@attrs.frozen
class Writing:
    """The options of one write call.

    Attributes:
        at: The instant of recording, in microseconds.
        expected: Versions of people as the caller read them.
        amend: Whether the records replace stored records.
        judged: Whether the people are evaluated.
    """

    at: int
    expected: Mapping[str, int]
    amend: bool = False
    judged: bool = True


def write(tables: Tables, change: Change, rows: Mapping[Key, Row], what: Writing, *, asked: bool) -> int:
    """Write rows and return the number of new or changed rows.

    Args:
        tables: The tables, inside a transaction.
        change: The change that these rows are part of.
        rows: The rows.
        what: The options of the call.
        asked: Whether to check which rows are stored already; otherwise all are treated as new.

    Raises:
        ConflictError: A row is stored already with other content.
        RecordError: The rows contradict the stored rows, or are in another currency.
        StaleError: A person has another version than the caller expects.
        DuplicateKeyError: A row treated as new is stored already.
    """
    currency = tables.reserve(list(_concerned(rows.values(), amend=what.amend)))
    kept: Mapping[Key, Row] = tables.found(list(rows)) if asked else {}
    if what.amend:  # the former target of a row is affected too; it is reserved already unless it has changed
        tables.reserve([row.target for row in kept.values() if row.target is not None])
    fresh = {key: row for key, row in rows.items() if key not in kept} if kept else rows
    changed = _changed(rows, kept, amend=what.amend) if kept else {}
    if fresh or changed:
        _take_in(tables, change, fresh, changed, kept, what)
        _agree_on_currency(tables, currency, fresh, changed)
    return len(fresh) + len(changed)


def _concerned(rows: Iterable[Row], *, amend: bool) -> Iterator[Key]:
    """Return the keys that nobody else may write or refer to during this write."""
    for row in rows:
        if amend or row.kind in _REFERRED_TO or row.said[CURRENCY] is not None:
            yield row.key
        if row.target is not None:
            yield row.target


def _changed(rows: Mapping[Key, Row], kept: Mapping[Key, Row], *, amend: bool) -> dict[Key, Row]:
    """Return the rows that differ from stored rows; without `amend` a difference is refused."""
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
    """Check new or changed rows, assign person and version to each, and write them."""
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
        change.anew(row["referred_by"] or UNKNOWN_PERSON)
    for row in (*changed.values(), *claimed):
        change.add(row, waits=True)
        change.anew(row.person_id)
    tables.insert(list(fresh.values()), what.at)
    tables.replace([*changed.values(), *claimed], what.at)


def _claimed(rows: Mapping[Key, Row], targets: Mapping[Key, Row], referring: Iterable[Row]) -> list[Row]:
    """Assign every refund to the person of its purchase; return stored refunds that change person."""
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
        if row.said[REFERRER] is not None:
            yield str(row.said[REFERRER])


def _waits(change: Change, row: Row, targets: Mapping[Key, Row]) -> bool:
    """Return whether a row's target is missing in its person's history; a complaint never waits."""
    if row.target is None or row.kind == "complaint":
        return False
    target = targets.get(row.target)
    return target is None or change.root(target.person_id) is not change.root(row.person_id)


def _agree_on_currency(
    tables: Tables, currency: str | None, fresh: Mapping[Key, Row], changed: Mapping[Key, Row]
) -> None:
    """Refuse an amount in a second currency; the first amount sets a store's currency.

    Raises:
        RecordError: The amounts have two currencies.
    """
    others = [row for row in (*fresh.values(), *changed.values()) if row.said[CURRENCY] not in (None, currency)]
    if not others:
        return
    given = sorted({str(row.said[CURRENCY]) for row in others})
    if len(given) > 1:
        raise _two_currencies(others, given)
    there = tables.other_currency(given[0]) if changed else currency  # amend may change the only amount's currency
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
