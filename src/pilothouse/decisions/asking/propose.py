"""Owns putting a proposal into the queue: what must be right about it, storing it, making another by edit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.people.sight import closed_by
from pilothouse.decisions.ports import Previewer
from pilothouse.decisions.proposal import SEEDED, Proposal
from pilothouse.decisions.subject import bind
from pilothouse.decisions.types import Quorum
from pilothouse.kernel import ConflictError, LimitError, Principal, UsageError, canonical, encode, new_id
from pilothouse.labels import typed
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["MAX_PROPOSAL", "check", "edited", "seconds_to", "store"]

Q = load_queries("pilothouse.decisions")
MAX_PROPOSAL = 1_048_576
MARK = " (edited)"


def check(proposal: Proposal) -> bytes:
    """Return the canonical bytes of a proposal that may be asked.

    Raises:
        UsageError: ``decisions.proposal``, naming what is missing; ``wire.type`` for what JSON cannot hold.
        LimitError: ``decisions.too_large``.
    """
    for name in ("title", "proposer", "on_behalf_of", "area"):
        if not getattr(proposal, name):
            raise _wrong(proposal, f"needs {'a tool, workflow or topic' if name == 'area' else name!r}")
    if proposal.tier not in (1, 2, 3, 4):
        raise _wrong(proposal, f"has tier {proposal.tier!r}, not 1, 2, 3 or 4")
    if (proposal.run is None) != (proposal.key is None):
        raise _wrong(proposal, f"names run {proposal.run!r} with key {proposal.key!r}; give both or none")
    names = [item.name for item in proposal.evidence]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _wrong(proposal, f"has two pieces of evidence called {twice[0]!r}; name them apart")
    if proposal.tool is not None and proposal.tier == 4 and not proposal.thing:
        raise _wrong(proposal, "is of tier 4 and needs preview['confirm'], the identifier to type")
    _check_duties(proposal)
    body = canonical(proposal)
    if len(body) > MAX_PROPOSAL:
        raise LimitError(
            f"proposal {proposal.title!r} has {len(body)} bytes, {MAX_PROPOSAL} are allowed; cite fewer rows",
            code="decisions.too_large",
        )
    return body


def _check_duties(proposal: Proposal) -> None:
    if proposal.apart and (proposal.tool is None or not proposal.thing):
        raise _wrong(
            proposal, "keeps duties apart and needs a tool and preview['confirm'], what they meet on"
        )
    strange = sorted(proposal.labels.keys() - proposal.args.keys() - {"pc"})
    if strange:
        raise _wrong(proposal, f"has a label for {strange[0]!r}, which is no argument of it")
    past = timedelta(0)
    for step in proposal.escalation:
        if step.after <= past:
            raise _wrong(proposal, f"escalates after {step.after}, not later than {past}; order the steps")
        past = step.after


async def store(tx: Tx, proposal: Proposal, *, blind: bool = False) -> None:
    """Queue ``proposal``; storing the same one again changes nothing.

    Args:
        tx: The caller's transaction.
        proposal: What is asked.
        blind: Whether the advice is hidden until the person has answered.

    Raises:
        ConflictError: ``decisions.proposal_id``: the id belongs to another proposal.
    """
    body = check(proposal)
    subject = bind(proposal).subject
    created = await tx.execute(
        Q.insert_proposal,
        {
            "id": proposal.id,
            "parent": proposal.parent,
            "run": proposal.run,
            "key": proposal.key,
            "subject": subject,
            "body": body.decode(),
            "topic": proposal.area,
            "title": proposal.title,
            "verdict": proposal.verdict,
            "tier": proposal.tier,
            "asked_of": proposal.asked_of,
            "deadline": proposal.deadline,
            "tool": proposal.tool,
            "thing": proposal.thing,
            "performer": proposal.on_behalf_of,
            "apart": [*proposal.apart],
            "readers": [*closed_by(proposal)],
            "blind": blind,
            "needed": proposal.quorum.needed,
            "first_step": seconds_to(proposal, 0),
        },
    )
    if created:
        await append(tx, _entry(proposal, subject, body))
    elif await tx.fetch_value(Q.subject_of, {"id": proposal.id}) != subject:
        raise ConflictError(
            f"proposal {str(proposal.id)!r} is already asked with other content; take a new id",
            code="decisions.proposal_id",
        )


def seconds_to(proposal: Proposal, step: int) -> float | None:
    """Return how long after the question the escalation's step ``step`` is due; None if there is none."""
    steps = proposal.escalation
    return steps[step].after.total_seconds() if step < len(steps) else None


def edited(
    proposal: Proposal, by: Principal, args: Mapping[str, Any], previewer: Previewer | None
) -> Proposal:
    """Return the child of ``proposal`` with ``args``.

    Raises:
        UsageError: ``decisions.edit``: other argument names, nothing changed, or nobody can preview the call.
    """
    if proposal.kind not in ("decision", SEEDED):
        raise _no_edit(proposal, "asks what happened and cannot be edited; answer it")
    if args.keys() != proposal.args.keys():
        raise _no_edit(
            proposal, f"has the arguments {sorted(proposal.args)!r}, not {sorted(args)!r}; keep the names"
        )
    changed = {name for name in args if encode(args[name]) != encode(proposal.args[name])}
    if not changed:
        raise _no_edit(proposal, "has these arguments already; change one, or approve it")
    steers = proposal.steering is None or bool(changed & set(proposal.steering))
    title = proposal.title if proposal.title.endswith(MARK) else proposal.title + MARK
    return replace(
        proposal,
        id=new_id(),
        parent=proposal.id,
        args=dict(args),
        title=title,
        preview=_preview(proposal, args, previewer),
        proposer=by.id if steers else proposal.proposer,
        quorum=_without(proposal.quorum, proposal.proposer) if steers else proposal.quorum,
        labels=proposal.labels
        | {name: typed(by.id, str(proposal.id)) for name in changed if proposal.labels},
    )


def _without(quorum: Quorum, proposer: str) -> Quorum:
    """Keep whoever asked, or edited, before from answering what others made of it."""
    return replace(quorum, distinct_from=tuple(dict.fromkeys([*quorum.distinct_from, proposer])))


def _preview(proposal: Proposal, args: Mapping[str, Any], previewer: Previewer | None) -> dict[str, Any]:
    """Show the effect anew: what was shown before is of another call."""
    if proposal.tool is None:
        return proposal.preview
    if previewer is None:
        raise _no_edit(
            proposal, "cannot be edited here: nothing can preview the changed call; bind a Previewer"
        )
    return {**proposal.preview, **previewer.preview(proposal.tool, args)}


def _entry(proposal: Proposal, subject: str, stored: bytes) -> AuditEntry:
    return AuditEntry(
        kind="decisions.proposed",
        actor=proposal.proposer,
        run=proposal.run,
        proposal=proposal.id,
        # The second hash convicts who changes the quorum, the labels or the words of a stored proposal.
        refs=(subject, hashlib.sha256(stored).hexdigest()),
        body={
            "topic": proposal.area[:200],
            "tier": proposal.tier,
            "verdict": proposal.verdict[:200],
            "on_behalf_of": proposal.on_behalf_of[:200],
            "parent": None if proposal.parent is None else str(proposal.parent),
        },
    )


def _wrong(proposal: Proposal, what: str) -> UsageError:
    return UsageError(f"proposal {proposal.title!r} {what}", code="decisions.proposal")


def _no_edit(proposal: Proposal, what: str) -> UsageError:
    return UsageError(f"{proposal.title!r} {what}", code="decisions.edit")
