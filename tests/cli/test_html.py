"""The report as an HTML page, and today's list as CSV."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import attrs
import polars as pl
import pytest

from funnel import Customer, Lead, Money, Purchase, Rate, SqliteStore, lifecycle
from funnel._chart_messages import CHARTS
from funnel._report_messages import ACCOUNT, REPORT
from funnel.cli import _findings, _html
from funnel.cli._answers import Answers
from funnel.cli._findings import Findings, ReportQuery, find
from funnel.cli._html import PALETTE, html_page
from funnel.cli._sections import Sections
from funnel.cli._shared import read_as_of
from funnel.cli._source import of_orders
from funnel.cli._tasks import of_today
from funnel.cli._words import Words
from funnel.forecast import Prediction
from funnel.metrics._repeat.window import RepeatRate
from funnel.plots import _style
from funnel.policy import Policy
from funnel.readers._read_orders import OrderMapping, read_orders
from funnel.records import Contact
from funnel.rules import NextAction
from tests.cli.shop import ORDERS, many_orders, write_files
from tests.cli.test_cli import AS_OF, EXPORTS, run

CANARY = "Kanaria"
HEAD = "No,Buyer,When,Total,Back,Back on"
PICTURES = {"stages", "conversion", "repeat", "cohorts", "growth"}


def html_of(folder: Path, *options: str, orders: str = ORDERS) -> str:
    """Return the page of a shop, and check that its path is the last line."""
    path = folder / "report.html"
    result = run(*write_files(folder, orders), *AS_OF, "-o", str(path), *options)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == str(path)
    return path.read_text(encoding="utf-8")


def text_of(html: str) -> str:
    """Return the text of a page, without tags."""
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


def months(*, before: int, after: int) -> str:
    """Return the orders of 40 first-time buyers in March and in April, and how many of them bought again."""
    rows = [HEAD]
    for month, again in (("03", before), ("04", after)):
        for n in range(40):
            rows.append(f"{month}{n}a,p{month}{n},2026-{month}-01 09:00,10.000,,")
            if n < again:
                rows.append(f"{month}{n}b,p{month}{n},2026-{month}-09 09:00,10.000,,")
    return "\n".join(rows)


def sections_with_pictures(html: str) -> set[str]:
    """Return the names of the sections that have a picture with marks."""
    parts = re.split(r'<section id="([a-z]+)">', html)[1:]
    return {name for name, part in zip(parts[::2], parts[1::2], strict=True) if part.count("<path") > 2}


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pages without pictures, which take most of the time."""
    monkeypatch.setattr(_html, "has_pictures", bool)


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    """The page has no script, and loads no file, font or picture."""
    html = html_of(tmp_path, orders=months(before=4, after=5))

    assert "<script" not in html
    assert not re.search(r"\bsrc(?:set)?=|@import|<link|url\((?!#)", html)
    assert set(re.findall(r"https?://[^\s\"']+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in html
    assert len(html) < 2_000_000
    assert sections_with_pictures(html) == PICTURES


@pytest.mark.parametrize("language", ["en", "id"])
def test_a_short_page_has_60_lines_at_most(tmp_path: Path, language: str) -> None:
    """Reasons, cohorts and tasks are limited, also if a note says how people are named."""
    orders = re.sub(r",p(\w+),", r",p\1@example.com,", months(before=4, after=5))
    result = run(*write_files(tmp_path, orders), *AS_OF, "--language", language)

    assert "`--contacts`" in result.stdout
    assert len(result.stdout.splitlines()) <= 60


@pytest.mark.parametrize(
    ("before", "after", "english", "indonesian"),
    [
        (4, 30, "It rose by 65.0 points since March 2026 (+", "Naik 65,0 poin dibanding Maret 2026 (+"),
        (30, 4, "It fell by 65.0 points since March 2026 (-", "Turun 65,0 poin dibanding Maret 2026 (-"),
        (4, 5, "In March 2026 it was 10.0 %: the difference of 2.5 points may be chance", "bisa jadi kebetulan"),
    ],
    ids=["more", "less", "the same"],
)
@pytest.mark.usefixtures("no_pictures")
def test_a_change_of_conversion_is_told_from_chance(
    tmp_path: Path, before: int, after: int, english: str, indonesian: str
) -> None:
    """Two months with 30 people each are compared; an interval with 0 may be chance."""
    orders = months(before=before, after=after)

    assert english in text_of(html_of(tmp_path, orders=orders))
    assert indonesian in text_of(html_of(tmp_path, "--language", "id", orders=orders))


def test_ids_are_shown_as_text(tmp_path: Path) -> None:
    """An id that looks like a script, or turns the direction of the text, is shown as text everywhere."""
    html = html_of(tmp_path, orders=ORDERS.replace("ani", "<script>alert(1)</script>").replace("budi", "b\u202eudi"))

    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "\u202e" not in html


@pytest.mark.usefixtures("no_pictures")
def test_the_name_of_the_file_is_shown_as_text(tmp_path: Path) -> None:
    """The name of a file is part of the title, and is escaped."""
    _, file, *options = write_files(tmp_path)
    path = Path(file).rename(tmp_path / "<b>&.csv")
    run("report", str(path), *options, *AS_OF, "-o", str(tmp_path / "report.html"))

    assert "<title>Report of &lt;b&gt;&amp;.csv</title>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_without_the_extra_the_page_has_tables(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The page names the extra, and has every table."""
    whole = html_of(tmp_path)
    request.getfixturevalue("no_pictures")
    html = html_of(tmp_path)

    assert "<svg" not in html
    assert "pip install 'shopfunnel[plots]'" in text_of(html)
    assert html.count("<table") == whole.count("<table") > 5


def test_the_page_is_in_indonesian(tmp_path: Path) -> None:
    """Titles, numbers, spans, months, account and charts are in Indonesian."""
    text = text_of(html_of(tmp_path, "--language", "id", orders=months(before=4, after=5)))

    for part in (
        "Laporan orders.csv",
        "89 baris: 89 dipakai, 0 digabung, 0 ditolak.",
        "Dari pembeli pertama pada April 2026, 12,5 % (5 dari 40; 5,5 sampai 26,1 %) belanja lagi dalam 30 hari.",
        "Rp10.000",
        "Jumlah orang per tahap pada akhir bulan",
        "Konsumen",
        "bulan kemudian",
        "waktu semua orang sudah habis",
        "belanja lagi dalam 180 hari",
    ):
        assert part in text
    assert not re.search(r"\b(?:people|bought|stage|month|months|buyers|person|customer|rows|again|share)\b", text)


def test_the_numbers_of_an_axis_are_in_the_language_of_the_page() -> None:
    """Thousands are separated by a dot in Indonesian, and by a comma in English."""
    day = datetime(2026, 3, 9, tzinfo=UTC)
    result = lifecycle([{"person_id": f"p{n}", "purchased_at": day} for n in range(1500)], tz="UTC", as_of=day)

    for language, number, other in (("en", "1,000", "1.000"), ("id", "1.000", "1,000")):
        pictures = _html.pictures(result, Words(language, ZoneInfo("UTC")))
        assert pictures is not None
        for picture in pictures:
            assert f">{number}<" in picture
            assert f">{other}<" not in picture


def test_a_picture_fits_on_a_phone(findings: Findings) -> None:
    """Its plot is narrower, its cells have no sign, and its letters keep their size."""
    words = Words("en", ZoneInfo("Asia/Jakarta"))
    for result in (findings.buying.cohorts, findings.buying.trend, findings.buying.rates, findings.flow):
        pictures = _html.pictures(result, words)
        assert pictures is not None
        wide, phone = (int(re.findall(r'width="(\d+)"', one)[0]) for one in pictures)
        assert phone <= wide
        assert phone < 480
    cells = _html.pictures(findings.buying.cohorts, words)
    assert cells is not None
    assert [bool(re.search(r">\d+ %<", one)) for one in cells] == [True, False]


def test_a_point_at_the_end_of_an_axis_does_not_touch_its_text(findings: Findings) -> None:
    """The space between a plot and the texts beside it is as wide on a phone."""
    everyone = RepeatRate(timedelta(days=30), Rate(40, 40), 0)
    rates = attrs.evolve(findings.buying.rates, within=everyone)

    for language in ("en", "id"):
        pictures = _html.pictures(rates, Words(language, ZoneInfo("UTC")))
        assert pictures is not None
        for picture in pictures:
            (points, texts) = (
                [float(at) for at in re.findall(rf'description="{shape}"[^>]*translate\(([\d.]+)', picture)]
                for shape in ("point", "text mark")
            )
            assert len(points) == len(texts) == 3
            assert min(texts) - max(points) == 10


def test_stages_and_months_of_too_few_people_are_left_out_with_a_note(findings: Findings) -> None:
    """A stage that nobody had is left out; a month of too few people has no point, and the page says so."""
    words = Words("en", ZoneInfo("Asia/Jakarta"))
    sections = Sections(findings, words)
    head = sections.stages().tables[1].head

    assert "Customer" in head
    assert "Lead" not in head
    assert any("fewer than 30 people" in note for note in sections.conversion().notes)


def test_both_languages_have_every_text() -> None:
    """Each text has the same values in both languages; no text is empty."""
    for english, indonesian in REPORT.values():
        fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, indonesian)]

        assert fields[0] == fields[1]
        assert english
        assert indonesian
    assert all(ACCOUNT.values())
    assert all(re.compile(pattern).groups == text.count("{}") for pattern, text in CHARTS.items())


