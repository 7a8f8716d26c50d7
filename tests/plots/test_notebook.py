"""Results in a notebook and in other tools: tables with pictures, and rows as dataframes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import altair as alt
import attrs
import duckdb
import pandas as pd
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pytest

from funnel import _results, conversion
from funnel._format import MOST_ROWS, as_html
from funnel.errors import ArgumentError, MissingExtraError
from funnel.metrics._display import short_money
from tests.gallery import RESULTS, START, result
from tests.test_house import run_python

SEVEN = ("funnel", "survival", "cohorts", "lifecycle", "purchase-steps", "stage-difference", "shop-forecast")
"""Results with dates, instants, spans, rates, words and None."""

TABLES = tuple(name for name in RESULTS if name not in {"growth-change", "rhythm", "calibration", "model-check"})
"""The results that are tables."""


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_in_a_notebook_is_a_table_and_a_picture(name: str) -> None:
    """The HTML begins as before and ends with a picture without scripts."""
    page = result(name)._repr_html_()

    assert page.startswith(result(name)._html())
    assert page.endswith("</svg></div>")
    assert "<script" not in page


def test_without_the_extra_a_notebook_shows_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Altair or vl-convert shows what it can."""
    monkeypatch.setattr(_results, "find_spec", lambda name: None if name == "vl_convert" else name)

    assert result("lifecycle")._repr_html_() == result("lifecycle")._html()


def missing(*absent: str) -> Callable[[str], Any]:
    """An import that finds none of some packages."""

    def load(name: str) -> Any:
        for package in absent:
            if name.partition(".")[0] == package or (package == "altair" and name.startswith("funnel.plots.")):
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        raise AssertionError(name)

    return load


