"""The rows that are open, kept so that one more or one less makes another set and leaves this one as it is.

Law: the values of a set are those of all the folds over its rows.

A set is a tree for each stream, sorted by the names of the rows. A change copies the way from the root to the row and
shares the rest, so that the sets before and after cost little beside each other. Each part of a tree remembers what its
rows come to. The height is that of a random tree: what stands above what depends on a digest of the name alone, so
equal sets have equal trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from funnel._ledger.rows import Key, key
from funnel._lift.nodes import Value
from funnel._reduce.folds import Fold, Ready, Row
from funnel._reduce.running import order_of

Open = tuple[str, Row]
"""A row that is open: its stream, and the row."""

_Sums = tuple[tuple[Any, ...] | None, ...]
"""Of each group of folds what its rows come to; None if it keeps none."""


class _Tree:
    """A row, the rows named before it and the rows named after it."""

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
    """The rows that are open, by stream."""

    __slots__ = ("_trees",)

    def __init__(self, trees: Mapping[str, _Tree]) -> None:
        """Take trees that are there; `of` makes them."""
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
        """Return the set without the row of this name; the same set if it has none."""
        tree = self._trees.get(stream)
        if not _has(tree, name):
            return self
        left = _without(tree, name)
        rest = {other: one for other, one in self._trees.items() if other != stream}
        return Waiting(rest if left is None else {**rest, stream: left})

    def write(self, stream: str, ready: Ready, values: list[Value]) -> tuple[bool, ...]:
        """Write what the rows of a stream come to in the places of the folds; return which groups keep a row."""
        tree = self._trees.get(stream)
        found: _Sums = (None,) * len(ready.groups) if tree is None else _sums(ready, tree)
        for group, sums in zip(ready.groups, found, strict=True):
            for fold, value in zip(group.folds, sums or (), strict=False):
                values[fold.place] = value[1] if fold.how in _EDGES else value
        return tuple(sums is not None for sums in found)

    def __iter__(self) -> Iterator[Open]:
        """Return the rows, of each stream in the order in which they happened."""
        for stream in sorted(self._trees):
            yield from ((stream, row) for row in sorted(_rows(self._trees[stream]), key=order_of))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return sum(tree.size for tree in self._trees.values())

    def __eq__(self, other: object) -> bool:
        """Return whether another set has the same rows."""
        return tuple(self) == tuple(other) if isinstance(other, Waiting) else NotImplemented

    def __hash__(self) -> int:
        """Return a number that equal sets share."""
        return hash(tuple(self))

    def __reduce__(self) -> tuple[object, ...]:
        """Copy the rows, without what is remembered of them."""
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
    """A tree with one more row, which is not in it."""
    name = key(row)
    if tree is None or rank > tree.rank:
        return _Tree(row, rank, *_split(tree, name))
    if name < tree.name:
        return _Tree(tree.row, tree.rank, _with(tree.before, row, rank), tree.after)
    return _Tree(tree.row, tree.rank, tree.before, _with(tree.after, row, rank))


def _split(tree: _Tree | None, name: Key) -> tuple[_Tree | None, _Tree | None]:
    """The rows named before a name, and those named after it."""
    if tree is None:
        return None, None
    if name < tree.name:
        low, high = _split(tree.before, name)
        return low, _Tree(tree.row, tree.rank, high, tree.after)
    low, high = _split(tree.after, name)
    return _Tree(tree.row, tree.rank, tree.before, low), high


def _without(tree: _Tree | None, name: Key) -> _Tree | None:
    """A tree without a row that is in it."""
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


# ---- what rows come to ----


def _sums(ready: Ready, tree: _Tree) -> _Sums:
    if tree.sums is None:
        found = _of_row(ready, tree.row)
        for part in (tree.before, tree.after):
            found = found if part is None else _together(ready, found, _sums(ready, part))
        tree.sums = found
    return tree.sums


def _of_row(ready: Ready, row: Row) -> _Sums:
    groups = zip(ready.groups, ready.keeps, strict=True)
    return tuple(
        tuple(_value(fold, row) for fold in group.folds) if keeps is None or keeps(row) else None
        for group, keeps in groups
    )


def _value(fold: Fold, row: Row) -> Any:
    value = 1 if fold.field is None else row[fold.field]
    return (order_of(row), value) if fold.how in _EDGES else value


def _together(ready: Ready, one: _Sums, other: _Sums) -> _Sums:
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
