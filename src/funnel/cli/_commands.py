"""The commands: options in, a page out, errors as one plain message.

Exit codes: 0 success; 1 a failure at run time, such as an unreachable store or a full disk; 2 a wrong call, or an
unreadable file or mapping; 130 interrupted by the user.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import attrs
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from funnel._arguments import parse_zone, span
from funnel._time import MICROSECOND
from funnel.cli._findings import Findings, Progress, ReportQuery, find
from funnel.cli._html import html_page
from funnel.cli._options import read_arguments, read_as_of
from funnel.cli._page import PIPE_WIDTH, print_page
from funnel.cli._source import CONTACT_COLUMNS, is_store, name_of, of_orders, of_store
from funnel.cli._tasks import worklist_csv
from funnel.cli._words import Words
from funnel.errors import FunnelError, InstantError, MissingExtraError, StoreError
from funnel.messages import Language
from funnel.policy import Policy
from funnel.readers._formats import IN_THE_TEXT
from funnel.readers._propose import propose
from funnel.readers._read_orders import OrderMapping, read_orders

_FAILED, _WRONG = 1, 2

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(value: bool) -> None:  # noqa: FBT001 (typer calls it so)
    if value:
        typer.echo(f"shopfunnel {version('shopfunnel')}")
        raise typer.Exit


@app.callback()
def funnel(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Show the stage of each person of a shop, the reason, and the next action."""


@app.command()
def report(  # noqa: PLR0913 (one argument an option)
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="The export of a shop, in one or more files: CSV, xlsx, JSON or Parquet. Or files of orders, with a "
            "mapping. Or a store: its SQLite file, or the address of its database (postgresql+psycopg://...).",
        ),
    ],
    *,
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with the columns and formats of a file that is not a known export; see funnel map."
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="The evaluation time: a day (2011-12-09, its end) or an instant. It never defaults to today; "
            "required unless the mapping sets it."
        ),
    ] = None,
    tz: Annotated[
        str | None, typer.Option(help="The shop's time zone, such as Asia/Jakarta; by default the mapping's.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="The currency to read; by default the only one of the export.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="How an export writes times that may be read in two ways: '%d/%m/%Y %H:%M'.")
    ] = None,
    amount_style: Annotated[
        str | None, typer.Option(help="How an export writes amounts, if not as its platform does: id for 150.000.")
    ] = None,
    statuses: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT=STATE",
            help="The state that a text of an export means: paid, unpaid, cancelled, refunded or failed, such as "
            "diproses=paid. Repeat the option for several texts.",
        ),
    ] = None,
    unpaid: Annotated[
        str | None,
        typer.Option(help="Orders that are not paid: sent (keep those that were sent), refuse or placed."),
    ] = None,
    undated_refunds: Annotated[
        str | None,
        typer.Option(help="Refunds without a day: reduce their order, or date them as_of."),
    ] = None,
    calling_code: Annotated[
        str | None, typer.Option(help="The calling code of telephone numbers that begin with 0, such as 62.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="The encoding of an export, if it is not UTF-8, such as cp1252.")
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(help="File with the key of a hash that replaces person ids, such as e-mail addresses."),
    ] = None,
    lapse_after: Annotated[
        str | None, typer.Option(help="A buyer silent for longer has lapsed: a number with a unit, 180d or '26 weeks'.")
    ] = None,
    within: Annotated[
        str | None, typer.Option(help="Time in which a lead should buy, or a first-time buyer buy again; 30d.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Maximum number of people in each list.")] = 10,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="Maximum number of people to contact a day.")] = 50,
    language: Annotated[Language, typer.Option(help="The language of the report: en or id.")] = "en",
    contacts: Annotated[
        bool, typer.Option("--contacts", help="Show names, telephone numbers and addresses of the people to contact.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the whole report to this HTML file.")
    ] = None,
    worklist: Annotated[
        Path | None, typer.Option(help="Also write the people to contact today to this CSV file.")
    ] = None,
) -> None:
    """Read a shop's orders or its store, and report stages, repeat rates, overdue people and due follow-ups."""
    with _plain_errors():
        _check_outputs([output, worklist], [*files, mapping])
        options = {
            "currency": currency,
            "time_format": time_format,
            "amount_style": amount_style,
            "statuses": statuses,
            "unpaid": unpaid,
            "undated_refunds": undated_refunds,
            "calling_code": calling_code,
            "encoding": encoding,
            "secret_file": secret_file,
            "contacts": contacts and not any(map(is_store, files)),
        }
        formats = {name: value for name, value in options.items() if value}
        order_mapping = _mapping(files, mapping, formats)
        query = _query(order_mapping, as_of=as_of, tz=tz, lapse_after=lapse_after, within=within)
        query = attrs.evolve(query, rows=rows, limit=limit, language=language, contacts=contacts)
        findings = _findings(files, order_mapping, query, formats)
    words = Words(language, ZoneInfo(query.tz))
    name = name_of(files[0])
    if len(files) > 1:
        name = words("more", name=name, count=len(files) - 1)
    console = _console()
    with console.capture() as page:
        print_page(name, findings, words, console)
    typer.echo("\n".join(line.rstrip() for line in page.get().splitlines()))
    if worklist is not None:
        _write(worklist, worklist_csv(findings.today, findings.contacts, CONTACT_COLUMNS if contacts else ()))
    if output is not None:
        _write(output, html_page(name, findings, words))


