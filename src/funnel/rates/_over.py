"""Conversion of tables: the same integers as `Rates.of`, computed by the engine that holds the data.

A factor is a whole number and 16 decimals in four groups of four digits. An amount of up to 10**14 times a group fits
into 64 bits, so the product is computed group by group, from the last one, with the carry of the group before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import timedelta
from typing import Any

import narwhals as nw

from funnel._aggregate.intervals import cached
from funnel._arguments import parse_zone
from funnel._dataframes.adapter import Frame, FrameKind, column_types, is_remote
from funnel._dataframes.compute import collected
from funnel._expr.division import divided
from funnel._expr.to_narwhals import int_lit, stepped, to_int
from funnel._fields import LARGEST_AMOUNT
from funnel._time import EARLIEST, start_of_day
from funnel.logs import Logs
from funnel.logs.normalize import MISSING
from funnel.logs.schema import LOGS, TIMES, Issue, raise_if_any
from funnel.logs.sums import integers, sum_issues
from funnel.logs.validate import row_count
from funnel.metrics._periods import Calendar
from funnel.rates._factors import SCALE, Factors

CODE, AMOUNT = "original_currency", "original_amount"
_LOGS = ("purchases", "refunds", "interactions")
_MONEY = ("amount", "prepaid", "fees", "cost")
_BASE, _GROUPS = 10**4, 4
_WHOLE, _HAS_RATE, _T, _KEY = "_whole", "_known", "_t", "_edge"
_PARTS = tuple(f"_part_{number}" for number in range(_GROUPS))
_FACTOR = (_WHOLE, *_PARTS, _HAS_RATE)
_MOST_NAMED = 5
_KEY_DISTANCE = 2**54
"""Distance between the keys of two currencies: more than all instants of 1800 to 2199, so that one sort serves all."""


def logs_over(factors: Factors, frames: Mapping[str, Any], keep: Mapping[str, Sequence[str]] | None) -> Logs[Any]:
    """Return logs of tables in several currencies, in the reporting currency of the rates."""
    priced = [log for log in _LOGS if log in frames and "currency" in column_types(frames[log])]
    renamed = {log: _renamed(frame) if log in priced else frame for log, frame in frames.items()}
    own_names = keep or {}
    own_columns = {log: (*own_names.get(log, ()), *([CODE] if log in priced else [])) for log in {*own_names, *priced}}
    return converted(factors, Logs(**renamed, keep=own_columns))


def converted(factors: Factors, unconverted: Logs[Any]) -> Logs[Any]:
    """Return logs in the reporting currency, of logs whose own column `original_currency` has the currencies."""
    logs = copy(unconverted)
    priced = [log for log, names in logs.own_columns.items() if CODE in names]
    tables = dict(vars(logs)["_logs"])
    for log in priced:
        code = (
            nw.when(nw.col(CODE).is_null() | (nw.col(CODE) == ""))
            .then(nw.lit(factors.currency))
            .otherwise(nw.col(CODE))
        )
        tables[log] = tables[log].with_columns(code.alias(CODE))
    _check_refunds(tables, factors.currency)
    tables |= {log: cached(_converted(factors, log, tables, vars(logs)["_frame_kind"])) for log in priced}
    raise_if_any(list(sum_issues(tables)))
    own = {**logs.own_columns, **{log: (*logs.own_columns[log], AMOUNT) for log in priced}}
    vars(logs).update(_logs=tables, currency=factors.currency, _own=own)
    return logs


def _renamed(native: Any) -> Any:
    return nw.to_native(nw.from_native(native).rename({"currency": CODE}))


def _check_refunds(tables: Mapping[str, Frame], currency: str) -> None:
    """Check that each refund has the currency of its purchase."""
    if "refunds" not in tables or "purchases" not in tables:
        return
    refunds, orders = (_with_code(tables[log], currency) for log in ("refunds", "purchases"))
    bought = orders.select("source", purchase_id=nw.col("id"), _bought_in=nw.col(CODE))
    unlike = refunds.join(bought, on=["source", "purchase_id"], how="inner").filter(
        nw.col("_bought_in") != nw.col(CODE)
    )
    if count := row_count(unlike):
        problem = "is not that of the purchase; give each refund in the currency of its purchase"
        raise_if_any([Issue("refunds", "currency", problem, count)])


def _with_code(frame: Frame, currency: str) -> Frame:
    return frame if CODE in frame.collect_schema() else frame.with_columns(nw.lit(currency).alias(CODE))


def _converted(factors: Factors, log: str, tables: Mapping[str, Frame], frame_kind: FrameKind) -> Frame:
    """Return a log with converted amounts, and the amounts before.

    Raises:
        LogsError: A day has no rate, or a converted amount is too large.
    """
    frame = tables[log]
    columns = [*frame.collect_schema().names(), AMOUNT]
    timed = frame.with_columns(nw.col("amount").alias(AMOUNT), nw.col(TIMES[log]).alias(_T))
    if log == "refunds":
        timed = _with_purchases(timed, tables["purchases"])
    factored = cached(_with_factors(factors, timed, frame_kind))
    _check_known(factors, log, factored)
    names = [name for name in _MONEY if name in LOGS[log]]
    if log == "refunds":
        return _refunds(factored).select(columns)
    for name in names:
        factored = cached(_with_scaled(factored, name, name))
    _check_sizes(log, names, factored)
    return factored.select(columns)


def _with_purchases(refunds: Frame, purchases: Frame) -> Frame:
    """Return refunds with the instant of their purchase, and the sum of the purchase's refunds so far."""
    bought = purchases.select("source", purchase_id=nw.col("id"), _bought_at=nw.col("purchased_at"))
    joined = refunds.join(bought, on=["source", "purchase_id"], how="inner").with_columns(_t=nw.col("_bought_at"))
    so_far = nw.col("amount").cum_sum().over("source", "purchase_id", order_by=["refunded_at", "id"])
    return joined.with_columns(_so_far=so_far).with_columns(nw.col("_so_far").cast(nw.Int64()))


