"""Taking mails apart: what strangers send, tidy or broken."""

import hashlib
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.connectors import SourceUsageError
from pilothouse.connectors.adapters.mail import connect
from pilothouse.connectors.adapters.mail.parse import parse_mail
from pilothouse.connectors.testing import source_context
from pilothouse.labels import Integrity

PLAIN = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nReply-To: x@example.net\r\n"
    b"To: desk@example.com, b@example.com\r\nDate: Mon, 05 Jan 2026 09:30:00 +0100\r\n"
    b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\nMessage-ID: <1@example.org>\r\n"
    b"In-Reply-To: <0@example.org>\r\nReferences: <a@x>\r\n <0@example.org>\r\n"
)


def test_headers_are_read_in_their_words():
    values = parse_mail(PLAIN + b"\r\nHello\r\n> quoted\r\n").values
    assert (values["from"], values["from_name"], values["reply_to"]) == (
        "j@example.org",
        "Jürgen",
        "x@example.net",
    )
    assert values["to"] == ["desk@example.com", "b@example.com"]
    assert values["subject"] == "Grüße"
    assert values["date"].isoformat() == "2026-01-05T08:30:00+00:00"
    assert (values["message_id"], values["in_reply_to"]) == ("<1@example.org>", "<0@example.org>")
    assert values["references"] == ["<a@x>", "<0@example.org>"]
    assert values["text"] == "Hello\n> quoted\n", "quotes stay: a withdrawn stop may stand in one"


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("iso-8859-1", "Größe".encode("latin-1"), "Größe"),
        ("windows-1250", "Łódź".encode("cp1250"), "Łódź"),
        ("utf-8", "Größe".encode("latin-1"), "Größe"),
        ("us-ascii", "Größe".encode(), "Größe"),
        ("x-unknown", "Größe".encode(), "Größe"),
    ],
)
def test_charsets_declared_rightly_and_wrongly(charset, body, text):
    mail = parse_mail(PLAIN + f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + body)
    assert mail.values["text"] == text


def test_bytes_in_headers_where_none_may_be():
    mail = parse_mail("From: Jürgen <j@example.org>\r\nSubject: Größe\r\n\r\nx".encode("latin-1"))
    assert (mail.values["from_name"], mail.values["subject"]) == ("Jürgen", "Größe")


def test_attachments_are_named_and_hashed_and_forwarded_mails_are_one():
    message = EmailMessage()
    message["From"] = "a@example.org"
    message.set_content("see attached")
    message.add_alternative("<p>see <b>attached</b></p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Löschung.pdf")
    inner = EmailMessage()
    inner["Subject"] = "forwarded"
    inner.set_content("stop ABCU1234567")
    message.add_attachment(inner)
    mail = parse_mail(message.as_bytes())
    assert mail.values["text"] == "see attached\n"
    first, second = mail.values["attachments"]
    assert (first["name"], first["type"], first["size"]) == ("Löschung.pdf", "application/pdf", 4)
    assert first["sha256"] == hashlib.sha256(b"%PDF").hexdigest()
    assert second["type"] == "message/rfc822"
    assert b"stop ABCU1234567" in mail.attachments[1].content


def test_what_only_the_markup_says_is_read_too():
    message = EmailMessage()
    message.set_content("Dear desk,\nall fine with ABCU1234567.\n")
    message.add_alternative(
        "<p>Dear desk,</p><div>all <b>fine</b> with<br>ABCU1234567.</div><p>Do not release it!</p>",
        subtype="html",
    )
    text = parse_mail(message.as_bytes()).values["text"]
    assert text == "Do not release it!\nDear desk,\nall fine with ABCU1234567.\n"


def test_a_path_in_a_file_name_stays_a_name():
    message = EmailMessage()
    message.set_content("x")
    message.add_attachment(b"x", maintype="text", subtype="x", filename="../../etc/passwd")
    assert parse_mail(message.as_bytes()).values["attachments"][0]["name"] == ".._.._etc_passwd"


def test_markup_alone_becomes_text():
    raw = (
        PLAIN
        + b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>Stop <b>ABCU1</b></p><p>now &amp; here</p>"
    )
    assert parse_mail(raw).values["text"] == "Stop ABCU1\nnow & here"


def test_broken_structure_is_read_as_far_as_it_goes_and_told():
    raw = PLAIN + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nthe text\r\n'
    mail = parse_mail(raw)
    assert mail.values["text"].strip() == "the text"
    assert any("CloseBoundaryNotFound" in words for words in mail.faults)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "has no headers"),
        (b"\xff\xfe\x00 rubbish", "has no headers"),
        (b"Subject: x\r\n\r\n", "has no date"),
        (b"Date: yesterday\r\n\r\n", "date 'yesterday' cannot be read"),
    ],
)
def test_what_is_wrong_is_said(raw, words):
    assert words in parse_mail(raw).faults


def test_a_mail_bomb_is_bounded():
    parts = b"".join(b"--b\r\n\r\nx\r\n" for _ in range(2000))
    mail = parse_mail(PLAIN + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts + b"--b--\r\n")
    assert any("more than 500 parts" in words for words in mail.faults)
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(1500)
    )
    assert parse_mail(PLAIN + nested).faults


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(tail):
    parse_mail(tail)
    parse_mail(PLAIN + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + tail)


def test_nobody_may_declare_mails_a_record(tmp_path):
    with pytest.raises(SourceUsageError) as caught:
        connect(source_context("mail", {"path": "x"}, base=tmp_path, integrity=Integrity.RECORD))
    assert caught.value.code == "mail.integrity"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "x", "url": "imaps://h"},
        {"url": "pop3://h"},
        {"url": "imap://mail.example.org", "user": "u", "password": "p"},
        {"path": "x", "smtp": "smtp://mail.example.org", "from": "no address"},
    ],
)
def test_a_declaration_that_cannot_be_right(options, tmp_path):
    with pytest.raises(SourceUsageError, match="'tested'"):
        connect(source_context("mail", options, base=tmp_path, integrity=Integrity.UNTRUSTED))
