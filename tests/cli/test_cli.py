from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from funnel.cli import _commands, main
from tests.cli.shop import MAPPING, ORDERS, written

if TYPE_CHECKING:
    from click.testing import Result

AS_OF = ["--as-of", "2026-06-01"]


def run(*arguments: str) -> Result:
    """Run the command inside this process."""
    return CliRunner().invoke(_commands.app, list(arguments))


def page(folder: Path, *options: str, orders: str = ORDERS, mapping: str = MAPPING) -> list[str]:
    """Print the report of a shop and give its lines, each without the spaces around it."""
    result = run(*written(folder, orders, mapping), *options)

    assert (result.exit_code, result.stderr) == (0, "")
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_the_page_says_what_can_be_counted_on_fingers(tmp_path: Path) -> None:
    """Of a shop of five people every number is the one that a reader finds by hand."""
    lines = page(tmp_path, *AS_OF, "--rows", "1")

    for line in (
        "orders.csv, as of 2026-06-01 23:59 (Asia/Jakarta)",
        "read 8 rows in the file",
        "refused 1 no customer 7",
        "Purchases from 2025-06-01 to 2026-06-02.",
        "1 of them came after the instant of judgement and are left out.",
        "prospect 1 25.0 %",
        "customer 1 25.0 %",
        "repeat_customer 1 25.0 %",
        "lapsed 1 25.0 %",
        "everyone 4",
        "bought again by now, of all buyers: 33.3 % (1 of 3; 6.1 to 79.2 %)",
        "bought again within 180 d, of those who have had that time: 0.0 % (0 of 1; 0.0 to 79.3 %)",
        "2 buyers have not had that time yet: pending, in neither part of the second rate.",
        "2025-06 1 0 0 0 0 0 0 0 0 0 0 0 0*",
        "2026-01 1 100 100 0 0 0*",
        "2026-05 1 0*",
        "* the month of judgement is not over.",
        "100.0 % (1 of 1; 20.7 to 100.0 %) of those with 3 purchases or more, 1 d or more apart on average",
        "ani 3 29 d 12 h 92 d 14 h Rp750.000",
        "2 people: remind 1, win_back 1",
        "1. ani remind; 3 purchases, Rp750.000",
        "because they last bought 92 days ago; they usually buy every 29 days.",
        "if nothing happens: win_back from 2026-08-28 09:00",
    ):
        assert line in lines


def test_the_second_to_follow_up_is_the_less_pressing_one(tmp_path: Path) -> None:
    """Who is only late is written to before who has lapsed, and somebody for whom time changes nothing says so."""
    lines = page(tmp_path, *AS_OF)
    second = lines.index("2. budi win_back; 1 purchase, Rp75.000")

    assert lines[second + 1] == "because they have bought once; they last bought 365 days ago."
    assert lines[-1] == "stays so until something happens"


def test_each_task_has_one_sentence_at_most(tmp_path: Path) -> None:
    """A task has a line, the reason and what comes next; no span is told to the microsecond, and no number is bare."""
    lines = page(tmp_path, *AS_OF)
    tasks = lines[lines.index("2 people: remind 1, win_back 1") + 1 :]

    assert [line.partition(" ")[0] for line in tasks] == ["1.", "because", "if", "2.", "because", "stays"]
    assert not any("µs" in line for line in lines)


def test_three_orders_of_one_evening_are_no_rhythm(tmp_path: Path) -> None:
    """Three orders within two minutes make nobody overdue, and show no interval."""
    evening = "".join(f"{n},fifi,2026-03-01 19:0{n},90.000,,\n" for n in range(3))
    lines = page(tmp_path, *AS_OF, orders=f"No,Buyer,When,Total,Back,Back on\n{evening}")

    assert "no rate (0 of 0) of those with 3 purchases or more, 1 d or more apart on average" in lines
    assert "because they last bought 92 days ago." in lines
    assert not any("usually" in line for line in lines)


def test_the_shops_own_limit_counts(tmp_path: Path) -> None:
    """With a longer limit, written as any span, nobody has lapsed, and the repeat rate is of a longer time."""
    for span in ("60w", "420d", "60 weeks", "P420D"):
        lines = page(tmp_path, *AS_OF, "--lapse-after", span)

        assert "customer 2 50.0 %" in lines
        assert not any(line.startswith("lapsed") for line in lines)
        assert any(line.startswith("bought again within 420 d") for line in lines)


