"""Owns what of a proposal a person is shown: what they may not read is masked, advice waits where it must."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from pilothouse.decisions.items import Item
from pilothouse.decisions.proposal import SEEDED, Proposal
from pilothouse.decisions.types import Approval, Evidence
from pilothouse.kernel import Authority, DeniedError, Principal
from pilothouse.labels import Derived, Label

__all__ = [
    "MASK",
    "blinded",
    "closed_by",
    "masked",
    "masked_approval",
    "masked_item",
    "require_readable",
    "undisguised",
    "unread",
]

MASK: Final = "‹hidden›"
"""Stands for what the viewer may not read."""


def closed_by(proposal: Proposal) -> tuple[str, ...]:
    """Return every ACL id that whoever sees all of a proposal must satisfy, sorted."""
    labels = (*proposal.labels.values(), *(item.label for item in proposal.evidence))
    return tuple(sorted(frozenset[str]().union(*(label.readers for label in labels))))


def unread(authority: Authority, principal: Principal, acls: Iterable[str]) -> frozenset[str]:
    """Return which of ``acls`` ``principal`` does not satisfy today."""
    return frozenset(acl for acl in acls if not authority.reads(principal, acl))


def require_readable(principal: Principal, closed: frozenset[str]) -> None:
    """Refuse a *yes*, or an edit, by who cannot read everything it rests on.

    Raises:
        DeniedError: ``decisions.unreadable``, naming the ACL ids.
    """
    if closed:
        raise DeniedError(
            f"{principal.id!r} may not read all of this, for want of {', '.join(sorted(closed))}; only who "
            "sees everything may approve it, so hand it to a colleague who does",
            code="decisions.unreadable",
            reasons=tuple(f"unreadable:{acl}" for acl in sorted(closed)),
        )


def masked(proposal: Proposal, closed: frozenset[str]) -> Proposal:
    """Return the proposal as someone sees it who does not satisfy ``closed``.

    Words and advice were made from everything the proposal rests on, so they go with the first part that
    may not be read; the same holds for hashes and version tokens.
    """
    if not closed:
        return proposal
    plain = {name for name, label in proposal.labels.items() if label.readers.isdisjoint(closed)}
    chosen = "pc" in plain
    return replace(
        proposal,
        title="",
        summary="",
        verdict="",
        reasons=(),
        evidence=tuple(_evidence(item, closed) for item in proposal.evidence),
        data_versions={},
        args={name: value if chosen and name in plain else MASK for name, value in proposal.args.items()},
        labels={name: _label(label, closed) for name, label in proposal.labels.items()},
        preview={},
    )


def blinded(proposal: Proposal) -> Proposal:
    """Return the proposal without advice: what is asked stays, what the rules say does not."""
    return replace(proposal, verdict="", reasons=(), summary="")


def undisguised(proposal: Proposal) -> Proposal:
    """Return a planted sample as it looks to whoever is to find it."""
    return replace(proposal, kind="decision") if proposal.kind == SEEDED else proposal


def masked_item(item: Item, closed: frozenset[str]) -> Item:
    """Return the item as who does not satisfy ``closed`` sees it; advice on an open blind one waits."""
    answer = item.answer
    if closed:
        shut = None if answer is None else replace(answer, args=dict.fromkeys(answer.args, MASK))
        return replace(item, title="", verdict="", answer=shut, hidden=True)
    return replace(item, verdict="") if item.blind and item.state == "open" else item


def masked_approval(approval: Approval, closed: frozenset[str]) -> Approval:
    """Return an approval without the hashes of what may not be read."""
    return replace(approval, subject="", asked="", screen=None) if closed else approval


def _evidence(item: Evidence, closed: frozenset[str]) -> Evidence:
    if item.label.readers.isdisjoint(closed):
        return item
    value: Any = MASK
    return Evidence(name=item.name, value=value, label=_label(item.label, closed))


def _label(label: Label, closed: frozenset[str]) -> Label:
    """Keep who may read it and how far it is trusted; where it comes from may name what may not be read."""
    if label.readers.isdisjoint(closed):
        return label
    return Label(readers=label.readers, integrity=label.integrity, origin=Derived(sources=()))
