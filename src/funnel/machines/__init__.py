"""State machines: the default machine, custom machines, and transitions."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "SHOP_MACHINE": "stages",
        "TRANSITIONS": "stages",
        "Cause": "machines._table",
        "Journey": "machines._journey",
        "Machine": "stages",
        "MachineCheck": "machines._check",
        "PathDependentMachine": "stages",
        "Spell": "machines._journey",
        "Stage": "stages",
        "Transition": "machines._journey",
        "Transitions": "machines._machine",
        "stage": "stages",
        "transitions": "stages",
    },
)
