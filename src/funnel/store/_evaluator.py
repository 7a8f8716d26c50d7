"""Evaluation of a person's stage after a change: the only code that computes stored stages.

Invariant: a stored stage and its next change are those of the rule for the person's history at that instant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from hashlib import sha256
from heapq import heappop, heappush
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs

from funnel._copies import unchecked
from funnel._time import instant, micros
from funnel.errors import FactsError, RecordError
from funnel.history import History
from funnel.incremental._live_facts import LiveFacts
from funnel.policy import Policy
from funnel.records import Record
from funnel.rules._rule import Rule
from funnel.store._frames import logs_in
from funnel.store._tables import Evaluation, Person

if TYPE_CHECKING:
    import polars as pl

    from funnel.rates import Rates


MOST_LIVE = 1_000
"""Maximum number of people cached for their next record; the oldest is evicted."""


@attrs.define
class LivePerson:
    """A person as of the last evaluation, ready for the next record.

    Attributes:
        name: The name of the person in the records of `facts`.
        version: The person's version after the evaluation.
        at: The evaluation time.
        facts: The live facts, to which records can be added.
        future: Future instants at which a record becomes or ceases to be effective, as a heap.
        stage: The computed stage.
        due_at: The instant of the next evaluation: a change by time, or a future-dated record.
    """

    name: str
    version: int
    at: int
    facts: LiveFacts[Any]
    future: list[int]
    stage: str = ""
    due_at: int | None = None


class Evaluator:
    """Evaluates stages by one rule and one policy.

    Args:
        rule: The rule whose answer is the stage.
        policy: The shop's policy.
        rates: The rates of a store of several currencies; None if it has one.
    """

    def __init__(self, rule: Rule[Any, Any, Any], policy: Policy, rates: Rates | None = None) -> None:
        """Start with an empty cache."""
        self.rule = rule
        self.policy = policy
        self.rates = rates
        self._live: OrderedDict[str, LivePerson] = OrderedDict()
        self._lock = Lock()

    @cached_property
    def fingerprint(self) -> int:
        """A number that changes with the rule, its facts, a policy value that it reads, or the rates.

        Raises:
            FactsError: The rule reads own columns of people, which a store does not have.
        """
        compiled = self.rule._compiled_rule(self.policy)
        if "people" in compiled.narrowed.streams:
            msg = f"{self.rule.name} reads own columns of people, which a store does not keep"
            raise FactsError(f"{msg}; use it over store.logs().with_people(table, columns)")
        rule_text = repr((compiled.tree, sorted(compiled.narrowed.declared.items())))
        if self.rates is not None:
            rule_text += repr((self.rates.currency, self.rates.tz, self.rates.table))
        return int.from_bytes(sha256(rule_text.encode()).digest()[:7], "big") + 1

    def refresh(
        self,
        person: Person,
        before: tuple[int, int | None],
        at: int,
        added: Sequence[Record] | None,
        read: Callable[[], History],
    ) -> LivePerson:
        """Compute the stage of one person and the instant of the next evaluation.

        Args:
            person: The person after the change.
            before: The version and the instant of the last evaluation before the change.
            at: The evaluation time.
            added: Records added to the history; None if it changed in another way too.
            read: Reads the whole history.

        Returns:
            The evaluated person, to cache only after the change is written.
        """
        with self._lock:
            live = self._live.pop(person.person_id, None)
        name = person.canonical
        if added is None or not _is_ready(live, before, at) or not _add_records(live, name, added, at):
            history = read()
            live = LivePerson(name, 0, at, LiveFacts(history, self.rule.facts), [])
            _add_future_instants(live, history.records, at)
        live.version, live.at = person.version, at
        while live.future and live.future[0] <= at:
            heappop(live.future)
        self._answer(live)
        return live

    def keep(self, live_people: Mapping[str, LivePerson]) -> None:
        """Cache people for their next record, after their stages were written."""
        with self._lock:
            self._live.update(live_people)
            while len(self._live) > MOST_LIVE:
                self._live.popitem(last=False)

    def _answer(self, live: LivePerson) -> None:
        as_of = instant(live.at)
        stage = self.rule.of(live.facts, self.policy, as_of=as_of)
        change = self.rule.next_change.of(live.facts, self.policy, as_of=as_of)
        times = live.future[:1] if change is None else [micros(change), *live.future[:1]]
        live.stage, live.due_at = stage_text(stage), min(times, default=None)


def stage_text(stage: object) -> str:
    """Return a rule's answer as stored text."""
    return str(stage.value if isinstance(stage, Enum) else stage)


