"""Read purchase summaries: a dataframe with the columns of `PurchaseSummary.over`, or a list of `PurchaseSummary`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, prod
from typing import Any

import attrs
import narwhals as nw
import numpy as np

from funnel._arguments import brief, each, instance, kind_of
from funnel._dataframes.adapter import ROW, Frame, FrameKind, from_native, to_local
from funnel._dataframes.compute import collected
from funnel.errors import ArgumentError
from funnel.forecast._buyers import Buyers, Flags, Floats, Grouped, Whole, grouped, one
from funnel.metrics._purchase_summary import PurchaseSummary

# ---- covariates as columns of summaries ------------------------------------------------------------------------------

# A combination is a cell. The cells are numbered: every combination of the levels of all covariates has a number.


Level = str | bool
"""One value of a covariate."""

MOST_CELLS = 256
"""The most combinations of levels: our default. Eight covariates of two levels have as many."""
_MIN_REPEAT_BUYERS = 30
"""Fewer repeat buyers do not determine the effect of a level: our default."""
_MOST_LISTED = 8


@attrs.frozen
class Levels:
    """The levels of one covariate.

    Attributes:
        name: The name of the column.
        levels: The levels, the most common one first.
        people: The number of people with each level.
    """

    name: str
    levels: tuple[Level, ...]
    people: tuple[int, ...]


def levels_of(frame: Frame | None, names: object, has_returned: Flags, min_repeat_buyers: int) -> tuple[Levels, ...]:
    """Return the levels of the columns that a model is to use.

    Args:
        frame: The rows of the summaries. None for a list.
        names: The columns.
        has_returned: True for each row with a second purchase day.
        min_repeat_buyers: The minimum number of repeat buyers for a model; a level needs at most 30.

    Raises:
        ArgumentError: A column is missing, is not of texts or booleans, or has missing values; or its effects cannot
            be estimated: it has one level, a level is rare, it follows from other columns, or there are too many
            combinations.
    """
    columns = each(names, "covariates", "a list of names of columns, such as ['source']")
    if len(set(map(brief, columns))) < len(columns):
        raise ArgumentError(f"covariates has a name twice (got {', '.join(map(brief, columns))})")
    minimum = min(_MIN_REPEAT_BUYERS, min_repeat_buyers)
    levels = tuple(_levels(_column(frame, name), name, has_returned, minimum) for name in columns)
    number = prod(len(one.levels) for one in levels)
    if number > MOST_CELLS:
        raise ArgumentError(
            f"the covariates have {number:,} combinations of levels, and at most {MOST_CELLS} are allowed; "
            "put similar levels together, or leave covariates out"
        )
    if levels:
        _check_independent(levels, np.unique(cells_of(frame, levels)))
    return levels


def cells_of(frame: Frame | None, levels: Sequence[Levels]) -> Whole:
    """Return the number of the cell of each row.

    Raises:
        ArgumentError: A column is missing, is not of texts or booleans, or has missing values or unknown levels.
    """
    indices = [_indices(_column(frame, one.name), one) for one in levels]
    return np.asarray(np.ravel_multi_index(indices, _sizes(levels)), dtype=np.int64)


def cell_of(levels: Sequence[Levels], values: Mapping[str, Level] | None) -> int | None:
    """Return the number of the cell of one buyer. None without covariates.

    Raises:
        ArgumentError: The values are not levels of these covariates, all of them and no others.
    """
    if not levels and values is None:
        return None
    example = {one.name: one.levels[0] for one in levels}
    expected = f"a mapping such as {example}, with each covariate" if levels else "None: the model has none"
    present = instance(values, Mapping, "covariates", expected)
    if set(present) != {one.name for one in levels}:
        raise ArgumentError(f"covariates must be {expected} (got {', '.join(map(brief, present)) or 'nothing'})")
    for column in levels:
        if (value := present[column.name]) not in column.levels:
            raise ArgumentError(f"covariate {column.name} must be {_listed(column)} (got {brief(value)})")
    indices = [one.levels.index(present[one.name]) for one in levels]
    return int(np.ravel_multi_index(indices, _sizes(levels)))


def contrasts(levels: Sequence[Levels], without: str | None = None) -> Floats:
    """Return for each cell (rows) and each level but the most common ones (columns) how far it is from the average.

    The distance is 1 for a cell of the level and 0 for others, less the share of people with the level.

    Args:
        levels: The covariates.
        without: A covariate to leave out.
    """
    sizes = _sizes(levels)
    indices = np.unravel_index(np.arange(prod(sizes)), sizes)
    shares = (np.array(one.people) / sum(one.people) for one in levels)
    parts = [
        (np.eye(len(share))[index] - share)[:, 1:]
        for one, index, share in zip(levels, indices, shares, strict=True)
        if one.name != without
    ]
    return np.concatenate(parts, axis=1)


def _sizes(levels: Sequence[Levels]) -> tuple[int, ...]:
    return tuple(len(one.levels) for one in levels)


def _column(frame: Frame | None, name: object) -> Any:
    if frame is None:
        raise ArgumentError("a list of summaries has no covariates; pass a dataframe with a column for each of them")
    if name not in frame.collect_schema().names():
        raise ArgumentError(
            f"the summaries lack the covariate {brief(name)}; add it as a column, by a join on person_id, with the "
            "value at the first purchase"
        )
    column: Any = collected(frame.select(str(name)))[str(name)]
    if column.dtype in (nw.Categorical, nw.Enum):
        column = column.cast(nw.String())
    missing = column.null_count()
    if column.dtype not in (nw.String, nw.Boolean) or missing:
        raise ArgumentError(
            f"covariate {name} must hold texts or booleans in every row (got {column.dtype}, {missing:,} missing); "
            "divide numbers into levels such as '1' and '2 or more', and name missing values, such as 'unknown'"
        )
    return column


def _levels(column: Any, name: str, has_returned: Flags, minimum: int) -> Levels:
    values: list[Level] = sorted(column.unique().to_list())
    in_order = Levels(name, tuple(values), ())
    if len(in_order.levels) == 1:
        raise ArgumentError(f"covariate {name} has one level, which has no effect; leave it out")
    indices = _indices(column, in_order)
    people, repeat_buyers = (
        np.bincount(some, minlength=len(in_order.levels)) for some in (indices, indices[has_returned])
    )
    rare = int((repeat_buyers < minimum).sum())
    if rare:
        raise ArgumentError(
            f"{rare:,} of {len(people):,} levels of covariate {name} have fewer than {minimum} repeat buyers; put rare "
            "levels together, such as 'other', or leave the covariate out"
        )
    order: list[int] = np.argsort(-people, kind="stable").tolist()
    return Levels(name, tuple(in_order.levels[index] for index in order), tuple(people[order].tolist()))


def _indices(column: Any, one: Levels) -> Whole:
    """Return the index of the level of each row."""
    unknown = [value for value in column.unique().to_list() if value not in one.levels]
    if unknown:
        raise ArgumentError(
            f"{int(column.is_in(unknown).sum()):,} rows have a level of covariate {one.name} that the model does not "
            f"have: it has {_listed(one)}; use one of these, or fit the model anew"
        )
    indices = column.replace_strict(list(one.levels), list(range(len(one.levels))), return_dtype=nw.Int64())
    return np.asarray(indices.to_numpy(), dtype=np.int64)


def _listed(one: Levels) -> str:
    first, more = one.levels[:_MOST_LISTED], len(one.levels) - _MOST_LISTED
    return " or ".join(map(repr, first)) + (f" or one of {more} more" if more > 0 else "")


def _check_independent(levels: tuple[Levels, ...], present: Whole) -> None:
    """Check that the levels of no covariate follow from those of others."""
    for number in range(2, len(levels) + 1):
        some, sizes = levels[:number], _sizes(levels)
        cells = np.ravel_multi_index(np.unravel_index(present, sizes)[:number], sizes[:number])
        columns = contrasts(some)[cells]
        design = np.column_stack([np.ones(len(columns)), columns])
        if np.linalg.matrix_rank(design) < design.shape[1]:
            *others, last = (one.name for one in some)
            raise ArgumentError(
                f"covariate {last} follows from {', '.join(others)}: their effects cannot be told apart; leave one out"
            )


# ---- the summaries ---------------------------------------------------------------------------------------------------


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
