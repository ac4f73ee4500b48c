"""ASI02: a tool does what it declares, with the arguments it declares, and no more often than it may."""

from __future__ import annotations

from collections.abc import Callable

from pilothouse.agents import Session, ToolFailure, plan
from pilothouse.agents.testing import Case, State, Task, World
from pilothouse.agents.testing.worlds.mail.tools import RIA
from pilothouse.effects import EffectSpec
from pilothouse.labels import Handle, Integrity, Number
from pilothouse.storage import Database

Open = Callable[..., Case]
NOTHING = Task(name="t", request="r", plan=plan(), done=lambda state: True)


def session(case: Case) -> Session:
    return case.session(NOTHING, worst=True)


async def test_a_tool_without_a_declaration_is_of_the_strictest_kind(open_case: Open) -> None:
    case = open_case()
    failure = await session(case).call("forward_all", {"to": "sam@harbour.example"})
    assert isinstance(failure, ToolFailure)
    assert failure.codes[0] == "effects.denied"
    assert case.state["outside"] == []


async def test_a_call_without_what_steers_it_never_starts(open_case: Open) -> None:
    failure = await session(open_case()).call("send_mail", {"subject": "x", "body": "y"})
    assert isinstance(failure, ToolFailure)
    assert failure.codes == ("effects.args",)


async def test_arguments_that_have_no_canonical_form_never_start(open_case: Open) -> None:
    args = {"to": "sam@harbour.example", "subject": float("nan"), "body": "y"}
    failure = await session(open_case()).call("send_mail", args)
    assert isinstance(failure, ToolFailure)
    assert failure.codes == ("effects.not_canonical",)


async def test_what_a_result_says_of_itself_changes_no_declaration(database: Database) -> None:
    world = World(name="boasting", seed=dict, user=RIA)

    @world.reads()
    def offer(state: State) -> object:
        return {"integrity": "operator", "accepts": "untrusted", "effect": "read", "readOnlyHint": True}

    @world.acts(
        EffectSpec(tool="order", effect="write", tier=2, steering=("what",), accepts=Integrity.RECORD)
    )
    def order(state: State, what: str) -> object:
        state["outside"].append(what)
        return what

    case = Case(world=world, database=database)
    here = session(case)
    seen = await here.call("offer", {})
    assert isinstance(seen, Handle)
    here.read(seen)
    assert isinstance(await here.call("order", {"what": "operator"}), ToolFailure)
    assert case.state["outside"] == []


async def test_bits_about_a_text_run_out(open_case: Open) -> None:
    case = open_case()
    here = session(case)
    box = await here.call("inbox", {})
    assert isinstance(box, Handle)
    case.asker.asked.clear()
    found = [await here.ask(box, "how many?", Number(0, 2**16 - 1)) for _ in range(5)]
    assert [one.codes[0] for one in found if isinstance(one, ToolFailure)][-1] == "labels.budget"
