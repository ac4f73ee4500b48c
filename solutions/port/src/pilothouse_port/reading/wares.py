"""Owns the words of cargo: what a word is, and names of dangerous goods as they stand in a description."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from enum import Flag
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


class Kind(Flag):
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
        THING: Names some harmless goods.
        FIRST: A head in languages that name the thing first.
    """

    KNOWN = 1
    FITTING = 2
    WARE = 4
    FORM = 8
    TRAIT = 16
    LAST = 32
    FIRST = 64
    FOOD = 128
    OPEN = 256
    CASE = 512
    THING = 2048
    SUBSTANCE = 1024


NOTHING: Final = Kind(0)
_INFLECTED = re.compile(r"(?:s|n|e|en|er|es|em|ern|nen|a|o|i|y|as|os|is|ow|ami|ach|ie|ek|ki|x|nes|je|jes)?")
_ENDINGS: Final = ("jes", "ami", "ach", "ow")


@functools.lru_cache(maxsize=32768)
def core(word: str) -> str:
    """Return what a folded word keeps in all its endings, rough and alike for every language."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    while len(word) > 4 and word[-1] in "sxneaoiy":
        word = word[:-1]
    if len(word) == 4 and word[-1] in "sx":
        word = word[:-1]
    word = re.sub(r"(aa|ee|oo|uu|([^aeiou])\2)", lambda m: m[0][0], word)
    return word[:-1] + {"v": "f", "z": "s"}.get(word[-1], word[-1])


def _table(name: str) -> dict[str, dict[str, str]]:
    path = resources.files("pilothouse_port.reading") / "lexicons" / name
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _terms(listed: str) -> Iterator[str]:
    for raw in listed.replace("\n", " ").split(","):
        if term := folded(raw).strip():
            yield term


class _Prefix(NamedTuple):
    kind: Kind
    free: bool
    """Whether anything may follow, or an ending alone."""


class _Words(NamedTuple):
    cores: dict[str, Kind]
    prefixes: dict[str, _Prefix]


_HEADS: Final = {
    "fittings": Kind.FITTING | Kind.THING,
    "cases": Kind.FITTING | Kind.CASE | Kind.THING,
    "wares": Kind.WARE | Kind.THING,
    "foods": Kind.WARE | Kind.FOOD | Kind.THING,
    "forms": Kind.FORM,
    "substances": Kind.FORM | Kind.SUBSTANCE,
}


@functools.cache
def _words() -> _Words:
    found = _Words({}, {})
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


def _put(into: _Words, listed: str, kind: Kind, *, free: bool = False) -> None:
    """Add the words of a list; what may run on a battery is no fitting, what may hold anything is neither."""
    for word in (word for term in _terms(listed) for word in term.split()):
        stem = word.strip("*")
        old = into.cores.get(core(stem), NOTHING) | kind
        if old & Kind.WARE:
            old &= ~Kind.FITTING
        into.cores[core(stem)] = old
        if word.endswith("*"):
            before = into.prefixes.get(stem, _Prefix(NOTHING, False))
            into.prefixes[stem] = _Prefix(before.kind | kind, before.free or (free and len(stem) >= 5))


@functools.lru_cache(maxsize=16384)
def kind_of(word: str) -> Kind:
    """Return what a folded word is; a compound is what its last part is."""
    words = _words()
    found = words.cores.get(core(word), NOTHING)
    if found:
        return found
    for at in range(len(word), 2, -1):
        begun = words.prefixes.get(word[:at])
        if begun is not None and (begun.free or _INFLECTED.fullmatch(word[at:])):
            return begun.kind
    for head, tail in halves(word):
        last = words.cores.get(core(tail), NOTHING)
        if last and (words.cores.get(core(head)) or words.cores.get(core(head.rstrip("sn")))):
            return (last & ~Kind.FIRST) if last & Kind.LAST else Kind.KNOWN
    for head, tail in halves(word, 5):
        last = words.cores.get(core(tail), NOTHING)
        if last & Kind.LAST and last & (Kind.WARE | Kind.FITTING) and not last & Kind.FORM:
            return Kind.KNOWN if chemical(head) else last & ~Kind.FIRST
    return NOTHING


def halves(word: str, least: int = 4) -> Iterator[tuple[str, str]]:
    """Yield the ways to cut a compound in two, the longest last part first."""
    for at in range(3, len(word) - least + 1):
        yield word[:at], word[at:]


_CHEMICAL = re.compile(
    r"nitr|chlor|clor|brom|fluor|perox|azid|cyan|cian|sulf|thio|phos|fosf|meth[yia]|metil|ethyl|etil|ethan|etan|but[ya]l"
    r"|butan|prop[ya]|amyl|vinyl|acryl|phen|fenol|benz|tolu|xyl[eo]|hydr|idro|amin|oxid|oxyd|arsen|mercur|pyr[io]|piro"
    r"|explo|infla|flam|tox|cid(?:e|es|a|as|i|o|os)?$|corros|korros|gas|petro|naft|naphth|ester|aether|keton|aldehyd|lithi"
    r"|litio|natri|kali|uran|radi|gift|venen|venin|poison|brand|burn|feuer|fuel|zund|spreng|schwefel|saure|zuur|zwavel|lauge"
    r"|loog|loser|verdun|reinig|cleaner|remover|entfern|spray|aeroso|solv|solu|chem|chim|quim|chimi|alcohol|alkohol|alcool"
    r"|ol$|yl$|ium$"
)


def tail_of(rest: str) -> Kind:
    """Return what a compound is whose last letters are ``rest``: the longest head they end in."""
    for at in range(len(rest) - 2):
        found = _words().cores.get(core(rest[at:]), NOTHING)
        if found & Kind.LAST and (at == 0 or (len(rest) - at >= 4 and _joins(rest[:at]))):
            return found
    return NOTHING


def _joins(letters: str) -> bool:
    """Whether letters may stand between the parts of a compound."""
    return len(letters) <= 3 or core(letters) in _words().cores


def chemical(word: str) -> bool:
    """Whether a folded word looks like the name of a substance or of what it does."""
    return bool(_CHEMICAL.search(word))


@functools.cache
def _grammar() -> dict[str, frozenset[str]]:
    return {name: frozenset(_terms(listed)) for name, listed in _table("cargo.toml")["grammar"].items()}


@functools.lru_cache(maxsize=8192)
def word_class(word: str) -> frozenset[str]:
    """Return what a folded word does in the grammar of a description: ``without``, ``for``, ``empty``..."""
    found = {name for name, words in _grammar().items() if word in words}
    for name, words in _grammar().items():
        if any(word.startswith(one[:-1]) for one in words if one.endswith("*")):
            found.add(name)
    return frozenset(found)


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
    return _index(iter((*listed, *(("shipping name", name) for name in names))), loose=True)


@functools.cache
def _safe() -> _Index:
    return _index(iter([("safe", lexicon(language)["goods"]["safe"]) for language in LANGUAGES]), loose=False)


def named(words: Sequence[str]) -> list[Named]:
    """Return every term of the hazard lists that stands in the folded words of a description."""
    return _found(_hazards(), words)


def safe(words: Sequence[str]) -> list[Named]:
    """Return every phrase that names something harmless whatever its words say."""
    return _found(_safe(), words)


def _found(index: _Index, words: Sequence[str]) -> list[Named]:
    out: list[Named] = []
    for at, word in enumerate(words):
        terms = list(index.exact.get(_alike(word) if index.loose else word, ()))
        for cut in range(2, len(word) + 1):
            terms += index.prefix.get(word[:cut], ())
            terms += index.suffix.get(word[-cut:], ())
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
        return word.endswith(bare)
    if part.endswith("*"):
        return word.startswith(bare)
    return word == bare or (loose and _alike(word) == _alike(bare))


def _alike(word: str) -> str:
    """Return what a word and its plural share; short words must be the same."""
    return re.sub(r"(?<=....)(?:en|es|[snxe])$", "", word)
