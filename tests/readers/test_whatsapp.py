"""WhatsApp chats: questions, answers, follow-ups and visits, in every layout, with every message accounted for."""

from __future__ import annotations

import random
import time
import zipfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel import Policy, stage
from funnel.errors import ArgumentError, FileError, FunnelError, RecordError
from funnel.readers import whatsapp
from funnel.readers._chat_texts import is_question
from tests.readers.chats import (
    CLOCK,
    DAY,
    GROUP,
    IPHONE,
    LAYOUTS,
    SAMPLES,
    SARI,
    START,
    Line,
    accounted,
    chat_text,
    count,
    kinds,
    lines_that_begin,
    read,
    saved,
    talk,
)
from tests.readers.exports import broken, same
from tests.readers.test_exports import BROKEN

# ---- records ---------------------------------------------------------------------------------------------------------


def test_an_android_chat_in_indonesian() -> None:
    """Questions, their answers, a follow-up after a silence, and visits; notices and deleted messages are refused."""
    data = read(SARI)
    assert kinds(data) == [
        ("30 09:15", "Sari Wulandari", "visit"),
        ("30 09:15", "Sari Wulandari", "question"),
        ("30 09:16", "Sari Wulandari", "question"),
        ("30 09:40", "Sari Wulandari", "answer"),
        ("30 09:40", "Sari Wulandari", "answer"),
        ("03 10:00", "Sari Wulandari", "follow_up"),
        ("03 12:30", "Sari Wulandari", "visit"),
        ("10 19:05", "Sari Wulandari", "question"),
        ("11 07:45", "Sari Wulandari", "answer"),
    ]
    answers = data.interactions.filter(kind="answer")["regarding"].to_list()
    assert answers == data.interactions.filter(kind="question")["id"].to_list()
    assert set(data.interactions["direction"].unique()) == {"in", "out"}
    assert str(data).splitlines() == [
        "read 15: messages in the file",
        "read 12: messages kept",
        "read 3: questions",
        "read 3: answers",
        "read 1: follow-ups",
        "read 2: visits",
        "read 4: of the kept messages without a record of their own",
        "refused 2: notice of WhatsApp, not a message (rows 1, 13)",
        "refused 1: deleted message (row 11)",
    ]


def test_an_iphone_chat_in_english() -> None:
    """Direction marks and narrow spaces are not part of a time, a name or a text; a number is a telephone number."""
    data = read(IPHONE, contacts=True)
    person = "+6281234567890"
    assert kinds(data) == [
        ("12 09:05", person, "question"),
        ("12 13:20", person, "answer"),
        ("20 16:00", person, "follow_up"),
        ("20 16:10", person, "visit"),
    ]
    assert data.interactions["occurred_at"][0] == datetime(2025, 9, 12, 2, 5, 10, tzinfo=UTC)
    assert data.customers.rows() == [(person, "", "", person, "")]


def test_a_group() -> None:
    """In a group each sender is a person; a message of the shop answers the open questions of all, or has no person."""
    data = read(GROUP)
    assert kinds(data) == [
        ("30 18:10", "Budi Santoso", "question"),
        ("30 18:11", "Dewi Lestari", "question"),
        ("30 18:20", "Budi Santoso", "answer"),
        ("30 18:20", "Dewi Lestari", "answer"),
    ]
    assert count(data, "message of the shop to a group without an open question") == 1
    assert count(data, "notice of WhatsApp") == 3


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_message_is_accounted_for(path: Path) -> None:
    """Lines that begin with a date are the messages read, and each is kept, merged or refused."""
    data = read(path)
    expected = lines_that_begin(path.read_text("utf-8"))
    assert count(data, "messages in the file") == accounted(data) == expected


