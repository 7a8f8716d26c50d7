from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.metrics._display import days, money


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 d"),
        (timedelta(microseconds=1), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(hours=1, seconds=5), "1 h"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 h 59 min"),
        (timedelta(days=180), "180 d"),
        (timedelta(days=38, hours=13, minutes=32, microseconds=999_999), "38 d 13 h"),
        (timedelta(days=5, minutes=3), "5 d"),
        (-timedelta(days=2, hours=3), "-2 d 3 h"),
    ],
)
def test_a_span_is_written_by_its_two_largest_units(span: timedelta, text: str) -> None:
    """A span is rounded down to two units beside each other, and never told to the microsecond."""
    assert days(span) == text


@given(st.timedeltas(timedelta(0), timedelta(days=90_000)))
def test_a_written_span_is_never_longer_than_the_span(span: timedelta) -> None:
    """At most two units are written, and what is cut off is less than the smaller of them."""
    units = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1), "s": timedelta(seconds=1)}
    words = days(span).split()
    whole = sum((int(count) * units[unit] for count, unit in zip(words[::2], words[1::2], strict=True)), timedelta(0))

    assert len(words) in (2, 4)
    assert whole <= span < whole + units[words[1]]


@pytest.mark.parametrize(
    ("currency", "text"),
    [("GBP", "GBP 5,810,829.42"), ("IDR", "Rp5.810.829,42"), ("JPY", "JPY 581,082,942"), (None, "581,082,942")],
)
def test_money_has_a_currency_and_separators(currency: str | None, text: str) -> None:
    """An amount is written as its country writes it; without a currency it stays in minor units."""
    assert money(581_082_942, currency) == text
