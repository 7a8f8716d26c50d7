"""The export of one person's stored data, as JSON to hand to that person."""

from __future__ import annotations

import json
from typing import Any

from funnel._time import instant
from funnel.store._aliases import aliases_of
from funnel.store._damage import readable
from funnel.store._reading import history_of, names_of, person_of, waiting_of
from funnel.store._tables import Tables

FORMAT = 1
"""The version of the export format."""


def export(tables: Tables, name: str, rule_fingerprint: int) -> str:
    """Return a person's history, unresolved records, other names and stage, without others' contacts."""
    root, names = names_of(tables, name)
    history = history_of(tables, name)
    alone = history.model_copy(
        update={"referrals": tuple(lead.model_copy(update={"contact": None}) for lead in history.referrals)}
    )
    told = {
        "format": FORMAT,
        "person_id": root,
        "stage": _stage(tables, name, rule_fingerprint),
        "aliases": [
            {
                "alias": one.alias,
                "person_id": one.person_id,
                "merged_at": one.merged_at.isoformat(),
                "unmerged_at": None if one.unmerged_at is None else one.unmerged_at.isoformat(),
            }
            for one in aliases_of(tables, name)
        ],
        "history": alone.model_dump(mode="json"),
        "waiting": [record.model_dump(mode="json") for record in waiting_of(tables, names)],
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def _stage(tables: Tables, name: str, rule_fingerprint: int) -> dict[str, Any] | None:
    person = person_of(tables, name)
    if person.evaluated_at is None or person.rule_fingerprint != rule_fingerprint:
        return None
    with readable("the date of a judgement cannot be read"):
        return {"stage": person.stage, "evaluated_at": instant(person.evaluated_at).isoformat()}