def test_records_count_what_the_table_has() -> None:
    """The account counts the records of each kind, and messages with and without a record are the kept ones."""
    data = read(SAMPLES)
    by_kind = {
        kind: data.interactions.filter(kind=kind).height for kind in ("question", "answer", "follow_up", "visit")
    }
    assert list(by_kind.values()) == [count(data, name) for name in ("questions", "answers", "follow-ups", "visits")]
    inbound = by_kind["question"] + by_kind["visit"]
    answering = data.interactions.filter(kind="answer").n_unique(["occurred_at"])
    silent = count(data, "of the kept messages without a record")
    assert count(data, "messages kept") == inbound + answering + by_kind["follow_up"] + silent


def test_the_logs_of_a_chat_are_valid() -> None:
    """The records make valid logs, and everyone in them has a stage."""
    logs = read(SAMPLES).logs()
    stages = stage.over(logs, Policy(), as_of=datetime(2025, 10, 1, tzinfo=UTC))
    people = {"+6281234567890", "Budi Santoso", "Dewi Lestari", "Sari Wulandari"}
    assert set(stages["person_id"].to_list()) == people


def test_silence_is_stated() -> None:
    """A shorter silence makes a follow-up of a message that a longer one does not."""
    assert count(read(SARI, silence="5 days"), "follow-ups") == 0
    assert count(read(SARI, silence="1 min"), "follow-ups") == 3


def test_the_first_message_of_a_shop_is_a_follow_up(tmp_path: Path) -> None:
    """A chat that the shop began has a follow-up; the person is the name of the file if nobody else wrote."""
    text = chat_text(
        talk((0, "Toko Kita", "halo"), (0.1, "Toko Kita", "ada promo"), (30, "Toko Kita", "besok terakhir"))
    )
    data = read(saved(tmp_path, text), date_order="dmy")
    assert [(person, kind) for _, person, kind in kinds(data)] == [("Sari", "follow_up")] * 2


def test_a_shop_alone_has_no_person(tmp_path: Path) -> None:
    """If nobody else wrote and the file has no name of a person, the messages of the shop are refused."""
    text = chat_text(talk((0, "Toko Kita", "halo")))
    data = read(saved(tmp_path, text, "_chat.txt"), date_order="dmy")
    assert count(data, "message of the shop to an unknown person") == accounted(data) == 1
    notice = chat_text(talk((0, "", 'Sari created group "Promo"'), (1, "Toko Kita", "halo")))
    assert read(saved(tmp_path, notice), date_order="dmy").interactions.is_empty()


def test_the_folder_of_an_iphone_names_the_chat(tmp_path: Path) -> None:
    """`_chat.txt` is named by its folder."""
    text = chat_text(talk((0, "Toko Kita", "halo")), layout="iphone")
    data = read(saved(tmp_path / "WhatsApp Chat - Sari (2)", text, "_chat.txt"), date_order="dmy")
    assert data.interactions["person_id"].to_list() == ["Sari"]


# ---- layouts ---------------------------------------------------------------------------------------------------------

CHAT = talk(
    (0, "Sari", "ada ukuran L?\nwarna merah"),
    (0.5, "Toko Kita", "ada"),
    (14, "Sari", "ok"),
    (400, "Toko Kita", "jadi kak?"),
)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("clock", CLOCK)
@pytest.mark.parametrize("order", DAY)
def test_every_layout_gives_the_same(tmp_path: Path, order: str, clock: str, layout: str) -> None:
    """The records of a chat do not depend on the layout of its export; the order of the days is proven."""
    data = read(saved(tmp_path, chat_text(CHAT, order=order, clock=clock, layout=layout)), texts=True)
    assert same(data, read(saved(tmp_path, chat_text(CHAT)), texts=True, date_order="dmy"))
    assert data.interactions["text"][0] == "ada ukuran L?\nwarna merah"
    assert data.interactions["kind"].to_list() == ["question", "answer", "follow_up"]


