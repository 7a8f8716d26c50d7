"""WhatsApp chats: messages become questions, answers, follow-ups and visits, all accounted for.

Invariant: messages in the files = messages kept + merged + refused. The records do not depend on the order of the
files, nor on how often a file is given.

Rules:

- A chat with one other sender is with that person. A chat with several, or whose name is not that of its only other
  sender, is a group. A chat in which only the shop wrote is with the person that the file is named after.
- If there are several exports of one chat, the one that ends last is right from its first message on. The others add
  only what was before.
- The id of a record comes from the chat, the sender, the instant and the number in that instant; texts play no part.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import attrs
import polars as pl

from funnel._fields import EDGES, LONGEST_ID, MANGLED, UNPRINTABLE
from funnel.errors import ArgumentError
from funnel.readers._account import FIRST_ROWS, Entry, What
from funnel.readers._chat_lines import ChatFile, Message
from funnel.readers._export_columns import KEYS, with_person
from funnel.readers._key_rules import secret_bytes
from funnel.readers._shop_data import CUSTOMERS, INTERACTIONS, ShopData

_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{5,}[0-9]")
_WRONG_ID = re.compile(f"{UNPRINTABLE}|{EDGES}|{MANGLED}")

Chat: TypeAlias = "tuple[str, str]"
"""A chat: "person" and the id of the person, or "group" and the name of the group."""


@attrs.frozen(kw_only=True)
class ChatOptions:
    """Options of a caller; see `whatsapp.chat` for the meaning of each."""

    shop: frozenset[str]
    person_ids: Mapping[str, str]
    is_question: Callable[[str], bool]
    silence: timedelta
    texts: bool
    contacts: bool
    calling_code: str | None
    secret: bytes | str | None
    source_name: str


def chat_data(files: Sequence[ChatFile], options: ChatOptions) -> ShopData:
    """Combine the messages of chats into interactions.

    Raises:
        ArgumentError: Nobody has a name of the shop, or one of several files is a group without a name.
    """
    return _Chats(files, options).read()


class _Chats:
    """The steps from messages to records for one set of files."""

    def __init__(self, files: Sequence[ChatFile], options: ChatOptions) -> None:
        self._files = files
        self._options = options
        self._people = _people({name for file in files for name in {file.name, *_senders(file)}}, options)
        self._ids = dict(self._people.select("in_chat", "person_id").iter_rows())
        self._counts: Counter[str] = Counter()
        self._refused: defaultdict[str, list[int]] = defaultdict(list)
        self._merged: list[int] = []
        self._records: list[dict[str, Any]] = []

    def read(self) -> ShopData:
        """Read the files."""
        self._check_shop()
        chats: defaultdict[Chat, list[list[Message]]] = defaultdict(list)
        for file in self._files:
            chat = self._chat(file)
            messages = [one for one in file.messages if self._is_usable(one, chat)]
            if chat is not None and messages:
                chats[chat].append(sorted(messages, key=_at))
        for chat in sorted(chats):
            _Conversation(chat, self).read(self._combined(chats[chat]))
        interactions = pl.DataFrame(self._records, schema=INTERACTIONS)
        return ShopData(
            export="whatsapp.chat",
            currency=None,
            account=self._account(),
            interactions=interactions.sort("occurred_at", "person_id", maintain_order=True),
            customers=self._customers(interactions),
        )

    # ---- people and chats -------------------------------------------------------------------------------------------

    def _check_shop(self) -> None:
        senders = [_senders(file) for file in self._files]
        if any(len(names) > 1 for names in senders) and not self._options.shop & frozenset[str]().union(*senders):
            msg = (
                "no message is from the shop; pass shop, the names under which the shop writes in these chats, "
                "letter for letter"
            )
            raise ArgumentError(msg)

    def _chat(self, file: ChatFile) -> Chat | None:
        """Return the chat of a file; None if its person is unknown."""
        others = sorted(_senders(file) - self._options.shop)
        is_named = file.name != "" and others != [] and _letters(file.name) != _letters(others[0])
        if len(others) > 1 or (others and (file.is_group or is_named)):
            if file.name == "" and len(self._files) > 1:
                msg = "one of several files is a group without a name; name it 'WhatsApp Chat with <group>.txt'"
                raise ArgumentError(msg)
            return "group", _letters(file.name)
        person = self.person(others[0] if others else "" if file.is_group else file.name)
        return None if person is None else ("person", person)

    def person(self, name: str) -> str | None:
        """Return the id of a person; None if the name cannot be an id."""
        return self._ids[name] if name else None

    def is_shop(self, message: Message) -> bool:
        """Return whether the shop wrote a message."""
        return message.sender in self._options.shop

    def _is_usable(self, message: Message, chat: Chat | None) -> bool:
        why = None
        if message.sort == "notice":
            why = "notice of WhatsApp, not a message"
        elif message.at is None:
            why = "time that does not exist in this zone and order of day and month"
        elif not self.is_shop(message) and self.person(message.sender) is None:
            why = "person whose name cannot be an id; name the person in person_ids"
        elif chat is None:
            why = "message of the shop to an unknown person"
        if why is not None:
            self.refuse(why, message)
        return why is None

    def refuse(self, why: str, message: Message) -> None:
        """Count a message that makes no record and is not used."""
        self._refused[why].append(message.row)

    # ---- several exports of one chat --------------------------------------------------------------------------------

    def _combined(self, exports: list[list[Message]]) -> list[Message]:
        """Return the messages of one chat, each once."""
        exports.sort(key=lambda one: (_at(one[-1]), len(one), [(_at(m), m.sender, m.text) for m in one]))
        combined: list[Message] = []
        for later in exports:
            begin = _at(later[0])
            edge = [one for one in combined if _at(one) == begin]
            same = _overlap(edge, [one for one in later if _at(one) == begin])
            keep = sum(_at(one) < begin for one in combined) + len(edge) - same
            self._drop(combined[keep:], later)
            combined = [*combined[:keep], *later]
        return combined

    def _drop(self, earlier: Sequence[Message], later: Sequence[Message]) -> None:
        """Count the messages of an earlier export from the first message of the later one on."""
        has = Counter((one.sender, one.at) for one in later)
        for one in earlier:
            if has[one.sender, one.at]:
                has[one.sender, one.at] -= 1
                self._merged.append(one.row)
            else:
                self.refuse("message that a later export of the chat does not have", one)

    # ---- records ----------------------------------------------------------------------------------------------------

    def is_question(self, message: Message) -> bool:
        """Return whether a message of a person is a question."""
        return message.sort == "message" and bool(self._options.is_question(message.text))

    def is_quiet(self, last: datetime | None, now: datetime) -> bool:
        """Return whether the chat was silent long enough; True before its first message."""
        return last is None or now - last >= self._options.silence

    def digest(self, *parts: str) -> str:
        """Return the id for some parts."""
        key = secret_bytes(self._options.secret or b"whatsapp.chat")
        return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()[:32]

    def record(self, kind: str, key: str, message: Message, person: str, regarding: str = "") -> None:
        """Add a record."""
        self._counts[kind] += 1
        self._records.append(
            {
                "id": key,
                "source": self._options.source_name,
                "person_id": person,
                "occurred_at": message.at,
                "kind": kind,
                "direction": "in" if kind in {"question", "visit"} else "out",
                "channel": "whatsapp",
                "regarding": regarding,
                "sku": "",
                "text": message.text if self._options.texts else "",
            }
        )

    def keep(self, *, is_silent: bool) -> None:
        """Count a message that is kept."""
        self._counts["kept"] += 1
        self._counts["silent"] += is_silent

    # ---- the result -------------------------------------------------------------------------------------------------

    def _account(self) -> tuple[Entry, ...]:
        where = "files" if len(self._files) > 1 else "file"
        read = {
            f"messages in the {where}": sum(len(file.messages) for file in self._files),
            "messages kept": self._counts["kept"],
            "questions": self._counts["question"],
            "answers": self._counts["answer"],
            "follow-ups": self._counts["follow_up"],
            "visits": self._counts["visit"],
            "of the kept messages without a record of their own": self._counts["silent"],
        }
        refused = sorted(self._refused.items(), key=lambda item: (-len(item[1]), item[0]))
        above, unlike = (sum(getattr(file, name) for file in self._files) for name in ("above", "unlike"))
        return (
            *(Entry("read", name, count) for name, count in read.items()),
            *_entries("merged", {"message that a later export of the chat has too": self._merged}),
            *_entries("refused", dict(refused)),
            *([Entry("noted", "line above the first message, left out", above)] if above else []),
            *([Entry("noted", "line like a message of another layout, read as text", unlike)] if unlike else []),
        )

    def _customers(self, interactions: pl.DataFrame) -> pl.DataFrame:
        """Return the names and numbers of the people with records, if the caller asked for contacts."""
        if not self._options.contacts:
            return pl.DataFrame(schema=CUSTOMERS)
        people = self._people.filter(pl.col("person_id").is_in(interactions["person_id"].implode()))
        latest = [pl.col(name).drop_nulls().last().fill_null("").alias(name) for name in ("name", "phone")]
        people = people.group_by("person_id").agg(latest).with_columns(email=pl.lit(""), address=pl.lit(""))
        return people.select(*CUSTOMERS).sort("person_id")


class _Conversation:
    """One chat, message by message.

    Attributes:
        open: The open questions: their ids and people.
        heard: People who wrote since the last silence or follow-up.
        last: The instant of the message before.
    """

    def __init__(self, chat: Chat, chats: _Chats) -> None:
        self._chat = chat
        self._chats = chats
        self.open: list[tuple[str, str]] = []
        self.heard: set[str] = set()
        self.last: datetime | None = None

    def read(self, messages: Iterable[Message]) -> None:
        """Read the messages in their order."""
        numbers: Counter[tuple[str, datetime]] = Counter()
        for one in messages:
            at = _at(one)
            sender = "shop" if self._chats.is_shop(one) else f"person {self._chats.person(one.sender)}"
            numbers[sender, at] += 1
            key = self._chats.digest(*self._chat, sender, at.isoformat(), str(numbers[sender, at]))
            is_quiet = self._chats.is_quiet(self.last, at)
            if is_quiet:
                self.heard.clear()
            self.last = at
            if one.sort == "deleted":
                self._chats.refuse("deleted message", one)
            elif self._chats.is_shop(one):
                self._of_shop(one, key, is_quiet=is_quiet)
            else:
                self._of_person(one, key, str(self._chats.person(one.sender)))

    def _of_shop(self, message: Message, key: str, *, is_quiet: bool) -> None:
        kind, name = self._chat
        if self.open:
            for question, person in self.open:
                self._chats.record("answer", self._chats.digest(key, question), message, person, question)
            self.open.clear()
            self._chats.keep(is_silent=False)
        elif kind == "group":
            self._chats.refuse("message of the shop to a group without an open question", message)
        elif is_quiet:
            self.heard.clear()
            self._chats.record("follow_up", key, message, name)
            self._chats.keep(is_silent=False)
        else:
            self._chats.keep(is_silent=True)

    def _of_person(self, message: Message, key: str, person: str) -> None:
        is_question, is_first = self._chats.is_question(message), person not in self.heard
        self.heard.add(person)
        if is_question:
            self.open.append((key, person))
        if is_question or is_first:
            self._chats.record("question" if is_question else "visit", key, message, person)
        self._chats.keep(is_silent=not is_question and not is_first)


def _at(message: Message) -> datetime:
    assert message.at is not None
    return message.at


def _senders(file: ChatFile) -> set[str]:
    return {one.sender for one in file.messages if one.sort != "notice"}


def _letters(name: str) -> str:
    """Return the letters and digits of a name: a file name lacks some other characters of it."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _overlap(earlier: Sequence[Message], later: Sequence[Message]) -> int:
    """Return how many messages at the end of some are those at the start of the others."""
    one, other = ([(m.sender, m.text) for m in messages] for messages in (earlier, later))
    return next(size for size in range(min(len(one), len(other)), -1, -1) if one[len(one) - size :] == other[:size])


