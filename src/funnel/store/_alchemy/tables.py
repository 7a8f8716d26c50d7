"""The tables of a store in SQLAlchemy Core, with the same statements for every database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from funnel._record_columns import COLUMNS
from funnel.errors import FunnelError
from funnel.store._alchemy.people import AlchemyPeople, batches, canonical_of, matches, one_or_all, parameters
from funnel.store._alchemy.schema import StoreTables
from funnel.store._alchemy.transactions import RetryTransactionError
from funnel.store._rows import HAS_PII, Key, Row, positions_of, row_from
from funnel.store._tables import DuplicateKeyError

BATCH_ROWS = 100_000
"""Number of table rows in one batch of columns."""

_HEAD = ("log", "source", "source_id", "person_id", "version", "recorded_at", "personal_data_state")
_CELLS = tuple(COLUMNS)
_ARRAYS = {"postgresql": sa.func.json_agg, "sqlite": sa.func.json_group_array}
"""Functions that write a column as one JSON array, in databases without a limit to its length."""


class AlchemyTables(AlchemyPeople):
    """The tables, over one connection inside a transaction."""

    def __init__(self, connection: sa.Connection, tables: StoreTables, *, lock_all_keys: bool = False) -> None:
        """Use a connection; see `AlchemyPeople`."""
        super().__init__(connection, tables, lock_all_keys=lock_all_keys)
        self._checked_keys: set[Key] = set()
        self._inserted_unchecked = False
        self._can_join = connection.dialect.name == "postgresql"
        self._single: tuple[str, bool, dict[str, Any]] | None = None
        self._records_query = _select_records(tables)

    # ---- records ---------------------------------------------------------------------------------------------------

    def rows_with(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """Return the rows of stored records."""
        selected = set(keys)
        self._checked_keys |= selected
        return {row.key: row for row in self._by_ids("source_id", keys) if row.key in selected}

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """Return the rows that refer to records, stored or not."""
        selected = set(keys)
        return [row for row in self._by_ids("regarding", keys) if row.target in selected]

    def _by_ids(self, column: str, keys: Collection[Key]) -> Iterator[Row]:
        """Yield the rows with any of these ids in a column: all relevant rows, and few others."""
        for part in batches([key[2] for key in keys]):
            there = set(part)
            sources = list(dict.fromkeys(source for _, source, number in keys if number in there))
            query = _by_ids(self._tables, column, is_one=(len(part) == 1, len(sources) == 1))
            yield from self._rows(query, {**parameters("ids", part), **parameters("sources", sources)})

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Return every row of a person, in the order of writing."""
        return self._of("person_id", names)

    def referrals(self, names: Sequence[str]) -> Sequence[Row]:
        """Return the leads that a person referred, in the order of writing."""
        return self._of("referred_by", names)

    def _of(self, column: str, names: Sequence[str]) -> list[Row]:
        return self._rows(_of(self._tables, column, is_one=len(names) == 1), parameters("names", names))

    def unresolved(self) -> Sequence[Row]:
        """Return the rows that refer to a missing record, or to a record of another person."""
        r, p = self._tables.records, self._tables.people
        is_unresolved = sa.and_(r.c.kind.in_(("refund", "answer", "resolution", "delivery")), ~self._target(p))
        query = self._records_query.join(p, p.c.person_id == r.c.person_id).where(is_unresolved)
        return self._rows(query.order_by(r.c.seq))

    def _rows(self, query: sa.Select[Any], values: dict[str, Any] | None = None) -> list[Row]:
        return [row_from(tuple(row)) for row in self._execute(query, values)]

    def insert(self, rows: Sequence[Row], recorded_at: int, *, is_unreferenced: bool = False) -> None:
        """Insert rows and their personal data."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            cells = {_CELLS[position]: row.cells[position] for position in positions_of(row.kind)}
            kinds.setdefault(row.kind, []).append({**_head(row, recorded_at), **_key(row), **cells})
        self._inserted_unchecked = self._inserted_unchecked or any(row.key not in self._checked_keys for row in rows)
        can_join = self._can_join and len(rows) == 1
        for kind, values in kinds.items():
            if is_unreferenced or can_join:
                self._single = kind, is_unreferenced, {f"new_{name}": value for name, value in values[0].items()}
            else:
                self._execute(_new(self._tables), one_or_all(values))
        if not can_join:
            self._write_single()
        self._insert_personal_data(rows)

    def finish(self) -> None:
        """Write what remains to be written."""
        self._write_single()
        super().finish()

    def _execute(self, statement: sa.Executable, values: Any = None) -> Any:
        """Execute a statement, after the single record that waits for its person."""
        self._write_single()
        return super()._execute(statement, values)

    def _write_people(self, rows: list[dict[str, Any]], columns: tuple[str, ...] | None = None) -> None:
        """Write rows of people: the first of them in one statement with the single record that waits for it."""
        if self._single is None or len(rows) > 1:
            super()._write_people(rows, columns)
        else:
            self._write_single(rows[0], columns)

    def _write_single(self, person: Mapping[str, Any] | None = None, columns: tuple[str, ...] | None = None) -> None:
        """Insert the single record that waits, unless another record refers to it, and write a person with it."""
        if self._single is None:
            return
        kind, is_unreferenced, values = self._single
        self._single = None
        statement: sa.Insert | sa.Update = _new_single(self._tables, kind, is_unreferenced=is_unreferenced)
        if person is not None:
            values |= {f"person_{name}": value for name, value in person.items()}
            statement = _with_person(self._tables, kind, columns, is_unreferenced=is_unreferenced)
        if self._connection.execute(statement, values).rowcount != 1:
            raise DuplicateKeyError("a stored record refers to the new record")

    def duplicate_error(self) -> FunnelError:
        """Return the error for a row inserted as new that already exists."""
        if self._inserted_unchecked:
            return DuplicateKeyError("the store has a record with this key already")
        return RetryTransactionError("another transaction wrote the same row meanwhile")

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Replace the rows with the same keys."""
        r, a = self._tables.records, self._tables.personal_data
        for row in rows:
            this = self._has(row.key)
            (person_id, version) = self._execute(sa.select(r.c.person_id, r.c.version).where(this)).one()
            self._execute(a.delete().where(a.c.person_id == person_id, a.c.version == version))
            cells = dict(zip(_CELLS, row.cells, strict=True))
            self._execute(r.update().where(this).values(**_head(row, recorded_at), **cells))
        self._insert_personal_data(rows)

    def _insert_personal_data(self, rows: Sequence[Row]) -> None:
        values = [
            {"person_id": row.person_id, "version": row.version, "payload": row.payload}
            for row in rows
            if row.payload is not None
        ]
        if values:
            self._execute(self._tables.personal_data.insert(), values)

    def referrers(self, group_ids: Sequence[str]) -> Sequence[str]:
        """Return everybody who referred one of these people."""
        r, p = self._tables.records, self._tables.people
        query = sa.select(r.c.referred_by).distinct().join(p, p.c.person_id == r.c.person_id)
        return list(self._execute(query.where(p.c.group_id.in_(group_ids), r.c.referred_by.is_not(None))).scalars())

    # ---- all rows as columns ---------------------------------------------------------------------------------------

    def columns(self, log: str, selected: Mapping[str, str]) -> Iterator[Mapping[str, str | Sequence[Any]]]:
        """Yield all rows of a log as columns, in batches."""
        r, p = self._tables.records, self._tables.people
        cells = [self._now(column).label(name) for name, column in selected.items()]
        array = _ARRAYS.get(self._connection.dialect.name)
        plain = sa.select(*cells).select_from(r.join(p, p.c.person_id == r.c.person_id))
        start = self._execute(sa.select(sa.func.min(r.c.seq))).scalar()
        while start is not None:  # by row, not by number: numbers may have wide gaps
            end = start + BATCH_ROWS - 1
            batch = plain.where(r.c.seq.between(start, end), r.c.log == log, self._which(log))
            if array is None:
                rows = self._execute(batch).all()
                columns: Sequence[Any] = list(zip(*rows, strict=True))
            else:
                rows_query = batch.subquery()
                count, *columns = self._execute(
                    sa.select(sa.func.count(), *(sa.cast(array(column), sa.Text) for column in rows_query.c))
                ).one()
                columns = columns if count else []
            if columns:
                yield dict(zip(selected, columns, strict=True))
            start = self._execute(sa.select(sa.func.min(r.c.seq)).where(r.c.seq > end)).scalar()

    def _now(self, column: str) -> sa.ColumnElement[Any]:
        """Return a column as shown: current names of people, and a complaint's purchase only if it exists."""
        r, p = self._tables.records, self._tables.people
        if column == "person_id":
            return canonical_of(p, p)
        if column == "referred_by":
            s = p.alias("s")
            sender = sa.case((s.c.group_id != p.c.group_id, canonical_of(s, p)))
            return sa.select(sender).where(s.c.person_id == r.c[column]).correlate(r, p).scalar_subquery()
        if column == "regarding":
            return sa.case((sa.and_(r.c.kind == "complaint", ~self._target(p)), sa.null()), else_=r.c[column])
        return r.c[column]

    def _which(self, log: str) -> sa.ColumnElement[bool]:
        """Return the condition that a row of a log is in a person's history."""
        r, p = self._tables.records, self._tables.people
        if log == "leads":
            q = p.alias("q")
            other = (
                sa.select(q.c.group_id).where(q.c.group_id == p.c.group_id, q.c.group_id != q.c.person_id).correlate(p)
            )
            return sa.or_(~sa.exists(other), r.c.seq.in_(self._first()))
        if log == "refunds":
            return r.c.person_id != ""
        if log == "interactions":
            return sa.or_(r.c.kind.is_(None), r.c.kind.not_in(("answer", "resolution", "delivery")), self._target(p))
        return sa.true()

    def _target(self, p: sa.Table) -> sa.ColumnElement[bool]:
        """Return the condition that a row's target exists, in the same history."""
        r, t, q = self._tables.records, self._tables.records.alias("t"), self._tables.people.alias("q")
        of_talk = r.c.kind.in_(("answer", "resolution"))
        kinds = {"answer": "question", "resolution": "complaint"}
        same = (
            t.c.log == sa.case((of_talk, "interactions"), else_="purchases"),
            t.c.source == r.c.source,
            t.c.source_id == r.c.regarding,
            t.c.kind == sa.case(kinds, value=r.c.kind, else_="purchase"),
            q.c.group_id == p.c.group_id,
        )
        return sa.exists(sa.select(t.c.seq).join(q, q.c.person_id == t.c.person_id).where(*same).correlate(r, p))

    def _first(self) -> sa.Select[Any]:
        """Return a select of the earliest written of arrivals that a merge has made equal."""
        t, q, s = self._tables.records.alias("t"), self._tables.people.alias("q"), self._tables.people.alias("s")
        merged = sa.select(s.c.group_id).where(s.c.group_id != s.c.person_id)
        query = sa.select(sa.func.min(t.c.seq)).join(q, q.c.person_id == t.c.person_id)
        same = (q.c.group_id, t.c.happened_at, t.c.source, t.c.campaign)
        return query.where(q.c.group_id.in_(merged), t.c.log == "leads").group_by(*same)


