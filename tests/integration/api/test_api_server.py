"""The server as a foreign program meets it: signed in, limited, never telling more than it must."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pilothouse.api.testing import Served, make_key, served_project
from pilothouse.kernel import SYSTEM


@pytest.fixture
async def server(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    async with served_project(tmp_path) as running:
        yield running


@pytest.fixture
async def client(server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as opened:
        yield opened


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_health_needs_nobody_and_says_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/v1/spans", "/v1/nothing", "/docs", "/healthz/", "/v1/traces"])
async def test_without_a_key_every_path_is_the_same(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["code"] == "api.sign_in"
    assert "make" in body["detail"]


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer ph_key_0000000000000000." + "x" * 43, "Basic b2xnYTpw", "Bearer"]
)
async def test_a_wrong_key_opens_nothing(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/v1/spans", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] in {"registry.refused", "api.sign_in"}


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTT",
    ],
    ids=["nothing", "headers", "body", "second"],
)
async def test_a_request_that_never_ends_holds_no_connection(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    monkeypatch.setenv("PILOTHOUSE_API_ARRIVAL", "0.5")
    monkeypatch.setenv("PILOTHOUSE_API_KEEP_ALIVE", "600")
    async with served_project(tmp_path) as running:
        host, port = running.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(begun)
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionResetError):
                while await reader.read(1000):
                    pass
        writer.close()


async def test_a_browser_gets_no_way_across_origins(client: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await client.options("/v1/traces", headers=asked)
    assert answer.status_code == 401
    assert "access-control-allow-origin" not in answer.headers


async def test_a_key_ends_at_once(server: Served, client: httpx.AsyncClient) -> None:
    key = await make_key(server.studio, "bot", ["traces:*"])
    assert (await client.get("/v1/spans", headers=bearer(key))).status_code == 200
    [stored] = await server.studio.identity.access.keys("bot")
    await server.studio.identity.access.revoke_key(stored.id, SYSTEM)
    assert (await client.get("/v1/spans", headers=bearer(key))).status_code == 401


async def test_a_right_that_is_missing_is_named(server: Served, client: httpx.AsyncClient) -> None:
    key = await make_key(server.studio, "bot", ["traces:x:read"])
    answer = await client.post("/v1/traces", headers=bearer(key), content=b"")
    assert answer.status_code == 403
    assert answer.json()["code"] == "policy.denied"
    assert answer.json()["reasons"] == ["missing:traces:write"]


async def test_what_is_not_there_is_not_found(server: Served, client: httpx.AsyncClient) -> None:
    key = bearer(await make_key(server.studio, "bot", ["traces:*"]))
    assert (await client.get("/v1/nothing", headers=key)).json()["code"] == "api.no_route"
    run = "0192f0c0-0000-7000-8000-000000000001"
    for path in (f"/v1/runs/{run}/timeline", "/v1/runs/run_x/timeline", f"/v1/decisions/{run}/graph"):
        assert (await client.get(path, headers=key)).status_code == 404, path


async def test_a_body_over_the_limit_is_refused_before_it_is_read(
    server: Served, client: httpx.AsyncClient
) -> None:
    key = bearer(await make_key(server.studio, "bot", ["traces:write"]))
    said = {**key, "Content-Type": "application/x-protobuf"}
    answer = await client.post("/v1/traces", headers=said, content=b"x" * (9 << 20))
    assert (answer.status_code, answer.json()["code"]) == (413, "api.too_large")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * (1 << 20)

    # Who never ends is hung up on, whether or not the refusal is still read.
    with contextlib.suppress(httpx.TransportError):
        answer = await client.post("/v1/traces", headers=said, content=endless())
        assert (answer.status_code, answer.json()["code"]) == (413, "api.too_large")


async def test_a_fault_inside_says_nothing_outside(
    server: Served, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    key = bearer(await make_key(server.studio, "bot", ["traces:*"]))
    async with server.studio.database.transaction() as tx:
        await tx.execute("alter table traces_source rename to traces_gone")
    with caplog.at_level(logging.CRITICAL):
        answer = await client.get("/v1/spans", headers=key)
    assert answer.status_code == 500
    assert "traces_source" not in answer.text
    async with server.studio.database.transaction() as tx:
        await tx.execute("alter table traces_gone rename to traces_source")
    assert (await client.get("/v1/spans", headers=key)).status_code == 200


async def test_many_ask_at_once(server: Served, client: httpx.AsyncClient) -> None:
    key = bearer(await make_key(server.studio, "bot", ["traces:*"]))
    answers = await asyncio.gather(*(client.get("/v1/spans", headers=key) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
