"""Owns labels from the past: what clerks decided, joined to what had been written about the boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Final

from pilothouse_port.bindings.texts import mentions, squeezed
from pilothouse_port.reading.read import MAIL_TYPES, OUTCOME_OF, REMARK_TYPES
from pilothouse_port.reading.tasks import cleared
from pilothouse_port.types import Consignment

if TYPE_CHECKING:
    from pilothouse.learning import Example
    from pilothouse_port.policy import PolicyTable

__all__ = ["PastText", "Ticket", "examples_of", "without_addresses", "words_of_types"]

TYPES_OF: Final[Mapping[str, tuple[str, ...]]] = {"mail": MAIL_TYPES, "remark": REMARK_TYPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a clerk decided on a consignment; ``reasons`` in the policy's words. About 3 % are wrong."""

    container: str
    bl: str
    at: datetime | None
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastText:
    """A text of the past.

    Attributes:
        container: Of a remark, the box it hangs on; a mail names its boxes itself.
        id: Of a mail.
        reply: Id of the mail it answers.
        sender: Domain it came from: no source may speak for a wording more than a few times.
        attached: Something hangs on it: what the clerk read may stand there and not here.
    """

    kind: str
    text: str
    at: datetime | None = None
    container: str = ""
    id: str = ""
    reply: str = ""
    sender: str = ""
    attached: bool = False


def words_of_types(table: PolicyTable) -> dict[str, frozenset[str]]:
    """Return, by claim type, the policy's words for its outcome and for no other."""
    owners: dict[str, set[tuple[str, str]]] = {}
    for row in table.rows:
        for word in (row.reason, *(twist.reason for twist in row.exceptions)):
            if word:
                owners.setdefault(word, set()).add((row.check, row.outcome))
    return {
        name: frozenset(word for word, who in owners.items() if who == {outcome})
        for name, outcome in OUTCOME_OF.items()
    }


def examples_of(
    tickets: Sequence[Ticket],
    texts: Iterable[PastText],
    words: Mapping[str, frozenset[str]],
    *,
    group: str = "",
) -> dict[str, list[Example]]:
    """Return weakly labelled examples by kind of text.

    A ticket labels the texts that stood there when it was decided: a type whose reason it gives belongs to
    the one text of that kind; where several could be meant, none is used. A ticket without such a reason
    labels its texts as saying nothing of matter. A kind of text is left out where the policy has no word of
    its own for one of its types.

    Args:
        tickets: Past decisions.
        texts: Past mails and remarks.
        words: From :func:`words_of_types`.
        group: Prefix of ids.
    """
    from pilothouse.learning import Example

    out: dict[str, list[Example]] = {"mail": [], "remark": []}
    for kind, mine in _by_kind(texts).items():
        if not all(words[name] for name in TYPES_OF[kind]):
            continue  # where the policy has no word for something, silence about it says nothing
        about = _about(tickets, mine, kind)
        answered = {one.reply for one in mine if one.reply}
        for number, one in enumerate(mine):
            told = _labels(about.get(number, ()), one, kind, words)
            if told is None or one.attached or one.id in answered or (one.reply and told):
                continue  # a stop that was taken back says nothing sure; what takes it back tightens nothing
            out[kind].append(
                Example(
                    text=cleared(one.text),
                    labels=told,
                    source=one.sender or group,
                    id=f"{group}{kind}{number}",
                )
            )
    return out


_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+\w")
NAMES: Final = (
    "Kelder Transport", "Nordquist GmbH", "Transports Vallier", "Logística Ramiro", "Haverkamp BV",
    "Bright Lane Ltd", "Sra. Ortega", "Herr Lindner", "Mme Perrin", "Mr Aldous", "onze collega Bram",
    "unsere Tochterfirma",
)  # fmt: skip
BESIDE: Final = 0.25
"""Share of harmless texts with an address that are copied too."""


def without_addresses(examples: Sequence[Example], *, seed: int = 5) -> list[Example]:
    """Return copies of texts that hold a mail address, with a name in its place.

    Who wants a change mostly gives an address; a head that has met no other takes the address for the change.
    """
    rng = Random(seed)  # noqa: S311 - made variants, no secret
    return [
        replace(one, text=_ADDRESS.sub(rng.choice(NAMES), one.text), id=f"{one.id}n")
        for one in examples
        if _ADDRESS.search(one.text) and ("party_change" in one.labels or rng.random() < BESIDE)
    ]


def _by_kind(texts: Iterable[PastText]) -> dict[str, list[PastText]]:
    out: dict[str, list[PastText]] = {"mail": [], "remark": []}
    for one in texts:
        if one.kind in out and one.text.strip():
            out[one.kind].append(one)
    return out


Seen = tuple[Ticket, int]


def _about(tickets: Sequence[Ticket], texts: Sequence[PastText], kind: str) -> dict[int, list[Seen]]:
    """Return, by text, the tickets it may have moved, each with how many texts of the kind it had."""
    hits: dict[int, list[int]] = {}
    if kind == "remark":
        by_box: dict[str, list[int]] = {}
        for number, one in enumerate(texts):
            by_box.setdefault(squeezed(one.container), []).append(number)
        for place, ticket in enumerate(tickets):
            hits[place] = by_box.get(squeezed(ticket.container), [])
    else:
        ready = [squeezed(one.text) for one in texts]
        for place, ticket in enumerate(tickets):
            box = Consignment(container=ticket.container, bl=ticket.bl, call="")
            hits[place] = [n for n, bare in enumerate(ready) if mentions("", box, ready=bare)]
    out: dict[int, list[Seen]] = {}
    for place, numbers in hits.items():
        ticket = tickets[place]
        seen = [n for n in numbers if not _later(texts[n].at, ticket.at)]
        for n in seen:
            out.setdefault(n, []).append((ticket, len(seen)))
    return out


def _later(first: datetime | None, second: datetime | None) -> bool:
    return first is not None and second is not None and first > second


def _labels(
    seen: Sequence[Seen], one: PastText, kind: str, words: Mapping[str, frozenset[str]]
) -> frozenset[str] | None:
    """Return what the tickets say the text claims; None where they cannot tell.

    A mail that names boxes is about those alone: the empty tickets of others on the same bill say nothing of
    it. Where one ticket may have another text's reason, no other makes the text harmless.
    """
    if kind == "mail":
        bare = squeezed(one.text)
        seen = [each for each in seen if squeezed(each[0].container) in bare] or seen
    votes: list[frozenset[str]] = []
    doubtful = False
    for ticket, count in seen:
        named = frozenset(name for name in TYPES_OF[kind] if words[name] & ticket.reasons)
        if named and count > 1:
            doubtful = True
            continue
        votes.append(named)
    if not votes:
        return None
    best = max(set(votes), key=lambda vote: (votes.count(vote), sorted(vote)))
    if votes.count(best) * 2 <= len(votes) or len(best) > 1:
        return None
    return None if not best and (doubtful or any(votes)) else best