def _people(names: Iterable[str], options: ChatOptions) -> pl.DataFrame:
    """Return the person id, name and telephone number of each name in a chat."""
    in_chat = sorted(names)
    is_phone = [_PHONE.fullmatch(name) is not None for name in in_chat]
    columns = {
        "in_chat": in_chat,
        "customer_id": [options.person_ids.get(name) for name in in_chat],
        "username": [None if phone else name for name, phone in zip(in_chat, is_phone, strict=True)],
        "email": [None] * len(in_chat),
        "phone": [name if phone else None for name, phone in zip(in_chat, is_phone, strict=True)],
    }
    rows = pl.DataFrame(columns, schema=dict.fromkeys(("in_chat", *KEYS), pl.String))
    people = with_person(rows, options.calling_code, options.secret).rename({"username": "name"})
    usable = [
        one is not None and len(one) <= LONGEST_ID and not _WRONG_ID.search(one)
        for one in people["person_id"].to_list()
    ]
    return people.with_columns(pl.when(pl.Series(usable, dtype=pl.Boolean)).then("person_id").alias("person_id"))


def _entries(kind: What, reasons: Mapping[str, Sequence[int]]) -> list[Entry]:
    return [Entry(kind, why, len(rows), tuple(sorted(rows)[:FIRST_ROWS])) for why, rows in reasons.items() if rows]
