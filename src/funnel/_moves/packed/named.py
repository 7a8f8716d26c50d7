"""The records that brought moves about, in local memory: only where instants bear two records are they put in order."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw
import polars as pl

from funnel._computing import collected
from funnel._facts.plan import Plan
from funnel._frames import Frame
from funnel._moves.records import ORDERED, RECORD, candidates
from funnel._reduce.aggregates import PERSON


def records_near(plan: Plan, tables: Mapping[str, Frame], moved: Frame, at: str) -> Frame:
    """The record that brought about what changed at instants of people, as `records_of` gives it."""
    found: pl.DataFrame = collected(nw.to_native(candidates(plan, tables, moved, at)))
    marks = found.select(pl.struct(PERSON, "t").hash()).to_series()
    tied = marks.is_duplicated()
    first = found.filter(tied).sort(ORDERED).unique([PERSON, "t"], keep="first")
    one = pl.concat([found.filter(~tied), first]).rename({"t": at})
    told: Frame = nw.from_native(one.select(PERSON, at, *RECORD).lazy())
    return told
