"""Real servers for the tests of connectors: a private MariaDB and a REST service on uvicorn."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mariadb_server() -> Iterator[str]:
    """A MariaDB of our own: own data, socket and port; yields the URL of its root without a password."""
    folder = Path(tempfile.mkdtemp(prefix="ph-mariadb-"))
    user = ["--user=root"] if os.geteuid() == 0 else []
    data = ["--no-defaults", f"--datadir={folder}/data", *user]
    subprocess.run(
        ["mariadb-install-db", *data, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    listen = [f"--socket={folder}/s", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin"]
    small = [
        "--innodb-buffer-pool-size=32M",
        "--innodb-flush-log-at-trx-commit=0",
        "--performance-schema=OFF",
    ]
    binary = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, *data, *listen, *small], stdout=log, stderr=log)
    try:
        _wait_for_mariadb(port, process, folder / "log")
        yield f"mariadb://root@127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def has_mariadb() -> bool:
    return bool(shutil.which("mariadb-install-db")) and (
        bool(shutil.which("mariadbd")) or Path("/usr/sbin/mariadbd").exists()
    )


def _wait_for_mariadb(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    import pymysql

    end = time.monotonic() + 30
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
        except pymysql.err.OperationalError:
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError(log.read_text(errors="replace")[-2000:]) from None
            time.sleep(0.1)
        else:
            return


@dataclass
class Service:
    """A port community system: what it holds, what it was asked, how it misbehaves."""

    url: str = ""
    releases: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    busy: int = 0
    broken: int = 0
    retry_after: str = "0"
    delay: float = 0.0
    rubbish: bytes | None = None
    token: str | None = None
    page_size: int = 3
    drop_answers: int = 0


CONTRACT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Port community", "version": "1"},
    "paths": {
        "/releases": {
            "get": {
                "summary": "Release rights.",
                "parameters": [
                    {
                        "name": "container",
                        "in": "query",
                        "schema": {"type": "array", "items": {"type": "string"}},
                    },
                    {
                        "name": "release_id",
                        "in": "query",
                        "schema": {"type": "array", "items": {"type": "string"}},
                    },
                    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/ReleasePage"}}
                        }
                    }
                },
            },
            "post": {
                "operationId": "createRelease",
                "summary": "Grants a right.",
                "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["container"],
                                "properties": {
                                    "container": {"type": "string"},
                                    "party": {"type": "string"},
                                    "weight": {"type": "number"},
                                },
                            }
                        }
                    },
                },
                "responses": {"201": {"description": "Granted."}},
            },
        },
        "/releases/{release_id}": {
            "get": {
                "parameters": [
                    {"name": "release_id", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Release"}}}
                    }
                },
            }
        },
        "/releases/{release_id}/cancel": {
            "post": {
                "operationId": "cancelRelease",
                "parameters": [
                    {"name": "release_id", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {"200": {"description": "Cancelled."}},
            }
        },
        "/terminals/{terminal}/slots": {
            "get": {
                "parameters": [
                    {"name": "terminal", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {"name": "haulier", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "properties": {
                                            "id": {"type": "integer"},
                                            "haulier": {"type": "string"},
                                        },
                                    },
                                }
                            }
                        }
                    }
                },
            }
        },
        "/events": {"get": {"responses": {"200": {"description": "Untyped, paged by Link."}}}},
        "/moved": {"get": {"responses": {"200": {"description": "Moved on this host."}}}},
        "/away": {"get": {"responses": {"200": {"description": "Moved to another host."}}}},
        "/circle": {
            "get": {
                "parameters": [{"name": "cursor", "in": "query", "schema": {"type": "string"}}],
                "responses": {"200": {"description": "Its cursor never ends."}},
            }
        },
    },
    "components": {
        "schemas": {
            "Release": {
                "type": "object",
                "required": ["release_id"],
                "properties": {
                    "release_id": {"type": "string", "description": "Right."},
                    "container": {"type": "string"},
                    "weight": {"type": "number"},
                    "holder": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "eori": {"type": ["string", "null"]}},
                    },
                    "hops": {"type": "array", "items": {"type": "object"}},
                },
            },
            "ReleasePage": {
                "type": "object",
                "properties": {
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Release"}},
                    "next_cursor": {"type": ["string", "null"]},
                },
            },
        }
    },
}


def make_releases(n: int) -> list[dict[str, Any]]:
    return [
        {
            "release_id": f"R{i:03d}",
            "container": f"MSKU{i:07d}",
            "weight": 12000.5 + i,
            "holder": {"name": "Spedition Müller", "eori": None},
            "hops": [{"party": "carrier"}, {"party": "forwarder"}],
        }
        for i in range(n)
    ]


class Rest:
    """The service's paths; each says in ``Service.calls`` that it was asked."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def guarded(self, answer: Any) -> Any:
        service = self.service

        async def handler(request: Request) -> Response:
            service.calls.append(f"{request.method} {request.url.path}?{request.url.query}")
            if service.delay:
                await asyncio.sleep(service.delay)
            if service.token and request.headers.get("authorization") != service.token:
                return JSONResponse({"title": "who are you"}, 401)
            if service.busy:
                service.busy -= 1
                return JSONResponse({"title": "busy"}, 429, {"Retry-After": service.retry_after})
            if service.broken:
                service.broken -= 1
                return JSONResponse({"title": "broken"}, 500)
            if service.rubbish is not None:
                return Response(service.rubbish, media_type="application/json")
            return await answer(request)

        return handler

    async def contract(self, _: Request) -> Response:
        return JSONResponse(CONTRACT)

    async def releases(self, request: Request) -> Response:
        found = self.service.releases
        for name in ("container", "release_id"):
            wanted = request.query_params.getlist(name)
            found = [item for item in found if not wanted or item[name] in wanted]
        start = int(base64.b64decode(request.query_params.get("cursor", "")) or b"0")
        end = start + self.service.page_size
        following = base64.b64encode(str(end).encode()).decode() if end < len(found) else None
        return JSONResponse({"items": found[start:end], "next_cursor": following})

    async def release(self, request: Request) -> Response:
        wanted = request.path_params["release_id"]
        for item in self.service.releases:
            if item["release_id"] == wanted:
                return JSONResponse(item, headers={"ETag": f'"{wanted}-{len(json.dumps(item))}"'})
        return JSONResponse({"title": "no such right"}, 404)

    async def create(self, request: Request) -> Response:
        service, body = self.service, await request.json()
        key = request.headers["idempotency-key"]
        if key not in service.answers:
            if body["container"] == "REFUSED":
                return JSONResponse({"title": "APERAK", "errors": ["12"]}, 422)
            service.posts.append((key, body))
            service.answers[key] = (201, {"release_id": f"N{len(service.posts)}", **body})
        await self.perhaps_never()
        status, answer = service.answers[key]
        return JSONResponse(answer, status, {"Location": f"/releases/{answer['release_id']}"})

    async def cancel(self, request: Request) -> Response:
        self.service.posts.append((request.headers["idempotency-key"], dict(request.path_params)))
        await self.perhaps_never()
        return JSONResponse({"state": "cancelled"})

    async def perhaps_never(self) -> None:
        if self.service.drop_answers:
            self.service.drop_answers -= 1
            await asyncio.sleep(60)

    async def slots(self, request: Request) -> Response:
        service, terminal = self.service, request.path_params["terminal"]
        found = [item for item in service.slots if item["terminal"] == terminal]
        haulier = request.query_params.get("haulier")
        found = [item for item in found if haulier is None or item["haulier"] == haulier]
        page = int(request.query_params.get("page", "1"))
        return JSONResponse(found[(page - 1) * service.page_size : page * service.page_size])

    async def events(self, request: Request) -> Response:
        page = int(request.query_params.get("p", "0"))
        headers = {"Link": f'<{request.url.path}?p={page + 1}>; rel="next"'} if page < 2 else {}
        return JSONResponse([{"id": page * 2 + i, "what": "gate-out"} for i in range(2)], headers=headers)

    async def moved(self, _: Request) -> Response:
        return RedirectResponse("/api/events")

    async def away(self, _: Request) -> Response:
        return RedirectResponse("http://localhost:1/stolen")

    async def circle(self, _: Request) -> Response:
        return JSONResponse({"items": [{"id": 1}], "next_cursor": "again"})

    async def token(self, request: Request) -> Response:
        if "client_secret=right" not in (await request.body()).decode():
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": "granted", "expires_in": 3600})

    def application(self) -> Starlette:
        reads = {
            "/releases": self.releases,
            "/releases/{release_id}": self.release,
            "/terminals/{terminal}/slots": self.slots,
            "/events": self.events,
            "/moved": self.moved,
            "/away": self.away,
            "/circle": self.circle,
        }
        writes = {"/releases": self.create, "/releases/{release_id}/cancel": self.cancel}
        routes = [Route(f"/api{path}", self.guarded(answer)) for path, answer in reads.items()]
        routes += [
            Route(f"/api{path}", self.guarded(answer), methods=["POST"]) for path, answer in writes.items()
        ]
        routes.append(Route("/api/openapi.json", self.contract))
        routes.append(Route("/oauth/token", self.token, methods=["POST"]))
        return Starlette(routes=routes)


@contextmanager
def served(service: Service) -> Iterator[Service]:
    """The service on uvicorn, in a thread, on a port of its own."""
    import uvicorn

    config = uvicorn.Config(
        Rest(service).application(), host="127.0.0.1", port=0, log_level="critical", ws="none",
        lifespan="off", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    service.url = f"http://127.0.0.1:{port}/api"
    try:
        yield service
    finally:
        server.should_exit = True
        thread.join(10)
