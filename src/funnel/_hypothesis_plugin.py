"""Hypothesis plugin: registers strategies for records, histories, policies and facts.

`st.from_type(Purchase)` and `st.builds(...)` of a class that holds a purchase then give valid records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def register() -> None:
    """Register the strategies; each is imported when it is first used."""
    from hypothesis import strategies as st

    from funnel.facts import Facts
    from funnel.history import History
    from funnel.interactions import Interaction
    from funnel.money import Money
    from funnel.policy import Policy
    from funnel.records import Customer, Lead, OrderLine, Purchase, Refund

    names: dict[type[object], str] = {
        Money: "moneys",
        OrderLine: "lines",
        Customer: "customers",
        Lead: "leads",
        Purchase: "purchases",
        Refund: "refunds",
        Interaction: "interactions",
        History: "histories",
        Facts: "facts",
        Policy: "policies",
    }
    for cls, name in names.items():
        st.register_type_strategy(cls, _builder(name))
    for kind in Interaction.__subclasses__():
        st.register_type_strategy(kind, _builder("interactions", kind=kind.model_fields["kind"].default))


def _builder(name: str, **options: str) -> Callable[[object], Any]:
    def build(_: object) -> Any:
        from funnel import testing

        return getattr(testing, name)(**options)

    return build