def test_the_mapping_may_state_the_day(tmp_path: Path) -> None:
    """A file that says until when it is complete needs no day on the command line; a day given there wins."""
    mapping = f"as_of = 2026-05-31\n{MAPPING}"

    assert page(tmp_path, mapping=mapping)[0] == "orders.csv, as of 2026-05-31 23:59 (Asia/Jakarta)"
    assert page(tmp_path, *AS_OF, mapping=mapping)[0] == "orders.csv, as of 2026-06-01 23:59 (Asia/Jakarta)"


def test_the_zone_may_be_another(tmp_path: Path) -> None:
    """Months and days may be cut by another clock than the file's."""
    orders = "No,Buyer,When,Total,Back,Back on\n1,ani,2026-02-01 01:00,150.000,,\n"
    lines = page(tmp_path, "--as-of", "2026-02-28T23:59:59.999999Z", "--tz", "UTC", orders=orders)

    assert "2026-01 1 0" in lines
    assert not any("not over" in line for line in lines)


def test_a_shop_without_orders_has_a_page(tmp_path: Path) -> None:
    """Where every row is refused the page says so; nothing is divided by nothing."""
    lines = page(tmp_path, *AS_OF, orders="No,Buyer,When,Total,Back,Back on\n1,,2026-02-01 01:00,150.000,,\n")

    assert "No purchases." in lines
    assert "everyone 0" in lines
    assert "bought again by now, of all buyers: no rate (0 of 0)" in lines
    assert "no rate (0 of 0) of those with 3 purchases or more, 1 d or more apart on average" in lines
    assert "0 people" in lines


def test_no_list_is_longer_than_asked(tmp_path: Path) -> None:
    """With no rows asked for, the counts stay and no person is named."""
    lines = page(tmp_path, *AS_OF, "--rows", "0")

    assert "2 people: remind 1, win_back 1" in lines
    assert not any(name in line for line in lines for name in ("ani", "budi", "citra"))


def test_a_long_life_is_cut_to_what_fits(tmp_path: Path) -> None:
    """Of a shop of many years the last cohorts are shown, and the page says that there are more."""
    rows = [f"{n},p{n},{2020 + n // 12}-{n % 12 + 1:02}-15 09:00,10.000,," for n in range(30)]
    orders = "\n".join(["No,Buyer,When,Total,Back,Back on", *rows])
    lines = page(tmp_path, "--as-of", "2022-06-30", orders=orders)

    assert "Shown: the last 24 of 30 cohorts, 12 months at most." in lines
    assert not any(line.startswith("2020-06 ") for line in lines)
    assert any(line.startswith("2020-07 ") for line in lines)


def test_an_id_is_text_and_nothing_else(tmp_path: Path) -> None:
    """Ids that look like markup or emoji are printed as they are."""
    orders = ORDERS.replace("ani", "[red]a:smile:[/red]")

    assert any(line.startswith("[red]a:smile:[/red] 3 ") for line in page(tmp_path, *AS_OF, orders=orders))


@pytest.mark.parametrize(
    ("orders", "mapping", "said"),
    [
        (ORDERS, "currency = 1 2", "mapping orders.toml is not TOML"),
        (ORDERS, MAPPING.replace("zone", "zon"), "did you mean zone"),
        (ORDERS, f'as_of = "2026-05-31"\n{MAPPING}', "as_of: input should be a valid date"),
        (ORDERS.replace("Buyer", "Bayer"), MAPPING, "column 'Buyer' (person_id) is missing"),
        ("", MAPPING, "orders.csv is empty"),
    ],
    ids=["no toml", "unknown key", "day as text", "column missing", "empty"],
)
def test_a_wrong_file_is_told_plainly(tmp_path: Path, orders: str, mapping: str, said: str) -> None:
    """What is wrong with the file or its mapping stands on the error's side, in one message, and the code is 2."""
    result = run(*written(tmp_path, orders, mapping), *AS_OF)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("lost", ["orders.csv", "orders.toml"])
def test_a_file_that_is_not_there_is_told_plainly(tmp_path: Path, lost: str) -> None:
    """A file that cannot be opened is named, without the folders above it."""
    arguments = written(tmp_path)
    (tmp_path / lost).unlink()
    result = run(*arguments, *AS_OF)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {lost} cannot be opened: No such file or directory\n"


