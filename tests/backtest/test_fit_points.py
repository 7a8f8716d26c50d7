"""Points fitted on early days: a rule, its policy and its source agree, and later days never change them."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import numpy as np
import polars as pl
import pytest

from funnel.backtest import BacktestDates, Scorecard, ScorecardPolicy, backtest, fit_points
from funnel.backtest._points import fitted_points
from funnel.backtest._weights import WIDEST, FactLevels, weights_of
from funnel.errors import ArgumentError, FactsError, MissingExtraError
from funnel.facts import Facts, count, first, until
from funnel.history import History
from funnel.logs import Logs
from tests.sql.warehouse import on_duckdb

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + 420 * DAY
CHECK = START + 240 * DAY
DATES = BacktestDates(START + 60 * DAY, every=45 * DAY, horizon=20 * DAY)
NAMES = ("purchase_count", "since_last_purchase", "purchase_interval")


def purchases(*, people: int = 400, later: float = 1.0, seed: int = 1) -> pl.DataFrame:
    """Return purchases of people who each have a rate of their own; `later` multiplies the rates after the fit."""
    chance = np.random.default_rng(seed)
    rows: list[tuple[str, datetime]] = []
    for person in range(people):
        days, rate = chance.uniform(0, 60), chance.gamma(0.8, 1 / 35)
        while days < 420:
            rows.append((f"p{person:03}", START + round(days * 24) * DAY / 24))
            days += chance.exponential(1 / rate) / (1 if days < 240 else later)
    frame = pl.DataFrame(rows, schema=["person_id", "purchased_at"], orient="row")
    return frame.with_row_index("id").with_columns(amount=pl.lit(900))


def fitted(logs: Logs[Any], **more: Any) -> Scorecard:
    """Fit points on the days before the check."""
    options: dict[str, Any] = {"as_of": END, "check_from": CHECK, **more}
    return fit_points(logs, options.pop("dates", DATES), options.pop("names", NAMES), **options)


@pytest.fixture(scope="module")
def logs() -> Logs[pl.DataFrame]:
    """Return the purchases of a made-up shop."""
    return Logs(purchases=purchases(), currency="USD")


@pytest.fixture(scope="module")
def card(logs: Logs[pl.DataFrame]) -> Scorecard:
    """Return its scorecard."""
    return fitted(logs)


def test_the_points_rank_people_on_later_days(card: Scorecard) -> None:
    """People with more points buy more often, also on the days that took no part in the fit."""
    assert card.last + card.horizon <= CHECK
    assert card.check.by_date[0].date == CHECK
    assert card.check.rule.auc.value is not None
    assert card.check.rule.auc.value > 0.7
    assert card.check.rule.brier is not None
    assert len(card.check.reliability) > 3


def test_a_level_has_its_people_its_buyers_and_its_points(card: Scorecard) -> None:
    """The levels of a fact are everyone of the fit, and the totals add up the points of the limits."""
    for number, name in enumerate(card.policy.scored_facts):
        levels = [one for one in card.levels if one.fact == name]
        assert sum(one.people for one in levels) == card.calibration.people
        assert sum(one.bought for one in levels) == card.calibration.bought
        assert [one.limit for one in levels] == [None, *card.policy.limits[number]]
        assert [one.points for one in levels] == [0, *card.policy.points[number]]
        assert [one.total for one in levels] == np.cumsum([one.points for one in levels]).tolist()
        assert 0 not in card.policy.points[number]


def test_more_odds_are_more_points(card: Scorecard) -> None:
    """Ten points double the odds: the calibration has this slope, but for the rounding and the prior."""
    assert card.points_to_double == 10
    assert card.calibration.slope == pytest.approx(np.log(2) / 10, rel=0.1)


def test_a_later_record_never_changes_the_points(card: Scorecard) -> None:
    """Points fitted without any record after the first day of the check are the same."""
    early = purchases().filter(pl.col("purchased_at") <= CHECK)
    other = fitted(Logs(purchases=early))

    assert (other.policy, other.levels, other.calibration) == (card.policy, card.levels, card.calibration)
    assert other.check.rule.bought == 0


def test_one_person_everyone_and_the_source_have_the_same_points(logs: Logs[pl.DataFrame], card: Scorecard) -> None:
    """The rule of the scorecard and the pasted code answer alike, for one person and for a table."""
    space: dict[str, Any] = {}
    exec(compile(card.source(), "pasted", "exec", dont_inherit=True), space)  # noqa: S102
    pasted, policy = space["fitted_points"], space["PointsPolicy"]()
    points = card.rule.over(logs, card.policy, as_of=CHECK).sort("person_id")

    assert pasted.over(logs, policy, as_of=CHECK).sort("person_id").equals(points)
    for person in ("p000", "p001", "p007"):
        history = logs.history(person)
        alone = card.rule.of(history, card.policy, as_of=CHECK)
        assert alone == points.filter(pl.col("person_id") == person)["fitted_points"].item()
        assert alone == pasted.of(history, policy, as_of=CHECK)


def test_the_sql_of_the_rule_has_the_points_of_each_person(card: Scorecard) -> None:
    """DuckDB runs the query over a table of facts, with spans as whole microseconds."""
    logs = Logs(purchases=purchases(people=40), currency="USD")
    spans = ("since_last_purchase", "purchase_interval")
    facts = Facts.over(logs, as_of=CHECK).select("person_id", *NAMES)
    whole = facts.with_columns(pl.col(name).dt.total_microseconds() for name in spans)
    rows = on_duckdb(card.rule.sql(card.policy, dialect="duckdb"), "duckdb", {"facts": whole})

    assert {row["person_id"]: row["fitted_points"] for row in rows} == {
        one.person_id: card.rule.of(one, card.policy, as_of=CHECK) for one in logs.histories()
    }
    assert len({row["fitted_points"] for row in rows}) > 5


def test_the_rule_has_reasons_and_a_next_change(logs: Logs[pl.DataFrame], card: Scorecard) -> None:
    """`why` lists the limits with their points, and `next_change` is the instant at which the points change."""
    history = logs.history("p001")
    points, then = (
        card.rule.of(history, card.policy, as_of=CHECK),
        card.rule.next_change.of(history, card.policy, as_of=CHECK),
    )
    reasons = card.rule.why(history, card.policy, as_of=CHECK).reasons

    assert sum(one.points for one in reasons) == points
    assert {one.policy_field for one in reasons} == {"limits"}
    assert then is not None
    past = History.of("p001", [one for one in history.purchases if one.purchased_at <= CHECK])
    assert card.rule.of(past, card.policy, as_of=then) != points
    assert card.rule.of(past, card.policy, as_of=then - timedelta(microseconds=1)) == points


def test_a_scorecard_is_data(card: Scorecard) -> None:
    """A scorecard can be pickled, its policy is JSON, and its table has a row for each level."""
    copied = pickle.loads(pickle.dumps(card))  # noqa: S301

    assert copied == card
    assert copied.rule is fitted_points
    assert ScorecardPolicy.model_validate_json(card.policy.model_dump_json()) == card.policy
    assert card.to_polars().height == len(card.levels)
    assert "purchase_count >= " in str(card)


def test_facts_of_a_shop_earn_points(logs: Logs[pl.DataFrame]) -> None:
    """A class of a shop's own: the rule reads it, and the source imports it."""
    card = fitted(logs, names=["recent_count", "purchase_count"], facts=OwnFacts)

    assert card.rule.facts is OwnFacts
    assert attrs.evolve(card).rule is card.rule
    assert f"from {__name__} import OwnFacts" in card.source()
    assert "timedelta" not in card.source()
    assert card.rule.over(logs, card.policy, as_of=CHECK)["fitted_points"].n_unique() > 1


