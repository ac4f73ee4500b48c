"""Owns the wordings of cargo that nobody has read yet: each once, those that hint at a hazard apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from pilothouse.connectors import Query, Row, Sources
from pilothouse.kernel import PilothouseError, Principal
from pilothouse_port.bindings.texts import bare_words
from pilothouse_port.bindings.values import text_of
from pilothouse_port.draft.guess import Guess
from pilothouse_port.draft.words import data, plain

__all__ = ["Wording", "hints_at_hazard", "read_wordings", "wording_lines", "wordings_of"]

_NUMBERED = re.compile(r"\b(?:un|onu) ?\d{4}\b")


@dataclass(slots=True, kw_only=True)
class Wording:
    """One wording: lines that differ in case or punctuation alone are one.

    Attributes:
        written: How often each spelling occurs.
        numbered: Rows of it that carry a UN number.
    """

    written: Counter[str] = field(default_factory=Counter[str])
    numbered: int = 0

    @property
    def text(self) -> str:
        """The most frequent spelling."""
        return max(self.written, key=lambda text: (self.written[text], text))

    @property
    def rows(self) -> int:
        """Rows that say it."""
        return self.written.total()

    @property
    def suspect(self) -> bool:
        """Whether its words, or a UN number on some of its rows, hint at a hazard."""
        return bool(self.numbered) or hints_at_hazard(self.text)


async def read_wordings(
    sources: Sources,
    principal: Principal,
    *,
    described: Guess,
    un: Guess | None,
    sample: Sequence[Row],
    known: Iterable[str],
) -> list[Wording]:
    """Return every wording of the whole manifest that a person has still to read, most frequent first.

    Args:
        sources: The sources, open.
        principal: With whose rights they are read.
        described: Where the description stands.
        un: Where the UN number stands; it counts where that is the same object.
        sample: What is there if the object cannot be read as a whole.
        known: Wordings a person approved before.
    """
    body = described.body
    try:
        rows = await sources.read(principal, body["system"], Query(body["object"]))
    except PilothouseError:
        rows = list(sample)
    same = un is not None and (un.body["system"], un.body["object"]) == (body["system"], body["object"])
    return wordings_of(
        ((text_of(row.values.get(body["value"])), _number(row, un) if same else "") for row in rows),
        known={bare_words(text) for text in known},
    )


def _number(row: Row, un: Guess | None) -> str:
    return text_of(row.values.get(un.body["value"])) if un is not None else ""


def wordings_of(lines: Iterable[tuple[str, str]], *, known: Collection[str] = ()) -> list[Wording]:
    """Return the wordings of (description, UN number) lines, without those that always carry a number."""
    found: dict[str, Wording] = {}
    for text, number in lines:
        bare = bare_words(text)
        if not bare or bare in known:
            continue
        one = found.setdefault(bare, Wording())
        one.written[" ".join(text.split())] += 1
        one.numbered += re.search(r"[1-9]", number) is not None
    left = [one for one in found.values() if one.numbered < one.rows]
    return sorted(left, key=lambda one: (-one.rows, one.text))


def hints_at_hazard(text: str) -> bool:
    """Whether a wording names something that UN proper shipping names are made of; a hint, no judgement."""
    bare = re.sub(r"[^a-z0-9]+", " ", plain(text)).strip()
    return bool(_NUMBERED.search(bare) or any(pattern.search(bare) for pattern in _hazards()))


@cache
def _hazards() -> tuple[re.Pattern[str], ...]:
    words: str = data("lexicon.toml")["hazards"]["words"]
    return tuple(re.compile(_pattern(plain(word).replace("_", " "))) for word in words.split())


def _pattern(word: str) -> str:
    """Long words count anywhere, since German and Dutch compound them; short ones at an edge of a word."""
    if " " in word:
        return rf"\b{word}s?\b"
    if len(word) >= 5:
        return word
    return rf"\b{word}|{word}\b" if len(word) == 4 else rf"{word}\b"


def wording_lines(wordings: Sequence[Wording]) -> list[str]:
    """Return the wordings as comments of ``port.yaml``, one a line."""
    if not wordings:
        return []
    lines = [
        f"TODO descriptions: {len(wordings)} wordings are unread, here with their rows; list those that hide "
        "nothing, word for word, under known or one a line in a known_file"
    ]
    lines += [f"{one.rows:5}  {one.text}" for one in wordings if not one.suspect]
    suspect = [one for one in wordings if one.suspect]
    lines += ["look twice: hints at a hazard"] if suspect else []
    for one in suspect:
        some = f"  ({one.numbered} of {one.rows} rows carry a UN number)" if one.numbered else ""
        lines.append(f"{one.rows:5}  {one.text}{some}")
    return [f"  # {line}" for line in lines]
