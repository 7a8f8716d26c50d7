"""A process of its own that delivers visits to a store, and says which have been acknowledged: run by the tests.

`python deliverer.py ADDRESS SEED FIRST COUNT BATCH`: visits FIRST to FIRST + COUNT of p1, in an order of the seed's own
(0: their own), BATCH in one call, to a SQLite file or to a server.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from funnel.interactions import Visit
from funnel.store._protocol import Store
from funnel.store._server import store_at
from funnel.store._sqlite_store import SqliteStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def visits(first: int, count: int) -> list[Visit]:
    """Visits of one person, a minute apart."""
    numbers = range(first, first + count)
    return [Visit(id=str(one), person_id="p1", occurred_at=NOON + timedelta(minutes=one)) for one in numbers]


def started(address: object, *values: int) -> subprocess.Popen[str]:
    """Start a process that adds visits."""
    command = [sys.executable, str(Path(__file__)), str(address), *map(str, values)]
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **paths})


def killed(process: subprocess.Popen[str], chance: random.Random) -> set[str]:
    """Kill such a process at a random moment, and return the acknowledged visits."""
    with process:
        assert process.stdout is not None
        heard = [line.strip() for line, _ in zip(process.stdout, range(chance.randrange(1, 60)), strict=False)]
        process.kill()
        return {*heard, *(line.strip() for line in process.stdout if line.endswith("\n"))}


def finished(processes: Sequence[subprocess.Popen[str]]) -> list[set[str]]:
    """Wait for processes, and return what each acknowledged; no process keeps running."""
    with ExitStack() as stack:
        for process in processes:
            stack.callback(process.wait)
            stack.callback(process.kill)
        heard = [set(process.communicate(timeout=120)[0].split()) for process in processes]
    assert [process.returncode for process in processes] == [0 for _ in processes]
    return heard


def opened(address: str) -> Store:
    """Open the store at an address."""
    if "://" in address:
        return store_at(address)
    return SqliteStore(address, timeout=timedelta(minutes=1), flush="normal")


def main(address: str, seed: int, first: int, count: int, batch: int) -> None:
    """Add visits, and print each number once it is acknowledged."""
    values = visits(first, count)
    if seed:
        random.Random(seed).shuffle(values)
    with opened(address) as store:
        for start in range(0, count, batch):
            portion = values[start : start + batch]
            store.append(*portion, recorded_at=NOON)
            sys.stdout.write("".join(f"{one.id}\n" for one in portion))
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
