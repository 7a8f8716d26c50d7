"""The footer of a Parquet file: the unpacked size of its columns, read before unpacking.

Source: the Parquet format's `FileMetaData`, written in Thrift's compact protocol.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import attrs

_MAGIC = b"PAR1"
_TAIL = 8
_DEEPEST = 32
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_ROW_GROUPS, _COLUMNS, _META, _UNPACKED = 4, 1, 3, 6


def unpacked_bytes(file: BinaryIO, size: int) -> int | None:
    """Return the unpacked size of the columns of a Parquet file, in bytes.

    Args:
        file: The file.
        size: Size of the file in bytes.

    Returns:
        The size that the file itself states; None if its footer cannot be read.
    """
    if size < 2 * _TAIL:
        return None
    file.seek(size - _TAIL)
    tail = file.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > size - _TAIL:
        return None
    file.seek(size - _TAIL - length)
    try:
        footer = _Compact(file.read(length)).struct()
        return sum(int(column[_META][_UNPACKED]) for group in footer[_ROW_GROUPS] for column in group[_COLUMNS])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


@attrs.define
class _Compact:
    """A reader of Thrift's compact protocol; texts are skipped."""

    data: bytes
    position: int = 0
    depth: int = 0

    def struct(self) -> dict[int, Any]:
        """Read a struct as its values by field number."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 15)
        self.depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_BYTE, _DOUBLE, _BINARY):
            return self._skip({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint())
        if kind in (_LIST, _SET):
            return self._list()
        if kind == _STRUCT:
            return self.struct()
        if kind == _MAP:
            raise ValueError("a map, which no footer has")
        return self._zigzag()

    def _list(self) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:  # noqa: PLR2004 (the format's own sign of a longer list)
            count = self._varint()
        if count > len(self.data):
            raise ValueError("a list longer than the footer")
        return [self._byte() if kind in (_TRUE, _FALSE) else self._value(kind) for _ in range(count)]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self.data):
            raise IndexError

    def _byte(self) -> int:
        self.position += 1
        return self.data[self.position - 1]

    def _varint(self) -> int:
        shift = value = 0
        while True:
            part = self._byte()
            value |= (part & 127) << shift
            if part < 128:  # noqa: PLR2004 (the last byte of a number)
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
