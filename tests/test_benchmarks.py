"""The benchmarks run, and what they compare gives the same answers; how fast anything is, no test says."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal

from benchmarks import __main__ as command
from benchmarks import (
    _by_hand,
    _child,
    _child_run,
    _conversion,
    _retention,
    _synthetic_events,
    _synthetic_orders,
    _synthetic_shop,
    all_transitions,
    backtest,
    conversion,
    forecast,
    frames,
    growth,
    imports,
    many_shops,
    one_person,
    retention,
    rule_call,
    store,
    survival,
    windows,
    worklist,
)
from benchmarks._measure import Line, alternate, rate, span
from funnel import Facts, History, Logs, Policy, SqliteStore, stage

if TYPE_CHECKING:
    import polars as pl

pytestmark = [pytest.mark.no_cover, pytest.mark.more]
slow = pytest.mark.skipif(os.environ.get("FUNNEL_PROFILE") != "full", reason="measured in make test-full")

OF_ARRIVALS = {"arrived_at", "since_arrival", "lead_count", "lead_source", "campaign", "was_referred", "referral_count"}
OF_CARE = {
    "newest_open_question",
    "reply_count",
    "first_reply_time",
    "last_reply_time",
    "average_reply_time",
    "resolved_complaint_count",
    "average_repair_time",
    "reopened_complaint_count",
    "delivery_question_count",
    "timely_delivery_count",
    "since_last_opt_out",
    "since_second_last_follow_up",
    "since_third_last_follow_up",
}


@pytest.fixture(scope="module")
def logs() -> dict[str, pl.DataFrame]:
    """Give a small made-up shop."""
    return _synthetic_shop.shop(3_000)


def test_a_made_up_shop_is_what_the_page_says(logs: dict[str, pl.DataFrame]) -> None:
    """Events are 68 % interactions, 30 % purchases, 2 % refunds; some rows came twice, some come late."""
    once = {log: frame.unique() for log, frame in logs.items()}

    assert {log: len(frame) for log, frame in once.items()} == {"interactions": 2_040, "purchases": 900, "refunds": 60}
    assert len(logs["interactions"]) > 2_040
    assert 0 < (once["purchases"]["purchased_at"] > _synthetic_shop.AS_OF).sum() < 100


def test_the_same_seed_makes_the_same_shop(logs: dict[str, pl.DataFrame]) -> None:
    """Both ways are measured on the same rows, in every run."""
    again = _synthetic_shop.shop(3_000)

    assert all(frame.equals(again[log]) for log, frame in logs.items())
    assert not _synthetic_shop.shop(3_000, seed=8)["purchases"].equals(logs["purchases"])


def test_by_hand_gives_the_same_facts(logs: dict[str, pl.DataFrame]) -> None:
    """The hand-written peer answers every fact but those of arrivals, of which there are none, with the same values."""
    ours = Facts.over(Logs(**logs), as_of=_synthetic_shop.AS_OF).sort("person_id")
    hand = _by_hand.facts(logs, _synthetic_shop.AS_OF).sort("person_id")

    assert set(ours.columns) - set(hand.columns) == OF_ARRIVALS | OF_CARE
    assert_frame_equal(ours.select(hand.columns), hand)


def test_by_hand_gives_the_same_stages_and_changes(logs: dict[str, pl.DataFrame]) -> None:
    """The hand-written stage and its next change are those of the rule, in both of the ways it is written."""
    policy = Policy(lapse_after=timedelta(days=90))
    ours = stage.next_change.over(Logs(**logs), policy, as_of=_synthetic_shop.AS_OF).sort("person_id")
    alone = _by_hand.stage_and_change(logs, _synthetic_shop.AS_OF, policy.lapse_after).sort("person_id")
    beside = _by_hand.facts_and_stage(logs, _synthetic_shop.AS_OF, policy.lapse_after).sort("person_id")

    assert_frame_equal(ours, alone)
    assert_frame_equal(ours, beside.select(ours.columns))
    assert ours["stage"].n_unique() >= 4
    assert 0 < ours["next_change"].null_count() < len(ours)


def test_every_kind_of_frame_gives_the_same_rows(logs: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    """The measured answers from pandas and from lazy frames are those from Polars."""
    for log, frame in logs.items():
        frame.write_parquet(tmp_path / f"{log}.parquet")
    table = {
        variant: work(read(tmp_path))[1]
        for variant, (read, work) in _child.VARIANTS.items()
        if variant.startswith("ours")
    }
    eager = table["ours"].sort("person_id")

    assert_frame_equal(table["ours, lazy"].sort("person_id"), eager)
    assert_frame_equal(table["ours, stage"].sort("person_id"), eager.select("person_id", "stage", "next_change"))
    assert sorted(table["ours, pandas"]["person_id"]) == eager["person_id"].to_list()
    assert table["ours, pandas"]["net_spent"].sum() == eager["net_spent"].sum()


def test_the_machines_are_fed_the_same_person() -> None:
    """After the same twenty events all three say that this is a repeat customer."""
    history = History.of("p1", one_person.records())
    feed, person = one_person.transitions_run()
    other, shop = one_person.statemachine_run()
    feed()
    other()

    assert len(history.records) == 20
    assert one_person.answers(history, datetime(2026, 2, 1, tzinfo=UTC))[1] == "repeat_customer"
    assert person.state == shop.current_state_value == "repeat_customer"


@pytest.mark.parametrize("silent", [False, True])
def test_the_guard_of_the_machines_is_asked(*, silent: bool) -> None:
    """A customer who talks again has lapsed if the guard says that they were silent for too long, and only then."""
    feed, person = one_person.transitions_run(("buy", "talk"))
    other, shop = one_person.statemachine_run(("buy", "talk"))
    person.silent = shop.silent = silent
    feed()
    other()

    assert person.state == shop.current_state_value == ("lapsed" if silent else "customer")


def test_importing_the_library_loads_no_dataframe_library() -> None:
    """The imports of a back end for one person load no dataframe library."""
    assert (
        imports.import_time(
            "from funnel import Facts, stage, History, Policy; from funnel.incremental import LiveFacts"
        )[1]
        == []
    )


def test_a_dataframe_library_would_be_seen() -> None:
    """The measurement names what was loaded."""
    assert "narwhals" in imports.import_time("import narwhals")[1]


@pytest.mark.parametrize("benchmark", [one_person, rule_call, many_shops, imports], ids=lambda one: one.__name__)
def test_a_benchmark_runs_at_the_smallest_size(benchmark: Any) -> None:
    """Every benchmark tells ours, the peer and the ratio."""
    lines = list(benchmark.run("tiny"))

    assert len(lines) >= 3
    assert all(line.ours for line in lines)
    assert sum("x" in line.ratio for line in lines) >= 2


@slow
def test_facts_of_the_last_days_are_measured_beside_those_of_all_time() -> None:
    """Each call with a window has its peer without one, and a person who bought lately has the same level in both."""
    lines = list(windows.run("tiny"))

    assert [line.target for line in lines].count("<= 2 x") == 3
    assert all(line.ratio.endswith("x the time") for line in lines)
    last_day = windows.START + timedelta(days=60)
    assert windows.live(windows.person(), windows.Recent, last_day) == windows.Level.HIGH


@slow
def test_the_worklist_is_measured_beside_the_facts() -> None:
    """It tells the columns beside facts alone, and the list, its reasons and the next look of one person."""
    lines = list(worklist.run("tiny"))

    assert [line.target for line in lines] == ["<= 2 x", "", "<= 50 µs", "", "", ""]
    assert all(line.ours for line in lines)


@slow
def test_many_days_are_measured_beside_as_many_single_days() -> None:
    """It tells both by the clock and by the processor; a day has the figures that it has among many."""
    logs = Logs(**_synthetic_shop.shop(2_000))
    together, alone = backtest.tested(logs, 0, 3), backtest.tested(logs, 1, 1)
    lines = list(backtest.run("tiny"))

    assert [line.target for line in lines] == [">= 2 x"] * 2
    assert together.by_date[1].auc.value == alone.by_date[0].auc.value


def test_a_store_is_measured_beside_its_peers() -> None:
    """The lines are of loading, judging, appending and reading; a peer that is not installed is reported as missing."""
    lines = list(store.run("tiny"))

    assert len(lines) == 9
    assert all(line.peer.endswith("not installed") or "x" in line.ratio for line in lines[:4])


def _once(work: growth.Work) -> float:
    work()
    return 0.0


@pytest.mark.parametrize("case", growth.cases() if os.environ.get("FUNNEL_PROFILE") == "full" else growth.cases()[::9])
def test_every_operation_that_may_grow_runs(case: growth.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is done at the smallest size; there it has no slope. Every ninth is in the short run."""
    monkeypatch.setattr(growth, "_fastest", _once)
    result = growth.measured(case, growth.SMALLEST)

    assert list(result.seconds) == [growth.SMALLEST]
    assert result.slope is None
    assert result.line().ratio == "flat"


