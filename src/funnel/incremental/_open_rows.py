"""Immutable sets of open rows: a change returns a new set and keeps the old set.

Invariant: the values of a set equal all folds over its rows.

A set has one tree for each stream, sorted by the keys of the rows. A change copies the path from the root to the row
and shares the rest, so two successive sets need little memory. Each subtree caches the folds of its rows. The tree is a
treap: the order from root to leaf depends only on a digest of the key. Equal sets therefore have equal trees, and the
height is that of a random tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from funnel._aggregate.fold import Fold, Row, StreamFold
from funnel._aggregate.running import order_of
from funnel._expr.nodes import Value
from funnel._ledger.rows import Key, key

Open = tuple[str, Row]
"""An open row: its stream, and the row."""

_Sums = tuple[tuple[Any, ...] | None, ...]
"""Values of each group of folds; None if the group keeps no row."""


class _Tree:
    """A row, the rows with smaller keys and the rows with larger keys."""

    __slots__ = ("after", "before", "name", "rank", "row", "size", "sums")

    def __init__(self, row: Row, rank: bytes, before: _Tree | None, after: _Tree | None) -> None:
        self.row: Final = row
        self.name: Final = key(row)
        self.rank: Final = rank
        self.before: Final = before
        self.after: Final = after
        self.size: Final = 1 + _size(before) + _size(after)
        self.sums: _Sums | None = None


class Waiting:
    """Set of open rows, by stream."""

    __slots__ = ("_trees",)

    def __init__(self, trees: Mapping[str, _Tree]) -> None:
        """Internal: wrap existing trees; use `of` to build a set."""
        self._trees = trees

    @classmethod
    def of(cls, rows: Iterable[Open]) -> Waiting:
        """Return the set of these rows."""
        made = NONE
        for stream, row in rows:
            made = made.put(stream, row)
        return made

    def put(self, stream: str, row: Row) -> Waiting:
        """Return the set with one more row."""
        return Waiting({**self._trees, stream: _with(self._trees.get(stream), row, _rank(key(row)))})

    def without(self, stream: str, name: Key) -> Waiting:
        """Return the set without the row of this key; the same set if absent."""
        tree = self._trees.get(stream)
        if not _has(tree, name):
            return self
        left = _without(tree, name)
        rest = {other: one for other, one in self._trees.items() if other != stream}
        return Waiting(rest if left is None else {**rest, stream: left})

    def write(self, stream: str, ready: StreamFold, values: list[Value]) -> tuple[bool, ...]:
        """Write the folds of a stream's rows to `values`.

        Return which groups keep a row.
        """
        tree = self._trees.get(stream)
        found: _Sums = (None,) * len(ready.groups) if tree is None else _sums(ready, tree)
        for group, sums in zip(ready.groups, found, strict=True):
            for fold, value in zip(group.folds, sums or (), strict=False):
                values[fold.place] = value[1] if fold.how in _EDGES else value
        return tuple(sums is not None for sums in found)

    def __iter__(self) -> Iterator[Open]:
        """Iterate over the rows by stream, in the order in which they happened."""
        for stream in sorted(self._trees):
            yield from ((stream, row) for row in sorted(_rows(self._trees[stream]), key=order_of))

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(tree.size for tree in self._trees.values())

    def __eq__(self, other: object) -> bool:
        """Return whether another set has the same rows."""
        return tuple(self) == tuple(other) if isinstance(other, Waiting) else NotImplemented

    def __hash__(self) -> int:
        """Return a hash that equal sets share."""
        return hash(tuple(self))

    def __reduce__(self) -> tuple[object, ...]:
        """Copy the rows, without cached values."""
        return Waiting.of, (tuple(self),)


NONE = Waiting({})
_EDGES = ("earliest", "latest")


def _size(tree: _Tree | None) -> int:
    return 0 if tree is None else tree.size


def _rank(name: Key) -> bytes:
    return blake2b("\0".join(name).encode(), digest_size=16).digest()


def _rows(tree: _Tree | None) -> Iterator[Row]:
    if tree is not None:
        yield tree.row
        yield from _rows(tree.before)
        yield from _rows(tree.after)


def _has(tree: _Tree | None, name: Key) -> bool:
    while tree is not None and tree.name != name:
        tree = tree.before if name < tree.name else tree.after
    return tree is not None


def _with(tree: _Tree | None, row: Row, rank: bytes) -> _Tree:
    """Return a tree with one more row, which must be absent."""
    name = key(row)
    if tree is None or rank > tree.rank:
        return _Tree(row, rank, *_split(tree, name))
    if name < tree.name:
        return _Tree(tree.row, tree.rank, _with(tree.before, row, rank), tree.after)
    return _Tree(tree.row, tree.rank, tree.before, _with(tree.after, row, rank))


def _split(tree: _Tree | None, name: Key) -> tuple[_Tree | None, _Tree | None]:
    """Return the rows with smaller keys, and the rows with larger keys."""
    if tree is None:
        return None, None
    if name < tree.name:
        low, high = _split(tree.before, name)
        return low, _Tree(tree.row, tree.rank, high, tree.after)
    low, high = _split(tree.after, name)
    return _Tree(tree.row, tree.rank, tree.before, low), high


def _without(tree: _Tree | None, name: Key) -> _Tree | None:
    """Return a tree without a row, which must be present."""
    assert tree is not None
    if name == tree.name:
        return _joined(tree.before, tree.after)
    if name < tree.name:
        return _Tree(tree.row, tree.rank, _without(tree.before, name), tree.after)
    return _Tree(tree.row, tree.rank, tree.before, _without(tree.after, name))


def _joined(low: _Tree | None, high: _Tree | None) -> _Tree | None:
    if low is None or high is None:
        return high if low is None else low
    if low.rank > high.rank:
        return _Tree(low.row, low.rank, low.before, _joined(low.after, high))
    return _Tree(high.row, high.rank, _joined(low, high.before), high.after)


# ---- folds of rows ----


def _sums(ready: StreamFold, tree: _Tree) -> _Sums:
    if tree.sums is None:
        found = _of_row(ready, tree.row)
        for part in (tree.before, tree.after):
            found = found if part is None else _together(ready, found, _sums(ready, part))
        tree.sums = found
    return tree.sums


def _of_row(ready: StreamFold, row: Row) -> _Sums:
    groups = zip(ready.groups, ready.keeps, strict=True)
    return tuple(
        tuple(_value(fold, row) for fold in group.folds) if keeps is None or keeps(row) else None
        for group, keeps in groups
    )


def _value(fold: Fold, row: Row) -> Any:
    value = 1 if fold.field is None else row[fold.field]
    return (order_of(row), value) if fold.how in _EDGES else value


def _together(ready: StreamFold, one: _Sums, other: _Sums) -> _Sums:
    return tuple(
        (a if b is None else b)
        if a is None or b is None
        else tuple(_fold(fold.how, x, y) for fold, x, y in zip(group.folds, a, b, strict=True))
        for group, a, b in zip(ready.groups, one, other, strict=True)
    )


def _fold(how: str, one: Any, other: Any) -> Any:
    if how == "sum":
        return one + other
    return min(one, other) if how in {"smallest", "earliest"} else max(one, other)
