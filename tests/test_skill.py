"""The skill for coding agents: its header, its scripts and its place in the wheel."""

from __future__ import annotations

import json
import re
import runpy
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import funnel
from tests.cli.shop import write_files

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., str]

SKILL = Path(funnel.__file__).parent / ".agents" / "skills" / "shopfunnel"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return how a script is run on a small file with its mapping."""
    _, file, *mapping = write_files(tmp_path)
    monkeypatch.syspath_prepend(SKILL / "scripts")

    def run_script(name: str, *arguments: str) -> str:
        call = [name, file, *arguments, *mapping, "--as-of", "2026-06-01", "--tz", "Asia/Jakarta"]
        monkeypatch.setattr("sys.argv", call)
        runpy.run_path(str(SKILL / "scripts" / name))
        return capsys.readouterr().out

    return run_script


def header() -> dict[str, str]:
    """Return the fields above the text of the skill."""
    text = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^ *([a-z]+): *(.+)$", text.split("---\n")[1], re.MULTILINE))


def test_the_header_is_that_of_the_open_format() -> None:
    """The name is the name of the folder, the description is short, and the version is that of the package."""
    fields = header()

    assert fields["name"] == SKILL.name
    assert 100 < len(fields["description"]) <= 1024
    assert len(fields["compatibility"]) <= 500
    assert fields["version"].strip('"') == version("shopfunnel")


def test_every_script_is_named_in_the_text() -> None:
    """The text has a line for each script, and names no other."""
    text = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    scripts = {path.name for path in (SKILL / "scripts").glob("[a-z]*.py")}

    assert set(re.findall(r"scripts/(\w+\.py)", text)) == scripts


def test_the_summary_is_json(run: Run) -> None:
    """It has the account, people per stage, and rates with counts and intervals."""
    summary = json.loads(run("summarize.py"))

    assert summary["account"][0] == "read 8: rows in the file"
    assert summary["people_by_stage"] == {"prospect": 1, "customer": 1, "repeat_customer": 1, "lapsed": 1}
    assert summary["bought_again_by_now"]["successes"] == 1
    assert summary["bought_again_by_now"]["trials"] == 3


def test_a_person_is_explained(run: Run) -> None:
    """The stage has its conditions, and the next action is a sentence."""
    text = run("explain_person.py", "ani")

    assert text.startswith("repeat_customer\n  because purchase_count >= 1")
    assert "the stage changes at 2026-08-28 09:00:00.000001+07:00" in text
    assert "Send a reminder: they last bought 92 days ago" in text
    assert "the stage stays as it is" in run("explain_person.py", "budi")
    with pytest.raises(SystemExit, match="error: the logs have no record of 'nobody'"):
        run("explain_person.py", "nobody")


def test_two_limits_are_compared(run: Run) -> None:
    """One person has lapsed with 180 days, and not with 400."""
    assert run("compare_lapse.py", "180", "400").startswith("1 of 4 people get a different answer on 2026-06-01")


def test_an_export_needs_no_mapping(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, root: Path
) -> None:
    """A known export is read as it is, and another file is one line of error."""
    monkeypatch.syspath_prepend(SKILL / "scripts")
    call = [
        "summarize.py",
        str(root / "tests/readers/exports/shopify.orders.csv"),
        "--as-of",
        "2026-12-31",
        "--tz",
        "UTC",
    ]
    monkeypatch.setattr("sys.argv", call)
    runpy.run_path(str(SKILL / "scripts" / "summarize.py"))
    assert "Shopify orders export" in capsys.readouterr().out

    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", [*call[:1], str(tmp_path / "other.csv"), *call[2:]])
    with pytest.raises(SystemExit, match="error: "):
        runpy.run_path(str(SKILL / "scripts" / "summarize.py"))
