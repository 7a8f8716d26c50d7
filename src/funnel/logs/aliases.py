"""Aliases: several names of one person become one name before anything is computed.

An alias may lead to another alias. These few chains are followed in memory, to find their ends and any cycles. If the
tables are in memory too, the ends become a table, and one join maps every alias to its final name. A database joins
the table with itself instead; each join doubles the distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import ROW, distinct, materialize
from funnel._dataframes.compute import collected
from funnel.logs.schema import Issue
from funnel.logs.validate import Check, issues_of, row_count, row_numbers

Frame = nw.LazyFrame[Any]
PERSON, ALIAS = "person_id", "alias"
Names = Mapping[Any, Any]


def alias_issues(aliases: Frame) -> Iterator[Issue]:
    """Yield the issues of non-empty aliases.

    An alias may not name two people or lead back to itself.
    """
    itself = Check(ALIAS, "is its own person_id; leave the row out", nw.col(ALIAS) == nw.col(PERSON))
    yield from issues_of("aliases", aliases, [itself])
    yield from _two_people(aliases)
    yield from _circles(_links(aliases.filter(~itself.bad)))


def _two_people(aliases: Frame) -> Iterator[Issue]:
    names = distinct(aliases.select(ALIAS, PERSON)).group_by(ALIAS).agg(nw.len().alias("_names"))
    two = names.filter(nw.col("_names") > 1).drop("_names")
    rows = aliases.join(two, on=ALIAS, how="inner")
    if count := row_count(rows):
        yield Issue("aliases", ALIAS, "names more than one person; keep the correct row", count, row_numbers(rows))


def _circles(links: Mapping[str, list[Any]]) -> Iterator[Issue]:
    ends, _ = _chain_ends(dict(zip(links[ALIAS], links[PERSON], strict=True)))
    indexes = [index for index, alias in enumerate(links[ALIAS]) if ends[alias] in ends]
    rows = tuple(sorted(links[ROW][index] for index in indexes)) if ROW in links else ()
    if indexes:
        problem = "leads back to itself; each chain must end in a name that is not an alias"
        yield Issue("aliases", ALIAS, problem, len(indexes), rows)


def _links(aliases: Frame) -> Mapping[str, list[Any]]:
    """Return the rows whose person is itself an alias, in memory: they are few."""
    further = distinct(aliases.select(nw.col(ALIAS).alias(PERSON)))
    links: Mapping[str, list[Any]] = collected(aliases.join(further, on=PERSON, how="inner")).to_dict(as_series=False)
    return links


def _chain_ends(links: Names) -> tuple[Names, int]:
    """Return the end of each link and the number of doublings; a cycle ends in a link."""
    doublings = 0
    while doublings <= len(links).bit_length():
        further = {alias: links.get(person, person) for alias, person in links.items()}
        if further == links:
            break
        links, doublings = further, doublings + 1
    return links, doublings


def resolve_aliases(logs: Mapping[str, Frame], aliases: Frame) -> dict[str, Frame]:
    """Replace every name of a person in the logs by the final name of its aliases."""
    pairs = _pairs(aliases)
    return {log: _renamed(log, frame, pairs) for log, frame in logs.items()}


def _pairs(aliases: Frame) -> Frame:
    pairs = distinct(aliases.select(ALIAS, PERSON))
    inner = collected(pairs.join(distinct(pairs.select(nw.col(PERSON).alias(ALIAS))), on=ALIAS, how="inner"))
    if not len(inner):
        return pairs
    ends, doublings = _chain_ends(dict(zip(inner[ALIAS].to_list(), inner[PERSON].to_list(), strict=True)))
    if aliases.implementation in _IN_MEMORY:
        columns = {ALIAS: list(ends), PERSON: list(ends.values())}
        return _next_names(pairs, nw.from_dict(columns, inner.schema, backend=inner.implementation).lazy())
    for _ in range(doublings + 1):
        pairs = materialize(_next_names(pairs, pairs))  # a plan that contains itself twice would double in every round
    return pairs


_IN_MEMORY = frozenset({nw.Implementation.POLARS, nw.Implementation.PANDAS, nw.Implementation.PYARROW})


def _next_names(pairs: Frame, links: Frame) -> Frame:
    """Replace the person of each alias by that person's link, if there is one."""
    further = links.select(nw.col(PERSON).alias("_further"), nw.col(ALIAS).alias(PERSON))
    person = nw.when(nw.col("_further").is_null()).then(nw.col(PERSON)).otherwise(nw.col("_further"))
    return pairs.join(further, on=PERSON, how="left").select(nw.col(ALIAS), person.alias(PERSON))


def _renamed(log: str, frame: Frame, pairs: Frame) -> Frame:
    if PERSON in frame.collect_schema():
        frame = _one_column(frame, PERSON, pairs)
    return _one_column(frame, "referred_by", pairs) if log == "leads" else frame


def _one_column(frame: Frame, column: str, pairs: Frame) -> Frame:
    names = pairs.select(nw.col(ALIAS).alias(column), nw.col(PERSON).alias("_name_now"))
    joined = frame.join(names, on=column, how="left")
    name = nw.when(nw.col("_name_now").is_null()).then(nw.col(column)).otherwise(nw.col("_name_now"))
    return joined.with_columns(name.alias(column)).drop("_name_now")
