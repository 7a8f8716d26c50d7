"""The page of a report, for a terminal or a pipe; each part renders only the findings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from funnel.cli._findings import Findings, Person
from funnel.metrics._retention.cohort import Cohort
from funnel.metrics._retention.cohorts import Cohorts
from funnel.metrics._shown import days, money
from funnel.readers._read_orders import Entry

PIPE_WIDTH = 110
"""The width of the page without a terminal, in characters."""

_MOST_MONTHS = 12
_MOST_COHORTS = 24


def print_page(name: str, found: Findings, console: Console) -> None:
    """Print the page.

    Args:
        name: The name of the file or store.
        found: The findings.
        console: The output.
    """
    for part in _parts(name, found):
        console.print(part)


def _parts(name: str, found: Findings) -> Iterator[RenderableType]:
    zone = ZoneInfo(found.asked.tz)
    yield Text(f"{name}, as of {_clock(found.asked.as_of, zone)} ({found.asked.tz})", style="bold")
    yield from _titled("What was read", _account(found.account), *_covered(found, zone))
    yield from _titled("People per stage", _stages(found))
    yield from _titled("From customer to repeat customer (konsumen -> pelanggan)", *_repeat(found))
    yield from _titled(
        "Monthly cohorts: of those who first bought in a month, who bought again", *_cohorts(found.cohorts)
    )
    yield from _titled("Overdue by their own rhythm", *_overdue(found))
    yield from _titled("Follow-up list of the day", *_follow_ups(found, zone))


def _titled(title: str, *parts: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Text(title, style="bold")
    yield Padding(Group(*parts), (0, 0, 0, 2))


def _table(*columns: str, left: int = 1) -> Table:
    """Return a table without lines; the first columns are text, the others numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < left else "right", no_wrap=place >= left)
    return table


# ---- what was read -------------------------------------------------------------------------------------------------


def _account(account: tuple[Entry, ...]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("what, and why")
    table.add_column("first rows")
    for entry in account:
        table.add_row(entry.what, f"{entry.count:,}", entry.reason, _rows(entry))
    return table


def _rows(entry: Entry) -> str:
    more = ", ..." if 0 < len(entry.rows) < entry.count else ""
    return ", ".join(map(str, entry.rows)) + more


def _covered(found: Findings, zone: ZoneInfo) -> Iterator[RenderableType]:
    if found.span is None:
        yield Text("No purchases.")
        return
    first, last = (moment.astimezone(zone).date() for moment in found.span)
    yield Text(f"Purchases from {first} to {last}.")
    if found.later:
        yield Text(f"{found.later:,} of them came after the instant of judgement and are left out.")


# ---- people --------------------------------------------------------------------------------------------------------


def _stages(found: Findings) -> RenderableType:
    everyone = sum(found.stages.values())
    table = _table("stage", "people", "share")
    for stage, people in found.stages.items():
        table.add_row(stage.value, f"{people:,}", f"{100 * people / everyone:.1f} %")
    table.add_row("everyone", f"{everyone:,}", "")
    return table


def _repeat(found: Findings) -> Iterator[RenderableType]:
    within = found.within
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("bought again by now, of all buyers:", str(found.ever))
    table.add_row(f"bought again within {days(within.within)}, of those who have had that time:", str(within.rate))
    yield table
    yield Text(f"{within.pending:,} buyers have not had that time yet: pending, in neither part of the second rate.")
    yield Text("In brackets: how many of how many; where the true share lies, 95 times of 100 (Wilson).")


# ---- cohorts -------------------------------------------------------------------------------------------------------


def _cohorts(cohorts: Cohorts) -> Iterator[RenderableType]:
    later = min(cohorts.width - 1, _MOST_MONTHS)
    table = _table("month", "people", *(f"+{months}" for months in range(1, later + 1)))
    for cohort in cohorts.cohorts[-_MOST_COHORTS:]:
        table.add_row(f"{cohort.start:%Y-%m}", *(_cell(cohort, months) for months in range(later + 1)))
    yield table
    yield Text("Shares in % of the cohort; blank: that month has not begun.")
    if cohorts.is_partial:
        yield Text("* the month of judgement is not over.")
    if len(cohorts) > _MOST_COHORTS or cohorts.width - 1 > _MOST_MONTHS:
        yield Text(f"Shown: the last {_MOST_COHORTS} of {len(cohorts)} cohorts, {_MOST_MONTHS} months at most.")


def _cell(cohort: Cohort, months: int) -> Text:
    bought = cohort.after(months)
    if bought is None:
        return Text("")
    open_ = cohort.is_partial(months)
    share = f"{bought:,}" if months == 0 else f"{100 * bought / cohort.size:.0f}"
    return Text(f"{share}{'*' if open_ else ' '}", style="dim" if open_ else "")


# ---- lists ---------------------------------------------------------------------------------------------------------


def _overdue(found: Findings) -> Iterator[RenderableType]:
    policy = found.asked.policy
    yield Text(
        f"{found.late} of those with {policy.rhythm_purchases} purchases or more, {days(policy.rhythm_interval)} or "
        "more apart on average"
    )
    yield Text(
        f"Silent for more than {policy.overdue_percent} % of their own average interval; who spent most comes first."
    )
    if not found.overdue:
        return
    table = _table("person", "purchases", "interval", "silent for", "spent")
    for person in found.overdue:
        spans = ("" if span is None else days(span) for span in (person.interval, person.silent))
        table.add_row(Text(person.person_id), f"{person.purchases:,}", *spans, _spent(person))
    yield table


def _follow_ups(found: Findings, zone: ZoneInfo) -> Iterator[RenderableType]:
    counts = ", ".join(f"{step.value} {people:,}" for step, people in found.due.items())
    yield Text(f"{sum(found.due.values()):,} people{': ' if counts else ''}{counts}")
    for place, person in enumerate(found.follow_ups, start=1):
        yield Text.assemble(f"{place}. ", (person.person_id, "bold"), f"  {person.step}; {_bought(person)}")
        yield Padding(Text(f"because {person.why}"), (0, 0, 0, 5))
        yield Padding(Text(_next(person, zone)), (0, 0, 0, 5))


def _bought(person: Person) -> str:
    many = "purchase" if person.purchases == 1 else "purchases"
    return f"{person.purchases:,} {many}, {_spent(person)}"


def _spent(person: Person) -> str:
    """Return the spent amount in its country's format; blank if there is no currency yet."""
    return "0" if person.net_spent is None else money(person.net_spent.minor, person.net_spent.currency)


def _next(person: Person, zone: ZoneInfo) -> str:
    if person.change is None:
        return "stays so until something happens"
    return f"if nothing happens: {person.becomes} from {_clock(person.change, zone)}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
