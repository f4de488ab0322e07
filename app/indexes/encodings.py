"""Bytes of a text file to characters: byte order mark, then the pattern of zeros, then UTF-8, then a guess."""

from __future__ import annotations

import codecs
import re

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What people's files are written in; without this list rarities such as cp1006 and mac_latin2 win on short texts.
_LIKELY = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "latin_1", "iso8859_2"),
    *("koi8_r", "mac_roman", "cp932", "shift_jis", "euc_jp", "euc_jis_2004", "cp949", "euc_kr", "gb18030", "big5"),
)
_SAMPLE = 16_384  # bytes of lines that are not ASCII; the guess took 10 ms on this much
_FOREIGN = re.compile("[^\x00-\x7f\ufffd]")
_MARGIN = 0.03  # of the guesser's scores: closer ones were a coin's toss between Western and Central European texts


def decode(data: bytes) -> str:
    """The text of the file; never fails, bytes no encoding explains become U+FFFD."""
    encoding = by_pattern(data[: 1 << 16]) if b"\0" in data[: 1 << 16] else _by_mark(data)
    if encoding is None and b"\x1b$" in data:  # ISO-2022 is plain ASCII to the eye of UTF-8
        encoding = "iso2022_jp_2"
    if encoding is not None:
        return data.decode(encoding, "replace")
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd") - data.count("\ufffd".encode())
    if wrong * 4 <= len(_FOREIGN.findall(text)):  # UTF-8, if scratched: chance makes no such share of good sequences
        return text
    return data.decode(_guess(data), "replace")


def by_pattern(head: bytes) -> str | None:
    """The wide encoding of bytes with zeros among them, by their mark or by where the zeros stand; None if binary."""
    marked = _by_mark(head)
    if marked is not None:
        return marked
    for width, order in ((4, "utf-32"), (2, "utf-16")):
        usable = head[: len(head) // width * width]
        zeros = [usable[place::width].count(0) / max(1, len(usable) // width) for place in range(width)]
        if min(zeros[1:]) > 0.7 and zeros[0] < 0.1:
            return f"{order}-le"
        if min(zeros[:-1]) > 0.7 and zeros[-1] < 0.1:
            return f"{order}-be"
    return None


def _by_mark(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    telling = b"".join(line for line in data.splitlines(keepends=True) if not line.isascii())[:_SAMPLE]
    matches = list(from_bytes(telling, cp_isolation=list(_LIKELY)))
    if not matches:
        return "cp1252"
    best = matches[0]
    for match in matches:
        is_western = "cp1252" in (match.encoding, *match.could_be_from_charset)
        if is_western and match.chaos <= best.chaos + _MARGIN and match.coherence >= best.coherence - _MARGIN:
            return "cp1252"
    return best.encoding
