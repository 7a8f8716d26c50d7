"""Something that never happened has the same value in every form, on every engine and at every instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import History, Lead, Logs, Machine, Policy, Stage
from funnel._time import EVER
from funnel.errors import FactsError
from funnel.facts import earliest, first, last, latest, mean, mean_gap, since, soonest, until
from funnel.facts._base import BaseFacts
from funnel.incremental import LiveFacts
from funnel.machines import Cause
from funnel.rules._rule import Rule
from tests.engines import on
from tests.frames import as_instant, as_span, read, tables
from tests.shop import DAY, NOW, TICK, ShopFacts, bought, person

POLICY = Policy()
NEVER = timedelta(microseconds=EVER)
AS_OFS = (datetime(1800, 1, 1, tzinfo=UTC), NOW, datetime(2200, 1, 1, tzinfo=UTC) - TICK)


class SpanFacts(BaseFacts):
    """A span of every kind."""

    since_last_purchase: timedelta = since(last("purchases"))
    oldest_open_question: timedelta = since(first("open_questions", never="ahead"))
    until_ready: timedelta = until(latest("postponements", "ready_from"))
    until_soonest: timedelta = until(soonest("postponements", "ready_from"))
    purchase_interval: timedelta = mean_gap("purchases")
    average_reply_time: timedelta = mean("replies", "took")
    first_reply_time: timedelta = earliest("replies", "took")


SIGNS = {"oldest_open_question": -1, "until_ready": -1}
"""Spans in the other direction: in the future for a span since, in the past for a span until."""


SPANS = {
    name
    for name, one in ShopFacts._fact_plan.declared.items()
    if one.show != "instant" and one.fact(name).unit == "span" and name != "since_arrival"
}
"""The facts that are spans, but for the one that a person who arrived always has."""


@cache
def span_rule(name: str, facts: type[BaseFacts] = SpanFacts) -> Rule[Any, Policy, Any]:
    """A rule that answers with a span."""

    def one_rule(f: Any, policy: Policy) -> timedelta:
        span: timedelta = getattr(f, name)
        return span

    one_rule.__annotations__ = {"f": facts, "policy": Policy}
    one_rule.__name__ = "answer"
    return Rule(one_rule)


def lead(at: datetime) -> History:
    """Somebody who arrived, and nothing else."""
    return History.of("p1", [Lead(person_id="p1", arrived_at=at)])


@pytest.mark.parametrize("name", sorted(SPANS))
def test_what_never_happened_is_one_span_at_every_instant(name: str) -> None:
    """A span of one person does not depend on the instant, by hand, from records, kept up to date, and later."""
    rule = span_rule(name, ShopFacts)
    for as_of in AS_OFS:
        nothing = ShopFacts(as_of=as_of)
        value = getattr(nothing, name)

        assert value in (NEVER, -NEVER, timedelta(0))
        assert getattr(nothing.at(AS_OFS[-1]), name) == value
        assert nothing.evolve(**{name: value}) == nothing
        assert rule.of(nothing, POLICY) == rule.of(lead(as_of), POLICY, as_of=as_of) == value
        assert rule.why(nothing, POLICY).answer == value
        assert rule.of(LiveFacts(lead(as_of), ShopFacts), POLICY, as_of=as_of) == value


@pytest.mark.no_cover
@pytest.mark.parametrize("as_of", AS_OFS[1:])
def test_what_never_happened_is_one_span_on_every_engine(engine: str, as_of: datetime) -> None:
    """Answers that are spans are the same of logs and of the frame of facts made of them."""
    logs = Logs(**on(engine, tables([lead(as_of - DAY)])))
    facts = SpanFacts.over(logs, as_of=as_of)
    for name in SpanFacts._fact_plan.declared:
        one_rule = span_rule(name)
        actual = [one_rule.over(logs, POLICY, as_of=as_of), one_rule.over(facts, POLICY)]

        assert [as_span(row["answer"]) for frame in actual for row in read(frame)] == [SIGNS.get(name, 1) * NEVER] * 2


def test_a_frame_that_holds_nothing_reads_as_a_person_of_whom_nothing_is_known() -> None:
    """A null is the span that the fact has by hand."""
    frame = pl.DataFrame({name: [None] for name in SpanFacts._fact_plan.declared}, schema_overrides=None).cast(
        pl.Duration
    )
    nothing = SpanFacts(as_of=NOW)

    for name in SpanFacts._fact_plan.declared:
        assert span_rule(name).over(frame, POLICY)["answer"].to_list() == [getattr(nothing, name)]


@pytest.mark.parametrize("span", [NEVER - TICK, NOW - datetime(1700, 1, 1, tzinfo=UTC), timedelta(days=399 * 365)])
def test_a_span_that_begins_before_any_instant_that_is_kept_is_refused(span: timedelta) -> None:
    """It is neither that of an instant nor that of a time that never came."""
    with pytest.raises(FactsError, match="since_last_purchase must be a timedelta of less than"):
        person(since_last_purchase=span)


# ---- the clock -----------------------------------------------------------------------------------------------------


class TwoSpans(BaseFacts):
    """Two spans that run, either of which may never have begun."""

    since_purchase: timedelta = since(last("purchases"))
    since_question: timedelta = since(first("open_questions", never="ahead"))
    until_ready: timedelta = until(latest("postponements", "ready_from"))


SPANS = st.integers(-400, 400).map(lambda years: timedelta(days=365 * years)) | st.sampled_from([NEVER, -NEVER, DAY])
WEIGHTS = st.integers(-2, 2)


@given(st.tuples(WEIGHTS, WEIGHTS, WEIGHTS), SPANS, st.sampled_from([">", ">=", "=="]), st.data())
def test_the_next_change_is_found_where_some_spans_run_and_others_never_began(
    weights: tuple[int, int, int], limit: timedelta, op: str, data: st.DataObject
) -> None:
    """Whatever limit several spans are compared with, nothing changes before the instant that is foretold."""

    def one_rule(f: TwoSpans, policy: Policy) -> bool:
        a, b, c = weights
        left = a * f.since_purchase + b * f.since_question + c * f.until_ready
        return left > limit if op == ">" else left >= limit if op == ">=" else left == limit

    one_rule.__annotations__ = {"f": TwoSpans, "policy": Policy}
    rule: Rule[Any, Policy, bool] = Rule(one_rule)
    started = {name: data.draw(st.booleans()) for name in TwoSpans._fact_plan.declared}
    days = {name: st.integers(-9 if name == "until_ready" else 0, 9) for name, so in started.items() if so}
    facts = TwoSpans(as_of=NOW, **{name: data.draw(span) * DAY for name, span in days.items()})
    then = rule.next_change.of(facts, POLICY)
    answer = rule.of(facts, POLICY)
    last = AS_OFS[-1] if then is None else then - TICK
    between = data.draw(st.lists(st.datetimes(NOW.replace(tzinfo=None), last.replace(tzinfo=None)), max_size=3))

    assert rule._as_written(facts, POLICY) == answer
    for moment in [*(one.replace(tzinfo=UTC) for one in between), last]:
        assert rule.of(facts.at(max(moment, NOW)), POLICY) == answer
    assert then is None or rule.of(facts.at(then), POLICY) != answer


EITHER = {start: {to: Cause.EITHER for to in Stage if to is not start} for start in Stage}


def test_moves_find_the_flip_of_a_span_that_runs_beside_one_that_does_not() -> None:
    """In numpy, by windows and of one: who never asked lapses when the purchase is long enough ago."""
    century = timedelta(days=36_525)

    def one_rule(f: TwoSpans, policy: Policy) -> Stage:
        return Stage.LAPSED if f.since_purchase - f.since_question > NEVER + century else Stage.CUSTOMER

    one_rule.__annotations__ = {"f": TwoSpans, "policy": Policy}
    machine: Any = Machine(Rule(one_rule), EITHER)
    history = History.of("p1", [bought("1", datetime(2000, 1, 1, tzinfo=UTC))])
    as_of = datetime(2150, 1, 1, tzinfo=UTC)
    lapsed = datetime(2000, 1, 1, tzinfo=UTC) + century + TICK
    one = [move["transitioned_at"] for move in machine.transitions.of(history, POLICY, as_of=as_of).to_dicts()]

    assert one[1:] == [lapsed]
    for engine in ("polars", "duckdb"):
        logs = Logs(**on(engine, tables([history])))
        assert [
            as_instant(row["transitioned_at"]) for row in read(machine.transitions.over(logs, POLICY, as_of=as_of))
        ] == one
