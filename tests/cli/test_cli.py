from __future__ import annotations

import io
import os
import re
import runpy
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from funnel.cli import _commands, main
from funnel.cli._shared import ShopOptions, read_mapping
from tests.cli.shop import MAPPING, ORDERS, write_files
from tests.readers.exports import SAMPLES, Sample

if TYPE_CHECKING:
    from click.testing import Result

AS_OF = ["--as-of", "2026-06-01"]


def run(*arguments: str) -> Result:
    """Run the command inside this process."""
    return CliRunner().invoke(_commands.app, list(arguments))


def page(folder: Path, *options: str, orders: str = ORDERS, mapping: str = MAPPING) -> list[str]:
    """Return the lines of a shop's report, without surrounding spaces."""
    result = run(*write_files(folder, orders, mapping), *options)

    assert (result.exit_code, result.stderr) == (0, "")
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_the_page_has_the_numbers_of_a_small_shop(tmp_path: Path) -> None:
    """For a shop of five people every number equals the number counted by hand."""
    lines = page(tmp_path, *AS_OF)

    for line in (
        "orders.csv, as of 2026-06-01 23:59 (Asia/Jakarta)",
        "read 8 rows in the file",
        "refused 1 no customer 7",
        "Purchases from 2025-06-01 to 2026-06-02.",
        "8 rows: 7 kept, 0 merged, 1 refused.",
        "Excluded purchases, after the time of the report: 1.",
        "4 people. The largest stage is Prospect: 1 person (25.0 %).",
        "Prospect 1 25.0 %",
        "Customer 1 25.0 %",
        "Repeat customer 1 25.0 %",
        "Lapsed 1 25.0 %",
        "total 4",
        "2025-06 1 0 0 0 0 0 0 0 0 0 0 0 0*",
        "2026-01 1 100 100 0 0 0*",
        "2026-05 1 0*",
        "Something is due for 2 people.",
        "1. ani Send a reminder: they last bought 92 days ago; they usually buy every 29 days.",
        "2. budi Invite them back: they have bought once; they last bought 365 days ago.",
    ):
        assert line in lines


def test_the_month_in_brief_has_a_sentence_for_each_question(tmp_path: Path) -> None:
    """Each sentence has its counts and its interval; months of one person are not compared."""
    text = " ".join(page(tmp_path, *AS_OF))

    for sentence in (
        "Did conversion change? First-time buyers of January 2026: 0.0 % (0 of 1; 0.0 to 79.3 %) bought again within",
        "30 d. That month or June 2025 has too few people for a comparison.",
        "Do first-time buyers return? Buyers who first bought 180 d ago or longer: 0.0 % (0 of 1; 0.0 to 79.3 %)",
        "bought again within 180 d. Pending: 2 people, who still have time; the rate excludes them.",
        "Who is overdue? Buyers with 3 purchases or more, 1 d or more apart on average: 100.0 % (1 of 1; 20.7 to",
        "100.0 %) are overdue, silent for more than 150 % of their own interval.",
        "Did the shop grow? In May 2026, 1 person bought and paid Rp80.000. In April 2026, nobody bought. June 2026 is",
        "not over: 0 people so far.",
    ):
        assert sentence in text


def test_each_task_is_one_sentence(tmp_path: Path) -> None:
    """A task has no conditions of a rule, and spans have two units at most."""
    lines = page(tmp_path, *AS_OF)
    tasks = lines[lines.index("Something is due for 2 people.") + 1 :]

    assert [line.partition(" ")[0] for line in tasks] == ["1.", "2.", "The"]
    assert not any(part in line for line in lines for part in ("µs", "because", "since_"))


def test_three_orders_of_one_evening_are_not_a_rhythm(tmp_path: Path) -> None:
    """Three orders within two minutes make nobody overdue and show no interval."""
    evening = "".join(f"{n},fifi,2026-03-01 19:0{n},90.000,,\n" for n in range(3))
    lines = page(tmp_path, *AS_OF, orders=f"No,Buyer,When,Total,Back,Back on\n{evening}")

    assert "Nobody has 3 purchases or more, 1 d or more apart on average, yet." in " ".join(lines)
    assert not any("usually" in line for line in lines)


