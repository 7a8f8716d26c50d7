"""Credit notes that do not name their invoice: which purchase each credited piece came from.

Law: of a purchase no more pieces come back than were bought, so its refunds never add up to more than its amount;
what finds no purchase is counted, never invented.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import attrs
import polars as pl

from funnel.readers._files import ROW
from funnel.readers._values import amount_of

if TYPE_CHECKING:
    from funnel.readers._files import Progress

_KEY = ("person_id", "sku", "minor", "finer")
_OFTEN = 10_000


@attrs.define
class _Bought:
    """Pieces of one row of a purchase, some of which may have come back."""

    purchase_id: str
    pieces: int
    minor: int
    finer: int
    back: int = 0

    def take(self, most: int) -> tuple[int, int]:
        """Give back at most so many pieces.

        Returns:
            How many pieces, and what they are worth: all that came back so far less what came back before, so that
            rounding never makes a row's refunds more than the row.
        """
        count = min(most, self.pieces - self.back)
        before = amount_of(self.back, self.minor, self.finer)
        self.back += count
        return count, amount_of(self.back, self.minor, self.finer) - before


@attrs.frozen
class Matched:
    """What became of the credited rows.

    Attributes:
        refunds: What each credit note pays back of each purchase: credit_id, purchase_id, refunded_at, amount.
        unmatched: The rows that found no purchase at all.
        partly: The rows that found a purchase of fewer pieces.
    """

    refunds: pl.DataFrame
    unmatched: pl.Series
    partly: pl.Series


def match_credits(bought: pl.DataFrame, credited: pl.DataFrame, progress: Progress) -> Matched:
    """Find the purchase of each credited row.

    It is the same person's latest earlier purchase of the same sku at the same unit price that has pieces left; when it
    has too few, the one before it, and so on. Source: our choice; a shop takes back what it sold last.

    Args:
        bought: The rows of purchases: id, purchased_at (of the whole order), person_id, sku, pieces, minor, finer.
        credited: The rows of credit notes: the same columns, and the row number.
        progress: Told of the rows done.

    Returns:
        The refunds, and the rows without a purchase.
    """
    stacks: dict[tuple[object, ...], list[_Bought]] = defaultdict(list)
    paid: dict[tuple[str, str], int] = defaultdict(int)
    short: dict[bool, list[int]] = {True: [], False: []}
    for done, row in enumerate(_in_order(bought, credited).iter_rows(named=True)):
        stack = stacks[tuple(row[name] for name in _KEY)]
        if not row["is_credit"]:
            stack.append(_Bought(row["id"], row["pieces"], row["minor"], row["finer"]))
        elif missing := _pay_back(stack, row["id"], row["pieces"], paid):
            short[missing == row["pieces"]].append(row[ROW])
        if done % _OFTEN == 0:
            progress("matching credits", done, bought.height + credited.height)
    return Matched(_refunds(credited, paid), _numbers(short[True]), _numbers(short[False]))


def _in_order(bought: pl.DataFrame, credited: pl.DataFrame) -> pl.DataFrame:
    """Put what may belong together in the order in which it happened; of one instant, purchases first."""
    asked = bought.join(credited.select(_KEY).unique(), on=_KEY, how="semi")
    columns = [ROW, "id", "purchased_at", "is_credit", "pieces", *_KEY]
    both = pl.concat([asked.select(columns), credited.select(columns)])
    return both.sort("purchased_at", "is_credit", "id", "pieces", "person_id", "sku", "minor", "finer")


def _pay_back(stack: list[_Bought], credit_id: str, pieces: int, paid: dict[tuple[str, str], int]) -> int:
    """Take pieces back from the latest purchases; the answer is how many found none."""
    while stack and pieces:
        count, amount = stack[-1].take(pieces)
        paid[credit_id, stack[-1].purchase_id] += amount
        pieces -= count
        if stack[-1].back == stack[-1].pieces:
            stack.pop()
    return pieces


def _refunds(credited: pl.DataFrame, paid: dict[tuple[str, str], int]) -> pl.DataFrame:
    """Add up what each credit note pays back of each purchase; nothing paid back is no refund."""
    some = [(*ids, amount) for ids, amount in paid.items() if amount]
    schema = {"credit_id": pl.String, "purchase_id": pl.String, "amount": pl.Int64}
    times = credited.group_by(pl.col("id").alias("credit_id")).agg(pl.col("purchased_at").min().alias("refunded_at"))
    return pl.DataFrame(some, schema=schema, orient="row").join(times, on="credit_id")


def _numbers(rows: list[int]) -> pl.Series:
    return pl.Series(ROW, rows, dtype=pl.Int64)
