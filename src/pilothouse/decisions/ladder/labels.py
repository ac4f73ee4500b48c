"""Owns labels: which verdict on a case counts, when, for which test, and what it sets off.

A bad label counts at once, a good one after its settle time; bad is final. Early bad ones can only lower
the evidence, so the promotion test stays valid.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilothouse.decisions.ladder.maths.detector import COLD, alarmed, mean, step
from pilothouse.decisions.ladder.maths.evidence import log_evidence
from pilothouse.decisions.ladder.moves import CHANNEL, demote, ensure
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.rows import certificate_of, unit_values
from pilothouse.decisions.ladder.types import Case, Rung, Unit
from pilothouse.kernel import UsageError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Row, Tx

__all__ = ["Labels", "Verdict", "cases"]

Q = load_queries("pilothouse.decisions.ladder")
BATCH: Final = 500
MAX_CASE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What somebody says about one case.

    Attributes:
        case: The effect id, or the proposal's id where there was no effect.
        wrong: Whether the final human judgement differed or the outcome was bad.
        source: Who says so.
        by: Who said it, for the record of a demotion.
        critical: Whether one such case is one too many.
        confidence: How sure the version was.
    """

    case: str
    wrong: bool
    source: str
    by: str = "system"
    critical: bool = False
    confidence: float | None = None


