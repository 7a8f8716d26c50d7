"""Columns of each log as input: which are required, their types, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import attrs

from funnel.interactions import KINDS, DeclineReason, PostponementReason
from funnel.records import Status

Kind = Literal["person", "id", "text", "instant", "amount", "whole"]

STATUSES: tuple[str, ...] = get_args(Status)
DIRECTIONS = ("in", "out")
REASONS = tuple(dict.fromkeys([*map(str, PostponementReason), *map(str, DeclineReason)]))


@attrs.frozen
class Column:
    """One column: its kind, whether it is required and filled, its default and its allowed values.

    A column that is not `required` may be absent or empty; `default` is its value then (None: no value).
    """

    kind: Kind
    required: bool = False
    default: str | int | None = None
    choices: tuple[str, ...] = ()


RECORDED = "recorded_at"
"""Column with the instant at which the shop learned of a row; if empty, the instant at which it happened."""

_SOURCE = Column("id", default="shop")

LOGS: Mapping[str, Mapping[str, Column]] = {
    "leads": {
        "person_id": Column("person", required=True),
        "arrived_at": Column("instant", required=True),
        "source": Column("text", default=""),
        "campaign": Column("text", default=""),
        "referred_by": Column("person"),
        RECORDED: Column("instant"),
    },
    "purchases": {
        "id": Column("id", required=True),
        "source": _SOURCE,
        "person_id": Column("person", required=True),
        "purchased_at": Column("instant", required=True),
        "amount": Column("amount", required=True),
        "currency": Column("text"),
        "status": Column("text", default="paid", choices=STATUSES),
        "cancelled_at": Column("instant"),
        "promotion": Column("text", default=""),
        "promised_at": Column("instant"),
        "delivered_at": Column("instant"),
        RECORDED: Column("instant"),
    },
    "refunds": {
        "id": Column("id", required=True),
        "source": _SOURCE,
        "purchase_id": Column("id", required=True),
        "refunded_at": Column("instant", required=True),
        "amount": Column("amount", required=True),
        "currency": Column("text"),
        "reason": Column("text", default=""),
        RECORDED: Column("instant"),
    },
    "interactions": {
        "id": Column("id", required=True),
        "source": _SOURCE,
        "person_id": Column("person", required=True),
        "occurred_at": Column("instant", required=True),
        "kind": Column("text", required=True, choices=KINDS),
        "direction": Column("text", choices=DIRECTIONS),
        "channel": Column("text", default=""),
        "regarding": Column("id"),
        "reason": Column("text", default=""),
        "until": Column("instant"),
        "latest": Column("instant"),
        "score": Column("whole"),
        "amount": Column("amount"),
        "currency": Column("text"),
        RECORDED: Column("instant"),
    },
    "aliases": {
        "alias": Column("person", required=True),
        "person_id": Column("person", required=True),
    },
}
"""Every log with its columns. Amounts are whole minor units; instants are aware datetimes. `regarding` names the
question of an answer, the complaint of a resolution, the purchase of a delivery, and the purchase of a complaint if it
has one."""

TIMES: Mapping[str, str] = {
    "leads": "arrived_at",
    "purchases": "purchased_at",
    "refunds": "refunded_at",
    "interactions": "occurred_at",
}
"""Column with the instant of a row, by log."""

REGARDING: Mapping[str, str] = {"answer": "question", "resolution": "complaint"}
"""Kind of interaction that another kind closes."""

OUTWARD = ("quote", "answer", "delivery", "resolution", "follow_up")
"""Kinds of interaction that the shop starts if the table does not say who did."""
