"""Owns hazards in cargo descriptions: names of dangerous goods that are meant, and words nobody knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pilothouse_port.reading.listed import BREAK, HYPHENS, REACH, Item, Parsed, Token, parse
from pilothouse_port.reading.wares import (
    Kind,
    Named,
    chemical,
    folded,
    kind_of,
    leads,
    tail_of,
    word_class,
)

__all__ = ["Hazard", "folded", "hazard_in", "strange_words"]

_NUMBERED = re.compile(r"\b(?:un|onu)\s?-?\s?(?:no\.?|nr\.?)?\s?\d{4}\b")
_EMPTIED: Final = frozenset({"cosmetic", "everyday", "paint", "adhesive", "aerosol", "flame", "fuelled"})
"""Hazards whose empty containers are harmless; empty containers of the others may hold a rest of them."""
_DRIVEN: Final = frozenset({"power", "powered"})
_LOADED: Final = frozenset({"explosive", "fireworks", "aerosol", "fuelled", "toxic"})
"""Hazards that a ware may hold: only a fitting disarms them."""
_SMALL_WORDS: Final = frozenset({"with", "without", "and", "or", "for", "of", "in"})
_SHOWN: Final = frozenset(
    {"explosive", "fireworks", "figure", "unsure", "toxic", "flame", "fuelled", "gas", "shipping name"}
)
"""Hazards that toys, pictures and names often play with."""
_APART: Final = frozenset({"power", "powered", "gas", "explosive", "fuelled", "aerosol"})
"""Hazards hardly listed beside what holds them: ``Batterie Halter`` is one thing, ``Farbe Pinsel`` two."""
LONG: Final = 13
"""Letters of an unknown word that may be a compound of its own: no head beside it says what it is."""
_NAMES: Final = frozenset({"shape", "sign", "tint", "toy", "mock", "colour", "filling"})
"""Words of the grammar that are names of things as well."""
_WATER: Final = re.compile(
    r"water ?(?:based|borne|basis)|wasserbas|wasserverd|watergedragen|a l.eau\b|al agua|all.acqua"
    r"|a? ?base d(?:e |.)(?:eau|agua|acqua)|bazie wody"
)
_VESSEL: Final = Kind.FORM | Kind.CASE | Kind.FITTING


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard as it stands in the description."""

    start: int
    end: int
    quote: str
    meaning: str


def hazard_in(text: str) -> Hazard | None:
    """Return the first hazard that the description names and does not disarm, or nothing."""
    bare = folded(text)
    numbered = _NUMBERED.search(bare)
    if numbered is not None:
        return _quoted(text, *numbered.span(), "number")
    parsed = parse(text)
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
    parsed = parse(text)
    strange: list[str] = []
    thing = False
    held = {at for first, after in parsed.safe for at in range(first, after)}
    for item, one in parsed.found:
        verdict = _judge(parsed, item, one)
        if verdict == "doubt":
            strange.append(" ".join(token.word for token in parsed.tokens[one.first : one.after]))
        elif not verdict and item.link != "without":
            thing = True
        held.update(range(one.first, one.after))
    for item in parsed.items:
        mine = [token for token in parsed.tokens[item.first : item.after] if token.word.isalpha()]
        thing = thing or any(token.word in known for token in mine) or _harmless(parsed, item, mine)
        strange += _odd(parsed, item, held, known)
    if not thing and not strange:
        strange += [token.word for token in parsed.tokens]
    return tuple(dict.fromkeys(strange))


def _harmless(parsed: Parsed, item: Item, mine: Sequence[Token]) -> bool:
    """Whether the item names something harmless, which may be an empty vessel."""
    if _headed(parsed, item) or any(_thing(token, mine) for token in mine):
        return True
    if "empty" in item.says and any((token.kind | tail_of(token.word)) & _VESSEL for token in mine):
        return True
    return any(item.first <= first < item.after for first, _ in parsed.safe)


def _odd(parsed: Parsed, item: Item, held: Collection[int], known: Collection[str]) -> list[str]:
    """Return the words of an item that nobody knows, and those of a liquid, a powder and the like."""
    headed = _headed(parsed, item)
    plain = headed or "empty" in item.says or _edible(parsed, item)
    odd = ["uncleaned"] if "uncleaned" in item.says and not headed else []
    for at in range(item.first, item.after):
        token = parsed.tokens[at]
        small = token.says - {"filling"} or (token.says and item.link == "without")
        if at in held or small or len(token.word) < 3 or not token.word.isalpha():
            continue
        passed = headed and not chemical(token.word) and len(token.word) < LONG
        unknown = token.word not in known and not token.kind and not passed
        poured = token.kind & Kind.SUBSTANCE and not (plain and not _ends_in(parsed, item, at))
        if unknown or poured:
            odd.append(token.word)
    return odd


def _ends_in(parsed: Parsed, item: Item, at: int) -> bool:
    """Whether a liquid, a powder or the like is the head: ``barbecue lighting fluid``, not ``gel mats``."""
    if "empty" in item.says or _edible(parsed, item) or at == item.first:
        return False
    if parsed.tokens[at].kind & Kind.FITTING:
        return False
    behind = parsed.tokens[at + 1 : item.after]
    return all(not token.word.isalpha() or token.kind & (Kind.FORM | Kind.TRAIT) for token in behind)


