"""How one shop writes its orders: which column holds what, and in which format. Nothing is guessed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, cast
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationError, model_validator

from funnel._fields import Frozen, Id
from funnel._given import meant
from funnel.errors import RecordError
from funnel.money import decimals

IN_THE_TEXT = "in the text"
"""The zone of a file whose times carry their own offset from UTC, such as 2026-03-01T09:00+07:00."""

AmountStyle: TypeAlias = Literal["plain", "us", "id", "minor", "number"]
"""How amounts stand in a file.

As people write them, with at most the currency's decimals: plain 1234.56, us 1,234.56, id 1.234,56. Whole minor
units: minor 123456. As computers write them, with any number of decimals: number 1234.5, a column of numbers or text.
"""

Named: TypeAlias = Annotated[str, Field(min_length=1)]
"""The name of a column, exactly as the file's heading has it."""

_DIRECTIVES = "YymdbBHIpMSfz%"
_HINT = "use iso, or a strptime format of " + " ".join(f"%{letter}" for letter in _DIRECTIVES)


def _currency(code: str) -> str:
    decimals(code)
    return code


@cache
def _zones() -> tuple[str, ...]:
    """List the zones once; it means a walk through many files."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime"}))


def _zone(name: str) -> str:
    if name not in (IN_THE_TEXT, *_zones()):
        near = meant(name, _zones())
        msg = f"zone {name[:200]!r} is unknown; use a name such as 'Asia/Jakarta', or {IN_THE_TEXT!r}{near}"
        raise RecordError(msg)
    return name


def _time_format(given: str) -> str:
    """Accept only what means the same to Python and to the engine that reads the file."""
    if given == "iso":
        return given
    found = re.findall("%(.?)", given, flags=re.DOTALL)
    wrong = [f"%{letter}" for letter in found if not letter or letter not in _DIRECTIVES]
    if wrong:
        msg = f"time format has {', '.join(wrong)}; {_HINT}"
        raise RecordError(msg)
    _complete(set(found))
    if "f" in found and "%S.%f" not in given:
        raise RecordError("time format has %f where no second ends; write it as %S.%f")
    return given


def _complete(has: set[str]) -> None:
    if not (has & {"Y", "y"} and has & {"m", "b", "B"} and "d" in has):
        raise RecordError("time format has no whole day; it needs %Y or %y, %m or %b or %B, and %d")
    clock = "H" in has or {"I", "p"} <= has
    if clock != ("M" in has) or ("S" in has and not clock) or (has & {"I", "p"} and not {"I", "p"} <= has):
        raise RecordError("time format has half a clock; write %H:%M, %I:%M %p, or no clock at all for whole days")


def _delimiter(given: str) -> str:
    if len(given) == 1 and given.isascii() and given not in '"\r\n':
        return given
    msg = f"delimiter {given[:20]!r} is not one plain character; use ',' or ';' or '|' or a tab"
    raise RecordError(msg)


class _Declared(Frozen, frozen=True):
    """A table of a mapping: an unknown key is refused, with the one that may have been meant."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        table, allowed = cast("Mapping[str, Any]", given), list(cls.model_fields)
        unknown = [f"{key!r} is unknown{meant(key, allowed)}" for key in table if key not in allowed]
        if unknown:
            msg = f"{'; '.join(unknown)}; allowed: {', '.join(allowed)}"
            raise RecordError(msg)
        return table


