"""Owns the words of cargo: what a word is, and names of dangerous goods as they stand in a description."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Final, NamedTuple

from pilothouse_port.reading.tasks import LANGUAGES, lexicon

__all__ = [
    "Kind",
    "Named",
    "chemical",
    "core",
    "folded",
    "halves",
    "kind_of",
    "leads",
    "named",
    "safe",
    "tail_of",
    "word_class",
]

HEAD_LAST: Final = ("en", "de", "nl")
"""Languages whose compounds name the thing last: ``gas hose``; in the others it stands first."""


@functools.lru_cache(maxsize=8192)
def _sign(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign)[0].casefold()
    return {"ß": "s", "ł": "l", "ø": "o", "đ": "d", "œ": "o", "æ": "a", "’": "'", "-": " "}.get(plain, plain)[
        :1
    ]


def folded(text: str) -> str:
    """Return the text without case and accents, sign by sign, so that places stay."""
    return "".join(map(_sign, text)).replace("‑", " ").replace("–", " ")


class Kind:
    """What a word of harmless cargo can be.

    Attributes:
        KNOWN: Some word of harmless cargo.
        FITTING: A thing that holds, moves, covers or shows others: never the dangerous thing itself.
        WARE: An article that hides no liquid, gas or powder, but may run on a battery.
        FORM: What goods come in or are made into: says nothing of what is in it.
        TRAIT: Says how a thing is, never what it is.
        FOOD: A ware that may also be a scent or taste of the thing named before it.
        CASE: A fitting that may be full of the thing named behind an "of".
        SUBSTANCE: A form that liquids, powders and the like have: harmless beside food or a ware.
        LAST: A head in languages that name the thing last.
        OPEN: A head in a language that writes its compounds apart: ``gas hose``.
        HOLDER: A fitting that never runs on a battery itself.
        THING: Names some harmless goods.
        FIRST: A head in languages that name the thing first.
    """

    KNOWN: Final = 1
    FITTING: Final = 2
    WARE: Final = 4
    FORM: Final = 8
    TRAIT: Final = 16
    LAST: Final = 32
    FIRST: Final = 64
    FOOD: Final = 128
    OPEN: Final = 256
    CASE: Final = 512
    THING: Final = 2048
    HOLDER: Final = 4096
    SUBSTANCE: Final = 1024


NOTHING: Final = 0
NAME: Final = "shipping name"
"""Meaning of a proper shipping name that no list of ours has."""
_INFLECTED = re.compile(r"(?:s|n|e|en|er|es|em|ern|nen|a|o|i|y|as|os|is|ow|ami|ach|ie|ek|ki|x|nes|je|jes)?")
_SMALL: Final = re.compile(r"(?<=....)(?:t?jes?|chen|itos|itas)$")
_CASES: Final = re.compile(r"(?<=....)(?:ami|ach|ow)$")
_PLURAL: Final = re.compile(r"(?<=...)(?:en|es|[snxe])$")
_ENDING: Final = re.compile(r"(?<=...)(?:es|[sx])$")


@functools.lru_cache(maxsize=32768)
def core(word: str) -> str:
    """Return what a folded word keeps in all its endings, rough and alike for every language."""
    word = _ENDING.sub("", _CASES.sub("", _SMALL.sub("", word)))
    while len(word) > 4 and word[-1] in "sxneaoiy":
        word = word[:-1]
    return _even(word.removesuffix("e") if len(word) == 4 else word)


def _even(word: str) -> str:
    word = re.sub(r"(aa|ee|oo|uu|([^aeiou])\2)", lambda m: m[0][0], word)
    return word[:-1] + {"v": "f", "z": "s"}.get(word[-1], word[-1])


def _key(word: str) -> str:
    """Return what a word is found by: its core; of a short word less is cut."""
    found = core(word)
    return found if len(found) >= 4 else "=" + _even(_PLURAL.sub("", _SMALL.sub("", word)))


@functools.cache
def _table(name: str) -> dict[str, dict[str, str]]:
    path = resources.files("pilothouse_port.reading") / "lexicons" / name
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _terms(listed: str) -> Iterator[str]:
    for raw in listed.replace("\n", " ").split(","):
        if term := folded(raw).strip():
            yield term


class _Prefix(NamedTuple):
    kind: int
    free: bool
    """Whether anything may follow, or an ending alone."""


class _Words(NamedTuple):
    cores: dict[str, int]
    prefixes: dict[str, _Prefix]
    driven: set[str]
    """Wares: what may run on a battery is no fitting."""
    leads: set[str]
    """Heads as written, of languages that name the thing first."""


_HEADS: Final = {
    "wares": Kind.WARE | Kind.THING,
    "foods": Kind.WARE | Kind.FOOD | Kind.THING,
    "fittings": Kind.FITTING | Kind.THING,
    "cases": Kind.FITTING | Kind.CASE | Kind.HOLDER | Kind.THING,
    "holders": Kind.FITTING | Kind.HOLDER | Kind.THING,
    "forms": Kind.FORM,
    "substances": Kind.FORM | Kind.SUBSTANCE,
}


@functools.cache
def _words() -> _Words:
    found = _Words({}, {}, set(), set())
    table = _table("cargo.toml")
    for name, listed in table["words"].items():
        _put(found, listed, Kind.KNOWN | (NOTHING if name == "small" else Kind.THING), free=True)
    for listed in table["traits"].values():
        _put(found, listed, Kind.KNOWN | Kind.TRAIT)
    for name, kind in _HEADS.items():
        for language, listed in table[name].items():
            order = Kind.LAST if language in HEAD_LAST else Kind.FIRST
            order |= Kind.OPEN if language == "en" else NOTHING
            _put(found, listed, Kind.KNOWN | kind | order)
    path = resources.files("pilothouse_port.reading") / "lexicons" / "cargo_words.txt"
    plain = (line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    _put(found, ",".join(plain), Kind.KNOWN)
    return found


def _put(into: _Words, listed: str, kind: int, *, free: bool = False) -> None:
    """Add the words of a list; of a phrase only its head is the thing, the rest is just known."""
    for term in _terms(listed):
        words = term.split()
        head = words[-1 if kind & Kind.LAST else 0]
        for word in words:
            _put_word(into, word, kind if word == head or not kind & _ORDERS else Kind.KNOWN, free=free)


_ORDERS: Final = Kind.LAST | Kind.FIRST


def _put_word(into: _Words, word: str, kind: int, *, free: bool) -> None:
    stem = word.strip("*")
    if kind & _ORDERS and word_class(stem) - {"filling", "shape", "sign", "tint", "toy", "mock", "colour"}:
        return
    if kind & Kind.FITTING and not kind & Kind.HOLDER and stem in into.driven:
        kind = kind & ~Kind.FITTING | Kind.WARE
    elif kind & Kind.WARE:
        into.driven.add(stem)
    if kind & Kind.FIRST:
        into.leads.add(_PLURAL.sub("", stem))
    key = _key(stem)
    into.cores[key] = into.cores.get(key, NOTHING) | kind
    if word.endswith("*"):
        before = into.prefixes.get(stem, _Prefix(NOTHING, False))
        into.prefixes[stem] = _Prefix(before.kind | kind, before.free or (free and len(stem) >= 5))


@functools.lru_cache(maxsize=16384)
def kind_of(word: str) -> int:
    """Return what a folded word is; a compound is what its last part is."""
    words = _words()
    found = words.cores.get(_key(word), NOTHING)
    if found:
        return found
    for at in range(len(word), 2, -1):
        begun = words.prefixes.get(word[:at])
        if begun is not None and (begun.free or _INFLECTED.fullmatch(word[at:])):
            return begun.kind
    for head, tail in halves(word):
        last = words.cores.get(_key(tail), NOTHING)
        if last and (words.cores.get(_key(head)) or words.cores.get(_key(head.rstrip("sn")))):
            return (last & ~Kind.FIRST) if last & Kind.LAST else Kind.KNOWN
    for head, tail in halves(word, 5):
        last = words.cores.get(_key(tail), NOTHING)
        if last & Kind.LAST and last & (Kind.WARE | Kind.FITTING) and not last & Kind.FORM:
            return Kind.KNOWN if chemical(head) else last & ~Kind.FIRST
    return NOTHING


def halves(word: str, least: int = 4) -> Iterator[tuple[str, str]]:
    """Yield the ways to cut a compound in two, the longest last part first."""
    for at in range(3, len(word) - least + 1):
        yield word[:at], word[at:]


_CHEMICAL = re.compile(
    r"nitr|chlor|clor|brom|fluor|perox|azid|cyan|cian|sulf|thio|phos|fosf|meth[yia]|metil|ethyl|etil|ethan"
    r"|etan|but[ya]l|butan|prop[ya]|amyl|vinyl|acryl|phen|fenol|benz|tolu|xyl[eo]|hydr|idro|amin|oxid|oxyd"
    r"|arsen|mercur|pyr[io]|piro|explo|infla|flam|vlam|tox|cid(?:e|es|a|as|i|o|os)?$|corros|korros|gas|petro"
    r"|naft|naphth|ester|aether|keton|aldehyd|lithi|litio|natri|kali|uran|radi|gift|venen|venin|poison|brand"
    r"|burn|feuer|vuur|fire|fuel|zund|spreng|knal|bang|schwefel|saure|zuur|zwavel|lauge|loog|loser|verdun"
    r"|reinig|cleaner|remover|entfern|spray|spuit|spruh|aeroso|solv|solu|chem|chim|quim|alcohol|alkohol|alcool"
    r"|spirit|lack|lak|verf|farb|paint|kleb|lijm|glue|harz|akku|accu|batter|bater|rat[ts]|muiz|maus|schneck|slak"
    r"|ameis|mier|fourmi|hormig|wesp|pest|kill|mata|tue$|kode|rauch|rook|smok|fum|vape|druck|press|anzund|encend"
    r"|allum|accend|ontsteek|aansteek|aanmaak|ol$|yl$|ium$"
)


def leads(word: str) -> int:
    """Return what a word is as the head of a phrase that goes on behind it: only words as they are listed."""
    kind = kind_of(word)
    return kind if _PLURAL.sub("", word) in _words().leads else kind & ~Kind.FIRST


def tail_of(rest: str) -> int:
    """Return what a compound is whose last letters are ``rest``: the longest head they end in."""
    for at in range(len(rest) - 2):
        found = _words().cores.get(_key(rest[at:]), NOTHING)
        if found & Kind.LAST and (at == 0 or (len(rest) - at >= 4 and _joins(rest[:at]))):
            return found
    return NOTHING


def _joins(letters: str) -> bool:
    """Whether letters may stand between the parts of a compound."""
    return len(letters) <= 3 or _key(letters) in _words().cores


def chemical(word: str) -> bool:
    """Whether a folded word looks like the name of a hazard, or of what one does."""
    return bool(_CHEMICAL.search(word))


@functools.cache
def _grammar() -> tuple[dict[str, set[str]], list[tuple[str, str]]]:
    exact: dict[str, set[str]] = {}
    begun: list[tuple[str, str]] = []
    for name, listed in _table("cargo.toml")["grammar"].items():
        for term in _terms(listed):
            if term.endswith("*"):
                begun.append((term[:-1], name))
            else:
                exact.setdefault(term, set()).add(name)
    return exact, begun


@functools.lru_cache(maxsize=8192)
def word_class(word: str) -> frozenset[str]:
    """Return what a folded word does in the grammar of a description: ``without``, ``for``, ``empty``..."""
    exact, begun = _grammar()
    return frozenset(exact.get(word, ())) | {name for start, name in begun if word.startswith(start)}


class Named(NamedTuple):
    """A term of a list in a description: places of its first word and after its last one."""

    first: int
    after: int
    meaning: str
    rest: str
    """What follows the term's letters in its last word: ``halter`` of ``batteriehalter``."""