def _refunds(frame: Frame) -> Frame:
    """Return refunds with converted amounts above 0."""
    before = frame.with_columns(_before=nw.col("_so_far") - nw.col("amount"))
    scaled = cached(_with_scaled(_with_scaled(before, "_before", "_before"), "_so_far", "_so_far"))
    return scaled.with_columns(amount=nw.col("_so_far") - nw.col("_before")).filter(nw.col("amount") > 0)


# ---- factors -------------------------------------------------------------------------------------------------------


def _steps(factors: Factors) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """Return the factors of each currency by the instant from which they hold; a day without a rate is unknown."""
    zone, one = parse_zone(factors.tz), timedelta(days=1)
    none = (0,) * len(_FACTOR)
    steps: dict[str, list[tuple[int, tuple[int, ...]]]] = {factors.currency: [(EARLIEST, (1, *none[1:-1], 1))]}
    for (code, day), factor in factors.by_day.items():
        whole, rest = divmod(factor, 10**SCALE)
        digits = f"{rest:0{SCALE}}"
        parts = tuple(int(digits[index : index + 4]) for index in range(0, SCALE, 4))
        edges = steps.setdefault(code, [(EARLIEST, none)])
        start = start_of_day(day, zone)
        if edges[-1][0] == start:
            edges.pop()
        edges += [(start, (whole, *parts, 1)), (start_of_day(day + one, zone), none)]
    return steps


def _rows(steps: Mapping[str, Sequence[tuple[int, tuple[int, ...]]]]) -> Iterator[tuple[int, ...]]:
    """Yield the factors after their keys; the first row is for currencies without rates."""
    yield (EARLIEST, *(0,) * len(_FACTOR))
    for number, some in enumerate(steps.values(), start=1):
        yield from ((number * _KEY_DISTANCE + edge, *factor) for edge, factor in some)


