"""Recognisers: what they find, what they leave visible, how texts, values and log records are redacted."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labels_pii_samples import KINDS as MADE
from labels_pii_samples import PLAIN, sample

from pilothouse.labels.pii import KINDS, RedactingFilter, find, redact, redact_value

SEEDS = range(500)
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


def _spans(text: str) -> set[tuple[str, int, int]]:
    return {(one.kind, one.start, one.end) for one in find(text)}


def test_f1_is_at_least_98_percent_and_no_kind_is_found_less_than_95_times_in_100() -> None:
    right: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for seed in SEEDS:
        made = sample(seed)
        spans = _spans(made.text)
        right.update(kind for kind, _, _ in spans & made.expected)
        expected.update(kind for kind, _, _ in made.expected)
        found.update(kind for kind, _, _ in spans)
    f1 = 2 * right.total() / (expected.total() + found.total())
    assert f1 >= 0.98
    low = {kind: (right[kind], count) for kind, count in expected.items() if right[kind] < 0.95 * count}
    assert not low
    assert expected.keys() == {kind for kind, _, _ in MADE}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("aadhaar", "Aadhaar 234123412346"),
        ("age_key", "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2),
        ("bank_account", "Account no. 12345678"),
        ("bank_account", "sort code 12-34-56 12345678"),
        ("belgian_number", "registre 85.07.30-033 28"),
        ("bitcoin", "1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD"),
        ("bitcoin", "bc1qardv855yjngspvxuttq897aqca3lxju2y69jce"),
        ("bsn", "BSN 111222333"),
        ("bsn", "burgerservicenummer: 1112.22.333"),
        ("cpf", "CPF 39053344705"),
        ("dni", "X-5253868-R"),
        ("driving_licence", "Driver's license no D1234567"),
        ("gcp_key", "GOCSPX-abcdefghijklmnopqrstuvwxyz12"),
        ("github_token", "github_pat_11ABCDEFG0123456789_abcdef"),
        ("gitlab_token", "glpat-abcdefghij0123456789"),
        ("mac", "0011.22ab.ff01"),
        ("model_key", "hf_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3h"),
        ("nhs_number", "NHS 943 476 5919"),
        ("package_token", "npm_" + "a1B2" * 9),
        ("payment_key", "whsec_" + "a1B2" * 8),
        ("phone", "Tel 0049 30 901820"),
        ("phone", "(212) 736-5000"),
        ("private_key", PEM),
        ("private_key", "-----BEGIN PRIVATE KEY-----\nMIIEow and cut off"),
        ("secret", "Basic dXNlcjpwYXNzd29yZA=="),
        ("secret", "'password': 'correct horse battery'"),
        ("slack_token", "https://hooks.slack.com/services/T0000AAAA/B0000BBBB/abcdefghijklmnopqrstuvwx"),
        ("ssn", "social security 123 45 6788"),
        ("vat", "BE 0428.759.497"),
        ("vat", "GB 980780684"),
    ],
)
def test_a_kind_is_found(kind: str, text: str) -> None:
    assert [one.kind for one in find(text)] == [kind]


def test_every_kind_has_an_example() -> None:
    here = {mark.args[1][i][0] for mark in test_a_kind_is_found.pytestmark for i in range(len(mark.args[1]))}
    assert here | {kind for kind, _, _ in MADE} == set(KINDS)
    assert len(KINDS) >= 25


@pytest.mark.parametrize("make", PLAIN)
def test_what_the_trade_writes_stays(make: Any) -> None:
    import random

    rng = random.Random(7)
    for _ in range(60):
        text = make(rng)
        assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a..b@example.com",
        ".@example.com",
        "DE89370400440532013001",
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "999.1.1.1",
        "127.0.0.1 and 0.0.0.0 and ::1 and 255.255.255.255",
        "12:30:45:10",
        "std::vector<a::b>",
        "head[0::2]",
        "00:00:00:00:00:00",
        "2 41 08 75 116 001 92",
        "123.456.789-00",
        "+1 000 000 0000",
        "+999 1234567890",
        "call 12345678901234",
        "Tel +49 1",
        "DE123456789",
        "L01X00T47<8NLD7408122F1204159ZE184226B<<<<<1",
        "BSN 111222334",
        "token: abcd",
        "password: changed",
        "the key = None, secret=‹secret›, token=${TOKEN}",
        "https://user:secret://x@host/",
        "thisIsAVeryLongNameOfAFunctionInCode",
        "aaaaaaaaaaAAAAAAAAAA1111111111",
        "bc1qardv855yjngspvxuttq897aqca3lxju2y69jcf",
        "Tel: HLCU12345678",
        "passport MSCU1234565",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == text


def test_a_reference_does_not_hide_what_is_around_it() -> None:
    assert redact("MSCU1234565@example.com") == "‹email›"
    assert redact("password=MSCU1234566") == "password=‹secret›"
    assert redact("driving licence MSC1234566") == "driving licence ‹driving_licence›"
    assert redact("driving licence MSCU1234566") == "driving licence MSCU1234566"
    assert redact("driving licence MSCU 123456-6") == "driving licence MSCU 123456-6"


@given(st.text(alphabet="a1@.:+-/= AZ09eyJ\n‹", max_size=300))
def test_any_text_is_searched_in_order_without_overlaps(text: str) -> None:
    at = 0
    for one in find(text):
        assert at <= one.start < one.end <= len(text)
        at = one.end


@pytest.mark.parametrize("seed", range(40))
def test_redacting_twice_is_redacting_once(seed: int) -> None:
    once = redact(sample(seed).text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1 ",
        "a@",
        "eyJ",
        ":a",
        "tel 1",
        "password:'",
        "a://b:",
        f"{PEM[:31]}\n",
        "HLCU123456.",
        "jo@x.de ",
    ],
)
def test_long_texts_of_half_a_pattern_come_to_an_end(unit: str) -> None:
    find(unit * (200_000 // len(unit)))


def test_the_hash_tells_equal_values_and_not_the_value() -> None:
    first, second, third = find("jo@x.de, jo@x.de, al@x.de")
    assert first.text_hash == second.text_hash != third.text_hash
    code = "from pilothouse.labels.pii import find; print(find('jo@x.de')[0].text_hash)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.strip() != first.text_hash


def test_kinds_may_be_kept_and_recognisers_added() -> None:
    class Names:
        def spans(self, text: str) -> Iterable[tuple[str, int, int]]:
            at = text.find("Amira")
            return [("name", at, at + 5), ("name", 0, 0)] if at >= 0 else []

    text = "Amira, amira@example.com, 10.1.2.3"
    assert redact(text, keep={"ipv4"}, extra=[Names()]) == "‹name›, ‹email›, 10.1.2.3"
    assert redact(text, keep=KINDS) == text


def test_values_are_redacted_by_what_their_fields_are_called() -> None:
    value = {
        "date_of_birth": "1990-01-31",
        "read_at": "1990-01-31",
        "phone": "030 901820",
        "reference": "030 901820",
        "db_password": "correct horse",
        "accessToken": "abc",
        "password": "",
        "api_key": "secret://tos#key",
        "card": 4111111111111111,
        "count": 12,
        "share": 0.5,
        "open": True,
        "none": None,
        "jo@x.de": [{"mail": ("jo@x.de", 1)}],
        "box": "MSCU1234565",
        7: "10.1.2.3",
    }
    assert redact_value(value) == {
        "date_of_birth": "‹birth_date›",
        "read_at": "1990-01-31",
        "phone": "‹phone›",
        "reference": "030 901820",
        "db_password": "‹secret›",
        "accessToken": "‹secret›",
        "password": "",
        "api_key": "secret://tos#key",
        "card": "‹card›",
        "count": 12,
        "share": 0.5,
        "open": True,
        "none": None,
        "‹email›": [{"mail": ["‹email›", 1]}],
        "box": "MSCU1234565",
        7: "‹ipv4›",
    }
    assert redact_value({"password": "abc", "phone": "030 901820"}, keep={"secret", "phone"}) == {
        "password": "abc", "phone": "030 901820"
    }  # fmt: skip


def test_a_value_nested_too_deep_is_cut() -> None:
    deep: Any = "jo@x.de"
    for _ in range(100):
        deep = [deep]
    assert "jo@x.de" not in repr(redact_value(deep))
    assert "too deep" in repr(redact_value(deep))


def _logged(log: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(who)s", defaults={"who": ""}))
    handler.addFilter(RedactingFilter())
    logger = logging.Logger("redacted")
    logger.addHandler(handler)
    log(logger)
    return stream.getvalue()


def test_log_records_are_redacted_in_all_their_parts() -> None:
    def log(logger: logging.Logger) -> None:
        try:
            raise ValueError("no account jo@x.de")
        except ValueError:
            logger.exception("login of %s from %s", "al@x.de", "10.1.2.3", extra={"who": "jo@x.de"})
        logger.info("stack", stack_info=True, extra={"who": {"mail": "jo@x.de"}})
        logger.info("released %s", "MSCU1234565")

    out = _logged(log)
    assert "login of ‹email› from ‹ipv4› ‹email›" in out
    assert "ValueError: no account ‹email›" in out
    assert "Traceback" in out
    assert "{'mail': '‹email›'}" in out
    assert "Stack (most recent call last)" in out
    assert "released MSCU1234565" in out
    assert "@x.de" not in out


def test_a_record_with_a_wrong_format_is_kept_and_redacted() -> None:
    out = _logged(lambda logger: logger.info("%d boxes of %s", *["jo@x.de"]))
    assert "%d boxes of %s ('‹email›',)" in out


def test_an_exception_formatted_before_is_redacted_too() -> None:
    record = logging.makeLogRecord({"msg": "x", "exc_text": "ValueError: jo@x.de"})
    assert RedactingFilter().filter(record)
    assert record.exc_text == "ValueError: ‹email›"


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, pilothouse.labels.pii; print({'phonenumbers', 'stdnum'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
