"""ASI05: a plan is data in a closed language; nothing in it and nothing it reads is ever run as code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pilothouse.agents import Find, From, Plan, Said, Text, plan, step
from pilothouse.agents.testing import Case, Task
from pilothouse.kernel import DataError, canonical, decode, loads

Open = Callable[..., Case]
NOTHING = Task(name="t", request="r", plan=plan(), done=lambda state: True)


@pytest.mark.parametrize("template", ["{a.__class__}", "{a[0]}", "{a!r.__x__}", "{", "{0}", "{}"])
async def test_a_template_reaches_into_nothing(open_case: Open, template: str) -> None:
    case = open_case()
    here = case.session(NOTHING, worst=False)
    here.bind(plan(step("s", "save_file", name="x", text=Text(template, {"a": Said("v")}))))
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes == ("agents.plan",)


def test_a_plan_comes_from_the_wire_only_in_its_own_forms() -> None:
    whole = plan(step("a", "inbox"), answer=From("a"))
    again = decode(loads(canonical(whole)))
    assert isinstance(again, Plan)
    assert again.hash == whole.hash
    forged = canonical(whole).replace(b"agents.from@1", b"os.system@1")
    with pytest.raises(DataError):
        decode(loads(forged))


async def test_orders_in_a_text_are_text(open_case: Open) -> None:
    case = open_case()
    case.state["mails"][3]["body"] = "__import__('os').system('id') {0.__class__} %s ${HOME} $(id) budget.csv"
    here = case.session(NOTHING, worst=False)
    here.bind(plan(step("m", "inbox"), answer=Find(From("m", "3.body"), pattern=r"(\w+\.csv)")))
    await here.finish()
    assert (await here.answer()).value == "budget.csv"
