"""Readers by name: one call for every known export of orders."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, get_args

import attrs

from funnel._arguments import check_choice, day_of, did_you_mean, instance, is_function, kind_of, truth
from funnel.errors import ArgumentError, MissingExtraError
from funnel.rates import Rates
from funnel.readers._account import Entry
from funnel.readers._formats import AmountStyle, Unpaid
from funnel.readers._open import Source

if TYPE_CHECKING:
    from funnel.readers._export import Export, State
    from funnel.readers._raw import Progress
    from funnel.readers._shop_data import ShopData
    from funnel.readers._tables import Recognition


# ---- checks of the arguments of a reader, before a file is opened ----------------------------------------------------


STATES = ("paid", "unpaid", "cancelled", "refunded", "failed")
"""The states of an order, which `statuses` may name."""

UNDATED_REFUNDS = ("reduce", "as_of")
"""How to treat a refund without a day."""

_TEXTS = ("zone", "currency", "time_format", "shop", "encoding", "calling_code")
_TYPES: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_TEXTS, (str, "a text or None")),
    "rates": (Rates, "Rates or None"),
}
_CHOICES = {"amount_style": get_args(AmountStyle), "unpaid": get_args(Unpaid), "undated_refunds": UNDATED_REFUNDS}


def check_options(options: Mapping[str, Any], names: Collection[str]) -> None:
    """Check the arguments of a reader.

    Args:
        options: The arguments that were passed.
        names: The names of all arguments.

    Raises:
        ArgumentError: A name is unknown, or a value has another type or is not one of the choices.
    """
    for name in options:
        if name not in names:
            raise ArgumentError(f"a reader has no argument {name!r}{did_you_mean(name, names)}; see ReadArguments")
    passed = {name: value for name, value in options.items() if value is not None}
    for name, (kind, expected) in _TYPES.items():
        if name in passed:
            instance(passed[name], kind, name, expected)
    for name, choices in _CHOICES.items():
        if name in passed:
            check_choice(passed[name], choices, name)
    _check_statuses(passed.get("statuses", {}))
    _check_keep(passed.get("keep", ()))
    if not re.fullmatch("[1-9][0-9]{0,3}", passed.get("calling_code", "62")):
        raise ArgumentError("calling_code must be the digits of a country's calling code, without a sign, such as '62'")
    if not instance(passed.get("secret", b"secret"), (bytes, str), "secret", "bytes, text or None"):
        raise ArgumentError("secret is empty; pass bytes or text that nobody can guess")
    day_of(passed.get("as_of", date.min), "as_of")
    truth(passed.get("contacts", False), "contacts")
    if not is_function(passed.get("progress", print)):
        raise ArgumentError(f"progress must be a function or None (got {kind_of(passed['progress'])})")


def _check_keep(keep: object) -> None:
    from funnel.readers._keep import checked_keep

    checked_keep(keep)


def _check_statuses(statuses: Any) -> None:
    for text, state in instance(statuses, Mapping, "statuses", "a mapping of texts to states").items():
        instance(text, str, "a text of statuses", "a text")
        check_choice(state, STATES, "a state of statuses")


# ---- the readers -----------------------------------------------------------------------------------------------------


class ReadArguments(TypedDict, total=False):
    """Facts that the files of a known export leave open. Every key may be omitted.

    Args:
        zone: The time zone of the shop, such as "Asia/Jakarta" (text or None). Required if the times of the export have
            no zone; otherwise not read.
        currency: The currency to read, such as "IDR" (text or None). Default: the only one of the files. With `rates`:
            the currency of orders without a currency; default: that of the rates.
        rates: The shop's exchange rates (`Rates` or None). Orders in every currency are read, and `ShopData.logs`
            converts them. Default: one currency alone is read.
        time_format: The strptime format of the times, such as "%d/%m/%Y %H:%M" (text or None). Default: the format of
            the platform; required if the times may be read in two ways.
        amount_style: How amounts are written, such as "us" or "id" (`AmountStyle` or None). Default: as the platform
            writes them.
        statuses: The state of an order for each text that the reader does not know, such as {"diproses": "paid"}:
            "paid", "unpaid", "cancelled", "refunded" or "failed" (a mapping). Default: none; orders with an unknown
            text are refused.
        unpaid: How to treat an order that is not paid yet. "sent" (the default): keep it as shipped if it was sent
            (cash on delivery), and refuse it otherwise. "refuse": refuse it. "placed": keep it, as "placed" or
            "shipped".
        keep: Columns of an export of orders to keep as own columns of purchases: a list of columns, such as
            ["Channel"], or a mapping of new names to columns, such as {"channel": "Source"}. The first cell of each
            order that is filled, as text. Default: none. Columns with contact details are refused.
        undated_refunds: How to treat a refund whose day the export does not have. "reduce" (the default): reduce the
            amount of the order. "as_of": date it at the end of `as_of`.
        as_of: The last day that the files cover completely (a date or None). Default: unknown.
        calling_code: The calling code of telephone numbers that begin with 0: digits without a sign, such as "62" (text
            or None). Default: such numbers keep their 0.
        secret: Key of a hash that replaces person ids (bytes, text or None), so that no e-mail address or telephone
            number is an id. Default: the ids of the file.
        contacts: Whether to read names, addresses, e-mail addresses and telephone numbers into `customers` (a bool).
            Default: False.
        shop: The `source` of the records (text or None). Default: the name of the platform.
        encoding: The encoding of CSV files, such as "cp1252" (text or None). Default: UTF-8, or what their first bytes
            say.
        progress: Function that is called with the stage, the rows done and the total rows, for a progress bar, or None
            (the default).

    Example:
        >>> from funnel.readers import shopify
        >>> options = ReadArguments(calling_code="62", contacts=True)
    """

    zone: str | None
    currency: str | None
    rates: Rates | None
    time_format: str | None
    amount_style: AmountStyle | None
    statuses: Mapping[str, State]
    unpaid: Unpaid
    keep: Sequence[str] | Mapping[str, str] | None
    undated_refunds: Literal["reduce", "as_of"]
    as_of: date | None
    calling_code: str | None
    secret: bytes | str | None
    contacts: bool
    shop: str | None
    encoding: str | None
    progress: Progress | None


@attrs.frozen
class Reader:
    """Reader of one export of orders; call it with a file, several files of one shop, or a dataframe.

    Attributes:
        name: The platform and the kind of its export.

    Example:
        >>> from funnel.readers import shopify
        >>> shopify.orders
        Reader('shopify.orders')
    """

    name: str

    def __repr__(self) -> str:
        """Return the name of the reader."""
        return f"Reader({self.name!r})"

    def __call__(self, source: Source, /, **options: Unpack[ReadArguments]) -> ShopData:
        """Read the files of a shop and account for every row.

        Args:
            source: A CSV, xlsx, JSON or Parquet file, several files of one shop, or a dataframe with the columns of
                the file.
            options: Facts that the files leave open; see `ReadArguments`.

        Returns:
            The records and the account.

        Raises:
            MissingExtraError: Polars is not installed, or the package that reads spreadsheets.
            ArgumentError: A file is not this export, or an argument is missing or wrong.
            RecordError: A file cannot be read, or its rows cannot be separated reliably.
            LogsError: A column stands twice in the heading.
            FileError: A file cannot be opened.
        """
        require_polars()
        return read_export(source, exports_of(self.name), options)


def require_polars() -> None:
    """Raise `MissingExtraError` unless Polars is installed."""
    if find_spec("polars") is None:
        raise MissingExtraError('reading a file needs Polars; install it with: pip install "shopfunnel[polars]"')


def read_export(source: Source, exports: Sequence[Export], options: ReadArguments) -> ShopData:
    """Read the files of the only one of some exports that fits; needs Polars."""
    check_options(options, ReadArguments.__annotations__)
    return _read_as(source, _recognised(source, exports, options), options)


def read_recognised(source: Source, exports: Sequence[Export], options: ReadArguments) -> ShopData:
    """Read the files of the only one of some exports that fits; the account says which export it is, and why."""
    check_options(options, ReadArguments.__annotations__)
    recognition = _recognised(source, exports, options)
    data, export = _read_as(source, recognition, options), recognition.export
    columns = ", ".join(repr(export.columns[name][0]) for name in export.required)
    count = next(entry.count for entry in data.account if entry.what == "read")
    return attrs.evolve(
        data, account=(*data.account, Entry("noted", f"read as {export.title}, which has the columns {columns}", count))
    )


def _recognised(source: Source, exports: Sequence[Export], options: ReadArguments) -> Recognition:
    from funnel.readers._tables import fitting

    return fitting(source, exports, options.get("encoding"))


def _read_as(source: Source, recognition: Recognition, options: ReadArguments) -> ShopData:
    from funnel.readers._keep import checked_keep, keeping
    from funnel.readers._read_export import ReadOptions, shop_data
    from funnel.readers._tables import read_tables

    chosen: dict[str, Any] = dict(options)
    encoding, progress = chosen.pop("encoding", None), chosen.pop("progress", None)
    export = keeping(recognition.export, checked_keep(chosen.pop("keep", None) or ()))
    export = attrs.evolve(export, amount_style=chosen.pop("amount_style", None) or export.amount_style)
    recognition = attrs.evolve(recognition, export=export)
    tables = read_tables(source, recognition, encoding=encoding, progress=progress)
    data = (export.combine or shop_data)(tables.rows, export, ReadOptions(**chosen), tables.notes)
    rates = options.get("rates")
    return data if rates is None else attrs.evolve(data, currency=rates.currency, rates=rates)


NAMES = (
    "shopify.orders",
    "woocommerce.orders",
    "shopee.orders",
    "tiktok.orders",
    "stripe.payments",
    "etsy.orders",
    "amazon.orders",
    "lazada.orders",
    "sheet.orders",
    "paypal.payments",
    "square.transactions",
    "ebay.orders",
    "odoo.orders",
    "erpnext.orders",
    "hubspot.deals",
    "hubspot.contacts",
    "meta.leads",
    "google_ads.leads",
    "shopify.customers",
    "ga4.events",
    "segment.events",
)
"""The names of all readers."""


def every_export() -> list[Export]:
    """Return the declarations of all exports of orders; needs Polars."""
    return [export for name in NAMES for export in exports_of(name)]


def exports_of(name: str) -> tuple[Export, ...]:
    """Return the declarations of a reader, one for each language or age of its export; needs Polars."""
    platform, _, kind = name.rpartition(".")
    exports: tuple[Export, ...] = getattr(import_module(f"funnel.readers._{platform}"), kind.upper())
    return exports
