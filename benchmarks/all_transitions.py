"""All transitions of everyone, by a rule of facts and by a path-dependent machine, against a loop over `transitions`.

The library runs in separate processes, without validation. The loop runs over a sample of the people, whose events are
sorted before the clock starts; its time for all events is the time of one event times their number. The loop has less
to do: it notices a lapse only at the next event, and leaves refunds out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import polars as pl
from transitions import Machine

from benchmarks._measure import Line, Size, rate, span
from benchmarks._synthetic_shop import AS_OF, shop
from benchmarks.frames import medians
from benchmarks.one_person import STAGES
from funnel import Policy

SIZES: Mapping[Size, int] = {"tiny": 2_000, "usual": 1_000_000, "full": 10_000_000}
SAMPLE: Mapping[Size, int] = {"tiny": 500, "usual": 100_000, "full": 100_000}
Event = tuple[Any, int, bool]


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    events, frames = SIZES[size], shop(SIZES[size])
    each = loop(sample(frames, SAMPLE[size]))
    with TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        for log, frame in frames.items():
            frame.write_parquet(folder / f"{log}.parquet")
        del frames
        took = medians(("transitions", "transitions, path"), folder, 1 if size == "tiny" else 3)
    ours, path, peer = took["transitions"]["inside"], took["transitions, path"]["inside"], each * events
    millions = f"{events / 1e6:g} M events"
    sampled = f"{span(peer)} transitions, sampled"
    yield Line(f"{millions}: all transitions", span(ours), sampled, f"{peer / ours:.0f} x faster", ">= 10 x")
    yield Line(
        f"{millions}: all transitions, events per second", rate(events, ours), rate(events, peer), "", ">= 1 M/s"
    )
    yield Line(
        f"{millions}: all transitions, path-dependent machine",
        span(path),
        f"{span(ours)} facts only",
        f"{path / ours:.2f} x",
        "<= 2 x",
    )
    yield Line(f"{millions}: peak memory", f"{took['transitions']['peak']:,.0f} MiB", "", "", "< 8192 MiB")


def sample(frames: Mapping[str, pl.DataFrame], events: int) -> Sequence[Event]:
    """Return the events of some people in order: person, microseconds, and whether it is a purchase."""
    bought = frames["purchases"].select("person_id", at="purchased_at", buys=pl.lit(value=True))
    talk = frames["interactions"].select("person_id", at="occurred_at", buys=pl.lit(value=False))
    every = pl.concat([bought, talk]).filter(pl.col("at") <= AS_OF)
    share = max(len(every) // events, 1)
    some = every.filter(pl.col("person_id").cast(pl.Int64) % share == 0).sort("person_id", "at")
    return some.with_columns(pl.col("at").dt.timestamp("us")).rows()


def loop(events: Sequence[Event]) -> float:
    """Return the seconds of one event: all people share one machine, whose state is reset for each of them."""
    limit = Policy().lapse_after.total_seconds() * 1e6
    machine, count, current, last = _machine(), 0, None, 0
    start = perf_counter()
    for person, at, buys in events:
        if person != current:
            current, last = person, at
            machine.set_state("lead")
        before = machine.state
        if before in ("customer", "repeat_customer") and at - last > limit:
            machine.lapse()
        if buys:
            machine.buy()
            last = at
        else:
            machine.talk()
        count += machine.state != before
    assert count or not events
    return (perf_counter() - start) / max(len(events), 1)


def _machine() -> Any:
    table = [
        ["talk", "lead", "prospect"],
        ["talk", ["prospect", "customer", "repeat_customer", "lapsed"], None],
        ["buy", ["lead", "prospect"], "customer"],
        ["buy", ["customer", "repeat_customer", "lapsed"], "repeat_customer"],
        ["lapse", ["customer", "repeat_customer"], "lapsed"],
    ]
    return Machine(states=list(STAGES), transitions=table, initial="lead", auto_transitions=False)
