"""Texts with known personal data in them: made from a seed, with what the trade writes between."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from stdnum import iban, iso6346, luhn, verhoeff
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.pl import pesel

Rng = random.Random
Make = Callable[[Rng], str]
ALNUM = string.ascii_letters + string.digits


def _digits(rng: Rng, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def _mixed(rng: Rng, count: int, signs: str = ALNUM) -> str:
    return "".join(rng.choices(signs, k=count))


def _until(make: Make, good: Callable[[str], bool]) -> Make:
    def again(rng: Rng) -> str:
        while not good(value := make(rng)):
            pass
        return value

    return again


def _iban(rng: Rng) -> str:
    country, body = rng.choice(
        [
            ("DE", _digits(rng, 18)),
            ("NL", "INGB" + _digits(rng, 10)),
            ("FR", _digits(rng, 23)),
            ("BE", _digits(rng, 12)),
            ("GB", "NWBK" + _digits(rng, 14)),
            ("ES", _digits(rng, 20)),
        ]
    )
    whole = country + iban.calc_check_digits(country + "00" + body) + body
    if rng.random() < 0.5:
        return whole
    return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))


def _card(rng: Rng) -> str:
    start, size = rng.choice([("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16)])
    body = start + _digits(rng, size - len(start) - 1)
    whole = body + luhn.calc_check_digit(body)
    if size == 15:
        return rng.choice([whole, f"{whole[:4]} {whole[4:10]} {whole[10:]}"])
    return rng.choice(["", " ", "-"]).join(whole[i : i + 4] for i in range(0, 16, 4))


def _phone(rng: Rng) -> str:
    region = rng.choice(["DE", "NL", "FR", "GB", "ES", "US", "CN", "IN"])
    kind = rng.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    text = str(example.national_number)
    example.national_number = int(text[:-2] + _digits(rng, 2))
    shape = rng.choice([phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164])
    return phonenumbers.format_number(example, shape)


def _national(rng: Rng) -> str:
    whole = _phone(rng)
    parsed = phonenumbers.parse(whole)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def _nir(rng: Rng) -> str:
    body = (
        f"{rng.choice('12')}{_digits(rng, 2)}{rng.randint(1, 12):02}{rng.randint(1, 95):02}{_digits(rng, 6)}"
    )
    whole = body + nir.calc_check_digits(body)
    return rng.choice([whole, nir.format(whole)])


def _ssn(rng: Rng) -> str:
    return f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9998)}"


def _cpf(rng: Rng) -> str:
    body = _digits(rng, 9)
    for size in (10, 11):
        body += str(-sum((size - i) * int(digit) for i, digit in enumerate(body)) % 11 % 10)
    return cpf.format(body)


def _ahv(rng: Rng) -> str:
    from stdnum import ean

    body = "756" + _digits(rng, 9)
    return ahv.format(body + ean.calc_check_digit(body))


def _aadhaar(rng: Rng) -> str:
    body = rng.choice("23456789") + _digits(rng, 10)
    whole = body + verhoeff.calc_check_digit(body)
    return f"{whole[:4]} {whole[4:8]} {whole[8:]}"


def _dni(rng: Rng) -> str:
    body = _digits(rng, 8)
    return body + dni.calc_check_digit(body)


def _fiscal(rng: Rng) -> str:
    letters = "BCDFGHLMNPRSTVZ"
    body = (
        f"{_mixed(rng, 6, letters)}{_digits(rng, 2)}{rng.choice('ABCDEHLMPRST')}{rng.randint(1, 28):02}H501"
    )
    return body[:16] + codicefiscale.calc_check_digit(body)


def _german_id(rng: Rng) -> str:
    from stdnum.iso7064 import mod_11_10

    body = "1" + _digits(rng, 9)
    return body + mod_11_10.calc_check_digit(body)


def _pesel(rng: Rng) -> str:
    body = f"{_digits(rng, 2)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 4)}"
    return body + pesel.calc_check_digit(body)


def _german_vat(rng: Rng) -> str:
    from stdnum.iso7064 import mod_11_10

    body = rng.choice("123456789") + _digits(rng, 7)
    return "DE" + body + mod_11_10.calc_check_digit(body)


def _zone(rng: Rng) -> str:
    def check(text: str) -> str:
        values = [0 if sign == "<" else int(sign, 36) for sign in text]
        return str(sum(value * (7, 3, 1)[i % 3] for i, value in enumerate(values)) % 10)

    number, born, until = _mixed(rng, 9, string.digits + "CFGHJK"), "740812", "120415"
    rest = "<" * 14
    whole = number + check(number) + "NLD" + born + check(born) + "F" + until + check(until) + rest + "<"
    return whole + check(number + check(number) + born + check(born) + until + check(until) + rest + "<")


def _jwt(rng: Rng) -> str:
    def part(what: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(what).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part({'sub': _digits(rng, 8)})}.{_mixed(rng, 43)}"


def _private_key(rng: Rng) -> str:
    kind = rng.choice(["RSA ", "EC ", "", "OPENSSH "])
    lines = "\n".join(_mixed(rng, 64) for _ in range(3))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _container(rng: Rng) -> str:
    body = _mixed(rng, 3, string.ascii_uppercase) + "U" + _digits(rng, 6)
    whole = body + iso6346.calc_check_digit(body)
    return rng.choice([whole, f"{whole[:4]} {whole[4:10]}-{whole[10]}", f"{whole[:4]} {whole[4:]}"])


def _email(rng: Rng) -> str:
    name, host = _mixed(rng, 6, string.ascii_lowercase), _mixed(rng, 7, string.ascii_lowercase)
    return f"{name}.{_digits(rng, 2)}@{host}.{rng.choice(['com', 'de', 'co.uk'])}"


def _born(rng: Rng) -> str:
    year, month, day = f"19{_digits(rng, 2)}", rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice([f"{year}-{month:02}-{day:02}", f"{day}.{month}.{year}", f"{day} March {year}"])


def _ipv4(rng: Rng) -> str:
    return ".".join(str(rng.randint(1, 126)) for _ in range(4))


def _ipv6(rng: Rng) -> str:
    groups = [f"{rng.randint(4096, 65535):x}" for _ in range(8)]
    return rng.choice([":".join(groups), f"2001:db8::{groups[0]}", f"fe80::{groups[0]}:{groups[1]}"])


def _well_mixed(text: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(sum(map(kind, text)) >= 4 for kind in kinds) and not text.startswith("eyJ")


def _hex(rng: Rng, count: int) -> str:
    return _mixed(rng, count, "0123456789abcdef")


def _day(rng: Rng) -> str:
    return f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


BASE32 = string.ascii_uppercase + "234567"
# kind, how a value is made, sentences around it
KINDS: list[tuple[str, Make, tuple[str, ...]]] = [
    ("email", _email, ("Write to {v}.", "<{v}> wrote:", "mailto:{v}")),
    ("phone", _phone, ("Call {v} before noon.", "Tel.: {v}", "My number is {v}.", "COM {v}:TE'")),
    ("phone", _national, ("Tel: {v}", "phone {v}", "Fax no. {v}", "mobile: {v}")),
    ("iban", _iban, ("Pay to {v}.", "IBAN: {v}", "account ({v})")),
    ("card", _card, ("Card {v} was charged.", "Visa/MC: {v}", "card number {v}, expires 09/29")),
    ("nir", _nir, ("NIR {v}", "sécurité sociale : {v}")),
    ("vat", _german_vat, ("VAT {v}", "USt-IdNr. {v}")),
    ("ssn", _until(_ssn, lambda v: v not in ("219-09-9999", "078-05-1120")), ("SSN {v}", "His number: {v}.")),
    ("cpf", _cpf, ("CPF {v}", "({v})")),
    ("ahv", _ahv, ("AHV {v}", "Nr. {v}")),
    ("aadhaar", _aadhaar, ("Aadhaar {v}", "id {v}.")),
    ("dni", _dni, ("DNI {v}", "con documento {v}.")),
    ("codice_fiscale", _until(_fiscal, codicefiscale.is_valid), ("C.F. {v}", "codice fiscale: {v}.")),
    ("german_tax_id", _until(_german_id, idnr.is_valid), ("Steuer-ID {v}", "IdNr: {v}")),
    ("pesel", _until(_pesel, pesel.is_valid), ("PESEL {v}", "PESEL: {v}")),
    (
        "nino",
        lambda r: f"{r.choice(['AB', 'CE', 'JG', 'SR'])}{_digits(r, 6)}{r.choice('ABCD')}",
        ("NI {v}", "National insurance {v}."),
    ),
    ("passport", _zone, ("{v}", "MRZ:\n{v}\n")),
    (
        "passport",
        lambda r: r.choice("CFGHJ") + _digits(r, 8),
        ("Passport no. {v}", "passport: {v}", "Reisepass {v}"),
    ),
    ("birth_date", _born, ("born {v}", "Date of birth: {v}", "DOB {v}", "geboren am {v}")),
    ("ipv4", _ipv4, ("from {v}", "host {v}:8080", "[{v}]")),
    ("ipv6", _ipv6, ("from {v}", "[{v}]:443")),
    (
        "mac",
        lambda r: r.choice(":-").join(f"{r.randint(16, 255):02x}" for _ in range(6)),
        ("device {v}", "MAC {v}."),
    ),
    ("jwt", _jwt, ("Authorization: Bearer {v}", "got {v} back")),
    ("aws_key", lambda r: "AKIA" + _mixed(r, 16, BASE32), ("key {v}", "aws_access_key_id = {v}")),
    ("gcp_key", lambda r: "AIza" + _mixed(r, 35), ("key={v}", "maps {v}")),
    (
        "github_token",
        lambda r: r.choice(["ghp_", "gho_", "ghs_"]) + _mixed(r, 36),
        ("push with {v}", "use {v} now"),
    ),
    ("slack_token", lambda r: f"xoxb-{_digits(r, 12)}-{_mixed(r, 24)}", ("slack {v}",)),
    ("model_key", lambda r: r.choice(["sk-", "sk-proj-"]) + _mixed(r, 48), ("OPENAI {v}", "uses {v}")),
    ("payment_key", lambda r: "sk_live_" + _mixed(r, 24), ("stripe {v}",)),
    ("private_key", _private_key, ("{v}", "key:\n{v}\n")),
    (
        "url_credentials",
        lambda r: f"{_mixed(r, 5, string.ascii_lowercase)}:{_mixed(r, 12)}",
        ("postgresql://{v}@db.internal:5432/x", "ftp://{v}@host/"),
    ),
    (
        "secret",
        lambda r: _mixed(r, 14) + "!1",
        ("password={v}", "Password: {v}", '"api_key": "{v}"', "pwd = {v}", "token={v}&page=2"),
    ),
    ("secret", _until(lambda r: _mixed(r, 40), _well_mixed), ("it sent {v} to us",)),
]

# What the trade writes and nobody hides.
PLAIN: list[Make] = [
    lambda r: f"Please release {_container(r)}.",
    lambda r: f"Containers {_container(r)}, {_container(r)} and {_container(r)}",
    lambda r: f"B/L {r.choice(['HLCU', 'MAEU', 'MEDUHAM', 'ONEYRTM'])}{_digits(r, 9)} is original.",
    lambda r: f"EQD+CN+{_container(r).replace(' ', '').replace('-', '')}+22G1:102:5+2++5'",
    lambda r: f"DTM+137:{_day(r).replace('-', '')}1230:203'MEA+WT+G+KGM:{_digits(r, 5)}'",
    lambda r: f"UNB+UNOA:2+SENDER+RECEIVER+260105:1230+{_digits(r, 8)}'",
    lambda r: f"RFF+BN:{_digits(r, 10)}'RFF+BM:HLCU{_digits(r, 9)}'CNT+16:2'",
    lambda r: f"Invoice {_digits(r, 10)} over EUR {r.randint(1, 9)}.{_digits(r, 3)},{_digits(r, 2)} is paid.",
    lambda r: f"Order 45{_digits(r, 8)} / position {_digits(r, 5)}",
    lambda r: f"Vessel IMO {_digits(r, 7)}, MMSI {_digits(r, 9)}, voyage {_digits(r, 3)}W",
    lambda r: f"Gate in {_day(r)} {r.randint(0, 23):02}:{_digits(r, 1)}5:07 at berth 12",
    lambda r: f"run 019a{_hex(r, 4)}-8a4b-7c1d-9e2f-{_hex(r, 12)} is done",
    lambda r: f"sha256 {_hex(r, 64)}",
    lambda r: f"HS code {_digits(r, 4)}.{_digits(r, 2)}.{_digits(r, 2)}, {r.randint(1, 40)} pallets",
    lambda r: f"Ship the goods to Hall {r.randint(1, 20)}, Pier {r.randint(1, 9)}, 20457 Hamburg",
    lambda r: f"version {r.randint(0, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}, build {_digits(r, 6)}",
    lambda r: "The token of the run expired; ask for a new password: nobody knows the old one.",
    lambda r: "password=secret://erp#password and api_key: secret://tos#key",
    lambda r: "see src/pilothouse/decisions/ladder/promotion.py:120 and test_a_label_has_no_defaults_at_all",
    lambda r: f"lat 53.{_digits(r, 6)}, lon 9.{_digits(r, 6)}; temperature -18.{_digits(r, 1)}",
    lambda r: f"GTIN 040{_digits(r, 10)}, SSCC 00{_digits(r, 16)}, weight {_digits(r, 4)}.{_digits(r, 3)} kg",
    lambda r: f"iban DE00{_digits(r, 18)} has no check digits",
]


@dataclass(frozen=True)
class Sample:
    """A text and what stands in it: kind, start, end."""

    text: str
    expected: frozenset[tuple[str, int, int]]


def sample(seed: int) -> Sample:
    """Return the text of a seed: sentences with personal data between sentences without."""
    rng = random.Random(seed)
    text = ""
    expected: set[tuple[str, int, int]] = set()
    for _ in range(rng.randint(2, 8)):
        if rng.random() < 0.5:
            text += rng.choice(PLAIN)(rng)
        else:
            kind, make, sentences = rng.choice(KINDS)
            before, _, behind = rng.choice(sentences).partition("{v}")
            value = make(rng)
            at = len(text) + len(before)
            text += before + value + behind
            expected.add((kind, at, at + len(value)))
        text += rng.choice([" ", "\n", "\n\n"])
    return Sample(text, frozenset(expected))
