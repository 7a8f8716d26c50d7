"""Copies and pickles of everything are what they are copies of, and no copy is unchecked."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, create_model

import funnel
from funnel import Exclusion, Facts, FunnelStep, History, Logs, Policy, Rule, SqliteStore
from funnel._copies import all_fields, unchecked
from funnel._fields import Frozen
from funnel.backtest import RuleBook
from funnel.errors import ArgumentError, FieldsError, FunnelError, LogsError, RecordError, StoreError
from funnel.incremental import LiveFacts
from funnel.interactions import Complaint, Visit
from funnel.machines import PathDependentMachine, Transitions
from funnel.machines._machine import AnyMachine
from funnel.money import Money
from funnel.records import Contact, Customer, Lead, OrderLine, Purchase, Record
from funnel.rules import NextChange
from tests import specimens
from tests.public import classes
from tests.specimens import DAY, NOW, POLICY, DoorStage
from tests.strategies import record_lists

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
MUG = OrderLine(sku="mug", quantity=2, unit_price=Money(4, "USD"))
ORDER = Purchase(id="1", person_id="p1", purchased_at=AT, amount=Money(9, "USD"), lines=(MUG,))


def _pickled(protocol: int) -> Callable[[Any], Any]:
    return lambda one: pickle.loads(pickle.dumps(one, protocol))  # noqa: S301 - our own bytes


COPIES: Mapping[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {number}": _pickled(number) for number in range(2, pickle.HIGHEST_PROTOCOL + 1)},
}

NOT_COPIED = {
    "Record": "it is abstract",
    "Store": "it is a protocol",
    "SqliteStore": "it holds a connection",
    "SqlAlchemyStore": "it holds a connection",
    "AsyncSqlAlchemyStore": "it holds a connection",
}
"""Public classes without a specimen, with the reason."""

ERRORS = frozenset(one for one in classes() if issubclass(one, BaseException))
COPIED = sorted((one for one in classes() - ERRORS if one.__name__ not in NOT_COPIED), key=lambda one: one.__name__)


# ---- everything ----


def _answers(one: Any) -> object:
    """Return the results of using an object."""
    history = specimens.everyone()[0]
    match one:
        case History():
            return Facts.of(one, as_of=NOW), funnel.transitions.of(one, POLICY, as_of=NOW)
        case Rule():
            policy = POLICY if isinstance(POLICY, one._policy_class) else one._policy_class()
            return one.of(history, policy, as_of=NOW), one.why(history, policy, as_of=NOW)
        case NextChange():
            return one.of(history, POLICY, as_of=NOW)
        case Transitions():
            return [(move, move.why) for move in one.of(history, POLICY, as_of=NOW)]
        case AnyMachine():
            return one.of(history, POLICY, as_of=NOW), str(one)
        case LiveFacts():
            answers = [rule.of(one, POLICY, as_of=NOW) for rule in (funnel.stage, funnel.next_action)]
            return one.facts(as_of=NOW), one.facts(as_of=NOW - 100 * DAY), answers
        case Logs():
            return Facts.over(one, as_of=NOW).sort("person_id").rows()
        case _:
            return _state(one)


def _state(one: Any) -> object:
    """The text, rows and properties of a result, its people where it names some."""
    rows = [getattr(one, name)() for name in ("to_dict", "to_dicts", "reasons") if callable(getattr(one, name, None))]
    works = [getattr(one, name) for name in specimens.properties(type(one))]
    return [str(one), rows, [str(work) for work in works], _people(one)]


def _people(one: Any) -> object:
    match one:
        case funnel.metrics.Cohorts():
            return sorted(one.people_of(one.cohorts[0].start, 0).rows())
        case funnel.backtest.RuleComparison():
            return one.people(one.changes[0].before, one.changes[0].after).rows()
        case funnel.metrics.FunnelResult():
            return sorted(one.people("purchase").rows()), one.drivers(), one.compare()
        case funnel.backtest.Backtest():
            return one.minus(one), one.minus("own rhythm")
        case funnel.backtest.Calibration():
            return str(one.levels)
        case _:
            return None


@pytest.mark.parametrize("kind", COPIED, ids=lambda kind: kind.__name__)
def test_copies_and_pickles_of_everything_are_what_they_are_of(kind: type) -> None:
    """Before use and after use, a copy equals the original, shows itself alike, and answers alike."""
    for one in specimens.specimens()[kind]:
        unused = {name: copier(one) for name, copier in COPIES.items()}
        answers = _answers(one)
        for name, created in [*unused.items(), *((name, copier(one)) for name, copier in COPIES.items())]:
            assert type(created) is kind, name
            assert repr(created) == repr(one) or kind.__repr__ is object.__repr__, name
            assert created == one or kind.__eq__ is object.__eq__, name
            assert _answers(created) == answers, name


LAZY = (
    *("History", "Logs", "Rule", "Machine", "LiveFacts", "Journey", "Worklist"),
    *("FunnelResult", "Cohorts", "SurvivalGroups", "StageFlow", "Backtest"),
)
"""Classes that compute a part of themselves when it is first read, and the results that back ends share."""


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", [one for one in COPIED if one.__name__ in LAZY], ids=lambda kind: kind.__name__)
def test_threads_that_share_an_object_get_the_answers_of_one_thread(kind: type) -> None:
    """Four threads begin at the same time with an object that nobody has used, and switch as often as they can."""
    one = specimens.specimens()[kind][0]
    unused, together = copy.deepcopy(one), threading.Barrier(4, timeout=60)

    def answer(_: int) -> object:
        together.wait()
        return _answers(unused)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(answer, range(4)))
    finally:
        sys.setswitchinterval(before)
    assert answers == [_answers(one)] * 4


def test_every_public_class_has_a_specimen() -> None:
    """Each public class has an object in `tests/specimens.py`, or a reason here."""
    there = {kind.__name__ for kind in specimens.specimens()}

    assert {one.__name__ for one in classes() - ERRORS} - there == set(NOT_COPIED)


def test_errors_pickle() -> None:
    """An error of a worker process reaches its parent whole."""
    for kind in ERRORS - {FieldsError}:
        created = pickle.loads(pickle.dumps(kind("what is wrong")))  # noqa: S301 - our own bytes
        assert (type(created), str(created)) == (kind, "what is wrong")

    many = pickle.loads(pickle.dumps(LogsError("two faults", ("one", "two"))))  # noqa: S301 - our own bytes
    assert many.faults == ("one", "two")

    with pytest.raises(FieldsError) as caught:
        Visit.model_validate({"id": "", "person_id": 7})
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (type(copied), str(copied)) == (FieldsError, str(caught.value))
    assert [one["loc"] for one in copied.errors()] == [one["loc"] for one in caught.value.errors()]


def _with_functions() -> Mapping[str, Any]:
    """Everything that holds a function which no module has, by what it is."""

    def inner(f: Facts, policy: Policy) -> bool:
        return f.purchase_count > 0

    def next_stage(stage: DoorStage, f: Facts, policy: Policy) -> DoorStage:
        return DoorStage.IN if f.inbound_count >= 1 else stage

    history, options = specimens.everyone()[0], {"within": 30 * DAY, "as_of": NOW}
    large = FunnelStep("large", kind="purchase", where=lambda event: event.amount > 1)
    part = FunnelStep("part", where=partial(lambda min_people, event: event.amount > min_people, 1))
    visit = Exclusion(where=lambda event: event.kind == "visit")
    local, doors = funnel.rule(inner), PathDependentMachine(DoorStage.OUT, next_stage, specimens.DOORS.table)
    return {
        "step": large,
        "step of a partial function": part,
        "exclusion": visit,
        "funnel": funnel.conversion(specimens.logs(), ["view", large], **options),  # type: ignore[arg-type]
        "rule": local,
        "rule under another name": funnel.rule(_bought),
        "next change": local.next_change,
        "machine": doors,
        "transitions": doors.transitions,
        "journey": doors.transitions.of(history, POLICY, as_of=NOW),
        "rule book": RuleBook(POLICY, doors),
    }


def _bought(f: Facts, policy: Policy) -> bool:
    return f.purchase_count > 0


def _large(event: Any) -> object:
    return event.amount > 1


@pytest.mark.parametrize("name", _with_functions())
def test_a_pickle_without_the_name_of_its_function_is_refused_with_the_remedy(name: str) -> None:
    """A lambda, or a def inside another, is not found in another process: the error says what to write instead."""
    one = _with_functions()[name]

    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(ArgumentError, match=r"the function .* cannot be pickled: .*; define it with def"):
            pickle.dumps(one, protocol)
    assert type(copy.deepcopy(copy.copy(one))) is type(one)


def test_functions_of_a_module_are_pickled_by_name() -> None:
    """Steps, exclusions and rules with functions of a module come back with the same functions."""
    stored: Any = [funnel.stage, FunnelStep("a", where=_large), Exclusion(where=partial(_large)), FunnelStep("b")]
    step: Any = FunnelStep("c", where=_Callable())

    for copier in (copy.copy, copy.deepcopy):
        assert copier(stored) == stored
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        stage, first, excluded, last = _pickled(protocol)(stored)
        assert (stage is funnel.stage, first, last) == (True, stored[1], stored[3])
        assert excluded.where.func is _large
        assert type(_pickled(protocol)(step).where) is _Callable


class _Callable:
    def __call__(self, event: Any) -> object:
        return _large(event)


def test_a_store_does_not_pickle() -> None:
    """It holds a connection, which belongs to one process."""
    with SqliteStore() as store:
        for wrong in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(StoreError, match="open one in each process"):
                wrong(store)


def test_a_copy_of_live_facts_is_independent() -> None:
    """A record that is added to one of them is not in the other."""
    live = LiveFacts(History(person_id="p1"), Facts)
    live.add(Visit(id="1", person_id="p1", occurred_at=AT))
    other = copy.copy(live)
    other.add(Visit(id="2", person_id="p1", occurred_at=AT))

    assert [one.facts(as_of=NOW).inbound_count for one in (live, other, copy.deepcopy(other))] == [1, 2, 2]


# ---- records ----

BAD: list[object] = [None, -5, 0, True, "", "shiped", "\x00", b"x", {}, (), AT.replace(year=1700), AT, 10**20, 1.5]


def _outcome(make: Callable[[], object]) -> object:
    """Return the result or the error."""
    try:
        return make()
    except (ValidationError, FunnelError) as error:
        return type(error), str(error)


@given(record_lists(), record_lists(), st.data())
def test_a_changed_copy_is_what_construction_makes_of_the_fields(
    records: list[Record], others: list[Record], data: st.DataObject
) -> None:
    """Or it is the same error: of unknown fields, of values out of range, and of fields that do not go together."""
    for record in records:
        kind, fields = type(record), {name: getattr(record, name) for name in type(record).model_fields}
        names = st.sampled_from([*fields, "kind", "amuont"])
        pool = [*BAD, *(value for other in others for value in vars(other).values())]
        update = data.draw(st.dictionaries(names, st.sampled_from(pool), max_size=3))
        created = _outcome(lambda: record.model_copy(update=update))  # noqa: B023 - called at once

        assert created == _outcome(lambda: kind(**{**fields, **update}))  # noqa: B023 - called at once
        assert created == _outcome(lambda: kind.model_construct(**{**fields, **update}))  # noqa: B023 - called at once
        assert record.model_copy() == record == checked_again(record)


def checked_again(record: Frozen) -> Frozen:
    """Validate a record again, with all records in it, and return it."""
    return type(record)(**all_fields(record))


@pytest.mark.parametrize(
    ("record", "update", "why"),
    [
        (ORDER, {"status": "shiped"}, "status"),
        (ORDER, {"amuont": Money(1, "USD")}, "amuont"),
        (ORDER, {"purchased_at": AT.replace(year=1700)}, "purchased_at"),
        (ORDER, {"delivered_at": AT - timedelta(days=1)}, "delivered_at is before purchased_at"),
        (ORDER, {"amount": Money(-5, "USD")}, "must be from 0 to"),
        (MUG, {"quantity": 0}, "quantity"),
        (Customer(person_id="p1", name="Sari"), {"person_id": " "}, "an id is blank"),
        (Contact(phone="1"), {"phone": 2}, "a text must be a str .got int"),
        (Lead(person_id="p1", arrived_at=AT), {"referred_by": "p1"}, "own person"),
        (Policy(), {"lapse_after": -timedelta(days=1)}, "lapse_after"),
        (Policy(), {"lapse_aftre": timedelta(days=1)}, "lapse_aftre"),
        (funnel.postponement.InWeeks(n=2), {"n": 0}, "n"),
    ],
)
def test_no_way_to_copy_goes_round_the_checks(record: BaseModel, update: dict[str, Any], why: str) -> None:
    """Neither model_copy, nor copy.replace, nor pydantic's older words for them."""
    fields = {name: getattr(record, name) for name in type(record).model_fields}
    copies: list[Callable[[], object]] = [
        lambda: record.model_copy(update=update),
        lambda: record.model_copy(update=update, deep=True),
        lambda: record.__replace__(**update),  # type: ignore[operator]
        lambda: record.copy(update=update),
        lambda: type(record).model_construct(**fields | update),
    ]
    for make in copies:
        with pytest.raises(ValueError, match=why):
            make()


