"""People write one thing in many ways; a reader that learned some of them has not seen the rest."""

import pytest

from pilothouse_port.world.canon import build_canon
from pilothouse_port.world.canon.build import stream
from pilothouse_port.world.wording import (
    FAMILIES,
    LANGUAGES,
    MAIL_INTENTS,
    REMARK_INTENTS,
    UNSEEN_LANGUAGES,
    Writer,
    forms,
    half_of,
    languages_of,
    surfaces,
)

SLOTS = {
    "box": "PHVU1234567",
    "bl": "ABCD-000001",
    "doc": "4711",
    "ship": "MV Tern",
    "who": "Somebody",
    "mail": "a@b.example",
    "other": "",
}
NEAR = {"no_stop", "no_dispute", "honest_change", "near_miss", "innocent"}
INTENTS = (*MAIL_INTENTS, *REMARK_INTENTS, "hazard", "innocent")


def _lines(intent, language, half):
    return [form for family in forms(intent, language, half).values() for form in family]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("intent", INTENTS)
def test_an_intent_has_two_dozen_forms_in_eight_families(language, intent):
    found = {half: forms(intent, language, half) for half in FAMILIES}
    assert all(
        set("ABCD" if half == "train" else "EFGH") <= set(found[half]) <= set(FAMILIES[half])
        for half in found
    )
    lines = [form for half in FAMILIES for form in _lines(intent, language, half)]
    assert len(set(lines)) == len(lines)
    if intent not in NEAR:
        assert sum(len(surfaces(form)) for form in lines) >= 20
    if intent not in NEAR - {"innocent"}:
        assert len(lines) >= 24


def test_seen_and_unseen_share_no_sentence_in_any_language():
    for language in LANGUAGES:
        made = {
            half: {s for intent in INTENTS for form in _lines(intent, language, half) for s in surfaces(form)}
            for half in FAMILIES
        }
        assert not made["train"] & made["unseen"]


@pytest.mark.parametrize("half", sorted(FAMILIES))
def test_two_intents_never_share_a_sentence(half):
    for language in languages_of(half):
        everything = [form for intent in INTENTS for form in _lines(intent, language, half)]
        assert len(everything) == len(set(everything))


@pytest.mark.parametrize("half", sorted(FAMILIES))
def test_every_form_of_every_book_can_be_filled_in(half):
    for language in languages_of(half):
        for intent in INTENTS:
            for form in _lines(intent, language, half):
                for sentence in surfaces(form):
                    filled = sentence.format_map(SLOTS)
                    assert not set("[]{}|") & set(filled), (language, intent, sentence)


def test_a_letter_carries_its_sentence_signature_and_quote():
    for n in range(300):
        writer = Writer(stream(n, "t"), "mixed")
        made = writer.letter("stop", "de", SLOTS, signature="K. Vos\nFirma", quoted="old words\nmore")
        assert made.sentence in made.text
        assert made.sentence
        assert "\n> old words\n> more" in made.text
        assert not {"\x02", "\x03"} & set(made.text)
        assert made.family in FAMILIES[half_of(made.family)]


def test_every_mail_can_be_traced_to_its_box_or_bill():
    for seed in range(8):
        for mail in build_canon(seed, "day").texts.mails:
            container, bill = mail.keys[0]
            assert container in mail.subject + mail.text or bill in mail.subject + mail.text


def test_all_languages_intents_and_families_come_up_in_a_few_days():
    mails = [mail for seed in range(6) for mail in build_canon(seed, "day").texts.mails]
    assert {mail.language for mail in mails} == {*LANGUAGES, *UNSEEN_LANGUAGES}
    assert {mail.intent for mail in mails} == {*MAIL_INTENTS, "unreadable"}
    assert {mail.family for mail in mails} >= set("ABCDEFGH")


def test_a_world_to_learn_from_and_one_to_be_tested_on_share_no_family_layout_or_foreign_tongue():
    seen, unseen = (
        [build_canon(seed, "day", wording=half) for seed in range(4)] for half in ("train", "unseen")
    )
    for half, canons in (("train", seen), ("unseen", unseen)):
        families = {mail.family for canon in canons for mail in canon.texts.mails}
        families |= {remark.family for canon in canons for remark in canon.texts.remarks}
        families |= {lot.goods_family for canon in canons for lot in canon.consignments} - {""}
        assert families <= set(FAMILIES[half])
    layouts = [{mail.layout for canon in canons for mail in canon.texts.mails} for canons in (seen, unseen)]
    assert not layouts[0] & layouts[1]
    assert {mail.language for canon in seen for mail in canon.texts.mails} == set(LANGUAGES)
    sentences = [{m.sentence for canon in canons for m in canon.texts.mails} for canons in (seen, unseen)]
    assert sentences[0] & sentences[1] <= {""}  # of a letter that nobody can open


def test_harmless_goods_have_other_names_where_nobody_learns():
    def names(half):
        canons = [build_canon(seed, "day", wording=half) for seed in range(3)]
        lots = [lot for canon in canons for lot in canon.consignments if not lot.un and not lot.goods_family]
        return {lot.goods for lot in lots}

    assert not names("train") & names("unseen")


def test_wording_changes_words_alone_never_the_verdicts():
    from pilothouse_port.world.oracle import judge

    for seed in range(4):
        said = [
            [(t.lot.key, t.verdict, t.reasons) for t in judge(build_canon(seed, wording=one))]
            for one in ("train", "unseen", "mixed")
        ]
        assert said[0] == said[1] == said[2]


def test_as_many_mails_mean_nothing_as_mean_something():
    mails = build_canon(3, "day").texts.mails
    harmful = sum(mail.intent in {"stop", "dispute", "party_change"} for mail in mails)
    assert harmful > 10
    assert len(mails) - harmful > 10
