"""Values with a form: believed by check digit, doubted where undecided."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.documents.claims import CodePattern, Locale, Mention, mentions


def only(text: str, kind: str, **options: object) -> Mention:
    (found,) = [one for one in mentions(text, **options) if one.kind == kind]  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("written", ["CSQU3054383", "csqu 305438-3", "CSQU 305 438 3", "CSQU305438[3]"])
def test_containers_are_found_as_people_write_them(written: str) -> None:
    found = only(f"the box {written}, please", "container")
    assert (found.value, found.check) == ("CSQU3054383", "passed")


def test_a_letter_for_a_digit_is_only_proposed() -> None:
    found = only("CSQU3O54383", "container")
    assert (found.value, found.check) == ("CSQU3054383", "proposed")


def test_a_wrong_check_digit_stays_in_doubt_with_what_it_could_be() -> None:
    found = only("CSQU3054384", "container")
    assert (found.check, found.others) == ("ambiguous", ("CSQU3054383",))


def test_accounts_count_by_their_check_digits_also_before_words() -> None:
    found = only("to DE89 3704 0044 0532 0130 00 PLEASE NOTE", "iban")
    assert (found.value, found.check) == ("DE89370400440532013000", "passed")
    assert not [m for m in mentions("DE88 3704 0044 0532 0130 00") if m.kind == "iban"]


@pytest.mark.parametrize(
    ("written", "iso", "others"),
    [
        ("2026-03-04", "2026-03-04", ()),
        ("03.04.2026", "2026-04-03", ("2026-03-04",)),
        ("23.04.2026", "2026-04-23", ()),
        ("04/23/26", "2026-04-23", ()),
        ("4.4.2026", "2026-04-04", ()),
        ("12. März 2026", "2026-03-12", ()),
        ("1er février 2026", "2026-02-01", ()),
        ("5 de marzo de 2026", "2026-03-05", ()),
        ("March 5th, 2026", "2026-03-05", ()),
        ("7 stycznia 2026", "2026-01-07", ()),
    ],
)
def test_dates(written: str, iso: str, others: tuple[str, ...]) -> None:
    found = only(f"until {written} at noon", "date")
    assert (found.value, found.others) == (iso, others)
    assert found.check == ("ambiguous" if others else "passed")


def test_a_declared_order_decides_a_date_and_no_day_is_invented() -> None:
    assert only("03.04.2026", "date", locale=Locale(order="mdy")).value == "2026-03-04"
    assert not [m for m in mentions("31.02.2026") if m.kind == "date"]


@pytest.mark.parametrize(
    ("written", "value", "others"),
    [
        ("EUR 1.234,50", "EUR 1234.50", ()),
        ("1,234.50 USD", "USD 1234.50", ()),
        ("€ 12,5", "EUR 12.5", ()),
        ("1 234,00 zł", "PLN 1234.00", ()),
        ("CHF 1'200.-", "CHF 1200", ()),
        ("EUR 1.200", "EUR 1200", ("EUR 1.200",)),
        ("1.200.000 euros", "EUR 1200000", ()),
    ],
)
def test_amounts(written: str, value: str, others: tuple[str, ...]) -> None:
    found = only(f"we paid {written} today", "amount")
    assert (found.value, found.others) == (value, others)


def test_a_declared_decimal_sign_decides() -> None:
    assert only("EUR 1.200", "amount", locale=Locale(decimals="point")).value == "EUR 1.200"
    assert only("EUR 1.200", "amount", locale=Locale(decimals="comma")).value == "EUR 1200"


def test_addresses_are_decoded() -> None:
    found = mentions("write to Bob@xn--bcher-kva.de")
    assert [(m.kind, m.value) for m in found] == [("email", "bob@bücher.de"), ("domain", "bücher.de")]


def test_a_code_of_the_task_counts_near_its_word_and_by_its_check_digit() -> None:
    bl = CodePattern(kind="bl", pattern=re.compile(r"[A-Z]{4}\d{8}"), near=("b/l",))
    assert only("B/L HLCU12345678", "bl", patterns=(bl,)).value == "HLCU12345678"
    assert not [m for m in mentions("our HLCU12345678", patterns=(bl,)) if m.kind == "bl"]
    card = CodePattern(kind="card", pattern=re.compile(r"\d{16}"), check="luhn")
    assert only("4111111111111111", "card", patterns=(card,)).check == "passed"
    assert not [m for m in mentions("4111111111111112", patterns=(card,)) if m.kind == "card"]


def test_un_numbers() -> None:
    assert [m.value for m in mentions("UN 1203, UN-No. 0336 but not UN 99") if m.kind == "un_number"] == [
        "UN1203",
        "UN0336",
    ]


@given(st.text(alphabet="ACSQUo0Il1234567890 .,-/@€EURde\u0301\U0001f6a2\n", max_size=120))
def test_any_text_gives_mentions_inside_it(text: str) -> None:
    for one in mentions(text):
        assert 0 <= one.start < one.end <= len(text)
        assert one.value
