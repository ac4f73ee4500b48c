"""Owns ``port check``: what is bound, what is unknown and why, words without mapping, unread text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pilothouse_port.bindings.gather import needed_facts
from pilothouse_port.bindings.load import Bindings
from pilothouse_port.bindings.texts import text_kinds
from pilothouse_port.types import Facts, Unknown

__all__ = ["MAX_LINES", "Coverage", "FactCoverage", "cover"]

MAX_LINES: Final = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class FactCoverage:
    """How one needed fact fares over all consignments.

    Attributes:
        where: ``system object`` of its bindings, empty when unbound.
        known: Consignments with a value or a look-up that answers "none".
        causes: Cause of an unknown to its count.
        example: One unknown in words.
    """

    name: str
    checks: tuple[str, ...]
    where: str
    known: int
    causes: dict[str, int]
    example: str = ""

    @property
    def bound(self) -> bool:
        """Whether any binding gives it."""
        return bool(self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Everything a person must know before a port runs."""

    n: int
    facts: tuple[FactCoverage, ...]
    unread: dict[str, int]
    text_gaps: dict[str, str]
    lines: int
    lookups: int
    stale: bool
    checks: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """What is wrong, most important first; empty when the port may run."""
        out: list[str] = []
        if self.stale:
            out.append(
                "the policy document changed: approve the rows again, until then nothing is unattended"
            )
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
            "facts": [
                {
                    "name": fact.name,
                    "where": fact.where,
                    "known": fact.known,
                    "causes": fact.causes,
                    "example": fact.example,
                }
                for fact in self.facts
            ],
        }


def cover(bindings: Bindings, facts: Sequence[Facts], *, lookups: int) -> Coverage:
    """Return the coverage of a gathering."""
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
        known=len(facts) - len(unknown),
        causes=dict(causes),
        example=unknown[0].detail if unknown else "",
    )
