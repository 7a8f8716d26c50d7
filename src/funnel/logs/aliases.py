"""Two names of one person are one person, before anything is counted.

Aliases may lead to aliases: the table is joined to itself, each time twice as far, until every alias leads to a name
that is none. One that never does goes in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from funnel.logs.checks import Check, faults_of, first_rows
from funnel.logs.faults import Fault, raise_if_any

Frame = nw.LazyFrame[Any]
PERSON, ALIAS = "person_id", "alias"
_MOST_TURNS = 40


def resolved(logs: Mapping[str, Frame], aliases: Frame) -> dict[str, Frame]:
    """The logs with every person under the one name that their aliases lead to.

    Raises:
        LogsError: An alias names two people, or leads back to itself.
    """
    pairs = _pairs(aliases)
    return {log: _renamed(log, frame, pairs) for log, frame in logs.items()}


def _pairs(aliases: Frame) -> Frame:
    raise_if_any(list(_faults(aliases)))
    pairs = aliases.select(ALIAS, PERSON).unique()
    turns = _count(pairs).bit_length() + 1
    for _ in range(min(turns, _MOST_TURNS)):
        further = pairs.select(nw.col(PERSON).alias("_further"), nw.col(ALIAS).alias(PERSON))
        joined = pairs.join(further, on=PERSON, how="left")
        if not _count(joined.filter(~nw.col("_further").is_null())):
            return pairs
        led = nw.when(nw.col("_further").is_null()).then(nw.col(PERSON)).otherwise(nw.col("_further"))
        pairs = joined.select(nw.col(ALIAS), led.alias(PERSON))
    stuck = aliases.join(pairs.select(nw.col(ALIAS).alias(PERSON)), on=PERSON, how="inner")
    circle = Fault(
        "aliases", ALIAS, "leads back to itself; let every chain end in a name that is no alias", _count(stuck)
    )
    raise_if_any([circle])
    return pairs


def _faults(aliases: Frame) -> list[Fault]:
    itself = Check(ALIAS, "is its own person_id; leave the row out", nw.col(ALIAS) == nw.col(PERSON))
    found = list(faults_of("aliases", aliases, [itself]))
    names = aliases.select(ALIAS, PERSON).unique().group_by(ALIAS).agg(nw.len().alias("_names"))
    two = names.filter(nw.col("_names") > 1).drop("_names")
    rows = aliases.join(two, on=ALIAS, how="inner")
    count = _count(rows)
    if count:
        problem = "names more than one person; keep the row that is right"
        found.append(Fault("aliases", ALIAS, problem, count, first_rows(rows)))
    return found


def _count(frame: Frame) -> int:
    return int(frame.select(nw.len().alias("_rows")).collect().to_dict(as_series=False)["_rows"][0])


def _renamed(log: str, frame: Frame, pairs: Frame) -> Frame:
    if PERSON in frame.collect_schema():
        frame = _one_column(frame, PERSON, pairs)
    return _one_column(frame, "referred_by", pairs) if log == "leads" else frame


def _one_column(frame: Frame, column: str, pairs: Frame) -> Frame:
    known = pairs.select(nw.col(ALIAS).alias(column), nw.col(PERSON).alias("_known_as"))
    joined = frame.join(known, on=column, how="left")
    name = nw.when(nw.col("_known_as").is_null()).then(nw.col(column)).otherwise(nw.col("_known_as"))
    return joined.with_columns(name.alias(column)).drop("_known_as")
