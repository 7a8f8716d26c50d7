"""Models whose parameters differ by covariates: source, campaign or another attribute known at the first purchase.

The logarithm of a parameter of a buyer is that of the average buyer, and an effect for each level that is not the most
common one: `log(alpha_i) = log(alpha) + sum of the effects`. Buyers of one combination of levels, a cell, have the same
parameters, so the likelihood is the sum of the likelihoods of the cells.

Source: Fader, Hardie 2007, "Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import attrs
import numpy as np

from funnel.forecast._buyers import Buyers, Floats, Indices
from funnel.forecast._family import Family, Values, as_values
from funnel.forecast._fit import Fit, fit
from funnel.forecast._summaries import Levels, contrasts


@attrs.frozen(eq=False)
class WithCovariates(Family):
    """A model whose parameters differ by covariates.

    Attributes:
        name: The name of the model.
        k: The number of events of the rate for each purchase.
        parameters: The parameters of the average buyer, then the factors: for each covariate, each level but the most
            common one, and each parameter that differs.
        times: The parameters that are times.
        base: The model of the buyers of one cell.
        levels: The covariates that number the cells.
        without: A covariate that has no effect. None: all have effects.
    """

    name: str
    k: int
    parameters: tuple[str, ...]
    times: tuple[str, ...]
    base: Family
    levels: tuple[Levels, ...]
    without: str | None = None

    @classmethod
    def of(cls, base: Family, levels: Sequence[Levels], without: str | None = None) -> Family:
        """Return a model with covariates; the model itself if no covariate has effects."""
        factors = [
            f"{name} of {one.name!r} {level!r}"
            for one in levels
            if one.name != without
            for level in one.levels[1:]
            for name in base.varying
        ]
        if not factors:
            return base
        return cls(base.name, base.k, (*base.parameters, *factors), base.times, base, tuple(levels), without)

    def rows(self, values: Values, buyers: Buyers) -> tuple[Floats, Floats]:
        """Return the log likelihood of each buyer, and its gradient."""
        likelihood, gradient = np.empty(len(buyers)), np.empty((len(self.parameters), len(buyers)))
        for cell in self._cells(values, buyers):
            likelihood[cell.rows], scores = self.base.rows(cell.values, cell.buyers)
            gradient[:, cell.rows] = np.einsum("bp,bn->pn", cell.design, scores)
        return likelihood, gradient

    def total(self, values: Values, buyers: Buyers) -> tuple[float, Floats]:
        """Return the log likelihood of all people, and its gradient."""
        likelihood, gradient = 0.0, np.zeros(len(self.parameters))
        for cell in self._cells(values, buyers):
            value, score = self.base.total(cell.values, cell.buyers)
            likelihood, gradient = likelihood + value, gradient + np.einsum("bp,b->p", cell.design, score)
        return likelihood, gradient

    def curvature(self, values: Values, buyers: Buyers) -> Floats:
        """Return the second derivatives of the log likelihood of all people by the logarithms of the parameters."""
        second = np.zeros((len(self.parameters), len(self.parameters)))
        for cell in self._cells(values, buyers):
            own = self.base.curvature(cell.values, cell.buyers)
            second += np.einsum("bp,bq->pq", cell.design, np.einsum("bc,cq->bq", own, cell.design))
        return second

    def alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance that each buyer has not left."""
        return self._each(self.base.alive, values, buyers)

    def at_least_if_alive(
        self, values: Values, buyers: Buyers, horizon: float | Floats, purchases: int | Floats
    ) -> Floats:
        """Return the chance of this number of purchases or more within the horizon, if the buyer has not left."""
        return self._each(self.base.at_least_if_alive, values, buyers, horizon, purchases)

    def expected_if_alive(self, values: Values, buyers: Buyers, horizon: float | Floats) -> Floats:
        """Return the mean number of purchases within the horizon, if the buyer has not left."""
        return self._each(self.base.expected_if_alive, values, buyers, horizon)

    def until_if_alive(self, values: Values, buyers: Buyers, chance: Floats) -> Floats:
        """Return the horizon within which a buyer purchases with this chance, if the buyer has not left."""
        return self._each(self.base.until_if_alive, values, buyers, chance)

    def ever_if_alive(self, values: Values, buyers: Buyers) -> Floats:
        """Return the chance of another purchase, however late, if the buyer has not left."""
        return self._each(self.base.ever_if_alive, values, buyers)

    def alike(self, buyers: Buyers) -> tuple[Buyers, Indices]:
        """Return buyers with different forecasts if nobody has left, and the index among them of each buyer."""
        return self.base.alike(buyers)

    @property
    def steps(self) -> int:
        """The number of parameters of the base: they change the logarithms of a cell as those of the cell do."""
        return len(self.base.parameters)

    def along(self, directions: Floats, changes: Floats, buyers: Buyers) -> Floats:
        """Return how a statistic of buyers changes along directions (rows)."""
        result = np.empty((len(directions), len(buyers)))
        for design, rows, part in self._parts(buyers):
            own = np.einsum("bp,dp->db", design, directions)
            result[:, rows] = self.base.along(own, changes[:, rows], part)
        return result

    @cached_property
    def _designs(self) -> Floats:
        """For each cell: how much each parameter (columns) changes those of the cell (rows), all as logarithms."""
        own = np.eye(len(self.base.parameters))
        varying = own[:, [self.base.parameters.index(name) for name in self.base.varying]]
        levels = contrasts(self.levels, self.without)
        effects = np.einsum("cl,bv->cblv", levels, varying).reshape(len(levels), len(own), -1)
        return np.concatenate([np.broadcast_to(own, (len(levels), *own.shape)), effects], axis=2)

    def _cells(self, values: Values, buyers: Buyers) -> Iterator[_Cell]:
        logs = np.log([values[name] for name in self.parameters])
        for design, rows, part in self._parts(buyers):
            yield _Cell(rows, part, design, as_values(self.base, np.einsum("bp,p->b", design, logs)))

    def _parts(self, buyers: Buyers) -> Iterator[tuple[Floats, Indices, Buyers]]:
        for number, rows, part in buyers.by_cell:
            assert number is not None
            yield self._designs[number], rows, part

    def _each(
        self, statistic: Callable[..., Floats], values: Values, buyers: Buyers, *arguments: float | Floats
    ) -> Floats:
        """Return a statistic of each buyer. Arguments are numbers, or one number for each buyer."""
        result = np.empty(len(buyers))
        for cell in self._cells(values, buyers):
            own = [np.broadcast_to(one, len(buyers))[cell.rows] if np.ndim(one) else one for one in arguments]
            result[cell.rows] = statistic(cell.values, cell.buyers, *own)
        return result


