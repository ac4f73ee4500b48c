"""Owns hazards in cargo descriptions: names of dangerous goods that are meant, and words nobody knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from pilothouse_port.reading.wares import (
    Kind,
    Named,
    chemical,
    folded,
    kind_of,
    named,
    safe,
    tail_of,
    word_class,
)

__all__ = ["Hazard", "folded", "hazard_in", "strange_words"]

_NUMBERED = re.compile(r"\b(?:un|onu)\s?-?\s?(?:no\.?|nr\.?)?\s?\d{4}\b")
_TOKEN = re.compile(r"[^\W_]+")
_BREAK = re.compile(r"[,;:/+&()\[\]|\n•!?*\"„“”«»]|\.\s|\s[-‑–—]+\s")
_ELIDED = re.compile(r"^[-‑–]\s+$")
_SHORT: Final = re.compile(r"\bw/o(?!\w)|\bo\.(?=\s[^\W\d])|\bs/(?=\s?[^\W\d])")
"""How some write ``without``."""
_HYPHENS: Final = frozenset({"-", "‑"})
_ITEM_WORDS: Final = ("with", "without", "and", "or")
_EMPTIED: Final = frozenset({"cosmetic", "everyday", "paint", "adhesive", "aerosol", "flame", "fuelled"})
"""Hazards whose empty containers are harmless; empty containers of the others may hold a rest of them."""
_DENIES: Final = {"power": "powered", "gas": "fuelled", "flame": "fuelled", "fuel": "fuelled"}
"""What saying that one thing is not there says of a device: a lighter without gas."""
_DRIVEN: Final = frozenset({"power", "powered"})
REACH: Final = 3
"""Words that ``without`` reaches over."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard as it stands in the description."""

    start: int
    end: int
    quote: str
    meaning: str


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    start: int
    end: int
    gap: str
    says: frozenset[str]

    @property
    def kind(self) -> Kind:
        return kind_of(self.word)


@dataclass(slots=True)
class _Item:
    """One thing of a list: its words' places, how it hangs on the one before, and what is said of it."""

    link: str
    first: int
    after: int
    says: set[str] = field(default_factory=set[str])
    denied: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class _Parsed:
    text: str
    tokens: list[_Token]
    items: list[_Item]
    safe: list[tuple[int, int]]
    found: list[tuple[_Item, Named]]


def hazard_in(text: str) -> Hazard | None:
    """Return the first hazard that the description names and does not disarm, or nothing."""
    bare = folded(text)
    numbered = _NUMBERED.search(bare)
    if numbered is not None:
        return _quoted(text, *numbered.span(), "number")
    parsed = _parse(text)
    for item, one in parsed.found:
        if _judge(parsed, item, one) == "armed":
            return _quoted(
                text, parsed.tokens[one.first].start, parsed.tokens[one.after - 1].end, one.meaning
            )
    return None


def _quoted(text: str, start: int, end: int, meaning: str) -> Hazard:
    return Hazard(start, end, text[start:end], meaning)


