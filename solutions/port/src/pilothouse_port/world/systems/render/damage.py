"""Owns what goes wrong with interchanges on their way: each kind is one fault seen in real mailboxes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pilothouse import kernel

__all__ = ["DAMAGE", "damaged"]


def damaged(content: bytes, kind: str) -> bytes:
    """The interchange after one fault; only ``cut`` loses content (the end of the last message).

    Raises:
        UsageError: ``world.damage``: no such kind.
    """
    if kind not in DAMAGE:
        raise kernel.UsageError(
            f"damage {kind!r} is not known; use one of {', '.join(sorted(DAMAGE))}", code="world.damage"
        )
    return DAMAGE[kind](content)


def _cut(content: bytes) -> bytes:
    """The line broke: the file ends in the middle of its last message."""
    last = content.rfind(b"UNH")
    return content[: last + max((len(content) - last) // 2, 4)]


def _wrong_una(content: bytes) -> bytes:
    """UNA announces other characters than the file uses."""
    body = content[9:] if content.startswith(b"UNA") else content
    return b"UNA|!.? ~" + body


def _no_una(content: bytes) -> bytes:
    return content[9:] if content.startswith(b"UNA") else content


def _without(content: bytes, tag: bytes) -> bytes:
    start = content.find(tag)
    if start < 0:
        return content
    end = start
    while content[end : end + 1] != _terminator(content) or content[end - 1 : end] == b"?":
        end += 1
    return content[:start] + content[end + 1 :]


def _terminator(content: bytes) -> bytes:
    return content[8:9] if content.startswith(b"UNA") else b"'"


def _no_unb(content: bytes) -> bytes:
    return _without(content, b"UNB")


def _no_unz(content: bytes) -> bytes:
    return _without(content, b"UNZ")


def _wrong_count(content: bytes) -> bytes:
    """The message and interchange counts are off by some, as after a hand-made correction."""
    return re.sub(rb"(UN[TZ].)(\d+)", lambda m: m[1] + str(int(m[2]) + 3).encode(), content)


def _line_breaks(content: bytes) -> bytes:
    """A mail gateway folded the file at 76 characters, inside segments too."""
    return b"\r\n".join(content[at : at + 76] for at in range(0, len(content), 76)) + b"\r\n"


def _newlines(content: bytes) -> bytes:
    """An editor put every segment on its own line."""
    end = re.escape(_terminator(content))
    return re.sub(rb"(?<!\?)(" + end + rb")(?:\r?\n)?", rb"\1\n", content)


def _noise(content: bytes) -> bytes:
    """A gateway put its own lines before and after."""
    return b"Content-Type: application/EDIFACT\r\n\r\n" + content + b"\r\n-- \r\nsent by gateway\r\n"


def _latin1(content: bytes) -> bytes:
    """The sender writes Latin-1 although the envelope announces less."""
    return content.replace(b"UNOC", b"UNOA", 1).replace(b"UNOY", b"UNOA", 1)


DAMAGE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cut": _cut,
    "latin1": _latin1,
    "line_breaks": _line_breaks,
    "newlines": _newlines,
    "no_una": _no_una,
    "no_unb": _no_unb,
    "no_unz": _no_unz,
    "noise": _noise,
    "wrong_count": _wrong_count,
    "wrong_una": _wrong_una,
}
