"""Spans stored per CPU-second over OTLP: ours against Arize Phoenix, server and database together.

Run: python bench/traces_ingest.py [--spans N] [--peer VENV] [--peer-spans N]

VENV is a virtual environment with ``arize-phoenix`` (``uv venv VENV; uv pip install -p VENV arize-phoenix``);
without it ours runs alone and the peer is said to be absent. Both get the very same kind of requests:
protobuf, 512 spans each (the public exporter's default), four connections, spans of agent runs with the
attributes that the GenAI conventions name. *Ours* answers 200 once the spans are committed to PostgreSQL with
fsync on. *Peer* answers 200 once they are queued; it is run twice, over its own default (SQLite) and over a
PostgreSQL of the same build as ours, and is waited for until every span is in its table.
CPU is user and system time of every process of the server and of its database, also of those that ended;
the sender's is not counted, nor are start and stop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

EACH = 512
CONNECTIONS = 4
PROTOBUF = {"Content-Type": "application/x-protobuf"}
PROJECT = """
[project]
name = "bench"
operator = "owner"

[principals.owner]
rights = ["*"]
"""


@dataclass(frozen=True)
class Target:
    """One running collector.

    Attributes:
        folder: Its files; also how its database's processes are known.
        stored: Counts its spans.
    """

    name: str
    url: str
    headers: dict[str, str]
    process: subprocess.Popen[str]
    folder: Path
    stored: Callable[[], int]


def requests(spans: int) -> list[bytes]:
    """Return export requests of agent runs: per trace one agent span with model calls and tools inside."""
    bodies: list[bytes] = []
    began = time.time_ns()
    for _ in range(spans // EACH):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        _set(resource.resource.attributes, {"service.name": "bench", "service.version": "1.0"})
        scope = resource.scope_spans.add()
        scope.scope.name = "bench.agent"
        trace, root = b"", b""
        for number in range(EACH):
            if number % 8 == 0:
                trace, root = secrets.token_bytes(16), secrets.token_bytes(8)
            span = scope.spans.add(
                trace_id=trace,
                span_id=root if number % 8 == 0 else secrets.token_bytes(8),
                name=("invoke_agent", "chat", "execute_tool")[0 if number % 8 == 0 else 1 + number % 2],
                kind=1 if number % 8 == 0 else 3,
                start_time_unix_nano=began + number,
                end_time_unix_nano=began + number + 1_500_000,
            )
            if number % 8:
                span.parent_span_id = root
            _set(span.attributes, _attributes(number))
        bodies.append(request.SerializeToString())
    return bodies


def _attributes(number: int) -> dict[str, str | int | float]:
    return {
        "gen_ai.operation.name": ("invoke_agent", "chat", "execute_tool")[number % 3],
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "smol-360m-instruct",
        "gen_ai.response.model": "smol-360m-instruct",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.usage.input_tokens": 812 + number,
        "gen_ai.usage.output_tokens": 64 + number % 50,
        "gen_ai.agent.name": "claims-reader",
        "server.address": "127.0.0.1",
        "server.port": 8787,
    }


def _set(into, values) -> None:  # type: ignore[no-untyped-def]
    for name, value in values.items():
        item = into.add(key=name)
        if isinstance(value, str):
            item.value.string_value = value
        elif isinstance(value, int):
            item.value.int_value = value
        else:
            item.value.double_value = value


def cpu(target: Target) -> float:
    """Return the CPU seconds of the server's processes so far, those that ended included."""
    total = 0.0
    for process in _processes(target):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _processes(target: Target) -> set[psutil.Process]:
    found = {psutil.Process(target.process.pid)}
    found |= set(psutil.Process(target.process.pid).children(recursive=True))
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if str(target.folder) in " ".join(process.cmdline()):
                found |= {process, *process.children(recursive=True)}
    return found - {psutil.Process()}


