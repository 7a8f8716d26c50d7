"""How the time of each operation grows with the number of records: the slope over factors of ten.

Each operation is prepared at 10, 100, 1,000 and more records (not measured) and run a few times. The minimum CPU time
counts, because other processes only add to it. The fixed cost is the time at 10 records, and is subtracted. The slope
is the power of ten by which the rest grew over the last factor of ten: 1 is proportional, 2 is quadratic, n log n is
1.10 to 1.13 at these sizes. If the rest is too short compared to the fixed cost, there is no slope.

A size that would take longer than the largest time is not started; the size before is the last then.
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
MAX_SLOPE = 1.15
MIN_SECONDS = 0.002
"""A difference below this many seconds is noise."""

CLEAR = 0.25
"""The time at the last size but one is looked at if it is at least so much above what an operation costs at all."""

LONGEST = 20.0
"""An operation that would take this many seconds is not started."""

SMALLEST = 10
LARGEST: Mapping[Size, int] = {"tiny": 10, "usual": 100_000, "full": 100_000}


@attrs.frozen
class Growth:
    """The measurement of one operation: seconds by size."""

    name: str
    seconds: Mapping[int, float]

    @property
    def slope(self) -> float | None:
        """Return the power of the size with which the time grows over the last factor of ten; None if too short."""
        constant, (before, last) = self.seconds[SMALLEST], ([0.0, *self.seconds.values()][-2:])
        if last - constant < MIN_SECONDS or before - constant < CLEAR * constant:
            return None
        return math.log10((last - constant) / (before - constant))

    def line(self) -> Line:
        """Return the measurement as a row of the table."""
        size = max(self.seconds)
        slope = "flat" if self.slope is None else f"{self.slope:.2f}"
        flag = " !" if self.slope is not None and self.slope > MAX_SLOPE else ""
        before = f"{span(self.seconds[size // 10])} at {size // 10:,}" if size > SMALLEST else ""
        return Line(self.name, f"{span(self.seconds[size])} at {size:,}", before, f"{slope}{flag}", f"<= {MAX_SLOPE}")


def measured(case: Case, largest: int) -> Growth:
    """Run an operation at each size."""
    name, make, most = case
    seconds: dict[int, float] = {}
    size = SMALLEST
    while size <= min(most, largest):
        seconds[size] = _fastest(make(size))
        if seconds[size] > LONGEST / 10 or _grown(seconds, size) > LONGEST:
            break
        size *= 10
    return Growth(name, seconds)


def _grown(seconds: Mapping[int, float], size: int) -> float:
    """Return the estimated maximum time of the next size, from the last two."""
    before = seconds.get(size // 10, seconds[size])
    return seconds[size] * max(seconds[size] / max(before, 1e-9), 10) if seconds[size] > MIN_SECONDS else 0.0


def _fastest(work: Work) -> float:
    """Return the minimum CPU time of a few runs."""
    seconds: list[float] = []
    while sum(seconds) < 1 and len(seconds) < 5:
        seconds.append(_seconds(work))
    return min(seconds)


def _seconds(work: Work) -> float:
    gc.collect()
    gc.disable()
    try:
        start = process_time()
        work()
        return process_time() - start
    finally:
        gc.enable()


def cases(words: Sequence[str] = ()) -> list[Case]:
    """Return every operation, or those whose name contains one of the words."""
    all_cases = [*_growth_person.cases(), *_growth_people.cases()]
    return [case for case in all_cases if not words or any(word in case[0] for word in words)]


def run(size: Size, words: Sequence[str] = ()) -> Iterator[Line]:
    """Measure every operation."""
    for case in cases(words):
        yield measured(case, LARGEST[size]).line()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the operations whose names contain one of the words; the exit code is 1 if a slope is too high."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of operation names; by default all operations")
    parser.add_argument("--largest", type=int, default=LARGEST["usual"], help="largest size")
    options = parser.parse_args(arguments)
    above = 0
    for case in cases(options.words):
        grown = measured(case, options.largest)
        above += grown.slope is not None and grown.slope > MAX_SLOPE
        print(grown.line(), flush=True)
    return int(above > 0)


if __name__ == "__main__":
    sys.exit(main())