def _thing(token: Token, beside: Sequence[Token]) -> bool:
    """Whether a word names harmless goods, and not what goods come in: ``plastic bags``, not ``bags``."""
    if not token.kind & Kind.THING or token.kind & Kind.SUBSTANCE:
        return False
    return not token.kind & Kind.FORM or any(t.kind & Kind.TRAIT for t in beside)


def _judge(parsed: Parsed, item: Item, one: Named) -> str:
    """Return ``armed``, ``doubt`` or nothing for a hazard's name where it stands."""
    tokens = parsed.tokens
    if _negated(parsed, item, one):
        return ""
    if one.meaning in item.denied or "absent" in item.says or _beside(tokens, one):
        return ""
    if "uncleaned" in item.says:
        return "armed" if "empty" not in item.says else "doubt"
    if one.meaning == "figure" and _named_after(parsed, item):
        return ""
    verdict = _headed_away(parsed, item, one)
    if verdict != "armed":
        return verdict
    if one.meaning in _DRIVEN:
        return "armed"
    if "empty" in item.says and _holds(parsed, item, one):
        return "" if one.meaning in _EMPTIED or "new" in item.says else "doubt"
    if _pictured(tokens[max(item.first, one.first - REACH) : one.first], item, one.meaning):
        return ""
    said = folded(parsed.text)[tokens[item.first].start : tokens[item.after - 1].end]
    if one.meaning in ("paint", "adhesive") and _WATER.search(said):
        return ""
    return "doubt" if one.meaning == "unsure" else "armed"


def _negated(parsed: Parsed, item: Item, one: Named) -> bool:
    """Whether the text says that the hazard is not there: ``without any batteries``."""
    tokens = parsed.tokens
    if one.first and "without" in tokens[one.first - 1].says:
        return True
    if item.link != "without" or one.first - item.first > REACH:
        return False
    named_too = {at for _, other in parsed.found for at in range(other.first, other.after)}
    between = range(item.first + 1, one.first)
    kinds = [tokens[at].kind for at in between if at not in named_too and not tokens[at].says]
    return all(kind and not kind & (Kind.THING | Kind.FORM) for kind in kinds)


def _pictured(led: Sequence[Token], item: Item, meaning: str) -> bool:
    """Whether the hazard is only shown, played or named: ``plush grenades``."""
    if any("sign" in token.says for token in led):
        return True
    if meaning not in _SHOWN:
        return False
    if "mock" in item.says or ("toy" in item.says and meaning != "fireworks"):
        return True
    return any("shape" in token.says for token in led) or bool(led and "colour" in led[-1].says)


def _named_after(parsed: Parsed, item: Item) -> bool:
    """Whether a figure of speech stands beside an article: ``chilli sauce Dynamite``, ``bomb cushions``."""
    mine = parsed.tokens[item.first : item.after]
    if any(token.kind & Kind.FORM and not token.kind & (Kind.FOOD | Kind.WARE) for token in mine):
        return False
    return any(token.kind & (Kind.WARE | Kind.FITTING) for token in mine)


def _holds(parsed: Parsed, item: Item, one: Named) -> bool:
    """Whether what is empty can hold the hazard, or is run by it."""
    own = tail_of(one.rest) | kind_of(parsed.tokens[one.after - 1].word)
    mine = parsed.tokens[item.first : item.after]
    return one.meaning == "fuelled" or any(kind & _VESSEL for kind in (own, *(t.kind for t in mine)))


def _beside(tokens: Sequence[Token], one: Named) -> bool:
    """Whether the words right beside a hazard turn it round: ``acid-free``, ``anti-acid``, ``feuerfest``."""
    if any({"free", "proof", "fast"} & word_class(one.rest[at:]) for at in range(len(one.rest) - 2)):
        return True
    behind = tokens[one.after] if one.after < len(tokens) else None
    if behind is not None and {"free", "proof"} & behind.says:
        return not BREAK.search(behind.gap)
    if behind is not None and _tinted(behind.word):
        return behind.gap in HYPHENS or tokens[one.first].word == "farbe"
    before = tokens[max(0, one.first - 2) : one.first]
    if before and "anti" in before[-1].says:
        return True
    return len(before) == 2 and "proof" in before[0].says and "for" in before[1].says


def _tinted(word: str) -> bool:
    """Whether a word is a colour, or ends in one: ``grau``, ``kanonengrau``."""
    return any("tint" in word_class(word[at:]) for at in range(max(1, len(word) - 2)))


