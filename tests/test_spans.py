"""A span of time has a unit, in every place that takes one: policies, metrics, steps, days of a replay."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from dateutil.relativedelta import MO, relativedelta
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from funnel import FunnelStep, Logs, Policy, conversion, is_lapsed, repeat_rates, retention, survival
from funnel._arguments import check_choice, parse_span, span_text
from funnel.backtest import BacktestDates, backtest
from funnel.errors import ArgumentError, FieldsError, FunnelError
from funnel.metrics import (
    affinity,
    growth,
    next_offers,
    promotion_retention,
    purchase_steps,
    repeat_by,
    repeat_rate_within,
    returning_rate,
)

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
LONGEST = timedelta(days=197_230)

_HALF: Any = 0.5
_NAN: Any = float("nan")

BARE: list[Any] = [
    180,
    180.0,
    bool(1),
    np.int64(180),
    np.float64(180),
    np.bool_(1),
    Decimal(180),
    "180",
    "180.0",
]
"""Numbers without a unit, as numbers and as text."""


def span_name(one: object) -> str:
    """Name a case by what is given and its type."""
    return f"{type(one).__name__} {one!r}"[:60]


class Shop(Policy):
    """A shop's own numbers, some of which are spans."""

    warranty: timedelta = timedelta(days=800)
    steps: tuple[timedelta, ...] = (DAY, 2 * DAY)
    pause: timedelta | None = None
    by_label: dict[str, timedelta] = {"a": TICK}  # noqa: RUF012 (pydantic copies it)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("180 days", 180 * DAY),
        ("1 day", DAY),
        ("26 weeks", 182 * DAY),
        ("2w", 14 * DAY),
        ("36 h", 1.5 * DAY),
        ("1.5 days", 1.5 * DAY),
        ("38 d 13 h", timedelta(days=38, hours=13)),
        ("1d2h3min4s5ms6us", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5, microseconds=6)),
        ("  90  MINUTES ", timedelta(minutes=90)),
        ("0.000001 s", TICK),
        ("3 µs", 3 * TICK),
        ("0 days", timedelta(0)),
        ("P180D", 180 * DAY),
        ("P26W", 182 * DAY),
        ("PT36H", 1.5 * DAY),
        ("p1dt2m", timedelta(days=1, minutes=2)),
        ("-P1DT0.5S", -timedelta(days=1, seconds=0.5)),
        ("+PT1S", timedelta(seconds=1)),
    ],
)
def test_a_text_with_units_is_a_span(text: str, length: timedelta) -> None:
    """A number and a unit, several of them, or an ISO 8601 duration of fixed length, is exactly that long."""
    assert parse_span(text) == length


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        *((bare, "which has no unit|not a number with a unit") for bare in BARE),
        (None, "got None, which has no unit"),
        ([1], "got list, which has no unit"),
        (np.timedelta64(3, "D"), "got timedelta64, which has no unit"),
        (pd.NaT, "got NaTType, which has no unit"),
        (pd.Timedelta(1, "ns"), "a fraction of a microsecond"),
        ("", "got empty text"),
        ("  ", "got empty text"),
        ("x" * 101, "text of 101 characters"),
        ("7 dys", "unknown unit"),
        ("1e3 days", "unknown unit"),
        ("nan days", "not a number with a unit"),
        ("-1 days", "not a number with a unit"),
        ("٣ days", "not a number with a unit"),
        ("1 d, 2 h", "not a number with a unit"),
        ("1 day 1 d", "repeats a unit"),
        ("0.0000001 s", "a fraction of a microsecond"),
        ("3 months", "length is not fixed"),
        ("1 y", "length is not fixed"),
        ("1 m", "write minutes as min"),
        ("P1Y", "length is not fixed"),
        ("P2M", "length is not fixed"),
        ("P", "not a number with a unit"),
        ("PT", "not a number with a unit"),
        ("P1DT", "not a number with a unit"),
        ("P1.D", "not a number with a unit"),
        ("P1DT1.H", "not a number with a unit"),
        (relativedelta(months=1), "length is not fixed"),
        (relativedelta(years=1), "length is not fixed"),
        (relativedelta(leapdays=1), "length is not fixed"),
        (relativedelta(day=1), "a date or time of day"),
        (relativedelta(weekday=MO), "a date or time of day"),
        (relativedelta(days=_HALF), "with fractions"),
        (relativedelta(days=_NAN), "with fractions"),
        (timedelta.max, "is too long"),
        ("999999999999999 weeks", "is too long"),
    ],
    ids=span_name,
)
def test_what_has_no_unit_or_no_fixed_length_is_no_span(wrong: Any, message: str) -> None:
    """Bare numbers, months and years are refused with the reason, and the error does not show the text."""
    with pytest.raises(ArgumentError, match=f"^within .*({message})") as caught:
        parse_span(wrong, "within")
    assert not (isinstance(wrong, str) and len(wrong) > len("nan days") and wrong in str(caught.value))


