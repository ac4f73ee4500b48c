"""Owns what a model is told of its tools: names, words and argument schemas, as they may be called now."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pilothouse.agents.plans.written import PLAN_SCHEMA
from pilothouse.agents.tools import ActTool, ReadTool, Toolbox
from pilothouse.kernel import Json
from pilothouse.models import ToolSpec

__all__ = [
    "BUILT_IN",
    "CODE",
    "FILES",
    "SHELL",
    "declared",
    "effects_of",
    "plan_offer",
    "reading_offers",
    "sub_agent_offer",
]

HANDLE: Final[dict[str, Json]] = {
    "type": "string",
    "description": "a handle such as $v3 or a part such as $v3.0.id",
}
CODE: Final = "code"
FILES: Final = "files"
SHELL: Final = "shell"
BUILT_IN: Final = frozenset({CODE, FILES, SHELL})
"""Names in a spec's tools that stand for abilities of our own."""
_LONGEST = 4000
_PLAIN: Final[dict[object, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _object(properties: Mapping[str, Json], required: tuple[str, ...]) -> dict[str, Json]:
    return {
        "type": "object", "properties": dict(properties), "required": list(required),
        "additionalProperties": False,
    }  # fmt: skip


READ: Final = ToolSpec(
    name="read",
    description="Shows the content of a handle. Afterwards you may do less.",
    parameters=_object({"handle": HANDLE}, ("handle",)),
)
ASK: Final = ToolSpec(
    name="ask",
    description="Puts a closed question about a handle to a reader: yes or no, one of options, or a number.",
    parameters=_object(
        {
            "handle": HANDLE,
            "question": {"type": "string", "maxLength": 500},
            "options": {"type": "array", "maxItems": 64, "items": {"type": "string", "maxLength": 200}},
            "low": {"type": "integer"},
            "high": {"type": "integer"},
        },
        ("handle", "question"),
    ),
)
RUN_CODE: Final = ToolSpec(
    name=CODE,
    description="Runs Python over handles; the last expression comes back as a handle.",
    parameters=_object({"python": {"type": "string", "maxLength": 20_000}}, ("python",)),
)
RUN_SHELL: Final = ToolSpec(
    name=SHELL,
    description="Runs a command in the working directory, confined: no network and no other files.",
    parameters=_object({"command": {"type": "string", "maxLength": 4000}}, ("command",)),
)
READ_FILE: Final = ToolSpec(
    name="read_file",
    description="Shows a file of the working directory. Afterwards you may do less.",
    parameters=_object({"path": {"type": "string", "maxLength": 200}}, ("path",)),
)
OTHER_FILES: Final = (
    ToolSpec(
        name="write_file",
        description="Keeps words, or the content of a handle, in the working directory.",
        parameters=_object(
            {
                "path": {"type": "string", "maxLength": 200},
                "content": {"type": "string", "maxLength": 100_000},
            },
            ("path", "content"),
        ),
    ),
    ToolSpec(
        name="list_files",
        description="Lists the files of the working directory.",
        parameters=_object({}, ()),
    ),
    ToolSpec(
        name="search",
        description="Finds the lines of all files that hold some words; they come back as a handle.",
        parameters=_object({"words": {"type": "string", "maxLength": 200}}, ("words",)),
    ),
)


def plan_offer(tools: Toolbox, given: Mapping[str, str]) -> ToolSpec:
    """Return the tool that fixes the plan: what may be in it, and what came with the request."""
    lines = [_line(tool) for tool in tools]
    data = [f"{name}: {kind}" for name, kind in sorted(given.items())]
    words = "Fixes the plan; once, before anything is read. Tools:\n" + "\n".join(lines)
    if data:
        words += "\nCame with the request: " + ", ".join(data)
    return ToolSpec(name="plan", description=words, parameters=PLAN_SCHEMA)


def reading_offers(tools: Toolbox) -> list[ToolSpec]:
    """Return the tools that only read, as they may be called one by one."""
    return [
        ToolSpec(name=tool.name, description=_words(tool), parameters=parameters_of(tool))
        for tool in tools
        if isinstance(tool, ReadTool)
    ]


def effects_of(tools: Toolbox) -> tuple[str, ...]:
    """Return the names of the tools that change something."""
    return tuple(tool.name for tool in tools if isinstance(tool, ActTool))


def sub_agent_offer(name: str, description: str) -> ToolSpec:
    """Return another agent as a tool."""
    words = description or f"The agent {name}."
    return ToolSpec(
        name=f"ask_{name.replace('-', '_')}",
        description=f"{words} It answers with a handle.",
        parameters=_object(
            {
                "message": {"type": "string", "maxLength": 8000},
                "handles": {"type": "array", "maxItems": 16, "items": HANDLE},
            },
            ("message",),
        ),
    )


def declared(tool: ReadTool) -> dict[str, Any]:
    """Return what a tool's function says of it, for another function in its place."""
    parameters = tool.parameters
    if parameters is None:
        parameters = _of_signature(tool.read, tool.required)
    return {"description": _words(tool), "parameters": parameters}


def parameters_of(tool: ReadTool | ActTool) -> dict[str, Json]:
    """Return the JSON Schema of a tool's arguments; any of them may be a handle instead."""
    if tool.parameters is not None:
        return _with_handles(tool.parameters)
    if isinstance(tool, ActTool):
        return _object({name: {} for name in tool.required}, tool.required)
    return _with_handles(_of_signature(tool.read, tool.required))


def _with_handles(schema: Mapping[str, Json]) -> dict[str, Json]:
    properties = cast("Mapping[str, Json]", schema.get("properties") or {})
    return {**schema, "properties": {name: _or_handle(part) for name, part in properties.items()}}


def _or_handle(part: Json) -> Json:
    if not isinstance(part, dict) or not part or part.get("type") == "string":
        if isinstance(part, dict) and ("enum" in part or "const" in part or "pattern" in part):
            return {"anyOf": [part, HANDLE]}
        return (
            {**part, "maxLength": part.get("maxLength", _LONGEST)}
            if isinstance(part, dict) and part
            else part
        )
    return {"anyOf": [part, HANDLE]}


def _of_signature(function: Callable[..., Any], required: tuple[str, ...]) -> dict[str, Json]:
    try:
        parameters = inspect.signature(function).parameters.values()
        hints = typing.get_type_hints(function)
    except (TypeError, ValueError, NameError):
        return _object({name: {} for name in required}, required)
    properties: dict[str, Json] = {}
    needed = list(required)
    for one in parameters:
        if one.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        properties[one.name] = _type(hints.get(one.name))
        if one.default is inspect.Parameter.empty and one.name not in needed:
            needed.append(one.name)
    for name in needed:
        properties.setdefault(name, {})
    return _object(properties, tuple(needed))


def _type(hint: object) -> Json:
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in (list, tuple):
        return {"type": "array", "maxItems": 1000, "items": _type(args[0]) if args else {}}
    if origin in (typing.Union, types.UnionType):
        found = [_type(one) for one in args if one is not type(None)]
        return {"anyOf": found} if len(found) > 1 else found[0]
    return {}


def _words(tool: ReadTool | ActTool) -> str:
    if tool.description:
        return tool.description
    if isinstance(tool, ReadTool):
        return (inspect.getdoc(tool.read) or f"Reads {tool.name}.").strip()
    return f"Does {tool.name}: {tool.spec.effect}."


def _line(tool: ReadTool | ActTool) -> str:
    properties = cast("Mapping[str, Json]", parameters_of(tool).get("properties") or {})
    names = [name if name in tool.required else f"{name}?" for name in properties]
    kind = "reads" if isinstance(tool, ReadTool) else "changes something"
    # The first line is ours; what a server says of its tool is not heard while a plan is written.
    return f"- {tool.name}({', '.join(names)}) {kind}: {_words(tool).splitlines()[0]}"
