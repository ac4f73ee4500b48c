"""Owns what a REST service serves: ``service.json`` (its content) and ``openapi.json`` (its contract)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pilothouse_port.world.systems.render.cells import as_json, dump_json
from pilothouse_port.world.views import FieldView, ObjectView, SystemView

__all__ = ["write_service"]

_TYPES: Final[dict[str, dict[str, str]]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "decimal": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "bool": {"type": "boolean"},
}


def write_service(view: SystemView, folder: Path) -> None:
    """Write content and contract; the server of `systems.servers` reads both and nothing else."""
    (folder / "service.json").write_text(dump_json(_service(view)), encoding="utf-8")
    (folder / "openapi.json").write_text(dump_json(_openapi(view)), encoding="utf-8")


def _service(view: SystemView) -> dict[str, Any]:
    options = view.options
    return {
        "title": view.title,
        "base_path": options.get("base_path", ""),
        "paging": options.get("paging", "none"),
        "page_size": options.get("page_size", 50),
        "every_nth_429": options.get("every_nth_429", 0),
        "resources": {
            resource.name: {
                "key": list(resource.key),
                "filters": _filters(view, resource),
                "writes": options.get("writes", {}).get(resource.name),
                "rows": [{name: as_json(value) for name, value in row.items()} for row in resource.rows],
            }
            for resource in view.objects
        },
    }


def _filters(view: SystemView, resource: ObjectView) -> list[str]:
    given = view.options.get("filters", {}).get(resource.name)
    return list(given) if given is not None else list(resource.key)


def _openapi(view: SystemView) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for resource in view.objects:
        schemas[resource.name] = _schema(resource)
        paths[f"/{resource.name}"] = {"get": _list_operation(view, resource)}
        if resource.key:
            paths[f"/{resource.name}/{{{resource.key[0]}}}"] = {"get": _get_operation(resource)}
        writes = view.options.get("writes", {}).get(resource.name)
        if writes:
            paths[f"/{resource.name}"]["post"] = _create_operation(resource, writes)
            paths[f"/{resource.name}/{{{writes['fields']['id']}}}/cancel"] = {
                "post": _cancel_operation(resource, writes)
            }
    return {
        "openapi": "3.1.0",
        "info": {"title": view.title, "version": "1.0", "description": view.notes},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema(resource: ObjectView) -> dict[str, Any]:
    return {
        "type": "object",
        "description": resource.note,
        "x-key": list(resource.key),
        "properties": {field.name: _property(field) for field in resource.fields},
        "required": list(resource.key),
    }


def _property(field: FieldView) -> dict[str, Any]:
    described = {"description": field.note} if field.note else {}
    kind = _TYPES[field.type]
    return {"type": [kind["type"], "null"], **{k: v for k, v in kind.items() if k != "type"}, **described}


def _list_operation(view: SystemView, resource: ObjectView) -> dict[str, Any]:
    types = {field.name: _TYPES[field.type] for field in resource.fields}
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "array", "items": types.get(name, _TYPES["text"])},
            "style": "form",
            "explode": True,
        }
        for name in _filters(view, resource)
    ]
    if view.options.get("paging") == "cursor":
        parameters.append({"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}})
        parameters.append({"name": "cursor", "in": "query", "schema": {"type": "string"}})
    answer: dict[str, Any] = {"type": "array", "items": {"$ref": f"#/components/schemas/{resource.name}"}}
    if view.options.get("paging") == "cursor":
        answer = {
            "type": "object",
            "properties": {"items": answer, "next_cursor": {"type": ["string", "null"]}},
            "required": ["items"],
        }
    return {
        "operationId": f"list_{_word(resource.name)}",
        "summary": resource.note or f"All {resource.name} that the filters let through.",
        "parameters": parameters,
        "responses": {
            "200": _body("One page.", answer),
            "429": {"description": "Too many calls; see Retry-After."},
        },
    }


def _get_operation(resource: ObjectView) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{resource.name}"}
    return {
        "operationId": f"get_{_word(resource.name)}",
        "summary": "One by its key.",
        "parameters": [_in_path(resource.key[0])],
        "responses": {"200": _body("Found.", reference), "404": {"description": "No such key."}},
    }


def _create_operation(resource: ObjectView, writes: dict[str, Any]) -> dict[str, Any]:
    names = writes["fields"]
    asked = [names[k] for k in ("container", "bl", "party", "valid_until") if k in names]
    types = {field.name: _property(field) for field in resource.fields}
    body = {
        "type": "object",
        "properties": {name: types.get(name, {"type": "string"}) for name in asked},
        "required": [names["container"], names["bl"]],
    }
    return {
        "operationId": writes["create"],
        "summary": "Creates a right; the same Idempotency-Key gives the first answer again.",
        "parameters": [_IDEMPOTENCY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "201": _body("Created.", {"$ref": f"#/components/schemas/{resource.name}"}),
            "409": {"description": "The key was used for another body, or a right stands already."},
            "422": _body("Rejected (APERAK).", _APERAK),
        },
    }


def _cancel_operation(resource: ObjectView, writes: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": writes["cancel"],
        "summary": "Cancels a right that stands.",
        "parameters": [_in_path(writes["fields"]["id"]), _IDEMPOTENCY],
        "responses": {
            "200": _body("Cancelled.", {"$ref": f"#/components/schemas/{resource.name}"}),
            "422": _body("Rejected (APERAK).", _APERAK),
        },
    }


_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
}
_APERAK: Final = {
    "type": "object",
    "properties": {
        "message": {"const": "APERAK"},
        "function": {"const": "27"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"code": {"type": "string"}, "text": {"type": "string"}},
            },
        },
    },
}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _body(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _word(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name)
