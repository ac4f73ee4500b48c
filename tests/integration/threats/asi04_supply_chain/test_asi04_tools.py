"""ASI04: what a tool is comes from its declaration, and a changed one is another tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pilothouse.agents import Session
from pilothouse.agents.testing import OWNER, Case, Nobody
from pilothouse.decisions import Inbox
from pilothouse.effects import Door, EffectRequest, Outcome
from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity

Open = Callable[..., Case]


async def test_a_second_declaration_of_a_tool_is_refused(open_case: Open) -> None:
    case = open_case()
    assert isinstance(case.door, Door)
    spec = case.door.spec("share_file")

    async def handler(call: object) -> None:
        return None

    with pytest.raises(UsageError) as caught:
        case.door.register(replace(spec, accepts=Integrity.UNTRUSTED), handler)
    assert caught.value.code == "effects.declared_twice"


async def test_an_endorsed_flow_ends_with_the_tools_version(open_case: Open) -> None:
    """What was endorsed for one version of a tool is not for the next one."""
    from datetime import UTC, datetime, timedelta

    case = open_case()
    assert isinstance(case.door, Door)
    await case.door.endorsements.grant(
        OWNER, workflow="mail", version="1", source="files", tool="send_mail", arg="body",
        treatment="as_content", expiry=datetime.now(UTC) + timedelta(days=1), reason="published",
    )  # fmt: skip
    task = case.world.tasks["mail a file"]
    before = case.session(task, worst=False)
    before.bind(task.plan)
    assert [one.state for one in await before.finish()] == ["done", "done"]
    moved = _next_version(case)
    after = _on(case, moved)
    after.bind(task.plan)
    last = (await after.finish())[-1]
    assert last.failure is not None
    assert "sink.content:body" in last.failure.codes


async def test_an_approval_ends_with_the_tools_version(open_case: Open) -> None:
    case = open_case()

    class Upgraded:
        """The tool is upgraded between yes and effect."""

        async def perform(self, request: EffectRequest) -> Outcome:
            door = case.door if request.approval is None else _next_version(case)
            return await door.perform(request)

    task = case.world.tasks["do what a mail asks"]
    here = Session(
        principal=case.world.user, tools=case.world.tools(case.state), door=Upgraded(), asker=case.asker,
        name="mail", version="1",
    )  # fmt: skip
    here.bind(task.plan)
    last = (await here.finish())[-1]
    assert last.failure is not None
    assert last.failure.codes == ("decisions.void",)
    assert case.state["shares"] == []


def _next_version(case: Case) -> Door:
    door = Door(case.database, Inbox(case.database))
    for spec, handler in case.world.handlers(case.state):
        door.register(replace(spec, version="2"), handler)
    return door


def _on(case: Case, door: Door) -> Session:
    return Session(
        principal=case.world.user, tools=case.world.tools(case.state), door=door, name="mail", version="1",
        asker=Nobody(inbox=Inbox(case.database), database=case.database),
    )  # fmt: skip
