"""Owns effect() and perform(): a tool is declared beside its code, and called only through the door."""

from __future__ import annotations

import contextvars
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pilothouse import engine
from pilothouse.effects import Audience, EffectCall, EffectRequest, EffectSpec, Outcome, Probe
from pilothouse.engine import Retry
from pilothouse.kernel import UsageError
from pilothouse.labels import Derived, Integrity, Label, join, leaves
from pilothouse.workflows.resources import bound
from pilothouse.workflows.wiring import Signature, caller_locals, signature_of

if TYPE_CHECKING:
    from pilothouse.decisions import Answer, Evidence

__all__ = ["TOOLS", "Call", "Tool", "effect", "effect_call", "perform"]

TOOLS: dict[str, Tool] = {}
# A receiver that is down for some hours delays what was approved; it does not fail it.
_PATIENT = Retry(tries=100, first=1.0, longest=300.0)
_call: contextvars.ContextVar[EffectCall | None] = contextvars.ContextVar("pilothouse_effect", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool with its arguments, not performed yet."""

    tool: Tool
    args: dict[str, Any]


class Tool:
    """A declared outward tool; only ``perform`` calls it."""

    def __init__(
        self, function: Callable[..., Awaitable[Any]], spec: EffectSpec, signature: Signature
    ) -> None:
        self.function = function
        self.spec = spec
        self.signature = signature
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.spec.tool

    def __repr__(self) -> str:
        return f"<tool {self.name} {self.spec.version}>"

    def bind(self, *args: Any, **kwargs: Any) -> Call:
        """Return the call with these arguments, for ``decide`` and ``perform``.

        Raises:
            UsageError: ``workflows.arguments``.
        """
        values = self.signature.bind(self.name, args, kwargs)
        return Call(tool=self, args=self.signature.fit(self.name, values))

    async def handler(self, call: EffectCall) -> Any:
        """Run the function for the door."""
        token = _call.set(call)
        try:
            return await self.function(**call.args)
        finally:
            _call.reset(token)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: effects leave only through the door.

        Raises:
            UsageError: ``workflows.tool_called``.
        """
        raise UsageError(
            f"{self.name!r} changes the world: await perform({self.name}.bind(...), answer)",
            code="workflows.tool_called",
        )


def effect(
    *,
    tool: str | None = None,
    version: str = "1",
    effect: Literal["read", "egress", "write", "irreversible"] = "irreversible",
    tier: int = 4,
    steering: Sequence[str] = (),
    accepts: Integrity = Integrity.APPROVED,
    audience: Audience = "public",
    idempotency: Sequence[str] = (),
    idempotent_by_effect_id: bool = False,
    probe: Probe | None = None,
    right: str = "",
    phrase: str = "",
) -> Callable[[Callable[..., Awaitable[Any]]], Tool]:
    """Declare an async function as an outward tool; see :class:`~pilothouse.effects.EffectSpec`.

    Inside the function ``effect_call()`` tells effect id and principal, and ``source(...)`` passes the
    effect id on as the idempotency key.

    Raises:
        UsageError: ``effects.spec``.
    """
    visible = caller_locals(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def register(function: Callable[..., Awaitable[Any]]) -> Tool:
        if not inspect.iscoroutinefunction(function):
            raise UsageError(f"tool {function.__name__!r} must be an `async def`", code="effects.spec")
        spec = EffectSpec(
            tool=tool or function.__name__,
            version=version,
            effect=effect,
            tier=tier,
            steering=tuple(steering),
            accepts=accepts,
            audience=audience,
            idempotency=tuple(idempotency),
            idempotent_by_effect_id=idempotent_by_effect_id,
            probe=probe,
            right=right,
            phrase=phrase,
        )
        made = Tool(function, spec, signature_of(function, visible))
        TOOLS[spec.tool] = made
        return made

    return register


def effect_call() -> EffectCall:
    """Return the call that the running tool was made for.

    Raises:
        UsageError: ``workflows.outside_tool``.
    """
    call = _call.get()
    if call is None:
        raise UsageError("effect_call() works only inside a tool", code="workflows.outside_tool")
    return call


def calling() -> EffectCall | None:
    """Return the call of the running tool, or None."""
    return _call.get()


async def perform(
    call: Call,
    answer: Answer | None = None,
    *,
    evidence: Sequence[Evidence] = (),
    data_versions: Mapping[str, str] | None = None,
    policy_version: str = "",
) -> Outcome:
    """Let one effect out through the door, as a step of the run.

    Args:
        call: From ``tool.bind(...)``.
        answer: What ``decide`` returned; its arguments are performed, also when a person edited them.
        evidence: What a call without an answer rests on.
        data_versions: Versions that must still hold.
        policy_version: The policy in force.

    Returns:
        ``done``, ``refused`` by the receiver, or ``unknown``: then a person is asked in the inbox.

    Raises:
        ConflictError: ``decisions.void``: evidence, policy or version moved since the approval; the message
            names what, before -> after. Gather again and ask again.
        DeniedError: The right, the approval or the halt switch.
        UsageError: ``engine.not_top_level``.
    """
    if engine.place() != "top":
        raise UsageError("perform() stands at the top level of a workflow", code="engine.not_top_level")
    args = call.args if answer is None else answer.args
    inputs = {
        "tool": call.tool.name, "args": args, "approval": None if answer is None else answer.approval,
        "data_versions": dict(data_versions or {}), "policy_version": policy_version,
    }  # fmt: skip
    run = engine.current_run()
    principal, version = engine.acting(), engine.running_version()

    async def body() -> Outcome:
        request = EffectRequest(
            tool=call.tool.name,
            args=args,
            effect_id=engine.effect_key(),
            principal=principal,
            run=str(run.id),
            approval=None if answer is None else answer.approval,
            evidence=tuple(evidence),
            data_versions=dict(data_versions or {}),
            policy_version=policy_version,
            workflow_version=version,
            labels=dict.fromkeys(args, _low_water(evidence)),
            pc=_low_water(evidence),
            may_ask=True,
            workflow=run.workflow,
            version=f"{run.workflow}@{version}",
        )
        return cast("Outcome", await bound().need("door").perform(request))

    label = _label(evidence)
    hashes = tuple(bytes.fromhex(item.hash) for item in evidence)
    return cast(
        "Outcome",
        await engine.step(
            f"perform {call.tool.name}", body, inputs=inputs, label=label, evidence=hashes,
            kind="tool", version=call.tool.spec.version, once=True, retry=_PATIENT,
        ),
    )  # fmt: skip


def _low_water(evidence: Sequence[Evidence]) -> Label:
    """What the call rests on rules all of it; resting on nothing that is known, it is untrusted."""
    if not evidence:
        origin = Derived(sources=())
        return Label(readers=frozenset(), integrity=Integrity.UNTRUSTED, origin=origin)
    return join(*(item.label for item in evidence))


def _label(evidence: Sequence[Evidence]) -> Label:
    """An outcome is a record of ours; it is derived from what the call rested on."""
    readers = frozenset[str]().union(*(item.label.readers for item in evidence))
    sources = {leaf for item in evidence for leaf in leaves(item.label)}
    return Label(readers=readers, integrity=Integrity.RECORD, origin=Derived(sources=tuple(sources)))
