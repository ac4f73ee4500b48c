"""Owns the truth: what the dealt policy says about every box, computed from the hidden world alone.

It reads records and policy as data, never POLICY.md and never the solution's checks: two readings of one
policy that agree are both right, or wrong in the same way by chance only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, cast

from pilothouse_port.world.canon import TEXT_OUTCOMES, VERDICTS, Canon, Consignment, Policy, Verdict
from pilothouse_port.world.canon.types import Mail
from pilothouse_port.world.oracle.facts import Books, Finding
from pilothouse_port.world.oracle.rules import FINDERS
from pilothouse_port.world.project import evidence_of
from pilothouse_port.world.project.places import EvidenceLine
from pilothouse_port.world.wording import Half, half_of

if TYPE_CHECKING:
    from pilothouse_port.world.views import SystemView

__all__ = ["KeyLine", "Truth", "answer_key", "judge"]


class Reason(TypedDict):
    """A reason in the policy's own word."""

    code: str
    check: str


class TextLine(TypedDict):
    """A text about a box: a mail, remark or description; ``wording`` is the half of its family."""

    kind: str
    id: str
    intent: str
    language: str
    family: str
    wording: Half
    layout: str
    carrier: str


class KeyLine(TypedDict):
    """One line of ``key.jsonl``."""

    container: str
    bl: str
    as_of: str
    verdict: Verdict
    reasons: list[Reason]
    evidence: list[EvidenceLine]
    text_only: bool
    texts: list[TextLine]


@dataclass(slots=True, kw_only=True)
class Truth:
    """The truth about one consignment.

    Attributes:
        verdict: With everything known.
        structured: What it would be for somebody who reads records but no text.
        findings: What fires, in the policy's order of rows.
    """

    lot: Consignment
    verdict: Verdict = "RELEASE"
    structured: Verdict = "RELEASE"
    reasons: list[Reason] = field(default_factory=list[Reason])
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def text_only(self) -> bool:
        """Whether text alone changes the verdict."""
        return self.structured != self.verdict


def judge(canon: Canon) -> list[Truth]:
    """Return the truth about every consignment, in the order of the discharge list."""
    books = Books.of(canon)
    return [_judge_one(canon.policy, books, lot) for lot in canon.consignments]


def _judge_one(policy: Policy, books: Books, lot: Consignment) -> Truth:
    truth = Truth(lot=lot)
    found = {(f.check, f.outcome): f for finder in FINDERS for f in finder(books, lot)}
    for check, outcome, verdict, word in _rows(policy, books, lot):
        finding = found.get((check, outcome))
        if check != "always" and finding is None:
            continue
        truth.reasons.append({"code": word, "check": check})
        truth.verdict = _stricter(truth.verdict, verdict)
        if (check, outcome) not in TEXT_OUTCOMES:
            truth.structured = _stricter(truth.structured, verdict)
        if finding is not None:
            truth.findings.append(finding)
    if any(mail.intent == "unreadable" for mail in books.mails.get(lot.key, [])):
        # what cannot be found out is to be escalated; no row of the policy has a word for it
        truth.verdict = _stricter(truth.verdict, "ESCALATE")
    return truth


def _stricter(one: Verdict, other: Verdict) -> Verdict:
    return one if VERDICTS.index(one) >= VERDICTS.index(other) else other


def _rows(policy: Policy, books: Books, lot: Consignment) -> Iterator[tuple[str, str, Verdict, str]]:
    """Yield check, outcome, verdict and word of the rows as they stand for this box."""
    kind = lot.container.kind
    harder: dict[tuple[str, str], Verdict] = {
        (s.check, s.outcome): s.verdict
        for s in policy.specials
        if s.kind == "verdict_for_kind" and s.box_kind == kind
    }
    for rule in policy.rules:
        verdict: Verdict = harder.get((rule.check, rule.outcome), rule.verdict)
        yield rule.check, rule.outcome, verdict, rule.word
    for special in policy.specials:
        friday = books.local_now.weekday() == 4 and books.local_now.hour >= special.hour
        if special.kind == "reefer_friday" and special.box_kind == kind and friday:
            yield special.check, special.outcome, special.verdict, special.word


def answer_key(canon: Canon, views: Sequence[SystemView] | None = None) -> list[KeyLine]:
    """Return one line a consignment.

    Args:
        canon: The hidden world.
        views: Not needed; systems are dealt from the canon's seed.
    """
    del views
    books = Books.of(canon)
    return [_line(canon, books, truth) for truth in judge(canon)]


def _line(canon: Canon, books: Books, truth: Truth) -> KeyLine:
    lot = truth.lot
    evidence: list[EvidenceLine] = []
    for finding in truth.findings:
        for fact, record, subject in finding.facts:
            line = evidence_of(canon, fact, record, subject)
            if fact == "text.mail":
                line = _in_mail(line, record)
            if line not in evidence:
                evidence.append(line)
    for mail in books.mails.get(lot.key, []):
        if mail.intent == "unreadable":
            evidence.append(_in_mail(evidence_of(canon, "text.mail", mail, {}), mail))
    return {
        "container": lot.container.number,
        "bl": lot.bill.number,
        "as_of": canon.as_of.isoformat().replace("+00:00", "Z"),
        "verdict": truth.verdict,
        "reasons": truth.reasons,
        "evidence": evidence,
        "text_only": truth.text_only,
        "texts": _texts(books, lot),
    }


def _texts(books: Books, lot: Consignment) -> list[TextLine]:
    """Return the texts about a box, so that scores can be told apart by how they are worded."""
    found = [
        _text("mail", m.message_id, m.intent, m.language, m.family, m.layout, m.carrier)
        for m in books.mails.get(lot.key, [])
    ]
    found += [
        _text("remark", str(r.number), r.intent, r.language, r.family)
        for r in books.remarks.get(lot.container.number, [])
    ]
    if lot.goods_family:
        hazard = "dangerous.hazard_in_description" in lot.flags
        intent = "hazard" if hazard else "innocent"
        found.append(_text("description", lot.bill.number, intent, lot.language, lot.goods_family))
    return found


def _text(
    kind: str, id: str, intent: str, language: str, family: str, layout: str = "", carrier: str = "body"
) -> TextLine:
    return {
        "kind": kind,
        "id": id,
        "intent": intent,
        "language": language,
        "family": family,
        "wording": half_of(family),
        "layout": layout,
        "carrier": carrier,
    }


def _in_mail(line: EvidenceLine, mail: Mail) -> EvidenceLine:
    """Return the evidence of a mail: its sentence, in the body or in what hangs on it."""
    where: dict[str, str] = {} if mail.carrier == "body" else {"object": "attachments", "field": "content"}
    value = None if mail.intent == "unreadable" else mail.sentence
    return cast("EvidenceLine", {**line, **where, "value": value})
