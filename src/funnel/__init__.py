"""A shop's path from prospect to customer to repeat customer: typed records, facts, rules, stages and metrics.

A rule is written once, as a plain typed function, and gives the same answer for one person, for a table of millions,
for any day in the past, and for the exact moment at which the answer will change. The names that most programs need
are here; each is loaded when it is first used.
"""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_expr.combinators": "all_of any_of",
        "errors": "FunnelError",
        "facts._builtin": "Facts",
        "history": "History",
        "incremental._live_facts": "LiveFacts",
        "interactions": "Interaction",
        "logs": "Logs",
        "metrics._conversion.conversion": "conversion",
        "metrics._conversion.groups": "GroupBy",
        "metrics._conversion.query": "Exclusion FunnelStep",
        "metrics._lifecycle": "lifecycle",
        "metrics._rate": "Rate",
        "metrics._repeat.rates": "repeat_rates",
        "metrics._retention.retention": "retention",
        "metrics._survival.survival": "survival",
        "metrics._warm_up": "warm_up",
        "money": "Money",
        "policy": "Policy",
        "profiles": "customer_profile",
        "readers._read_orders": "read_orders",
        "records": "Contact Customer Lead OrderLine Purchase Refund",
        "rules._activity": "is_lapsed",
        "rules._next_action": "next_action",
        "rules._readiness": "readiness",
        "rules._rfm": "rfm",
        "rules._rule": "Rule rule",
        "stages": "Machine Stage stage transitions",
        "store._protocol": "Store",
        "store._server": "AsyncSqlAlchemyStore SqlAlchemyStore",
        "store._sqlite_store": "SqliteStore",
        "worklists._worklist": "worklist",
    },
)
