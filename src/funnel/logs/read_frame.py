"""A shop's own frame becomes a canonical log: declared columns, times, amounts, words and ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import narwhals as nw

from funnel._arguments import brief, kind_of, suggest
from funnel._dataframes.adapter import ROW, Frame, InputFrame, collect_once, column_types, from_native, materialize
from funnel._expr.to_narwhals import int_lit
from funnel._fields import FROM_FLOAT
from funnel._text_formats import EPOCHS
from funnel.errors import ArgumentError
from funnel.logs import read_amounts, read_times
from funnel.logs.normalize import MISSING, default_direction, float_ids, without_float_ends
from funnel.logs.own_columns import check_own_name
from funnel.logs.read_amounts import Amounts, Unit, is_amount, read_amount
from funnel.logs.read_times import Times, format_of, in_zone, parsed
from funnel.logs.schema import (
    READ,
    READ_AS_MINOR,
    Column,
    Issue,
    hint,
    in_units,
    plain_name,
    raise_if_any,
    round_it,
    to_text,
)
from funnel.logs.validate import Check

LINE_COLUMNS: Mapping[str, Column] = {
    "quantity": Column("whole"),
    "unit_price": Column("amount"),
    "order_amount": Column("amount"),
}
"""Columns of order lines, read only if they are named: the amount of a line is quantity times unit price; an
`order_amount` is that of the whole order, on each of its lines."""

_FRACTION, _TOO_LARGE = 1, 2
"""Reasons why a number that is an id or a quantity is refused."""
_UNKNOWN = 1
"""Reason why a word is refused."""

_EXACT = {True: 2**24, False: 2**53}
"""Below these, floats of 32 and of 64 bits are exact whole numbers."""
OUT = "_funnel_out"
"""Column that is true for a row that is left out because of its word."""


@attrs.frozen
class Reading:
    """How a frame is read.

    Attributes:
        log: Name of the log, or "events".
        columns: The frame's name of each column of the log, and of own columns.
        times: How times are written; None if all are aware.
        amounts: How amounts are written.
        currency: Currency of all amounts; None without amounts of the currency.
        decimals: Decimals of the currency; 0 without a currency.
        words: Meanings of the shop's words, by column; None leaves a row out.
        is_unit_said: Whether the caller said how amounts are written.
    """

    log: str
    columns: Mapping[str, Any]
    times: Times | None
    amounts: Amounts
    currency: str | None
    decimals: int
    words: Mapping[str, Mapping[str, str | None]]
    is_unit_said: bool


@attrs.frozen
class ReadLog:
    """A frame as read: canonical columns, the checks of its conversion, and what there is to note.

    Attributes:
        frame: The canonical columns, own columns and row numbers, and the columns of the checks and notes.
        source: The input under the names of the log, for its types.
        own: Names of own columns.
        lines: Which of `LINE_COLUMNS` were read.
        checks: Checks of the conversion.
        twice: Columns that count local times that the clock showed twice, by column.
        notes: Sentences about the columns.
    """

    frame: Frame
    source: InputFrame
    own: tuple[str, ...]
    lines: frozenset[str]
    checks: Sequence[Check]
    twice: Mapping[str, str]
    notes: Sequence[str]


def read_frame(native: object, reading: Reading) -> ReadLog:
    """Convert a frame.

    Raises:
        ArgumentError: `columns` names a column that the frame does not have, or a name that cannot be used.
        LogsError: Columns are missing or have types that cannot be read; all are reported together.
        EngineError: It is not a dataframe that can be read.
    """
    names, own = _names(reading, list(column_types(native)))
    source = from_native(native, set(names.values()))
    frame = source.frame
    keep = [ROW] if ROW in frame.collect_schema() else []
    typeless = frozenset(name for name, theirs in names.items() if theirs in source.typeless)
    renamed = frame.select(*keep, **{_inner(name, own): nw.col(theirs) for name, theirs in names.items()})
    source = attrs.evolve(source, frame=renamed, typeless=typeless)
    untyped = {_inner(name, own) for name in typeless}
    schema = {name: dtype for name, dtype in renamed.collect_schema().items() if name not in untyped}
    raise_if_any(list(_schema_issues(reading, source, schema, column_types(native))))
    return _converted(reading, source, schema, own)


def _inner(name: str, own: Sequence[str]) -> str:
    """Return the name of a column while it is read: own columns never meet the columns of a conversion."""
    return f"_own_{name}" if name in own else name


def _names(reading: Reading, present: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the frame's column of each column that is read, and the names of own columns."""
    columns = READ[reading.log]
    lines = set(LINE_COLUMNS) if reading.log == "purchases" else set[str]()
    for name, theirs in reading.columns.items():
        if theirs not in present:
            text = theirs if isinstance(theirs, str) else kind_of(theirs)
            msg = f"columns[{brief(name)}] is {brief(text)}, which is not a column of the frame"
            remedy = suggest(theirs, present)
            if name in present and text in {*columns, *lines}:
                example = f"columns={{{text!r}: {name!r}}}"
                remedy = f"the frame has {brief(name)}: write the names of the log first, as in {example}"
            raise ArgumentError(f"{msg}; {remedy}")
    own = tuple(name for name in reading.columns if name not in columns and name not in lines)
    for name in own:
        check_own_name("interactions" if reading.log == "events" else reading.log, name)
    declared = {name: theirs for name, theirs in reading.columns.items() if name not in own}
    same = {
        name: name for name in columns if name in present and name not in declared and not _is_replaced(name, declared)
    }
    return {**same, **declared, **{name: reading.columns[name] for name in own}}, own


