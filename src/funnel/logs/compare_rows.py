"""Checks between rows and between logs: duplicates, contradictions, and references to other records."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TypeAlias

import narwhals as nw

from funnel._dataframes.adapter import ROW, Frame, distinct
from funnel._dataframes.compute import to_rows
from funnel.logs.schema import LOGS, RECORDED, REGARDING, Issue
from funnel.logs.validate import Check, issues_of, row_count, row_numbers

Referring: TypeAlias = tuple[Frame, Sequence[Check]]
"""Rows with the records that they refer to, and the checks of both together."""


def keys_of(log: str) -> list[str]:
    """Return the columns that identify a record."""
    return _KEYS.get(log, ["source", "id"])


_KEYS: Mapping[str, list[str]] = {"leads": ["person_id", "arrived_at", "source", "campaign"], "people": ["person_id"]}


def conflicting_keys(log: str, frame: Frame) -> Frame:
    """Return the keys of records that differ in content."""
    keys = keys_of(log)
    contents = distinct(frame.select(*_content_columns(frame)))
    return contents.group_by(*keys).agg(nw.len().alias("_times")).filter(nw.col("_times") > 1).drop("_times")


def conflict_issues(log: str, frame: Frame) -> Iterator[Issue]:
    """Yield an issue if records with the same key differ in content.

    It is unknown which one is right.
    """
    keys = keys_of(log)
    conflicts = frame.join(conflicting_keys(log, frame), on=keys, how="inner")
    if count := row_count(conflicts):
        problem = f"repeats the same {' and '.join(keys)} with different content; keep the correct row"
        yield Issue(log, keys[-1], problem, count, row_numbers(conflicts))


def _content_columns(frame: Frame) -> list[str]:
    """Return the columns in which duplicates agree, also a shop's own: all but `recorded_at`."""
    return [name for name in frame.collect_schema() if name not in (ROW, RECORDED)]


def merged(frame: Frame) -> Frame:
    """Drop duplicates; keep the first row number and the earliest `recorded_at`.

    Conflicting records stay.
    """
    content = _content_columns(frame)
    firsts = [nw.col(name).min() for name in (ROW, RECORDED) if name in frame.collect_schema()]
    return frame.group_by(*content).agg(*firsts) if firsts else distinct(frame.select(*content))


def drop_duplicates(frame: Frame, repeated: Frame) -> Frame:
    """Drop duplicates and keep each record's first row.

    `repeated` are the rows of records that came more than once.
    """
    if ROW not in frame.collect_schema():
        return merged(frame)
    single = frame.join(repeated.select(ROW), on=ROW, how="anti")
    return nw.concat([single, merged(repeated).select(frame.collect_schema().names())])


def one_per_key(log: str, frame: Frame) -> Frame:
    """Return one record per key, whichever is right."""
    keys = keys_of(log)
    return merged(frame).unique(subset=keys, keep="first", order_by=[name for name in LOGS[log] if name not in keys])


def reference_issues(logs: Mapping[str, Frame], targets: Mapping[str, Frame]) -> Iterator[Issue]:
    """Yield records that refer to a record which is missing or does not fit."""
    if "refunds" in logs:
        yield from _refund_issues(logs["refunds"], targets.get("purchases"))
    if "interactions" not in logs:
        return
    interactions, present = logs["interactions"], _referring_kinds(logs["interactions"])
    for rows, checks in closing_checks(interactions, targets["interactions"], present):
        yield from issues_of("interactions", rows, checks)
    yield from _purchase_reference_issues(interactions, targets.get("purchases"), present)


def closing_checks(interactions: Frame, targets: Frame, present: Container[str] = REGARDING) -> Iterator[Referring]:
    """Yield answers and resolutions with their questions and complaints; only of the kinds that are present."""
    for kind, target in REGARDING.items():
        if kind in present:
            openings = targets.filter(nw.col("kind") == target)
            yield _referring(interactions.filter(nw.col("kind") == kind), openings, kind, target)


