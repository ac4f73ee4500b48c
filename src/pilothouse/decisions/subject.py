"""Owns what an approval binds: its hash, and what changed since.

The subject is ``sha256(canonical{tool, tool_version, args, evidence, data_versions, policy_version,
workflow_version, on_behalf_of})``. The inbox computes it from the proposal, the door again from the actual
call and from evidence read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pilothouse.decisions.proposal import Proposal
from pilothouse.decisions.types import Evidence
from pilothouse.kernel import canonical, content_hash, encode
from pilothouse.labels import Origin

__all__ = ["Bound", "Change", "bind", "row_key", "row_versions"]

SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One bound part that differs between the approval and the call.

    Attributes:
        part: Such as ``args.container`` or ``evidence.customs.status``.
        before: As approved; ``(absent)`` if it was not there.
        after: As found now.
    """

    part: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.part}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Everything an approval is good for, and nothing else.

    Attributes:
        tool: Name of the tool; None for a judgement.
        tool_version: Its declared version.
        args: The call's arguments.
        evidence: What the call rests on.
        data_versions: Version tokens.
        policy_version: Version of the policy.
        workflow_version: Version of the workflow.
        on_behalf_of: The principal acted for.
    """

    tool: str | None
    tool_version: str
    args: Mapping[str, Any]
    evidence: tuple[Evidence, ...]
    data_versions: Mapping[str, str]
    policy_version: str
    workflow_version: str
    on_behalf_of: str

    @property
    def subject(self) -> str:
        """Hexadecimal SHA-256 over the RFC 8785 form of every part."""
        return content_hash(
            {
                "tool": self.tool,
                "tool_version": self.tool_version,
                "args": dict(self.args),
                "evidence": sorted(item.hash for item in self.evidence),
                "data_versions": dict(self.data_versions),
                "policy_version": self.policy_version,
                "workflow_version": self.workflow_version,
                "on_behalf_of": self.on_behalf_of,
            }
        )

    def changes(self, now: Bound) -> tuple[Change, ...]:
        """Name every part of ``now`` that differs from this, in a stable order."""
        plain = ("tool", "tool_version", "policy_version", "workflow_version", "on_behalf_of")
        found = [
            _change(part, getattr(self, part), getattr(now, part))
            for part in plain
            if getattr(self, part) != getattr(now, part)
        ]
        found += _mapping("args", self.args, now.args)
        found += _mapping("data_versions", self.data_versions, now.data_versions)
        found += _evidence(self.evidence, now.evidence)
        return tuple(found)


def bind(proposal: Proposal) -> Bound:
    """Return what an approval of ``proposal`` binds."""
    return Bound(
        tool=proposal.tool,
        tool_version=proposal.tool_version,
        args=proposal.args,
        evidence=proposal.evidence,
        data_versions=proposal.data_versions,
        policy_version=proposal.policy_version,
        workflow_version=proposal.workflow_version,
        on_behalf_of=proposal.on_behalf_of,
    )


def row_key(origin: Origin) -> str:
    """Return the name under which the version of a cited row is bound."""
    return f"{origin.source}/{origin.object}/{canonical(origin.key).decode()}"


def row_versions(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return the version token of every cited row, ready for ``Proposal.data_versions``.

    Binding them voids an approval when *anything* in a cited row moved, even a column nobody looked at.
    """
    return {
        row_key(item.label.origin): item.label.origin.version
        for item in evidence
        if isinstance(item.label.origin, Origin)
    }


def _change(part: str, before: object, after: object) -> Change:
    return Change(part=part, before=_shown(before), after=_shown(after))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _mapping(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    found: list[Change] = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            found.append(Change(part=f"{part}.{name}", before="(absent)", after=_shown(after[name])))
        elif name not in after:
            found.append(Change(part=f"{part}.{name}", before=_shown(before[name]), after="(absent)"))
        elif encode(before[name]) != encode(after[name]):
            found.append(_change(f"{part}.{name}", before[name], after[name]))
    return found


def _evidence(before: tuple[Evidence, ...], after: tuple[Evidence, ...]) -> list[Change]:
    old, new = {item.name: item for item in before}, {item.name: item for item in after}
    found: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        part = f"evidence.{name}"
        if name not in old:
            found.append(Change(part=part, before="(absent)", after=_shown(new[name].value)))
        elif name not in new:
            found.append(Change(part=part, before=_shown(old[name].value), after="(absent)"))
        elif old[name].hash != new[name].hash:
            found.append(_moved(part, old[name], new[name]))
    return found


def _moved(part: str, before: Evidence, after: Evidence) -> Change:
    """Show the values if they differ, else the labels, which then must."""
    if encode(before.value) != encode(after.value):
        return _change(part, before.value, after.value)
    return _change(f"{part}.label", _label(before), _label(after))


def _label(evidence: Evidence) -> tuple[object, ...]:
    label = evidence.label
    origin = (
        row_key(label.origin) + "#" + label.origin.field if isinstance(label.origin, Origin) else "derived"
    )
    return (origin, label.integrity.name.lower(), sorted(label.readers))
