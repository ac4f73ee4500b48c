"""Owns the nouns of the ladder: rung, unit, certificate, standing."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pilothouse.kernel import UsageError, wired

__all__ = ["Case", "Certificate", "Drop", "Move", "Rung", "Standing", "Unit", "Waiver"]

TIERS = (1, 2, 3, 4)


@wired("ladder.rung")
class Rung(enum.IntEnum):
    """How far an agent or workflow version may act alone in one class of actions."""

    SHADOW = 0
    """Nothing happens; what it would have done is recorded."""
    SUGGEST = 1
    """A person does it; the suggestion is shown."""
    APPROVE = 2
    """A person decides on each."""
    SAMPLED = 3
    """It acts; a share drawn by lot is reviewed."""
    AUTONOMOUS = 4
    """It acts; the review never falls below 2 %."""


@wired("ladder.unit")
@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What climbs: one class of actions done by one version.

    Attributes:
        action: The action class, as a rule the tool's name.
        tier: 1 reversible and internal .. 4 irreversible.
        site: Where; evidence of one site says nothing about another.
        version: The agent or workflow version; it changes with model, prompt, tools and schemas.
    """

    action: str
    tier: int
    site: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        if not self.action or self.tier not in TIERS:
            raise UsageError(
                f"a ladder unit needs an action and a tier of 1 to 4, got {self.action!r} and {self.tier!r}",
                code="ladder.unit",
            )

    def __str__(self) -> str:
        return f"{self.action}/{self.tier}@{self.site or '-'}:{self.version or '-'}"


@wired("ladder.certificate")
@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a person signed when a unit climbed; recomputable from two integers.

    Attributes:
        test: The test it closed.
        rung: The rung it lifted the unit to.
        n: Labels counted.
        k: Bad ones among them.
        eps: The error share that was refuted.
        catch: Lower bound of the share of bad cases the reviewers catch; the test was at ``eps * catch``.
        alpha: This test's share of the error budget.
        log_e: Natural logarithm of the evidence.
        shown: Seeded bad proposals shown until then.
        caught: How many of them were caught.
        policy: Hash of the ladder policy.
        proposal: The proposal in the inbox.
        signers: Who approved it.
        at: When.
    """

    test: int
    rung: Rung
    n: int
    k: int
    eps: float
    catch: float
    alpha: float
    log_e: float
    shown: int
    caught: int
    policy: str
    proposal: UUID
    signers: tuple[str, ...]
    at: datetime

    @property
    def needed(self) -> float:
        """What ``log_e`` had to reach."""
        return -math.log(self.alpha)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a unit stands today.

    Attributes:
        unit: Which.
        rung: The rung in force: the lowest of what was earned, the tier's cap and the switch.
        earned: The rung earned, whatever the cap and the switch say.
        review: Share of the effects a person looks at: 1 up to rung ``APPROVE``, then by lot.
        n: Labels counted on this rung.
        k: Bad ones among them.
        log_e: Natural logarithm of the evidence against "the error share is at least eps".
        needed: What ``log_e`` must reach for the next rung; infinite where no test runs.
        eps: The error share to be refuted.
        catch: Lower bound of the share of bad cases the reviewers catch.
        bound: Upper bound of the error share now, at the policy's confidence.
        more: Clean labels still needed for the next rung; None if the cap is reached.
        cap: The highest rung that tier and waivers allow.
        dropped: Whether the switch holds the unit at ``APPROVE``.
        certificate: What lifted it; None on the rung it started at.
    """

    unit: Unit
    rung: Rung
    review: float
    n: int
    k: int
    log_e: float
    bound: float
    certificate: Certificate | None = None
    earned: Rung = Rung.APPROVE
    needed: float = float("inf")
    eps: float = 1.0
    catch: float = 1.0
    more: int | None = None
    cap: Rung = Rung.APPROVE
    dropped: bool = False

    @property
    def ready(self) -> bool:
        """Whether a promotion may be asked for: proved, below the cap, not held down by the switch."""
        climbs = Rung.APPROVE <= self.earned < self.cap and not self.dropped
        return climbs and self.log_e >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One labelled case.

    Attributes:
        unit: Whose.
        case: The effect id, or the proposal's id where there was no effect.
        rung: The rung it was done at.
        wrong: Whether the final human judgement differed or the outcome was bad.
        counted: Whether it counts already.
        source: Who says so, such as ``review``.
        at: When the first label came.
        confidence: How sure the version was; None if unknown.
    """

    unit: Unit
    case: str
    rung: Rung
    wrong: bool
    counted: bool
    source: str
    at: datetime
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of rung.

    Attributes:
        unit: Whose.
        before: From which rung.
        after: To which.
        why: Stable code such as ``ladder.alarm``.
        reason: In words.
        by: Who.
        at: When.
    """

    unit: Unit
    before: Rung
    after: Rung
    why: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The switch of one scope: everything, one action, one site or one version.

    Attributes:
        scope: ``*``, ``action:<a>``, ``site:<s>`` or ``version:<v>``.
        dropped: Whether it holds its units at ``APPROVE``.
        by: Who touched it last.
        reason: In their words.
        at: When.
    """

    scope: str
    dropped: bool
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Signatures that lift the cap of one class for a time.

    Attributes:
        action: The action class.
        tier: Its tier.
        site: Its site.
        rung: The cap while the waiver holds.
        signers: Who signed.
        reason: Why.
        until: It ends then.
    """

    action: str
    tier: int
    site: str
    rung: Rung
    signers: tuple[str, ...]
    reason: str
    until: datetime