def test_a_copy_knows_which_fields_were_given() -> None:
    """The fields set are those of the original and the changed fields, as in pydantic."""
    visit = Visit(id="1", person_id="p1", occurred_at=AT)

    assert visit.model_copy(update={"channel": "phone"}).model_dump(exclude_unset=True).keys() == {
        *("id", "person_id", "occurred_at", "channel")
    }
    assert visit.model_copy(deep=True) == visit
    assert Visit.model_construct({"id"}, id="1", person_id="p1", occurred_at=AT).model_fields_set == {"id"}


def test_a_record_that_was_made_round_the_checks_is_found() -> None:
    """Whatever made it: pydantic's own methods, or a hand in its dictionary, at any depth."""
    bad = [
        unchecked(Visit, {"id": "1"}),
        BaseModel.model_copy(ORDER, update={"shiped": True}),
        BaseModel.model_copy(ORDER, update={"lines": (BaseModel.model_copy(MUG, update={"quantity": -1}),)}),
        Visit.__new__(Visit),
        BaseModel.model_copy(History.of("p1", [ORDER]), update={"person_id": "p2"}),
    ]
    for record in bad:
        with pytest.raises((ValidationError, RecordError)):
            checked_again(record)
    history = specimens.everyone()[0]
    assert checked_again(history) == history


