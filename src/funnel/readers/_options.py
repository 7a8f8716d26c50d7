"""Checks of the arguments of a reader, before a file is opened."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, get_args

from funnel._arguments import check_choice, day_of, did_you_mean, instance, is_function, kind_of, truth
from funnel.errors import ArgumentError
from funnel.rates import Rates
from funnel.readers._formats import AmountStyle

STATES = ("paid", "unpaid", "cancelled", "refunded", "failed")
"""The states of an order, which `statuses` may name."""

UNPAID = ("sent", "refuse", "placed")
"""How to treat an order that is not paid yet."""

UNDATED_REFUNDS = ("reduce", "as_of")
"""How to treat a refund without a day."""

_TEXTS = ("zone", "currency", "time_format", "shop", "encoding", "calling_code")
_TYPES: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_TEXTS, (str, "a text or None")),
    "rates": (Rates, "Rates or None"),
}
_CHOICES = {"amount_style": get_args(AmountStyle), "unpaid": UNPAID, "undated_refunds": UNDATED_REFUNDS}


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
    if not re.fullmatch("[1-9][0-9]{0,3}", passed.get("calling_code", "62")):
        raise ArgumentError("calling_code must be the digits of a country's calling code, without a sign, such as '62'")
    if not instance(passed.get("secret", b"secret"), (bytes, str), "secret", "bytes, text or None"):
        raise ArgumentError("secret is empty; pass bytes or text that nobody can guess")
    day_of(passed.get("as_of", date.min), "as_of")
    truth(passed.get("contacts", False), "contacts")
    if not is_function(passed.get("progress", print)):
        raise ArgumentError(f"progress must be a function or None (got {kind_of(passed['progress'])})")


def _check_statuses(statuses: Any) -> None:
    for text, state in instance(statuses, Mapping, "statuses", "a mapping of texts to states").items():
        instance(text, str, "a text of statuses", "a text")
        check_choice(state, STATES, "a state of statuses")
