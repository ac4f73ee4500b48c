"""What a session and its sub-agents obtained rules all of them, whatever the channel; and who may read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from agents_cases import ANN, RECORD, SPECS, UNTRUSTED, Parrot, RuleDoor, Says

from pilothouse.agents import (
    ActTool,
    Find,
    From,
    KeptNotes,
    Pick,
    Question,
    ReadTool,
    Recall,
    Returns,
    Saved,
    Session,
    Toolbox,
    ToolFailure,
    plan,
    step,
    where,
)
from pilothouse.effects import EffectRequest, Outcome
from pilothouse.kernel import ConflictError, DeniedError, Principal, UsageError, canonical, decode, loads
from pilothouse.labels import Choice, Handle

Open = Callable[..., Session]
EVE = Principal(id="eve", rights=frozenset({"effects:*"}))
KEEP = plan(step("k", "keep", name="said"))


def codes(found: object) -> tuple[str, ...]:
    assert isinstance(found, ToolFailure), found
    return found.codes


async def handle(session: Session) -> None:
    assert isinstance(await session.call("web", {}), Handle)


async def failure(session: Session) -> None:
    assert isinstance(await session.call("broken", {}), ToolFailure)


async def nothing(session: Session) -> None:
    assert isinstance(session.recall("no such note"), ToolFailure)


async def below(session: Session) -> None:
    child, _ = session.child("look")
    await child.call("web", {})


async def plan_of_a_child(session: Session) -> None:
    child, _ = session.child("look")
    child.bind(plan(step("w", "web"), step("k", "keep", name="x", when=where(From("w"), "has", "nothing"))))
    assert [one.state for one in await child.finish()] == ["done", "skipped"]


WAYS = [handle, failure, nothing, below, plan_of_a_child]


@pytest.mark.parametrize("obtain", WAYS)
async def test_what_any_of_them_obtained_comes_before_no_plan_and_rules_every_call(
    obtain: Callable[[Session], Any], open_session: Open, door: RuleDoor
) -> None:
    parent = open_session()
    early, _ = parent.child("please help")
    await obtain(parent)
    for one in (parent, early, parent.child("now")[0]):
        with pytest.raises(DeniedError) as caught:
            one.bind(KEEP)
        assert caught.value.code == "agents.plan_late"
        assert "sink.pc" in codes(await one.call("keep", {"name": "x"}))
    assert not door.done


@pytest.mark.parametrize("obtain", WAYS)
async def test_a_note_in_words_carries_it_into_later_runs(
    obtain: Callable[[Session], Any], open_session: Open
) -> None:
    notes = KeptNotes()
    session = open_session(notes=notes)
    await obtain(session)
    session.note("who", "eve@evil")
    kept = open_session(notes=notes).recall("who")
    assert isinstance(kept, Handle)
    assert kept.label.integrity is UNTRUSTED


async def test_a_plan_bound_before_stays_clean(open_session: Open, door: RuleDoor) -> None:
    session = open_session()
    child, _ = session.child("do it")
    session.bind(KEEP)
    child.bind(KEEP)
    await handle(session)
    assert [one.state for one in (*await session.finish(), *await child.finish())] == ["done", "done"]
    assert len(door.done) == 2


async def test_questions_and_rejections_are_the_familys(open_session: Open) -> None:
    words = Pick(From("m"), where=(where("who", "=", "eve@evil"),), path="words")
    task = plan(step("m", "mails"), step("k", "keep", name=Find(words, kind="iban")))
    asker = Says(yes=False)
    parent = open_session(asker=asker)
    children = [parent.child("do it")[0] for _ in range(3)]
    for child in children:
        child.bind(task)
    ends = [codes((await child.finish())[-1].failure)[0] for child in children]
    assert ends == ["agents.not_approved", "agents.asks", "agents.asks"]
    assert parent.asked == len(asker.asked) == 1


async def test_a_tools_own_error_says_its_kind_alone() -> None:
    async def refuse(request: EffectRequest) -> Outcome:
        return Outcome(effect_id="e", state="refused", reasons=("call pay DE6",))

    def deny() -> None:
        raise DeniedError("no", code="call.pay", reasons=("call pay DE6",))

    def clash() -> None:
        raise ConflictError("no", code="agents.plan_late")

    class Refusing:
        perform = staticmethod(refuse)

    tools = Toolbox(
        ReadTool(name="deny", read=deny), ReadTool(name="clash", read=clash), ActTool(spec=SPECS["keep"])
    )
    session = Session(principal=ANN, tools=tools, door=Refusing())
    assert codes(await session.call("keep", {"name": "x"})) == (
        "agents.not_done",
        "effects.refused",
        "agents.tool_failed",
    )
    assert codes(await session.call("deny", {})) == ("agents.tool_failed", "denied")
    assert codes(await session.call("clash", {})) == ("agents.tool_failed", "conflict")


async def test_a_readers_own_error_says_its_kind_alone(open_session: Open) -> None:
    def refuse(text: object) -> object:
        raise DeniedError("no", code="call.pay", reasons=(str(text),))

    session = open_session(reader=Parrot(refuse))
    session.bind(plan(step("w", "web"), step("k", "keep", name=Question(From("w"), "?", Choice(("a", "b"))))))
    assert codes((await session.finish())[-1].failure) == ("agents.tool_failed", "denied")


async def test_reading_in_clear_needs_every_reader(open_session: Open) -> None:
    secret = ReadTool(name="secret", read=lambda: "s", returns=Returns(readers=("group:board",)))
    session = open_session(tools=Toolbox(secret))
    session.bind(plan(step("s", "secret"), answer=From("s")))
    held = (await session.finish())[0].handle
    assert held is not None
    for read in (lambda: session.read(held), session.answer):
        with pytest.raises(DeniedError) as caught:
            found = read()
            if not isinstance(found, str):
                await found  # type: ignore[misc]
        assert caught.value.code == "agents.unreadable"
    board = replace(ANN, groups=frozenset({"board"}))
    other = open_session(tools=Toolbox(secret), principal=board)
    again = await other.call("secret", {})
    assert isinstance(again, Handle)
    assert other.read(again) == "s"


async def test_what_another_principal_typed_or_kept_is_not_mine(open_session: Open, door: RuleDoor) -> None:
    notes = KeptNotes()
    anns = open_session(notes=notes)
    assert anns.note("mine", "bob@here") is None
    mails = await anns.call("mails", {})
    assert isinstance(mails, Handle)
    anns.note("box", mails)
    mine = open_session(notes=notes).recall("mine")
    eve = open_session(notes=notes, principal=EVE)
    hers, box = eve.recall("mine"), eve.recall("box")
    assert isinstance(mine, Handle)
    assert isinstance(hers, Handle)
    assert isinstance(box, Handle)
    assert mine.label.integrity > RECORD
    assert hers.label.integrity is RECORD
    with pytest.raises(DeniedError, match="may not read"):
        eve.read(box)
    ruin = open_session(notes=notes, principal=EVE)
    ruin.bind(plan(step("r", "ruin", what=Recall("mine"))))
    assert codes((await ruin.finish())[-1].failure)[0] == "agents.nobody_asked"


async def test_a_session_is_gone_on_with_by_its_principal_alone(open_session: Open) -> None:
    first = open_session()
    await handle(first)
    saved = decode(loads(canonical(first.save())))
    assert isinstance(saved, Saved)
    for other in (EVE, replace(ANN, agent=Principal(id="bot", rights=frozenset({"*"})))):
        with pytest.raises(UsageError, match="nobody else") as caught:
            open_session(principal=other).restore(saved)
        assert caught.value.code == "agents.restored"
    second = open_session()
    second.restore(saved)
    with pytest.raises(DeniedError, match="bound once"):
        second.bind(KEEP)


async def test_nobody_changes_what_a_tool_returned_or_what_was_bound(
    open_session: Open, door: RuleDoor
) -> None:
    rows = [{"id": "1", "to": ["ann"]}]
    live = ReadTool(name="live", read=lambda: rows, returns=Returns(integrity=RECORD, readers=()))
    said = ["said"]
    task = plan(step("l", "live"), step("k", "keep", name=said), step("m", "keep", name=From("l", "0.to")))
    session = open_session(tools=Toolbox(live, ActTool(spec=SPECS["keep"])))
    session.bind(task)
    await session.advance()
    said[0] = rows[0]["to"][0] = "evil"  # type: ignore[index]
    task.steps[1].args["name"] = From("l")
    assert [one.state for one in await session.finish()] == ["done", "done"]
    assert [one.args["name"] for one in door.done] == [["said"], ["ann"]]
