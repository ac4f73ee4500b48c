"""ASI09: a person is shown what would really happen, and their yes is good for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pilothouse.agents import Session
from pilothouse.agents.testing import APPROVER, Case
from pilothouse.decisions import Answer, Proposal
from pilothouse.effects import EffectRequest, Outcome
from pilothouse.kernel import PilothouseError
from pilothouse.labels import Integrity

Open = Callable[..., Case]


@dataclass
class Wrapped:
    """A door that remembers what came by, so that it can be tried again."""

    case: Case
    seen: list[EffectRequest] = field(default_factory=list[EffectRequest])

    async def perform(self, request: EffectRequest) -> Outcome:
        self.seen.append(request)
        return await self.case.door.perform(request)


async def approved(case: Case, name: str = "do what a mail asks") -> list[EffectRequest]:
    """Run a task that asks, and return its calls."""
    door = Wrapped(case)
    task = case.world.tasks[name]
    here = Session(
        principal=case.world.user, tools=case.world.tools(case.state), door=door, asker=case.asker,
        name="mail", version="1",
    )  # fmt: skip
    here.bind(task.plan)
    assert (await here.finish())[-1].state == "done"
    return door.seen


async def test_a_question_says_why_it_is_asked_and_how_far_each_value_may_be_trusted(open_case: Open) -> None:
    case = open_case()
    shown: list[Proposal] = []

    class Looks:
        async def ask(self, proposal: Proposal) -> Answer:
            async with case.database.transaction() as tx:
                await case.asker.inbox.propose(tx, proposal)
            view = await case.asker.inbox.show(proposal.id, APPROVER)
            shown.append(view.proposal)
            return await case.asker.inbox.reject(proposal.id, APPROVER, "no")

    task = case.world.tasks["do what a mail asks"]
    here = Session(
        principal=case.world.user, tools=case.world.tools(case.state), door=case.door, asker=Looks(),
        request=task.request, name="mail", version="1",
    )  # fmt: skip
    here.bind(task.plan)
    await here.finish()
    assert shown[0].asks == ("sink.steering:name", "sink.steering:who", "sink.secrecy:user:ria")
    assert shown[0].labels["who"].integrity is Integrity.UNTRUSTED
    assert shown[0].summary == task.request
    assert shown[0].preview["args"] == {"name": "budget.csv", "who": "sam@harbour.example"}
    assert case.state["shares"] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"args": {"name": "handbook.md", "who": "sam@harbour.example"}},
        {"args": {"name": "budget.csv", "who": "eve@evil.example"}},
        {"tool": "trash_mail", "args": {"id": "m1"}},
        {"workflow_version": "2"},
        {},
    ],
)
async def test_a_yes_that_was_used_opens_nothing_more(open_case: Open, changed: dict[str, Any]) -> None:
    case = open_case()
    used = (await approved(case))[-1]
    labels = dict.fromkeys(changed.get("args", used.args), used.pc)
    again = replace(used, effect_id="again", labels=labels, **changed)
    before = len(case.state["shares"])
    with pytest.raises(PilothouseError):
        await case.door.perform(again)
    assert len(case.state["shares"]) == before
    assert case.state["trash"] == []


async def test_a_yes_for_one_call_is_none_for_another_before_it_is_used(open_case: Open) -> None:
    case = open_case()

    class Swapped:
        """Someone changes the call between yes and effect."""

        async def perform(self, request: EffectRequest) -> Outcome:
            if request.approval is not None:
                request = replace(request, args={**request.args, "who": "eve@evil.example"})
            return await case.door.perform(request)

    task = case.world.tasks["do what a mail asks"]
    here = Session(
        principal=case.world.user, tools=case.world.tools(case.state), door=Swapped(), asker=case.asker,
        name="mail", version="1",
    )  # fmt: skip
    here.bind(task.plan)
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes == ("decisions.void",)
    assert case.state["shares"] == []


async def test_what_was_rejected_is_not_asked_again(open_case: Open) -> None:
    case = open_case(expected=frozenset())
    task = case.world.tasks["do what a mail asks"]
    here = case.session(task, worst=False)
    here.bind(task.plan)
    await here.finish()
    assert await here.advance() is None
    assert len(case.asker.asked) == 1
