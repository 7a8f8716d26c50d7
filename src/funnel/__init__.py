"""A shop's path from prospect to customer to repeat customer: typed records, facts, rules, stages and metrics.

A rule is written once, as a plain typed function, and gives the same answer for one person, for a table of millions,
for any day in the past, and for the exact moment at which the answer will change. The names that most programs need
are here; each is loaded when it is first used.
"""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "AsyncSqlAlchemyStore": "store._server",
        "Contact": "records",
        "Customer": "records",
        "Exclusion": "metrics._conversion.query",
        "Facts": "facts._builtin",
        "FunnelError": "errors",
        "FunnelStep": "metrics._conversion.query",
        "GroupBy": "metrics._conversion.groups",
        "History": "history",
        "Interaction": "interactions",
        "Lead": "records",
        "LiveFacts": "incremental._live_facts",
        "Logs": "logs",
        "Machine": "stages",
        "Money": "money",
        "OrderLine": "records",
        "Policy": "policy",
        "Purchase": "records",
        "Rate": "metrics._rate",
        "Refund": "records",
        "Rule": "rules._rule",
        "SqlAlchemyStore": "store._server",
        "SqliteStore": "store._sqlite_store",
        "Stage": "stages",
        "Store": "store._protocol",
        "all_of": "_expr.combinators",
        "any_of": "_expr.combinators",
        "conversion": "metrics._conversion.conversion",
        "customer_profile": "profiles",
        "is_lapsed": "rules._activity",
        "lifecycle": "metrics._lifecycle",
        "next_action": "rules._next_action",
        "read_orders": "readers._read_orders",
        "readiness": "rules._readiness",
        "repeat_rates": "metrics._repeat.rates",
        "retention": "metrics._retention.retention",
        "rfm": "rules._rfm",
        "rule": "rules._rule",
        "stage": "stages",
        "survival": "metrics._survival.survival",
        "transitions": "stages",
        "worklist": "worklists._worklist",
    },
)
