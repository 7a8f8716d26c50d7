"""Work on the workers of Spark: each computes with Polars, in the rows of the people that it has.

The plan of a question becomes short: one exchange by person, and one function. Windows of Spark would be thousands of
calls to plan, many times as long as the computation. No row reaches the driver.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import collected, to_rows
from funnel.errors import EngineError


def by_worker(  # pragma: no cover - make test-services has PySpark
    frame: Frame, person: str, work: Callable[[Any], Frame], whole_columns: Sequence[str]
) -> Frame:
    """Return what a function returns for each part of a Spark frame; a part has all rows of its people.

    Args:
        frame: The Spark frame.
        person: The column of the person, which the result has, too.
        work: A function from an eager Polars frame to a lazy one. It is sent to the workers.
        whole_columns: The other columns of the result, which hold whole numbers.
    """

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        import polars as pl

        pa: Any = importlib.import_module("pyarrow")

        parts = list(batches)
        if parts:
            rows = work(pl.DataFrame(pa.Table.from_batches(parts))).select(
                person, *(nw.col(name).cast(nw.Int64()) for name in whole_columns)
            )
            yield from nw.to_native(collected(rows)).to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()

    native: Any = nw.to_native(frame)
    types: Any = importlib.import_module("pyspark.sql.types")
    fields = [types.StructField(name, types.LongType()) for name in whole_columns]
    schema = types.StructType([native.schema[person], *fields])
    result: Frame = nw.from_native(native.repartition(person).mapInArrow(run, schema))
    return result


def workers_have_library(frame: Frame) -> bool:  # pragma: no cover - make test-services has PySpark
    """Return whether the workers of a Spark frame can import Polars, pyarrow and this version of the library."""
    return _have_library(nw.to_native(frame).sparkSession)


@lru_cache(maxsize=4)
def _have_library(session: Any) -> bool:  # pragma: no cover - make test-services has PySpark
    own = version("shopfunnel")

    def check(batches: Iterable[Any]) -> Iterator[Any]:
        pa: Any = importlib.import_module("pyarrow")

        for _ in batches:
            same = all(map(find_spec, ("funnel", "polars"))) and version("shopfunnel") == own
            yield pa.RecordBatch.from_pydict({"same": [same]})

    try:
        ((same,),) = to_rows(nw.from_native(session.range(1).mapInArrow(check, "same boolean")), "same")
    except EngineError:  # a worker without pyarrow
        return False
    return bool(same)
