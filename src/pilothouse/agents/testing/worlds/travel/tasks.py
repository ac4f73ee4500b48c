"""Owns what people ask of the journey."""

from __future__ import annotations

from typing import Any

from pilothouse.agents.plans.expressions import (
    Choose,
    Draft,
    Find,
    Fold,
    From,
    Lookup,
    Pick,
    Question,
    Said,
    Where,
    lookup,
    text,
    where,
)
from pilothouse.agents.plans.plan import plan, step
from pilothouse.agents.testing.world import Check, State, World
from pilothouse.labels import Number

__all__ = ["ask"]

OSLO = step("hotels", "hotels", city="Oslo")
REVIEWS = step("reviews", "reviews")
LETTERS = step("letters", "letters")
QUIET = "Which hotel is quiet?"


def ask(world: World) -> None:
    """Add the tasks."""
    _hotels(world)
    _moving(world)
    _others(world)
    _questions(world)


def _best(rows: str, order: str, *tests: Where, path: str = "name") -> Pick:
    return Pick(From(rows), where=tests, order=order, take="first", path=path)


def _quiet(review: Any) -> str:
    return review["hotel"] if "quiet" in review["text"].lower() else "none of them"


def _booked(what: str) -> Check:
    return lambda state: state["bookings"][-1]["what"] == what


def _letter(by: str) -> Pick:
    return Pick(From("letters"), where=(where("by", "=", by),), path="text")


def _mail(name: str) -> Lookup:
    return lookup("find_friend", "mail", name=name)


def _told(to: str, words: str) -> Check:
    return lambda state: any(one["to"] == to and words in one["body"] for one in state["sent"])


def _hotels(world: World) -> None:
    world.task(
        "the cheapest decent hotel",
        "Book the cheapest hotel in Oslo rated 4 or more from 5 December, two nights.",
        plan(
            OSLO,
            step(
                "b",
                "book_hotel",
                hotel=_best("hotels", "price", where("rating", ">=", 4)),
                start="2025-12-05",
                nights=2,
            ),
        ),
        done=_booked("Fjord Inn"),
    )
    world.task(
        "the best rated hotel",
        "Book the best rated hotel in Oslo from 5 December, two nights.",
        plan(OSLO, step("b", "book_hotel", hotel=_best("hotels", "-rating"), start="2025-12-05", nights=2)),
        done=_booked("Grand Pine"),
    )
    quiet = Choose(From("reviews"), QUIET, among=From("hotels"), by="name", path="name", apart=True)
    world.task(
        "the hotel that reviews call quiet",
        "Book the hotel in Oslo that reviews call quiet, from 5 December, one night.",
        plan(OSLO, REVIEWS, step("b", "book_hotel", hotel=quiet, start="2025-12-05", nights=1)),
        answers={QUIET: _quiet},
        done=_booked("Fjord Inn"),
    )
    world.task(
        "a named hotel",
        "Book Budget Bunk from 5 December, one night.",
        plan(step("b", "book_hotel", hotel="Budget Bunk", start="2025-12-05", nights=1)),
        done=_booked("Budget Bunk"),
    )
    world.task(
        "cancel a stay",
        "Cancel my stay at Rio Sol.",
        plan(
            step("mine", "bookings"),
            step(
                "gone",
                "cancel_booking",
                id=Pick(From("mine"), where=(where("what", "=", "Rio Sol"),), path="id"),
            ),
        ),
        done=lambda state: state["bookings"] == [],
    )


