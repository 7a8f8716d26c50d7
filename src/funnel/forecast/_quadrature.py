"""Numerical integration: nodes and weights."""

from __future__ import annotations

from functools import cache

import numpy as np

from funnel.forecast._buyers import Floats

_NODES = 32
"""Enough for the smooth integrals of this package to about 12 digits; the tests compare with adaptive integration."""


@cache
def unit_interval() -> tuple[Floats, Floats]:
    """Return the nodes and weights of Gauss-Legendre on (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    return (points + 1) / 2, weights / 2


def beta_nodes(a: Floats, b: Floats, nodes: int = 16) -> tuple[Floats, Floats]:
    """Return the nodes and weights of the mean over beta distributions: one row for each pair of parameters.

    The nodes are the eigenvalues of the Jacobi matrix (Golub, Welsch 1969, Mathematics of Computation 23, 221-230),
    whose entries follow from the canonical moments of the distribution. For parameters in the
    thousands the recursion is stable.
    """
    k = np.arange(1, nodes + 1, dtype=np.float64)
    a, b = a[:, None], b[:, None]
    odd = (a + k - 1) / (a + b + 2 * k - 2)
    even = k / (a + b + 2 * k - 1)
    first = odd * np.concatenate([np.ones_like(a), 1 - even[:, :-1]], axis=1)
    second = (1 - odd) * even
    matrix = np.zeros((len(a), nodes, nodes))
    index = np.arange(nodes)
    matrix[:, index, index] = first + np.concatenate([np.zeros_like(a), second[:, :-1]], axis=1)
    matrix[:, index[1:], index[:-1]] = np.sqrt(second[:, :-1] * first[:, :-1])
    points, vectors = np.linalg.eigh(matrix)
    return np.clip(points, 0.0, 1.0), np.asarray(vectors[:, 0, :] ** 2)
