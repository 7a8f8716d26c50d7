"""Repeat purchases by origin, and after a launch: against a count person by person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel.errors import ArgumentError, EngineError, LogsError
from funnel.history import History
from funnel.logs import Logs
from funnel.metrics._rate import Rate
from funnel.metrics._repeat.by_origin import RepeatGroups, repeat_by
from funnel.metrics._repeat.promotion_retention import promotion_retention
from funnel.metrics._repeat.window import RepeatRate
from funnel.records import Purchase
from tests.engines import ENGINES, on
from tests.metrics.buyers import DAY, buyers, counted_occasions, lines_of, moments, spans
from tests.metrics.people import FEW
from tests.shop import logs_of

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
LATER = NOON + 100 * DAY
NO_ORDERS = Logs(leads=pl.DataFrame({"person_id": ["a"], "arrived_at": [NOON]}))


def first_lead(person: History, as_of: datetime) -> Any:
    """The first arrival, as a fact has it: by instant, then source and campaign."""
    leads = [lead for lead in person.leads if lead.arrived_at <= as_of]
    return min(leads, key=lambda lead: (lead.arrived_at, lead.source, lead.campaign), default=None)


def of_lead(field: str) -> Callable[[History, Sequence[Purchase], datetime], set[str]]:
    """Return the origin of a person's first arrival."""
    return lambda person, _, as_of: {getattr(first_lead(person, as_of), field, "")}


def referral(person: History, _: Sequence[Purchase], as_of: datetime) -> set[str]:
    """Whether somebody sent them; unknown of whom no arrival is known."""
    leads = [lead for lead in person.leads if lead.arrived_at <= as_of]
    sent = any(lead.referred_by for lead in leads)
    return {"" if not leads else "referred" if sent else "not referred"}


GROUPS: Mapping[str, Callable[[History, Sequence[Purchase], datetime], set[str]]] = {
    "source": of_lead("source"),
    "campaign": of_lead("campaign"),
    "referral": referral,
    "promotion": lambda _, bought, __: {bought[0].promotion},
    "product": lambda _, bought, __: {line.sku for line in bought[0].lines} or {""},
}


def plainly(people: Sequence[History], by: str, within: timedelta, as_of: datetime) -> dict[str | None, RepeatRate]:
    """Count group by group and person by person."""
    counts: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0, 0])
    for person in people:
        bought = counted_occasions(person, as_of)
        for group in GROUPS[by](person, bought, as_of) if bought else ():
            first, rest = bought[0].purchased_at, [one.purchased_at for one in bought[1:]]
            had = as_of - first >= within
            hit = had and any(moment - first <= within for moment in rest)
            counts[group or None] = [a + b for a, b in zip(counts[group or None], (hit, had, not had), strict=True)]
    return {group: RepeatRate(within, Rate(hit, had), pending) for group, (hit, had, pending) in counts.items()}


@FEW
@given(buyers(), st.sampled_from(sorted(GROUPS)), spans, moments)
def test_groups_are_what_counting_by_hand_finds(
    people: list[History], by: Any, within: timedelta, as_of: datetime
) -> None:
    """Each group equals a count person by person; no buyer is lost, and only by product is one counted twice."""
    lines = lines_of(people) if by == "product" else None
    groups = repeat_by(logs_of(people), by, within, as_of=as_of, lines=lines)
    buyer_count = sum(bool(counted_occasions(person, as_of)) for person in people)
    rows = sum(one.repeat.rate.trials + one.repeat.pending for one in groups)

    assert {one.group: one.repeat for one in groups} == plainly(people, by, within, as_of)
    assert rows == buyer_count if by != "product" else rows >= buyer_count
    assert [one.repeat.rate.trials for one in groups] == sorted(
        (one.repeat.rate.trials for one in groups), reverse=True
    )


@pytest.mark.parametrize("engine", ["polars", "pandas", "duckdb"])
def test_buyers_are_grouped_by_an_own_column(engine: str) -> None:
    """The values of the first purchase are the groups; an empty text has no group, and instants are refused."""
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    table = pl.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "person_id": ["a", "a", "b", "c"],
            "purchased_at": days,
            "amount": [9, 9, 9, 9],
            "country": ["UK", "FR", "FR", None],
            "pieces": [1, 2, 3, 4],
            "due": days,
        }
    )
    logs: Logs[Any] = Logs(**on(engine, {"purchases": table}), keep={"purchases": ["country", "pieces", "due"]})
    groups = repeat_by(logs, "country", timedelta(days=5), as_of=days[-1] + timedelta(days=9), min_people=1)

    rates = {one.group: (one.repeat.rate.successes, one.repeat.rate.trials) for one in groups}
    assert rates == {"UK": (1, 1), "FR": (0, 1), None: (0, 1)}
    assert "by country" in groups.summary
    assert groups.to_dicts()[0]["group"] in {"UK", "FR", None}
    assert {one.group for one in repeat_by(logs, "pieces", timedelta(days=5), as_of=days[-1])} == {1, 3, 4}
    with pytest.raises(ArgumentError, match=r"by must be .*'country' or 'pieces' \(got 'due'\)"):
        repeat_by(logs, "due", timedelta(days=5), as_of=days[-1])


