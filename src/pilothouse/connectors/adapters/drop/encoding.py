"""Owns turning the bytes of a drop file into text: byte order marks, UTF-8, UTF-16, code pages."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

__all__ = ["Decoded", "decode"]

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LETTERS = {
    "cp1252": "äöüßÄÖÜéèêëàâáãåçîïíìôöóòõøûùúñæœÉÈÊÀÂÁÃÅÇÎÍÔÓÕØÛÚÑÆŒ€§°„“”–’«»º",
    "cp1250": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻčěřšůýžČŘŠŽőűŐŰäöüÄÖÜß€§°„”–",
    "iso8859_2": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻčěřšůýžČŘŠŽőűŐŰäöüÄÖÜß§°",
    "cp850": "äöüßÄÖÜéèêëàâáãåçîïíìôóòõøûùúñæÉÈÊÀÂÁÃÅÇÎÍÔÓÕØÛÚÑÆ§°«»º",
}
"""Candidates, the likeliest first, and the characters that speak for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text and how it was found.

    Attributes:
        text: Undecodable bytes are lone surrogates, so that offsets stay true.
        encoding: Python's name of the codec.
        skipped: Bytes before the text (the byte order mark).
        evidence: Why this codec.
        damaged: How many bytes could not be decoded.
    """

    text: str
    encoding: str
    skipped: int
    evidence: str
    damaged: int = 0


def decode(raw: bytes, *, declared: str | None = None) -> Decoded:
    """Return the text of ``raw``.

    Args:
        raw: The whole file.
        declared: A codec that is not to be doubted.

    Raises:
        LookupError: The declared codec does not exist.
    """
    if declared is not None:
        codec = codecs.lookup(declared).name
        skipped = next((len(mark) for mark, name in MARKS if name == codec and raw.startswith(mark)), 0)
        return _with(raw, codec, skipped, "declared")
    for mark, name in MARKS:
        if raw.startswith(mark):
            return _with(raw, name, len(mark), "byte order mark")
    return _wide(raw) or _unicode(raw) or _code_page(raw)


def _with(raw: bytes, codec: str, skipped: int, evidence: str) -> Decoded:
    try:
        return Decoded(text=raw[skipped:].decode(codec), encoding=codec, skipped=skipped, evidence=evidence)
    except UnicodeDecodeError:
        errors = "surrogateescape" if codec == "utf-8" or not codec.startswith("utf") else "replace"
        text = raw[skipped:].decode(codec, errors)
        damaged = sum(1 for char in text if "\udc80" <= char <= "\udcff" or char == "\ufffd")
        return Decoded(text=text, encoding=codec, skipped=skipped, evidence=evidence, damaged=damaged)


def _wide(raw: bytes) -> Decoded | None:
    """Return UTF-16 without a mark: every other byte of Western text is zero."""
    head = raw[:4096]
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.4 and even < 0.1:
        return _with(raw, "utf-16-le", 0, "every second byte is zero")
    if even > 0.4 and odd < 0.1:
        return _with(raw, "utf-16-be", 0, "every second byte is zero")
    return None


def _unicode(raw: bytes) -> Decoded | None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _damaged_utf8(raw)
    evidence = "ASCII only" if raw.isascii() else "valid UTF-8"
    return Decoded(text=text, encoding="utf-8", skipped=0, evidence=evidence)


def _damaged_utf8(raw: bytes) -> Decoded | None:
    """Return UTF-8 with a few broken bytes, if many more characters are whole."""
    text = raw.decode("utf-8", "surrogateescape")
    broken = sum("\udc80" <= char <= "\udcff" for char in text)
    whole = sum(char > "\x7f" for char in text) - broken
    if whole < 4 * broken:
        return None
    return Decoded(
        text=text,
        encoding="utf-8",
        skipped=0,
        evidence=f"{whole} whole characters against {broken} broken bytes",
        damaged=broken,
    )


def _code_page(raw: bytes) -> Decoded:
    high = bytes(byte for byte in raw if byte > 0x7F)
    scores = {name: _score(high, name, letters) for name, letters in LETTERS.items()}
    best = max(scores, key=lambda name: scores[name])
    evidence = f"{scores[best]:.0%} of {len(high)} characters are letters of {best}"
    if best == "cp1252" and not any(0x80 <= byte < 0xA0 for byte in high):
        # Without bytes of that range the two agree, and the simpler name is the honest one.
        return _with(raw, "iso8859-1", 0, evidence.replace("cp1252", "Latin-1"))
    return _with(raw, best, 0, evidence)


def _score(high: bytes, codec: str, letters: str) -> float:
    text = high.decode(codec, "replace")
    return sum(char in letters for char in text) / len(text)
