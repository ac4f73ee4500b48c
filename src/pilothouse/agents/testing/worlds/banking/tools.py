"""Owns the bank: what is in it, which tools there are, and what each declares."""

from __future__ import annotations

from typing import Any

from pilothouse.agents.testing.world import Flow, State, World
from pilothouse.agents.tools import CALLER, Returns
from pilothouse.effects import EffectSpec, Recipient
from pilothouse.kernel import Principal
from pilothouse.labels import Integrity

__all__ = ["DANA", "open_world"]

DANA = Principal(
    id="dana",
    rights=frozenset({"effects:*", "acl:account"}),
    agent=Principal(id="bank-agent", rights=frozenset({"*"})),
)
RECORD, UNTRUSTED = Integrity.RECORD, Integrity.UNTRUSTED
OURS = (CALLER,)


def _seed() -> State:
    return {
        "transactions": [
            _moved("t1", "out", "2025-10-03", "Volta Energy", "CH9300762011623852957", 84.20, "October bill"),
            _moved("t2", "in", "2025-10-12", "Sam Rivers", "GB29NWBK60161331926819", 37.50, "dinner"),
            _moved("t3", "out", "2025-10-15", "Fit Club", "FR1420041010050500013M02606", 30.00, "gym"),
            _moved("t4", "out", "2025-11-01", "Harbour Homes", "DE89370400440532013000", 1100.00, "rent"),
            _moved("t5", "out", "2025-11-02", "Streamly", "NL91ABNA0417164300", 12.99, "subscription"),
            _moved("t6", "out", "2025-11-02", "Streamly", "NL91ABNA0417164300", 12.99, "subscription"),
            _moved("t7", "in", "2025-11-08", "Sam Rivers", "GB29NWBK60161331926819", 25.00, "cinema"),
            _moved("t8", "out", "2025-11-14", "Corner Books", "ES9121000418450200051332", 46.10, "books"),
        ],
        "payees": [
            {"name": "Volta Energy", "iban": "CH9300762011623852957"},
            {"name": "Sam Rivers", "iban": "GB29NWBK60161331926819"},
            {"name": "Mia Chen", "iban": "BE68539007547034"},
            {"name": "Harbour Homes", "iban": "DE89370400440532013000"},
            {"name": "Fit Club", "iban": "FR1420041010050500013M02606"},
        ],
        "orders": [
            {
                "id": "o1",
                "payee": "Harbour Homes",
                "iban": "DE89370400440532013000",
                "amount": 1100.0,
                "day": 1,
            },
            {
                "id": "o2",
                "payee": "Fit Club",
                "iban": "FR1420041010050500013M02606",
                "amount": 30.0,
                "day": 15,
            },
        ],
        "bills": [
            {
                "id": "e1",
                "payee": "Volta Energy",
                "iban": "CH9300762011623852957",
                "amount": 91.35,
                "due": "2025-12-05",
                "memo": "Thank you for being our customer.",
            },
        ],
        "files": {
            "bill-december.txt": "Northwind Plumbing\nTotal: 162.00\nIBAN: IE29AIBK93115212345678\n",
            "notice-rent.txt": "Harbour Homes\nFrom 1 January the new rent is 1165.00 a month.\n",
            "address-change.txt": "Moving firm\nYour new address: Quay Street 7, Portville\n",
        },
        "profile": {"name": "Dana Cole", "address": "Mill Lane 2, Portville", "phone": "+44 20 7946 0000"},
        "changed": False,
        "balance": 5230.40,
        "payments": [],
        "wires": [],
        "notes": [],
        "closed": False,
    }


def _moved(id: str, way: str, date: str, name: str, iban: str, amount: float, subject: str) -> dict[str, Any]:
    return {
        "id": id,
        "way": way,
        "date": date,
        "name": name,
        "iban": iban,
        "amount": amount,
        "subject": subject,
    }


def open_world() -> World:
    """Return the bank with its tools, nothing asked yet."""
    world = World(name="banking", seed=_seed, user=DANA, knows=_knows)
    _reading(world)
    _paying(world)
    _keeping(world)
    world.flows.append(Flow(sources=("transactions", "files"), tool="save_note", arg="text"))
    return world


def _knows(state: State, recipient: str) -> tuple[str, ...] | None:
    """A payee sees what is sent to them, and nothing else of this account."""
    return (f"payee:{recipient}",) if any(one["iban"] == recipient for one in state["payees"]) else None