def test_days_that_go_back_prove_the_other_order(tmp_path: Path) -> None:
    """Without a day above 12, the order in which the days never go back is the right one."""
    lines = [(START + timedelta(days=days), "Sari", "ada?") for days in (0, 35)]
    text = chat_text(lines)
    assert text.startswith("01/08/25")
    assert "05/09/25" in text
    with pytest.raises(ArgumentError, match="the file: its dates may be day first or month first; pass date_order"):
        read(saved(tmp_path, text))
    lines.insert(1, (START + timedelta(days=10), "Sari", "ada?"))
    assert read(saved(tmp_path, chat_text(lines))).interactions["occurred_at"][0].month == 8
    assert read(saved(tmp_path, text), date_order="mdy").interactions["occurred_at"][0].month == 1


def test_days_of_both_orders_are_refused(tmp_path: Path) -> None:
    """Days that no order allows are refused, and with a declared order the impossible ones are counted."""
    text = "30/08/25 09.00 - Sari: ada?\n08/30/25 09.00 - Sari: ada?\n"
    with pytest.raises(ArgumentError, match="neither all day first nor all month first"):
        read(saved(tmp_path, text))
    data = read(saved(tmp_path, text), date_order="dmy")
    assert count(data, "time that does not exist") == 1
    assert accounted(data) == 2


def test_a_declared_order_that_the_days_refute_is_refused(tmp_path: Path) -> None:
    """A declared order with impossible days is an error if another order has none."""
    with pytest.raises(ArgumentError, match="date_order='mdy' gives days that do not exist; pass date_order='dmy'"):
        read(SARI, date_order="mdy")
    short = saved(tmp_path, "25/08/30 09.00 - Sari: ada?\n")
    assert read(short, date_order="ymd").interactions["occurred_at"][0].year == 2025


@pytest.mark.parametrize("clock", ["25.00", "13.00 PM", "00.10 AM", "09.75"])
def test_impossible_times_are_counted(tmp_path: Path, clock: str) -> None:
    """A time that no clock shows is refused."""
    data = read(saved(tmp_path, f"30/08/25 {clock} - Sari: ada?\n"))
    assert count(data, "time that does not exist") == 1


def test_a_time_that_the_clock_skipped_or_showed_twice(tmp_path: Path) -> None:
    """The skipped hour in spring is refused; of the doubled hour in autumn the first is used."""
    text = "30/03/25 02.30 - Sari: ada?\n26/10/25 02.30 - Sari: ada?\n"
    data = read(saved(tmp_path, text), zone="Europe/Vienna")
    assert data.interactions["occurred_at"].to_list() == [datetime(2025, 10, 26, 0, 30, tzinfo=UTC)]
    assert count(data, "time that does not exist") == 1


def test_lines_of_another_layout_are_text(tmp_path: Path) -> None:
    """A pasted chat is the text of a message; lines above the first message are noted."""
    text = "foo\n" + chat_text(CHAT) + "[01/02/25, 10:00:00] Budi: ada?\n"
    data = read(saved(tmp_path, text.replace("\n", "\r\n")), date_order="dmy", texts=True)
    assert count(data, "line like a message of another layout, read as text") == 1
    assert count(data, "line above the first message") == 1
    assert data.interactions["text"][-1] == "jadi kak?\n[01/02/25, 10:00:00] Budi: ada?"


def test_media_with_a_caption_has_words(tmp_path: Path) -> None:
    """A caption below a picture is a message; a picture alone is never a question; nor is an empty message."""
    text = chat_text(
        talk((0, "Sari", "<Media omitted>\nini ada?"), (1, "Sari", "IMG-1.jpg (file attached)"), (2, "Sari", ""))
    )
    data = read(saved(tmp_path, text), date_order="dmy", texts=True)
    assert data.interactions.select("kind", "text").rows() == [("question", "ini ada?")]
    assert count(data, "messages kept") == 3


def test_marked_lines_of_an_iphone_are_notices(tmp_path: Path) -> None:
    """On an iPhone a text that begins with a mark is written by WhatsApp, also under the name of a group."""
    text = chat_text(talk((0, "Promo", "\u200eBudi did something new"), (1, "Sari", "ada?")), layout="iphone")
    data = read(saved(tmp_path, text, "_chat.txt"), date_order="dmy")
    assert [person for _, person, _ in kinds(data)] == ["Sari"]