def test_lapse_after_reads_every_span(tmp_path: Path) -> None:
    """With a longer limit, written as any span text, nobody has lapsed, and the repeat rate uses that span."""
    lines = page(tmp_path, *AS_OF, "--lapse-after", "60w")

    assert "Customer 2 50.0 %" in lines
    assert not any(line.startswith("Lapsed") for line in lines)
    assert "Nobody first bought 420 d ago or longer yet." in " ".join(lines)
    for span in ("60w", "420d", "60 weeks", "420 days", "10080 h", "P420D"):
        shop = ShopOptions(files=[], as_of=AS_OF[1], tz="Asia/Jakarta", lapse_after=span)
        query = _commands._query(shop, None)
        assert query.policy.lapse_after == timedelta(days=420)


def test_the_mapping_may_set_as_of(tmp_path: Path) -> None:
    """The command line overrides the mapping."""
    mapping = f"as_of = 2026-05-31\n{MAPPING}"

    assert page(tmp_path, mapping=mapping)[0] == "orders.csv, as of 2026-05-31 23:59 (Asia/Jakarta)"
    assert page(tmp_path, *AS_OF, mapping=mapping)[0] == "orders.csv, as of 2026-06-01 23:59 (Asia/Jakarta)"


def test_tz_sets_the_zone_of_months(tmp_path: Path) -> None:
    """Months and days may use another zone than the file."""
    orders = "No,Buyer,When,Total,Back,Back on\n1,ani,2026-02-01 01:00,150.000,,\n"
    lines = page(tmp_path, "--as-of", "2026-02-28T23:59:59.999999Z", "--tz", "UTC", orders=orders)

    assert "2026-01 1 0" in lines
    assert not any("* the month is not over" in line for line in lines)


@pytest.mark.parametrize("command", [["report"], ["worklist"], ["profile", "ani"]], ids=" ".join)
def test_a_file_of_which_no_row_is_kept_is_an_error(tmp_path: Path, command: list[str]) -> None:
    """A page of empty sections would look like a shop without sales; the error has the reasons instead."""
    _, file, *mapping = write_files(tmp_path, "No,Buyer,When,Total,Back,Back on\n1,,2026-02-01 01:00,150.000,,\n")
    result = run(command[0], file, *command[1:], *mapping, *AS_OF)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: no row was kept, and there is nothing to report:\n  refused 1: no customer (row 1)\n"
    )


def test_a_file_without_rows_has_a_page(tmp_path: Path) -> None:
    """The page says that there are no purchases, and has no rates."""
    lines = page(tmp_path, *AS_OF, orders="No,Buyer,When,Total,Back,Back on\n")

    assert "No purchases." in lines
    assert "total 0" in lines
    assert "Nobody yet." in lines
    assert "Nobody first bought 180 d ago or longer yet." in " ".join(lines)
    assert "No month is over with 30 d for each person to buy; there is no comparison yet." in " ".join(lines)
    assert "Two months must be over for a comparison." in " ".join(lines)
    assert "Something is due for 0 people." in lines


def test_rows_limits_every_list(tmp_path: Path) -> None:
    """With `--rows 0` the counts stay and no person is named."""
    lines = page(tmp_path, *AS_OF, "--rows", "0")

    assert "Something is due for 2 people." in lines
    assert not any(name in line for line in lines for name in ("ani", "budi", "citra"))


def test_only_the_first_months_are_shown(tmp_path: Path) -> None:
    """Two cohorts more than a year apart: all cohorts are shown, with 12 months of each."""
    orders = "No,Buyer,When,Total,Back,Back on\n1,p1,2020-01-15 09:00,10.000,,\n2,p2,2021-06-15 09:00,10.000,,"

    assert any("Shown: 12 months at most." in line for line in page(tmp_path, "--as-of", "2021-06-30", orders=orders))


