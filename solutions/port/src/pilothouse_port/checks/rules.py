"""Owns how a rule reads facts and how the rules of one check become its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pilothouse.kernel import UsageError
from pilothouse_port.facts import OUTCOMES, facts_of, spec_of
from pilothouse_port.types import Absent, CheckResult, Claim, Fact, Facts, Finding, Reading, Unknown

__all__ = [
    "CHECK_IDS",
    "TEXT_OUTCOMES",
    "Check",
    "Params",
    "Rule",
    "See",
    "check_of",
    "compare_check",
    "rule",
]

Params = Mapping[str, Any]

TEXT_OUTCOMES: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("money", "dispute"): frozenset({"mail"}),
    ("seal", "cut"): frozenset({"remark"}),
    ("damage", "remarked"): frozenset({"remark"}),
    ("fraud", "suspicious_text"): frozenset({"mail"}),
    ("stop", "instructed"): frozenset({"mail"}),
    ("dangerous", "hazard_in_description"): frozenset({"description"}),
}
"""Outcomes that only a text can hold, and the kinds of text that can hold them."""


TEXT_GUARDS: Final[dict[tuple[str, str], str]] = {("dangerous", "hazard_in_description"): "goods.un"}
"""What a text cannot hide where this fact has a value: a hazard that is named is no hidden one."""


class _Gap(Exception):
    """A rule met something unknown; caught by the frame of the check."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.detail)
        self.unknown = unknown


class See:
    """Reads facts for one rule and remembers which ones it looked at."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.seen: list[Reading] = []

    def __call__(self, name: str) -> Any:
        """Return the value of ``name``; ``None`` (or ``()`` for many) where no row is an answer."""
        spec = spec_of(name)
        reading = self._facts[name]
        self.seen.append(reading)
        match reading:
            case Unknown():
                raise _Gap(reading)
            case Absent():
                return () if spec.many else None
            case Fact():
                return reading.value

    @property
    def consignment(self) -> str:
        """Key of the consignment, for messages."""
        return self._facts.consignment.key


RuleBody = Callable[[See, Params, datetime], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Says whether one outcome holds."""

    check: str
    code: str
    holds: RuleBody


_rules: dict[str, list[Rule]] = {name: [] for name in OUTCOMES}
CHECK_IDS: Final = tuple(OUTCOMES)