@lru_cache(maxsize=16)
def _select_records(tables: StoreTables) -> sa.Select[Any]:
    """Return a select of records with personal data; cached, as SQLAlchemy is slow to build statements."""
    r, a = tables.records, tables.personal_data
    columns = (r.c[name] for name in (*_HEAD, *_CELLS) if name != "recorded_at")
    has_data = sa.and_(r.c.personal_data_state == HAS_PII, a.c.person_id == r.c.person_id, a.c.version == r.c.version)
    return sa.select(*columns, a.c.payload).select_from(r.outerjoin(a, has_data))


@lru_cache(maxsize=64)
def _by_ids(tables: StoreTables, column: str, *, is_one: tuple[bool, bool]) -> sa.Select[Any]:
    """Return a select of records by the ids in a column, and by their sources."""
    r, (one_id, one_source) = tables.records, is_one
    sources = matches(r.c.source, "sources", is_one=one_source)
    return _select_records(tables).where(matches(r.c[column], "ids", is_one=one_id), sources)


@lru_cache(maxsize=64)
def _of(tables: StoreTables, column: str, *, is_one: bool) -> sa.Select[Any]:
    """Return a select of records by the people in a column, in the order of writing."""
    r = tables.records
    return _select_records(tables).where(matches(r.c[column], "names", is_one=is_one)).order_by(r.c.seq)


