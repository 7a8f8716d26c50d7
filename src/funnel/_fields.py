"""Field types of records: instant, id, label, free text, amount; and the frozen base model.

Invariants: an instant is stored in UTC. An error says what is allowed and never shows the input value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self, TypeAlias, TypeVar, cast, get_origin, overload

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from funnel._arguments import is_aware
from funnel._copies import Checked
from funnel._time import EARLIEST, LATEST, instant, micros
from funnel.errors import PYDANTIC_TYPES, ArgumentError, FieldsError, InstantError, RecordError
from funnel.money import Money

T = TypeVar("T")

LONGEST_ID = 200
"""Largest number of characters of an id or a label."""

LARGEST_AMOUNT = 10**14
"""Largest number of minor units of one record's amount. The sum of a person's amounts has its own check."""

MOST_PIECES = 2**31 - 1
"""Largest number of pieces in one line."""

_HIDDEN = "(hidden)"
_ALIKE = 0.8
_MOST_NAMED = 100
_ISO = "2026-03-01T09:00+07:00"
_SPACES = "\u00a0\u00ad\u115f\u1160\u1680\u180e\u2000-\u200f\u202f\u205f-\u2064\u2800\u3000\u3164\ufeff\uffa0"

UNPRINTABLE = r"[\x00-\x1f\x7f" + "\u0080-\u009f\u2028\u2029]"
"""Control characters, as a pattern with the same meaning in Python and in every dataframe engine."""

BLANK = f"^[ {_SPACES}]*$"
"""Empty or invisible text: every space of Unicode, and the characters without a width."""

EDGES = f"^[ {_SPACES}]|[ {_SPACES}]$"
"""A blank at the start or at the end."""

NOT_EDGES = "begins or ends with a blank; remove the blank"

MANGLED = r"^(?:nan|NaN|NaT|None|<NA>|null|NULL|undefined|[+-]?[0-9]+(?:[.]0+|(?:[.,][0-9]+)?[eE][+][0-9]+))$"
"""A missing value as text, or a number changed by a spreadsheet or a float: "2.88E+18", "1001.0"."""

MANGLED_STARTS = "nNu<+-0123456789"
"""The first characters of the texts that `MANGLED` matches."""

NOT_MANGLED = (
    "is a missing value or a changed number as text, such as 'None' or '1001.0'; give the id itself (in pandas, "
    "astype('Int64') keeps whole numbers)"
)

FLOAT_ID = "^(?:0|-?[1-9][0-9]{0,14})[.]0$"
"""A whole number as a program writes a float: "1001.0". It is exact below 10**15, so it can be read back."""

FROM_FLOAT = "written as a float, such as 1001.0, read as 1001"
"""Note of ids in a column of nothing else."""

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def read_instant(value: object) -> datetime:
    """Convert an aware datetime, or ISO text of one, into an instant in UTC."""
    is_text = isinstance(value, str)
    if isinstance(value, str):
        value = _read_iso(value)
    if not isinstance(value, datetime):
        raise InstantError(f"a time must be an aware datetime, or text such as {_ISO} (got {type(value).__name__})")
    if not is_aware(value):
        remedy = (
            f"write it like {_ISO}" if is_text else "add one, such as with replace(tzinfo=ZoneInfo('Asia/Jakarta'))"
        )
        raise InstantError(f"a time has no time zone; {remedy}")
    count = micros(value)
    if not EARLIEST <= count < LATEST:
        raise InstantError("a time is outside the supported years; give a time from 1800 to the end of 2199")
    return instant(count)


def _read_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InstantError(f"a time is text that is not ISO 8601; write it like {_ISO}") from None


def check_text(value: object) -> str:
    """Return a value that must be text that can be stored."""
    if not isinstance(value, str):
        raise RecordError(f"a text must be a str (got {type(value).__name__}); convert it with str(...)")
    if _UNWRITABLE.search(value):
        raise RecordError(
            "a text contains a null character or half of a surrogate pair, which cannot be stored; remove it"
        )
    return value


def _label(value: object) -> str:
    text = check_text(value)
    if len(text) > LONGEST_ID:
        raise RecordError(f"a text has {len(text)} characters; at most {LONGEST_ID} are allowed")
    if re.search(UNPRINTABLE, text):
        raise RecordError("a text contains a control character, such as a tab or a line break; remove it")
    return text


def _id(value: object) -> str:
    text = _label(value)
    if re.search(BLANK, text):
        raise RecordError("an id is blank; give at least one visible character")
    if re.search(EDGES, text):
        raise RecordError(f"an id {NOT_EDGES}")
    if re.search(MANGLED, text):
        raise RecordError(f"an id {NOT_MANGLED}")
    return text


def check_id(value: object, name: str = "person_id") -> str:
    """Validate an id that is an argument of a call and return it.

    Args:
        value: Argument to validate.
        name: Name of the argument, for the error.

    Raises:
        ArgumentError: The argument is not an id. An integer is not an id, because 7 and "7" would be two people.
    """
    try:
        return _id(value)
    except RecordError as error:
        msg = f"{name} is not an id: {error}"
    raise ArgumentError(msg)


def amount_in_range(value: Money) -> Money:
    """Check that an amount is in the range of a single record, and return it."""
    if not 0 <= value.minor <= LARGEST_AMOUNT:
        raise RecordError(
            f"an amount must be from 0 to {LARGEST_AMOUNT} minor units; the amount of a refund is positive too"
        )
    return value


_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_ID: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
_LABEL: dict[str, Any] = {"type": "string", "maxLength": LONGEST_ID}

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

    class _Field(Generic[T]):
        """Field of a record as type checkers read it: it takes a value or text, and returns the value."""

        @overload
        def __get__(self, record: None, owner: object) -> Self: ...
        @overload
        def __get__(self, record: object, owner: object) -> T: ...
        def __get__(self, record: object, owner: object) -> object: ...
        def __set__(self, record: object, value: T | str) -> None: ...

    Instant: TypeAlias = _Field[datetime]
    OptionalInstant: TypeAlias = _Field[datetime | None]
    NO_INSTANT: Any
else:
    Instant = Annotated[datetime, BeforeValidator(read_instant), WithJsonSchema(_TIME)]
    """Instant with a time zone, from 1800 to the end of 2199; stored in UTC. Numbers and naive times are refused."""

    OptionalInstant = Instant | None
    """An instant, or None if there is none."""

    NO_INSTANT = None
    """Default of an optional instant."""

Id: TypeAlias = Annotated[str, BeforeValidator(_id), WithJsonSchema(_ID)]
"""Identifier: text of 1 to 200 characters, not blank, without control characters."""

Label: TypeAlias = Annotated[str, BeforeValidator(_label), WithJsonSchema(_LABEL)]
"""Short text: at most 200 characters, without control characters; "" is not given."""

AsText = BeforeValidator(check_text)
"""Check the type before the lookup of a choice: an object of another type may have a comparison that fails."""

PrivateText: TypeAlias = Annotated[str, BeforeValidator(check_text), Field(repr=False)]
"""Free text of a person; never shown."""

Amount: TypeAlias = Annotated[Money, AfterValidator(amount_in_range)]
"""Money from 0 up, in the range of one record."""


def _reported(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of pydantic.

    Raise `FieldsError`, which shows no input value, instead of its own error.
    """

    @wraps(call)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except ValidationError as error:
            model: type[BaseModel] = args[0] if isinstance(args[0], type) else type(args[0])
            fault = _hidden(error, [*model.model_fields])
        raise fault  # outside of the handler: inside it, the error with the input would be its context

    return checked


