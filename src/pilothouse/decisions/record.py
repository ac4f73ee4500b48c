"""Owns reading a decision back: its rows of evidence, its history of edits, and one plain sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

from pilothouse.decisions.items import approval_of, proposal_of
from pilothouse.decisions.proposal import Decision, Proposal
from pilothouse.decisions.types import Answer, Evidence
from pilothouse.kernel import UsageError, decode
from pilothouse.labels import Origin, Position
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["EvidenceRow", "evidence_rows", "find_decision", "find_ids", "lineage", "sentence"]

Q = load_queries("pilothouse.decisions")
CITED = 6
SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One cited value, flat.

    Attributes:
        name: What the rules call it.
        source: The system; ``derived`` for a value made from others.
        object: Table, resource, message type or file.
        key: The row's key.
        field: Column or path.
        value: As read.
        position: Where in a file or message.
        version: The row's version token.
        read_at: When it was read.
        hash: What the approval binds.
    """

    name: str
    source: str
    object: str
    key: dict[str, str]
    field: str
    value: Any
    position: Position | None
    version: str
    read_at: datetime | None
    hash: str


def evidence_rows(evidence: Iterable[Evidence]) -> tuple[EvidenceRow, ...]:
    """Return the evidence as flat rows."""
    return tuple(_row(item) for item in evidence)


def _row(item: Evidence) -> EvidenceRow:
    origin = item.label.origin
    if isinstance(origin, Origin):
        return EvidenceRow(
            name=item.name,
            source=origin.source,
            object=origin.object,
            key=origin.key,
            field=origin.field,
            value=item.value,
            position=origin.position,
            version=origin.version,
            read_at=origin.read_at,
            hash=item.hash,
        )
    return EvidenceRow(
        name=item.name,
        source="derived",
        object="",
        key={},
        field="",
        value=item.value,
        position=None,
        version="",
        read_at=None,
        hash=item.hash,
    )


async def find_decision(database: Database, id: UUID) -> Decision:
    """Return a proposal with what became of it.

    Raises:
        UsageError: ``decisions.not_found``.
    """
    row = await database.fetch_one(Q.show_item, {"id": id})
    if row is None:
        raise UsageError(f"there is no proposal {str(id)!r}; check the id", code="decisions.not_found")
    verdicts = await database.fetch_all(Q.approvals_of, {"id": id})
    return Decision(
        proposal=proposal_of(row),
        state=row["state"],
        approvals=tuple(approval_of(verdict) for verdict in verdicts),
        answer=None if row["answer"] is None else cast("Answer", decode(row["answer"])),
    )


async def find_ids(database: Database, ending: str) -> list[UUID]:
    """Return up to five proposals whose id is ``ending`` or ends with it."""
    return [row["id"] for row in await database.fetch_all(Q.ids_ending, {"ending": ending.lower()})]


async def lineage(database: Database, id: UUID) -> tuple[Proposal, ...]:
    """Return the proposal and everything it replaced, oldest first."""
    rows = await database.fetch_all(Q.lineage, {"id": id})
    return tuple(proposal_of(row) for row in rows)


def sentence(
    decision: Decision,
    *,
    effect: Literal["intent", "done", "refused", "unknown"] | None = None,
    at: datetime | None = None,
    why: Sequence[str] = (),
) -> str:
    """Say in one sentence what was decided, by whom, why, and on which evidence; by template, not by a model.

    Args:
        decision: The decision.
        effect: What became of the effect; None if none was tried.
        at: When it did.
        why: Why the effect was refused or is unknown.
    """
    proposal = decision.proposal
    because = _listed([reason.text or reason.code for reason in proposal.reasons])
    cited = [_cite(row) for row in evidence_rows(proposal.evidence[:CITED])]
    more = len(proposal.evidence) - CITED
    cited += [f"and {more} more"] if more > 0 else []
    parts = [_what(decision, effect, at, why)]
    parts += [f", because {because}"] if because else []
    parts += ["; evidence: " + ", ".join(cited)] if cited else ["; no evidence was cited"]
    return "".join(parts) + "."


def _what(decision: Decision, effect: str | None, at: datetime | None, why: Sequence[str]) -> str:
    proposal, answer = decision.proposal, decision.answer
    title, done = proposal.title, proposal.preview.get("done") or f"{proposal.title!r} was performed"
    said = ": " + "; ".join(why) if why else ""
    if answer is None:
        return (
            f"{title!r} was edited and asked anew"
            if decision.state == "superseded"
            else f"{title!r} is undecided"
        )
    who = _who(decision, answer)
    if effect == "done":
        return f"{done} on {_time(at or answer.at)} by {who}"
    on = f"on {_time(answer.at)}"
    how = "expired" if decision.state == "expired" else f"was {decision.state}"
    plain = f"{title!r} {how} {on} by {who}" + (f" ({answer.reason})" if answer.reason else "")
    tail = {
        "intent": ", and is being performed",
        "refused": f", but was not performed{said}",
        "unknown": f", but it is not known whether it was performed{said}",
    }
    return plain + tail.get(effect or "", "")


def _who(decision: Decision, answer: Answer) -> str:
    voices = [one for one in decision.approvals if one.verdict == answer.verdict and one.undone_at is None]
    names = [f"{one.approver} for {one.delegated_by}" if one.delegated_by else one.approver for one in voices]
    return _listed(names) or answer.by


def _cite(row: EvidenceRow) -> str:
    value = repr(row.value) if isinstance(row.value, str) else str(row.value)
    value = value if len(value) <= SHOWN else value[: SHOWN - 1] + "…"
    if row.read_at is None:
        return f"{row.name} = {value} (derived)"
    key = " ".join(f"{name}={part}" for name, part in sorted(row.key.items()))
    where = " ".join(part for part in (row.source, row.object, key) if part)
    return f"{row.name} = {value} ({where}, read {_time(row.read_at)})"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _listed(words: Sequence[str]) -> str:
    """Join words as English does: "a, b and c"."""
    return " and ".join(part for part in (", ".join(words[:-1]), "".join(words[-1:])) if part)