class OwnFacts(Facts):
    """Facts of the last month."""

    recent_count: int = count("purchases", within=30 * DAY)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"min_people": 380}, r"got \d+ buyers and \d+ other people .* for 3 facts\); needed are 380 buyers"),
        ({"names": []}, "names must have 1 to 12 facts"),
        ({"check_from": DATES.first}, "no days are left for a fit"),
        ({"check_from": END}, "no days are left for a fit"),
        ({"as_of": DATES.first}, "no days are left for a fit"),
        ({"as_of": DATES.first - DAY}, "the first day must be at or before as_of"),
        ({"limits": 0}, "limits must be a whole number from 1 to 20"),
        ({"names": ["has_opted_out"]}, "do not separate buyers"),
    ],
)
def test_too_little_is_refused(logs: Logs[pl.DataFrame], more: dict[str, Any], words: str) -> None:
    """The error has what was there and what is needed."""
    with pytest.raises(ArgumentError, match=words):
        fitted(logs, **more)


@pytest.mark.parametrize(("name", "words"), [("lead_source", "is a text"), ("purchases", "unknown")])
def test_a_fact_that_earns_no_points_is_refused(logs: Logs[pl.DataFrame], name: str, words: str) -> None:
    """Texts have no order."""
    with pytest.raises(FactsError, match=words):
        fitted(logs, names=[name])


