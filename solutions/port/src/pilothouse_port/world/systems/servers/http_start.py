"""Owns starting the process that serves a world's REST systems; `serve` calls it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from pilothouse_port.world.systems.servers.process import (
    Server,
    free_port,
    noted_server,
    read_server,
    spawn,
    start,
    stop,
)

__all__ = ["NAME", "content_hash", "start_http"]

NAME: Final = "http"


def content_hash(files: Mapping[str, Path]) -> str:
    """One hash over the names and bytes of what a server serves."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name].read_bytes()).digest())
    return digest.hexdigest()


def start_http(folders: Mapping[str, Path], run: Path, zones: Mapping[str, str], owner: int | None) -> Server:
    """Start the one process of all REST systems, or leave it if it serves this content already."""
    import psutil

    content = content_hash({name: folder / "service.json" for name, folder in folders.items()})

    running = read_server(run, NAME)
    if running is not None and running.content == content and _answers(running):
        return running
    stop(run, NAME)
    noted = noted_server(run, NAME)

    def spawned() -> Server:
        port = free_port(wanted=noted.port if noted else None)
        plan = {
            "port": port,
            "run": str(run),
            "systems": {name: str(folder) for name, folder in folders.items()},
            "zones": zones,
            "owner": [owner, psutil.Process(owner).create_time()] if owner else None,
        }
        path = run / "http.plan.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        module = "pilothouse_port.world.systems.servers.http_server"
        return spawn(run, NAME, [sys.executable, "-m", module, str(path)], port=port, content=content)

    return start(run, spawned, _answers)


def _answers(server: Server) -> bool:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
