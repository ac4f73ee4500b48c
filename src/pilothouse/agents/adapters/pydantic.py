"""Owns the loop by pydantic-ai: a spec compiled once, one model that is the gateway, tools of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai import Agent, RunContext, ToolOutput
from pydantic_ai.exceptions import ModelRetry, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import StructuredDict
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_ai.usage import RequestUsage, UsageLimits
from pydantic_core import SchemaValidator, core_schema

from pilothouse.agents.loop.running import AgentRun
from pilothouse.kernel import DataError, Json, PilothouseError, UsageError, Waiting
from pilothouse.models import ToolSpec

if TYPE_CHECKING:
    from pilothouse.agents.loop.conversation.chat import Turn
    from pilothouse.agents.specs.published import Published

__all__ = ["GatewayModel", "compiled", "run_loop"]

ANSWER = "final_answer"
RETRIES = 2
_ANY = SchemaValidator(core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()))


class GatewayModel(Model[Any]):
    """The one model that agents have: each request is a recorded call of the gateway.

    The conversation is the run's own, with its labels; what this library keeps of it only says what is new.

    Args:
        run: The run whose model it is.
    """

    def __init__(self, run: AgentRun) -> None:
        super().__init__()
        self._run = run
        self._heard = 0

    @property
    def model_name(self) -> str:
        """The route."""
        return self._run.agent.spec.task

    @property
    def system(self) -> str:
        """Who provides: the gateway, whoever answers behind it."""
        return "pilothouse"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Tell the gateway what is new and return its answer."""
        # The first is the request itself, which the run has told in words of its own.
        for message in messages[max(self._heard, 1) :]:
            self._hear(message)
        self._heard = len(messages) + 1
        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        outputs = tuple(_spec(tool) for tool in parameters.output_tools)
        alone = not self._run.offered() and len(outputs) == 1
        schema = outputs[0].parameters if alone else None
        turn = await self._run.respond(outputs, schema)
        return _response(turn, ANSWER if alone else "", self._heard)

    def _hear(self, message: ModelMessage) -> None:
        if not isinstance(message, ModelRequest):
            return
        for part in message.parts:
            if isinstance(part, ToolReturnPart):
                self._run.hear(part.tool_call_id, *self._shown(part))
            elif isinstance(part, RetryFeedbackPart):
                self._run.correct(part.model_response())
            elif isinstance(part, UserPromptPart | SystemPromptPart):
                # What the loop says of an answer that it cannot use.
                self._run.correct(str(part.content))

    def _shown(self, part: ToolReturnPart) -> tuple[str, Any]:
        shown = self._run.answers.pop(part.tool_call_id, None)
        # Only the loop's own words have no label of their own, such as that a call was not made.
        return shown or (part.model_response_str(), self._run.session.outside)


class RunTools(AbstractToolset[AgentRun]):
    """The tools of the run that a call belongs to."""

    @property
    def id(self) -> str:
        """The same for every agent: a run has one of these."""
        return "pilothouse"

    async def get_tools(self, ctx: RunContext[AgentRun]) -> dict[str, ToolsetTool[AgentRun]]:
        """Return what may be called now."""
        return {spec.name: self._tool(spec) for spec in ctx.deps.offered()}

    def _tool(self, spec: ToolSpec) -> ToolsetTool[AgentRun]:
        # One after the other: the journal numbers steps in the order of their calls.
        definition = ToolDefinition(
            name=spec.name,
            description=spec.description,
            parameters_json_schema=dict(spec.parameters),
            sequential=True,
        )
        return ToolsetTool(toolset=self, tool_def=definition, max_retries=RETRIES, args_validator=_ANY)

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentRun], tool: ToolsetTool[AgentRun]
    ) -> str:
        """Call it; a failure is an answer too."""
        run = ctx.deps
        shown = await run.call(name, tool_args)
        if ctx.tool_call_id:
            run.answers[ctx.tool_call_id] = shown
        return shown[0]


@lru_cache(maxsize=256)
def _agent(id: str, output: str) -> Agent[AgentRun, Any]:
    """Return the compiled agent of ``name@version``; the spec behind it never changes."""
    form: Any = str
    if output:
        schema = cast("dict[str, Any]", json.loads(output))
        try:
            form = ToolOutput(StructuredDict(schema), name=ANSWER, description="The answer; ends the work.")
        except UserError as error:
            raise UsageError(
                f"agent {id!r}: its output cannot be asked for: {error}", code="agents.spec"
            ) from None
    return Agent(
        None,
        output_type=form,
        deps_type=AgentRun,
        toolsets=[RunTools()],
        name=id.partition("@")[0],
        retries=RETRIES,
    )


def compiled(agent: Published) -> Agent[AgentRun, Any]:
    """Return the agent of a spec, compiled once for each version.

    Raises:
        UsageError: ``agents.spec``: its output is no schema that can be asked for.
    """
    output = "" if agent.spec.output is None else json.dumps(agent.spec.output, sort_keys=True)
    return _agent(agent.id, output)


async def run_loop(run: AgentRun) -> Json:
    """Run the loop to its answer.

    Raises:
        DataError: ``agents.output``: it gave no answer of its form.
        PilothouseError: What stopped it, such as a limit.
    """
    agent = compiled(run.agent)
    try:
        done = await agent.run(
            run.request, model=GatewayModel(run), deps=run, usage_limits=UsageLimits(request_limit=None)
        )
    except (UnexpectedModelBehavior, ModelRetry) as error:
        if isinstance(error.__cause__, PilothouseError):
            raise error.__cause__ from None
        raise DataError(
            f"agent {run.agent.id!r} gave no answer of its form after {RETRIES} corrections; see its run",
            code="agents.output",
        ) from error
    except BaseExceptionGroup as group:
        raise _only(group) from None
    return cast("Json", done.output)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what a group of tasks stopped for: leaving the run goes first."""
    leaving, _ = group.split(Waiting)
    found: BaseException = leaving or group
    while isinstance(found, BaseExceptionGroup):
        found = cast("BaseExceptionGroup[BaseException]", found).exceptions[0]
    return found


def _spec(tool: ToolDefinition) -> ToolSpec:
    return ToolSpec(
        name=tool.name, description=tool.description or "", parameters=tool.parameters_json_schema
    )


def _response(turn: Turn, form: str, number: int) -> ModelResponse:
    usage = RequestUsage(input_tokens=turn.usage.prompt_tokens, output_tokens=turn.usage.output_tokens)
    parts: list[Any] = []
    if form:
        value = turn.value if isinstance(turn.value, Mapping) else {}
        parts.append(ToolCallPart(tool_name=form, args=dict(value), tool_call_id=f"form{number}"))
    else:
        if turn.text:
            parts.append(TextPart(content=turn.text))
        parts += [
            ToolCallPart(tool_name=one.tool, args=dict(one.arguments), tool_call_id=one.id)
            for one in turn.choices
        ]
    return ModelResponse(parts=parts or [TextPart(content="")], usage=usage, model_name=turn.model)
