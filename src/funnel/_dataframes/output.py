"""Dataframes of rows of plain Python, and dataframes of a shop with columns that were added."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes import adapter
from funnel._dataframes.adapter import Frame, FrameKind, to_native
from funnel._dataframes.frame_types import FrameT
from funnel.errors import EngineError, MissingExtraError


def frame_from_rows(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> object:
    """Return rows of plain Python as a dataframe of an installed engine.

    Raises:
        MissingExtraError: No engine is installed.
        EngineError: A column holds values of different types.
    """
    columns = {name: [row[name] for row in rows] for name in names}
    if adapter.installed("polars"):
        try:
            return importlib.import_module("polars").DataFrame(columns)
        except (TypeError, ValueError, OverflowError, importlib.import_module("polars").exceptions.PolarsError):
            raise EngineError("a column of the list has values of different types; give each one type") from None
    if adapter.installed("pandas"):
        pandas: Any = importlib.import_module("pandas")
        return pandas.DataFrame(columns).convert_dtypes()
    msg = "a list needs a dataframe engine, and no engine is installed; run: pip install 'shopfunnel[polars]'"
    raise MissingExtraError(msg)


def with_added(
    native: FrameT, frame: Frame, frame_kind: FrameKind, added: Sequence[str], **types: Sequence[str]
) -> FrameT:
    """Return a dataframe with the columns `added` of a frame of its rows; `types` names its instants and spans.

    A pandas frame keeps its index and the types of its other columns.
    """
    result: FrameT = to_native(frame, frame_kind, **types)
    pandas: Any = native
    if not nw.from_native(pandas).implementation.is_pandas():
        return result
    computed: Any = result
    extended = pandas.assign(**{name: computed[name].array for name in added})
    names = {str(name): name for name in extended.columns}
    ordered: FrameT = extended[[names[name] for name in computed.columns]]
    return ordered
