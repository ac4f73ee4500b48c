"""Owns sentences: where one of the sender's sentences starts and ends, and which are mere courtesy."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace

from pilothouse.documents.claims.language.detect import detect
from pilothouse.documents.claims.language.fold import Folded, fold
from pilothouse.documents.claims.language.footers import is_footer
from pilothouse.documents.claims.language.quoted import split_quoted
from pilothouse.documents.claims.language.words import words
from pilothouse.documents.types import Block

__all__ = ["Sentence", "sentences"]

_END = re.compile(
    r"[.!?…](?:[\"'”’»)\]]*)(?=\s|$)|\n[ \t]*\n|\n(?=[ \t]*(?:[-*•–]|\d{1,2}[.)])[ \t])|[;](?=\s)"
)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_GAP = re.compile(r"\t+| \| ")
_RULED = re.compile(r"[-=_~*+|\t ]{4,}")
_LEGAL = r"gmbh|ag|kg|b\.?v|n\.?v|ltd|llc|llp|inc|sarl|sas|s\.?a|s\.?l|s\.?r\.?l|s\.?p\.?a|lda|sp\. z o\. ?o"
_SIGNED = re.compile(
    rf"(?:[^\W\d_]\. ?){{1,2}}[^\W\d_][\w'-]+|[^\n:;!?]{{2,60}}\b(?:{_LEGAL})\.?", re.IGNORECASE
)
"""The name of a person with initials, or of a firm."""
_NUMBERED = re.compile(r"\b\d{1,4}$")
MOST = 600
"""Characters of one sentence at most; a longer one is cut at a line or blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence as it stands in the text.

    Attributes:
        kind: ``courtesy`` is greeting, thanks and closing; ``footer`` what firms put below all mails;
            ``bare`` has no words, only codes and numbers.
        language: Own or, too short to tell, of the text.
        own: Whether the language was told from the sentence itself.
        folded: Its words folded, with the way back (relative to ``start``).
    """

    start: int
    end: int
    text: str
    folded: Folded
    language: str
    own: bool
    kind: str
    question: bool

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the text's characters of a folded stretch."""
        first, last = self.folded.original(start, end)
        return self.start + first, self.start + last


def sentences(
    content: str, blocks: tuple[Block, ...] = (), *, languages: frozenset[str] | None = None
) -> tuple[Sentence, ...]:
    """Return the sender's sentences; quoted parts and signatures are left out.

    Args:
        content: Canonical text.
        blocks: Who speaks where; split here without.
        languages: Those that may occur.
    """
    parts = blocks or split_quoted(content)
    spoken = [one for one in parts if one.kind not in ("quoted", "signature", "header")]
    whole = detect(" ".join(content[one.start : one.end] for one in spoken), among=languages)
    found = [
        _sentence(content, start, end, whole, languages)
        for block in spoken
        for start, end in _cuts(content, block.start, block.end)
    ]
    return tuple(_names_below(found))


def _names_below(found: list[Sentence]) -> list[Sentence]:
    """Short lines of names under a closing are its signature; a sentence there is still a sentence."""
    closed = 0
    out: list[Sentence] = []
    for sentence in found:
        one = sentence
        if one.kind == "courtesy" and _courtesies()[1].fullmatch(one.folded.text.strip()):
            closed = 4
        elif closed and one.kind == "said" and _is_name(one.text):
            one = replace(sentence, kind="courtesy")
            closed -= 1
        elif one.kind == "said":
            closed = 0
        out.append(one)
    return out


def _is_name(text: str) -> bool:
    found = _LETTERS.findall(text)
    capital = sum(word[0].isupper() for word in found)
    return len(found) <= 12 and capital * 3 >= len(found) * 2 and text[-1:] not in ("!", "?", ":")


