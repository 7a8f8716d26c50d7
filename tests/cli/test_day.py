"""The list of the day, the page of one person, and the check of a file of rules, on the command line."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from funnel import Contact, Customer, Lead, Money, Purchase, SqliteStore
from funnel.interactions import Question
from tests.cli.shop import write_files
from tests.cli.test_cli import AS_OF, run
from tests.strategies import CANARY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATELY = datetime(2026, 5, 31, 12, tzinfo=UTC)
REMINDER = "Send a reminder: they last bought 92 days ago; they usually buy every 29 days."
ZONE = ["--tz", "Asia/Jakarta"]


def files(folder: Path) -> list[str]:
    """The shop's file, with its mapping, as arguments."""
    return write_files(folder)[1:]


def store(folder: Path) -> str:
    """A store with a person who asked, and said more than anybody else should see."""
    path = folder / "shop.db"
    with SqliteStore(path) as shop:
        amount = Money(150_000, "IDR")
        question = Question(id="q", person_id="sari", occurred_at=LATELY, text=CANARY)
        shop.append(question, Purchase(id="1", person_id="=sum(1)", purchased_at=NOON, amount=amount), recorded_at=NOON)
        shop.append(Lead(person_id="sari", arrived_at=NOON, contact=Contact(handle=CANARY)), recorded_at=NOON)
        shop.put_customer(Customer(person_id="sari", name=CANARY, address=CANARY), recorded_at=NOON)
    return str(path)


# ---- the list of the day -------------------------------------------------------------------------------------------


def test_the_list_of_the_day_is_printed(tmp_path: Path) -> None:
    """Each person once, with the due time in the shop's zone, the value, the action and the reason."""
    result = run("worklist", *files(tmp_path), *AS_OF)

    assert (result.exit_code, result.stderr) == (0, "")
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "person due at stake what to do, and why",
        f"ani 2026-04-14 15:00 Rp250.000 {REMINDER}",
        "budi 2025-11-28 09:00 Rp75.000 Invite them back: they have bought once; they last bought 365 days ago.",
    ]


def test_the_list_has_limits_an_order_and_a_language(tmp_path: Path) -> None:
    """The options are those of the worklist."""
    shop = files(tmp_path)
    limited = run("worklist", *shop, *AS_OF, "--limit", "1", "--order", "value", "--language", "id").stdout
    without = run("worklist", *shop, *AS_OF, "--at-most", "remind=0").stdout

    assert "Kirim pengingat" in limited
    assert "budi" not in limited
    assert "ani" not in without
    assert "budi" in without


def test_the_list_is_written_as_a_file(tmp_path: Path) -> None:
    """One row for each person; the page has the number of people and the name of the file."""
    target = tmp_path / "today.csv"
    result = run("worklist", *files(tmp_path), *AS_OF, "-o", str(target))

    assert result.stdout == f"2 people: {target}\n"
    with target.open(encoding="utf-8", newline="") as file:
        first, *_ = csv.DictReader(file)
    assert first == {
        "person": "ani",
        "person_id": "ani",
        "next_action": "remind",
        "due_at": "2026-04-14T15:00+07:00",
        "value": "250000",
        "currency": "IDR",
        "reason": REMINDER,
    }


def test_a_list_of_a_store_shows_ids_alone(tmp_path: Path) -> None:
    """Texts, names and addresses are on no list; an id that a spreadsheet would compute is written as text."""
    address, target = store(tmp_path), tmp_path / "today.csv"
    printed = run("worklist", address, "--as-of", "2026-12-01", *ZONE).stdout
    run("worklist", address, "--as-of", "2026-12-01", *ZONE, "-o", str(target))
    csv_text = target.read_text(encoding="utf-8")

    assert "=sum(1)" in printed
    assert "\n'=sum(1),'=sum(1),win_back" in csv_text
    assert CANARY not in printed + csv_text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at-most", "remind"], "a limit must be an action and a number"),
        (["--at-most", "remaind=1"], "did you mean 'remind'?"),
        (["--order", "size"], "order must be 'urgency' or 'value'"),
        (["--language", "fr"], "language must be 'en' or 'id'"),
        (["-o", "/"], "cannot be written"),
    ],
)
def test_a_wrong_option_of_the_list_is_reported_in_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    """Exit code 2, without a traceback."""
    result = run("worklist", *files(tmp_path), *AS_OF, *options)

    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


