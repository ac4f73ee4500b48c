"""Owns the verdict: findings of all checks through the policy table, as ``bound`` and as ``advised``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from pilothouse_port.checks import Check
from pilothouse_port.facts import OUTCOMES
from pilothouse_port.policy import PolicyRow, PolicyTable
from pilothouse_port.types import CheckResult, Claim, Facts, Finding, Reason, ReleaseVerdict, Verdict

__all__ = ["NEVER_LOOSENED", "decide", "run_checks"]

NEVER_LOOSENED: Final = frozenset({"customs", "health", "dangerous", "order"})
"""Only the authority or the record itself lifts these; no claim does."""


def run_checks(
    facts: Facts, claims: Sequence[Claim], table: PolicyTable, *, at: datetime
) -> tuple[CheckResult, ...]:
    """Return the result of every check that the policy names."""
    return tuple(_checked(facts, claims, table, check, at) for check in table.checks())


def _checked(
    facts: Facts, claims: Sequence[Claim], table: PolicyTable, check: Check, at: datetime
) -> CheckResult:
    results = [check(facts, claims, params=params, at=at) for params in table.params(check.id, facts, at)]
    if len(results) == 1:
        return results[0]
    findings = {(f.code, f.cause, f.detail): f for result in results for f in result.findings}
    return CheckResult(check=check.id, findings=tuple(findings.values()), seen=results[0].seen)


def decide(
    results: Iterable[CheckResult],
    claims: Sequence[Claim],
    table: PolicyTable,
    *,
    facts: Facts,
    at: datetime,
) -> ReleaseVerdict:
    """Return bound and advised verdict with every reason.

    ``bound`` uses facts and only those loosening claims that are corroborated or endorsed; ``advised``
    also uses proposed ones that somebody could endorse, and names whom. A stale table binds to the
    tightest verdict: nothing happens unattended until the rows are approved again.
    """
    kept = list(results)
    loosening = [c for c in claims if c.effect == "loosen" and c.check not in NEVER_LOOSENED]
    sure = {(c.check, c.code) for c in loosening if c.state in ("corroborated", "endorsed")}
    hoped = {(c.check, c.code): c.endorser for c in loosening if c.state == "proposed" and c.endorser}
    reasons, reported = _reasons(kept, table, facts, at, without=sure)
    left, _ = _reasons(kept, table, facts, at, without=sure | set(hoped))
    bound, advised = _tightest(reasons, table), _tightest(left, table)
    needed: tuple[str, ...] = ()
    if advised != bound:
        needed = tuple(sorted({hoped[key] for r in reasons if (key := (r.check, r.outcome)) in hoped}))
    if table.stale:
        bound = table.order[-1]
        needed = (*needed, "policy")
    return ReleaseVerdict(
        bound=bound,
        advised=advised,
        reasons=left,
        endorsements=needed,
        table_version=table.version,
        as_of=at,
        reported=reported,
        stale=table.stale,
    )


def _tightest(reasons: Iterable[Reason], table: PolicyTable) -> Verdict:
    return max((reason.verdict for reason in reasons), key=lambda v: table.rank[v], default=table.order[0])


def _reasons(
    results: Sequence[CheckResult],
    table: PolicyTable,
    facts: Facts,
    at: datetime,
    *,
    without: set[tuple[str, str]],
) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    found: list[Reason] = []
    reported: list[str] = []
    for result in results:
        for finding in result.findings:
            if (result.check, finding.code) in without:
                continue
            fired = _fired(result.check, finding, table, facts, at)
            found += fired
            if not fired:
                reported.append(f"{result.check}.{finding.code}")
    found += _always(table, facts, at)
    found.sort(key=lambda reason: -table.rank[reason.verdict])
    return tuple(found), tuple(reported)


def _fired(check: str, finding: Finding, table: PolicyTable, facts: Facts, at: datetime) -> list[Reason]:
    # an unregistered consignee is an outcome called unknown; a gap in knowledge has a cause
    if finding.code != "unknown" or not finding.cause:
        return _rows(check, (finding.code,), finding, table, facts=facts, at=at)
    if not _matters(check, finding, table):
        return []
    words = [f"unknown:{finding.cause}"]
    if "unknown" not in OUTCOMES[check.partition(":")[0]]:
        words.append("unknown")
    named = _rows(check, tuple(words), finding, table, facts=facts, at=at)
    return named[:1] or [_reason(check, finding, (table.unknown, table.unknown_reason, ""))]


def _matters(check: str, finding: Finding, table: PolicyTable) -> bool:
    """Whether an outcome that could not be excluded would have had any weight."""
    loosest = table.order[0]
    return any(
        row.check == check and row.outcome in finding.about and _weight(row, loosest) for row in table.rows
    )


def _weight(row: PolicyRow, loosest: Verdict) -> bool:
    return row.verdict != loosest or any(t.verdict not in (None, loosest) for t in row.exceptions)


def _rows(
    check: str, outcomes: tuple[str, ...], finding: Finding, table: PolicyTable, *, facts: Facts, at: datetime
) -> list[Reason]:
    out: list[Reason] = []
    for outcome in outcomes:
        for row in table.rows:
            if row.check != check or row.outcome != outcome:
                continue
            fired = row.fired(facts, at, table.rank)
            if fired is not None and fired[0] != table.order[0]:
                out.append(_reason(check, finding, fired))
    return out


def _reason(check: str, finding: Finding, fired: tuple[Verdict, str, str]) -> Reason:
    verdict, word, quote = fired
    return Reason(
        check=check,
        outcome=finding.code,
        code=word,
        verdict=verdict,
        quote=quote,
        detail=finding.detail,
        cause=finding.cause,
        evidence=finding.evidence,
    )


def _always(table: PolicyTable, facts: Facts, at: datetime) -> list[Reason]:
    out: list[Reason] = []
    for row in table.rows:
        if row.check != "always":
            continue
        fired = row.fired(facts, at, table.rank)
        if fired is None or fired[0] == table.order[0]:
            continue
        read = [facts[c.name] for c in row.when if "." in c.name]
        finding = Finding(code=row.outcome, evidence=tuple(read), detail=row.quote)
        out.append(_reason("always", finding, fired))
    return out
