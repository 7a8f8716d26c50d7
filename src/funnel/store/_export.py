"""The export of one person's stored data, as JSON to hand to that person."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import attrs

from funnel._time import instant
from funnel.history import trusted
from funnel.records import Lead
from funnel.store._aliases import aliases_of
from funnel.store._damage import readable
from funnel.store._reading import names_of, person_of, records_of, unresolved_of
from funnel.store._results import Alias
from funnel.store._tables import Tables

FORMAT = 1
"""The version of the export format."""


def export(tables: Tables, name: str, rule_fingerprint: int) -> str:
    """Return a person's history, unresolved records, other names and stage, without others' contacts."""
    group_id, names = names_of(tables, name)
    _, records, customer = records_of(tables, name)  # amounts as they were stored
    visible = [_without_contact(one) if isinstance(one, Lead) and one.person_id != group_id else one for one in records]
    data = {
        "format": FORMAT,
        "person_id": group_id,
        "stage": _stage(tables, name, rule_fingerprint),
        "aliases": [_plain(alias) for alias in aliases_of(tables, name)],
        "history": trusted(group_id, visible, customer).model_dump(mode="json"),
        "unresolved": [record.model_dump(mode="json") for record in unresolved_of(tables, names)],
    }
    return json.dumps(data, ensure_ascii=False, indent=2)


def _stage(tables: Tables, name: str, rule_fingerprint: int) -> dict[str, Any] | None:
    person = person_of(tables, name)
    if person.evaluated_at is None or person.rule_fingerprint != rule_fingerprint:
        return None
    with readable("the date of an evaluation cannot be read"):
        return {"stage": person.stage, "evaluated_at": instant(person.evaluated_at).isoformat()}


def _without_contact(lead: Lead) -> Lead:
    return lead.model_copy(update={"contact": None})


def _plain(alias: Alias) -> dict[str, str | None]:
    values: dict[str, Any] = attrs.asdict(alias)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
