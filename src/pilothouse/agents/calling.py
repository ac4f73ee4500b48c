"""Owns one call of an agent: a reading tool answers with labels, an acting tool goes through the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from pilothouse.agents.asking import Asker, proposal
from pilothouse.agents.tools import FAILED, ActTool, ReadTool, own_failure
from pilothouse.agents.values import Value
from pilothouse.effects import AskError, Chosen, EffectRequest, Outcome, as_content, sources_of
from pilothouse.kernel import Authority, DeniedError, Json, LimitError, Principal, UnavailableError, require
from pilothouse.labels import Integrity, Label, join

__all__ = ["Caller", "DoorPort", "Family"]


class DoorPort(Protocol):
    """The door, as an agent sees it."""

    async def perform(self, request: EffectRequest) -> Outcome:
        """Let one effect out, or refuse it."""
        ...


@dataclass(kw_only=True)
class Family:
    """What a session and all its sub-agents share.

    Attributes:
        touched: The join of all that any of them obtained: in clear, as a handle, or as a failure.
        most_asks: Questions that they may put together.
        asked: Questions put so far.
        refused: Calls that a person rejected.
        spent: Bits learned by source, as far as they were taken over.
    """

    touched: Label
    most_asks: int = 8
    asked: int = 0
    refused: set[str] = field(default_factory=set[str])
    spent: dict[str, float] = field(default_factory=dict[str, float])

    def touch(self, *labels: Label) -> None:
        """Count something as obtained."""
        self.touched = join(self.touched, *labels)


@dataclass(kw_only=True)
class Caller:
    """Makes the calls of one session.

    Attributes:
        principal: On whose rights, and through which agent.
        door: The only way out.
        authority: Says what the principal may do today.
        run: The run; effect ids begin with it.
        name: The published agent, whose endorsed flows count.
        version: Its version.
        site: Where it acts.
        asker: Asks a person about a slot; None answers every question with no.
        asked_of: Whom it asks.
        family: What it shares with its sub-agents.
        words: What the person wrote.
    """

    principal: Principal
    door: DoorPort
    authority: Authority
    run: str
    name: str
    version: str
    site: str = ""
    asker: Asker | None = None
    asked_of: str = ""
    family: Family
    words: str = ""

    async def read(self, tool: ReadTool, args: Mapping[str, Value], pc: Label) -> Value:
        """Read; the result rests on what it was asked with.

        Raises:
            DeniedError: ``policy.denied``.
            PilothouseError: ``agents.tool_failed``.
        """
        if tool.right:
            require(self.principal, tool.right, authority=self.authority)
        try:
            found = await tool.call(self.principal, {name: value.data for name, value in args.items()})
        except Exception as error:
            self._failed(tool, args, pc)
            raise own_failure(tool.name, error) from error
        value = _after(found, args, pc)
        self.family.touch(value.whole)
        return value

    async def act(
        self,
        tool: ActTool,
        args: Mapping[str, Value],
        pc: Label,
        *,
        effect: str,
        labels: Mapping[str, Label] | None = None,
        choices: Mapping[str, Value] | None = None,
        slot: bool = False,
    ) -> Value:
        """Act through the door; a slot of the plan may ask a person, everything else may not.

        Raises:
            PilothouseError: The effect did not happen.
        """
        request = EffectRequest(
            tool=tool.name,
            args={name: value.data for name, value in args.items()},
            effect_id=f"{self.run}:{effect}",
            principal=self.principal,
            labels=labels or {name: value.whole for name, value in args.items()},
            pc=pc,
            may_ask=slot,
            site=self.site,
            version=f"{self.name}@{self.version}",
            run=self.run,
            workflow=self.name,
            workflow_version=self.version,
            choices={name: _closed(value) for name, value in (choices or {}).items()},
        )
        # Whether it goes through says something of what it was called with.
        self.family.touch(pc, *request.labels.values())
        try:
            try:
                outcome = await self.door.perform(request)
            except AskError as asked:
                if not slot:
                    raise
                outcome = await self._asked(tool, request, args, asked.verdict.reasons)
            value = self._result(tool, outcome, args, pc)
        except Exception:
            self._failed(tool, args, pc)
            raise
        self.family.touch(value.whole)
        return value

    def _failed(self, tool: ReadTool | ActTool, args: Mapping[str, Value], pc: Label) -> None:
        worst = tool.returns.worst(tool=tool.name, principal=self.principal)
        self.family.touch(worst, pc, *(value.whole for value in args.values()))

    async def _asked(
        self, tool: ActTool, request: EffectRequest, args: Mapping[str, Value], asks: tuple[str, ...]
    ) -> Outcome:
        if self.asker is None:
            raise DeniedError(
                f"{tool.name!r} needs a person's answer and this session has nobody to ask",
                code="agents.nobody_asked",
                reasons=asks,
            )
        key = request.call_hash
        if key in self.family.refused or self.family.asked >= self.family.most_asks:
            raise LimitError(
                f"{tool.name!r} was refused already, or its run put {self.family.most_asks} questions",
                code="agents.asks",
            )
        self.family.asked += 1
        request = _treated(tool, request, asks)
        question = proposal(
            tool.spec, request, asks=asks, values=args, agent=f"{self.name}@{self.version}",
            asked_of=self.asked_of, words=self.words,
        )  # fmt: skip
        answer = await self.asker.ask(question)
        if not answer.approved:
            self.family.refused.add(key)
            raise DeniedError(
                f"{tool.name!r} was not approved: {answer.verdict}", code="agents.not_approved", reasons=asks
            )
        return await self.door.perform(replace(request, args=answer.args, approval=answer.approval))

    def _result(self, tool: ActTool, outcome: Outcome, args: Mapping[str, Value], pc: Label) -> Value:
        if outcome.state == "unknown":
            raise UnavailableError(
                f"nobody knows yet whether {tool.name!r} happened; a person was asked", code="agents.unknown"
            )
        if outcome.state != "done":
            raise DeniedError(
                f"{tool.name!r} did not happen: {outcome.state}",
                code="agents.not_done",
                reasons=(f"effects.{outcome.state}", *_why(outcome)),
            )
        found = tool.returns.label(cast("Json", outcome.result), tool=tool.name, principal=self.principal)
        return _after(found, args, pc)


def _treated(tool: ActTool, request: EffectRequest, asks: tuple[str, ...]) -> EffectRequest:
    """Return the call as a person is to see it: what passes only as content is treated before."""
    args = {
        name: as_content(value, sources_of(request.labels[name]))
        for name, value in request.args.items()
        if name not in tool.spec.steering
        and request.labels[name].integrity < tool.spec.accepts
        and f"sink.content:{name}" not in asks
    }
    return replace(request, args={**request.args, **args}) if args else request


def _why(outcome: Outcome) -> tuple[str, ...]:
    """Return the door's reason; one that the tool gave is data."""
    return (FAILED,) if outcome.state == "refused" else outcome.reasons[:1]


def _closed(value: Value) -> Chosen:
    return Chosen(options=tuple(item.data for item in value.items), label=value.whole)


def _after(found: Value, args: Mapping[str, Value], pc: Label) -> Value:
    """Return a tool's result: what it was called with, and that it was called, are part of what it says."""
    rests = [pc, *(value.whole for value in args.values())]
    asked = join(*rests)
    which = min(asked.integrity, *(value.chosen for value in args.values()), Integrity.OPERATOR)
    return found.mapped(lambda label: join(label, asked)).under(which=which)
