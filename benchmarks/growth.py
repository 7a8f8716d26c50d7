"""How the time of each operation grows with the records it is given: the slope over decades of size.

Each operation is made ready at 10, 100, 1,000 and so many records (what makes it ready is not measured) and done a few
times; the least processor time counts, for whatever else runs only adds to it. What an operation costs at all, whatever
its size, is its time at 10 records, and is taken off the others. The slope is the power of ten by which the rest grew
from the last size but one to the last, a decade: 1 is in proportion, 2 is with the square. n log n has a slope of 1.10
to 1.13 at these sizes. Where the rest is too short beside the constant part to be told from noise, there is no slope.

No size is begun that would take longer than the largest time; the decade before is told then.
"""

from __future__ import annotations

import argparse
import gc
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import process_time

import attrs

from benchmarks import _growth_people, _growth_person
from benchmarks._measure import Line, Size, span

Work = Callable[[], object]
Case = tuple[str, Callable[[int], Work], int]
MOST = 1.15
LEAST_TIME = 0.002
"""Below so many seconds a difference is noise."""

CLEAR = 0.25
"""The time at the last size but one is looked at if it is at least so much above what an operation costs at all."""

LONGEST = 20.0
"""An operation that would take so many seconds is not begun."""

SMALLEST = 10
LARGEST: Mapping[Size, int] = {"tiny": 10, "usual": 100_000, "full": 100_000}


@attrs.frozen
class Growth:
    """What was measured of one operation: the seconds by size."""

    name: str
    seconds: Mapping[int, float]

    @property
    def slope(self) -> float | None:
        """The power of the size with which the time grows over the last decade; None where it is too short."""
        constant, (before, last) = self.seconds[SMALLEST], ([0.0, *self.seconds.values()][-2:])
        if last - constant < LEAST_TIME or before - constant < CLEAR * constant:
            return None
        return math.log10((last - constant) / (before - constant))

    def line(self) -> Line:
        """A row of the table."""
        size = max(self.seconds)
        slope = "flat" if self.slope is None else f"{self.slope:.2f}"
        mark = " !" if self.slope is not None and self.slope > MOST else ""
        before = f"{span(self.seconds[size // 10])} at {size // 10:,}" if size > SMALLEST else ""
        return Line(self.name, f"{span(self.seconds[size])} at {size:,}", before, f"{slope}{mark}", f"<= {MOST}")


def measured(case: Case, largest: int) -> Growth:
    """Do an operation at each size."""
    name, make, most = case
    seconds: dict[int, float] = {}
    size = SMALLEST
    while size <= min(most, largest):
        seconds[size] = _least(make(size))
        if seconds[size] > LONGEST / 10 or _grown(seconds, size) > LONGEST:
            break
        size *= 10
    return Growth(name, seconds)


def _grown(seconds: Mapping[int, float], size: int) -> float:
    """How long the next size takes at most, to go by the last two."""
    before = seconds.get(size // 10, seconds[size])
    return seconds[size] * max(seconds[size] / max(before, 1e-9), 10) if seconds[size] > LEAST_TIME else 0.0


def _least(work: Work) -> float:
    """The least processor time of a few turns."""
    taken: list[float] = []
    while sum(taken) < 1 and len(taken) < 5:
        taken.append(_once(work))
    return min(taken)


def _once(work: Work) -> float:
    gc.collect()
    gc.disable()
    try:
        start = process_time()
        work()
        return process_time() - start
    finally:
        gc.enable()


def cases(words: Sequence[str] = ()) -> list[Case]:
    """Every operation, or those whose name holds one of the words."""
    found = [*_growth_person.cases(), *_growth_people.cases()]
    return [case for case in found if not words or any(word in case[0] for word in words)]


def run(size: Size, words: Sequence[str] = ()) -> Iterator[Line]:
    """Measure every operation."""
    for case in cases(words):
        yield measured(case, LARGEST[size]).line()


def main(given: Sequence[str] | None = None) -> int:
    """Measure the operations whose names hold one of the words, and say whether all are at most n log n."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of the names of operations; all of them")
    parser.add_argument("--largest", type=int, default=LARGEST["usual"], help="the largest size")
    asked = parser.parse_args(given)
    above = 0
    for case in cases(asked.words):
        grown = measured(case, asked.largest)
        above += grown.slope is not None and grown.slope > MOST
        print(grown.line(), flush=True)
    return int(above > 0)


if __name__ == "__main__":
    sys.exit(main())
