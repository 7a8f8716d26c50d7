"""Purchase counts by passes over packed rows, for data in local memory; the results equal those of the engines.

Requires NumPy and Polars. Import this package only if both are installed.
"""

from funnel.metrics._packed.summary import purchases_here, summaries

__all__ = ["purchases_here", "summaries"]