# ---- several exports -------------------------------------------------------------------------------------------------

messages = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from(["Sari", "Toko Kita"]), st.sampled_from(["ada?", "ok kak", "ya"])),
    min_size=1,
    max_size=20,
)


def chat_of(steps: list[tuple[int, str, str]]) -> list[Line]:
    """Return messages with these minutes between them; every text is its own."""
    at = START
    lines: list[Line] = []
    for number, (minutes, sender, text) in enumerate(steps):
        at += timedelta(minutes=minutes)
        lines.append((at, sender, f"{text} {number}"))
    return lines


@given(data=st.data(), steps=messages)
def test_exports_at_different_times_give_the_later_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, steps: list[tuple[int, str, str]]
) -> None:
    """An earlier export of a chat, or the same one again, changes nothing, in any order of the files."""
    lines = chat_of(steps)
    end = data.draw(st.integers(1, len(lines)))
    folder = tmp_path_factory.mktemp("chat")
    later = saved(folder, chat_text(lines), "WhatsApp Chat with Sari (1).txt")
    earlier = saved(folder, chat_text(lines[:end]))
    together = read(data.draw(st.permutations([earlier, later, later])), date_order="dmy")
    alone = read(later, date_order="dmy")
    assert same(together, alone)
    assert count(together, "messages in the files") == accounted(together) == 2 * len(lines) + end


@given(data=st.data(), steps=messages)
def test_divided_exports_give_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, steps: list[tuple[int, str, str]]
) -> None:
    """An export that lacks the start and one that lacks the end are one chat, also if they share no message."""
    lines = chat_of(steps)
    begin = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(max(begin, 1), len(lines)))
    folder = tmp_path_factory.mktemp("chat")
    parts = [saved(folder / "a", chat_text(lines[:end])), saved(folder / "b", chat_text(lines[begin:]))]
    together = read(data.draw(st.permutations(parts)), date_order="dmy", texts=True)
    assert same(together, read(saved(folder, chat_text(lines)), date_order="dmy", texts=True))


def test_a_message_that_a_later_export_does_not_have(tmp_path: Path) -> None:
    """A message that was deleted before the later export is refused, and counted."""
    later = [line for line in CHAT if line[2] != "ok"]
    paths = [saved(tmp_path / "a", chat_text(CHAT[:3])), saved(tmp_path / "b", chat_text(later))]
    data = read(paths, date_order="dmy")
    assert same(data, read(paths[1], date_order="dmy"))
    assert count(data, "message that a later export of the chat does not have") == 1
    assert count(data, "message that a later export of the chat has too") == 2
    assert accounted(data) == 6


def test_groups_without_a_name_are_not_combined(tmp_path: Path) -> None:
    """Several files are refused if one is a group that neither a notice nor its file names; one alone is read."""
    text = chat_text(talk((0, "Sari", "ada?"), (1, "Budi", "ada?"), (2, "Toko Kita", "ada")))
    path = saved(tmp_path, text, "_chat.txt")
    assert read(path, date_order="dmy").interactions.height == 4
    with pytest.raises(ArgumentError, match="a group without a name; name it"):
        read([path, SARI], date_order="dmy")


# ---- people and personal data ----------------------------------------------------------------------------------------


def test_people_can_be_named_and_hashed() -> None:
    """`person_ids` joins a chat with other files; a secret replaces every id, and the ids of records change with it."""
    renamed = read(IPHONE, person_ids={"+62\u00a0812-3456-7890": "C-17"})
    assert renamed.interactions["person_id"].unique().to_list() == ["C-17"]
    hashed = read(SAMPLES, secret=b"key")
    assert all(len(one) == 32 for one in hashed.interactions["person_id"])
    assert not set(hashed.interactions["id"]) & set(read(SAMPLES).interactions["id"])
    assert read(SARI, secret=b"key").interactions["id"][0] in hashed.interactions["id"]


