"""Owns the ladder's last steps: verify proposals, join those that agree, abstain where two do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pilothouse.documents.claims.judging import LIKELY
from pilothouse.documents.claims.prepare import Prepared
from pilothouse.documents.claims.slots import fill_slots
from pilothouse.documents.claims.task import Task
from pilothouse.documents.claims.types import (
    Abstained,
    Candidate,
    Cause,
    Claim,
    ClaimType,
    Mention,
    SlotValue,
    Use,
)
from pilothouse.documents.types import Span
from pilothouse.kernel import DataError
from pilothouse.labels import Label, join

__all__ = ["Accepted", "Denied", "accept"]

Denied = frozenset[tuple[str, int]]
"""Type and sentence number that a trained judge is confident about: not claimed there."""


@dataclass(slots=True, kw_only=True)
class Accepted:
    """What came through; ``covered`` sentences say something, ``warned`` what tightens."""

    claims: list[Claim] = field(default_factory=list[Claim])
    abstained: list[Abstained] = field(default_factory=list[Abstained])
    covered: set[int] = field(default_factory=set[int])
    warned: set[int] = field(default_factory=set[int])
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    candidate: Candidate
    span: Span
    sentence: int
    hidden: bool


def accept(
    prepared: Prepared,
    candidates: Iterable[Candidate],
    *,
    task: Task,
    document: str,
    label: Label,
    learnt: Label | None = None,
    denied: Denied = frozenset(),
) -> Accepted:
    """Return the claims and what stays open.

    Args:
        prepared: The text.
        candidates: Of all rungs; those whose quote does not stand in the text are dropped and counted.
        task: Whose types.
        document: Id of the document.
        label: Of the text.
        learnt: Label of what a trained judge learnt from; joined where it contributed.
        denied: What a trained judge is confident is not there.
    """
    result = Accepted()
    groups: dict[tuple[str, int], list[_Verified]] = {}
    for one in candidates:
        found = _verify(prepared, one, document, task)
        if found is None:
            result.dropped += 1
        else:
            groups.setdefault((found.candidate.type, found.sentence), []).append(found)
    for (type_, sentence), group in groups.items():
        claim = _joined(prepared, group, sentence, task, label, learnt)
        _settle(result, claim, group, task, (type_, sentence) in denied)
        result.covered.add(sentence)
        if task.by_name[type_].tightens:
            result.warned.add(sentence)
    _mentioned(result, prepared, task, document, label)
    _exclude(result, task)
    return result


def _verify(prepared: Prepared, one: Candidate, document: str, task: Task) -> _Verified | None:
    if one.type not in task.by_name or not 0 <= one.p <= 1:
        return None
    try:
        if one.quote:
            span = Span.find(document, prepared.text, one.quote)
        else:
            span = Span.of(document, prepared.text, one.start, one.end)
    except DataError:
        return None
    number = prepared.sentence_at(span.start)
    if number < 0:
        return None
    hidden = any(piece.hidden for piece in prepared.text.covering(span.start, span.end))
    return _Verified(candidate=one, span=span, sentence=number, hidden=hidden)


def _joined(
    prepared: Prepared,
    group: Sequence[_Verified],
    number: int,
    task: Task,
    label: Label,
    learnt: Label | None,
) -> Claim:
    """One claim of a type and sentence; the surest proposal shows it, all that agree are named."""
    best = max(group, key=lambda one: (one.candidate.use == "fill", one.candidate.p))
    type_ = task.by_name[best.candidate.type]
    sentence = prepared.marked[number].sentence
    slots, missing = fill_slots(type_, prepared, sentence, best.candidate, best.span.document)
    from_head = any(one.candidate.rung == "head" for one in group)
    return Claim(
        type=type_.name,
        document=best.span.document,
        span=best.span,
        slots=slots,
        use=best.candidate.use,
        extractors=tuple(dict.fromkeys(one.candidate.extractor for one in group)),
        p=best.candidate.p,
        language=sentence.language,
        layout="known" if any(one.candidate.layout == "known" for one in group) else "new",
        label=join(label, learnt) if from_head and learnt is not None else label,
        missing=missing,
        why="; ".join(dict.fromkeys(one.candidate.why for one in group if one.candidate.why)),
    )


def _settle(result: Accepted, claim: Claim, group: Sequence[_Verified], task: Task, denied: bool) -> None:
    tightens = task.by_name[claim.type].tightens
    cause: Cause | None = None
    if tightens and claim.p < LIKELY and all(one.candidate.rung == "head" for one in group):
        # Above the threshold that keeps the recall, yet unlikely: no claim, and not nothing.
        result.abstained.append(Abstained(type=claim.type, cause="unsure", tightens=True, claims=(claim,)))
        return
    if any(one.hidden for one in group):
        cause = "hidden"
    elif claim.use == "fill" and denied and not any(one.candidate.rung == "head" for one in group):
        cause = "disagree"
    elif claim.use == "tighten" and not tightens:
        cause = "unsure"
    if cause is None:
        result.claims.append(claim)
    elif tightens:
        # Doubt about a warning is still a warning.
        result.claims.append(replace(claim, use="tighten"))
    else:
        result.abstained.append(Abstained(type=claim.type, cause=cause, claims=(claim,)))


def _mentioned(result: Accepted, prepared: Prepared, task: Task, document: str, label: Label) -> None:
    for type_ in task.types:
        if not type_.mention:
            continue
        for one in prepared.mentions:
            if one.kind == type_.mention:
                _one_mention(result, prepared, type_, one, document, label)


def _one_mention(
    result: Accepted, prepared: Prepared, type_: ClaimType, one: Mention, document: str, label: Label
) -> None:
    span = Span.of(document, prepared.text, one.start, one.end)
    number = prepared.sentence_at(one.start)
    sure = one.check in ("passed", "none")
    use: Use = "fill" if sure else "tighten"
    claim = Claim(
        type=type_.name,
        document=document,
        span=span,
        slots=(SlotValue(name=one.kind, value=one.value, span=span, check=one.check),),
        use=use,
        extractors=("patterns@1",),
        p={"passed": 0.99, "none": 0.9}.get(one.check, 0.5),
        language=prepared.marked[number].sentence.language if number >= 0 else prepared.language,
        layout="known",
        label=label,
    )
    if sure:
        result.claims.append(claim)
    else:
        detail = " or ".join((one.value, *one.others))
        result.abstained.append(
            Abstained(
                type=type_.name, cause="ambiguous", tightens=type_.tightens, claims=(claim,), detail=detail
            )
        )


def _exclude(result: Accepted, task: Task) -> None:
    """Two types that cannot both hold of a sentence: the one that tightens stays, the other stays open."""
    for claim in tuple(result.claims):
        others = [
            one
            for one in result.claims
            if one.span.start < claim.span.end
            and claim.span.start < one.span.end
            and one.type in task.by_name[claim.type].excludes
        ]
        if not others:
            continue
        shown = (claim, *others)
        for one in shown:
            if one not in result.claims:
                continue
            result.claims.remove(one)
            tightens = task.by_name[one.type].tightens
            if tightens:
                result.claims.append(replace(one, use="tighten"))
            result.abstained.append(
                Abstained(type=one.type, cause="disagree", tightens=tightens, claims=shown)
            )