def _check_outputs(outputs: Sequence[Path | None], read: Sequence[str | Path | None]) -> None:
    """Refuse to write over a file that is read, or twice to the same file."""
    inputs = {Path(one).resolve() for one in read if one is not None and "://" not in str(one)}
    for path in outputs:
        if path is not None and path.resolve() in inputs:
            raise typer.BadParameter(f"{path.name} is read or written twice; pass another file")
        inputs |= set() if path is None else {path.resolve()}


def _write(path: Path, text: str) -> None:
    """Write a file, and print its path."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        typer.echo(f"error: {path} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(_FAILED) from None
    typer.echo(str(path))


@app.command("map")
def propose_mapping(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV, xlsx, Parquet or JSON file of orders.")],
) -> None:
    """Propose a mapping of an order file as TOML, for a person to check and finish."""
    with _plain_errors():
        text = propose(file)
    typer.echo(text, nl=False)


def _mapping(files: list[str], mapping: Path | None, formats: Mapping[str, object]) -> OrderMapping | None:
    """Return the mapping of a file; None for a store, and for a known export."""
    stored = any(map(is_store, files))
    if stored and len(files) > 1:
        raise typer.BadParameter("a store is read alone; pass one store, or one or more exports")
    if stored and mapping is not None:
        raise typer.BadParameter("a store has no mapping; leave it out", param_hint="--mapping")
    for name in formats:
        if stored or mapping is not None:
            message = "this is for exports without a mapping; leave it out, or set it in the mapping"
            raise typer.BadParameter(message, param_hint=f"--{name.replace('_', '-')}")
    return None if mapping is None else OrderMapping.read(mapping)


@contextmanager
def _plain_errors() -> Generator[None, None, None]:
    """Report an invalid file or mapping in one message, without a traceback."""
    try:
        yield
    except (StoreError, MissingExtraError) as error:
        message, code = str(error), _FAILED
    except FunnelError as error:
        message, code = str(error), _WRONG
    except MemoryError:
        message, code = "the file does not fit into memory; use a smaller file", _FAILED
    else:
        return
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def _query(
    mapping: OrderMapping | None, *, as_of: str | None, tz: str | None, lapse_after: str | None, within: str | None
) -> ReportQuery:
    zone = _zone(tz, mapping)
    policy = Policy()
    if lapse_after is not None:
        with _option_errors("--lapse-after"):
            policy = Policy(lapse_after=span(lapse_after, "the span") * MICROSECOND)
    with _option_errors("--within"):
        window = span("30 days" if within is None else within, "the span") * MICROSECOND
    day = as_of if as_of is not None or mapping is None else mapping.as_of
    with _option_errors("--as-of"):
        if day is None:
            raise InstantError("as_of is missing; pass a day such as 2011-12-09 (it never defaults to today)")
        return ReportQuery(read_as_of(day, zone), zone.key, policy, within=window)


def _zone(tz: str | None, mapping: OrderMapping | None) -> ZoneInfo:
    with _option_errors("--tz"):
        if tz is not None:
            return parse_zone(tz)
        if mapping is None:
            raise InstantError("the shop's time zone is missing; pass it, such as Asia/Jakarta")
        if mapping.zone == IN_THE_TEXT:
            raise InstantError("each time in the file has its own zone; pass the shop's zone, such as Asia/Jakarta")
        return parse_zone(mapping.zone)


@contextmanager
def _option_errors(option: str) -> Generator[None, None, None]:
    """Add the name of the option to an argument error."""
    try:
        yield
    except FunnelError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _findings(
    files: list[str], mapping: OrderMapping | None, query: ReportQuery, formats: Mapping[str, object]
) -> Findings:
    with _bar() as progress:
        if is_store(files[0]):
            return find(of_store(files[0]), query, progress)
        if mapping is not None:
            orders = read_orders(files, mapping, progress=progress)
        else:
            options = read_arguments(formats)
            options["zone"], options["progress"] = query.tz, progress
            options["as_of"] = query.as_of.astimezone(ZoneInfo(query.tz)).date()
            orders = read_orders(files, **options)
        return find(of_orders(orders), query, progress)


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

        def show_progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=done, total=total, visible=done < total)

        yield show_progress


def _terminal() -> Console:
    """Return a console on standard error, for progress and errors."""
    return Console(stderr=True)


def _console() -> Console:
    """Return a console on standard output: in colour and as wide as the terminal, or plain on a pipe."""
    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else PIPE_WIDTH, highlight=False, emoji=False, soft_wrap=False)
