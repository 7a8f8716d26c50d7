"""Parsing of the report's `--as-of` option: a day or an instant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from funnel._arguments import parse_as_of
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError, InstantError
from funnel.readers._mapping import OrderMapping
from funnel.readers._open import read_whole
from funnel.readers._reader import ReadArguments

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
