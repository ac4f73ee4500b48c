"""Owns the server: the routes of every part, the application, and running it until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pilothouse.api import openai, traces
from pilothouse.api.arrival import arriving_within
from pilothouse.api.endpoint import Endpoint
from pilothouse.api.guard import SecurityHeaders, guarded
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.api.settings import ApiSettings
    from pilothouse.app import Studio

__all__ = ["build_app", "endpoints", "serve", "serving"]

log = logging.getLogger(__name__)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _nowhere(request: Request) -> Response:
    raise UsageError(
        f"there is no {request.method} {request.url.path!r} here; see docs/reference/api.md",
        code="api.no_route",
    )


HEALTH = Endpoint(method="GET", path="/healthz", call=_healthy, open=True, traced=False)


def endpoints() -> tuple[Endpoint, ...]:
    """Return the routes of every part."""
    return (HEALTH, *openai.ENDPOINTS, *traces.ENDPOINTS)


def build_app(studio: Studio) -> Starlette:
    """Return the application over one open project; tests run it in their own server."""
    routes = [
        Route(one.path, guarded(one), methods=[one.method], name=f"{one.method} {one.path}")
        for one in endpoints()
    ]
    # Whoever is not signed in learns nothing, not even which paths exist.
    nowhere = Endpoint(method="*", path="/{path:path}", call=_nowhere)
    routes.append(Route("/{path:path}", guarded(nowhere), methods=METHODS))
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)])
    app.router.redirect_slashes = False
    app.state.studio = studio
    return app


async def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8787,
    work: bool = False,
    stop: asyncio.Event | None = None,
    started: Callable[[str], None] | None = None,
    settings: ApiSettings | None = None,
) -> None:
    """Open the project at or above ``folder`` and serve it until ``stop`` is set.

    Args:
        folder: Where to look for the project file.
        host: Address to listen on; beyond this machine put a proxy with TLS before it.
        port: 0 takes a free one.
        work: Also run segments, timers and the sweeper here, as ``pilothouse up`` does.
        stop: Ends the server, then the project; running requests get the settings' grace.
        started: Is told the URL once requests are taken.
        settings: Limits of the server.

    Raises:
        UsageError: ``api.address``: the address is taken or is not this machine's.
    """
    from pilothouse.app import open_studio

    async with (
        open_studio(folder, work=work, serve=True) as studio,
        serving(studio, host=host, port=port, settings=settings) as url,
    ):
        if started is not None:
            started(url)
        await (stop or asyncio.Event()).wait()


@contextlib.asynccontextmanager
async def serving(
    studio: Studio, *, host: str, port: int, settings: ApiSettings | None = None
) -> AsyncGenerator[str]:
    """Serve an open project while the block runs and yield its URL; see :func:`serve`."""
    from pilothouse.api.settings import ApiSettings

    chosen = settings or ApiSettings()
    config = uvicorn.Config(
        build_app(studio), host=host, port=port, lifespan="off", ws="none", log_config=None, access_log=False,
        http=arriving_within(chosen.arrival),
        server_header=False, proxy_headers=False, limit_concurrency=chosen.concurrency,
        backlog=chosen.backlog, timeout_keep_alive=max(1, round(chosen.keep_alive)),
        timeout_graceful_shutdown=round(chosen.grace),
    )  # fmt: skip
    listening = _bound(config)
    server = _Server(config)
    try:
        # Whoever is told the URL may come at once.
        listening.listen(chosen.backlog)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        name, number = listening.getsockname()[:2]
        try:
            yield f"http://{f'[{name}]' if ':' in name else name}:{number}"
        finally:
            server.should_exit = True
            await task
    finally:
        listening.close()


class _Server(uvicorn.Server):
    """A server that leaves the signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take none: the command line sets the event that stops us."""
        yield


def _bound(config: uvicorn.Config):  # The type is the library's: nothing here dials.
    try:
        return config.bind_socket()
    except SystemExit as error:
        raise UsageError(
            f"{config.host}:{config.port} cannot be listened on: it is taken, or is not an address of this "
            "machine; give another --host or --port",
            code="api.address",
        ) from error
