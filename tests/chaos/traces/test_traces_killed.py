"""``kill -9`` of the server right after it has acknowledged: every acknowledged span is in the database."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from pilothouse.api.testing import PROJECT

pytestmark = pytest.mark.chaos
BEGAN = 1_700_000_000_000_000_000


@contextmanager
def serving(folder: Path, environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    server = subprocess.Popen(
        [sys.executable, "-m", "pilothouse", "serve", "--port", "0", "--json", "--project", str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = ""
        while not said.rstrip().endswith("}"):
            line = server.stdout.readline()
            assert line, "the server ended"
            said += line
        yield json.loads(said)["url"], server
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def key(folder: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "pilothouse"]
    where = ["--project", str(folder), "--json"]
    add = [*command, "accounts", "add", "bot", "--kind", "service", "--right", "traces:write", *where]
    subprocess.run(add, env=environment, check=True, capture_output=True)
    make = [*command, "keys", "make", "bot", "--scope", "traces:write", *where]
    made = subprocess.run(make, env=environment, check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


def sender(url: str, key: str, number: int, acknowledged: list[str], lock: threading.Lock) -> None:
    """Send batches until the server is gone; note what it acknowledged."""
    draw = random.Random(number)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=10) as client, suppress(httpx.TransportError):
        while True:
            ids = [f"{draw.getrandbits(63) + 1:016x}" for _ in range(draw.choice((1, 3, 200)))]
            spans = [
                {"traceId": f"{number + 1:032x}", "spanId": id, "name": "s", "startTimeUnixNano": str(BEGAN)}
                for id in ids
            ]
            body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
            answer = client.post("/v1/traces", json=body)
            if answer.status_code == 200:
                assert "partialSuccess" not in answer.json()
                with lock:
                    acknowledged += ids


@pytest.mark.timeout(300)
def test_what_was_acknowledged_is_there(tmp_path: Path, database_url: str) -> None:
    environment = {**os.environ, "PILOTHOUSE_DATABASE_URL": database_url, "HOME": str(tmp_path)}
    (tmp_path / "pilothouse.toml").write_text(PROJECT)
    secret = key(tmp_path, environment)
    acknowledged: list[str] = []
    lock = threading.Lock()
    draw = random.Random(7)
    for round_ in range(4):
        with serving(tmp_path, environment) as (url, server):
            threads = [
                threading.Thread(target=sender, args=(url, secret, 10 * round_ + n, acknowledged, lock))
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            began = len(acknowledged)
            until = time.monotonic() + 30
            # Until enough came through, then at any moment.
            while len(acknowledged) < began + draw.randint(50, 2000) and time.monotonic() < until:
                time.sleep(0.001)
            os.kill(server.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    with psycopg.connect(database_url) as link:
        rows = link.execute("select id from traces_span").fetchall()
    stored = {f"{row[0] % (1 << 64):016x}" for row in rows}
    assert len(acknowledged) > 500
    assert not set(acknowledged) - stored
