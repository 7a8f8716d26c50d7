"""Two names of one person are one person, before anything is counted.

Aliases may lead to aliases. These few are followed in memory, to see where they end and whether any goes in a circle.
Where tables are in memory too, the ends become a table, and one join leads every alias to a name that is none. A
database joins the table to itself instead, each time twice as far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import narwhals as nw

from funnel._computing import collected
from funnel._frames import ROW, laid_down
from funnel.logs.checks import Check, counted, faults_of, first_rows
from funnel.logs.faults import FIRST, Fault

Frame = nw.LazyFrame[Any]
PERSON, ALIAS = "person_id", "alias"
Names = Mapping[Any, Any]


def alias_faults(aliases: Frame) -> Iterator[Fault]:
    """What is wrong with aliases that are each filled: one that names two people, or leads back to itself."""
    itself = Check(ALIAS, "is its own person_id; leave the row out", nw.col(ALIAS) == nw.col(PERSON))
    yield from faults_of("aliases", aliases, [itself])
    yield from _two_people(aliases)
    yield from _circles(_links(aliases.filter(~itself.bad)))


def _two_people(aliases: Frame) -> Iterator[Fault]:
    names = aliases.select(ALIAS, PERSON).unique().group_by(ALIAS).agg(nw.len().alias("_names"))
    two = names.filter(nw.col("_names") > 1).drop("_names")
    rows = aliases.join(two, on=ALIAS, how="inner")
    if count := counted(rows):
        yield Fault("aliases", ALIAS, "names more than one person; keep the row that is right", count, first_rows(rows))


def _circles(links: Mapping[str, list[Any]]) -> Iterator[Fault]:
    ends, _ = _followed(dict(zip(links[ALIAS], links[PERSON], strict=True)))
    places = [place for place, alias in enumerate(links[ALIAS]) if ends[alias] in ends]
    rows = tuple(sorted(links[ROW][place] for place in places)[:FIRST]) if ROW in links else ()
    if places:
        problem = "leads back to itself; let every chain end in a name that is not an alias"
        yield Fault("aliases", ALIAS, problem, len(places), rows)


def _links(aliases: Frame) -> Mapping[str, list[Any]]:
    """The rows whose person is an alias of somebody, in memory: they are few."""
    further = aliases.select(nw.col(ALIAS).alias(PERSON)).unique()
    found: Mapping[str, list[Any]] = collected(aliases.join(further, on=PERSON, how="inner")).to_dict(as_series=False)
    return found


def _followed(links: Names) -> tuple[Names, int]:
    """Where each link ends, and after how many turns of going twice as far; what goes in a circle ends at a link."""
    turns = 0
    while turns <= len(links).bit_length():
        further = {alias: links.get(person, person) for alias, person in links.items()}
        if further == links:
            break
        links, turns = further, turns + 1
    return links, turns


def resolved(logs: Mapping[str, Frame], aliases: Frame) -> dict[str, Frame]:
    """The logs with every person under the one name that their aliases lead to."""
    pairs = _pairs(aliases)
    return {log: _renamed(log, frame, pairs) for log, frame in logs.items()}


def _pairs(aliases: Frame) -> Frame:
    pairs = aliases.select(ALIAS, PERSON).unique()
    inner = collected(pairs.join(pairs.select(nw.col(PERSON).alias(ALIAS)).unique(), on=ALIAS, how="inner"))
    if not len(inner):
        return pairs
    ends, turns = _followed(dict(zip(inner[ALIAS].to_list(), inner[PERSON].to_list(), strict=True)))
    if aliases.implementation in _IN_MEMORY:
        told = {ALIAS: list(ends), PERSON: list(ends.values())}
        return _onward(pairs, nw.from_dict(told, inner.schema, backend=inner.implementation).lazy())
    for _ in range(turns + 1):
        pairs = laid_down(_onward(pairs, pairs))  # a plan that held itself twice a turn would double with each
    return pairs


_IN_MEMORY = frozenset({nw.Implementation.POLARS, nw.Implementation.PANDAS, nw.Implementation.PYARROW})


def _onward(pairs: Frame, links: Frame) -> Frame:
    """Lead each alias on to where the name that it leads to is led by a link."""
    further = links.select(nw.col(PERSON).alias("_further"), nw.col(ALIAS).alias(PERSON))
    led = nw.when(nw.col("_further").is_null()).then(nw.col(PERSON)).otherwise(nw.col("_further"))
    return pairs.join(further, on=PERSON, how="left").select(nw.col(ALIAS), led.alias(PERSON))


def _renamed(log: str, frame: Frame, pairs: Frame) -> Frame:
    if PERSON in frame.collect_schema():
        frame = _one_column(frame, PERSON, pairs)
    return _one_column(frame, "referred_by", pairs) if log == "leads" else frame


def _one_column(frame: Frame, column: str, pairs: Frame) -> Frame:
    known = pairs.select(nw.col(ALIAS).alias(column), nw.col(PERSON).alias("_known_as"))
    joined = frame.join(known, on=column, how="left")
    name = nw.when(nw.col("_known_as").is_null()).then(nw.col(column)).otherwise(nw.col("_known_as"))
    return joined.with_columns(name.alias(column)).drop("_known_as")
