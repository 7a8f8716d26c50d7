"""Options that several commands share: the files of a shop, how they are read, and their parsing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, TypeAlias, cast, get_type_hints
from zoneinfo import ZoneInfo

import attrs
import typer

from funnel._arguments import parse_as_of
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError, InstantError
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import read_whole
from funnel.readers._reader import ReadArguments

Contacts: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--contacts",
        help="Show personal data too: names, telephone numbers and addresses, and ids that are one of them.",
    ),
]

FORMATS = (
    *("currency", "time_format", "amount_style", "statuses", "unpaid", "undated_refunds", "calling_code", "encoding"),
    *("secret_file", "rates"),
)
"""The options about an export, which its mapping sets otherwise; rates are for every source."""


@attrs.frozen(kw_only=True)
class ShopOptions:
    """The files of a shop and how they are read, as every command takes them."""

    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="The export of a shop, in one or more files: CSV, xlsx, JSON or Parquet. Or files of orders, with a "
            "mapping. Or a store: its SQLite file, or the address of its database (postgresql+psycopg://...).",
        ),
    ]
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with the columns and formats of a file that is not a known export; see funnel map."
        ),
    ] = None
    as_of: Annotated[
        str | None,
        typer.Option(
            help="The evaluation time: a day (2011-12-09, its end) or an instant. It never defaults to today; "
            "required unless the mapping sets it."
        ),
    ] = None
    tz: Annotated[
        str | None,
        typer.Option(
            help="The shop's time zone, such as Asia/Jakarta; by default the mapping's. A mapping without a zone needs "
            "it."
        ),
    ] = None
    currency: Annotated[
        str | None,
        typer.Option(help="The currency to read; by default the only one. With --rates: the reporting currency."),
    ] = None
    rates: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of exchange rates for files or a store of several currencies: currency, day and rate. "
            "The reporting currency is --currency."
        ),
    ] = None
    time_format: Annotated[
        str | None, typer.Option(help="How the files write times that may be read in two ways: '%d/%m/%Y %H:%M'.")
    ] = None
    amount_style: Annotated[
        str | None,
        typer.Option(help="How the files write amounts, if not as the mapping or the platform does: id for 150.000."),
    ] = None
    statuses: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT=STATE",
            help="The state that a text of an export means: paid, unpaid, cancelled, refunded or failed, such as "
            "diproses=paid; with a mapping: unpaid, placed, paid, shipped, delivered or cancelled. Repeat the option "
            "for several texts.",
        ),
    ] = None
    unpaid: Annotated[
        str | None, typer.Option(help="Orders that are not paid: sent (keep those that were sent), refuse or placed.")
    ] = None
    undated_refunds: Annotated[
        str | None, typer.Option(help="Refunds without a day: reduce their order, or date them as_of.")
    ] = None
    calling_code: Annotated[
        str | None, typer.Option(help="The calling code of telephone numbers that begin with 0, such as 62.")
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="The encoding of the files, if it is not UTF-8, such as cp1252.")
    ] = None
    secret_file: Annotated[
        Path | None,
        typer.Option(help="File with the key of a hash that replaces person ids, such as e-mail addresses."),
    ] = None
    lapse_after: Annotated[
        str | None, typer.Option(help="A buyer silent for longer has lapsed: a number with a unit, 180d or '26 weeks'.")
    ] = None

    @property
    def formats(self) -> dict[str, Any]:
        """The options about an export that were passed."""
        return {name: value for name in FORMATS if (value := getattr(self, name))}


def of_shop(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose first argument is `ShopOptions` as one with an option for each of them."""
    hints = get_type_hints(ShopOptions, include_extras=True)
    shared = [
        Parameter(
            one.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if one.default is attrs.NOTHING else one.default,
            annotation=hints[one.name],
        )
        for one in attrs.fields(ShopOptions)
    ]
    own = list(signature(command, eval_str=True).parameters.values())[1:]

    def run(**options: Any) -> None:
        command(ShopOptions(**{one.name: options.pop(one.name) for one in shared}), **options)

    described: Any = run
    described.__name__, described.__doc__ = command.__name__, command.__doc__
    described.__signature__ = Signature([*shared, *own])
    return run


