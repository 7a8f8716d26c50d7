"""Shapes of a shop's own frame of orders, each with the call that reads it and the result.

The page `docs/own-table.md` shows these shapes as a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pandas as pd
import polars as pl
import pyarrow as pa

from funnel import Logs
from funnel._time import instant
from funnel.errors import FunnelError
from funnel.logs import Amounts, Times
from funnel.logs.normalize import MISSING

NAMES: Mapping[str, Any] = {
    "pl": pl,
    "pd": pd,
    "pa": pa,
    "Decimal": Decimal,
    "date": date,
    "datetime": datetime,
    "UTC": UTC,
    "timedelta": timedelta,
    "timezone": timezone,
    "Logs": Logs,
    "Amounts": Amounts,
    "Times": Times,
}
AT = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
BASE: Mapping[str, Any] = {"id": ["A1"], "person_id": ["sari"], "purchased_at": [AT], "amount": [900]}
"""One order. Each shape changes some of its columns; a column of None is left out."""


@attrs.frozen
class Shape:
    """One shape of a frame.

    Attributes:
        name: Name of the shape.
        columns: Columns that differ from `BASE`, as Python.
        arguments: Arguments of `Logs.from_orders` after the frame, as Python.
        result: Text of the result.
        show: Columns of the result to show, or "notes", or "issues".
        engine: How the Polars frame becomes the frame that is passed.
    """

    name: str
    columns: str
    arguments: str
    result: str
    show: str = "amount"
    engine: str = "frame"

    def frame(self) -> Any:
        """Return the frame."""
        changed = eval(self.columns, dict(NAMES))  # noqa: S307 - our own table
        columns = {name: values for name, values in {**BASE, **changed}.items() if values is not None}
        longest = max(len(values) for values in columns.values())
        repeated = {
            name: values if len(values) == longest else list(values) * longest for name, values in columns.items()
        }
        if self.engine != "frame":
            return eval(self.engine, {**NAMES, "columns": repeated, "frame": pl.DataFrame(repeated, strict=False)})  # noqa: S307
        return pl.DataFrame(repeated, strict=False)

    def computed(self) -> str:
        """Return name the call gives, as text."""
        arguments = eval(f"dict({self.arguments})", dict(NAMES))  # noqa: S307
        try:
            logs = Logs.from_orders(self.frame(), **arguments)
        except FunnelError as error:
            return str(error).splitlines()[-1].strip()
        if self.show in ("notes", "issues"):
            return "; ".join(map(str, getattr(logs, self.show)))
        if self.show == "kind":
            return repr(logs)
        names = self.show.split()
        rows = logs._logs["purchases"].select(*names).collect().to_dict(as_series=False)
        texts = zip(*([_text(name, value) for value in rows[name]] for name in names), strict=True)
        return "; ".join(sorted(" ".join(row) for row in texts))


def _text(name: str, value: Any) -> str:
    if value is None:
        return "empty"
    if name.endswith("_at"):
        return "empty" if value == MISSING else f"{instant(value):%Y-%m-%d %H:%M} UTC"
    return str(value)


USD = 'currency="USD", amount="major"'
FINER = "has more decimals than USD has (2); if rounding is right, round it first: "
FINER += "df.with_columns(pl.col('amount').round(2))"
DRESS = 'columns={"id": "No", "person_id": "Buyer"}'

SHAPES = (
    # amounts
    Shape("whole minor units", '{"amount": [1999]}', "", "1999"),
    Shape("floats", '{"amount": [19.99]}', USD, "1999"),
    Shape("a float with too many decimals", '{"amount": [19.999]}', USD, f"purchases.amount: 1 row (row 1): {FINER}"),
    Shape("floats of 32 bits", '{"amount": pl.Series([19.99], dtype=pl.Float32)}', USD, "1999"),
    Shape("whole numbers of the currency", '{"amount": [20]}', USD, "2000"),
    Shape("a currency without decimals", '{"amount": [500.0]}', 'currency="JPY", amount="major"', "500"),
    Shape("decimals", '{"amount": [Decimal("19.990")]}', USD, "1999"),
    Shape("texts", '{"amount": ["USD 19.99"]}', USD, "1999"),
    Shape("texts, American", '{"amount": ["1,234.50"]}', 'currency="USD", amount="us"', "123450"),
    Shape("texts, Indonesian", '{"amount": ["Rp1.250.000"]}', 'currency="IDR", amount="id"', "125000000"),
    Shape("texts, Swiss", '{"amount": ["1\'234.50"]}', 'currency="CHF", amount="ch"', "123450"),
    Shape("texts, Indian", '{"amount": ["12,34,567.89"]}', 'currency="INR", amount="in"', "123456789"),
    Shape("texts, French", '{"amount": ["1 234,50"]}', 'currency="EUR", amount="fr"', "123450"),
    Shape(
        "texts with a sign",
        '{"amount": ["$19.99"]}',
        'currency="USD", amount=Amounts("us", symbols=["$"])',
        "1999",
    ),
    Shape(
        "a text in another style",
        '{"amount": ["150.000"]}',
        'currency="USD", amount="us"',
        "purchases.amount: 1 row (row 1): is not an amount in style 'us', or has more decimals than USD has (2); "
        "pass another style",
    ),
    Shape(
        "a discount line in parentheses",
        '{"amount": ["19.99", "(5.00)"], "line": [1, 2]}',
        'currency="USD", amount=Amounts("us", negatives="parentheses")',
        "1499",
    ),
    Shape("an amount of 0: no purchase, but kept", '{"amount": [0.0]}', USD, "0"),
    Shape(
        "an amount below 0",
        '{"amount": [-5]}',
        "",
        "purchases.amount: 1 row (row 1): is below 0; give returns as refunds, or read the frame with read_orders, "
        "which knows credit notes",
    ),
    Shape(
        "quantity and price",
        '{"amount": None, "pieces": [3], "price": [0.1]}',
        'columns={"quantity": "pieces", "unit_price": "price"}, currency="USD", amount="major"',
        "30",
    ),
    # times
    Shape(
        "floats, read as minor units",
        '{"amount": [19.99]}',
        'currency="USD"',
        "purchases.amount: 1 row (row 1): has more decimals than minor units have (0); if 19.99 means USD 19.99, pass "
        "currency='USD' and amount='major'",
    ),
    Shape(
        "aware times",
        '{"purchased_at": [datetime(2026, 3, 1, tzinfo=UTC)]}',
        "",
        "2026-03-01 00:00 UTC",
        "purchased_at",
    ),
    Shape(
        "naive times",
        '{"purchased_at": [datetime(2026, 3, 1, 9, 30)]}',
        'tz="Asia/Jakarta"',
        "2026-03-01 02:30 UTC",
        "purchased_at",
    ),
    Shape(
        "naive times, no zone",
        '{"purchased_at": [datetime(2026, 3, 1, 9, 30)]}',
        "",
        "purchases.purchased_at: is Datetime(time_unit='us', time_zone=None); these times have no zone; pass tz, the "
        "zone of the shop's clock, such as tz='Asia/Jakarta'",
    ),
    Shape("days", '{"purchased_at": [date(2026, 3, 1)]}', 'tz="Asia/Jakarta"', "2026-02-28 17:00 UTC", "purchased_at"),
    Shape(
        "ISO texts",
        '{"purchased_at": ["2026-03-01 09:30"]}',
        'tz="Asia/Jakarta"',
        "2026-03-01 02:30 UTC",
        "purchased_at",
    ),
    Shape(
        "ISO texts with offsets",
        '{"purchased_at": ["2026-03-01T09:30+07:00"]}',
        "",
        "2026-03-01 02:30 UTC",
        "purchased_at",
    ),
    Shape(
        "texts in a format",
        '{"purchased_at": ["01/03/2026 09:30"]}',
        'tz=Times("Asia/Jakarta", format="%d/%m/%Y %H:%M")',
        "2026-03-01 02:30 UTC",
        "purchased_at",
    ),
    Shape(
        "texts with am and pm",
        '{"purchased_at": ["Mar 1, 2026 12:30 PM"]}',
        'tz=Times("Asia/Jakarta", format="%b %d, %Y %I:%M %p")',
        "2026-03-01 05:30 UTC",
        "purchased_at",
    ),
    Shape(
        "seconds since 1970",
        '{"purchased_at": [1772332200]}',
        'tz=Times(format="epoch")',
        "2026-03-01 02:30 UTC",
        "purchased_at",
    ),
    Shape(
        "milliseconds since 1970",
        '{"purchased_at": ["1772332200000"]}',
        'tz=Times(format="epoch_ms")',
        "2026-03-01 02:30 UTC",
        "purchased_at",
    ),
    Shape(
        "two formats",
        '{"purchased_at": ["2026-03-01 09:30"], "status": ["cancelled"], "cancelled_at": ["2/3/2026"]}',
        'tz=Times("Asia/Jakarta", formats={"cancelled_at": "%d/%m/%Y"})',
        "2026-03-01 17:00 UTC",
        "cancelled_at",
    ),
    Shape(
        "a time that the clock skipped",
        '{"purchased_at": [datetime(2026, 3, 29, 2, 30)]}',
        'tz="Europe/Paris"',
        "purchases.purchased_at: 1 row (row 1): is a time that the clock of Europe/Paris skipped; give the time that "
        "it showed, or aware times",
    ),
    Shape(
        "a time that the clock showed twice",
        '{"purchased_at": [datetime(2026, 10, 25, 2, 30)]}',
        'tz="Europe/Paris"',
        "2026-10-25 00:30 UTC",
        "purchased_at",
    ),
    # ids and people
    Shape("integers", '{"id": [1001], "person_id": [7]}', "", "1001 7", "id person_id"),
    Shape(
        "floats, because some are missing",
        '{"id": [1001.0, 1002.0], "person_id": ["sari", "budi"]}',
        "",
        "1001 sari; 1002 budi",
        "id person_id",
    ),
    Shape("categories", '{"person_id": pl.Series(["sari"], dtype=pl.Categorical)}', "", "A1 sari", "id person_id"),
    Shape(
        "floats that lost digits",
        '{"person_id": [2.88e18]}',
        "",
        "purchases.person_id: 1 row (row 1): is a float so large that its last digits are lost; read the column as "
        "text",
    ),
    Shape("no id: each row is an order", '{"id": None, "amount": [1, 2]}', "", "1 1; 2 2", "id amount"),
    Shape(
        "a missing person",
        '{"person_id": ["sari", None], "id": ["A1", "A2"]}',
        'on_issues="split"',
        "purchases.person_id: 1 row (row 2): is empty; give the person, or leave the row out if unknown",
        "issues",
    ),
    # names and words
    Shape(
        "other names",
        '{"id": None, "person_id": None, "No": ["A1"], "Buyer": ["sari"]}',
        DRESS,
        "A1 sari",
        "id person_id",
    ),
    Shape(
        "a missing column",
        '{"person_id": None, "Person": ["sari"]}',
        "",
        "purchases.person_id: is missing; did you mean Person?; name it, as in columns={'person_id': ...}",
    ),
    Shape("columns with similar names", '{"Source": ["x"], "Status": ["y"]}', "", "shop paid", "source status"),
    Shape("an own column", '{"Country": ["UK"]}', 'columns={"country": "Country"}', "UK", "country"),
    Shape(
        "the shop's words",
        '{"status": ["Completed", "Void"], "id": ["A1", "A2"]}',
        'statuses={"Completed": "paid", "Void": "cancelled"}',
        "A1 paid; A2 cancelled",
        "id status",
    ),
    Shape(
        "a word that leaves rows out",
        '{"status": ["Completed", "Draft"], "id": ["A1", "A2"]}',
        'statuses={"Completed": "paid", "Draft": None}, amount="minor"',
        "1 row left out, because their word is mapped to None",
        "notes",
    ),
    Shape(
        "an unknown word",
        '{"status": ["Lost"]}',
        'statuses={"Completed": "paid"}',
        "purchases.status: 1 row (row 1): is a word that statuses does not have; add it, or map it to None to leave "
        "its rows out",
    ),
    # lines
    Shape("lines of an order", '{"amount": [1999, 500], "sku": ["mug", "pot"]}', "", "2499"),
    Shape(
        "lines: name was done",
        '{"amount": [1999, 500], "sku": ["mug", "pot"]}',
        'amount="minor"',
        "2 rows are lines of 1 order; their amounts were added",
        "notes",
    ),
    Shape(
        "the order's amount on each line",
        '{"total": [2499, 2499], "sku": ["mug", "pot"]}',
        'columns={"order_amount": "total"}',
        "2499",
    ),
    Shape("exact copies of a row", '{"amount": [1999, 1999]}', "", "1999"),
    Shape(
        "a bad line: its order is left out",
        '{"id": ["A1", "A1", "A2"], "amount": [1999, None, 5], "sku": ["mug", "pot", "pan"]}',
        'on_issues="split"',
        "A2 5",
        "id amount",
    ),
    Shape(
        "lines of two people",
        '{"person_id": ["sari", "budi"]}',
        "",
        "purchases.person_id: 2 rows (row 1, 2): differs between the rows of an order; give each order one person_id",
    ),
    # engines
    Shape("pandas", "{}", "", "Logs(purchases, on pandas)", "kind", "pd.DataFrame(columns)"),
    Shape(
        "pandas, people with gaps",
        '{"id": ["A1", "A2"], "person_id": [17850, None]}',
        'on_issues="split"',
        "A1 17850",
        "id person_id",
        "pd.DataFrame(columns)",
    ),
    Shape("a lazy frame", "{}", "", "Logs(purchases, on polars lazy)", "kind", "frame.lazy()"),
    Shape("an Arrow table", "{}", "", "Logs(purchases, on pyarrow)", "kind", "frame.to_arrow()"),
)