async def send(target: Target, bodies: list[bytes]) -> None:
    """Send every request over a few connections; each must be answered 200."""
    left = list(bodies)

    async def connection() -> None:
        async with httpx.AsyncClient(timeout=120) as client:
            while left:
                body = left.pop()
                answer = await client.post(
                    f"{target.url}/v1/traces", content=body, headers={**PROTOBUF, **target.headers}
                )
                assert answer.status_code == 200, (answer.status_code, answer.text[:300])

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def measure(target: Target, spans: int) -> tuple[float, float]:
    """Return spans stored per CPU-second and per second; the first tenth warms up."""
    asyncio.run(send(target, requests(max(EACH, spans // 10))))
    _wait(target, 0, max(EACH, spans // 10) // EACH * EACH)
    bodies = requests(spans)
    before, began, used = target.stored(), time.monotonic(), cpu(target)
    asyncio.run(send(target, bodies))
    _wait(target, before, len(bodies) * EACH)
    took, used = time.monotonic() - began, cpu(target) - used
    print(f"  {target.name}: {used:.1f} CPU-seconds in {len(_processes(target))} processes", flush=True)
    stored = target.stored() - before
    assert stored == len(bodies) * EACH, f"{target.name} stored {stored} of {len(bodies) * EACH}"
    return stored / used, stored / took


def _wait(target: Target, before: int, wanted: int) -> None:
    until = time.monotonic() + 600
    while target.stored() - before < wanted:
        assert time.monotonic() < until, f"{target.name} did not store everything in ten minutes"
        time.sleep(1.0)


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[Target]:
    """Run our server over its embedded PostgreSQL with fsync on."""
    import psycopg

    folder.mkdir()
    (folder / "pilothouse.toml").write_text(PROJECT)
    environment = {**os.environ, "PILOTHOUSE_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "pilothouse"]
    where = ["--project", str(folder), "--json"]
    server = subprocess.Popen(
        [*command, "serve", "--port", "0", *where], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        said = ""
        while not said.rstrip().endswith("}"):
            said += server.stdout.readline()
        key = _key(command, where, environment)
        from pilothouse.storage.embedded import EmbeddedServer

        database = EmbeddedServer(folder / "data")
        database.open()
        with psycopg.connect(database.url, autocommit=True) as link:

            def stored() -> int:
                row = link.execute("select count(*) from traces_span").fetchone()
                assert row is not None
                return int(row[0])

            yield Target("pilothouse", json.loads(said)["url"], {"Authorization": f"Bearer {key}"},
                         server, folder, stored)  # fmt: skip
        database.close()
    finally:
        server.terminate()
        server.wait(30)


def _key(command: list[str], where: list[str], environment: dict[str, str]) -> str:
    add = [*command, "accounts", "add", "bench", "--kind", "service", "--right", "traces:write", *where]
    subprocess.run(add, env=environment, check=True, capture_output=True)
    make = [*command, "keys", "make", "bench", "--scope", "traces:write", *where]
    made = subprocess.run(make, env=environment, check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


@contextlib.contextmanager
def phoenix(venv: Path, folder: Path, *, url: str = "") -> Iterator[Target]:
    """Run the peer over its SQLite, or over the PostgreSQL at ``url``."""
    folder.mkdir()
    ports = [_free(), _free()]
    environment = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(ports[0]),
        "PHOENIX_GRPC_PORT": str(ports[1]),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    if url:
        environment["PHOENIX_SQL_DATABASE_URL"] = url
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [str(venv / "bin" / "phoenix"), "serve"], env=environment, stdout=log, stderr=log, text=True
        )
    try:
        base = f"http://127.0.0.1:{ports[0]}"
        _answers(base, server, folder / "log")
        yield Target("phoenix", base, {}, server, folder, _counter(folder, url))
    finally:
        server.terminate()
        server.wait(60)


def _counter(folder: Path, url: str) -> Callable[[], int]:
    if url:
        import psycopg

        link = psycopg.connect(url, autocommit=True)

        def in_postgres() -> int:
            row = link.execute("select count(*) from spans").fetchone()
            assert row is not None
            return int(row[0])

        return in_postgres

    def in_sqlite() -> int:
        with contextlib.closing(sqlite3.connect(folder / "phoenix.db", timeout=60)) as link:
            return int(link.execute("select count(*) from spans").fetchone()[0])

    return in_sqlite


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(base: str, server: subprocess.Popen[str], log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{base}/healthz").status_code == 200:
                return
        time.sleep(0.5)
    raise SystemExit(f"phoenix did not start:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def phoenix_over_postgres(venv: Path, folder: Path) -> Iterator[Target]:
    """Run the peer over a PostgreSQL of our build, in a folder below its own, so that its CPU is counted."""
    from pilothouse.storage.embedded import EmbeddedServer

    database = EmbeddedServer(Path(f"{folder}-postgres"))
    database.open()
    try:
        with phoenix(venv, folder, url=database.url) as target:
            yield target
    finally:
        database.close()


def main() -> None:
    """Measure what is there and print ours, the peer's and the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=100_000, help="sent to ours")
    parser.add_argument("--peer-spans", type=int, default=20_000, help="sent to the peer, which is slower")
    parser.add_argument("--peer", type=Path, default=None)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-traces-"))
    folder.chmod(0o755)
    try:
        with ours(folder / "ours") as target:
            cost, speed = measure(target, given.spans)
        print(f"ours: {cost:,.0f} spans stored a CPU-second, {speed:,.0f} a second; acknowledged = committed")
        if given.peer is None or not (given.peer / "bin" / "phoenix").exists():
            print(f"peer: absent ({given.peer}); install arize-phoenix into a venv and give it as --peer")
            return
        for name, opened in (("SQLite", phoenix), ("PostgreSQL", phoenix_over_postgres)):
            with opened(given.peer, folder / f"phoenix-{name}") as target:
                peer, peer_speed = measure(target, given.peer_spans)
            print(
                f"peer: arize-phoenix over {name}: {peer:,.0f} a CPU-second, {peer_speed:,.0f} a second; "
                f"acknowledged = queued; ratio {cost / peer:.1f}"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
