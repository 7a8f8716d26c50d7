"""Which person bought: the first usable key of a row, in a stated order."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from funnel.readers._key_rules import EDGES, EMAIL, EMAIL_EDGES, MASK, NO_DIGIT, PHONE, PHONE_PREFIX, hashed
from funnel.readers._raw import with_computed

KEYS = ("customer_id", "username", "email", "phone")
"""The keys of a buyer, in the order in which they are tried."""


def with_person(
    rows: pl.DataFrame, calling_code: str | None, secret: bytes | str | None, keys: Sequence[str] = KEYS
) -> pl.DataFrame:
    """Add `person_id`, the first usable key of each row; null if the buyer is unknown. `_key_rules` has the rules.

    Args:
        rows: Rows with the columns of `KEYS`; the cells are text or null.
        calling_code: The country calling code of telephone numbers that begin with 0, such as "62"; None to keep them.
        secret: Key of the hash that replaces every person id; None to keep the ids.
        keys: The keys in another order, if another export of the platform has no customer ids.

    Returns:
        The rows, with `person_id`, and with `email` and `phone` in one spelling.
    """
    digits = with_computed(rows.select("phone"), "phone", lambda cells: _phones(cells, calling_code))["digits"]
    rows = rows.with_columns(_plain("customer_id"), _plain("username"), _email().alias("email"), digits.alias("phone"))
    rows = rows.with_columns(pl.coalesce(keys).alias("person_id"))
    return rows if secret is None else _hashed(rows, secret)


def _plain(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(EDGES)
    return pl.when((text != "") & ~text.str.contains(MASK, literal=True)).then(text).alias(name)


def _email() -> pl.Expr:
    text = pl.col("email").str.strip_chars(EMAIL_EDGES).str.to_lowercase()
    return pl.when(text.str.contains(f"^{EMAIL}$")).then(text)


def _phones(cells: pl.Series, calling_code: str | None) -> pl.DataFrame:
    text = pl.col("phone")
    digits = text.str.replace(PHONE_PREFIX, "").str.replace_all(NO_DIGIT, "").str.replace("^00", "+")
    if calling_code is not None:
        digits = digits.str.replace(f"^(?:0|{calling_code})", f"+{calling_code}")
    rows = cells.to_frame().with_columns(digits.alias("digits"))
    usable = pl.col("digits").str.contains(f"^{PHONE}$") & ~text.str.contains(MASK, literal=True)
    return rows.select(pl.when(usable).then("digits").alias("digits"))


def _hashed(rows: pl.DataFrame, secret: bytes | str) -> pl.DataFrame:
    """Replace each id with its keyed hash."""
    ids = rows["person_id"].drop_nulls().unique().to_list()
    hashes = [hashed(one, secret) for one in ids]
    table = pl.DataFrame({"person_id": ids, "hash": hashes}, schema={"person_id": pl.String, "hash": pl.String})
    return (
        rows.join(table, on="person_id", how="left", maintain_order="left")
        .drop("person_id")
        .rename({"hash": "person_id"})
    )
