"""Owns the order in which one call is looked at: right, sink rule, rung, approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pilothouse.decisions import Rung, Standing, Unit
from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.gate.approval import Approvals
from pilothouse.effects.gate.endorse import CHOICE, CONTENT, PC, Endorsements, Treatment, sources_of
from pilothouse.effects.gate.treat import as_content, treatable
from pilothouse.effects.gate.weigh import AskError, own, reached, weigh
from pilothouse.effects.once.rows import Ticket
from pilothouse.effects.types import Chosen, EffectRequest, Opened
from pilothouse.kernel import SYSTEM, Authority, DeniedError, encode, require
from pilothouse.labels import Integrity
from pilothouse.policy import Verdict

if TYPE_CHECKING:
    from pilothouse.effects.ports import Directory, Ladder

__all__ = ["Gate"]

MOST_OPTIONS = 16


class Gate:
    """Looks at one call, and says what may open the door for it."""

    def __init__(
        self,
        approvals: Approvals,
        endorsements: Endorsements,
        *,
        authority: Authority,
        ladder: Ladder | None,
        directory: Directory | None,
    ) -> None:
        self._approvals = approvals
        self._endorsements = endorsements
        self._authority = authority
        self._ladder = ladder
        self._directory = directory

    def require_right(self, spec: EffectSpec, request: EffectRequest) -> None:
        """Refuse a caller, or the agent it acts through, without the right.

        Raises:
            DeniedError: ``policy.denied``.
        """
        require(request.principal, spec.needed_right, authority=self._authority)

    async def open(
        self, spec: EffectSpec, request: EffectRequest, *, highest: Rung = Rung.AUTONOMOUS
    ) -> Ticket:
        """Return what the intent needs: the approval to use up, the rung that must still hold.

        Args:
            spec: The declaration.
            request: The call.
            highest: The rung at most; the standing may have fallen while it was read.

        Raises:
            AskError: ``effects.needs_approval``: a person must be asked.
            DeniedError: ``policy.denied``, ``effects.denied`` or ``effects.forged``.
            ConflictError: ``decisions.void``.
        """
        self.require_right(spec, request)
        request = own(request)
        unit = _unit(spec, request)
        standing = await self._standing(unit)
        rung = min(standing.rung, highest) if standing else Rung.APPROVE
        outside = reached(spec, request, self._directory)
        if request.approval is not None and rung >= Rung.APPROVE:
            ticket = await self._approvals.check(spec, request, request.approval, reached=outside)
            return replace(ticket, unit=unit, rung=rung)
        verdict, endorsed = await self._weighed(spec, request, outside, rung)
        if verdict.kind == "deny":
            raise _denied(spec, verdict)
        ticket = Ticket(
            opened=_opened(spec, rung, endorsed), args=_treated(request, endorsed), unit=unit, rung=rung
        )
        if rung <= Rung.SUGGEST:
            reasons = dict.fromkeys((f"effects.rung:{rung.name.lower()}", *verdict.reasons))
            return replace(ticket, shadow=True, reasons=tuple(reasons))
        if verdict.kind == "ask":
            raise _ask(spec, verdict)
        if rung < Rung.SAMPLED:
            return ticket
        assert standing is not None
        assert self._ladder is not None
        return replace(ticket, review=self._ladder.drawn(request.effect_id, standing.review))

    async def consider(self, spec: EffectSpec, request: EffectRequest) -> Verdict:
        """Return what ``open`` would say to the call without an approval; nothing is stored or logged.

        Raises:
            DeniedError: ``policy.denied``.
        """
        self.require_right(spec, request)
        request = own(request)
        standing = await self._standing(_unit(spec, request))
        rung = standing.rung if standing else Rung.APPROVE
        verdict, _ = await self._weighed(spec, request, reached(spec, request, self._directory), rung)
        if verdict.kind == "ask" and rung <= Rung.SUGGEST:
            # Nothing will happen, so nobody is asked.
            return Verdict(kind="allow", reasons=verdict.reasons)
        return verdict

    async def violated(self, spec: EffectSpec, request: EffectRequest, refusal: DeniedError) -> None:
        """Take the calling version down: it tried what its labels forbid and nobody may even be asked."""
        if self._ladder is None:
            return
        unit = _unit(spec, request)
        if (await self._ladder.standing(unit)).rung <= Rung.APPROVE:
            return
        reason = f"effect {request.effect_id!r} was refused: {', '.join(refusal.reasons)}"
        await self._ladder.demote(unit, by=SYSTEM, reason=reason, why="ladder.label_violation")

    async def _standing(self, unit: Unit) -> Standing | None:
        return None if self._ladder is None else await self._ladder.standing(unit)

    async def _weighed(
        self, spec: EffectSpec, request: EffectRequest, outside: frozenset[str], rung: Rung
    ) -> tuple[Verdict, Mapping[str, Treatment]]:
        """Weigh the call; endorsed flows are looked up only where the sink rule objects."""
        verdict = weigh(spec, request, reached=outside, rung=rung)
        objections = [reason for reason in verdict.reasons if reason.startswith("sink.")]
        if not objections or not request.workflow:
            return verdict, {}
        labels = {**{name: request.labels[name] for name in request.args}, PC: request.pc}
        found = await self._endorsements.endorsed(
            request.workflow, request.workflow_version, spec.tool, labels
        )
        used: dict[str, Treatment] = {
            arg: how
            for arg, hows in found.items()
            for how in (CHOICE, CONTENT)
            if how in hows and labels[arg].integrity < spec.accepts and _fits(spec, request, arg, how)
        }
        return weigh(spec, request, reached=outside, rung=rung, endorsed=used), used


def _unit(spec: EffectSpec, request: EffectRequest) -> Unit:
    return Unit(action=spec.tool, tier=spec.tier, site=request.site, version=request.caller)


def _fits(spec: EffectSpec, request: EffectRequest, arg: str, how: Treatment) -> bool:
    """Whether the value at hand is what the endorsement is about."""
    if how == CONTENT:
        return not spec.steers(arg) and arg in request.args and treatable(request.args[arg])
    # To call or not to call is a choice of two.
    return arg == PC or (arg in request.choices and _chosen(request.args[arg], request.choices[arg]))


def _chosen(value: Any, chosen: Chosen) -> bool:
    """Whether ``value`` is one of a short closed list that does not itself come from outside."""
    trusted = chosen.label.integrity >= Integrity.RECORD
    return trusted and len(chosen.options) <= MOST_OPTIONS and encode(value) in map(encode, chosen.options)


def _treated(request: EffectRequest, endorsed: Mapping[str, Treatment]) -> Mapping[str, Any]:
    """Return the arguments that go out: what passes only as content is stripped, quoted and cut."""
    treated = {
        name: as_content(request.args[name], sources_of(request.labels[name]))
        for name, how in endorsed.items()
        if how == CONTENT
    }
    return {**request.args, **treated} if treated else request.args


def _opened(spec: EffectSpec, rung: Rung, endorsed: Mapping[str, Treatment]) -> Opened:
    """Say what lets a call pass without a person."""
    if endorsed:
        return "endorsed"
    if not spec.needs_approval:
        return "declared"
    return "certified" if rung >= Rung.SAMPLED else "typed"


def _ask(spec: EffectSpec, verdict: Verdict) -> AskError:
    return AskError(
        f"{spec.tool!r}, tier {spec.tier}, needs a person's approval ({', '.join(verdict.reasons)}); "
        "ask with decide() first",
        verdict=verdict,
    )


def _denied(spec: EffectSpec, verdict: Verdict) -> DeniedError:
    return DeniedError(
        f"{spec.tool!r}, tier {spec.tier}, may not be called like this, and nobody is asked: "
        f"{', '.join(verdict.reasons)}; call it from a published workflow or with values of higher trust",
        code="effects.denied",
        reasons=verdict.reasons,
    )
