"""Select the columns of a ledger table."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from funnel._expr.to_narwhals import int_lit
from funnel._ledger.streams import TABLES
from funnel._time import FOREVER

Frame = nw.LazyFrame[Any]
PERSON = "person_id"


def shaped(frame: Frame, table: str, **columns: nw.Expr) -> Frame:
    """Return rows with the columns of a table. Defaults.

    By default, a row is valid from `t` to FOREVER and has rank 0 and empty source and id.
    """
    usual = {"start": columns["t"], "end": int_lit(FOREVER), "rank": int_lit(0), "source": words(""), "id": words("")}
    made = {**usual, **columns}
    wanted = [name for name in TABLES[table] if name in made]
    return frame.select(PERSON, **{name: made[name] for name in wanted})


def words(value: str) -> nw.Expr:
    """Return a text literal."""
    return nw.lit(value, nw.String())


def keyed() -> dict[str, nw.Expr]:
    """Return the source and the id of a record as columns."""
    return {"source": nw.col("source"), "id": nw.col("id")}
