"""Orders of a known export: rows of one or more files become purchases, order lines and refunds, all accounted for.

Invariant: rows in the files = rows kept + rows merged + rows refused. The result does not depend on the order of the
rows, on how the rows are divided among files, nor on how often a file is given.

Rules:

- An order is the rows with one id. Cells of the order are taken from the first row that has them; rows of one file that
  contradict each other in person, time, amount or currency are refused.
- An order that two files have is one order. If its state differs, the furthest state is kept: paid, then refunded, then
  cancelled; then the larger refund.
- A row that another file has too is merged. Two equal rows of one file are two lines.
- A buyer without a usable key is unknown: the order is refused and counted.
- If each line has its own state, a line that was cancelled or returned is left out of its order, and noted. An order
  without any other line is cancelled or refunded.
- An order that is not paid yet is refused, kept as placed, or kept if it was sent, as `unpaid` says.
- A refund without a day reduces the amount of its order; a refund of the whole amount cancels it. With
  `undated_refunds = "as_of"` it is dated at the end of `as_of`.
- A refund is never more than the amount of its order, and never before its purchase.
- With rates, an order without a currency is in that of the caller; amounts have the minor units of their own currency.
- An own column has the first cell of the rows of its order. If its rows differ, that depends on the order of the rows.
- If refunds are rows of their own, each is a refund of the order that it names; a column of refunds is then not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Literal

import attrs
import polars as pl

from funnel._fields import LARGEST_AMOUNT
from funnel.errors import ArgumentError
from funnel.rates import Rates
from funnel.readers._account import Entry
from funnel.readers._export import Export, State
from funnel.readers._export_account import (
    NOTHING,
    account_of,
    customers_of,
    order_lines_of,
    order_names_of,
    purchases_of,
    refunds_of,
    with_outcome,
)
from funnel.readers._export_columns import (
    FILE,
    IS_HEAD,
    IS_REFUND,
    LINE,
    NOTE,
    ORDER,
    TIMES,
    WHY,
    refunds_of_rows,
    with_absent,
    with_codes,
    with_person,
    with_refund_rows,
    without_blanks,
    without_lost_lines,
    without_their_columns,
)
from funnel.readers._formats import IN_THE_TEXT, Unpaid
from funnel.readers._keep import with_own_cells
from funnel.readers._mapping import Columns, OrderMapping
from funnel.readers._raw import ROW, text_if
from funnel.readers._shop_data import CUSTOMERS, ShopData
from funnel.readers._times import end_of_as_of, read_times, times_formats
from funnel.readers._values import CODE, line_amount, read_amounts, read_ids

_AGREED = {
    "person_id": "customers",
    "state": "statuses",
    "purchased_at": "times",
    "amount": "amounts",
    "currency": "currencies",
}
_OTHER_CURRENCY = "order in another currency than the one read"
_RANK = {"unpaid": 0, "failed": 1, "paid": 2, "refunded": 3, "cancelled": 4}


@attrs.frozen(kw_only=True)
class ReadOptions:
    """Arguments of a caller about a file of a known export; see `Reader` for the meaning of each."""

    zone: str | None = None
    currency: str | None = None
    rates: Rates | None = None
    time_format: str | None = None
    statuses: Mapping[str, State] = attrs.field(factory=dict[str, State])
    unpaid: Unpaid = "sent"
    undated_refunds: Literal["reduce", "as_of"] = "reduce"
    as_of: date | None = None
    calling_code: str | None = None
    secret: bytes | str | None = None
    contacts: bool = False
    shop: str | None = None


def shop_data(rows: pl.DataFrame, export: Export, options: ReadOptions, notes: Sequence[Entry]) -> ShopData:
    """Combine the rows of an export into purchases, order lines and refunds.

    Args:
        rows: The canonical columns as text, with `ROW` and `FILE`.
        export: The export.
        options: The arguments of the caller.
        notes: Notes about rows and lines, for the account.

    Raises:
        ArgumentError: The zone or the currency is needed and missing, or times fit several formats.
    """
    if rows.is_empty():  # a month without orders has no currency
        account = (*map(partial(Entry, "read", count=0), NOTHING), *notes)
        return ShopData(export=export.name, currency=options.currency, account=account)
    return Orders(export, options).read(rows, notes)


class Orders:
    """The steps from rows to records for one export and one set of options."""

    def __init__(self, export: Export, options: ReadOptions) -> None:
        self._export = export
        self._options = options
        self._source = options.shop or export.source

    def read(self, rows: pl.DataFrame, notes: Sequence[Entry]) -> ShopData:
        """Read the rows."""
        rows = self._prepared(rows)
        currency = self._currency(rows)
        mapping = self._mapping(currency)
        rows = self._with_lines(self._with_codes(rows, "id", ~pl.col(IS_REFUND), currency), mapping)
        if rows[IS_REFUND].any():
            form = self._formats(rows.select(TIMES))["refunded_at"]
            rows = with_refund_rows(rows, form, WHY, mapping)
        orders = self._furthest(self._parsed(self._grouped(rows), mapping))
        rows = with_outcome(rows, orders)
        remaining = rows.filter(pl.col("outcome") == "kept")
        chosen = orders.filter(pl.col("is_chosen") & pl.col(WHY).is_null())
        orders = self._with_amounts(without_their_columns(with_own_cells(chosen, remaining), remaining), remaining)
        purchases, refunds = purchases_of(orders, self._source), refunds_of(orders, self._source)
        if remaining[IS_REFUND].any():
            rows_back = refunds_of_rows(remaining, orders, self._source)
            refunds = pl.concat([refunds, rows_back]).sort("refunded_at", "id")
        return ShopData(
            export=self._export.name,
            currency=currency,
            account=account_of(rows, orders, purchases, refunds, notes),
            purchases=purchases,
            refunds=refunds,
            order_lines=order_lines_of(remaining, self._source),
            order_names=order_names_of(orders, remaining, self._source),
            customers=customers_of(orders) if self._options.contacts else pl.DataFrame(schema=CUSTOMERS),
        )

    def _prepared(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Set empty cells to null, let the export compute its columns, and find the state of each row."""
        rows = self._export.prepare(without_blanks(rows, ["", *self._export.blanks]))
        rows = with_absent(rows, ("id", WHY, NOTE, *ORDER, *LINE))
        flags = {IS_HEAD: True, IS_REFUND: False}
        rows = rows.with_columns(pl.lit(flags[name]).alias(name) for name in flags if name not in rows.columns)
        rows = self._with_state(rows)
        return without_lost_lines(rows, self._export.line_states) if self._export.line_states else rows

    def _with_person(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the person of each row."""
        return with_person(rows, self._options.calling_code, self._options.secret, self._export.keys)

    def _with_state(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Translate the status of each row; an export without states has paid orders only."""
        statuses = {text: state for state, texts in self._export.statuses.items() for text in texts.split(", ")}
        statuses |= {text.casefold(): state for text, state in self._options.statuses.items()}
        if not statuses:
            return rows.with_columns(pl.col("state").fill_null("paid"))
        text = pl.col("status").str.to_lowercase()
        state = text.replace_strict(statuses, default=None, return_dtype=pl.String)
        never = (pl.col("state") == "cancelled") & state.is_in(["unpaid", "failed"]) & self._waits()  # it never counted
        unknown = pl.col(IS_HEAD) & pl.col("status").is_not_null() & state.is_null() & pl.col("state").is_null()
        return rows.with_columns(
            pl.when(~never.fill_null(value=False)).then("cancelled_at").alias("cancelled_at"),
            pl.coalesce("state", state, text_if(IS_HEAD, "paid")).alias("state"),
            pl.coalesce(WHY, text_if(unknown, "status that the reader does not know; name it in statuses")).alias(WHY),
        )

    def _with_codes(self, rows: pl.DataFrame, order: str, of_order: pl.Expr, currency: str) -> pl.DataFrame:
        """Add the currency of each row: that of its order with rates, else the one that is read."""
        if self._options.rates is None:
            return rows.with_columns(pl.lit(currency).alias(CODE))
        return with_codes(rows, order, of_order, currency)

    def _currency(self, rows: pl.DataFrame) -> str:
        """Return the currency to read: the one that the caller names, that of the rates, or the only one in the files.

        Raises:
            ArgumentError: The files have several currencies or none, and the caller names none.
        """
        if self._options.currency is not None:
            return self._options.currency
        if self._options.rates is not None:
            return self._options.rates.currency
        read = rows.filter(pl.col(WHY).is_null())
        cells = (rows if read.is_empty() else read)["currency"].drop_nulls().str.to_uppercase()
        codes = cells.filter(cells.str.contains("^[A-Z]{3}$")).value_counts(sort=True)  # other text may be personal
        if codes.height == 1:
            return str(codes["currency"][0])
        if not codes.height:
            msg = f"the {self._export.title} does not say its currency; pass currency, such as currency='IDR'"
            raise ArgumentError(msg)
        listed = ", ".join(f"{code} in {count:,} rows" for code, count in codes.head(5).iter_rows())
        either = "pass currency to read the orders of one of them, or pass rates to convert the amounts"
        raise ArgumentError(f"the files have {codes.height} currencies ({listed}); {either}")

    def _mapping(self, currency: str) -> OrderMapping:
        """Return the formats as a mapping, which the readers of single values take."""
        return OrderMapping(
            columns=Columns(id="id", person_id="person_id", purchased_at="purchased_at", amount="amount"),
            currency=currency,
            zone=self._zone(),
            amount_style=self._export.amount_style,
            strip=" \t\r\n'",
            source=self._source,
            as_of=self._options.as_of,
        )

    def _zone(self) -> str:
        """Return the zone of the times.

        Raises:
            ArgumentError: The export has clock times without a zone, and the caller names none.
        """
        if self._export.zone != "required":
            return self._export.zone
        if self._options.zone is None:
            msg = f"the {self._export.title} has times without a zone; pass zone, such as zone='Asia/Jakarta'"
            raise ArgumentError(msg)
        return self._options.zone

    def _with_lines(self, rows: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
        """Compute the amount of each line, from its own amount or from its quantity and price."""
        quantity = pl.col("quantity").str.replace(",", ".", literal=True).cast(pl.Decimal(18, 6), strict=False)
        rows = rows.with_columns(quantity.alias("pieces"))
        rows = read_amounts(rows, "line_amount", "line amount", mapping)
        rows = read_amounts(rows, "unit_price", "price", mapping)
        signed = pl.when(pl.col("line_amount.below")).then(-pl.col("line_amount")).otherwise("line_amount")
        whole = pl.col("pieces").cast(pl.Int64, strict=False)
        product = line_amount(whole.abs(), pl.col("unit_price"), pl.col("unit_price.finer"))
        priced = (whole == pl.col("pieces")) & (whole.abs().cast(pl.Float64) * pl.col("unit_price") < LARGEST_AMOUNT)
        unread = pl.col("line_amount.why") != "no line amount"
        rows = rows.with_columns(
            unread.alias("unread"), pl.coalesce(signed, pl.when(priced).then(product * whole.sign())).alias("line")
        )
        if self._export.amount_of == "lines":
            wrong = text_if(
                (pl.col("line").is_null() | pl.col("unread").fill_null(value=False)) & ~pl.col(IS_REFUND),
                "line without an amount that can be read",
            )
            rows = rows.with_columns(pl.coalesce(WHY, wrong).alias(WHY))
        return rows.drop("unread", *(name for name in rows.columns if name.startswith(("line_amount.", "unit_price."))))

    def _grouped(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Gather the cells of each order of each file."""
        names = [*ORDER, CODE, "person_id"]
        one = pl.col(names).min()  # rows that contradict each other in what counts are refused
        many = [pl.col(name).drop_nulls().n_unique().alias(f"{name}.many") for name in _AGREED]
        single = [pl.lit(1, pl.UInt32).alias(f"{name}.many") for name in _AGREED]
        is_order = pl.col("id").is_not_null() & ~pl.col(IS_REFUND)
        heads = rows.filter(is_order & pl.col(IS_HEAD)).select(FILE, "id", CODE, *ORDER)
        heads = self._with_person(heads)
        again = _repeated(heads, FILE, "id")
        unlike = heads.filter(again).unique()
        several = _repeated(unlike, FILE, "id")
        orders = pl.concat(
            [
                pl.concat([heads.filter(~again), unlike.filter(~several)]).select(FILE, "id", *names, *single),
                unlike.filter(several).group_by(FILE, "id").agg(one, *many),
            ]
        )
        whys = rows.filter(is_order & pl.col(WHY).is_not_null()).sort(ROW).group_by(FILE, "id").agg(pl.col(WHY).first())
        orders = orders.join(whys, on=[FILE, "id"], how="left")
        whys_unlike = [
            text_if(pl.col(f"{name}.many") > 1, f"order with rows of different {label}")
            for name, label in _AGREED.items()
            if not (name == "amount" and self._export.amount_of == "lines")
        ]
        return orders.with_columns(pl.coalesce(WHY, *whys_unlike).alias(WHY)).drop(f"{name}.many" for name in _AGREED)

    def _parsed(self, orders: pl.DataFrame, mapping: OrderMapping) -> pl.DataFrame:
        """Parse the cells of each order, and find the reason to refuse it."""
        orders = read_ids(orders.with_columns(pl.col("id").alias("key")), "id", "order", mapping)
        orders = read_ids(orders, "person_id", "known buyer", mapping)
        forms = self._formats(orders.select(TIMES))
        for name in TIMES:
            form = forms[name]
            label = name.removesuffix("_at").replace("_", " ")
            orders = read_times(orders, name, f"time {label}", mapping.model_copy(update={"time_format": form}))
        orders = _amount(_amount(orders, "refunded_amount", mapping), "amount", mapping)
        why: list[str | pl.Expr] = [
            WHY,
            "id.why",
            "person_id.why",
            "purchased_at.why",
            text_if(pl.col("purchased_at").is_null(), "order without its time"),
            text_if(pl.col("state") == "failed", "order whose payment failed"),
            text_if((pl.col("state") == "unpaid") & self._waits(), "order that is not paid yet"),
            text_if(pl.col("currency").str.to_uppercase() != pl.col(CODE), _OTHER_CURRENCY),
        ]
        if self._export.amount_of == "order":
            why.append("amount.why")
        read = pl.when(pl.col("refunded_amount.why") != "no refunded amount").then("refunded_amount.why")
        orders = orders.with_columns(pl.coalesce(*why, "cancelled_at.why", "refunded_at.why", read).alias(WHY))
        return orders.drop(name for name in orders.columns if "." in name)

    def _formats(self, times: pl.DataFrame) -> dict[str, str]:
        """Return the format that reads the times of each column.

        Raises:
            ArgumentError: Several formats read all times, as different instants.
        """
        forms = self._export.time_formats
        if self._options.time_format is not None:
            forms = (self._options.time_format,)
        if len(forms) == 1 and (forms[0] == "iso" or forms[0].startswith("%Y-")):
            return dict.fromkeys(times.columns, forms[0])  # real dates are read by it, too
        cells = {name: times[name].alias("text").drop_nulls().unique() for name in times.columns}
        return times_formats(cells, forms, self._export.title)

    def _waits(self) -> pl.Expr:
        """Return whether an order counts from its payment on only."""
        fixed = {"refuse": True, "placed": False}.get(self._options.unpaid)
        return pl.col("sent").is_null() if fixed is None else pl.lit(fixed)

    def _furthest(self, orders: pl.DataFrame) -> pl.DataFrame:
        """Choose one file for each order: the one with the furthest state."""
        again = _repeated(orders, "key")
        single = orders.filter(~again).with_columns(
            pl.lit(value=True).alias("is_chosen"), pl.lit(1, pl.UInt32).alias("versions")
        )
        rank = pl.col("state").replace_strict(_RANK, default=0, return_dtype=pl.Int64)
        content = pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in ORDER], separator="\x1f")
        furthest = [pl.col(WHY).is_null(), rank, pl.col("refunded_amount").fill_null(0)]
        several = orders.filter(again).with_columns(content.alias("content"))
        several = several.sort("key", *furthest, content, -pl.col(FILE).cast(pl.Int64))
        several = several.with_columns(
            (pl.int_range(pl.len()).over("key") == pl.len().over("key") - 1).alias("is_chosen"),
            pl.col("content").n_unique().over("key").alias("versions"),
        ).drop("content")
        return pl.concat([single, several])

    def _end(self) -> pl.Expr:
        """Return the end of `as_of` by the clock of the shop."""
        zone = self._options.zone or self._export.zone
        if self._options.as_of is None or zone == IN_THE_TEXT:
            raise ArgumentError("undated_refunds='as_of' requires as_of, the last day of the files, and zone")
        return end_of_as_of(self._mapping("USD").model_copy(update={"zone": zone}))

    def _with_amounts(self, orders: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """Sum the lines of each order if the export says so, and settle refunds and cancellations."""
        if self._export.amount_of == "lines":
            sums = rows.group_by(pl.col("id").alias("key")).agg(pl.col("line").sum())
            orders = orders.drop("amount").join(sums, on="key", how="left").rename({"line": "amount"})
        amount, bought = pl.col("amount").clip(0), pl.col("purchased_at")
        full = pl.when(pl.col("state") == "refunded").then(amount)
        back = pl.coalesce(pl.when(pl.col("refunded_amount") > 0).then("refunded_amount"), full, 0)
        if self._options.undated_refunds == "as_of":
            orders = orders.with_columns(pl.coalesce("refunded_at", self._end()).alias("refunded_at"))
        orders = orders.with_columns(amount.alias("amount"), pl.min_horizontal(back, amount).alias("back"))
        dated = pl.col("refunded_at").is_not_null()
        whole = ~dated & (pl.col("back") > 0) & (pl.col("back") == amount)
        return orders.with_columns(
            ((pl.col("state") == "cancelled") | whole).alias("is_cancelled"),
            pl.when(pl.col("cancelled_at").is_not_null())
            .then(pl.max_horizontal("cancelled_at", bought))
            .alias("cancelled_at"),
            pl.max_horizontal("refunded_at", bought).alias("refunded_at"),
            pl.when(dated).then("back").otherwise(0).alias("refund"),
            pl.when(~dated & ~whole).then("back").otherwise(0).alias("reduced"),
        )


def _repeated(rows: pl.DataFrame, *keys: str) -> pl.Series:
    """Return which rows have the same keys as another row."""
    if rows.select(pl.struct(keys).hash().n_unique()).item() == rows.height:
        return pl.repeat(value=False, n=rows.height, eager=True)
    return rows.select(pl.struct(keys).is_duplicated()).to_series()


def _amount(orders: pl.DataFrame, name: str, mapping: OrderMapping) -> pl.DataFrame:
    """Parse an amount of an order, rounded half to even to whole minor units."""
    label = name.replace("_", " ")
    orders = read_amounts(orders, name, label, mapping)
    exact = line_amount(pl.lit(1, pl.Int64), pl.col(name), pl.col(f"{name}.finer"))
    signed = pl.col(f"{name}.below") & (pl.col(name) > 0) & pl.lit(name != "refunded_amount")
    below = text_if(signed, f"{label} below zero")
    return orders.with_columns(exact.alias(name), pl.coalesce(f"{name}.why", below).alias(f"{name}.why"))