# ---- one person ----------------------------------------------------------------------------------------------------


def test_the_page_of_a_person(tmp_path: Path) -> None:
    """Six facts without the identity, the stage and the next action."""
    shop, *mapping = files(tmp_path)
    result = run("profile", shop, "ani", *mapping, *AS_OF)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "person: ani",
        "items: not known",
        "purchases: 3 times, every 29 d 12 h on average",
        "last purchase: 2026-03-01 09:00 Asia/Jakarta, 92 d 14 h ago",
        "amount: Rp750.000 in all, Rp250.000 on average",
        "last interaction: none",
        "feedback: none",
        "stage: Repeat customer",
        f"next action: {REMINDER}",
    ]


def test_the_page_of_a_person_has_contacts_on_request(tmp_path: Path) -> None:
    """Without the option names, addresses and texts are hidden."""
    address = store(tmp_path)
    plain = run("profile", address, "sari", *AS_OF, *ZONE)
    personal = run("profile", address, "sari", *AS_OF, *ZONE, "--contacts")

    assert "next action: Answer the question" in plain.stdout
    assert CANARY not in plain.stdout
    assert f"identity: {CANARY}" in personal.stdout


def test_a_person_without_records_is_an_error(tmp_path: Path) -> None:
    """The same for a file and a store."""
    shop, *mapping = files(tmp_path)
    for arguments in ([shop, "nobody", *mapping], [store(tmp_path), "nobody", *ZONE]):
        result = run("profile", *arguments, *AS_OF)

        assert result.exit_code == 2
        assert "no record of 'nobody'" in result.stderr


# ---- rules ---------------------------------------------------------------------------------------------------------

RULES = '''
from __future__ import annotations

from funnel import Facts, Policy, is_lapsed, rule


class ShopPolicy(Policy, frozen=True):
    """A policy of a shop."""

    many: int


@rule
def is_regular(f: Facts, policy: ShopPolicy) -> bool:
    """Whether the person buys often."""
    return f.purchase_count >= policy.many


SHOP = ShopPolicy(many=5)


@rule
def has_bought_at_all(f: Facts, policy: Policy) -> bool:
    """Whether the person has bought."""
    return f.purchase_count > 0
'''


def rules_file(folder: Path, text: str) -> str:
    """A file of rules."""
    (folder / "rules.py").write_text(text, encoding="utf-8")
    return str(folder / "rules.py")


def test_each_rule_of_a_file_is_checked(tmp_path: Path) -> None:
    """The rules that the file defines, with the size of their tables; its policy is used if it has one."""
    result = run("check", rules_file(tmp_path, RULES))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "is_regular: 2 paths, 2 answers, 1 fact",
        "has_bought_at_all: 2 paths, 2 answers, 1 fact",
    ]


def test_a_rule_that_does_not_compile_is_reported(tmp_path: Path) -> None:
    """The other rules are checked too, and the exit code is 2."""
    bad = "\n\n@rule\ndef reads_the_clock(f: Facts, policy: Policy) -> bool:\n    return f.purchase_cont > 0\n"
    without = RULES.replace("SHOP = ShopPolicy(many=5)", "")
    result = run("check", rules_file(tmp_path, without + bad))
    lines = result.stdout.splitlines()

    assert result.exit_code == 2
    assert lines[0].startswith("is_regular: ShopPolicy has 1 fault")
    assert lines[1] == "has_bought_at_all: 2 paths, 2 answers, 1 fact"
    assert "purchase_count" in lines[2]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "rules.py defines no rule"),
        ("from funnel import is_lapsed", "rules.py defines no rule"),
        ("1 / 0", "rules.py cannot be run: ZeroDivisionError"),
        ("def (", "rules.py cannot be run: SyntaxError"),
    ],
)
def test_a_file_without_rules_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    """An error in the file is one line."""
    result = run("check", rules_file(tmp_path, text))

    assert result.exit_code == 2
    assert message in result.stderr


def test_only_python_files_are_run(tmp_path: Path) -> None:
    """Another file, or none, is refused without being read."""
    (tmp_path / "rules.txt").write_text("1 / 0", encoding="utf-8")
    for name in ("rules.txt", "missing.py"):
        assert f"{name} is not a Python file" in run("check", str(tmp_path / name)).stderr


def test_the_shell_can_complete_commands() -> None:
    """The options that install completion are in the help."""
    assert "--install-completion" in run("--help").stdout
