"""Cases whose answers can be seen by eye, among them those on which well-known tools differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from funnel import Exclusion, FunnelStep, GroupBy, conversion
from funnel.metrics import FunnelResult, Matching, bins
from tests import kernels
from tests.metrics.conversion.model import Event
from tests.metrics.conversion.questions import START, minutes, table

LATE = START + timedelta(days=9)
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)


def story(events: str, person: str = "p") -> list[Event]:
    """Events of one person, such as "a0 b60": a kind and its second; + is a microsecond more."""
    return [_event(word, person) for word in events.split()]


def _event(word: str, person: str) -> Event:
    second, more, _ = word[1:].partition("+")
    return Event(person, START + int(second) * SECOND + (TICK if more else timedelta(0)), word[0], amount=1)


OTHERS = [Event("later", LATE + SECOND, kind) for kind in "abcx"]
"""Every kind occurs, if only later."""


def funnel_of(events: str, steps: str, **more: Any) -> FunnelResult:
    """A funnel of one person within a minute."""
    usual = {"within": minutes(1), "as_of": LATE}
    return conversion(table([*story(events), *OTHERS]), steps.split(), **{**usual, **more})


def depth(funnel: FunnelResult) -> int:
    """The number of steps that were reached."""
    return sum(step.reached > 0 for step in funnel)


@pytest.mark.parametrize(
    ("events", "steps", "first", "deepest"),
    [
        ("a0 a30 b45 c75", "a b c", 2, 3),
        ("b0 a0", "a b", 2, 2),
        ("a0 b60", "a b", 2, 2),
        ("a0 b60+", "a b", 1, 1),
        ("a0 b100 a200 b210", "a b", 1, 2),
        ("a0 b10 b20", "a b b", 3, 3),
        ("a0 b10", "a b b", 2, 2),
        ("a0 a10", "a a", 2, 2),
        ("a0 c5 b10", "a b c", 2, 2),
    ],
    ids=[
        "the clock never restarts, or does",
        "at one instant",
        "just at the end",
        "a microsecond too late",
        "too late once, in time again",
        "a step done twice",
        "one event serves one step",
        "a first step done twice",
        "out of order",
    ],
)
def test_vectors_on_which_tools_differ(events: str, steps: str, first: int, deepest: int) -> None:
    """From the first entry, as Mixpanel counts by default, and from the best one, as PostHog and ClickHouse do."""
    assert depth(funnel_of(events, steps)) == first
    assert depth(funnel_of(events, steps, matching=Matching(attempts="any"))) == deepest


def test_equal_times_are_in_order_unless_a_step_must_be_later() -> None:
    """The second of two steps at one instant counts by rank, and does not if it must be later."""
    assert depth(funnel_of("b0 a0", "a b", matching=Matching(tie_break="later"))) == 1
    assert depth(funnel_of("b0 a0 b1", "a b", matching=Matching(tie_break="later"))) == 2


@pytest.mark.parametrize(("seconds", "state"), [(59, "pending"), (60, "dropped")])
def test_who_may_still_convert_is_pending(seconds: int, state: str) -> None:
    """Until the window ends nobody has dropped; at its end all is known."""
    funnel = funnel_of("a0", "a b", as_of=START + seconds * SECOND)

    assert getattr(funnel, state) == 1
    assert funnel.entered == 1
    assert funnel.rate.trials == (state == "dropped")


def test_whoever_can_come_no_further_in_time_is_dropped_before_the_window_ends() -> None:
    """If the next step has a window of its own, its end is enough."""
    events = table([*story("a0"), *OTHERS])
    open_at, over_at = (START + second * SECOND for second in (9, 10))
    steps = ["a", FunnelStep("b", within=10 * SECOND)]

    assert conversion(events, steps, within=minutes(1), as_of=open_at).pending == 1
    assert conversion(events, steps, within=minutes(1), as_of=over_at).dropped == 1


def test_rates_leave_out_whose_window_is_open_whatever_they_did() -> None:
    """A person who converted at once is not counted before the window is over, or rates would be too high."""
    early = [*story("a0", "p"), *story("a50 b51", "q")]
    funnel = conversion(table(early), ["a", "b"], within=minutes(1), as_of=START + 70 * SECOND)

    assert (funnel.entered, funnel.converted) == (2, 1)
    assert (funnel.rate.successes, funnel.rate.trials) == (0, 1)


@pytest.mark.parametrize(
    ("events", "state", "reached", "trials"),
    [
        ("a0 a50", "dropped", 1, 1),
        ("a0 a50 b61", "dropped", 1, 1),
        ("a0 b1 a50", "converted", 2, 1),
        ("a20 a50", "pending", 1, 0),
        ("a20 b21 a50", "converted", 2, 0),
        ("a5 a8 b7 a50 b60 c69+", "dropped", 2, 1),
    ],
    ids=[
        "one is over and one is open",
        "converted in the open one, which does not count yet",
        "converted in the one that is over",
        "both are open",
        "converted, and both are open",
        "the deepest of those that are over",
    ],
)
def test_of_several_attempts_those_whose_window_is_over_decide(
    events: str, state: str, reached: int, trials: int
) -> None:
    """A person is pending only if no window is over; an open attempt counts only if no window is over."""
    steps = "a b c" if "c" in events else "a b"
    funnel = funnel_of(events, steps, matching=Matching(attempts="any"), as_of=START + 70 * SECOND)

    assert getattr(funnel, state) == funnel.entered == 1
    assert depth(funnel) == reached
    assert funnel.rate.trials == trials


@pytest.mark.parametrize(
    ("exclusion", "entered", "reached", "dropped"),
    [
        (Exclusion("x"), 1, 0, 1),
        (Exclusion("x", then="remove"), 0, 0, 0),
        (Exclusion("x", after="b", before="c"), 1, 1, 0),
    ],
    ids=["drop", "remove", "elsewhere"],
)
def test_what_may_not_come_between(exclusion: Exclusion, entered: int, reached: int, dropped: int) -> None:
    """An exclusion ends the attempt, or undoes it, where it is looked for and nowhere else."""
    funnel = funnel_of("a0 x5 b10 c20", "a b c", matching=Matching(exclude=exclusion))

    assert (funnel.entered, funnel.converted, funnel.dropped) == (entered, reached, dropped)


def test_the_row_of_a_step_is_no_exclusion_of_its_own_attempt() -> None:
    """A second look ends the attempt; the look that is its second step does not."""
    assert funnel_of("a0 b5 c9", "a b c", matching=Matching(exclude=Exclusion("b"))).converted == 1
    assert funnel_of("a0 b5 b6 c9", "a b c", matching=Matching(exclude=Exclusion("b"))).converted == 0


@pytest.mark.parametrize("has_numpy", [True, False])
@pytest.mark.parametrize(
    ("events", "converted"), [("a0 x5 b9", 0), ("a0 c5 b9", 0), ("a0 x5 c6 b9", 0), ("a0 b9 c10", 1)]
)
def test_each_of_two_exclusions_ends_an_attempt(
    events: str, converted: int, *, has_numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first excluding event decides, whichever exclusion it meets."""
    if not has_numpy:
        kernels.without_numpy(monkeypatch)
    matching = Matching(exclude=[Exclusion("x"), Exclusion("c")])

    assert funnel_of(events, "a b", matching=matching).converted == converted