def test_without_a_day_of_the_check_the_last_third_is_checked(logs: Logs[pl.DataFrame]) -> None:
    """The check has two of eight days, and the fit ends when the first of these begins."""
    default = fitted(logs, check_from=None)

    assert [one.date for one in default.check.by_date] == [START + 330 * DAY, START + 375 * DAY]
    assert (default.first, default.last) == (START + 60 * DAY, START + 285 * DAY)


def test_few_buyers_have_fewer_limits(card: Scorecard) -> None:
    """Each limit needs ten buyers."""
    few = fitted(Logs(purchases=purchases(people=90)), min_people=30)

    assert len(few.levels) < len(card.levels)


def test_points_far_apart_double_the_odds_with_fewer_points() -> None:
    """If some limits decide everything, the points still differ by at most 200."""
    people = 600
    rows = [(f"p{person:04}", START + 20 * step * DAY) for person in range(people) for step in range(21) if person % 2]
    frame = pl.DataFrame(rows, schema=["person_id", "purchased_at"], orient="row").with_row_index("id")
    leads = pl.DataFrame({"person_id": [f"p{person:04}" for person in range(people)], "arrived_at": [START] * people})
    names = ["purchase_count", "occasion_count", "since_last_purchase", "purchase_interval", "order_count", "net_spent"]
    names += ["since_first_purchase", "average_purchase", "largest_purchase", "last_purchase_amount"]
    card = fitted(Logs(purchases=frame.with_columns(amount=pl.lit(900)), leads=leads), names=names)

    assert card.points_to_double < 10
    assert sum(abs(points) for weights in card.policy.points for points in weights) <= WIDEST + 50


