"""Contacts and deals of HubSpot.

Rules:

- A contact is a lead that arrived at `Create Date`. The person is `Record ID`, so that deals find their contact.
- The lifecycle stage is not read: a portal may rename its stages, and the records decide the stage of a person here.
- A deal that is closed and won is a purchase of its contact at `Close Date`. Stages that a portal has named itself are
  refused until `statuses` says what they mean; deals that are open or lost are refused and counted.
- A deal with several contacts belongs to the first of them; the account counts such deals.
- Times are the clock of the portal, without a zone.
- HubSpot repeats the name of a column if the export has associated records. A name that stands twice is an error if
  the reader needs the column.
"""

from __future__ import annotations

import polars as pl

from funnel.readers._export import Export
from funnel.readers._export_columns import NOTE, WHY
from funnel.readers._raw import text_if
from funnel.readers._read_people import ARRIVED, CAMPAIGN, ORIGIN, people_data

_FORMATS = ("iso", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M")
_NOT_WON = (
    "appointmentscheduled, appointment scheduled, qualifiedtobuy, qualified to buy, presentationscheduled, "
    "presentation scheduled, decisionmakerboughtin, decision maker bought-in, contractsent, contract sent"
)
_LOST = ("closedlost", "closed lost")


def _contacts(rows: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in ("first_name", "last_name") if name in rows.columns]
    full = [pl.concat_str(names, separator=" ", ignore_nulls=True).alias("name")] if names else []
    return rows.with_columns(pl.col("id").alias("customer_id"), *full)


def _deals(rows: pl.DataFrame) -> pl.DataFrame:
    stage = pl.col("status").str.to_lowercase().str.replace(r"\s*\(.*\)$", "")
    contacts = pl.col("contacts").str.split(";")
    return rows.with_columns(
        stage.alias("status"),
        contacts.list.first().str.strip_chars().alias("customer_id"),
        text_if(contacts.list.len() > 1, "deal of several contacts, taken for the first").alias(NOTE),
        pl.coalesce(
            text_if(stage.is_in(_NOT_WON.split(", ")), "deal that is still open"),
            text_if(stage.is_in(_LOST), "deal that was lost"),
        ).alias(WHY),
    )


CONTACTS = (
    Export(
        name="hubspot.contacts",
        title="HubSpot contacts export",
        columns={
            "id": ("Record ID", "Record ID - Contact", "Contact ID"),
            ARRIVED: ("Create Date",),
            "stage": ("Lifecycle Stage", "Lead Status"),
            ORIGIN: ("Original Source", "Original Traffic Source"),
            CAMPAIGN: ("Original Source Drill-Down 1", "Original Traffic Source Drill-Down 1"),
            "email": ("Email",),
            "phone": ("Phone Number", "Mobile Phone Number"),
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "address": ("Street Address", "City"),
            "deal": ("Deal Name",),
        },
        required=("id", ARRIVED, "stage", "email"),
        absent=("deal",),
        time_formats=_FORMATS,
        source="hubspot",
        keys=("customer_id",),
        ids="code",
        prepare=_contacts,
        combine=people_data,
    ),
)
"""Contacts of HubSpot."""

DEALS = (
    Export(
        name="hubspot.deals",
        title="HubSpot deals export",
        columns={
            "id": ("Record ID", "Record ID - Deal", "Deal ID"),
            "product": ("Deal Name",),
            "status": ("Deal Stage",),
            "amount": ("Amount",),
            "currency": ("Currency",),
            "purchased_at": ("Close Date",),
            "contacts": ("Associated Contact IDs", "Associated Contact ID"),
        },
        required=("id", "product", "status", "amount", "purchased_at", "contacts"),
        statuses={"paid": "closedwon, closed won"},
        time_formats=_FORMATS,
        amount_style="number",
        source="hubspot",
        keys=("customer_id",),
        ids="code",
        prepare=_deals,
    ),
)
"""Deals of HubSpot."""
