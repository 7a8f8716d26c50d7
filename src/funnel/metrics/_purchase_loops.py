"""Purchases in local memory: grouped by person, and their summary by one loop over the purchases of each person.

Same results as the expressions of an engine, several times faster. Needs numpy and Polars; import it only if both are
installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import narwhals as nw
import numpy as np
import polars as pl

from funnel._dataframes.by_person import Runs, grouped
from funnel._dataframes.compute import collected
from funnel._dataframes.loops import Run, Whole, runner, sorted_run
from funnel.metrics._periods import Periods
from funnel.metrics._purchases import PERSON

if TYPE_CHECKING:
    from funnel.metrics._orders import Orders


@attrs.frozen(eq=False)
class Purchases:
    """The purchases that count, with a way to run loops over them.

    Attributes:
        frame: The rows: `person_id`, `t`, `net_amount`.
        run: How loops run.
        is_priced: Whether the rows have amounts.
    """

    frame: pl.DataFrame
    run: Run
    is_priced: bool

    @classmethod
    def of(cls, orders: Orders, now: int) -> Purchases | None:
        """Read the purchases valid at an instant, without a copy if all are valid.

        Args:
            orders: The purchases.
            now: The evaluation time, in microseconds.

        Returns:
            The purchases. None if they are not in local memory, or if loops would take longer than the engine.

        Raises:
            ArgumentError: The logs have no purchases.
        """
        marked = orders.marked(now)
        frame = orders.valid(now) if marked is None else marked
        if not frame.implementation.is_polars():
            return None
        rows: pl.DataFrame = collected(nw.to_native(frame), engine="in-memory").rechunk()
        if marked is not None:
            counts = rows.drop_in_place("counts")
            rows = rows if counts.all() else rows.filter(counts)
        run = runner(len(rows))
        return None if run is None else cls(rows, run, orders.is_priced)

    @property
    def first(self) -> int | None:
        """The instant of the first purchase; None without purchases."""
        first: int | None = self.frame["t"].min()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        return first

    def by_person(self) -> Runs:
        """Return the instants and net amounts of each person; there must be a purchase."""
        value = self.frame["net_amount"].to_numpy() if self.is_priced else None
        return grouped(self.frame[PERSON], self.frame["t"].to_numpy(), value, self.run)


# ---- the period of an instant ----


class Lookup(NamedTuple):
    """Time in pieces no longer than a period: at most one period begins in each.

    Attributes:
        offset: The instant 0 of a loop, minus the start of the first period.
        shift: A piece is two to the power of this long.
        pieces: For each piece, when the period of its end begins, relative to the first period; then two indexes: of
            the period before that edge, and of the period from it on.
    """

    offset: int
    shift: int
    pieces: Whole


def lookup_of(edges: Sequence[int], start: int) -> Lookup:
    """Build the table from the starts of the periods and the end of the last one.

    Args:
        edges: The starts and the end, in microseconds.
        start: The instant that is 0 in a loop.
    """
    since = np.array(edges, np.int64) - edges[0]
    shift = int(np.diff(np.unique(since)).min()).bit_length() - 1
    firsts = np.arange((int(since[-1]) >> shift) + 1) << shift
    before, after = (np.searchsorted(since, one, side="right") - 1 for one in (firsts, firsts + ((1 << shift) - 1)))
    return Lookup(start - edges[0], shift, np.stack([since[after], before, after], axis=1))


def period_of(pieces: Whole, shift: int, since: int) -> int:
    """Return the index of the period of an instant, which is relative to the first period."""
    piece = since >> shift
    index: int = pieces[piece, 1 + (since >= pieces[piece, 0])]
    return index


# ---- the summary of each buyer ----

_PERSON, _REPEATS, _SPAN, _TENURE, _PAID = range(5)
"""Lines of the answers."""


def summaries(purchases: Purchases, days: Periods) -> pl.DataFrame:
    """Return one row per buyer with the fields of `PurchaseSummary`.

    Args:
        purchases: The purchases that count.
        days: The days from the first purchase to the evaluation time.
    """
    if purchases.frame.is_empty():
        names = dict.fromkeys(("repeat_count", "first_to_last_days", "tenure_days", "repeat_amount"), pl.Int64)
        return pl.DataFrame(schema={PERSON: purchases.frame[PERSON].dtype, **names})
    runs = purchases.by_person()
    lookup = lookup_of(days.edges, runs.clock.start)

    def work(low: int, high: int) -> Whole:
        answers = np.empty((5, high - low), np.int64)
        arrays = lookup, len(days) - 1, runs.starts, runs.keys, runs.extra, answers
        return answers[:, : purchases.run(summarize_people, *arrays, low, high)]

    persons, repeats, span, tenure, paid = np.concatenate(runs.in_parts(work), axis=1)
    whole = {"repeat_count": repeats, "first_to_last_days": span, "tenure_days": tenure, "repeat_amount": paid}
    return pl.DataFrame({PERSON: runs.people.names(persons), **whole})


def summarize_people(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    lookup: Lookup, today: int, starts: Whole, keys: Whole, values: Whole, answers: Whole, low: int, high: int
) -> int:
    """Loop: summarize the purchase days of the people from `low` to before `high`.

    Args:
        lookup: The day of an instant.
        today: The day of the evaluation time.
        starts: The index of the first key of each person.
        keys: The instants; sorted in place.
        values: The amount of each key; empty if amounts are not known.
        answers: Receives the summaries.
        low: The first person.
        high: The person after the last one.

    Returns:
        The number of people with a purchase.
    """
    since: Any
    count = 0
    offset, shift, pieces = lookup  # a tuple that is passed on would count the references to its arrays for each row
    for person in range(low, high):
        begin, end = starts[person], starts[person + 1]
        if begin == end:
            continue
        sorted_run(keys, values, begin, end)
        since = keys[begin] + offset
        first = last = period_of(pieces, shift, since)
        repeats, paid = 0, 0
        for row in range(begin + 1, end):
            day = period_of(pieces, shift, keys[row] + offset)
            repeats += day != last
            if day != first and len(values):
                paid += values[row]
            last = day
        answers[_PERSON, count], answers[_REPEATS, count] = person, repeats
        answers[_SPAN, count], answers[_TENURE, count], answers[_PAID, count] = last - first, today - first, paid
        count += 1
    return count
