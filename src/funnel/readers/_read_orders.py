"""A shop's order file, CSV or Parquet, as purchases and refunds, with an exact account of every row.

Invariant: rows in the file = rows kept + rows merged + rows refused. Data that the file lacks is never invented.

Rules:

- Rows with the same order number are one order. Its time is that of the earliest row, its amount the sum of the rows.
  If rows under one number have different persons or different statuses, all of them are refused.
- A row that equals an earlier row in every column of the file is merged with it. If two equal lines may both be valid,
  the file needs a column that distinguishes them, such as the line number.
- Rows of one order more than a day apart are kept and noted: two orders may share the number.
- An order with a cancellation time is cancelled, whatever its status; a contradiction is noted.
- A refund is written with or without a minus. The refunds of an order are capped at the amount of the order; an excess
  is noted.
- A refund or a cancellation on the day of the purchase is not before the purchase; an earlier clock time is noted.
- A refund before the day of the purchase is dropped and noted; the purchase is kept.
- An id that a record would refuse ("None", "1001.0") is refused. If every id of the column has the form "1001.0", it is
  read as 1001 and noted.
- The amount of a row is pieces times price in exact decimals. If a price is finer than the minor unit, the amount is
  rounded half to even to whole minor units, and that is noted. A price of zero is kept and noted; a price below zero
  is refused.
- Pieces or amounts below zero are refused, unless the row is a credit or, with `discounts`, a discount: it reduces the
  amount of its order, and an order whose discounts exceed its amount is refused.
- With `cancelled_rows = "drop"`, the cancelled rows of an order with other rows are dropped and noted.
- Order lines are the rows of products: no charges, discounts, credits or dropped rows. A file of whole orders has none.
- Postage and bank charges are part of the amount paid; an order that has nothing else is refused.
- A credit under the number of an earlier purchase belongs to that purchase.
- Any other credit is assigned to the same person's latest earlier purchase of the same sku at the same price that is
  not cancelled and has pieces left, and then to the purchase before it. A credit without such a purchase is counted.
  Without skus and prices of pieces, the amount itself must be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from funnel._arguments import instance
from funnel.errors import ArgumentError
from funnel.rates import Rates
from funnel.readers._account import Entry, What
from funnel.readers._formats import AmountStyle
from funnel.readers._mapping import Columns, OrderMapping
from funnel.readers._open import Source
from funnel.readers._reader import ReadArguments, check_options, every_export, read_recognised, require_polars

if TYPE_CHECKING:
    from funnel.readers._raw import Progress
    from funnel.readers._shop_data import ShopData

__all__ = ["AmountStyle", "Columns", "Entry", "OrderMapping", "What", "read_orders"]


def read_orders(source: Source, mapping: OrderMapping | None = None, **options: Unpack[ReadArguments]) -> ShopData:
    """Read a shop's orders and account for every row.

    Without a mapping, the export is recognised by its columns, and its reader in `funnel.readers` reads it. With a
    mapping, any file of order lines or of whole orders is read.

    Args:
        source: A CSV or Parquet file or a dataframe; without a mapping also an xlsx file or several files of one shop.
        mapping: Which column holds what, and its format; None for a known export.
        options: Open facts of a known export, such as `zone`; see `ReadArguments`. With a mapping only `rates` and
            `progress`.

    Returns:
        Purchases, refunds, order lines and the account, which also says which export the files are, and why.

    Raises:
        MissingExtraError: Polars is not installed; the message has the command that installs it.
        ArgumentError: An argument has another type, the file name has another extension, or the file is not one known
            export.
        RecordError: The file cannot be read, or its rows cannot be separated reliably.
        LogsError: Columns are missing or have a wrong type (all are reported together), or it is ambiguous which column
            holds the currency of a row.
        FileError: The file cannot be opened.

    Example:
        >>> import tempfile, pathlib
        >>> mapping = OrderMapping(
        ...     columns=Columns(id="Order", person_id="Buyer", purchased_at="Paid on", amount="Total"),
        ...     currency="IDR", zone="Asia/Jakarta", time_format="%d/%m/%Y %H:%M", amount_style="id",
        ... )
        >>> text = '''Order,Buyer,Paid on,Total
        ... A-1,ani,01/03/2026 09:00,Rp150.000
        ... A-2,,01/03/2026 09:30,Rp75.000
        ... '''
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "orders.csv"
        ...     _ = path.write_text(text)
        ...     orders = read_orders(path, mapping)
        >>> orders.purchases["amount"].to_list()
        [15000000]
        >>> print(orders)
        read 2: rows in the file
        read 1: rows kept
        read 1: purchases
        refused 1: no customer (row 2)
    """
    require_polars()
    if mapping is None:
        return read_recognised(source, every_export(), options)
    instance(mapping, OrderMapping, "mapping", "an OrderMapping, such as OrderMapping.read(path)")
    check_options(options, ReadArguments.__annotations__)
    if options.get("keep"):
        raise ArgumentError("keep cannot be combined with a mapping; Logs.from_orders keeps columns of any dataframe")
    if unused := sorted(set(options) - {"progress", "rates"}):
        raise ArgumentError(f"{', '.join(unused)} cannot be combined with a mapping; set it in the mapping")
    return _read_mapped(source, mapping, options.get("rates"), options.get("progress") or _no_progress)


def _read_mapped(source: Source, mapping: OrderMapping, rates: Rates | None, progress: Progress) -> ShopData:
    from funnel.readers._files import read_source
    from funnel.readers._orders import gather
    from funnel.readers._parts import combined
    from funnel.readers._shop_data import ShopData

    parts = read_source(source, mapping, progress)
    columns = dict.fromkeys(part.raw.currency for part in parts if part.raw.currency is not None)
    noted = [
        Entry(
            "noted",
            f"currency taken from the column {column!r}, which the mapping does not name",
            sum(part.raw.frame.height for part in parts if part.raw.currency == column),
        )
        for column in columns
    ]
    count = sum(part.raw.frame.height for part in parts)
    progress("checking", 0, count)
    rows, raw = combined(parts, mixed=rates is not None)
    progress("checking", count, count)
    gathered = gather(rows, raw, mapping, progress)
    return ShopData(
        export="mapping",
        currency=mapping.currency if rates is None else rates.currency,
        rates=rates,
        account=(*gathered.account, *noted),
        purchases=gathered.purchases,
        refunds=gathered.refunds,
        order_lines=gathered.order_lines,
    )


def _no_progress(_stage: str, _done: int, _total: int) -> None:
    """Show no progress."""
