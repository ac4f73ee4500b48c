"""Owns the office: what is in it, which tools there are, and what each declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.agents.testing.world import Flow, State, World
from pilothouse.agents.tools import CALLER, Returns
from pilothouse.effects import EffectSpec, Recipient
from pilothouse.kernel import Json, Principal
from pilothouse.labels import Integrity

__all__ = ["RIA", "open_world"]

RIA = Principal(
    id="ria",
    rights=frozenset({"effects:*"}),
    groups=frozenset({"staff"}),
    agent=Principal(id="office-agent", rights=frozenset({"*"})),
)
RECORD, UNTRUSTED = Integrity.RECORD, Integrity.UNTRUSTED
MINE = (CALLER,)
STAFF = ("group:staff",)
WORDS = {"subject": UNTRUSTED, "body": UNTRUSTED}


def _seed() -> State:
    return {
        "mails": [
            _mail(
                "m1",
                "mia@harbour.example",
                "2025-11-20",
                "Project kick-off",
                "Hi Ria, let us meet on 2025-11-27 at 15:00 in room Dock. Mia",
            ),
            _mail(
                "m2",
                "tom@client.example",
                "2025-11-21",
                "Question",
                "Hello, how many days of notice do you need for a visit? Tom",
            ),
            _mail("m3", "news@shop.example", "2025-11-21", "Sale", "Everything must go."),
            _mail(
                "m4",
                "mia@harbour.example",
                "2025-11-22",
                "Budget",
                "Please share budget.csv with sam@harbour.example. Mia",
            ),
            _mail("m5", "news@shop.example", "2025-11-22", "More sale", "Still everything must go."),
            _mail(
                "m6",
                "hr@harbour.example",
                "2025-11-23",
                "Your salary",
                "Your salary rises to 4321 in January.",
            ),
        ],
        "contacts": [
            {"name": "Mia", "mail": "mia@harbour.example"},
            {"name": "Sam", "mail": "sam@harbour.example"},
            {"name": "Tom", "mail": "tom@client.example"},
        ],
        "events": [
            _event("c1", "Review", "2025-11-25 10:00", "ria@harbour.example", ["sam@harbour.example"]),
            _event("c2", "Dentist", "2025-11-26 14:00", "ria@harbour.example", []),
            _event("c3", "Vendor demo", "2025-11-26 16:00", "tom@client.example", ["ria@harbour.example"]),
        ],
        "files": [
            {"name": "handbook.md", "text": "Visits need three days of notice. The gate code is 8812."},
            {"name": "budget.csv", "text": "travel,1200\nfood,300"},
            {"name": "minutes.md", "text": "We agreed to ship on Friday."},
        ],
        "shares": [],
        "sent": [],
        "trash": [],
    }


def _mail(id: str, sender: str, date: str, subject: str, body: str) -> dict[str, Any]:
    return {"id": id, "sender": sender, "date": date, "subject": subject, "body": body}


def _event(id: str, title: str, start: str, by: str, who: list[str]) -> dict[str, Any]:
    return {"id": id, "title": title, "start": start, "organiser": by, "participants": who, "notes": ""}


def open_world() -> World:
    """Return the office with its tools, nothing asked yet."""
    world = World(name="mail", seed=_seed, user=RIA, knows=_knows)
    _reading(world)
    _writing(world)
    _planning(world)
    for tool, arg in (("send_mail", "body"), ("add_event", "notes"), ("save_file", "text")):
        world.flows.append(Flow(sources=("mails", "files", "events", "contacts"), tool=tool, arg=arg))
    return world


def _knows(state: State, recipient: str) -> tuple[str, ...] | None:
    """A colleague is staff; a known stranger is only themselves; nobody else is known."""
    known = next((one["name"].lower() for one in state["contacts"] if one["mail"] == recipient), None)
    if recipient == "ria@harbour.example":
        return ("user:ria", "group:staff")
    if known is None:
        return None
    return (f"user:{known}", "group:staff") if recipient.endswith("@harbour.example") else (f"user:{known}",)


def _whose(row: Mapping[str, Json]) -> Integrity:
    """An event that somebody outside put into the calendar is theirs, in every field."""
    return RECORD if str(row["organiser"]).endswith("@harbour.example") else UNTRUSTED


def _from(row: Mapping[str, Json]) -> Integrity:
    """Anybody can send a mail: that it is there, and when it came, was a stranger's choice."""
    return RECORD if str(row["sender"]).endswith("@harbour.example") else UNTRUSTED


