"""Numbers of people, and rows sorted by person, on Polars.

Polars groups and joins numbers up to three times as fast as texts. Rows that are sorted by person and time need no
window and no further sort for the time since the previous row, and for the first and the last row of each person.

Needs Polars; import it only for frames of Polars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

import attrs
import narwhals as nw
import polars as pl

from funnel._dataframes.compute import collected

Frame = nw.LazyFrame[Any]
_NUMBER, _HASH = "_number", "_hash"


@attrs.frozen(eq=False)
class PersonNumbers:
    """A number for each person, from 0 in the order of the ids.

    Attributes:
        person: Column of people in every frame.
        names: Each person in order, with the number and a hash that no other person has.
        seed: Seed of the hashes.
    """

    person: str
    names: pl.DataFrame
    seed: int

    @classmethod
    def of(cls, person: str, frames: Iterable[Frame]) -> PersonNumbers:
        """Number all people of some frames."""
        nobody = pl.DataFrame(schema={person: pl.String}).lazy()
        people = [_native(frame).select(person).unique() for frame in frames]
        names = collected(pl.concat([nobody, *people]).unique().sort(person)).with_row_index(_NUMBER)
        hashes = ((seed, names[person].hash(seed).alias(_HASH)) for seed in count())
        seed, distinct = next((seed, one) for seed, one in hashes if one.is_unique().all())
        return cls(person, names.with_columns(distinct), seed)

    def numbered(self, frame: Frame) -> Frame:
        """Return a frame with the number in place of each person; other columns are not copied."""
        rows = collected(_native(frame))
        hashes = rows.select(pl.col(self.person).hash(self.seed).alias(_HASH))  # joined 3x as fast as texts
        joined = hashes.join(self.names.select(_HASH, _NUMBER), on=_HASH, how="left", maintain_order="left")
        return _lazy(rows.with_columns(joined[_NUMBER].alias(self.person)))

    def with_ids(self, frame: Frame) -> Frame:
        """Return a frame of one row per person with the person in place of each number, sorted by person.

        The column is marked as sorted, so that a later sort by person costs nothing.
        """
        names = pl.lit(self.names[self.person]).gather(pl.col(self.person)).set_sorted().alias(self.person)
        return _lazy(_native(frame).sort(self.person).with_columns(names))


def _native(frame: Frame) -> pl.LazyFrame:
    native: pl.LazyFrame = nw.to_native(frame)
    return native


def _lazy(frame: pl.DataFrame | pl.LazyFrame) -> Frame:
    lazy: Frame = nw.from_native(frame.lazy())
    return lazy


def sort_by_person(frame: Frame, person: str, order: Sequence[str]) -> Frame:
    """Return the rows of each person together, in order."""
    return _lazy(collected(_native(frame)).sort(person, *order).with_columns(pl.col(person).set_sorted()))


def with_before(rows: Frame, person: str, column: str, name: str) -> Frame:
    """Add a column of the person's previous row to rows sorted by person; null for the first row."""
    is_same = pl.col(person) == pl.col(person).shift(1)
    return _lazy(_native(rows).with_columns(pl.when(is_same).then(pl.col(column).shift(1)).alias(name)))


class RowValue(NamedTuple):
    """One value of the rows of each person.

    Attributes:
        name: Name of the value.
        how: sum, min, max, first or last.
        field: Column of the rows; "" to count rows.
        where: Column of the condition; "" for all rows.
    """

    name: str
    how: str
    field: str
    where: str


def reduced(rows: Frame, person: str, values: Iterable[RowValue]) -> Frame:
    """Return one row per person with some values; the first and the last row are those in the order of the rows."""
    return _lazy(_native(rows).group_by(person).agg(*map(_reduced, values)))


def _reduced(value: RowValue) -> pl.Expr:
    if not value.field:
        return (pl.col(value.where).sum() if value.where else pl.len()).alias(value.name)
    field = pl.col(value.field).filter(pl.col(value.where)) if value.where else pl.col(value.field)
    result: pl.Expr = getattr(field, value.how)()
    return result.alias(value.name)
