"""Leads of Google Ads lead forms.

Rules:

- Each row is one lead. `Date Submitted` is the clock of the account, without a zone.
- The person is the e-mail address, else the telephone number.
- The campaign is `Campaign Name`; the source is google_ads.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._read_people import ARRIVED, CAMPAIGN, people_data


def _prepared(rows: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in ("name", "first_name", "last_name") if name in rows.columns]
    if not names:
        return rows
    return rows.with_columns(pl.concat_str(names, separator=" ", ignore_nulls=True).alias("name"))


_EXPORT = Export(
    name="google_ads.leads",
    title="Google Ads lead form export",
    columns={
        "id": ("Lead ID",),
        ARRIVED: ("Date Submitted", "Submission date", "Submit time"),
        "click": ("GCLID", "Google Click ID"),
        CAMPAIGN: ("Campaign Name", "Campaign"),
        "email": ("Email", "User Email", "Work Email"),
        "phone": ("Phone Number", "User Phone", "Phone", "Work Phone"),
        "name": ("Full Name",),
        "first_name": ("First Name",),
        "last_name": ("Last Name",),
        "address": ("Street Address", "City"),
    },
    required=("id", ARRIVED, "click"),
    time_formats=("iso", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"),
    source="google_ads",
    prepare=_prepared,
    combine=people_data,
)

LEADS = (_EXPORT,)
"""Leads of Google Ads."""
