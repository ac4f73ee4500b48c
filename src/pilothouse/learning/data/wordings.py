"""Owns wordings: the distinct sentences of examples, what their texts vote they claim, and who disagrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pilothouse.documents import claims
from pilothouse.documents.claims import Marked, Prepared, Task, heads
from pilothouse.learning.data.examples import Example

__all__ = ["Carried", "Reading", "Wordings", "collect", "prepare_all", "units_of"]

MOST_PER_SOURCE = 20
"""Votes of one source for one wording: nobody teaches a reader by repeating."""
ALIKE = 0.7
SHARED = 3
"""A wording of so many groups belongs to none of them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An example, cut into sentences; ``said`` are the skeletons by number."""

    example: Example
    prepared: Prepared
    said: Mapping[int, str]


@dataclass(slots=True)
class Wordings:
    """One distinct wording.

    Attributes:
        marked: A sentence that has it.
        votes: By type, texts that say it claims this.
        asked: By type, texts that had a say.
        groups: How often in which group.
    """

    marked: Marked
    seen: heads.Seen
    language: str
    count: int = 0
    votes: Counter[str] = field(default_factory=Counter[str])
    asked: Counter[str] = field(default_factory=Counter[str])
    groups: Counter[str] = field(default_factory=Counter[str])

    def share(self, type_: str) -> float:
        """Return the share of votes that it claims the type."""
        return self.votes[type_] / self.asked[type_] if self.asked[type_] else 0.0

    def claims(self, type_: str) -> bool:
        """Whether most votes say so."""
        return self.share(type_) >= 0.5


def prepare_all(examples: Iterable[Example], task: Task) -> list[Reading]:
    """Return the examples cut into sentences."""
    found: list[Reading] = []
    for one in examples:
        prepared = claims.prepare(claims.plain_text(one.text), task)
        found.append(Reading(one, prepared, _said(prepared)))
    return found


def _said(prepared: Prepared) -> dict[int, str]:
    return {
        number: heads.see(marked).skeleton
        for number, marked in enumerate(prepared.marked)
        if marked.sentence.kind == "said"
    }


Carried = Mapping[tuple[int, str], frozenset[int]]
"""By reading and type: the sentences that were found to carry the claim."""


def collect(
    readings: Sequence[Reading], types: Sequence[str], carried: Carried | None = None
) -> dict[str, Wordings]:
    """Return the wordings by skeleton, with the votes of their texts.

    A text labelled with a type votes for the sentences that its quote marks, else for those that a sure rule
    meets, else for all it says: boilerplate is voted down by the texts without the label.

    Args:
        readings: The texts.
        types: That may be claimed.
        carried: Better knowledge of which sentence carries a claim, such as an earlier fit's.
    """
    found: dict[str, Wordings] = {}
    spoken: Counter[tuple[str, str]] = Counter()
    better = carried or {}
    for index, reading in enumerate(readings):
        said = reading.said
        carriers = {
            t: better.get((index, t)) or _carriers(reading, t, said)
            for t in reading.example.labels
            if t in types
        }
        for number, skeleton in said.items():
            key = (skeleton, reading.example.source)
            spoken[key] += 1
            if reading.example.source and spoken[key] > MOST_PER_SOURCE:
                continue
            marked = reading.prepared.marked[number]
            if skeleton not in found:
                found[skeleton] = Wordings(marked, heads.see(marked), marked.sentence.language)
            one = found[skeleton]
            one.count += 1
            one.groups[reading.example.group] += 1
            _vote(one, number, types, carriers)
    return found


def _vote(one: Wordings, number: int, types: Sequence[str], carriers: dict[str, frozenset[int]]) -> None:
    for type_ in types:
        carrying = carriers.get(type_)
        if carrying is None:
            one.asked[type_] += 1
        elif number in carrying:
            one.asked[type_] += 1
            one.votes[type_] += 1
        # A sentence beside the one that carries the claim has no say: it may be a part of it.


def _carriers(reading: Reading, type_: str, said: Mapping[int, str]) -> frozenset[int]:
    quote = reading.example.quotes.get(type_, "")
    content = reading.prepared.text.content
    at = content.find(claims.plain_text(quote).content) if quote else -1
    if at >= 0:
        marked = {n for n in said if _touches(reading, n, at, at + len(quote))}
        if marked:
            return frozenset(marked)
    met = {m.sentence for m in reading.prepared.met if m.rule.type == type_ and m.use == "fill"}
    return frozenset(met & set(said)) or frozenset(said)


def _touches(reading: Reading, number: int, start: int, end: int) -> bool:
    sentence = reading.prepared.marked[number].sentence
    return sentence.start < end and start < sentence.end


def units_of(wordings: dict[str, Wordings]) -> dict[str, str]:
    """Return, by skeleton, what splits keep together: near wordings, and groups where they have one."""
    names = list(wordings)
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    holding: dict[int, list[str]] = {}
    for name in names:
        shingles = wordings[name].seen.shingles
        near: Counter[str] = Counter()
        for shingle in shingles:
            near.update(holding.get(shingle, ())[-200:])
            holding.setdefault(shingle, []).append(name)
        for other, _ in near.most_common(10):
            if heads.jaccard(shingles, wordings[other].seen.shingles) >= ALIKE:
                parent[root(other)] = root(name)
    for name in names:
        group = wordings[name].groups.most_common(1)[0][0]
        if group and len(wordings[name].groups) < SHARED:
            parent.setdefault(f"\0{group}", f"\0{group}")
            parent[root(name)] = root(f"\0{group}")
    return {name: root(name) for name in names}