def test_every_attempt_counts_once_it_has_ended() -> None:
    """After a conversion, and after the window, the next entry begins a new attempt; an entry inside one does not."""
    funnel = funnel_of("a0 a1 b2 a3 a64 b65", "a b", matching=Matching(attempts="each"))

    assert (funnel.entered, funnel.converted) == (3, 2)


@pytest.mark.parametrize(("order", "reached"), [("ordered", 2), ("strict", 1), ("any", 2)])
def test_orders(order: Any, reached: int) -> None:
    """Other events may lie between, may not, and do not matter."""
    assert depth(funnel_of("a0 c1 b2", "a b", matching=Matching(order=order))) == reached


def test_in_any_order_the_first_to_be_done_is_the_entry() -> None:
    """Steps count by their turn: the second step is whichever came second, at its time."""
    funnel = funnel_of("b0 a7", "a b", matching=Matching(order="any"))

    assert [step.reached for step in funnel] == [1, 1]
    assert funnel.times()[0].from_start == 7 * SECOND


def test_in_any_order_a_repeated_step_must_be_done_as_often() -> None:
    """Two purchases and a view are two purchases and a view, in whatever order."""
    assert depth(funnel_of("b0 b1", "a b b", matching=Matching(order="any"))) == 2
    assert depth(funnel_of("b0 b1 a2", "a b b", matching=Matching(order="any"))) == 3
    assert depth(funnel_of("a0 a1 a2", "a b b", matching=Matching(order="any"))) == 1