def test_a_relativedelta_of_fixed_length_is_a_span() -> None:
    """Weeks, days and smaller units have a length of their own."""
    assert parse_span(relativedelta(weeks=2, hours=30, microseconds=1)) == timedelta(days=15, hours=6, microseconds=1)
    assert type(parse_span(pd.Timedelta(days=3))) is timedelta


@given(st.timedeltas(-LONGEST, LONGEST))
def test_a_span_reads_back_from_its_text(length: timedelta) -> None:
    """A formatted span parses as the same span, to the microsecond, without years and months."""
    text = span_text(length)

    assert parse_span(text) == length
    assert re.fullmatch(r"-?P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9.]+S)?)?", text)


@given(st.integers(0, 10**4), st.sampled_from(["w", "days", "h", "min", "s", "ms", "us"]), st.integers(0, 999))
def test_a_number_and_a_unit_are_so_many_of_it(whole: int, unit: str, part: int) -> None:
    """A text is as long as its number of units, decimals included, or is refused because it is not whole."""
    exact = timedelta(**{_FIELD[unit]: 1}) * (whole * 1000 + part)

    if exact // TICK % 1000:
        with pytest.raises(ArgumentError, match="a fraction of a microsecond"):
            parse_span(f"{whole}.{part:03} {unit}")
    else:
        assert parse_span(f"{whole}.{part:03} {unit}") == exact / 1000


_FIELD = {
    "w": "weeks",
    "days": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
}

SPANS = sorted(name for name, field in Shop.model_fields.items() if "timedelta" in str(field.annotation))


@pytest.mark.parametrize("bare", BARE, ids=span_name)
@pytest.mark.parametrize("name", SPANS)
def test_no_field_of_a_policy_takes_a_bare_number(name: str, bare: Any) -> None:
    """Neither a span of ours nor one of a shop's own, alone, in a tuple or by name: 180 is not 180 seconds."""
    default = Shop.model_fields[name].default
    value = {"a": bare} if isinstance(default, dict) else (bare,) * 4 if isinstance(default, tuple) else bare

    with pytest.raises(FieldsError, match=rf"{name}.*(has no unit|with a unit)"):
        Shop(**{name: value})
    with pytest.raises(FieldsError, match=rf"{name}.*(has no unit|with a unit)"):
        Shop.model_validate({name: value})


@pytest.mark.parametrize("bare", ["180", "180.0", "true", '"180"', '"PT"'])
def test_no_file_gives_a_policy_a_bare_number(bare: str) -> None:
    """The same in JSON."""
    with pytest.raises(FieldsError, match="lapse_after"):
        Policy.model_validate_json(f'{{"lapse_after": {bare}}}')


def test_a_default_of_a_shop_is_checked_too() -> None:
    """A class of a shop whose default is a bare number cannot be used."""

    class Wrong(Policy):
        warranty: timedelta = 365  # type: ignore[assignment]

    with pytest.raises(FieldsError, match=r"warranty: .*got int, which has no unit"):
        Wrong()


@pytest.mark.parametrize("length", [2 * DAY, "48 h", "P2D", relativedelta(days=2), pd.Timedelta(days=2)])
def test_a_policy_takes_each_form_of_a_span(length: Any) -> None:
    """The same span, however it is written, is the same policy, also inside another model."""

    class Config(BaseModel):
        policy: Shop

    shop = Shop(lapse_after=length, steps=(length, 3 * DAY), pause=length, by_label={"b": length})

    assert shop == Shop(lapse_after=2 * DAY, steps=(2 * DAY, 3 * DAY), pause=2 * DAY, by_label={"b": 2 * DAY})
    assert Config.model_validate({"policy": {"lapse_after": length}}).policy.lapse_after == 2 * DAY


@given(st.builds(Shop, warranty=st.timedeltas(-LONGEST, LONGEST), lapse_after=st.timedeltas(TICK, LONGEST)))
def test_a_policy_reads_back_from_what_is_written_of_it(shop: Shop) -> None:
    """Nothing is lost in JSON or in a dict: each span is written with its unit, to the microsecond."""
    assert Shop.model_validate_json(shop.model_dump_json()) == shop
    assert Shop.model_validate(shop.model_dump(mode="json")) == shop
    assert Shop.model_validate(shop.model_dump()) == shop


