"""Leads of Meta lead ads: the file of the lead center, and the Google Sheet that Meta keeps up to date.

Rules:

- Each row is one lead; its id has the prefix `l:`. A time has its offset.
- The person is the e-mail address, else the telephone number, which has the prefix `p:`.
- The source is facebook or instagram, from `platform`; the campaign is `campaign_name`.
- Test leads, which hold dummy data, are refused and counted.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import WHY, with_absent
from funnel.readers._raw import text_if
from funnel.readers._read_people import ARRIVED, CAMPAIGN, ORIGIN, people_data

_PLATFORMS = {"fb": "facebook", "ig": "instagram", "an": "audience network", "msg": "messenger"}
_CELLS = ("email", "phone", "name", "first_name", "last_name")


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_absent(rows, (*_CELLS, ORIGIN))
    test = pl.any_horizontal(pl.col(_CELLS).str.contains("<test lead:", literal=True).fill_null(value=False))
    full = pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True)
    return rows.with_columns(
        pl.col("id").str.strip_prefix("l:"),
        pl.col(ORIGIN).str.to_lowercase().replace(_PLATFORMS),
        pl.coalesce("name", pl.when(full != "").then(full)).alias("name"),
        text_if(test, "test lead").alias(WHY),
    )


_EXPORT = Export(
    name="meta.leads",
    title="Meta lead ads export",
    columns={
        "id": ("id",),
        ARRIVED: ("created_time",),
        "form": ("form_id",),
        "ad": ("adset_id",),
        CAMPAIGN: ("campaign_name",),
        ORIGIN: ("platform",),
        "email": ("email", "e-mail", "work_email", "work email"),
        "phone": ("phone_number", "phone", "whatsapp_number", "work_phone_number"),
        "name": ("full_name", "full name"),
        "first_name": ("first_name",),
        "last_name": ("last_name",),
        "address": ("street_address", "city"),
    },
    required=("id", ARRIVED, "form", "ad"),
    zone="in the text",
    source="meta",
    prepare=_prepared,
    combine=people_data,
)

LEADS = (_EXPORT,)
"""Leads of Meta."""
