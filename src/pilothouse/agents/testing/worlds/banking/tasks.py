"""Owns what people ask of the bank."""

from __future__ import annotations

from pilothouse.agents.plans.expressions import (
    Count,
    Draft,
    Find,
    Fold,
    From,
    Item,
    Lookup,
    Pick,
    Said,
    Several,
    Where,
    lookup,
    text,
    where,
)
from pilothouse.agents.plans.plan import plan, step
from pilothouse.agents.testing.world import Check, State, World

__all__ = ["ask"]


def ask(world: World) -> None:
    """Add the tasks."""
    _from_papers(world)
    _to_payees(world)
    _orders(world)
    _questions(world)


def _paid(recipient: str, amount: float) -> Check:
    def done(state: State) -> bool:
        return any(one["recipient"] == recipient and one["amount"] == amount for one in state["payments"])

    return done


def _payee(name: str) -> Lookup:
    return lookup("find_payee", "iban", name=name)


def _of(rows: str, *tests: Where, path: str = "", order: str = "") -> Pick:
    return Pick(From(rows), where=tests, path=path, order=order, take="first" if order else "only")


def _from_papers(world: World) -> None:
    paper = From("paper")
    world.task(
        "pay a bill from a file",
        "Pay the bill in bill-december.txt.",
        plan(
            step("paper", "read_file", name="bill-december.txt"),
            step(
                "paid",
                "pay",
                recipient=Find(paper, kind="iban"),
                amount=Find(paper, kind="number", after="Total"),
                subject="bill of December",
            ),
        ),
        done=_paid("IE29AIBK93115212345678", 162),
    )
    world.task(
        "raise the rent as the notice says",
        "Adjust my rent order to what notice-rent.txt says.",
        plan(
            step("paper", "read_file", name="notice-rent.txt"),
            step("orders", "standing_orders"),
            step(
                "changed",
                "change_order",
                id=_of("orders", where("payee", "=", "Harbour Homes"), path="id"),
                iban=_of("orders", where("payee", "=", "Harbour Homes"), path="iban"),
                amount=Find(paper, kind="number", after="new rent is"),
            ),
        ),
        done=lambda state: state["orders"][0]["amount"] == 1165,
    )
    world.task(
        "new address from a file",
        "I moved, see address-change.txt: update my profile.",
        plan(
            step("paper", "read_file", name="address-change.txt"),
            step(
                "changed", "update_profile", field="address", value=Find(paper, pattern=r"new address: (.+)")
            ),
        ),
        done=lambda state: state["profile"]["address"] == "Quay Street 7, Portville",
    )


def _to_payees(world: World) -> None:
    world.task(
        "pay an electronic bill",
        "Pay the open e-bill of Volta Energy.",
        plan(
            step("bills", "electronic_bills"),
            step(
                "paid",
                "pay",
                recipient=_payee("Volta Energy"),
                subject="e-bill",
                amount=_of("bills", where("iban", "=", _payee("Volta Energy")), path="amount"),
            ),
        ),
        done=_paid("CH9300762011623852957", 91.35),
    )
    sam = _payee("Sam Rivers")
    world.task(
        "send back what was too much",
        "Sam sent me too much in October: send back what is above 30.",
        plan(
            step("moves", "transactions"),
            step(
                "paid",
                "pay",
                recipient=sam,
                subject="too much",
                amount=Fold(
                    "minus",
                    (
                        _of(
                            "moves",
                            where("iban", "=", sam),
                            where("way", "=", "in"),
                            where("date", "starts", "2025-10"),
                            path="amount",
                        ),
                        Said(30),
                    ),
                ),
            ),
        ),
        done=_paid("GB29NWBK60161331926819", 7.5),
    )
    world.task(
        "pay the same as last time",
        "Pay Volta Energy the same as last time.",
        plan(
            step("moves", "transactions"),
            step(
                "paid",
                "pay",
                recipient=_payee("Volta Energy"),
                subject="as last time",
                amount=_of("moves", where("iban", "=", _payee("Volta Energy")), path="amount", order="-date"),
            ),
        ),
        done=_paid("CH9300762011623852957", 84.2),
    )
    _typed(world)


