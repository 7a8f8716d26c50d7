"""One measurement in its own process, so that its memory is separate: `python -m benchmarks._child VARIANT FOLDER`."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import polars as pl

from benchmarks import _by_hand
from benchmarks._synthetic_shop import AS_OF, shop
from funnel import Facts, Logs, Policy, Stage, stage, transitions
from funnel.machines import Cause, PathDependentMachine

Frames = dict[str, Any]
POLICY = Policy()


def ours(frames: Frames) -> tuple[float, Any]:
    """Return logs, then facts, stage and next change in one frame, and the time after the validation."""
    logs = Logs(**frames)
    inside = perf_counter()
    facts = Facts.over(logs, as_of=AS_OF)
    changes = stage.next_change.over(logs, POLICY, as_of=AS_OF)
    return inside, _together(facts, changes)


def _together(facts: Any, changes: Any) -> Any:
    if isinstance(facts, pl.LazyFrame):
        return facts.join(changes, on="person_id").collect()
    return (
        facts.join(changes, on="person_id") if isinstance(facts, pl.DataFrame) else facts.merge(changes, on="person_id")
    )


def stage_only(frames: Frames) -> tuple[float, Any]:
    """Return stage and next change without the other facts."""
    logs = Logs(**frames)
    inside = perf_counter()
    return inside, stage.next_change.over(logs, POLICY, as_of=AS_OF)


def hand(frames: Frames) -> tuple[float, Any]:
    """Return the same, written by hand, without validation."""
    return perf_counter(), _by_hand.facts_and_stage(frames, AS_OF, POLICY.lapse_after)


def hand_stage(frames: Frames) -> tuple[float, Any]:
    """The stage and its next change by hand."""
    return perf_counter(), _by_hand.stage_and_change(frames, AS_OF, POLICY.lapse_after)


def all_transitions(frames: Frames) -> tuple[float, Any]:
    """Return all transitions of the shop's machine."""
    logs = Logs(**frames)
    inside = perf_counter()
    return inside, transitions.over(logs, POLICY, as_of=AS_OF)


def _next_stage(here: Stage, f: Facts, policy: Policy) -> Stage:
    """The shop's machine as a path: a lapsed buyer returns only by a purchase, and stays a repeat customer."""
    if here in (Stage.LEAD, Stage.PROSPECT):
        return Stage.CUSTOMER if f.purchase_count >= 1 else Stage.PROSPECT
    if here is Stage.LAPSED:
        return Stage.REPEAT_CUSTOMER if f.since_last_purchase <= policy.lapse_after else here
    if f.since_last_purchase > policy.lapse_after:
        return Stage.LAPSED
    return Stage.REPEAT_CUSTOMER if f.purchase_count >= 2 else here


PATH = PathDependentMachine(
    Stage.LEAD, _next_stage, {one: {to: Cause.EITHER for to in Stage if to is not one} for one in Stage}
)


def path_transitions(frames: Frames) -> tuple[float, Any]:
    """Return all transitions of a machine whose next stage depends on the current one."""
    logs = Logs(**frames)
    inside = perf_counter()
    return inside, PATH.transitions.over(logs, POLICY, as_of=AS_OF)


def polars(folder: Path) -> Frames:
    """The logs as eager Polars frames."""
    return {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def lazy(folder: Path) -> Frames:
    """The logs as lazy Polars frames, already in memory."""
    return {log: frame.lazy() for log, frame in polars(folder).items()}


def pandas(folder: Path) -> Frames:
    """Return the logs as pandas frames, with nullable integers."""
    import pandas as pd

    return {
        path.stem: pd.read_parquet(path, dtype_backend="numpy_nullable") for path in sorted(folder.glob("*.parquet"))
    }


VARIANTS: Mapping[str, tuple[Callable[[Path], Frames], Callable[[Frames], tuple[float, Any]]]] = {
    "ours": (polars, ours),
    "ours, lazy": (lazy, ours),
    "ours, pandas": (pandas, ours),
    "hand": (polars, hand),
    "ours, stage": (polars, stage_only),
    "hand, stage": (polars, hand_stage),
    "transitions": (polars, all_transitions),
    "transitions, path": (polars, path_transitions),
}


def measured(variant: str, folder: Path) -> dict[str, float]:
    """Return seconds in all, seconds after validation, CPU seconds, number of rows, and peak memory in MiB."""
    read, work = VARIANTS[variant]
    work({log: read_as(variant, frame) for log, frame in shop(200).items()})
    frames = read(folder)
    start, busy = perf_counter(), process_time()
    inside, table = work(frames)
    end = perf_counter()
    return {
        "whole": end - start,
        "inside": end - inside,
        "cpu": process_time() - busy,
        "rows": len(table),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def read_as(variant: str, frame: pl.DataFrame) -> Any:
    """Return a small frame of the same kind, for the warm-up."""
    if variant.endswith("pandas"):
        return frame.to_pandas(use_pyarrow_extension_array=True)
    return frame.lazy() if variant.endswith("lazy") else frame


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))))
