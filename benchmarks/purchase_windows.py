"""Do the expected windows hold? Coverage and pinball loss on three real shops: `python -m benchmarks.purchase_windows`.

The percents of the policy were chosen on the earlier days of CDNOW and Online Retail (`choices` prints the losses). The
quoted figures are of the later days, and of Taobao. Only people with a window who bought again before the end of the
data are counted: for the others, nobody knows when. Beside the windows from facts are those of an MBG/NBD model, fitted
anew on each day: of the buyers who return, and of those who return before the end of the data. `promises` compares the
times of all buyers with the people who came.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import polars as pl

from benchmarks._real import DATA, SHOPS, Days
from funnel import Facts, Logs, Policy, rule
from funnel.forecast import buying_model
from funnel.metrics import PurchaseSummary
from funnel.rules import WindowBasis, until_earliest, until_latest, until_likely, window_basis

DAY = timedelta(days=1)
QUANTILES = {"earliest": 0.1, "likely": 0.5, "latest": 0.9}
SOURCES = ("facts", "model", "model, in the data")
"""The sources of the three times."""
MODELLED = ("CDNOW", "Online Retail")
"""The shops with a model: nine days of Taobao have too few buyers who came again."""
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


def windows(logs: Logs, days: Days, policy: Policy, *, modelled: bool = False) -> dict[str, Windows]:
    """Compare the windows of all days with the purchases that came, by source."""
    cases = pl.concat([_cases(logs, days, day, policy, modelled=modelled) for day in _dates(days)])
    return {source: _compared(cases, source) for source in (SOURCES if modelled else SOURCES[:1])}


def _dates(days: Days) -> Iterator[datetime]:
    day = days.first
    while day < days.as_of:
        yield day.astimezone(UTC)
        day += days.every


def _cases(logs: Logs, days: Days, day: datetime, policy: Policy, *, modelled: bool) -> pl.DataFrame:
    """Return the windows of one day, each with the time until the next occasion, in days."""
    joined = until_average.over(logs, policy, as_of=day)
    for name, one in zip(QUANTILES, (until_earliest, until_likely, until_latest), strict=True):
        answers = one.over(logs, policy, as_of=day).rename({one.name: f"facts {name}"})
        joined = joined.join(answers, on="person_id")
    if modelled:
        summaries = _summaries(logs, day)
        model = buying_model(summaries)
        of_model = model.next_purchases(summaries, buyers="returning"), model.over(summaries, within=days.as_of - day)
        for source, table in zip(SOURCES[1:], of_model, strict=True):
            times = table.select("person_id", **{f"{source} {name}": name for name in QUANTILES})
            joined = joined.join(times, on="person_id")
    spans = [_days(pl.col(name)) for name in joined.columns if name != "person_id"]
    return joined.drop_nulls().join(_next_occasions(logs, days, day), on="person_id").select("actual", *spans)


def _summaries(logs: Logs, day: datetime) -> pl.DataFrame:
    frame: pl.LazyFrame | pl.DataFrame = PurchaseSummary.over(logs, tz="UTC", as_of=day)
    return frame.lazy().collect()


def _next_occasions(logs: Logs, days: Days, day: datetime) -> pl.DataFrame:
    """Return the time until each person's next occasion before the end of the data, in days."""
    ledger = logs._tables["purchases"].to_native().collect()
    bought = ledger.select("person_id", at=pl.from_epoch("t", "us").dt.replace_time_zone("UTC"))
    gap = pl.col("at") - pl.col("at").shift(1).over("person_id", order_by="at")
    later = bought.filter(gap >= DAY).filter(pl.col("at") > day, pl.col("at") <= days.as_of.astimezone(UTC))
    nexts: pl.DataFrame = later.group_by("person_id").agg(actual=_days(pl.col("at").min() - day))
    return nexts


def _days(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / (DAY / timedelta(microseconds=1))


def _compared(rows: pl.DataFrame, source: str) -> Windows:
    actual, average = pl.col("actual"), pl.col("until_average")
    earliest, likely, latest = (pl.col(f"{source} {name}") for name in QUANTILES)
    shares = [
        actual.is_between(earliest, latest),
        actual < earliest,
        actual > latest,
        actual < likely,
        (actual - likely).abs() < (actual - average).abs(),
    ]
    losses = [_pinball(actual - pl.col(f"{source} {name}"), share) for name, share in QUANTILES.items()]
    losses.append(_pinball(actual - average, 0.5))
    figures = rows.select(
        pl.col("actual").len(), *(one.mean().alias(f"{n}") for n, one in enumerate((*shares, *losses)))
    )
    people, covered, early, late, sooner, closer, *loss, average_loss = figures.row(0)
    return Windows(people, covered, early, late, sooner, closer, tuple(loss), average_loss)


def promises(logs: Logs, days: Days) -> str:
    """Return the share of all people who came by each time of the model, of the times that end before the data."""
    arrived = dict.fromkeys(QUANTILES, (0, 0))
    for day in _dates(days):
        summaries = _summaries(logs, day)
        times = buying_model(summaries).next_purchases(summaries)
        cases = times.join(_next_occasions(logs, days, day), on="person_id", how="left")
        for name, (people, successes) in arrived.items():
            closed = cases.filter(pl.col(name) <= days.as_of - day)
            arrived[name] = (
                people + len(closed),
                successes + len(closed.filter(pl.col("actual") <= _days(pl.col(name)))),
            )
    return " | ".join(f"{100 * yes / max(people, 1):.1f} % of {people:,}" for people, yes in arrived.values())


def _pinball(error: pl.Expr, share: float) -> pl.Expr:
    return pl.max_horizontal(share * error, (share - 1) * error)


def rows(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield the figures of all shops, on the earlier and the later days, a table row each."""
    for name, shop in SHOPS.items():
        logs = shop.read(data, one_in)
        for part, days in (("earlier", shop.earlier), ("later", shop.later)):
            modelled = name in MODELLED
            for source, one in windows(logs, days, Policy(), modelled=modelled).items():
                yield f"| {name} | {part} | {source} | {one} |"
            if modelled:
                yield f"| {name} | {part} | {promises(logs, days)} |"


def choices(data: Path = DATA, one_in: int = 1) -> Iterator[str]:
    """Yield the losses of other percents, on the earlier days of the two shops that the policy was chosen on."""
    for name in ("CDNOW", "Online Retail"):
        logs, days = SHOPS[name].read(data, one_in), SHOPS[name].earlier
        for percents in zip(*PERCENTS, strict=True):
            losses = windows(logs, days, Policy(window_percents=percents))["facts"].losses
            yield f"{name} {percents}: {', '.join(f'{loss:.3f}' for loss in losses)}"


def main() -> None:
    """Print the figures that the docs quote."""
    for line in (*rows(), *choices()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
