"""SQLite files that were damaged, or changed by hand: a right answer or a `StoreError`, never anything else.

Every public call is made on each damaged file, in a bounded time.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from funnel.errors import FunnelError, StoreError
from funnel.policy import Policy
from funnel.records import Contact, Customer
from funnel.stages import stage
from funnel.store._protocol import Store
from funnel.store._server import SqlAlchemyStore, store_tables
from funnel.store._sqlite_store import SqliteStore
from tests.frames import read
from tests.store.conformance import DAY, NOON, all_kinds, make_answer, make_lead, make_purchase, make_refund, make_visit

FULL = settings.default.max_examples >= 500
PATIENCE = 60
"""How many seconds all calls on one damaged file may take."""


def filled(path: Path) -> None:
    """Create a store with every kind of data, in one file."""
    with SqliteStore(path, flush="normal") as store:
        store.append(*all_kinds(), make_answer("a9", "p5", "q9"), make_refund("r9", "9"), recorded_at=NOON)
        store.append(*(make_purchase(f"m{number}", f"m{number % 7}") for number in range(60)), recorded_at=NOON)
        store.append(
            make_lead("p2", referred_by="p1", contact=Contact(phone="1")), make_visit("v", "p3"), recorded_at=NOON
        )
        store.put_customer(Customer(person_id="p1", name="Sari", since=NOON), recorded_at=NOON)
        store.merge("p3", into="p2", merged_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.merge("m1", into="m2", merged_at=NOON)
        store.unmerge("m1", unmerged_at=NOON + DAY)
        store._connection.execute("PRAGMA journal_mode = DELETE")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a sound store, to be copied."""
    path = tmp_path_factory.mktemp("sound") / "shop.db"
    filled(path)
    return path


CALLS: tuple[Callable[[Store], object], ...] = (
    *(lambda store, name=name: store.history(name) for name in ("p1", "p3", "m1", "p5", "p9")),
    *(lambda store, name=name: store.stage_record(name) for name in ("p1", "p3", "m1", "p9")),
    *(lambda store, name=name: store.aliases(name) for name in ("p1", "m1")),
    lambda store: store.export("p1"),
    lambda store: store.export("p5"),
    lambda store: store.unresolved(),
    lambda store: store.due(before=NOON + 999 * DAY),
    lambda store: store.logs(),
    lambda store: store.append(make_purchase("new", "p1"), recorded_at=NOON),
    lambda store: store.append(make_purchase("9", "p4"), make_visit("new", "p3"), recorded_at=NOON),
    lambda store: store.append(*all_kinds(), recorded_at=NOON),
    lambda store: store.amend(make_purchase("m3", "p4", minor=800), recorded_at=NOON),
    lambda store: store.load([make_visit("w", "m4")], recorded_at=NOON),
    lambda store: store.refresh("p1", "p3", "m5", as_of=NOON + 400 * DAY),
    lambda store: store.refresh_all(as_of=NOON + 400 * DAY),
    lambda store: store.merge("m6", into="p1", merged_at=NOON),
    lambda store: store.unmerge("p2", unmerged_at=NOON),
    lambda store: store.put_customer(Customer(person_id="m5", name="Budi"), recorded_at=NOON),
    lambda store: store.erase("p1"),
)
"""Every public call, those that write too."""


def answers(store: Store) -> int:
    """Make every call, and return how many succeeded; the others raise errors of the library."""
    count = 0
    for call in CALLS:
        try:
            call(store)
        except FunnelError:
            continue
        count += 1
    return count


def tried(path: Path) -> int:
    """Open a file as a store, make every call, and check that it ends soon."""
    start = monotonic()
    try:
        with SqliteStore(path, timeout=timedelta(milliseconds=50), flush="normal") as store:
            return answers(store)
    except FunnelError:
        return 0
    finally:
        assert monotonic() - start < PATIENCE


def copied(sound: Path, folder: str) -> Path:
    """Copy a sound store into a folder."""
    return Path(shutil.copy(sound, folder))


def flipped(content: bytearray, chance: random.Random) -> None:
    """Change some bytes."""
    for _ in range(chance.choice([1, 1, 3, 20, 200])):
        content[chance.randrange(len(content))] = chance.randrange(256)


