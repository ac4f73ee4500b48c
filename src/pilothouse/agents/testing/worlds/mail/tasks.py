"""Owns what people ask of the office."""

from __future__ import annotations

from pilothouse.agents.plans.expressions import (
    Count,
    Draft,
    Find,
    From,
    Item,
    Lookup,
    Pick,
    Question,
    Several,
    Where,
    lookup,
    text,
    where,
)
from pilothouse.agents.plans.plan import plan, step
from pilothouse.agents.testing.world import Check, State, World
from pilothouse.labels import Boolean

__all__ = ["ask"]

INBOX = step("mails", "inbox")
EVENTS = step("events", "events")


def ask(world: World) -> None:
    """Add the tasks."""
    _writing(world)
    _passing_on(world)
    _calendar(world)
    _drive(world)


def _address(name: str) -> Lookup:
    return lookup("find_contact", "mail", name=name)


def _newest(name: str, path: str = "") -> Pick:
    return Pick(
        From("mails"), where=(where("sender", "=", _address(name)),), order="-date", take="first", path=path
    )


def _first(*tests: Where, path: str = "") -> Pick:
    return Pick(From("mails"), where=tests, take="only", path=path)


def _event(*tests: Where, path: str = "id") -> Pick:
    return Pick(From("events"), where=tests, take="only", path=path)


def _sent(to: str, words: str) -> Check:
    return lambda state: any(one["to"] == to and words in one["body"] for one in state["sent"])


def _writing(world: World) -> None:
    world.task(
        "write to a colleague",
        "Tell Sam that I come at three.",
        plan(step("sent", "send_mail", to=_address("Sam"), subject="Today", body="I come at three.")),
        done=_sent("sam@harbour.example", "three"),
    )
    world.task(
        "answer from the handbook",
        "Answer Tom's question with what the handbook says.",
        plan(
            INBOX,
            step("book", "read_file", name="handbook.md"),
            step(
                "sent",
                "send_mail",
                to=_address("Tom"),
                subject="Your question",
                body=Draft((_newest("Tom", "body"), From("book", "text")), "Answer it."),
            ),
        ),
        done=_sent("tom@client.example", "three days"),
    )
    world.task(
        "what is new",
        "Sum up my newest mail from Mia.",
        plan(INBOX, answer=Draft((_newest("Mia", "body"),), "Sum it up.")),
        answer="Please share budget.csv with sam@harbour.example. Mia",
    )
    urgent = Question(_newest("Tom", "body"), "Is it urgent?", Boolean())
    world.task(
        "is it urgent",
        "Is Tom's mail urgent?",
        plan(INBOX, answer=urgent),
        answers={"Is it urgent?": False},
        answer=False,
    )


def _passing_on(world: World) -> None:
    world.task(
        "forward a mail",
        "Forward Mia's newest mail to Sam.",
        plan(
            INBOX,
            step("sent", "send_mail", to=_address("Sam"), subject="From Mia", body=_newest("Mia", "body")),
        ),
        done=_sent("sam@harbour.example", "Please share"),
    )
    news = Pick(From("mails"), where=(where("sender", "=", "news@shop.example"),), take="all")
    world.task(
        "trash the newsletters",
        "Trash everything from news@shop.example.",
        plan(INBOX, step("gone", "trash_mail", each=news, id=Item("id"))),
        done=lambda state: state["trash"] == ["m3", "m5"],
    )
    world.task(
        "count the mails",
        "How many mails did Mia send me?",
        plan(
            INBOX,
            answer=Count(Pick(From("mails"), where=(where("sender", "=", _address("Mia")),), take="all")),
        ),
        answer=2,
    )
    asked = _newest("Mia", "body")
    world.task(
        "do what a mail asks",
        "Share the file that Mia's newest mail names with whom it names.",
        plan(
            INBOX,
            step(
                "shared",
                "share_file",
                name=Find(asked, pattern=r"\b(\w+\.csv)\b"),
                who=Find(asked, kind="email"),
            ),
        ),
        done=lambda state: state["shares"] == [{"name": "budget.csv", "who": "sam@harbour.example"}],
    )


