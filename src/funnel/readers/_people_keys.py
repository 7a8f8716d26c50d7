"""Which person bought: the first usable key of a row, in a stated order."""

from __future__ import annotations

import hashlib
import hmac

import polars as pl

from funnel.readers._distinct import with_computed

KEYS = ("customer_id", "username", "email", "phone")
"""The keys of a buyer, in the order in which they are tried."""

_MASKED = "*"
_FEWEST_DIGITS = 7


def with_person(rows: pl.DataFrame, calling_code: str | None, secret: bytes | None) -> pl.DataFrame:
    """Add `person_id`, the first usable key of each row; null if the buyer is unknown.

    Rules (our default): the id that the platform gives a customer, else the user name, else the e-mail address in
    lower case, else the telephone number as digits. A key with an asterisk is masked and not used, because two people
    may have the same one.

    Args:
        rows: Rows with the columns of `KEYS`; the cells are text or null.
        calling_code: The country calling code of telephone numbers that begin with 0, such as "62"; None to keep them.
        secret: Key of the hash that replaces every person id; None to keep the ids.

    Returns:
        The rows, with `person_id`, and with `email` and `phone` in one spelling.
    """
    digits = with_computed(rows.select("phone"), "phone", lambda cells: _phones(cells, calling_code))["digits"]
    rows = rows.with_columns(_plain("customer_id"), _plain("username"), _email().alias("email"), digits.alias("phone"))
    rows = rows.with_columns(pl.coalesce(KEYS).alias("person_id"))
    return rows if secret is None else _hashed(rows, secret)


def _plain(name: str) -> pl.Expr:
    text = pl.col(name).str.strip_chars(" \t\r\n'")
    return pl.when((text != "") & ~text.str.contains(_MASKED, literal=True)).then(text).alias(name)


def _email() -> pl.Expr:
    text = pl.col("email").str.strip_chars(" \t\r\n'<>").str.to_lowercase()
    return pl.when(text.str.contains(r"^[^@\s*]+@[^@\s*]+$")).then(text)


def _phones(cells: pl.Series, calling_code: str | None) -> pl.DataFrame:
    text = pl.col("phone").str.strip_prefix("p:")
    digits = text.str.replace_all(r"[^0-9+]", "").str.replace("^00", "+")
    if calling_code is not None:
        digits = digits.str.replace("^0", f"+{calling_code}").str.replace(rf"^{calling_code}", f"+{calling_code}")
    rows = cells.to_frame().with_columns(digits.alias("digits"))
    usable = pl.col("digits").str.contains(rf"^\+?[0-9]{{{_FEWEST_DIGITS},}}$")
    return rows.select(pl.when(usable & ~text.str.contains(_MASKED, literal=True)).then("digits").alias("digits"))


def _hashed(rows: pl.DataFrame, secret: bytes) -> pl.DataFrame:
    """Replace each id with its keyed hash; without the key nobody can find the id by trying."""
    ids = rows["person_id"].drop_nulls().unique().to_list()
    hashes = [hmac.new(secret, one.encode(), hashlib.sha256).hexdigest()[:32] for one in ids]
    table = pl.DataFrame({"person_id": ids, "hash": hashes}, schema={"person_id": pl.String, "hash": pl.String})
    return (
        rows.join(table, on="person_id", how="left", maintain_order="left")
        .drop("person_id")
        .rename({"hash": "person_id"})
    )
