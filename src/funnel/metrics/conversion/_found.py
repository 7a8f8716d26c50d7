"""The attempts that a question finds in events, with the values of columns at the rows they speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, reduce

import attrs
import narwhals as nw

from funnel._frames import Frame, Home, brought, kept
from funnel._given import instance
from funnel.errors import EngineError
from funnel.metrics._kinds import check_kinds
from funnel.metrics._purchases import told
from funnel.metrics.conversion.asked import Asked
from funnel.metrics.conversion.attempts import attempts
from funnel.metrics.conversion.conditions import is_whole
from funnel.metrics.conversion.events import LOG_KINDS, let_in, tabled
from funnel.metrics.conversion.groups import By
from funnel.metrics.conversion.marks import Marked, marked
from funnel.metrics.conversion.plan import Plan


@attrs.frozen
class Attempts:
    """The attempts that count, one row each as `plan` describes them, with the values that were asked for."""

    frame: Frame
    home: Home
    plan: Plan


class Found:
    """What a question finds in events.

    Args:
        events: What `conversion` was given.
        asked: The question.
    """

    def __init__(self, events: object, asked: Asked) -> None:
        """Take both up; nothing is worked out yet."""
        self.events = tabled(events)
        self.asked = asked

    @cached_property
    def attempts(self) -> Attempts:
        """The attempts that count, with `by` where groups were asked for."""
        by = self.asked.by
        return self.valued({} if by is None else {"by": by})

    def valued(self, values: Mapping[str, By], *, whole: bool = False) -> Attempts:
        """The attempts that count, each with values of columns at rows of its own, under these names.

        Raises:
            EngineError: A column is not there, or is not of whole numbers where they must be.
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
        return Attempts(kept(frame), here.home, here.plan)

    def marked(self, carry: Sequence[str] = (), *, every_row: bool = False) -> Marked:
        """The events with the steps they match; where every attempt counts, in local memory."""
        made = marked(self.events, self.asked, carry, every_row=every_row)
        if self.asked.entry != "each":
            return made
        frame, home = brought(made.frame, made.home)
        return attrs.evolve(made, frame=frame, home=home)

    def _at(self, by: By, plan: Plan) -> nw.Expr:
        """The number of the row at which a column is read."""
        if by.at == "first":
            return nw.col("row_1")
        if by.at != "last":
            return nw.col(f"row_{self.asked.number(by.at)}")
        last = nw.col("row_1")
        for turn, step in enumerate(plan.required[1:], 2):
            last = nw.when(nw.col("reached") >= turn).then(nw.col(f"row_{step.number}")).otherwise(last)
        return last

    def check_kinds(self) -> None:
        """Refuse misspelt kinds; a kind that occurs nowhere, and looks like none that does, counts 0.

        Raises:
            ArgumentError: A kind of a step or an exclusion does not occur and looks like one that does.
        """
        steps = (step.kind for step in self.asked.steps if step.kind is not None)
        excluded = (one.kind for one in self.asked.exclude if one.kind is not None)
        check_kinds(steps, self._kinds, excluded)

    @cached_property
    def _kinds(self) -> Sequence[str]:
        """The kinds of event that occur, before or after the instant of judgement; of logs all they can hold."""
        source = let_in(self.events, (), self.asked.now)
        if source.is_logs:
            return LOG_KINDS
        return sorted(kind for (kind,) in told(source.frame.select("kind").unique(), "kind"))


def _check_whole(name: str, dtype: nw.dtypes.DType, *, needed: bool) -> None:
    if needed and not is_whole(dtype):
        msg = f"the column {name!r} is {dtype}; give one of whole numbers, such as amounts in minor units"
        raise EngineError(msg)


def _banded(by: By) -> nw.Expr:
    """The value itself, or the number of its band."""
    if not by.edges:
        return nw.col("_value")
    place = reduce(
        lambda band, edge: nw.when(nw.col("_value") >= edge[1]).then(nw.lit(edge[0], nw.Int64())).otherwise(band),
        enumerate(by.edges, 1),
        nw.lit(0, nw.Int64()),
    )
    return nw.when(~nw.col("_value").is_null()).then(place)
