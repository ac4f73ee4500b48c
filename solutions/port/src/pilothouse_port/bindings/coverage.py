"""Owns ``port check``: what is bound, what is unknown and why, words without mapping, unread text, damage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pilothouse.connectors import Finding
from pilothouse_port.bindings.gather import needed_facts
from pilothouse_port.bindings.load import Bindings
from pilothouse_port.bindings.texts import text_kinds
from pilothouse_port.types import Fact, Facts, Unknown

__all__ = ["MAX_LINES", "Coverage", "FactCoverage", "bound_systems", "cover"]

MAX_LINES: Final = 150
OFTEN_ABSENT: Final = frozenset(
    {
        "dangerous.class",
        "dangerous.un",
        "goods.un",
        "health.state",
        "health.valid_until",
        "mandate.scope",
        "mandate.state",
        "mandate.valid_until",
        "party.alias",
        "party.contact_changed_at",
        "party.group",
        "payment.unmatched",
        "stop.listed",
    }
)
"""Facts that most boxes do not have: that none has one is no sign of a key that matches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactCoverage:
    """How one needed fact fares over all consignments.

    Attributes:
        where: ``system object`` of its bindings, empty when unbound.
        valued: Consignments with a value.
        absent: Consignments for which the look-up found no row, where that is an answer.
        causes: Cause of an unknown to its count.
        example: One unknown in words.
    """

    name: str
    checks: tuple[str, ...]
    where: str
    valued: int
    absent: int
    causes: dict[str, int]
    example: str = ""

    @property
    def bound(self) -> bool:
        """Whether any binding gives it."""
        return bool(self.where)

    @property
    def unknown(self) -> int:
        """Consignments for which it is not known."""
        return sum(self.causes.values())

    @property
    def mute(self) -> bool:
        """Whether it never has a value although most boxes have one: its key may match nothing."""
        empty = self.absent > 0 and not self.valued and not self.unknown
        return self.bound and empty and self.name not in OFTEN_ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Everything a person must know before a port runs.

    Attributes:
        unvouched: Systems whose ``endorsed_by`` names nobody.
        approver: Who approved the policy rows, empty when nobody is named.
        findings: Source to what is damaged in it; decisions with their evidence are left out.
    """

    n: int
    facts: tuple[FactCoverage, ...]
    unread: dict[str, int]
    text_gaps: dict[str, str]
    lines: int
    lookups: int
    stale: bool
    checks: tuple[str, ...]
    unvouched: tuple[str, ...] = ()
    approver: str = ""
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict[str, Sequence[Finding]])

    @property
    def problems(self) -> list[str]:
        """What is wrong, most important first; empty when the port may run."""
        out: list[str] = []
        if self.stale:
            out.append(
                "the policy document changed: approve the rows again, until then nothing is unattended"
            )
        out += [
            f"systems.{name}: endorsed_by names nobody, its rows stay unread: name who vouches or drop it"
            for name in self.unvouched
        ]
        if not self.approver:
            out.append("policy.approver is missing; name who read the rows against the document")
        out += [f"{fact.name} is not bound; its checks are unknown" for fact in self.facts if not fact.bound]
        out += [
            f"{fact.name}: {count} of {self.n} unknown ({cause}), for example {fact.example}"
            for fact in self.facts
            if fact.bound
            for cause, count in fact.causes.items()
        ]
        out += [f"text of kind {kind}: {why}" for kind, why in self.text_gaps.items()]
        if self.lines > MAX_LINES:
            out.append(f"port.yaml has {self.lines} lines, more than {MAX_LINES}")
        return out

    @property
    def warnings(self) -> list[str]:
        """What somebody should look at; it keeps no port from running."""
        out = [
            f"{fact.name} never has a value in {self.n} boxes; its key in {fact.where} may match nothing"
            for fact in self.facts
            if fact.mute
        ]
        return [*out, *(_said(name, found) for name, found in self.findings.items() if found)]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {
            "consignments": self.n,
            "lines": self.lines,
            "lookups": self.lookups,
            "stale": self.stale,
            "checks": list(self.checks),
            "unread": self.unread,
            "problems": self.problems,
            "warnings": self.warnings,
            "facts": [
                {
                    "name": fact.name,
                    "where": fact.where,
                    "valued": fact.valued,
                    "absent": fact.absent,
                    "unknown": fact.unknown,
                    "causes": fact.causes,
                    "example": fact.example,
                }
                for fact in self.facts
            ],
        }


def _said(source: str, found: Sequence[Finding]) -> str:
    """Count the findings of a source and give the worst as the example."""
    counts = Counter(finding.severity for finding in found)
    many = ", ".join(
        f"{counts[severity]} {severity}" for severity in ("error", "warning") if counts[severity]
    )
    example = min(found, key=lambda finding: finding.severity != "error")
    place = f"{example.object}: " if example.object else ""
    noun = "finding" if len(found) == 1 else "findings"
    return f"source {source}: {len(found)} {noun} ({many}), for example {place}{example.message}"


def bound_systems(bindings: Bindings) -> tuple[str, ...]:
    """Return the sources that the mapping reads, sorted."""
    model = bindings.model
    every = [bound for name in (*model.facts, *model.joins) for bound in bindings.of(name)]
    return tuple(sorted({model.list.system, *(each.system for each in (*every, *model.texts.values()))}))


def cover(
    bindings: Bindings,
    facts: Sequence[Facts],
    *,
    lookups: int,
    findings: Mapping[str, Sequence[Finding]] | None = None,
) -> Coverage:
    """Return the coverage of a gathering.

    Args:
        bindings: The port as configured.
        facts: What was gathered.
        lookups: What it cost.
        findings: Source to what its connector found; what is only ``info`` is not told.
    """
    unread = Counter(text.kind for each in facts for text in each.unread)
    gaps = {
        kind: gap.detail
        for kind in text_kinds(bindings)
        for each in facts[:1]
        if isinstance(gap := each.readings.get(f"text.{kind}"), Unknown)
    }
    return Coverage(
        n=len(facts),
        facts=tuple(_fact(bindings, name, facts) for name in needed_facts(bindings)),
        unread=dict(unread),
        text_gaps=gaps,
        lines=bindings.lines,
        lookups=lookups,
        stale=bindings.table.stale,
        checks=tuple(check.id for check in bindings.table.checks()),
        unvouched=tuple(
            name
            for name, system in sorted(bindings.model.systems.items())
            if "endorsed_by" in system.model_fields_set and not system.vouched_by
        ),
        approver=bindings.table.approver,
        findings={
            name: [finding for finding in found if finding.severity != "info"]
            for name, found in (findings or {}).items()
        },
    )


def _fact(bindings: Bindings, name: str, facts: Sequence[Facts]) -> FactCoverage:
    from pilothouse_port.facts import FACTS

    unknown = [reading for each in facts if isinstance(reading := each[name], Unknown)]
    causes = Counter(reading.cause for reading in unknown)
    where = ", ".join(dict.fromkeys(f"{b.system} {b.object}" for b in bindings.of(name)))
    return FactCoverage(
        name=name,
        checks=FACTS[name].checks,
        where=where,
        valued=(valued := sum(isinstance(each[name], Fact) for each in facts)),
        absent=len(facts) - len(unknown) - valued,
        causes=dict(causes),
        example=unknown[0].detail if unknown else "",
    )