class Columns(_Declared, frozen=True):
    """Which column of the file holds what; a name not given is not in the file.

    A row is a line of an order, or a whole order. A line says a quantity and the price of one piece, or the amount of
    the whole row; the amounts of all rows of an order are added.

    Example:
        >>> Columns(id="Order", person_id="Buyer", purchased_at="Paid on", amount="Total").quantity is None
        True
    """

    id: Named
    """The order's own number; rows with the same one are one order."""
    person_id: Named
    """Who bought."""
    purchased_at: Named
    """When; the earliest row of an order says it."""
    quantity: Named | None = None
    """How many pieces, whole; below zero for pieces that came back."""
    unit_price: Named | None = None
    """The price of one piece; it goes with a quantity."""
    amount: Named | None = None
    """The amount of the whole row."""
    sku: Named | None = None
    """What was bought; it tells which purchase a credit belongs to."""
    status: Named | None = None
    """The state of the order, in the file's own words; `statuses` says what they mean."""
    cancelled_at: Named | None = None
    """When the order was cancelled, where that is known."""
    refunded_amount: Named | None = None
    """How much of the row was paid back; it goes with `refunded_at`."""
    refunded_at: Named | None = None
    """When it was paid back."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.unit_price is None) == (self.amount is None):
            raise RecordError("give the column of the unit price, or that of the amount of the whole row, one of them")
        if (self.unit_price is None) != (self.quantity is None):
            raise RecordError("quantity and unit price go together; with the amount of the whole row give neither")
        if (self.refunded_amount is None) != (self.refunded_at is None):
            raise RecordError("refunded_amount and refunded_at go together; a refund without its day is not invented")
        return self


class OrderMapping(_Declared, frozen=True):
    """How a shop's order file is to be read: its columns, its formats, and how it tells of cancellations and refunds.

    Example:
        >>> mapping = OrderMapping(
        ...     columns=Columns(id="Order", person_id="Buyer", purchased_at="Paid on", amount="Total"),
        ...     currency="IDR",
        ...     zone="Asia/Jakarta",
        ...     time_format="%d/%m/%Y %H:%M",
        ...     amount_style="id",
        ... )
        >>> mapping.source
        'shop'
    """

    columns: Columns
    """Which column holds what."""
    currency: Annotated[str, AfterValidator(_currency)]
    """The code of ISO 4217 in which every amount of the file stands."""
    zone: Annotated[str, AfterValidator(_zone)]
    """The zone of the file's clock, such as "Asia/Jakarta"; "in the text" where each time has its own offset."""
    time_format: Annotated[str, AfterValidator(_time_format)] = "iso"
    """"iso" 2026-03-01 09:00, or a format of strptime such as "%d/%m/%Y %H:%M"; columns of dates or times need none."""
    amount_style: AmountStyle = "plain"
    """How amounts are written; "150.000" is 150000 in style id and refused in style plain for rupiah."""
    source: Id = "shop"
    """The system that the orders come from; with the order's number it names a record."""
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    """What stands between two columns of a CSV file."""
    strip: str = " \t\r\n"
    """The characters to take off both ends of ids and skus; add ' for spreadsheets that write '0812."""
    nobody: tuple[Named, ...] = ()
    """Person ids that mean nobody in particular, such as "guest"; their rows are refused as having no customer."""
    statuses: dict[Named, Literal["paid", "cancelled"]] = Field(default_factory=dict)
    """What each word of the status column means; a row with another word is refused."""
    cancelled_prefix: str = ""
    """How the numbers of cancelled orders begin, where they can be told by that."""
    credit_prefix: str = ""
    """How the numbers of credit notes begin: pieces that came back, whose purchase is then looked for."""
    credit_negative: bool = False
    """Whether a quantity or an amount below zero is a credit too, in any order."""
    charges: tuple[Named, ...] = ()
    """Skus that are no product (postage, bank charges): part of what was paid, but alone they are no purchase."""
    as_of: Annotated[date, Field(strict=True)] | None = None
    """The last day of which the file tells everything; a report is of its end unless it is given another."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self._statuses_fit()
        self._credits_fit()
        if self.charges and self.columns.sku is None:
            raise RecordError("charges are told by their sku; give its column")
        if self.time_format != "iso" and ("%z" in self.time_format) != (self.zone == IN_THE_TEXT):
            raise RecordError("%z in the time format and the zone 'in the text' go together")
        return self

    def _statuses_fit(self) -> None:
        if (self.columns.status is None) != (not self.statuses):
            raise RecordError("the column of the status and the table of statuses go together")
        if self.columns.cancelled_at is not None and not (self.statuses or self.cancelled_prefix):
            raise RecordError("cancelled_at needs statuses or cancelled_prefix, which tell what is cancelled")

    def _credits_fit(self) -> None:
        credited = bool(self.credit_prefix) or self.credit_negative
        if credited and self.columns.refunded_amount is not None:
            raise RecordError("a file tells of refunds in one way: by credits, or by the column refunded_amount")
        one, other = self.credit_prefix, self.cancelled_prefix
        if one and other and (one.startswith(other) or other.startswith(one)):
            raise RecordError("credit_prefix and cancelled_prefix begin alike; one number cannot mean both")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        r"""Read a mapping from a TOML file.

        Args:
            path: The file.

        Returns:
            The mapping.

        Raises:
            RecordError: The file is not TOML, or keys are unknown, missing or wrong; the message names them.
            OSError: The file cannot be opened.

        Example:
            >>> import tempfile
            >>> lines = ['currency = "GBP"', 'zone = "Europe/Londn"']
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = Path(folder) / "orders.toml"
            ...     _ = path.write_text("\n".join(lines))
            ...     OrderMapping.read(path)
            Traceback (most recent call last):
            funnel.errors.RecordError: mapping orders.toml: columns: field required
            mapping orders.toml: zone: zone 'Europe/Londn' is unknown; ... did you mean 'Europe/London'?
        """
        name = Path(path).name
        try:
            return cls.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8-sig")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            msg = f"mapping {name} is not TOML in UTF-8: {error}"
            raise RecordError(msg) from None
        except ValidationError as error:
            raise RecordError(_told(name, error)) from None


def _told(name: str, error: ValidationError) -> str:
    lines: list[str] = []
    for fault in error.errors(include_url=False, include_input=False):
        where = ".".join(map(str, fault["loc"]))
        said = fault["msg"].removeprefix("Value error, ")
        lines.append(f"mapping {name}: {where}{': ' if where else ''}{said[:1].lower()}{said[1:]}")
    return "\n".join(lines)