def _headed_away(parsed: Parsed, item: Item, one: Named) -> str:
    """Judge a hazard by the thing it only describes: ``gas hose``, ``hose for gas``."""
    segments = _segments(parsed, item)
    at = next((i for i, (_, first, after) in enumerate(segments) if first <= one.first < after), 0)
    _, first, after = segments[at]
    tokens = parsed.tokens
    own = tail_of(one.rest)
    if not own & Kind.FOOD and _disarms(own, one.meaning):
        return ""
    poured = _POURED.search(tokens[one.after - 1].word)
    if not poured and _tailed(tokens[one.after : after], one.meaning, apart=_english(parsed)):
        return ""
    if first < one.first <= first + 2:
        lead = leads(tokens[first].word) if tokens[first].says <= _NAMES else 0
        if lead & Kind.FIRST and not lead & (Kind.LAST | Kind.TRAIT) and _disarms(lead, one.meaning):
            return ""
    return _led(parsed, segments[: at + 1], one) if at else "armed"


def _english(parsed: Parsed) -> bool:
    """Whether nothing speaks against English, which writes its compounds apart."""
    small = [token for token in parsed.tokens if token.says & _SMALL_WORDS]
    return parsed.text.isascii() and all("english" in token.says for token in small)


_POURED: Final = re.compile(
    r"(?:tablet|tabs$|pulver|poeder|powder|granul|korrel|pellet|fluid|liquid|flussigk|vloeistof)[a-z]{0,5}$"
)
"""A hazard in such a form is packed in what follows, and no part of it: ``chloortabletten emmers``."""


def _tailed(behind: Sequence[Token], meaning: str, *, apart: bool) -> bool:
    """Whether a harmless head closes the compound that the hazard opens: ``paint brushes``."""
    for at, token in enumerate(behind[:REACH]):
        joined = all(t.gap in HYPHENS for t in behind[: at + 1])
        kind = token.kind
        if (
            at == 0
            and meaning in _APART
            and kind & Kind.LAST
            and kind & Kind.FITTING
            and _disarms(kind, meaning)
        ):
            return True
        if not kind & (Kind.LAST if joined else Kind.OPEN) or kind & (Kind.FOOD | Kind.TRAIT):
            continue
        if not joined and not apart:
            continue
        packed = bool(behind[-1].kind & Kind.FORM) and not kind & Kind.FITTING
        if _disarms(kind, meaning) and not packed:
            return True
    return False


def _led(parsed: Parsed, segments: Sequence[tuple[str, int, int]], one: Named) -> str:
    """Judge a hazard behind a preposition by the head of what stands before it."""
    link = segments[-1][0]
    if link == "in":
        return "armed"
    _, first, after = segments[0]
    named_there = [t for t in parsed.tokens[first:after] if t.says <= _NAMES]
    heads = [leads(t.word) for t in named_there if not t.kind & Kind.TRAIT]
    if not heads:
        return "armed"
    for head in (heads[-1], heads[0]):
        if head & _VESSEL and one.meaning in parsed.gone:
            return ""
        if head & Kind.FORM:
            if link == "for" and not head & Kind.SUBSTANCE:
                return "doubt" if one.meaning not in _EMPTIED else ""
            continue
        order = head & (Kind.FIRST | Kind.LAST)
        if link == "of":
            full = head & Kind.CASE and one.meaning != "powered"
            order = 0 if full else head & Kind.FIRST
        if (
            order
            and _disarms(head, one.meaning)
            and (head & Kind.FITTING or one.meaning not in ("gas", "unsure"))
        ):
            return ""
    return "armed"


def _segments(parsed: Parsed, item: Item) -> list[tuple[str, int, int]]:
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


def _disarms(head: int, meaning: str) -> bool:
    """Whether the thing that a hazard's name only describes cannot be the hazard itself."""
    if head & Kind.FORM:
        return False
    if meaning in _DRIVEN:
        return bool(head & Kind.HOLDER)
    return bool(head & Kind.FITTING) or (bool(head & Kind.WARE) and meaning not in _LOADED)


def _edible(parsed: Parsed, item: Item) -> bool:
    """Whether food or the like stands in the item: ``cocoa powder``, ``olives, paste``."""
    return any(token.kind & Kind.FOOD for token in parsed.tokens[item.first : item.after])


def _headed(parsed: Parsed, item: Item) -> bool:
    """Whether nothing hides in an item's words: its head, or the list's, is a harmless article."""
    mine = parsed.tokens[item.first : item.after]
    if any(token.kind & Kind.FORM for token in mine) and not _article(parsed, item):
        return False
    if _article(parsed, item) or any(token.kind & (Kind.WARE | Kind.FITTING) for token in mine):
        return True
    return item.link != "with" and item is not parsed.items[0] and _article(parsed, parsed.items[0])


def _article(parsed: Parsed, item: Item) -> bool:
    """Whether the item's head is an article that hides nothing, whatever its other words say."""
    segments = _segments(parsed, item)
    if not segments:
        return False
    _, first, after = segments[0]
    things = [t for t in parsed.tokens[first:after] if t.word.isalpha() and t.says <= _NAMES]
    things = [t for t in things if not t.kind & Kind.TRAIT] or things
    if not things:
        return False
    strong = Kind.FITTING | Kind.WARE
    ends = (things[-1].kind, Kind.LAST), (things[0].kind, Kind.FIRST)
    return any(kind & order and kind & strong and not kind & Kind.FORM for kind, order in ends)
