"""Attempts by passes over packed rows, for data in local memory; it gives what `portable` gives, several times faster.

Needs numpy and Polars; import it only where both are installed.
"""

from funnel.metrics.conversion.packed.kernel import attempts

__all__ = ["attempts"]
