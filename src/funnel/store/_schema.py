"""The tables of a store in a SQLite file, and upgrades of older files."""

from collections.abc import Mapping, Sequence

from funnel._record_columns import COLUMNS

APPLICATION_ID = 0x66756E6C
"""The application id that marks SQLite files of this library: `funl`."""

VERSION = 7
"""The version of the tables."""

_TYPES = {str: "TEXT", int: "INTEGER"}

_PEOPLE_GROUP = "CREATE INDEX people_group ON people (group_id) WHERE group_id <> person_id"
_MERGES_INDEXES = (
    "CREATE UNIQUE INDEX merges_alias ON merges (alias) WHERE unmerged_at IS NULL",
    "CREATE INDEX merges_from ON merges (alias)",
    "CREATE INDEX merges_to ON merges (person_id)",
)

_WEBHOOK_STATES = "CREATE TABLE webhook_states (key TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID"

TABLES: Sequence[str] = (
    """
    CREATE TABLE people (
        person_id TEXT PRIMARY KEY,
        group_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        stage TEXT,
        previous_stage TEXT,
        evaluated_at INTEGER,
        due_at INTEGER,
        rule_fingerprint INTEGER,
        canonical_id TEXT,
        name_count INTEGER,
        was_referred INTEGER
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE INDEX people_due ON people (rule_fingerprint, due_at, person_id, canonical_id)
        WHERE rule_fingerprint IS NOT NULL
    """,
    _PEOPLE_GROUP,
    f"""
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        log TEXT NOT NULL,
        source TEXT NOT NULL,
        source_id TEXT NOT NULL,
        person_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL,
        personal_data_state INTEGER NOT NULL,
        {", ".join(f"{name} {_TYPES[kind]}" for name, kind in COLUMNS.items())},
        UNIQUE (source_id, source, log),
        UNIQUE (person_id, version)
    ) STRICT
    """,
    "CREATE INDEX records_regarding ON records (regarding, source) WHERE regarding IS NOT NULL",
    "CREATE INDEX records_referred_by ON records (referred_by) WHERE referred_by IS NOT NULL",
    """
    CREATE TABLE personal_data (
        person_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (person_id, version)
    ) STRICT
    """,
    "CREATE TABLE customers (person_id TEXT PRIMARY KEY, since INTEGER) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE merges (
        seq INTEGER PRIMARY KEY,
        alias TEXT NOT NULL,
        person_id TEXT NOT NULL,
        merged_at INTEGER NOT NULL,
        unmerged_at INTEGER
    ) STRICT
    """,
    *_MERGES_INDEXES,
    "CREATE TABLE store (currency TEXT NOT NULL) STRICT",
    _WEBHOOK_STATES,
)
"""Every table of the current version.

Only `personal_data` holds personal data, except ids; a customer's entry is there with version 0. The names of a person
share a `group_id`: the name whose row holds the person's stage and, in `canonical_id`, the current name.
"""

_RENAMES_OF_VERSION_3: Sequence[str] = (
    "people RENAME COLUMN former TO previous_stage",
    "people RENAME COLUMN judged_at TO evaluated_at",
    "people RENAME COLUMN judged_by TO rule_fingerprint",
    "people RENAME COLUMN root TO group_id",
    "people RENAME COLUMN was_sent TO was_referred",
    "records RENAME COLUMN apart TO personal_data_state",
    "apart RENAME COLUMN told TO payload",
    "apart RENAME TO personal_data",
    "links RENAME COLUMN parted_at TO unmerged_at",
    "links RENAME TO merges",
)
_INDEXES_OF_VERSION_3 = ("people_root", "links_alias", "links_from", "links_to")
"""Indexes of version 3 that have another name now."""

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
    # Before version 3 the current name of a person is the name of the row. Names are counted when they are merged.
    2: (
        "ALTER TABLE people ADD COLUMN canonical_id TEXT",
        "ALTER TABLE people ADD COLUMN name_count INTEGER",
        "ALTER TABLE people ADD COLUMN was_sent INTEGER",
        "DROP INDEX people_due",
        "CREATE INDEX people_due ON people (judged_by, due_at, person_id, canonical_id) WHERE judged_by IS NOT NULL",
    ),
    3: (
        *(f"DROP INDEX {name}" for name in _INDEXES_OF_VERSION_3),
        *(f"ALTER TABLE {rename}" for rename in _RENAMES_OF_VERSION_3),
        _PEOPLE_GROUP,
        *_MERGES_INDEXES,
        *(f"UPDATE records SET kind = '{new}' WHERE kind = '{old}'" for old, new in KINDS_OF_VERSION_3.items()),  # noqa: S608
    ),
    4: tuple(
        f"ALTER TABLE records ADD COLUMN {name} {_TYPES[COLUMNS[name]]}"
        for name in ("paid_at", "prepaid", "fees", "cost", "original")
    ),
    5: ("ALTER TABLE records ADD COLUMN own_columns TEXT",),
    6: (_WEBHOOK_STATES,),
}
"""Upgrades from each version to the next."""
