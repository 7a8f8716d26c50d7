"""The tables of a store in a SQLite file, and how an older file is brought up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from funnel.store._rows import COLUMNS

APPLICATION_ID = 0x66756E6C
"""What tells a file of this library from any other SQLite file: `funl`."""

VERSION = 3
"""The version of the tables."""

_TYPES = {str: "TEXT", int: "INTEGER"}

_DUE = "CREATE INDEX people_due ON people (judged_by, due_at, person_id, canonical_id) WHERE judged_by IS NOT NULL"

TABLES: Sequence[str] = (
    """
    CREATE TABLE people (
        person_id TEXT PRIMARY KEY,
        root TEXT NOT NULL,
        version INTEGER NOT NULL,
        stage TEXT,
        former TEXT,
        judged_at INTEGER,
        due_at INTEGER,
        judged_by INTEGER,
        canonical_id TEXT,
        name_count INTEGER,
        was_sent INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    _DUE,
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
        parted_at INTEGER
    ) STRICT
    """,
    "CREATE UNIQUE INDEX links_alias ON links (alias) WHERE parted_at IS NULL",
    "CREATE INDEX links_from ON links (alias)",
    "CREATE INDEX links_to ON links (person_id)",
    "CREATE TABLE store (currency TEXT NOT NULL) STRICT",
)
"""Every table of the present version. `apart` holds all that was said or reaches a person, and nothing else does; the
entry of a customer stands there with version 0."""

UPGRADES: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE people DROP COLUMN currency",
        "CREATE TABLE store (currency TEXT NOT NULL) STRICT",
        "INSERT INTO store (currency) SELECT currency FROM records WHERE currency IS NOT NULL LIMIT 1",
    ),
    # The root of every older person is the name that they are known by. Names are counted when they are merged.
    2: (
        "ALTER TABLE people ADD COLUMN canonical_id TEXT",
        "ALTER TABLE people ADD COLUMN name_count INTEGER",
        "ALTER TABLE people ADD COLUMN was_sent INTEGER",
        "DROP INDEX people_due",
        _DUE,
    ),
}
"""What brings a file of a version to the next."""
