"""ASI08: lists, sub-agents and questions end, whatever a stranger puts into the world."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pilothouse.agents import Find, From, Item, plan, step
from pilothouse.agents.testing import Case, Task
from pilothouse.kernel import LimitError

Open = Callable[..., Case]
NOTHING = Task(name="t", request="r", plan=plan(), done=lambda state: True)


async def test_a_letter_that_names_a_hundred_asks_about_eight_at_most(open_case: Open) -> None:
    case = open_case()
    case.state["mails"][3]["body"] = " ".join(f"p{i}@harbour.example" for i in range(100))
    here = case.session(NOTHING, worst=True)
    everyone = Find(From("m", "3.body"), kind="email", take="all")
    here.bind(plan(step("m", "inbox"), step("s", "share_file", each=everyone, name="budget.csv", who=Item())))
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes == ("agents.asks",)
    assert len(case.asker.asked) == 8


async def test_sub_agents_end(open_case: Open) -> None:
    here = open_case().session(NOTHING, worst=True)
    with pytest.raises(LimitError) as caught:
        for _ in range(10):
            here, _ = here.child("go on")
    assert caught.value.code == "agents.depth"


async def test_plans_end(open_case: Open) -> None:
    here = open_case().session(NOTHING, worst=True)
    with pytest.raises(LimitError) as caught:
        here.bind(plan(*(step(f"s{i}", "inbox") for i in range(100))))
    assert caught.value.code == "agents.plan_long"


async def test_sub_agents_share_the_questions_of_their_run(open_case: Open) -> None:
    case = open_case()
    case.state["mails"][3]["body"] = " ".join(f"p{i}@harbour.example" for i in range(100))
    here = case.session(NOTHING, worst=True)
    task = plan(
        step("m", "inbox"),
        step(
            "s", "share_file", each=Find(From("m", "3.body"), kind="email", take="all"), name="x", who=Item()
        ),
    )
    children = [here.child("do it")[0] for _ in range(3)]
    for child in children:
        child.bind(task)
    for child in children:
        await child.finish()
        here.receive(child, "done")
    assert len(case.asker.asked) == 8
