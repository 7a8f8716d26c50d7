"""The sections of the report: a title, sentences, tables and a picture; shown on the terminal or as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice

import attrs

from funnel._format import one_line
from funnel._report_messages import READ_AS
from funnel._results import Charted
from funnel.cli._answers import MIN_PEOPLE, Answers
from funnel.cli._findings import Findings
from funnel.cli._source import CONTACT_COLUMNS
from funnel.cli._tasks import Person
from funnel.cli._words import Words
from funnel.metrics._conversion.trend import FunnelPeriod
from funnel.metrics._lifecycle import Lifecycle
from funnel.metrics._periods import period_label
from funnel.metrics._rate import Rate
from funnel.metrics._retention.cohort import Cohort
from funnel.metrics._stage_flow.stage_flow import stages_with_people
from funnel.readers._account import Entry
from funnel.rules._next_action import NextAction
from funnel.stages import Stage

_MOST_MONTHS = 12
_MOST_COHORTS = 24
_MOST_SOURCES = 10


@attrs.frozen
class Table:
    """A table: its heading and its rows.

    Attributes:
        head: The names of the columns.
        rows: The cells, as text.
        caption: The sentence above the table.
        left: The positions of the columns of text; the others are numbers.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    left: Sequence[int] = (0,)


@attrs.frozen
class Section:
    """One section of the report.

    Attributes:
        name: The name of the section in a link.
        title: The title.
        sentences: The sentences of the section, each after an optional question.
        tables: The tables.
        notes: Explanations of signs in the tables.
        picture: The result whose chart is shown; None without a chart.
    """

    name: str
    title: str
    sentences: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    picture: Charted | None = None


