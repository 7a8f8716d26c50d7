"""The kernels for local memory, each by the few names that tests need: if a kernel moves, only this file changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import narwhals as nw

from funnel._dataframes import adapter, blocks, by_person, id_numbers, loops
from funnel._dataframes.blocks import Block, in_blocks
from funnel._dataframes.by_person import People
from funnel._dataframes.loops import Run
from funnel.facts._schema import FactSchema, fact_schema
from funnel.logs import Logs
from funnel.machines._packed import event_rows
from funnel.machines._packed import loops as machine_loops
from funnel.metrics._conversion import local_kernel, narwhals_kernel, plain_loop
from funnel.metrics._conversion.label_events import LabelledEvents
from funnel.metrics._purchase_loops import lookup_of, period_of
from funnel.metrics._retention import cohort_loops
from funnel.metrics._survival.curve import curve_of_array

if TYPE_CHECKING:
    import polars as pl
    import pytest

__all__ = ["Block", "People", "Run", "curve_of_array", "in_blocks"]

QUERIES = (
    "backtest._backtest",
    "backtest._backtest_table",
    "machines._replay_frames",
    "metrics._conversion.attempts",
    "metrics._conversion.events",
    "metrics._purchase_summary",
    "metrics._retention.retention",
    "metrics._survival.survival",
)
"""The modules that choose a kernel by whether numpy is installed."""


def without_numpy(patch: pytest.MonkeyPatch, *others: str) -> None:
    """Act as if numpy and numba, and the other packages, were not installed."""
    installed = adapter.installed
    for module in QUERIES:
        patch.setattr(
            f"funnel.{module}.installed", lambda name: name not in ("numpy", "numba", *others) and installed(name)
        )


# ---- loops ----


def without_numba(patch: pytest.MonkeyPatch) -> None:
    """Act as if numba were not installed."""
    patch.setattr("funnel.metrics._warm_up.installed", lambda name: name != "numba")


COMPILED, UNCOMPILED = loops.fast, loops.plain
"""Both ways to run a loop."""

runner = loops.runner
"""The way to run loops over a number of rows."""


def never_compiled(patch: pytest.MonkeyPatch) -> None:
    """Run loops uncompiled wherever they would be compiled, and import numba for no table."""
    patch.setattr(loops, "fast", loops.plain)
    patch.setattr(loops, "LARGE", sys.maxsize)


def readings(patch: pytest.MonkeyPatch, most: int) -> None:
    """Read rows again up to this number of times for each row of a person, if loops run uncompiled."""
    patch.setattr(plain_loop, "READINGS", most)
    patch.setattr(local_kernel, "TOGETHER", 1 + most % 2)


def always_compiled(patch: pytest.MonkeyPatch) -> None:
    """Run loops compiled over any number of rows."""
    patch.setattr(loops, "SMALL", -1)
    patch.setattr(loops, "LARGE", 0)


def recorded_numba(patch: pytest.MonkeyPatch) -> list[str]:
    """Replace numba by a module that compiles nothing; the list receives the names of helpers, then the loop."""
    called: list[str] = []
    numba = ModuleType("numba")
    numba.extending = SimpleNamespace(register_jitable=lambda helper: called.append(helper.__name__))  # type: ignore[attr-defined]
    numba.njit = lambda loop, **_: called.append(loop.__qualname__) or loop  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "numba", numba)
    return called


def forget_compiled() -> None:
    """Compile every loop anew."""
    loops.compiled.cache_clear()


def compiled_elsewhere() -> list[str]:
    """Compile one small loop in another process; return its result and that of the uncompiled loop."""
    return subprocess.run(
        [sys.executable, "-c", _ONE_LOOP], check=True, capture_output=True, text=True
    ).stdout.splitlines()


_ONE_LOOP = """
import numpy as np
from funnel._dataframes.blocks import sort_runs
from funnel._dataframes.loops import fast, plain

for run in (fast, plain):
    keys, values = np.array([3, 1, 2, 2, 9, 8]), np.array([0, 1, 9, 3, 4, 5])
    run(sort_runs, np.array([0, 4, 6]), keys, values, 0, 2)
    print(keys, values)
"""


def small_until(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Run loops uncompiled over up to this number of rows."""
    patch.setattr(loops, "SMALL", rows)


