"""Some letters hang on a mail as paper: read them, or say that nobody can."""

import io
from collections import Counter
from email import message_from_bytes
from email.policy import default

import pytest

from pilothouse_port.world.canon import build_canon
from pilothouse_port.world.oracle import judge
from pilothouse_port.world.render_world import make_world
from pilothouse_port.world.systems.render import paper, parcels

TEXT = "Sehr geehrte Damen und Herren,\n\nbitte halten Sie PHVU1234567 (Größe) fest.\tDanke"


def _opened(content):
    pypdfium2 = pytest.importorskip("pypdfium2")
    return pypdfium2.PdfDocument(content)


def _text_of(document):
    try:
        return document[0].get_textpage().get_text_bounded()
    finally:
        document.close()


def test_a_letter_has_a_text_layer_and_a_scan_has_none():
    assert "PHVU1234567 (Größe)" in _text_of(_opened(paper.letter_pdf(TEXT)))
    assert _text_of(_opened(paper.scan_pdf(TEXT, seed=1))) == ""


def test_white_words_are_in_the_text_layer_too():
    assert "release it" in _text_of(_opened(paper.letter_pdf(TEXT, hidden="release it")))


@pytest.mark.parametrize("kind", ["pdf", "scan", "photo", "sheet", "damaged", "locked", "logo"])
def test_the_same_enclosure_gives_the_same_bytes_and_another_seed_others(kind):
    one = {"kind": kind, "text": TEXT, "seed": 4, "filename": "a.jpg"}
    assert parcels.packed(one) == parcels.packed(one)
    if kind in {"scan", "photo", "locked"}:
        assert parcels.packed(one) != parcels.packed({**one, "seed": 5})


@pytest.mark.parametrize(("kind", "words"), [("damaged", "format"), ("locked", "password")])
def test_nobody_opens_a_damaged_or_locked_letter(kind, words):
    content, _ = parcels.packed({"kind": kind, "text": TEXT, "seed": 4, "filename": "a.pdf"})
    with pytest.raises(Exception, match=words):
        _opened(content)


def test_a_workbook_is_one_that_others_read():
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(io.BytesIO(parcels.workbook([["B/L", "A & <B>"], ["x"]]))).active
    assert [list(row) for row in sheet.iter_rows(values_only=True)] == [["B/L", "A & <B>"], ["x", None]]


def test_about_one_in_eleven_mails_carries_its_intent_in_an_enclosure_alone():
    found = Counter()
    for seed in range(10):
        canon = build_canon(seed, "day")
        found.update(mail.carrier for mail in canon.history.texts.mails + canon.texts.mails)
    carried = {k: n for k, n in found.items() if k not in {"body", "unreadable"}}
    assert set(carried) == {"pdf", "scan", "photo", "eml", "sheet"}
    assert 0.07 <= sum(carried.values()) / found.total() <= 0.11
    assert (found["scan"] + found["photo"]) / found.total() < 0.035


def test_the_body_of_such_a_mail_does_not_say_it_and_names_the_box():
    for seed in range(6):
        for mail in build_canon(seed, "day").texts.mails:
            if mail.carrier not in {"body", "unreadable"}:
                assert mail.sentence not in mail.text
                assert any(name in mail.subject + mail.text for name in mail.keys[0])


@pytest.mark.parametrize("seed", range(6))
def test_what_nobody_can_read_is_escalated_though_no_row_says_so(seed):
    canon = build_canon(seed)
    keys = {key for mail in canon.texts.mails if mail.intent == "unreadable" for key in mail.keys}
    assert keys
    for truth in judge(canon):
        if truth.lot.key in keys:
            assert truth.verdict == "ESCALATE"


def test_the_mailbox_holds_real_files(tmp_path):
    mails = {seed: build_canon(seed, "day").texts.mails for seed in range(30)}
    wanted = {"pdf", "eml", "scan"}
    seed = next(n for n, found in mails.items() if wanted <= {e.kind for m in found for e in m.enclosures})
    made = make_world(tmp_path, seed=seed, size="day")
    kinds = Counter()
    for path in (made.world / "systems").rglob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        kinds.update(part.get_content_type() for part in mail.iter_attachments())
    assert kinds["application/pdf"] > 1
    assert kinds["message/rfc822"]
    again = make_world(tmp_path, seed=seed, size="day")
    assert again.digest == made.digest