def strange_words(text: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the words of a description that nobody has met in harmless cargo, or that may hide a hazard.

    Args:
        text: The description.
        known: Words of the port's own past: cargo that went without a hazard; folded.
    """
    parsed = _parse(text)
    strange: list[str] = []
    held = {at for first, after in parsed.safe for at in range(first, after)}
    for item, one in parsed.found:
        if _judge(parsed, item, one) == "doubt":
            strange.append(" ".join(token.word for token in parsed.tokens[one.first : one.after]))
        held.update(range(one.first, one.after))
    thing = False
    for item in parsed.items:
        headed = _headed(parsed, item)
        mine = [token for token in parsed.tokens[item.first : item.after] if token.word.isalpha()]
        thing = thing or headed or any(t.kind & Kind.THING or t.word in known for t in mine)
        thing = thing or any(item.first <= first < item.after for first, _ in parsed.safe)
        plain = headed or _edible(parsed, item)
        for at in range(item.first, item.after):
            token = parsed.tokens[at]
            if "uncleaned" in token.says and not headed:
                strange.append(token.word)
            if at in held or token.says or len(token.word) < 3 or not token.word.isalpha():
                continue
            if token.kind & Kind.SUBSTANCE and not plain:
                strange.append(token.word)
            if token.word in known or token.kind or (headed and not chemical(token.word)):
                continue
            strange.append(token.word)
    if not thing and not strange:
        strange += [token.word for token in parsed.tokens]
    return tuple(dict.fromkeys(strange))


def _parse(text: str) -> _Parsed:
    tokens = _tokens(text)
    words = [token.word for token in tokens]
    items = _items(tokens)
    spans = [(one.first, one.after) for one in safe(words)]
    found: list[tuple[_Item, Named]] = []
    for one in named(words):
        if any(first <= one.first and one.after <= after for first, after in spans):
            continue
        item = next((item for item in items if item.first <= one.first < item.after), None)
        if item is not None:
            found.append((item, one))
    parsed = _Parsed(text, tokens, items, spans, found)
    _deny(parsed)
    return parsed


def _tokens(text: str) -> list[_Token]:
    out: list[_Token] = []
    bare, end = _SHORT.sub(lambda m: "sin".ljust(len(m[0])), folded(text)), 0
    for match in _TOKEN.finditer(bare):
        gap = text[end : match.start()]
        word = match[0]
        says = word_class(word)
        if len(word) == 1 and text[match.end() : match.end() + 1] in ("-", "'", "’"):
            says = frozenset[str]()
        out.append(_Token(word, match.start(), match.end(), gap, says))
        end = match.end()
    return out


def _items(tokens: Sequence[_Token]) -> list[_Item]:
    """Cut a description into the things it lists."""
    items: list[_Item] = []
    link, elided = "list", False
    for at, token in enumerate(tokens):
        opener = next((name for name in _ITEM_WORDS if name in token.says), "")
        if opener == "with" and at and "without" in tokens[at - 1].says:
            opener = ""
        if opener in ("and", "or") and _ELIDED.match(token.gap):
            elided = True
        elif opener:
            negated = opener == "or" and bool(items) and items[-1].link == "without"
            link = "without" if negated else opener
            items.append(_Item(link, at, at + 1))
        elif not items or (_BREAK.search(token.gap) and not elided):
            items.append(_Item("list", at, at + 1))
        else:
            items[-1].after = at + 1
            elided = False
            continue
        items[-1].after = at + 1
    return _joined(items, tokens)


def _joined(items: list[_Item], tokens: Sequence[_Token]) -> list[_Item]:
    """Add items that only say how the one before is (``perfume bottles, new, empty``) to it."""
    out: list[_Item] = []
    for item in items:
        mine = tokens[item.first : item.after]
        said = {name for token in mine for name in token.says}
        plain = [token for token in mine if not token.says and token.word.isalpha()]
        only = all(token.kind & Kind.TRAIT for token in plain)
        if out and only and said & {"empty", "new", "uncleaned"} and item.link in ("list", "and"):
            out[-1].says |= said
            continue
        item.says = said | ({"absent"} if "excluded" in mine[-1].says else set[str]())
        out.append(item)
    return out


def _deny(parsed: _Parsed) -> None:
    """Tell the item before ``without batteries`` that its devices run on none."""
    for before, item in zip(parsed.items, parsed.items[1:], strict=False):
        if item.link != "without" or before.link == "with":
            continue
        absent = {_DENIES[one.meaning] for of, one in parsed.found if of is item and one.meaning in _DENIES}
        said = {name for token in parsed.tokens[item.first : item.first + REACH] for name in token.says}
        if "filling" in said:
            absent |= {"fuelled", "powered"}
            before.says |= {"empty", "new"}
        if "included" in said:
            before.says.add("absent")
        before.denied |= absent


def _judge(parsed: _Parsed, item: _Item, one: Named) -> str:
    """Return ``armed``, ``doubt`` or nothing for a hazard's name where it stands."""
    tokens = parsed.tokens
    if item.link == "without" and one.first - item.first <= REACH:
        return ""
    if one.meaning in item.denied or "absent" in item.says or _beside(tokens, one):
        return ""
    if "uncleaned" in item.says:
        return "armed" if "empty" not in item.says else "doubt"
    verdict = _headed_away(parsed, item, one)
    if verdict != "armed":
        return verdict
    if one.meaning in _DRIVEN:
        return "doubt" if one.meaning == "unsure" else "armed"
    if "empty" in item.says:
        return "" if one.meaning in _EMPTIED or "new" in item.says else "doubt"
    if "toy" in item.says and one.meaning != "fireworks":
        return ""
    if any("shape" in token.says for token in tokens[max(item.first, one.first - REACH) : one.first]):
        return ""
    if "water" in item.says and one.meaning in ("paint", "adhesive"):
        return ""
    return "doubt" if one.meaning == "unsure" else "armed"


def _beside(tokens: Sequence[_Token], one: Named) -> bool:
    """Whether the words right beside a hazard turn it round: ``acid-free``, ``anti-acid``, ``feuerfest``."""
    if any({"free", "proof"} & word_class(one.rest[at:]) for at in range(len(one.rest) - 2)):
        return True
    if one.after < len(tokens) and {"free", "proof"} & tokens[one.after].says:
        return not _BREAK.search(tokens[one.after].gap)
    before = tokens[max(0, one.first - 2) : one.first]
    if before and "anti" in before[-1].says:
        return True
    return any("proof" in token.says for token in before)


def _headed_away(parsed: _Parsed, item: _Item, one: Named) -> str:
    """Judge a hazard by the thing it only describes: ``gas hose``, ``hose for gas``, ``tuyau de gaz``."""
    segments = _segments(parsed, item)
    at = next((i for i, (_, first, after) in enumerate(segments) if first <= one.first < after), 0)
    _, first, after = segments[at]
    tokens = parsed.tokens
    if _disarms(tail_of(one.rest), one.meaning):
        return ""
    if one.after < after:
        tail = next(
            (t for t in reversed(tokens[one.after : after]) if not t.kind & Kind.TRAIT and t.word.isalpha()),
            None,
        )
        joined = all(t.gap in _HYPHENS for t in tokens[one.after : after])
        order = Kind.LAST if joined else Kind.OPEN
        if (
            tail is not None
            and tail.kind & order
            and not tail.kind & Kind.FOOD
            and _disarms(tail.kind, one.meaning)
        ):
            return ""
    if first < one.first <= first + 2:
        lead = tokens[first].kind
        if lead & Kind.FIRST and not lead & Kind.LAST and _disarms(lead, one.meaning):
            return ""
    return _led(parsed, segments[: at + 1], one) if at else "armed"


def _led(parsed: _Parsed, segments: Sequence[tuple[str, int, int]], one: Named) -> str:
    """Judge a hazard behind a preposition by the head of what stands before it."""
    link = segments[-1][0]
    _, first, after = segments[0]
    heads = [t.kind for t in parsed.tokens[first:after] if not t.kind & Kind.TRAIT]
    if not heads:
        return "armed"
    for head in (heads[-1], heads[0]):
        if head & Kind.FORM:
            if link == "for":
                return "doubt" if one.meaning not in _EMPTIED else ""
            continue
        order = head & (Kind.FIRST | Kind.LAST)
        if link == "of":
            order = head & Kind.FIRST if not head & Kind.CASE else Kind(0)
        if order and _disarms(head, one.meaning):
            return ""
    return "armed"


def _segments(parsed: _Parsed, item: _Item) -> list[tuple[str, int, int]]:
    """Cut an item at its prepositions: how a part hangs on the first, and its places."""
    out: list[tuple[str, int, int]] = []
    link, first = "", item.first
    for at in range(item.first, item.after):
        token = parsed.tokens[at]
        name = next((one for one in ("for", "of", "in") if one in token.says), "")
        if name:
            if at > first:
                out.append((link, first, at))
            link, first = ("for" if link == "for" and first == at else name), at + 1
    if first < item.after:
        out.append((link, first, item.after))
    return out


def _disarms(head: Kind, meaning: str) -> bool:
    if head & Kind.FORM:
        return False
    return bool(head & Kind.FITTING) or (bool(head & Kind.WARE) and meaning not in _DRIVEN)


def _edible(parsed: _Parsed, item: _Item) -> bool:
    """Whether food or the like stands in the item: ``cocoa powder``, ``olives, paste``."""
    return any(token.kind & Kind.FOOD for token in parsed.tokens[item.first : item.after])


def _headed(parsed: _Parsed, item: _Item) -> bool:
    """Whether the item's head is an article that hides nothing, whatever its other words say."""
    segments = _segments(parsed, item)
    if not segments:
        return False
    _, first, after = segments[0]
    things = [t for t in parsed.tokens[first:after] if t.word.isalpha() and not t.says]
    things = [t for t in things if not t.kind & Kind.TRAIT] or things
    if not things:
        return False
    strong = Kind.FITTING | Kind.WARE
    ends = (things[-1].kind, Kind.LAST), (things[0].kind, Kind.FIRST)
    return any(kind & order and kind & strong and not kind & Kind.FORM for kind, order in ends)
