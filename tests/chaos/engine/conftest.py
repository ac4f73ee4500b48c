"""Processes that run durable workflows and can be killed, frozen and asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from chaos_worker import catalog

from pilothouse.engine import Engine, open_engine
from pilothouse.storage import Database

SCRIPT = Path(__file__).with_name("chaos_worker.py")
TABLES = """
create table chaos_body (key text not null, pid int not null);
create table chaos_sink (key text primary key);
create table chaos_park (run text not null);
"""


class Worker:
    """One process; killed for sure at the end of the test."""

    def __init__(self, url: str, *more: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PILOTHOUSE_", "DBOS"))}
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), url, *more], stdout=subprocess.PIPE, env=environment
        )
        self.owner = ""

    async def ready(self) -> Worker:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 60)
        self.owner = json.loads(line)["owner"]
        return self

    def send(self, signum: int) -> None:
        self.process.send_signal(signum)

    async def gone(self, within: float = 60) -> int:
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), within)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def spawn(database_url: str) -> Iterator[object]:
    workers: list[Worker] = []

    def start(*more: str) -> Worker:
        workers.append(Worker(database_url, *more))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Engine]:
    """An engine that only starts, answers and reads."""
    for statement in TABLES.strip().split(";\n"):
        await database.execute(statement.rstrip(";"))
    async with open_engine(database, catalog=catalog(), work=False) as engine:
        yield engine
