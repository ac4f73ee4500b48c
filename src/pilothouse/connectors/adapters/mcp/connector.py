"""Owns the ``mcp`` kind: declared reading tools as objects, declared writing tools as tools, all pinned."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, ConfigDict, model_validator

from pilothouse.connectors.adapters.mcp.answers import (
    answer_of,
    argument_sets,
    check_arguments,
    output_fields,
    rows_of,
)
from pilothouse.connectors.adapters.mcp.pins import LOCK_NAME, Declaration, Pins
from pilothouse.connectors.adapters.mcp.session import Address, Command, Endpoint, McpSession, ServerGone
from pilothouse.connectors.errors import (
    OutcomeUnknownError,
    SourceDataError,
    SourceDeniedError,
    SourceUnavailableError,
    SourceUsageError,
    unknown_field,
    unknown_object,
    unknown_tool,
)
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text, choose
from pilothouse.connectors.types import FieldSchema, Finding, ObjectSchema, Query, Row, WriteTool
from pilothouse.kernel import Json, content_hash

if TYPE_CHECKING:
    from mcp.types import CallToolResult

__all__ = ["McpConnector", "connect"]

FRESH: Final = 30.0
"""Seconds a list of tools is believed for reading; a write always asks again."""
IDEMPOTENCY: Final = ("idempotency_key", "idempotencyKey", "effect_id", "request_id")
SECRET_HEADER: Final = re.compile(r"authorization|cookie|token|key|secret", re.IGNORECASE)
MAX_PAGES: Final = 100


class McpOptions(BaseModel):
    """``[sources.<name>]`` of kind ``mcp``."""

    model_config = ConfigDict(extra="forbid")

    command: str | list[str] | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    token: str | None = None
    headers: dict[str, str] = {}
    read: list[str] = []
    write: list[str] = []
    pins: dict[str, str] | None = None
    keys: dict[str, list[str]] = {}
    rows: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_server(self) -> McpOptions:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either 'command' (a child process) or 'url' (streamable HTTP)")
        if self.command is not None and not self.command:
            raise ValueError("'command' is empty; name the program and its arguments")
        both = sorted(set(self.read) & set(self.write))
        if both:
            raise ValueError(f"{both[0]!r} stands in 'read' and in 'write'; a tool does one or the other")
        return self


def connect(context: SourceContext) -> McpConnector:
    """Open an MCP server; nothing is started before it is used."""
    return McpConnector(context)


class McpConnector:
    """Reads and writes through the tools of one server that the project names.

    Args:
        context: The declared source.
    """

    def __init__(self, context: SourceContext) -> None:
        options = context.parse(McpOptions)
        self._context = context
        self._options = options
        self._pins = Pins(context.name, context.base / LOCK_NAME, options.pins)
        self._session = McpSession(
            context.name, _address(context, options), timeout=context.timeout, changed=self._forget
        )
        self._tools: dict[str, Declaration] = {}
        self._listed_at = 0.0

    async def objects(self) -> list[ObjectSchema]:
        """Return the tools that the project declares as reading and the server offers as pinned."""
        offered = await self._offered()
        return [
            self._schema(offered[name]) for name in sorted(self._options.read) if self._usable(offered, name)
        ]

    async def read(self, query: Query) -> list[Row]:
        """Call a tool; ``where`` holds its arguments, and conditions on what it answers.

        Raises:
            SourceDeniedError: The tool is not declared as reading, or says something else than pinned.
            SourceUnavailableError: The server is gone or silent.
            SourceDataError: No such tool, or no rows in its answer.
        """
        tool = await self._allowed(query.object, self._options.read, "read")
        schema = tool.input_schema
        rows: list[Row] = []
        for arguments in argument_sets(self._context.name, query, schema):
            result = await self._called(tool.name, arguments)
            found = rows_of(self._context.name, tool.name, result, self._options.rows.get(tool.name))
            rows.extend(
                self._row(tool.name, arguments, number, values) for number, values in enumerate(found)
            )
        return self._chosen(query, tool, rows)

    async def sample(self, object: str, n: int) -> list[Row]:
        """Call a tool and return up to ``n`` rows; nothing when it needs arguments nobody gave."""
        tool = await self._allowed(object, self._options.read, "read")
        return [] if tool.input_schema.get("required") else await self.read(Query(object, limit=n))

    async def findings(self, object: str | None = None) -> list[Finding]:
        """Return which declared tools are missing, changed or not pinned for good."""
        offered = await self._offered()
        names = sorted({*self._options.read, *self._options.write})
        found = [
            self._finding(name, self._complaint(offered, name)) for name in names if object in (None, name)
        ]
        if self._pins.unwritten:
            found.append(self._finding("", ("mcp.unwritten", self._pins.unwritten)))
        return [finding for finding in found if finding is not None]

    async def ping(self) -> None:
        """Open the session and list the tools."""
        self._forget()
        await self._offered()

    async def tools(self) -> list[WriteTool]:
        """Return the tools that the project declares as writing and the server offers as pinned."""
        offered = await self._offered()
        return [
            _write_tool(offered[name]) for name in sorted(self._options.write) if self._usable(offered, name)
        ]

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Call a writing tool; the effect id goes into its idempotency argument and into ``_meta``.

        Raises:
            SourceDeniedError: The tool is not declared as writing, or says something else than pinned.
            OutcomeUnknownError: The server went away or fell silent after the call was sent.
            SourceDataError: The tool refused.
        """
        if tool not in self._options.write:
            raise unknown_tool(self._context.name, tool, self._options.write)
        self._forget()
        declared = await self._allowed(tool, self._options.write, "write")
        keyed = _idempotency(declared)
        arguments = {**args, keyed: effect_id} if keyed else dict(args)
        check_arguments(self._context.name, tool, arguments, declared.input_schema)
        meta = cast("Any", {"pilothouse/effect_id": effect_id})
        result = await self._called(tool, arguments, meta=meta, gone=OutcomeUnknownError)
        answer = answer_of(self._context.name, tool, result)
        return cast("dict[str, Json]", answer if isinstance(answer, dict) else {"result": answer})

    async def close(self) -> None:
        """Leave the session; a child process is reaped."""
        await self._session.close()

    def _forget(self) -> None:
        self._listed_at = 0.0

    async def _offered(self) -> dict[str, Declaration]:
        if self._tools and time.monotonic() - self._listed_at < FRESH:
            return self._tools
        try:
            self._tools = await self._session.call(_listed)
        except ServerGone as error:
            raise SourceUnavailableError(
                self._context.name, f"the server {error}", code="mcp.unavailable"
            ) from error
        self._listed_at = time.monotonic()
        return self._tools

    async def _allowed(self, name: str, declared: list[str], option: str) -> Declaration:
        offered = await self._offered()
        if name not in offered:
            raise unknown_object(self._context.name, name, [item for item in declared if item in offered])
        if name not in declared:
            raise SourceDeniedError(
                self._context.name,
                f"tool {name!r} is not declared; if the owner allows it, add it to {option} = [...]",
                code="mcp.undeclared",
                reasons=("mcp.undeclared",),
            )
        self._pins.check(offered[name])
        return offered[name]

    def _complaint(self, offered: dict[str, Declaration], name: str) -> tuple[str, str] | None:
        if name not in offered:
            return "mcp.missing", f"tool {name!r} is declared but not offered by the server"
        try:
            self._pins.check(offered[name])
        except SourceDeniedError as error:
            return error.code, error.message
        return None

    def _usable(self, offered: dict[str, Declaration], name: str) -> bool:
        return self._complaint(offered, name) is None

    def _finding(self, name: str, complaint: tuple[str, str] | None) -> Finding | None:
        if complaint is None:
            return None
        code, words = complaint
        severity = "warning" if code == "mcp.unwritten" else "error"
        return Finding(source=self._context.name, object=name, severity=severity, code=code, message=words)

    async def _called(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        meta: Any = None,
        gone: type[SourceUnavailableError] = SourceUnavailableError,
    ) -> CallToolResult:
        from mcp import MCPError

        try:
            return await self._session.call(lambda client: client.call_tool(tool, arguments, meta=meta))
        except ServerGone as error:
            raise gone(self._context.name, f"tool {tool!r}: the server {error}") from error
        except MCPError as error:
            raise SourceDataError(
                self._context.name, f"tool {tool!r} was refused: {error.message}", code="mcp.refused"
            ) from error

    def _row(self, tool: str, arguments: dict[str, Any], number: int, values: dict[str, Any]) -> Row:
        full = {**arguments, **values}
        named = self._options.keys.get(tool) or _own_id(values)
        key = {name: as_text(full.get(name)) for name in (*arguments, *named)}
        if not named:
            key["row"] = str(number)
        return self._context.row(tool, key=key, values=full, version=content_hash(values)[:16])

    def _chosen(self, query: Query, tool: Declaration, rows: list[Row]) -> list[Row]:
        arguments = set(cast("Mapping[str, Any]", tool.input_schema.get("properties", {})))
        rest = Query(
            query.object,
            where={name: values for name, values in query.conditions.items() if name not in arguments},
            fields=query.fields,
            limit=query.limit,
            order_by=query.order_by,
        )
        known = {field.name for field in self._schema(tool).fields}.union(
            *((*row.values, *row.key) for row in rows)
        )
        if not rows and not tool.output_schema:
            known.update(rest.where, rest.fields or (), (name.lstrip("-") for name in rest.order_by))
        for name in rest.where:
            if name not in known:
                raise unknown_field(self._context.name, query.object, name, known)
        return choose(self._context.name, rest, rows, known)

    def _schema(self, tool: Declaration) -> ObjectSchema:
        fields = output_fields(tool.output_schema, self._options.rows.get(tool.name))
        there = {field.name for field in fields}
        properties = cast("Mapping[str, Mapping[str, Any]]", tool.input_schema.get("properties", {}))
        arguments = tuple(
            FieldSchema(name=name, documentation=f"argument: {part.get('description', '')}")
            for name, part in properties.items()
            if name not in there
        )
        return ObjectSchema(
            name=tool.name,
            fields=(*fields, *arguments),
            key=tuple(self._options.keys.get(tool.name, ())),
            documentation=tool.description,
            required=tuple(tool.input_schema.get("required", ())),
        )


