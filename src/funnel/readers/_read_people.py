"""Leads and customers of a known export: each row is one person, and all rows are accounted for.

Invariant: rows in the files = rows kept + rows merged + rows refused. The result does not depend on the order of the
rows, on how the rows are divided among files, nor on how often a file is given.

Rules:

- The person is the first usable key of the row; a row without one is refused and counted.
- Rows with one id are one lead: the row with the earliest arrival is kept, the others are merged.
- Two leads of one person, from one source and campaign, at one instant are one lead.
- A lead without its time is refused. An export without times has customers only, no leads.
- Contact details are read only if the caller asks for contacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from funnel._fields import UNPRINTABLE
from funnel.readers._account import Entry
from funnel.readers._export import Export
from funnel.readers._export_account import entries, entries_of, leads_of, outcome
from funnel.readers._export_columns import FILE, KEYS, NOTE, WHY
from funnel.readers._raw import ROW, text_if
from funnel.readers._read_export import Orders, ReadOptions
from funnel.readers._shop_data import CUSTOMERS, ShopData
from funnel.readers._times import read_times
from funnel.readers._values import read_ids

ARRIVED: Final = "purchased_at"
"""The canonical column of the arrival, read like the time of an order."""

ORIGIN, CAMPAIGN = "origin", "campaign"
"""Canonical columns: the marketing source and the campaign of a lead."""

_CONTENT = ("id", "person_id", ARRIVED, ORIGIN, CAMPAIGN, *KEYS, "name", "address")
_LEAD = ("person_id", ARRIVED, ORIGIN, CAMPAIGN)
_LONGEST_LABEL = 200
_MERGED = {"again": "row with the id of another row", "twin": "lead of the same person at the same instant"}


def people_data(rows: pl.DataFrame, export: Export, options: ReadOptions, notes: Sequence[Entry]) -> ShopData:
    """Combine the rows of an export into leads and customers.

    Args:
        rows: The canonical columns as text, with `ROW` and `FILE`.
        export: The export.
        options: The options of the caller.
        notes: Notes about rows and lines, for the account.

    Raises:
        ArgumentError: The zone is needed and missing, or times fit several formats.
    """
    return _People(export, options).read(rows, notes)


class _People(Orders):
    """The steps from rows to leads and customers for one export and one set of options."""

    def read(self, rows: pl.DataFrame, notes: Sequence[Entry]) -> ShopData:
        """Read the rows."""
        rows = _with_outcome(self._with_values(self._with_person(self._prepared(rows))))
        remaining = rows.filter(pl.col("outcome") == "kept")
        leads = leads_of(remaining.filter(pl.col(ARRIVED).is_not_null()), self._source)
        customers = _customers(remaining) if self._options.contacts else pl.DataFrame(schema=CUSTOMERS)
        counts = {"leads": leads.height, "customers": customers.height}
        return ShopData(
            export=self._export.name,
            currency=None,
            account=(*entries_of(rows, counts, _MERGED), *notes, *entries("noted", remaining, NOTE)),
            leads=leads,
            customers=customers,
        )

    def _with_values(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Parse the cells of each row, and find the reason to refuse it."""
        for name in (ORIGIN, CAMPAIGN):
            cells = pl.col(name) if name in rows.columns else pl.lit(None, pl.String)
            rows = rows.with_columns(cells.str.replace_all(UNPRINTABLE, " ").str.slice(0, _LONGEST_LABEL).alias(name))
        mapping = self._mapping("USD")
        form = self._formats(rows.select(ARRIVED))[ARRIVED]
        rows = read_times(rows, ARRIVED, "time", mapping.model_copy(update={"time_format": form}))
        rows = read_ids(read_ids(rows, "id", "row", mapping), "person_id", "known person", mapping)
        nameless = text_if(pl.col("id").is_null(), "row without its id")
        late = pl.col(ARRIVED).is_null() & pl.lit(ARRIVED in self._export.columns)
        timeless = text_if(late, "lead without its time")
        return rows.with_columns(
            pl.coalesce(WHY, nameless, "id.why", "person_id.why", f"{ARRIVED}.why", timeless).alias(WHY)
        )


def _with_outcome(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the outcome of every row: kept, merged or refused."""
    content = pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in _CONTENT], separator="\x1f")
    rows = rows.with_columns(content.alias("content"))
    valid = pl.col(WHY).is_null()
    by = [~valid, pl.col(ARRIVED), pl.col("content"), pl.col(FILE), pl.col(ROW)]
    again = valid & (pl.int_range(pl.len()).over("id", order_by=by) > 0)
    rows = rows.with_columns(again.alias("again"))
    arrived = pl.col(ARRIVED).is_not_null() & valid & ~pl.col("again")
    twin = arrived & (pl.int_range(pl.len()).over(*_LEAD, arrived, order_by=["content", FILE, ROW]) > 0)
    return rows.with_columns(outcome(~valid, twin))


def _customers(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the contact details of each person, from the person's latest row that has them."""
    latest = [
        pl.col(name).sort_by(ARRIVED, "content", nulls_last=False).drop_nulls().last().fill_null("").alias(name)
        for name in ("name", "email", "phone", "address")
    ]
    return rows.group_by("person_id").agg(latest).sort("person_id").match_to_schema(CUSTOMERS)