@pytest.mark.parametrize(
    ("seconds", "slope", "text"),
    [
        ({10: 1.0, 100: 1.1, 1_000: 2.0}, None, "flat"),
        ({10: 1.0, 100: 2.0, 1_000: 11.0}, 1.0, "1.00"),
        ({10: 1.0, 100: 2.0, 1_000: 101.0}, 2.0, "2.00 !"),
        ({10: 1e-6, 100: 2e-6, 1_000: 1e-3}, None, "flat"),
    ],
)
def test_the_slope_is_that_of_what_grows(seconds: dict[int, float], slope: float | None, text: str) -> None:
    """The cost of an operation at any size is taken off; ten times as long at ten times the size is a slope of one."""
    result = growth.Growth("it", seconds)

    assert result.slope == (None if slope is None else pytest.approx(slope))
    assert result.line().ratio == text


def test_a_size_that_takes_too_long_is_not_begun(capsys: pytest.CaptureFixture[str]) -> None:
    """The text has the decade before; the command ends with 1 if a slope is too high, and states the limits."""
    times = iter([0.0, 0.001, 0.1, 10.0])

    def make(_: int) -> growth.Work:
        return lambda: None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "_fastest", lambda _: next(times))
        patch.setattr(growth, "cases", lambda *_: [("it", make, 10**9)])
        assert growth.main([]) == 1
    assert "10 s at 10,000" in capsys.readouterr().out
    assert growth.main(["stage_at", "--largest", "10"]) == 0
    assert [line.name for line in growth.run("tiny", ["stage_at"])] == ["Journey.stage_at, once per record"]