def test_a_local_number_gets_its_calling_code(tmp_path: Path) -> None:
    """A number that begins with 0 is the same person as the number with the calling code."""
    text = chat_text(talk((0, "0812-3456-7890", "ada?")))
    data = read(saved(tmp_path, text, "chat.txt"), date_order="dmy", calling_code="62")
    assert data.interactions["person_id"].to_list() == ["+6281234567890"]


@pytest.mark.parametrize("name", ["S***i", "None", "x" * 201])
def test_names_that_cannot_be_ids_are_refused(tmp_path: Path, name: str) -> None:
    """A masked, missing or too long name is not an id: the messages of the person and to the person are refused."""
    text = chat_text(talk((0, name, "ada?"), (1, "Toko Kita", "ada")))
    data = read(saved(tmp_path, text, "chat.txt"), date_order="dmy")
    assert count(data, "person whose name cannot be an id; name the person in person_ids") == 1
    assert count(data, "message of the shop to an unknown person") == 1
    helped = read(saved(tmp_path, text, "chat.txt"), date_order="dmy", person_ids={name: "C-1"})
    assert helped.interactions.height == 2


def test_no_words_and_no_names_leave_the_file(tmp_path: Path) -> None:
    """Neither words nor names are in the records, the account or an error, unless the caller asks for them."""
    canary = "Kenari"
    lines = [(at, "Toko Kita" if sender == "Toko Kita" else canary, f"{text} {canary}") for at, sender, text in CHAT]
    lines += [(lines[-1][0], canary, canary), (lines[-1][0], "", f'{canary} created group "{canary}"')]
    path = saved(tmp_path, chat_text(lines), f"WhatsApp Chat with {canary}.txt")
    data = read(path, date_order="dmy", secret=b"key")
    assert data.interactions.height == 3
    assert set(data.interactions["text"]) == {""}
    for printed in (str(data), repr(data), str(data.interactions.rows()), str(data.customers.rows())):
        assert canary not in printed
    bad = saved(tmp_path, f"{canary}\n", f"{canary}.txt")
    other = saved(tmp_path, chat_text([(START, canary, canary)]), f"{canary} 2.txt")
    for source, more in [(bad, {}), (other, {}), (path, {"shop": "X", "date_order": "dmy"}), ([path, bad], {})]:
        with pytest.raises(FunnelError) as error:
            read(source, **more)  # type: ignore[arg-type]
        assert canary not in str(error.value)


def test_texts_are_read_if_asked_for() -> None:
    """With texts the words stand in the table, without the note that they were edited."""
    data = read(SARI, texts=True, silence="1 s")
    assert data.interactions["text"][1] == "Gamis warna sage ukuran L masih ada?"
    assert "Siap kak, ditunggu" in data.interactions["text"].to_list()


# ---- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ada?",
        "kak, berapa harganya",
        "harganya berapa ya kak",
        "halo kak ada warna merah",
        "ready gak min",
        "how much",
        "Apakah bisa dikirim hari ini",
        "udah dikirim belum ya",
        "do you ship to Bali",
        "lihat https://a.id/x?y ?",
    ],
)
def test_questions(text: str) -> None:
    """A question mark, an opening word or an ending word makes a question."""
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kak",
        "ada kak",
        "masih kak",
        "gak",
        "belum kak",
        "ok bisa kak",
        "https://a.id/x?y=1",
        "kapan-kapan aja kak",
        "thanks",
        "ready ya kak",
        "selamat pagi kak",
        "yang mana aja boleh",
    ],
)
def test_statements(text: str) -> None:
    """Greetings, short replies and links are not questions."""
    assert not is_question(text)


