"""Every move of everyone, by a stage that knows only facts and by a path, against a Python loop over `transitions`.

Ours are processes of their own, "inside": without the door. The loop walks a sample of the people, whose events are put
in order before the clock runs; its time for all events is that of one event, times their number. It is given less to
do: who has lapsed is seen when their next event comes, and refunds are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import polars as pl
from transitions import Machine

from benchmarks._made_up import AS_OF, shop
from benchmarks._measure import Line, Size, rate, span
from benchmarks.frames import medians
from benchmarks.one_person import STAGES
from funnel import Policy

SIZES: Mapping[Size, int] = {"tiny": 2_000, "usual": 1_000_000, "full": 10_000_000}
SAMPLE: Mapping[Size, int] = {"tiny": 500, "usual": 100_000, "full": 100_000}
Event = tuple[Any, int, bool]


def run(size: Size) -> Iterator[Line]:
    """Measure."""
    events, told = SIZES[size], shop(SIZES[size])
    each = loop(sample(told, SAMPLE[size]))
    with TemporaryDirectory() as kept:
        folder = Path(kept)
        for log, frame in told.items():
            frame.write_parquet(folder / f"{log}.parquet")
        del told
        took = medians(("moves", "moves, path"), folder, 1 if size == "tiny" else 3)
    ours, path, peer = took["moves"]["inside"], took["moves, path"]["inside"], each * events
    millions = f"{events / 1e6:g} M events"
    sampled = f"{span(peer)} transitions, sampled"
    yield Line(f"{millions}: every move", span(ours), sampled, f"{peer / ours:.0f} x as fast", ">= 10 x")
    yield Line(f"{millions}: every move, events a second", rate(events, ours), rate(events, peer), "", ">= 1 M/s")
    yield Line(
        f"{millions}: every move on a path",
        span(path),
        f"{span(ours)} by facts alone",
        f"{path / ours:.2f} x",
        "<= 2 x",
    )
    yield Line(f"{millions}: peak memory", f"{took['moves']['peak']:,.0f} MiB", "", "", "< 8192 MiB")


def sample(told: Mapping[str, pl.DataFrame], events: int) -> Sequence[Event]:
    """The events of some people in order: whose, when in microseconds, and whether it is a purchase."""
    bought = told["purchases"].select("person_id", at="purchased_at", buys=pl.lit(value=True))
    talk = told["interactions"].select("person_id", at="occurred_at", buys=pl.lit(value=False))
    every = pl.concat([bought, talk]).filter(pl.col("at") <= AS_OF)
    share = max(len(every) // events, 1)
    some = every.filter(pl.col("person_id") % share == 0).sort("person_id", "at")
    return some.with_columns(pl.col("at").dt.timestamp("us")).rows()


def loop(events: Sequence[Event]) -> float:
    """The seconds of one event: a machine that all people share, a state that is set anew for each of them."""
    limit = Policy().lapse_after.total_seconds() * 1e6
    machine, moves, whose, last = _machine(), 0, None, 0
    start = perf_counter()
    for person, at, buys in events:
        if person != whose:
            whose, last = person, at
            machine.set_state("lead")
        before = machine.state
        if before in ("customer", "repeat_customer") and at - last > limit:
            machine.lapse()
        if buys:
            machine.buy()
            last = at
        else:
            machine.talk()
        moves += machine.state != before
    assert moves or not events
    return (perf_counter() - start) / max(len(events), 1)


def _machine() -> Any:
    moves = [
        ["talk", "lead", "prospect"],
        ["talk", ["prospect", "customer", "repeat_customer", "lapsed"], None],
        ["buy", ["lead", "prospect"], "customer"],
        ["buy", ["customer", "repeat_customer", "lapsed"], "repeat_customer"],
        ["lapse", ["customer", "repeat_customer"], "lapsed"],
    ]
    return Machine(states=list(STAGES), transitions=moves, initial="lead", auto_transitions=False)
