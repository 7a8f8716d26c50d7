"""Retention by brute force: person by person, order by order, period by period, written as a shopkeeper would count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from tests.metrics.bought import PEOPLE, Shop, first_day

MICROSECOND = timedelta(microseconds=1)
FAR = 60
"""The highest number of columns to look at, if there are no brackets."""


@attrs.frozen
class Question:
    """The questions about a shop."""

    as_of: datetime
    tz: str
    period: str = "month"
    week_start: str | None = None
    window: timedelta | None = None
    brackets: tuple[int, ...] = ()
    measure: str = "on"
    first: str = "purchase"
    refund_basis: str = "order"

    def day(self, moment: datetime) -> date:
        """The first day of the period of an instant."""
        return first_day(moment.astimezone(ZoneInfo(self.tz)).date(), self.period, self.week_start)

    def columns(self) -> Iterator[range]:
        """The periods after of each column."""
        edges = self.brackets or range(FAR)
        yield from (range(low, high) for low, high in pairwise(edges))


def following(day: date, question: Question, count: int) -> date:
    """The first day of the period that comes so many periods after one."""
    for _ in range(count):
        start = day
        while day == start:
            later = start + timedelta(days=1)
            while first_day(later, question.period, question.week_start) == start:
                later += timedelta(days=1)
            day = later
    return day


@attrs.frozen
class Person:
    """One person's start, and their orders and money, each so many periods after it."""

    name: str
    start: datetime
    orders: tuple[int, ...]
    money: tuple[tuple[int, int], ...]


def people_of(shop: Shop, question: Question) -> Iterator[Person]:
    """Everyone who began, with what they did after."""
    for name, start in started_columns(shop, question):
        mine = [one for one in shop.orders if one.person == name and start <= one.at <= question.as_of]
        orders = [after(one.at, start, question) for one in mine if one.left(question.as_of)]
        money: list[tuple[int, int]] = []
        for one in mine:
            if question.refund_basis == "order":
                money.append((after(one.at, start, question), one.left(question.as_of)))
            elif not one.is_cancelled(question.as_of):
                refunds = [(at, -back) for at, back in one.refunds if at <= question.as_of]
                money += [(after(at, start, question), amount) for at, amount in [(one.at, one.amount), *refunds]]
        yield Person(name, start, tuple(orders), tuple(money))


def started_columns(shop: Shop, question: Question) -> Iterator[tuple[str, datetime]]:
    """Everyone with their start; who buys again and again starts in each period anew."""
    for name in PEOPLE:
        if question.first != "recurring":
            start = shop.has_started(name, question.first, question.as_of)
            yield from [] if start is None else [(name, start)]
            continue
        times = [one.at for one in shop.orders if one.person == name and one.left(question.as_of)]
        for day in sorted({question.day(at) for at in times}):
            yield name, min(at for at in times if question.day(at) == day)


def after(moment: datetime, start: datetime, question: Question) -> int:
    """How many periods after a start an instant lies."""
    count = 0
    if question.window is None:
        while following(question.day(start), question, count) != question.day(moment):
            count += 1
    else:
        while moment > start + (count + 1) * question.window:
            count += 1
    return count


def is_in(person: Person, column: range, question: Question) -> bool:
    """Whether a person is counted in a column."""
    there = any(order in column for order in person.orders)
    first = next(iter(question.columns()))
    after_all = question.brackets[-1] if question.brackets else None
    match question.measure:
        case "on_or_after":
            return any(column[0] <= order and (after_all is None or order < after_all) for order in person.orders)
        case "cumulative" if column != first:
            return any(first[-1] < order <= column[-1] for order in person.orders)
        case "streak":
            so_far = [one for one in question.columns() if one[0] <= column[0]]
            return all(any(order in one for order in person.orders) for one in so_far)
        case _:
            return there


def counts_of(shop: Shop, question: Question) -> Mapping[date, tuple[dict[str, Any], list[list[str]]]]:
    """Every cohort, by the first day of its period, and the names of the people of each of its cells."""
    all_people = list(people_of(shop, question))
    starts = sorted({question.day(person.start) for person in all_people})
    return {
        start: _row([person for person in all_people if question.day(person.start) == start], start, question)
        for start in starts
    }


def _row(cohort: list[Person], start: date, question: Question) -> tuple[dict[str, Any], list[list[str]]]:
    now, soon = question.day(question.as_of), question.day(question.as_of + MICROSECOND)
    row: dict[str, Any] = {"size": len(cohort), "is_open": start == soon, "over": 0}
    cells: list[list[str]] = []
    for name in ("people", "trials", "orders", "revenue", "value"):
        row[name] = []
    for column in question.columns():
        if question.window is not None:
            orders_seen = [one for one in cohort if one.start + (column[-1] + 1) * question.window <= question.as_of]
            started_columns, over = bool(orders_seen), len(orders_seen) == len(cohort)
        else:
            orders_seen = cohort
            started_columns = following(start, question, column[0]) <= now
            over = started_columns and following(start, question, column[-1]) < soon
        if not started_columns:
            break
        row["over"] += over
        names = sorted(one.name for one in orders_seen if is_in(one, column, question))
        cells.append(names)
        row["people"].append(len(names))
        row["trials"].append(len(orders_seen))
        row["orders"].append(sum(order in column for one in orders_seen for order in one.orders))
        row["revenue"].append(sum(amount for one in orders_seen for order, amount in one.money if order in column))
        row["value"].append(sum(amount for one in orders_seen for order, amount in one.money if order <= column[-1]))
    return row, cells
