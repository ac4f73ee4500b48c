"""Owns effect(): a tool is declared beside its code, and called only through the door."""

from __future__ import annotations

import contextvars
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pilothouse.decisions import Quorum
from pilothouse.effects import Audience, EffectCall, EffectSpec, Probe
from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity, Label
from pilothouse.workflows.flow import Live, Site, site_of, verb
from pilothouse.workflows.wiring import Signature, caller_locals, signature_of

__all__ = ["TOOLS", "Call", "Tool", "calling", "effect", "effect_call"]

TOOLS: dict[str, Tool] = {}
_call: contextvars.ContextVar[EffectCall | None] = contextvars.ContextVar("pilothouse_effect", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool with its arguments, not performed yet, and where in the source it was put together."""

    tool: Tool
    args: dict[str, Any]
    site: Site | None = None

    def labels(self, flow: Live, used: Site | None, position: int, word: str) -> dict[str, Label]:
        """Return the label of each argument, as far as the call is used at ``used``."""
        return flow.bound_call(self.site, used, position, word, self.args, self.tool.signature.order)


@verb("tool")
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
        site = site_of(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
        return Call(tool=self, args=self.signature.fit(self.name, values), site=site)

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
    quorum: Quorum | None = None,
    apart: Sequence[str] = (),
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
            quorum=quorum or Quorum(),
            apart=tuple(apart),
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