def _is_replaced(name: str, declared: Mapping[str, str]) -> bool:
    """The amount of a row is not read if its parts are named."""
    return name == "amount" and bool({"quantity", "unit_price", "order_amount"} & set(declared))


# ---- columns and types -----------------------------------------------------------------------------------------------


def _schema_issues(
    reading: Reading, source: InputFrame, schema: Mapping[str, nw.dtypes.DType], types: Mapping[str, nw.dtypes.DType]
) -> Iterator[Issue]:
    log = reading.log
    columns = {**READ[log], **(LINE_COLUMNS if log == "purchases" else {})}
    lines = set(LINE_COLUMNS) & (set(schema) | source.typeless)
    if "unit_price" in lines or "quantity" in lines:
        for name in sorted({"unit_price", "quantity"} - lines):
            yield Issue(log, name, "is missing; quantity and unit_price go together")
    for name, column in columns.items():
        if name in schema:
            problem = _type_problem(reading, name, column, schema[name], source)
            if problem:
                yield Issue(log, name, f"is {schema[name]}; {problem}")
        elif name in reading.words and name not in source.typeless:
            yield Issue(log, name, f"is missing, and its words are passed; name it, as in columns={{{name!r}: ...}}")
        elif name in source.typeless or not column.required or (name == "amount" and lines):
            continue
        elif name != "id" or any(plain_name(other) == "id" for other in source.excluded):
            fitting = [other for other in source.excluded if _fits(column, types[other])]
            yield Issue(
                log, name, f"is missing{hint(name, source.excluded, fitting)}; name it, as in columns={{{name!r}: ...}}"
            )


def _fits(column: Column, dtype: nw.dtypes.DType) -> bool:
    """Return whether a column of a type is the likeliest for numbers or times; ids and words have any type."""
    return dtype.is_numeric() if column.kind == "amount" else column.kind == "instant" and dtype.is_temporal()


def _type_problem(reading: Reading, name: str, column: Column, dtype: nw.dtypes.DType, source: InputFrame) -> str:
    is_text = _is_text(dtype)
    match column.kind:
        case "instant":
            return read_times.type_problem(dtype, format_of(reading.times, name), has_zone=reading.times is not None)
        case "amount" if not is_amount(dtype):
            return "give numbers or texts"
        case "whole" if not dtype.is_numeric():
            return "give whole numbers"
        case "person" | "id" if not (is_text or dtype.is_integer() or dtype.is_float()):
            return f"give texts or whole numbers: {to_text(source.frame_kind, name)}"
        case "text" if not is_text:
            return f"give texts: {to_text(source.frame_kind, name)}"
        case _:
            return ""


def _is_text(dtype: nw.dtypes.DType | None) -> bool:
    return isinstance(dtype, nw.String | nw.Categorical | nw.Enum)


# ---- values ----------------------------------------------------------------------------------------------------------


