"""Chats for tests: the sample exports, and made-up chats in every layout of WhatsApp."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from funnel.readers import whatsapp
from tests.readers.exports import FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from funnel.readers import ShopData

SARI = FOLDER / "WhatsApp Chat with Sari Wulandari.txt"
IPHONE = FOLDER / "whatsapp_ios_chat.txt"
GROUP = FOLDER / "WhatsApp Chat with Reseller Toko.txt"
SAMPLES = (SARI, IPHONE, GROUP)

DAY = {"dmy": "%d/%m/%y", "mdy": "%m/%d/%y", "ymd": "%Y-%m-%d"}
CLOCK = {
    "24 dots": "%H.%M",
    "24 colons": "%H:%M",
    "24 seconds": "%H:%M:%S",
    "12": "%I:%M %p",
    "12 narrow": "%I:%M\u202f%p",
    "12 dotted": "%I.%M.%S p",
}
LAYOUTS = {"android": "{day} {clock} - {rest}", "comma": "{day}, {clock} - {rest}", "iphone": "[{day}, {clock}] {rest}"}

Line = tuple[datetime, str, str]
"""Local time, sender and text of a message."""

START = datetime(2025, 8, 1, 9, 0)  # noqa: DTZ001 (what the clock of the telephone shows)


def chat_text(lines: Sequence[Line], *, order: str = "dmy", clock: str = "24 dots", layout: str = "android") -> str:
    """Return a chat as WhatsApp writes it."""
    texts: list[str] = []
    for at, sender, text in lines:
        clock_text = at.strftime(CLOCK[clock]).replace(" p", " a.m." if at.hour < 12 else " p.m.")
        rest = f"{sender}: {text}" if sender else text
        texts.append(LAYOUTS[layout].format(day=at.strftime(DAY[order]), clock=clock_text, rest=rest))
    return "".join(f"{text}\n" for text in texts)


def talk(*messages: tuple[float, str, str]) -> list[Line]:
    """Return messages at hours after the start of the chat."""
    return [(START + timedelta(hours=hours), sender, text) for hours, sender, text in messages]


def saved(folder: Path, text: str, name: str = "WhatsApp Chat with Sari.txt") -> Path:
    """Save the text of a chat."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read(source: Any, **more: Any) -> ShopData:
    """Read chats of the shop of the samples."""
    options: dict[str, Any] = {"shop": ("Toko Kita", "Admin Toko"), "zone": "Asia/Jakarta", **more}
    return whatsapp.chat(source, **options)


def kinds(data: ShopData) -> list[tuple[str, str, str]]:
    """Return the local minute, the person and the kind of each interaction."""
    rows = data.interactions.select("occurred_at", "person_id", "kind").iter_rows()
    return [(f"{at + timedelta(hours=7):%d %H:%M}", person, kind) for at, person, kind in rows]


def count(data: ShopData, reason: str) -> int:
    """Return the number of the first entry whose reason begins so; 0 if there is none."""
    return next((entry.count for entry in data.account if entry.reason.startswith(reason)), 0)


def accounted(data: ShopData) -> int:
    """Return the messages kept, merged and refused together."""
    lost = sum(entry.count for entry in data.account if entry.what in ("merged", "refused"))
    return count(data, "messages kept") + lost


def lines_that_begin(text: str) -> int:
    """Count the lines that begin with a date, by a looser pattern than that of the reader."""
    return sum(re.match(r"\W*\d+[/.-]\d+[/.-]\d+\W", line) is not None for line in re.split(r"\r\n|\r|\n", text))
