"""Files of exchange rates: one row for each currency and day."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path

from funnel._paths import path_of
from funnel.errors import FileError, MoneyError
from funnel.money import decimals

_COLUMNS = ("currency", "day", "rate")
_LIKE = "write the columns currency, day and rate, such as USD,2026-03-01,15800.5"


def rates_of_file(path: str | Path) -> dict[tuple[str, date], str]:
    """Return the rates of a CSV file by currency and day.

    Raises:
        FileError: The file cannot be read.
        MoneyError: The file is not a table of rates.
    """
    file = Path(path_of(path, ""))
    try:
        return _rates_of(file.name, file.read_text(encoding="utf-8-sig").splitlines())
    except OSError as error:
        raise FileError(f"{file.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MoneyError(f"{file.name} is not text in UTF-8; {_LIKE}") from None
    except csv.Error:
        raise MoneyError(f"{file.name} has a cell that is too long; {_LIKE}") from None


def _rates_of(name: str, lines: Iterable[str]) -> dict[tuple[str, date], str]:
    rows = csv.reader(lines)
    nothing: list[str] = []
    heading = [cell.strip().casefold() for cell in next(rows, nothing)]
    if not all(heading.count(column) == 1 for column in _COLUMNS):
        raise MoneyError(f"{name} is not a table of rates; {_LIKE}")
    positions = [heading.index(column) for column in _COLUMNS]
    rates: dict[tuple[str, date], str] = {}
    for row in rows:
        if not any(row):
            continue
        currency, day, rate = (row[position].strip() if position < len(row) else "" for position in positions)
        decimals(currency)
        key = currency, _day_of(name, rows.line_num, day)
        if key in rates:
            raise MoneyError(f"{name} has two rates of {currency} on {day} (line {rows.line_num}); keep one of them")
        rates[key] = rate
    return rates


def _day_of(name: str, line: int, text: str) -> date:
    with suppress(ValueError):
        return date.fromisoformat(text)
    raise MoneyError(f"{name} has no day in line {line}; write it like 2026-03-01")
