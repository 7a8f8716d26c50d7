"""The models by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from funnel._arguments import check_choice, count_of
from funnel.errors import ArgumentError
from funnel.forecast._beta_dropout import BetaDropout, Stable
from funnel.forecast._family import Family
from funnel.forecast._pareto import Pareto

ModelName = Literal["mbg_nbd", "bg_nbd", "pareto_nbd", "nbd", "mbg_cnbd"]
"""The names of the models."""
MOST_EVENTS = 6
"""The largest k."""


def family_of(name: object, k: object = 1) -> Family:
    """Return the family of a model.

    Raises:
        ArgumentError: The name is unknown, or `k` does not fit the model.
    """
    check_choice(name, get_args(ModelName), "the model")
    events = count_of(k, "k", minimum=1, most=MOST_EVENTS)
    if events > 1 and name != "mbg_cnbd":
        raise ArgumentError(f"k belongs to the model 'mbg_cnbd' (got {name})")
    families: Mapping[object, Family] = {
        "mbg_nbd": BetaDropout("mbg_nbd", leaves_at_first=True),
        "bg_nbd": BetaDropout("bg_nbd", leaves_at_first=False),
        "mbg_cnbd": BetaDropout("mbg_cnbd", leaves_at_first=True, k=events),
        "pareto_nbd": Pareto(),
        "nbd": Stable(),
    }
    return families[name]