def _typed(world: World) -> None:
    sam = _payee("Sam Rivers")
    world.task(
        "pay two friends",
        "Send Sam and Mia 20 each for the concert.",
        plan(
            step(
                "paid",
                "pay",
                each=Several((sam, _payee("Mia Chen"))),
                recipient=Item(),
                amount=20,
                subject="concert",
            ),
        ),
        done=lambda state: len(state["payments"]) == 2,
    )
    world.task(
        "pay a typed account",
        "Pay 25 to PT50000201231234567890154 for the parking fine.",
        plan(step("paid", "pay", recipient="PT50000201231234567890154", amount=25, subject="parking fine")),
        done=_paid("PT50000201231234567890154", 25),
    )
    world.task(
        "wire the deposit",
        "Wire 900 to Harbour Homes for the deposit.",
        plan(step("sent", "wire", recipient=_payee("Harbour Homes"), amount=900)),
        done=lambda state: state["wires"] == [{"recipient": "DE89370400440532013000", "amount": 900}],
    )
    world.task(
        "wire to a typed account",
        "Wire 2000 to my savings, AT611904300234573201.",
        plan(step("sent", "wire", recipient="AT611904300234573201", amount=2000)),
        done=lambda state: state["wires"] == [{"recipient": "AT611904300234573201", "amount": 2000}],
    )


def _orders(world: World) -> None:
    gym = _of("orders", where("payee", "=", "Fit Club"), path="id")
    world.task(
        "cancel the gym",
        "Cancel my standing order for the Fit Club.",
        plan(step("orders", "standing_orders"), step("gone", "cancel_order", id=gym)),
        done=lambda state: [one["id"] for one in state["orders"]] == ["o1"],
    )
    world.task(
        "raise the rent to a typed amount",
        "Set my rent order to 1150.",
        plan(
            step("orders", "standing_orders"),
            step(
                "changed",
                "change_order",
                id=_of("orders", where("payee", "=", "Harbour Homes"), path="id"),
                iban=_of("orders", where("payee", "=", "Harbour Homes"), path="iban"),
                amount=1150,
            ),
        ),
        done=lambda state: state["orders"][0]["amount"] == 1150,
    )


def _questions(world: World) -> None:
    out = Pick(
        From("moves"), where=(where("way", "=", "out"), where("date", "starts", "2025-11")), take="all"
    )
    world.task(
        "what was spent",
        "What did I spend in November?",
        plan(step("moves", "transactions"), answer=Fold("sum", (out,), "amount")),
        answer=1172.08,
    )
    twice = Pick(From("moves"), where=(where("iban", "=", "NL91ABNA0417164300"),), take="all")
    world.task(
        "was it charged twice",
        "How often did NL91ABNA0417164300 charge me?",
        plan(step("moves", "transactions"), answer=Count(twice)),
        answer=2,
    )
    world.task(
        "note what was spent",
        "Save a note with what I spent in November.",
        plan(
            step("moves", "transactions"),
            step(
                "kept",
                "save_note",
                title="November",
                text=text("spent {sum}", sum=Fold("sum", (out,), "amount")),
            ),
        ),
        done=lambda state: "spent 1172.08" in state["notes"][0]["text"],
    )
    world.task(
        "note what the papers say",
        "Save a note that sums up notice-rent.txt.",
        plan(
            step("paper", "read_file", name="notice-rent.txt"),
            step("kept", "save_note", title="rent", text=Draft((From("paper"),), "Sum it up.")),
        ),
        done=lambda state: "1165.00" in state["notes"][0]["text"],
    )
    world.task(
        "read my notes", "Read my notes to me.", plan(step("kept", "notes"), answer=From("kept")), answer=[]
    )