def test_a_folder_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which one stands is named as it was given."""
    monkeypatch.chdir(tmp_path)
    arguments = written(tmp_path)
    result = run("report", ".", *arguments[2:], *AS_OF)

    assert (result.exit_code, result.stderr) == (2, "error: . cannot be opened: Is a directory\n")


def test_the_row_of_a_person_is_never_shown(tmp_path: Path) -> None:
    """A file without a heading, whatever ends its lines, is refused without a word of what is in it."""
    rows = "8,SECRET dewi,2026-01-01,5,SECRET@x.test,+62 812\n" * 2
    for text in (rows, rows.replace("\n", "\r"), rows.replace(",", ";"), f"SECRET\n{rows}"):
        result = run(*written(tmp_path, text), *AS_OF)

        assert result.exit_code == 2
        assert "does not have the mapping's columns" in result.stderr
        assert "SECRET" not in result.output


def test_too_little_memory_is_told_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not fit into memory is a failure of the run, not of the call."""

    def greedy(*_given: object, **_named: object) -> None:
        raise MemoryError

    monkeypatch.setattr(_commands, "read_orders", greedy)
    result = run(*written(tmp_path), *AS_OF)

    assert (result.exit_code, result.stderr) == (
        1,
        "error: the memory is not enough for this file; give a smaller one\n",
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "it is never today by itself"),
        (["--as-of", "yesterday"], "'yesterday' is not a day or an instant"),
        ([*AS_OF, "--tz", "Asia/Jakata"], "'Asia/Jakata' is unknown"),
        ([*AS_OF, "--lapse-after", "half a year"], "text with a unit such as '7 days'"),
        ([*AS_OF, "--lapse-after", "180"], "text with a unit such as '7 days'"),
        ([*AS_OF, "--lapse-after", "0 d"], "above zero"),
        ([*AS_OF, "--rows", "-1"], "--rows"),
    ],
)
def test_a_wrong_call_is_told_as_such(tmp_path: Path, options: list[str], said: str) -> None:
    """A wrong option is named, with what it may be; the code is 2, and nothing is printed."""
    result = run(*written(tmp_path), *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


def test_a_file_of_many_zones_needs_the_shops(tmp_path: Path) -> None:
    """Where each time has a zone of its own, the shop's must be given: days and months are cut by it."""
    mapping = MAPPING.replace("Asia/Jakarta", "in the text")
    orders = "No,Buyer,When,Total,Back,Back on\n1,ani,2026-02-01T01:00+07:00,150.000,,\n"
    without = run(*written(tmp_path, orders, mapping), *AS_OF)

    assert without.exit_code == 2
    assert "--tz" in without.stderr
    assert "2026-02 1 0 0 0 0*" in page(tmp_path, *AS_OF, "--tz", "Asia/Jakarta", orders=orders, mapping=mapping)


def test_the_version_is_told() -> None:
    """The command says which version it is, and which commands there are."""
    assert run("--version").stdout == f"shopfunnel {version('shopfunnel')}\n"
    assert "report" in run("--help").stdout
    assert "Never today by itself" in " ".join(run("report", "--help").stdout.split())


@pytest.mark.no_cover
def test_the_command_runs_on_a_pipe(tmp_path: Path) -> None:
    """Started as a program it prints plain text without colour codes, twice the same, and nothing beside the page."""
    arguments = [sys.executable, "-c", "from funnel.cli.main import main; main()", *written(tmp_path), *AS_OF]
    first, second = (subprocess.run(arguments, check=True, capture_output=True, text=True) for _ in range(2))

    assert first.stdout == second.stdout
    assert "\x1b" not in first.stdout
    assert first.stderr == ""
    assert "Follow-up list of the day" in first.stdout
    assert all(line == line.rstrip() for line in first.stdout.splitlines())


def test_what_a_pipe_cannot_write_is_a_question_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter that the pipe's encoding does not have is lost, and the page is printed all the same."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "argv", ["funnel", *written(tmp_path, ORDERS.replace("ani", "łni")), *AS_OF])

    with pytest.raises(SystemExit) as ended:
        main.main()
    sys.stdout.flush()

    assert ended.value.code == 0
    assert b"?ni" in raw.getvalue()


def test_what_is_missing_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the command answers with the exact line, not with a traceback."""
    monkeypatch.setattr(main, "installed", lambda name: name == "polars")

    with pytest.raises(SystemExit, match=r"needs rich, typer; run: pip install 'shopfunnel\[cli\]'"):
        main.main()


def test_a_bar_is_drawn_on_a_terminal_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it reads and judges, a terminal shows how far it is, and nothing of it stays on the page."""
    shown = io.StringIO()
    arguments = [*written(tmp_path), *AS_OF]
    plain = run(*arguments).stdout
    monkeypatch.setattr(_commands, "_terminal", lambda: Console(file=shown, force_terminal=True, width=80))

    assert run(*arguments).stdout == plain
    assert "judging" in shown.getvalue()


def test_the_page_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the page takes its width; on a pipe it has one of its own, whatever the environment says."""
    monkeypatch.setenv("COLUMNS", "57")
    monkeypatch.setattr(sys, "stdout", _Terminal())
    wide = _commands._console().width
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert (wide, _commands._console().width) == (57, 110)


# ---- the program's end ----


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str, out: object = None) -> int:
    """Run the program to its end and give its exit code."""
    monkeypatch.setattr(sys, "argv", ["funnel", *arguments])
    if out is not None:
        monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as end:
        main.main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("option", ["--version", "--help", "report"])
def test_a_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """What cannot be written is not taken for written, however little it is."""
    arguments = [*written(tmp_path), *AS_OF] if option == "report" else [option]
    with Path("/dev/full").open("w") as out:
        assert ended(monkeypatch, *arguments, out=out) == 1
    assert capsys.readouterr().err == "error: the page cannot be written: No space left on device\n"


def test_a_reader_that_has_gone_needs_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that is piped into head ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "w") as out:  # what is left in its buffer fails once more
        assert ended(monkeypatch, *written(tmp_path), *AS_OF, out=out) == 1
    assert capsys.readouterr().err == ""


def test_a_closed_output_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an output there is nowhere to write a page; without an error's side there is nobody to tell."""
    monkeypatch.setattr(sys, "stdout", None)
    assert ended(monkeypatch, "--version") == 1
    assert "standard output is closed" in capsys.readouterr().err

    monkeypatch.setattr(sys, "stderr", None)
    assert ended(monkeypatch, "--version") == 1


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (KeyError("SECRET"), 1, "error: an unexpected KeyError; please report it\n"),
        (RecursionError("SECRET"), 1, "error: an unexpected RecursionError; please report it\n"),
        (BaseException("SECRET"), 1, "error: an unexpected BaseException; please report it\n"),
        (SystemExit("SECRET"), 1, ""),
    ],
)
def test_no_traceback_is_shown(  # noqa: PLR0913, PLR0917 (fixtures)
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    code: int,
    said: str,
) -> None:
    """Whatever goes wrong is one line without a value, and being stopped is none at all."""

    def fail(*_given: object, **_named: object) -> None:
        raise fault

    monkeypatch.setattr(_commands, "read_orders", fail)

    assert ended(monkeypatch, *written(tmp_path), *AS_OF) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(("fault", "code"), [(KeyboardInterrupt(), 130), (None, 0)])
def test_the_program_may_be_stopped_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException | None, code: int
) -> None:
    """Stopped outside the command too, the program ends without a traceback; a command that ends by itself is fine."""

    def app(**_named: object) -> None:
        if fault is not None:
            raise fault

    monkeypatch.setattr(_commands, "app", app)

    assert ended(monkeypatch) == code


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://me:SECRET@localhost:abc/shop",
        "postgresql+psycopg://me:SECRET@localhost:99999999999999999999/shop",
        "a+b+c://me:SECRET@localhost/shop",
        "sqlite:///SECRET.db?timeout=SECRET",
        "://SECRET",
        "sqlite:////none/shop.db",
    ],
)
def test_a_wrong_address_is_one_line(address: str) -> None:
    """A port, a driver or an option that cannot be is told without the password."""
    result = run("report", address, *AS_OF, "--tz", "UTC")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "SECRET" not in result.output


class _Terminal(io.StringIO):
    """A terminal, as far as anybody asks it."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True