def test_numpy_is_needed(logs: Logs[pl.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    monkeypatch.setattr("funnel.backtest._fit_points.installed", lambda _: False)

    with pytest.raises(MissingExtraError, match=r"shopfunnel\[numpy\]"):
        fitted(logs)


def test_a_policy_has_points_for_each_limit() -> None:
    """A limit without points is a mistake."""
    with pytest.raises(ValueError, match="one entry for each fact"):
        ScorecardPolicy(scored_facts=("purchase_count",), limits=((1, 2),), points=((5,),))


# ---- limits --------------------------------------------------------------------------------------------------------


def levels(values: list[float], *, is_span: bool, most: int = 3) -> FactLevels:
    """Return the levels of some values; every second person buys."""
    bought = np.arange(len(values)) % 2 == 0
    return FactLevels.of("fact", np.array(values), bought, is_span=is_span, most=most)


@pytest.mark.parametrize(
    ("values", "is_span", "limits"),
    [
        pytest.param([1.0] * 8 + [2, 2, 3, 3], False, (2, 3), id="the lowest number is not a limit"),
        pytest.param([0.0, 1, 0, 1], False, (1,), id="a flag has one limit"),
        pytest.param([12_345.0, 12_345, 999, 999], False, (12_000,), id="two digits of a large number"),
        pytest.param([7.0] * 4, False, (), id="equal values have no limit"),
        pytest.param([36.6, 36.6, 90.2, 90.2], True, (timedelta(90),), id="two digits of days"),
        pytest.param([0.34, 0.34, 900, 900], True, (timedelta(hours=8, minutes=12),), id="hours"),
        pytest.param([0.008, 0.008, 900, 900], True, (timedelta(minutes=12),), id="minutes"),
        pytest.param([0.0, 0, 900, 900], True, (timedelta(minutes=1),), id="a minute at least"),
        pytest.param([np.inf] * 4, True, (), id="nothing is known"),
        pytest.param(
            [5.0, 5, np.inf, np.inf], True, (timedelta(5),), id="the highest known span separates unknown ones"
        ),
        pytest.param([-np.inf, -np.inf, 5, 5], True, (timedelta(-10_000),), id="a time that is not set"),
    ],
)
def test_limits_are_round_numbers_that_separate_people(
    values: list[float],
    is_span: bool,  # noqa: FBT001
    limits: tuple[object, ...],
) -> None:
    """No limit is met by everyone or by nobody, and unknown spans have a level of their own."""
    one = levels(values, is_span=is_span)

    assert one.typed_limits == limits
    assert len(set(one.met.tolist())) == len(limits) + 1


def test_unknown_spans_have_a_level_of_their_own() -> None:
    """If known spans lie above the last limit, one more limit separates them from unknown ones."""
    one = levels([1.0, 1, 2, 2, 30, 30, 400, 400, np.inf, np.inf], is_span=True, most=2)

    assert one.limits[0] == 10_000
    assert one.met.tolist()[-2:] == [0, 0]
    assert min(one.met.tolist()[:-2]) == 1


class Signs(Facts):
    """Spans of an instant that may not be set."""

    until_lead: timedelta = until(first("leads"))
    until_lead_ahead: timedelta = until(first("leads", never="ahead"))


def test_the_rule_has_the_points_of_the_levels() -> None:
    """Unknown spans are as infinite in the fit as in the rule: the points of all people add up alike."""
    bought = purchases()
    frequent = bought.group_by("person_id").len().filter(pl.col("len") > 6).select("person_id").sort("person_id")
    arrivals = frequent.with_columns(arrived_at=pl.lit(START) + pl.duration(days=pl.int_range(pl.len()) % 40))
    logs = Logs(purchases=bought, leads=arrivals)
    card = fitted(logs, names=["until_lead", "until_lead_ahead"], facts=Signs)
    shares = backtest(card.rule, logs, card.policy, DATES, as_of=CHECK).answers

    assert card.policy.scored_facts == ("until_lead", "until_lead_ahead")
    assert sum(one.people for one in shares) == card.calibration.people
    assert sum(one.answer * one.people for one in shares) == sum(one.total * one.people for one in card.levels)
    assert sum(one.answer * one.bought for one in shares) == sum(one.total * one.bought for one in card.levels)


def test_a_limit_that_all_buyers_meet_has_a_finite_weight() -> None:
    """At the best weights the slope of the loss is zero, also if a first step goes too far."""
    met = np.repeat([0, 1], [10_000, 200])
    (weights,) = weights_of([FactLevels("fact", (1.0,), is_span=False, met=met)], met == 1)

    assert weights == pytest.approx([9.8767], abs=1e-3)


# ---- drift ---------------------------------------------------------------------------------------------------------


LATER = BacktestDates(CHECK + 20 * DAY, every=40 * DAY, horizon=20 * DAY)


@pytest.mark.parametrize(
    ("later", "low", "high", "words"), [(0.5, 2, 18, "points too high"), (3.0, -18, -2, "too low")]
)
def test_drift_is_points_too_high_or_too_low(
    card: Scorecard, later: float, low: float, high: float, words: str
) -> None:
    """A shop whose buyers come half as often has points that are too high, beyond the interval."""
    drift = card.drift(Logs(purchases=purchases(later=later)), LATER, as_of=END)

    assert drift.shift is not None
    assert drift.ci_lower is not None
    assert drift.ci_upper is not None
    assert low < drift.ci_lower < drift.shift < drift.ci_upper < high
    assert words in str(drift)
    assert words in str(attrs.evolve(drift, ci_lower=None))
    assert (drift.expected > drift.bought) == (later < 1)


def test_the_bands_are_everyone(logs: Logs[pl.DataFrame], card: Scorecard) -> None:
    """Bands do not overlap, and their people, buyers and expected buyers add up."""
    drift = card.drift(logs, LATER, as_of=END)
    rows = drift.to_polars()

    assert all(lower.at_most < upper.at_least for lower, upper in zip(drift.bands, drift.bands[1:], strict=False))
    assert rows["people"].sum() == drift.people
    assert rows["bought"].sum() == drift.bought
    assert (rows["people"] * rows["expected"]).sum() == pytest.approx(drift.expected)


def test_without_buyers_there_is_no_shift(card: Scorecard) -> None:
    """Too few buyers, or no day whose horizon is over."""
    quiet = Logs(purchases=purchases().filter(pl.col("purchased_at") < CHECK))

    assert card.drift(quiet, LATER, as_of=END).shift is None
    assert str(card.drift(quiet, LATER, as_of=LATER.first)).startswith("not enough: 0 of 0 bought")


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (attrs.evolve(LATER, horizon=DAY), r"the horizon of the fit, 20 d \(got 1 d\)"),
        (attrs.evolve(LATER, first=START + 100 * DAY), "must begin when the last horizon of the fit is over"),
    ],
)
def test_drift_needs_later_days(logs: Logs[pl.DataFrame], card: Scorecard, dates: BacktestDates, words: str) -> None:
    """On the days of the fit, points always look right."""
    with pytest.raises(ArgumentError, match=words):
        card.drift(logs, dates, as_of=END)
