"""The commands: options in, a page out, errors as one plain message.

Exit codes: 0 success; 1 a failure at run time, such as an unreachable store or a full disk; 2 a wrong call, or an
unreadable file or mapping; 130 interrupted by the user.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import attrs
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from funnel._arguments import parse_zone, span
from funnel._time import MICROSECOND
from funnel.cli._check import check_rules
from funnel.cli._day import DayChoice, limits_of, profile_of, rows_of_day, text_of, write_csv
from funnel.cli._findings import Progress, ReportQuery, find
from funnel.cli._html import html_page
from funnel.cli._page import PIPE_WIDTH, print_page
from funnel.cli._shared import Contacts, ShopOptions, as_options, of_shop, read_arguments, read_as_of, read_mapping
from funnel.cli._source import (
    CONTACT_COLUMNS,
    MoneyOptions,
    Source,
    is_store,
    name_of,
    of_orders,
    of_store,
    stored_history,
)
from funnel.cli._tasks import worklist_csv
from funnel.cli._words import Words
from funnel.errors import FunnelError, InstantError, MissingExtraError, StoreError
from funnel.messages import Language
from funnel.policy import Policy
from funnel.readers._formats import IN_THE_TEXT
from funnel.readers._propose import propose
from funnel.readers._read_orders import OrderMapping, read_orders

_FAILED, _WRONG = 1, 2

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


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
@of_shop
def report(  # noqa: PLR0913 (one argument an option)
    shop: ShopOptions,
    *,
    within: Annotated[
        str | None, typer.Option(help="Time in which a lead should buy, or a first-time buyer buy again; 30d.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Maximum number of people in each list.")] = 10,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="Maximum number of people to contact a day.")] = 50,
    language: Annotated[Language, typer.Option(help="The language of the report: en or id.")] = "en",
    contacts: Contacts = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the whole report to this HTML file.")
    ] = None,
    worklist: Annotated[
        Path | None, typer.Option(help="Also write the people to contact today to this CSV file.")
    ] = None,
) -> None:
    """Read a shop's orders or its store, and report stages, repeat rates, overdue people and due follow-ups."""
    with _plain_errors():
        _check_outputs([output, worklist], [*shop.files, shop.mapping])
        formats = shop.formats
        if contacts and shop.mapping is None and not any(map(is_store, shop.files)):
            formats["contacts"] = True
        order_mapping = _mapping(shop, formats)
        query = _query(shop, order_mapping, within=within, contacts=contacts)
        query = attrs.evolve(query, rows=rows, limit=limit, language=language)
        with _bar() as progress:
            findings = find(_source(shop.files, order_mapping, query, formats, progress), query, progress)
    words = Words(language, ZoneInfo(query.tz))
    first, more = name_of(shop.files[0]), len(shop.files) - 1
    name = words("more", name=first, count=more) if more else first
    console = _console()
    with console.capture() as page:
        print_page(name, findings, words, console)
    typer.echo("\n".join(line.rstrip() for line in page.get().splitlines()))
    if worklist is not None:
        details = CONTACT_COLUMNS if contacts else ()
        _write(worklist, worklist_csv(findings.today, words.zone, findings.contacts, details))
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


@app.command("worklist")
@of_shop
def day_list(  # noqa: PLR0913 (one argument an option)
    shop: ShopOptions,
    *,
    limit: Annotated[int | None, typer.Option(min=0, help="Maximum number of people; by default all.")] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--at-most",
            metavar="ACTION=N",
            help="Maximum number of people with an action, such as win_back=10. Repeat the option for several actions.",
        ),
    ] = None,
    order: Annotated[str, typer.Option(help="urgency, or value: the largest value at stake first.")] = "urgency",
    language: Annotated[str, typer.Option(help="The language of the reasons: en or id.")] = "en",
    contacts: Contacts = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV file to write; by default, the list is printed.")
    ] = None,
) -> None:
    """List the people to contact today: the action, the due time, the value at stake and the reason."""
    with _plain_errors():
        formats = shop.formats
        order_mapping = _mapping(shop, formats)
        query = _query(shop, order_mapping, contacts=contacts)
        choice = DayChoice(limit, limits_of(limits or []), order, language)
        with _bar() as progress:
            rows = rows_of_day(_source(shop.files, order_mapping, query, formats, progress), query, choice)
        if output is not None:
            write_csv(output, rows)
    typer.echo(text_of(rows) if output is None else f"{len(rows):,} people: {output}")


