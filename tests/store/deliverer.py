"""A process of its own that delivers visits to a store, and says which have been acknowledged: run by the tests.

`python deliverer.py FILE SEED FIRST COUNT BATCH`: visits FIRST to FIRST + COUNT of p1, in an order of the seed's own
(0: their own), BATCH in one call.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta

from funnel.interactions import Visit
from funnel.store.sqlite import SqliteStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def visits(first: int, count: int) -> list[Visit]:
    """Visits of one person, a minute apart."""
    numbers = range(first, first + count)
    return [Visit(id=str(one), person_id="p1", occurred_at=NOON + timedelta(minutes=one)) for one in numbers]


def main(path: str, seed: int, first: int, count: int, batch: int) -> None:
    """Deliver, and print every number once it has been acknowledged."""
    given = visits(first, count)
    if seed:
        random.Random(seed).shuffle(given)
    with SqliteStore(path, timeout=timedelta(minutes=1), flush="normal") as store:
        for start in range(0, count, batch):
            portion = given[start : start + batch]
            store.append(*portion, recorded_at=NOON)
            sys.stdout.write("".join(f"{one.id}\n" for one in portion))
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
