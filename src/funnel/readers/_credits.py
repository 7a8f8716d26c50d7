"""Credit notes: the purchase of each credited piece or amount.

Invariants: returned pieces never exceed the purchased pieces. A credit without a purchase is counted, never invented. A
credit under the number of a purchase belongs to it; any other credit names no purchase, so the purchase is looked up.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal, TypeAlias

import attrs
import polars as pl

from funnel.readers._raw import ROW, Progress
from funnel.readers._values import CODE, amount_of

_KEY = ("person_id", CODE, "sku", "minor", "finer")
_OFTEN = 10_000

_Met: TypeAlias = Literal["whole", "partly", "nothing"]
"""Whether the whole credit, a part of it, or nothing matched a purchase."""


@attrs.define
class _Bought:
    """Pieces of one row of a purchase, some of them possibly returned."""

    purchase_id: str
    pieces: int
    minor: int
    finer: int
    back: int = 0

    def take(self, most: int) -> tuple[int, int]:
        """Return at most this many pieces.

        Returns:
            The number of pieces and their value. The value is that of all returned pieces minus the value returned
            before, so rounding never makes the refunds of a row exceed the row.
        """
        count = min(most, self.pieces - self.back)
        before = amount_of(self.back, self.minor, self.finer)
        self.back += count
        return count, amount_of(self.back, self.minor, self.finer) - before


@attrs.define
class _Purchases:
    """The purchases up to an instant, and the pieces not returned yet."""

    left: dict[str, int]
    lines: defaultdict[tuple[object, ...], list[_Bought]] = attrs.field(factory=lambda: defaultdict(list))
    paid: defaultdict[tuple[str, str], int] = attrs.field(factory=lambda: defaultdict(int))
    ids: set[str] = attrs.field(factory=set[str])

    def buy(self, row: dict[str, Any]) -> None:
        """Add a row of a purchase, for credits under any number and under its own."""
        line = _Bought(row["id"], row["pieces"], row["minor"], row["finer"])
        key = tuple(row[name] for name in _KEY)
        self.lines[key].append(line)
        self.lines[row["id"], *key].append(line)
        self.ids.add(row["id"])

    def pay_back(self, row: dict[str, Any]) -> _Met:
        """Match the pieces of a credited row with purchases, latest first; return how much matched."""
        number, key, pieces = row["id"], tuple(row[name] for name in _KEY), row["pieces"]
        has_order = number in self.ids
        left = self._from_lines(self.lines[(number, *key) if has_order else key], number, pieces)
        requested = amount_of(left, row["minor"], row["finer"]) if has_order else left
        paid = self._pay(number, number, requested) if has_order else 0
        if paid == requested:
            return "whole"
        return "partly" if paid or left < pieces else "nothing"

    def _from_lines(self, stack: list[_Bought], number: str, pieces: int) -> int:
        while stack and pieces:
            count, amount = stack[-1].take(pieces)
            self._pay(number, stack[-1].purchase_id, amount)
            pieces -= count
            if stack[-1].back == stack[-1].pieces:
                stack.pop()
        return pieces

    def _pay(self, number: str, purchase_id: str, amount: int) -> int:
        """Refund at most the remaining amount of a purchase."""
        amount = min(amount, self.left[purchase_id])
        self.left[purchase_id] -= amount
        self.paid[number, purchase_id] += amount
        return amount


@attrs.frozen
class Matched:
    """Result of matching the credited rows.

    Attributes:
        refunds: Refund of each credit note for each purchase: credit_id, purchase_id, refunded_at, amount.
        unmatched: The rows without any matching purchase.
        partly: The rows of which only a part matched.
    """

    refunds: pl.DataFrame
    unmatched: pl.Series
    partly: pl.Series


def match_credits(bought: pl.DataFrame, credited: pl.DataFrame, progress: Progress) -> Matched:
    """Find the purchase of each credited row.

    It is the purchase with the same number, if there is an earlier one. Otherwise it is the same person's latest
    earlier purchase of the same sku at the same unit price that has pieces left. If that purchase has too few, the one
    before it is used too, and so on. Source: our choice; a shop takes back the pieces it sold last.

    Args:
        bought: The rows of purchases: id, purchased_at (of the order), person_id, `CODE`, sku, pieces, minor,
            finer, line.
        credited: The rows of credit notes: the same columns, and the row number.
        progress: Called with the rows done.

    Returns:
        The refunds, and the rows without a purchase.
    """
    purchases = _Purchases(dict(bought.group_by("id").agg(pl.col("line").sum()).iter_rows()))
    met: dict[_Met, list[int]] = {"whole": [], "partly": [], "nothing": []}
    for done, row in enumerate(_in_order(bought, credited).iter_rows(named=True)):
        if not row["is_credit"]:
            purchases.buy(row)
        else:
            met[purchases.pay_back(row)].append(row[ROW])
        if done % _OFTEN == 0:
            progress("matching credits", done, bought.height + credited.height)
    return Matched(_refunds(credited, purchases.paid), _numbers(met["nothing"]), _numbers(met["partly"]))


def _in_order(bought: pl.DataFrame, credited: pl.DataFrame) -> pl.DataFrame:
    """Sort rows that may match by time; at one instant, purchases come first."""
    has_order = pl.col("id").is_in(credited["id"].unique().implode())
    alike = bought.filter(~has_order).join(credited.select(_KEY).unique(), on=_KEY, how="semi")
    purchases = pl.concat([bought.filter(has_order), alike])
    columns = [ROW, "id", "purchased_at", "is_credit", "pieces", *_KEY]
    both = pl.concat([purchases.select(columns), credited.select(columns)])
    return both.sort("purchased_at", "is_credit", "id", "pieces", *_KEY)


def _refunds(credited: pl.DataFrame, paid: dict[tuple[str, str], int]) -> pl.DataFrame:
    """Sum the refund of each credit note for each purchase; a sum of zero is not a refund."""
    some = [(*ids, amount) for ids, amount in paid.items() if amount]
    schema = {"credit_id": pl.String, "purchase_id": pl.String, "amount": pl.Int64}
    times = credited.group_by(pl.col("id").alias("credit_id")).agg(pl.col("purchased_at").min().alias("refunded_at"))
    return pl.DataFrame(some, schema=schema, orient="row").join(times, on="credit_id")


def _numbers(rows: list[int]) -> pl.Series:
    return pl.Series(ROW, rows, dtype=pl.Int64)
