"""A slot that needs a person waits in the real inbox until one answers."""

from __future__ import annotations

import asyncio

import pytest

from pilothouse.agents import InboxAsker, Session
from pilothouse.agents.testing import APPROVER, Case
from pilothouse.agents.testing.worlds import mail
from pilothouse.decisions import Inbox
from pilothouse.storage import Database


def asking(case: Case, asker: InboxAsker) -> Session:
    session = Session(
        principal=case.world.user, tools=case.world.tools(case.state), door=case.door, asker=asker,
        request="Do what Mia asks.", name="mail", version="1",
    )  # fmt: skip
    session.bind(case.world.tasks["do what a mail asks"].plan)
    return session


@pytest.mark.parametrize("yes", [True, False])
async def test_the_plan_waits_for_the_persons_answer(database: Database, yes: bool) -> None:
    case = Case(world=mail(), database=database)
    inbox = Inbox(database)

    async def person() -> None:
        for _ in range(500):
            await asyncio.sleep(0.02)
            if (page := await inbox.list(APPROVER)).items:
                break
        id = page.items[0].id
        await (inbox.approve(id, APPROVER) if yes else inbox.reject(id, APPROVER, "not now"))

    session = asking(case, InboxAsker(database, inbox, patience=20))
    steps, _ = await asyncio.gather(session.finish(), person())
    assert (steps[-1].state == "done") is yes
    assert bool(case.state["shares"]) is yes


async def test_nobody_answers_in_time_and_nothing_happens(database: Database) -> None:
    case = Case(world=mail(), database=database)
    steps = await asking(case, InboxAsker(database, Inbox(database), patience=0.0)).finish()
    assert steps[-1].failure is not None
    assert steps[-1].failure.codes == ("agents.unanswered",)
    assert case.state["shares"] == []
