"""A backtest of a small made-up shop, by fixed numbers: counts, texts and errors."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from dateutil.relativedelta import relativedelta

from funnel._time import micros
from funnel.backtest import AnswerScale
from funnel.backtest._backtest import backtest
from funnel.backtest._calibration import calibrate
from funnel.backtest._dates import MAX_DATES, BacktestDates, ReplayDates
from funnel.backtest._result import Backtest, Figure
from funnel.errors import ArgumentError, InstantError, MissingExtraError, RuleError
from funnel.facts import Facts, count, last, since
from funnel.facts._base import BaseFacts
from funnel.logs import Logs
from funnel.policy import Policy
from funnel.rules._activity import has_bought, has_bought_again, is_lapsed
from funnel.rules._rule import rule
from tests.engines import ENGINES
from tests.kernels import without_numpy

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = range(40)


class Band(StrEnum):
    """Three bands."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"


@rule
def times(f: Facts, policy: Policy) -> int | None:
    """How often they have bought; no answer for who has not."""
    return f.purchase_count if f.purchase_count > 0 else None


@rule
def band(f: Facts, policy: Policy) -> Band:
    """How often they have bought, in words."""
    if f.purchase_count >= 3:
        return Band.HIGH
    return Band.MIDDLE if f.purchase_count == 2 else Band.LOW


@rule
def silence(f: Facts, policy: Policy) -> timedelta:
    """How long they have been silent."""
    return f.since_last_purchase


class ShopFacts(Facts):
    """The facts of a shop, with one more."""

    order_total: int = count("orders")


class FewFacts(BaseFacts):
    """The few facts of a shop that needs no others."""

    bare_count: int = count("purchases")
    bare_since: timedelta = since(last("purchases"))


