"""A shop's own columns of one record: names and values that the library does not define.

Invariants: the values never change; no `repr` and no error shows one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic_core import CoreSchema, core_schema

from funnel._arguments import INNER, kind_of
from funnel._fields import LARGEST_AMOUNT, LONGEST_ID, check_text, read_instant
from funnel._time import checked_instant, micros
from funnel.errors import RecordError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

OwnValue: TypeAlias = str | int | bool | datetime
"""Value of an own column: text, a whole number, a truth, or an instant."""

Columns: TypeAlias = Mapping[str, OwnValue]
"""Own columns of a record: a mapping of names and values."""

_INSTANT = "instant"
"""Key of an instant in JSON, so that text that looks like an instant stays text."""


class OwnColumns(Mapping[str, OwnValue]):
    """Immutable own columns of a record; its repr has the names only."""

    __slots__ = ("_values",)
    _values: dict[str, OwnValue]

    def __init__(self, values: Mapping[str, OwnValue]) -> None:
        """Copy values that are valid."""
        object.__setattr__(self, "_values", {name: values[name] for name in sorted(values)})

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate a mapping, and write it with the types of its values."""
        writer = core_schema.plain_serializer_function_ser_schema(_write, info_arg=True)
        return core_schema.no_info_plain_validator_function(read_columns, serialization=writer)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a mapping."""
        return {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean", "object"]}}

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change the columns."""
        raise AttributeError(f"{name} cannot be set, because the columns of a record are immutable")

    def __getitem__(self, name: str) -> OwnValue:
        """Return the value of a column."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, sorted."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._values)

    def __hash__(self) -> int:
        """Return a hash of names and values."""
        return hash(tuple(self._values.items()))

    def __reduce__(self) -> tuple[object, ...]:
        """Support copying and pickling."""
        return OwnColumns, (self._values,)

    def __repr__(self) -> str:
        """Return the names, without values."""
        return f"OwnColumns({', '.join(self._values)})"


_NONE = OwnColumns({})


def no_columns() -> OwnColumns:
    """Return the own columns of a record without any."""
    return _NONE


def name_of_column(name: object) -> str:
    """Return the problem with the name of an own column; "" if it is valid."""
    if not isinstance(name, str):
        return f"the name of an own column must be text (got {kind_of(name)})"
    if len(name) > LONGEST_ID or not name.isidentifier():
        return "the name of an own column must be a name that Python allows; use letters, digits and _"
    if name.startswith("_") or name.casefold().startswith(INNER):
        return "the name of an own column begins with _, which is reserved; give it another name"
    return ""


def read_columns(value: object) -> OwnColumns:
    """Return the own columns of a record, after checking names and values.

    Raises:
        RecordError: It is not a mapping, a name cannot be used, or a value has another type.
    """
    if isinstance(value, OwnColumns):
        return value
    if not isinstance(value, Mapping):
        msg = f"columns must be a mapping of names and values, such as {{'country': 'ID'}} (got {kind_of(value)})"
        raise RecordError(msg)
    values: dict[str, OwnValue] = {}
    for name, one in cast("Mapping[object, object]", value).items():
        if problem := name_of_column(name):
            raise RecordError(problem)
        values[str(name)] = _read_value(one)
    return OwnColumns(values)


def _read_value(value: object) -> OwnValue:
    kind = kind_of(value)
    if isinstance(value, Mapping):
        parts = cast("Mapping[object, object]", value)
        if set(parts) == {_INSTANT} and isinstance(parts[_INSTANT], str):
            return read_instant(parts[_INSTANT])
    if isinstance(value, datetime):
        return read_instant(value)
    if isinstance(value, str):
        return str.__str__(check_text(value))  # of a StrEnum too
    if not isinstance(value, int):
        msg = "the value of an own column must be text, a whole number, True or False, or an aware datetime"
        raise RecordError(f"{msg} (got {kind})")
    if not isinstance(value, bool) and not 0 <= value <= LARGEST_AMOUNT:
        msg = f"the value of an own column is outside 0 to {LARGEST_AMOUNT}; give a whole number in this range"
        raise RecordError(msg)
    return value if isinstance(value, bool) else int(value)


# ---- text in a store -------------------------------------------------------------------------------------------------


def text_of_columns(columns: OwnColumns) -> str | None:
    """Return own columns as JSON: names and values by kind, with instants in microseconds; None without columns."""
    by_kind: dict[str, dict[str, str | int]] = {}
    for name, value in columns.items():
        by_kind.setdefault(_kind(value), {})[name] = micros(value) if isinstance(value, datetime) else value
    return json.dumps(by_kind, ensure_ascii=False, separators=(",", ":")) if by_kind else None


def _kind(value: OwnValue) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "truth"
    return "whole" if isinstance(value, int) else "instant"


def columns_of_text(text: str) -> OwnColumns:
    """Return own columns from their JSON."""
    by_kind = json.loads(text)
    instants = {name: checked_instant(count) for name, count in by_kind.pop("instant", {}).items()}
    return OwnColumns({**instants, **{name: value for values in by_kind.values() for name, value in values.items()}})


def _write(columns: OwnColumns, info: core_schema.SerializationInfo[Any]) -> dict[str, Any]:
    if info.mode == "python":
        return dict(columns)
    return {
        name: {_INSTANT: value.isoformat()} if isinstance(value, datetime) else value for name, value in columns.items()
    }