@lru_cache(maxsize=16)
def _new(tables: StoreTables) -> sa.Insert:
    """Return an insert of records that does not fetch generated numbers."""
    return tables.records.insert().inline()


@lru_cache(maxsize=64)
def _new_single(tables: StoreTables, kind: str, *, is_unreferenced: bool) -> sa.Insert:
    """Return an insert of one record of a kind; `is_unreferenced`: of none if a stored record refers to its id."""
    r, t = tables.records, tables.records.alias("t")
    names = [*_HEAD, *(_CELLS[position] for position in positions_of(kind))]
    new = {name: sa.bindparam(f"new_{name}", type_=r.c[name].type) for name in names}
    referring = sa.select(t.c.seq).where(t.c.regarding == new["source_id"], t.c.source == new["source"])
    values = sa.select(*new.values())
    insert = r.insert().from_select(names, values.where(~sa.exists(referring)) if is_unreferenced else values)
    return insert.execution_options(preserve_rowcount=True)


@lru_cache(maxsize=256)
def _with_person(
    tables: StoreTables, kind: str, columns: tuple[str, ...] | None, *, is_unreferenced: bool
) -> sa.Insert | sa.Update:
    """Return one statement that inserts a record and writes a person: a new row, or some columns of a stored row."""
    p, insert = tables.people, _new_single(tables, kind, is_unreferenced=is_unreferenced)
    record = insert.returning(tables.records.c.seq).cte("record")
    names = tuple(p.c.keys()) if columns is None else columns
    person = {name: sa.bindparam(f"person_{name}", type_=p.c[name].type) for name in names}
    if columns is None:
        values = sa.select(*person.values()).select_from(record)
        return p.insert().from_select(names, values).execution_options(preserve_rowcount=True)
    is_written = p.c.person_id == sa.bindparam("person_row_id"), sa.exists(sa.select(record.c.seq))
    return p.update().where(*is_written).values(person)


def _key(row: Row) -> dict[str, str]:
    return dict(zip(("log", "source", "source_id"), row.key, strict=True))


def _head(row: Row, recorded_at: int) -> dict[str, str | int]:
    return {
        "person_id": row.person_id,
        "version": row.version,
        "recorded_at": recorded_at,
        "personal_data_state": row.personal_data_state,
    }