class _Term(NamedTuple):
    words: tuple[str, ...]
    meaning: str


class _Index(NamedTuple):
    loose: bool
    """Whether a plural is the same word."""
    exact: dict[str, list[_Term]]
    prefix: dict[str, list[_Term]]
    suffix: dict[str, list[_Term]]


_WORD = re.compile(r"[^\W_]+|\.\.")


def _index(listed: Iterator[tuple[str, str]], *, loose: bool) -> _Index:
    index = _Index(loose, {}, {}, {})
    for meaning, raw in listed:
        for term in _terms(raw):
            words = tuple(re.findall(r"\*?[^\W_]+\*?|\.\.", term))
            if not words:
                continue
            first = words[0]
            place = (
                index.suffix
                if first.startswith("*")
                else index.prefix
                if first.endswith("*")
                else index.exact
            )
            key = first.strip("*") if "*" in first or not loose else _alike(first)
            place.setdefault(key, []).append(_Term(words, meaning))
    return index


@functools.cache
def _hazards() -> _Index:
    listed = [pair for part in ("hazard", "doubt") for pair in _table("hazards.toml")[part].items()]
    path = resources.files("pilothouse_port.reading") / "lexicons" / "proper_names.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    names = [line.replace(",", " ") for line in lines if line.strip() and not line.startswith("#")]
    return _index(iter((*listed, *((NAME, name) for name in names))), loose=True)


