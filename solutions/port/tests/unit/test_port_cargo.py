"""Cargo descriptions: what is claimed, what is cleared, what stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse_port.reading import hazard_in
from pilothouse_port.reading.cargo import strange_words
from pilothouse_port.reading.listed import parse

ARMED = [
    "lithium batteries", "cigarette lighters", "Feuerzeuge", "Benzin in Kanistern", "verf", "peinture",
    "petrol in cans", "pintura y disolvente", "vuurwerk", "bleach", "acetone", "Akkus", "pétards",
    "fire extinguishers", "perfume", "briquets jetables", "bombonas de butano", "fiammiferi",
]  # fmt: skip
HARMLESS = [
    "wooden furniture", "leather shoes", "Baumwollhemden", "keramische tegels", "chaises de jardin",
    "muebles de madera", "paint brushes without paint", "battery holders", "Gasschläuche", "fire doors",
    "papier sans acide", "juguetes sin pilas", "new empty drums", "plush toys", "frozen shrimps",
]  # fmt: skip


def verdict(text: str) -> str:
    return "claimed" if hazard_in(text) else "open" if strange_words(text) else "cleared"


@given(
    harmless=st.lists(st.sampled_from(HARMLESS), max_size=3),
    armed=st.sampled_from(ARMED),
    at=st.integers(min_value=0, max_value=3),
    comma=st.sampled_from([", ", "; ", " / ", " + ", "\n"]),
)
def test_one_armed_thing_in_a_list_claims_it(harmless: list[str], armed: str, at: int, comma: str) -> None:
    things = [*harmless[:at], armed, *harmless[at:]]
    assert verdict(comma.join(things)) == "claimed"


@pytest.mark.parametrize(
    "word", ["and", "und", "en", "et", "y", "incl.", "mit", "met", "avec", "con", "with"]
)
@pytest.mark.parametrize("armed", ARMED)
def test_an_armed_thing_beside_a_harmless_one_is_claimed(word: str, armed: str) -> None:
    assert verdict(f"wooden furniture {word} {armed}") == "claimed"


@pytest.mark.parametrize("text", ARMED)
def test_a_hazard_is_claimed(text: str) -> None:
    assert verdict(text) == "claimed"


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_cargo_is_cleared(text: str) -> None:
    assert verdict(text) == "cleared"


@pytest.mark.parametrize(
    ("armed", "disarmed"),
    [
        ("paint", "paint brushes"),  # English: the head stands last
        ("Gasflaschen", "Gasflaschenhalter"),  # German: so it does inside one word
        ("batterij", "batterijhouders"),
        ("essence", "pompes à essence"),  # French: it stands first
        ("batería", "cables de batería"),
        ("lighters", "cases for lighters"),
        ("parfum", "boîtes pour parfum vides"),
        ("perfume bottles", "perfume bottles, new, empty"),
        ("lighters", "lighters without gas"),
        ("e-bikes", "e-bikes without battery"),
        ("batteries", "batteries not included"),
        ("gas", "gas-tight doors"),
        ("flammable liquid", "non-flammable liquid soap"),
        ("grenades", "plush grenades"),
        ("Dynamit", "Bücher über Dynamit"),
        ("Säure", "säurefreies Papier"),
        ("vuurwerk", "boeken over vuurwerk"),
    ],
)
def test_what_disarms_a_hazard(armed: str, disarmed: str) -> None:
    assert verdict(armed) == "claimed"
    assert verdict(disarmed) == "cleared"


@pytest.mark.parametrize(
    "text",
    [
        "paint brushes with paint",
        "battery holders with batteries",
        "non-drip gloss paint",
        "no-nails adhesive",
        "waterproof glue",
        "red paint",
        "feste Brennstoffe",
        "toys without batteries and fireworks",
        "brushes, no paint, thinner",
        "boxes of matches",
        "étuis de parfum",
        "paint, brushes not included",
        "not only toys but fireworks",
        "gloves made from asbestos",
        "hair colour spray",
        "UN 1263 brushes",
        "chloortabletten zwembad emmers 5kg",  # packed in buckets, no buckets
        "barbecue lighting fluid, 1 litre bottles",
    ],
)
def test_what_does_not_disarm_one(text: str) -> None:
    assert verdict(text) == "claimed"


@pytest.mark.parametrize(
    "text",
    [
        "gas cylinders, empty",  # a rest may be in them
        "empty drums, uncleaned",
        "qwertzium blorp",
        "white tablets in tins",  # a form without a thing
        "blue liquid",
        "bicycle fluid, bottles",  # a liquid for a harmless thing is no harmless thing
    ],
)
def test_what_nobody_can_tell_stays_open(text: str) -> None:
    assert verdict(text) == "open"


def test_past_words_settle_what_was_open() -> None:
    assert strange_words("zorbel quimps") == ("zorbel", "quimps")
    assert strange_words("zorbel quimps", {"zorbel", "quimps"}) == ()


def test_a_list_is_cut_into_its_things() -> None:
    parsed = parse("Farb- und Lackroller, Pinsel mit Farbe (ohne Dosen)")
    words = [" ".join(t.word for t in parsed.tokens[one.first : one.after]) for one in parsed.items]
    assert words == ["farb und lackroller", "pinsel", "mit farbe", "ohne dosen"]
    assert [one.link for one in parsed.items] == ["list", "list", "with", "without"]


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    found = hazard_in(text)
    assert found is None or text[found.start : found.end] == found.quote
    assert isinstance(strange_words(text), tuple)
