"""State machines: the default machine, custom machines, and transitions."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "machines._check": "MachineCheck",
        "machines._journey": "Journey Spell Transition",
        "machines._machine": "Transitions",
        "machines._table": "Cause",
        "stages": "SHOP_MACHINE TRANSITIONS Machine PathDependentMachine Stage stage transitions",
    },
)