@pytest.fixture(scope="module")
def logs() -> Logs:
    """Forty people: the higher the number, the more they bought in January; the upper half buys in February too."""
    rows = [(person, START + nth * DAY) for person in PEOPLE for nth in range(person // 10)]
    rows += [(person, START + 40 * DAY) for person in PEOPLE if person >= 20]
    bought = {"id": range(len(rows)), "person_id": [str(person) for person, _ in rows], "amount": 9}
    leads = {"person_id": [*map(str, PEOPLE)], "arrived_at": [START] * len(PEOPLE)}
    return Logs(
        purchases=pl.DataFrame({**bought, "purchased_at": [moment for _, moment in rows]}), leads=pl.DataFrame(leads)
    )


def run(logs: Logs, subject: Any, **more: Any) -> Backtest:
    """One backtest, on 31 January and 14 days later, of purchases within 14 days, up to the end of February."""
    scale = AnswerScale(**{name: more.pop(name) for name in ("order", "at_least") if name in more})
    times = {"first": START + 30 * DAY, "every": 14 * DAY, "horizon": 14 * DAY}
    dates = BacktestDates(**{name: more.pop(name, usual) for name, usual in times.items()})
    return backtest(
        subject, logs, Policy(), dates, **{"answers": scale, "as_of": START + 60 * DAY, "min_people": 5, **more}
    )


def test_a_backtest_of_numbers(logs: Logs) -> None:
    """Ten people with two and ten with three purchases buy within 14 days of the first day, nobody after the second."""
    result = run(logs, times, at_least=2)
    first, second = result.by_date

    assert (first.date, first.people, first.bought, first.flagged, first.unanswered) == (
        START + 30 * DAY,
        40,
        20,
        20,
        10,
    )
    assert (second.people, second.bought, second.flagged) == (40, 0, 20)
    assert [figure.value for figure in (first.lift, first.auc, first.precision, first.recall)] == [2, 1, 1, 1]
    assert [figure.value for figure in (second.lift, second.auc)] == [None, None]
    assert (result.rule.people, result.rule.bought, result.rule.base_rate) == (80, 20, 0.25)
    assert result.rule.precision is not None
    assert result.rule.precision.value == 0.5
    assert (result.people, result.excluded) == (40, 1)
    assert [(share.answer, share.people, share.bought) for share in result.answers] == [
        (None, 20, 0),
        (1, 20, 0),
        (2, 10, 10),
        (3, 20, 10),
        (4, 10, 0),
    ]


def test_people_of_different_days_are_not_compared(logs: Logs) -> None:
    """The buyers of February have the highest answers on both days: over both days the order stays right."""
    result = run(logs, times)

    assert result.rule.auc.value == 1
    assert (result.rule.auc.numerator, result.rule.auc.denominator) == (400, 400)
    assert result.rule.lift.numerator == 4
    assert (result.rule.flagged, result.rule.precision, result.rule.recall) == (None, None, None)


def test_to_do_nothing_is_to_choose_blindly(logs: Logs) -> None:
    """Whatever the rule, nobody before anybody else is a lift of 1 and half of all pairs."""
    nothing, recent, rhythm = run(logs, times).baselines

    assert [one.name for one in (nothing, recent, rhythm)] == ["do nothing", "most recent first", "own rhythm"]
    assert (nothing.lift.value, nothing.auc.value) == (1, 0.5)
    assert (nothing.lift.ci_lower, nothing.lift.ci_upper) == (1, 1)
    assert recent.auc.value == 1
    assert rhythm.lift.value == 2


def test_words_have_the_order_that_is_given(logs: Logs) -> None:
    """From the least likely to the likeliest; the last is flagged, or all from a named one on."""
    last_ = run(logs, band, order=list(Band))
    two = run(logs, band, order=list(Band), at_least=Band.MIDDLE)

    assert (last_.by_date[0].flagged, two.by_date[0].flagged) == (10, 20)
    assert run(logs, band, order=["low", "middle", "high"], at_least="middle").rule == two.rule
    assert run(logs, band, order=list(Band)[::-1]).by_date[0].auc.value == 0


def test_a_truth_may_be_turned_round(logs: Logs) -> None:
    """Rank people with a second purchase first, or last."""
    yes, no = run(logs, has_bought_again), run(logs, has_bought_again, order=(True, False))

    assert yes.by_date[0].auc.value == 1
    assert no.by_date[0].auc.value == 0
    assert (yes.by_date[0].flagged, no.by_date[0].flagged) == (20, 20)
    assert [share.answer for share in no.answers] == [True, False]


def test_spans_are_numbers(logs: Logs) -> None:
    """The limit of a span is a span; a person without a purchase has been silent for the longest span."""
    result = run(logs, silence, at_least=29 * DAY)

    assert result.by_date[0].flagged == 30
    assert result.answers[0].answer == 4 * DAY


def test_only_those_are_looked_at_of_whom_a_rule_is_true(logs: Logs) -> None:
    """Buyers alone: ten people have bought nothing by then."""
    result = run(logs, times, eligible=has_bought)

    assert (result.eligible, result.by_date[0].people, result.people) == ("has_bought", 30, 30)


def test_facts_of_a_shop_of_its_own(logs: Logs) -> None:
    """Rules may read facts of different classes; what they are held against has its own."""

    @rule
    def ordered(f: ShopFacts, policy: Policy) -> int:
        return f.order_total

    @rule
    def bare(f: FewFacts, policy: Policy) -> bool:
        return f.bare_count > 0 and f.bare_since < 900 * DAY

    both, alone = run(logs, ordered, eligible=bare), run(logs, bare)

    assert both.by_date[0].people == 30
    assert alone.by_date[0].flagged == 30
    assert alone.baselines == run(logs, times).baselines


def test_an_interval_holds_its_figure_and_is_the_same_again(logs: Logs) -> None:
    """People are drawn by the seed, so the interval is the same in each run."""
    one, repeated, other = run(logs, times), run(logs, times), run(logs, times, seed=1)
    figure = one.by_date[0].lift

    assert figure.ci_lower is not None
    assert figure.ci_upper is not None
    assert figure.ci_lower <= 2 <= figure.ci_upper
    assert one == repeated
    assert one != other


def test_too_few_buyers_are_an_answer(logs: Logs) -> None:
    """Below the minimum there is no figure, and the text gives the reason."""
    result = run(logs, times, min_people=21)

    assert result.rule.lift.value is None
    assert str(result.rule.lift) == "not enough (20 bought; at least 21)"
    assert result.rule.lift.to_dict()["bought"] == 20
    assert str(run(logs, times, min_people=21).minus("own rhythm")["auc"]) == "not enough"


def test_two_rules_are_compared_with_the_same_people_drawn(logs: Logs) -> None:
    """A rule less itself is nothing, surely; a better one has the whole interval above nothing."""
    good, bad = run(logs, times), run(logs, has_bought_again, order=(True, False))
    same, better = good.minus(good), good.minus(bad)

    assert (same["auc"].value, same["auc"].ci_lower, same["auc"].ci_upper) == (0, 0, 0)
    assert set(better) == {"lift", "auc"}
    assert better["auc"].to_dict() == {"value": 1, "ci_lower": 1, "ci_upper": 1}
    assert str(better["auc"]) == "+1.000 (+1.000 to +1.000)"
    assert good.minus("do nothing")["auc"].value == 0.5


def test_backtests_of_other_people_or_days_are_not_compared(logs: Logs) -> None:
    """The error names the differing setting; an unknown baseline too."""
    result = run(logs, times)

    with pytest.raises(ArgumentError, match="differ in people, days and eligible people"):
        result.minus(run(logs, times, eligible=has_bought))
    with pytest.raises(ArgumentError, match=r"other must be .* \(got 'rhythm'\); known are do nothing, most recent"):
        result.minus("rhythm")


def test_a_backtest_shows_itself(logs: Logs) -> None:
    """The text gives the data first, then the rule above its baseline; in a notebook the days too."""
    result = run(logs, times, at_least=2)
    title, head, subject, *others = str(result).splitlines()

    assert title == (
        "times on 2 days, 40 people (everyone): 20 of 80 (25.0 %) bought within 14 d; "
        "1 more excluded, their horizon is not over"
    )
    assert head.split("  ")[-1].strip() == "recall"
    assert subject.startswith("times")
    assert len(others) == 4
    assert others[-1] == "50.0 % of those it chose bought (20 of 40), 0.0 % of the others (0 of 40)"
    assert result._repr_html_().count("<tr>") == 7
    few = "not enough (0 bought; at least 5)"
    figures = ", ".join(f"{name} {few}" for name in ("precision", "recall", "lift", "auc"))
    assert str(result.by_date[1]) == f"times: {figures} (0 of 40 bought)"
    assert repr(result.by_date[1]) == f"<2026-02-14 times: {figures} (0 of 40 bought)>"
    assert repr(result.rule) == f"<{result.rule}>"
    assert others[-1] in result._repr_html_()
    assert result.rule._repr_html_().startswith("<span>times: precision 0.500")
    assert str(result.answers[1]) == "1: 0 of 20 bought"
    assert result.answers[1].to_dict() == {"answer": 1, "people": 20, "bought": 0}


def test_the_shares_of_the_others_need_others(logs: Logs) -> None:
    """A rule that chooses everybody has no others. A rule without a limit chooses nobody."""
    everybody = run(logs, times, at_least=0, eligible=has_bought)

    assert str(everybody).splitlines()[-1] == "33.3 % of those it chose bought (20 of 60)"
    assert "those it chose" not in str(run(logs, times))


def test_differences_of_backtests_read_as_text(logs: Logs) -> None:
    """A printed dict of differences has short numbers with their intervals."""
    changes = run(logs, times, at_least=2).minus("own rhythm")

    assert set(changes) == {"lift", "auc"}
    assert re.fullmatch(r"<[+-]\d\.\d{3} \([+-]\d\.\d{3} to [+-]\d\.\d{3}\)>", repr(changes["auc"]))


def test_days_of_a_backtest_are_local(logs: Logs) -> None:
    """A day of Jakarta begins at 17:00 UTC of the day before. The days have the date of the shop."""
    first = datetime(2026, 1, 31, tzinfo=ZoneInfo("Asia/Jakarta"))
    result = run(logs, times, first=first)

    assert [row["date"] for row in result.to_dicts()[-2:]] == [date(2026, 1, 31), date(2026, 2, 14)]
    assert result.by_date[0].date == first
    assert str(result.by_date[0].date) == "2026-01-31 00:00:00+07:00"


def test_days_after_the_end_of_the_data_are_refused(logs: Logs) -> None:
    """If every day is after `as_of`, there is nothing to evaluate."""
    with pytest.raises(ArgumentError, match=r"first day must be at or before as_of \(got 2026-03-03 .* and 2026-03-02"):
        run(logs, times, first=START + 61 * DAY)


def test_a_backtest_is_plain_data(logs: Logs) -> None:
    """Every ranking is a dictionary: the rule, what it is held against, the days."""
    rows = run(logs, times).to_dicts()

    assert [row["name"] for row in rows] == ["times", "do nothing", "most recent first", "own rhythm", "times", "times"]
    assert rows[0]["auc"] == 1
    assert rows[0]["base_rate"] == 0.25
    assert rows[0]["precision"] is rows[0]["brier_ci_lower"] is None


def test_a_figure_without_an_interval_is_told_alone() -> None:
    """A rule is not better if the interval has 0, or if there is nothing to divide by."""
    assert str(Figure(0.5, None, None, 1, 2, 9, 5)) == "0.500"
    assert str(Figure(None, None, None, 0, 0, 9, 5)) == "none"


def test_days_without_an_end_of_their_horizon_give_nothing(logs: Logs) -> None:
    """Nobody was looked at, and it says so."""
    result = run(logs, times, as_of=START + 40 * DAY)

    assert (result.rule.people, result.by_date, result.excluded, result.rule.base_rate) == (0, (), 1, None)
    assert result.rule.lift.value is None
    assert "0 of 0 bought" in str(result)


# ---- probabilities -------------------------------------------------------------------------------------------------


def test_probabilities_are_judged_by_later_days(logs: Logs) -> None:
    """Fitted on the first day, judged on the second: given as much as then, nobody bought."""
    fitted = calibrate(run(logs, times, as_of=START + 45 * DAY), min_people=5)
    result = run(logs, times, first=START + 44 * DAY, calibration=fitted, min_people=1, at_least=1)
    (day,) = result.by_date

    assert fitted.bought == 20
    assert day.brier is not None
    assert day.brier.numerator == pytest.approx(20 + 10 * fitted.base_rate**2)  # type: ignore[operator]
    assert [(one.people, one.bought) for one in result.reliability] == [(10, 0), (20, 0)]
    assert result.baselines[0].brier is not None
    assert str(result).splitlines()[1].endswith("Brier")


def test_a_reliable_probability_comes_true(logs: Logs) -> None:
    """On the day it was fitted on, of each probability so many bought."""
    early = run(logs, times, as_of=START + 45 * DAY)
    result = run(logs, times, as_of=START + 45 * DAY, calibration=calibrate(early, min_people=5))

    assert [(one.predicted, one.people, one.bought) for one in result.reliability] == [(0, 10, 0), (1, 20, 20)]
    assert result.reliability[1].to_dict()["predicted"] == 1
    assert str(result.reliability[1]) == "predicted 1.000, 20 of 20 bought"
    assert result.minus("do nothing")["brier"].value == pytest.approx(-(0.5**2) + 10 * 0.25 / 40 * 1, abs=0.2)


def test_a_calibration_of_too_little_makes_no_probabilities(logs: Logs) -> None:
    """The backtest then has none, and stays a backtest of points."""
    few = calibrate(run(logs, times), min_people=99)
    result = run(logs, times, calibration=few)

    assert not few.is_reportable
    assert (result.rule.brier, result.reliability) == (None, ())
    assert result.rule.auc.value == 1


def test_very_many_answers_are_not_listed(logs: Logs) -> None:
    """Spans to the microsecond are hardly equal twice; there are figures all the same, but no probabilities."""
    rows = [(person, START + timedelta(microseconds=person)) for person in range(300)]
    bought = {
        "id": range(300),
        "person_id": [*map(str, range(300))],
        "amount": 9,
        "purchased_at": [moment for _, moment in rows],
    }
    many_days = {"id": [300, 301], "person_id": ["0", "1"], "amount": 9, "purchased_at": [START + 31 * DAY] * 2}
    many = Logs(purchases=pl.concat([pl.DataFrame(bought), pl.DataFrame(many_days)], how="vertical_relaxed"))
    result = run(many, silence, min_people=1)

    assert result.answers == ()
    assert result.by_date[0].auc.value == pytest.approx(1)
    with pytest.raises(ArgumentError, match="silence returned too many distinct answers"):
        calibrate(result)


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "more", "error", "message"),
    [
        (
            times,
            {"order": [1, 2]},
            ArgumentError,
            r"order requires a rule that returns words or truths \(times returns numbers\)",
        ),
        (
            times,
            {"at_least": "two"},
            ArgumentError,
            r"at_least must be a number because times returns numbers \(got 'two'\)",
        ),
        (times, {"at_least": Band.LOW}, ArgumentError, "must be a number because times returns numbers"),
        (band, {}, ArgumentError, r"band returns words \(high, low, middle\); pass AnswerScale"),
        (band, {"order": ["low", "high"]}, ArgumentError, "order must list every answer of band .got no 'middle'"),
        (
            band,
            {"order": list(Band), "at_least": "hi"},
            ArgumentError,
            "at_least must be an answer of band .got 'hi'",
        ),
        (times, {"eligible": times}, ArgumentError, "eligible must be a rule that returns a truth.*got <rule times>"),
        (times, {"min_people": 0}, ArgumentError, r"min_people must be a whole number from 1 up \(got 0\)"),
        (times, {"min_people": True}, ArgumentError, r"min_people must be .* \(got True\)"),
        (times, {"every": 0 * DAY}, ArgumentError, "every must be above zero"),
        (times, {"every": 14}, ArgumentError, "every must be a timedelta, or text with a unit"),
        (times, {"horizon": -DAY}, ArgumentError, "horizon must be above zero"),
        (times, {"first": START.replace(tzinfo=None)}, InstantError, "first is a naive datetime"),
        (times, {"as_of": START.replace(tzinfo=None)}, InstantError, "as_of is a naive datetime"),
        (times, {"every": timedelta(hours=0.5)}, ArgumentError, f"at most {MAX_DATES:,} days"),
    ],
)
def test_what_does_not_go_together_is_refused(
    logs: Logs, subject: Any, more: dict[str, Any], error: type[Exception], message: str
) -> None:
    """One clear error that names what was given and what to do."""
    with pytest.raises(error, match=message):
        run(logs, subject, **more)


