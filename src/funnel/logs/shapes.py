"""The rows of a table of the ledger in its columns."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from funnel._instants import FOREVER
from funnel._lift.columns import whole
from funnel._streams import TABLES

Frame = nw.LazyFrame[Any]
PERSON = "person_id"


def shaped(frame: Frame, table: str, **columns: nw.Expr) -> Frame:
    """The rows of a table in its columns: what is not said counts from `t` for ever, first in rank."""
    usual = {"start": columns["t"], "end": whole(FOREVER), "rank": whole(0), "source": words(""), "id": words("")}
    made = {**usual, **columns}
    wanted = [name for name in TABLES[table] if name in made]
    return frame.select(PERSON, **{name: made[name] for name in wanted})


def words(value: str) -> nw.Expr:
    """A text."""
    return nw.lit(value, nw.String())


def keyed() -> dict[str, nw.Expr]:
    """The source and the number of a record."""
    return {"source": nw.col("source"), "id": nw.col("id")}
