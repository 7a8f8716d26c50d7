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
from funnel.metrics._display import days, money
from funnel.metrics._retention.cohort import Cohort
from funnel.metrics._retention.cohorts import Cohorts
from funnel.readers._read_orders import Entry

PIPE_WIDTH = 110
"""The width of the page without a terminal, in characters."""

_MOST_MONTHS = 12
_MOST_COHORTS = 24
_MOST_SOURCES = 10


def print_page(name: str, findings: Findings, console: Console) -> None:
    """Print the page.

    Args:
        name: The name of the file or store.
        findings: The findings.
        console: The output.
    """
    for part in _parts(name, findings):
        console.print(part)


def _parts(name: str, findings: Findings) -> Iterator[RenderableType]:
    zone = ZoneInfo(findings.query.tz)
    yield Text(f"{name}, as of {_clock(findings.query.as_of, zone)} ({findings.query.tz})", style="bold")
    yield from _section("Rows and records", _account(findings.account), *_covered(findings, zone))
    yield from _section("People per stage", _stages(findings))
    if findings.leads:
        yield from _section("Leads by source", *_leads(findings, zone))
    if findings.span is None and findings.leads:
        yield Text()
        yield Text("Repeat rates, cohorts and rhythms need purchases: pass the export of the orders too.")
    else:
        yield from _buyers(findings)
    yield from _section("Follow-up list of the day", *_follow_ups(findings, zone))


def _buyers(findings: Findings) -> Iterator[RenderableType]:
    yield from _section("From customer to repeat customer (konsumen -> pelanggan)", *_repeat(findings))
    yield from _section(
        "Monthly cohorts: people by month of first purchase, and the share who bought again",
        *_cohorts(findings.cohorts),
    )
    yield from _section("Overdue by their own rhythm", *_overdue(findings))