def test_a_text_of_the_facts_has_no_order(logs: Logs) -> None:
    """The words of a rule are its own; those of the facts nobody can list."""

    @rule
    def source(f: Facts, policy: Policy) -> str:
        return f.lead_source

    with pytest.raises(ArgumentError, match="source returns the text of a fact"):
        run(logs, source, order=["a"])


def test_a_rule_that_cannot_be_traced_is_refused(logs: Logs) -> None:
    """Wrong arguments are refused with the remedy."""

    @rule
    def bad(f: Facts, policy: Policy) -> bool:
        return bool(f.arrived_at)

    with pytest.raises(RuleError):
        run(logs, bad)


def test_without_numpy_it_says_what_to_install(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that installs it is in the error."""
    without_numpy(monkeypatch)

    with pytest.raises(MissingExtraError, match=r"pip install 'shopfunnel\[numpy\]'"):
        run(logs, times)


class Number(IntEnum):
    """Words that are numbers."""

    ONE = 1
    TWO = 2


def test_members_of_an_enum_of_numbers_have_an_order_too(logs: Logs) -> None:
    """They are words for all that."""

    @rule
    def numbered(f: Facts, policy: Policy) -> Number:
        return Number.TWO if f.purchase_count >= 2 else Number.ONE

    assert run(logs, numbered, order=list(Number)).by_date[0].flagged == 20


# ---- days ----------------------------------------------------------------------------------------------------------


def test_days_go_by_the_clock_of_the_first_one() -> None:
    """A day later is the same hour where clocks are changed; a month after the 31st is the last day of the month."""
    zone = ZoneInfo("Europe/London")
    week = ReplayDates.of(
        BacktestDates(datetime(2026, 3, 28, 9, tzinfo=zone), every=DAY, horizon=DAY), datetime(2026, 3, 31, tzinfo=UTC)
    )
    months = ReplayDates.of(
        BacktestDates(datetime(2026, 1, 31, tzinfo=UTC), every=relativedelta(months=1), horizon=DAY),
        datetime(2026, 4, 2, tzinfo=UTC),
    )

    assert week.closed == tuple(micros(datetime(2026, 3, day, hour, tzinfo=UTC)) for day, hour in ((28, 9), (29, 8)))
    assert week.excluded == 1
    assert months.closed == tuple(micros(datetime(2026, *day, tzinfo=UTC)) for day in ((1, 31), (2, 28), (3, 31)))


def test_a_horizon_that_ends_with_the_data_is_over() -> None:
    """To the microsecond: a window includes its end."""
    end = START + 10 * DAY

    assert ReplayDates.of(BacktestDates(START + 9 * DAY, every=DAY, horizon=DAY), end).closed == (
        micros(START + 9 * DAY),
    )
    assert (
        ReplayDates.of(BacktestDates(START + 9 * DAY, every=DAY, horizon=DAY), end - timedelta(microseconds=1)).closed
        == ()
    )


def test_a_lapsed_buyer_of_another_engine(logs: Logs) -> None:
    """Logs of a database come into local memory."""
    frames = {"leads": pl.DataFrame({"person_id": ["p"], "arrived_at": [START]})}
    result = run(Logs(**ENGINES["duckdb"](frames)), is_lapsed)

    assert [one.people for one in result.by_date] == [1, 1]