def test_only_the_last_cohorts_are_shown(tmp_path: Path) -> None:
    """The page says how many cohorts there are."""
    rows = [f"{n},p{n},{2020 + n // 12}-{n % 12 + 1:02}-15 09:00,10.000,," for n in range(30)]
    orders = "\n".join(["No,Buyer,When,Total,Back,Back on", *rows])
    lines = page(tmp_path, "--as-of", "2022-06-30", orders=orders)

    assert any("Shown: the last 3 of 30 cohorts." in line for line in lines)
    assert not any(line.startswith("2022-03 ") for line in lines)
    assert any(line.startswith("2022-04 ") for line in lines)


def test_ids_are_printed_as_text(tmp_path: Path) -> None:
    """Ids that look like markup or emoji are printed unchanged."""
    orders = ORDERS.replace("ani", "[red]a:smile:[/red]")

    assert any("1. [red]a:smile:[/red] Send" in line for line in page(tmp_path, *AS_OF, orders=orders))


@pytest.mark.parametrize(
    ("orders", "mapping", "message"),
    [
        (ORDERS, "currency = 1 2", "mapping orders.toml is not TOML"),
        (ORDERS, MAPPING.replace("zone", "zon"), "did you mean zone"),
        (ORDERS, f'as_of = "2026-05-31"\n{MAPPING}', "as_of: input should be a valid date"),
        (ORDERS.replace("Buyer", "Bayer"), MAPPING, "column 'Buyer' (person_id) is missing"),
        ("", MAPPING, "orders.csv is empty"),
    ],
    ids=["no toml", "unknown key", "day as text", "column missing", "empty"],
)
def test_an_invalid_file_or_mapping_is_one_message(tmp_path: Path, orders: str, mapping: str, message: str) -> None:
    """The message goes to standard error, and the exit code is 2."""
    result = run(*write_files(tmp_path, orders, mapping), *AS_OF)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("lost", ["orders.csv", "orders.toml"])
def test_a_missing_file_is_named(tmp_path: Path, lost: str) -> None:
    """The folders above it are not text_printed."""
    arguments = write_files(tmp_path)
    (tmp_path / lost).unlink()
    result = run(*arguments, *AS_OF)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {lost} cannot be opened: No such file or directory\n"


