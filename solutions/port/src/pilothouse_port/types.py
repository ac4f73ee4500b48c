"""Owns the nouns of a release: consignment, facts and what is not known, claims, findings, verdict."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from pilothouse.kernel import UsageError, wired
from pilothouse.labels import Labelled
from pilothouse_port.facts import UNKNOWN_CAUSES

__all__ = [
    "Absent",
    "CheckResult",
    "Claim",
    "Consignment",
    "Fact",
    "Facts",
    "Finding",
    "Reading",
    "Reason",
    "ReleaseVerdict",
    "Unknown",
    "Unread",
    "Verdict",
]

ClaimState = Literal["proposed", "corroborated", "endorsed", "rejected"]
Status = Literal["pass", "fail", "unknown", "not_applicable"]


@wired("port.verdict")
class Verdict(enum.StrEnum):
    """The three answers; their order is the policy's."""

    RELEASE = "RELEASE"
    HOLD = "HOLD"
    ESCALATE = "ESCALATE"


@wired("port.consignment")
@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """The unit of decision: one box under one B/L on one call."""

    container: str
    bl: str
    call: str

    @property
    def key(self) -> str:
        """Stable text key, used for runs and inbox entries."""
        return f"{self.container}/{self.bl}"


@wired("port.fact")
@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A known value.

    Attributes:
        name: Name of the catalogue.
        value: Typed by the catalogue; a tuple where the catalogue says ``many``.
        cited: The values as the source gave them, each with its origin; never empty.
    """

    name: str
    value: Any
    cited: tuple[Labelled, ...]

    def __post_init__(self) -> None:
        value = cast("object", self.value)
        if isinstance(value, list):  # JSON of the journal knows no tuples
            object.__setattr__(self, "value", tuple(cast("list[Any]", value)))


@wired("port.absent")
@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A look-up that found no row where no row is itself an answer.

    Attributes:
        cited: The look-up as a value of None, so that it can be repeated.
    """

    name: str
    cited: tuple[Labelled, ...] = ()


@wired("port.unknown")
@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """What is not known and why; it never passes for a value.

    Attributes:
        cause: One of ``facts.UNKNOWN_CAUSES``.
        detail: For a person: which system, word or age.
        cited: What was read before it proved useless, for instance both contradicting rows.
    """

    name: str
    cause: str
    detail: str
    cited: tuple[Labelled, ...] = ()

    def __post_init__(self) -> None:
        if self.cause not in UNKNOWN_CAUSES:
            raise UsageError(
                f"{self.cause!r} is no cause of an unknown; use one of {UNKNOWN_CAUSES}", code="port.cause"
            )


Reading = Fact | Absent | Unknown


@wired("port.unread")
@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A text that mentions or hangs on the consignment: not read yet, or what reading left open.

    Attributes:
        kind: ``mail``, ``remark`` or ``description``; says which text outcomes it could hold.
        text: The text as the source gave it.
        mention: The characters that tie it to the consignment, empty when a key does.
        also: Of a mail: ``subject``, ``from``, ``reply_to``, ``message_id``, ``in_reply_to``, ``date``.
        signs: What is odd about who it is from; each is a sign of fraud.
        about: Outcomes (``check.code``) that it could still hide; empty: all that its kind could hold.
        why: Why nobody could read it.
        words: What stands in it, where ``text`` is only the hash of a file.
        part: ``attachment`` where it hangs on a mail.
    """

    source: str
    kind: str
    text: Labelled
    mention: str = ""
    also: dict[str, Labelled] = field(default_factory=dict[str, Labelled])
    signs: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    why: str = ""
    words: str = ""
    part: str = ""


@wired("port.facts")
@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that was read for one consignment; frozen, so the same facts give the same verdict."""

    consignment: Consignment
    readings: dict[str, Fact | Absent | Unknown]
    unread: tuple[Unread, ...] = ()

    def __getitem__(self, name: str) -> Reading:
        """Return the reading; an unbound name is an ``Unknown``, never a KeyError."""
        found = self.readings.get(name)
        return found or Unknown(name=name, cause="unbound", detail=f"{name} is not bound in port.yaml")


@wired("port.claim")
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a text says about one outcome, with the characters that say it.

    Attributes:
        effect: ``tighten`` adds the outcome, ``loosen`` takes it away.
        state: A loosening claim counts for ``bound`` only when corroborated or endorsed.
        endorser: Who could endorse it, such as ``desk``; empty: nobody can.
        quote: The verbatim characters of ``text``.
        start: Where they stand in it; -1 when the whole value is meant.
        detail: For a person: what was met.
    """

    check: str
    code: str
    effect: Literal["tighten", "loosen"]
    quote: str
    text: Labelled
    state: ClaimState = "proposed"
    endorser: str = ""
    start: int = -1
    detail: str = ""


@wired("port.finding")
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One outcome of a check.

    Attributes:
        code: An outcome of the catalogue, or ``unknown``.
        evidence: Readings the outcome rests on.
        cause: Of an unknown.
        about: Of an unknown: the outcomes that could not be excluded.
    """

    code: str
    evidence: tuple[Fact | Absent | Unknown, ...] = ()
    cause: str = ""
    about: tuple[str, ...] = ()
    detail: str = ""


@wired("port.check_result")
@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check says; ``seen`` holds everything it looked at, also when it passes."""

    check: str
    findings: tuple[Finding, ...]
    seen: tuple[Fact | Absent | Unknown, ...] = ()
    applicable: bool = True

    @property
    def status(self) -> Status:
        """Fail before unknown before pass."""
        if not self.applicable:
            return "not_applicable"
        if any(not finding.cause for finding in self.findings):
            return "fail"
        return "unknown" if self.findings else "pass"


@wired("port.reason")
@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A policy row that fired.

    Attributes:
        code: The policy's own reason word.
        quote: The sentence of the policy the row comes from.
    """

    check: str
    outcome: str
    code: str
    verdict: Verdict
    quote: str = ""
    detail: str = ""
    cause: str = ""
    evidence: tuple[Fact | Absent | Unknown, ...] = ()


@wired("port.release_verdict")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVerdict:
    """The table's answer.

    Attributes:
        bound: The most that may ever happen unattended.
        advised: What the clerk sees; below ``bound`` only with the ``endorsements`` it still needs.
        reasons: Every row that fired, tightest first.
        reported: Findings without a row: told, without weight.
        stale: The policy document changed since the rows were approved; nothing unattended.
    """

    bound: Verdict
    advised: Verdict
    reasons: tuple[Reason, ...]
    endorsements: tuple[str, ...]
    table_version: str
    as_of: datetime
    reported: tuple[str, ...] = ()
    stale: bool = False