def test_what_is_held_stays_the_same() -> None:
    """A view of one product and a purchase of another do not convert with the product; a person is counted once."""
    rows = [("p", 0, "a", "x"), ("p", 1, "a", "y"), ("p", 2, "b", "y"), ("q", 0, "a", None)]
    events = [Event(person, START + at * SECOND, kind, sku) for person, at, kind, sku in rows]
    usual: dict[str, Any] = {"within": minutes(1), "as_of": LATE, "matching": Matching(hold_constant="sku")}

    assert conversion(table(events), ["a", "b"], **usual).converted == 0
    assert (
        conversion(
            table(events), ["a", "b"], **{**usual, "matching": Matching(attempts="any", hold_constant="sku")}
        ).converted
        == 1
    )
    assert (
        conversion(
            table(events), ["a", "b"], **{**usual, "matching": Matching(attempts="each", hold_constant="sku")}
        ).entered
        == 2
    )
    assert conversion(table(events), ["a", "b"], **usual).entered == 1


def test_an_optional_step_stops_nobody() -> None:
    """It counts who took it between the steps beside it, and nothing else."""
    steps = ["a", FunnelStep("c", optional=True), "b"]
    rows = [*story("a0 b9 c10", "p"), *story("a0 c1 b9", "q"), *story("a0 c1", "r")]
    funnel = conversion(table(rows), steps, within=minutes(1), as_of=LATE)
    optional = funnel.step("c")

    assert [step.reached for step in funnel] == [3, 2, 2]
    assert (optional.dropped, optional.pending) == (None, None)
    assert optional.from_before is not None
    assert (optional.from_before.successes, optional.from_before.trials) == (2, 3)
    assert funnel.step("b").from_before == optional.from_before


def test_conditions_on_columns() -> None:
    """A step may ask for more than a kind, and for no kind at all; a row where a column is null meets none."""
    rows = [Event("p", START, "a", amount=5), Event("p", START + SECOND, "b", amount=None), Event("q", START, "a")]
    steps = [FunnelStep("some", where=lambda e: e.amount > 1), FunnelStep("b", kind="b")]
    funnel = conversion(table(rows), steps, within=minutes(1), as_of=LATE)

    assert [step.reached for step in funnel] == [1, 1]


def test_times_are_times_that_somebody_took() -> None:
    """A median of an even number is the smaller of the two in the middle; a share of nearly all is the longest."""
    rows = [event for index, wait in enumerate((10, 20, 30, 40)) for event in story(f"a0 b{wait}", f"p{index}")]
    funnel = conversion(table([*rows, *story("a0", "q")]), ["a", "b"], within=minutes(1), as_of=LATE)

    assert [funnel.times(share)[0].from_start for share in (0.5, 0.51, 0.25, 1.0)] == [
        20 * SECOND,
        30 * SECOND,
        10 * SECOND,
        40 * SECOND,
    ]
    assert funnel.times()[0].reached == 4


