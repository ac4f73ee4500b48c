"""Whose words, which sentences, which language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.documents.claims import detect, plain_text, split_quoted
from pilothouse.documents.claims.language import fold, sentences

SAID = {
    "en": "Please keep the container at the terminal until we have been paid.",
    "de": "Bitte halten Sie den Container am Terminal fest, bis wir bezahlt wurden.",
    "fr": "Merci de garder le conteneur au terminal jusqu'à ce que nous soyons payés.",
    "es": "Por favor, mantengan el contenedor en la terminal hasta que nos hayan pagado.",
    "nl": "Houd de container alstublieft op de terminal totdat wij zijn betaald.",
    "it": "Vi preghiamo di tenere il container al terminal finché non saremo pagati.",
    "pt": "Por favor, mantenham o contentor no terminal até que nos tenham pago.",
    "pl": "Prosimy zatrzymać kontener na terminalu, dopóki nie otrzymamy zapłaty.",
}


@pytest.mark.parametrize(("language", "text"), SAID.items())
def test_languages_are_told_apart_also_without_accents(language: str, text: str) -> None:
    assert detect(text) == language
    plain = fold(text).text
    assert detect(plain) in (language, "")


@pytest.mark.parametrize("text", ["", "MSKU1234565", "ok", "12.03.2026", "Привет, как дела?"])
def test_what_cannot_be_told_is_not_guessed(text: str) -> None:
    assert detect(text) == ""


def test_quoted_and_forwarded_parts_and_signatures_are_not_the_senders() -> None:
    mail = "Fine.\n\n-- \nLou\n"
    assert [one.kind for one in split_quoted(mail)] == ["paragraph", "signature"]
    assert [b.kind for b in split_quoted("Yes.\n\nOn 3 May 2026 at 10:00 Al wrote:\n> Hold it.\n")] == [
        "paragraph",
        "quoted",
    ]
    assert [
        b.kind for b in split_quoted("Siehe unten.\n\nVon: Al\nAn: Lou\nDatum: heute\nBetreff: X\n\nStopp!")
    ] == [
        "paragraph",
        "quoted",
    ]
    assert [b.kind for b in split_quoted("Ja.\n-----Ursprüngliche Nachricht-----\nStopp!")] == [
        "paragraph",
        "quoted",
    ]


def test_a_sentence_that_merely_writes_is_no_quote() -> None:
    assert [b.kind for b in split_quoted("As the customer wrote:\nhold the box")] == ["paragraph"]


def test_interleaved_answers_stay_the_senders() -> None:
    kinds = [b.kind for b in split_quoted("> When?\nTomorrow.\n> Where?\nAt the gate.\n")]
    assert kinds == ["quoted", "paragraph", "quoted", "paragraph"]


@given(st.text(max_size=300))
def test_blocks_cover_the_text_without_gaps(text: str) -> None:
    content = plain_text(text).content
    blocks = split_quoted(content)
    assert "".join(content[one.start : one.end] for one in blocks) == content


def test_sentences_know_abbreviations_courtesies_and_names() -> None:
    mail = (
        "Dear all,\n\nInv. No. 12 of 3. May is paid, e.g. today. Hold it!\n- one\n- two\n\n"
        "Kind regards\nLou Rahmer\nNordwest GmbH\n"
    )
    found = sentences(mail)
    assert [(one.kind, one.text) for one in found] == [
        ("courtesy", "Dear all,"),
        ("said", "Inv. No. 12 of 3. May is paid, e.g. today."),
        ("said", "Hold it!"),
        ("said", "- one"),
        ("said", "- two"),
        ("courtesy", "Kind regards"),
        ("courtesy", "Lou Rahmer"),
        ("courtesy", "Nordwest GmbH"),
    ]


@pytest.mark.parametrize(
    ("mail", "said"),
    [
        ("Subject #12\nFrom\tDallow Ltd\nNote\tDo not release it,\nwe wait.", "Do not release it,\nwe wait."),
        ("Box | B/L | Note\n-----|-----|-----\nA1 | B2 | Hold it.\nNo | Yes | Done.", "Hold it."),
        ("S. Brandt\nArken Machines B.V.\nThe box stays where it is.", "The box stays where it is."),
        ("For Nordwest GmbH\nwe ask you to wait.", "For Nordwest GmbH\nwe ask you to wait."),
    ],
)
def test_cells_of_a_table_and_lines_of_names_are_no_part_of_a_sentence(mail: str, said: str) -> None:
    assert said in [one.text for one in sentences(mail)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("This e-mail is confidential and meant for its addressee only.", "footer"),
        ("Diese Nachricht ist vertraulich.", "footer"),
        ("Pensez à l'environnement avant d'imprimer ce message.", "footer"),
        ("Op al onze werkzaamheden zijn de algemene voorwaarden van toepassing.", "footer"),
        ("Nuestra política de privacidad está en la web: datos personales.", "footer"),
        ("This is confidential: nobody may have the box.", "said"),
        ("Under our conditions nobody gets it before we are paid.", "said"),
        ("The terms and conditions of MSCU1234566 do not apply.", "said"),
        ("Muchísimas gracias y un abrazo,", "courtesy"),
        ("Danke und nicht vergessen", "said"),
    ],
)
def test_what_firms_put_below_every_mail_is_told_from_what_they_say(line: str, kind: str) -> None:
    assert [one.kind for one in sentences(line)] == [kind]


def test_a_request_below_the_closing_is_still_a_request() -> None:
    found = sentences("Regards\nPlease do not let it go!")
    assert [one.kind for one in found] == ["courtesy", "said"]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_sentences_stand_in_the_text_as_they_are(text: str) -> None:
    content = plain_text(text).content
    last = 0
    for one in sentences(content):
        assert content[one.start : one.end] == one.text
        assert one.start >= last
        last = one.end
        for at in range(len(one.folded.text)):
            start, end = one.original(at, at + 1)
            assert one.start <= start < end <= one.end


def test_folding_finds_its_way_back() -> None:
    folded = fold("Straße\u00a0\n  Café e\u0301té ﬁn")
    assert folded.text == "strasse cafe ete fin"
    at = folded.text.index("cafe")
    start, end = folded.original(at, at + 4)
    assert "Straße\u00a0\n  Café e\u0301té ﬁn"[start:end] == "Café"
