"""Test kit for a shop's own rules: generated people, both sides of every limit, all engines.

Requires hypothesis (`pip install "shopfunnel[testing]"`). No other part of the library imports this package.
"""

from importlib.util import find_spec

from funnel.errors import MissingExtraError

if find_spec("hypothesis") is None:
    raise MissingExtraError('funnel.testing needs hypothesis; install it with: pip install "shopfunnel[testing]"')

from funnel.testing.boundaries import Boundary, boundaries
from funnel.testing.engines import ENGINES, installed_engines
from funnel.testing.everywhere import assert_same_everywhere
from funnel.testing.machine import FunnelMachine
from funnel.testing.people import facts, logs, people, policies
from funnel.testing.strategies import (
    CANARY,
    customers,
    histories,
    instants,
    interactions,
    leads,
    lines,
    moneys,
    next_records,
    purchases,
    record_lists,
    refunds,
)

__all__ = [
    "CANARY",
    "ENGINES",
    "Boundary",
    "FunnelMachine",
    "assert_same_everywhere",
    "boundaries",
    "customers",
    "facts",
    "histories",
    "installed_engines",
    "instants",
    "interactions",
    "leads",
    "lines",
    "logs",
    "moneys",
    "next_records",
    "people",
    "policies",
    "purchases",
    "record_lists",
    "refunds",
]
