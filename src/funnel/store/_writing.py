"""Writing of records: each is checked against stored records, and gets its person and version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from funnel._record_columns import CURRENCY, REFERRER
from funnel.errors import RecordError
from funnel.rates import Rates
from funnel.store._change import Change
from funnel.store._checks import pairs_of, referring_to, refuse_contradictions, targets_of
from funnel.store._currencies import OPEN_WITH_RATES, SEVERAL, check_rates
from funnel.store._rows import ID_ERASED, REFERRED_TO, UNKNOWN_PERSON, Key, Row, differences, refuse_different
from funnel.store._tables import Tables


@attrs.frozen
class WriteOptions:
    """The options of one write call.

    Attributes:
        at: The instant of recording, in microseconds.
        expected: Versions of people as the caller read them.
        amend: Whether the records replace stored records.
        evaluated: Whether the people are evaluated.
        rates: Rates of the store; None if it has one currency.
    """

    at: int
    expected: Mapping[str, int]
    amend: bool = False
    evaluate: bool = True
    rates: Rates | None = None


def write(tables: Tables, change: Change, rows: Mapping[Key, Row], options: WriteOptions, *, check_stored: bool) -> int:
    """Write rows and return the number of new or changed rows.

    Args:
        tables: The tables, inside a transaction.
        change: The change that these rows are part of.
        rows: The rows.
        options: The options of the call.
        check_stored: Whether to check which rows are stored already; otherwise all are treated as new, and a single row
            as one that no stored row refers to.

    Raises:
        ConflictError: A row is stored already with other content.
        RecordError: The rows contradict the stored rows, or are in another currency.
        StaleError: A person has another version than the caller expects.
        DuplicateKeyError: A row treated as new is stored already, or a stored row refers to it.
    """
    currency = tables.reserve(list(_keys_to_lock(rows.values(), amend=options.amend)))
    stored: Mapping[Key, Row] = tables.rows_with(list(rows)) if check_stored else {}
    for key, old in stored.items():
        if old.personal_data_state == ID_ERASED:
            rows[key].keep_erased(old)
    if options.amend:  # the former target of a row is affected too; it is reserved already unless it has changed
        tables.reserve([row.target for row in stored.values() if row.target is not None])
    fresh = {key: row for key, row in rows.items() if key not in stored} if stored else rows
    changed = _changed_rows(rows, stored, amend=options.amend) if stored else {}
    if fresh or changed:
        is_unreferenced = not check_stored and [row.kind in REFERRED_TO for row in rows.values()] == [True]
        _write_rows(tables, change, fresh, changed, stored, options, is_unreferenced=is_unreferenced)
        _set_currency(tables, currency, fresh, changed, has_rates=options.rates is not None)
    return len(fresh) + len(changed)


def _keys_to_lock(rows: Iterable[Row], *, amend: bool) -> Iterator[Key]:
    """Return the keys that nobody else may write or refer to during this write."""
    for row in rows:
        if amend or row.kind in REFERRED_TO or row.cells[CURRENCY] is not None:
            yield row.key
        if row.target is not None:
            yield row.target


def _changed_rows(rows: Mapping[Key, Row], stored: Mapping[Key, Row], *, amend: bool) -> dict[Key, Row]:
    """Return the rows that differ from stored rows; without `amend` a difference is refused."""
    if amend:
        return {key: rows[key] for key, old in stored.items() if differences(old, rows[key])}
    for key, old in stored.items():
        refuse_different(old, rows[key])
    return {}


def _write_rows(  # noqa: PLR0913, PLR0917 - all that a change is made of
    tables: Tables,
    change: Change,
    fresh: Mapping[Key, Row],
    changed: Mapping[Key, Row],
    stored: Mapping[Key, Row],
    options: WriteOptions,
    *,
    is_unreferenced: bool,
) -> None:
    """Check new or changed rows, assign person and version to each, and write them."""
    rows = {**fresh, **changed} if changed else fresh
    targets = targets_of(tables, rows)
    referring = [] if is_unreferenced else referring_to(tables, rows)
    refuse_contradictions(tables, rows, targets, referring, has_rates=options.rates is not None)
    if options.rates is not None:
        check_rates(rows.values(), options.rates)
    reassigned = _reassign_refunds(rows, targets, referring)
    replaced = [stored[key] for key in changed]
    change.read([*_people_of([*rows.values(), *referring, *replaced, *targets.values()]), *options.expected])
    change.expect(options.expected)
    for row in fresh.values():
        change.add(row, is_unresolved=not options.evaluate or _is_unresolved(change, row, targets))
    for row in (*replaced, *referring):
        change.mark_changed(row.person_id)
    for row in replaced:
        change.mark_changed(row["referred_by"] or UNKNOWN_PERSON)
    for row in (*changed.values(), *reassigned):
        change.add(row, is_unresolved=True)
        change.mark_changed(row.person_id)
    tables.insert(list(fresh.values()), options.at, is_unreferenced=is_unreferenced)
    tables.replace([*changed.values(), *reassigned], options.at)


def _reassign_refunds(rows: Mapping[Key, Row], targets: Mapping[Key, Row], referring: Iterable[Row]) -> list[Row]:
    """Assign every refund to the person of its purchase; return stored refunds that change person."""
    reassigned: list[Row] = []
    for row, purchase in (*pairs_of(rows.values(), targets), *pairs_of(referring, rows)):
        if row.kind != "refund" or row.person_id == purchase.person_id:
            continue
        row.person_id = purchase.person_id
        if row.key not in rows:
            reassigned.append(row)
    return reassigned


def _people_of(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield row.person_id
        if row.cells[REFERRER] is not None:
            yield str(row.cells[REFERRER])


def _is_unresolved(change: Change, row: Row, targets: Mapping[Key, Row]) -> bool:
    """Return whether a row's target is missing in its person's history; a complaint is never unresolved."""
    if row.target is None or row.kind == "complaint":
        return False
    target = targets.get(row.target)
    return target is None or change.person(target.person_id) is not change.person(row.person_id)


def _set_currency(
    tables: Tables, currency: str | None, fresh: Mapping[Key, Row], changed: Mapping[Key, Row], *, has_rates: bool
) -> None:
    """Refuse an amount in a second currency, unless there are rates; the first amount sets a store's currency.

    Raises:
        RecordError: The amounts have two currencies.
    """
    others = [row for row in (*fresh.values(), *changed.values()) if row.cells[CURRENCY] not in (None, currency)]
    if not others:
        return
    currencies = sorted({str(row.cells[CURRENCY]) for row in others})
    if has_rates:
        is_first = currency is None and len(currencies) == 1
        if currency != SEVERAL:
            tables.set_currency(currencies[0] if is_first else SEVERAL)
        return
    if currency == SEVERAL:
        raise RecordError(f"the store has amounts in several currencies; {OPEN_WITH_RATES}")
    if len(currencies) > 1:
        raise _two_currencies(others, currencies)
    other = tables.other_currency(currencies[0]) if changed else currency  # amend may change the only amount's currency
    if other is not None:
        raise _two_currencies(others, [other, *currencies])
    tables.set_currency(currencies[0])


def _two_currencies(rows: Sequence[Row], currencies: Collection[str]) -> RecordError:
    names = " and ".join(sorted(currencies))
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    msg = (
        f"one store cannot have amounts in {names} ({rows[0].name}{more}); {OPEN_WITH_RATES}, "
        "or use one store for each currency"
    )
    return RecordError(msg)
