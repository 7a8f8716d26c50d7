"""A column of currencies that the mapping does not name: amounts of two currencies are never read as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import attrs

from funnel.errors import LogsError, MoneyError
from funnel.money import decimals
from funnel.readers._heading import looks_like_data


@cache
def _is_code(text: str) -> bool:
    try:
        decimals(text)
    except MoneyError:
        return False
    return True


@attrs.define
class Currencies:
    """The columns whose cells have all been codes of currencies so far, and which ones.

    Attributes:
        currency: The mapping's currency.
        found: The codes of each such column, by its place.
    """

    currency: str
    found: dict[int, set[str]]

    @classmethod
    def among(cls, currency: str, places: Iterable[int]) -> Currencies:
        """Start with the columns at these places."""
        return cls(currency, {place: set() for place in places})

    def look(self, place: int, cells: Iterable[str]) -> None:
        """Look at cells of a column; with a cell that is no code the column is out."""
        codes = {cell.strip().upper() for cell in set(cells)} - {""}
        if all(len(code) == 3 and _is_code(code) for code in codes):  # noqa: PLR2004 (letters of a code)
            self.found[place] |= codes
        else:
            del self.found[place]

    def refuse(self, name: str, heading: Sequence[str]) -> None:
        """Refuse a file with a column that has the mapping's currency and others.

        Args:
            name: The name of the file.
            heading: The names of its columns.

        Raises:
            LogsError: There is such a column.
        """
        for place, codes in self.found.items():
            if self.currency in codes and len(codes) > 1:
                column = f"column {place + 1}" if looks_like_data(heading[place]) else f"column {heading[place]!r}"
                msg = (
                    f"{name}: {column} has {self.currency} and other currencies; "
                    "name the currency of the amounts in the mapping's columns, as currency"
                )
                raise LogsError(msg)
