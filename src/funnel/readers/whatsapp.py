"""Chats that WhatsApp exported, from Android and iPhone, in English and Indonesian."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from funnel._arguments import check_choice, each, instance, is_function, kind_of, parse_zone, span, truth
from funnel._time import MICROSECOND
from funnel.errors import ArgumentError, RecordError
from funnel.readers._chat_lines import ChatFile, DateOrder, read_chat
from funnel.readers._chat_texts import is_question as is_question_by_default
from funnel.readers._chat_texts import plain
from funnel.readers._open import open_regular, paths_of
from funnel.readers._reader import require_polars

if TYPE_CHECKING:
    from funnel.readers._shop_data import ShopData

__all__ = ["ChatSource", "DateOrder", "chat"]

ChatSource: TypeAlias = "str | Path | Sequence[str | Path]"
"""A text file or the zip file of an export, or several of them."""

_FILE_NAME = re.compile(r"(?:WhatsApp Chat (?:with|-)|Chat WhatsApp (?:dengan|-)) (.+?)(?: ?\([0-9]+\))?")
_BARE = "_chat"
_LARGEST = 2**30


def chat(  # noqa: PLR0913 (each names one choice that is otherwise hidden)
    source: ChatSource,
    /,
    *,
    shop: str | Sequence[str],
    zone: str,
    date_order: DateOrder | None = None,
    person_ids: Mapping[str, str] | None = None,
    is_question: Callable[[str], bool] | None = None,
    silence: timedelta | str = timedelta(days=1),
    texts: bool = False,
    contacts: bool = False,
    calling_code: str | None = None,
    secret: bytes | str | None = None,
    source_name: str = "whatsapp",
) -> ShopData:
    """Read chats that WhatsApp exported, and account for every message.

    A question is a message of a person for which `is_question` is true. The first message of the shop after open
    questions answers all of them. A message of the shop after `silence`, or as the first one of a chat, is a follow-up
    if no question is open. The first message of a person after `silence` or after a follow-up is a visit, if it is not
    a question. All other messages are counted and make no record.

    Args:
        source: `_chat.txt`, "WhatsApp Chat with ....txt" or the zip file, or several files. Several exports of one
            chat are one chat.
        shop: The names under which the shop writes in the chats, letter for letter.
        zone: The time zone of the telephone, such as "Asia/Jakarta".
        date_order: Order of day, month and year; required if the dates of a file do not prove it.
        person_ids: Ids of people by their name or number in the chat, to join the chat with other files. By default
            the id is the telephone number, or the name.
        is_question: Function of the words of a message; by default the rule at
            `funnel.readers._chat_texts.is_question`.
        silence: Time without a message after which a conversation begins anew.
        texts: Whether to read the words of the messages into `text`.
        contacts: Whether to read names and telephone numbers into `customers`.
        calling_code: The calling code of telephone numbers that begin with 0, such as "62".
        secret: Key of a hash that replaces person ids.
        source_name: The `source` of the records.

    Returns:
        The interactions and the account.

    Raises:
        MissingExtraError: Polars is not installed.
        ArgumentError: A file is not a chat, its dates may be read in two ways, no message is from the shop, or an
            argument is wrong.
        RecordError: A file is not text in UTF-8, or is a damaged zip file.
        FileError: A file cannot be opened.
    """
    require_polars()
    from funnel.readers._whatsapp import ChatOptions, chat_data

    names = [shop] if isinstance(shop, str) else each(shop, "shop", "a name, or several names of the shop")
    names = [plain(instance(name, str, "a name of the shop", "text")) for name in names]
    if not all(names) or not names:
        raise ArgumentError("shop has no name; pass the names under which the shop writes in the chats")
    if is_question is not None and not is_function(is_question):
        raise ArgumentError(f"is_question must be a function of the words of a message (got {kind_of(is_question)})")
    if date_order is not None:
        check_choice(date_order, ("dmy", "mdy", "ymd"), "date_order")
    ids = instance({} if person_ids is None else person_ids, Mapping, "person_ids", "ids by name or number")
    options = ChatOptions(
        shop=frozenset(names),
        person_ids={plain(name): one for name, one in ids.items()},
        is_question=is_question or is_question_by_default,
        silence=span(silence, "silence") * MICROSECOND,
        texts=truth(texts, "texts"),
        contacts=truth(contacts, "contacts"),
        calling_code=calling_code,
        secret=secret,
        source_name=source_name,
    )
    clock = parse_zone(zone, "zone")
    files: list[ChatFile] = []
    paths = paths_of(source)
    if paths is None:
        raise ArgumentError(f"source must be a file, or several files (got {kind_of(source)})")
    for number, path in enumerate(paths, 1):
        file = f"file {number}" if len(paths) > 1 else "the file"
        first = 1 + sum(len(one.messages) for one in files)
        files.append(read_chat(_text(path, file), file, _chat_name(path), first, zone=clock, order=date_order))
    return chat_data(files, options)


def _chat_name(path: Path) -> str:
    """Return the name of the chat by the name of its file, or of its folder on an iPhone; "" if unknown."""
    stem = path.parent.name if path.stem == _BARE else path.stem
    match = _FILE_NAME.fullmatch(plain(stem))
    return match[1] if match else ""


def _text(path: Path, file: str) -> str:
    """Return the text of an export, from its text file or its zip file."""
    with open_regular(path) as raw:
        content = _unzipped(raw, file) if path.suffix.lower() == ".zip" else raw.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ArgumentError(f"{file} has more than {_LARGEST:,} bytes; give the text of a chat")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordError(f"{file} is not text in UTF-8; export the chat again and give the file unchanged") from None


def _unzipped(raw: BinaryIO, file: str) -> bytes:
    try:
        with zipfile.ZipFile(raw) as archive:
            chats = [name for name in archive.namelist() if name.lower().endswith(".txt")]
            inside = [name for name in chats if Path(name).stem == _BARE or _FILE_NAME.match(plain(Path(name).stem))]
            chosen = inside or chats
            if len(chosen) == 1:
                with archive.open(chosen[0]) as text:
                    return text.read(_LARGEST + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, zlib.error):
        raise RecordError(f"{file} is a damaged zip file; export the chat again") from None
    raise ArgumentError(f"{file} has {len(chosen)} chats in it; give a zip file with one _chat.txt")
