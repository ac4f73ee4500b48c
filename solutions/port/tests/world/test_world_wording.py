"""People write one thing in many ways; a reader that learned some of them has not seen the rest."""

import pytest

from pilothouse_port.world.canon import build_canon
from pilothouse_port.world.canon.build import stream
from pilothouse_port.world.wording import LANGUAGES, MAIL_INTENTS, REMARK_INTENTS, forms, letter

SLOTS = {
    "box": "PHVU1234567",
    "bl": "ABCD-000001",
    "doc": "4711",
    "ship": "MV Tern",
    "who": "Somebody",
    "mail": "a@b.example",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("intent", MAIL_INTENTS)
def test_a_mail_has_eight_forms_that_differ_in_more_than_their_slots(language, intent):
    found = forms("mail", intent, language)
    assert len(found) >= 8
    bare = {form.format(**dict.fromkeys(SLOTS, "")) for form in found}
    assert len(bare) == len(found)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("intent", REMARK_INTENTS)
def test_a_remark_has_eight_forms(language, intent):
    assert len(set(forms("remark", intent, language))) >= 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_intents_never_share_a_sentence(language):
    everything = [form for intent in MAIL_INTENTS for form in forms("mail", intent, language)]
    everything += [form for intent in REMARK_INTENTS for form in forms("remark", intent, language)]
    assert len(everything) == len(set(everything))


def test_a_letter_carries_its_sentence_signature_and_quote():
    made = letter(stream(1, "t"), "stop", "de", SLOTS, signature="K. Vos\nFirma", quoted="old words\nmore")
    assert made.sentence in made.text
    assert "K. Vos\nFirma" in made.text
    assert "> old words\n> more" in made.text
    assert made.family in "ABCD"


def test_every_mail_can_be_traced_to_its_box_or_bill():
    for seed in range(8):
        for mail in build_canon(seed, "day").texts.mails:
            container, bill = mail.keys[0]
            assert container in mail.subject + mail.text or bill in mail.subject + mail.text


def test_all_languages_intents_and_families_come_up_in_a_day():
    mails = [mail for seed in range(4) for mail in build_canon(seed, "day").texts.mails]
    assert {mail.language for mail in mails} == set(LANGUAGES)
    assert {mail.intent for mail in mails} == set(MAIL_INTENTS)
    assert {mail.family for mail in mails} == set("ABCD")


def test_as_many_mails_mean_nothing_as_mean_something():
    mails = build_canon(3, "day").texts.mails
    harmful = sum(mail.intent in {"stop", "dispute", "party_change"} for mail in mails)
    assert harmful > 10
    assert len(mails) - harmful > 10
