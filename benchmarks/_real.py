"""Three real shops as logs: CDNOW, Online Retail and Taobao, which are beside the project and not part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import polars as pl
from dateutil.relativedelta import relativedelta

from funnel import Logs

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DAY = timedelta(days=1)


@attrs.frozen
class Days:
    """The days of a backtest."""

    first: datetime
    every: timedelta | relativedelta
    horizon: timedelta
    as_of: datetime


@attrs.frozen
class Shop:
    """A real shop: how it is read, its earlier days for fitting, and its later days for the quoted figures."""

    read: Callable[[Path, int], Logs]
    earlier: Days
    later: Days


def _instants(column: str, zone: str = "UTC") -> pl.Expr:
    naive = pl.col(column).cast(pl.Datetime("us"))
    return naive.dt.replace_time_zone(zone, ambiguous="earliest").dt.convert_time_zone("UTC")


def _some(person: str, one_in: int) -> pl.Expr:
    """Return a fixed sample of the people."""
    return pl.col(person) % one_in == 0


def cdnow(data: Path, one_in: int = 1) -> Logs:
    """Discs; all that a person bought on a day is one purchase, in cents."""
    discs = pl.read_parquet(data / "cdnow_full.parquet").filter(_some("customer_id", one_in))
    cents = (pl.col("dollars") * 100).round().cast(pl.Int64).sum().alias("amount")
    bought = discs.group_by("customer_id", "date").agg(cents).sort("customer_id", "date")
    times = _instants("date").alias("purchased_at")
    return Logs(
        purchases=bought.select("amount", times, person_id=pl.col("customer_id").cast(pl.String)).with_row_index("id")
    )


def online_retail(data: Path, one_in: int = 1) -> Logs:
    """Gifts; an invoice of a named customer is a purchase, in pence; cancelled invoices are left out."""
    lines = pl.read_parquet(data / "online_retail.parquet").filter(pl.col("CustomerID").is_not_null())
    lines = lines.with_columns(pl.col("CustomerID").cast(pl.Int64)).filter(_some("CustomerID", one_in))
    sold = lines.filter(pl.col("Quantity") > 0, ~pl.col("InvoiceNo").cast(pl.String).str.starts_with("C")).unique()
    pence = (pl.col("Quantity") * pl.col("UnitPrice") * 100).round().cast(pl.Int64).sum().alias("amount")
    key = ["InvoiceNo", "CustomerID"]
    bought = sold.group_by(key).agg(pence, pl.col("InvoiceDate").min()).sort(key)
    times = _instants("InvoiceDate", "Europe/London").alias("purchased_at")
    name_of = {"id": pl.col("InvoiceNo").cast(pl.String), "person_id": pl.col("CustomerID").cast(pl.String)}
    return Logs(purchases=bought.select("amount", times, **name_of))


def taobao(data: Path, one_in: int = 1) -> Logs:
    """Views, baskets and purchases of nine days; bookmarks are counted as visits."""
    rows = pl.read_parquet(data / "taobao_behaviour.parquet").filter(_some("user_id", one_in)).with_row_index("id")
    rows = rows.with_columns(pl.col("id").cast(pl.Int64), pl.col("user_id").cast(pl.Int64))
    moment = pl.from_epoch(pl.col("unix_time").cast(pl.Int64), "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    events = rows.with_columns(moment.alias("moment"), pl.col("behaviour").cast(pl.String))
    kinds = {"pv": "view", "cart": "cart", "fav": "visit"}
    bought = events.filter(pl.col("behaviour") == "buy")
    did = events.filter(pl.col("behaviour") != "buy").with_columns(pl.col("behaviour").replace_strict(kinds))
    name_of = {"person_id": pl.col("user_id").cast(pl.String)}
    return Logs(
        purchases=bought.select("id", **name_of, purchased_at="moment", amount=pl.lit(1, pl.Int64)),
        interactions=did.select("id", **name_of, occurred_at="moment", kind="behaviour"),
    )


LONDON, BEIJING = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai")

SHOPS: Mapping[str, Shop] = {
    "CDNOW": Shop(
        cdnow,
        Days(datetime(1997, 5, 5, tzinfo=UTC), 14 * DAY, 30 * DAY, datetime(1997, 11, 30, tzinfo=UTC)),
        Days(datetime(1997, 12, 1, tzinfo=UTC), 14 * DAY, 30 * DAY, datetime(1998, 7, 1, tzinfo=UTC)),
    ),
    "Online Retail": Shop(
        online_retail,
        Days(datetime(2011, 3, 7, tzinfo=LONDON), 14 * DAY, 30 * DAY, datetime(2011, 7, 31, tzinfo=LONDON)),
        Days(datetime(2011, 8, 1, tzinfo=LONDON), 14 * DAY, 30 * DAY, datetime(2011, 12, 10, tzinfo=LONDON)),
    ),
    "Taobao": Shop(
        taobao,
        Days(datetime(2017, 11, 27, tzinfo=BEIJING), DAY, DAY, datetime(2017, 11, 30, tzinfo=BEIJING)),
        Days(datetime(2017, 11, 30, tzinfo=BEIJING), DAY, DAY, datetime(2017, 12, 4, tzinfo=BEIJING)),
    ),
}
"""The shops, each with its days: nobody's purchase is in both parts."""
