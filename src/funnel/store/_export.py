"""All that is kept of one person, as JSON that can be handed to them."""

from __future__ import annotations

import json
from typing import Any

from funnel._instants import instant
from funnel.store._aliases import aliases_of
from funnel.store._damage import readable
from funnel.store._reading import history_of, names_of, person_of, waiting_of
from funnel.store._tables import Tables

FORMAT = 1
"""The version of what an export looks like."""


def export(tables: Tables, name: str, judged_by: int) -> str:
    """A person's history, what waits beside it, their other names and their stage; nobody else's contact."""
    root, names = names_of(tables, name)
    history = history_of(tables, name)
    alone = history.model_copy(
        update={"referrals": tuple(lead.model_copy(update={"contact": None}) for lead in history.referrals)}
    )
    told = {
        "format": FORMAT,
        "person_id": root,
        "stage": _stage(tables, name, judged_by),
        "aliases": [
            {
                "alias": one.alias,
                "person_id": one.person_id,
                "merged_at": one.merged_at.isoformat(),
                "parted_at": None if one.parted_at is None else one.parted_at.isoformat(),
            }
            for one in aliases_of(tables, name)
        ],
        "history": alone.model_dump(mode="json"),
        "waiting": [record.model_dump(mode="json") for record in waiting_of(tables, names)],
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def _stage(tables: Tables, name: str, judged_by: int) -> dict[str, Any] | None:
    person = person_of(tables, name)
    if person.judged_at is None or person.judged_by != judged_by:
        return None
    with readable("the date of a judgement cannot be read"):
        return {"stage": person.stage, "judged_at": instant(person.judged_at).isoformat()}
