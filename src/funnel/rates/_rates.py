"""Exchange rates of a shop by currency and day, and exact conversion with them.

Invariants: an amount is rounded once, half to even, to whole minor units. A larger amount never becomes the smaller
one. The refunds of a purchase, converted one after the other, add up to what their sum becomes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from funnel._arguments import instance, kind_of, parse_instant, parse_zone
from funnel._copies import all_fields
from funnel._paths import path_of
from funnel._time import micros
from funnel.errors import ArgumentError, FileError, MoneyError
from funnel.money import Money, decimals
from funnel.rates._factors import SCALE, Factors
from funnel.records import OrderLine, Purchase, Record, Refund, check_is_record

if TYPE_CHECKING:
    from funnel._dataframes.frame_types import NativeT
    from funnel.logs import Logs


# ---- files of exchange rates: one row for each currency and day ------------------------------------------------------


_COLUMNS = ("currency", "day", "rate")
_HINT = "write the columns currency, day and rate, such as USD,2026-03-01,15800.5"


def rates_of_file(path: str | Path) -> dict[tuple[str, date], str]:
    """Return the rates of a CSV file by currency and day.

    Raises:
        FileError: The file cannot be read.
        MoneyError: The file is not a table of rates.
    """
    file = Path(path_of(path, ""))
    try:
        return _rates_of(file.name, file.read_text(encoding="utf-8-sig").splitlines())
    except OSError as error:
        raise FileError(f"{file.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MoneyError(f"{file.name} is not text in UTF-8; {_HINT}") from None
    except csv.Error:
        raise MoneyError(f"{file.name} has a cell that is too long; {_HINT}") from None


def _rates_of(name: str, lines: Iterable[str]) -> dict[tuple[str, date], str]:
    rows = csv.reader(lines)
    nothing: list[str] = []
    heading = [cell.strip().casefold() for cell in next(rows, nothing)]
    if not all(heading.count(column) == 1 for column in _COLUMNS):
        raise MoneyError(f"{name} is not a table of rates; {_HINT}")
    positions = [heading.index(column) for column in _COLUMNS]
    rates: dict[tuple[str, date], str] = {}
    for row in rows:
        if not any(row):
            continue
        currency, day, rate = (row[position].strip() if position < len(row) else "" for position in positions)
        decimals(currency)
        key = currency, _day_of(name, rows.line_num, day)
        if key in rates:
            raise MoneyError(f"{name} has two rates of {currency} on {day} (line {rows.line_num}); keep one of them")
        rates[key] = rate
    return rates


def _day_of(name: str, line: int, text: str) -> date:
    with suppress(ValueError):
        return date.fromisoformat(text)
    raise MoneyError(f"{name} has no day in line {line}; write it like 2026-03-01")


# ---- the rates -------------------------------------------------------------------------------------------------------


R = TypeVar("R", bound=Record)

MOST_DECIMALS = 12
"""Largest number of decimals of a rate."""

_HIGHEST = 10**9
_ONE: int = 10**SCALE
_PRICED = ("amount", "prepaid", "fees", "cost")
_PRICED_LINE = ("unit_price", "discount", "unit_cost")


@attrs.frozen(init=False)
class Rates:
    """Exchange rates of the shop: what one unit of a currency was worth in the reporting currency on a day.

    Rates are never fetched or guessed. A day without a rate is an error that names the currency and the day. The day
    of an amount is that of its record in the shop's zone. A refund takes the day of its purchase, because it undoes
    that sale. Converted amounts are rounded half to even, to whole minor units.

    Attributes:
        currency: Reporting currency, a code of ISO 4217.
        table: Currency, day and rate, sorted.
        tz: Zone that decides the day of an instant.

    Source: our default; half to even is the rounding of IEEE 754 and of `Decimal`.

    Example:
        >>> from datetime import UTC, date, datetime
        >>> rates = Rates("IDR", {("USD", date(2026, 3, 1)): "15800.5"}, tz="Asia/Jakarta")
        >>> rates.convert(Money("12.50", "USD"), at=datetime(2026, 3, 1, 2, tzinfo=UTC))
        Money('197506.25', 'IDR')
    """

    currency: str
    table: tuple[tuple[str, date, Decimal], ...] = attrs.field(repr=False)
    tz: str

    if TYPE_CHECKING:

        def __attrs_init__(self, currency: str, table: tuple[tuple[str, date, Decimal], ...], tz: str) -> None: ...

    def __init__(self, currency: str, rates: Mapping[tuple[str, date], Decimal | int | str], *, tz: str) -> None:
        """Check the rates and keep them.

        Args:
            currency: Reporting currency, a code of ISO 4217.
            rates: Rate by currency and day: units of the reporting currency for one unit of the currency. A `Decimal`,
                an int, or text such as "15800.5"; above 0, below 10⁹, with at most 12 decimals.
            tz: Zone that decides the day of an instant, such as "Asia/Jakarta".

        Raises:
            MoneyError: A currency is unknown, or a rate is not exact or out of range.
            ArgumentError: A key is not a currency and a day, or the zone is unknown.
        """
        decimals(currency)
        parse_zone(tz)
        instance(rates, Mapping, "rates", f"a mapping from (currency, day) to a rate, such as {_LIKE}")
        table = [(*_key(key), _rate(rate)) for key, rate in rates.items()]
        if any(code == currency for code, _, _ in table):
            raise ArgumentError(f"rates has rates of {currency}, the reporting currency; leave them out")
        self.__attrs_init__(currency, tuple(sorted(table, key=itemgetter(0, 1))), tz)

    @classmethod
    def from_csv(cls, path: str | Path, currency: str, *, tz: str) -> Rates:
        r"""Return the rates of a CSV file with the columns `currency`, `day` (2026-03-01) and `rate` (15800.5).

        Args:
            path: The file, in UTF-8. Other columns are ignored.
            currency: Reporting currency, a code of ISO 4217.
            tz: Zone that decides the day of an instant, such as "Asia/Jakarta".

        Raises:
            FileError: The file cannot be read.
            MoneyError: The file is not such a table, has two rates of one day, or a rate or a currency is invalid.
            ArgumentError: The zone is unknown, or the file has rates of the reporting currency.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = Path(folder, "rates.csv")
            ...     _ = path.write_text("currency,day,rate\nUSD,2026-03-01,15800.5\n")
            ...     Rates.from_csv(path, "IDR", tz="Asia/Jakarta")
            Rates(currency='IDR', tz='Asia/Jakarta')
        """
        return cls(currency, rates_of_file(path), tz=tz)

    @cached_property
    def factors(self) -> Mapping[tuple[str, date], int]:
        """Minor units of the reporting currency for one minor unit, times 10 ** `SCALE`."""
        return {
            (code, day): int(rate.scaleb(SCALE + decimals(self.currency) - decimals(code)))
            for code, day, rate in self.table
        }

    def convert(self, money: Money, *, at: datetime) -> Money:
        """Return an amount in the reporting currency.

        Args:
            money: Amount in any currency that has a rate, or in the reporting currency.
            at: Instant of the amount, an aware datetime; its day in the zone decides the rate.

        Raises:
            MoneyError: The day has no rate, or the converted amount is too large.
            InstantError: `at` is naive.
        """
        instance(money, Money, "money", "Money")
        return self._at(money, self._factor(money.currency, parse_instant(at, "at")))

    def of(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """Return the records of one person in the reporting currency.

        Each converted record has its amount before in `original`; a record that is converted already stays as it is.
        The prices of order lines are converted one by one, and may add up to a little more or less than the order. A
        refund whose converted amount is 0 is left out.

        Args:
            records: All records of the person, in any order; the purchase of each refund among them.

        Raises:
            MoneyError: A day has no rate, a refund has another currency than its purchase, or an amount is too large.
            ArgumentError: An item is not a record, or is a refund without its purchase.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> rates = Rates("USD", {("EUR", date(2026, 3, 1)): "1.085"}, tz="UTC")
            >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
            >>> order = Purchase(id="1", person_id="p1", purchased_at=noon, amount=Money("19.90", "EUR"))
            >>> (converted,) = rates.of([order])
            >>> converted.amount, converted.original
            (Money('21.59', 'USD'), Money('19.90', 'EUR'))
        """
        unique = tuple(dict.fromkeys(check_is_record(record) for record in records))
        purchases = {record.key: record for record in unique if isinstance(record, Purchase)}
        refunds = [record for record in unique if isinstance(record, Refund)]
        converted = {refund.key: changed for refund, changed in self._refunds(refunds, purchases)}
        results = [
            converted.get(record.key) if isinstance(record, Refund) else self._record(record) for record in unique
        ]
        return tuple(record for record in results if record is not None)

    def over(  # noqa: PLR0913 - one argument a log, as in Logs
        self,
        *,
        leads: NativeT | None = None,
        purchases: NativeT | None = None,
        refunds: NativeT | None = None,
        interactions: NativeT | None = None,
        aliases: NativeT | None = None,
        keep: Mapping[str, Sequence[str]] | None = None,
    ) -> Logs[NativeT]:
        """Return logs of tables in several currencies, in the reporting currency.

        The arguments are those of `Logs`. An empty `currency` means the reporting currency. The amounts before are kept
        as own columns `original_amount` (whole minor units) and `original_currency`. For every person, the result
        equals that of `of`.

        Raises:
            LogsError: Columns or rows are invalid, a day has no rate, or a converted amount is too large.
            EngineError: A frame cannot be read, or the frames are on different engines.

        Example:
            >>> import polars as pl
            >>> from datetime import UTC, date, datetime
            >>> rates = Rates("USD", {("EUR", date(2026, 3, 1)): "1.085"}, tz="UTC")
            >>> row = {"id": ["1"], "person_id": ["p1"], "amount": [1990], "currency": ["EUR"]}
            >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
            >>> logs = rates.over(purchases=pl.DataFrame({**row, "purchased_at": [noon]}))
            >>> logs.currency, logs.own_columns
            ('USD', {'purchases': ('original_currency', 'original_amount')})
        """
        from funnel.rates._over import logs_over

        frames = {
            "leads": leads,
            "purchases": purchases,
            "refunds": refunds,
            "interactions": interactions,
            "aliases": aliases,
        }
        factors = Factors(self.currency, self.tz, self.factors)
        return logs_over(factors, {log: frame for log, frame in frames.items() if frame is not None}, keep)

    # ---- records ----

    def _record(self, record: Record) -> Record:
        money = cast("Money | None", getattr(record, "amount", None))
        if money is None or money.currency == self.currency:
            return record
        factor = self._factor(money.currency, micros(record.happened_at))
        fields: dict[str, Any] = {**all_fields(record), "original": money}
        changed: dict[str, Any] = {name: self._maybe(fields[name], factor) for name in _PRICED if name in fields}
        if isinstance(record, Purchase):
            changed["lines"] = tuple(self._line(line, factor) for line in record.lines)
        return type(record)(**{**fields, **changed})

    def _line(self, line: OrderLine, factor: int) -> OrderLine:
        fields: dict[str, Any] = dict(all_fields(line))
        money: dict[str, Any] = {name: self._maybe(fields[name], factor) for name in _PRICED_LINE}
        if line.discount is not None:
            price = money["unit_price"]
            money["discount"] = min(money["discount"], price * line.quantity)
        return OrderLine(**{**fields, **money})

    def _refunds(
        self, refunds: Iterable[Refund], purchases: Mapping[tuple[str, str], Purchase]
    ) -> Iterable[tuple[Refund, Refund | None]]:
        """Yield each refund with its converted form; None if nothing is left of the amount."""
        returned: dict[tuple[str, str], int] = {}
        for refund in sorted(refunds, key=lambda one: (micros(one.refunded_at), one.id)):
            key = refund.source, refund.purchase_id
            order = purchases.get(key)
            if order is None:
                msg = f"the purchase of refund {refund.id!r} is missing; give all records of the person together"
                raise ArgumentError(msg)
            paid, back = _before(order), _before(refund)
            if paid.currency != back.currency:
                msg = f"a refund in {back.currency} is of a purchase in {paid.currency}"
                raise MoneyError(f"{msg}; give the refund in the currency of the purchase")
            if back.currency == self.currency:
                yield refund, refund
                continue
            factor = self._factor(back.currency, micros(order.purchased_at))
            before = returned.get(key, 0)
            returned[key] = before + back.minor
            minor = scaled(returned[key], factor) - scaled(before, factor)
            amount = Money.of_minor(minor, self.currency)
            fields: dict[str, Any] = {**all_fields(refund), "original": back, "amount": amount}
            yield refund, Refund(**fields) if minor else None

    # ---- amounts ----

    def _maybe(self, money: Any, factor: int) -> Money | None:
        return None if money is None else self._at(money, factor)

    def _at(self, money: Money, factor: int) -> Money:
        return Money.of_minor(scaled(money.minor, factor), self.currency)

    def _factor(self, currency: str, at: int) -> int:
        """Return the factor of a currency at an instant."""
        if currency == self.currency:
            return _ONE
        from funnel.metrics._periods import Calendar

        calendar = Calendar.of("day", self.tz)
        day = calendar.first_day(calendar.number_at(at))
        if (currency, day) not in self.factors:
            raise MoneyError(missing(currency, day))
        return self.factors[currency, day]


def scaled(minor: int, factor: int) -> int:
    """Return minor units times a factor, rounded half to even."""
    whole, rest = divmod(abs(minor) * factor, _ONE)
    whole += 2 * rest > _ONE or (2 * rest == _ONE and whole % 2 == 1)
    return -whole if minor < 0 else whole


def missing(currency: str, day: date) -> str:
    """Return the message about a day without a rate."""
    return f"the rates have no rate of {currency} on {day:%Y-%m-%d}; add it to the rates"


_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_LIKE = '{("USD", date(2026, 3, 1)): "15800.5"}'


def _key(key: object) -> tuple[str, date]:
    match key:
        case (str() as code, date() as day) if not isinstance(day, datetime):
            decimals(code)
            return code, day
        case _:
            raise ArgumentError(f"a rate must belong to a currency and a day, such as {_LIKE} (got {kind_of(key)})")


def _rate(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise MoneyError(f"a rate must be exact: text such as '15800.5', a Decimal or an int (got {kind_of(value)})")
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        raise MoneyError("a rate must be written like '15800.5', with a point and without a sign or other separators")
    rate = Decimal(value)
    exponent = rate.normalize().as_tuple().exponent if rate.is_finite() else 0
    if not rate.is_finite() or not 0 < rate < _HIGHEST or cast("int", exponent) < -MOST_DECIMALS:
        raise MoneyError(f"a rate must be above 0 and below {_HIGHEST}, with at most {MOST_DECIMALS} decimals")
    return rate


def _before(record: Purchase | Refund) -> Money:
    """Return the amount of a record before the conversion."""
    return record.amount if record.original is None else record.original
