"""Options that several commands share: the files of a shop, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Files: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="The export of a shop, in one or more files: CSV, xlsx, JSON or Parquet. Or files of orders, with a "
        "mapping. Or a store: its SQLite file, or the address of its database (postgresql+psycopg://...).",
    ),
]
MappingFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="TOML file with the columns and formats of a file that is not a known export; see funnel map."),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="The evaluation time: a day (2011-12-09, its end) or an instant. It never defaults to today; "
        "required unless the mapping sets it."
    ),
]
Zone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="The shop's time zone, such as Asia/Jakarta; by default the mapping's. A mapping without a zone needs it."
    ),
]
Currency: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The currency to read; by default the only one. With --rates: the reporting currency."),
]
TimeFormat: TypeAlias = Annotated[
    str | None, typer.Option(help="How the files write times that may be read in two ways: '%d/%m/%Y %H:%M'.")
]
AmountStyle: TypeAlias = Annotated[
    str | None,
    typer.Option(help="How the files write amounts, if not as the mapping or the platform does: id for 150.000."),
]
Statuses: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT=STATE",
        help="The state that a text of an export means: paid, unpaid, cancelled, refunded or failed, such as "
        "diproses=paid; with a mapping: unpaid, placed, paid, shipped, delivered or cancelled. Repeat the option for "
        "several texts.",
    ),
]
Unpaid: TypeAlias = Annotated[
    str | None, typer.Option(help="Orders that are not paid: sent (keep those that were sent), refuse or placed.")
]
UndatedRefunds: TypeAlias = Annotated[
    str | None, typer.Option(help="Refunds without a day: reduce their order, or date them as_of.")
]
CallingCode: TypeAlias = Annotated[
    str | None, typer.Option(help="The calling code of telephone numbers that begin with 0, such as 62.")
]
Encoding: TypeAlias = Annotated[
    str | None, typer.Option(help="The encoding of the files, if it is not UTF-8, such as cp1252.")
]
SecretFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="File with the key of a hash that replaces person ids, such as e-mail addresses.")
]
Contacts: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--contacts",
        help="Show personal data too: names, telephone numbers and addresses, and ids that are one of them.",
    ),
]
LapseAfter: TypeAlias = Annotated[
    str | None, typer.Option(help="A buyer silent for longer has lapsed: a number with a unit, 180d or '26 weeks'.")
]

RatesFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="CSV file of exchange rates for files or a store of several currencies: currency, day and rate. "
        "The reporting currency is --currency."
    ),
]

FORMATS = (
    *("currency", "time_format", "amount_style", "statuses", "unpaid", "undated_refunds", "calling_code", "encoding"),
    *("secret_file", "rates"),
)
"""The options about an export, which its mapping sets otherwise; rates are for every source."""
