"""Names of people in a report: the id, or the latest order if the id may be personal data.

Invariant: without `--contacts`, no page, list or file of a command has an e-mail address, a telephone number or a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import attrs
import polars as pl

from funnel._dataframes.compute import collected
from funnel._format import is_contact
from funnel._time import micros
from funnel.cli._words import Words
from funnel.history import History
from funnel.logs import Logs
from funnel.messages import Language
from funnel.readers._export import PersonIds

_NO_NUMBER = r"\S(?:[@\uFF20]|%40)\S|\s|^row-[0-9a-f]{20}$"
"""An order id that is not shown: an address, a name, or the id of a row without an order number."""

_RECORDS = {"person_id": pl.String, "t": pl.Int64, "id": pl.String}


@attrs.frozen
class PersonNames:
    """The names of people in a report.

    Args:
        records: Returns the person, the time in microseconds and the id of each record of a log.
        ids: Kind of the person ids; see `Export.ids`.
        as_of: The evaluation time.
        words: The language and the shop's zone.
        contacts: If True, each person is named by the id, even if it is personal data.
        order_names: The name that the shop knows an order by, by the id of the order. A name with an address or a blank
            is not shown.
    """

    records: Callable[[str], pl.DataFrame]
    ids: PersonIds
    as_of: datetime
    words: Words
    contacts: bool
    order_names: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def of(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of people with records, by id."""
        names = {one: one for one in ids}
        hidden = [] if self.contacts else [one for one in names if self._is_hidden(one)]
        if hidden:
            rows = self._people().filter(pl.col("person_id").is_in(hidden)).iter_rows(named=True)
            names |= {row["person_id"]: self.name_of(row) for row in rows}
        return names

    def id_of(self, name: str) -> str | None:
        """Return the id of the person with a name of this report, in either language; None if nobody has it."""
        rows = list(self._people().iter_rows(named=True))
        languages: tuple[Language, ...] = ("en", "id")
        in_languages = [attrs.evolve(self, words=Words(one, self.words.zone)) for one in languages]
        return next((row["person_id"] for one in in_languages for row in rows if one.name_of(row) == name), None)

    def _is_hidden(self, person_id: str) -> bool:
        if self.ids == "code" and person_id.isdigit():
            return False
        is_name = self.ids == "name" and not any(letter.isdigit() for letter in person_id)
        return is_name or is_contact(person_id)

    def name_of(self, row: Mapping[str, Any]) -> str:
        if row["by"] == "person_number":
            return self.words("person_number", text=row["nth"])
        name = self.words(row["by"], text=row["text"])
        return name if row["nth"] == 1 else f"{name} ({row['nth']})"

    def _people(self) -> pl.DataFrame:
        """Return everyone, with the order or the day of each, and a number for people with the same one."""
        return (
            pl.concat(list(self._named_by()))
            .unique("person_id", keep="first", maintain_order=True)
            .sort("t", "person_id")
            .with_columns(pl.int_range(1, pl.len() + 1).over("by", "text").alias("nth"))
        )

    def _named_by(self) -> Iterator[pl.DataFrame]:
        """Yield the parts of each name: the latest order, else the latest lead, else a number."""
        zone = self.words.zone.key
        day = pl.from_epoch("t", "us").dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d")
        for log, by_day in (("orders", "order_day"), ("leads", "lead_day")):
            rows = self.records(log).filter(pl.col("t") <= micros(self.as_of)).sort("t", "id", descending=True)
            if log == "orders" and self._visible_names:
                rows = rows.with_columns(pl.col("id").replace(self._visible_names))
            has_number = pl.lit(value=log == "orders") & ~pl.col("id").str.contains(_NO_NUMBER)
            by = pl.when(has_number).then(pl.lit("order_id")).otherwise(pl.lit(by_day)).alias("by")
            text = pl.when(has_number).then("id").otherwise(day).alias("text")
            yield rows.select("person_id", "t", by, text)
        for log in ("orders", "leads", "interactions", "referrals"):
            nothing = pl.lit(0, pl.Int64).alias("t"), pl.lit("person_number").alias("by"), pl.lit("").alias("text")
            yield self.records(log).select("person_id", *nothing)

    @cached_property
    def _visible_names(self) -> dict[str, str]:
        return {number: name for number, name in self.order_names.items() if not re.search(_NO_NUMBER, name)}


def visible_id(person_id: str, name: str) -> str:
    """Return the id of a person for a file; empty if the person has another name, because the id is not shown."""
    return person_id if name == person_id else ""


def records_of_logs(logs: Logs) -> Callable[[str], pl.DataFrame]:
    """Return the records of everyone."""

    def records(log: str) -> pl.DataFrame:
        if log not in logs._tables:
            return pl.DataFrame(schema=_RECORDS)
        return pl.DataFrame(collected(logs._tables[log].select(*_RECORDS)).to_native())

    return records


def records_of_history(history: History) -> Callable[[str], pl.DataFrame]:
    """Return the orders and the leads of one person."""
    logs = {"orders": history.purchases, "leads": history.leads}

    def records(log: str) -> pl.DataFrame:
        rows = [(history.person_id, micros(one.happened_at), one.key[1]) for one in logs.get(log, ())]
        rows = rows or [(history.person_id, 0, "")] * (log not in logs)
        return pl.DataFrame(rows, schema=_RECORDS, orient="row")

    return records