def test_a_changed_copy_of_a_history_has_its_own_facts() -> None:
    """A copy has no cached values."""
    history = History.of("p1", [ORDER])
    assert Facts.of(history, as_of=NOW).purchase_count == 1
    more = tuple(ORDER.model_copy(update={"id": number}) for number in "123")

    assert Facts.of(history.model_copy(update={"purchases": more}), as_of=NOW).purchase_count == 3
    assert Facts.of(history.model_copy(update={"purchases": ()}), as_of=NOW).purchase_count == 0
    assert [vars(copier(history)).get("ledger") for copier in COPIES.values()] == [None] * len(COPIES)
    complaint = Complaint(id="c", person_id="p1", occurred_at=AT, purchase_id="9")
    with pytest.raises(RecordError, match="unknown purchase '9'"):
        history.model_copy(update={"interactions": (complaint,)})


class OwnPolicy(Policy):
    """A shop's policy with a name of its own in files, a value that it works out, and one that it keeps to itself."""

    model_config = ConfigDict(extra="allow")

    vip_after: int = Field(default=5, alias="vipAfter")
    _note: str = PrivateAttr(default="")

    @cached_property
    def doubled(self) -> int:
        """Twice the limit."""
        return 2 * self.vip_after


def test_a_class_of_the_shop_is_copied_like_ours() -> None:
    """With aliases, extra fields and private ones; what it worked out stays behind."""
    policy = OwnPolicy(vipAfter=7, city="Solo")
    policy._note = "ours"
    assert policy.doubled == 14
    for copier in (*COPIES.values(), lambda one: one.model_copy()):
        assert copier(policy) == policy
        assert "doubled" not in vars(copier(policy))
    changed = policy.model_copy(update={"vip_after": 9})

    assert (changed.doubled, changed._note, changed.model_extra) == (18, "ours", {"city": "Solo"})


def test_threads_build_a_model_once() -> None:
    """A model that many threads use for the first time at one moment is built once, for all of them."""
    for _ in range(20):
        model = create_model("Made", __base__=Frozen, name=(str, ...))
        together = Barrier(8)

        def first(model: Any = model, together: Barrier = together) -> str:
            together.wait()
            return model(name="x").name

        with ThreadPoolExecutor(8) as pool:
            assert {call.result() for call in [pool.submit(first) for _ in range(8)]} == {"x"}
        assert model.model_rebuild() is None
        assert model.model_rebuild(force=True)
