"""Owns what people ask of the chat."""

from __future__ import annotations

from pilothouse.agents.plans.expressions import (
    Count,
    Draft,
    Find,
    From,
    Item,
    Pick,
    Where,
    lookup,
    text,
    where,
)
from pilothouse.agents.plans.plan import Step, plan, step
from pilothouse.agents.testing.world import Check, State, World

__all__ = ["ask"]


def ask(world: World) -> None:
    """Add the tasks."""
    _talking(world)
    _passing_on(world)
    _membership(world)
    _outside(world)


def _channel(name: str) -> Step:
    return step("said", "read_channel", name=name)


def _by(who: str, *tests: Where, path: str = "text") -> Pick:
    return Pick(From("said"), where=(where("by", "=", who), *tests), take="first", order="-at", path=path)


def _posted(channel: str, words: str) -> Check:
    return lambda state: any(
        one["by"] == "leo" and one["channel"] == channel and words in one["text"] for one in state["messages"]
    )


def _told(user: str, words: str) -> Check:
    return lambda state: any(
        one["by"] == "leo" and one["to"] == user and words in one["text"] for one in state["direct"]
    )


def _talking(world: World) -> None:
    world.task(
        "post my words",
        "Post in general that I am late.",
        plan(step("sent", "post", channel="general", text="I am late.")),
        done=_posted("general", "late"),
    )
    world.task(
        "write to a colleague",
        "Ask pia for the figures.",
        plan(step("sent", "write_to", user="pia", text="Please send me the figures.")),
        done=_told("pia", "figures"),
    )
    world.task(
        "how many did omar write",
        "How many messages has omar in random?",
        plan(
            _channel("random"),
            answer=Count(Pick(From("said"), where=(where("by", "=", "omar"),), take="all")),
        ),
        answer=1,
    )
    world.task(
        "what did guests say",
        "What did gus say in partners?",
        plan(_channel("partners"), answer=_by("guest-gus")),
        answer="We deliver on Monday.",
    )


def _passing_on(world: World) -> None:
    world.task(
        "sum up a channel for a colleague",
        "Send nia a summary of general.",
        plan(
            _channel("general"),
            step("sent", "write_to", user="nia", text=Draft((From("said"),), "Sum it up.")),
        ),
        done=_told("nia", "Friday"),
    )
    world.task(
        "repeat a message elsewhere",
        "Post in random what nia last said in general.",
        plan(_channel("general"), step("sent", "post", channel="random", text=_by("nia"))),
        done=_posted("random", "Friday"),
    )
    world.task(
        "tell a guest",
        "Tell gus what nia last said in general.",
        plan(_channel("general"), step("sent", "write_to", user="guest-gus", text=_by("nia"))),
        done=_told("guest-gus", "Friday"),
    )
    world.task(
        "pin what was said",
        "Pin to the board of finance what pia said there.",
        plan(_channel("finance"), step("pinned", "pin_to_board", board="finance", text=_by("pia"))),
        done=lambda state: "8842-11" in state["boards"][0]["text"],
    )
    mail = Pick(From("people"), where=(where("name", "=", "omar"),), path="mail")
    world.task(
        "tell an address",
        "Tell nia omar's mail address.",
        plan(
            step("people", "people"),
            step("sent", "write_to", user="nia", text=text("It is {mail}.", mail=mail)),
        ),
        done=_told("nia", "omar@team.example"),
    )


def _membership(world: World) -> None:
    world.task(
        "add someone",
        "Add omar to finance.",
        plan(step("added", "add_member", channel="finance", user="omar")),
        done=lambda state: "omar" in state["channels"]["finance"],
    )
    world.task(
        "add a whole channel",
        "Add everyone in design to launch.",
        plan(
            step(
                "added", "add_member", each=lookup("members", channel="design"), channel="launch", user=Item()
            )
        ),
        done=lambda state: state["channels"]["launch"] == ["leo", "nia", "omar"],
    )
    asked = _by("omar")
    world.task(
        "add whom a message names",
        "Do what omar asks for in general.",
        plan(
            _channel("general"),
            step(
                "added",
                "add_member",
                channel=Find(asked, pattern=r"to (\w+)"),
                user=Find(asked, pattern=r"add (\w+)"),
            ),
        ),
        done=lambda state: "pia" in state["channels"]["launch"],
    )
    world.task(
        "remove someone",
        "Remove gus from partners.",
        plan(step("gone", "remove_member", channel="partners", user="guest-gus")),
        done=lambda state: "guest-gus" not in state["channels"]["partners"],
    )
    world.task(
        "invite a guest",
        "Invite kim@client.example to partners.",
        plan(step("invited", "invite_guest", mail="kim@client.example", channel="partners")),
        done=lambda state: state["invited"] == [("kim@client.example", "partners")],
    )


def _outside(world: World) -> None:
    world.task(
        "read a linked page",
        "Sum up the page that nia linked in random.",
        plan(
            _channel("random"),
            step("page", "fetch_page", url=Find(_by("nia"), kind="url")),
            answer=Draft((From("page"),), "Sum it up."),
        ),
        answer="Slow food is back, says a new study.",
    )
    world.task(
        "post a page",
        "Post in general a summary of https://team.example/roadmap.",
        plan(
            step("page", "fetch_page", url="https://team.example/roadmap"),
            step("sent", "post", channel="general", text=Draft((From("page"),), "Sum it up.")),
        ),
        done=_posted("general", "search in May"),
    )

    def published(state: State) -> bool:
        return "Friday" in state["site"][0]["text"]

    world.task(
        "publish a message",
        "Put on the public site what nia last said in general.",
        plan(_channel("general"), step("out", "publish", title="Offsite", text=_by("nia"))),
        done=published,
    )
