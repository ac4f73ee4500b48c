"""Owns running agents: what they work with is bound once, each run gets its session, steps and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from pilothouse import engine
from pilothouse.agents.asking import Asker
from pilothouse.agents.calling import DoorPort, Family
from pilothouse.agents.connected import ToolSource
from pilothouse.agents.loop.conversation import offers
from pilothouse.agents.loop.conversation.chat import Chat
from pilothouse.agents.loop.conversation.reader import GatewayReader
from pilothouse.agents.loop.kept import kept, value_of
from pilothouse.agents.loop.meter import Meter
from pilothouse.agents.loop.outward import ParkingAsker, RecordedDoor
from pilothouse.agents.loop.result import AgentResult, AgentUse, Ended
from pilothouse.agents.loop.running import AgentRun
from pilothouse.agents.loop.steps import EngineSteps, Steps, steps_here
from pilothouse.agents.session import Session
from pilothouse.agents.specs.published import Published, Shelf
from pilothouse.agents.specs.spec import AgentSpec
from pilothouse.agents.tools import ActTool, ReadTool, Toolbox
from pilothouse.agents.values import Value, plain
from pilothouse.kernel import RIGHTS, Authority, Json, Principal, UsageError, content_hash
from pilothouse.labels import Label, Labelled, condensed_label, signed, typed, unknown
from pilothouse.telemetry import span

if TYPE_CHECKING:
    from pilothouse.decisions import Inbox
    from pilothouse.models import ChatModel

__all__ = ["Agents", "Given"]

Given = Mapping[str, Json | Labelled | Value]
SHORT = 120
"""Letters of arguments that are recorded as they are."""


class Agents:
    """Runs agents.

    Args:
        model: The gateway; no agent ever gets anything behind it.
        door: The only way out.
        shelf: Where specs are found.
        tools: What specs may name; connectors' tools are added by the assembly.
        inbox: Where a person is asked; without it every question is answered no.
        asker: Asks where no run can park; default nobody.
        authority: Says what principals may do and read today.
        sources: Where further tools are found by name, such as the project's connectors.
    """

    def __init__(
        self,
        *,
        model: ChatModel,
        door: DoorPort,
        shelf: Shelf | None = None,
        tools: Sequence[ReadTool | ActTool] = (),
        inbox: Inbox | None = None,
        asker: Asker | None = None,
        authority: Authority = RIGHTS,
        sources: Sequence[ToolSource] = (),
    ) -> None:
        self.shelf = shelf or Shelf()
        self._sources = tuple(sources)
        self._model, self._door, self._inbox, self._asker = model, door, inbox, asker
        self._authority = authority
        self._tools = {tool.name: tool for tool in tools}

    def add(self, *tools: ReadTool | ActTool) -> None:
        """Let specs name more tools.

        Raises:
            UsageError: ``agents.tool_twice``.
        """
        for tool in tools:
            if tool.name in self._tools or tool.name in offers.BUILT_IN:
                raise UsageError(
                    f"there are two tools {tool.name!r}; name them apart", code="agents.tool_twice"
                )
            self._tools[tool.name] = tool

    def tools(self) -> tuple[str, ...]:
        """Return the names that specs may use, sorted."""
        return tuple(sorted({*self._tools, *offers.BUILT_IN}))

    async def all_tools(self, principal: Principal) -> tuple[str, ...]:
        """Return the names that specs may use for ``principal``, also of sources that answer."""
        found = set(self.tools())
        for source in self._sources:
            found |= set(await source.names(principal))
        return tuple(sorted(found))

    async def run(
        self,
        agent: AgentSpec | str,
        request: str,
        *,
        principal: Principal,
        given: Given | None = None,
        label: Label | None = None,
        labels: Mapping[str, Label] | None = None,
    ) -> AgentResult:
        """Run an agent to its answer; inside a workflow every call is recorded and none is paid for twice.

        Args:
            agent: A spec, or the name of a published one; ``name@3`` for a version.
            request: What the person, or the workflow that a person signed, wants.
            principal: For whom; the agent may do what both may.
            given: Data that it works on: a mail, a record. Never orders.
            label: Of the request; default the principal's typed words.
            labels: Of the data given without one of its own; default untrusted, for the principal alone.

        Raises:
            LimitError: ``agents.calls``, ``agents.tokens`` and so on: the budget is used up.
            DataError: ``agents.output``: it gave no answer of its form.
            UsageError: ``agents.no_agent``, ``agents.no_tool``.
        """
        steps = steps_here()
        found = await self._resolved(steps, agent)
        asked = label or typed(principal.id, steps.run)
        values = {name: _value(name, one, labels or {}, principal) for name, one in (given or {}).items()}
        run = await self._open(found, request, steps, principal, asked, values)
        return (await self.drive(run)).result

    async def drive(self, run: AgentRun) -> Ended:
        """Run what was opened, as a scope of its own."""
        steps = run.chat.steps
        ended: list[Label] = []
        ran = False

        async def body() -> Ended:
            nonlocal ran
            ran = True
            with span("invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent"}) as here:
                here.attributes["gen_ai.agent.name"] = run.agent.spec.name
                here.attributes["gen_ai.agent.version"] = run.agent.version
                here.attributes["pilothouse.run"] = run.chat.run
                for name in run.agent.spec.agents:
                    run.helpers[f"ask_{name.replace('-', '_')}"] = await self._resolved(steps, name)
                try:
                    result = await _looped(run)
                finally:
                    await run.room.close()
                here.attributes["gen_ai.usage.input_tokens"] = result.use.prompt_tokens
                here.attributes["gen_ai.usage.output_tokens"] = result.use.output_tokens
                here.attributes["pilothouse.cost"] = str(result.use.cost)
                here.attributes["pilothouse.label.integrity"] = result.label.integrity.name.lower()
            ended.append(condensed_label(result.label))
            return _ended(run, result)

        inputs = {
            "agent": run.agent.id, "request": run.request,
            "given": {name: content_hash(value.data) for name, value in run.given.items()},
        }  # fmt: skip
        found = await steps.scope(
            f"agent {run.agent.spec.name}", body, inputs=inputs,
            label=lambda: ended[-1] if ended else condensed_label(run.session.outside), told=lambda _: None,
        )  # fmt: skip
        left = cast("Ended", found)
        if not ran:
            _taken_over(run, left)
        return left

    async def _resolved(self, steps: Steps, agent: AgentSpec | str) -> Published:
        if isinstance(agent, AgentSpec):
            return Published.alone(agent)
        name = agent.partition("@")[0]

        async def body() -> str:
            return await self.shelf.version(agent)

        label = signed(f"agent:{name}", "version")
        version = await steps.plain(f"agent version {name}", body, inputs={"agent": agent}, label=label)
        return await self.shelf.find(name, str(version))

    async def _open(
        self,
        agent: Published,
        request: str,
        steps: Steps,
        principal: Principal,
        asked: Label,
        given: Mapping[str, Value],
    ) -> AgentRun:
        recorded = isinstance(steps, EngineSteps)
        spec, run = agent.spec, steps.run
        acting = replace(principal, agent=_through(principal, spec.principal(agent.version)))
        meter = Meter(agent.id, spec.budget, steps.now())
        chat = Chat(
            model=self._model, steps=steps, principal=acting, caller=agent.id, run=run,
            output_tokens=spec.budget.output_tokens,
        )  # fmt: skip
        reader = GatewayReader(chat, spec.reader, meter)
        door = RecordedDoor(self._door, steps, str(engine.current_run().id)) if recorded else self._door
        tools = await self.toolbox(spec, steps, acting)
        session = Session(
            principal=acting, tools=tools, door=door, request=request, reader=reader,
            asker=self._asker_of(recorded, meter), asked_of=spec.asked_of, authority=self._authority,
            name=spec.name, version=agent.version, run=run, given=given, bits=spec.bits, pc=asked,
        )  # fmt: skip
        reader.asking = lambda: session.outside
        return AgentRun(
            house=self, agent=agent, session=session, tools=tools, chat=chat, meter=meter, request=request,
            asked=asked, given=given,
        )  # fmt: skip

    def _asker_of(self, recorded: bool, meter: Meter) -> Asker | None:
        if recorded and self._inbox is not None:
            return ParkingAsker(self._inbox, meter.waited)
        return self._asker

    async def toolbox(self, spec: AgentSpec, steps: Steps, principal: Principal) -> Toolbox:
        """Return the tools of a spec; what those that read answer is recorded.

        Raises:
            UsageError: ``agents.no_tool``.
        """
        found: list[ReadTool | ActTool] = []
        for name in spec.tools:
            if name in offers.BUILT_IN:
                continue
            tool = await self._tool(spec, name, principal)
            found.append(recorded_tool(tool, steps, principal) if isinstance(tool, ReadTool) else tool)
        return Toolbox(*found)

    async def _tool(self, spec: AgentSpec, name: str, principal: Principal) -> ReadTool | ActTool:
        if name in self._tools:
            return self._tools[name]
        for source in self._sources:
            tool = await source.find(name, principal)
            if tool is not None:
                return tool
        raise UsageError(
            f"agent {spec.name!r} names the tool {name!r}; there is {', '.join(self.tools())}, and what "
            "sources offer as <source>.<object>",
            code="agents.no_tool",
        )


def recorded_tool(tool: ReadTool, steps: Steps, principal: Principal) -> ReadTool:
    """Return the tool whose answers are recorded: asked once, with its labels."""

    async def read(**args: Any) -> Value:
        found: list[Label] = []

        async def body() -> object:
            value = await tool.call(principal, args)
            found.append(condensed_label(value.whole))
            return kept(value, found[-1])

        def label() -> Label:
            return (
                found[-1]
                if found
                else condensed_label(tool.returns.worst(tool=tool.name, principal=principal))
            )

        def told(recorded: Label | None) -> None:
            if recorded is not None:
                found.append(recorded)

        stored = await steps.tool(f"tool {tool.name}", body, inputs=_brief(args), label=label, told=told)
        return value_of(stored, found[-1])

    return replace(tool, read=read, **offers.declared(tool))


def _brief(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a call is matched by: long arguments stand in the answer that chose them, not twice."""
    return args if len(repr(args)) <= SHORT else {"sha256": content_hash(args)}


