"""Read purchase summaries: a dataframe with the columns of `PurchaseSummary.over`, or a list of `PurchaseSummary`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._arguments import kind_of
from funnel._dataframes.adapter import ROW, Frame, FrameKind, from_native, to_local
from funnel._dataframes.compute import collected
from funnel.errors import ArgumentError
from funnel.forecast._buyers import Buyers, Grouped, Whole, grouped, one
from funnel.forecast._levels import Level, Levels, cell_of, cells_of, levels_of
from funnel.metrics._purchase_summary import PurchaseSummary

COUNTS = ("repeat_count", "first_to_last_days", "tenure_days")
AMOUNT = "repeat_amount"
GAPS = "log_gap_sum"


@attrs.frozen(eq=False)
class Summaries:
    """Summaries in local memory.

    Attributes:
        groups: The different buyers, and which of them each row is.
        frame: The rows of a dataframe. None for a list.
        frame_kind: The kind of the dataframe.
        amounts: The repeat amount of each row in minor units. None if the table has no amounts.
    """

    groups: Grouped
    frame: Frame | None
    frame_kind: FrameKind
    amounts: Whole | None

    def levels(self, covariates: object, min_repeat_buyers: int) -> tuple[Levels, ...]:
        """Return the levels of the columns that a model is to use.

        Raises:
            ArgumentError: A column cannot be used, or its effects cannot be estimated.
        """
        has_returned = self.groups.buyers.count[self.groups.index] > 0 if covariates else np.zeros(0, dtype=np.bool_)
        return levels_of(self.frame, covariates, has_returned, min_repeat_buyers)

    def divided(self, levels: Sequence[Levels]) -> Summaries:
        """Return the same rows, whose buyers are different if their covariates are.

        Raises:
            ArgumentError: The input is a list, or a column lacks a value or has an unknown level.
        """
        if not levels:
            return self
        return attrs.evolve(self, groups=self.groups.divided(cells_of(self.frame, levels)))

    @classmethod
    def read(cls, summaries: object, *, with_amounts: bool = False) -> Summaries:
        """Read summaries of any kind.

        Raises:
            ArgumentError: The input is not a table or list of summaries, a column is missing or has fractions,
                or rows are impossible.
        """
        if isinstance(summaries, Sequence):
            rows: Sequence[Any] = summaries  # pyright: ignore[reportUnknownVariableType]
            if not all(isinstance(row, PurchaseSummary) for row in rows):
                raise ArgumentError(f"a list of summaries must hold PurchaseSummary only (got {_kinds(rows)})")
            gaps = [row.log_gap_sum for row in rows]
            columns = [np.array([getattr(row, name) for row in rows], dtype=np.int64) for name in (*COUNTS, AMOUNT)]
            return cls(_with_gaps(_checked(*columns[:3]), gaps), None, "polars", columns[3])
        frame_in = from_native(summaries)
        frame, kind = to_local(frame_in.frame, frame_in.frame_kind)
        local = collected(frame).lazy().drop(ROW, strict=False)
        names = local.collect_schema()
        required = (*COUNTS, AMOUNT) if with_amounts else COUNTS
        missing = [name for name in required if name not in names]
        if missing:
            listed = ", ".join(missing)
            raise ArgumentError(f"the summaries lack {listed}; make them with PurchaseSummary.over(purchases, ...)")
        amounts = _whole(local, AMOUNT) if AMOUNT in names else None
        gaps = collected(local.select(GAPS))[GAPS].to_list() if GAPS in names else [None]
        return cls(_with_gaps(_checked(*(_whole(local, name) for name in COUNTS)), gaps), local, kind, amounts)


def buyer_of(summary: object, levels: Sequence[Levels] = (), covariates: Mapping[str, Level] | None = None) -> Buyers:
    """Return one summary as buyers.

    Args:
        summary: The summary.
        levels: The covariates of a model.
        covariates: The level of each of them.

    Raises:
        ArgumentError: It is not a summary, it is impossible, or a covariate is missing or has another level.
    """
    if not isinstance(summary, PurchaseSummary):
        raise ArgumentError(
            f"a forecast for one person needs their PurchaseSummary (got {kind_of(summary)}); "
            "make it with PurchaseSummary.of(history, tz=..., as_of=...), which is None for people who never bought"
        )
    counts = (summary.repeat_count, summary.first_to_last_days, summary.tenure_days)
    _checked(*(np.array([count], dtype=np.int64) for count in counts))
    return one(*counts).at(cell_of(levels, covariates))


def _kinds(rows: Sequence[object]) -> str:
    return ", ".join(sorted({kind_of(row) for row in rows if not isinstance(row, PurchaseSummary)}))


def _whole(frame: Frame, name: str) -> Whole:
    column = collected(frame.select(name))[name]
    if not column.dtype.is_integer() or column.null_count():
        raise ArgumentError(f"column {name} of the summaries must hold whole numbers in every row (got {column.dtype})")
    return np.asarray(column.cast(nw.Int64()).to_numpy(), dtype=np.int64)


def _with_gaps(groups: Grouped, gaps: Sequence[float | None]) -> Grouped:
    """Return the groups with the sum of the logarithms of all gaps, if every row has its own."""
    total = [gap for gap in gaps if gap is not None]
    if not gaps or len(total) < len(gaps):
        return groups
    return Grouped(
        attrs.evolve(groups.buyers, log_gaps=fsum(total)), groups.index
    )  # the order of the rows is irrelevant


def _checked(count: Whole, recency: Whole, age: Whole) -> Grouped:
    """Return the groups of possible summaries.

    Raises:
        ArgumentError: Some are impossible.
    """
    wrong = (count < 0) | (recency < count) | (age < recency) | ((count == 0) & (recency > 0))
    if wrong.any():
        raise ArgumentError(
            f"{int(wrong.sum())} of {len(wrong)} summaries are impossible; each needs 0 <= repeat_count <= "
            "first_to_last_days <= tenure_days, all in days, and no time between purchases if there is only one"
        )
    return grouped(count, recency, age)


def with_columns(read: Summaries, columns: Mapping[str, Any], *, spans: Sequence[str] = ()) -> Frame:
    """Return the rows of a table with one more column for each forecast.

    Args:
        read: The rows.
        columns: The column of each forecast, for the different buyers.
        spans: The columns in microseconds, which become whole numbers.
    """
    index = read.groups.index
    return with_row_columns(read, {name: column.take(index) for name, column in columns.items()}, spans=spans)


def with_row_columns(read: Summaries, columns: Mapping[str, Any], *, spans: Sequence[str] = ()) -> Frame:
    """Return the rows of a table with more columns, which have a number for each row; missing numbers are null."""
    rows = collected(read.frame)
    backend = rows.implementation
    series = [nw.new_series(name, column, backend=backend) for name, column in columns.items()]
    cells = [one.fill_nan(None) if np.isnan(columns[one.name]).any() else one for one in series]
    whole = {name: nw.col(name).round().cast(nw.Int64()) for name in spans}
    result: Frame = rows.with_columns(*cells).with_columns(**whole).lazy()
    return result