def by_promotion(people: Sequence[History], within: timedelta, as_of: datetime, *, ordinary: bool) -> list[RepeatRate]:
    """People with a second purchase, of those who began in a promotion and of the rest, person by person."""
    rates = []
    for promoted in (True, False):
        evaluated = [
            (bought[0].purchased_at, [one for one in bought[1:] if not (ordinary and one.promotion)])
            for person in people
            if (bought := counted_occasions(person, as_of)) and bool(bought[0].promotion) is promoted
        ]
        had = [(first, rest) for first, rest in evaluated if first <= as_of - within]
        successes = sum(any(one.purchased_at <= first + within for one in rest) for first, rest in had)
        rates.append(RepeatRate(within, Rate(successes, len(had)), len(evaluated) - len(had)))
    return rates


def test_who_was_sent_is_told_from_who_was_not_and_from_whom_nobody_knows() -> None:
    """Three buyers: one sent by another, one who came alone, one whose arrival nobody wrote down."""
    leads = pl.DataFrame({"person_id": ["a", "b"], "arrived_at": [NOON] * 2, "referred_by": ["z", None]})
    bought = pl.DataFrame(
        {"id": ["1", "2", "3"], "person_id": ["a", "b", "c"], "purchased_at": [NOON] * 3, "amount": [1] * 3}
    )
    groups = repeat_by(Logs(leads=leads, purchases=bought), "referral", 10 * DAY, as_of=LATER)

    assert {one.group: one.repeat.rate for one in groups.groups} == {
        "not referred": Rate(0, 1),
        "referred": Rate(0, 1),
        None: Rate(0, 1),
    }


@FEW
@given(buyers(), spans, moments)
def test_the_honeymoon_is_what_counting_by_hand_finds(
    people: list[History], within: timedelta, as_of: datetime
) -> None:
    """Both questions equal a count person by person, and to come back unprompted is to come back."""
    result = promotion_retention(logs_of(people), within, as_of=as_of, min_people=1)

    assert [result.repeat.promoted, result.repeat.rest] == by_promotion(people, within, as_of, ordinary=False)
    assert [result.unprompted.promoted, result.unprompted.rest] == by_promotion(people, within, as_of, ordinary=True)
    assert result.unprompted.promoted.rate.successes <= result.repeat.promoted.rate.successes
    assert result.repeat.difference == result.repeat.promoted.rate.minus(result.repeat.rest.rate)


def shop(promoted: tuple[int, int], rest: tuple[int, int]) -> Logs:
    """A shop where so many of so many of each side came back, ten days later and unprompted."""
    rows = []
    for name, (successes, trials) in {"launch": promoted, "": rest}.items():
        for number in range(trials):
            rows.append((f"{name}{number}", NOON, name))
            rows += [(f"{name}{number}", NOON + 10 * DAY, "")] if number < successes else []
    table = pl.DataFrame(rows, ["person_id", "purchased_at", "promotion"], orient="row").with_row_index("id")
    return Logs(purchases=table.with_columns(amount=pl.lit(9)))


@pytest.mark.parametrize(
    ("promoted", "rest", "text"),
    [
        ((10, 100), (50, 100), "40.0 points fewer than of the rest (27.8 to 50.6)."),
        ((50, 100), (10, 100), "40.0 points more than of the rest (27.8 to 50.6)."),
        ((50, 100), (51, 100), "than of the rest (from 14.6 points fewer to 12.6 more)"),
        (
            (5, 29),
            (50, 100),
            "Not enough people: 29 of the promotion's buyers and 100 of the rest have a closed window",
        ),
        ((5, 30), (5, 29), "each group needs 30."),
    ],
)
def test_the_honeymoon_says_what_can_be_concluded(promoted: Any, rest: Any, text: str) -> None:
    """More, fewer, or unclear; the text states that people are compared and no cause is shown."""
    result = promotion_retention(shop(promoted, rest), 30 * DAY, as_of=LATER)

    assert text in result.summary
    assert ("not the promotion itself" in result.summary) is result.unprompted.difference.is_reportable


