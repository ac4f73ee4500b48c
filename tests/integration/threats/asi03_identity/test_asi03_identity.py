"""ASI03: an agent may what its person and itself may both, and nobody approves their own wish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pilothouse.agents import Session, ToolFailure, plan, step
from pilothouse.agents.testing import Case
from pilothouse.agents.testing.worlds.mail.tools import RIA
from pilothouse.decisions import Answer, Proposal
from pilothouse.kernel import DeniedError, PilothouseError, Principal

Open = Callable[..., Case]


def session(case: Case, user: Principal, **more: object) -> Session:
    return Session(
        principal=user, tools=case.world.tools(case.state), door=case.door, name="mail", version="1",
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    "user",
    [
        replace(RIA, rights=frozenset()),
        replace(RIA, agent=Principal(id="reader", rights=frozenset({"effects:trash_mail"}))),
    ],
)
async def test_a_right_that_either_lacks_is_none(open_case: Open, user: Principal) -> None:
    case = open_case()
    failure = await session(case, user).call(
        "share_file", {"name": "budget.csv", "who": "sam@harbour.example"}
    )
    assert isinstance(failure, ToolFailure)
    assert failure.codes[0] == "policy.denied"
    assert case.state["shares"] == []


async def test_an_agent_that_may_not_read_for_the_person_gives_nothing_up(open_case: Open) -> None:
    """The confused deputy: what Ria may release herself, an agent without that ACL may not for her."""
    case = open_case(answering=False)
    task = case.world.tasks["forward a mail"]
    narrow = replace(RIA, agent=Principal(id="narrow", rights=frozenset({"effects:*"})))
    here = session(case, narrow, asker=case.asker)
    here.bind(task.plan)
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert "sink.secrecy:user:ria" in last.failure.codes
    assert case.state["sent"] == []


async def test_who_asked_may_not_approve(open_case: Open) -> None:
    case = open_case()

    class Oneself:
        async def ask(self, proposal: Proposal) -> Answer:
            inbox = case.asker.inbox
            async with case.database.transaction() as tx:
                await inbox.propose(tx, proposal)
            boss = replace(RIA, agent=None, rights=frozenset({"*"}))
            with pytest.raises((DeniedError, PilothouseError)) as caught:
                await inbox.approve(proposal.id, boss)
            assert caught.value.code == "decisions.self_approval"
            return await inbox.reject(proposal.id, boss, "not mine to approve")

    here = session(case, RIA, asker=Oneself(), reader=None)
    here.bind(case.world.tasks["do what a mail asks"].plan)
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes[0] == "agents.not_approved"
    assert case.state["shares"] == []


async def test_a_plan_gives_no_right(open_case: Open) -> None:
    case = open_case()
    here = session(case, replace(RIA, rights=frozenset()))
    here.bind(plan(step("t", "trash_mail", id="m1")))
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes[0] == "policy.denied"
