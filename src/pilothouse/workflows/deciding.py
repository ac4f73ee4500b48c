"""Owns decide(): a proposal is asked in the transaction that parks the run, and the answer resumes it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pilothouse import engine
from pilothouse.decisions import Answer, Escalation, Evidence, Proposal, Reason, answer_label
from pilothouse.engine import Subject, Waited
from pilothouse.kernel import UsageError, new_id
from pilothouse.labels import Label, join
from pilothouse.telemetry import span
from pilothouse.workflows.flow import Site, live, site_of, verb
from pilothouse.workflows.performing import considered
from pilothouse.workflows.resources import bound
from pilothouse.workflows.tools import Call

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["decide"]

# The inbox answers "no" at the deadline; the wait's own deadline is only a net below it.
_NET = timedelta(minutes=5)


@verb("decide")
def decide(
    question: str,
    *,
    of: Call | None = None,
    evidence: Sequence[Evidence] = (),
    who: str = "",
    within: timedelta | None = None,
    unless: str | Sequence[str] = (),
    summary: str = "",
    verdict: str = "",
    reasons: Sequence[Reason] = (),
    data_versions: Mapping[str, str] | None = None,
    policy_version: str = "",
    preview: Mapping[str, Any] | None = None,
    topic: str = "",
    escalation: Sequence[Escalation] = (),
) -> Coroutine[Any, Any, Answer]:
    """Ask a person and park the run until the answer comes; nothing is held meanwhile.

    Args:
        question: One line for the queue.
        of: The call that a *yes* permits, from ``tool.bind(...)``; without it the answer opens no door.
        evidence: What the decision rests on; names unique.
        who: A group or a principal.
        within: Without an answer until then the answer is *no*.
        unless: Names of signals that take the question back.
        summary: What the person should know.
        verdict: What the rules advise.
        reasons: The rules that fired.
        data_versions: Version tokens that must still hold at the effect.
        policy_version: Version of the policy that judged.
        preview: Shown beside the call's own preview.
        topic: Whose right rules it when there is no tool; default the workflow's name.
        escalation: When to remind, and whom to ask as well while nobody answers.

    Returns:
        The answer; ``approved`` is true only when a person said yes.

    Raises:
        UsageError: ``engine.not_top_level``, ``workflows.unbound``, ``decisions.proposal``.
    """
    extra = {
        "summary": summary, "verdict": verdict, "reasons": tuple(reasons), "policy_version": policy_version,
        "data_versions": dict(data_versions or {}), "topic": topic,
        "escalation": tuple(escalation),
    }  # fmt: skip
    asked = _Asked(question, of, tuple(evidence), who, within, unless, dict(preview or {}), extra)
    return _decide(site_of(sys._getframe(1)), asked)  # pyright: ignore[reportPrivateUsage]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question as the author put it."""

    question: str
    of: Call | None
    evidence: tuple[Evidence, ...]
    who: str
    within: timedelta | None
    unless: str | Sequence[str]
    preview: Mapping[str, Any]
    extra: Mapping[str, Any]


async def _decide(site: Site | None, asked: _Asked) -> Answer:
    if engine.place() != "top":
        raise UsageError("decide() stands at the top level of a workflow", code="engine.not_top_level")
    unless, of = asked.unless, asked.of
    signals = (unless,) if isinstance(unless, str) else tuple(unless)
    key, run, flow = engine.next_key(), engine.current_run(), live()
    deadline = None if asked.within is None else engine.now() + asked.within
    labels = {} if of is None else of.labels(flow, site, -1, "of")
    pc = flow.pc(site)
    about = join(flow.inputs(site), *labels.values())
    flow.asked(site, labels)

    reasons = await considered(of, labels, pc) if of is not None and engine.fresh() else ()

    async def ask(tx: Tx) -> None:
        proposal = _proposal(asked, deadline, key, {**labels, "pc": pc}, reasons)
        await bound().need("inbox").propose(tx, proposal)

    subjects = [Subject(kind="gate", ref=key), *(Subject(kind="signal", ref=name) for name in signals)]
    inputs = {
        "of": None if of is None else {"tool": of.tool.name, "args": of.args},
        "who": asked.who,
        "unless": signals,
    }
    # A replay asks nobody, so only the first call is worth a span; the journal says how long it took.
    with span("decide") if engine.fresh() else contextlib.nullcontext():
        waited = await engine.wait(
            subjects,
            until=None if deadline is None else deadline + _NET,
            on_park=ask,
            name="decide",
            inputs=inputs,
            unlabelled=False,
        )
    answer = await _answer(waited, signals, str(run.id), key, about)
    # A signal that takes the question back is somebody's doing.
    taken = waited.outcome == "met" and waited.subject > 0
    flow.note(site, join(about, waited.label or flow.unknown()) if taken else answer_label(about, answer))
    return answer


def _proposal(
    asked: _Asked,
    deadline: datetime | None,
    key: str,
    labels: Mapping[str, Label],
    asks: tuple[str, ...],
) -> Proposal:
    run, of = engine.current_run(), asked.of
    fields: dict[str, Any] = {"tier": 1, "steering": None, "preview": dict(asked.preview)}
    if of is not None:
        spec = of.tool.spec
        fields = {
            "tool": spec.tool, "tool_version": spec.version, "args": of.args, "tier": spec.tier,
            "steering": spec.steering or None, "preview": {**spec.preview(of.args), **asked.preview},
            "quorum": spec.quorum, "apart": spec.apart,
        }  # fmt: skip
    return Proposal(
        id=new_id(), title=asked.question, on_behalf_of=run.principal.id, proposer=run.principal.id,
        workflow=run.workflow, workflow_version=engine.running_version(), run=str(run.id), key=key,
        evidence=asked.evidence, asked_of=asked.who, deadline=deadline, labels=dict(labels), asks=asks,
        **fields, **asked.extra,
    )  # fmt: skip


async def _answer(waited: Waited, signals: Sequence[str], run: str, key: str, about: Label) -> Answer:
    if waited.outcome == "met" and waited.subject == 0:
        return cast("Answer", waited.value)
    verdict = "withdraw" if waited.outcome == "met" else "expire"
    reason = (
        f"signal {signals[waited.subject - 1]!r} came first"
        if verdict == "withdraw"
        else "nobody answered in time"
    )

    async def take_back() -> int:
        resources = bound()
        async with resources.engine.database.transaction() as tx:
            return int(await resources.need("inbox").withdraw(tx, run, key, reason=reason))

    await engine.step("decide.withdraw", take_back, inputs={"key": key, "reason": reason}, label=about)
    return Answer(
        approved=False, verdict=verdict, proposal=UUID(int=0), approval=None, by="system", reason=reason,
        args={}, edited=False, at=engine.now().astimezone(UTC),
    )  # fmt: skip
