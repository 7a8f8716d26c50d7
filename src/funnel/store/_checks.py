"""Consistency checks of rows against stored rows, before they are written.

Invariant: a `History` accepts all rows that pass; an unresolved record is in no history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from funnel.errors import RecordError
from funnel.history import MOST_FAULTS
from funnel.store._currencies import other_currencies
from funnel.store._damage import readable
from funnel.store._rows import REFERRED_TO, Key, Row
from funnel.store._tables import Tables

Rows = Mapping[Key, Row]


def targets_of(tables: Tables, rows: Rows) -> Rows:
    """Return the rows that others refer to, new or stored, if they are of the required kind."""
    target_kinds = {row.target: row.target_kind for row in rows.values() if row.target is not None}
    if not target_kinds:
        return {}
    stored = tables.rows_with([key for key in target_kinds if key not in rows])
    targets = {key: rows[key] if key in rows else stored.get(key) for key in target_kinds}
    return {key: row for key, row in targets.items() if row is not None and row.kind == target_kinds[key]}


def referring_to(tables: Tables, rows: Rows) -> list[Row]:
    """Return stored rows that refer to these rows, except rows that are being replaced."""
    keys = [row.key for row in rows.values() if row.kind in REFERRED_TO]
    if not keys:
        return []
    others = [row for row in tables.referring(keys) if row.key not in rows]
    return [row for row, target in pairs_of(others, rows) if target.kind == row.target_kind]


def pairs_of(rows: Iterable[Row], targets: Rows) -> list[tuple[Row, Row]]:
    """Return rows with their targets, if the target is present."""
    if not targets:
        return []
    pairs = ((row, row.target) for row in rows)
    return [(row, targets[key]) for row, key in pairs if key is not None and key in targets]


def refuse_contradictions(
    tables: Tables, rows: Rows, targets: Rows, referring: Sequence[Row], *, has_rates: bool
) -> None:
    """Refuse rows that precede their target, and refunds that exceed their purchase or have another currency.

    Raises:
        RecordError: There are such rows; the message lists them.
    """
    if not targets and not referring:
        return
    pairs = [*pairs_of(rows.values(), targets), *pairs_of(referring, rows)]
    with readable("a record that others refer to cannot be read"):
        currencies = other_currencies(pairs) if has_rates else ()
        faults = [*_early_records(pairs), *currencies, *_excess_refunds(tables, rows, pairs)]
    if faults:
        more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise RecordError(f"the records contradict each other: {'; '.join([*faults[:MOST_FAULTS], *more])}")


def _early_records(pairs: Collection[tuple[Row, Row]]) -> Iterator[str]:
    for row, target in pairs:
        if row["happened_at"] < target["happened_at"]:
            yield f"{row.name} lies before its {target.name}; it may be the same instant or later"


def _excess_refunds(tables: Tables, rows: Rows, pairs: Collection[tuple[Row, Row]]) -> Iterator[str]:
    refunded = {target.key: target for row, target in pairs if row.kind == "refund"}
    if not refunded:
        return
    others = [row for row in tables.referring(list(refunded)) if row.key not in rows]
    refunded_amounts: dict[Key | None, int] = {}
    for row in (*others, *rows.values()):
        if row.kind == "refund":
            refunded_amounts[row.target] = refunded_amounts.get(row.target, 0) + row["amount"]
    for key, purchase in refunded.items():
        if refunded_amounts[key] > purchase["amount"]:
            yield f"the refunds of {purchase.name} exceed its amount; the sum of refunds is at most the amount paid"