def test_a_shop_may_pass_its_own_rule() -> None:
    """`is_question` gets the words of the people's messages only, and decides."""
    heard: list[str] = []

    def is_about_pay(words: str) -> bool:
        heard.append(words)
        return "gajian" in words

    data = read(SARI, is_question=is_about_pay)
    assert count(data, "questions") == 1
    assert heard == [
        "Halo kak",
        "Gamis warna sage ukuran L masih ada?",
        "harganya berapa ya kak",
        "Oke kak nanti saya kabari",
        "Maaf kak belum gajian",
        "bisakah COD kak",
    ]


# ---- sources and arguments -------------------------------------------------------------------------------------------


def test_a_zip_file_is_read(tmp_path: Path) -> None:
    """The zip file of an export is read like its text; other text files in it are left out."""
    path = tmp_path / "WhatsApp Chat - Sari Wulandari.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(SARI, "_chat.txt")
        archive.writestr("notes.txt", "foo")
    assert same(read(path), read(SARI))
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(SARI, SARI.name)
    with pytest.raises(ArgumentError, match="the file has 2 chats in it"):
        read(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RecordError, match="the file is a damaged zip file"):
        read(path)


def test_wrong_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not a chat, not text, too large, or not there is an error that says what to give."""
    path = saved(tmp_path, "foo")
    with pytest.raises(ArgumentError, match="the file is not a chat that WhatsApp exported"):
        read(path)
    path.write_bytes("é".encode("cp1252"))
    with pytest.raises(RecordError, match="file 2 is not text in UTF-8"):
        read([SARI, path])
    with pytest.raises(FileError):
        read(tmp_path / "none.txt")
    with pytest.raises(ArgumentError, match="source must be a file"):
        read(5)
    monkeypatch.setattr(whatsapp, "_LARGEST", 3)
    with pytest.raises(ArgumentError, match="the file has more than 3 bytes"):
        read(SARI)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shop": "Toko"}, "no message is from the shop"),
        ({"shop": []}, "shop has no name"),
        ({"shop": " "}, "shop has no name"),
        ({"shop": [1]}, "a name of the shop must be text"),
        ({"shop": 5}, "shop must be a name, or several names"),
        ({"zone": "Asia/Jakart"}, "Asia/Jakarta"),
        ({"date_order": "ydm"}, "date_order must be"),
        ({"is_question": "?"}, "is_question must be a function"),
        ({"person_ids": ["a"]}, "person_ids must be"),
        ({"silence": 5}, "silence must be"),
        ({"texts": 1}, "texts must be True or False"),
        ({"contacts": 1}, "contacts must be True or False"),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, object], message: str) -> None:
    """A wrong argument is an error that says what to pass."""
    with pytest.raises(ArgumentError, match=message):
        read(SARI, **wrong)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_broken_file_is_an_error_or_accounted_for(path: Path, tmp_path: Path) -> None:
    """Whatever was done to a file: a FunnelError, or an account in which every message stands once."""
    choose = random.Random(7)
    damaged = tmp_path / path.name
    for _ in range(BROKEN):
        damaged.write_bytes(broken(path.read_bytes(), choose))
        try:
            data = read(damaged, date_order=choose.choice([None, "dmy"]), secret=b"key")
        except FunnelError as error:
            text = str(error)
        else:
            text = str(data)
            messages_read = count(data, "messages in the file")
            assert messages_read == accounted(data)
            assert messages_read <= lines_that_begin(damaged.read_bytes().decode("utf-8-sig"))
        assert not any(word in text for word in ("Sari", "Budi", "812", "gamis", "dress"))


def test_long_chats_take_time_in_proportion(tmp_path: Path) -> None:
    """Ten times the messages take about ten times as long."""
    took: list[float] = []
    for size in (500, 5_000):
        lines = [(START + timedelta(minutes=7 * n), ("Sari", "Toko Kita")[n % 2], f"ada {n}?") for n in range(size)]
        path = saved(tmp_path, chat_text(lines))
        begin = time.process_time()
        read([path, path], date_order="dmy")
        took.append(time.process_time() - begin)
    assert all(later < 40 * earlier for earlier, later in pairwise(took))
