"""Money: a whole number of minor units in one currency; exact, never a float.

Invariant: `Money.parse(m.format(style=s), m.currency, style=s) == m` for every money `m` and every style `s`.

Source: ISO 4217 for the codes and their decimals. A few withdrawn codes are kept for old records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import total_ordering
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, cast, final

import attrs
from pydantic_core import core_schema

from funnel._arguments import brief, did_you_mean, is_one_of
from funnel.errors import MoneyError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["Money"]

Style: TypeAlias = Literal["plain", "us", "id"]
"""Style of a written amount: plain 1234.56, us 1,234.56, id 1.234,56."""

LARGEST = 2**63 - 1
"""Largest number of minor units of one amount, positive or negative: the limit of a 64-bit column."""

_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ "
        "GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD "
        "MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD "
        "RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
        "USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ZWL"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {code: scale for scale, codes in _CODES.items() for code in codes.split()}
"""Number of decimals of each currency, by its code of ISO 4217."""

SIGNS = {"IDR": "Rp"}
"""Sign before the amount, by currency. These currencies are written without decimals if the decimals are zero."""

_SHAPES: dict[Style, re.Pattern[str]] = {
    "plain": re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?"),
    "us": re.compile(r"(-?)([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]+))?"),
    "id": re.compile(r"(-?)([0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,([0-9]+))?"),
}
_SEPARATORS: dict[Style, tuple[str, str]] = {"plain": ("", "."), "us": (",", "."), "id": (".", ",")}
_LIKE: dict[Style, str] = {"plain": "1250.00", "us": "1,250.00", "id": "1.250,00"}
_LONGEST = 40


def decimals(currency: str) -> int:
    """Return the number of decimals of a currency, by ISO 4217.

    Args:
        currency: Code of three capital letters.

    Returns:
        0, 2, 3 or 4.

    Raises:
        MoneyError: The code is not in ISO 4217.

    Example:
        >>> decimals("JPY"), decimals("USD"), decimals("KWD")
        (0, 2, 3)
    """
    scale = DECIMALS[currency] if is_one_of(currency, DECIMALS) else None
    if scale is None:
        raise MoneyError(_unknown(currency))
    return scale


def minor_units(amount: Decimal | int | str, currency: str) -> int:
    """Convert an amount to the smallest unit of its currency: cents, sen, yen.

    Args:
        amount: A `Decimal`, an int, or text such as "12.50". Text may not have more decimals than the currency has:
            "150.000" is never read as 150. A `Decimal` may, if the extra decimals are zero.
        currency: Code of ISO 4217.

    Returns:
        Number of minor units.

    Raises:
        MoneyError: The amount is a float, NaN or infinite, has too many decimals, or its currency is unknown.

    Example:
        >>> minor_units("12.50", "USD"), minor_units(150_000, "IDR"), minor_units(500, "JPY")
        (1250, 15000000, 500)
    """
    scale = decimals(currency)
    if isinstance(amount, str):
        return _from_text(amount, currency, "plain")
    if isinstance(amount, bool) or not isinstance(amount, (int, Decimal)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise MoneyError(_inexact(amount))
    return _bounded(amount * 10**scale if isinstance(amount, int) else _scaled(amount, currency, scale))


@final
@total_ordering
@attrs.frozen(init=False, repr=False, order=False)
class Money:
    """Exact amount of money in one currency.

    Amounts of one currency can be added, compared, and multiplied by integers; the result is exact. Two currencies
    in one operation raise an error. An amount of zero is false, like the number 0.

    Attributes:
        minor: Amount in the currency's smallest unit.
        currency: Code of ISO 4217, in capitals.

    Example:
        >>> Money("12.50", "USD") + Money(3, "USD")
        Money('15.50', 'USD')
        >>> Money(150_000, "IDR").format(style="id")
        'Rp150.000'
        >>> sum([Money("0.10", "USD")] * 3).amount
        Decimal('0.30')
    """

    minor: int
    currency: str

    if TYPE_CHECKING:

        def __attrs_init__(self, minor: int, currency: str) -> None: ...

    def __init__(self, amount: Decimal | int | str, currency: str) -> None:
        """Create money from an exact amount.

        Args:
            amount: A `Decimal`, an int, or text such as "12.50". A float is refused because it is not exact.
            currency: Code of ISO 4217, in capitals.

        Raises:
            MoneyError: The amount is not exact in that currency, or the currency is unknown.
        """
        self.__attrs_init__(minor_units(amount, currency), currency)

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Self:
        """Create money from whole minor units, as stored in columns.

        Args:
            minor: Number of cents, sen or yen.
            currency: Code of ISO 4217, in capitals.

        Returns:
            The money.

        Raises:
            MoneyError: The number is not an integer, or the currency is unknown.

        Example:
            >>> Money.of_minor(15_000_000, "IDR")
            Money('150000', 'IDR')
        """
        decimals(currency)
        if isinstance(minor, bool) or not isinstance(minor, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise MoneyError(_inexact(minor))
        return cls._create(int(minor), currency)

    @classmethod
    def parse(cls, text: str, currency: str, *, style: Style) -> Self:
        """Parse an amount written in a declared style; the style is never guessed.

        Args:
            text: Amount, with or without the code or sign of its currency before it.
            currency: Code of ISO 4217, in capitals.
            style: "plain" 1234.56, "us" 1,234.56 or "id" 1.234,56.

        Returns:
            The money.

        Raises:
            MoneyError: The text is not written in that style; the message names the styles that fit.

        Example:
            >>> Money.parse("Rp1.250.000", "IDR", style="id")
            Money('1250000', 'IDR')
        """
        decimals(currency)
        _check_style(style)
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise MoneyError(_inexact(text))
        return cls._create(_from_text(_unsigned(text, currency), currency, style), currency)

    @property
    def amount(self) -> Decimal:
        """Amount in the currency's main unit, exact."""
        digits = tuple(map(int, str(abs(self.minor))))
        return Decimal((int(self.minor < 0), digits, -decimals(self.currency)))

    def format(self, *, style: Style = "plain") -> str:
        """Format the money for the shop's customers.

        Args:
            style: "plain" 1234.56, "us" 1,234.56 or "id" 1.234,56.

        Returns:
            The currency's code (a sign for the rupiah) and the amount. Rupiah has no decimals if they are zero.

        Example:
            >>> Money(-1_250_000, "IDR").format(style="id"), Money("1234.5", "USD").format(style="us")
            ('-Rp1.250.000', 'USD 1,234.50')
        """
        digits, sign = self._digits(style), SIGNS.get(self.currency)
        if sign is None:
            return f"{self.currency} {digits}"
        return f"-{sign}{digits[1:]}" if self.minor < 0 else f"{sign}{digits}"

    def __str__(self) -> str:
        """Return the code and the plain amount: "USD 12.50", "IDR 150000"."""
        return f"{self.currency} {self._digits('plain')}"

    def __repr__(self) -> str:
        """Return the call that creates this money."""
        return f"Money({self._digits('plain')!r}, {self.currency!r})"

    def __bool__(self) -> bool:
        """Return whether the amount is not zero."""
        return self.minor != 0

    def __add__(self, other: object) -> Self:
        """Add money of the same currency."""
        if not isinstance(other, Money):
            return NotImplemented
        return self._create(self.minor + self._same(other), self.currency)

    def __radd__(self, other: object) -> Self:
        """Allow `sum()` to start with 0. No other number can be added to money."""
        if type(other) is not int or other:
            return NotImplemented
        return self

    def __sub__(self, other: object) -> Self:
        """Subtract money of the same currency."""
        if not isinstance(other, Money):
            return NotImplemented
        return self._create(self.minor - self._same(other), self.currency)

    def __mul__(self, times: object) -> Self:
        """Multiply by an integer."""
        if isinstance(times, bool) or not isinstance(times, int):
            return NotImplemented
        return self._create(self.minor * times, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        """Return the amount with the opposite sign."""
        return self._create(-self.minor, self.currency)

    def __abs__(self) -> Self:
        """Return the amount without its sign."""
        return self._create(abs(self.minor), self.currency)

    def __lt__(self, other: object) -> bool:
        """Compare with money of the same currency."""
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor < self._same(other)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Define how pydantic reads and writes `{"amount": "12.50", "currency": "USD"}`."""
        return core_schema.no_info_plain_validator_function(
            cls._read,
            json_schema_input_schema=_shape(core_schema.union_schema([_AMOUNT, core_schema.int_schema()])),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls._pair, return_schema=_shape(_AMOUNT), when_used="json"
            ),
        )

    @classmethod
    def _create(cls, minor: int, currency: str) -> Self:
        money = cls.__new__(cls)
        money.__attrs_init__(_bounded(minor), currency)
        return money

    @classmethod
    def _read(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        kind, pair = type(value).__name__, cast("Mapping[str, Any]", value if isinstance(value, Mapping) else {})
        if set(pair) != {"amount", "currency"}:
            raise MoneyError(
                f'money must be Money("12.50", "USD"), or {{"amount": "12.50", "currency": "USD"}} (got {kind})'
            )
        return cls(pair["amount"], pair["currency"])

    def _pair(self) -> dict[str, str]:
        return {"amount": self._digits("plain"), "currency": self.currency}

    def _same(self, other: Money) -> int:
        if self.currency == other.currency:
            return other.minor
        raise MoneyError(
            f"{self.currency} and {other.currency} cannot be added or compared; convert them to one currency first"
        )

    def _digits(self, style: Style) -> str:
        _check_style(style)
        scale = decimals(self.currency)
        whole, part = divmod(abs(self.minor), 10**scale)
        group, point = _SEPARATORS[style]
        head = "-" * (self.minor < 0) + f"{whole:,}".replace(",", group)
        bare = not scale or (self.currency in SIGNS and not part)
        return head if bare else f"{head}{point}{part:0{scale}}"


_AMOUNT = core_schema.str_schema()


def _shape(amount: core_schema.CoreSchema) -> core_schema.CoreSchema:
    fields = {"amount": amount, "currency": core_schema.str_schema(pattern="^[A-Z]{3}$")}
    return core_schema.typed_dict_schema({name: core_schema.typed_dict_field(kind) for name, kind in fields.items()})


def _check_style(style: object) -> None:
    if not is_one_of(style, _SHAPES):
        raise MoneyError(f"style must be one of {', '.join(map(repr, _SHAPES))} (got {brief(style)})")


def _unknown(currency: object) -> str:
    if not isinstance(currency, str):
        return f"a currency must be a code of ISO 4217, such as 'USD' (got {type(currency).__name__})"
    hint = did_you_mean(currency.upper(), DECIMALS)
    return f"a currency must be a code of ISO 4217: three capital letters, such as 'USD'{hint}"


def _inexact(amount: object) -> str:
    return f"an amount must be exact: text such as '12.50', a Decimal or an int (got {type(amount).__name__})"


def _bounded(minor: int) -> int:
    if -LARGEST <= minor <= LARGEST:
        return minor
    raise MoneyError(f"an amount must be at most {LARGEST} minor units, the limit of a 64-bit column")


def _scaled(amount: Decimal, currency: str, scale: int) -> int:
    """Shift the decimal point in the digits: arithmetic of `Decimal` may round."""
    sign, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int):
        raise MoneyError("an amount is not a number, or is infinite; give a finite number")
    if not amount:
        return 0
    if amount.adjusted() > _LONGEST:
        return LARGEST + 1
    text = "".join(map(str, digits))
    shift = exponent + scale
    if shift < 0 and text[shift:].strip("0"):
        raise MoneyError(f"an amount must have at most {scale} decimals in {currency}; round it first")
    minor = int(text + "0" * shift) if shift >= 0 else int(text[:shift] or "0")
    return -minor if sign else minor


def _unsigned(text: str, currency: str) -> str:
    """Remove the currency's own code or sign before the amount; keep a minus."""
    bare = text.strip()
    minus = bare.startswith("-")
    rest = bare.removeprefix("-").lstrip() if minus else bare
    for sign in (currency, SIGNS.get(currency, currency)):
        if rest.startswith(sign):
            return "-" * minus + rest.removeprefix(sign).lstrip()
    return bare


def _match(text: str, scale: int, style: Style) -> re.Match[str] | None:
    match = _SHAPES[style].fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return match if match and len(match[3] or "") <= scale else None


def _from_text(text: str, currency: str, style: Style) -> int:
    scale = decimals(currency)
    match = _match(text, scale, style)
    if match is None:
        raise MoneyError(_unreadable(text, currency, style))
    whole = re.sub("[.,]", "", match[2])
    minor = int(whole + (match[3] or "").ljust(scale, "0"))
    return _bounded(-minor if match[1] else minor)


def _unreadable(text: str, currency: str, style: Style) -> str:
    scale = decimals(currency)
    fitting = [f"{_LIKE[other]} (style={other!r})" for other in _SHAPES if _match(text, scale, other)]
    hint = f"; use Money.parse if amounts are written like {' or '.join(fitting)}" if fitting else ""
    return f"an amount is not written in style {style!r} with at most {scale} decimals of {currency}{hint}"
