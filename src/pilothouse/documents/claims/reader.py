"""Owns reading: cheapest rung first, verified and calibrated, abstaining aloud; solutions call it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pilothouse.documents.claims.accept import Accepted, Denied, accept
from pilothouse.documents.claims.asking import ask_model
from pilothouse.documents.claims.extractors import HeadExtractor, RuleExtractor, encode_wanted
from pilothouse.documents.claims.judging import Judge, Judgement
from pilothouse.documents.claims.lexicon import Marked
from pilothouse.documents.claims.patterns import Locale
from pilothouse.documents.claims.ports import Encoder, Extractor, Generator
from pilothouse.documents.claims.prepare import Prepared, prepare
from pilothouse.documents.claims.task import Task
from pilothouse.documents.claims.types import (
    Abstained,
    Candidate,
    Claim,
    Layout,
    Reading,
    Unread,
    checked_label,
)
from pilothouse.documents.types import Block, Document, Span, Text
from pilothouse.kernel import UsageError
from pilothouse.labels import Label

__all__ = ["Item", "Reader"]

SCANT = 2
"""Sentences of its own up to which a mail is taken for a mere cover of what it forwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text to read.

    Attributes:
        document: Id of the document.
        label: Of every word inside.
        blocks: Who speaks where, as a parser saw it.
        locale: How its writer writes numbers, where declared.
    """

    text: Text
    document: str
    label: Label
    blocks: tuple[Block, ...] = ()
    locale: Locale | None = None


class Reader:
    """Reads texts for one task.

    Args:
        task: Types, codes, concepts and rules.
        heads: A trained judge of sentences; without it rungs 1 and 2 read alone.
        encoder: Vectors for the heads, of the version they were trained with.
        generator: A text model promoted for some types; asked only where lower rungs leave them open.
        extractors: More of them; each is verified like our own.

    Raises:
        UsageError: ``claims.base``: the heads want another encoder, or another task's.
    """

    def __init__(
        self,
        task: Task,
        *,
        heads: Judge | None = None,
        encoder: Encoder | None = None,
        generator: Generator | None = None,
        extractors: Sequence[Extractor] = (),
    ) -> None:
        if heads is not None and heads.encoder and encoder is not None and encoder.version != heads.encoder:
            raise UsageError(
                f"{heads.version!r} was trained on vectors of {heads.encoder[:12]!r}, not of "
                f"{encoder.version[:12]!r}; train it again or give that encoder",
                code="claims.base",
            )
        self.task = task
        self._heads = heads
        self._encoder = encoder
        self._generator = generator
        self._extractors = tuple(extractors)
        self._rules = RuleExtractor(task)
        self._head = HeadExtractor(task, heads, encoder) if heads is not None else None

    async def read(
        self,
        text: Text,
        *,
        document: str,
        label: Label,
        wanted: Iterable[str] | None = None,
        blocks: tuple[Block, ...] = (),
        locale: Locale | None = None,
    ) -> Reading:
        """Return what a text says of the wanted types (all of the task without), and what nobody read.

        Raises:
            UsageError: ``labels.missing``, ``claims.type``.
        """
        item = Item(text=text, document=document, label=label, blocks=blocks, locale=locale)
        return (await self.read_many([item], wanted=wanted))[0]

    async def read_document(self, document: Document, *, wanted: Iterable[str] | None = None) -> Reading:
        """Return what a parsed document's own text says; its parts are documents of their own."""
        return await self.read(
            document.text, document=document.id, label=document.label, wanted=wanted, blocks=document.blocks
        )

    async def read_many(self, items: Sequence[Item], *, wanted: Iterable[str] | None = None) -> list[Reading]:
        """Return one reading an item; sentences of all are encoded and judged together."""
        names = frozenset(
            self.task.by_name if wanted is None else (self.task.type(one).name for one in wanted)
        )
        for item in items:
            checked_label(item.label, item.document)
        prepared = [prepare(one.text, self.task, blocks=one.blocks, locale=one.locale) for one in items]
        judged = await self._judged(prepared)
        return [
            await self._one(item, ready, opinions, names)
            for item, ready, opinions in zip(items, prepared, judged, strict=True)
        ]

    async def _judged(self, prepared: Sequence[Prepared]) -> list[list[Judgement] | None]:
        if self._heads is None:
            return [None] * len(prepared)
        pooled = [marked for one in prepared for marked in one.marked]
        vectors = await encode_wanted(self._heads, self._encoder, pooled)
        judged = self._heads.judge(pooled, vectors)
        out: list[list[Judgement] | None] = []
        at = 0
        for one in prepared:
            out.append(judged[at : at + len(one.marked)])
            at += len(one.marked)
        return out

    async def _one(
        self, item: Item, prepared: Prepared, judged: list[Judgement] | None, names: frozenset[str]
    ) -> Reading:
        candidates: list[Candidate] = self._rules.of(prepared)
        if judged is not None and self._head is not None:
            candidates += self._head.of(prepared, judged)
        types = frozenset(self.task.types)
        for extractor in self._extractors:
            candidates += await extractor.propose(item.text, wanted=types)
        found = self._accept(item, prepared, candidates, judged)
        unread = _unread(prepared, found, judged, self.task, item.document)
        detail = ""
        if self._generator is not None and (unread or found.abstained):
            asked, detail = await ask_model(
                self._generator, self.task, prepared, found.abstained, names, item.label, bool(unread)
            )
            if asked:
                found = self._accept(item, prepared, [*candidates, *asked], judged)
                unread = _unread(prepared, found, judged, self.task, item.document)
        return self._reading(item, prepared, found, unread, judged, names, detail)

    def _accept(
        self, item: Item, prepared: Prepared, candidates: list[Candidate], judged: list[Judgement] | None
    ) -> Accepted:
        denied: Denied = frozenset(
            (name, number)
            for number, one in enumerate(judged or ())
            for name, opinion in one.opinions.items()
            if opinion.denied and one.layout == "known"
        )
        return accept(
            prepared,
            candidates,
            task=self.task,
            document=item.document,
            label=item.label,
            learnt=None if self._heads is None else self._heads.label,
            denied=denied,
        )

    def _reading(
        self,
        item: Item,
        prepared: Prepared,
        found: Accepted,
        unread: tuple[Unread, ...],
        judged: list[Judgement] | None,
        names: frozenset[str],
        detail: str,
    ) -> Reading:
        abstained = [*found.abstained, *_echoed(prepared, found, item, self.task)]
        if detail:
            abstained += [
                Abstained(type=name, cause="model", tightens=self.task.by_name[name].tightens, detail=detail)
                for name in sorted(self._generator.types & names if self._generator else ())
            ]
        said = [n for n, one in enumerate(prepared.marked) if one.sentence.kind == "said"]
        layout: Layout = "known" if judged and all(judged[n].layout == "known" for n in said) else "new"
        return Reading(
            document=item.document,
            text=item.text.version,
            language=prepared.language,
            label=item.label,
            claims=tuple(sorted((c for c in found.claims if c.type in names), key=_place)),
            abstained=tuple(one for one in abstained if one.type in names),
            unread=unread,
            mentions=prepared.mentions,
            layout=layout,
            dropped=found.dropped,
        )