class Labels:
    """Takes verdicts and counts them.

    Args:
        policy: Settle times, error shares.
        drawn: The lot: case and share in, whether a person reviews it out.
        counted: Called in the transaction with the locked unit after something was counted.
    """

    def __init__(
        self,
        policy: LadderPolicy,
        *,
        drawn: Callable[[str, float], Awaitable[bool]],
        counted: Callable[[Tx, Unit], Awaitable[None]],
    ) -> None:
        self._policy = policy
        self._drawn = drawn
        self._counted = counted

    async def enrol(self, tx: Tx, unit: Unit, case: str, confidence: float | None = None) -> None:
        """Remember that a case was drawn and awaits its verdict, and which test it belongs to."""
        row = await ensure(tx, unit, self._policy)
        values = {"test": row["test_id"], "unit": row["id"], "case": _named(case), "confidence": confidence}
        await tx.execute(Q.enrol, values)

    async def judge(self, tx: Tx, unit: Unit, verdict: Verdict) -> bool:
        """Take a verdict; return whether it changed anything."""
        row = await ensure(tx, unit, self._policy)
        known = await tx.fetch_one(Q.label, {"unit": row["id"], "case": _named(verdict.case)})
        if known is None:
            await self._first(tx, row, unit, verdict)
        elif known["wrong"] is None or (verdict.wrong and not known["wrong"]):
            await self._later(tx, unit, known, verdict)
        else:
            return False
        if verdict.wrong and verdict.critical:
            await self._fall(
                tx, unit, "ladder.critical", f"case {verdict.case} was a critical error", verdict.by
            )
        await tx.notify(CHANNEL)
        return True

    async def settle(self, tx: Tx, unit: Unit) -> int:
        """Count the labels of ``unit`` whose settle time is over; return how many."""
        row = await ensure(tx, unit, self._policy)
        due = await tx.fetch_all(Q.due_labels, {"unit": row["id"], "limit": BATCH})
        for label in due:
            await self._count(tx, unit, label)
        await tx.notify(CHANNEL)
        return len(due)

    async def _first(self, tx: Tx, row: Row, unit: Unit, verdict: Verdict) -> None:
        # Above APPROVE only what the lot drew may count as good, or good cases would be picked; what came
        # to light as bad counts anyway, since it can only lower the evidence.
        share = self._policy.review_of(Rung(row["test_rung"]))
        counts = verdict.wrong or share >= 1 or await self._drawn(verdict.case, share)
        values: dict[str, Any] = {
            "test": row["test_id"],
            "unit": row["id"],
            "counts": counts,
            **self._values(unit, verdict),
        }
        stored = await tx.fetch_one(Q.insert_label, {**values, "case": verdict.case})
        assert stored is not None
        if stored["due"]:
            await self._count(tx, unit, stored)

    async def _later(self, tx: Tx, unit: Unit, known: Row, verdict: Verdict) -> None:
        stored = await tx.fetch_one(Q.judge_label, {"id": known["id"], **self._values(unit, verdict)})
        assert stored is not None
        if known["place"] is not None:
            await self._correct(tx, unit, known["test"])
        elif stored["due"]:
            await self._count(tx, unit, stored)

    def _values(self, unit: Unit, verdict: Verdict) -> dict[str, Any]:
        settle = 0.0 if verdict.wrong else self._policy.settle_of(unit).total_seconds()
        return {
            "wrong": verdict.wrong,
            "source": verdict.source,
            "confidence": verdict.confidence,
            "settle": settle,
        }

    async def _count(self, tx: Tx, unit: Unit, label: Row) -> None:
        """Add one verdict to its test and see what follows."""
        test = await _test(tx, label["test"])
        place = test["counted"] + 1
        await tx.execute(Q.place_label, {"id": label["id"], "place": place})
        state: Sequence[float] = test["detector"]
        if test["rung"] > Rung.APPROVE:
            state = step(state, label["wrong"], test["eps"])
        await self._store(
            tx,
            test,
            n=test["n"] + 1,
            k=test["k"] + label["wrong"],
            counted=place,
            state=state,
        )
        await self._look(tx, unit, test, state)

    async def _correct(self, tx: Tx, unit: Unit, number: int) -> None:
        """A case that had counted as good turned out bad: count it so, and redo the detector."""
        test = await _test(tx, number)
        state: Sequence[float] = COLD
        if test["rung"] > Rung.APPROVE:
            for row in await tx.fetch_all(Q.counted, {"test": number}):
                state = step(state, row["wrong"], test["eps"])
                if alarmed(state, self._policy.alarm):
                    # It would have called there and then.
                    break
        await self._store(tx, test, n=test["n"], k=test["k"] + 1, counted=test["counted"], state=state)
        await self._look(tx, unit, test, state)

    async def _store(
        self, tx: Tx, test: Row, *, n: int, k: int, counted: int, state: Sequence[float]
    ) -> None:
        values = {"id": test["id"], "n": n, "k": k, "counted": counted, "detector": list(state)}
        await tx.execute(Q.count_test, values)

    async def _look(self, tx: Tx, unit: Unit, test: Row, state: Sequence[float]) -> None:
        """See whether the detector calls, the certificate still holds, and a promotion can be asked for."""
        if test["state"] == "open" and alarmed(state, self._policy.alarm):
            words = f"the detector stands at {mean(state):.0f}, {1 / self._policy.alarm:.0f} is the limit"
            await self._fall(tx, unit, "ladder.alarm", words, "system")
        elif test["state"] == "promoted":
            await self.recheck(tx, unit)
        else:
            await self._counted(tx, unit)

    async def recheck(self, tx: Tx, unit: Unit) -> None:
        """See whether the unit's certificate still holds; without its evidence it is void."""
        paper = certificate_of(await ensure(tx, unit, self._policy))
        if paper is None:
            return
        test = await _test(tx, paper.test)
        found = log_evidence(test["n"], test["k"], paper.eps * paper.catch)
        if found < paper.needed:
            words = f"{test['k']} of {test['n']} labels are bad now: log E {found:.2f} < {paper.needed:.2f}"
            await self._fall(tx, unit, "ladder.late_outcome", words, "system")

    async def _fall(self, tx: Tx, unit: Unit, why: str, reason: str, by: str) -> None:
        row = await ensure(tx, unit, self._policy)
        await demote(tx, row, unit, Rung.APPROVE, self._policy, why=why, reason=reason, by=by)


async def cases(database: Database, unit: Unit, *, limit: int = 10_000) -> tuple[Case, ...]:
    """Return the labelled cases of a unit, latest first."""
    rows = await database.fetch_all(Q.cases, {**unit_values(unit), "limit": limit})
    return tuple(
        Case(
            unit=unit,
            case=row["case"],
            rung=Rung(row["rung"]),
            wrong=row["wrong"],
            counted=row["place"] is not None,
            source=row["source"],
            at=row["at"],
            confidence=row["confidence"],
        )
        for row in rows
    )


async def _test(tx: Tx, number: int) -> Row:
    test = await tx.fetch_one(Q.test, {"id": number})
    assert test is not None
    return test


def _named(case: str) -> str:
    if not case or len(case) > MAX_CASE:
        raise UsageError(
            f"a case needs a name of at most {MAX_CASE} characters, got {case[:40]!r}; take the effect id",
            code="ladder.case",
        )
    return case
