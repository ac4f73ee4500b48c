"""A draft says what it saw: shapes of values, overlap of keys, words in several languages, policy sentences."""
# ruff: noqa: E501 - policy sentences are kept as a port writes them

from __future__ import annotations

import pytest

from pilothouse_port.bindings.values import apply
from pilothouse_port.draft.keys import fit_key
from pilothouse_port.draft.policy import draft_policy
from pilothouse_port.draft.readme import read_dictionary
from pilothouse_port.draft.shapes import shape_of
from pilothouse_port.draft.words import abbreviated, code_words, concepts_of
from pilothouse_port.draft.write import flow


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (["MSCU1234566", "tghu 765432-1"], "box"),
        (["2026-03-04 12:00:00", "2026-03-05 08:15"], "moment"),
        (["04.03.2026", "31.12.2025"], "day"),
        (["1.234,56", "0,00-"], "decimal"),
        (["a@b.example", "c@d.example"], "mail"),
        (["EUR", "GBP", "EUR"], "currency"),
        (["Y", "N", "Y"], "flag"),
        (["A1"] * 20 + ["B2"] * 20, "code"),
        (["00042", "00043", "00044"], "whole"),
        (["Alfa Trading Ltd", "Beta Import GmbH"], "name"),
        (["two cartons were wet at the bottom", "door bent, seal intact it seems"], "text"),
        (["", " "], "empty"),
    ],
)
def test_a_column_is_known_by_its_values(values: list[str], shape: str) -> None:
    assert shape_of(values) == shape


@pytest.mark.parametrize(
    ("ours", "theirs", "share"),
    [
        (["0042", "0043"], ["0042", "0043", "0050"], 1.0),
        (["0042", "0043"], ["42", "43"], 1.0),
        (["42", "43"], ["00042", "00043"], 1.0),
        (["42", "43"], ["K-0042", "K-0043"], 1.0),
        (["MSCU1234566"], ["MSCU 123456-6", "MSCU 999999-9"], 1.0),
        (["AB-12"], ["AB12"], 1.0),
        (["A", "B"], ["C", "D"], 0.0),
    ],
)
def test_keys_are_found_however_they_are_written(ours: list[str], theirs: list[str], share: float) -> None:
    fit = fit_key(ours, theirs)
    assert fit.share == share
    if share and not fit.clean:
        assert set(theirs) & {str(apply(fit.into, value)) for value in ours}


def test_messy_values_are_cleaned_and_the_object_read_as_a_whole() -> None:
    fit = fit_key(["MSCU1234566", "TGHU7654321"], ["mscu 1234566", "TGHU-765432 1"])
    assert fit.share == 1.0
    assert fit.clean == ("box",)


@pytest.mark.parametrize(
    ("words", "header", "concepts"),
    [
        ("openstaand bedrag", False, {"open", "amount"}),
        ("gültig bis", False, {"valid", "until"}),
        ("non affecté montant", False, {"unmatched", "amount"}),
        ("mis à jour instant", False, {"changed", "time"}),
        ("número de precinto", False, {"number", "seal"}),
        ("zgl_nmmr", True, {"seal", "number"}),
        ("DOCNUM", True, {"document", "number"}),
        ("behaelter-nummer", True, {"container", "number"}),
        ("validUntil", True, {"valid", "until"}),
    ],
)
def test_headers_are_understood_in_five_languages_and_cut_down(
    words: str, header: bool, concepts: set[str]
) -> None:
    assert concepts <= concepts_of(words, header=header)


def test_code_words_are_mapped_by_meaning_and_guessed_only_when_one_fits() -> None:
    assert code_words("customs.state", "freigegeben") == "cleared"
    assert code_words("customs.state", "geweigerd") == "refused"
    assert code_words("customs.state", "Q7") is None
    assert abbreviated("customs.state", "VIS") == "inspection"
    assert abbreviated("customs.state", "re") is None, "retenu, refuse, rejected: several fit"


def test_a_dictionary_gives_meanings_code_words_and_the_zone() -> None:
    found = read_dictionary(
        "# Zoll\nZeiten in Europe/Berlin.\n\n## tos.BOX\n\nContainer.\n\n| Feld | Bedeutung |\n|---|---|\n"
        "| `ZUS` | Zustand Code; Codes: 1 = ohne, 2 = schwer |\n"
    )
    assert found.timezone == "Europe/Berlin"
    assert found.table("/BOX") == "Container."
    meaning = found.column("tos.BOX", "ZUS")
    assert meaning is not None
    assert meaning.codes == {"1": "ohne", "2": "schwer"}


POLICY = """
# Policy
0.3 The strictest answer wins, in the order RELEASE, ESCALATE, HOLD.
1.1 [A1] More than 1,250.50 EUR is open on the bill and there is no valid credit cover (list no older than 9 days) -> HOLD.
1.2 Kunden der Liste VIP dürfen stattdessen bis zu 2000 EUR schulden.
2.1 ESCALATE met reden DOUANE: Het laatste woord van de douane is controle.
2.2 Bei Containern der Art Kühlcontainer lautet die Antwort im Fall mit Grund DOUANE: HOLD.
| 3.1 | El precinto en la terminal no es el del conocimiento | HOLD | SELLO |
4.1 Le conteneur reste plus longtemps que sa franchise : HOLD, motif FRANCHISE.
4.2 La franchise est de 5 jours pour 20 pieds, 7 jours pour 40 pieds, en jours ouvrés.
5.1 On Fridays from 16:00 on, no reefer is released: ESCALATE, reason FRI.
6.1 The moon must be full: HOLD, reason MOON.
"""


def test_sentences_become_rows_parameters_and_exceptions_and_what_fits_nothing_is_told() -> None:
    made = draft_policy(POLICY)
    rows = {row["reason"]: row for row in made.rows}
    assert made.order == ["RELEASE", "ESCALATE", "HOLD"]
    assert (rows["A1"]["check"], rows["A1"]["params"]) == (
        "money",
        {"tolerance": 1250.5, "cover_max_age_days": 9},
    )
    (twist,) = rows["A1"]["exceptions"]
    assert (twist["when"], twist["params"]) == ({"party.group": ["VIP"]}, {"tolerance": 2000})
    assert (rows["DOUANE"]["outcome"], rows["DOUANE"]["verdict"]) == ("inspection", "ESCALATE")
    assert rows["DOUANE"]["exceptions"][0]["when"] == {"box.kind": ["reefer"]}
    assert rows["SELLO"]["check"] == "seal"
    assert rows["FRANCHISE"]["params"] == {"free_days": {"20": 5, "40": 7}, "count": "working"}
    assert rows["FRI"]["when"] == {"box.kind": ["reefer"], "weekday": ["fri"], "after": ["16:00"]}
    assert "MOON" not in rows
    assert any("moon" in item for item in made.open)


def test_yaml_is_quoted_only_where_it_must_be() -> None:
    assert flow({"a b": ["x", 1, True, None, "true", "12:00"]}) == '{a b: [x, 1, true, ~, "true", "12:00"]}'
