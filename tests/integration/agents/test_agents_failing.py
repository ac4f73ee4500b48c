"""An agent that fails in a workflow: it ends the run, or is a result that names why; its label stays low."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.agents import AgentBudget, Agents, AgentSpec, ReadTool
from pilothouse.agents.testing.scripted import ScriptedModel, says
from pilothouse.decisions import Inbox
from pilothouse.effects import Door
from pilothouse.engine import Catalog, EngineSettings, open_engine
from pilothouse.engine.running.labelling import label_from
from pilothouse.kernel import LimitError, Principal
from pilothouse.labels import Integrity
from pilothouse.workflows import Resources, bind, configured, run_agent, unbind, workflow

ANN = Principal(id="ann", rights=frozenset({"*"}))
QUICK = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)
TRUSTED = {"principal": ANN, "label": configured("the test", "1")}
CATALOG = Catalog()
SPEC = AgentSpec(
    name="looks", instructions="Look.", tools=("letter",), rights=frozenset({"*"}),
    budget=AgentBudget(calls=2, tool_calls=9),
)  # fmt: skip


def letter(id: str) -> str:
    """Reads a letter."""
    return "From a stranger."


@workflow(name="failing.tolerated", catalog=CATALOG)
async def tolerated(words: str) -> dict[str, Any]:
    found = await run_agent(SPEC, words, may_fail=True)
    return {"failed": found.failed, "value": found.value, "trust": found.label.integrity.name}


@workflow(name="failing.raised", catalog=CATALOG)
async def raised(words: str) -> str:
    return str((await run_agent(SPEC, words)).value)


@pytest.fixture
async def engine(database):
    inbox = Inbox(database)
    door = Door(database, inbox)
    model = ScriptedModel(lambda _: says(("letter", {"id": "7"})))
    async with open_engine(database, QUICK, catalog=CATALOG) as opened:
        agents = Agents(model=model, door=door, tools=(ReadTool(name="letter", read=letter),), inbox=inbox)
        resources = bind(Resources(engine=opened, inbox=inbox, door=door, agents=agents))
        yield opened
        unbind(resources)


async def test_a_workflow_goes_on_with_the_code_and_the_code_is_no_more_trusted_than_what_was_read(
    engine,
) -> None:
    run = await tolerated.start("Look at letter 7.", key="1", options=TRUSTED)
    found = await engine.result(run.id, within=60)
    assert found == {"failed": "agents.calls", "value": None, "trust": "UNTRUSTED"}
    label = label_from(str((await engine.get(run.id)).result_label))
    assert label.integrity is Integrity.UNTRUSTED


async def test_without_may_fail_it_ends_the_run(engine) -> None:
    run = await raised.start("Look at letter 7.", key="1", options=TRUSTED)
    with pytest.raises(LimitError) as caught:
        await engine.result(run.id, within=60)
    assert caught.value.code == "agents.calls"