def zeroed(content: bytearray, chance: random.Random) -> None:
    """Overwrite some pages with zeros."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        start = chance.randrange(len(content) // 4_096) * 4_096
        content[start : start + 4_096] = bytes(4_096)


def cut(content: bytearray, chance: random.Random) -> None:
    """Remove the end."""
    del content[chance.randrange(len(content)) :]


def swapped(content: bytearray, chance: random.Random) -> None:
    """Swap two pages."""
    one, other = (chance.randrange(len(content) // 4_096) * 4_096 for _ in range(2))
    pages = bytes(content[one : one + 4_096]), bytes(content[other : other + 4_096])
    content[other : other + 4_096], content[one : one + 4_096] = pages


def rewritten(content: bytearray, chance: random.Random) -> None:
    """Change letters of words in the file: names of columns, kinds, ids, JSON."""
    for word in chance.sample([b"purchase", b"USD", b"p1", b"person_id", b"shop", b'"sku"', b"paid", b"payday"], 2):
        position = content.find(word, chance.randrange(len(content)))
        if position >= 0:
            content[position + chance.randrange(len(word))] = chance.choice([0, 0x41, 0x80, 0xFF])


@pytest.mark.no_cover
@given(seed=st.integers(0, 2**32), how=st.sampled_from([flipped, zeroed, cut, swapped, rewritten]))
def test_a_damaged_file_gives_correct_answers_or_an_error(
    sound: Path, seed: int, how: Callable[[bytearray, random.Random], None]
) -> None:
    """Flipped bytes, zeroed or swapped pages, a missing end: no other exception and no endless call."""
    with tempfile.TemporaryDirectory() as folder:
        path = copied(sound, folder)
        content = bytearray(path.read_bytes())
        how(content, random.Random(seed))
        path.write_bytes(content)
        tried(path)


BY_HAND = {
    "a newer version": "PRAGMA user_version = 99",
    "a version below nothing": "PRAGMA user_version = -1",
    "the lowest version": "PRAGMA user_version = -2147483648",
    "no version": "PRAGMA user_version = 0",
    "another application": "PRAGMA application_id = 7",
    "no table of records": "DROP TABLE records",
    "no table of people": "DROP TABLE people",
    "a table without a column": "ALTER TABLE records DROP COLUMN amount",
    "a column of another name": "ALTER TABLE people RENAME COLUMN group_id TO base",
    "names in a circle": "UPDATE people SET group_id = CASE person_id WHEN 'p1' THEN 'p2' ELSE 'p1' END "
    "WHERE person_id IN ('p1', 'p2')",
    "a name of nobody": "UPDATE people SET group_id = 'nobody' WHERE person_id = 'p3'",
    "links in a circle": "UPDATE merges SET person_id = 'p3', unmerged_at = NULL WHERE alias = 'p2'; "
    "UPDATE merges SET person_id = 'p2' WHERE alias = 'p3'",
    "a name with two links": "DROP INDEX merges_alias; "
    "INSERT INTO merges (alias, person_id, merged_at) VALUES ('p3', 'p2', 0), ('p3', 'x', 0), ('x', 'p3', 0)",
    "a link to itself": "UPDATE merges SET person_id = alias",
    "a person without a row": "DELETE FROM people WHERE person_id = 'p1'",
    "a number far away": "UPDATE records SET seq = 9223372036854775807 WHERE source_id = 'm1'",
    "a number below nothing": "UPDATE records SET seq = -9223372036854775808 WHERE source_id = 'm1'",
    "text that is none": "UPDATE records SET source_id = CAST(x'ff' AS TEXT) WHERE source_id = 'm1'",
    "a name that is not text": "UPDATE records SET person_id = CAST(x'c328' AS TEXT) WHERE source_id = 'm1'",
    "words that are not text": "UPDATE personal_data SET payload = CAST(x'fe80' AS TEXT)",
    "half a character": "UPDATE records SET campaign = CAST(x'eda080' AS TEXT) WHERE log = 'leads'",
    "a zero byte": "UPDATE records SET campaign = 'a' || char(0) || 'b' WHERE log = 'leads'",
    "an unknown kind": "UPDATE records SET kind = 'party' WHERE source_id = 'q1'",
    "no kind": "UPDATE records SET kind = NULL WHERE source_id = 'q1'",
    "an unknown reason": "UPDATE records SET reason = 'whim' WHERE kind = 'postponement'",
    "an unknown currency": "UPDATE records SET currency = '???' WHERE source_id = 'm1'",
    "an amount without a currency": "UPDATE records SET currency = NULL WHERE source_id = 'm1'",
    "no amount": "UPDATE records SET amount = NULL WHERE source_id = 'm1'",
    "an amount below nothing": "UPDATE records SET amount = -9223372036854775808 WHERE source_id = 'm1'",
    "no instant": "UPDATE records SET happened_at = NULL WHERE source_id = 'm1'",
    "an instant beyond time": "UPDATE records SET happened_at = 9223372036854775807 WHERE source_id = 'm1'",
    "lines that are not JSON": "UPDATE records SET lines = '[{' WHERE lines IS NOT NULL",
    "lines of something else": "UPDATE records SET lines = '[7]' WHERE lines IS NOT NULL",
    "lines without end": "UPDATE records SET lines = replace(hex(zeroblob(45000)), '0', '[') WHERE lines IS NOT NULL",
    "a contact of something else": "UPDATE personal_data SET payload = '[]'",
    "a contact without end": "UPDATE personal_data SET payload = replace(hex(zeroblob(45000)), '0', '[')",
    "an evaluation out of range": "UPDATE people SET evaluated_at = 9223372036854775807, due_at = -9223372036854775808",
    "no stage": "UPDATE people SET stage = NULL",
    "versions of nothing": "UPDATE people SET version = -5",
    "a version at its end": "UPDATE people SET version = 9223372036854775807",
    "merges beyond time": "UPDATE merges SET merged_at = 9223372036854775807",
    "an entry beyond time": "UPDATE customers SET since = 9223372036854775807",
    "a currency of nothing": "UPDATE store SET currency = ''",
    "two currencies of a store": "INSERT INTO store VALUES ('IDR')",
    "a view for a table": "ALTER TABLE merges RENAME TO l; CREATE VIEW merges AS SELECT * FROM l",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM people; END",
}
"""Damage to a file by another program, as SQL."""


def by_hand(path: Path, script: str) -> None:
    """Edit a file without the library."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.executescript(script)
    connection.close()


