"""Owns cutting a cargo description into the things it lists, and what it says is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pilothouse_port.reading.wares import Kind, Named, folded, kind_of, named, safe, word_class

__all__ = ["BREAK", "HYPHENS", "REACH", "Item", "Parsed", "Token", "parse"]

_TOKEN = re.compile(r"[^\W_]+")
BREAK = re.compile(r"[,;:/+&()\[\]|\n•!?*\"„“”«»]|\.\s|\s[-‑–—]+\s")
_ELIDED = re.compile(r"^[-‑–]\s+$")
_SHORT: Final = re.compile(r"\bw/o(?!\w)|\bo\.(?=\s[^\W\d])|\bs/(?=\s?[^\W\d])")
"""How some write ``without``."""
HYPHENS: Final = frozenset({"-", "‑"})
_ITEM_WORDS: Final = ("with", "without", "and", "or")
_DENIES: Final = {"power": "powered", "gas": "fuelled", "flame": "fuelled", "fuel": "fuelled"}
"""What saying that one thing is not there says of a device: a lighter without gas."""
REACH: Final = 3
"""Words that ``without`` reaches over."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a description.

    Attributes:
        word: Folded.
        gap: What stands between it and the word before.
        says: What it does in the grammar of a description; empty for the name of a thing.
    """

    word: str
    start: int
    end: int
    gap: str
    says: frozenset[str]

    @property
    def kind(self) -> int:
        """What the word can be as a name."""
        return kind_of(self.word)


@dataclass(slots=True)
class Item:
    """One thing of a list: its words' places, how it hangs on the one before, and what is said of it."""

    link: str
    first: int
    after: int
    says: set[str] = field(default_factory=set[str])
    denied: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Parsed:
    """A description, cut.

    Attributes:
        safe: Places of phrases that are harmless whatever their words say.
        found: Names of dangerous goods, with the thing in whose words they stand.
        gone: Meanings of hazards that the text says are not there.
    """

    text: str
    tokens: list[Token]
    items: list[Item]
    safe: list[tuple[int, int]]
    found: list[tuple[Item, Named]]
    gone: set[str] = field(default_factory=set[str])


def parse(text: str) -> Parsed:
    """Return a description cut into the things it lists."""
    tokens = _tokens(text)
    words = [token.word for token in tokens]
    items = _items(tokens)
    spans = [
        (one.first, one.after)
        for one in safe(words)
        if not any(BREAK.search(token.gap) for token in tokens[one.first + 1 : one.after])
    ]
    found: list[tuple[Item, Named]] = []
    for one in named(words):
        if any(first <= one.first and one.after <= after for first, after in spans):
            continue
        item = next((item for item in items if item.first <= one.first < item.after), None)
        if item is not None:
            found.append((item, one))
    parsed = Parsed(text, tokens, items, spans, found)
    _deny(parsed)
    return parsed


def _tokens(text: str) -> list[Token]:
    out: list[Token] = []
    bare, end = _SHORT.sub(lambda m: "sin".ljust(len(m[0])), folded(text)), 0
    for match in _TOKEN.finditer(bare):
        gap = text[end : match.start()]
        word = match[0]
        says = word_class(word)
        if len(word) == 1 and text[match.end() : match.end() + 1] in ("-", "'", "’"):
            says = frozenset[str]()
        out.append(Token(word, match.start(), match.end(), gap, says))
        end = match.end()
    return out


def _items(tokens: Sequence[Token]) -> list[Item]:
    """Cut a description into the things it lists."""
    items: list[Item] = []
    link, elided = "list", False
    for at, token in enumerate(tokens):
        opener = next((name for name in _ITEM_WORDS if name in token.says), "")
        if opener == "without" and at + 1 < len(tokens) and tokens[at + 1].gap in HYPHENS:
            opener = ""
        if opener == "with" and at and "without" in tokens[at - 1].says:
            opener = ""
        if opener in ("and", "or") and _ELIDED.match(token.gap):
            elided = True
        elif opener in ("and", "or") and at + 1 < len(tokens) and _goes_on(items, tokens[at + 1]):
            opener = ""
            items[-1].after = at + 1
            continue
        elif opener:
            negated = opener == "or" and bool(items) and items[-1].link == "without"
            link = "without" if negated else opener
            items.append(Item(link, at, at + 1))
        elif not items or (BREAK.search(token.gap) and not elided):
            items.append(Item("list", at, at + 1))
        else:
            items[-1].after = at + 1
            elided = False
            continue
        items[-1].after = at + 1
    return _joined(items, tokens)


def _goes_on(items: Sequence[Item], token: Token) -> bool:
    """Whether what follows "and" hangs on the same head: ``Kostüme für Feuerwehr und für ...``."""
    return bool(items) and bool({"for", "of"} & token.says) and len(token.word) > 1


def _joined(items: list[Item], tokens: Sequence[Token]) -> list[Item]:
    """Add items that only say how the one before is (``perfume bottles, new, empty``) to it."""
    out: list[Item] = []
    for item in items:
        mine = tokens[item.first : item.after]
        said = {name for token in mine for name in token.says}
        plain = [token for token in mine if not token.says and token.word.isalpha()]
        only = all(token.kind & Kind.TRAIT for token in plain)
        if out and only and said & {"empty", "new", "uncleaned"} and item.link in ("list", "and"):
            for before in out[-2:]:
                before.says |= said
            continue
        item.says = said | ({"absent"} if "excluded" in mine[-1].says else set[str]())
        out.append(item)
    return out


def _deny(parsed: Parsed) -> None:
    """Tell the things named before ``without batteries`` or ``not included`` what is not there."""
    for at, item in enumerate(parsed.items):
        mine = {one.meaning for of, one in parsed.found if of is item}
        if "absent" in item.says:
            parsed.gone |= mine
        if item.link != "without" or not at:
            continue
        said = {name for token in parsed.tokens[item.first : item.first + REACH] for name in token.says}
        before = _hazardous(parsed, at)
        parsed.gone |= mine
        if "included" in said:
            near = parsed.items[at - 1]
            near.says.add("absent")
            parsed.gone |= {one.meaning for of, one in parsed.found if of is near}
        if before.link == "with":
            continue
        before.denied |= {_DENIES[name] for name in mine if name in _DENIES}
        if "filling" in said:
            before.denied |= {"fuelled", "powered"}
            before.says |= {"empty", "new"}


def _hazardous(parsed: Parsed, at: int) -> Item:
    """Return the item that a remark at ``at`` is about: the nearest one before it that names a hazard."""
    named_in = [of for of, _ in parsed.found]
    before = list(reversed(parsed.items[:at]))
    return next((item for item in before if any(of is item for of in named_in)), before[0])
