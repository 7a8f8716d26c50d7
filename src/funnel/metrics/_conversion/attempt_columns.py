"""The attempts that a query finds in events, with column values read at rows of each attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, reduce

import attrs
import narwhals as nw

from funnel._arguments import instance
from funnel._dataframes.adapter import Frame, FrameKind, collect_once, to_local
from funnel.errors import EngineError
from funnel.metrics._conversion.attempts import attempts
from funnel.metrics._conversion.conditions import is_whole
from funnel.metrics._conversion.events import LOG_KINDS, let_in, tabled
from funnel.metrics._conversion.groups import GroupBy
from funnel.metrics._conversion.label_events import LabelledEvents, label_events
from funnel.metrics._conversion.plan import Plan
from funnel.metrics._conversion.query import ConversionQuery
from funnel.metrics._kinds import check_kinds
from funnel.metrics._purchases import to_rows


@attrs.frozen
class Attempts:
    """The selected attempts, one row each as `plan` describes, with the requested column values."""

    frame: Frame
    home: FrameKind
    plan: Plan


class AttemptColumns:
    """The events and the query, with the attempts as columns.

    Args:
        events: The events, as passed to `conversion`.
        asked: The query.
    """

    def __init__(self, events: object, asked: ConversionQuery) -> None:
        """Store both; nothing is computed yet."""
        self.events = tabled(events)
        self.asked = asked

    @cached_property
    def attempts(self) -> Attempts:
        """The selected attempts, with the column `by` if the query has groups."""
        by = self.asked.by
        return self.valued({} if by is None else {"by": by})

    def valued(self, values: Mapping[str, GroupBy], *, whole: bool = False) -> Attempts:
        """Return the selected attempts with column values read at their own rows, under these names.

        Raises:
            EngineError: A column is missing, or does not hold whole numbers when `whole` is true.
        """
        for one in values.values():
            instance(one.column, str, "column", "the name of a column")
        carry = list(dict.fromkeys(one.column for one in values.values()))
        here = self.marked(carry)
        for name in carry:
            _check_whole(name, here.source.types[name], needed=whole or any(one.edges for one in values.values()))
        found = attempts(here)
        frame = found.frame
        for name, one in values.items():
            column = f"v_{carry.index(one.column) + 1}"
            rows = found.rows.select("person", _at=nw.col("row"), _value=nw.col(column))
            at = frame.with_columns(_at=self._at(one, here.plan))
            joined = at.join(rows, on=["person", "_at"], how="left")
            frame = joined.with_columns(_banded(one).alias(name)).drop("_at", "_value")
        return Attempts(collect_once(frame), here.home, here.plan)

    def marked(self, carry: Sequence[str] = (), *, every_row: bool = False) -> LabelledEvents:
        """Return the events with the steps they match, materialized locally if every attempt counts."""
        made = label_events(self.events, self.asked, carry, every_row=every_row)
        if self.asked.attempts != "each":
            return made
        frame, home = to_local(made.frame, made.home)
        return attrs.evolve(made, frame=frame, home=home)

    def _at(self, by: GroupBy, plan: Plan) -> nw.Expr:
        """Return the number of the row at which a column is read."""
        if by.at == "first":
            return nw.col("row_1")
        if by.at != "last":
            return nw.col(f"row_{self.asked.number(by.at)}")
        last = nw.col("row_1")
        for turn, step in enumerate(plan.required[1:], 2):
            last = nw.when(nw.col("reached") >= turn).then(nw.col(f"row_{step.number}")).otherwise(last)
        return last

    def check_kinds(self) -> None:
        """Refuse misspelt kinds.

        A kind that does not occur and resembles none that does counts 0.

        Raises:
            ArgumentError: A kind of a step or an exclusion does not occur and resembles a kind that does.
        """
        steps = (step.kind for step in self.asked.steps if step.kind is not None)
        excluded = (one.kind for one in self.asked.exclude if one.kind is not None)
        check_kinds(steps, self._kinds, excluded)

    @cached_property
    def _kinds(self) -> Sequence[str]:
        """Return the kinds that occur, before or after `as_of`.

        For logs: every kind that logs can hold.
        """
        source = let_in(self.events, (), self.asked.now)
        if source.is_logs:
            return LOG_KINDS
        return sorted(kind for (kind,) in to_rows(source.frame.select("kind").unique(), "kind"))


def _check_whole(name: str, dtype: nw.dtypes.DType, *, needed: bool) -> None:
    if needed and not is_whole(dtype):
        msg = f"the column {name!r} is {dtype}; give one of whole numbers, such as amounts in minor units"
        raise EngineError(msg)


def _banded(by: GroupBy) -> nw.Expr:
    """Return the value itself, or the number of its bin."""
    if not by.edges:
        return nw.col("_value")
    place = reduce(
        lambda band, edge: nw.when(nw.col("_value") >= edge[1]).then(nw.lit(edge[0], nw.Int64())).otherwise(band),
        enumerate(by.edges, 1),
        nw.lit(0, nw.Int64()),
    )
    return nw.when(~nw.col("_value").is_null()).then(place)
