"""Reading an OpenAPI document, planning calls, finding the next page: without a service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilothouse.connectors import Query, SourceDataError, SourceLimitError, SourceUsageError
from pilothouse.connectors.adapters.http.client import Answer, Client
from pilothouse.connectors.adapters.http.contract import Contract, Resource, read_contract
from pilothouse.connectors.adapters.http.paging import Pages
from pilothouse.connectors.adapters.http.plan import plan
from pilothouse.connectors.adapters.http.settings import HttpOptions, Paging
from pilothouse.connectors.adapters.http.write import HttpWriter
from pilothouse.connectors.testing import source_context


def contract(paths: dict[str, Any], **components: Any) -> Contract:
    return read_contract("s", {"openapi": "3.1.0", "paths": paths, "components": {"schemas": components}})


def listing(schema: Any, parameters: list[Any] | None = None) -> dict[str, Any]:
    response = {"content": {"application/json": {"schema": schema}}}
    return {"get": {"parameters": parameters or [], "responses": {"200": response}}}


def query_parameter(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema or {"type": "string"}}


BOX = {"type": "object", "properties": {"no": {"type": "string"}, "at": {"type": "string", "format": "date"}}}


def test_references_and_allof_are_followed() -> None:
    found = contract(
        {"/boxes": listing({"type": "array", "items": {"$ref": "#/components/schemas/Reefer"}})},
        Box=BOX,
        Reefer={
            "allOf": [{"$ref": "#/components/schemas/Box"}, {"properties": {"temp": {"type": "number"}}}]
        },
    ).resources["/boxes"]
    assert [(field.name, field.type) for field in found.fields] == [
        ("no", "text"),
        ("at", "text"),
        ("temp", "decimal"),
    ]


@pytest.mark.parametrize(
    ("schema", "items", "single"),
    [
        ({"type": "array", "items": BOX}, None, False),
        ({"type": "object", "properties": {"data": {"type": "array", "items": BOX}}}, "data", False),
        ({"properties": {"visits": {"type": "array", "items": BOX}, "n": {"type": "null"}}}, "visits", False),
        ({"properties": {"codes": {"type": "array", "items": {"type": "string"}}}}, None, True),
        ({}, None, False),
    ],
)  # fmt: skip
def test_the_list_in_an_answer_is_found(schema: Any, items: str | None, single: bool) -> None:
    found = contract({"/x": listing(schema)}).resources["/x"]
    assert (found.items, found.single) == (items, single)


def test_keys_come_from_the_path_of_single_records_or_are_named() -> None:
    found = contract(
        {
            "/boxes": listing({"type": "array", "items": BOX}),
            "/boxes/{no}": listing(BOX, [{"name": "no", "in": "path", "required": True}]),
            "/calls": listing({"type": "array", "items": {"properties": {"id": {"type": "integer"}}}}),
            "/named": listing({"type": "array", "items": {**BOX, "x-key": ["no", "at"]}}),
        }
    ).resources
    keys = {path: resource.key for path, resource in found.items()}
    assert keys == {"/boxes": ("no",), "/boxes/{no}": ("no",), "/calls": ("id",), "/named": ("no", "at")}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"paths": {"/x": {"$ref": "#/nowhere"}}},
        {"paths": {"/x": {"$ref": "http://elsewhere/x"}}},
        {"paths": {"/x": {"$ref": "#/a"}}, "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}},
    ],
)
def test_a_broken_contract_is_told(document: Any) -> None:
    with pytest.raises(SourceDataError) as caught:
        read_contract("s", document)
    assert caught.value.code == "sources.contract"


def test_operations_without_an_id_get_one() -> None:
    found = contract({"/boxes/{no}/lift": {"post": {}, "parameters": [{"name": "no", "in": "path"}]}})
    assert list(found.operations) == ["post_boxes_no_lift"]
    assert found.operations["post_boxes_no_lift"].parameters["no"].required


def resource(*parameters: dict[str, Any], path: str = "/x") -> Resource:
    return contract({path: listing({"type": "array", "items": BOX}, list(parameters))}).resources[path]


def test_values_are_escaped_in_paths_and_spread_over_short_addresses() -> None:
    in_path = {"name": "t", "in": "path", "required": True}
    [call] = plan(
        "s", resource(in_path, path="/t/{t}/x"), Query("x", where={"t": "a/b?c"}), per_value=10
    ).calls
    assert call.path == "/t/a%2Fb%3Fc/x"
    many = query_parameter("no", type="array")
    calls = plan(
        "s", resource(many), Query("x", where={"no": [f"MSKU{n:07d}" for n in range(500)]}), per_value=10
    ).calls
    assert 1 < len(calls) < 5
    assert sum(len(call.params) for call in calls) == 500


def test_too_many_calls_and_unknown_fields_are_errors() -> None:
    axes = [query_parameter("a"), query_parameter("b")]
    where = {"a": [str(n) for n in range(30)], "b": [str(n) for n in range(30)]}
    with pytest.raises(SourceLimitError, match="900 calls"):
        plan("s", resource(*axes), Query("x", where=where), per_value=10)
    with pytest.raises(SourceDataError, match="did you mean 'no'"):
        plan("s", resource(), Query("x", where={"noo": "1"}), per_value=10)


def answer(**headers: str) -> Answer:
    return Answer(status=200, headers=headers, content=b"", url="http://h/x")


@pytest.mark.parametrize(
    ("parameters", "declared", "payload", "expected"),
    [
        (["cursor"], None, {"next_cursor": "c2"}, (None, {"cursor": "c2"})),
        (["cursor"], None, {"next_cursor": None}, None),
        (["page_token"], None, {"meta": {"nextPageToken": "t"}}, (None, {"page_token": "t"})),
        ([], None, {"next": "http://h/x?p=2"}, ("http://h/x?p=2", {})),
        ([], None, {"_links": {"next": {"href": "/x?p=2"}}}, ("/x?p=2", {})),
        (["page"], None, {"items": []}, (None, {"page": "2"})),
        (["page"], None, {"total_pages": 1}, None),
        (["offset"], None, {"total": 9}, (None, {"offset": "2"})),
        (["offset"], None, {"total": 2}, None),
        (["page"], None, {"has_more": False}, None),
        (["page"], Paging(style="none"), {}, None),
        (["p"], Paging(style="page", param="p", first=0), {}, (None, {"p": "1"})),
        (["c"], Paging(style="cursor", param="c", field="a.b"), {"a": {"b": 7}}, (None, {"c": "7"})),
        ([], None, [], None),
    ],
)
def test_the_next_page_is_found(
    parameters: list[str], declared: Paging | None, payload: Any, expected: Any
) -> None:
    pages = Pages(resource(*map(query_parameter, parameters)), declared)
    assert pages.next(answer(), payload, 2) == expected


def test_a_link_header_wins_and_an_empty_page_ends() -> None:
    linked = answer(link='<http://h/x?p=1>; rel="prev", </x?p=3>; rel="next"')
    assert Pages(resource(), None).next(linked, [], 2) == ("/x?p=3", {})
    assert Pages(resource(query_parameter("page")), None).next(answer(), [], 0) is None


class Recorder(Client):
    """A client that keeps what would be sent."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(source_context("http", {}, base=tmp_path), HttpOptions(url="http://h"))
        self.sent: list[tuple[Any, ...]] = []

    async def send(self, method: str, path: str, **call: Any) -> Answer:
        self.sent.append((method, path, call["params"], call["headers"], call["body"]))
        return Answer(status=202, headers={}, content=b"taken", url="http://h/x")


