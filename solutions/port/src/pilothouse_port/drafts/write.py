"""Owns wording a draft: a person's sentence in the receiver's language, values filled in from evidence."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Final

from pilothouse.kernel import DataError

__all__ = ["LANGUAGES", "refuse_strangers", "worded"]

LANGUAGES: Final = ("en", "de", "nl", "fr", "es", "it", "pt", "pl")
_TOKEN = re.compile(r"\S*\d\S*")


@functools.cache
def _templates() -> Mapping[str, Mapping[str, str]]:
    path = resources.files("pilothouse_port.drafts") / "templates.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def worded(
    check: str, *, box: str, bl: str, values: str, language: str, evidence: Iterable[str]
) -> tuple[str, str, str, str] | None:
    """Return receiver, text, correction and language of a draft; None where a check has none.

    A language without a sentence falls back to English, and says so by the language returned.

    Raises:
        DataError: ``port.draft``: the text holds a number or id that stands in no evidence.
    """
    known = _templates().get(check)
    if known is None:
        return None
    spoken = language if language in known else "en"
    text = known[spoken].format(box=box, bl=bl, values=values)
    refuse_strangers(text, (box, bl, values, *evidence))
    return known["to"], text, known["correction"], spoken


def refuse_strangers(text: str, evidence: Iterable[str]) -> None:
    """Refuse a draft with a number or id that is not in its evidence, whoever worded it.

    Raises:
        DataError: ``port.draft``.
    """
    standing = "\n".join(evidence)
    for match in _TOKEN.finditer(text):
        token = match[0].strip("().,;:!?\"'")
        if token and token not in standing:
            raise DataError(
                f"the draft says {token!r}, which stands in no evidence; it is refused", code="port.draft"
            )
