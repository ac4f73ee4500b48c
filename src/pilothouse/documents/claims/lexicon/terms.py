"""Owns what a task says about words: concepts with their terms by language, and rules that join them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from pilothouse.documents.claims.language import folded_word
from pilothouse.documents.claims.types import Use
from pilothouse.kernel import UsageError

__all__ = ["Alternative", "Concept", "Rule", "Term", "concepts_of", "rules_of"]

Polarity = Literal["plain", "negated", "either"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Words that stand for a concept.

    Attributes:
        parts: Folded; two parts are the halves of a split verb, a few words apart.
        language: Empty for every language.
        open_start: Letters may stand before: ``*stopp``.
        open_end: Letters may follow: ``releas*``.
    """

    parts: tuple[str, ...]
    language: str
    open_start: bool = False
    open_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """A meaning with its words.

    Attributes:
        negatable: A verb or judgement that "not" turns round; a thing is not.
        alert: Its mere mention in a sentence that nobody reads keeps the sentence unread.
    """

    name: str
    terms: tuple[Term, ...]
    negatable: bool = True
    alert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One way to meet one element of a rule: a concept with its polarity, or a mention (``@container``)."""

    name: str
    polarity: Polarity = "plain"
    mention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Concepts that together say something.

    Attributes:
        type: Claim type; empty for a sentence that says nothing of matter.
        all: Elements; each has alternatives, one of which must stand there.
        none: Alternatives of which none may stand in the sentence.
        within: Words between the first and the last element at most; 0 is no limit.
        scope: ``text`` looks over all sentences of the sender.
        use: What a meeting is sure enough for.
        p: Estimate until it is measured.
        question: Only in questions, only in statements, or both (None).
        note: For a person.
    """

    type: str
    all: tuple[tuple[Alternative, ...], ...]
    none: tuple[Alternative, ...] = ()
    within: int = 0
    scope: Literal["sentence", "text"] = "sentence"
    use: Use = "fill"
    p: float = 0.95
    question: bool | None = None
    note: str = ""


def concepts_of(table: dict[str, Any], where: str) -> tuple[Concept, ...]:
    """Return the concepts of a task's file.

    Raises:
        UsageError: ``claims.task``: names the concept.
    """
    found: list[Concept] = []
    for name, entry in table.items():
        if not isinstance(entry, dict):
            raise _wrong(where, f"[concepts.{name}] is not a table")
        fields = cast("dict[str, Any]", entry)
        negatable, alert = fields.get("negatable", True), fields.get("alert", False)
        terms: list[Term] = []
        for language, listed in fields.items():
            if language in ("negatable", "alert"):
                continue
            if not isinstance(listed, list) or len(language) not in (2, 3):
                raise _wrong(where, f"[concepts.{name}] {language} = {listed!r} is no list of terms")
            own = "" if language == "any" else language
            terms += [
                _term(str(one), own, f"{where}: [concepts.{name}]") for one in cast("list[Any]", listed)
            ]
        if not terms:
            raise _wrong(where, f"[concepts.{name}] has no terms")
        found.append(Concept(name=name, terms=tuple(terms), negatable=negatable, alert=alert))
    return tuple(found)


def _term(written: str, language: str, where: str) -> Term:
    parts = tuple(folded_word(part.strip().strip("*")) for part in written.split(" .. "))
    if not all(parts) or len(parts) > 2:
        raise _wrong(where, f"the term {written!r} has no words")
    bare = written.strip()
    return Term(parts=parts, language=language, open_start=bare.startswith("*"), open_end=bare.endswith("*"))


def rules_of(
    entries: list[dict[str, Any]], concepts: frozenset[str], types: frozenset[str], where: str
) -> tuple[Rule, ...]:
    """Return the rules of a task's file.

    Raises:
        UsageError: ``claims.task``: an unknown concept or type, or a rule without elements.
    """
    found: list[Rule] = []
    for number, entry in enumerate(entries, start=1):
        place = f"{where}: rule {number}"
        type_ = str(entry.get("type", ""))
        if type_ and type_ not in types:
            raise _wrong(place, f"there is no type {type_!r}; declare [types.{type_}]")
        elements = tuple(_alternatives(str(one), concepts, place) for one in entry.get("all", []))
        if not elements:
            raise _wrong(place, "`all` names no concept")
        none = tuple(a for one in entry.get("none", []) for a in _alternatives(str(one), concepts, place))
        use: Use = "tighten" if entry.get("use", "fill") == "tighten" else "fill"
        found.append(
            Rule(
                type=type_,
                all=elements,
                none=none,
                within=int(entry.get("within", 0)),
                scope="text" if entry.get("scope") == "text" else "sentence",
                use=use,
                p=float(entry.get("p", 0.95 if use == "fill" else 0.6)),
                question=entry.get("question"),
                note=str(entry.get("note", "")),
            )
        )
    return tuple(found)


def _alternatives(written: str, concepts: frozenset[str], where: str) -> tuple[Alternative, ...]:
    found: list[Alternative] = []
    for one in written.split("|"):
        name = one.strip()
        polarity: Polarity = "negated" if name[:1] == "!" else "either" if name[:1] == "?" else "plain"
        name = name.lstrip("!?")
        mention = name.startswith("@")
        name = name.lstrip("@")
        if not mention and name not in concepts:
            raise _wrong(where, f"there is no concept {name!r}; declare [concepts.{name}]")
        found.append(Alternative(name=name, polarity=polarity, mention=mention))
    return tuple(found)


def _wrong(where: str, what: str) -> UsageError:
    return UsageError(f"{where}: {what}", code="claims.task")