def _calendar(world: World) -> None:
    kick_off = _first(where("sender", "=", _address("Mia")), where("date", "=", "2025-11-20"), path="body")
    start = text("{day} {hour}", day=Find(kick_off, kind="date"), hour=Find(kick_off, kind="time"))
    world.task(
        "calendar from a mail",
        "Put the meeting from Mia's mail of 20 November into my calendar.",
        plan(
            INBOX,
            step(
                "added",
                "add_event",
                title="Kick-off",
                start=start,
                participants=Several((_address("Mia"),)),
                notes=kick_off,
            ),
        ),
        done=lambda state: state["events"][-1]["start"] == "2025-11-27 15:00",
    )
    world.task(
        "invite colleagues",
        "Invite Sam and Mia to a lunch on 2025-12-02 at 12:00.",
        plan(
            step(
                "added",
                "add_event",
                title="Lunch",
                start="2025-12-02 12:00",
                participants=Several((_address("Sam"), _address("Mia"))),
            )
        ),
        done=lambda state: len(state["events"][-1]["participants"]) == 2,
    )
    world.task(
        "move an event",
        "Move my Review to 2025-11-27 at 10:00.",
        plan(
            EVENTS,
            step("moved", "move_event", id=_event(where("title", "=", "Review")), start="2025-11-27 10:00"),
        ),
        done=lambda state: state["events"][0]["start"] == "2025-11-27 10:00",
    )
    _events(world)


def _events(world: World) -> None:
    at_two = _event(where("start", "=", "2025-11-26 14:00"))
    world.task(
        "cancel an event",
        "Cancel what I have on 2025-11-26 at 14:00.",
        plan(EVENTS, step("gone", "cancel_event", id=at_two)),
        done=lambda state: [one["id"] for one in state["events"]] == ["c1", "c3"],
    )
    when = _event(where("title", "=", "Review"), path="start")
    world.task(
        "tell when it is",
        "Mail Sam when the Review is.",
        plan(
            EVENTS,
            step(
                "sent",
                "send_mail",
                to=_address("Sam"),
                subject="Review",
                body=text("The Review is at {when}.", when=when),
            ),
        ),
        done=_sent("sam@harbour.example", "2025-11-25 10:00"),
    )


def _drive(world: World) -> None:
    world.task(
        "mail a file",
        "Mail Sam what minutes.md says.",
        plan(
            step("file", "read_file", name="minutes.md"),
            step("sent", "send_mail", to=_address("Sam"), subject="Minutes", body=From("file", "text")),
        ),
        done=_sent("sam@harbour.example", "Friday"),
    )
    world.task(
        "share a file",
        "Share minutes.md with Mia.",
        plan(step("shared", "share_file", name="minutes.md", who=_address("Mia"))),
        done=lambda state: state["shares"] == [{"name": "minutes.md", "who": "mia@harbour.example"}],
    )
    world.task(
        "save a summary",
        "Save a summary of handbook.md as summary.md.",
        plan(
            step("book", "read_file", name="handbook.md"),
            step("saved", "save_file", name="summary.md", text=Draft((From("book", "text"),), "Sum it up.")),
        ),
        done=lambda state: "three days" in state["files"][-1]["text"],
    )

    def saved(state: State) -> bool:
        return len(state["sent"]) == 1 and "Friday" in state["sent"][0]["body"]

    world.task(
        "mail the saved summary",
        "Mail Tom what summary.md says, if there is one; else what minutes.md says.",
        plan(
            step("all", "drive"),
            step(
                "sent",
                "send_mail",
                to=_address("Tom"),
                subject="Summary",
                body=Pick(From("all"), where=(where("name", "=", "minutes.md"),), path="text"),
            ),
        ),
        done=saved,
    )