def _is_ready(live: LivePerson | None, before: tuple[int, int | None], at: int) -> TypeGuard[LivePerson]:
    """Return whether a cached person is the person before the change, and has no later instant.

    The version alone is not enough: an id that was erased may be that of a new person, whose versions begin again.
    """
    return live is not None and (live.version, live.at) == before and live.at <= at


def _add_records(live: LivePerson, name: str, added: Sequence[Record], at: int) -> bool:
    """Add records to a cached person; False if the order matters, as for a refund before its purchase."""
    try:
        for record in added:
            live.facts.add(record if live.name == name else _renamed(record, name, live.name))
    except RecordError:
        return False
    _add_future_instants(live, added, at)
    return True


def _renamed(record: Record, old_name: str, new_name: str) -> Record:
    """Return a record with a person under another name."""
    fields = vars(record)
    names = {field: new_name for field in ("person_id", "referred_by") if fields.get(field) == old_name}
    return unchecked(type(record), {**fields, **names}) if names else record


def _add_future_instants(live: LivePerson, records: Iterable[Record], at: int) -> None:
    """Add every future instant at which records become or cease to be effective."""
    for record in records:
        fields = vars(record)
        later = (fields.get(name) for name in ("cancelled_at", "delivered_at", "paid_at"))
        for moment in (record.happened_at, *later):
            if moment is not None and (count := micros(moment)) > at:
                heappush(live.future, count)


# ---- everyone's stage, computed in one pass over tables instead of one history each ----------------------------------

# Invariant: stage and next evaluation equal those from evaluating each person by history.


_INSTANTS: Mapping[str, tuple[str, ...]] = {
    "leads": ("arrived_at",),
    "purchases": ("purchased_at", "cancelled_at", "delivered_at", "paid_at"),
    "refunds": ("refunded_at",),
    "interactions": ("occurred_at",),
}
"""The columns of instants at which records become or cease to be effective."""


def evaluate_all(
    frames: Mapping[str, pl.DataFrame], versions: Sequence[tuple[str, str, int]], evaluator: Evaluator, at: int
) -> Iterator[Evaluation]:
    """Yield the stage of everyone at an instant.

    Args:
        frames: The logs, as Polars tables.
        versions: Group, name and version of everyone to evaluate; names as in the logs.
        evaluator: The rule and the policy.
        at: The evaluation time.
    """
    import polars as pl

    logs = logs_in(frames, evaluator.rates)
    changes: pl.DataFrame = evaluator.rule.next_change.over(logs, evaluator.policy, as_of=instant(at))
    changes = changes.select(
        "person_id", pl.lit(value=True).alias("has_facts"), evaluator.rule.name, _int("next_change")
    )
    people = pl.DataFrame(versions, _PEOPLE, orient="row").join(changes, on="person_id", how="left")
    return _evaluations(people.join(_next_record_changes(frames, at), on="person_id", how="left"), evaluator, at)


_PEOPLE: Any = {"group_id": str, "person_id": str, "version": int}


def _int(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).cast(pl.Int64)


def _next_record_changes(frames: Mapping[str, pl.DataFrame], at: int) -> pl.DataFrame:
    """Return each person's first future instant at which a record becomes or ceases to be effective."""
    import polars as pl

    buyers = frames["purchases"].select("source", "person_id", purchase_id="id")
    logs = {**frames, "refunds": frames["refunds"].join(buyers, on=["source", "purchase_id"])}
    instants = [logs[log].select("person_id", at=_int(name)) for log in logs for name in _INSTANTS[log]]
    referrals = frames["leads"].select(person_id="referred_by", at=_int("arrived_at"))
    future = pl.concat([*instants, referrals]).filter(pl.col("at") > at)
    return future.group_by("person_id").agg(pl.col("at").min())


def _evaluations(people: pl.DataFrame, evaluator: Evaluator, at: int) -> Iterator[Evaluation]:
    """Yield the stages of people; a person without facts has the stage of empty facts."""
    rule, policy, empty = evaluator.rule, evaluator.policy, evaluator.rule.facts(as_of=instant(at))
    default_stage, default_change = rule.of(empty, policy), rule.next_change.of(empty, policy)
    for group_id, _, version, has_facts, stage, change, next_record_at in people.iter_rows():
        next_change = change if has_facts or default_change is None else micros(default_change)
        times = [time for time in (next_change, next_record_at) if time is not None]
        yield Evaluation(group_id, version, stage_text(stage if has_facts else default_stage), min(times, default=None))
