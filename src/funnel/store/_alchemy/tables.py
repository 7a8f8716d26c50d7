"""The tables of a store by SQLAlchemy Core: every statement that is made, the same for every database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy import exc

from funnel.store._alchemy.schema import StoreTables
from funnel.store._alchemy.transactions import AgainError
from funnel.store._rows import APART, COLUMNS, ERASED, PLACES, Key, Row, filled, target_of
from funnel.store._tables import Entry, Found, Link, Person, TakenError

MOST_BOUND = 500
"""How many names or ids are asked for at once."""

STEP = 100_000
"""How many rows of the table make one batch of columns."""

_SAID = tuple(COLUMNS)
_PEOPLE = tuple(field.name for field in attrs.fields(Person))
_ARRAYS = {"postgresql": sa.func.json_agg, "sqlite": sa.func.json_group_array}
"""What writes a column as one JSON array, where a database has it without a limit to its length."""


class AlchemyTables:
    """The tables, over one connection that is inside a transaction."""

    def __init__(self, connection: sa.Connection, tables: StoreTables) -> None:
        """Use a connection."""
        self._connection = connection
        self._execute = connection.execute
        self._tables = tables
        self._asked: set[Key] = set()
        self._there: set[str] = set()
        r, a = tables.records, tables.apart
        said = (r.c[name] for name in ("log", "source", "source_id", "person_id", "version", "apart", *_SAID))
        beside = sa.and_(r.c.apart == APART, a.c.person_id == r.c.person_id, a.c.version == r.c.version)
        self._shown = sa.select(*said, a.c.told).select_from(r.outerjoin(a, beside))

    # ---- records ---------------------------------------------------------------------------------------------------

    def found(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """The rows of records that are there."""
        wanted = set(keys)
        self._asked |= wanted
        return {row.key: row for row in self._by_ids("source_id", keys) if row.key in wanted}

    def referring(self, keys: Collection[Key]) -> Sequence[Row]:
        """The rows that refer to records, there or not."""
        wanted = set(keys)
        return [row for row in self._by_ids("regarding", keys) if row.target in wanted]

    def _by_ids(self, column: str, keys: Collection[Key]) -> Iterator[Row]:
        """The rows that have any of the ids in a column: all that are meant, and few others."""
        records = self._tables.records
        for part in _parts({key[2] for key in keys}):
            sources = {source for _, source, number in keys if number in part}
            of_these = records.c[column].in_(part), records.c.source.in_(sources)
            yield from self._rows(self._shown.where(*of_these))

    def of_people(self, names: Sequence[str]) -> Sequence[Row]:
        """Every row of a person, in the order in which they were written."""
        return self._of("person_id", names)

    def sent_by(self, names: Sequence[str]) -> Sequence[Row]:
        """The leads whom a person sent, in the order in which they were written."""
        return self._of("referred_by", names)

    def _of(self, column: str, names: Sequence[str]) -> list[Row]:
        records = self._tables.records
        return self._rows(self._shown.where(records.c[column].in_(names)).order_by(records.c.seq))

    def waiting(self) -> Sequence[Row]:
        """The rows that refer to a record which is not there, or is of another person."""
        r, p = self._tables.records, self._tables.people
        waits = sa.and_(r.c.kind.in_(("refund", "answer", "resolution", "delivered")), ~self._target(p))
        asked = self._shown.join(p, p.c.person_id == r.c.person_id).where(waits)
        return self._rows(asked.order_by(r.c.seq))

    def _rows(self, asked: sa.Select[Any]) -> list[Row]:
        return [_row(tuple(told)) for told in self._execute(asked)]

    def insert(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Write new rows, and what is kept apart of them."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            said = {_SAID[place]: row.said[place] for place in filled(row.kind)}
            kinds.setdefault(row.kind, []).append({**_head(row, recorded_at), **_key(row), **said})
        try:
            for values in kinds.values():
                self._execute(self._tables.records.insert(), values)
        except exc.IntegrityError:
            if all(row.key in self._asked for row in rows):
                raise AgainError("somebody else wrote the same since it was asked for") from None
            raise TakenError("a record is there already") from None
        self._tell(rows)

    def replace(self, rows: Sequence[Row], recorded_at: int) -> None:
        """Write rows in place of those with the same keys."""
        r, a = self._tables.records, self._tables.apart
        for row in rows:
            this = sa.and_(*(r.c[name] == value for name, value in _key(row).items()))
            (person_id, version) = self._execute(sa.select(r.c.person_id, r.c.version).where(this)).one()
            self._execute(a.delete().where(a.c.person_id == person_id, a.c.version == version))
            said = dict(zip(_SAID, row.said, strict=True))
            self._execute(r.update().where(this).values(**_head(row, recorded_at), **said))
        self._tell(rows)

    def _tell(self, rows: Sequence[Row]) -> None:
        told = [
            {"person_id": row.person_id, "version": row.version, "told": row.words}
            for row in rows
            if row.words is not None
        ]
        if told:
            self._execute(self._tables.apart.insert(), told)

    def currencies(self, names: Sequence[str]) -> Sequence[str]:
        """Every currency of a person's money."""
        r = self._tables.records
        asked = sa.select(r.c.currency).distinct().where(r.c.person_id.in_(names), r.c.currency.is_not(None))
        return list(self._execute(asked).scalars())

    # ---- everybody, as columns -------------------------------------------------------------------------------------

    def columns(self, log: str, wanted: Mapping[str, str]) -> Iterator[Mapping[str, str | Sequence[Any]]]:
        """All rows of a log as columns, in batches."""
        r, p = self._tables.records, self._tables.people
        shown = [self._now(column).label(name) for name, column in wanted.items()]
        array = _ARRAYS.get(self._connection.dialect.name)
        plain = sa.select(*shown).select_from(r.join(p, p.c.person_id == r.c.person_id))
        last = self._execute(sa.select(sa.func.max(r.c.seq))).scalar() or 0
        for start in range(0, last, STEP):
            batch = plain.where(r.c.seq > start, r.c.seq <= start + STEP, r.c.log == log, self._which(log))
            if array is None:
                rows = self._execute(batch).all()
                columns: Sequence[Any] = list(zip(*rows, strict=True))
            else:
                of = batch.subquery()
                count, *columns = self._execute(
                    sa.select(sa.func.count(), *(sa.cast(array(column), sa.Text) for column in of.c))
                ).one()
                columns = columns if count else []
            if columns:
                yield dict(zip(wanted, columns, strict=True))

    def _now(self, column: str) -> sa.ColumnElement[Any]:
        """A column as it is shown: people go by one name; a complaint need not be about a purchase."""
        r, p = self._tables.records, self._tables.people
        if column == "person_id":
            return p.c.root
        if column == "referred_by":
            s = p.alias("s")
            return sa.select(sa.func.nullif(s.c.root, p.c.root)).where(s.c.person_id == r.c[column]).scalar_subquery()
        if column == "regarding":
            return sa.case((r.c.kind == "complaint", sa.null()), else_=r.c[column])
        return r.c[column]

    def _which(self, log: str) -> sa.ColumnElement[bool]:
        """Which rows of a log are in somebody's history."""
        r, p = self._tables.records, self._tables.people
        if log == "leads":
            return ~self._earlier()
        if log == "refunds":
            return r.c.person_id != ""
        if log == "interactions":
            return sa.or_(r.c.kind.not_in(("answer", "resolution", "delivered")), self._target(p))
        return sa.true()

    def _target(self, p: sa.Table) -> sa.ColumnElement[bool]:
        """That what a row refers to is there, and in the same history."""
        r, t, q = self._tables.records, self._tables.records.alias("t"), self._tables.people.alias("q")
        of_talk = r.c.kind.in_(("answer", "resolution"))
        kinds = {"answer": "question", "resolution": "complaint"}
        same = (
            t.c.log == sa.case((of_talk, "interactions"), else_="purchases"),
            t.c.source == r.c.source,
            t.c.source_id == r.c.regarding,
            t.c.kind == sa.case(kinds, value=r.c.kind, else_="purchase"),
            q.c.root == p.c.root,
        )
        return sa.exists(sa.select(t.c.seq).join(q, q.c.person_id == t.c.person_id).where(*same).correlate(r, p))

    def _earlier(self) -> sa.ColumnElement[bool]:
        """That the same arrival stands before, under another name of the person."""
        r, t = self._tables.records, self._tables.records.alias("t")
        p, q = self._tables.people, self._tables.people.alias("q")
        same = [t.c[name] == r.c[name] for name in ("happened_at", "source", "campaign")]
        earlier = t.c.log == "leads", t.c.seq < r.c.seq, q.c.root == p.c.root, *same
        return sa.exists(sa.select(t.c.seq).join(q, q.c.person_id == t.c.person_id).where(*earlier).correlate(r, p))

    # ---- people ----------------------------------------------------------------------------------------------------

    def people(self, names: Collection[str]) -> Mapping[str, Person]:
        """What is known of names."""
        p = self._tables.people
        columns: list[sa.Column[Any]] = [p.c[name] for name in _PEOPLE]
        asked = sa.select(*columns)
        rows = (row for part in _parts(names) for row in self._execute(asked.where(p.c.person_id.in_(part))))
        known = {row[0]: Person(*row) for row in rows}
        self._there |= known.keys()
        return known

    def save(self, people: Iterable[Person]) -> None:
        """Write what is known of names; every one of them has been asked for."""
        p = self._tables.people
        known = [attrs.asdict(person) for person in people if person.version]
        new = [one for one in known if one["person_id"] not in self._there]
        old = [{"the_one": one.pop("person_id"), **one} for one in known if one["person_id"] in self._there]
        if new:
            try:
                self._execute(p.insert(), new)
            except exc.IntegrityError:
                raise AgainError("somebody else wrote of the same person") from None
            self._there |= {one["person_id"] for one in new}
        if old:
            written: dict[str, Any] = {name: sa.bindparam(name) for name in _PEOPLE[1:]}
            self._execute(p.update().where(p.c.person_id == sa.bindparam("the_one")).values(**written), old)

    def group(self, root: str) -> Sequence[str]:
        """Every name of a person, the one that they are known by first."""
        p = self._tables.people
        others = sa.select(p.c.person_id).where(p.c.root == root, p.c.person_id != root).order_by(p.c.person_id)
        return [root, *self._execute(others).scalars()]

    def due(self, judged_by: int, before: int, limit: int) -> Sequence[str]:
        """Whom to judge: those whom another rule has judged, and before an instant others, longest overdue first."""
        p, found = self._tables.people, list[str]()
        by = p.c.judged_by
        for where in (by < judged_by, by > judged_by, sa.and_(by == judged_by, p.c.due_at < before)):
            asked = sa.select(p.c.person_id).where(where).order_by(by, p.c.due_at, p.c.person_id)
            found += self._execute(asked.limit(limit - len(found))).scalars()
        return found

    def versions(self) -> Mapping[str, int]:
        """The version of everyone who can be judged, by the name that they are known by."""
        p = self._tables.people
        there = self._execute(sa.select(p.c.person_id, p.c.version).where(p.c.judged_by.is_not(None)))
        return {name: version for name, version in there}  # noqa: C416 - rows are no pairs to dict's types

    def judged(self, found: Sequence[Found], judged_at: int, judged_by: int) -> None:
        """Write where people stand, but for those of whom something has been written since."""
        p = self._tables.people
        told = [{"the_one": one.person_id, "of": one.version, "now": one.stage, "then": one.due_at} for one in found]
        same = p.c.person_id == sa.bindparam("the_one"), p.c.version == sa.bindparam("of"), p.c.judged_by.is_not(None)
        stage: sa.BindParameter[Any] = sa.bindparam("now")
        due_at: sa.BindParameter[Any] = sa.bindparam("then")
        now = (p.c.stage, stage), (p.c.due_at, due_at)
        at = (p.c.judged_at, judged_at), (p.c.judged_by, judged_by)
        stands = p.update().where(*same).ordered_values((p.c.former, p.c.stage), *now, *at)  # MySQL sets them in turn
        self._execute(stands, told)

    def links(self, names: Sequence[str]) -> Sequence[Link]:
        """Every link from or to these names, also those that are parted, in the order in which they were made."""
        t = self._tables.links
        asked = sa.select(t.c.alias, t.c.person_id, t.c.merged_at, t.c.parted_at)
        either = sa.or_(t.c.alias.in_(names), t.c.person_id.in_(names))
        return [Link(*row) for row in self._execute(asked.where(either).order_by(t.c.seq))]

    def link(self, link: Link) -> None:
        """Write a link, or that it is parted."""
        t = self._tables.links
        if link.parted_at is None:
            self._execute(t.insert(), attrs.asdict(link))
        else:
            open_one = t.update().where(t.c.alias == link.alias, t.c.parted_at.is_(None))
            self._execute(open_one.values(parted_at=link.parted_at))

    # ---- the shop's book -------------------------------------------------------------------------------------------

    def entries(self, names: Sequence[str]) -> Sequence[Entry]:
        """The customers in the shop's book."""
        c, a = self._tables.customers, self._tables.apart
        beside = c.outerjoin(a, sa.and_(a.c.person_id == c.c.person_id, a.c.version == 0))
        asked = sa.select(c.c.person_id, c.c.since, a.c.told).select_from(beside)
        return [Entry(*row) for row in self._execute(asked.where(c.c.person_id.in_(names)))]

    def enter(self, entry: Entry) -> None:
        """Write a customer into the shop's book."""
        c, a = self._tables.customers, self._tables.apart
        self._execute(c.delete().where(c.c.person_id == entry.person_id))
        self._execute(a.delete().where(a.c.person_id == entry.person_id, a.c.version == 0))
        self._execute(c.insert(), {"person_id": entry.person_id, "since": entry.since})
        self._execute(a.insert(), {"person_id": entry.person_id, "version": 0, "told": entry.told})

    def erase(self, names: Sequence[str]) -> int:
        """Take away all that is kept apart of a person, and count it."""
        r, a = self._tables.records, self._tables.apart
        kept = r.update().where(r.c.person_id.in_(names), r.c.apart == APART)
        self._execute(kept.values(apart=ERASED))
        return self._execute(a.delete().where(a.c.person_id.in_(names))).rowcount


def _parts(values: Collection[str]) -> Iterator[Collection[str]]:
    """Values in portions that one statement may bind."""
    given = list(values)
    return (set(given[start : start + MOST_BOUND]) for start in range(0, len(given), MOST_BOUND))


def _key(row: Row) -> dict[str, str]:
    return dict(zip(("log", "source", "source_id"), row.key, strict=True))


def _head(row: Row, recorded_at: int) -> dict[str, str | int]:
    return {"person_id": row.person_id, "version": row.version, "recorded_at": recorded_at, "apart": row.apart}


def _row(told: tuple[Any, ...]) -> Row:
    log, source, number, person_id, version, apart = told[:6]
    said, words = told[6:-1], told[-1]
    kind = said[PLACES["kind"]]
    target = target_of(kind, source, said[PLACES["regarding"]])
    return Row((log, source, number), person_id, kind, said, target, words, apart, version)