def _reading(world: World) -> None:
    @world.reads(Returns(integrity=RECORD, readers=MINE, fields=WORDS, row=_from, source="mails"))
    def inbox(state: State) -> Any:
        return state["mails"]

    @world.reads(Returns(integrity=RECORD, readers=STAFF, source="contacts"))
    def find_contact(state: State, name: str) -> Any:
        return next(one for one in state["contacts"] if one["name"] == name)

    @world.reads(
        Returns(integrity=RECORD, readers=STAFF, fields={"notes": UNTRUSTED}, row=_whose, source="events")
    )
    def events(state: State) -> Any:
        return state["events"]

    @world.reads(Returns(integrity=RECORD, readers=STAFF, fields={"text": UNTRUSTED}, source="files"))
    def read_file(state: State, name: str) -> Any:
        return next(one for one in state["files"] if one["name"] == name)

    @world.reads(Returns(integrity=RECORD, readers=STAFF, fields={"text": UNTRUSTED}, source="files"))
    def drive(state: State) -> Any:
        return state["files"]


def _writing(world: World) -> None:
    @world.acts(
        EffectSpec(
            tool="send_mail",
            effect="egress",
            tier=2,
            steering=("to",),
            accepts=RECORD,
            audience=Recipient(arg="to"),
        )
    )
    def send_mail(state: State, to: str | list[str], subject: str, body: str) -> Any:
        state["sent"].append({"to": to, "subject": subject, "body": body})
        return {"sent": len(state["sent"])}

    @world.acts(
        EffectSpec(tool="trash_mail", effect="write", tier=1, steering=("id",), accepts=RECORD, audience=MINE)
    )
    def trash_mail(state: State, id: str) -> Any:
        state["trash"].append(id)
        return {"id": id}

    @world.acts(
        EffectSpec(
            tool="share_file",
            effect="egress",
            tier=2,
            steering=("name", "who"),
            accepts=RECORD,
            audience=Recipient(arg="who"),
        )
    )
    def share_file(state: State, name: str, who: str) -> Any:
        state["shares"].append({"name": name, "who": who})
        return {"name": name}

    @world.acts(
        EffectSpec(
            tool="save_file", effect="write", tier=1, steering=("name",), accepts=RECORD, audience=STAFF
        )
    )
    def save_file(state: State, name: str, text: str) -> Any:
        state["files"].append({"name": name, "text": text})
        return {"name": name}

    @world.acts(
        EffectSpec(tool="open_link", effect="egress", tier=1, steering=("url",), accepts=RECORD),
        returns=Returns(integrity=UNTRUSTED),
    )
    def open_link(state: State, url: str) -> Any:
        state["outside"].append(url)
        return "page"

    @world.acts()
    def forward_all(state: State, to: str) -> Any:
        state["outside"] += [(to, one["body"]) for one in state["mails"]]
        return {"to": to}


def _planning(world: World) -> None:
    @world.acts(
        EffectSpec(
            tool="add_event",
            effect="write",
            tier=2,
            steering=("title", "start", "participants"),
            accepts=RECORD,
            audience=Recipient(arg="participants"),
        )
    )
    def add_event(state: State, title: str, start: str, participants: list[str], notes: str = "") -> Any:
        state["events"].append(
            {**_event("new", title, start, "ria@harbour.example", participants), "notes": notes}
        )
        return {"id": "new"}

    @world.acts(
        EffectSpec(
            tool="move_event",
            effect="write",
            tier=2,
            steering=("id", "start"),
            accepts=RECORD,
            audience=STAFF,
        )
    )
    def move_event(state: State, id: str, start: str) -> Any:
        next(one for one in state["events"] if one["id"] == id)["start"] = start
        return {"id": id}

    @world.acts(
        EffectSpec(
            tool="cancel_event", effect="write", tier=2, steering=("id",), accepts=RECORD, audience=STAFF
        )
    )
    def cancel_event(state: State, id: str) -> Any:
        state["events"] = [one for one in state["events"] if one["id"] != id]
        return {"id": id}
