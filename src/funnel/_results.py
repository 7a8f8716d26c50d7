"""Base classes of results: rows for other tools, charts, and pictures in a notebook."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, cast

from funnel._format import Html
from funnel.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from altair.typing import ChartType


class Rows:
    """Base class of results that are a table: rows for dataframes of other tools.

    The rows are those of `to_dicts`. Spans of time stay spans, and instants stay aware.
    """

    __slots__ = ()

    @abstractmethod
    def to_dicts(self) -> Sequence[Mapping[str, object]]:
        """Return one dict for each row."""

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a Polars dataframe.

        Raises:
            MissingExtraError: Polars is not installed.
        """
        polars: Any = _module("polars", "a Polars dataframe", "polars")
        frame: pl.DataFrame = polars.DataFrame(_plain_rows(self), infer_schema_length=None)
        return frame

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas dataframe.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        pandas: Any = _module("pandas", "a pandas dataframe", "pandas")
        frame: pd.DataFrame = pandas.DataFrame(_plain_rows(self))
        return frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as an Arrow stream.

        Polars, PyArrow and other tools read it: `pl.DataFrame(result)`, `pa.table(result)`.

        Args:
            requested_schema: The schema that the reader prefers.

        Raises:
            MissingExtraError: Neither Polars nor PyArrow is installed.
        """
        if find_spec("polars") is not None:
            return self.to_polars().__arrow_c_stream__(requested_schema)
        pyarrow: Any = _module("pyarrow", "an Arrow stream", "pyarrow")
        return pyarrow.Table.from_pylist(_plain_rows(self)).__arrow_c_stream__(requested_schema)


def _plain_rows(result: Rows) -> list[dict[str, object]]:
    return [{name: _plain(value) for name, value in row.items()} for row in result.to_dicts()]


def _plain(value: object) -> object:
    """Return a value that a column can hold: the values of a group are joined."""
    return ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else value


class Charted(Html):
    """Base class of results that have a chart."""

    __slots__ = ()
    _CHART: ClassVar[str]

    def plot(self) -> ChartType:
        """Return the result as an Altair chart, which can be changed and saved.

        Raises:
            MissingExtraError: The extra `plots` is not installed.
        """
        return chart_of(self)

    def _repr_html_(self) -> str:
        return self._html() + _picture(self)


def chart_of(result: Charted, **options: object) -> ChartType:
    """Return the chart of a result.

    Args:
        result: The result.
        options: The options of its chart.

    Raises:
        MissingExtraError: The extra `plots` is not installed.
    """
    module, name = result._CHART.split(".")
    plots = _module(f"funnel.plots._{module}", "a chart", "plots")
    chart: ChartType = getattr(plots, name)(result, **options)
    return chart


def _picture(result: Charted) -> str:
    """Return the chart as a static picture without scripts. Empty if the extra `plots` is not installed."""
    if find_spec("altair") is None or find_spec("vl_convert") is None:
        return ""
    render: Any = import_module("funnel.plots._render")
    return f'<div style="max-width: 48em">{render.to_svg(result)}</div>'


def _module(name: str, purpose: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        msg = f"{purpose} needs {error.name}, which is not installed; run: pip install 'shopfunnel[{extra}]'"
        raise MissingExtraError(msg) from None