@pytest.mark.parametrize(
    ("at", "labels"),
    [
        ("first", [("under 2", 1), ("3 or more", 1)]),
        ("last", [("2 to under 3", 1), ("3 or more", 1)]),
        ("b", [("2 to under 3", 1), (None, 1)]),
    ],
)
def test_groups_are_by_the_value_at_a_row_that_is_named(at: str, labels: list[Any]) -> None:
    """The value at the entry, at the last step that was reached, and at a step: who is not there is unknown."""
    rows = [
        Event("p", START, "a", amount=1),
        Event("p", START + SECOND, "b", amount=2),
        Event("q", START, "a", amount=3),
    ]
    funnel = conversion(table(rows), ["a", "b"], within=minutes(1), as_of=LATE, by=bins("amount", [2, 3], at=at))

    assert [(group.value, group.steps[0].reached) for group in funnel.groups] == labels
    assert [row["group"] for row in funnel.to_dicts()] == [value for value, _ in labels for _ in range(2)]


def test_groups_lie_the_largest_first() -> None:
    """The largest group comes first, of equals by name, the unknown one last; all of them together are everybody."""
    skus = ["y", "y", "x", "z", None, None, None]
    rows = [Event(f"p{index}", START, kind, sku) for index, sku in enumerate(skus) for kind in "ab"]
    funnel = conversion(table(rows), ["a", "b"], within=minutes(1), as_of=LATE, by=GroupBy("sku"))

    assert [group.value for group in funnel.groups] == ["y", "x", "z", None]
    assert sum(group.steps[0].reached for group in funnel.groups) == funnel.entered


def test_money_through_and_lost() -> None:
    """The sums of the amounts at a row, of people who went on, dropped out, and may still convert."""
    rows = [
        *(Event("p", START + index * SECOND, kind, amount=10) for index, kind in enumerate("ab")),
        Event("q", START, "a", amount=5),
        Event("r", START + minutes(1), "a", amount=3),
        Event("s", START, "a"),
    ]
    funnel = conversion(table(rows), ["a", "b"], within=minutes(1), as_of=START + minutes(1))
    start, end = funnel.value("amount")

    assert start.to_dict() == {"name": "a", "with_amount": 3, "reached": 18, "dropped": 5, "pending": 3}
    assert (end.with_amount, end.reached, end.dropped, end.pending) == (1, 10, 0, 0)
    assert [step.reached for step in funnel.value("amount", at="b")] == [10, 10]


def test_sums_beyond_64_bits_are_exact() -> None:
    """Amounts are summed in two parts if their sum may not fit."""
    largest = 2**63 - 1
    rows = [Event(person, START, "a", amount=largest - index) for index, person in enumerate("pqr")]
    funnel = conversion(table([*rows, *OTHERS]), ["a", "b"], within=minutes(1), as_of=START + minutes(1))
    start, end = funnel.value("amount")

    assert (start.with_amount, start.reached, start.dropped, start.pending) == (3, 3 * largest - 3, 3 * largest - 3, 0)
    assert end.reached == 0


def test_money_at_an_optional_step() -> None:
    """Nobody drops at an optional step, so there is no sum of those who did."""
    rows = story("a0 c1 b2")
    steps = ["a", FunnelStep("c", optional=True), "b"]
    funnel = conversion(table(rows), steps, within=minutes(1), as_of=LATE)

    assert [(step.reached, step.dropped) for step in funnel.value("amount", at="c")] == [(1, 0), (1, None), (1, 0)]


def test_drivers_are_what_those_who_converted_had_done() -> None:
    """Counted are the values between entry and end, of those whose window was over; steps are left out."""
    rows = [event for index in range(30) for event in story("a0 q5 b9 z10", f"p{index}")]
    rows += [event for index in range(10) for event in story("a0 q5", f"q{index}")]
    rows += [event for index in range(20) for event in story("a0 z61 y9", f"r{index}")]
    rows += story("a0 w1", "one")
    funnel = conversion(table(rows), ["a", "b"], within=minutes(1), as_of=LATE)
    result = funnel.drivers()
    funnel_of, other = result

    assert (result.converted, result.others, result.excluded, len(result)) == (30, 31, 1, 2)
    assert (funnel_of.value, funnel_of.converted_with, funnel_of.others_with) == ("q", 30, 10)
    assert funnel_of.odds_ratio == pytest.approx((30 + 1) * (31 - 10 + 1) / ((30 - 30 + 1) * (10 + 1)))
    assert funnel_of.ci_lower < funnel_of.odds_ratio < funnel_of.ci_upper
    assert funnel_of.confidence_level == pytest.approx(0.975)
    assert (other.value, other.converted_with, other.others_with) == ("y", 0, 20)
    assert not result.is_skewed
    assert result.to_dicts()[0]["odds_ratio"] == funnel_of.odds_ratio
    assert str(result).startswith("2 values of kind compared, 1 excluded with too few people")
    assert "30 of 30 converted and 10 of 31 other people" in str(result)
    assert "<li>q: odds" in result._repr_html_()


