"""Texts of WhatsApp, in English and Indonesian: its notices, its words for media, and what a question is."""

from __future__ import annotations

import re

_DIRECTION = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f]")
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")  # noqa: RUF001 (the apostrophe of telephones)

_NOTICES = (
    r"messages (?:and calls|to this (?:chat|group)|you send).* end-to-end encrypt.*",
    r"messages to this (?:chat|group) and calls are now secured.*",
    r"pesan .*(?:terenkripsi|dienkripsi|enkripsi) .*end-to-end.*",
    r"(?:missed|silenced) (?:group )?(?:voice|video) calls?.*",
    r"(?:voice|video) call[,.] (?:\d+ .*|no answer.*|missed.*)",
    r"panggilan (?:suara|video)(?: grup)? (?:tak|tidak) terjawab.*",
    r"(?:panggilan|telepon) (?:suara|video)[,.] (?:\d+ .*|tidak ada jawaban.*|tak terjawab.*)",
    r"waiting for this message.*",
    r"menunggu pesan ini.*",
    r"your security code with .* changed.*",
    r"kode keamanan anda dengan .* berubah.*",
    r"you (?:un)?blocked this contact.*",
    r"anda (?:tidak )?(?:memblokir|membuka blokir) kontak ini.*",
)
_DELETED = (
    r"(?:this message was deleted(?: by .*)?|you deleted this message(?: as admin)?)\.?",
    r"(?:pesan ini (?:telah )?dihapus(?: oleh .*)?|anda (?:telah )?menghapus pesan ini)\.?",
)
_MEDIA = (
    r"<(?:media omitted|media tidak disertakan|attached: .*|terlampir: .*|lampiran: .*)>",
    r"(?:.+ • .*)?(?:image|photo|video|audio|gif|sticker|document|contact card|video note)\s+omitted",
    r"(?:.+ • .*)?(?:gambar|foto|video|audio|gif|stic?ker|dokumen|kartu kontak|catatan video) tidak disertakan",
    r"(?:live )?(?:location|lokasi)(?: terkini)?: .*",
    r".+ \((?:file attached|file terlampir|berkas terlampir)\)",
    r"null",
)
_EDITED = re.compile(r"\s*<(?:this message was edited|pesan ini (?:telah )?diedit)>$", re.IGNORECASE)
_ABOUT_GROUPS = re.compile(
    r"\b(?:created (?:this )?group|changed the (?:subject|group|description)|changed this group|membuat grup"
    r"|mengubah (?:subjek|nama grup|deskripsi|ikon)|added you|menambahkan anda)",
    re.IGNORECASE,
)

ADDRESS = frozenset({"kak", "ka", "kakak", "min", "admin", "gan", "sis", "bu", "pak", "mbak", "mas", "bang", "ya"})
"""Words that address somebody; they are left out at both ends of a message."""

_GREETINGS = frozenset(
    {"halo", "hallo", "hai", "hi", "hello", "permisi", "selamat", "pagi", "siang", "sore", "malam", "maaf", "dear"}
)
OPENERS = frozenset(
    {"apa", "apakah", "adakah", "bisakah", "bolehkah", "masihkah", "berapa", "berapakah", "brp", "kapan", "dimana"}
    | {"bagaimana", "gimana", "gmn", "kenapa", "knp", "mengapa", "siapa"}
    | {"how", "what", "when", "where", "which", "who", "why"}
)
"""Words that make a question of the message that they open."""

STOCK = frozenset({"ada", "masih", "ready", "is", "are", "do", "does", "can", "could"})
"""Words that make a question of the message that they open if at least two words follow."""

ENDINGS = frozenset(
    {"gak", "ga", "nggak", "ngga", "enggak", "belum", "blm", "berapa", "brp", "kapan", "mana", "dimana"}
)
"""Words that make a question of the message that they end if a word stands before them."""

_WORDS_AFTER = 2
_LONGEST = 1_000
"""Maximum number of characters of a text by WhatsApp; patterns are slow on longer texts."""


def plain(text: str) -> str:
    """Return a text without direction marks, with simple spaces."""
    return _SPACES.sub(" ", _DIRECTION.sub("", text)).strip()


def without_note(text: str) -> str:
    """Return a plain text without the note that it was edited."""
    return _EDITED.sub("", text)


def _whole(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_IS_NOTICE, _IS_DELETED, _IS_MEDIA = map(_whole, (_NOTICES, _DELETED, _MEDIA))
_IS_ENCRYPTION = _whole(_NOTICES[:3])


def _is(text: str, pattern: re.Pattern[str]) -> bool:
    return len(text) <= _LONGEST and pattern.fullmatch(text) is not None


def is_notice(text: str) -> bool:
    """Return whether a whole plain text is a notice of WhatsApp, such as a missed call."""
    return _is(text, _IS_NOTICE)


def is_encryption(text: str) -> bool:
    """Return whether a plain text is the notice about encryption; an iPhone gives it the name of the chat."""
    return _is(text, _IS_ENCRYPTION)


def is_deleted(text: str) -> bool:
    """Return whether a plain text stands for a deleted message."""
    return _is(text, _IS_DELETED)


def is_media(text: str) -> bool:
    """Return whether a plain text stands for a picture, a sound or a file; an empty text does too."""
    return not text or _is(text, _IS_MEDIA)


def is_about_group(sender: str) -> bool:
    """Return whether what stands before a colon is a notice about a group, not a name."""
    return _ABOUT_GROUPS.search(sender) is not None


def is_question(text: str) -> bool:
    """Return whether a message of a person is a question (our default).

    Rules: a message is a question if it has a question mark outside of a link. Without a question mark it is one if,
    after greetings and words of address (halo, kak, min), its first word is in `OPENERS`, or is in `STOCK` with two
    more words behind it, or if its last word before words of address is in `ENDINGS` with another word before it.

    Args:
        text: The words of the message.

    Example:
        >>> is_question("kak, harganya berapa ya"), is_question("ada ukuran L?"), is_question("ok kak, bisa")
        (True, True, False)
    """
    text = _LINK.sub(" ", text)
    if "?" in text or "\uff1f" in text:
        return True
    words = _WORD.findall(text.casefold())
    while words and words[-1] in ADDRESS:
        words.pop()
    first = next((index for index, word in enumerate(words) if word not in ADDRESS | _GREETINGS), len(words))
    words = words[first:]
    if not words:
        return False
    opens = words[0] in OPENERS or (words[0] in STOCK and len(words) > _WORDS_AFTER)
    return opens or (len(words) > 1 and words[-1] in ENDINGS)
