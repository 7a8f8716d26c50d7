"""The tables of a store in a SQLite file, and upgrades of older files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from funnel.store._rows import COLUMNS

APPLICATION_ID = 0x66756E6C
"""The application id that marks SQLite files of this library: `funl`."""

VERSION = 4
"""The version of the tables."""

_TYPES = {str: "TEXT", int: "INTEGER"}

TABLES: Sequence[str] = (
    """
    CREATE TABLE people (
        person_id TEXT PRIMARY KEY,
        root TEXT NOT NULL,
        version INTEGER NOT NULL,
        stage TEXT,
        previous_stage TEXT,
        evaluated_at INTEGER,
        due_at INTEGER,
        rule_fingerprint INTEGER,
        canonical_id TEXT,
        name_count INTEGER,
        was_sent INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE INDEX people_due ON people (rule_fingerprint, due_at, person_id, canonical_id)
        WHERE rule_fingerprint IS NOT NULL
    """,
    "CREATE INDEX people_root ON people (root) WHERE root <> person_id",
    f"""
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        log TEXT NOT NULL,
        source TEXT NOT NULL,
        source_id TEXT NOT NULL,
        person_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL,
        apart INTEGER NOT NULL,
        {", ".join(f"{name} {_TYPES[kind]}" for name, kind in COLUMNS.items())},
        UNIQUE (source_id, source, log),
        UNIQUE (person_id, version)
    ) STRICT
    """,
    "CREATE INDEX records_regarding ON records (regarding, source) WHERE regarding IS NOT NULL",
    "CREATE INDEX records_referred_by ON records (referred_by) WHERE referred_by IS NOT NULL",
    """
    CREATE TABLE apart (
        person_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        told TEXT NOT NULL,
        PRIMARY KEY (person_id, version)
    ) STRICT
    """,
    "CREATE TABLE customers (person_id TEXT PRIMARY KEY, since INTEGER) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE links (
        seq INTEGER PRIMARY KEY,
        alias TEXT NOT NULL,
        person_id TEXT NOT NULL,
        merged_at INTEGER NOT NULL,
        unmerged_at INTEGER
    ) STRICT
    """,
    "CREATE UNIQUE INDEX links_alias ON links (alias) WHERE unmerged_at IS NULL",
    "CREATE INDEX links_from ON links (alias)",
    "CREATE INDEX links_to ON links (person_id)",
    "CREATE TABLE store (currency TEXT NOT NULL) STRICT",
)
"""Every table of the current version. Only `apart` holds personal data; a customer's entry is there with version 0."""

_COLUMNS_OF_VERSION_3: Mapping[str, str] = {
    "former": "previous_stage",
    "judged_at": "evaluated_at",
    "judged_by": "rule_fingerprint",
}
KINDS_OF_VERSION_3: Mapping[str, str] = {
    "said_ready": "ready_signal",
    "postponed": "postponement",
    "met": "meeting",
    "delivered": "delivery",
    "opted_out": "opt_out",
    "said_no": "declined",
    "follow_up_sent": "follow_up",
}
"""Kinds of interactions in files of version 3 and older, with their present names."""

UPGRADES: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE people DROP COLUMN currency",
        "CREATE TABLE store (currency TEXT NOT NULL) STRICT",
        "INSERT INTO store (currency) SELECT currency FROM records WHERE currency IS NOT NULL LIMIT 1",
    ),
    # In older versions the root of a person is the current name. Names are counted when they are merged.
    2: (
        "ALTER TABLE people ADD COLUMN canonical_id TEXT",
        "ALTER TABLE people ADD COLUMN name_count INTEGER",
        "ALTER TABLE people ADD COLUMN was_sent INTEGER",
        "DROP INDEX people_due",
        "CREATE INDEX people_due ON people (judged_by, due_at, person_id, canonical_id) WHERE judged_by IS NOT NULL",
    ),
    3: (
        *(f"ALTER TABLE people RENAME COLUMN {old} TO {new}" for old, new in _COLUMNS_OF_VERSION_3.items()),
        "ALTER TABLE links RENAME COLUMN parted_at TO unmerged_at",
        *(f"UPDATE records SET kind = '{new}' WHERE kind = '{old}'" for old, new in KINDS_OF_VERSION_3.items()),  # noqa: S608
    ),
}
"""Upgrades from each version to the next."""
