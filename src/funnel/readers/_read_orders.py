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
- An id that a record would refuse ("None", "1001.0") is refused.
- The amount of a row is pieces times price in exact decimals. If a price is finer than the minor unit, the amount is
  rounded half to even to whole minor units, and that is noted. A price of zero is kept and noted; a price below zero
  is refused.
- Pieces or amounts below zero are refused, unless the row is a credit.
- Postage and bank charges are part of the amount paid; an order that has nothing else is refused.
- A credit under the number of an earlier purchase belongs to that purchase.
- Any other credit is assigned to the same person's latest earlier purchase of the same sku at the same price that is
  not cancelled and has pieces left, and then to the purchase before it. A credit without such a purchase is counted.
  Without skus and prices of pieces, the amount itself must be the same.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import attrs

from funnel._arguments import instance, is_function, kind_of
from funnel.errors import ArgumentError, MissingExtraError
from funnel.readers._account import Entry, What
from funnel.readers._formats import AmountStyle
from funnel.readers._mapping import Columns, OrderMapping

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl  # noqa: TC004, only its name is needed

    from funnel.readers._raw import Progress

__all__ = ["AmountStyle", "Columns", "Entry", "OrderMapping", "Orders", "What", "read_orders"]


@attrs.frozen(eq=False)
class Orders:
    """Result of reading a shop's order file: purchases, refunds, and the account of every row.

    Attributes:
        purchases: One row for each order: id, source, person_id, purchased_at, amount (minor units), currency, status
            ("paid" or "cancelled"), cancelled_at (null if unknown), promotion ("").
        refunds: One row for each refund of a purchase: id, source, purchase_id, refunded_at, amount (above zero; the
            refunds of a purchase never exceed it), currency, reason.
        currency: The currency of every amount.
        account: The rows read, merged, refused and noted. It holds no value from the file.
    """

    purchases: pl.DataFrame = attrs.field(repr=False)
    refunds: pl.DataFrame = attrs.field(repr=False)
    currency: str
    account: tuple[Entry, ...] = attrs.field(repr=False)

    def __str__(self) -> str:
        """Return the account, one entry per line."""
        return "\n".join(map(str, self.account))


def read_orders(path: str | Path, mapping: OrderMapping, *, progress: Progress | None = None) -> Orders:
    """Read a shop's order file and account for every row.

    Args:
        path: A CSV or Parquet file of order lines or of whole orders; the heading of a CSV file names the columns.
        mapping: Which column holds what, and its format.
        progress: Called with the stage, the rows done and the total rows, for a progress bar. It may be called from
            another thread.

    Returns:
        Purchases, refunds and the account.

    Raises:
        MissingExtraError: Polars is not installed; the message has the command that installs it.
        ArgumentError: `path`, `mapping` or `progress` has another type, or the file name has another extension.
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
    if find_spec("polars") is None:
        raise MissingExtraError('reading a file needs Polars; install it with: pip install "shopfunnel[polars]"')
    from funnel.readers._files import read_file
    from funnel.readers._orders import gather
    from funnel.readers._rows import read_rows

    instance(mapping, OrderMapping, "mapping", "an OrderMapping")
    if progress is not None and not is_function(progress):
        raise ArgumentError(f"progress must be a function or None (got {kind_of(progress)})")
    tell = progress or _say_nothing
    raw = read_file(path, mapping, tell)
    noted: tuple[Entry, ...] = ()
    if raw.currency is not None:
        columns = mapping.columns.model_copy(update={"currency": raw.currency})
        why = f"currency taken from the column {raw.currency!r}, which the mapping does not name"
        noted = (Entry("noted", why, raw.frame.height),)
        mapping = mapping.model_copy(update={"columns": columns})
        raw = read_file(path, mapping, tell)
    count = raw.frame.height
    tell("checking", 0, count)
    rows = read_rows(raw.frame, mapping)
    tell("checking", count, count)
    gathered = gather(rows, raw, mapping, tell)
    return Orders(gathered.purchases, gathered.refunds, mapping.currency, (*gathered.account, *noted))


def _say_nothing(_stage: str, _done: int, _total: int) -> None:
    """Show no progress."""
