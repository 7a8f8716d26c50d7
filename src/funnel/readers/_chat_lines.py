"""Lines of a WhatsApp export become messages: the layout, the order of day and month, senders and texts.

Rules:

- A message begins with a day and a time in the layout of the file, which is the one that most lines have. Every other
  line goes on with the text of the message above it.
- The order of day and month is declared, or proven: one order alone gives no impossible day, or days that never go
  back. Else the file is refused. A year of four digits in front proves its order; one of two digits must be declared.
  WhatsApp began in 2009, so an earlier day is impossible.
- A time that the clock skipped in spring is refused; of a time that it showed twice in autumn, the first is used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from funnel.errors import ArgumentError
from funnel.readers import _chat_texts as texts

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DateOrder: TypeAlias = Literal["dmy", "mdy", "ymd"]
"""Order of day (d), month (m) and year (y) in the dates of an export."""

Sort: TypeAlias = Literal["message", "media", "deleted", "notice"]
"""Sort of a message; WhatsApp writes the notices."""

_BEGIN = re.compile(
    r"^(?P<open>\[?)(?P<a>\d{4}|\d{1,2})(?P<date>[/.-])(?P<b>\d{1,2})(?P=date)(?P<c>\d{4}|\d{1,2})(?P<comma>,?) "
    r"(?P<hour>\d{1,2})(?P<time>[:.])(?P<minute>\d{2})(?:(?P=time)(?P<second>\d{2}))?"
    r"(?: ?(?P<half>[AaPp])\.? ?[Mm]\.?)?(?P<close>\]| -)(?: (?P<rest>.*)|$)"
)
_FOUR = 4
_CENTURY = 2000
_YEARS = range(2009, 2200)
_NOON = 12


@attrs.frozen(eq=False)
class Message:
    """One message of an export.

    Attributes:
        row: Its number over all files, from 1.
        sender: The name or number of its sender; "" for a notice.
        text: Its words without marks.
        sort: Message, media, deleted message or notice.
        at: Its instant; None if the time does not exist.
    """

    row: int
    sender: str
    text: str
    sort: Sort
    at: datetime | None


@attrs.frozen(eq=False)
class ChatFile:
    """Messages of one file.

    Attributes:
        name: The name of the chat, from the notice about encryption or from the name of the file; "" if unknown.
        messages: The messages as the file has them.
        is_group: Whether a notice about a group is in the file.
        above: Number of lines above the first message.
        unlike: Number of lines that begin as a message of another layout; they are read as text.
    """

    name: str
    messages: Sequence[Message]
    is_group: bool
    above: int
    unlike: int


def read_chat(  # noqa: PLR0913 (each is known to the caller alone)
    text: str, file: str, chat_name: str, first: int, *, zone: ZoneInfo, order: DateOrder | None
) -> ChatFile:
    """Read the messages of one export.

    Args:
        text: The text of the file.
        file: Name of the file for errors, such as "file 2"; its own name may be that of a person.
        chat_name: The name of the chat by the name of the file; "" if unknown.
        first: The number of its first message.
        zone: The time zone of the telephone.
        order: The declared order of day and month; None to prove it.

    Raises:
        ArgumentError: No line begins as a message, or the order of day and month is not proven.
    """
    lines = text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    begins = [_BEGIN.match(texts.plain(line)) for line in lines]
    layouts = Counter(_layout(begin) for begin in begins if begin)
    if not layouts:
        msg = (
            f"{file} is not a chat that WhatsApp exported: no line begins with a day and a time, such as "
            "'30/08/25 18.00 - '; give _chat.txt or 'WhatsApp Chat with ....txt'"
        )
        raise ArgumentError(msg)
    layout = layouts.most_common(1)[0][0]
    heads = [(index, begin) for index, begin in enumerate(begins) if begin and _layout(begin) == layout]
    chosen = _order([begin for _, begin in heads], order, file)
    ends = [index for index, _ in heads[1:]] + [len(lines)]
    messages: list[Message] = []
    for number, ((index, begin), end) in enumerate(zip(heads, ends, strict=True), first):
        rest = "\n".join([begin["rest"] or "", *map(texts.plain, lines[index + 1 : end])]).rstrip()
        marked = begin["open"] != "" and bool(re.match(r"[^:]*: ?\u200e", lines[index].partition("] ")[2]))
        messages.append(_message(number, rest, _instant(begin, chosen, zone), is_marked=marked))
    name = next((one.sender for one in messages if one.sort == "notice" and texts.is_encryption(one.text)), "")
    unlike = sum(layouts.values()) - layouts[layout]
    is_group = any(one.sort == "notice" and texts.is_about_group(one.text) for one in messages)
    return ChatFile(name or chat_name, messages, is_group, heads[0][0], unlike)


def _layout(begin: re.Match[str]) -> tuple[object, ...]:
    """Return what all messages of an export share."""
    parts = (begin[name] for name in ("open", "close", "date", "comma", "time"))
    return *parts, begin["second"] is None, len(begin["a"]) == _FOUR, len(begin["c"]) == _FOUR


def _order(begins: Sequence[re.Match[str]], declared: DateOrder | None, file: str) -> DateOrder:
    """Return the declared order of day and month, or the only one that the days allow.

    Raises:
        ArgumentError: Several orders are possible, or the declared one is not and another one is.
    """
    orders: list[DateOrder] = ["dmy", "mdy"] if len(begins[0]["a"]) < _FOUR else ["ymd"]
    candidates: set[DateOrder] = {*orders, declared or orders[0]}
    days = {order: [_day(begin, order) for begin in begins] for order in candidates}
    possible: list[DateOrder] = [order for order in orders if None not in days[order]]
    if declared is not None:
        if possible and None in days[declared]:
            msg = f"{file}: date_order={declared!r} gives days that do not exist; pass date_order={possible[0]!r}"
            raise ArgumentError(msg)
        return declared
    forward: list[DateOrder] = [
        order for order in possible if all(a <= b for a, b in pairwise(filter(None, days[order])))
    ]
    for left in (orders, possible, forward):
        if len(left) == 1:
            return left[0]
    why = "may be day first or month first" if possible else "are neither all day first nor all month first"
    msg = f"{file}: its dates {why}; pass date_order='dmy' (30/08/25), 'mdy' (8/30/25) or 'ymd' (25/08/30)"
    raise ArgumentError(msg)


def _day(begin: re.Match[str], order: DateOrder) -> date | None:
    """Return the day of a message; None if the day does not exist."""
    parts = dict(zip(order, (begin["a"], begin["b"], begin["c"]), strict=True))
    year = int(parts["y"]) + _CENTURY * (len(parts["y"]) < _FOUR)
    try:
        return date(year, int(parts["m"]), int(parts["d"])) if year in _YEARS else None
    except ValueError:
        return None


def _instant(begin: re.Match[str], order: DateOrder, zone: ZoneInfo) -> datetime | None:
    """Return the instant of a message; None if the time does not exist."""
    day, hour, half = _day(begin, order), int(begin["hour"]), (begin["half"] or "").lower()
    if half:
        hour = hour % _NOON + _NOON * (half == "p") if 1 <= hour <= _NOON else -1
    try:
        clock = time(hour, int(begin["minute"]), int(begin["second"] or 0))
    except ValueError:
        return None
    if day is None:
        return None
    local = datetime.combine(day, clock)
    at = local.replace(tzinfo=zone).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == local else None


def _message(row: int, rest: str, at: datetime | None, *, is_marked: bool) -> Message:
    """Divide the sender from the text, and find what the message is."""
    head, colon, text = rest.partition(":")
    text = text.strip()
    if not colon or "\n" in head or texts.is_notice(rest) or texts.is_about_group(head):
        return Message(row, "", rest, "notice", at)
    first, _, caption = text.partition("\n")
    sort: Sort = "message"
    if texts.is_deleted(text):
        sort = "deleted"
    elif texts.is_media(first):
        sort, text = ("message", caption) if caption else ("media", "")
    elif is_marked or texts.is_notice(text):
        sort = "notice"
    return Message(row, head.strip(), texts.without_note(text), sort, at)
