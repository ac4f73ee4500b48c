"""A draft says what it saw: shapes of values, overlap of keys, words in several languages, policy sentences."""
# ruff: noqa: E501 - policy sentences are kept as a port writes them

from __future__ import annotations

from typing import cast

import pytest

from pilothouse.connectors import ObjectSchema, Query, Row, Sources
from pilothouse.kernel import SYSTEM, Principal, UnavailableError
from pilothouse_port.bindings.values import apply
from pilothouse_port.draft.descriptions import hints_at_hazard, wording_lines, wordings_of
from pilothouse_port.draft.extras import draft_systems, draft_texts
from pilothouse_port.draft.facts import draft_facts
from pilothouse_port.draft.guess import Guess, Guesser
from pilothouse_port.draft.keys import fit_key
from pilothouse_port.draft.policy import draft_policy
from pilothouse_port.draft.readme import read_dictionary
from pilothouse_port.draft.scan import Column, Scan, Table, scan_sources
from pilothouse_port.draft.shapes import shape_of
from pilothouse_port.draft.words import abbreviated, code_words, concepts_of
from pilothouse_port.draft.write import flow, todos_of


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (["MSCU1234566", "tghu 765432-0"], "box"),
        (["CKSZ0059653", "CKSZ0059661", "CKSZ0059670"], "id"),  # B/Ls of a carrier that ends in Z
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


class Late:
    """Sources of which one is late a few times, both for its objects and for their rows."""

    def __init__(self, times: int) -> None:
        self.left = {"objects": times, "rows": times}

    def names(self) -> list[str]:
        return ["claims"]

    def kind(self, name: str) -> str:
        return "http"

    def _late(self, what: str) -> None:
        self.left[what] -= 1
        if self.left[what] >= 0:
            raise UnavailableError("gave no answer within 10 s", code="sources.timeout")

    async def objects(self, principal: Principal, name: str) -> list[ObjectSchema]:
        self._late("objects")
        return [ObjectSchema(name="Open", fields=())]

    async def read(self, principal: Principal, name: str, query: Query) -> list[Row]:
        self._late("rows")
        return []


@pytest.mark.parametrize(("times", "lost"), [(3, False), (4, True)])
async def test_a_source_that_is_late_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, times: int, lost: bool
) -> None:
    monkeypatch.setattr("pilothouse_port.draft.scan.PAUSES", (0, 0, 0))
    scan = await scan_sources(cast("Sources", Late(times)), SYSTEM, folders={})
    assert bool(scan.failed) is lost
    assert [table.name for table in scan.tables] == ([] if lost else ["Open"])


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


@pytest.mark.parametrize(
    "text",
    [
        "Lithium-Ionen-Batterien in Ausrüstung",
        "muurverf, wit",
        "peinture à l'eau",
        "Feuerwerksartikel",
        "power banks",
        "ätzende Reiniger",
        "bijtende stof, n.o.s.",
        "ácido cítrico",
        "nail-polish, assorted",
        "butane gas",
        "UN 1263 resins",
        "Haarspray",
    ],
)
def test_a_wording_that_hints_at_a_hazard_is_known_in_several_languages(text: str) -> None:
    assert hints_at_hazard(text)


@pytest.mark.parametrize(
    "text", ["frozen shrimps", "gaskets", "vinos", "pan o sal", "arroz elaborado", "steel bolts", "Möbel"]
)
def test_plain_cargo_hints_at_nothing(text: str) -> None:
    assert not hints_at_hazard(text)


def test_every_wording_is_listed_once_with_its_count_and_hints_apart() -> None:
    rows = [
        *[("frozen shrimps", ""), ("Frozen  Shrimps.", "0"), ("rice", ""), ("frozen shrimps", "")],
        *[("paint, white", "1263")] * 3,
        *[("pool chlorine", ""), ("empty drums", "1263"), ("empty drums", ""), ("approved", ""), ("", "")],
        *[(f"part {number}", "") for number in range(120)],
    ]
    found = wordings_of(rows, known={"approved"})
    lines = wording_lines(found)
    assert lines[0].startswith("  # TODO descriptions: 124 wordings")
    assert lines[1].split() == ["#", "3", "frozen", "shrimps"]
    place = lines.index("  # look twice: hints at a hazard")
    assert [line.split()[1:] for line in lines[place + 1 :]] == [
        ["2", "empty", "drums", "(1", "of", "2", "rows", "carry", "a", "UN", "number)"],
        ["1", "pool", "chlorine"],
    ]
    assert not any("paint" in line for line in lines), "its rows always carry a UN number"
    assert all(line.startswith("  #") for line in lines)
    assert wording_lines([]) == []


