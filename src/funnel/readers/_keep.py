"""Own columns of purchases from an export: the argument `keep`, and the cell of each order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
import polars as pl

from funnel._arguments import brief, each, instance
from funnel.errors import ArgumentError
from funnel.logs.own_columns import check_own_name
from funnel.readers._export import OWN, Export, plain_name
from funnel.readers._export_columns import FILE, IS_REFUND, KEYS
from funnel.readers._raw import ROW

_PERSONAL = frozenset(
    {*KEYS, "name", "address", "first_name", "last_name", "street", "who", "contacts", "billing_name", "billing_phone"}
    | {"shipping_name", "shipping_phone", "address_phone"}
)
"""Canonical columns with a key or a contact detail of a person."""

_CONTACT = re.compile(
    r"\b(e-?mail|phone|telephone|telepon|address|alamat|street|zip|zipcode|postal|postcode|recipient)\b"
)
"""Words of contact details in the names of columns that the export does not declare."""


def checked_keep(keep: object) -> dict[str, str]:
    """Return the columns to keep, by their names in the purchases.

    Raises:
        ArgumentError: It is neither a list of columns nor a mapping, or a name cannot be that of an own column.
    """
    columns: dict[Any, Any]
    if isinstance(keep, Mapping):
        columns = {**keep}
    else:
        expected = "a list of columns, such as ['Source'], or a mapping of new names to columns"
        columns = {name: name for name in each(keep, "keep", expected)}
    for name, column in columns.items():
        instance(column, str, "a column of keep", "a text")
        try:
            check_own_name("purchases", name)
        except ArgumentError as error:
            new = "order_" + re.sub(r"\W+", "_", str(column)).strip("_").casefold()
            raise ArgumentError(f"{error}: keep={{{new!r}: {column!r}}}") from None
    return columns


def keeping(export: Export, keep: Mapping[str, str]) -> Export:
    """Return an export that also reads these columns.

    Raises:
        ArgumentError: The export has no orders, or a column is personal data.
    """
    if keep and export.combine is not None:
        raise ArgumentError(f"keep is for exports of orders, and the {export.title} is another export; leave it out")
    personal = {
        plain_name(spelling)
        for name, spellings in export.columns.items()
        if name in _PERSONAL
        for spelling in spellings
    }
    for column in keep.values():
        plain = plain_name(column)
        if plain in personal or _CONTACT.search(plain):
            msg = f"keep names {brief(column)}, which is personal data; an own column cannot be erased with its person"
            raise ArgumentError(f"{msg}: pass contacts=True, which reads contact details into customers")
    own = {OWN + name: (column,) for name, column in keep.items()}
    return attrs.evolve(export, columns={**export.columns, **own})


def with_own_cells(orders: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the own columns of each order: the cell of its first row that has one, in its own file before others."""
    names = [name for name in rows.columns if name.startswith(OWN)]
    if not names:
        return orders
    lines = rows.filter(~pl.col(IS_REFUND)).sort((pl.col(FILE) != pl.col("chosen")), ROW)
    cells = lines.group_by(key="id").agg(pl.col(names).drop_nulls().first())
    return orders.join(cells, on="key", how="left")
