"""Facts of everyone at many past instants, with the outcome: a table for machine learning.

Invariant: a record that happens or is recorded after an instant does not change the facts of that instant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import narwhals as nw

from funnel._aggregate.group_by import PERSON
from funnel._arguments import brief, each, instance, subclass, suggest
from funnel._dataframes.adapter import installed, to_native
from funnel._dataframes.compute import collected
from funnel._people import logs_of
from funnel._time import EVER, spans_at
from funnel.backtest._dates import BacktestDates, ReplayDates
from funnel.errors import ArgumentError, FactsError, MissingExtraError
from funnel.facts import Facts
from funnel.facts._base import BaseFacts
from funnel.facts._schema import FactSchema, narrowed
from funnel.logs import Logs

AS_OF, BOUGHT, PERSON_NUMBER = "as_of", "bought", "_person_number"
_DAY = 86_400_000_000


def feature_table(
    logs: Logs[Any], dates: BacktestDates, names: Sequence[str], *, as_of: datetime, facts: type[BaseFacts] = Facts
) -> Any:
    """Return facts of everyone at past instants, and whether the person bought in the time that followed.

    Records that happened after an instant, or were recorded after it, do not influence its facts. The table suits
    scikit-learn and similar libraries. Split it by `as_of`: fit on earlier instants, evaluate on later ones.

    Args:
        logs: All records. Logs of a database or cluster are loaded into local memory.
        dates: The instants, and the time after each in which a purchase counts.
        names: Names of the facts, such as "purchase_count". Instead of an instant, name a span such as
            "since_last_purchase".
        as_of: The end of the data. Instants whose horizon is not over by then are left out.
        facts: The class that declares the facts.

    Returns:
        A dataframe of the same type as the logs (polars for a database or cluster), one row a person and instant:
        `person_id`, `as_of`, the facts, `bought`. Spans are days as floats, and NaN if the span is infinite. Counts and
        money are integers, flags booleans, texts "" if nothing was recorded.

    Raises:
        InstantError: `as_of` is naive.
        FactsError: A fact is unknown, or is an instant.
        ArgumentError: `facts` is not a class of facts, there are too many instants, none has a horizon that is over,
            or the logs have no records.
        MissingExtraError: NumPy is not installed (the extra `numpy`).

    Source: the same replay as `backtest`.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime, timedelta
        >>> from funnel import Logs
        >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 3, 20)]
        >>> bought = {"id": [1, 2, 3], "person_id": ["sari", "budi", "sari"], "purchased_at": days, "amount": [900] * 3}
        >>> week = timedelta(days=7)
        >>> dates = BacktestDates(datetime(2026, 1, 10, tzinfo=UTC), every=week, horizon=2 * week)
        >>> table = feature_table(
        ...     Logs(purchases=pl.DataFrame(bought)),
        ...     dates,
        ...     ["purchase_count", "since_last_purchase"],
        ...     as_of=datetime(2026, 1, 25, tzinfo=UTC),
        ... )
        >>> table.drop("as_of").rows()
        [('budi', 1, 7.0, False), ('sari', 1, 9.0, True)]
    """
    if not installed("numpy"):
        msg = "a feature table needs NumPy, which is not installed; run: pip install 'shopfunnel[numpy]'"
        raise MissingExtraError(msg)
    from funnel.backtest._facts_by_day import FactsByDay, local
    from funnel.backtest._replay import OutcomePurchases, has_people

    instance(dates, BacktestDates, "dates", "a BacktestDates")
    subclass(facts, BaseFacts, "facts", "Facts or a class that extends it")
    plan = _plan(facts, [str(name) for name in each(names, "names", "a list of names of facts")])
    days, tables = ReplayDates.of(dates, as_of), local(logs_of(logs))
    if not days.closed or not has_people(tables):
        raise ArgumentError(
            "no instant has both records and a horizon that is over; pass an earlier first, or more logs"
        )
    by_day = FactsByDay.of(plan, tables, days.closed)
    bought = OutcomePurchases.of(tables, by_day, days)
    parts = list(_parts(plan, by_day, bought))
    table = nw.concat(parts).join(collected(by_day.names), on=PERSON_NUMBER, how="inner").sort(AS_OF, PERSON)
    kind = logs._frame_kind if logs._frame_kind in ("polars lazy", "pandas", "pyarrow") else "polars"
    return to_native(table.select(PERSON, AS_OF, *plan.declared, BOUGHT).lazy(), kind, instants=[AS_OF])


def _plan(facts: type[BaseFacts], names: Sequence[str]) -> FactSchema:
    plan = facts._fact_plan
    for name in names:
        if name not in plan.declared:
            raise FactsError(f"the fact {brief(name)} is unknown; {suggest(name, plan.declared)}")
        if name in plan.refused:
            raise FactsError(f"the fact {name} cannot be a feature: {plan.refused[name]}")
        if name in (PERSON, AS_OF, BOUGHT):
            raise FactsError(f"the fact {name} has the name of another column of the table; rename the fact")
    return narrowed(plan, frozenset(names))


def _parts(plan: FactSchema, by_day: Any, bought: Any) -> Iterator[nw.DataFrame[Any]]:
    indices = plan.run_indices()
    backend = by_day.names.implementation
    for day, (persons, values) in zip(by_day.days.tolist(), by_day.facts_by_day(), strict=True):
        columns: dict[str, Any] = {PERSON_NUMBER: persons, AS_OF: [day] * len(persons)}
        types: dict[str, Any] = {PERSON_NUMBER: nw.Int64(), AS_OF: nw.Int64()}
        for name, one in plan.declared.items():
            index, slope = indices[name]
            columns[name], types[name] = _feature(
                one.show, spans_at(values[index], slope, day) if slope else values[index]
            )
        columns[BOUGHT], types[BOUGHT] = bought.after(day)[persons], nw.Boolean()
        yield nw.from_dict(columns, types, backend=backend)


def _feature(show: str, values: Any) -> tuple[Any, nw.dtypes.DType]:
    """Return the values of one fact as a feature, and their type."""
    import numpy as np

    match show:
        case "text":
            return values.tolist(), nw.String()
        case "flag":
            return values.astype(np.bool_), nw.Boolean()
        case "number":
            return values.astype(np.int64), nw.Int64()
        case _:
            return np.where(np.abs(values) >= EVER, np.nan, values / _DAY), nw.Float64()