def test_everything_that_is_open_is_told() -> None:
    text = """# TODO no community system
systems:
  carriers: {timezone: UTC, endorsed_by: TODO who vouches}
list: {system: TODO, object: TODO}
facts:
  # TODO stop.listed: what does 'X' mean?
  stop.listed: {system: yard}
policy:
  approver: TODO who read it
  rows:
    - {quote: "NADA DE TODO: TODO EL PESO"}
"""
    assert todos_of(text) == [
        "no community system",
        "carriers: endorsed_by: who vouches",
        "list: system",
        "stop.listed: what does 'X' mean?",
        "approver: who read it",
    ]


def table(name: str, columns: dict[str, list[str]], *, required: tuple[str, ...] = ()) -> Table:
    made = {
        column: Column(system="yard", object=name, name=column, values=values, shape=shape_of(values))
        for column, values in columns.items()
    }
    return Table(system="yard", name=name, note="", columns=made, required=required, kind="sql")


BOXES = ["MSCU1234566", "TGHU7654320", "MSCU7654329"]


LANDING = table(
    "landing_list",
    {"container": BOXES, "bl_number": ["HLCU1", "HLCU2", "HLCU3"], "call_number": ["C1"] * 3},
)


def guessed(*tables: Table) -> dict[str, Guess]:
    guesses, _ = draft_facts(Guesser(Scan(tables=[LANDING, *tables], notes={"yard": ""}, failed={})))
    return {guess.name: guess for guess in guesses}


STOPS = {
    "container": BOXES,
    "stop_state": ["active", "lifted", "active"],
    "stop_time": ["2026-03-04 10:00", "2026-03-04 11:00", "2026-03-04 12:00"],
}


@pytest.mark.parametrize("holder", ["holder_number", "mannu3"])
def test_who_holds_a_mandate_is_found_even_where_nobody_wrote_about_the_column(holder: str) -> None:
    mandates = {
        "mandate_number": ["M-002496", "M-002498", "M-002503"],
        "giver_number": ["001782", "002092", "003109"],
        holder: ["003196", "003181", "003196"],
        "mandate_scope": ["release", "all", "release"],
        "mandate_state": ["active", "active", "revoked"],
        "valid_until": ["2026-11-02", "2027-03-04", "2025-08-21"],
    }
    found = guessed(table("mandates", mandates))
    assert {"mandate.state", "mandate.scope", "mandate.valid_until"} <= set(found)
    assert found["mandate.state"].body["key"]["agent"] == holder
    several = {**mandates, "mannu4": mandates["giver_number"]}
    assert holder != "mannu3" or "mandate.state" not in guessed(table("mandates", several))


def test_blocks_of_several_types_raise_the_question_whether_one_lifts_another() -> None:
    plain = guessed(table("stops", STOPS))["stop.listed"]
    assert plain.todo == []
    typed = guessed(table("stops", {**STOPS, "stop_kind": ["rent", "seal", "rent"]}))["stop.listed"]
    (question,) = typed.todo
    assert "per: stop_kind" in question
    assert typed.body == plain.body, "the default reading stays"


def test_a_tool_that_answers_only_to_arguments_is_not_called_empty() -> None:
    tool = table("find_haulier", {"haulier_code": [], "empties_outstanding": []}, required=("haulier_code",))
    found = guessed(tool)["empty.outstanding"]
    assert found.why.endswith("answers only to haulier_code; not profiled")
    assert "empty;" not in found.why


BILLS = {
    "bl_number": ["HLCU1", "HLCU2", "HLCU3"],
    "cnsgn_nr": ["0007", "0008", "0009"],
    "cnsgn_nm": ["Alfa Trading Ltd", "Beta Import GmbH", "Gamma Export GmbH"],
    "kind": ["original"] * 3,
}


