"""Do the expected windows hold? Coverage and pinball loss on three real shops: `python -m benchmarks.purchase_windows`.

The percents of the policy were chosen on the earlier days of CDNOW and Online Retail (`choices` prints the losses). The
quoted figures are of the later days, and of Taobao. Only people with a window who bought again before the end of the
data are counted: for the others, nobody knows when.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import polars as pl

from benchmarks._real import DATA, SHOPS, Days
from funnel import Facts, Logs, Policy, rule
from funnel.rules import WindowBasis, until_earliest, until_latest, until_likely, window_basis

DAY = timedelta(days=1)
QUANTILES = {"until_earliest": 0.1, "until_likely": 0.5, "until_latest": 0.9}
PERCENTS = ((6, 8, 10), (45, 50, 55), (180, 200, 220))
"""The earliest, likely and latest shares that were compared."""


@rule
def until_average(f: Facts, policy: Policy) -> timedelta | None:
    """Return the time until the last purchase plus the average interval."""
    return f.purchase_interval - f.since_last_purchase if window_basis(f, policy) == WindowBasis.RHYTHM else None


@attrs.frozen
class Windows:
    """How the windows of a shop held.

    Attributes:
        people: Number of people and days with a window and a later purchase.
        covered: Share of purchases within the window.
        early: Share before the earliest time.
        late: Share after the latest time.
        sooner: Share before the likely time.
        closer: Share for which the likely time is closer than the last purchase plus the average interval.
        losses: Mean pinball loss of the three times, in days.
        average_loss: Mean pinball loss of the last purchase plus the average interval, in days.
    """

    people: int
    covered: float
    early: float
    late: float
    sooner: float
    closer: float
    losses: tuple[float, ...]
    average_loss: float

    def __str__(self) -> str:
        """Return one row of a table."""
        shares = (self.covered, self.early, self.late, self.sooner, self.closer)
        losses = " | ".join(f"{one:.2f}" for one in (*self.losses, self.average_loss))
        return f"{self.people:,} | {' | '.join(f'{100 * one:.1f} %' for one in shares)} | {losses}"


def windows(logs: Logs, days: Days, policy: Policy) -> Windows:
    """Compare the windows of all days with the purchases that came."""
    ledger = logs._tables["purchases"].to_native().collect()
    bought = ledger.select("person_id", at=pl.from_epoch("t", "us").dt.replace_time_zone("UTC"))
    rows = [
        _on_day(logs, bought.filter(pl.col("at") <= days.as_of.astimezone(UTC)), day, policy) for day in _dates(days)
    ]
    return _compared(pl.concat(rows))


def _dates(days: Days) -> Iterator[datetime]:
    day = days.first
    while day < days.as_of:
        yield day.astimezone(UTC)
        day += days.every


def _on_day(logs: Logs, bought: pl.DataFrame, day: datetime, policy: Policy) -> pl.DataFrame:
    """Return the windows of one day, each with the time until the next occasion, in days."""
    rules = (until_earliest, until_likely, until_latest, until_average)
    answers = [one.over(logs, policy, as_of=day) for one in rules]
    joined = answers[0]
    for one in answers[1:]:
        joined = joined.join(one, on="person_id")
    gap = pl.col("at") - pl.col("at").shift(1).over("person_id", order_by="at")
    later = bought.filter(gap >= DAY).filter(pl.col("at") > day).group_by("person_id").agg(pl.col("at").min() - day)
    spans = [pl.col(one.name).dt.total_microseconds() / (DAY / timedelta(microseconds=1)) for one in rules]
    actual = (pl.col("at").dt.total_microseconds() / (DAY / timedelta(microseconds=1))).alias("actual")
    cases: pl.DataFrame = joined.drop_nulls().join(later, on="person_id").select(*spans, actual)
    return cases


def _compared(rows: pl.DataFrame) -> Windows:
    actual, (earliest, likely, latest) = pl.col("actual"), map(pl.col, QUANTILES)
    average = pl.col("until_average")
    shares = [
        actual.is_between(earliest, latest),
        actual < earliest,
        actual > latest,
        actual < likely,
        (actual - likely).abs() < (actual - average).abs(),
    ]
    losses = [_pinball(actual - pl.col(name), share) for name, share in QUANTILES.items()]
    losses.append(_pinball(actual - average, 0.5))
    figures = rows.select(
        pl.col("actual").len(), *(one.mean().alias(f"{n}") for n, one in enumerate((*shares, *losses)))
    )
    people, covered, early, late, sooner, closer, *loss, average_loss = figures.row(0)
    return Windows(people, covered, early, late, sooner, closer, tuple(loss), average_loss)


def _pinball(error: pl.Expr, share: float) -> pl.Expr:
    return pl.max_horizontal(share * error, (share - 1) * error)


def rows(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield the figures of all shops, on the earlier and the later days, a table row each."""
    for name, shop in SHOPS.items():
        logs = shop.read(data, one_in)
        for part, days in (("earlier", shop.earlier), ("later", shop.later)):
            yield f"| {name} | {part} | {windows(logs, days, Policy())} |"


def choices(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield the losses of other percents, on the earlier days of the two shops that the policy was chosen on."""
    for name in ("CDNOW", "Online Retail"):
        logs, days = SHOPS[name].read(data, one_in), SHOPS[name].earlier
        for percents in zip(*PERCENTS, strict=True):
            losses = windows(logs, days, Policy(window_percents=percents)).losses
            yield f"{name} {percents}: {', '.join(f'{loss:.3f}' for loss in losses)}"


def main() -> None:
    """Print the figures that the docs quote."""
    for line in (*rows(), *choices()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