async def test_arguments_go_where_the_contract_says(tmp_path: Path) -> None:
    parameters = [
        {"name": "no", "in": "path", "schema": {"type": "string"}},
        {"name": "codes", "in": "query", "schema": {"type": "array"}},
        {"name": "X-Desk", "in": "header", "schema": {"type": "string"}},
    ]
    body = {"required": True, "content": {"application/json": {"schema": {"type": "array"}}}}
    put = {"operationId": "put", "parameters": parameters, "requestBody": body}
    drop = {"operationId": "drop", "parameters": parameters[:1]}
    found = contract({"/boxes/{no}": {"put": put, "delete": drop}})
    client = Recorder(tmp_path)

    async def contracted(_: float) -> Contract:
        return found

    writer = HttpWriter(
        source_context("http", {}, base=tmp_path), HttpOptions(url="http://h"), client, contracted
    )
    args = {"no": "A/1", "codes": ["x", "y"], "X-Desk": "7", "body": [1, True]}
    result = await writer.write("put", args, effect_id="e", until=0)
    await writer.write("drop", {"no": "A"}, effect_id="e", until=0)
    assert result == {"status": 202, "body": "taken"}
    assert client.sent == [
        (
            "PUT",
            "/boxes/A%2F1",
            [("codes", "x"), ("codes", "y")],
            {"X-Desk": "7", "Idempotency-Key": "e"},
            [1, True],
        ),
        ("DELETE", "/boxes/A", [], {"Idempotency-Key": "e"}, None),
    ]
    for wrong in ({**args, "codes": "x"}, {**args, "no": True}, {"no": "A"}):
        with pytest.raises(SourceUsageError):
            await writer.write("put", wrong, effect_id="e", until=0)
