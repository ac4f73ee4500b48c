"""Owns the HTTP source: reads the contract once, asks resources page by page, makes rows of the answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import anyio.to_thread

from pilothouse.connectors.adapters.http.client import Answer, Client
from pilothouse.connectors.adapters.http.contract import Contract, Resource, read_contract
from pilothouse.connectors.adapters.http.paging import Pages
from pilothouse.connectors.adapters.http.plan import Call, plan
from pilothouse.connectors.adapters.http.settings import HttpOptions, ObjectOptions, Paging
from pilothouse.connectors.adapters.http.write import HttpWriter
from pilothouse.connectors.errors import (
    SourceDataError,
    SourceLimitError,
    SourceUnavailableError,
    unknown_object,
)
from pilothouse.connectors.flatten import flatten, items_of, json_version, parse_json
from pilothouse.connectors.ports import SourceContext
from pilothouse.connectors.select import as_text, choose
from pilothouse.connectors.types import ObjectSchema, Query, Row, WriteTool
from pilothouse.kernel import Json
from pilothouse.labels import Position

__all__ = ["HttpSource", "connect"]

KEPT = 300.0
"""Seconds a contract is kept."""


def connect(context: SourceContext) -> HttpSource:
    """Return the adapter of a source of kind ``http``; nothing is called before the first read.

    Raises:
        SourceUsageError: The declaration is not right.
    """
    return HttpSource(context, context.parse(HttpOptions))


class HttpSource:
    """One service with an OpenAPI contract.

    Args:
        context: The source.
        options: Its declaration.
    """

    def __init__(self, context: SourceContext, options: HttpOptions) -> None:
        self._context = context
        self._options = options
        self._client = Client(context, options)
        self._contract: Contract | None = None
        self._read_at = 0.0
        self._writer = HttpWriter(context, options, self._client, self._contracted)

    async def ping(self) -> None:
        """Return when the service answers: reads one record of a collection, or its contract."""
        until = self._until()
        contract = await self._contracted(until)
        easy = [item for item in contract.resources.values() if not item.required and not item.single]
        if not easy:
            self._contract = None
            await self._contracted(until)
            return
        params = [("limit", "1")] if "limit" in easy[0].parameters else []
        await self._client.get(easy[0].path, params=params, until=until)

    async def objects(self) -> list[ObjectSchema]:
        """Return every resource that the contract lets us read; ``required`` names its path parameters."""
        contract = await self._contracted(self._until())
        return [
            ObjectSchema(
                name=path,
                fields=resource.fields,
                key=self._declared(path).key or resource.key,
                documentation=resource.documentation,
                required=resource.required,
            )
            for path, resource in sorted(contract.resources.items())
        ]

    async def read(self, query: Query) -> list[Row]:
        """Return the records that match; what the service cannot filter is filtered here."""
        until = self._until()
        contract = await self._contracted(until)
        resource = contract.resources.get(query.object)
        if resource is None:
            raise unknown_object(self._context.name, query.object, contract.resources)
        planned = plan(self._context.name, resource, query, per_value=self._options.per_value)
        rows: list[Row] = []
        enough = query.limit if planned.whole else None
        for call in planned.calls:
            rows += await self._pages(resource, call, until, None if enough is None else enough - len(rows))
            if enough is not None and len(rows) >= enough:
                break
        # Optional fields may be missing from every record of an answer and still exist.
        known = {name for row in rows for name in row.values} | {field.name for field in resource.fields}
        if not known:
            known = {
                name.removeprefix("-") for name in (*query.where, *(query.fields or ()), *query.order_by)
            }
        return choose(self._context.name, planned.rest, rows, known)

    async def sample(self, object: str, n: int) -> list[Row]:
        """Return the first ``n`` records; empty for a resource that needs parameters."""
        contract = await self._contracted(self._until())
        resource = contract.resources.get(object)
        if resource is not None and resource.required:
            return []
        return await self.read(Query(object, limit=n))

    async def tools(self) -> list[WriteTool]:
        """Return the operations that change something, by operation id."""
        return await self._writer.tools(self._until())

    async def write(self, tool: str, args: Mapping[str, Any], *, effect_id: str) -> dict[str, Json]:
        """Call an operation with the effect id as its idempotency key."""
        return await self._writer.write(tool, args, effect_id=effect_id, until=self._until())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _until(self) -> float:
        return time.monotonic() + self._context.timeout

    def _declared(self, path: str) -> ObjectOptions:
        return self._options.objects.get(path, ObjectOptions())

    async def _contracted(self, until: float) -> Contract:
        if self._contract is None or time.monotonic() - self._read_at > KEPT:
            self._contract = read_contract(self._context.name, _parsed(await self._document(until)))
            self._read_at = time.monotonic()
        return self._contract

    async def _document(self, until: float) -> bytes:
        where = self._options.openapi
        if "://" in where or where.startswith("/"):
            return (await self._client.get(where, params=[], until=until)).content
        path = self._context.path(where)
        try:
            return await anyio.to_thread.run_sync(path.read_bytes)
        except OSError as error:
            raise SourceUnavailableError(
                self._context.name, f"its contract {path.name!r} cannot be read: {error.strerror}"
            ) from error

    async def _pages(self, resource: Resource, call: Call, until: float, enough: int | None) -> list[Row]:
        declared = self._declared(resource.path)
        paging: Paging | None = declared.paging or self._options.paging
        pages = Pages(resource, paging)
        rows: list[Row] = []
        path, params = call.path, list(call.params)
        seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        while True:
            here = (path, tuple(params))
            if here in seen:
                raise SourceDataError(
                    self._context.name,
                    f"{resource.path!r} leads back to a page already read",
                    code="sources.rubbish",
                )
            seen.add(here)
            if len(seen) > self._options.max_pages:
                raise SourceLimitError(
                    self._context.name, f"{resource.path!r} has more than {self._options.max_pages} pages"
                )
            answer = await self._client.get(path, params=params, until=until, missing=resource.single)
            if answer.status == 404:
                return rows
            payload = answer.json(self._context.name)
            found = self._rows(resource, answer, payload)
            rows += found
            following = None if resource.single else pages.next(answer, payload, len(found))
            if following is None or (enough is not None and len(rows) >= enough):
                return rows
            address, added = following
            if address is not None:
                path, params = _absolute(answer, address), []
            else:
                params = [pair for pair in params if pair[0] not in added] + list(added.items())

    def _rows(self, resource: Resource, answer: Answer, payload: Any) -> list[Row]:
        declared = self._declared(resource.path)
        listed = None if resource.single else items_of(payload, at=declared.items or resource.items)
        if listed is None and not resource.single and not isinstance(payload, Mapping):
            raise self._rubbish(resource, f"a {type(payload).__name__}")
        single = listed is None
        items, at = listed or ([cast("Any", payload)], "$")
        read_at = self._context.clock.now()
        etag = answer.headers.get("etag") if single else None
        rows: list[Row] = []
        for index, item in enumerate(items):
            if not isinstance(item, Mapping):
                raise self._rubbish(resource, f"{item!r:.60}")
            values = flatten(cast("Mapping[str, Any]", item))
            rows.append(
                self._context.row(
                    resource.path,
                    key=self._key(resource, values),
                    values=values,
                    version=f"etag:{etag}" if etag else json_version(cast("object", item)),
                    read_at=read_at,
                    position=Position(part=at if single else f"{at}[{index}]"),
                )
            )
        return rows

    def _key(self, resource: Resource, values: Mapping[str, Any]) -> dict[str, str]:
        names = self._declared(resource.path).key or resource.key
        found = {name: as_text(values[name]) for name in names if values.get(name) is not None}
        if found:
            return found
        return {
            name: as_text(value)
            for name, value in values.items()
            if isinstance(value, str | int | bool) and "[" not in name
        }

    def _rubbish(self, resource: Resource, what: str) -> SourceDataError:
        return SourceDataError(
            self._context.name,
            f"{resource.path!r} answered {what} where records belong",
            code="sources.rubbish",
        )


def _parsed(raw: bytes) -> Any:
    try:
        return parse_json(raw)
    except ValueError:
        import yaml

        try:
            return yaml.safe_load(raw)
        except (yaml.YAMLError, ValueError):
            return None


def _absolute(answer: Answer, address: str) -> str:
    from urllib.parse import urljoin

    return urljoin(answer.url, address)
