"""Ids as numbers: different texts as different integers, and any integers as dense numbers.

Needs numpy and Polars; import it only if both are installed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from funnel._dataframes.loops import Array, Run, Whole, in_shares, in_threads, next_positions, shares_of

if TYPE_CHECKING:
    import polars as pl

Bytes = npt.NDArray[np.uint8]
Short = npt.NDArray[np.int32]

LONGEST = 64
"""The maximum number of bytes of a text that has a code."""

MOST_CODES = 1 << 61
"""The maximum number of codes."""

SAMPLE = 1 << 9
"""The approximate number of rows that show the form of the texts."""

SAMPLES = 4
"""A text without the form of the sample joins the sample, this often."""


class Texts(NamedTuple):
    """The bytes of a column, where Polars has them.

    Attributes:
        views: The length of each text and its first bytes; then its other bytes, up to 12, or its buffer and index.
        memory: The memory from the first buffer to the end of the last one. Parts between the buffers must not be read.
        words: For each byte of the memory, the integer of eight bytes that begins there.
        bases: The index of each buffer in the memory; at the end, that of the bytes in the first view.
    """

    views: Whole
    memory: Bytes
    words: Whole
    bases: Whole


# ---- the bytes of a column ----

_VIEW, _INLINE, _PREFIX = 16, 12, 4
"""The bytes of a view, the longest text in a view, and the bytes of a view before its text."""

_LENGTH = (1 << 32) - 1

FORMAT = b"vu"
"""The format of texts as views, in the C interface of Arrow."""

_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_Fill = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_FORMAT, _SCHEMA_RELEASE, _SCHEMA_FIELDS = 0, 7, 9
_ARRAY_RELEASE, _ARRAY_FIELDS = 8, 10


@contextmanager
def texts_of(column: pl.Series) -> Generator[Texts | None]:
    """Read the bytes of a column without a copy, by the C interface of Arrow. Its structures have fields of 8 bytes.

    Args:
        column: Texts in one chunk, without nulls; there must be one.

    Returns:
        The bytes while the context is open; None if they do not have the form that loops read.
    """
    capsule = column.__arrow_c_stream__(None)
    stream: Any = _pointer_of(capsule, b"arrow_array_stream")
    schema, array = (ctypes.c_int64 * _SCHEMA_FIELDS)(), (ctypes.c_int64 * _ARRAY_FIELDS)()
    for fill, fields in zip((ctypes.c_int64 * 2).from_address(stream), (schema, array), strict=True):
        _Fill(fill)(stream, ctypes.addressof(fields))
    try:
        yield _texts(array) if ctypes.string_at(schema[_FORMAT]) == FORMAT else None
    finally:
        _Release(array[_ARRAY_RELEASE])(ctypes.addressof(array))
        _Release(schema[_SCHEMA_RELEASE])(ctypes.addressof(schema))


def _texts(array: Any) -> Texts:
    length, _, offset, count, _, pointers, *_ = array
    buffers = (ctypes.c_int64 * count).from_address(pointers)
    views = buffers[1] + _VIEW * offset
    sizes: Any = (ctypes.c_int64 * (count - 3)).from_address(buffers[-1] or views)
    others = [start if size else views for start, size in zip(buffers[2:-1], sizes, strict=True)]
    first = min([views, *others])
    span = max([views + _VIEW * length, *(start + size for start, size in zip(others, sizes, strict=True))]) - first
    return Texts(
        _array(views, (length, 2), "<i8"),
        _array(first, (span,), "|u1"),
        _array(first, (span - 7,), "<i8", (1,)),
        np.array([*(start - first for start in others), views + _PREFIX - first], np.int64),
    )


def _array(start: int, shape: tuple[int, ...], kind: str, strides: tuple[int, ...] | None = None) -> Any:
    """Return memory as a read-only array."""
    of = {"data": (start, True), "shape": shape, "typestr": kind, "strides": strides, "version": 3}
    return np.asarray(SimpleNamespace(__array_interface__=of))


def _start(views: Whole, bases: Whole, row: int) -> int:
    """Return the index of the first byte of a text."""
    if views[row, 0] & _LENGTH <= _INLINE:
        return int(bases[len(bases) - 1] + _VIEW * row)
    return int(bases[views[row, 1] & _LENGTH] + (views[row, 1] >> 32))


# ---- codes: texts of one form as integers ----


EIGHT = 10**8
"""The size of a position of eight digits."""

_DIGITS = frozenset(b"0123456789")
_HIGH, _ZEROS, _SIXES = -0x0F0F0F0F0F0F0F10, 0x3030303030303030, 0x0606060606060606
_BYTES, _PAIRS, _QUADS = 0x000F000F000F000F, 0x0000007F0000007F, 0x3FFF


class Form(NamedTuple):
    """The form of some texts.

    Attributes:
        same: The number of words at the start that all texts have.
        longest: The number of bytes of the longest text.
        positions: For each later byte: its index, its lowest value, the number of values from there to its highest one,
            its digit if the text is shorter (-1 if no text is), and the radix of its digits. For eight digits: the
            index of the last one, 0, `EIGHT`, -1, and the radix.
        codes: The number of codes.
        start: The first character if all texts have it and all characters are visible ASCII, else "".
    """

    same: int
    longest: int
    positions: Whole
    codes: int
    start: str

    @classmethod
    def of(cls, sample: Sequence[bytes]) -> Form | None:
        """Return the form of a sample, which begins with the first text; None if codes do not fit one integer."""
        shortest, longest = min(map(len, sample)), max(map(len, sample))
        columns = [{text[index] for text in sample if index < len(text)} for index in range(longest)]
        same = next((index for index in range(shortest) if len(columns[index]) > 1), shortest) // 8
        positions: list[tuple[int, int, int, int, int]] = []
        codes, end = 1, longest
        while end > 8 * same:
            low, high, index = min(columns[end - 1]), max(columns[end - 1]), end - 1
            if end - 8 >= 8 * same and end <= shortest and all(one <= _DIGITS for one in columns[end - 8 : end]):
                positions.append((index, 0, EIGHT, -1, codes))
                codes, end = codes * EIGHT, end - 8
                continue
            if {low, high} <= _DIGITS:
                low, high = ord("0"), ord("9")  # most digits are missing where numbers begin with zeros
            size = high - low + 1
            positions.append((index, low, size, size if end > shortest else -1, codes))
            codes, end = codes * (size + (end > shortest)), index
        if longest > LONGEST or codes > MOST_CODES:
            return None
        is_visible = all(ord("!") <= min(column) and max(column) <= ord("~") for column in columns)
        has_start = same or (positions and positions[-1][2:4] == (1, -1))
        start = sample[0][:1].decode() if is_visible and has_start else ""
        return cls(same, longest, np.array(positions, np.int64).reshape(-1, 5), codes, start)


def codes_of(column: pl.Series, run: Run) -> tuple[Whole, str] | None:
    """Return a code for each text, and the `start` of their form.

    Args:
        column: Texts in one chunk, without nulls; there must be one.
        run: How loops run.

    Returns:
        The codes; None if texts are too long, if there are too many codes for one integer, or if the texts have no
        common form.
    """
    codes = np.empty(len(column), np.int64)
    sample = list(range(0, len(column), -(-len(column) // SAMPLE)))
    with texts_of(column) as texts:
        for _ in range(SAMPLES):
            if texts is None:
                return None
            form = Form.of([text.encode() for text in column.gather(sample).to_list()])
            if form is None:
                return None
            arguments = *texts, form.same, form.longest, form.positions, codes
            others = [row for row in in_shares(run, encode_texts, shares_of(len(column)), *arguments) if row >= 0]
            if not others:
                return codes, form.start
            sample += others
    return None


def encode_texts(  # noqa: PLR0913, PLR0917 (a loop takes arrays)
    views: Whole,
    memory: Bytes,
    words: Whole,
    bases: Whole,
    same: int,
    longest: int,
    positions: Whole,
    codes: Whole,
    low: int,
    high: int,
) -> int:
    """Loop: write the codes from row `low` to before `high`; return the first row of another form, or -1."""
    reference = _start(views, bases, 0)
    for row in range(low, high):
        length, start, code = views[row, 0] & _LENGTH, _start(views, bases, row), 0
        is_same = 8 * same <= length <= longest
        for word in range(same):
            is_same = is_same and words[start + 8 * word] == words[reference + 8 * word]
        if not is_same:
            return row
        for position in range(len(positions)):
            digit = positions[position, 3]
            if positions[position, 0] < length and positions[position, 2] == EIGHT:
                eight: Any = words[start + positions[position, 0] - 7]
                digit = _eight_digits(eight)
            elif positions[position, 0] < length:
                digit = memory[start + positions[position, 0]] - positions[position, 1]
                is_same &= digit < positions[position, 2]
            is_same &= digit >= 0
            code += digit * positions[position, 4]
        if not is_same:
            return row
        codes[row] = code
    return -1


def _eight_digits(word: int) -> int:
    """Return the number that eight bytes are the digits of, the lowest byte first; -1 if they are not all digits."""
    if word & _HIGH != _ZEROS or (word + _SIXES) & _HIGH != _ZEROS:
        return -1
    pairs = (word & _BYTES) * 10 + ((word >> 8) & _BYTES)
    quads = (pairs & _PAIRS) * 100 + ((pairs >> 16) & _PAIRS)
    return (quads & _QUADS) * 10_000 + (quads >> 32)


def note_rows(codes: Whole, first: int, rows: Whole, low: int, high: int) -> None:
    """Loop: write a row of each code, from row `low` to before `high`."""
    for row in range(low, high):
        rows[codes[row] - first] = row


# ---- dense numbers ----

PART = 1 << 14
"""The approximate number of rows of a part of the hashes. Its table fits the second-level cache."""


def numbered(hashes: Whole, run: Run) -> tuple[Whole, Whole]:
    """Return the number of each hash, and a row of each number."""
    shares, bits = shares_of(len(hashes)), max((len(hashes) // PART).bit_length(), 1)
    shift, counts = 64 - bits, np.zeros((len(shares), 1 << bits), np.int64)
    following = [(mine, low, high) for mine, (low, high) in zip(counts, shares, strict=True)]
    in_shares(run, count_parts, following, hashes, shift)
    bounds = next_positions(counts)
    parted, rows, local = (np.empty(len(hashes), dtype) for dtype in (np.int64, np.int32, np.int32))
    in_shares(run, split_rows, following, hashes, shift, parted, rows)
    sizes, parts = np.zeros(len(bounds), np.int64), shares_of(len(bounds) - 1, len(shares))
    in_shares(run, number_parts, parts, parted, bounds, shift, local, sizes[1:])
    bases = np.cumsum(sizes)
    numbers, row_of = np.empty(len(hashes), np.int64), np.empty(bases[-1], np.int64)
    in_shares(run, join_parts, parts, bounds, bases, rows, local, numbers, row_of)
    return numbers, row_of


def numbered_texts(column: pl.Series, run: Run) -> tuple[Whole, Whole] | None:
    """Return the number of each text, by its hash, and a row of each number; None if two texts have the same hash."""
    shares = shares_of(len(column))

    def hashes_of(low: int, high: int) -> Array:
        return column[low:high].hash().to_numpy()

    numbers, row_of = numbered(np.concatenate(in_threads(hashes_of, shares)).view(np.int64), run)

    def is_exact(low: int, high: int) -> bool:
        return (column.gather(row_of[numbers[low:high]]) == column[low:high]).all()

    return (numbers, row_of) if all(in_threads(is_exact, shares)) else None


def count_parts(hashes: Whole, shift: int, counts: Whole, low: int, high: int) -> None:
    """Loop: count the rows of each part, from row `low` to before `high`. A part has the same first bits."""
    for row in range(low, high):
        counts[(hashes[row] >> shift) & (len(counts) - 1)] += 1


def split_rows(  # noqa: PLR0913, PLR0917
    hashes: Whole, shift: int, parted: Whole, rows: Short, following: Whole, low: int, high: int
) -> None:
    """Loop: write each hash and its row to the next position of its part."""
    for row in range(low, high):
        part = (hashes[row] >> shift) & (len(following) - 1)
        index = following[part]
        following[part] = index + 1
        parted[index], rows[index] = hashes[row], row


def number_parts(  # noqa: PLR0913, PLR0917
    parted: Whole, bounds: Whole, shift: int, local: Short, sizes: Whole, low: int, high: int
) -> None:
    """Loop: number the hashes of each part from 0, and write the numbers and the number of different hashes."""
    for part in range(low, high):
        slots = 2
        while slots < 2 * (bounds[part + 1] - bounds[part]):
            slots *= 2
        first = np.full(slots, -1, np.int64)
        for index in range(bounds[part], bounds[part + 1]):
            slot = (parted[index] >> max(shift - 32, 0)) & (slots - 1)
            while first[slot] >= 0 and parted[first[slot]] != parted[index]:
                slot = (slot + 1) & (slots - 1)
            if first[slot] < 0:
                first[slot] = index
                local[index] = sizes[part]
                sizes[part] += 1
            local[index] = local[first[slot]]


def join_parts(  # noqa: PLR0913, PLR0917
    bounds: Whole, bases: Whole, rows: Short, local: Short, numbers: Whole, row_of: Whole, low: int, high: int
) -> None:
    """Loop: write the number of each row, and a row of each number."""
    for part in range(low, high):
        for index in range(bounds[part], bounds[part + 1]):
            numbers[rows[index]] = bases[part] + local[index]
            row_of[bases[part] + local[index]] = rows[index]