def _section(title: str, *parts: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Text(title, style="bold")
    yield Padding(Group(*parts), (0, 0, 0, 2))


def _table(*columns: str, text_columns: int = 1) -> Table:
    """Return a table without lines; the first columns are text, the others numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for position, column in enumerate(columns):
        table.add_column(
            column, justify="left" if position < text_columns else "right", no_wrap=position >= text_columns
        )
    return table


# ---- what was read -------------------------------------------------------------------------------------------------


def _account(account: tuple[Entry, ...]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("reason")
    table.add_column("first rows")
    for entry in account:
        table.add_row(entry.what, f"{entry.count:,}", entry.reason, _rows(entry))
    return table


def _rows(entry: Entry) -> str:
    more = ", ..." if 0 < len(entry.rows) < entry.count else ""
    return ", ".join(map(str, entry.rows)) + more


def _covered(findings: Findings, zone: ZoneInfo) -> Iterator[RenderableType]:
    if findings.span is None:
        yield Text("No purchases.")
        return
    first, last = (moment.astimezone(zone).date() for moment in findings.span)
    yield Text(f"Purchases from {first} to {last}.")
    if findings.later:
        yield Text(f"Excluded: {findings.later:,} after the as-of instant.")


def _leads(findings: Findings, zone: ZoneInfo) -> Iterator[RenderableType]:
    table = _table("source", "leads", "people", "first", "last")
    for source in findings.leads[:_MOST_SOURCES]:
        first, last = (moment.astimezone(zone).date() for moment in (source.first, source.last))
        table.add_row(Text(source.source), f"{source.leads:,}", f"{source.people:,}", str(first), str(last))
    yield table
    if len(findings.leads) > _MOST_SOURCES:
        yield Text(f"Shown: {_MOST_SOURCES} of {len(findings.leads):,} sources.")


# ---- people --------------------------------------------------------------------------------------------------------


def _stages(findings: Findings) -> RenderableType:
    total = sum(findings.stages.values())
    table = _table("stage", "people", "share")
    for stage, people in findings.stages.items():
        table.add_row(stage.value, f"{people:,}", f"{100 * people / total:.1f} %")
    table.add_row("total", f"{total:,}", "")
    return table


def _repeat(findings: Findings) -> Iterator[RenderableType]:
    within = findings.within
    window = days(within.within)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("bought again by now, of all buyers:", str(findings.ever))
    table.add_row(f"bought again within {window}, of buyers whose {window} are over:", str(within.rate))
    yield table
    yield Text(f"Pending: {within.pending:,} buyers whose {window} are not over. The second rate excludes them.")
    yield Text("In brackets: the counts, and the 95 % confidence interval (Wilson).")


# ---- cohorts -------------------------------------------------------------------------------------------------------


def _cohorts(cohorts: Cohorts) -> Iterator[RenderableType]:
    later = min(cohorts.width - 1, _MOST_MONTHS)
    table = _table("month", "people", *(f"+{months}" for months in range(1, later + 1)))
    for cohort in cohorts.cohorts[-_MOST_COHORTS:]:
        table.add_row(f"{cohort.start:%Y-%m}", *(_cell(cohort, months) for months in range(later + 1)))
    yield table
    yield Text("Shares in % of the cohort; blank: that month has not begun.")
    if cohorts.is_partial:
        yield Text("* the month of the as-of instant is not over.")
    limits = {
        f"the last {_MOST_COHORTS} of {len(cohorts)} cohorts": len(cohorts) > _MOST_COHORTS,
        f"{_MOST_MONTHS} months at most": cohorts.width - 1 > _MOST_MONTHS,
    }
    if any(limits.values()):
        yield Text(f"Shown: {', '.join(text for text, holds in limits.items() if holds)}.")


def _cell(cohort: Cohort, months: int) -> Text:
    buyers = cohort.after(months)
    if buyers is None:
        return Text("")
    open_ = cohort.is_partial(months)
    share = f"{buyers:,}" if months == 0 else f"{100 * buyers / cohort.size:.0f}"
    return Text(f"{share}{'*' if open_ else ' '}", style="dim" if open_ else "")


# ---- lists ---------------------------------------------------------------------------------------------------------


def _overdue(findings: Findings) -> Iterator[RenderableType]:
    policy = findings.query.policy
    yield Text(
        f"{findings.late} of buyers with {policy.rhythm_purchases} purchases or more, "
        f"{days(policy.rhythm_interval)} or more apart on average"
    )
    yield Text(
        f"Silent for more than {policy.overdue_percent} % of their own average interval, sorted by amount spent."
    )
    if not findings.overdue:
        return
    table = _table("person", "purchases", "interval", "silent for", "spent")
    for person in findings.overdue:
        spans = ("" if span is None else days(span) for span in (person.interval, person.silent))
        table.add_row(Text(person.person_id), f"{person.purchases:,}", *spans, _spent(person))
    yield table


def _follow_ups(findings: Findings, zone: ZoneInfo) -> Iterator[RenderableType]:
    counts = ", ".join(f"{step.value} {people:,}" for step, people in findings.due.items())
    yield Text(f"{sum(findings.due.values()):,} people{': ' if counts else ''}{counts}")
    for position, person in enumerate(findings.follow_ups, start=1):
        yield Text.assemble(f"{position}. ", (person.person_id, "bold"), f"  {person.action}; {_bought(person)}")
        yield Padding(Text(f"because {person.why}"), (0, 0, 0, 5))
        yield Padding(Text(_next(person, zone)), (0, 0, 0, 5))


def _bought(person: Person) -> str:
    noun = "purchase" if person.purchases == 1 else "purchases"
    return f"{person.purchases:,} {noun}, {_spent(person)}"


def _spent(person: Person) -> str:
    """Return the spent amount in its country's format; blank if there is no currency yet."""
    return "0" if person.net_spent is None else money(person.net_spent.minor, person.net_spent.currency)


def _next(person: Person, zone: ZoneInfo) -> str:
    if person.change is None:
        return "no change until the next record"
    return f"if nothing happens: {person.becomes} from {_clock(person.change, zone)}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