@attrs.frozen(eq=False)
class _Cell:
    """The buyers of one combination of levels.

    Attributes:
        rows: The indices of the buyers.
        buyers: The buyers.
        design: How much each parameter (columns) changes those of the cell (rows), all as logarithms.
        values: The parameters of the cell.
    """

    rows: Indices
    buyers: Buyers
    design: Floats
    values: Values


def fit_with(family: Family, levels: Sequence[Levels], buyers: Buyers, penalty: float = 0.0) -> Fit:
    """Fit a family with covariates to buyers, and the same without each of them.

    A model with more covariates begins where a model with fewer ends, so that its likelihood is at least as high.

    Args:
        family: The family.
        levels: The covariates.
        buyers: The buyers.
        penalty: The precision of a normal prior, as in `fit`.
    """
    plain = fit(family, buyers, penalty)
    if not levels:
        return plain
    fewer = [_further(plain, WithCovariates.of(family, levels, one.name), buyers, penalty) for one in levels]
    best = max(fewer, key=lambda one: one.log_likelihood)
    return attrs.evolve(_further(best, WithCovariates.of(family, levels), buyers, penalty), without=tuple(fewer))


def _further(smaller: Fit, family: Family, buyers: Buyers, penalty: float) -> Fit:
    """Fit a family that has the parameters of a smaller fit, and more."""
    if family is smaller.family:
        return smaller
    logs = dict(zip(smaller.family.parameters, smaller.logs, strict=True))
    return fit(family, buyers, penalty, np.array([logs.get(name, 0.0) for name in family.parameters]))
