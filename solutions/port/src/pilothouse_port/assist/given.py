"""Owns what the agents are given and what code takes of an answer: typed claims, held to their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pilothouse.kernel import DataError, Json
from pilothouse.labels import Label, Labelled, join
from pilothouse_port.assist.lookup import only_records, said, under
from pilothouse_port.bindings.gather import PART_FACTS
from pilothouse_port.pack import Pack
from pilothouse_port.reading import OUTCOME_OF, Readout
from pilothouse_port.types import Claim, Facts, Unread

__all__ = ["case_from", "held", "records_of", "texts_of", "tightened", "typed_claims"]


def texts_of(facts: Facts) -> dict[str, Labelled]:
    """Return every text as data of its own, ``text1`` and so on, each under the label of its source."""
    return {f"text{place}": Labelled(value=_shown(one), label=_label(one)) for place, one in _numbered(facts)}


def records_of(facts: Facts) -> Facts:
    """Return the facts as far as records say them; what a stranger could have written is unknown."""
    readings = {name: only_records(one) for name, one in facts.readings.items()}
    return Facts(consignment=facts.consignment, readings=readings)


def case_from(facts: Facts, records: Facts, pack: Pack) -> Labelled:
    """Return what records say of a box, under their labels and those of the keys they were found by.

    Args:
        facts: As they were read.
        records: The same as far as records say them.
        pack: What the policy says of the records alone.
    """
    reasons: list[Json] = [
        {"check": one.check, "outcome": one.outcome, "code": one.code, "verdict": one.verdict.value}
        for one in pack.verdict.reasons
    ]
    data: Json = {
        "verdict": pack.verdict.advised.value,
        "reasons": reasons,
        "prepared": [draft.check for draft in pack.drafts],
        "facts": {name: said(one) for name, one in records.readings.items()},
    }
    keys = [facts[name] for name in PART_FACTS.values()]
    return under(data, *records.readings.values(), *keys)


def typed_claims(facts: Facts, claims: Sequence[Claim], pack: Pack, also: Label | None) -> Labelled:
    """Return claims without a word of theirs: a number each, and what it is about.

    Which claims there are is what all texts say, so the label is of all of them, and of their reader.
    """
    ready = {draft.check for draft in pack.drafts}
    data: list[Json] = [
        {"claim": place, "check": one.check, "outcome": one.code, "prepared": one.check in ready}
        for place, one in enumerate(claims, 1)
    ]
    labels = [_label(text) for text in facts.unread] + ([also] if also is not None else [])
    return Labelled(value=data, label=join(*labels)) if labels else under(data)


def held(facts: Facts, answer: object) -> tuple[tuple[Claim, ...], int]:
    """Return the claims of an answer whose words stand in their text, and how many do not hold.

    A type outside the closed list is none, so nothing can loosen; one about another box adds nothing.
    """
    found: list[Claim] = []
    refused = 0
    texts = {f"text{place}": one for place, one in _numbered(facts)}
    for one in _claims(answer):
        claim = _held(one, texts)
        if claim is None:
            refused += 1
        elif one.get("box") != "other":
            found.append(claim)
    return tuple(found), refused


def _claims(answer: object) -> list[Mapping[str, Any]]:
    """Return the objects of an answer, which no schema may have held."""
    given: object = cast("Mapping[str, Any]", answer).get("claims") if isinstance(answer, Mapping) else None
    items = cast("list[object]", given) if isinstance(given, list) else []
    return [cast("Mapping[str, Any]", one) if isinstance(one, Mapping) else {} for one in items]


def _held(one: Mapping[str, Any], texts: Mapping[str, Unread]) -> Claim | None:
    from pilothouse.documents import Span
    from pilothouse.documents.claims import plain_text

    text, kind, quote = texts.get(str(one.get("text"))), str(one.get("type")), str(one.get("quote"))
    if text is None or kind not in OUTCOME_OF:
        return None
    check, code = OUTCOME_OF[kind]
    for where, words in _places(text):
        try:
            span = Span.find(text.source, plain_text(words), quote)
        except DataError:
            continue
        return Claim(
            check=check, code=code, effect="tighten", quote=span.quote, start=span.start, text=where,
            detail="port-claims-reader",
        )  # fmt: skip
    return None


def tightened(readout: Readout, claims: Sequence[Claim]) -> Readout:
    """Return the readout with further claims; where one adds something, nothing takes it back any more."""
    known = {
        (one.check, one.code, one.text.label.origin) for one in readout.claims if one.effect == "tighten"
    }
    new = [one for one in claims if (one.check, one.code, one.text.label.origin) not in known]
    added = {(one.check, one.code) for one in new}
    kept = [one for one in readout.claims if one.effect == "tighten" or (one.check, one.code) not in added]
    return replace(readout, claims=(*kept, *new))


def _numbered(facts: Facts) -> list[tuple[int, Unread]]:
    return list(enumerate(facts.unread, 1))


def _places(text: Unread) -> list[tuple[Labelled, str]]:
    """Return the fields that a quote may stand in, with their words."""
    places = [(text.text, text.words or str(text.text.value or ""))]
    subject = text.also.get("subject")
    return [*places, (subject, str(subject.value or ""))] if subject is not None else places


def _shown(text: Unread) -> Json:
    words: list[Json] = [words for _, words in reversed(_places(text))]
    return {"kind": text.kind, "part": text.part or "body", "words": words}


def _label(text: Unread) -> Label:
    return join(text.text.label, *(item.label for item in text.also.values()))
