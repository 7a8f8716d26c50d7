"""Frames of several logs become one set of logs: checked together, each record once, one name per person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw

from funnel._dataframes.adapter import (
    ROW,
    Frame,
    FrameKind,
    InputFrame,
    collect_once,
    distinct,
    duplicated,
    from_native,
    joinable,
    materialize,
)
from funnel._dataframes.compute import collected
from funnel.errors import ArgumentError, EngineError, MoneyError
from funnel.logs.compare_rows import conflict_issues, drop_duplicates, keys_of, one_per_key, reference_issues
from funnel.logs.normalize import MISSING, normalize, schema_issues
from funnel.logs.own_columns import OwnColumns
from funnel.logs.schema import LOGS, NOT_RECORDS, RECORDED, TIMES, Issue, raise_if_any
from funnel.logs.sums import sum_issues
from funnel.logs.validate import Check, checks_of, issues_of, row_count, row_numbers, valid_rows

# ---- aliases: several names of one person become one name before anything is computed --------------------------------

# An alias may lead to another alias. These few chains are followed in memory, to find their ends and any cycles. If the
# tables are in memory too, the ends become a table, and one join maps every alias to its final name. A database joins
# the table with itself instead; each join doubles the distance.


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


# ---- the logs --------------------------------------------------------------------------------------------------------


def common_kind(inputs: Mapping[str, InputFrame]) -> FrameKind:
    """Return the kind of the first frame, after checking that all frames can be used together.

    Raises:
        ArgumentError: No log is passed.
        EngineError: The frames are on different engines or connections.
    """
    if not inputs.keys() - NOT_RECORDS:
        msg = f"Logs has no log; pass at least one of {', '.join(name for name in LOGS if name not in NOT_RECORDS)}"
        raise ArgumentError(msg)
    engines = {frame.engine: log for log, frame in inputs.items()}
    if len(engines) > 1:
        engines_text = ", ".join(f"{log} on {engine}" for engine, log in engines.items())
        raise EngineError(f"the logs are on different engines ({engines_text}); convert them to one engine")
    if not joinable(inputs.values()):
        msg = f"the logs ({', '.join(inputs)}) are on different DuckDB connections; use one connection for all"
        raise EngineError(msg)
    return next(iter(inputs.values())).frame_kind


def validated(inputs: Mapping[str, InputFrame], currency: str | None, own: OwnColumns) -> dict[str, Frame]:
    """Return the logs without duplicates, with one name per person.

    Raises:
        LogsError: There are issues. Records are not compared while columns or aliases are invalid.
    """
    issues = [*(issue for log, source in inputs.items() for issue in schema_issues(log, source))]
    invalid_logs = {issue.log for issue in issues}
    logs = {
        log: collect_once(normalize(log, source, own.get(log, ())))
        for log, source in inputs.items()
        if log not in invalid_logs
    }
    valid: dict[str, Frame] = {}
    for log, frame in logs.items():
        checks = checks_of(log, currency, inputs[log])
        row_issues = list(issues_of(log, frame, checks))
        valid[log] = valid_rows(frame, checks) if row_issues else frame
        issues += row_issues
    if "aliases" in valid:
        issues += alias_issues(valid["aliases"])
    if invalid_logs or any(issue.log == "aliases" for issue in issues):
        raise_if_any(issues)
    return _without_duplicates(_with_current_names(logs), _with_current_names(valid), issues)


def without_check_columns(frame: Frame, source: InputFrame) -> Frame:
    """Drop columns that only the checks read, and a `recorded_at` without input."""
    has_recorded = RECORDED in source.frame.collect_schema() and RECORDED not in source.typeless
    unread = (ROW, "currency") if has_recorded else (ROW, "currency", RECORDED)
    return collect_once(frame.drop(*(name for name in unread if name in frame.collect_schema())))


def _with_current_names(logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """Return the logs of records, with one name per person."""
    records = {log: frame for log, frame in logs.items() if log != "aliases"}
    return resolve_aliases(records, logs["aliases"]) if "aliases" in logs else records


def _without_duplicates(logs: Mapping[str, Frame], valid: Mapping[str, Frame], issues: list[Issue]) -> dict[str, Frame]:
    """Return the logs without duplicates; compare only valid rows with each other.

    Raises:
        LogsError: There were issues before, or records contradict each other.
    """
    duplicates = {log: collect_once(duplicated(frame, keys_of(log))) for log, frame in valid.items()}
    repeated = {log: frame for log, frame in duplicates.items() if row_count(frame)}
    conflicts = [issue for log, frame in repeated.items() for issue in conflict_issues(log, frame)]
    if issues or conflicts:
        unique = {log: one_per_key(log, frame) for log, frame in valid.items()}
        all_rows = {log: one_per_key(log, frame) for log, frame in logs.items()}
        raise_if_any([*issues, *conflicts, *reference_issues(unique, all_rows)])
    unique = {
        log: collect_once(drop_duplicates(frame, repeated[log])) if log in repeated else frame
        for log, frame in valid.items()
    }
    raise_if_any([*reference_issues(unique, unique), *sum_issues(unique)])
    return unique


def known_by(log: str, frame: Frame, at: int) -> Frame:
    """Return the rows that the shop knew at an instant; own columns of people have no instant."""
    return frame.filter(known_since(log, frame) <= at) if log in TIMES else frame


def known_since(log: str, frame: Frame) -> nw.Expr:
    """Return when the shop learned of each row, or when it happened if unknown."""
    happened = nw.col(TIMES[log])
    if RECORDED not in frame.collect_schema():
        return happened
    return nw.when(nw.col(RECORDED) == MISSING).then(happened).otherwise(nw.col(RECORDED))


# ---- logs of logs ----------------------------------------------------------------------------------------------------


def common_currency(currencies: Sequence[str | None]) -> str | None:
    """Return the one currency of several logs.

    Raises:
        MoneyError: There are two.
    """
    names = sorted({currency for currency in currencies if currency is not None})
    if len(names) > 1:
        msg = f"the logs have different currencies ({' and '.join(names)}); convert the amounts to one currency first"
        raise MoneyError(msg)
    return names[0] if names else None


def joined_own(parts: Sequence[OwnColumns]) -> OwnColumns:
    """Return the own columns of several logs."""
    logs = dict.fromkeys(log for part in parts for log in part)
    return {log: tuple(dict.fromkeys(name for part in parts for name in part.get(log, ()))) for log in logs}


def concatenated(parts: Sequence[Mapping[str, Frame]], aliases: Sequence[Frame]) -> dict[str, Frame]:
    """Return canonical logs together: the rows of each log one after the other, each record once.

    Raises:
        LogsError: Records contradict each other, or refer to a record that is missing or does not fit.
    """
    logs = {
        log: _stacked([part[log] for part in parts if log in part])
        for log in LOGS
        if any(log in part for part in parts)
    }
    for frame in aliases:
        logs = resolve_aliases(logs, frame)
    logs = each_once(logs)
    raise_if_any([*reference_issues(logs, logs), *sum_issues(logs)])
    return logs


def each_once(logs: Mapping[str, Frame]) -> dict[str, Frame]:
    """Return canonical logs with each record once.

    Raises:
        LogsError: Records contradict each other.
    """
    issues: list[Issue] = []
    unique = dict(logs)
    for log, frame in logs.items():
        repeated = collect_once(duplicated(frame, keys_of(log)))
        if row_count(repeated):
            issues += conflict_issues(log, repeated)
            unique[log] = collect_once(drop_duplicates(frame, repeated))
    raise_if_any(issues)
    return unique


def alias_frame(native: object) -> Frame:
    """Return validated aliases.

    Raises:
        LogsError: There are issues.
    """
    source = from_native(native, LOGS["aliases"])
    raise_if_any(list(schema_issues("aliases", source)))
    frame = collect_once(normalize("aliases", source))
    raise_if_any(list(issues_of("aliases", frame, checks_of("aliases", None, source))))
    raise_if_any(list(alias_issues(frame)))
    return frame


def _stacked(frames: Sequence[Frame]) -> Frame:
    """Stack frames; a column that a frame does not have is empty there."""
    if len(frames) == 1:
        return frames[0]
    columns = {name: dtype for frame in reversed(frames) for name, dtype in frame.collect_schema().items()}
    names = [name for name in columns if name != RECORDED] + [name for name in columns if name == RECORDED]
    return collect_once(nw.concat([_with_columns_of(frame, columns).select(names) for frame in frames]))


def _with_columns_of(frame: Frame, columns: Mapping[str, nw.dtypes.DType]) -> Frame:
    present = frame.collect_schema()
    absent = {name: dtype for name, dtype in columns.items() if name not in present}
    empty = {name: nw.lit(MISSING if name == RECORDED else None, dtype) for name, dtype in absent.items()}
    return frame.with_columns(**empty) if empty else frame