class Frozen(Checked, frozen=True, extra="forbid", hide_input_in_errors=True):  # pyright: ignore[reportGeneralTypeIssues]
    """Base class of all input models: frozen, and without unknown fields.

    An error names the field, what is allowed and what to do. It never shows the input value.

    Example:
        >>> class Shelf(Frozen, frozen=True):
        ...     name: Id
        >>> Shelf(name="A", nam="B")
        Traceback (most recent call last):
        funnel.errors.FieldsError: Shelf has 1 fault:
          nam: is not a field; did you mean name?
    """

    if not TYPE_CHECKING:  # pragma: no branch - type checkers read the methods of pydantic
        __init__ = _reported(BaseModel.__init__)
        __setattr__ = _reported(BaseModel.__setattr__)
        __delattr__ = _reported(BaseModel.__delattr__)
        model_validate = classmethod(_reported(BaseModel.model_validate.__func__))
        model_validate_json = classmethod(_reported(BaseModel.model_validate_json.__func__))
        model_validate_strings = classmethod(_reported(BaseModel.model_validate_strings.__func__))

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the docstring of each field as its description."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in descriptions(cls).items():
            field = cls.model_fields[name]
            keys = (name, field.alias, field.validation_alias, field.serialization_alias)
            for key in {key for key in keys if isinstance(key, str)} & properties.keys():
                properties[key].setdefault("description", text)
        return schema

    @model_validator(mode="wrap")
    @classmethod
    def _hide(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            if cls.__pydantic_custom_init__ and isinstance(value, Mapping):
                _check_keywords(cls.__name__, cast("Mapping[object, object]", value))
            return handler(value)
        except ValidationError as error:
            keyed = {
                name for name, field in cls.model_fields.items() if get_origin(field.annotation) in (dict, Mapping)
            }
            fault = _hidden(error, [*cls.model_fields], keyed)
        raise fault


def _check_keywords(title: str, fields: Mapping[object, object]) -> None:
    """Refuse keys that are not texts: pydantic passes them to `__init__` as keywords."""
    others = [name for name in fields if not isinstance(name, str)]
    if others:
        problem = "a key is not a text; give the fields by name"
        raise ValidationError.from_exception_data(
            title, [_custom("unknown_field", problem, ("(key)",)) for _ in others]
        )


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field, read from the source of the model.

    Args:
        model: Model whose source may be missing; it then has no descriptions.
    """
    result: dict[str, str] = {}
    for base in reversed(model.__mro__):
        names = vars(base).get("__annotations__", {}).keys() & model.model_fields.keys()
        texts = _docstrings(base) if names else {}
        result = {name: text for name, text in result.items() if name not in names} | {
            name: text for name, text in texts.items() if name in names
        }
    return result


def _docstrings(base: type) -> dict[str, str]:
    try:
        body = cast("ast.ClassDef", ast.parse(dedent(getsource(base))).body[0]).body
    except (OSError, TypeError):  # a class that was made at a prompt or by create_model
        return {}
    return {
        target.id: cleandoc(text)
        for field, after in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(target := field.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(value := after.value, ast.Constant)
        if isinstance(text := value.value, str)
    }


def _hidden(error: ValidationError, fields: Sequence[str] = (), keyed: Collection[str] = ()) -> FieldsError:
    """Remove input values from an error: message, `errors()`, `json()` and chain.

    Args:
        error: Error of pydantic.
        fields: Fields of the model.
        keyed: Fields that are mappings; their keys are input too.
    """
    lines = error.errors(include_url=False, include_input=False)
    # The search for similar words takes some 0.1 ms a key, and a body may have 100,000 keys.
    faults = [_without_input(line, fields, search=number < _MOST_NAMED) for number, line in enumerate(lines)]
    for fault in faults:
        loc = fault.get("loc", ())
        if len(loc) > 1 and loc[0] in keyed:
            fault["loc"] = (loc[0], "(key)", *loc[2:])
    return FieldsError.from_exception_data(error.title, faults, hide_input=True)


def _without_input(line: ErrorDetails, fields: Sequence[str], *, search: bool) -> InitErrorDetails:
    kind, loc, ctx = line["type"], line["loc"], dict(line.get("ctx", {}))
    if kind in ("extra_forbidden", "invalid_key") or (kind == "frozen_instance" and loc[-1] not in fields):
        loc, problem = _unknown_field(loc, fields, search=search)
        return _custom("unknown_field", problem, loc)
    if kind not in PYDANTIC_TYPES:
        return _custom(kind, line["msg"], loc)
    if kind == "union_tag_invalid":
        ctx["tag"] = _HIDDEN
    if isinstance(fault := ctx.get("error"), Exception):
        fault.__cause__ = fault.__context__ = fault.__traceback__ = None
    return InitErrorDetails(type=kind, loc=loc, ctx=ctx, input=_HIDDEN)


def _custom(kind: Any, problem: Any, loc: tuple[int | str, ...]) -> InitErrorDetails:
    """Return an error of a type that pydantic does not have."""
    return InitErrorDetails(type=PydanticCustomError(kind, problem), loc=loc, input=_HIDDEN)


def _unknown_field(
    loc: tuple[int | str, ...], fields: Sequence[str], *, search: bool
) -> tuple[tuple[int | str, ...], str]:
    """Name a key only if it looks like a field.

    In a file without a header the keys are a person's data.
    """
    from difflib import get_close_matches

    plain, key = {_plain(name): name for name in fields}, _plain(str(loc[-1])[:LONGEST_ID])
    close = get_close_matches(key, plain, n=1, cutoff=_ALIKE) if search else []
    is_record = "columns" in fields and not {"person_id", "purchase_id"}.isdisjoint(fields)
    own = "put own columns into columns={...}, or " if is_record else ""
    others = ", ".join(name for name in fields if name != "columns" or not is_record)
    remedy = f"did you mean {plain[close[0]]}?" if close else f"{own}use {others}"
    is_a_word_of_ours = close or (search and key in set(map(_plain, _every_field(Frozen))))
    return loc if is_a_word_of_ours else (*loc[:-1], "(unknown)"), f"is not a field; {remedy}"


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


def _every_field(model: type[BaseModel]) -> Iterator[str]:
    """Yield the fields of a model and of all its subclasses."""
    yield from model.model_fields
    for subclass in model.__subclasses__():
        yield from _every_field(subclass)