async def _looped(run: AgentRun) -> AgentResult:
    from pilothouse.agents.adapters.pydantic import run_loop

    answer = run.answer(await run_loop(run))
    meter = run.meter
    use = AgentUse(
        calls=meter.calls, tool_calls=meter.tools, prompt_tokens=meter.prompt_tokens,
        output_tokens=meter.output_tokens, cost=meter.cost,
    )  # fmt: skip
    files = {file.path: file.value for file in run.filing.tree}
    return AgentResult(agent=run.agent.id, answer=answer, use=use, files=files, degraded=run.degraded)


def _ended(run: AgentRun, result: AgentResult) -> Ended:
    left = run.session.left_behind()
    return Ended(
        result=result, pc=condensed_label(run.session.pc), touched=condensed_label(left.touched),
        asked=left.asked, refused=tuple(sorted(left.refused)), spent=dict(left.spent),
    )  # fmt: skip


def _taken_over(run: AgentRun, left: Ended) -> None:
    """The journal answered: what the run obtained and used counts as if it had happened here."""
    use = left.result.use
    run.session.absorb(
        Family(touched=left.touched, asked=left.asked, refused=set(left.refused), spent=dict(left.spent))
    )
    run.meter.took(use.calls, use.tool_calls, use.prompt_tokens, use.output_tokens, use.cost)


def _through(principal: Principal, agent: Principal) -> Principal:
    """Return the agent a principal acts through; one that acts through another already keeps both."""
    return agent if principal.agent is None else replace(agent, agent=principal.agent)


def _value(
    name: str, given: Json | Labelled | Value, labels: Mapping[str, Label], principal: Principal
) -> Value:
    if isinstance(given, Value):
        return given
    if isinstance(given, Labelled):
        return plain(cast("Json", given.value), given.label)
    return plain(given, labels.get(name) or unknown(principal.id))