@attrs.frozen
class Sections:
    """Builds the sections from the findings.

    Args:
        findings: The contents of the report.
        words: The language.
    """

    findings: Findings
    words: Words

    @property
    def _answers(self) -> Answers:
        return Answers(self.findings, self.words)

    @property
    def has_purchases(self) -> bool:
        """Whether the sections about buyers are shown; leads alone have none."""
        return self.findings.span is not None or not self.findings.leads

    def all(self) -> Iterator[Section]:
        """Yield all sections of the page; the last is the account of the rows."""
        yield self.brief()
        yield self.stages()
        if self.findings.leads:
            yield self.leads(_MOST_SOURCES)
        if self.has_purchases:
            yield self.conversion()
            yield self.repeat()
            yield self.cohorts(_MOST_COHORTS)
            yield self.growth()
            yield self.expected()
            yield self.overdue()
        yield self.today()
        yield self.read()

    # ---- what was read ---------------------------------------------------------------------------------------------

    def read(self) -> Section:
        """Return the account of the rows."""
        words, account = self.words, sorted(self.findings.account, key=lambda one: not one.reason.startswith(READ_AS))
        head = ("", words("count"), words("reason"), words("first_rows"))
        rows = [(words.outcome(one), words.number(one.count), words.reason(one), _first_rows(one)) for one in account]
        sentences = [("", text) for text in (*self._rows_read(), *self._covered())]
        return Section("read", words("read"), sentences, [Table(head, rows, left=(0, 2, 3))])

    def _rows_read(self) -> Iterator[str]:
        read = [one.count for one in self.findings.account if one.what == "read"]
        totals = {name: sum(one.count for one in self.findings.account if one.what == name) for name in _LOST}
        if len(read) > 1:
            counts = {"rows": read[0], "kept": read[1], **totals}
            yield self.words("rows_read", **{name: self.words.number(count) for name, count in counts.items()})

    def _covered(self) -> Iterator[str]:
        if self.findings.span is None:
            yield self.words("no_purchases")
            return
        first, last = map(self.words.day, self.findings.span)
        yield self.words("covered", first=first, last=last)
        if self.findings.later:
            yield self.words("later", count=self.words.number(self.findings.later))

    # ---- the month in brief ----------------------------------------------------------------------------------------

    def brief(self) -> Section:
        """Return one sentence for each question."""
        words = self.words
        title = words("brief")
        if not self.has_purchases:
            return Section("brief", title, [("", words("need_purchases"))])
        answers: dict[str, Iterator[str]] = {
            "ask_conversion": self._answers.conversion(),
            "ask_repeat": self._answers.repeat(),
            "ask_overdue": self._answers.overdue(),
            "ask_growth": self._answers.growth(),
        }
        if self.findings.expected.forecast is not None:
            answers["ask_expected"] = islice(self._answers.expected(), 1)
        sentences = [(words(question), " ".join(answer)) for question, answer in answers.items()]
        return Section("brief", title, sentences, notes=[words("intervals")])

    # ---- stages and leads ------------------------------------------------------------------------------------------

    def stages(self) -> Section:
        """Return the people in each stage now, and at the end of each month."""
        words, stages, flow = self.words, self.findings.stages, self.findings.flow
        total = sum(stages.values())
        rows = [(words.label(one), words.number(n), words.percent(n / total)) for one, n in stages.items()]
        now = Table(
            (words("stage"), words("people"), words("share")), [*rows, (words("total"), words.number(total), "")]
        )
        visible = stages_with_people(flow)
        months = [
            (
                period_label(one.start, "month", is_partial=one.is_partial),
                *(words.number(one.people[name]) for name in visible),
            )
            for one in flow.periods[-_MOST_COHORTS:]
        ]
        names = (words.label(Stage(str(name))) for name in visible)
        is_open = any(one.is_partial for one in flow.periods)
        caption = f"{words('over_time')} {words('open_month') if is_open else ''}".strip()
        then = Table((words("month"), *names), months, caption)
        return Section(
            "stages",
            words("stages"),
            [("", self._largest(total))],
            [now, *([then] if months else [])],
            picture=flow if months else None,
        )

    def _largest(self, total: int) -> str:
        words, stages = self.words, self.findings.stages
        if not total:
            return words("nobody")
        largest = max(stages, key=stages.__getitem__)
        people = stages[largest]
        return words(
            "stage_largest",
            total=words.people(total),
            stage=words.label(largest),
            people=words.people(people),
            share=words.percent(people / total),
        )

    def leads(self, most: int) -> Section:
        """Return the leads of each source."""
        words, leads = self.words, self.findings.leads
        rows = [
            (
                one_line(one.source) or words("unknown"),
                words.number(one.leads),
                words.number(one.people),
                words.day(one.first),
                words.day(one.last),
            )
            for one in leads[:most]
        ]
        head = [words(name) for name in ("source", "lead_count", "people", "first", "last")]
        total = words(
            "lead_total", count=words.number(sum(one.leads for one in leads)), sources=words.number(len(leads))
        )
        return Section(
            "leads", words("leads"), [("", total)], [Table(head, rows)], list(self._limited(len(rows), len(leads)))
        )

    def _limited(self, number: int, count: int) -> Iterator[str]:
        if number < count:
            numbers = self.words("shown_rows", shown=self.words.number(number), count=self.words.number(count))
            yield self.words("shown", what=numbers)

    # ---- purchases -------------------------------------------------------------------------------------------------

    def conversion(self) -> Section:
        """Return the conversion of each month of entry."""
        words, buying = self.words, self.findings.buying
        head = [words(name) for name in ("month", "entered", "converted", "pending", "rate_head")]
        periods = buying.trend.periods[-_MOST_COHORTS:]
        rows = [self._entered(one) for one in periods]
        title = words("conversion_leads" if buying.has_leads else "conversion_buyers")
        notes = [words("open_window")] if any(not one.is_mature for one in periods) else []
        few = any(not one.rate.is_reportable(MIN_PEOPLE) for one in periods)
        notes += [words("few_people", people=words.people(MIN_PEOPLE))] if few else []
        sentence = f"{title}. {' '.join(self._answers.conversion())}"
        return Section(
            "conversion",
            words("conversion"),
            [("", sentence)],
            [Table(head, rows)],
            notes,
            buying.trend if any(one.rate.is_reportable(MIN_PEOPLE) for one in periods) else None,
        )

    def _entered(self, one: FunnelPeriod) -> Sequence[str]:
        words, (first, last) = self.words, one.steps
        pending = sum(step.pending or 0 for step in one.steps)
        counts = (words.number(count) for count in (first.reached, last.reached, pending))
        return (period_label(one.start, "month", is_partial=not one.is_mature), *counts, words.rate(one.rate))

    def repeat(self) -> Section:
        """Return the three repeat rates."""
        words, rates = self.words, self.findings.buying.rates
        within = words.span(rates.within.within)
        answers: Mapping[str, Rate] = {"within": rates.within.rate, "ever": rates.ever, "returning": rates.returning}
        rows = [(words(name, within=within), words.rate(rate)) for name, rate in answers.items()]
        return Section(
            "repeat",
            words("repeat"),
            [("", " ".join(self._answers.repeat()))],
            [Table((words("rate_name"), words("value")), rows)],
            [words("intervals")],
            rates if rates.ever.trials else None,
        )

    def cohorts(self, most: int) -> Section:
        """Return the last cohorts, the share of each later month."""
        words, cohorts = self.words, self.findings.buying.cohorts
        last = cohorts.cohorts[-most:]
        later = min(max((len(one.people) for one in last), default=1) - 1, _MOST_MONTHS)
        head = (words("month"), words("people"), *(f"+{months}" for months in range(1, later + 1)))
        rows = [(f"{one.start:%Y-%m}", *(self._cell(one, months) for months in range(later + 1))) for one in last]
        limits = {
            words("last_cohorts", shown=most, count=len(cohorts)): len(cohorts) > most,
            words("most_months", months=_MOST_MONTHS): any(len(one.people) - 1 > _MOST_MONTHS for one in last),
        }
        notes = [words("cohort_blank"), *([words("open_month")] if cohorts.is_partial else [])]
        if any(limits.values()):
            notes.append(words("shown", what=", ".join(text for text, holds in limits.items() if holds)))
        meaning = [("", words("cohorts_meaning"))]
        return Section("cohorts", words("cohorts"), meaning, [Table(head, rows)], notes, cohorts if rows else None)

    def _cell(self, cohort: Cohort, months: int) -> str:
        buyers = cohort.after(months)
        if buyers is None:
            return ""
        share = self.words.number(buyers) if months == 0 else f"{100 * buyers / cohort.size:.0f}"
        return f"{share}{'*' * cohort.is_partial(months)}"

    def growth(self) -> Section:
        """Return the buyers and their money by month."""
        words, lifecycle = self.words, self.findings.buying.lifecycle
        names = ("month", "buyers", "new", "retained", "resurrected", "dormant", "revenue")
        periods = lifecycle.periods[-_MOST_COHORTS:]
        rows = [self._active(one) for one in periods]
        notes = [words("open_month")] if any(one.is_partial for one in periods) else []
        sentence = [("", " ".join(self._answers.growth()))]
        return Section(
            "growth", words("growth"), sentence, [Table([*map(words, names)], rows)], notes, lifecycle if rows else None
        )

    def _active(self, one: Lifecycle) -> Sequence[str]:
        counts = map(self.words.number, (one.active, one.new, one.retained, one.resurrected, one.dormant))
        return (period_label(one.start, "month", is_partial=one.is_partial), *counts, self._answers.money(one.revenue))

    def expected(self) -> Section:
        """Return what is expected next month, and what the same forecast said on past days."""
        words, answers, forecast = self.words, self._answers, self.findings.expected.forecast
        title, sentence = words("expected"), ("", " ".join(answers.expected()))
        if forecast is None:
            return Section("expected", title, [sentence])
        names = (words("purchases"), words("new_buyers"), words("revenue"))
        rows = [(name, *texts) for name, texts in zip(names, answers.predictions(forecast), strict=False)]
        past = [
            (f"{one.first_day}", words.number(round(one.expected_purchases)), words.number(one.actual_purchases))
            for one in forecast.past
        ]
        tables = [
            Table(("", words("value_expected"), words("from"), words("until")), rows),
            Table((words("first_day"), words("value_expected"), words("made")), past, words("past_forecasts")),
        ]
        sentences = [sentence, ("", " ".join(answers.past_forecasts(forecast)))]
        return Section("expected", title, sentences, tables, [words("forecast_meaning")], forecast)

    # ---- people ----------------------------------------------------------------------------------------------------

    def overdue(self) -> Section:
        """Return the first overdue people."""
        words, people = self.words, self.findings.buying.overdue
        head = [words(name) for name in ("person", "purchases", "interval", "silent", "spent")]
        rows = [
            (
                one_line(one.name),
                words.number(one.purchases),
                "" if one.interval is None else words.span(one.interval),
                "" if one.silent is None else words("ago", span=words.span(one.silent)),
                words.money(one.net_spent),
            )
            for one in people
        ]
        limited = self._limited(len(rows), self.findings.buying.late.successes)
        notes = [words("overdue_sorted"), *limited, *self._renamed(people)] if rows else []
        tables = [Table(head, rows)] if rows else []
        return Section("overdue", words("overdue"), [("", " ".join(self._answers.overdue()))], tables, notes)

    def today(self) -> Section:
        """Return the people to contact today, by action."""
        words, findings = self.words, self.findings
        count, listed = sum(findings.due.values()), len(findings.today)
        key = "today_all" if listed == count else "today_some"
        sentence = words(key, people=words.people(count), shown=words.number(listed))
        by_action = groupby(findings.today, key=lambda one: one.action)
        tables = [self._tasks(action, list(people)) for action, people in by_action]
        return Section("today", words("today"), [("", sentence)], tables, list(self._renamed(findings.today)))

    def _renamed(self, people: Iterable[Person]) -> Iterator[str]:
        """Yield why people are not named by their ids, if so."""
        if any(one.name != one.person_id for one in people):
            yield self.words("named_by_order")

    def _tasks(self, action: NextAction, people: Sequence[Person]) -> Table:
        words, contacts = self.words, self.findings.contacts
        details = CONTACT_COLUMNS if contacts else ()
        head = [words(name) for name in ("person", *details, "why", "purchases", "spent", "if_nothing")]
        rows = [
            (
                one_line(one.name),
                *map(one_line, contacts.get(one.person_id) or [""] * len(details)),
                one.why,
                words.number(one.purchases),
                words.money(one.net_spent),
                self._next(one),
            )
            for one in people
        ]
        counts = {"shown": words.number(len(rows)), "count": words.number(self.findings.due[action])}
        caption = words("today_action", action=words.label(action), **counts)
        text = (0, *range(1, len(details) + 2), len(head) - 1)
        return Table(head, rows, caption, text)

    def _next(self, one: Person) -> str:
        if one.change is None or one.becomes is None:
            return self.words("no_change")
        return self.words("becomes", action=self.words.label(one.becomes), moment=self.words.day(one.change))


_LOST = ("merged", "refused")


def _first_rows(entry: Entry) -> str:
    more = ", ..." if 0 < len(entry.rows) < entry.count else ""
    return ", ".join(map(str, entry.rows)) + more