@pytest.mark.parametrize(
    ("absent", "call", "text"),
    [
        ("altair", "plot", "a chart needs altair, which is not installed; run: pip install 'shopfunnel[plots]'"),
        ("polars", "to_polars", "a Polars dataframe needs polars, .* pip install 'shopfunnel\\[polars\\]'"),
        ("pandas", "to_pandas", "a pandas dataframe needs pandas, .* pip install 'shopfunnel\\[pandas\\]'"),
        ("pyarrow", "__arrow_c_stream__", "an Arrow stream needs pyarrow, .* pip install 'shopfunnel\\[pyarrow\\]'"),
    ],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, absent: str, call: str, text: str
) -> None:
    """The message has the exact line."""
    monkeypatch.setattr(_results, "import_module", missing(absent))
    monkeypatch.setattr(_results, "find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match=text.replace("shopfunnel[plots]", "shopfunnel\\[plots\\]")):
        getattr(result("lifecycle"), call)()


def test_a_fault_inside_a_chart_is_not_a_missing_package() -> None:
    """Static pictures name their extra too, if it is missing."""
    code = (
        "import sys; sys.modules['altair'] = None\n"
        "from funnel.errors import MissingExtraError\n"
        "import funnel.plots\n"
        "try:\n    funnel.plots.to_svg\n"
        "except MissingExtraError as error:\n    print(error)"
    )

    assert "funnel.plots.to_svg needs altair" in run_python(code)


@pytest.mark.parametrize("name", SEVEN)
def test_seven_results_become_dataframes_of_every_tool(name: str) -> None:
    """Polars, pandas, PyArrow, DuckDB and Altair read a result, with the columns and rows of `to_dicts`.

    Altair refuses spans, which are therefore seconds there.
    """
    one = result(name)
    rows = one.to_dicts()
    polars, arrow = pl.DataFrame(one), pa.table(one)
    database = duckdb.sql("from arrow")

    assert polars.columns == arrow.column_names == list(one.to_pandas().columns) == database.columns == list(rows[0])
    assert polars.height == arrow.num_rows == len(one.to_pandas()) == len(database.fetchall()) == len(rows)
    assert polars.equals(one.to_polars())
    assert polars.rows(named=True) == rows
    assert isinstance(one.to_pandas(), pd.DataFrame)
    assert len(
        alt.Chart(polars.with_columns(cs.duration().dt.total_seconds())).mark_point().to_dict()["datasets"].popitem()[1]
    ) == len(rows)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_an_arrow_stream(name: str) -> None:
    """Every result with rows becomes a table with as many rows."""
    assert result(name).to_polars().height == len(result(name).to_dicts())
    assert pa.RecordBatchReader.from_stream(result(name)).read_all().num_rows == len(result(name).to_dicts())


def test_spans_stay_spans() -> None:
    """A time that people waited is a duration in every tool."""
    steps = result("survival")

    assert pl.DataFrame(steps).schema["wait"] == pl.Duration("us")
    assert pa.types.is_duration(pa.table(steps).schema.field("wait").type)
    assert steps.to_pandas()["wait"].dtype.kind == "m"


def test_without_polars_an_arrow_stream_comes_from_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream has the same columns and rows."""
    with_polars = pl.DataFrame(result("lifecycle"))
    monkeypatch.setattr(_results, "find_spec", lambda _: None)

    assert pl.DataFrame(result("lifecycle")).equals(with_polars)


def test_a_group_of_several_columns_is_a_text() -> None:
    """The values of a group are joined."""
    groups = result("survival-groups")
    pairs = attrs.evolve(groups, groups=tuple(((name, 1), one) for name, one in groups.groups))

    assert pairs.to_polars()["group"].to_list() == ["fair, 1", "instagram, 1", "search, 1"]


def test_a_long_table_is_cut_with_a_note() -> None:
    """A notebook shows the first rows of a long table and the number of the other rows."""
    page = as_html(("n",), ([number] for number in range(MOST_ROWS + 1200)))
    short = as_html(("n",), ([number] for number in range(MOST_ROWS)))

    assert page.count("<tr>") == short.count("<tr>") == MOST_ROWS + 1
    assert page.endswith("</table><p>and 1,200 more rows</p>")
    assert short.endswith("</table>")


def test_long_cohorts_are_cut_with_a_note() -> None:
    """The heat map in a notebook has as many rows as other tables."""
    cohorts = result("cohorts")
    many = attrs.evolve(cohorts, cohorts=cohorts.cohorts * 7)

    assert many._html().endswith("<p>and 10 more rows</p>")


def test_the_table_of_a_funnel_has_its_groups() -> None:
    """Each group has its table, under the column and the value."""
    page = result("funnel-groups")._html()

    assert page.count("<table>") == 4
    assert re.findall("<p>(source: [a-z]+)</p>", page) == ["source: instagram", "source: fair", "source: search"]


def test_the_table_of_growth_has_its_currency() -> None:
    """Revenue and profit are money."""
    assert "<td>Rp3.388.500</td>" in result("growth")._html()


def test_loading_results_loads_no_chart_library() -> None:
    """Importing the library and its metrics loads neither Altair nor vl-convert."""
    loaded = run_python(
        "import sys, funnel; from funnel.metrics import *; from funnel.backtest import *\n"
        "print(*{'altair', 'vl_convert', 'funnel.plots'} & set(sys.modules))"
    )

    assert loaded.split() == []


def test_a_picture_needs_neither_a_browser_nor_a_network() -> None:
    """A picture is drawn while no socket can be opened."""
    code = (
        "import socket\n"
        "def refused(*_, **__): raise OSError('no network')\n"
        "socket.socket.connect = socket.create_connection = refused\n"
        "from tests.gallery import result\nfrom funnel.plots import to_svg\n"
        "print(to_svg(result('rhythm'))[:4])"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "<svg\n"


def test_the_histogram_of_times_has_a_table() -> None:
    """The table has one row for each span of time."""
    histogram = result("step-times")

    assert histogram._html().startswith("<p>292 people reached purchase</p><table>")
    assert sum(row["people"] for row in histogram.to_dicts()) == histogram.people
    assert histogram.width < timedelta(days=1)


def test_a_step_that_nobody_reached_has_no_times() -> None:
    """The histogram has no spans, and an unknown step or number of spans is refused."""
    events = [{"person_id": "sari", "occurred_at": START, "kind": kind} for kind in ("view", "other")]
    funnel = conversion(events, ["view", "purchase"], within=timedelta(days=7), as_of=START + timedelta(days=9))

    assert funnel.time_histogram("purchase").counts == ()
    assert funnel.time_histogram("purchase").median == timedelta(0)
    assert funnel.time_histogram("view", bins=2).counts == (1, 0)
    with pytest.raises(ArgumentError, match="bins"):
        funnel.time_histogram("view", bins=0)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (5_810_829_42, "GBP", "GBP 5.8M"),
        (1_500_000_000_00, "IDR", "Rp1.5B"),
        (2_500_000_000_000_00, "IDR", "Rp2.5T"),
        (1_234, None, "1.2k"),
        (900, "JPY", "JPY 900"),
        (0, "USD", "USD 0"),
        (-250_000, "JPY", "-JPY 250k"),
    ],
)
def test_money_in_a_small_cell_has_three_figures(minor: int, currency: str | None, text: str) -> None:
    """Thousands, millions and billions have a suffix."""
    assert short_money(minor, currency) == text
