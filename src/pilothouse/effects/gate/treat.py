"""Owns what is done to content that passes only by an endorsed flow: links and markup out, quoted, cut."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

__all__ = ["CAP", "as_content", "treatable"]

CAP: Final = 2000
GONE: Final = "‹link›"
# What turns into a link somewhere: a scheme, or dots between words that end like a domain; and what follows.
_LINK: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}:/|/{2}|(?:mailto|tel|data|javascript|file|sms):)[^\s]*"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])(?:[/?#:][^\s]*)?"
    r"|[^\s/:@.]{1,64}(?:[@.][^\s/:@.]{1,64}){0,8}\.[a-z]{2,24}(?![\w.])(?:[/?#:][^\s]*)?",
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(r"[<>\[\]{}|`*_#\\^~@]|^\s*[-+=]{3,}\s*$", re.MULTILINE)
_TAG: Final = re.compile(r"<[^<>]{0,2000}>")
# What browsers take for a dot in a domain (UTS 46 section 2.3); NFKC leaves the first as it is.
_DOTS: Final = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_SPACE: Final = re.compile(r"[^\S\n]+")


def treatable(value: object) -> bool:
    """Whether ``as_content`` knows how to treat ``value``: text, numbers, and lists of these."""
    if isinstance(value, list | tuple):
        return all(treatable(item) for item in cast("Sequence[object]", value))
    return value is None or isinstance(value, str | int | float)


def as_content(value: Any, sources: Iterable[str], *, cap: int = CAP) -> Any:
    """Return ``value`` fit to be shown: no links or markup, quoted with its sources, cut at ``cap``.

    Numbers stay as they are; lists are treated item by item.
    """
    if isinstance(value, list | tuple):
        return [as_content(item, sources, cap=cap) for item in cast("Sequence[object]", value)]
    if not isinstance(value, str):
        return value
    told = _plain(value[: 4 * cap])
    cut = told if len(told) <= cap else told[: cap - 1] + "…"
    named = ", ".join(sorted(set(sources)))
    return "\n".join(f"> {line}" for line in cut.split("\n")) + f"\n({named})"


def _plain(text: str) -> str:
    """Strip until nothing is left to strip, so that no piece can be put together from what remains."""
    before = None
    while before != text:
        before = text
        text = _once(text)
    return text.strip()


def _once(text: str) -> str:
    text = unicodedata.normalize("NFKC", html.unescape(text)).translate(_DOTS)
    text = "".join(char for char in text if char == "\n" or not unicodedata.category(char).startswith("C"))
    text = _TAG.sub(" ", text)
    text = _LINK.sub(GONE, text)
    return _SPACE.sub(" ", _MARKUP.sub(" ", text))