# ---- parsing of the report's `--as-of` option: a day or an instant ---------------------------------------------------


_LARGEST_SECRET = 1024
"""Maximum size of a key in bytes."""


def read_arguments(formats: Mapping[str, Any]) -> ReadArguments:
    """Convert options about an export to the arguments of its reader.

    Args:
        formats: The options that were passed, by name.

    Raises:
        ArgumentError: A status has no state, or the file of the key is too large.
        FileError: The file of the key cannot be opened.
    """
    arguments = dict(formats)
    if "statuses" in arguments:
        arguments["statuses"] = dict(map(_status, arguments["statuses"]))
    if "secret_file" in arguments:
        arguments["secret"] = read_whole(arguments.pop("secret_file"), _LARGEST_SECRET).strip()
    return cast("ReadArguments", arguments)


def read_mapping(path: Path, formats: Mapping[str, Any], tz: str | None) -> OrderMapping:
    """Read a mapping; the options override it, and `tz` is the zone of a file whose mapping has none.

    Times of a mapping with a zone stay in that zone: `tz` is then the zone of days and months alone. With rates,
    `currency` is the reporting currency, which no file needs to have.
    """
    ours = {name: value for name, value in formats.items() if name != "rates"}
    if "rates" in formats:
        ours.pop("currency", None)
    return OrderMapping._read(path, {} if tz is None else {"zone": tz}, read_arguments(ours))  # noqa: SLF001


def as_options(message: str) -> str:
    """Return an error of a reader with its arguments as options: currency='IDR' becomes --currency IDR."""
    return _ARGUMENT.sub(
        lambda match: f"{_option(match[1] or match[3])}{' ' * bool(match[2])}{match[2] or ''}", message
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


_NAMES = "currency|time_format|amount_style|statuses|unpaid|undated_refunds|calling_code|encoding|rates"
_ARGUMENT = re.compile(rf"\b({_NAMES})='([^']*)'|(?<=\bpass )({_NAMES})\b")
"""An argument with its value, or an argument that should be passed."""


def _status(text: str) -> tuple[str, str]:
    status, separator, state = text.rpartition("=")
    if not separator:
        raise ArgumentError("statuses must be a text of the export and its state, such as diproses=paid")
    return status, state


def read_as_of(value: str | date, zone: ZoneInfo) -> datetime:
    """Convert a day to its last instant in the shop's zone; return an instant as it is.

    Args:
        value: A day, or text such as 2011-12-09, 2011-12-09T12:00 (in the shop's zone) or 2011-12-09T12:00+00:00.
        zone: The shop's time zone.

    Returns:
        The evaluation time, in UTC.

    Raises:
        InstantError: The text is not a day or an instant, or is outside the supported years.
    """
    moment = end_of_day(value, zone) if isinstance(value, date) else _read(value, zone)
    parse_as_of(moment)
    return moment


def _read(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text[:100]!r} is not a day or an instant; write 2011-12-09 (its end) or 2011-12-09T12:00+00:00"
        raise InstantError(msg) from None
    if "T" not in text and " " not in text:
        return end_of_day(moment.date(), zone)
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return _in_years(local).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the last instant of a day in a zone."""
    following = _in_years(datetime(day.year, day.month, day.day, tzinfo=zone)) + timedelta(days=1)
    return following.astimezone(UTC) - MICROSECOND


def _in_years(moment: datetime) -> datetime:
    """Refuse an instant too far out to convert between zones."""
    if not MINYEAR < moment.year < MAXYEAR:
        raise InstantError("as_of is outside the supported years; pass a day from 1800 to 2199")
    return moment
