"""Owns the policy as data: rows, conditions, exceptions, and the document they were approved against."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from pilothouse.kernel import UsageError, content_hash
from pilothouse_port.checks import Check, check_of, compare_check
from pilothouse_port.facts import OUTCOMES, UNKNOWN_CAUSES
from pilothouse_port.types import Absent, Fact, Facts, Verdict

__all__ = ["CLOCK_WORDS", "Comparison", "Condition", "PolicyRow", "PolicyTable", "Twist", "document_hash"]

CLOCK_WORDS: Final = ("weekday", "after", "before")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_ORDER: Final = (Verdict.RELEASE, Verdict.HOLD, Verdict.ESCALATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One test of a fact or of the clock.

    Attributes:
        name: A fact, or ``weekday`` (mon..sun), ``after`` and ``before`` (HH:MM, the port's zone).
        words: Any of these; a word may begin with ``>``, ``>=``, ``<`` or ``<=`` before a number.
    """

    name: str
    words: tuple[str, ...]

    def holds(self, facts: Facts, at: datetime) -> bool | None:
        """Return whether it holds; None when the fact is unknown."""
        if self.name in CLOCK_WORDS:
            return self._clock(at)
        match facts[self.name]:
            case Fact(value=value):
                values = cast("tuple[Any, ...]", value if isinstance(value, tuple) else (value,))
                return any(_matches(item, word) for item in values for word in self.words)
            case Absent():
                return "none" in self.words
            case _:
                return None

    def _clock(self, at: datetime) -> bool:
        if self.name == "weekday":
            return WEEKDAYS[at.weekday()] in self.words
        now = at.strftime("%H:%M")
        return now >= self.words[0] if self.name == "after" else now < self.words[0]


def _matches(value: object, word: str) -> bool:
    found = re.fullmatch(r"(>=|<=|>|<)\s*(-?[\d.]+)", word)
    if found is None:
        return str(value).casefold() == word.casefold()
    try:
        left, right = Decimal(str(value)), Decimal(found[2])
    except InvalidOperation:
        return False
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[found[1]]