def test_a_schema_calls_a_span_a_duration() -> None:
    """A stranger's program learns from the schema how a span is written."""
    assert Policy.model_json_schema()["properties"]["lapse_after"]["format"] == "duration"


ORDERS = pl.DataFrame({"id": ["1"], "person_id": ["p"], "purchased_at": [START], "amount": [5]})
LEADS = pl.DataFrame({"person_id": ["p"], "arrived_at": [START]})
LOGS = Logs(purchases=ORDERS, leads=LEADS)
LINES = pl.DataFrame({"purchase_id": ["1"], "sku": ["a"]})
EVENTS = pl.DataFrame({"person_id": ["p", "p"], "occurred_at": [START, START + DAY], "kind": ["view", "buy"]})
CURVE = survival([(START, START + DAY)] * 40, as_of=LATER)

CALLS: dict[str, Callable[[Any], Any]] = {
    "repeat_rates": lambda span: repeat_rates(LOGS, span, as_of=LATER),
    "repeat_rate_within": lambda span: repeat_rate_within(LOGS, span, as_of=LATER),
    "returning_rate": lambda span: returning_rate(LOGS, span, as_of=LATER),
    "repeat_by": lambda span: repeat_by(LOGS, "source", span, as_of=LATER),
    "promotion_retention": lambda span: promotion_retention(LOGS, span, as_of=LATER),
    "purchase_steps": lambda span: purchase_steps(LOGS, span, as_of=LATER),
    "affinity": lambda span: affinity(LOGS, LINES, span, as_of=LATER),
    "next_offers": lambda span: next_offers(LOGS, LINES, span, as_of=LATER),
    "at": CURVE.at,
    "restricted_mean": CURVE.restricted_mean,
    "growth": lambda span: growth(LOGS, within=span, margin=0.5, tz="UTC", as_of=LATER),
    "retention": lambda span: retention(ORDERS, window=span, tz="UTC", as_of=LATER),
    "conversion": lambda span: conversion(EVENTS, ["view", "buy"], within=span, as_of=LATER),
    "step": lambda span: FunnelStep("buy", within=span),
    "every": lambda span: _replayed(span, 10 * DAY),
    "horizon": lambda span: _replayed(10 * DAY, span),
}
"""Every call that takes a span."""


def _replayed(every: Any, horizon: Any) -> Any:
    return backtest(is_lapsed, LOGS, Policy(), BacktestDates(START + DAY, every=every, horizon=horizon), as_of=LATER)


@pytest.mark.parametrize("name", CALLS)
def test_each_call_takes_a_text_and_answers_as_with_a_timedelta(name: str) -> None:
    """A span as text is the span: the result is the same, and holds it as a timedelta."""
    first, second, third = (repr(CALLS[name](span)) for span in (30 * DAY, "30 days", relativedelta(days=30)))

    assert first == second == third


@pytest.mark.parametrize("bare", [30, True, np.int64(30), Decimal(30), "30"], ids=span_name)
@pytest.mark.parametrize("name", CALLS)
def test_no_call_takes_a_bare_number(name: str, bare: Any) -> None:
    """A number without a unit is a wrong argument, and the error says what to give."""
    with pytest.raises(ArgumentError, match="must be a timedelta, or text with a unit such as '7 days'"):
        CALLS[name](bare)


@pytest.mark.parametrize("every", [relativedelta(days=-1), relativedelta(years=500), relativedelta(years=10**6)])
def test_a_replay_goes_ahead(every: relativedelta) -> None:
    """A step of months leads ahead, and not beyond the years that are kept."""
    with pytest.raises(ArgumentError, match="every must be above zero and at most 100 years"):
        _replayed(every, 10 * DAY)


def test_a_number_of_any_length_is_refused_in_words() -> None:
    """An error does not try to write a number of 5,000 digits."""
    with pytest.raises(ArgumentError, match="got int, which has no unit"):
        parse_span(10**5000)
    with pytest.raises(ArgumentError, match=r"word must be 'a' or 'b' \(got int\)"):
        check_choice(10**5000, ("a", "b"), "word")


@given(st.one_of(st.text(max_size=120), st.integers(), st.floats(), st.binary(), st.none()))
def test_whatever_is_given_for_a_span_is_a_span_or_an_error_of_ours(anything: Any) -> None:
    """No text and no number makes another error."""
    try:
        length = parse_span(anything)
    except FunnelError:
        return
    assert isinstance(length, timedelta)
    assert isinstance(anything, str)