@pytest.mark.parametrize("name", list(BY_HAND)[:: 1 if FULL else 3])
def test_an_edited_file_gives_correct_answers_or_an_error(sound: Path, tmp_path: Path, name: str) -> None:
    """Every call ends with an answer or an error of the library, whatever a column contains."""
    path = copied(sound, str(tmp_path))
    by_hand(path, BY_HAND[name])

    tried(path)


@pytest.mark.parametrize("version", [-1, 0, 99], ids=str)
def test_an_unknown_table_version_is_refused(sound: Path, tmp_path: Path, version: int) -> None:
    """The file is neither opened nor created again."""
    path = copied(sound, str(tmp_path))
    by_hand(path, f"PRAGMA user_version = {version}")
    before = path.read_bytes()

    with pytest.raises(StoreError, match=rf"version {version}"):
        SqliteStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [BY_HAND[name] for name in BY_HAND if "version" not in name and name not in ("another application", "a trigger")][
        :: 1 if FULL else 12
    ],
)
@pytest.mark.no_cover
def test_a_damaged_file_through_sqlalchemy(tmp_path: Path, script: str) -> None:
    """The same holds through SQLAlchemy, whose tables have the same columns."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}", poolclass=sa.NullPool)
    store_tables(prefix="").create_all(engine)
    with SqlAlchemyStore(engine, prefix="") as store:
        store.append(*all_kinds(), make_answer("a9", "p5", "q9"), make_refund("r9", "9"), recorded_at=NOON)
        store.append(*(make_purchase(f"m{number}", f"m{number % 7}") for number in range(20)), recorded_at=NOON)
        store.merge("p2", into="p1", merged_at=NOON)
        store.merge("p3", into="p2", merged_at=NOON)
    try:
        by_hand(
            tmp_path / "shop.db", script.replace(" store ", " locks ").replace("VALUES ('IDR')", "VALUES (7, 'IDR')")
        )
    except sqlite3.Error:
        return  # it has not these tables, or another rule of them
    start = monotonic()
    with SqlAlchemyStore(engine, prefix="") as store:
        answers(store)
    assert monotonic() - start < PATIENCE


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Iterator[Any]:
    """Return a function that edits a copy of a sound store and opens it."""
    opened: list[SqliteStore] = []

    def change(name: str) -> SqliteStore:
        while opened:  # a file that is open must not be replaced
            opened.pop().close()
        path = copied(sound, str(tmp_path))
        by_hand(path, BY_HAND[name])
        opened.append(SqliteStore(path))
        return opened[-1]

    yield change
    for store in opened:
        store.close()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("names in a circle", lambda store: store.history("p1")),
        ("names in a circle", lambda store: store.append(make_visit("new"), recorded_at=NOON)),
        ("a name of nobody", lambda store: store.stage_record("p3")),
        ("a name of nobody", lambda store: store.append(make_visit("new", "p3"), recorded_at=NOON)),
        ("an unknown kind", lambda store: store.history("p1")),
        ("an unknown currency", lambda store: store.history("m1")),
        ("an instant beyond time", lambda store: store.history("m1")),
        ("a version at its end", lambda store: store.append(make_visit("new"), recorded_at=NOON)),
        ("an evaluation out of range", lambda store: store.stage_record("p1")),
        ("an evaluation out of range", lambda store: store.export("p1")),
        ("merges beyond time", lambda store: store.aliases("p1")),
        ("lines that are not JSON", lambda store: store.history("p1")),
        ("a contact of something else", lambda store: store.history("p1")),
        ("an entry beyond time", lambda store: store.history("p1")),
        ("no kind", lambda store: store.logs()),
        ("no instant", lambda store: store.logs()),
        ("text that is none", lambda store: store.history("m1")),
        ("text that is none", lambda store: store.logs()),
        ("words that are not text", lambda store: store.history("p1")),
    ],
    ids=range(19),
)
def test_damage_is_reported_as_damage(damaged: Any, name: str, call: Callable[[Store], object]) -> None:
    """The message says that the store is damaged and what to do, without a value of a row."""
    with pytest.raises(StoreError, match=r"the store is damaged: .*; restore it from a backup") as caught:
        call(damaged(name))
    assert "broken" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", "a table of records cannot be read"),
        ("[]", "a table of records cannot be read"),
        ('{"text": "Sari"}', "own columns of a record cannot be read"),
        ('{"text": {"a": "Sari"}} {"text": {"a": "Sari"}}', "a table of records cannot be read"),
        ('{"text": {"a": 1}}', "own columns of a record cannot be read"),
        ('{"whole": {"a": 1.5}}', "own columns of a record cannot be read"),
        ('{"other": {"a": "Sari"}}', "own columns of a record cannot be read"),
        ('{"other": "Sari"}', "own columns of a record cannot be read"),
        ('{"text": {"_row": "Sari"}}', "own columns of a record cannot be read"),
        ('{"text": {"": "Sari"}}', "own columns of a record cannot be read"),
        ('{"text": {"currency": "Sari"}}', "own columns of a record cannot be read"),
        ('{"whole": {"a": -1}}', "an own column of a record is out of range"),
        (f'{{"instant": {{"a": {2**62}}}}}', "an own column of a record is out of range"),
    ],
    ids=range(13),
)
def test_damaged_own_columns_are_reported_as_damage(text: str, problem: str) -> None:
    """JSON that no store has written, names of other columns and values out of range; no value is in the message."""
    with SqliteStore() as store:
        store.append(make_purchase(columns={"country": "UK"}), make_purchase("2"), recorded_at=NOON)
        store._connection.execute("UPDATE records SET own_columns = ? WHERE source_id = '2'", (text,))

        with pytest.raises(StoreError, match=f"^the store is damaged: {problem}; restore it from a backup") as caught:
            store.logs()
        assert "Sari" not in str(caught.value)


def test_unmerge_with_a_circle_of_merges_is_an_error(damaged: Any) -> None:
    """A name with two merges in effect, one of them in a circle, does not cause an endless loop."""
    store = damaged("a name with two links")
    with pytest.raises(StoreError, match="a name leads to a circle of names"):
        store.unmerge("p2", unmerged_at=NOON)


def test_a_gap_of_row_numbers_takes_no_time(damaged: Any) -> None:
    """Tables are read from row to row, so the largest possible gap costs nothing."""
    for name in ("a number far away", "a number below nothing"):
        start = monotonic()
        logs = damaged(name).logs()

        assert len(read(stage.over(logs, Policy(), as_of=NOON))) == 9
        assert monotonic() - start < PATIENCE
