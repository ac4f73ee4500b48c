"""ASI10: one switch stops an agent version, a tool or everything, at once and also inside a plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pilothouse.agents import From, Item, plan, step
from pilothouse.agents.testing import OWNER, Case, Task
from pilothouse.effects import Door

Open = Callable[..., Case]
NOTHING = Task(name="t", request="r", plan=plan(), done=lambda state: True)


@pytest.mark.parametrize("scope", ["*", "trash_mail", "agent:mail@1", "agent:office-agent"])
async def test_after_the_switch_nothing_starts(open_case: Open, scope: str) -> None:
    case = open_case()
    assert isinstance(case.door, Door)
    here = case.session(NOTHING, worst=False)
    here.bind(plan(step("a", "trash_mail", id="m1"), step("b", "trash_mail", id="m2")))
    first = await here.advance()
    assert first is not None
    assert first.state == "done"
    await case.door.halt(OWNER, "it behaves oddly", scope=scope)
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes == ("effects.halted",)
    assert case.state["trash"] == ["m1"]


async def test_another_agent_goes_on(open_case: Open) -> None:
    case = open_case()
    assert isinstance(case.door, Door)
    await case.door.halt(OWNER, "it behaves oddly", scope="agent:other@7")
    here = case.session(NOTHING, worst=False)
    here.bind(plan(step("all", "inbox"), step("gone", "trash_mail", each=From("all"), id=Item("id"))))
    assert [one.state for one in await here.finish()] == ["done", "done"]
    assert len(case.state["trash"]) == 6