def _with_factors(factors: Factors, frame: Frame, frame_kind: FrameKind) -> Frame:
    """Return the frame with the parts of the factor of each row."""
    steps = _steps(factors)
    if not is_remote(frame_kind):
        rows, names = sorted(_rows(steps)), [_KEY, *_FACTOR]
        columns = {name: [row[index] for row in rows] for index, name in enumerate(names)}
        table = nw.from_dict(columns, dict.fromkeys(names, nw.Int64()), backend=frame.implementation).lazy()
        number_of_code = int_lit(0)
        for number, code in enumerate(steps, start=1):
            number_of_code = nw.when(nw.col(CODE) == code).then(int_lit(number)).otherwise(number_of_code)
        keyed = frame.with_columns(_at=number_of_code * _KEY_DISTANCE + nw.col(_T)).sort("_at")
        return keyed.join_asof(table, left_on="_at", right_on=_KEY, strategy="backward")
    values = {name: int_lit(0) for name in _FACTOR}
    for code, some in steps.items():
        for index, name in enumerate(_FACTOR):
            value = stepped(_T, [(factor[index], edge) for edge, factor in some])
            values[name] = nw.when(nw.col(CODE) == code).then(value).otherwise(values[name])
    return frame.with_columns(**values)


def _check_known(factors: Factors, log: str, frame: Frame) -> None:
    """Check that each amount has a rate; name the first currencies and days without one."""
    needs = frame.filter((nw.col(_HAS_RATE) == 0) & (nw.col("amount") != MISSING))
    if not (count := row_count(needs)):
        return
    calendar = Calendar.of("day", factors.tz)
    rows = collected(needs.select(CODE, _T).unique()).to_dict(as_series=False)
    days = {(code, calendar.number_at(t)) for code, t in zip(rows[CODE], rows[_T], strict=True)}
    labels = [f"{code} on {calendar.first_day(number):%Y-%m-%d}" for code, number in sorted(days)]
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    problem = f"has no rate of {', '.join(labels[:_MOST_NAMED])}{more}; add the rates"
    raise_if_any([Issue(log, "currency", problem, count)])


def _check_sizes(log: str, names: Sequence[str], frame: Frame) -> None:
    """Check that no converted amount is too large."""
    counts = integers(frame.select(**{name: to_int(nw.col(name) > LARGEST_AMOUNT).sum() for name in names}))
    problem = f"is above {LARGEST_AMOUNT} minor units in the reporting currency; check the rates"
    raise_if_any([Issue(log, name, problem, count) for name, count in zip(names, counts, strict=True) if count])


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def _with_scaled(frame: Frame, source: str, target: str) -> Frame:
    """Return the frame with an amount times the factor, rounded half to even; a missing amount stays missing.

    The steps are columns: an expression that contains itself four times would grow with each group of digits. An
    amount whose product is above the largest amount becomes one more than that.
    """
    amount, base = nw.col(source), int_lit(_BASE)
    whole = nw.when(nw.col(_WHOLE) > 0).then(nw.col(_WHOLE)).otherwise(int_lit(1))
    frame = frame.with_columns(_most=divided(int_lit(LARGEST_AMOUNT), whole))
    fits = (amount != MISSING) & (amount <= nw.col("_most"))
    frame = frame.with_columns(
        _fits=to_int(fits), _minor=nw.when(fits).then(amount).otherwise(int_lit(0)), _carry=int_lit(0), _rest=int_lit(0)
    ).with_columns(_below=int_lit(0))
    for name in reversed(_PARTS):
        below = nw.when(nw.col("_rest") > 0).then(int_lit(1)).otherwise(nw.col("_below"))
        frame = frame.with_columns(_below=below, _product=nw.col("_minor") * nw.col(name) + nw.col("_carry"))
        carry = divided(nw.col("_product"), base)
        frame = frame.with_columns(_carry=carry, _rest=nw.col("_product") - carry * _BASE)
    frame = frame.with_columns(_total=nw.col("_minor") * nw.col(_WHOLE) + nw.col("_carry"))
    is_odd = nw.col("_total") - divided(nw.col("_total"), int_lit(2)) * 2
    rest, half = nw.col("_rest"), _BASE // 2
    up = (rest > half) | ((rest == half) & ((nw.col("_below") > 0) | (is_odd == 1)))
    frame = frame.with_columns(_up=nw.col("_total") + to_int(up))
    other = nw.when(amount == MISSING).then(amount).otherwise(int_lit(LARGEST_AMOUNT + 1))
    return frame.with_columns(nw.when(nw.col("_fits") == 1).then(nw.col("_up")).otherwise(other).alias(target))
