"""Counts of what people bought by passes over packed rows, for data in local memory; the same as engines give.

Needs numpy and Polars; import it only where both are installed.
"""

from funnel.metrics.packed.purchases import purchases_here
from funnel.metrics.packed.summary import summaries
from funnel.metrics.packed.triangle import counted

__all__ = ["counted", "purchases_here", "summaries"]
