"""Owns the tools of one door: each declared once, with the handler that only the sender calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.decisions import Proposal, Unit
from pilothouse.effects.declare import EffectSpec, Handler
from pilothouse.kernel import UsageError

__all__ = ["Tools"]


class Tools:
    """The declared tools of a door."""

    def __init__(self) -> None:
        self._tools: dict[str, tuple[EffectSpec, Handler]] = {}

    def register(self, spec: EffectSpec, handler: Handler) -> None:
        """Declare a tool and its handler; the same declaration again replaces the handler.

        Raises:
            UsageError: ``effects.declared_twice``: the tool was declared otherwise before.
        """
        known = self._tools.get(spec.tool)
        if known is not None and known[0] != spec:
            raise UsageError(
                f"{spec.tool!r} is already declared otherwise; rename it or raise its version in one place",
                code="effects.declared_twice",
            )
        self._tools[spec.tool] = (spec, handler)

    def specs(self) -> tuple[EffectSpec, ...]:
        """Return every declaration, by name."""
        return tuple(self._tools[name][0] for name in sorted(self._tools))

    def spec(self, tool: str) -> EffectSpec:
        """Return the declaration of ``tool``.

        Raises:
            UsageError: ``effects.undeclared``.
        """
        if tool not in self._tools:
            raise UsageError(
                f"{tool!r} is not declared at the door; declare it with @effect", code="effects.undeclared"
            )
        return self._tools[tool][0]

    def unit_of(self, proposal: Proposal) -> Unit | None:
        """Return whose proposal it is on the ladder; None if it asks for no tool declared here."""
        if proposal.kind != "decision" or proposal.tool not in self._tools or not proposal.workflow:
            return None
        version = f"{proposal.workflow}@{proposal.workflow_version}"
        return Unit(action=proposal.tool, tier=self.spec(proposal.tool).tier, version=version)

    def preview(self, tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Show what a call would do, from the tool's declaration.

        Raises:
            UsageError: ``effects.undeclared``, or ``effects.spec`` if its phrase does not fit ``args``.
        """
        return self.spec(tool).preview(args)

    def _handler(self, spec: EffectSpec) -> Handler:
        return self._tools[spec.tool][1]