@functools.cache
def _safe() -> _Index:
    return _index(iter([("safe", lexicon(language)["goods"]["safe"]) for language in LANGUAGES]), loose=False)


def named(words: Sequence[str]) -> list[Named]:
    """Return every term of the hazard lists that stands in the folded words of a description."""
    found = _found(_hazards(), words)
    ours = {at for one in found if one.meaning != NAME for at in range(one.first, one.after)}
    return [one for one in found if one.meaning != NAME or not ours.issuperset(range(one.first, one.after))]


def safe(words: Sequence[str]) -> list[Named]:
    """Return every phrase that names something harmless whatever its words say."""
    return _found(_safe(), words)


def _found(index: _Index, words: Sequence[str]) -> list[Named]:
    out: list[Named] = []
    for at, word in enumerate(words):
        alike = _alike(word) if index.loose else word
        terms = list(index.exact.get(alike, ()))
        for cut in range(2, len(word) + 1):
            terms += index.prefix.get(word[:cut], ())
            terms += index.suffix.get(word[-cut:], ())
            terms += index.suffix.get(alike[-cut:], ()) if alike != word else ()
        for term in terms:
            after = _ends(term.words, words, at, loose=index.loose)
            if after:
                last = term.words[-1]
                rest = words[after - 1][len(last) - 1 :] if re.fullmatch(r"[^*]+\*", last) else ""
                out.append(Named(at, after, term.meaning, rest))
    return out


def _ends(term: tuple[str, ...], words: Sequence[str], at: int, *, loose: bool) -> int:
    """Return where a term that begins at ``at`` ends, or 0."""
    gap = 0
    for part in term:
        if part == "..":
            gap = 4
            continue
        for step in range(gap + 1):
            if at + step < len(words) and _is(part, words[at + step], loose=loose):
                at += step + 1
                break
        else:
            return 0
        gap = 0
    return at


def _is(part: str, word: str, *, loose: bool) -> bool:
    bare = part.strip("*")
    if part.startswith("*") and part.endswith("*"):
        return bare in word
    if part.startswith("*"):
        return word.endswith(bare) or (loose and _alike(word).endswith(bare))
    if part.endswith("*"):
        return word.startswith(bare)
    return word == bare or (loose and _alike(word) == _alike(bare))


def _alike(word: str) -> str:
    """Return what a word and its plural share; short words must be the same."""
    return re.sub(r"(?<=....)(?:en|es|[snxe])$", "", word)
