"""Groups of people for `by=`: by origin, or by the first value of a shop's own column; and one result per group.

Invariant: the result of a group equals the result of logs that have only the records of the people of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
import narwhals as nw

from funnel._aggregate.aggregations import own_field, own_name, with_own
from funnel._aggregate.group_by import value_name
from funnel._aggregate.intervals import cached
from funnel._arguments import check_choice
from funnel._dataframes.adapter import Frame, distinct, from_native
from funnel._dataframes.compute import to_rows
from funnel._format import escape
from funnel._ledger.own import OWN_LOGS, TYPES
from funnel._ledger.streams import STREAMS
from funnel._people import logs_of
from funnel._results import Charted, Rows, chart_of
from funnel.errors import ArgumentError
from funnel.facts import Facts
from funnel.facts._declare import Declared, earliest
from funnel.facts._frames import raw_facts_over
from funnel.facts._schema import fact_schema, narrowed
from funnel.logs import Logs
from funnel.metrics._display import group_name
from funnel.metrics._purchases import PERSON
from funnel.policy import Policy
from funnel.rules._check import check_is_rule
from funnel.rules._rule import Rule

if TYPE_CHECKING:
    from altair.typing import ChartType


T = TypeVar("T")
SizedT = TypeVar("SizedT", bound=Sized)
Cell = str | int | bool | None

ARRIVAL, PROMOTION, PEOPLE = ("source", "campaign", "referral"), "promotion", "people"
OWN_OF = ("purchases", "leads", "interactions", PEOPLE)
"""The logs whose own columns can group people, and the table of people, in the order of preference."""

MOST_GROUPS = 100
_GROUP, _TEXT, _TRUTH = "group", "text", "truth"


@attrs.frozen
class Groups(Charted, Rows, Mapping[Any, T], Generic[T]):
    """Results by group: a mapping from each group to its result.

    A mapping is not a table for Polars: use `to_polars()` in place of `pl.DataFrame(groups)`.

    Attributes:
        by: The columns to group by.
        groups: The result of each group, in the order of the groups. A group is the value of the column, None if it is
            unknown; or a tuple of values if there are several columns.
    """

    by: tuple[str, ...]
    groups: tuple[tuple[Any, T], ...]

    _CHART = "groups.multiples"

    def plot(self, **options: str) -> ChartType:
        """Return one chart for each of the eight largest groups, one below another, as an Altair chart.

        Args:
            options: The options of `plot` of one result, such as `show="revenue"`.

        Raises:
            ArgumentError: An option has another word.
            MissingExtraError: The extra `plots` is not installed.
        """
        return chart_of(self, **options)

    @cached_property
    def _by_group(self) -> Mapping[Any, T]:
        return dict(self.groups)

    def __getitem__(self, group: Any) -> T:
        """Return the result of a group."""
        return self._by_group[group]

    def __iter__(self) -> Iterator[Any]:
        """Yield the groups."""
        return iter(self._by_group)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.groups)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows of every result, each with its group."""
        parts: tuple[tuple[Any, Any], ...] = self.groups
        return [{"group": group, **row} for group, one in parts for row in one.to_dicts()]

    def __str__(self) -> str:
        """Return each group above its result."""
        return "\n\n".join(f"{self._title(group)}\n{one}" for group, one in self.groups)

    def _title(self, group: object) -> str:
        return f"{', '.join(self.by)}: {group_name(group)}"

    def _html(self) -> str:
        parts: tuple[tuple[Any, Any], ...] = self.groups
        return "".join(f"<h4>{escape(self._title(group))}</h4>{one._html()}" for group, one in parts)


# ---- the group of each person ----------------------------------------------------------------------------------------


def own_choices(logs: Logs, own_of: Sequence[str] = OWN_OF) -> dict[str, tuple[str, str]]:
    """Return the log and the kind of values of each own column that can group people."""
    kinds = logs._own_kinds
    columns = [(name, (log, kind)) for log in reversed(own_of) for name, kind in kinds.get(log, {}).items()]
    return {name: of for name, of in columns if of[1] != "instant"}


def people_groups(logs: Logs, by: str, now: int, own_of: Sequence[str] = OWN_OF) -> Frame:
    """Return the group of each person: `person_id` and `group`, with the empty value of facts if it is unknown.

    A group is a fact: the value in the table of people, or in the person's first record that counts at an instant.
    """
    if by in _OF_ARRIVAL:
        plan = narrowed(Facts._fact_plan, frozenset(_ARRIVAL_FACTS))
        read = {name: nw.col(value_name(plan.indices[name])) for name in _ARRIVAL_FACTS}
        return raw_facts_over(plan, logs, now).select(PERSON, **read).select(PERSON, group=_OF_ARRIVAL[by]())
    log, kind = ("purchases", "") if by == PROMOTION else own_choices(logs, own_of)[by]
    declared: Declared = earliest(log, by, columns={by: _TYPES[kind]} if kind else None)
    plan = fact_schema({_GROUP: declared})
    return raw_facts_over(plan, logs, now).select(PERSON, group=nw.col(value_name(plan.indices[_GROUP])))


_TYPES: Mapping[str, Any] = {kind: one for one, kind in TYPES.items()}
_ARRIVAL_FACTS = ("lead_count", "lead_source", "campaign", "was_referred")


