"""Owns putting a proposal into the queue: what must be right about it, storing it, making another by edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pilothouse.audit import AuditEntry, append
from pilothouse.decisions.people.access import confirmation
from pilothouse.decisions.ports import Previewer
from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.subject import bind
from pilothouse.kernel import ConflictError, LimitError, Principal, UsageError, canonical, encode, new_id
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["MAX_PROPOSAL", "check", "edited", "store"]

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
    if proposal.tool is not None and proposal.tier == 4 and not confirmation(proposal.preview):
        raise _wrong(proposal, "is of tier 4 and needs preview['confirm'], the identifier to type")
    body = canonical(proposal)
    if len(body) > MAX_PROPOSAL:
        raise LimitError(
            f"proposal {proposal.title!r} has {len(body)} bytes, {MAX_PROPOSAL} are allowed; cite fewer rows",
            code="decisions.too_large",
        )
    return body


async def store(tx: Tx, proposal: Proposal) -> None:
    """Queue ``proposal``; storing the same one again changes nothing.

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
        },
    )
    if created:
        await append(tx, _entry(proposal, subject))
    elif await tx.fetch_value(Q.subject_of, {"id": proposal.id}) != subject:
        raise ConflictError(
            f"proposal {str(proposal.id)!r} is already asked with other content; take a new id",
            code="decisions.proposal_id",
        )


def edited(
    proposal: Proposal, by: Principal, args: Mapping[str, Any], previewer: Previewer | None
) -> Proposal:
    """Return the child of ``proposal`` with ``args``.

    Raises:
        UsageError: ``decisions.edit``: other argument names, nothing changed, or nobody can preview the call.
    """
    if proposal.kind != "decision":
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
    )


def _preview(proposal: Proposal, args: Mapping[str, Any], previewer: Previewer | None) -> dict[str, Any]:
    """Show the effect anew: what was shown before is of another call."""
    if proposal.tool is None:
        return proposal.preview
    if previewer is None:
        raise _no_edit(
            proposal, "cannot be edited here: nothing can preview the changed call; bind a Previewer"
        )
    return {**proposal.preview, **previewer.preview(proposal.tool, args)}


def _entry(proposal: Proposal, subject: str) -> AuditEntry:
    return AuditEntry(
        kind="decisions.proposed",
        actor=proposal.proposer,
        run=proposal.run,
        proposal=proposal.id,
        refs=(subject,),
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
