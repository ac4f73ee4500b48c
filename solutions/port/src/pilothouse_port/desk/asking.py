"""Owns asking the desk about a box: the words of a question, how it ended, and a mail that a yes sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pilothouse import decide, perform, workflow
from pilothouse.decisions import Reason as Rule
from pilothouse.kernel import wired
from pilothouse_port.outward import send_notice
from pilothouse_port.pack import Pack
from pilothouse_port.types import Consignment

__all__ = ["ANSWER_WITHIN", "DESK", "Released", "notify", "rules_of", "summary_of", "title_of"]

ANSWER_WITHIN: Final = timedelta(days=45)
DESK: Final = "desk"


@wired("port.released")
@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """How a consignment ended: ``held``, or the door's ``done``, ``refused`` or ``unknown``."""

    consignment: Consignment
    state: str
    by: str = ""
    reason: str = ""


@workflow(name="port.notify", version="1")
async def notify(box: Consignment, notice: dict[str, Any]) -> Released:
    """Ask the desk whether a prepared mail goes to the party, and send it on a yes."""
    call = send_notice.bind(**notice)
    answer = await decide(
        f"tell {notice['to']} about {box.container}", of=call, who=DESK, within=ANSWER_WITHIN,
        summary=notice["text"],
    )  # fmt: skip
    if not answer.approved:
        return Released(consignment=box, state="held", by=answer.by, reason=answer.reason)
    sent = await perform(call, answer)
    return Released(consignment=box, state="held", by=answer.by, reason=f"told: {sent.state}")


def title_of(pack: Pack) -> str:
    """Return the line of the queue."""
    box = pack.consignment
    return f"{box.container} under {box.bl}"


def summary_of(pack: Pack) -> str:
    """Return what the desk is told: which checks pass, and the drafts."""
    passed = f"{len(pack.passed)} checks pass: {', '.join(pack.passed)}"
    return "\n".join([passed, *(f"draft to {draft.to}: {draft.text}" for draft in pack.drafts)])


def rules_of(pack: Pack) -> list[Rule]:
    """Return the rows that fired."""
    version = pack.verdict.table_version
    reasons = pack.verdict.reasons
    if not reasons:
        return [Rule(code="CLEAR", text="no row of the policy fired", table="policy", version=version)]
    return [
        Rule(
            code=r.code, check=r.check, text=r.quote or r.detail or r.outcome, table="policy", version=version
        )
        for r in reasons
    ]
