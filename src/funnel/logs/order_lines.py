"""Lines of orders become orders: the amounts of an order's lines are added.

Invariant: the orders do not depend on the order of the lines. An order with a bad line is bad as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import narwhals as nw

from funnel._dataframes.adapter import ROW, Frame
from funnel._expr.to_narwhals import int_lit, to_int
from funnel._fields import LARGEST_AMOUNT
from funnel.logs.normalize import MISSING
from funnel.logs.schema import RECORDED
from funnel.logs.validate import Check

KEY = ("source", "id")
BELOW = "is below 0; give returns as refunds, or read the frame with read_orders, which knows credit notes"
_MOST_PIECES = 10**9
_EARLIEST = ("purchased_at", "promised_at", RECORDED, ROW)
_LATEST = ("cancelled_at", "delivered_at", "paid_at", "currency", "promotion")
_MONEY = {"prepaid": "max", "fees": "max", "cost": "min"}
"""Optional amounts, added like the amount. A cost is unknown if one line has none, the others if no line has one."""
_SAME = ("person_id", "status")


def amount_checks(lines: frozenset[str]) -> list[Check]:
    """Return the checks of the columns of order lines."""
    if "unit_price" not in lines:
        return [Check("order_amount", "is empty; give the amount of the order", _is_missing("order_amount"))] * bool(
            lines
        )
    pieces = nw.col("quantity")
    fits = (pieces >= -_MOST_PIECES) & (pieces <= _MOST_PIECES)
    product = pieces.cast(nw.Float64()) * nw.col("unit_price").cast(nw.Float64())
    large = (product > LARGEST_AMOUNT) | (product < -LARGEST_AMOUNT)
    there = ~_is_missing("quantity") & ~_is_missing("unit_price")
    return [
        Check("quantity", "is empty; give the number of pieces", _is_missing("quantity")),
        Check("quantity", f"is not from {-_MOST_PIECES} to {_MOST_PIECES}", ~_is_missing("quantity") & ~fits),
        Check("unit_price", "is empty; give the price of one piece", _is_missing("unit_price")),
        Check("unit_price", f"times quantity is above {LARGEST_AMOUNT} minor units", there & fits & large),
    ]


def _is_missing(name: str) -> nw.Expr:
    return nw.col(name) == MISSING


def with_amount(frame: Frame, lines: frozenset[str]) -> Frame:
    """Compute the amount of each line; rows that fail a check have any amount."""
    if "unit_price" in lines:
        pieces, price = nw.col("quantity"), nw.col("unit_price")
        product = pieces.cast(nw.Float64()) * price.cast(nw.Float64())
        fits = (product <= LARGEST_AMOUNT) & (product >= -LARGEST_AMOUNT)
        return frame.with_columns(nw.when(fits).then(pieces).otherwise(int_lit(0)).alias("quantity")).with_columns(
            (nw.col("quantity") * nw.col("unit_price")).alias("amount")
        )
    if "order_amount" in lines:
        return frame.with_columns(nw.col("order_amount").alias("amount"))
    return frame


def summed(frame: Frame, own: Sequence[str], *, is_whole: bool) -> Frame:
    """Return one row for each order, with `_lines` and the columns of `order_checks`.

    Args:
        frame: The lines.
        own: The shop's own columns. A value is kept if all lines of the order agree, and is empty otherwise.
        is_whole: True if each line repeats the amount of its order.
    """
    present = frame.collect_schema().names()
    amount = nw.col("amount")
    total = amount.max() if is_whole else amount.sum()
    aggregates = [
        total.alias("amount"),
        amount.min().alias("_low"),
        amount.max().alias("_high"),
        nw.col("_float").sum(),
        nw.len().alias("_lines"),
        *(nw.col(name).min() for name in _EARLIEST if name in present),
        *(nw.col(name).max() for name in _LATEST if name in present),
        *(each for name in (*_SAME, *own) for each in (nw.col(name).min(), nw.col(name).max().alias(f"_max_{name}"))),
        *(nw.col(f"_null_{name}").max() for name in own),
    ]
    money = [name for name in _MONEY if name in present]
    for name in money:
        filled = nw.col(f"_all_{name}")
        aggregates += [getattr(nw.col(name), _MONEY[name])(), filled.max() if is_whole else filled.sum()]
    # pandas groups by simple expressions only
    lines: dict[str, nw.Expr] = {
        "_float": amount.cast(nw.Float64()),
        **{f"_null_{name}": to_int(nw.col(name).is_null()) for name in own},
        **{f"_all_{name}": nw.when(_is_missing(name)).then(int_lit(0)).otherwise(nw.col(name)) for name in money},
    }
    orders = frame.with_columns(**lines).group_by(*KEY).agg(*aggregates)
    orders = orders.with_columns(nw.col("amount", "_lines", *(f"_all_{name}" for name in money)).cast(nw.Int64()))
    values = {
        name: nw.when(_is_missing(name)).then(int_lit(MISSING)).otherwise(nw.col(f"_all_{name}")) for name in money
    }
    for name in own:
        agrees = (nw.col(name) == nw.col(f"_max_{name}")) & (nw.col(f"_null_{name}") == 0)
        values[name] = nw.when(agrees).then(nw.col(name))
    return orders.with_columns(**values) if values else orders


def order_checks(latest: str, *, is_whole: bool) -> Iterator[tuple[str, str, nw.Expr]]:
    """Yield column, problem and condition of bad orders, for the frame of `summed`.

    Args:
        latest: How to keep the last row of each order.
        is_whole: True if each line repeats the amount of its order.
    """
    for name in _SAME:
        more = f"; if a later export repeats the orders, keep its rows: {latest}" if name == "status" else ""
        problem = f"differs between the rows of an order; give each order one {name}{more}"
        yield name, problem, nw.col(name) != nw.col(f"_max_{name}")
    if is_whole:
        unlike = nw.col("_low") != nw.col("_high")
        yield "order_amount", "differs between the rows of an order; name the column 'amount' to add it up", unlike
    yield "amount", BELOW, (nw.col("_lines") == 1) & (nw.col("amount") < 0)
    yield "amount", f"of all rows of the order together {BELOW}", (nw.col("_lines") > 1) & (nw.col("_float") < 0)
    if not is_whole:
        yield (
            "amount",
            f"of all rows of the order together is above {LARGEST_AMOUNT}",
            nw.col("_float") > LARGEST_AMOUNT,
        )


def bad_count(conditions: Sequence[nw.Expr]) -> nw.Expr:
    """Return the number of conditions that hold."""
    total = int_lit(0)
    for condition in conditions:
        total = total + to_int(condition)
    return total