def test_unknown_texts_stay_in_english() -> None:
    """A reason or a text of a chart without a translation is shown as it is."""
    words = Words("id", ZoneInfo("Asia/Jakarta"))

    assert words.chart("something else") == "something else"
    assert words.chart("repeat customer") == "Pelanggan"


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    return luminance_of([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


def luminance_of(parts: list[float]) -> float:
    """Return the relative luminance of red, green and blue from 0 to 1."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_have_contrast(scheme: int) -> None:
    """Every colour of a text has a contrast of 4.5 to both backgrounds (WCAG 2, AA)."""
    for text, ground in product(("ink", "muted", "accent"), ("paper", "card")):
        light, dark = sorted((luminance(PALETTE[name][scheme]) for name in (text, ground)), reverse=True)

        assert (light + 0.05) / (dark + 0.05) >= 4.5


def in_the_dark(colour: str) -> float:
    """Return the luminance of a colour of a chart after the filter of the dark scheme (CSS Filter Effects, 1)."""
    parts = [0.92 - 0.84 * int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    grey = 2 * (0.213 * parts[0] + 0.715 * parts[1] + 0.072 * parts[2])
    return luminance_of([min(1, max(0, grey - part)) for part in parts])


def test_charts_have_contrast_in_the_dark() -> None:
    """The report and the docs turn white charts dark with one filter; texts have a contrast of 4.5, marks one of 3."""
    css = (Path(__file__).parents[2] / "docs" / "_static" / "narrow.css").read_text(encoding="utf-8")
    assert css.count("filter: invert(0.92) hue-rotate(180deg)") == 2
    assert "filter:invert(.92) hue-rotate(180deg)" in _html._style()
    ground = in_the_dark("#ffffff") + 0.05
    for colours, contrast in (((_style.INK, _style.MUTED), 4.5), (_style.PALETTE, 3)):
        assert all((in_the_dark(colour) + 0.05) / ground >= contrast for colour in colours)


# ---- the forecast --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Return the findings of a shop with enough repeat buyers for a forecast."""
    _, file, _, mapping = write_files(tmp_path_factory.mktemp("shop"), many_orders())
    zone = ZoneInfo("Asia/Jakarta")
    query = ReportQuery(read_as_of("2026-04-30", zone), zone.key, Policy())
    return find(of_orders(read_orders(file, OrderMapping.read(mapping))), query, lambda _name, _done, _total: None)


def test_the_next_month_is_expected_with_its_interval(findings: Findings) -> None:
    """The section has the numbers of the forecast, their intervals, the past forecasts and a picture."""
    forecast = findings.expected.forecast
    assert forecast is not None
    assert (str(forecast.total.first_day), str(forecast.total.last_day)) == ("2026-05-01", "2026-05-28")
    html = html_page("shop", findings, Words("en", ZoneInfo("Asia/Jakarta")))
    text, bought = text_of(html), forecast.total.purchases
    numbers = f"{bought.value:,.0f} ({bought.lower:,.0f} to {bought.upper:,.0f})"

    assert text.count(f"From 2026-05-01 to 2026-05-28: {numbers} purchases, and ") == 2
    assert "They pay Rp" in text
    past, inside = len(forecast.past), forecast.past_inside
    assert f"on {past} past days: the purchases were inside its interval {inside} times." in text
    assert "Do not plan with a number whose interval is this wide" in text  # new buyers stopped coming
    assert "No season yet: that needs two years of data." in text
    assert "expected" in sections_with_pictures(html)


def test_the_forecast_is_in_indonesian(findings: Findings) -> None:
    """Sentences, tables and picture are in Indonesian."""
    words = Words("id", ZoneInfo("Asia/Jakarta"))
    section = Sections(findings, words).expected()
    assert section.picture is not None
    pictures = _html.pictures(section.picture, words)
    assert pictures is not None

    assert section.sentences[0][1].startswith("Dari 2026-05-01 sampai 2026-05-28: ")
    assert section.tables[0].rows[2][0] == "dibayar"
    for picture in pictures:
        assert all(text in picture for text in ("pembelian yang terjadi", "perkiraan pembelian", "hari pertama"))


def test_a_season_is_named_if_it_was_tested(findings: Findings) -> None:
    """A forecast with a season, and one without, have their own sentences."""
    forecast = findings.expected.forecast
    assert forecast is not None
    answers = Answers(findings, Words("en", ZoneInfo("UTC")))
    with_season, without = (
        list(answers.past_forecasts(attrs.evolve(forecast, has_season=tested)))[-1] for tested in (True, False)
    )

    assert with_season.startswith("It follows the season")
    assert without.startswith("A season is not part of it: the same weeks")


def test_amounts_that_are_not_known_are_not_expected(findings: Findings) -> None:
    """A shop without amounts has no sentence and no row about payments."""
    forecast = findings.expected.forecast
    assert forecast is not None
    sure = Prediction(10, 5, 20)
    unpriced = attrs.evolve(forecast, total=attrs.evolve(forecast.total, revenue=None, purchases=sure, new_buyers=sure))
    section = Sections(
        attrs.evolve(findings, expected=attrs.evolve(findings.expected, forecast=unpriced)),
        Words("en", ZoneInfo("UTC")),
    ).expected()

    assert "They pay" not in section.sentences[0][1]
    assert "Do not plan" not in section.sentences[1][1]
    assert [row[0] for row in section.tables[0].rows] == ["purchases", "new buyers"]


def test_too_little_data_has_no_forecast(tmp_path: Path) -> None:
    """The section says how many people must have bought again by which day, and how many did."""
    html = html_of(tmp_path)
    needed = "There is too little data for a forecast. It needs 100 people who had bought again by 2026-02-09"

    assert needed in text_of(html)
    assert "By now, 1 person bought again." in text_of(html)
    assert "What is expected next month?" not in text_of(html)


def test_repeat_buyers_of_today_alone_are_too_few(tmp_path: Path) -> None:
    """100 people who bought again since the earliest past forecast give no forecast."""
    rows = [HEAD]
    for person in range(101):
        rows.extend(f"{person}-{month},p{person},2026-0{month}-01 09:00,10.000,," for month in (4, 5))

    assert "By now, 101 people bought again." in text_of(html_of(tmp_path, orders="\n".join(rows)))


def test_without_the_extra_the_section_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without SciPy says what to install."""
    assert _findings.has_forecasts()
    monkeypatch.setattr(_findings, "has_forecasts", bool)

    assert "A forecast needs: pip install 'shopfunnel[forecast]'." in text_of(html_of(tmp_path))


# ---- contacts and today's list -------------------------------------------------------------------------------------


def shop_with_contacts(path: Path) -> None:
    """Write a store with a lead, a buyer with contact details, and a buyer without."""
    day = datetime(2026, 1, 1, 12, tzinfo=UTC)
    contact = Contact(phone=f"{CANARY} 0812", email=f"{CANARY}@example.com")
    with SqliteStore(path) as store:
        store.append(
            Lead(person_id="ani", arrived_at=day, source="instagram", contact=contact),
            Lead(person_id="citra", arrived_at=day, source="instagram"),
            Purchase(id="1", person_id="ani", purchased_at=datetime(2026, 1, 9, tzinfo=UTC), amount=Money(9, "USD")),
            Purchase(id="2", person_id="budi", purchased_at=day, amount=Money(9, "USD")),
            recorded_at=day,
        )
        customer = Customer(person_id="ani", name=f"{CANARY} Ani", address=f"Jl. {CANARY}", contact=contact)
        store.put_customer(customer, recorded_at=day)


@pytest.mark.usefixtures("no_pictures")
def test_contacts_of_a_store_are_shown_on_request(tmp_path: Path) -> None:
    """Without `--contacts` the page, the CSV and the output have ids only."""
    shop_with_contacts(tmp_path / "shop.db")
    html, listed = tmp_path / "report.html", tmp_path / "today.csv"
    call = ["report", str(tmp_path / "shop.db"), *AS_OF, "--tz", "UTC", "-o", str(html), "--worklist", str(listed)]
    hidden = run(*call)
    files = [one.read_text(encoding="utf-8") for one in (html, listed)]

    assert hidden.exit_code == 0
    assert not any(CANARY in text for text in (hidden.output, *files))
    assert "From lead to first purchase. Leads of January 2026: 50.0 % (1 of 2;" in text_of(files[0])

    visible = run(*call, "--contacts")
    rows = list(csv.DictReader(io.StringIO(listed.read_text(encoding="utf-8"))))
    assert CANARY not in visible.output
    assert f"{CANARY} Ani" in html.read_text(encoding="utf-8")
    details = {row["person_id"]: [row[name] for name in ("name", "phone", "email", "address")] for row in rows}
    assert details["ani"] == [f"{CANARY} Ani", f"{CANARY} 0812", f"{CANARY}@example.com", f"Jl. {CANARY}"]
    assert details["budi"] == ["", "", "", ""]


@pytest.mark.usefixtures("no_pictures")
def test_contacts_of_an_export_are_shown_on_request(tmp_path: Path) -> None:
    """The contact details of an export are read only with `--contacts`."""
    html = tmp_path / "report.html"
    call = ["report", str(EXPORTS / "shopify.orders.csv"), "--as-of", "2026-12-31", "--tz", "UTC", "-o", str(html)]
    run(*call)
    hidden = html.read_text(encoding="utf-8")
    run(*call, "--contacts")
    visible = html.read_text(encoding="utf-8")

    assert '<th scope=col class="text">phone</th>' not in hidden
    assert '<th scope=col class="text">phone</th>' in visible
    assert len(text_of(visible)) > len(text_of(hidden))


@pytest.mark.usefixtures("no_pictures")
def test_the_worklist_is_a_file(tmp_path: Path) -> None:
    """One row a person: id, action, reason, money and the next change; a text like a formula gets an apostrophe."""
    path = tmp_path / "today.csv"
    result = run(*write_files(tmp_path, ORDERS.replace("ani", "=1+1")), *AS_OF, "--worklist", str(path))
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))

    assert result.stdout.splitlines()[-1] == str(path)
    assert [row["person_id"] for row in rows] == ["'=1+1", "budi"]
    assert rows[0] == {
        "person": "'=1+1",
        "person_id": "'=1+1",
        "next_action": "remind",
        "reason": "Send a reminder: they last bought 92 days ago; they usually buy every 29 days.",
        "purchases": "3",
        "net_spent": "750000",
        "currency": "IDR",
        "changes_at": "2026-08-28T09:00+07:00",
        "becomes": "win_back",
    }


def test_a_day_has_some_of_each_reason() -> None:
    """Owed actions come first; the other actions share the rest of the day, the largest amounts first."""
    actions = ["answer"] * 2 + ["remind"] * 5 + ["win_back"] * 5 + ["thank"]
    due = pl.DataFrame(
        {
            "person_id": [f"p{number:02}" for number in range(len(actions))],
            "next_action": actions,
            "net_spent": list(range(len(actions))),
        }
    )

    assert of_today(due, 6)["person_id"].to_list() == ["p01", "p00", "p06", "p05", "p11", "p12"]
    assert of_today(due, 1)["next_action"].to_list() == ["answer"]
    assert of_today(due, 99).height == len(actions)
    assert NextAction.ASK_FEEDBACK not in due["next_action"]


@pytest.mark.usefixtures("no_pictures")
def test_the_limit_is_that_of_a_day(tmp_path: Path) -> None:
    """The page says how many people there are, and lists as many as the limit."""
    text = text_of(html_of(tmp_path, "--limit", "1"))

    assert "Something is due for 2 people. Today's list has 1:" in text
    assert "Send a reminder: 1 of 1" in text


@pytest.mark.parametrize("option", ["-o", "--worklist"])
def test_a_file_that_is_read_is_never_overwritten(tmp_path: Path, option: str) -> None:
    """The export, the mapping and the other output are refused as an output."""
    call = write_files(tmp_path)
    for path in (call[1], call[3]):
        result = run(*call, *AS_OF, option, path)

        assert result.exit_code == 2
        assert "is read or written twice" in " ".join(result.stderr.split())
    assert (tmp_path / "orders.csv").read_text(encoding="utf-8") == ORDERS
    twice = run(*call, *AS_OF, "-o", str(tmp_path / "a"), "--worklist", str(tmp_path / "a"))
    assert twice.exit_code == 2


@pytest.mark.usefixtures("no_pictures")
def test_leads_alone_have_a_page(tmp_path: Path) -> None:
    """The page has stages, sources and today's list, and says what the other sections need."""
    path = tmp_path / "report.html"
    run("report", str(EXPORTS / "meta.leads.csv"), *AS_OF, "--tz", "Asia/Jakarta", "-o", str(path))
    html = path.read_text(encoding="utf-8")

    assert re.findall(r'<section id="([a-z]+)">', html) == ["brief", "stages", "leads", "today", "read"]
    assert "need purchases: pass the export of the orders too" in text_of(html)


@pytest.mark.usefixtures("no_pictures")
def test_a_folder_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    """The exit code is 1, and the message names the file."""
    path = tmp_path / "none" / "report.html"
    result = run(*write_files(tmp_path), *AS_OF, "-o", str(path))

    assert result.exit_code == 1
    assert result.stderr == f"error: {path} cannot be written: No such file or directory\n"


def test_a_change_from_nothing_is_not_a_percentage() -> None:
    """There is no percentage of nothing."""
    words = Words("en", ZoneInfo("UTC"))

    assert (words.change(0, 5), words.change(4, 5)) == ("none before", "+25.0 %")