def _converted(
    reading: Reading, source: InputFrame, schema: Mapping[str, nw.dtypes.DType], own: tuple[str, ...]
) -> ReadLog:
    frame, checks, columns = source.frame, list[Check](), READ[reading.log]
    lines = frozenset(LINE_COLUMNS) & {*schema, *source.typeless}
    ids = [name for name, column in columns.items() if column.kind in ("person", "id") and _is_text(schema.get(name))]
    floats = float_ids(frame, ids)
    frame = without_float_ends(frame, floats)
    notes = [f"{name}: {FROM_FLOAT}" for name in floats]
    if not reading.is_unit_said and (reading.currency is None or reading.decimals):
        amounts = [name for name in ("amount", "order_amount", "unit_price") if name in schema]
        notes += [f"{name}: {READ_AS_MINOR}; {in_units(reading.currency or '')}" for name in amounts]
    instants = [name for name, column in columns.items() if column.kind == "instant" and name in schema]
    for name, column in {**columns, **LINE_COLUMNS}.items():
        if name in schema and column.kind != "instant":
            frame, more = _value(frame, reading, name, schema[name], source)
            checks += more
    for name in instants:
        form = format_of(reading.times, name)
        frame = parsed(frame, name, schema[name], source.frame_kind, form)
        checks += _time_checks(reading, name, form, schema[name])
    if instants:
        frame = in_zone(materialize(collect_once(frame)), instants, reading.times)
    frame = _with_absent(frame, {**columns, **{name: LINE_COLUMNS[name] for name in lines}}, schema, source)
    if "direction" in columns:
        frame = frame.with_columns(default_direction())
    twice = {name: f"{name}_twice" for name in instants}
    out = [OUT] if any(name in schema for name in reading.words) else []
    there = [*([ROW] if ROW in schema else []), *columns, *lines, *twice.values(), *out]
    whys = [f"{name}_why" for name in dict.fromkeys(check.column for check in checks)]
    values = {name: _own_value(schema.get(f"_own_{name}"), name) for name in own}
    canonical = materialize(collect_once(frame.select(*there, *whys, **values)))
    return ReadLog(canonical, source, own, lines, checks, twice, notes)


def _own_value(dtype: nw.dtypes.DType | None, name: str) -> nw.Expr:
    """Return an own column as it is; words of categories become texts."""
    if dtype is None:
        return nw.lit(None, nw.String())
    value = nw.col(f"_own_{name}")
    return value.cast(nw.String()) if isinstance(dtype, nw.Categorical | nw.Enum) else value


def _with_absent(
    frame: Frame, columns: Mapping[str, Column], schema: Mapping[str, object], source: InputFrame
) -> Frame:
    is_priced = bool(set(LINE_COLUMNS) & set(columns))
    absent: dict[str, nw.Expr] = {}
    for name, column in columns.items():
        if name in schema:
            continue
        if column.kind in ("instant", "amount", "whole"):
            absent[name] = int_lit(0 if name == "amount" and is_priced else MISSING)
        elif column.kind == "person":
            absent[name] = nw.lit(None, nw.String())
        else:
            absent[name] = nw.lit(column.default or "", nw.String())
    frame = frame.with_columns(**absent) if absent else frame
    if "id" in columns and "id" not in schema and "id" not in source.typeless:
        return _numbered(frame, [name for name in schema if name != ROW])
    return frame


def _numbered(frame: Frame, names: Sequence[str]) -> Frame:
    """Number the rows: by their order, or else by their content."""
    if ROW in frame.collect_schema():
        return frame.with_columns(nw.col(ROW).cast(nw.String()).alias("id"))
    frame = frame.drop("id").with_row_index("id", order_by=list(names))
    return frame.with_columns((nw.col("id").cast(nw.Int64()) + 1).cast(nw.String()).alias("id"))


def _value(
    frame: Frame, reading: Reading, name: str, dtype: nw.dtypes.DType, source: InputFrame
) -> tuple[Frame, list[Check]]:
    column = {**READ[reading.log], **LINE_COLUMNS}[name]
    match column.kind:
        case "amount":
            return _amount(frame, reading, name, dtype, source)
        case "whole":
            return _number(frame, name, dtype, whole=True)
        case "person" | "id" if dtype.is_float():
            return _number(frame, name, dtype, whole=False)
        case "person" | "id":
            return frame.with_columns(_text(name, column, is_person=column.kind == "person")), []
        case _ if name in reading.words:
            return _words(frame, reading.words[name], name, column)
        case _:
            return frame.with_columns(_text(name, column, is_person=False)), []


def _text(name: str, column: Column, *, is_person: bool) -> nw.Expr:
    text = nw.col(name).cast(nw.String())
    if is_person:
        return (text if column.required else nw.when(text != "").then(text)).alias(name)
    text = text.fill_null("")
    return (nw.when(text == "").then(nw.lit(column.default)).otherwise(text) if column.default else text).alias(name)


