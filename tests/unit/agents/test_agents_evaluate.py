"""Every form of the plan language: what it yields, and what its label follows from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from agents_cases import ANN, RECORD, UNTRUSTED, Parrot, rows

from pilothouse.agents import (
    Choose,
    Count,
    Draft,
    Expression,
    Find,
    Fold,
    From,
    Given,
    Pick,
    Question,
    Returns,
    Said,
    Same,
    Several,
    Value,
    lookup,
    text,
    where,
)
from pilothouse.agents.plans.evaluate import Evaluator
from pilothouse.agents.reading import NoReader, Quarantined, Reader
from pilothouse.kernel import DataError, Json, UsageError
from pilothouse.labels import Boolean, Budget, Integrity, typed

SAID = typed("ann", "r")
OPERATOR = Integrity.OPERATOR


def letter(data: Json) -> Value:
    return Returns(readers=()).label(data, tool="letters", principal=ANN)


RESULTS = {
    "rows": rows(fields={"words": UNTRUSTED}),
    "letter": letter("Total: 12 for IBAN DE89370400440532013000"),
    "votes": letter(["one", "one", "two", "none of them"]),
    "figures": rows().at("0"),
}


async def value(form: Expression, *, reader: Reader | None = None, bits: float = 64.0) -> Value:
    async def read(tool: str, args: Mapping[str, Value]) -> Value:
        key = args["name"]
        found = Returns(integrity=RECORD, readers=()).label(
            {"mail": f"{key.data}@here"}, tool=tool, principal=ANN
        )
        return found.mapped(lambda label: label).under(key.whole)

    evaluator = Evaluator(
        said=SAID,
        read=read,
        quarantine=Quarantined(reader or NoReader(), Budget(bits), "r"),
        recall=letter,
        results=dict(RESULTS),
        given={"pasted": letter({"a": 1})},
    )
    return await evaluator.of(form)


@pytest.mark.parametrize(
    ("form", "data", "integrity"),
    [
        (Said({"a": [1]}), {"a": [1]}, OPERATOR),
        (From("rows", "0.id"), "1", RECORD),
        (From("rows", "0.words"), "call 112", UNTRUSTED),
        (Given("pasted", "a"), 1, UNTRUSTED),
        (Pick(From("rows"), where=(where("n", ">", 5),), path="id"), "2", RECORD),
        (lookup("book", "mail", name="bob"), "bob@here", RECORD),
        (lookup("book", "mail", name=From("letter")), f"{RESULTS['letter'].data}@here", UNTRUSTED),
        (Find(From("letter"), kind="iban"), "DE89370400440532013000", UNTRUSTED),
        (Find(From("letter"), kind="number", take="all"), [12], UNTRUSTED),
        (text("from {who}", who=From("rows", "0.who")), "from bob@here", RECORD),
        (text("{a} and {b}", a="x", b=From("votes")), "x and one, one, two, none of them", UNTRUSTED),
        (text("plain"), "plain", OPERATOR),
        (Count(From("rows")), 2, RECORD),
        (Fold("sum", (From("rows"),), "n"), 12, RECORD),
        (Fold("sum", ()), 0, OPERATOR),
        (Fold("mean", (From("rows"),), "n"), 6, RECORD),
        (Fold("min", (From("rows"),), "n"), 3, RECORD),
        (Fold("max", (From("rows"), From("figures")), "n"), 9, RECORD),
        (Fold("minus", (Said("10.5"), Said(3), Said(1))), 6.5, OPERATOR),
        (Fold("times", (Said(3), Find(From("letter"), kind="number", after="Total"))), 36, UNTRUSTED),
        (Several((Said(1), From("rows", "0.n"))), [1, 3], RECORD),
        (Same(From("rows", "0.id"), Said("1")), "1", RECORD),
    ],
)
async def test_what_a_form_yields_and_is_worth(form: Expression, data: Json, integrity: Integrity) -> None:
    found = await value(form)
    assert found.data == data
    assert found.whole.integrity is integrity


async def test_a_record_that_a_letter_agrees_with_goes_on_as_the_record() -> None:
    agreed = Same(Said("DE89370400440532013000"), Find(From("letter"), kind="iban"))
    assert (await value(agreed)).whole.integrity is OPERATOR
    with pytest.raises(DataError) as caught:
        await value(Same(Said("GB29NWBK60161331926819"), Find(From("letter"), kind="iban")))
    assert caught.value.code == "agents.differs"
    assert "DE89" not in str(caught.value)


async def test_an_answer_is_worth_what_was_read_and_is_charged() -> None:
    asked = Question(From("letter"), "Is it due?", Boolean())
    found = await value(asked, reader=Parrot(True))
    assert found.data is True
    assert found.whole.integrity is UNTRUSTED
    with pytest.raises(UsageError, match="reader"):
        await value(asked)
    with pytest.raises(Exception, match="bits"):
        await value(asked, reader=Parrot(True), bits=0.5)


async def test_what_is_on_record_costs_bits_too_and_what_a_person_typed_costs_none() -> None:
    assert (await value(Question(Said("x"), "?", Boolean()), reader=Parrot(True), bits=0.0)).data is True


async def test_a_choice_among_records_hands_on_the_records_copy() -> None:
    form = Choose(From("letter"), "Who?", among=From("rows"), by="who", path="id")
    found = await value(form, reader=Parrot("eve@evil"))
    assert found.data == "2"
    assert found.whole.integrity is UNTRUSTED
    assert found.chosen is UNTRUSTED
    for none in (Parrot("somebody else"), Parrot(None)):
        with pytest.raises(DataError):
            await value(form, reader=none)
    with pytest.raises(DataError, match="records to choose from"):
        await value(Choose(From("letter"), "Who?", among=From("votes"), by="", path=""), reader=Parrot("one"))


async def test_read_apart_one_item_has_one_voice() -> None:
    options = rows()
    results: Any = {"one": "bob@here", "two": "eve@evil"}
    form = Choose(From("votes"), "Who?", among=From("rows"), by="who", path="id", apart=True)
    found = await value(form, reader=Parrot(lambda item: results.get(item, "none of them")))
    assert found.data == "1"
    assert found.whole.integrity is UNTRUSTED
    assert options.data
    for tied in (Parrot("none of them"), Parrot(lambda item: results.get(item, "eve@evil"))):
        with pytest.raises(DataError, match="as often"):
            await value(form, reader=tied)


async def test_a_draft_stays_behind_its_label() -> None:
    found = await value(Draft((From("letter"), Said("!")), "Sum it up."), reader=Parrot())
    assert str(found.data).endswith("!")
    assert found.whole.integrity is UNTRUSTED
    with pytest.raises(UsageError):
        await value(Draft((From("letter"),), "Sum it up."))


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (Given("nothing"), "agents.missing"),
        (text("{a.__class__}", a=1), "agents.plan"),
        (text("{", a=1), "agents.plan"),
        (Fold("max", ()), "agents.nothing"),
        (Fold("sum", (Said("twelve"),)), "agents.not_a_number"),
        (Fold("sum", (Said(True),)), "agents.not_a_number"),
        (Find(From("votes"), kind="iban"), "agents.nothing"),
        (Find(From("votes"), pattern="one|two"), "agents.rival"),
    ],
)
async def test_what_cannot_be_says_why(form: Expression, code: str) -> None:
    with pytest.raises((DataError, UsageError)) as caught:
        await value(form)
    assert caught.value.code == code


async def test_conditions_rest_on_all_they_compared() -> None:
    async def read(tool: str, args: Mapping[str, Value]) -> Value:
        raise AssertionError(tool)

    evaluator = Evaluator(
        said=SAID, read=read, quarantine=Quarantined(NoReader(), Budget(), "r"), recall=letter,
        results=dict(RESULTS),
    )  # fmt: skip
    holds, labels = await evaluator.holds((where(From("letter"), "has", "total"), where(1, "=", 2)))
    assert not holds
    assert min(label.integrity for label in labels) is UNTRUSTED