def test_the_peer_writes_the_rows_that_a_store_keeps() -> None:
    """SQLAlchemy is given exactly what the library writes of the same records."""
    records = list(store.records(200))
    with SqliteStore() as database:
        database.load(records, recorded_at=store.AS_OF)
        result = database._connection.execute("SELECT * FROM records")
        names = [column[0] for column in result.description]
        rows = {row[names.index("source_id")]: dict(zip(names, row, strict=True)) for row in result}

    assert len(rows) == 200
    for one in records:
        results = store._row(one)
        row = {name: value for name, value in rows[results["source_id"]].items() if name != "seq"}
        assert row == {**dict.fromkeys(row), **results}


@pytest.mark.parametrize("peer", sorted({False, forecast.PEER}))
def test_forecast_runs_at_the_smallest_size(monkeypatch: pytest.MonkeyPatch, *, peer: bool) -> None:
    """Fit, forecast and value of made-up buyers are measured, without the peer too."""
    monkeypatch.setattr(forecast, "PEER", peer)
    lines = list(forecast.run("tiny"))
    names = ["fit", "fit with three sources", "forecast with intervals", "value"]
    assert [line.name.split(": ")[1] for line in lines] == names


@pytest.mark.parametrize("peer", sorted({False, survival.PEER}))
def test_survival_runs_at_the_smallest_size(monkeypatch: pytest.MonkeyPatch, *, peer: bool) -> None:
    """It tells of its peer where that is installed, and of ours alone where it is not."""
    monkeypatch.setattr(survival, "PEER", peer)
    lines = list(survival.run("tiny"))

    assert all(line.ours for line in lines)
    assert [line.ratio.endswith(" x the time") for line in lines] == [peer, peer, False, False]


@pytest.mark.skipif(not survival.PEER, reason="lifelines is not installed")
def test_survival_is_that_of_its_peer() -> None:
    """The measured calls give the same answers: the last share of the curve, and the test of groups."""
    table = survival.people(500)
    durations, converted = survival.watched(table)
    ours = survival.survival(table, as_of=survival.AS_OF)
    groups = survival.survival(table, by="source", as_of=survival.AS_OF).logrank_test
    peer = survival.logrank_test(durations, converted, table["source"].to_numpy())

    assert ours.people == 500
    assert ours.converted == converted.sum()
    assert survival.kaplan_meier(durations, converted).survival_function_.iloc[-1].item() == pytest.approx(
        ours.steps[-1].survival
    )
    assert peer.test_statistic == pytest.approx(groups.chi_square)


@slow
def test_frames_are_measured_in_processes_of_their_own(tmp_path: Path) -> None:
    """One measurement tells time and memory, and how many people came out."""
    for log, frame in _synthetic_shop.shop(300).items():
        frame.write_parquet(tmp_path / f"{log}.parquet")
    results = frames.medians(["ours, stage"], tmp_path, 1)["ours, stage"]

    assert 0 < results["rows"] <= 30
    assert results["whole"] > results["inside"] > 0
    assert results["peak"] > 50


def test_every_way_to_a_funnel_gives_the_same_answer(tmp_path: Path) -> None:
    """Ours, from whatever frame, and the peers that are installed count the same people at every step."""
    file = tmp_path / "events.parquet"
    _synthetic_events.events(2_000).write_parquet(file)
    there, missing = conversion.peers()
    variants = [variant for variant in _conversion.VARIANTS if not variant.startswith(tuple(missing))]
    results = {
        variant: _child_run.measured(_conversion.VARIANTS[variant](file, person), 1)
        for variant in variants
        for person in conversion.PEOPLE
    }

    assert {"Polars by hand", "DuckDB"} <= set(there)
    assert len({tuple(one["answer"]) for one in results.values()}) == 1
    assert results["ours"]["answer"][0] > results["ours"]["answer"][1] > 0