def _cuts(content: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts: list[tuple[int, int]] = []
    at = start
    for match in _END.finditer(content, start, end):
        if match[0][0] == "." and _abbreviated(content, at, match.start()):
            continue
        cuts += _trimmed(content, at, match.end())
        at = match.end()
    return cuts + _trimmed(content, at, end)


def _abbreviated(content: str, start: int, dot: int) -> bool:
    word = content[max(start, dot - 12) : dot].split()[-1:]
    if not word:
        return False
    plain = word[0].lstrip("([\"'").casefold()
    following = content[dot + 1 : dot + 4].lstrip()
    small = following[:1].islower() or following[:1].isdigit()
    if _NUMBERED.search(plain) and (small or _month_next(content, dot + 1)):
        return True
    return plain in _abbreviations() or (len(plain) == 1 and plain.isalpha() and plain not in "aeioy")


def _month_next(content: str, at: int) -> bool:
    following = fold(content[at : at + 16]).text.split()
    return bool(following) and following[0].strip(".,") in _months()


@functools.cache
def _months() -> frozenset[str]:
    return frozenset(name for one in words().values() for pair in one.months for name in pair)


@functools.cache
def _abbreviations() -> frozenset[str]:
    return frozenset(word for one in words().values() for word in one.abbreviations)


def _trimmed(content: str, start: int, end: int) -> list[tuple[int, int]]:
    """Without blanks around it; greetings, names and cells stand alone; what is too long is cut."""
    found: list[tuple[int, int]] = []
    for begin, last in _lines_apart(content, start, end):
        first = begin
        while last - first > MOST:
            cut = max(content.rfind("\n", first, first + MOST), content.rfind(" ", first, first + MOST))
            cut = cut if cut > first else first + MOST
            found.append((first, cut))
            first = cut
        found.append((first, last))
    return [(a, b) for a, b in (_stripped(content, a, b) for a, b in found) if a < b]


def _lines_apart(content: str, start: int, end: int) -> list[tuple[int, int]]:
    parts: list[tuple[int, int]] = []
    at = start
    position = start
    for line in content[start:end].splitlines(keepends=True):
        first, position = position, position + len(line)
        cells = _cells(line)
        if len(cells) > 1:  # the last one may go on in the next line
            parts += [(at, first), *((first + a, first + b) for a, b in cells[:-1])]
            at = first + cells[-1][0]
        elif _alone(line.strip(), content[position : position + 1]):
            parts += [(at, first), (first, position)]
            at = position
    return [*parts, (at, end)]


def _cells(line: str) -> list[tuple[int, int]]:
    """Return where the cells of a line stand, as tables and forms have them; one where it has no gap."""
    edges = [0, *(edge for gap in _GAP.finditer(line) for edge in gap.span()), len(line)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _alone(line: str, following: str) -> bool:
    """Whether a line says nothing with the next: a greeting, a rule, the name of a person or a firm."""
    if not line:
        return False
    if _RULED.fullmatch(line) or _courteous(fold(line).text):
        return True
    return not following.islower() and bool(_SIGNED.fullmatch(line)) and _is_name(line)


def _stripped(content: str, start: int, end: int) -> tuple[int, int]:
    while start < end and content[start].isspace():
        start += 1
    while end > start and content[end - 1].isspace():
        end -= 1
    return start, end


def _sentence(content: str, start: int, end: int, whole: str, languages: frozenset[str] | None) -> Sentence:
    text = content[start:end]
    folded = fold(text)
    own = detect(text, among=languages)
    return Sentence(
        start=start,
        end=end,
        text=text,
        folded=folded,
        language=own or whole,
        own=bool(own),
        kind=_kind(text, folded.text),
        question=text.rstrip("\"'”’») ").endswith("?"),
    )


def _kind(text: str, folded: str) -> str:
    if _courteous(folded):
        return "courtesy"
    if is_footer(folded):
        return "footer"
    return "bare" if _bare(text) else "said"


def _bare(text: str) -> bool:
    """Codes and numbers have no small letters; a sentence in capitals has several words."""
    found = _LETTERS.findall(text)
    small = [word for word in found if not word.isupper()]
    return not found or (len(found) < 2 and not small)


@functools.cache
def _courtesies() -> tuple[re.Pattern[str], re.Pattern[str]]:
    greetings = sorted({g for one in words().values() for g in one.greetings}, key=len, reverse=True)
    closings = sorted({c for one in words().values() for c in one.closings}, key=len, reverse=True)
    # A greeting has a few more words, a name; a closing none: "thanks for stopping it" is none.
    hello = re.compile(
        rf"(?:{'|'.join(map(re.escape, greetings))})\b(?:[ ,.&]+[^\W\d_][\w.']*){{0,5}} ?[,!.: ]*"
    )
    goodbye = re.compile(
        rf"(?:(?:{'|'.join(map(re.escape, closings))})\b[ ,.!]*(?:(?:and|und|et|y|en|e|i)\b )?){{1,3}}"
    )
    return hello, goodbye


def _courteous(folded: str) -> bool:
    if len(folded) > 90:
        return False
    hello, goodbye = _courtesies()
    plain = folded.strip()
    ends_like_greeting = plain.endswith((",", "!", ":")) or len(plain.split()) <= 4
    return bool(goodbye.fullmatch(plain)) or bool(hello.fullmatch(plain) and ends_like_greeting)
