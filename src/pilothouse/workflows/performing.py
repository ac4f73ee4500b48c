"""Owns perform(): one effect leaves through the door, with the label of every argument and of the choice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pilothouse import engine
from pilothouse.effects import EffectRequest, Outcome, outcome_label
from pilothouse.engine import Retry
from pilothouse.kernel import DeniedError, UsageError
from pilothouse.labels import Label, join
from pilothouse.workflows.flow import Collected, Live, Site, collecting, live, site_of, verb
from pilothouse.workflows.resources import bound
from pilothouse.workflows.tools import Call

if TYPE_CHECKING:
    from pilothouse.decisions import Answer, Evidence

__all__ = ["considered", "perform"]

# A receiver that is down for some hours delays what was approved; it does not fail it.
_PATIENT = Retry(tries=100, first=1.0, longest=300.0)


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What a call rests on and where it acts."""

    evidence: tuple[Evidence, ...] = ()
    data_versions: Mapping[str, str] | None = None
    policy_version: str = ""
    site: str = ""


@verb("perform")
def perform(
    call: Call,
    answer: Answer | None = None,
    *,
    evidence: Sequence[Evidence] = (),
    data_versions: Mapping[str, str] | None = None,
    policy_version: str = "",
    site: str = "",
) -> Coroutine[Any, Any, Outcome]:
    """Let one effect out through the door, as a step of the run.

    The door gets the label of every argument and of the choice to come here. Where it finds that a person
    must be asked and there is no ``answer``, the call fails and says so: ask with ``decide()``.

    Args:
        call: From ``tool.bind(...)``.
        answer: What ``decide`` returned; its arguments are performed, also when a person edited them.
        evidence: What a call without an answer rests on.
        data_versions: Versions that must still hold.
        policy_version: The policy in force.
        site: Where it acts, such as a terminal; part of the ladder's unit and a scope of the halt switch.

    Returns:
        ``done``, ``refused`` by the receiver, ``unknown``: then a person is asked in the inbox, or
        ``shadowed``: this version may not act yet.

    Raises:
        ConflictError: ``decisions.void``: evidence, policy or version moved since the approval; the message
            names what, before -> after. Gather again and ask again.
        DeniedError: ``effects.needs_approval``: ask first. Else the right, the sink rule or the halt switch.
        UsageError: ``engine.not_top_level``.
    """
    fixed = _Fixed(tuple(evidence), dict(data_versions or {}), policy_version, site)
    return _perform(site_of(sys._getframe(1)), call, answer, fixed)  # pyright: ignore[reportPrivateUsage]


async def _perform(used: Site | None, call: Call, answer: Answer | None, fixed: _Fixed) -> Outcome:
    if engine.place() != "top":
        raise UsageError("perform() stands at the top level of a workflow", code="engine.not_top_level")
    args = call.args if answer is None else answer.args
    inputs = {
        "tool": call.tool.name, "args": args, "approval": None if answer is None else answer.approval,
        "data_versions": fixed.data_versions, "policy_version": fixed.policy_version,
    }  # fmt: skip
    flow = live()
    labels, pc = _labels(flow, used, call, answer, args), flow.pc(used)
    request = _request(call, answer, args, fixed, labels, pc)
    effect_id = f"{engine.current_run().id}:{engine.next_key()}"
    approved = answer is not None and answer.approved
    state = outcome_label(join(pc, *labels.values()), effect_id, call.tool.name, approved=approved)
    seen = Collected(state)

    async def body() -> Outcome:
        answers = Collected()
        with collecting(answers):
            outcome = cast("Outcome", await bound().need("door").perform(request(engine.effect_key())))
        if outcome.result is not None:
            # Nobody knows what a receiver answers, unless it is a source that is declared.
            seen.add(answers.label or flow.unknown())
        return outcome

    hashes = tuple(bytes.fromhex(item.hash) for item in fixed.evidence)
    return cast(
        "Outcome",
        await engine.step(
            f"perform {call.tool.name}", body, inputs=inputs, evidence=hashes,
            kind="tool", version=call.tool.spec.version, once=True, retry=_PATIENT,
            label=seen.whole,
            on_label=lambda found: flow.performed(used, state, found or flow.unknown()),
        ),
    )  # fmt: skip


def _labels(
    flow: Live, used: Site | None, call: Call, answer: Answer | None, args: Mapping[str, Any]
) -> dict[str, Label]:
    """Return the label of each argument performed, also of those that come back from a question."""
    labels = call.labels(flow, used, 0, "call")
    if answer is not None:
        given = None if used is None else used.of(1, "answer")
        back = {} if given is None else flow.answered_args(given, args)
        labels = {name: join(label, back[name]) if name in back else label for name, label in labels.items()}
        if answer.edited and given is not None:
            said = flow.label(atom for atom in given if not atom.startswith("args:"))
            labels = {name: join(label, said) for name, label in labels.items()}
    missing = [name for name in args if name not in labels]
    return labels | dict.fromkeys(missing, engine.low_water()) if missing else labels


def _request(
    call: Call,
    answer: Answer | None,
    args: Mapping[str, Any],
    fixed: _Fixed,
    labels: Mapping[str, Label],
    pc: Label,
) -> Callable[[str], EffectRequest]:
    run = engine.current_run()
    principal, version = engine.acting(), engine.running_version()

    def made(effect_id: str) -> EffectRequest:
        return EffectRequest(
            tool=call.tool.name,
            args=args,
            effect_id=effect_id,
            principal=principal,
            labels=labels,
            pc=pc,
            may_ask=True,
            site=fixed.site,
            version=f"{run.workflow}@{version}",
            workflow=run.workflow,
            run=str(run.id),
            approval=None if answer is None else answer.approval,
            evidence=fixed.evidence,
            data_versions=dict(fixed.data_versions or {}),
            policy_version=fixed.policy_version,
            workflow_version=version,
        )

    return made


async def considered(call: Call, labels: Mapping[str, Label], pc: Label) -> tuple[str, ...]:
    """Return why the door would ask a person before this call, or refuse it; empty if it would do neither."""
    if bound().door is None:
        return ()
    request = _request(call, None, call.args, _Fixed(), labels, pc)
    try:
        verdict = await bound().need("door").consider(request(f"{engine.current_run().id}:?"))
    except DeniedError as error:
        return error.reasons
    return cast("tuple[str, ...]", verdict.reasons)