@app.command()
@of_shop
def profile(
    shop: ShopOptions,
    *,
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="The person's id, or name in a report: 'order 1042'.")
    ],
    contacts: Contacts = False,
) -> None:
    """Show one person: seven facts, the stage and the next action, with its reason."""
    with _plain_errors():
        formats = shop.formats
        order_mapping = _mapping(shop, formats)
        query = _query(shop, order_mapping, contacts=contacts)
        store, money = shop.files[0], MoneyOptions.of(formats, query.tz)
        stored = partial(stored_history, store, money) if is_store(store) else None
        with _bar() as progress:
            source = cache(partial(_source, shop.files, order_mapping, query, formats, progress))
            text = profile_of(person, source, stored, query)
    typer.echo(text)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="RULES.py", help="A Python file of your own, which is run.")],
) -> None:
    """Run a file of rules and check that each rule compiles; print the size of each decision table."""
    with _plain_errors():
        checked = check_rules(file)
    for line in checked:
        typer.echo(str(line))
    if any(line.problem for line in checked):
        raise typer.Exit(_WRONG)


@app.command("map")
def propose_mapping(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV, xlsx, Parquet or JSON file of orders.")],
) -> None:
    """Propose a mapping of an order file as TOML, for a person to check and finish."""
    with _plain_errors():
        typer.echo(propose(file), nl=False)


def _mapping(shop: ShopOptions, formats: Mapping[str, Any]) -> OrderMapping | None:
    """Return the mapping of a file; None for a store, and for a known export."""
    stored = any(map(is_store, shop.files))
    if stored and len(shop.files) > 1:
        raise typer.BadParameter("a store is read alone; pass one store, or one or more exports")
    if stored and shop.mapping is not None:
        raise typer.BadParameter("a store has no mapping; leave it out", param_hint="--mapping")
    fitting = {"currency", "rates", *(() if stored else OrderMapping.model_fields)}
    for name in formats:
        if (shop.mapping is not None or stored) and name not in fitting:
            hint = f"--{name.replace('_', '-')}"
            raise typer.BadParameter("this is for exports without a mapping; leave it out", param_hint=hint)
    return None if shop.mapping is None else read_mapping(shop.mapping, formats, shop.tz)


@contextmanager
def _plain_errors() -> Generator[None, None, None]:
    """Report an invalid file or mapping in one message, without a traceback."""
    try:
        yield
    except (StoreError, MissingExtraError) as error:
        message, code = str(error), _FAILED
    except FunnelError as error:
        message, code = as_options(str(error)), _WRONG
    except MemoryError:
        message, code = "the file does not fit into memory; use a smaller file", _FAILED
    else:
        return
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def _query(
    shop: ShopOptions, mapping: OrderMapping | None, *, within: str | None = None, contacts: bool = False
) -> ReportQuery:
    zone = _zone(shop.tz, mapping)
    policy = Policy()
    if shop.lapse_after is not None:
        with _option_errors("--lapse-after"):
            policy = Policy(lapse_after=span(shop.lapse_after, "the span") * MICROSECOND)
    with _option_errors("--within"):
        window = span("30 days" if within is None else within, "the span") * MICROSECOND
    day = shop.as_of if shop.as_of is not None or mapping is None else mapping.as_of
    with _option_errors("--as-of"):
        if day is None:
            raise InstantError("as_of is missing; pass a day such as 2011-12-09 (it never defaults to today)")
        return ReportQuery(read_as_of(day, zone), zone.key, policy, within=window, contacts=contacts)


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


def _source(
    files: list[str],
    mapping: OrderMapping | None,
    query: ReportQuery,
    formats: Mapping[str, object],
    progress: Progress,
) -> Source:
    """Return the records of a store, or of files with or without a mapping."""
    money = MoneyOptions.of(formats, query.tz)
    if is_store(files[0]):
        return of_store(files[0], money)
    if mapping is not None:
        return of_orders(read_orders(files, mapping, rates=money.rates, progress=progress))
    options = read_arguments(formats)
    options["currency"], options["rates"] = money.currency, money.rates
    options["zone"], options["progress"] = query.tz, progress
    options["as_of"] = query.as_of.astimezone(ZoneInfo(query.tz)).date()
    return of_orders(read_orders(files, **options))


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