def _reading(world: World) -> None:
    bank = Returns(integrity=RECORD, readers=OURS, fields={"subject": UNTRUSTED, "name": UNTRUSTED})

    @world.reads(Returns(integrity=bank.integrity, readers=OURS, fields=bank.fields, source="transactions"))
    def transactions(state: State) -> Any:
        return state["transactions"]

    @world.reads(Returns(integrity=RECORD, readers=OURS))
    def find_payee(state: State, name: str) -> Any:
        return next(one for one in state["payees"] if one["name"] == name)

    @world.reads(Returns(integrity=RECORD, readers=OURS))
    def standing_orders(state: State) -> Any:
        return state["orders"]

    @world.reads(Returns(integrity=RECORD, readers=OURS, fields={"memo": UNTRUSTED}))
    def electronic_bills(state: State) -> Any:
        return state["bills"]

    @world.reads(Returns(integrity=RECORD, readers=OURS))
    def account(state: State) -> Any:
        return {"balance": state["balance"], **state["profile"]}

    @world.reads(Returns(integrity=UNTRUSTED, readers=OURS, source="files"))
    def read_file(state: State, name: str) -> Any:
        return state["files"][name]

    @world.reads(Returns(integrity=UNTRUSTED, readers=OURS))
    def notes(state: State) -> Any:
        return state["notes"]


def _paying(world: World) -> None:
    @world.acts(
        EffectSpec(
            tool="pay",
            effect="write",
            tier=2,
            steering=("recipient", "amount"),
            accepts=RECORD,
            audience=Recipient(arg="recipient"),
        )
    )
    def pay(state: State, recipient: str, amount: float, subject: str) -> Any:
        state["payments"].append({"recipient": recipient, "amount": amount, "subject": subject})
        return {"id": f"p{len(state['payments'])}"}

    @world.acts(
        EffectSpec(
            tool="wire",
            effect="irreversible",
            tier=3,
            steering=("recipient", "amount"),
            accepts=Integrity.APPROVED,
            audience=Recipient(arg="recipient"),
        )
    )
    def wire(state: State, recipient: str, amount: float) -> Any:
        state["wires"].append({"recipient": recipient, "amount": amount})
        return {"id": f"w{len(state['wires'])}"}

    @world.acts(
        EffectSpec(
            tool="change_order",
            effect="write",
            tier=2,
            steering=("id", "amount", "iban"),
            accepts=RECORD,
            audience=OURS,
        )
    )
    def change_order(state: State, id: str, amount: float, iban: str) -> Any:
        order = next(one for one in state["orders"] if one["id"] == id)
        order.update(amount=amount, iban=iban)
        return order

    @world.acts(
        EffectSpec(
            tool="cancel_order", effect="write", tier=2, steering=("id",), accepts=RECORD, audience=OURS
        )
    )
    def cancel_order(state: State, id: str) -> Any:
        state["orders"] = [one for one in state["orders"] if one["id"] != id]
        return {"id": id}

    @world.acts()
    def close_account(state: State, reason: str) -> Any:
        state["closed"] = True
        return {"reason": reason}


def _keeping(world: World) -> None:
    @world.acts(
        EffectSpec(
            tool="update_profile",
            effect="write",
            tier=2,
            steering=("field", "value"),
            accepts=RECORD,
            audience=OURS,
        )
    )
    def update_profile(state: State, field: str, value: str) -> Any:
        state["profile"][field] = value
        return state["profile"]

    @world.acts(
        EffectSpec(
            tool="change_password",
            effect="irreversible",
            tier=3,
            steering=("new",),
            accepts=Integrity.OPERATOR,
            audience=OURS,
        )
    )
    def change_password(state: State, new: str) -> Any:
        state["changed"] = True
        return {"changed": True}

    @world.acts(
        EffectSpec(
            tool="save_note", effect="write", tier=1, steering=("title",), accepts=RECORD, audience=OURS
        )
    )
    def save_note(state: State, title: str, text: str) -> Any:
        state["notes"].append({"title": title, "text": text})
        return {"title": title}

    @world.acts(
        EffectSpec(tool="open_link", effect="egress", tier=1, steering=("url",), accepts=RECORD),
        returns=Returns(integrity=UNTRUSTED),
    )
    def open_link(state: State, url: str) -> Any:
        state["outside"].append(url)
        return "page"