@pytest.mark.parametrize("number", ["cnsgn_nr", "cnsgn_n", "cnsgn_nm2"])
def test_a_number_and_a_name_cut_down_alike_are_told_apart_by_their_values(number: str) -> None:
    columns = {(number if name == "cnsgn_nr" else name): values for name, values in BILLS.items()}
    found = guessed(table("bills", columns))
    assert found["consignee.party"].body["value"] == number
    assert found["consignee.name"].body["value"] == "cnsgn_nm"


SURRENDERS = {
    "bl_number": [f"HLCU{1 + at}" for at in range(12)],
    "paper_step": ["surrendered", "open", "withdrawn"] * 4,
    "hstry_tm": [f"2026-03-{1 + at:02} 10:00" for at in range(12)],
}


def test_a_column_nobody_named_is_known_by_its_code_words_and_its_only_time_orders_it() -> None:
    found = guessed(table("bills", BILLS), table("steps", SURRENDERS))["title.state"].body
    assert (found["object"], found["value"], found["latest_by"]) == ("steps", "paper_step", "hstry_tm")
    other = {**SURRENDERS, "paper_step": ["surrendered", "open", "elsewhere"] * 4}
    assert "title.state" not in guessed(table("bills", BILLS), table("steps", other))


NOTES = {
    "ContainerNummer": BOXES,
    "NotitieTijd": [f"2026-03-{1 + at:02} 10:00" for at in range(3)],
    "Auteur": ["anna", "bert", "cees"],
    "NotitieTekst": ["water came in at the back", "door bent a little", "alarm test passed"],
}


def test_the_time_of_a_note_is_no_gate_slot() -> None:
    """``tijd`` is a word as it stands and not the beginning of ``tijdvak``."""
    g = Guesser(Scan(tables=[LANDING, table("TerreinNotitie", NOTES)], notes={"yard": ""}, failed={}))
    remarks = draft_texts(g, [])["remarks"]
    assert (remarks["object"], remarks["text"], remarks["at"]) == (
        "TerreinNotitie",
        ["NotitieTekst"],
        "NotitieTijd",
    )


CUSTOMERS = {
    "customer_number": [f"{1000 + at:07}" for at in range(40)],
    "name": [f"Firm {at} Trading Ltd" for at in range(40)],
    "vat_number": [f"NL{100200300 + at}" for at in range(40)],
}
OTHERS = {
    "customer_number": [f"{1000 + at:07}" for at in range(20)],
    "atr_nm": [f"Firm {at} Group" for at in range(20)],
    "created_day": ["2024-01-22"] * 20,
}


def test_other_names_are_known_by_what_their_table_is_called() -> None:
    bills = {**BILLS, "cnsgn_nr": [f"{1000 + at:07}" for at in range(len(BILLS["cnsgn_nr"]))]}
    tables = (table("bills", bills), table("customers", CUSTOMERS), table("customer_other_name", OTHERS))
    found = guessed(*tables)["party.alias"].body
    assert (found["object"], found["value"]) == ("customer_other_name", "atr_nm")


@pytest.mark.parametrize("column", ["vides_en_retard", "emptiesOverdue", "empties"])
def test_empties_that_are_late_are_owed_whatever_word_says_so(column: str) -> None:
    tool = table("trucks", {"haulier_code": [], "haulier_name": [], column: []}, required=("haulier_code",))
    assert guessed(tool)["empty.outstanding"].body["value"] == column


@pytest.mark.parametrize(
    ("days", "zone", "forms", "asks"),
    [
        (["03/04/2026", "25/04/2026"], "Europe/Paris", ["%d/%m/%Y"], False),
        (["03/04/2026", "04/25/2026"], "Europe/Paris", ["%m/%d/%Y"], False),
        (["03/04/2026", "05/06/2026"], "Europe/Paris", ["%d/%m/%Y"], True),
        (["03/04/2026", "05/06/2026"], "America/New_York", ["%m/%d/%Y"], True),
        (["03/25/2026", "25/03/2026"], "Europe/Paris", None, False),
        (["2026-04-03", "2026-04-25"], "Europe/Paris", None, False),
    ],
)
def test_which_of_day_and_month_comes_first_is_told_by_the_values_or_asked(
    days: list[str], zone: str, forms: list[str] | None, asks: bool
) -> None:
    blocks = {**STOPS, "stop_time": [*days, days[0]]}
    guesser = Guesser(Scan(tables=[LANDING, table("stops", blocks)], notes={"yard": ""}, failed={}))
    systems, todo = draft_systems(guesser, draft_facts(guesser)[0], set(), zone=zone)
    assert systems.get("yard", {}).get("date") == forms
    assert bool(todo) is asks


