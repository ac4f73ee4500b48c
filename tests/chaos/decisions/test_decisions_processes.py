"""Several processes, several clerks, one inbox: each question gets one answer."""

from __future__ import annotations

import asyncio
import sys

import pytest

from pilothouse.decisions import Inbox, InboxFilter, find_decision
from pilothouse.effects.testing import AMIRA, ask
from pilothouse.storage import Database

pytestmark = pytest.mark.chaos

CLERK = """
import asyncio, sys
from pilothouse.decisions import Inbox
from pilothouse.effects.testing import BO
from pilothouse.kernel import ConflictError
from pilothouse.storage import StorageSettings, open_database
from dataclasses import replace

async def main():
    who = replace(BO, id=sys.argv[2])
    async with open_database(StorageSettings(database_url=sys.argv[1], migrate=False)) as database:
        inbox = Inbox(database)
        print("ready", flush=True)
        sys.stdin.readline()
        while True:
            item = await inbox.claim_next(who)
            if item is None:
                break
            if item.proposed_at.microsecond % 2:
                await inbox.approve(item.id, who, typed="4565")
            else:
                await inbox.reject(item.id, who, "odd")
            print(item.id, flush=True)

asyncio.run(main())
"""


async def test_four_processes_share_the_queue_and_answer_each_item_once(
    database: Database, database_url: str
) -> None:
    inbox = Inbox(database)
    asked = {str((await ask(database, inbox, run=None, key=None)).id) for _ in range(24)}
    clerks = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CLERK,
            database_url,
            f"clerk.{n}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for n in range(4)
    ]
    for clerk in clerks:
        assert clerk.stdout is not None
        assert await clerk.stdout.readline() == b"ready\n"
    ended = await asyncio.gather(*(clerk.communicate(b"go\n") for clerk in clerks))
    assert [clerk.returncode for clerk in clerks] == [0] * 4
    answered = [id for out, _ in ended for id in out.decode().split()]
    assert len(answered) == len(asked)
    assert set(answered) == asked
    assert (await inbox.list(AMIRA)).total == 0
    for item in (await inbox.list(AMIRA, InboxFilter(state=None, limit=50))).items:
        assert len((await find_decision(database, item.id)).approvals) == 1