def test_drivers_of_nobody() -> None:
    """If nothing lies between, nothing stands out; one outcome alone is skewed."""
    result = funnel_of("a0 b5", "a b").drivers()

    assert (len(result), result.excluded, result.is_skewed) == (0, 0, True)
    assert "skewed" in str(result)


def test_groups_are_compared_with_all_others() -> None:
    """The difference of a group's rate from that of the rest, with intervals that hold together."""
    rows = [
        Event(f"{sku}{index}", START + at * SECOND, kind, sku)
        for sku, successes in (("x", 30), ("y", 10))
        for index in range(40)
        for at, kind in enumerate("ab" if index < successes else "a")
    ]
    funnel = conversion(table(rows), ["a", "b"], within=minutes(1), as_of=LATE, by="sku")
    more, less = funnel.compare()

    assert (more.value, more.difference.value) == ("x", pytest.approx(0.5))
    assert more.difference.rate.confidence_level == pytest.approx(0.975)
    assert less.difference.value == pytest.approx(-0.5)
    assert str(more).startswith("x: +50.0 points (30 of 40 minus 10 of 40;")


def test_too_few_are_said_to_be_too_few() -> None:
    """Below the fewest that are enough, the text has no rate; the numbers are there for whoever asks."""
    funnel = funnel_of("a0 b5", "a b")

    assert "not enough: 1 of 30" in str(funnel)
    assert "100.0 % (1 of 1;" in str(funnel_of("a0 b5", "a b", min_people=1))
    assert funnel.rate.value == 1.0


@pytest.mark.parametrize(
    ("seconds", "events"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_061, "1 d 1 h"), (86_400, "1 d")],
)
def test_times_are_shown_by_their_largest_units(seconds: int, events: str) -> None:
    """A time is shown by its two largest units."""
    funnel = funnel_of(f"a0 b{seconds}", "a b", within=timedelta(days=3))

    assert str(funnel).splitlines()[-1].split("  ")[-3].strip() == events


def test_a_funnel_of_nobody_says_so() -> None:
    """If nobody did the first step there is no table to show."""
    assert str(funnel_of("b0", "a b")).endswith("\nnobody entered")


def test_a_time_that_nobody_took_is_left_blank() -> None:
    """If nobody reached a step there is no time to it, and the cell is empty."""
    assert str(funnel_of("a0", "a b")).splitlines()[-1].split("  ")[-3].strip() == ""


def test_a_funnel_shows_itself() -> None:
    """As text and as a table of HTML, with the question, the counts and the groups."""
    rows = [*story("a0 b5", "p"), Event("q", START, "a", sku="<x>")]
    funnel = conversion(table(rows), ["a", "b"], within=minutes(1), as_of=LATE, by="sku")

    assert str(funnel) == "\n".join(TABLE)
    assert funnel._repr_html_().startswith("<p>2 people: 1 converted, 1 dropped, 0 pending (ordered,")
    assert "<td>████████████</td>" in funnel._repr_html_()
    assert len(funnel) == 2
    assert "rows" not in repr(funnel)


