"""Owns the pack: verdict, reasons, evidence, drafts and corrections of one consignment; immutable, hashed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pilothouse.connectors import as_text
from pilothouse.decisions import Evidence
from pilothouse.kernel import content_hash, wired
from pilothouse.labels import Origin
from pilothouse_port.cost import CLERKS, Actions, assisted, manual, words_of
from pilothouse_port.drafts import worded
from pilothouse_port.types import (
    CheckResult,
    Consignment,
    Fact,
    Facts,
    Reading,
    Reason,
    ReleaseVerdict,
    Unread,
    Verdict,
)

__all__ = ["Draft", "Pack", "decision_line", "drafts_of", "evidence_of", "make_pack"]


@wired("port.draft")
@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message nobody has sent, or a correction nobody has made.

    Attributes:
        check: What it is about.
        to: Role of the receiver; the registered address is looked up when it is sent.
        text: Every number in it stands in the pack's evidence.
        correction: The prepared change in one clause, empty when there is none.
        language: Of ``text``: the receiver's, as far as one of his mails shows it.
        change: The same change as fields, each value out of the evidence.
    """

    check: str
    to: str
    text: str
    correction: str = ""
    language: str = "en"
    change: dict[str, str] = field(default_factory=dict[str, str])


@wired("port.pack")
@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What a clerk gets for one consignment; a new fact makes a new pack.

    Attributes:
        evidence: Values the verdict rests on: of the blocking reasons, else of every check.
        passed: Checks that pass, folded on the screen.
        lookups: Queries it took, its share of the batch.
        quotes: By evidence name, the verbatim words of a text that a reason rests on.
        actions: Logged actions by clerk, for the cost model.
    """

    consignment: Consignment
    verdict: ReleaseVerdict
    evidence: tuple[Evidence, ...]
    passed: tuple[str, ...]
    drafts: tuple[Draft, ...]
    lookups: float
    quotes: dict[str, str] = field(default_factory=dict[str, str])
    actions: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])

    @property
    def content(self) -> str:
        """SHA-256 of what decides: verdict, reasons and evidence."""
        reasons = [[r.check, r.outcome, r.code, r.verdict.value] for r in self.verdict.reasons]
        return content_hash(
            [
                self.consignment,
                self.verdict.advised,
                self.verdict.bound,
                reasons,
                sorted(e.hash for e in self.evidence),
            ]
        )


def evidence_of(verdict: ReleaseVerdict, results: Sequence[CheckResult]) -> tuple[Evidence, ...]:
    """Return the values a verdict rests on, each name once."""
    readings: Iterable[Reading]
    if verdict.advised is Verdict.RELEASE:
        readings = [reading for result in results for reading in result.seen]
    else:
        readings = [reading for reason in verdict.reasons for reading in reason.evidence]
    out: dict[str, Evidence] = {}
    for reading in readings:
        for item in reading.cited:
            name = reading.name
            number = 1
            while name in out and out[name].label.origin != item.label.origin:
                number += 1
                name = f"{reading.name}#{number}"
            out.setdefault(name, Evidence.of(name, item))
    return tuple(out.values())


def _quotes(verdict: ReleaseVerdict, evidence: Sequence[Evidence]) -> dict[str, str]:
    """Return the words that claims quote, by the evidence that holds them."""
    said = [
        (reading.name, str(reading.value), reading.cited[0].label.origin)
        for reason in verdict.reasons
        for reading in reason.evidence
        if isinstance(reading, Fact) and reading.name.startswith("claim.") and reading.cited
    ]
    out: dict[str, str] = {}
    for item in evidence:
        for name, quote, origin in said:
            if item.name.partition("#")[0] == name and item.label.origin == origin:
                out.setdefault(item.name, quote)
    return out


def make_pack(
    facts: Facts,
    results: Sequence[CheckResult],
    verdict: ReleaseVerdict,
    *,
    lookups: float,
    texts: Sequence[Unread] = (),
    language: str = "en",
    number: int = 0,
) -> Pack:
    """Return the pack of one consignment.

    Args:
        facts: What was read.
        results: What the checks said.
        verdict: What the table said.
        lookups: Its share of the batch's queries.
        texts: All there were, read or not: whoever works by hand reads them.
        language: In which the party writes.
        number: Its place in the batch.
    """
    drafts = drafts_of(facts.consignment, verdict.reasons, language=language)
    passed = tuple(result.check for result in results if result.status == "pass")
    evidence = evidence_of(verdict, results)
    return Pack(
        consignment=facts.consignment,
        verdict=verdict,
        evidence=evidence,
        quotes=_quotes(verdict, evidence),
        passed=passed,
        drafts=drafts,
        lookups=lookups,
        actions=_actions(facts, results, verdict, drafts, texts=texts or facts.unread, number=number),
    )


def drafts_of(one: Consignment, reasons: Sequence[Reason], *, language: str = "en") -> tuple[Draft, ...]:
    """Return a message and a prepared correction for each check that gives a reason; none for what is
    unknown.

    A suspicion is told to the security desk alone, in English; never to whoever wrote the mail.
    """
    out: dict[str, Draft] = {}
    for reason in reasons:
        check = reason.check.partition(":")[0]
        if reason.outcome == "unknown" or reason.check in out:
            continue
        values = _values(reason)
        spoken = "en" if check == "fraud" else language
        found = worded(check, box=one.container, bl=one.bl, values=values, language=spoken, evidence=())
        if found is None:
            continue
        to, text, correction, said = found
        change = {
            "container": one.container,
            "bl": one.bl,
            "check": check,
            "outcome": reason.outcome,
            "do": correction,
        }
        out[reason.check] = Draft(
            check=reason.check, to=to, text=text, correction=correction, language=said, change=change
        )
    return tuple(out.values())


def _values(reason: Reason) -> str:
    """Return the values a reason rests on: of a text the words it quotes, never the whole of it."""
    values: list[str] = []
    for reading in reason.evidence:
        if not isinstance(reading, Fact):
            continue
        if reading.name.startswith("claim."):
            values.append(" ".join(str(reading.value).split()))
            continue
        values += [as_text(item.value) for item in reading.cited if item.value]
    return ", ".join(dict.fromkeys(values)) or reason.outcome


def _actions(
    facts: Facts,
    results: Sequence[CheckResult],
    verdict: ReleaseVerdict,
    drafts: Sequence[Draft],
    *,
    texts: Sequence[Unread],
    number: int,
) -> dict[str, Actions]:
    seen = [reading for result in results for reading in result.seen]
    panel = 20 + sum(12 + words_of(reason.quote) for reason in verdict.reasons)
    quotes = sum(words_of(reason.detail) for reason in verdict.reasons)
    mails = sum(words_of(text.words or str(text.text.value)) for text in texts)
    unread = sum(words_of(text.words or str(text.text.value)) for text in facts.unread)
    out: dict[str, Actions] = {
        "assisted": assisted(
            shown_words=panel,
            reasons=verdict.reasons,
            unread_words=unread + quotes,
            draft_words=sum(words_of(draft.text) for draft in drafts),
            number=number,
        )
    }
    blocking = [reason for reason in verdict.reasons if reason.outcome != "unknown"]
    for clerk in CLERKS:
        done = manual(clerk, seen, blocking)
        done["R"] = done.get("R", 0) + mails
        out[clerk] = done
    return out


def decision_line(pack: Pack) -> dict[str, Any]:
    """Return the pack as a line of ``decisions.jsonl``."""
    verdict = pack.verdict
    return {
        "container": pack.consignment.container,
        "bl": pack.consignment.bl,
        "as_of": verdict.as_of.isoformat(),
        "verdict": verdict.advised.value,
        "bound": verdict.bound.value,
        "endorsements": list(verdict.endorsements),
        "reasons": [_reason_line(reason) for reason in verdict.reasons],
        "evidence": [
            _evidence_line(item, pack.quotes.get(item.name, ""))
            for item in pack.evidence
            if isinstance(item.label.origin, Origin)
        ],
        "lookups": round(pack.lookups, 4),
        "actions": pack.actions,
    }


def _reason_line(reason: Reason) -> dict[str, Any]:
    line: dict[str, Any] = {"code": reason.code, "check": reason.check, "outcome": reason.outcome}
    return {**line, "cause": reason.cause, "detail": reason.detail} if reason.cause else line


def _evidence_line(item: Evidence, quote: str) -> dict[str, Any]:
    origin = item.label.origin
    assert isinstance(origin, Origin)
    position = origin.position
    span = None
    if position is not None and position.offset is not None:
        span = {"file": position.file, "offset": position.offset, "length": position.length}
    value = None if item.value is None else as_text(item.value)
    quoted: dict[str, Any] = {"quote": quote} if quote else {}
    if quote and value and quote in value:
        quoted["start"] = value.find(quote)
    return {
        "fact": item.name.partition("#")[0],
        "system": origin.source,
        "object": origin.object,
        "key": origin.key,
        "field": origin.field,
        "value": value,
        "span": span,
        **quoted,
    }
