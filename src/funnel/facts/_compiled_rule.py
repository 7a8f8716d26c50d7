"""A rule compiled for one policy and one class of facts: its tree, where it reads facts, and how it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from funnel._arguments import INNER
from funnel._cache import NamedValue
from funnel._expr.explain import Explanation, RulePath, paths, reasons, sides
from funnel._expr.next_change import first_change, flip_delays
from funnel._expr.nodes import Node, Value, facts_of
from funnel._expr.to_python import Evaluator, Run, compile_expressions, compile_tree
from funnel._expr.tree import Tree, answer_kind, enum_values, forks, leaves, numbered
from funnel.facts._display import RawFacts
from funnel.facts._schema import FactSchema, narrowed

if TYPE_CHECKING:
    from funnel._expr.to_narwhals import ColumnOf, Steps


Change = Callable[[Sequence[Value], int], int | None]


@attrs.frozen(eq=False)
class CompiledRule:
    """Rule compiled for one policy and one class of facts; hashed by identity."""

    tree: Tree
    plan: FactSchema
    run: Run
    names: tuple[NamedValue, ...] = ()

    @cached_property
    def read(self) -> frozenset[str]:
        """Names of the facts that the rule reads."""
        tests = [fork.test for fork in forks(self.tree)]
        nodes: list[Node] = [*tests, *(leaf.node for leaf in leaves(self.tree) if leaf.node is not None)]
        return frozenset(fact.name for node in nodes for fact in facts_of(node))

    @cached_property
    def is_span(self) -> bool:
        """Whether the answer is a span of time."""
        return answer_kind(self.tree) == "span"

    @cached_property
    def _positions(self) -> dict[int | str, int]:
        return {value: position for position, value in enumerate(enum_values(self.tree))}

    def answer_key(self, answer: Any) -> tuple[bool, Any]:
        """Return the key that sorts answers of a column: None first, then in the order of the enum, or ascending."""
        return answer is not None, 0 if answer is None else self._positions.get(answer, answer)

    @cached_property
    def run_indices(self) -> dict[str, tuple[int, int]]:
        """Index of each fact, and its slope with the clock."""
        return self.plan.run_indices()

    @cached_property
    def paths(self) -> tuple[RulePath, ...]:
        """Every path through the tree."""
        return tuple(paths(self.tree))

    @cached_property
    def _path_number(self) -> Run:
        return compile_tree(numbered(self.tree), self.run_indices, "path")

    @cached_property
    def _visited(self) -> dict[int, tuple[RulePath, Evaluator]]:
        """Paths taken so far, each with a function for both sides of its conditions."""
        return {}

    def why(self, facts: RawFacts) -> Explanation:
        """Return the answer for one person and the conditions that decided it."""
        values, now = facts.values, facts.now
        number = self._path_number(values, now)
        assert isinstance(number, int)
        if number not in self._visited:
            path = self.paths[number]
            self._visited[number] = path, compile_expressions(sides(path), self.run_indices, "why")
        path, sides_of = self._visited[number]
        answer = path.leaf.answer if path.leaf.node is None else self.run(values, now)
        return Explanation(answer, reasons(path, sides_of(values, now)))

    @cached_property
    def answer(self) -> ColumnOf:
        """The answer as a column, from the columns of the facts."""
        from funnel._expr.to_narwhals import column_of

        return column_of(self.tree)

    @cached_property
    def steps(self) -> Steps:
        """The tree with its repeated arithmetic in columns of their own."""
        from funnel._expr.to_narwhals import steps_of

        return steps_of(self.tree, f"{INNER}part_")

    @cached_property
    def narrowed(self) -> FactSchema:
        """Schema of only the facts that the rule reads."""
        return narrowed(self.plan, self.read)

    @cached_property
    def alone(self) -> tuple[FactSchema, Run]:
        """Narrowed schema, and the rule compiled for its values."""
        plan = self.narrowed
        return plan, compile_tree(self.tree, plan.run_indices(), "alone")

    @cached_property
    def change(self) -> Change:
        """Function of the values that returns the instant of the next change; None if none before 2200."""
        return self._change(self.plan, self.run)

    @cached_property
    def alone_change(self) -> tuple[FactSchema, Change]:
        """Narrowed schema, and a function of its values that returns the instant of the next change."""
        plan, run = self.alone
        return plan, self._change(plan, run)

    def _change(self, plan: FactSchema, run: Run) -> Change:
        waits = compile_expressions(self.waits, plan.run_indices(), "waits")
        windows = plan.windows_of(self.read)

        def without_windows(values: Sequence[Value], now: int) -> int | None:
            return first_change(run, waits(values, now), values, now)

        def change(values: Sequence[Value], now: int) -> int | None:
            answer = run(values, now)
            for at, until, later in plan.future(values, now, windows):
                then = at if run(later, at) != answer else without_windows(later, at)
                if then is not None and then < until:
                    return then
            return None

        return change if windows else without_windows

    @cached_property
    def waits(self) -> tuple[Node, ...]:
        """Expressions for the time until each clock condition may flip.

        They are the same for every person.

        Raises:
            RuleError: The rule uses the clock in a way that has no next change.
        """
        return flip_delays(self.tree)