def test_the_honeymoon_reads_well() -> None:
    """Text, rows and a notebook's table say the same."""
    result = promotion_retention(shop((1, 2), (1, 1)), 30 * DAY, as_of=LATER, min_people=1)

    assert str(result).splitlines()[0] == result.summary
    assert str(result).splitlines()[2].startswith("again                50.0 % (1 of 2; 9.5 to 90.5 %); 0 pending")
    assert [(row["bought"], row["first_purchase"], row["successes"]) for row in result.to_dicts()] == [
        ("repeat", "promoted", 1),
        ("repeat", "rest", 1),
        ("unprompted", "promoted", 1),
        ("unprompted", "rest", 1),
    ]
    assert "<td>outside a promotion</td>" in result._repr_html_()


def test_groups_read_well() -> None:
    """A group too small to tell of says so, and many groups are a warning."""
    groups = repeat_by(shop((1, 3), (2, 5)), "promotion", 30 * DAY, as_of=LATER, min_people=4)

    assert str(groups).splitlines()[1:] == [
        "promotion                     bought again  pending",
        "(unknown)  40.0 % (2 of 5; 11.8 to 76.9 %)        0",
        "launch                  not enough: 3 of 4        0",
    ]
    assert "one in twenty" not in groups.summary
    assert "2 equal groups" in repeat_by(shop((1, 3), (2, 5)), "promotion", 30 * DAY, as_of=LATER, min_people=3).summary
    assert [row["group"] for row in groups.to_dicts()] == [None, "launch"]
    assert len(groups) == 2
    assert "<td>launch</td>" in groups._repr_html_()


def test_nobody_is_in_no_group() -> None:
    """Without a log of purchases there is no group, and nothing to compare."""
    assert repeat_by(NO_ORDERS, "source", DAY, as_of=NOON) == RepeatGroups(NOON, "source", DAY, 30, ())
    assert promotion_retention(NO_ORDERS, DAY, as_of=NOON).repeat.promoted == RepeatRate(DAY, Rate(0, 0), 0)


def test_what_is_asked_must_be_known() -> None:
    """An unknown word, lines without products, and a wrong span are errors."""
    logs = shop((1, 2), (1, 2))
    with pytest.raises(ArgumentError, match="by must be 'source' or 'campaign'"):
        repeat_by(logs, "colour", DAY, as_of=NOON)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="pass both or neither"):
        repeat_by(logs, "product", DAY, as_of=NOON)
    with pytest.raises(ArgumentError, match="pass both or neither"):
        repeat_by(logs, "source", DAY, as_of=NOON, lines=pl.DataFrame())
    with pytest.raises(ArgumentError, match="within must be above zero"):
        promotion_retention(logs, timedelta(0), as_of=NOON)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"purchase_id": [0]}, "lines.sku: is missing"),
        ({"sku": ["mug"]}, "lines.purchase_id: is missing"),
        ({"purchase_id": [0.5], "sku": ["mug"]}, "lines.purchase_id: is Float64; give text or integers"),
        ({"purchase_id": [0, None], "sku": ["mug", "mug"]}, r"lines.purchase_id: 1 row \(row 2\): is empty"),
        ({"purchase_id": [0, 1], "sku": ["mug", None]}, r"lines.sku: 1 row \(row 2\): is empty"),
        ({"purchase_id": [0, 99], "sku": ["mug", "mug"]}, r"lines.purchase_id: 1 row \(row 2\): is not a purchase of"),
        ({"purchase_id": [0], "sku": ["mug"], "source": ["web"]}, "is not a purchase of the logs"),
    ],
)
def test_lines_at_fault_are_told(lines: dict[str, Any], message: str) -> None:
    """A missing column, a wrong type, an empty cell and an unknown purchase are errors with their rows."""
    with pytest.raises(LogsError, match=message):
        repeat_by(shop((1, 2), (1, 2)), "product", DAY, as_of=LATER, lines=pl.DataFrame(lines))


def test_lines_are_of_the_logs_engine() -> None:
    """Two engines cannot be joined, and the error states it."""
    lines = ENGINES["duckdb"]({"lines": pl.DataFrame({"purchase_id": [0], "sku": ["mug"]})})["lines"]
    with pytest.raises(EngineError, match=r"lines must be on the engine of the logs, polars .*got duckdb"):
        repeat_by(shop((1, 2), (1, 2)), "product", DAY, as_of=LATER, lines=lines)