def _own_id(values: Mapping[str, Any]) -> list[str]:
    """The field that looks like the row's id, when there is just one."""
    found = [name for name in values if name == "id" or name.endswith(("_id", "Id"))]
    return ["id"] if "id" in found else found if len(found) == 1 else []


async def _listed(client: Any) -> dict[str, Declaration]:
    found: dict[str, Declaration] = {}
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            found[tool.name] = Declaration(
                name=tool.name,
                description=tool.description or "",
                input_schema=tool.input_schema,
                output_schema=tool.output_schema,
            )
        cursor = page.next_cursor
        if not cursor:
            break
    return found


def _write_tool(tool: Declaration) -> WriteTool:
    return WriteTool(
        name=tool.name,
        schema=dict(tool.input_schema),
        effect="write",
        idempotent=_idempotency(tool) is not None,
        version=tool.sha256[:16],
        documentation=tool.description,
    )


def _idempotency(tool: Declaration) -> str | None:
    properties = tool.input_schema.get("properties", {})
    return next((name for name in IDEMPOTENCY if name in properties), None)


def _address(context: SourceContext, options: McpOptions) -> Address:
    if options.command is not None:
        words = [options.command] if isinstance(options.command, str) else options.command
        program, *more = words
        return Command(
            command=sys.executable if program == "python" else program,
            args=(*more, *options.args),
            env={name: context.secret(value) for name, value in options.env.items()},
            cwd=str(context.path(options.cwd)) if options.cwd else str(context.base),
        )
    for name, value in options.headers.items():
        if SECRET_HEADER.search(name) and not value.startswith("secret://"):
            raise SourceUsageError(
                context.name,
                f"header {name!r} looks like a secret in clear text; write secret://env/NAME",
                code="sources.literal_secret",
            )
    headers = {name: context.secret(value) for name, value in options.headers.items()}
    if options.token:
        headers["Authorization"] = f"Bearer {context.secret(options.token)}"
    return Endpoint(url=context.secret(options.url or ""), headers=headers)
