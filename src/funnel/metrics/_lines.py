"""Order lines: the items of each purchase, as a table beside the logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import narwhals as nw

from funnel._aggregate.aggregations import COMMON
from funnel._aggregate.fold import END, START
from funnel._dataframes.adapter import ROW, Frame, InputFrame, distinct, from_native
from funnel._fields import LARGEST_AMOUNT
from funnel._people import logs_of
from funnel.errors import EngineError
from funnel.history import History
from funnel.logs import Logs
from funnel.logs.normalize import MISSING, whole
from funnel.logs.schema import Issue, raise_if_any
from funnel.logs.sums import own_sum_issues
from funnel.logs.validate import Check, id_check, issues_of
from funnel.records import Purchase

SKU = "sku"
_SOURCE, _ID = COMMON.index("source"), COMMON.index("id")
_NEEDED = ("purchase_id", SKU)
_READ = (*_NEEDED, "source")


def lines_beside(logs: Logs, lines: object, amounts: Sequence[str] = ()) -> Frame:
    """Validate a table of lines.

    Return `source`, `id` of the purchase and `sku`; each item of a purchase once, unless it has amounts.

    Args:
        logs: The logs with the purchases of the lines.
        lines: A dataframe of the logs' engine with `purchase_id` and `sku`, and with `source` if the logs have it.
        amounts: Columns of whole minor units that are read too; an empty cell is `MISSING`.

    Raises:
        LogsError: A column is missing or has a wrong type, a cell is empty, or a purchase is not in the logs.
        EngineError: The table is of another engine than the logs.
    """
    entered = from_native(lines, (*_READ, *amounts))
    raise_if_any(list(_schema_faults(entered, amounts)))
    orders = logs_of(logs)._tables.get("orders")
    orders_seen = None if orders is None else orders.select("source", "id", _known=nw.lit(1, nw.Int64()))
    if orders_seen is not None and str(orders_seen.implementation) != entered.engine:
        kinds = f"{logs._frame_kind} (got {entered.frame_kind})"
        raise EngineError(f"lines must be on the engine of the logs, {kinds}; convert one of them")
    rows = _rows(entered, amounts)
    raise_if_any(list(issues_of("lines", rows, [*_EMPTY, *map(_amount_check, amounts)])))
    if orders_seen is not None:
        met = rows.join(orders_seen, on=["source", "id"], how="left")
        raise_if_any(list(issues_of("lines", met, _UNKNOWN)))
    filled = rows.with_columns(
        nw.when(nw.col(name) > 0).then(nw.col(name)).otherwise(0).alias(name) for name in amounts
    )
    raise_if_any([issue for name in amounts for issue in own_sum_issues("lines", filled, name, name)])
    items = rows.select("source", "id", SKU, *amounts)
    return items if amounts else distinct(items)


_EMPTY = [
    id_check(column, nw.col(name), "is empty; pass a value, or drop the row")
    for column, name in (("purchase_id", "id"), (SKU, SKU))
]
_UNKNOWN = [
    Check(
        "purchase_id",
        "is not a purchase of the logs; add it to the logs, with the same source",
        nw.col("_known").is_null(),
    )
]


def _amount_check(name: str) -> Check:
    problem = f"is not a whole number from 0 to {LARGEST_AMOUNT}; give the amount of the line in minor units"
    return Check(name, problem, (nw.col(name) != MISSING) & ((nw.col(name) < 0) | (nw.col(name) > LARGEST_AMOUNT)))


def _schema_faults(entered: InputFrame, amounts: Sequence[str]) -> Iterator[Issue]:
    schema = entered.frame.collect_schema()
    for name in amounts:
        if name not in schema:
            yield Issue("lines", name, "is missing; give the amount of each line in minor units")
        elif not schema[name].is_integer() and not (entered.frame_kind == "pandas" and schema[name].is_float()):
            yield Issue("lines", name, f"is {schema[name]}; give whole minor units")
    for name in _READ:
        if name in schema:
            kind = schema[name]
            if not (kind.is_integer() or isinstance(kind, nw.String | nw.Categorical | nw.Enum)):
                yield Issue("lines", name, f"is {kind}; give text or integers")
        elif name in _NEEDED:
            yield Issue("lines", name, "is missing")


def _rows(entered: InputFrame, amounts: Sequence[str]) -> Frame:
    schema = entered.frame.collect_schema()
    keep = [ROW] if ROW in schema else []
    source = nw.col("source").cast(nw.String()).fill_null("shop") if "source" in schema else nw.lit("shop", nw.String())
    texts = {"id": nw.col("purchase_id"), SKU: nw.col(SKU)}
    columns = {name: text.cast(nw.String()).fill_null("") for name, text in texts.items()}
    money = {name: whole(nw.col(name), schema[name]).fill_null(MISSING).cast(nw.Int64()) for name in amounts}
    return entered.frame.select(*keep, source=source, **columns, **money)


# ---- one person ----------------------------------------------------------------------------------------------------


def counting(history: History, now: int) -> Iterator[Purchase]:
    """Yield one person's purchases that count at an instant: neither cancelled nor fully refunded."""
    rows = history._ledger.rows.get("purchases", [])
    keys = {(row[_SOURCE], row[_ID]) for row in rows if int(row[START]) <= now < int(row[END])}
    return (one for one in history.purchases if one.key in keys)


def baskets_of(history: History, now: int) -> Iterator[tuple[Purchase, frozenset[str]]]:
    """Yield one person's purchases that count and have items, each with its items."""
    for one in counting(history, now):
        if one.lines:
            yield one, frozenset(line.sku for line in one.lines)