def _moving(world: World) -> None:
    world.task(
        "a vegan table",
        "Book the cheapest vegan place in Oslo for 5 December at 19:00.",
        plan(
            step("tables", "restaurants", city="Oslo"),
            step(
                "b",
                "book_table",
                table=_best("tables", "price", where("kind", "=", "vegan")),
                at="2025-12-05 19:00",
            ),
        ),
        done=_booked("Green Leaf"),
    )
    world.task(
        "buy a flight",
        "Buy the cheapest flight to Oslo on 5 December.",
        plan(
            step("flights", "flights", to="Oslo"),
            step(
                "bought",
                "buy_flight",
                flight=_best("flights", "price", path="id"),
                passport=lookup("profile", "passport"),
            ),
        ),
        done=lambda state: state["flown"] == [{"flight": "OS34", "passport": "P1234567"}],
    )
    world.task(
        "a flight in the calendar",
        "Put flight OS12 into my calendar.",
        plan(
            step("flights", "flights", to="Oslo"),
            step(
                "day",
                "add_day",
                title="Flight OS12",
                day=Pick(From("flights"), where=(where("id", "=", "OS12"),), path="day"),
            ),
        ),
        done=lambda state: state["days"][0]["day"] == "2025-12-05",
    )
    ana = _letter("ana@friends.example")
    world.task(
        "a friend's arrival in the calendar",
        "Put Ana's arrival, as she wrote, into my calendar.",
        plan(LETTERS, step("day", "add_day", title="Ana arrives", day=Find(ana, kind="date"), notes=ana)),
        done=lambda state: state["days"][0]["day"] == "2025-12-05",
    )
    code = Find(_letter("agency@trips.example"), pattern=r"code (\w+)")
    world.task(
        "take an offer",
        "Use the voucher that the agency sent me.",
        plan(LETTERS, step("used", "use_voucher", code=code)),
        done=lambda state: state["vouchers"] == ["SPRING25"],
    )


def _others(world: World) -> None:
    when = Pick(From("flights"), where=(where("id", "=", "OS34"),), path="start")
    world.task(
        "tell a friend when",
        "Mail Ana when OS34 leaves.",
        plan(
            step("flights", "flights", to="Oslo"),
            step("sent", "send_mail", to=_mail("Ana"), body=text("It leaves at {when}.", when=when)),
        ),
        done=_told("ana@friends.example", "14:30"),
    )
    world.task(
        "tell a friend what reviews say",
        "Mail Bo a summary of the reviews.",
        plan(
            REVIEWS, step("sent", "send_mail", to=_mail("Bo"), body=Draft((From("reviews"),), "Sum it up."))
        ),
        done=_told("bo@friends.example", "Loud"),
    )
    world.task(
        "pass on a letter",
        "Forward Ana's letter to Bo.",
        plan(LETTERS, step("sent", "send_mail", to=_mail("Bo"), body=_letter("ana@friends.example"))),
        done=_told("bo@friends.example", "I land"),
    )
    world.task(
        "post a review",
        "Give Rio Sol five stars: Lovely stay.",
        plan(step("posted", "post_review", hotel="Rio Sol", stars=5, text="Lovely stay.")),
        done=lambda state: state["posted"][0]["stars"] == 5,
    )


def _questions(world: World) -> None:
    world.task(
        "what would it cost",
        "What do three nights in the cheapest hotel in Oslo cost?",
        plan(OSLO, answer=Fold("times", (_best("hotels", "price", path="price"), Said(3)))),
        answer=180,
    )
    stars = Pick(From("reviews"), where=(where("hotel", "=", "Fjord Inn"),), take="all")
    world.task(
        "how many stars",
        "How many stars has Fjord Inn on average?",
        plan(REVIEWS, answer=Fold("mean", (stars,), "stars")),
        answer=4.5,
    )
    nights = Question(From("letters"), "How many nights does Ana stay?", Number(1, 30))

    def booked(state: State) -> bool:
        return state["bookings"][-1]["what"] == "Fjord Inn"

    world.task(
        "as long as a friend",
        "Book Fjord Inn from 5 December for as long as Ana stays.",
        plan(LETTERS, step("b", "book_hotel", hotel="Fjord Inn", start="2025-12-05", nights=nights)),
        answers={"How many nights does Ana stay?": 3},
        done=booked,
    )
