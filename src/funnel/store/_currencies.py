"""Stores of several currencies: amounts are stored as they came in, and converted when they are read.

Invariant: the order in which records come in, and rates that are corrected later, never change a stored amount.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from funnel._copies import all_fields
from funnel._record_columns import MONEY
from funnel.errors import ArgumentError, MoneyError
from funnel.records import Purchase, Record, Refund
from funnel.store._rows import Key, Row, record_of, row_of
from funnel.store._tables import Tables

if TYPE_CHECKING:
    from funnel.rates import Rates

SEVERAL = "*"
"""The currency of a store whose amounts have several."""

OPEN_WITH_RATES = "open the store with the shop's rates, rates=Rates(...), or pass --rates and --currency to a command"

_PRICED = ("amount", *MONEY, "lines")


def in_one_currency(records: Sequence[Record], rates: Rates | None) -> Iterable[Record]:
    """Return the records of one person in the reporting currency.

    Raises:
        MoneyError: The rates have no rate of a day; or there are no rates, and the amounts have two currencies.
    """
    if rates is not None:
        return rates.of(records)
    amounts = (getattr(record, "amount", None) for record in records)
    currencies = {amount.currency for amount in amounts if amount is not None}
    if len(currencies) > 1:
        raise MoneyError(f"the person has amounts in {' and '.join(sorted(currencies))}; {OPEN_WITH_RATES}")
    return records


def added_in_one_currency(added: Sequence[Record] | None, rates: Rates | None) -> Sequence[Record] | None:
    """Return records that are added to a history in the reporting currency; None if the history must be read again.

    The rate of a refund is that of its purchase.
    """
    if rates is None or added is None:
        return added
    return None if any(isinstance(record, Refund) for record in added) else rates.of(added)


def check_rates(rows: Iterable[Row], rates: Rates) -> None:
    """Check that new amounts have a rate, so that everything that is stored can be read.

    Raises:
        MoneyError: A day has no rate, or a converted amount is too large.
    """
    rates.of(row.record for row in rows if row.record is not None and not isinstance(row.record, Refund))


def other_currencies(pairs: Collection[tuple[Row, Row]]) -> Iterator[str]:
    """Yield what is wrong with refunds that have another currency than their purchase."""
    for row, target in pairs:
        if row.kind == "refund" and row["currency"] != target["currency"]:
            msg = f"{row.name} is in {row['currency']} and its purchase is in {target['currency']}"
            yield f"{msg}; a refund has the currency of its purchase"


def as_they_came(tables: Tables, records: Sequence[Record], rates: Rates) -> list[Record]:
    """Return records with their amounts as they came in, if the store gave the converted ones.

    Raises:
        ArgumentError: A converted amount was changed.
    """
    keys = {row.key for row in map(row_of, records) if row["original"] is not None}
    stored: Mapping[Key, Row] = tables.rows_with(keys) if keys else {}
    return [_as_it_came(record, stored, rates) for record in records]


def _as_it_came(record: Record, stored: Mapping[Key, Row], rates: Rates) -> Record:
    row = stored.get(row_of(record).key) if stored else None
    if row is None or row["original"] is not None or row["currency"] in (None, rates.currency):
        return record
    before, fields = record_of(row), dict(all_fields(record))
    if isinstance(record, Refund):
        as_stored: dict[str, Any] = {**fields, "amount": fields["original"], "original": None}
        return Refund(**as_stored)
    (visible,) = rates.of([before])
    names = [name for name in _PRICED if name in fields and (name == "amount" or isinstance(record, Purchase))]
    if changed := [name for name in names if getattr(record, name) != getattr(visible, name)]:
        msg = f"{', '.join(changed)} of {row.name} changed after the conversion to {rates.currency}"
        raise ArgumentError(f"{msg}; give all its amounts in {row['currency']}, and original=None")
    changed_back: dict[str, Any] = {**fields, **{name: getattr(before, name) for name in names}, "original": None}
    return type(record)(**changed_back)
