"""Worklists: people to contact, with the action, the due time and the reason."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__, {"worklists._tasks": "Task Worklist", "worklists._worklist": "next_review_at worklist"}
)
