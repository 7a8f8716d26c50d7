"""Texts, numbers, money, spans and days of the report, in one language."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from enum import Enum
from functools import reduce
from zoneinfo import ZoneInfo

import attrs

from funnel._chart_messages import CHARTS, MONTHS, UNITS
from funnel._messages import Translated
from funnel._report_messages import ACCOUNT, OUTCOMES, READ_AS, REPORT
from funnel.messages import Language, label
from funnel.metrics._display import days
from funnel.metrics._rate import Rate
from funnel.money import Money
from funnel.readers._account import Entry
from funnel.stages import Stage

_READ_AS = ((READ_AS, "dibaca sebagai "), (", which has the columns ", ", dengan kolom "))
_STAGES = {stage.value.replace("_", " "): stage for stage in Stage}
_TO_INDONESIAN = str.maketrans(",.", ".,")


@attrs.frozen
class Words:
    """How the report says things.

    Args:
        language: "en" English, "id" Indonesian.
        zone: The shop's time zone.
    """

    language: Language
    zone: ZoneInfo

    def __call__(self, key: str, **values: object) -> str:
        """Return a text of the page, with its values."""
        return self._choose(REPORT[key]).format(**values)

    def label(self, answer: Enum) -> str:
        """Return the name of a stage or an action."""
        return label(answer, language=self.language)

    def number(self, number: int) -> str:
        """Return a whole number."""
        return self._figures(f"{number:,}")

    def people(self, count: int) -> str:
        """Return a number of people."""
        return self("one_person") if count == 1 else self("some_people", count=self.number(count))

    def percent(self, share: float | None) -> str:
        """Return a share as a percentage; empty if it is None."""
        return "" if share is None else f"{self._figures(f'{100 * share:.1f}')} %"

    def points(self, difference: float) -> str:
        """Return a difference of shares in points, with its sign."""
        return self._figures(f"{100 * difference:+.1f}")

    def difference(self, one: float, other: float) -> str:
        """Return the difference of two shares in points, without its sign, as their percentages show it."""
        return self.points(abs(round(100 * one, 1) - round(100 * other, 1)) / 100).removeprefix("+")

    def change(self, before: int, after: int) -> str:
        """Return a relative change, with its sign."""
        return f"{self.points(after / before - 1)} %" if before > 0 else self("new_from_none")

    def rate(self, rate: Rate) -> str:
        """Return a rate with its counts and its interval."""
        if rate.value is None or rate.ci_lower is None or rate.ci_upper is None:
            return self("no_rate")
        low, high = (self._figures(f"{100 * end:.1f}") for end in (rate.ci_lower, rate.ci_upper))
        counts = {"hits": self.number(rate.successes), "trials": self.number(rate.trials)}
        return self("rate", share=self.percent(rate.value), interval=self("to", low=low, high=high), **counts)

    def span(self, span: timedelta) -> str:
        """Return a span with its two largest units."""
        return self._local(days(span))

    def money(self, money: Money | None) -> str:
        """Return an amount with its currency; 0 if there is no currency yet."""
        if money is None:
            return "0"
        is_local = self.language == "id" or money.currency == "IDR"
        return money.format(style="id" if is_local else "us")

    def month(self, day: date) -> str:
        """Return the month of a day with its year."""
        return f"{self._choose(MONTHS[day.month - 1])} {day.year}"

    def clock(self, moment: datetime) -> str:
        """Return an instant in the shop's zone."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def day(self, moment: datetime) -> str:
        """Return the day of an instant in the shop's zone."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d}"

    def outcome(self, entry: Entry) -> str:
        """Return the outcome of rows."""
        return self._choose(OUTCOMES[entry.what])

    def reason(self, entry: Entry) -> str:
        """Return the reason of an outcome."""
        if self.language == "en":
            return entry.reason
        return ACCOUNT.get(entry.reason) or reduce(lambda text, pair: text.replace(*pair), _READ_AS, entry.reason)

    def chart(self, text: str) -> str:
        """Return a text of a chart in Indonesian; unchanged if it has no translation."""
        if text in _STAGES:
            return self.label(_STAGES[text])
        for pattern, translated in CHARTS.items():
            if match := re.fullmatch(pattern, text):
                return translated.format(*map(self._local, match.groups()))
        return text

    def _local(self, text: str) -> str:
        """Return the figures and the units of a text in the language of the report."""
        return " ".join(self._choose(UNITS[part]) if part in UNITS else self._figures(part) for part in text.split())

    def _choose(self, texts: Translated) -> str:
        return texts[self.language == "id"]

    def _figures(self, text: str) -> str:
        return text.translate(_TO_INDONESIAN) if self.language == "id" else text
