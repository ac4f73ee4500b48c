"""Owns the numbers by which states know people; without a check digit they need words before them."""

from __future__ import annotations

import re

from pilothouse.labels.pii.types import Rule, after

__all__ = ["RULES"]


def _is_nir(text: str) -> bool:
    from stdnum.fr import nir

    return nir.is_valid(text)


def _is_ssn(text: str) -> bool:
    from stdnum.us import itin, ssn

    text = text.replace(" ", "")
    return ssn.is_valid(text) or itin.is_valid(text)


def _is_nhs(text: str) -> bool:
    from stdnum.gb import nhs

    return nhs.is_valid(text)


def _is_dni(text: str) -> bool:
    from stdnum.es import dni, nie

    return dni.is_valid(text) or nie.is_valid(text)


def _is_fiscal(text: str) -> bool:
    from stdnum.it import codicefiscale

    return codicefiscale.is_valid(text)


def _is_german(text: str) -> bool:
    from stdnum.de import idnr

    return idnr.is_valid(text)


def _is_dutch(text: str) -> bool:
    from stdnum.nl import bsn

    return bsn.is_valid(text)


def _is_belgian(text: str) -> bool:
    from stdnum.be import nn

    return nn.is_valid(text)


def _is_polish(text: str) -> bool:
    from stdnum.pl import pesel

    return pesel.is_valid(text)


def _is_brazilian(text: str) -> bool:
    from stdnum.br import cpf

    return cpf.is_valid(text)


def _is_indian(text: str) -> bool:
    from stdnum.in_ import aadhaar

    return aadhaar.is_valid(text)


def _is_swiss(text: str) -> bool:
    from stdnum.ch import ssn

    return ssn.is_valid(text)


_WEIGHTS = (7, 3, 1)


def _checked(text: str, digit: str) -> bool:
    """The check digit of machine-readable zones (ICAO 9303)."""
    values = (0 if sign == "<" else int(sign, 36) for sign in text)
    return str(sum(value * _WEIGHTS[i % 3] for i, value in enumerate(values)) % 10) == digit


def _is_zone(text: str) -> bool:
    return _checked(text[:9], text[9]) and _checked(text[13:19], text[19]) and _checked(text[21:27], text[27])


RULES = (
    Rule(
        kind="passport",
        pattern=re.compile(
            r"(?<![\w<])[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[0-9<]\d(?![\w<])"
        ),
        check=_is_zone,
        digits=True,
    ),
    Rule(
        kind="passport",
        words=("passport", "passeport", "pasaporte", "passaporto", "reisepass", "paspoort"),
        pattern=after(
            r"passport|passeport|pasaporte|passaporto|reisepass(?:nummer)?|paspoort",
            r"[A-Z]{0,2}[A-Z0-9]\d{5,8}",
        ),
        digits=True,
    ),
    Rule(
        kind="driving_licence",
        words=("driv", "führerschein", "permis"),
        pattern=after(
            r"(?:driving|driver'?s?)[ _-]licen[cs]e|führerschein(?:nummer)?|permis[ ]de[ ]conduire",
            r"(?=[A-Z0-9]*\d{3})[A-Z0-9]{6,18}",
        ),
        digits=True,
    ),
    Rule(
        kind="nir",
        pattern=re.compile(
            r"(?<![\w.+-])[1-478][ ]?\d{2}[ ]?\d{2}[ ]?(?:\d{2}|2[AB])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}(?![\w-])"
        ),
        check=_is_nir,
        digits=True,
    ),
    Rule(
        kind="ahv",
        pattern=re.compile(r"(?<![\w.+-])756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}(?![\w-])"),
        check=_is_swiss,
        needs=("756",),
    ),
    Rule(
        kind="cpf",
        pattern=re.compile(r"(?<![\w.+-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"),
        check=_is_brazilian,
        digits=True,
    ),
    Rule(kind="cpf", words=("cpf",), pattern=after("cpf", r"\d{11}"), check=_is_brazilian, digits=True),
    Rule(
        kind="belgian_number",
        pattern=re.compile(r"(?<![\w.+-])\d{2}\.\d{2}\.\d{2}[- ]\d{3}[. ]\d{2}(?![\w-])"),
        check=_is_belgian,
        digits=True,
    ),
    Rule(
        kind="aadhaar",
        pattern=re.compile(r"(?<![\w.+-])(?<!\d )[2-9]\d{3}([ -])\d{4}\1\d{4}(?![\w-]| \d{4}(?!\w))"),
        check=_is_indian,
        digits=True,
    ),
    Rule(
        kind="aadhaar", words=("aadhaar",), pattern=after("aadhaar", r"\d{12}"), check=_is_indian, digits=True
    ),
    Rule(
        kind="ssn",
        pattern=re.compile(r"(?<![\w.+-])\d{3}-\d{2}-\d{4}(?![\w-])"),
        check=_is_ssn,
        digits=True,
    ),
    Rule(
        kind="ssn",
        words=("ssn", "social"),
        pattern=after(r"ssn|social[ _-]security", r"\d{3}[ ]?\d{2}[ ]?\d{4}"),
        check=_is_ssn,
        digits=True,
    ),
    Rule(
        kind="nhs_number",
        words=("nhs",),
        pattern=after("nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}"),
        check=_is_nhs,
        digits=True,
    ),
    Rule(
        kind="nino",
        pattern=re.compile(
            r"(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)"
            r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?(?:\d{2}[ ]?){3}[A-D](?!\w)"
        ),
        digits=True,
    ),
    Rule(
        kind="dni",
        pattern=re.compile(r"(?<![\w-])(?:\d{8}-?|[XYZ]-?\d{7}-?)[A-HJ-NP-TV-Z](?![\w-])"),
        check=_is_dni,
        digits=True,
    ),
    Rule(
        kind="codice_fiscale",
        pattern=re.compile(
            r"(?<!\w)[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z](?!\w)"
        ),
        check=_is_fiscal,
    ),
    Rule(
        kind="german_tax_id",
        words=("steuer", "idnr", "tax"),
        pattern=after(
            r"steuer-?(?:id(?:entifikationsnummer)?|identnummer)|idnr|tax[ _-]id",
            r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}",
        ),
        check=_is_german,
        digits=True,
    ),
    Rule(
        kind="bsn",
        words=("bsn", "burgerservice", "sofi"),
        pattern=after(r"bsn|burgerservicenummer|sofinummer", r"\d{9}|\d{4}\.\d{2}\.\d{3}"),
        check=_is_dutch,
        digits=True,
    ),
    Rule(kind="pesel", words=("pesel",), pattern=after("pesel", r"\d{11}"), check=_is_polish, digits=True),
)