def test_funnels_are_told_beside_their_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not installed is reported as missing; the fastest of the others is the one to beat."""
    monkeypatch.setattr(conversion, "PEERS", {"Polars by hand": "polars", "Nobody": "no_such_module"})
    took = {"seconds": 1.0, "answer": [1], "peak": 1.0}
    monkeypatch.setattr(
        conversion, "child", lambda _, variant, *__: took | {"seconds": 0.5 if variant.startswith("ours") else 1.0}
    )
    lines = list(conversion.run("tiny"))

    assert lines[0].name == "Nobody is not installed"
    assert [line.ratio for line in lines if line.target in conversion.AIMS.values()] == ["0.50 x the time"] * 3


def test_every_move_is_told_beside_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is that of all events, the text has the peak of memory, and the path is beside the facts alone."""
    took = {"inside": 2.0, "peak": 10.0}
    monkeypatch.setattr(
        all_transitions, "medians", lambda *_: {"transitions": took, "transitions, path": took | {"inside": 3.0}}
    )
    lines = list(all_transitions.run("tiny"))

    assert lines[1].ours == "1,000/s"
    assert lines[2].ratio == "1.50 x"
    assert {
        variant: len(_child.VARIANTS[variant][1](_synthetic_shop.shop(500))[1]) > 50
        for variant in ("transitions", "transitions, path")
    } == {
        "transitions": True,
        "transitions, path": True,
    }


def test_every_way_to_cohorts_and_summaries_gives_the_same_answer(tmp_path: Path) -> None:
    """Ours and the peers that are installed find the same people in the same cells, and the same sums."""
    file = tmp_path / "orders.parquet"
    _synthetic_orders.orders(2_000).write_parquet(file)
    missing = [name for name, module in (retention.TRIANGLE | retention.SUMMARY).items() if not find_spec(module)]
    there = [variant for variant in _retention.VARIANTS if not variant.endswith(tuple(missing))]
    results = {
        variant: _child_run.measured(_retention.VARIANTS[variant](file, "name"), 1)["answer"] for variant in there
    }
    answers_by_call = {
        call: {tuple(answer) for variant, answer in results.items() if variant.startswith(call)}
        for call in ("triangle", "summary")
    }

    assert {call: len(answers) for call, answers in answers_by_call.items()} == {"triangle": 1, "summary": 1}
    assert min(results["triangle"]) > 300


def test_cohorts_are_told_beside_their_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not installed is reported as missing; without a peer, ours is reported alone."""
    monkeypatch.setattr(retention, "TRIANGLE", {"Polars by hand": "polars", "Nobody": "no_such_module"})
    monkeypatch.setattr(retention, "SUMMARY", {"Nobody": "no_such_module"})
    monkeypatch.setattr(retention, "child", lambda *_: {"seconds": 1.0, "answer": [1], "peak": 1.0})
    lines = list(retention.run("tiny"))

    assert lines[0].name == "Nobody is not installed"
    assert [line.ratio for line in lines[1:]] == ["1.00 x the time", "", ""] * 2


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    """The error of the process is shown, not only that there was one."""
    with pytest.raises(RuntimeError, match="KeyError: 'by magic'"):
        frames.child("by magic", tmp_path)


def test_ways_take_turns() -> None:
    """Nobody's turn comes twice before everybody else's came once, so that a busy machine is unfair to none."""
    calls: list[str] = []
    alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)

    assert calls == ["a", "b"] * 3


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0125, "12.5 ms"), (3.21e-6, "3.21 µs"), (45e-9, "45 ns")]
)
def test_a_time_is_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    """No figure has more than three digits that count."""
    assert span(seconds) == text


def test_a_rate_is_so_many_a_second() -> None:
    """Twenty in half a second are forty a second."""
    assert rate(20, 0.5) == "40/s"


def test_figures_are_written_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block between the marks is replaced, the rest of the page stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{command.BEGIN}\nold\n{command.END}\nafter\n", encoding="utf-8")
    measured = Line("this", "1 s", "2 s by hand", "0.5 x", "<= 2 x")
    monkeypatch.setattr(command, "_runner", lambda _: lambda _: iter([measured]))
    command.main(["imports", "--tiny", "--write", str(page)])
    text = page.read_text(encoding="utf-8")

    assert "| this | 1 s | 2 s by hand | 0.5 x | <= 2 x |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