TABLE = [
    "2 people: 1 converted, 1 dropped, 0 pending (ordered, attempts first, within 1 min, as of 2026-03-10 00:00 UTC)",
    "step                reached  dropped  pending  median  from the start       from the step before",
    "a     ████████████        2        1        0          not enough: 2 of 30",
    "b     ██████              1        0        0     5 s  not enough: 2 of 30  not enough: 2 of 30",
    "sku: <x>",
    "step                reached  dropped  pending  median  from the start       from the step before",
    "a     ████████████        1        1        0          not enough: 1 of 30",
    "b                         0        0        0          not enough: 1 of 30  not enough: 1 of 30",
    "sku: (unknown)",
    "step                reached  dropped  pending  median  from the start       from the step before",
    "a     ████████████        1        0        0          not enough: 1 of 30",
    "b     ████████████        1        0        0     5 s  not enough: 1 of 30  not enough: 1 of 30",
]


def test_attempts_are_called_attempts() -> None:
    """If every attempt counts, the text does not speak of people."""
    assert str(funnel_of("a0 b5", "a b", matching=Matching(attempts="each"))).startswith("1 attempts:")


def test_columns_of_truths_can_be_asked_held_and_split_by() -> None:
    """A truth is a value like another."""
    rows = {"person_id": ["p", "p", "q"], "kind": ["a", "b", "a"], "paid": [True, True, None]}
    events = pl.DataFrame(rows).with_columns(occurred_at=pl.lit(START))
    usual: dict[str, Any] = {
        "within": minutes(1),
        "as_of": LATE,
        "matching": Matching(hold_constant=["paid"]),
        "by": "paid",
    }
    funnel = conversion(events, ["a", FunnelStep("b", kind="b", where=lambda e: e.paid)], **usual)

    assert [(group.value, group.rate.successes) for group in funnel.groups] == [(True, 1)]


def test_a_trend_is_by_when_people_entered() -> None:
    """Periods are cut by the shop's clock; one in which a window is still open is not mature; an empty one is there."""
    months = [(1, 31, 18, True), (3, 5, 0, True), (3, 5, 0, False), (5, 25, 0, False)]
    rows = [
        event
        for index, (month, day, hour, converts) in enumerate(months)
        for event in _visit(f"p{index}", datetime(2026, month, day, hour, tzinfo=UTC), converts=converts)
    ]
    funnel = conversion(
        table(rows), ["a", "b"], within=timedelta(days=10), as_of=datetime(2026, 6, 1, tzinfo=UTC), min_people=1
    )
    trend = funnel.trend("month", tz="Asia/Jakarta")

    assert [(one.start.month, one.steps[0].reached, one.rate.successes, one.is_mature) for one in trend] == [
        (2, 1, 1, True),
        (3, 2, 1, True),
        (4, 0, 0, True),
        (5, 1, 0, False),
        (6, 0, 0, False),
    ]
    assert str(trend).splitlines()[2] == "2026-03           2          1        0  50.0 % (1 of 2; 9.5 to 90.5 %)"
    assert str(trend).splitlines()[4].startswith("2026-05* ")
    assert trend._repr_html_().startswith("<table><thead><tr><th>entered in</th>")
    assert len(trend.to_dicts()) == 2 * len(trend)
    assert len(funnel_of("x0", "a b").trend("week", tz="UTC", week_start="monday")) == 0


def _visit(person: str, moment: datetime, *, converts: bool) -> list[Event]:
    bought = [Event(person, moment + SECOND, "b")] if converts else []
    return [Event(person, moment, "a"), *bought]


def test_a_period_matures_when_the_last_window_in_it_can_be_over() -> None:
    """A month is mature from the instant at which who entered in its last microsecond has had the whole window."""
    day = datetime(2026, 4, 1, tzinfo=UTC)
    rows = table([Event("p", START, "a"), Event("p", START, "b")])

    def is_mature(as_of: datetime) -> bool:
        funnel = conversion(rows, ["a", "b"], within=minutes(5), as_of=as_of)
        return next(iter(funnel.trend("month", tz="UTC"))).is_mature

    assert is_mature(day + minutes(5) - TICK)
    assert not is_mature(day + minutes(5) - 2 * TICK)