COVER = {
    "customer_number": CUSTOMERS["customer_number"],
    "cover_limit": ["15000"] * 40,
    "cover_used": ["4000"] * 40,
    "list_day": ["2026-03-01"] * 40,
    "gz_bis": [f"2026-05-{1 + at % 28:02}" for at in range(40)],
}


def test_the_one_day_nobody_explained_is_until_when_cover_lasts_and_a_person_is_asked() -> None:
    bills = {**BILLS, "cnsgn_nr": CUSTOMERS["customer_number"][:3]}
    tables = (table("bills", bills), table("cover", COVER))
    found = guessed(*tables)["credit.valid_until"]
    assert found.body["value"] == "gz_bis"
    assert found.todo == ["credit.valid_until: gz_bis is what is left over in its table: confirm"]
    second = {**COVER, "xy_dat": COVER["gz_bis"]}
    assert "credit.valid_until" not in guessed(table("bills", bills), table("cover", second))


def test_of_two_columns_that_might_be_meant_the_one_its_owner_explained_is_taken() -> None:
    """``ISOSCH`` is cut from a word for code and looks cut from one for damage."""
    yard = {
        "BEHNUM": BOXES * 5,
        "ISOSCH": ["22G1", "42G1", "45R1"] * 5,
        "ZUSSCH": ["OHN", "LEI", "SCH"] * 5,
        "TARA": ["2200"] * 15,
    }
    notes = (
        "## yard_box\n\nBehälter.\n\n| Feld | Sinn |\n|---|---|\n| `TARA` | Tara |\n"
        "| `ZUSSCH` | Zustand Schlüssel; Schlüssel: OHN = ohne, LEI = leicht, SCH = schwer |\n"
    )
    scan = Scan(tables=[LANDING, table("yard_box", yard)], notes={"yard": notes}, failed={})
    guesses, _ = draft_facts(Guesser(scan))
    (damage,) = (one for one in guesses if one.name == "damage.code")
    assert damage.body["value"] == "ZUSSCH"
    assert damage.body["codes"] == {"OHN": "none", "LEI": "minor", "SCH": "major"}


def test_fields_of_a_message_are_no_lines_of_a_bill() -> None:
    """A dangerous goods notification names more of what a manifest names than a short manifest does."""
    lines = {"CONNUM": BOXES, "un_number": ["", "1263", ""], "HSCOD": ["87089997", "09011100", "10063098"]}
    notice = table(
        "IFTDGN",
        {"container": BOXES, "un_number": ["1263"] * 3, "packages": ["1"] * 3, "description": ["a b c"] * 3},
    )
    notice.kind = "edifact"
    found = guessed(table("bill_line", lines), notice)
    assert found["goods.un"].body["object"] == "bill_line"


def test_the_number_beside_the_consignees_name_is_his() -> None:
    bills = {("CONNU2" if name == "cnsgn_nr" else name): values for name, values in BILLS.items()}
    found = guessed(table("bills", bills))
    assert found["consignee.party"].body["value"] == "CONNU2"
    assert "consignee.party" not in guessed(table("bills", {**bills, "XNR": ["11", "12", "13"]}))


def test_the_text_of_a_manifest_is_no_remark() -> None:
    """Lines that name their bill by a number of its own hang on the box alone, as remarks do."""
    lines = {
        "CONNUM": BOXES,
        "goods_text": ["round steel bars, 6 m", "green coffee in bags", "two used cars"],
    }
    tables = [LANDING, table("bill_line", lines), table("TerreinNotitie", NOTES)]
    g = Guesser(Scan(tables=tables, notes={"yard": ""}, failed={}))
    assert draft_texts(g, [])["remarks"]["object"] == "TerreinNotitie"
    g = Guesser(Scan(tables=tables[:2], notes={"yard": ""}, failed={}))
    assert "remarks" not in draft_texts(g, [])
