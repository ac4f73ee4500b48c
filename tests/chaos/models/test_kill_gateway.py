"""A process that calls models is killed: its attempts are lost, its budgets settled, nothing leaks."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from decimal import Decimal

import pytest

from pilothouse.models import BudgetRule, Budgets, ModelsSettings, PostgresKeeper
from pilothouse.models.testing import Reply, scripted_server
from pilothouse.storage import Database

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]
WRITER = """
import asyncio, contextlib, sys
from decimal import Decimal
from pilothouse.kernel import PilothouseError
from pilothouse.models import *
from pilothouse.models.testing import asking
from pilothouse.storage import StorageSettings, open_database

async def main(url, server, most):
    async with open_database(StorageSettings(database_url=url, migrate=False)) as database:
        rules = (BudgetRule(scope="project", unit="tokens", most=Decimal(most)),)
        budgets, settings = Budgets(database, rules), ModelsSettings(lease_grace=0)
        keeper = PostgresKeeper(database, budgets=budgets, settings=settings)
        provider = Provider(name="one", model="scripted", url=server)
        gateway = Gateway([OpenAIBackend(provider)], [Route(task="chat", use=("one",))], keeper=keeper)

        async def one(n):
            for m in range(1000):
                with contextlib.suppress(PilothouseError):
                    await gateway.chat(asking(f"{n} {m}", limits=Limits(output_tokens=400, seconds=2)))
                await asyncio.sleep(0.01)

        print("ready", flush=True)
        await asyncio.gather(*(one(n) for n in range(20)))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_writers_leave_no_reservation_and_never_go_over(
    database: Database, database_url: str
) -> None:
    lot = random.Random(5)
    limits = Budgets(database, (BudgetRule(scope="project", unit="tokens", most=Decimal(6000)),))
    keeper = PostgresKeeper(database, budgets=limits, settings=ModelsSettings(lease_grace=0))
    async with scripted_server(lambda _: Reply(text="fine", delay=lot.uniform(0, 0.3))) as server:
        for most in ("6000", "12000"):  # what the first loses by its death may be all it was given
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-c", WRITER, database_url, server.url, most], stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            await asyncio.to_thread(process.stdout.readline)
            sent = len(server.requests)
            async with asyncio.timeout(60):
                while len(server.requests) < sent + 5:
                    for state in await limits.states():
                        assert state.reserved + state.used <= state.most
                    await asyncio.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            process.stdout.close()
    async with asyncio.timeout(30):
        while await database.fetch_value("select count(*) from models_call where outcome = 'open'"):
            await keeper.sweep()
            await asyncio.sleep(0.2)
    [state] = await limits.states()
    assert state.reserved == 0
    assert state.used <= state.most
    assert state.lost > 0
    assert await database.fetch_value("select count(*) from models_reservation") == 0
