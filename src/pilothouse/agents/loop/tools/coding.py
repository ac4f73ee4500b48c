"""Owns code over handles: what it uses, which tools it may call, and the label of what comes out."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.agents.tools import ReadTool, ToolFailure
from pilothouse.agents.values import Value, plain
from pilothouse.kernel import Json, UsageError
from pilothouse.labels import Handle, Label, condensed_label, join

if TYPE_CHECKING:
    from pilothouse.agents.adapters.code_room import CodeRoom
    from pilothouse.agents.loop.running import AgentRun

__all__ = ["run_code"]

Shows = tuple[str, Label]
_NAME = re.compile(r"v[0-9]+")


async def run_code(run: AgentRun, room: CodeRoom, args: Mapping[str, Any]) -> Shows:
    """Run what the model wrote; its value comes back as a handle that rests on all it used.

    Raises:
        UsageError: ``agents.code``: it is no Python, or does not come to an end; names kind and line.
    """
    from pilothouse.agents.adapters.code_room import Failed

    python = str(args.get("python", ""))
    used = _used(run, python)
    session = run.session
    found = [join(session.pc, *(value.whole for value in used.values()))]

    async def ask(name: str, given: Sequence[Json], named: Mapping[str, Json]) -> Json:
        tool = run.tools.reader(name)
        assert tool is not None, "only these names are offered"
        values = _arguments(tool, given, named, found[0])
        value = await session.fetch(name, values, found[0])
        # From here on all that the code does may depend on what it got.
        found[0] = join(found[0], value.whole)
        return value.data

    async def body() -> Any:
        inputs = {name: value.data for name, value in used.items()}
        functions = [tool.name for tool in run.tools if isinstance(tool, ReadTool)]
        try:
            value = await room.run(python, inputs=inputs, functions=functions, ask=ask)
        except Failed as failed:
            return {"failed": str(failed), "label": condensed_label(found[0])}
        label = condensed_label(found[0])
        return {"value": value, "label": label}

    stored = await run.chat.steps.tool(
        "code", body, inputs={"python": python}, label=lambda: condensed_label(found[0])
    )
    label: Label = stored["label"]
    if "failed" in stored:
        session.touch(label)
        text, _ = run.shown.result(ToolFailure(tool="code", codes=("agents.code",)))
        return f"{text}: {stored['failed']}", join(label, session.outside)
    return run.shown.result(session.hold(plain(stored["value"], label, which=label.integrity)))


def _used(run: AgentRun, python: str) -> dict[str, Value]:
    """Return the handles that the code names."""
    # A model may write them as it writes them elsewhere.
    plainly = re.sub(r"\$(v[0-9]+)", r"\1", python)
    try:
        names = {node.id for node in ast.walk(ast.parse(plainly)) if isinstance(node, ast.Name)}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", 0)
        raise UsageError(
            f"this is no Python: {type(error).__name__} in line {line}", code="agents.code"
        ) from None
    found: dict[str, Value] = {}
    for name in sorted(names):
        handle: Handle | None = run.shown.maybe(f"${name}") if _NAME.fullmatch(name) else None
        if handle is not None:
            found[name] = run.session.held(handle)
    return found


def _arguments(
    tool: ReadTool, given: Sequence[Json], named: Mapping[str, Json], label: Label
) -> dict[str, Value]:
    properties: Any = (tool.parameters or {}).get("properties") or {}
    values = dict(zip(properties, given, strict=False)) | dict(named)
    return {name: plain(value, label, which=label.integrity) for name, value in values.items()}
