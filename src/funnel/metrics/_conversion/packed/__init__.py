"""The numpy kernel for local memory: same results as `narwhals_kernel`, several times faster.

Needs numpy and Polars. Import it only if both are installed.
"""

from funnel.metrics._conversion.packed.numpy_kernel import attempts

__all__ = ["attempts"]
