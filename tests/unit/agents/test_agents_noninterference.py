"""Whatever strangers write or put there, what goes out as trusted is the same: random plans, two worlds."""

from __future__ import annotations

from typing import Any

from agents_cases import ANN, RECORD, SPECS, UNTRUSTED, RuleDoor, Says
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.agents import (
    ActTool,
    Choose,
    Count,
    Draft,
    Expression,
    Find,
    Fold,
    From,
    Pick,
    Question,
    ReadTool,
    Returns,
    Said,
    Same,
    Session,
    Several,
    Text,
    Toolbox,
    Where,
    lookup,
    plan,
    step,
    where,
)
from pilothouse.kernel import Json
from pilothouse.labels import Boolean, Integrity, Number

OURS: list[Json] = [
    {"id": "a", "n": 3, "words": "3 boxes", "own": True},
    {"id": "b", "n": 7, "words": "7 crates", "own": True},
]
STRANGER = st.fixed_dictionaries(
    {"id": st.sampled_from("xyz"), "n": st.integers(0, 9), "words": st.sampled_from(["3", "9 boxes", ""])}
)
WORLD = st.tuples(
    st.sampled_from(["", "3", "7 and 7", "8 or 9", "a"]),
    st.sampled_from(["3", "9"]),
    st.lists(STRANGER, max_size=2),
)


class Counter:
    """A reader whose answers depend on every letter it reads."""

    async def answer(self, text: Json, question: str, answer: Any) -> object:
        count = len(str(text))
        return (
            answer.options[count % len(answer.options)] if hasattr(answer, "options") else _fit(answer, count)
        )

    async def write(self, texts: Any, instruction: str) -> str:
        return " ".join(str(text) for text in texts)


def _fit(answer: Any, count: int) -> object:
    return count % 2 == 0 if isinstance(answer, Boolean) else count % 10


def _wheres(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Where]:
    return st.builds(
        where,
        st.sampled_from(["n", "words", "id"]),
        st.sampled_from(["=", "!=", ">", "<=", "has", "in"]),
        inner,
    )


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    pairs = st.tuples(inner, inner)
    picks = st.builds(
        lambda tests, order, take, path: Pick(From("rows"), where=tests, order=order, take=take, path=path),
        st.tuples(_wheres(inner)) | st.just(()),
        st.sampled_from(["", "n", "-n", "words"]),
        st.sampled_from(["only", "first", "all"]),
        st.sampled_from(["", "id", "n", "words"]),
    )
    return st.one_of(
        picks,
        picks,
        st.builds(lambda two: Text("{a}-{b}", {"a": two[0], "b": two[1]}), pairs),
        st.builds(Fold, st.sampled_from(["sum", "minus", "times", "min", "max"]), pairs),
        st.builds(Several, pairs),
        st.builds(Count, inner),
        st.builds(lambda two: Same(*two), pairs),
        st.builds(lambda two: Draft(two, "Sum it up."), pairs),
        st.builds(lambda one: lookup("book", "mail", name=one), inner),
        st.builds(lambda one: Question(one, "?", Number(0, 9)), inner),
        st.builds(lambda one: Find(one, kind="number"), inner),
        st.builds(lambda one: Choose(one, "?", among=From("rows"), by="id", path="n"), inner),
    )


FORMS = st.recursive(
    st.one_of(
        st.sampled_from(
            [Said(3), Said("b"), Said("boxes"), From("letter"), From("rows"), From("rows", "0.id")]
        ),
        st.sampled_from([From("rows", "1.words"), From("rows", "2.n"), Find(From("letter"), kind="number")]),
    ),
    _larger,
    max_leaves=6,
)
STEPS = st.lists(st.tuples(FORMS, st.none() | st.tuples(FORMS, FORMS), st.booleans()), min_size=1, max_size=4)


def _book(name: Json) -> Json:
    return {"mail": f"{name}@here"}


def _own(row: Any) -> Integrity:
    return RECORD if row["own"] else UNTRUSTED


async def sent(steps: list[Any], world: Any) -> dict[str, Any]:
    """Return what left as trusted, by effect."""
    letter, words, strangers = world
    rows = [{**OURS[0], "words": words}, OURS[1], *({**one, "own": False} for one in strangers)]  # type: ignore[dict-item]
    worth = Returns(
        integrity=RECORD,
        readers=(),
        fields={"words": UNTRUSTED},
        row=lambda row: RECORD if row["own"] else UNTRUSTED,
    )
    tools = Toolbox(
        ReadTool(name="letter", read=lambda: letter, returns=Returns(readers=())),
        ReadTool(name="rows", read=lambda: rows, returns=worth),
        ReadTool(name="book", read=_book, returns=Returns(integrity=RECORD, readers=())),
        *(ActTool(spec=spec) for spec in SPECS.values()),
    )
    door = RuleDoor(SPECS)

    session = Session(
        principal=ANN, tools=tools, door=door, run="r", reader=Counter(), asker=Says(), bits=1e9
    )
    acts = [
        step(f"s{i}", "keep", name=form, when=() if when is None else where(when[0], "=", when[1]),
             each=form if each else None)
        for i, (form, when, each) in enumerate(steps)
    ]  # fmt: skip
    session.bind(plan(step("letter", "letter"), step("rows", "rows"), *acts))
    await session.finish()
    return {
        one.effect_id: one.args
        for one in door.done
        if one.pc.integrity >= RECORD and one.labels["name"].integrity >= RECORD
    }


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, WORLD, WORLD)
async def test_what_leaves_as_trusted_does_not_depend_on_strangers(
    steps: list[Any], one: Any, other: Any
) -> None:
    left, right = await sent(steps, one), await sent(steps, other)
    for effect in left.keys() & right.keys():
        assert left[effect] == right[effect]
