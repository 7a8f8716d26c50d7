"""The columns of each log as a shop gives them: which must be there, of what type, what stands where one is absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import attrs

from funnel.interactions import KINDS, NoReason, PostponeReason
from funnel.records import Status

Kind = Literal["person", "id", "text", "instant", "amount", "whole"]

STATUSES: tuple[str, ...] = get_args(Status)
DIRECTIONS = ("in", "out")
REASONS = tuple(dict.fromkeys([*map(str, PostponeReason), *map(str, NoReason)]))


@attrs.frozen
class Column:
    """One column: what it holds, whether it must be there and filled, what an empty cell means, what it may say.

    A column that is not `required` may be absent or empty; `default` stands there (None: nothing).
    """

    kind: Kind
    required: bool = False
    default: str | int | None = None
    choices: tuple[str, ...] = ()


RECORDED = "recorded_at"
"""The column that says when the shop came to know of a row; where it is empty, the moment it happened."""

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
"""Every log with its columns. Amounts are whole minor units; instants are aware datetimes; `regarding` names the
question that an answer answers, the complaint that a resolution resolves, the purchase that was delivered or that a
complaint is of, if it is of one."""

TIMES: Mapping[str, str] = {
    "leads": "arrived_at",
    "purchases": "purchased_at",
    "refunds": "refunded_at",
    "interactions": "occurred_at",
}
"""The column that says when a row of a log happened."""

REGARDING: Mapping[str, str] = {"answer": "question", "resolution": "complaint"}
"""Which kind of interaction another kind closes."""

OUTWARD = ("quote", "answer", "delivered", "resolution", "follow_up_sent")
"""The kinds of interaction that the shop begins, where a table does not say who did."""