def _referral() -> nw.Expr:
    sent = nw.when(nw.col("was_referred") == 1).then(nw.lit("referred")).otherwise(nw.lit("not referred"))
    return nw.when(nw.col("lead_count") == 0).then(nw.lit("")).otherwise(sent)


_OF_ARRIVAL: Mapping[str, Callable[[], Any]] = {
    "source": lambda: nw.col("lead_source"),
    "campaign": lambda: nw.col("campaign"),
    "referral": _referral,
}


def group_of(logs: Logs, by: str, value: Any, own_of: Sequence[str] = OWN_OF) -> Cell:
    """Return a group as it is shown: None if it is unknown, and a truth as a boolean."""
    _, kind = own_choices(logs, own_of).get(by, ("", ""))
    return bool(value) if kind == _TRUTH else None if value == "" else value


def shown_groups(logs: Logs, by: str, now: int) -> Frame:
    """Return the group of each person as a result has it: null if it is unknown, and a truth as a boolean."""
    group, (_, kind) = nw.col(_GROUP), own_choices(logs).get(by, ("", _TEXT))
    displayed = {_TEXT: nw.when(group != "").then(group), _TRUTH: group == 1}.get(kind, group)
    return people_groups(logs, by, now).select(PERSON, group=displayed)


# ---- one result per group --------------------------------------------------------------------------------------------


def check_by(logs: Logs, by: object, own_of: Sequence[str] = OWN_OF, *others: str) -> str:
    """Return the argument `by` after checking that it is an origin, an own column of these logs, or another word.

    Raises:
        ArgumentError: It is something else, or the logs are not `Logs`.
    """
    columns = own_choices(logs_of(logs), own_of)
    own_promotion = (PROMOTION,) if "purchases" in own_of else ()
    check_choice(by, tuple(dict.fromkeys((*ARRIVAL, *own_promotion, *others, *columns))), "by")
    return str(by)


def by_group(
    logs: Logs, by: object, now: int, compute: Callable[[Logs], SizedT], own_of: Sequence[str] = OWN_OF
) -> Groups[SizedT]:
    """Return the result of each group of people.

    Args:
        logs: All records.
        by: An origin, or an own column.
        now: The evaluation time, in microseconds.
        compute: The metric of the logs of one group.
        own_of: The logs whose own columns can group people.

    Raises:
        ArgumentError: `by` is neither, or there are too many groups.
    """
    name = check_by(logs, by, own_of)
    people = cached(people_groups(logs, name, now, own_of))
    values = [value for (value,) in to_rows(distinct(people.select(_GROUP)), _GROUP)]
    if len(values) > MOST_GROUPS:
        msg = f"by={name!r} has {len(values):,} groups, and at most {MOST_GROUPS} are allowed"
        raise ArgumentError(f"{msg}; put rare values together in a column of your own")
    groups = ((value, people.filter(nw.col(_GROUP) == nw.lit(value)).select(PERSON)) for value in sorted(values))
    results = [(group_of(logs, name, value, own_of), compute(logs._of_people(ids))) for value, ids in groups]
    # The group of people without a purchase is unknown. A metric of buyers counts nobody in it.
    visible = [one for one in results if one[0] is not None or len(one[1])]
    return Groups((name,), tuple(sorted(visible, key=lambda one: one[0] is None)))


# ---- own columns of a stream -----------------------------------------------------------------------------------------


def own_columns_of(logs: Logs, stream: str, names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the ledger table of a stream with own columns of its log, and their names by the table's names."""
    plain = STREAMS[stream]
    kinds = logs._own_kinds.get(OWN_LOGS.get(plain.table, ""), {})
    fields = [own_field(name, kinds[name]) for name in names if name in kinds]
    return with_own(plain, fields).table, {field.name: own_name(field) for field in fields}


# ---- the number of people for each result of a rule, such as the number in each stage --------------------------------


def people_by(rule: Rule[Any, Any, Any], logs: Logs, policy: Policy, *, as_of: datetime) -> dict[Any, int]:
    """Count people by the result of a rule, such as the people in each stage.

    For people by origin or by an own column, see `repeat_by`, and `by=` of `conversion` and `retention`.

    Args:
        rule: The rule.
        logs: The shop's records as tables.
        policy: The shop's policy.
        as_of: The evaluation time.

    Returns:
        The number of people for each result that occurs: None first, then in the order of the enum, or ascending.
        An enum member is returned as its value.

    Raises:
        ArgumentError: The argument is not a rule.

    Example:
        >>> import polars as pl
        >>> from datetime import UTC, datetime
        >>> from funnel import Logs, Policy, stage
        >>> bought = {"id": [1], "person_id": ["a"], "purchased_at": [datetime(2026, 3, 1, tzinfo=UTC)], "amount": [9]}
        >>> people_by(stage, Logs(purchases=pl.DataFrame(bought)), Policy(), as_of=datetime(2026, 4, 1, tzinfo=UTC))
        {'customer': 1}
    """
    answers = from_native(check_is_rule(rule).over(logs_of(logs), policy, as_of=as_of)).frame.select(
        PERSON, _answer=nw.col(rule.name)
    )
    counts = answers.group_by("_answer").agg(nw.col(PERSON).count().alias("_people"))
    people_of = {answer: int(people) for answer, people in to_rows(counts, "_answer", "_people")}
    return {answer: people_of[answer] for answer in sorted(people_of, key=rule._compiled_rule(policy).answer_key)}
