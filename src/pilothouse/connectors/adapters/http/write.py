"""Owns calling operations that change a service: arguments by name, the effect id as idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import quote

from pilothouse.connectors.adapters.http.client import Client
from pilothouse.connectors.adapters.http.contract import Contract, Operation
from pilothouse.connectors.adapters.http.settings import HttpOptions, ToolOptions
from pilothouse.connectors.errors import SourceUsageError, near, unknown_tool
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text
from pilothouse.connectors.types import WriteTool
from pilothouse.kernel import DataError, Json, content_hash, loads

__all__ = ["HttpWriter"]

KEY = "Idempotency-Key"
BODY = "body"
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
    "null": (type(None),),
}


class HttpWriter:
    """The write tools of one service.

    Args:
        context: The source.
        options: Its declaration.
        client: Calls the service.
        contract: Gives the contract, read until a monotonic time.
    """

    def __init__(
        self,
        context: SourceContext,
        options: HttpOptions,
        client: Client,
        contract: Callable[[float], Awaitable[Contract]],
    ) -> None:
        self._context = context
        self._options = options
        self._client = client
        self._contract = contract

    async def tools(self, until: float) -> list[WriteTool]:
        """Return every operation that changes something, sorted by name."""
        contract = await self._contract(until)
        return [self._tool(contract.operations[name]) for name in sorted(contract.operations)]

    async def write(
        self, tool: str, args: Mapping[str, Any], *, effect_id: str, until: float
    ) -> dict[str, Json]:
        """Call an operation.

        Returns:
            ``status``, ``body`` and, where the service gives one, ``location``.

        Raises:
            SourceUsageError: ``sources.tool``, ``sources.arguments``.
            SourceDataError: ``sources.rejected``: the service refused the arguments.
            SourceConflictError: 409 or 412.
            OutcomeUnknownError: Sent without an answer, and the service has no idempotency key.
        """
        contract = await self._contract(until)
        if tool not in contract.operations:
            raise unknown_tool(self._context.name, tool, contract.operations)
        operation = contract.operations[tool]
        schema = self._tool(operation).schema
        self._check(tool, schema, args)
        path, params, headers, body = _placed(operation, args)
        answer = await self._client.send(
            operation.method,
            path,
            params=params,
            headers={**headers, KEY: effect_id},
            body=body,
            repeatable=self._idempotent(operation),
            until=until,
        )
        result: dict[str, Json] = {"status": answer.status, "body": _body(answer.content)}
        if "location" in answer.headers:
            result["location"] = answer.headers["location"]
        return result

    def _idempotent(self, operation: Operation) -> bool:
        declared = self._options.tools.get(operation.id, ToolOptions()).idempotent
        return operation.takes_key if declared is None else declared

    def _tool(self, operation: Operation) -> WriteTool:
        properties: dict[str, Json] = {}
        required: list[Json] = []
        for name, parameter in operation.parameters.items():
            if parameter.place not in ("path", "query", "header") or name.lower() == KEY.lower():
                continue
            properties[name] = cast("Json", dict(parameter.schema))
            if parameter.required:
                required.append(name)
        body = operation.body or {}
        fields: Mapping[str, Any] = body.get("properties", {})
        properties.update({name: cast("Json", schema) for name, schema in fields.items()})
        required += [name for name in body.get("required", ()) if name in fields]
        if operation.body is not None and not fields:
            properties[BODY] = cast("Json", dict(body))
            required += [BODY] if operation.body_required else []
        schema: dict[str, Json] = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        described = {"method": operation.method, "path": operation.path, "schema": schema}
        return WriteTool(
            name=operation.id,
            schema=schema,
            effect=self._options.tools.get(operation.id, ToolOptions()).effect,
            idempotent=self._idempotent(operation),
            version=content_hash({**described, "text": operation.documentation}),
            documentation=operation.documentation,
        )

    def _check(self, tool: str, schema: Mapping[str, Any], args: Mapping[str, Any]) -> None:
        properties: Mapping[str, Any] = schema["properties"]
        for name in args:
            if name not in properties:
                raise self._wrong(f"tool {tool!r} has no argument {name!r}; {near(name, properties)}")
        for name in schema["required"]:
            if name not in args:
                raise self._wrong(f"tool {tool!r} needs the argument {name!r}")
        for name, value in args.items():
            if not _fits(properties[name], value):
                raise self._wrong(
                    f"argument {name!r} of {tool!r} is {value!r:.80}, not {properties[name]['type']!r}"
                )

    def _wrong(self, why: str) -> SourceUsageError:
        return SourceUsageError(self._context.name, why, code="sources.arguments")


def _fits(schema: Mapping[str, Any], value: object) -> bool:
    kinds = schema.get("type")
    if kinds is None:
        return True
    names = cast("list[str]", kinds if isinstance(kinds, list) else [kinds])
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, TYPES.get(name, (object,))) for name in names)


def _placed(
    operation: Operation, args: Mapping[str, Any]
) -> tuple[str, list[tuple[str, str]], dict[str, str], Any]:
    path, params, headers = operation.path, list[tuple[str, str]](), dict[str, str]()
    body: dict[str, Any] = {}
    for name, value in args.items():
        parameter = operation.parameters.get(name)
        place = parameter.place if parameter else BODY
        if place == "path":
            path = path.replace("{" + name + "}", quote(as_text(value), safe=""))
        elif place == "query":
            items = cast("list[object]", value) if isinstance(value, list | tuple) else [value]
            params += [(name, as_text(item)) for item in items]
        elif place == "header":
            headers[name] = as_text(value)
        else:
            body[name] = value
    if operation.body is None:
        return path, params, headers, None
    return path, params, headers, body if "properties" in operation.body else body.get(BODY)


def _body(content: bytes) -> Json:
    if not content.strip():
        return None
    try:
        return loads(content)
    except DataError:
        return content[:2000].decode("utf-8", "replace")
