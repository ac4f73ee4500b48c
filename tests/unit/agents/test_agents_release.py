"""The requester's own release: what may be given up, and everything that stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from agents_cases import ANN, SPECS, UNTRUSTED, Parrot, RuleDoor, Says

from pilothouse.agents import Draft, From, Pick, Session, lookup, plan, step, text, where
from pilothouse.agents.release import released
from pilothouse.agents.values import Value, plain
from pilothouse.kernel import RIGHTS, Principal
from pilothouse.labels import Label, typed, unknown

SAID = typed("ann", "r")
MINE = unknown("ann")


def readers(
    body: Value, *, to: Value | None = None, by: Principal = ANN, pc: Label = SAID, tool: str = "send"
) -> Any:
    args = {"to": to or plain("bob@here", SAID), "body": body}
    labels, _ = released(SPECS[tool], args, pc, by=by, authority=RIGHTS, plan="p")
    return labels["body"].readers


def test_a_person_sends_what_they_may_read_to_whom_they_named() -> None:
    assert readers(plain("text", MINE)) == frozenset()


def test_what_was_given_up_says_by_whom_and_keeps_its_trust() -> None:
    args = {"to": plain("bob@here", SAID), "body": plain("text", MINE)}
    labels, pc = released(SPECS["send"], args, SAID, by=ANN, authority=RIGHTS, plan="p")
    assert labels["body"].integrity is UNTRUSTED
    assert pc is SAID
    assert "'ann'" in repr(labels["body"].origin.leaves())


@pytest.mark.parametrize(
    "how",
    [
        {"to": plain("eve@evil", MINE)},
        {"by": replace(ANN, id="bob")},
        {"by": replace(ANN, kind="service")},
        {"by": replace(ANN, agent=Principal(id="narrow"))},
        {"pc": MINE},
        {"tool": "shout"},
        {"tool": "keep"},
    ],
)
def test_what_stops_it(how: dict[str, Any]) -> None:
    assert readers(plain("text", MINE), **how) == {"user:ann"}


def test_what_a_stranger_chose_is_not_given_up() -> None:
    assert readers(plain("text", MINE, which=UNTRUSTED)) == {"user:ann"}


Open = Callable[..., Session]


async def sent(open_session: Open, door: RuleDoor, body: Any, *extra: Any) -> tuple[str, ...]:
    """Return why a person was asked to send ``body`` to Bob."""
    asker = Says(yes=False)
    session = open_session(asker=asker, name="", version="")
    session.bind(
        plan(step("m", "mails"), *extra, step("s", "send", to=lookup("book", "mail", name="Bob"), body=body))
    )
    await session.finish()
    return asker.asked[0].asks if asker.asked else ()


async def test_a_letter_chosen_by_its_sender_is_released(open_session: Open, door: RuleDoor) -> None:
    letter = Pick(From("m"), where=(where("who", "=", "eve@evil"),), path="words")
    assert await sent(open_session, door, letter) == ("sink.content:body",)


async def test_a_letter_chosen_by_a_letter_is_not(open_session: Open, door: RuleDoor) -> None:
    letter = Pick(From("m"), where=(where("words", "has", "pay"),), path="who")
    assert await sent(open_session, door, letter) == ("sink.content:body", "sink.secrecy:user:ann")


@pytest.mark.parametrize("made", ["draft", "text"])
async def test_what_a_letter_stands_beside_in_a_text_is_not_released(open_session: Open, made: str) -> None:
    letter = Pick(From("m"), where=(where("who", "=", "eve@evil"),), path="words")
    mine = From("m", "0.n")
    both = Draft((letter, mine), "Answer it.") if made == "draft" else text("{a} {b}", a=letter, b=mine)
    alone = Draft((letter,), "Answer it.") if made == "draft" else text("{a} {b}", a=letter, b="hello")
    for body, asks in (
        (both, ("sink.content:body", "sink.secrecy:user:ann")),
        (alone, ("sink.content:body",)),
    ):
        asker = Says(yes=False)
        session = open_session(asker=asker, reader=Parrot())
        to = lookup("book", "mail", name="Bob")
        session.bind(plan(step("m", "mails"), step("s", "send", to=to, body=body)))
        await session.finish()
        assert asker.asked[0].asks == asks


async def test_a_public_text_pulls_nothing_private_into_a_draft(open_session: Open) -> None:
    both = Draft(
        (From("w"), Pick(From("m"), where=(where("who", "=", "eve@evil"),), path="words")), "Answer it."
    )
    asker = Says(yes=False)
    session = open_session(asker=asker, reader=Parrot())
    session.bind(
        plan(
            step("m", "mails"),
            step("w", "web"),
            step("s", "send", to=lookup("book", "mail", name="Bob"), body=both),
        )
    )
    await session.finish()
    assert asker.asked[0].asks == ("sink.content:body", "sink.secrecy:user:ann")
