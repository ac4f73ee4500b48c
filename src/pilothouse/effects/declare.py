"""Owns what a tool declares beside its code: what it does, what may steer it, whom it reaches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pilothouse.decisions import Quorum
from pilothouse.kernel import Principal, UsageError
from pilothouse.labels import Integrity
from pilothouse.policy import Sink

__all__ = ["Audience", "EffectCall", "EffectSpec", "Handler", "Probe", "Probed", "Recipient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectCall:
    """What a handler or a probe gets.

    Attributes:
        tool: Name of the tool.
        args: The arguments, as approved.
        effect_id: Pass it on as the idempotency key.
        principal: On whose rights the call is made.
        run: The asking run.
    """

    tool: str
    args: Mapping[str, Any]
    effect_id: str
    principal: Principal
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a probe found out about an effect whose outcome was lost.

    Attributes:
        state: ``done``, ``not_done`` (sending it again is safe) or ``unknown``.
        result: What the handler would have returned, if done.
    """

    state: Literal["done", "not_done", "unknown"]
    result: Any = None


Handler = Callable[[EffectCall], Awaitable[Any]]
Probe = Callable[[EffectCall], Awaitable[Probed]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The effect reaches whoever an argument names; a ``Directory`` says which ACL ids they satisfy.

    Attributes:
        arg: The argument that holds a recipient or a list of them; an unknown one counts as the public.
        also: Further arguments that may hold some, such as ``cc``; those left out or empty reach nobody.
    """

    arg: str
    also: tuple[str, ...] = ()


Audience = Literal["public"] | tuple[str, ...] | Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSpec:
    """What a tool declares beside its code; nothing in a call can change it.

    Attributes:
        tool: Name; also the ``<tool>`` in the rights ``effects:<tool>`` and ``decisions:<tool>``.
        version: Raised whenever the tool does something else; approvals are bound to it.
        effect: ``read``, ``egress`` (leaves the house), ``write`` or ``irreversible``.
        tier: 1 reversible and internal, 2 seen outside, 3 costly, 4 irreversible or safety.
        steering: Arguments that decide what happens to whom.
        accepts: The least integrity that may steer it and fill it. From ``APPROVED`` upwards the rung
            ``approve`` asks for a person's approval.
        audience: Whom the effect reaches: ``public``, the ACL ids that everybody reached satisfies
            (``{principal}`` in one stands for the caller's id), or a ``Recipient``.
        quorum: Whose approvals, and how many, open the door.
        apart: Tools whose approver or performer on the same thing may not approve this one.
        idempotency: Arguments that name the thing acted on. While one effect on it has no known outcome,
            a second one on the same thing waits.
        idempotent_by_effect_id: The receiver ignores a second call with the same effect id.
        probe: Finds out whether an effect happened.
        right: The right the caller needs; empty means ``effects:<tool>``.
        phrase: Past-tense clause over the arguments, such as ``"{container} was released to {party}"``.

    Raises:
        UsageError: ``effects.spec``: the declaration contradicts itself.
    """

    tool: str
    version: str = "1"
    effect: Literal["read", "egress", "write", "irreversible"] = "irreversible"
    tier: int = 4
    steering: tuple[str, ...] = ()
    accepts: Integrity = Integrity.APPROVED
    audience: Audience = "public"
    quorum: Quorum = field(default_factory=Quorum)
    apart: tuple[str, ...] = ()
    idempotency: tuple[str, ...] = ()
    idempotent_by_effect_id: bool = False
    probe: Probe | None = None
    right: str = ""
    phrase: str = ""

    def __post_init__(self) -> None:
        if self.tool in ("", "*"):
            raise UsageError(f"{self.tool!r} is no name for a tool; give it one", code="effects.spec")
        if self.tier not in (1, 2, 3, 4):
            raise UsageError(f"{self.tool!r}: tier {self.tier!r} is not 1, 2, 3 or 4", code="effects.spec")
        if self.effect == "irreversible" and self.tier < 3:
            raise UsageError(
                f"{self.tool!r} is irreversible but of tier {self.tier!r}; declare tier 3 or 4",
                code="effects.spec",
            )
        if self.tier >= 3 and not self.needs_approval:
            raise UsageError(
                f"{self.tool!r}, tier {self.tier!r}, accepts {self.accepts.name!r}; declare accepts=APPROVED",
                code="effects.spec",
            )
        if isinstance(self.audience, str) and self.audience != "public":
            raise UsageError(
                f"{self.tool!r}: audience {self.audience!r} is not 'public', ACL ids or a Recipient",
                code="effects.spec",
            )

    @classmethod
    def undeclared(cls, tool: str) -> EffectSpec:
        """Return what holds for a tool that declares nothing: the strictest there is.

        Irreversible, tier 4, seen by the public, and only a person's own words may fill it.
        """
        return cls(tool=tool, accepts=Integrity.OPERATOR)

    @property
    def needs_approval(self) -> bool:
        """Whether the rung ``approve`` opens the door only for a person's approval."""
        return self.accepts >= Integrity.APPROVED

    @property
    def needed_right(self) -> str:
        """The right a caller needs."""
        return self.right or f"effects:{self.tool}"

    @property
    def sink(self) -> Sink:
        """What the sink rule needs to know; whom an effect reaches steers it."""
        audience = self.audience
        reached = (audience.arg, *audience.also) if isinstance(audience, Recipient) else ()
        steering = tuple(dict.fromkeys((*self.steering, *reached)))
        return Sink(tool=self.tool, steering=steering, accepts=self.accepts)

    def steers(self, arg: str) -> bool:
        """Whether an argument decides what happens to whom."""
        audience = self.audience
        return arg in self.steering or (
            isinstance(audience, Recipient) and arg in (audience.arg, *audience.also)
        )

    def identifier(self, args: Mapping[str, Any]) -> str:
        """Return what a person types at tier 4: the first steering argument, else the tool's name."""
        for name in self.steering:
            if name in args:
                return str(args[name])
        return self.tool

    def describe(self, args: Mapping[str, Any]) -> str:
        """Return the clause that says what was done, such as ``"MSCU1234565 was released to ACME"``."""
        if not self.phrase:
            return f"{self.tool} was performed on {self.identifier(args)}"
        try:
            return self.phrase.format_map(args)
        except (LookupError, ValueError, AttributeError) as error:
            raise UsageError(
                f"{self.tool!r}: phrase {self.phrase!r} does not fit arguments {sorted(args)!r}: {error!r}",
                code="effects.spec",
            ) from error

    def preview(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a proposal shows of this effect: ``confirm``, ``done``, tool and arguments."""
        return {
            "tool": self.tool,
            "effect": self.effect,
            "args": dict(args),
            "confirm": self.identifier(args),
            "done": self.describe(args),
        }
