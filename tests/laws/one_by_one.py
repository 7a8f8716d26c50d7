"""The history of one person out of the tables of a shop, record by record."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from funnel.history import History
from funnel.interactions import read_interaction
from funnel.money import Money
from funnel.records import Purchase, Record, Refund


def history_of(person: str, tables: Mapping[str, pl.DataFrame]) -> History:
    """Everything that the tables have of a person."""
    own = {log: tables[log].filter(pl.col("person_id") == person) for log in ("purchases", "interactions")}
    records: list[Record] = [_with_money(Purchase, row) for row in own["purchases"].to_dicts()]
    bought = own["purchases"]["id"].to_list()
    back = tables["refunds"].filter(pl.col("purchase_id").is_in(bought))
    records += [_with_money(Refund, row) for row in back.to_dicts()]
    records += [read_interaction(row) for row in own["interactions"].to_dicts()]
    return History.of(person, records)


def _with_money(kind: type[Record], row: Mapping[str, object]) -> Record:
    return kind.model_validate({**row, "amount": Money.of_minor(int(str(row["amount"])), "USD")})