def rule(check: str, code: str) -> Callable[[RuleBody], RuleBody]:
    """Register a function as the rule of an outcome.

    Raises:
        UsageError: ``port.outcome_unknown``.
    """
    if code not in OUTCOMES.get(check, {}):
        raise UsageError(f"{check}.{code} is not an outcome of the catalogue", code="port.outcome_unknown")

    def register(body: RuleBody) -> RuleBody:
        _rules[check].append(Rule(check=check, code=code, holds=body))
        return body

    return register


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A pure function of facts, claims, parameters and time.

    Attributes:
        id: Name of the check, ``compare:<name>`` for a port's own comparison.
        needs: Facts it may read.
    """

    id: str
    needs: frozenset[str]
    rules: tuple[Rule, ...]

    def __call__(self, facts: Facts, claims: Iterable[Claim], *, params: Params, at: datetime) -> CheckResult:
        """Return what the check says.

        Args:
            facts: What was read.
            claims: What texts say; one that tightens adds its outcome, others are weighed by the policy.
            params: Parameters of the policy for this check.
            at: The time asked about, in the port's own zone.
        """
        seen: list[Reading] = []
        findings: list[Finding] = []
        for each in self.rules:
            see = See(facts)
            findings += _apply(each, see, params, at)
            seen += [reading for reading in see.seen if reading not in seen]
        findings += _tightening(self.id, claims)
        findings += _unread(self.id, facts)
        return CheckResult(check=self.id, findings=_merged(findings), seen=tuple(seen))


def _apply(each: Rule, see: See, params: Params, at: datetime) -> list[Finding]:
    try:
        if not each.holds(see, params, at):
            return []
    except _Gap as gap:
        unknown = gap.unknown
        return [
            Finding(
                code="unknown",
                cause=unknown.cause,
                about=(each.code,),
                evidence=(unknown,),
                detail=unknown.detail,
            )
        ]
    return [Finding(code=each.code, evidence=tuple(see.seen))]


def _tightening(check: str, claims: Iterable[Claim]) -> list[Finding]:
    return [
        Finding(
            code=claim.code,
            detail=claim.detail or claim.quote,
            evidence=(Fact(name=f"claim.{claim.code}", value=claim.quote, cited=(claim.text,)),),
        )
        for claim in claims
        if claim.check == check and claim.effect == "tighten" and claim.state != "rejected"
    ]


def _unread(check: str, facts: Facts) -> list[Finding]:
    found: list[Finding] = []
    for text in facts.unread:
        detail = f"unread {text.kind} of {text.source}" + (f": {text.why}" if text.why else "")
        unknown = Unknown(name=f"text.{text.kind}", cause="unread", detail=detail, cited=(text.text,))
        found += _hidden(check, text.kind, unknown, facts, about=text.about)
    for kind in {kind for kinds in TEXT_OUTCOMES.values() for kind in kinds}:
        gap = facts.readings.get(f"text.{kind}")
        if isinstance(gap, Unknown):
            found += _hidden(check, kind, gap, facts)
    return found


def _hidden(
    check: str, kind: str, unknown: Unknown, facts: Facts, *, about: tuple[str, ...] = ()
) -> list[Finding]:
    """Return what a text of ``kind`` could hide from ``check``; ``about`` names the outcomes left open."""
    hidden = tuple(
        code
        for (name, code), kinds in TEXT_OUTCOMES.items()
        if name == check and kind in kinds and not _excluded(name, code, facts)
        if not about or f"{name}.{code}" in about
    )
    if not hidden:
        return []
    return [
        Finding(code="unknown", cause=unknown.cause, about=hidden, evidence=(unknown,), detail=unknown.detail)
    ]


def _excluded(check: str, code: str, facts: Facts) -> bool:
    guard = TEXT_GUARDS.get((check, code))
    reading = facts[guard] if guard else None
    return isinstance(reading, Fact) and bool(reading.value)


def _merged(findings: list[Finding]) -> tuple[Finding, ...]:
    """Join unknowns that rest on the same gap, so that one gap is told once."""
    out: dict[object, Finding] = {}
    for finding in findings:
        key: object = (
            (finding.cause, finding.detail) if finding.code == "unknown" else (finding.code, len(out))
        )
        known = out.get(key)
        if known is None:
            out[key] = finding
            continue
        about = tuple(dict.fromkeys((*known.about, *finding.about)))
        out[key] = Finding(
            code="unknown", cause=known.cause, about=about, evidence=known.evidence, detail=known.detail
        )
    return tuple(out.values())


def check_of(name: str) -> Check:
    """Return the check of the catalogue called ``name``.

    Raises:
        UsageError: ``port.check_unknown``.
    """
    if name not in OUTCOMES or name == "compare":
        raise UsageError(
            f"{name!r} is not a check; use one of {CHECK_IDS} or compare:<name>", code="port.check_unknown"
        )
    return Check(id=name, needs=frozenset(facts_of(name)), rules=tuple(_rules[name]))


def compare_check(name: str, left: str, right: str) -> Check:
    """Return the generic comparison of two facts of the catalogue.

    Its parameters are ``tolerance`` (absolute) and ``tolerance_percent`` (of the left value). A side
    without a row is no difference: another check says that it is missing.
    """

    def differs(see: See, params: Params, at: datetime) -> bool:
        from decimal import Decimal

        first, second = see(left), see(right)
        if first is None or second is None:
            return False
        if isinstance(first, str) or isinstance(second, str):
            return first != second
        allowed = Decimal(str(params.get("tolerance", 0)))
        percent = Decimal(str(params.get("tolerance_percent", 0)))
        allowed = max(allowed, abs(Decimal(first)) * percent / 100)
        return abs(Decimal(first) - Decimal(second)) > allowed

    for fact in (left, right):
        spec_of(fact)
    body = Rule(check=name, code="differs", holds=differs)
    return Check(id=name, needs=frozenset({left, right}), rules=(body,))
