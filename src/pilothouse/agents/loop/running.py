"""Owns one run of one agent: its conversation, what it may call now, and what each call comes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilothouse.agents.adapters.code_room import CodeRoom
from pilothouse.agents.loop.conversation import offers
from pilothouse.agents.loop.conversation.messages import Conversation
from pilothouse.agents.loop.conversation.prompts import prompt
from pilothouse.agents.loop.conversation.shown import Shown
from pilothouse.agents.loop.meter import Meter
from pilothouse.agents.loop.tools.coding import run_code
from pilothouse.agents.loop.tools.delegating import delegate
from pilothouse.agents.loop.tools.filing import Filing
from pilothouse.agents.plans.written import answer_from, plan_from
from pilothouse.agents.tools import ReadTool, ToolFailure
from pilothouse.agents.values import Value
from pilothouse.kernel import Json, LimitError, PilothouseError, content_hash
from pilothouse.labels import Label, join, signed
from pilothouse.models import Message, Part, ToolSpec
from pilothouse.telemetry import span

if TYPE_CHECKING:
    from pilothouse.agents.loop.conversation.chat import Chat, Turn
    from pilothouse.agents.loop.house import Agents
    from pilothouse.agents.session import Session
    from pilothouse.agents.specs.published import Published
    from pilothouse.agents.tools import Toolbox

__all__ = ["AgentRun"]

Shows = tuple[str, Label]


@dataclass(kw_only=True)
class AgentRun:
    """The state of one run; a replay builds it again from the journal.

    Attributes:
        house: Who started it; asked for other agents.
        agent: Spec and version.
        session: Its context.
        tools: What it may call; reading ones are recorded.
        chat: How models are called.
        meter: What it has used.
        request: The person's words.
        asked: The label of these words.
        given: Data that came with the request.
    """

    house: Agents
    agent: Published
    session: Session
    tools: Toolbox
    chat: Chat
    meter: Meter
    request: str
    asked: Label
    given: Mapping[str, Value] = field(default_factory=dict[str, Value])
    helpers: dict[str, Published] = field(default_factory=dict[str, "Published"], init=False)

    def __post_init__(self) -> None:
        spec = self.agent.spec
        self.conversation = Conversation(spec.context)
        self.shown = Shown(self.session, clear=spec.clear)
        self.degraded = ""
        self.answers: dict[str, Shows] = {}
        """What was shown of each call, until the model is told."""
        self.room = CodeRoom()
        self.filing = Filing(self.session, self.shown, wanted=offers.FILES in spec.tools)
        self._planning = bool(offers.effects_of(self.tools)) and not self.session.planned
        self._specs: tuple[ToolSpec, ...] = ()
        self._built_in: dict[str, Callable[[Mapping[str, Any]], Awaitable[Shows]]] = {
            "plan": self._plan,
            "read": self._read,
            "ask": self._ask,
            **self.filing.tools,
            offers.CODE: lambda args: run_code(self, self.room, args),
            offers.SHELL: lambda args: self.filing.command(self.chat.steps, args),
        }
        self._begin()

    # -- what the model is told ------------------------------------------------------------------

    def _begin(self) -> None:
        spec = self.agent.spec
        ours = signed(f"agent:{spec.name}", self.agent.version)
        told = [spec.instructions, prompt("clear" if spec.clear else "handles")]
        if self._planning:
            told.append(prompt("plan"))
        if offers.FILES in spec.tools:
            told.append(prompt("files"))
        if offers.CODE in spec.tools:
            told.append(prompt("code"))
        self.conversation.tell("system", "\n\n".join(told), ours)
        self.conversation.tell("user", self.request, self.asked)
        if not self._planning:
            self._hand_over()

    def _hand_over(self) -> None:
        """Show what came with the request, once no plan can be fixed any more."""
        for name, value in self.given.items():
            text, label = self.shown.result(self.session.hold(value))
            self.conversation.tell("user", f"{name}: {text}", label)

    def offered(self) -> tuple[ToolSpec, ...]:
        """Return what may be called now."""
        if not self._specs:
            self._specs = tuple(self._offers())
        return self._specs

    def _offers(self) -> list[ToolSpec]:
        spec = self.agent.spec
        if self._planning:
            return [offers.plan_offer(self.tools, {name: _kind(value) for name, value in self.given.items()})]
        for tool in self.tools:
            if isinstance(tool, ReadTool) and tool.told is not None:
                # From here on it has heard what a server says of its tool.
                self.session.see(tool.told)
        found = offers.reading_offers(self.tools)
        if not spec.clear:
            found += [offers.READ, offers.ASK]
        found += [
            offers.sub_agent_offer(helper.spec.name, helper.spec.description)
            for helper in self.helpers.values()
        ]
        found += [tool for tool in (offers.RUN_CODE, offers.RUN_SHELL) if tool.name in spec.tools]
        return [*found, *self.filing.offered()]

    async def respond(self, outputs: tuple[ToolSpec, ...], schema: Mapping[str, Json] | None) -> Turn:
        """Ask the model for its next turn.

        Args:
            outputs: Tools that stand for the answer.
            schema: What the answer fits, where nothing can be called.

        Raises:
            LimitError: The budget is used up, or the conversation does not fit.
        """
        now = self.chat.steps.now()
        self.meter.before_call(now)
        moved = self.conversation.fit(self.filing.moved)
        if moved:
            self._specs = ()
            if self.agent.spec.summary:
                await self._sum_up(moved)
        tools = () if schema is not None else (*self.offered(), *outputs)
        turn, label = await self.chat.ask(
            self.agent.spec.task, self.conversation.messages, digest=self.conversation.digest,
            seconds=self.meter.left(now), tools=tools, schema=schema,
        )  # fmt: skip
        self.meter.called(turn.usage)
        self.degraded = self.degraded or turn.degraded
        said = Message(role="assistant", parts=_parts(turn, label), choices=turn.choices)
        self.conversation.add(said)
        return turn

    async def _sum_up(self, moved: Sequence[Message]) -> None:
        """Let the model say what was in the results that became files; they are all still there."""
        now = self.chat.steps.now()
        self.meter.before_call(now)
        told = prompt("summary")
        ours = signed("prompt:summary", content_hash(told)[:12])
        parts = tuple(part for message in moved for part in message.parts)
        messages = (
            Message(role="system", parts=(Part(text=told, label=ours),)),
            Message(role="user", parts=parts),
        )
        turn, label = await self.chat.ask(
            self.agent.spec.task, messages, digest=content_hash([part.text for part in parts]),
            seconds=self.meter.left(now),
        )  # fmt: skip
        self.meter.called(turn.usage)
        self.conversation.tell("user", f"Summary of what became files: {turn.text}", label)

    def hear(self, id: str, text: str, label: Label) -> None:
        """Tell the model what a call came to."""
        self.conversation.tell("tool", text, label, answers=id)

    def correct(self, text: str, id: str = "") -> None:
        """Tell the model that its answer does not fit; these words are about what it said itself."""
        self.conversation.tell("tool" if id else "user", text, self.session.outside, answers=id)

    # -- what it calls ---------------------------------------------------------------------------

    async def call(self, name: str, args: Mapping[str, Json]) -> Shows:
        """Call a tool and return what the model is shown of it; failures are shown too.

        Raises:
            LimitError: The budget is used up.
        """
        self.meter.before_tool(self.chat.steps.now())
        self.meter.used_tool()
        if name not in {spec.name for spec in self.offered()}:
            return self.shown.result(ToolFailure(tool=name, codes=("agents.no_tool",)))
        try:
            with span("execute_tool", attributes={"gen_ai.tool.name": name}) as here:
                text, label = await self._call(name, args)
                here.attributes["pilothouse.label.integrity"] = label.integrity.name.lower()
                return text, label
        except LimitError as error:
            if error.code.startswith("agents.") and error.code not in _TOLD:
                raise
            return self._failed(name, error)
        except PilothouseError as error:
            return self._failed(name, error)

    def _failed(self, name: str, error: PilothouseError) -> Shows:
        text, label = self.shown.result(ToolFailure.of(name, error))
        # What we say of the model's own words helps it to say them better.
        return (f"{text}: {error.message}", label) if error.code in _OURS else (text, label)

    async def _call(self, name: str, args: Mapping[str, Json]) -> Shows:
        built_in = self._built_in.get(name)
        if built_in is not None:
            return await built_in(args)
        if name in self.helpers:
            return await delegate(self, self.helpers[name], args)
        values = {key: self.shown.argument(value) for key, value in args.items()}
        return self.shown.result(await self.session.call(name, values))

    async def _plan(self, args: Mapping[str, Any]) -> Shows:
        """Fix the plan, run it, and only then hand over what came with the request."""
        self.session.bind(plan_from(args))
        self._planning, self._specs = False, ()
        lines: list[str] = []
        labels: list[Label] = []
        for step in await self.session.finish():
            found = step.handle or step.failure
            if found is None:
                lines.append(f"{step.step}: skipped")
                labels.append(self.session.outside)
                continue
            text, label = self.shown.result(found)
            lines.append(f"{step.step}: {step.state}: {text}")
            labels.append(label)
        self._hand_over()
        return "\n".join(lines) or "no steps", join(self.session.outside, *labels)

    async def _read(self, args: Mapping[str, Any]) -> Shows:
        return self.shown.clear(self.shown.handle(args.get("handle")))

    async def _ask(self, args: Mapping[str, Any]) -> Shows:
        handle = self.shown.handle(args.get("handle"))
        return self.shown.result(
            await self.session.ask(handle, str(args.get("question", "")), answer_from(args))
        )

    # -- what it answers -------------------------------------------------------------------------

    def answer(self, given: Json) -> Value:
        """Return its answer: handles become their content, words carry all that was obtained."""
        return self.shown.value(given)


_OURS = frozenset(
    {
        "agents.plan",
        "agents.no_handle",
        "agents.arguments",
        "agents.too_long",
        "labels.question",
        "agents.code",
    }
)
"""Codes of errors whose words hold nothing but what the model itself wrote."""
_TOLD = frozenset({"agents.asks", "agents.plan_long"})
"""Limits that end a call, not the run."""


def _parts(turn: Turn, label: Label) -> tuple[Part, ...]:
    # An answer of choices alone has a label too: it stands on an empty part.
    return (Part(text=turn.text, label=label),)


def _kind(value: Value) -> str:
    kinds: dict[str, str] = {"dict": "object", "list": "list", "str": "text"}
    return kinds.get(type(value.data).__name__, "value")