def _number(frame: Frame, name: str, dtype: nw.dtypes.DType, *, whole: bool) -> tuple[Frame, list[Check]]:
    """Read whole numbers, also floats: pandas makes floats of integers with empty cells."""
    value = nw.col(name)
    if dtype.is_integer():
        return frame.with_columns(value.fill_null(MISSING).cast(nw.Int64()).alias(name)), []
    if dtype.is_decimal():
        frame = frame.with_columns(value.cast(nw.Float64()).alias(name))
    empty, limit = value.is_null() | value.is_nan(), _EXACT[isinstance(dtype, nw.Float32)]
    fits = ~empty & (value > -limit) & (value < limit)
    frame = frame.with_columns(
        nw.when(fits).then(value).otherwise(nw.lit(0.0)).alias(f"{name}_float"),
        nw.when(empty | fits).then(int_lit(0)).otherwise(int_lit(_TOO_LARGE)).alias(f"{name}_why"),
        empty.alias(f"{name}_empty"),
    )
    exact, why = nw.col(f"{name}_float"), nw.col(f"{name}_why")
    frame = frame.with_columns(
        nw.when(exact == exact.round(0)).then(why).otherwise(int_lit(_FRACTION)).alias(f"{name}_why"),
        exact.round(0).cast(nw.Int64()).alias(name),
    )
    number = nw.col(name)
    if whole:
        frame = frame.with_columns(
            nw.when(nw.col(f"{name}_empty")).then(int_lit(MISSING)).otherwise(number).alias(name)
        )
    else:
        frame = frame.with_columns(nw.when(~nw.col(f"{name}_empty")).then(number.cast(nw.String())).alias(name))
    kind = "a whole number" if whole else "an id"
    return frame, [
        Check(name, f"is a number with a fraction, which is not {kind}", nw.col(f"{name}_why") == _FRACTION),
        Check(
            name,
            "is a float so large that its last digits are lost; read the column as text",
            nw.col(f"{name}_why") == _TOO_LARGE,
        ),
    ]


def _words(frame: Frame, words: Mapping[str, str | None], name: str, column: Column) -> tuple[Frame, list[Check]]:
    text = nw.col(name).cast(nw.String()).fill_null("").str.strip_chars()
    frame = frame.with_columns(text.alias(name))
    meaning: nw.Expr = nw.when(nw.col(name) == "").then(nw.lit(str(column.default or ""))).otherwise(nw.lit("?"))
    for word, means in words.items():
        meaning = nw.when(nw.col(name) == word.strip()).then(nw.lit("" if means is None else means)).otherwise(meaning)
    left_out = [word.strip() for word, means in words.items() if means is None]
    frame = frame.with_columns(meaning.alias(f"{name}_means"), nw.col(name).is_in(left_out).alias(OUT))
    why = nw.when(nw.col(f"{name}_means") == "?").then(int_lit(_UNKNOWN)).otherwise(int_lit(0))
    usual = column.default or column.choices[0]
    value = nw.when((nw.col(f"{name}_why") > 0) | nw.col(OUT)).then(nw.lit(usual)).otherwise(nw.col(f"{name}_means"))
    frame = frame.with_columns(why.alias(f"{name}_why")).with_columns(value.alias(name))
    argument = "statuses" if name == "status" else "kinds"
    problem = f"is a word that {argument} does not have; add it, or map it to None to leave its rows out"
    return frame, [Check(name, problem, nw.col(f"{name}_why") == _UNKNOWN)]


def _amount(
    frame: Frame, reading: Reading, name: str, dtype: nw.dtypes.DType, source: InputFrame
) -> tuple[Frame, list[Check]]:
    amounts, currency = reading.amounts, reading.currency or ""
    is_minor = amounts.style == "minor"
    scale = 0 if is_minor else reading.decimals
    frame = read_amount(frame, name, dtype, amounts, Unit(currency, scale))
    unit = "minor units have (0)" if is_minor else f"{currency} has ({scale})"
    theirs = reading.columns.get(name, name)
    remedy = in_units(currency) if is_minor else round_it(source.frame_kind, theirs, scale)
    finer = f"has more decimals than {unit}; {remedy}"
    if isinstance(dtype, nw.Decimal):
        malformed = finer
    else:
        malformed = f"is not an amount in style {amounts.style!r}, or has more decimals than {unit}; pass another style"
    problems = {read_amounts.MALFORMED: malformed, read_amounts.FINER: finer, read_amounts.LARGE: "is too large"}
    return frame, [Check(name, problem, nw.col(f"{name}_why") == code) for code, problem in problems.items()]


def _time_checks(reading: Reading, name: str, form: str, dtype: nw.dtypes.DType) -> Iterator[Check]:
    why = nw.col(f"{name}_why")
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        return
    zone = reading.times.zone if reading.times else ""
    if not isinstance(dtype, nw.Datetime | nw.Date):
        style = "ISO 8601" if form == "iso" else form
        forms = "format='%d/%m/%Y %H:%M', or 'epoch' for seconds since 1970"
        problem = f"is not a time in the format {style}; pass tz=Times(zone, {forms}), for example"
        yield Check(name, problem, why == read_times.MALFORMED)
    if zone and form not in EPOCHS:
        problem = f"is a time that the clock of {zone} skipped; give the time that it showed, or aware times"
        yield Check(name, problem, why == read_times.SKIPPED)
    if not zone:
        problem = "has no offset from UTC; pass tz, the zone of the shop's clock, such as tz='Asia/Jakarta'"
        yield Check(name, problem, why == read_times.ZONELESS)