def threads_from(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Use several threads for more than this number of rows."""
    patch.setattr(loops, "FEW", rows)
    patch.setattr(loops.pl, "thread_pool_size", lambda: 2)


# ---- rows of people in blocks ----


def cut(patch: pytest.MonkeyPatch, *, bucket: int, rows: int, short: int) -> None:
    """Set the rows of a bucket, of a block and of an insertion sort; all are small in tests."""
    patch.setattr(by_person, "BUCKET", bucket)
    patch.setattr(blocks, "ROWS", rows)
    patch.setattr(loops, "SHORT", short)


def number_by_loops(patch: pytest.MonkeyPatch, *, sample: int, samples: int, part: int) -> None:
    """Number few texts by loops too, with a sample of this size; hashes are in parts of this size."""
    patch.setattr(by_person, "SMALL", 0)
    patch.setattr(id_numbers, "SAMPLE", sample)
    patch.setattr(id_numbers, "SAMPLES", samples)
    patch.setattr(id_numbers, "PART", part)


def without_views(patch: pytest.MonkeyPatch) -> None:
    """Act as if Polars kept texts in another form."""
    patch.setattr(id_numbers, "FORMAT", b"u")


def room(patch: pytest.MonkeyPatch, bits: int) -> None:
    """Leave this number of bits for an instant and a label together."""
    patch.setattr(local_kernel, "BITS", bits)


# ---- machines ----


def small_machine_blocks(patch: pytest.MonkeyPatch) -> None:
    """Put 16 rows into a block of a machine's replay."""
    patch.setattr(blocks, "ROWS", 16)


def no_room_for_a_machine(patch: pytest.MonkeyPatch) -> None:
    """Leave one bit for all facts of a machine."""
    patch.setattr(event_rows, "MOST_REDUCTIONS", 1)


def machine_values(
    plan: FactSchema, logs: Logs, texts: Sequence[str], now: int
) -> Iterator[tuple[FactSchema, str, list[int]]]:
    """The values of facts from loops over sorted rows: a part of the facts, a person, their values."""
    numbers = {text: number for number, text in enumerate(dict.fromkeys(["", *texts]))}

    def last(block: event_rows.Values) -> list[tuple[str, list[int]]]:
        people = block.names(block.persons).to_list()
        return [(person, [int(one[index]) for one in block.values]) for index, person in enumerate(people)]

    for part in _with_room(plan):
        tables = event_rows.read_tables(part, logs._tables, now)
        rows = event_rows.EventRows.of(part, tables, numbers, now, loops.plain)
        for block in rows.in_blocks(last, loops.plain):
            for person, values in block:
                yield part, person, values


Chain, Instants = machine_loops.Chain, machine_loops.Instants
gap_spans, running_values = machine_loops.gap_spans, machine_loops.running_values
"""The loops of a machine's replay."""


def _with_room(plan: FactSchema) -> Iterator[FactSchema]:
    """The facts in parts, each of which has room in the bits of a row."""
    some: dict[str, Any] = {}
    for name, one in plan.declared.items():
        if len(fact_schema({**some, name: one}).reductions) > event_rows.MOST_REDUCTIONS:
            yield fact_schema(some)
            some = {}
        some[name] = one
    yield fact_schema(some)


# ---- conversion ----


def few_conditions(patch: pytest.MonkeyPatch) -> None:
    """Leave no room for two steps in a label."""
    patch.setattr(local_kernel, "MOST_BITS", 2)


def labelled_rows(rows: LabelledEvents) -> pl.DataFrame | None:
    """The rows as a worker of Spark reads them; None if there is no room for the question."""
    return local_kernel.label_rows(rows.frame, rows.plan)


def loop_attempts(rows: LabelledEvents, run: Run = loops.plain) -> pl.DataFrame | None:
    """The attempts from loops over the rows of each person; None if there is no room for the question."""
    read = local_kernel.read(rows)
    attempts = None if read is None else local_kernel.attempts(rows.plan, read, run, rows.source.people)
    return None if attempts is None else nw.to_native(attempts.collect())


def window_attempts(rows: LabelledEvents) -> pl.DataFrame:
    """The attempts from window functions of the dataframe engine."""
    numbered = narwhals_kernel.numbered(rows.frame, rows.plan)
    return nw.to_native(narwhals_kernel.attempts(numbered, rows.plan).collect())


# ---- purchases ----


def few_cells(patch: pytest.MonkeyPatch) -> None:
    """Leave no room for the cells of a table of cohorts."""
    patch.setattr(cohort_loops, "MOST_CELLS", -sys.maxsize)


def period_indexes(edges: Sequence[int], start: int, moments: Sequence[int]) -> list[int]:
    """The periods of instants that are counted from `start`, by the table for loops."""
    lookup = lookup_of(edges, start)
    return [period_of(lookup.pieces, lookup.shift, moment - start + lookup.offset) for moment in moments]
