"""Owns the REST services as one application: each system under its own prefix, with its own manners."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pilothouse_port.world.systems.servers.rights import Rights

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

__all__ = ["application"]

_RETRY_AFTER: Final = "1"


@dataclass(slots=True, kw_only=True)
class _Service:
    """One system: its declaration, its rights and how many reads it has answered."""

    name: str
    content: dict[str, Any]
    contract: dict[str, Any]
    down: Path
    rights: dict[str, Rights] = field(default_factory=dict[str, Rights])
    reads: int = 0

    def refuses(self) -> JSONResponse | None:
        """Every n-th read is one too many; a service that was taken down answers 503."""
        from starlette.responses import JSONResponse

        if self.down.exists():
            return JSONResponse({"title": "maintenance"}, 503, {"Retry-After": "30"})
        self.reads += 1
        nth = int(self.content["every_nth_429"])
        if nth and self.reads % nth == 0:
            return JSONResponse({"title": "too many requests"}, 429, {"Retry-After": _RETRY_AFTER})
        return None

    def rows(self, resource: str) -> list[dict[str, Any]]:
        """What the resource holds now."""
        rights = self.rights.get(resource)
        return rights.rows() if rights else self.content["resources"][resource]["rows"]


def application(systems: dict[str, Path], run: Path, *, zones: dict[str, str] | None = None) -> Starlette:
    """Build the application.

    Args:
        systems: Name to folder with ``service.json`` and ``openapi.json``.
        run: Where services keep what they were told.
        zones: Name to time zone.
    """
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    routes: list[Mount | Route] = [Route("/healthz", _healthy(PlainTextResponse))]
    for name, folder in systems.items():
        service = _service(name, folder, run, (zones or {}).get(name, "UTC"))
        prefix = f"/{name}{service.content['base_path'].rstrip('/')}"
        routes.append(Mount(prefix, routes=_routes(service)))
    return Starlette(routes=routes)


def _healthy(response: Callable[[str], Any]) -> Callable[[Request], Any]:
    async def healthy(request: Request) -> Any:
        return response("ok")

    return healthy


def _service(name: str, folder: Path, run: Path, zone: str) -> _Service:
    service = _Service(
        name=name,
        content=json.loads((folder / "service.json").read_text(encoding="utf-8")),
        contract=json.loads((folder / "openapi.json").read_text(encoding="utf-8")),
        down=run / f"{name}.down",
    )
    for resource, held in service.content["resources"].items():
        if held["writes"]:
            service.rights[resource] = Rights(
                run / f"{name}.{resource}.sqlite",
                rows=held["rows"],
                writes=held["writes"],
                now=lambda: datetime.now(ZoneInfo(zone)).replace(tzinfo=None),
            )
    return service


def _routes(service: _Service) -> list[Route]:
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def contract(request: Request) -> JSONResponse:
        server = {"url": str(request.base_url).rstrip("/")}
        return JSONResponse({**service.contract, "servers": [server]})

    routes = [Route("/openapi.json", contract)]
    for resource, held in service.content["resources"].items():
        routes.append(Route(f"/{resource}", _lists(service, resource), methods=["GET"]))
        if held["key"]:
            routes.append(Route(f"/{resource}/{{key}}", _gets(service, resource), methods=["GET"]))
        if held["writes"]:
            rights = service.rights[resource]
            routes.append(Route(f"/{resource}", _creates(service, rights), methods=["POST"]))
            routes.append(Route(f"/{resource}/{{key}}/cancel", _cancels(service, rights), methods=["POST"]))
    return routes


def _lists(service: _Service, resource: str) -> Callable[[Request], Any]:
    from starlette.responses import JSONResponse

    held = service.content["resources"][resource]

    async def lists(request: Request) -> JSONResponse:
        refusal = service.refuses()
        if refusal is not None:
            return refusal
        try:
            rows = _filtered(request, held["filters"], service.rows(resource))
            if service.content["paging"] != "cursor":
                return JSONResponse(rows)
            return JSONResponse(_page(request, rows, size=int(service.content["page_size"])))
        except ValueError as error:
            return JSONResponse({"title": "bad request", "detail": str(error)}, 400)

    return lists


def _filtered(request: Request, filters: list[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for name in dict.fromkeys(request.query_params.keys()):
        if name in {"limit", "cursor"}:
            continue
        if name not in filters:
            raise ValueError(f"no parameter {name!r}; known are {', '.join(filters) or 'none'}")
        wanted = {part for value in request.query_params.getlist(name) for part in value.split(",")}
        rows = [row for row in rows if _plain(row.get(name)) in wanted]
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _page(request: Request, rows: list[dict[str, Any]], *, size: int) -> dict[str, Any]:
    asked = request.query_params.get("limit", str(size))
    if not asked.isdigit() or asked == "0":
        raise ValueError(f"limit {asked!r} is not a number above 0")
    start = _decoded(request.query_params.get("cursor"))
    end = start + min(int(asked), size)
    return {"items": rows[start:end], "next_cursor": _encoded(end) if end < len(rows) else None}


def _encoded(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o:{offset}".encode()).decode().rstrip("=")


def _decoded(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().removeprefix("o:"))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"cursor {cursor!r} is not ours") from error


def _gets(service: _Service, resource: str) -> Callable[[Request], Any]:
    from starlette.responses import JSONResponse

    key = service.content["resources"][resource]["key"][0]

    async def gets(request: Request) -> JSONResponse:
        refusal = service.refuses()
        if refusal is not None:
            return refusal
        wanted = request.path_params["key"]
        found = next((row for row in service.rows(resource) if _plain(row.get(key)) == wanted), None)
        return JSONResponse(found) if found else JSONResponse({"title": "not found"}, 404)

    return gets


def _creates(service: _Service, rights: Rights) -> Callable[[Request], Any]:
    async def creates(request: Request) -> Any:
        try:
            body = await request.json()
        except ValueError:
            body = None
        return _written(
            service,
            request,
            None if not isinstance(body, dict) else lambda key: rights.create(body, key=key),  # pyright: ignore[reportUnknownArgumentType,reportUnknownLambdaType] - JSON
        )

    return creates


def _cancels(service: _Service, rights: Rights) -> Callable[[Request], Any]:
    async def cancels(request: Request) -> Any:
        return _written(service, request, lambda key: rights.cancel(request.path_params["key"], key=key))

    return cancels


def _written(service: _Service, request: Request, act: Callable[[str], Any] | None) -> JSONResponse:
    from starlette.responses import JSONResponse

    if service.down.exists():
        return JSONResponse({"title": "maintenance"}, 503, {"Retry-After": "30"})
    key = request.headers.get("idempotency-key", "")
    if not key or act is None:
        what = "header Idempotency-Key is required" if not key else "the body must be a JSON object"
        return JSONResponse({"title": "bad request", "detail": what}, 400)
    answer = act(key)
    return JSONResponse(answer.body, answer.status)
