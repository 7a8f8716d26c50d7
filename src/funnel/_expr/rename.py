"""Trees that read facts under other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import attrs

from funnel._expr.nodes import Const, Fact, Node
from funnel._expr.tree import Fork, Tree

N = TypeVar("N", bound=Node)


def renamed(tree: Tree, names: Mapping[str, str]) -> Tree:
    """Return a tree that reads facts by other names; its leaves have answers only."""
    if isinstance(tree, Fork):
        return Fork(_renamed(tree.test, names), renamed(tree.yes, names), renamed(tree.no, names))
    return tree


def _renamed(node: N, names: Mapping[str, str]) -> N:
    if isinstance(node, Const):
        return node
    if isinstance(node, Fact):
        return attrs.evolve(node, name=names.get(node.name, node.name))
    return attrs.evolve(node, a=_renamed(node.a, names), b=_renamed(node.b, names))