def _all_hold(when: Iterable[Condition], facts: Facts, at: datetime) -> bool | None:
    answers = [condition.holds(facts, at) for condition in when]
    if False in answers:
        return False
    return None if None in answers else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """An exception to a row: under ``when`` it changes the verdict, the reason word or the parameters."""

    when: tuple[Condition, ...]
    verdict: Verdict | None = None
    reason: str = ""
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """One row: (check, outcome) gives a verdict.

    Attributes:
        check: A check, ``compare:<name>``, or ``always`` for a rule that hangs on ``when`` alone.
        outcome: A code of the check, ``unknown``, ``unknown:<cause>``; any name for ``always``.
        reason: The policy's own word.
        quote: The sentence it comes from, verbatim.
    """

    check: str
    outcome: str
    verdict: Verdict
    reason: str
    quote: str
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    when: tuple[Condition, ...] = ()
    exceptions: tuple[Twist, ...] = ()

    def __post_init__(self) -> None:
        if self.check == "always":
            return
        head, _, name = self.check.partition(":")
        known = OUTCOMES.get(head)
        if known is None or (head == "compare") != bool(name):
            raise UsageError(
                f"policy row {self.quote!r}: {self.check!r} is not a check", code="port.policy_check"
            )
        outcome, _, cause = self.outcome.partition(":")
        if (outcome == "unknown" and (not cause or cause in UNKNOWN_CAUSES)) or self.outcome in known:
            return
        raise UsageError(
            f"policy row {self.quote!r}: {self.outcome!r} is not an outcome of {self.check}; "
            f"use one of {sorted(known)}",
            code="port.policy_outcome",
        )

    def fired(
        self, facts: Facts, at: datetime, rank: Mapping[Verdict, int]
    ) -> tuple[Verdict, str, str] | None:
        """Return (verdict, reason, quote) under conditions and exceptions, None when the row is not meant.

        A condition on something unknown never loosens: the tighter side is taken.
        """
        if _all_hold(self.when, facts, at) is False:
            return None
        possible: list[tuple[Verdict, str, str]] = []
        for twist in self.exceptions:
            met = _all_hold(twist.when, facts, at)
            if met is False or twist.verdict is None:
                continue
            possible.append((twist.verdict, twist.reason or self.reason, twist.quote or self.quote))
            if met:
                break
        else:
            possible.insert(0, (self.verdict, self.reason, self.quote))
        return max(possible, key=lambda item: rank[item[0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison a port adds: ``compare:<name>`` of two facts."""

    name: str
    left: str
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """A decision table with hit policy COLLECT MAX: all rows fire, the tightest verdict wins.

    Attributes:
        order: Verdicts from loosest to tightest, as the document states them.
        unknown: Verdict of an unknown that no row names.
        unknown_reason: Reason word of such an unknown.
        document: SHA-256 of the policy document that the rows were approved against.
        current: SHA-256 of the document as it is now.
    """

    rows: tuple[PolicyRow, ...]
    document: str
    current: str
    order: tuple[Verdict, ...] = DEFAULT_ORDER
    unknown: Verdict = Verdict.ESCALATE
    unknown_reason: str = "UNKNOWN"
    comparisons: tuple[Comparison, ...] = ()
    approver: str = ""

    @property
    def stale(self) -> bool:
        """Whether the document changed since the rows were approved."""
        return self.document != self.current

    @property
    def version(self) -> str:
        """Hash of rows and document; one of a proposal's data versions."""
        rows = [
            [
                row.check,
                row.outcome,
                row.verdict.value,
                row.reason,
                row.quote,
                _plain(row.params),
                repr(row.exceptions),
            ]
            for row in self.rows
        ]
        return content_hash([rows, self.document, [verdict.value for verdict in self.order]])

    @property
    def rank(self) -> dict[Verdict, int]:
        """Verdict to its place in the order."""
        return {verdict: place for place, verdict in enumerate(self.order)}

    def checks(self) -> tuple[Check, ...]:
        """Return the checks that any row or comparison names, in catalogue order."""
        named = {row.check for row in self.rows}
        plain = [check_of(name) for name in OUTCOMES if name != "compare" and name in named]
        return (*plain, *(compare_check(f"compare:{c.name}", c.left, c.right) for c in self.comparisons))

    def params(self, check: str, facts: Facts, at: datetime) -> list[dict[str, Any]]:
        """Return the parameters for ``check``; several sets where an exception hangs on an unknown."""
        sets: list[dict[str, Any]] = [{}]
        for row in self.rows:
            if row.check != check:
                continue
            sets = [{**one, **row.params} for one in sets]
        for twist in (twist for row in self.rows if row.check == check for twist in row.exceptions):
            met = _all_hold(twist.when, facts, at) if twist.params else False
            if met is False:
                continue
            changed = [{**one, **twist.params} for one in sets]
            sets = changed if met else [*sets, *changed]
        return sets

    def verify_quotes(self, document: str) -> None:
        """Refuse rows whose sentence is not in the document.

        Raises:
            UsageError: ``port.policy_quote`` naming the sentence.
        """
        text = _squeezed(document)
        for row in self.rows:
            for quote in (row.quote, *(twist.quote for twist in row.exceptions if twist.quote)):
                if not quote or _squeezed(quote) not in text:
                    raise UsageError(
                        f"policy row {row.check}.{row.outcome}: {quote!r} is not a sentence of the "
                        "policy document; quote it verbatim",
                        code="port.policy_quote",
                    )


def document_hash(document: bytes) -> str:
    """Return the SHA-256 that binds rows to a policy document."""
    return hashlib.sha256(document).hexdigest()


def _squeezed(text: str) -> str:
    return re.sub(r"[\s*_|`]+", " ", text).strip()


def _plain(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(params[key]) for key in sorted(params)}
