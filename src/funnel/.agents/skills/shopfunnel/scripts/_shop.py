"""Arguments and records that all scripts share."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from funnel.errors import FunnelError
from funnel.readers import OrderMapping, ShopData, read_orders


def parser(description: str | None) -> ArgumentParser:
    """Return a parser of the arguments that all scripts have."""
    arguments = ArgumentParser(description=description)
    arguments.add_argument("file", type=Path, help="an export of orders, or any file of orders with --mapping")
    arguments.add_argument("--mapping", type=Path, help="the mapping of the file: funnel map FILE > mapping.toml")
    arguments.add_argument("--as-of", type=date.fromisoformat, required=True, help="the last day that the file covers")
    arguments.add_argument("--tz", type=ZoneInfo, required=True, help="the shop's time zone, such as Asia/Jakarta")
    return arguments


def read(options: Namespace) -> tuple[ShopData, datetime]:
    """Return the records of the file, and the last instant of the day; print an error and stop if it is invalid."""
    following = options.as_of + timedelta(days=1)
    as_of = datetime(following.year, following.month, following.day, tzinfo=options.tz) - timedelta(microseconds=1)
    try:
        if options.mapping is not None:
            return read_orders(options.file, OrderMapping.read(options.mapping)), as_of
        return read_orders(options.file, zone=options.tz.key, as_of=options.as_of), as_of
    except FunnelError as error:
        sys.exit(f"error: {error}")
