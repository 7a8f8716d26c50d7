"""A currency column that the mapping does not name: amounts of two currencies are never read as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import attrs

from funnel._format import looks_like_data
from funnel.errors import LogsError, MoneyError
from funnel.money import decimals

_DOLLARS = "USD AUD CAD SGD HKD NZD TWD"
_KRONOR = "SEK NOK DKK ISK"
_NAMES = {
    "$ dollar dollars": _DOLLARS,
    "us$ usd$": "USD",
    "a$ au$": "AUD",
    "c$ ca$": "CAD",
    "s$ sg$": "SGD",
    "hk$": "HKD",
    "nz$": "NZD",
    "nt$": "TWD",
    "r$ real reais": "BRL",
    "mx$": "MXN",
    "peso pesos": "MXN PHP ARS CLP COP",
    "\u20ac euro euros": "EUR",
    "\u00a3 pound pounds sterling": "GBP EGP",
    "\u00a5 \uffe5": "JPY CNY",
    "yen \u5186": "JPY",
    "yuan renminbi rmb \u5143": "CNY",
    "\u20b9": "INR",
    "rs rupee rupees": "INR PKR LKR NPR",
    "rp rupiah": "IDR",
    "rm ringgit": "MYR",
    "\u20a9 won": "KRW",
    "\u0e3f baht": "THB",
    "\u20b1": "PHP",
    "\u20ab dong": "VND",
    "\u20bd ruble rubles rouble roubles": "RUB",
    "\u20ba lira": "TRY",
    "\u20a6 naira": "NGN",
    "\u20aa shekel shekels": "ILS",
    "\u20b4 hryvnia": "UAH",
    "fr sfr franc francs": "CHF XOF XAF",
    "kr krona kronor krone kroner": _KRONOR,
    "z\u0142 zloty": "PLN",
    "k\u010d koruna": "CZK",
    "ft forint": "HUF",
    "rand": "ZAR",
    "dirham dirhams": "AED MAD",
    "riyal riyals": "SAR QAR",
}
_CODES_BY_NAME = {name: frozenset(codes.split()) for names, codes in _NAMES.items() for name in names.split()}
_LANDS = {
    "us": "US",
    "u.s.": "US",
    "american": "US",
    "united states": "US",
    "australian": "AU",
    "canadian": "CA",
    "singapore": "SG",
    "hong kong": "HK",
    "new zealand": "NZ",
    "british": "GB",
    "uk": "GB",
    "japanese": "JP",
    "chinese": "CN",
    "indian": "IN",
    "indonesian": "ID",
    "swiss": "CH",
    "swedish": "SE",
    "norwegian": "NO",
    "danish": "DK",
    "mexican": "MX",
    "philippine": "PH",
}


@lru_cache(maxsize=1024)
def _codes_of(text: str) -> frozenset[str]:
    """Return the currencies that a text may mean, by code, sign or name; empty if it is not a currency."""
    if re.fullmatch("[a-z]{3}", text):
        try:
            decimals(text.upper())
        except MoneyError:
            pass
        else:
            return frozenset((text.upper(),))
    land, _, name = text.rpartition(" ")
    codes = _CODES_BY_NAME.get(name.rstrip("."), frozenset[str]())
    if land and land != "pound":
        return frozenset(code for code in codes if code.startswith(_LANDS.get(land, "-")))
    return codes


@attrs.define
class Currencies:
    """The columns whose cells have all been currencies so far, with these currencies.

    Attributes:
        currency: The mapping's currency.
        meanings: The possible meanings of the texts of each such column, by its position.
        signs: Positions of columns in which a text is a sign or a name, not a code.
    """

    currency: str
    meanings: dict[int, set[frozenset[str]]]
    signs: set[int] = attrs.field(factory=set[int])

    @classmethod
    def trials(cls, currency: str, positions: Iterable[int]) -> Currencies:
        """Start with the columns at these positions."""
        return cls(currency, {index: set() for index in positions})

    def look(self, index: int, cells: Iterable[str]) -> None:
        """Check cells of a column; a cell that is not a currency rules the column out."""
        texts = {cell.strip().casefold() for cell in set(cells)} - {""}
        if not all(map(_codes_of, texts)):
            del self.meanings[index]
            return
        self.meanings[index] |= set(map(_codes_of, texts))
        if any(not re.fullmatch("[a-z]{3}", text) for text in texts):
            self.signs.add(index)

    def column(self, name: str, heading: Sequence[str]) -> str | None:
        """Return the column with the currency of each row, if the mapping does not name it.

        Args:
            name: The name of the file.
            heading: The names of its columns.

        Returns:
            The only column with codes of several currencies, including the mapping's; None if there is none.

        Raises:
            LogsError: Several columns have several currencies, or the only such column has signs or names, or a name
                that is not unique.
        """
        mixed = [index for index, meanings in self.meanings.items() if self._is_mixed(meanings)]
        for index in mixed:
            title = heading[index]
            if len(mixed) == 1 and index not in self.signs and heading.count(title) == 1 and not looks_like_data(title):
                return title
            column = f"column {index + 1}" if looks_like_data(title) else f"column {title!r}"
            codes = ", written as codes of ISO 4217" if index in self.signs else ""
            msg = (
                f"{name}: {column} has {self.currency} and other currencies; "
                f"name the currency of the amounts in the mapping's columns, as currency{codes}"
            )
            raise LogsError(msg)
        return None

    def _is_mixed(self, meanings: set[frozenset[str]]) -> bool:
        """Return whether the texts need several currencies and some may mean the mapping's currency."""
        return (
            bool(meanings)
            and not frozenset[str]().union(*meanings).intersection(*meanings)
            and any(self.currency in one for one in meanings)
        )