def _place(claim: Claim) -> tuple[int, str]:
    return claim.span.start, claim.type


def _unread(
    prepared: Prepared, found: Accepted, judged: list[Judgement] | None, task: Task, document: str
) -> tuple[Unread, ...]:
    """Return the sentences that no rung explains: no claim, no harmless rule, no confident judge."""
    harmless: dict[int, set[str]] = {}
    for met in prepared.met:
        if not met.rule.type and met.use == "fill":
            known = {one.name for element in met.rule.all for one in element}
            harmless.setdefault(met.sentence, set()).update(known)
    out: list[Unread] = []
    for number, marked in enumerate(prepared.marked):
        opinion = judged[number] if judged else None
        # What loosens does not clear a sentence of what tightens: a judge must do that, where there is one.
        if number in found.warned or (number in found.covered and (opinion is None or opinion.harmless)):
            continue
        cause = _why_unread(marked, harmless.get(number), opinion, task)
        if cause is not None:
            one = marked.sentence
            span = Span.of(document, prepared.text, one.start, one.end)
            out.append(Unread(span=span, cause=cause, language=one.language))
    return tuple(out)


def _why_unread(
    marked: Marked, harmless: set[str] | None, judged: Judgement | None, task: Task
) -> Literal["unsure", "words", "alert", "language"] | None:
    alerts = {one.name for one in task.concepts if one.alert}
    rung = {name for name, *_ in marked.concepts} & alerts
    if marked.sentence.kind != "said":
        return "alert" if rung else None
    if harmless is not None and rung <= harmless and not _vetoed(judged, task):
        return None
    if judged is not None and judged.harmless and (not rung or judged.layout == "known"):
        return None
    if rung:
        return "alert"
    language = marked.sentence.language
    if marked.sentence.own and language not in task.languages:
        return "language"
    if judged is not None:
        return "unsure" if judged.met >= 0.5 else "words"
    return "unsure" if marked.concepts else "words"


def _vetoed(judged: Judgement | None, task: Task) -> bool:
    """Whether a judge that has an opinion cannot deny a type that tightens."""
    if judged is None:
        return False
    return any(not one.denied and task.by_name[name].tightens for name, one in judged.opinions.items())


def _echoed(prepared: Prepared, found: Accepted, item: Item, task: Task) -> list[Abstained]:
    """A mail that hardly says a word of its own forwards what stands below it: that stays open."""
    said = [one for one in prepared.marked if one.sentence.kind == "said"]
    if len(said) > SCANT or found.claims:
        return []
    types = dict.fromkeys(
        met.rule.type
        for met, _ in prepared.echoed
        if met.use == "fill" and task.by_name[met.rule.type].tightens
    )
    return [
        Abstained(type=one, cause="quoted", tightens=True, detail="stands in quoted or forwarded words")
        for one in types
    ]
