"""The ledger of one person, as a history makes it."""

from __future__ import annotations

from collections.abc import Iterable

from funnel._ledger.ledger import Ledger, ledger_from
from funnel._ledger.rows import InOrder
from funnel.interactions import Interaction
from funnel.records import Record


def ledger_of(person_id: str, records: Iterable[Record]) -> Ledger:
    """The ledger of one person from all of their records (each once), in whatever order."""
    given = list(records)
    talk = [record for record in given if isinstance(record, Interaction)]
    return ledger_from(person_id, InOrder.of(talk), [record for record in given if not isinstance(record, Interaction)])
