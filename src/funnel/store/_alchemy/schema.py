"""The tables of a store on a server, created by the shop's own migrations.

Every database compares text exactly. MySQL and MariaDB need an explicit collation, because by default they treat "a",
"A" and "a " as one person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from funnel._arguments import instance
from funnel._fields import LONGEST_ID
from funnel._record_columns import COLUMNS
from funnel.errors import StoreError

_EXACT = {"mysql": "utf8mb4_0900_bin", "mariadb": "utf8mb4_nopad_bin"}
_COLLATE = {"mysql": "utf8mb4", "mariadb": "utf8mb4"}


LONGEST_KEY = 2 * LONGEST_ID + len("@2026-03-01T02:00:00.000000+00:00@")
"""Maximum length of a record id; a lead's id consists of person, instant and campaign."""
LONGEST_LOG = 20
"""Maximum length of a log's name; short, because MySQL limits the bytes of an index."""


def _by_letter(plain: Any, length: int | None) -> Any:
    """Return a text type that MySQL and MariaDB compare exactly."""
    for dialect, collation in _EXACT.items():
        kind = mysql.LONGTEXT if length is None else mysql.VARCHAR
        size = {} if length is None else {"length": length}
        plain = plain.with_variant(kind(**size, charset=_COLLATE[dialect], collation=collation), dialect)
    return plain


NAME: sa.types.TypeEngine[str] = _by_letter(sa.String(LONGEST_ID), LONGEST_ID)
"""The type of an id or a label."""
KEY: sa.types.TypeEngine[str] = _by_letter(sa.String(LONGEST_KEY), LONGEST_KEY)
"""The type of a record's id in its source."""
LOG: sa.types.TypeEngine[str] = _by_letter(sa.String(LONGEST_LOG), LONGEST_LOG)
"""The type of a log's name."""
WORDS: sa.types.TypeEngine[str] = _by_letter(sa.Text(), None)
"""The type of text of any length."""
WHOLE = sa.BigInteger()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The type of a generated number; SQLite generates only its own integer type."""

_LONG = ("lines", "own_columns")

VERSION = 6
"""The version of the tables, stored in the comment on the table of records, so that migrations carry it."""
_COMMENT = "shopfunnel, version "


@attrs.frozen(eq=False)
class StoreTables:
    """The tables of a store, and the register of webhooks, in one `MetaData`."""

    records: sa.Table
    personal_data: sa.Table
    people: sa.Table
    customers: sa.Table
    merges: sa.Table
    locks: sa.Table
    webhook_states: sa.Table


def tables_in(metadata: sa.MetaData, schema: str | None, prefix: str) -> StoreTables:
    """Declare the tables of a store.

    Args:
        metadata: The metadata to declare the tables in.
        schema: The schema of the tables; None for the database's default.
        prefix: Prefix of the table names.
    """
    instance(prefix, str, "prefix", "text")
    if schema is not None:
        instance(schema, str, "schema", "text or None")

    def table(name: str, *parts: sa.schema.SchemaItem, comment: str | None = None) -> sa.Table:
        return sa.Table(f"{prefix}{name}", metadata, *parts, schema=schema, comment=comment)

    def index(name: str, *columns: str) -> sa.Index:
        return sa.Index(f"ix_{prefix}{name}", *columns)

    return StoreTables(
        records=table(
            "records",
            *_of_records(),
            sa.UniqueConstraint("source_id", "source", "log", name=f"uq_{prefix}records_source"),
            sa.UniqueConstraint("person_id", "version", name=f"uq_{prefix}records_version"),
            index("records_regarding", "regarding", "source"),
            index("records_referred_by", "referred_by"),
            comment=f"{_COMMENT}{VERSION}",
        ),
        personal_data=table(
            "personal_data",
            sa.Column("person_id", NAME, primary_key=True),
            sa.Column("version", WHOLE, primary_key=True, autoincrement=False),
            sa.Column("payload", WORDS, nullable=False),
        ),
        people=table(
            "people",
            *_of_people(),
            index("people_due", "rule_fingerprint", "due_at", "person_id"),
            index("people_group", "group_id"),
        ),
        customers=table(
            "customers",
            sa.Column("person_id", NAME, primary_key=True),
            sa.Column("since", WHOLE),
        ),
        merges=table(
            "merges",
            sa.Column("seq", NUMBER, primary_key=True),
            sa.Column("alias", NAME, nullable=False),
            sa.Column("person_id", NAME, nullable=False),
            sa.Column("merged_at", WHOLE, nullable=False),
            sa.Column("unmerged_at", WHOLE),
            index("merges_from", "alias"),
            index("merges_to", "person_id"),
        ),
        locks=table(
            "locks",
            sa.Column("slot", WHOLE, primary_key=True, autoincrement=False),
            sa.Column("currency", NAME),
        ),
        webhook_states=table(
            "webhook_states",
            sa.Column("key", KEY, primary_key=True),
            sa.Column("state", WORDS, nullable=False),
        ),
    )


def refuse_other_version(connection: sa.Connection, records: sa.Table) -> None:
    """Check the version of the tables; SQLite has no comments and is not checked.

    Raises:
        StoreError: The tables are older, or of a newer version of this library.
    """
    if not connection.dialect.supports_comments:
        return
    comment = sa.inspect(connection).get_table_comment(records.name, records.schema)["text"] or ""
    number = comment.removeprefix(_COMMENT)
    if comment == number or not number.isdecimal() or int(number) == VERSION:
        return
    remedy = "install a newer shopfunnel" if int(number) > VERSION else "upgrade the tables by your migrations"
    raise StoreError(f"the store's tables have version {number}, but this library needs {VERSION}; {remedy}")


def _of_records() -> Iterator[sa.Column[Any]]:
    yield sa.Column("seq", NUMBER, primary_key=True)
    for name, kind in (("log", LOG), ("source", NAME), ("source_id", KEY), ("person_id", NAME)):
        yield sa.Column(name, kind, nullable=False)
    for name in ("version", "recorded_at", "personal_data_state"):
        yield sa.Column(name, WHOLE, nullable=False)
    for name, value_type in COLUMNS.items():
        yield sa.Column(name, WHOLE if value_type is int else WORDS if name in _LONG else NAME)


def _of_people() -> Iterator[sa.Column[Any]]:
    yield sa.Column("person_id", NAME, primary_key=True)
    yield sa.Column("group_id", NAME, nullable=False)
    yield sa.Column("version", WHOLE, nullable=False)
    for name in ("stage", "previous_stage"):
        yield sa.Column(name, NAME)
    for name in ("evaluated_at", "due_at", "rule_fingerprint"):
        yield sa.Column(name, WHOLE)
    yield sa.Column("canonical_id", NAME)
    for name in ("name_count", "was_referred"):
        yield sa.Column(name, WHOLE)
