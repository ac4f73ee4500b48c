"""Owns the requester's own release: what a person may read they may send to whom they themselves named.

Robust declassification: readers go down only where the person who made the request satisfies each ACL id that
is given up, the slot stands in a plan written from their words alone, nobody untrusted chose the recipient or
anything that steers the call, and nobody untrusted chose *which* value is sent. A tool that reaches the
public is never released here: there a person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.agents.values import Value
from pilothouse.effects import Recipient
from pilothouse.kernel import Authority, Principal
from pilothouse.labels import Integrity, Label, Origin, declassified

if TYPE_CHECKING:
    from pilothouse.effects import EffectSpec

__all__ = ["released"]

NAMED = Integrity.RECORD
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def released(
    spec: EffectSpec, args: Mapping[str, Value], pc: Label, *, by: Principal, authority: Authority, plan: str
) -> tuple[dict[str, Label], Label]:
    """Return the labels of a slot's arguments and of its choice, readers given up as the requester may.

    Args:
        spec: The tool.
        args: The slot's arguments.
        pc: What the slot depends on.
        by: Who made the request.
        authority: Says which ACL ids they satisfy today.
        plan: Hash of the plan; the new label names it.
    """
    labels = {name: value.whole for name, value in args.items()}
    if by.kind != "person" or not isinstance(spec.audience, Recipient) or pc.integrity < NAMED:
        return labels, pc
    steering = {spec.audience.arg, *spec.audience.also, *spec.steering}
    if any(name in labels and labels[name].integrity < NAMED for name in steering):
        return labels, pc
    origin = Origin(source="typed", object=by.id, key={}, field=spec.tool, version=plan, read_at=_EPOCH)

    def given_up(label: Label) -> Label:
        kept = frozenset(acl for acl in label.readers if not authority.reads(by, acl))
        return label if kept == label.readers else declassified(label, kept, by=origin)

    opened = {
        name: given_up(label) if args[name].chosen >= NAMED else label for name, label in labels.items()
    }
    return opened, given_up(pc)