def _referring_kinds(interactions: Frame) -> set[str]:
    """Return the kinds of the interactions that refer to a record."""
    rows = interactions.filter(nw.col("regarding") != "").group_by("kind").agg(nw.len())
    return {kind for (kind,) in to_rows(rows, "kind")}


def _purchase_reference_issues(
    interactions: Frame, purchases: Frame | None, present: Container[str]
) -> Iterator[Issue]:
    """Yield deliveries and complaints that refer to a purchase which is missing or does not fit."""
    for kind in ("delivery", "complaint"):
        if kind not in present:
            continue
        rows = interactions.filter((nw.col("kind") == kind) & (nw.col("regarding") != ""))
        if purchases is None:
            yield from issues_of("interactions", rows, [_of_no_log("regarding", "purchase")])
        else:
            yield from issues_of("interactions", *_referring(rows, _purchases_as_targets(purchases), kind, "purchase"))


def unresolved(logs: Mapping[str, Frame]) -> list[Issue]:
    """Return the issues of references to purchases, of logs without purchases."""
    if "purchases" in logs:
        return []
    refunds = _refund_issues(logs["refunds"], None) if "refunds" in logs else ()
    interactions = logs.get("interactions")
    if interactions is None:
        return [*refunds]
    return [*refunds, *_purchase_reference_issues(interactions, None, _referring_kinds(interactions))]


def _purchases_as_targets(purchases: Frame) -> Frame:
    return purchases.select("source", "id", "person_id", occurred_at=nw.col("purchased_at"))


def _referring(rows: Frame, targets: Frame, kind: str, target: str) -> Referring:
    keyed_targets = targets.select(
        "source",
        regarding=nw.col("id"),
        _target_person=nw.col("person_id"),
        _target_at=nw.col("occurred_at"),
        _there=nw.lit(1),
    )
    joined = rows.join(keyed_targets, on=["source", "regarding"], how="left")
    is_found = ~nw.col("_there").is_null()
    checks = [
        Check(
            "regarding", f"refers to a missing {target}; the {target} of a {kind} must be in the same source", ~is_found
        ),
        Check(
            "regarding",
            f"refers to a {target} of another person",
            is_found & (nw.col("_target_person") != nw.col("person_id")),
        ),
        Check("occurred_at", f"lies before its {target}", is_found & (nw.col("_target_at") > nw.col("occurred_at"))),
    ]
    return joined, checks


def _of_no_log(column: str, target: str) -> Check:
    return Check(column, f"refers to a {target}, but Logs has no {target}s", ~nw.col(column).is_null())


def _refund_issues(refunds: Frame, purchases: Frame | None) -> Iterator[Issue]:
    if purchases is None:
        yield from issues_of("refunds", refunds, [_of_no_log("purchase_id", "purchase")])
        return
    paid = purchases.select(
        "source", "purchased_at", purchase_id=nw.col("id"), _paid=nw.col("amount"), _there=nw.lit(1)
    )
    joined = refunds.join(paid, on=["source", "purchase_id"], how="left")
    is_found = ~nw.col("_there").is_null()
    total = refunds.group_by("source", "purchase_id").agg(nw.col("amount").sum().alias("_back"))
    summed = joined.join(total, on=["source", "purchase_id"], how="inner")
    checks = [
        Check(
            "purchase_id",
            "refers to a missing purchase; the purchase of a refund must be in the same source",
            ~is_found,
        ),
        Check("refunded_at", "lies before its purchase", is_found & (nw.col("purchased_at") > nw.col("refunded_at"))),
        Check(
            "amount",
            "exceeds the paid amount, together with the purchase's other refunds",
            is_found & (nw.col("_paid") >= 0) & (nw.col("_back") > nw.col("_paid")),
        ),
    ]
    yield from issues_of("refunds", summed, checks)
