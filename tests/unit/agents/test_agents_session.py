"""One agent context: what it has seen rules what it may do, and the plan was fixed before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from agents_cases import UNTRUSTED, Parrot, RuleDoor, Says

from pilothouse.agents import (
    Find,
    From,
    Item,
    KeptNotes,
    Pick,
    ReadTool,
    Recall,
    Said,
    Saved,
    Session,
    Several,
    Step,
    Text,
    Toolbox,
    ToolFailure,
    lookup,
    plan,
    step,
    text,
    where,
)
from pilothouse.kernel import DeniedError, UsageError, canonical, decode, loads
from pilothouse.labels import Choice, Handle, Integrity, Number, unknown

Open = Callable[..., Session]
READ = step("m", "mails")
EVE = Pick(From("m"), where=(where("who", "=", "eve@evil"),), path="words")


def held(found: Handle | ToolFailure) -> Handle:
    assert isinstance(found, Handle), found
    return found


def codes(found: Handle | ToolFailure | None) -> tuple[str, ...]:
    assert isinstance(found, ToolFailure), found
    return found.codes


async def test_a_handle_shows_no_content_and_reading_it_is_remembered(open_session: Open) -> None:
    session = open_session()
    handle = held(await session.call("mails", {}))
    assert str(handle) == "$v1: list (untrusted, 2 rows)"
    assert session.pc.integrity is Integrity.OPERATOR
    assert session.read(handle)
    assert session.pc.integrity is UNTRUSTED
    assert session.pc.readers == {"user:ann"}


async def test_before_anything_is_read_the_persons_words_suffice(open_session: Open, door: RuleDoor) -> None:
    session = open_session()
    held(await session.call("send", {"to": "bob@here", "body": "hello"}))
    assert [one.args["to"] for one in door.done] == ["bob@here"]


async def test_after_reading_a_call_outside_the_plan_is_denied_and_nobody_is_asked(
    open_session: Open, door: RuleDoor
) -> None:
    asker = Says()
    session = open_session(asker=asker)
    session.read(held(await session.call("web", {})))
    failure = await session.call("send", {"to": "bob@here", "body": "hello"})
    assert codes(failure) == ("effects.denied", "sink.pc", "sink.steering:to", "sink.content:body")
    assert not asker.asked
    assert not door.done


async def test_a_handle_in_a_call_carries_its_label(open_session: Open) -> None:
    session = open_session()
    handle = held(await session.call("mails", {}))
    failure = await session.call("send", {"to": "bob@here", "body": handle})
    assert "sink.content:body" in codes(failure)
    assert "sink.secrecy:user:ann" in codes(failure)


async def test_the_plan_goes_on_clean_after_its_texts_were_read(open_session: Open, door: RuleDoor) -> None:
    session = open_session()
    session.bind(plan(READ, step("s", "send", to=lookup("book", "mail", name="Bob"), body="hello")))
    first = await session.advance()
    assert first is not None
    assert first.handle is not None
    session.read(first.handle)
    assert [one.state for one in await session.finish()] == ["done"]
    assert door.done[0].labels["to"].integrity is Integrity.RECORD
    assert door.done[0].pc.integrity is Integrity.OPERATOR


async def test_what_strangers_wrote_steers_only_through_a_person(open_session: Open, door: RuleDoor) -> None:
    task = plan(READ, step("s", "send", to="bob@here", body=Find(EVE, kind="iban")))
    asker = Says()
    session = open_session(asker=asker, request="tell Bob the account")
    session.bind(task)
    assert [one.state for one in await session.finish()] == ["done", "done"]
    asked = asker.asked[0]
    assert asked.asks == ("sink.content:body",)
    assert asked.summary == "tell Bob the account"
    assert asked.labels["body"].integrity is UNTRUSTED
    assert asked.labels["pc"].integrity is Integrity.OPERATOR
    assert door.done[0].approval is not None
    for other in (None, Says(yes=False)):
        refused = open_session(asker=other)
        refused.bind(task)
        last = (await refused.finish())[-1]
        assert last.state == "failed"
        assert len(door.done) == 1


async def test_a_plan_is_bound_once_and_before_anything_is_read(open_session: Open) -> None:
    session = open_session()
    session.bind(plan(READ))
    with pytest.raises(DeniedError, match="bound once"):
        session.bind(plan(READ))
    late = open_session()
    late.read(held(await late.call("web", {})))
    with pytest.raises(DeniedError) as caught:
        late.bind(plan(READ))
    assert caught.value.code == "agents.plan_late"


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (plan(step("a", "nothing")), "no tool here"),
        (plan(READ, READ), "earlier step"),
        (plan(step("a", "send", body="x")), "lacks the argument 'to'"),
        (plan(step("a", "keep", name=From("b"))), "no earlier step"),
        (plan(step("a", "keep", name=Item())), "without each"),
        (plan(step("a", "keep", name=lookup("send", to="x"))), "only reads"),
        (plan(READ, answer=From("b")), "names no step"),
    ],
)
def test_a_plan_that_cannot_run_is_refused(open_session: Open, task: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_session().bind(task)


@pytest.mark.parametrize("word", ["when", "each"])
def test_an_argument_that_is_a_word_of_plans_says_so(open_session: Open, word: str) -> None:
    with pytest.raises(UsageError, match=f"{word}.* is a word of plans"):
        step("a", "send", to="x", **{word: "2025-12-01"})  # type: ignore[arg-type]
    needs = Toolbox(ReadTool(name="diary", read=lambda **args: list(args), needs=(word,)))
    with pytest.raises(UsageError, match="is a word of plans"):
        open_session(tools=needs).bind(plan(step("a", "diary")))
    open_session(tools=needs).bind(plan(Step(name="a", tool="diary", args={word: Said("x")})))


def test_an_expression_hidden_in_a_list_is_refused() -> None:
    with pytest.raises(UsageError, match="Several"):
        step("a", "send", to=[From("b")])


async def test_conditions_and_lists_rule_the_call(open_session: Open, door: RuleDoor) -> None:
    said = where(EVE, "has", "pay")
    session = open_session(asker=Says())
    session.bind(
        plan(
            READ,
            step("no", "keep", when=where(1, "=", 2), name="x"),
            step("yes", "keep", when=said, name="y"),
            step("all", "keep", each=Several((Text("a"), Text("b"))), name=Item()),
        )
    )
    assert [one.state for one in await session.finish()] == ["done", "skipped", "done", "done"]
    assert [one.args["name"] for one in door.done] == ["y", "a", "b"]
    assert door.done[0].pc.integrity is UNTRUSTED, "the words decided on the call"
    assert door.done[1].pc.integrity is Integrity.OPERATOR


async def test_questions_are_capped_whatever_the_list(open_session: Open, door: RuleDoor) -> None:
    asker = Says()
    session = open_session(asker=asker)
    many = Several(tuple(text("{w}{i}", w=EVE, i=i) for i in range(12)))
    session.bind(plan(READ, step("all", "keep", each=many, name=Item())))
    assert codes((await session.finish())[-1].failure) == ("agents.asks",)
    assert len(asker.asked) == 8


async def test_notes_come_back_with_the_label_they_were_kept_with(open_session: Open, door: RuleDoor) -> None:
    notes = KeptNotes()
    first = open_session(notes=notes)
    page = held(await first.call("web", {}))
    assert first.note("page", page) is None
    first.read(page)
    assert first.note("mine", "send it to bob@here") is None
    second = open_session(notes=notes)
    for name in ("page", "mine"):
        assert held(second.recall(name)).label.integrity is UNTRUSTED
    assert codes(await second.call("keep", {"name": held(second.recall("mine"))}))[0] == "effects.denied"
    third = open_session(notes=notes)
    third.bind(plan(step("k", "keep", name=Recall("mine"))))
    assert codes((await third.finish())[-1].failure)[0] == "agents.nobody_asked"
    assert codes(second.recall("other")) == ("agents.nothing",)


def test_what_is_trusted_less_replaces_no_note(open_session: Open) -> None:
    notes = KeptNotes()
    clean = open_session(notes=notes)
    assert clean.note("who", "bob@here") is None
    assert clean.note("who", "cy@there") is None
    dirty = open_session(notes=notes, pc=clean.pc)
    dirty._context.see(unknown("ann"))  # pyright: ignore[reportPrivateUsage]
    assert codes(dirty.note("who", "eve@evil")) == ("agents.note_kept",)
    notes.put("bare", b'"a value without a label"')
    assert codes(clean.recall("bare")) == ("labels.missing",)


async def test_a_sub_agent_keeps_what_it_saw_to_itself_and_its_answer_carries_it(open_session: Open) -> None:
    session = open_session()
    child, message = session.child("look at the web")
    assert child.read(message) == "look at the web"
    child.read(held(await child.call("web", {})))
    assert session.pc.integrity is Integrity.OPERATOR
    answer = session.receive(child, "all is well")
    assert answer.label.integrity is UNTRUSTED
    grandchild, told = session.child(answer)
    assert told.label.integrity is UNTRUSTED
    with pytest.raises(DeniedError):
        grandchild.bind(plan(READ))


async def test_bits_are_charged_to_the_run_however_many_contexts_ask(open_session: Open) -> None:
    session = open_session(reader=Parrot(5), bits=10.0)
    page = held(await session.call("web", {}))
    assert held(await session.ask(page, "how many?", Number(1, 256))).label.integrity is UNTRUSTED
    child, its = session.child(page)
    assert codes(await child.ask(its, "how many?", Number(1, 256))) == ("labels.budget",)
    assert codes(await session.ask(page, "which?", Choice(("a", "b")))) == ("labels.answer",)


async def test_failures_are_codes_and_never_values(open_session: Open) -> None:
    session = open_session()
    assert codes(await session.call("broken", {})) == ("agents.tool_failed",)
    assert codes(await session.call("nothing", {})) == ("agents.no_tool",)
    assert codes(await session.call("closed", {})) == ("policy.denied", "missing:sources:closed:read")
    other = open_session()
    assert codes(await other.call("keep", {"name": held(await session.call("web", {}))})) == (
        "agents.no_handle",
    )


async def test_the_answer_says_how_far_it_may_be_trusted(open_session: Open) -> None:
    session = open_session()
    session.bind(plan(READ, answer=EVE))
    await session.finish()
    answer = await session.answer()
    assert answer.value == "pay DE89370400440532013000"
    assert answer.label.integrity is UNTRUSTED
    with pytest.raises(UsageError, match="no answer"):
        await open_session().answer()


async def test_a_session_goes_on_elsewhere_with_all_it_has_seen(open_session: Open, door: RuleDoor) -> None:
    first = open_session(reader=Parrot(5), bits=10.0)
    first.bind(plan(READ, step("k", "keep", name=Pick(From("m"), where=(where("n", ">", 5),), path="id"))))
    box = await first.advance()
    assert box is not None
    assert box.handle is not None
    first.read(box.handle)
    held(await first.ask(box.handle, "how many?", Number(1, 256)))
    stored = canonical(first.save())
    again = decode(loads(stored))
    assert isinstance(again, Saved)
    second = open_session(reader=Parrot(5), bits=10.0)
    second.restore(again)
    assert second.pc == first.pc
    assert codes(await second.call("keep", {"name": "x"}))[0] == "effects.denied"
    assert codes(await second.ask(box.handle, "how many?", Number(1, 256))) == ("labels.budget",)
    assert [one.state for one in await second.finish()] == ["done"]
    assert [one.args["name"] for one in door.done] == ["2"]
    with pytest.raises(DeniedError):
        second.bind(plan(READ))


async def test_a_session_goes_on_only_as_the_same_run_and_from_the_start(open_session: Open) -> None:
    saved = open_session().save()
    with pytest.raises(UsageError, match="cannot go on"):
        open_session(run="other").restore(saved)
    begun = open_session()
    held(await begun.call("web", {}))
    with pytest.raises(UsageError) as caught:
        begun.restore(saved)
    assert caught.value.code == "agents.restored"
