"""Records that caused transitions, in local memory.

Records are sorted only if an instant has two records.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw
import polars as pl

from funnel._aggregate.group_by import PERSON
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected
from funnel.facts._schema import FactSchema
from funnel.machines._causes import ORDERED, RECORD, candidates


def records_near(plan: FactSchema, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """Return the record that caused each change, like `records_of`."""
    near: pl.DataFrame = collected(nw.to_native(candidates(plan, tables, moved, at)))
    hashes = near.select(pl.struct(PERSON, "t").hash()).to_series()
    tied = hashes.is_duplicated()
    first = near.filter(tied).sort(ORDERED).unique([PERSON, "t"], keep="first")
    one = pl.concat([near.filter(~tied), first]).rename({"t": at})
    frame: Frame = nw.from_native(one.select(PERSON, at, *RECORD).lazy())
    return frame
