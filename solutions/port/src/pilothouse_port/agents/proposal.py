"""Owns the proposal of the agents: what is taken over of their answers, once code held it to the pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pilothouse.kernel import Json, wired
from pilothouse_port.agents.cases import words_of_text
from pilothouse_port.agents.specs import TYPES
from pilothouse_port.drafts import LANGUAGES
from pilothouse_port.pack import Draft, Pack, drafts_of
from pilothouse_port.types import Facts

__all__ = ["Prepared", "proposed", "unprepared"]


@wired("port.prepared")
@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What two agents propose to the desk; nothing of it has happened.

    Attributes:
        drafts: The messages to send, each a sentence that a person wrote, in the sender's language.
        correction: The draft whose change the desk makes first; None when there is none.
        said: What the reader found: text, type and words, all of which stand in the text.
        failed: Code of the error for which the agents gave nothing; the drafts are then the table's own.
    """

    drafts: tuple[Draft, ...]
    correction: Draft | None = None
    said: tuple[str, ...] = ()
    failed: str = ""


def unprepared(pack: Pack, failed: str) -> Prepared:
    """Return what the table proposes by itself."""
    return Prepared(drafts=pack.drafts, correction=next(iter(pack.drafts), None), failed=failed)


def proposed(facts: Facts, pack: Pack, claims: Json, choice: Json) -> Prepared:
    """Return the proposal that answers come to.

    Verdict and reasons are the pack's. An agent chooses among the pack's messages, a language that has
    sentences, and the first correction; no word and no number of an answer gets into a message.

    Args:
        facts: With all texts.
        pack: What the table decided.
        claims: Answer of the reader.
        choice: Answer of the handler.
    """
    said, chosen = _fields(claims), _fields(choice)
    language = str(chosen.get("language"))
    if language not in LANGUAGES:
        language = next((draft.language for draft in pack.drafts if draft.language != "en"), "en")
    ready = {one.check: one for one in drafts_of(pack.consignment, pack.verdict.reasons, language=language)}
    wanted = [str(one) for one in _list(chosen.get("drafts"))]
    drafts = tuple(ready[one] for one in dict.fromkeys(wanted) if one in ready) or tuple(ready.values())
    correction = ready.get(str(chosen.get("correction"))) or next(iter(drafts), None)
    return Prepared(drafts=drafts, correction=correction, said=_held(facts, said))


def _held(facts: Facts, said: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the claims whose words stand in the text that they name."""
    texts = {f"text{place}": words_of_text(one) for place, one in enumerate(facts.unread, 1)}
    out: list[str] = []
    for one in _list(said.get("claims")):
        claim = _fields(one)
        name, kind, quote = (str(claim.get(word, "")) for word in ("text", "type", "quote"))
        if kind in TYPES and quote.strip() and quote in texts.get(name, ""):
            out.append(f"{name}: {kind}: {quote}")
    return tuple(dict.fromkeys(out))


def _fields(given: Json) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", given) if isinstance(given, Mapping) else {}


def _list(given: object) -> list[Any]:
    return cast("list[Any]", given) if isinstance(given, list) else []