def test_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named as it was passed."""
    monkeypatch.chdir(tmp_path)
    arguments = write_files(tmp_path)
    result = run("report", ".", *arguments[2:], *AS_OF)

    assert (result.exit_code, result.stderr) == (2, "error: . cannot be opened: Is a directory\n")


def test_a_row_is_never_shown(tmp_path: Path) -> None:
    """A file without a heading, with any line ends, is refused without a word of its content."""
    rows = "8,SECRET dewi,2026-01-01,5,SECRET@x.test,+62 812\n" * 2
    for text in (rows, rows.replace("\n", "\r"), rows.replace(",", ";"), f"SECRET\n{rows}"):
        result = run(*write_files(tmp_path, text), *AS_OF)

        assert result.exit_code == 2
        assert "does not have the mapping's columns" in result.stderr
        assert "SECRET" not in result.output


def test_too_little_memory_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not fit into memory has exit code 1, not 2."""

    def greedy(*_arguments: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(_commands, "read_orders", greedy)
    result = run(*write_files(tmp_path), *AS_OF)

    assert (result.exit_code, result.stderr) == (
        1,
        "error: the file does not fit into memory; use a smaller file\n",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "it never defaults to today"),
        (["--as-of", "yesterday"], "'yesterday' is not a day or an instant"),
        ([*AS_OF, "--tz", "Asia/Jakata"], "'Asia/Jakata' is unknown"),
        ([*AS_OF, "--lapse-after", "half a year"], "text with a unit such as '7 days'"),
        ([*AS_OF, "--lapse-after", "180"], "text with a unit such as '7 days'"),
        ([*AS_OF, "--lapse-after", "0 d"], "above zero"),
        ([*AS_OF, "--rows", "-1"], "--rows"),
        ([*AS_OF, "--limit", "-1"], "--limit"),
        ([*AS_OF, "--within", "1 fortnight"], "--within"),
        ([*AS_OF, "--language", "fr"], "--language"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: list[str], message: str) -> None:
    """The message says what is allowed; the exit code is 2, and nothing is printed."""
    result = run(*write_files(tmp_path), *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())


def test_a_file_with_many_zones_needs_tz(tmp_path: Path) -> None:
    """Days and months need one zone."""
    mapping = MAPPING.replace("Asia/Jakarta", "in the text")
    orders = "No,Buyer,When,Total,Back,Back on\n1,ani,2026-02-01T01:00+07:00,150.000,,\n"
    without = run(*write_files(tmp_path, orders, mapping), *AS_OF)

    assert without.exit_code == 2
    assert "--tz" in without.stderr
    assert "2026-02 1 0 0 0 0*" in page(tmp_path, *AS_OF, "--tz", "Asia/Jakarta", orders=orders, mapping=mapping)


def test_the_version_and_the_help() -> None:
    """The command prints its version and its help."""
    assert run("--version").stdout == f"shopfunnel {version('shopfunnel')}\n"
    assert "report" in run("--help").stdout
    assert "It never defaults to today" in " ".join(run("report", "--help").stdout.split())


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m funnel` is the command `funnel`."""
    monkeypatch.setattr(sys, "argv", ["funnel", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(Path(main.__file__).parents[1] / "__main__.py"), run_name="__main__")

    assert (end.value.code, capsys.readouterr().out) == (0, f"shopfunnel {version('shopfunnel')}\n")


@pytest.mark.no_cover
def test_the_command_runs_on_a_pipe(tmp_path: Path) -> None:
    """The program prints plain text without colour codes, the same each time, and nothing else."""
    arguments = [sys.executable, "-m", "funnel", *write_files(tmp_path), *AS_OF]
    first, second = (subprocess.run(arguments, check=True, capture_output=True, text=True) for _ in range(2))

    assert first.stdout == second.stdout
    assert "\x1b" not in first.stdout
    assert first.stderr == ""
    assert "People to contact today" in first.stdout
    assert all(line == line.rstrip() for line in first.stdout.splitlines())


def test_unencodable_characters_become_question_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is printed if the pipe's encoding does not have a character."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "argv", ["funnel", *write_files(tmp_path, ORDERS.replace("ani", "łni")), *AS_OF])

    with pytest.raises(SystemExit) as caught:
        main.main()
    sys.stdout.flush()

    assert caught.value.code == 0
    assert b"?ni" in raw.getvalue()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that installs them, and no traceback."""
    monkeypatch.setattr(main, "installed", lambda name: name == "polars")

    with pytest.raises(SystemExit, match=r"needs rich, typer; run: pip install 'shopfunnel\[cli\]'"):
        main.main()


def test_the_progress_bar_needs_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar does not change the page."""
    terminal = io.StringIO()
    arguments = [*write_files(tmp_path), *AS_OF]
    plain = run(*arguments).stdout
    monkeypatch.setattr(_commands, "_terminal", lambda: Console(file=terminal, force_terminal=True, width=80))

    assert run(*arguments).stdout == plain
    assert "evaluating" in terminal.getvalue()


def test_the_page_has_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a pipe the width is fixed, whatever the environment says."""
    monkeypatch.setenv("COLUMNS", "57")
    monkeypatch.setattr(sys, "stdout", _Terminal())
    wide = _commands._console().width
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert (wide, _commands._console().width) == (57, 120)


# ---- the program's end ----


def exit_code_of(monkeypatch: pytest.MonkeyPatch, *arguments: str, out: object = None) -> int:
    """Run the program and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["funnel", *arguments])
    if out is not None:
        monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as end:
        main.main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("option", ["--version", "--help", "report"])
def test_a_full_disk_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """This holds for the shortest output too."""
    arguments = [*write_files(tmp_path), *AS_OF] if option == "report" else [option]
    with Path("/dev/full").open("w") as out:
        assert exit_code_of(monkeypatch, *arguments, out=out) == 1
    assert capsys.readouterr().err == "error: the page cannot be written: No space left on device\n"


def test_a_closed_pipe_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that is piped into head ends without a message."""
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "w") as out:  # what is left in its buffer fails once more
        assert exit_code_of(monkeypatch, *write_files(tmp_path), *AS_OF, out=out) == 1
    assert capsys.readouterr().err == ""


def test_a_closed_output_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without standard output there is a message; without standard error there is none."""
    monkeypatch.setattr(sys, "stdout", None)
    assert exit_code_of(monkeypatch, "--version") == 1
    assert "standard output is closed" in capsys.readouterr().err

    monkeypatch.setattr(sys, "stderr", None)
    assert exit_code_of(monkeypatch, "--version") == 1


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (KeyError("SECRET"), 1, "error: unexpected KeyError; please report it\n"),
        (RecursionError("SECRET"), 1, "error: unexpected RecursionError; please report it\n"),
        (BaseException("SECRET"), 1, "error: unexpected BaseException; please report it\n"),
        (SystemExit("SECRET"), 1, ""),
    ],
)
def test_no_traceback_is_shown(  # noqa: PLR0913, PLR0917 (fixtures)
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    code: int,
    message: str,
) -> None:
    """Every error is one line without a value, and Ctrl-C has no message."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise fault

    monkeypatch.setattr(_commands, "read_orders", fail)

    assert exit_code_of(monkeypatch, *write_files(tmp_path), *AS_OF) == code
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(("fault", "code"), [(KeyboardInterrupt(), 130), (None, 0)])
def test_the_program_may_be_stopped_before_the_command(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException | None, code: int
) -> None:
    """Ctrl-C outside the command has no traceback; a command that returns has exit code 0."""

    def app(**_options: object) -> None:
        if fault is not None:
            raise fault

    monkeypatch.setattr(_commands, "app", app)

    assert exit_code_of(monkeypatch) == code


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
    """An invalid port, driver or option is reported without the password."""
    result = run("report", address, *AS_OF, "--tz", "UTC")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "SECRET" not in result.output


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


EXPORTS = Path(__file__).parents[1] / "readers" / "exports"


def contacts_in(sample: Sample) -> list[str]:
    """Return the e-mail addresses and telephone numbers of a sample, as its cells and as its ids."""
    data = sample.read(sample.path)
    people = [person for table in (data.purchases, data.leads) for person in table["person_id"]]
    text = " ".join([sample.path.read_text(encoding="utf-8-sig").lower(), *people])
    return re.findall(r"[\w.]+@[\w.]+|\+?62812\d+|\b0812\d+", text)


FIRST = {(one.name.rpartition(".")[2], *one.options): one for one in reversed(SAMPLES.values())}.values()
"""The first export of each kind with the same options; the readers' tests recognise all of them in each run."""


@pytest.mark.parametrize(
    "sample",
    [pytest.param(one, id=name, marks=() if one in FIRST else pytest.mark.more) for name, one in SAMPLES.items()],
)
def test_every_known_export_needs_no_mapping(sample: Sample) -> None:
    """The export of each platform is recognised, and the page says as which, and why."""
    options = [
        part
        for name in ("currency", "time_format", "calling_code", "encoding", "amount_style")
        if name in sample.options
        for part in (f"--{name.replace('_', '-')}", str(sample.options[name]))  # type: ignore[literal-required]
    ]
    for text, state in sample.options.get("statuses", {}).items():
        options += ["--statuses", f"{text}={state}"]
    result = run("report", str(sample.path), "--as-of", "2026-12-31", "--tz", "Europe/Vienna", *options)

    assert not [cell for cell in contacts_in(sample) if cell in result.output]
    if sample.path.name == "amazon.orders.all.csv":  # its orders have no buyers
        assert "no row was kept" in result.stderr
        return
    assert (result.exit_code, result.stderr) == (0, "")
    assert "read as " in result.stdout
    assert "which has the columns '" in " ".join(result.stdout.split())


def test_several_files_of_a_shop_are_one() -> None:
    """An order that two files have is one order, and the page names the first file."""
    path = str(EXPORTS / "shopify.orders.csv")
    result = run("report", path, path, *AS_OF, "--tz", "Asia/Jakarta")
    lines_printed = [" ".join(line.split()) for line in result.stdout.splitlines()]

    assert lines_printed[0] == "shopify.orders.csv and 1 more, as of 2026-06-01 23:59 (Asia/Jakarta)"
    assert "read 14 rows in the files" in lines_printed
    assert "read 4 purchases" in lines_printed


def test_an_unknown_file_is_told_how_to_go_on(tmp_path: Path) -> None:
    """A file that is not a known export needs a mapping, and the message names the command that proposes one."""
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS, encoding="utf-8")
    result = run("report", str(path), *AS_OF, "--tz", "Asia/Jakarta")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: orders.csv is not a known export; pass a mapping of its columns")
    assert "funnel map" in result.stderr


def test_a_mapping_reads_several_files(tmp_path: Path) -> None:
    """The files are one shop; options that no mapping has are a wrong call beside one."""
    _, path, *options = write_files(tmp_path)
    text_printed = run("report", path, path, *options, *AS_OF).stdout

    assert "row of an order that another file has too" in " ".join(text_printed.split())
    assert "for exports without a mapping" in run("report", path, *options, *AS_OF, "--calling-code", "62").stderr
    assert "add the column" in run("report", path, *options, *AS_OF, "--statuses", "a=paid").stderr


def test_options_fill_and_override_a_mapping(tmp_path: Path) -> None:
    """An option sets an absent key and overrides another; times stay in the zone of the mapping."""
    keys = 'currency = "USD"\n[columns]\nid = "No"\nperson_id = "Buyer"\npurchased_at = "When"\namount = "Total"\n'
    keys += 'status = "State"\n[statuses]\ndone = "cancelled"\n'
    orders = "No,Buyer,When,Total,State\n1,ani,2026-02-01 01:00,150.000,done\n2,ani,2026-02-09 01:00,150.000,sent\n"
    passed = ["--tz", "Asia/Jakarta", "--currency", "IDR", "--amount-style", "id"]
    lines = page(
        tmp_path, *AS_OF, *passed, "--statuses", "sent=shipped", "--statuses", "done=paid", orders=orders, mapping=keys
    )

    assert "read 2 purchases" in lines
    assert any("bought and paid Rp0" in line for line in lines)
    assert not any("of them cancelled" in line for line in lines)
    reporting = read_mapping(tmp_path / "orders.toml", {"currency": "IDR", "rates": tmp_path / "rates.csv"}, "UTC")
    assert (reporting.currency, reporting.zone) == ("USD", "UTC")
    assert "zone: field required" in run(*write_files(tmp_path, orders, keys), "--as-of", "2026-06-01T00:00Z").stderr


SHEET = "Tanggal,WA,Produk,Total,Status\n01/06/2025,081200000001,Téh,Rp 50.000,diproses\n"


def test_an_export_is_read_with_the_options_of_its_reader(tmp_path: Path) -> None:
    """Encoding, calling code and the meaning of a status may be passed; a key file replaces telephone numbers."""
    path, key = tmp_path / "orders.csv", tmp_path / "key"
    path.write_text(SHEET, encoding="cp1252")
    key.write_bytes(b"a key of the shop\n")
    options = ["--encoding", "cp1252", "--calling-code", "62", "--statuses", "diproses=paid"]
    call = ["report", str(path), *AS_OF, "--tz", "Asia/Jakarta", "--currency", "IDR", *options]

    assert "1. order of 2025-06-01 Invite them back" in " ".join(run(*call).stdout.split())
    assert "1. +6281200000001 Invite them back" in " ".join(run(*call, "--contacts").stdout.split())
    hidden = run(*call, "--secret-file", str(key))
    assert "Invite them back" in hidden.stdout
    assert "6281200000001" not in hidden.stdout


ONE_DAY = (
    SHEET.replace("Tanggal", "Date")
    .replace("Produk", "Product")
    .replace("01/06/2025", "01/06/2025 09:00")
    .replace(".000", "000")
)
STRIPE = """id,Created date (UTC),Amount,Currency,Status,Customer ID,Amount Refunded
ch_1,2026-03-01 02:00:10,5.00,usd,Paid,cus_1,0.00
ch_2,2026-03-01 02:00:10,5.00,eur,Paid,cus_2,0.00
"""


@pytest.mark.parametrize(
    ("text", "encoding", "message", "remedy"),
    [
        (SHEET, "cp1252", "or pass its encoding", ["--encoding", "cp1252"]),
        (SHEET.replace("é", "e"), "utf-16-le", "pass --encoding utf-16-le or", ["--encoding", "utf-16-le"]),
        (SHEET.replace("Rp ", ""), "utf-8", "pass --currency, such as --currency IDR", ["--currency", "IDR"]),
        (ONE_DAY, "utf-8", "pass --time-format to say which", ["--time-format", "%d/%m/%Y %H:%M"]),
        (STRIPE, "utf-8", "pass --currency to read the orders of one", ["--currency", "EUR"]),
    ],
)
def test_each_error_of_a_reader_names_an_option_that_helps(
    tmp_path: Path, text: str, encoding: str, message: str, remedy: list[str]
) -> None:
    """The error names the option, and with the option there is a page; a currency that is known is passed before."""
    path = tmp_path / "orders.csv"
    path.write_bytes(text.encode(encoding))
    call = ["report", str(path), *AS_OF, "--tz", "Asia/Jakarta", "--statuses", "diproses=paid"]
    if "currency" not in message:
        call += ["--currency", "IDR"]
    result = run(*call)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert run(*call, *remedy).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--statuses", "diproses"], "statuses must be a text of the export and its state, such as diproses=paid"),
        (["--statuses", "diproses=payed"], "did you mean 'paid'?"),
        (["--calling-code", "+62"], "calling_code must be the digits"),
        (["--encoding", "klingon"], "encoding is 'klingon', which Python does not know"),
        (["--amount-style", "indo"], "amount_style must be"),
        (["--unpaid", "keep"], "unpaid must be"),
        (["--undated-refunds", "now"], "undated_refunds must be"),
        (["--secret-file", "none"], "none cannot be opened"),
    ],
)
def test_a_wrong_option_of_a_reader_is_one_message(tmp_path: Path, options: list[str], message: str) -> None:
    """The message says what is allowed; no traceback, and no cell of the file."""
    path = tmp_path / "orders.csv"
    path.write_text(SHEET.replace("é", "e"), encoding="utf-8")
    result = run("report", str(path), *AS_OF, "--tz", "Asia/Jakarta", "--currency", "IDR", *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "081200000001" not in result.stderr


def test_leads_alone_have_a_page() -> None:
    """Stages and leads by source are text_printed; the sections about buyers say what they need."""
    result = run("report", str(EXPORTS / "meta.leads.csv"), *AS_OF, "--tz", "Asia/Jakarta")
    lines_printed = [" ".join(line.split()) for line in result.stdout.splitlines()]

    assert (result.exit_code, result.stderr) == (0, "")
    for line in (
        "Lead 2 100.0 %",
        "facebook 2 1 2026-03-01 2026-03-03",
        "instagram 1 1 2026-03-01 2026-03-01",
        "Conversion, repeat rates, cohorts and rhythms need purchases: pass the export of the orders too.",
    ):
        assert line in lines_printed
    assert not any("bought again" in line for line in lines_printed)


def test_only_the_largest_sources_of_leads_are_shown(tmp_path: Path) -> None:
    """The page says how many sources there are, and leads after the as-of instant are not counted."""
    head = "id,created_time,form_id,adset_id,platform,email\n"
    rows = "".join(f"{n},2026-03-01T09:00:00+07:00,f,a,source {n:02},p{n}@example.com\n" for n in range(12))
    late = "99,2026-07-01T09:00:00+07:00,f,a,late,late@example.com\n"
    path = tmp_path / "leads.csv"
    path.write_text(head + rows + late, encoding="utf-8")
    result = run("report", str(path), *AS_OF, "--tz", "Asia/Jakarta")

    assert "source 04 " in result.stdout
    assert "source 05 " not in result.stdout
    assert "Shown: 5 of 12." in result.stdout


def test_a_mapping_is_proposed(tmp_path: Path) -> None:
    """`funnel map` prints TOML on standard output; an error is one line on the other side."""
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS, encoding="utf-8")
    result = run("map", str(path))

    assert (result.exit_code, result.stderr) == (0, "")
    assert 'amount = "Total"' in result.stdout
    assert (
        run("map", str(tmp_path / "none.csv")).stderr == "error: none.csv cannot be opened: No such file or directory\n"
    )
