"""Owns reading an OpenAPI document: which resources can be read, which operations change something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pilothouse.connectors.errors import SourceDataError
from pilothouse.connectors.flatten import ENVELOPES
from pilothouse.connectors.types import FieldSchema, FieldType

__all__ = ["Contract", "Operation", "Parameter", "Resource", "read_contract"]

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
TYPES: dict[str, FieldType] = {
    "string": "text",
    "integer": "integer",
    "number": "decimal",
    "boolean": "boolean",
    "array": "json",
    "object": "json",
}
MAX_DEPTH = 6

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an operation; ``many`` says that it takes several values at once."""

    name: str
    place: str
    required: bool
    many: bool
    schema: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that can be read with GET.

    Attributes:
        path: Its name and its path, with ``{placeholders}``.
        single: Whether it is one record, addressed by its path.
        items: Name of the list inside an answer, if the contract says it.
        parameters: By name.
        fields: Of one record; empty if the contract does not say.
        key: Fields that find one record again, if the contract says.
        documentation: Foreign text.
    """

    path: str
    single: bool
    items: str | None
    parameters: Mapping[str, Parameter]
    fields: tuple[FieldSchema, ...]
    key: tuple[str, ...]
    documentation: str

    @property
    def required(self) -> tuple[str, ...]:
        """Parameters without which it cannot be read."""
        return tuple(name for name, item in self.parameters.items() if item.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that changes the service."""

    id: str
    method: str
    path: str
    parameters: Mapping[str, Parameter]
    body: Document | None
    body_required: bool
    documentation: str

    @property
    def takes_key(self) -> bool:
        """Whether it declares an idempotency key."""
        return any(name.lower() == "idempotency-key" for name in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a service offers, by path and by operation id."""

    resources: Mapping[str, Resource]
    operations: Mapping[str, Operation]


def read_contract(source: str, document: object) -> Contract:
    """Return what an OpenAPI 3 document offers.

    Raises:
        SourceDataError: ``sources.contract``: it is no OpenAPI document, or a reference leads nowhere.
    """
    if not isinstance(document, Mapping) or not isinstance(cast("Document", document).get("paths"), Mapping):
        raise SourceDataError(
            source, "its contract is no OpenAPI document with paths", code="sources.contract"
        )
    return _Reader(source, cast("Document", document)).read()


class _Reader:
    def __init__(self, source: str, document: Document) -> None:
        self._source = source
        self._document = document

    def read(self) -> Contract:
        resources: dict[str, Resource] = {}
        operations: dict[str, Operation] = {}
        for path, item in self._document["paths"].items():
            found = self._resolve(item)
            if "get" in found:
                resources[path] = self._resource(path, found, self._resolve(found["get"]))
            for method in ("post", "put", "patch", "delete"):
                if method in found:
                    operation = self._operation(path, method, found, self._resolve(found[method]))
                    operations[operation.id] = operation
        return Contract(resources=_with_keys(resources), operations=operations)

    def _resource(self, path: str, item: Document, operation: Document) -> Resource:
        schema = self._answer(operation)
        single = path.rstrip("/").endswith("}")
        items, record = None, schema
        if not single:
            items, record, found = self._list_in(schema)
            single = not found and bool(schema)
        record = self._resolve(record)
        return Resource(
            path=path,
            single=single,
            items=items,
            parameters=self._parameters(item, operation),
            fields=tuple(self._fields(record, "", 0)),
            key=tuple(record.get("x-key", ())),
            documentation=operation.get("summary") or operation.get("description") or "",
        )

    def _operation(self, path: str, method: str, item: Document, operation: Document) -> Operation:
        body = self._resolve(operation.get("requestBody", {}))
        schema = _json_schema(body)
        fallback = f"{method}{re.sub(r'[^A-Za-z0-9]+', '_', path)}"
        return Operation(
            id=operation.get("operationId") or fallback.strip("_"),
            method=method.upper(),
            path=path,
            parameters=self._parameters(item, operation),
            body=None if schema is None else self._resolve(schema),
            body_required=bool(body.get("required", False)),
            documentation=operation.get("summary") or operation.get("description") or "",
        )

    def _parameters(self, item: Document, operation: Document) -> dict[str, Parameter]:
        found: dict[str, Parameter] = {}
        for raw in (*item.get("parameters", ()), *operation.get("parameters", ())):
            parameter = self._resolve(raw)
            schema = self._resolve(parameter.get("schema", {}))
            found[parameter["name"]] = Parameter(
                name=parameter["name"],
                place=parameter.get("in", "query"),
                required=bool(parameter.get("required", False)) or parameter.get("in") == "path",
                many="array" in _types(schema) and parameter.get("explode", True) is not False,
                schema=schema,
            )
        return found

    def _answer(self, operation: Document) -> Document:
        responses: Document = operation.get("responses", {})
        for code in ("200", "2XX", "default"):
            if code in responses:
                return self._resolve(_json_schema(self._resolve(responses[code])) or {})
        return {}

    def _list_in(self, schema: Document) -> tuple[str | None, Document, bool]:
        """Return the name of the list in an answer, the schema of its records, and whether there is one."""
        if "array" in _types(schema):
            return None, schema.get("items", {}), True
        properties: Document = schema.get("properties", {})
        lists = {
            name: self._resolve(found).get("items", {})
            for name, found in properties.items()
            if "array" in _types(self._resolve(found))
        }
        named = next((name for name in ENVELOPES if name in lists), None)
        if named is None and len(lists) == 1:
            only = next(iter(lists))
            named = only if "properties" in self._resolve(lists[only]) else None
        return (named, lists[named], True) if named else (None, schema, False)

    def _fields(self, schema: Document, prefix: str, depth: int) -> Iterator[FieldSchema]:
        for name, raw in schema.get("properties", {}).items():
            found = self._resolve(raw)
            if "properties" in found and depth < MAX_DEPTH:
                yield from self._fields(found, f"{prefix}{name}.", depth + 1)
                continue
            kinds = _types(found)
            known: list[FieldType] = [*(TYPES[item] for item in kinds if item in TYPES), "unknown"]
            yield FieldSchema(
                name=f"{prefix}{name}",
                type=known[0],
                nullable="null" in kinds or bool(found.get("nullable", False)),
                documentation=found.get("description", ""),
            )

    def _resolve(self, node: Any) -> Document:
        """Follow references and merge ``allOf``."""
        seen = 0
        while isinstance(node, Mapping) and "$ref" in node:
            node = self._follow(str(cast("Document", node)["$ref"]))
            seen += 1
            if seen > 20:
                raise self._broken("references run in a circle")
        if not isinstance(node, Mapping):
            return {}
        found = cast("Document", node)
        if "allOf" not in found:
            return found
        return self._merged(found)

    def _merged(self, found: Document) -> Document:
        merged: dict[str, Any] = {key: value for key, value in found.items() if key != "allOf"}
        properties: dict[str, Any] = {}
        required: list[str] = []
        for part in found["allOf"]:
            resolved = self._resolve(part)
            properties.update(resolved.get("properties", {}))
            required += resolved.get("required", [])
            merged = {**resolved, **merged}
        merged["properties"] = {**properties, **found.get("properties", {})}
        merged["required"] = [*required, *found.get("required", [])]
        return merged

    def _follow(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise self._broken(f"the reference {reference!r} leads outside; bundle the document")
        node: Any = self._document
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or name not in node:
                raise self._broken(f"the reference {reference!r} leads nowhere")
            node = cast("Document", node)[name]
        return node

    def _broken(self, why: str) -> SourceDataError:
        return SourceDataError(self._source, f"its contract is broken: {why}", code="sources.contract")


def _json_schema(holder: Document) -> Any:
    content: Document = holder.get("content", {})
    for kind, media in content.items():
        if "json" in kind:
            return media.get("schema", {})
    return None


def _types(schema: Document) -> tuple[str, ...]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return (kind,)
    if isinstance(kind, list):
        return tuple(cast("list[str]", kind))
    return ("object",) if "properties" in schema else ()


def _with_keys(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Take the key of a collection from the path of its single records: ``/slots`` and ``/slots/{id}``."""
    import dataclasses

    found = dict(resources)
    for path, resource in resources.items():
        if resource.key:
            continue
        names = {field.name for field in resource.fields}
        base = path.rstrip("/").rpartition("/")[0] if resource.single else path.rstrip("/")
        own = (PLACEHOLDER.fullmatch(item.removeprefix(f"{base}/")) for item in resources)
        last = [hit[1] for hit in own if hit]
        key = tuple(name for name in (*last, "id") if name in names)[:1]
        found[path] = dataclasses.replace(resource, key=key)
    return found
