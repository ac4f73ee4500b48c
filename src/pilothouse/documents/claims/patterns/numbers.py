"""Owns codes with a check digit: containers (ISO 6346), IBANs, UN numbers, and codes of a task's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pilothouse.documents.claims.types import Mention

__all__ = ["CodePattern", "codes", "containers", "ibans", "un_numbers"]

_DIGIT = "[0-9OoIlQ]"
_BOX = re.compile(
    rf"(?<![A-Za-z0-9])(?P<owner>[A-Za-z01]{{3}})[ \-]?(?P<kind>[UJZujz])[ \-]{{0,2}}"
    rf"(?P<number>{_DIGIT}{{3}}[ .]?{_DIGIT}{{3}})[ /.\-]{{0,2}}\[?(?P<check>{_DIGIT})\]?(?![A-Za-z0-9])"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_UN = re.compile(
    r"(?<![A-Za-z0-9])(?:UN(?:[ \-]?(?:no|nr|n°)\.?)?|ONU)[ :.\-#]{0,2}(?P<n>[0-3]\d{3})(?!\d)", re.IGNORECASE
)
_TO_DIGIT = str.maketrans("OoIlQ", "00110")
_TO_LETTER = str.maketrans("01", "OI")
_WEIGHTS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [n for n in range(10, 39) if n % 11], strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePattern:
    """A code of a task's own, such as a bill of lading number.

    Attributes:
        kind: Kind of the mention.
        pattern: Regular expression; the group ``v`` is the value where there is one.
        check: Which check digit it carries.
        near: The code counts only within 40 characters behind one of these words; empty always counts.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Literal["", "luhn", "iso6346", "iban", "mod97"] = ""
    near: tuple[str, ...] = ()


def containers(text: str) -> Iterator[Mention]:
    """Yield container numbers; one that passes only after 0 for O or 1 for I is *proposed*, never certain."""
    for match in _BOX.finditer(text):
        raw = match["owner"] + match["kind"] + match["number"] + match["check"]
        plain = "".join(sign for sign in raw if sign.isalnum()).upper()
        repaired = plain[:3].translate(_TO_LETTER) + plain[3] + _digits(raw)[-7:]
        if plain == repaired and _box_checks(plain):
            yield Mention(kind="container", value=plain, start=match.start(), end=match.end(), check="passed")
        elif plain != repaired and _box_checks(repaired):
            yield Mention(
                kind="container", value=repaired, start=match.start(), end=match.end(), check="proposed"
            )
        elif plain == repaired:
            yield from _near_box(plain, match.start(), match.end())


def _near_box(plain: str, start: int, end: int) -> Iterator[Mention]:
    """A wrong check digit: the reading stays, marked, with the number it would pass with."""
    would = f"{plain[:10]}{_box_digit(plain)}"
    yield Mention(kind="container", value=plain, start=start, end=end, check="ambiguous", others=(would,))


def _digits(raw: str) -> str:
    return "".join(sign for sign in raw[3:].translate(_TO_DIGIT) if sign.isdigit())


def _box_digit(code: str) -> int:
    total = sum((int(s) if s.isdigit() else _WEIGHTS[s]) * 2**i for i, s in enumerate(code[:10]))
    return total % 11 % 10


def _box_checks(code: str) -> bool:
    return len(code) == 11 and code[:4].isalpha() and code[4:].isdigit() and _box_digit(code) == int(code[10])


def ibans(text: str) -> Iterator[Mention]:
    """Yield account numbers whose check digits and length fit."""
    from stdnum import iban

    for match in _IBAN.finditer(text):
        # Words that follow an account number look like more of it: the longest part that checks is meant.
        for end in _ends(match[0]):
            plain = match[0][:end].replace(" ", "")
            if iban.is_valid(plain):
                yield Mention(
                    kind="iban", value=plain, start=match.start(), end=match.start() + end, check="passed"
                )
                break


def _ends(found: str) -> Iterator[int]:
    yield len(found)
    for at in range(len(found) - 1, 14, -1):
        if found[at] == " ":
            yield at


def un_numbers(text: str) -> Iterator[Mention]:
    """Yield UN numbers of dangerous goods; the list of valid ones is a task's data."""
    for match in _UN.finditer(text):
        yield Mention(kind="un_number", value=f"UN{match['n']}", start=match.start(), end=match.end())


def codes(text: str, patterns: tuple[CodePattern, ...]) -> Iterator[Mention]:
    """Yield the codes of a task's own patterns."""
    lower = text.casefold()
    for one in patterns:
        group = "v" if "v" in one.pattern.groupindex else 0
        for match in one.pattern.finditer(text):
            start, end = match.span(group)
            if one.near and not any(word in lower[max(0, start - 40) : start] for word in one.near):
                continue
            value = re.sub(r"[\s]", "", match[group]).upper()
            good = _checked(value, one.check)
            if good is not False:
                yield Mention(
                    kind=one.kind, value=value, start=start, end=end, check="passed" if good else "none"
                )


def _checked(value: str, check: str) -> bool | None:
    """Whether the check digit fits; None where there is none."""
    if not check:
        return None
    if check == "iso6346":
        return _box_checks(value)
    if check == "luhn":
        from stdnum import luhn

        return luhn.is_valid(value)
    from stdnum import iban
    from stdnum.iso7064 import mod_97_10

    return iban.is_valid(value) if check == "iban" else mod_97_10.is_valid(value)
