"""The commands: options in, a page out, errors as one plain message.

Exit codes: 0 success; 1 a failure at run time, such as an unreachable store or a full disk; 2 a wrong call, or an
unreadable file or mapping; 130 interrupted by the user.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from funnel._arguments import parse_zone, span
from funnel._time import MICROSECOND
from funnel.cli._findings import Findings, Progress, ReportQuery, find
from funnel.cli._options import read_as_of
from funnel.cli._page import PIPE_WIDTH, print_page
from funnel.cli._source import is_store, name_of, of_orders, of_store
from funnel.errors import FunnelError, InstantError, MissingExtraError, StoreError
from funnel.policy import Policy
from funnel.readers._formats import IN_THE_TEXT
from funnel.readers._read_orders import OrderMapping, read_orders

_FAILED, _WRONG = 1, 2

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


def _tell_version(value: bool) -> None:  # noqa: FBT001 (typer calls it so)
    if value:
        typer.echo(f"shopfunnel {version('shopfunnel')}")
        raise typer.Exit


@app.callback()
def funnel(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Show the stage of each person of a shop, the reason, and the next action."""


@app.command()
def report(  # noqa: PLR0913 (one argument an option)
    file: Annotated[
        str,
        typer.Argument(
            help="Orders or order lines: a CSV file in UTF-8, or Parquet. Or a store: its SQLite file, or the address "
            "of its database (postgresql+psycopg://...)."
        ),
    ],
    *,
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML: which column holds what, in which format. Needed for orders; a store has none."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="The instant of judgement: a day (2011-12-09, its end) or an instant. Never today by itself; "
            "required unless the mapping states it."
        ),
    ] = None,
    tz: Annotated[str | None, typer.Option(help="The zone that cuts days and months; else the mapping's.")] = None,
    lapse_after: Annotated[
        str | None, typer.Option(help="A buyer silent for longer has lapsed: a number with a unit, 180d or '26 weeks'.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="How many people each list shows at most.")] = 10,
) -> None:
    """Read a shop's orders or its store, and report stages, repeat rates, overdue people and due follow-ups."""
    with _told_plainly():
        how = _mapping(file, mapping)
        asked = _asked(how, as_of=as_of, tz=tz, lapse_after=lapse_after, rows=rows)
        found = _found(file, how, asked)
    console = _console()
    with console.capture() as page:
        print_page(name_of(file), found, console)
    typer.echo("\n".join(line.rstrip() for line in page.get().splitlines()))


def _mapping(file: str, mapping: Path | None) -> OrderMapping | None:
    """Return the mapping of a file; None for a store, which needs none."""
    stored = is_store(file)
    if stored == (mapping is None):
        return None if mapping is None else OrderMapping.read(mapping)
    said = "a store needs no mapping; leave it out" if stored else "say how the file is read: --mapping FILE.toml"
    raise typer.BadParameter(said, param_hint="--mapping")


@contextmanager
def _told_plainly() -> Generator[None, None, None]:
    """Report an invalid file or mapping in one message, without a traceback."""
    try:
        yield
    except (StoreError, MissingExtraError) as error:
        said, code = str(error), _FAILED
    except FunnelError as error:
        said, code = str(error), _WRONG
    except MemoryError:
        said, code = "the memory is not enough for this file; give a smaller one", _FAILED
    else:
        return
    typer.echo(f"error: {said}", err=True)
    raise typer.Exit(code)


def _asked(
    how: OrderMapping | None, *, as_of: str | None, tz: str | None, lapse_after: str | None, rows: int
) -> ReportQuery:
    zone = _zone(tz, how)
    policy = Policy()
    if lapse_after is not None:
        with _blamed("--lapse-after"):
            policy = Policy(lapse_after=span(lapse_after, "the span") * MICROSECOND)
    given = as_of if as_of is not None or how is None else how.as_of
    with _blamed("--as-of"):
        if given is None:
            raise InstantError("give the day of judgement, such as 2011-12-09; it is never today by itself")
        return ReportQuery(read_as_of(given, zone), zone.key, policy, rows)


def _zone(tz: str | None, how: OrderMapping | None) -> ZoneInfo:
    with _blamed("--tz"):
        if tz is not None:
            return parse_zone(tz)
        if how is None:
            raise InstantError("a store does not know the shop's zone; give it, such as Asia/Jakarta")
        if how.zone == IN_THE_TEXT:
            raise InstantError("each time in the file has its own zone; give the shop's, such as Asia/Jakarta")
        return parse_zone(how.zone)


@contextmanager
def _blamed(option: str) -> Generator[None, None, None]:
    """Add the name of the option to an argument error."""
    try:
        yield
    except FunnelError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _found(file: str, how: OrderMapping | None, asked: ReportQuery) -> Findings:
    with _bar() as progress:
        source = of_store(file) if how is None else of_orders(read_orders(file, how, progress=progress))
        return find(source, asked, progress)


@contextmanager
def _bar() -> Generator[Progress, None, None]:
    """Show a progress bar on standard error; none without a terminal."""
    console = _terminal()
    if not console.is_terminal:  # some versions of Rich write a line end for a disabled bar
        yield lambda _name, _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=done, total=total, visible=done < total)

        yield tell


def _terminal() -> Console:
    """Return a console on standard error, for progress and errors."""
    return Console(stderr=True)


def _console() -> Console:
    """Return a console on standard output: in colour and as wide as the terminal, or plain on a pipe."""
    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else PIPE_WIDTH, highlight=False, emoji=False, soft_wrap=False)
