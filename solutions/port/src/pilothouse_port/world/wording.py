"""Owns the sentences people write: mails, remarks and cargo descriptions by language, intent and family.

Forms lie in ``data/wording_<language>.toml``, two a family; a family used for tuning never scores.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from random import Random
from typing import Any, Final

__all__ = ["LANGUAGES", "MAIL_INTENTS", "REMARK_INTENTS", "Letter", "forms", "hazard", "letter", "remark"]

LANGUAGES: Final = ("en", "de", "nl", "fr")
MAIL_INTENTS: Final = (
    "stop",
    "stop_withdrawn",
    "dispute",
    "party_change",
    "waiver",
    "payment_advice",
    "status",
    "documents",
)
REMARK_INTENTS: Final = ("damage", "seal_cut", "plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A worded mail; ``sentence`` is the one that carries the intent."""

    subject: str
    text: str
    sentence: str
    family: str


@functools.cache
def _book(language: str) -> dict[str, Any]:
    path = resources.files("pilothouse_port.world") / "data" / f"wording_{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def forms(kind: str, intent: str, language: str) -> list[str]:
    """Return the surface forms; ``kind`` is ``mail`` or ``remark``."""
    return list(_book(language)[kind][intent]["forms"])


def _family(at: int) -> str:
    return "ABCD"[at // 2 % 4]


def letter(
    rng: Random, intent: str, language: str, slots: Mapping[str, str], *, signature: str, quoted: str = ""
) -> Letter:
    """Word one mail.

    Args:
        rng: The stream of the texts.
        intent: One of :data:`MAIL_INTENTS`.
        language: One of :data:`LANGUAGES`.
        slots: ``box bl doc ship who mail``.
        signature: Name and firm under the closing.
        quoted: An earlier mail to quote below.
    """
    book = _book(language)
    entry = book["mail"][intent]
    at = rng.randrange(len(entry["forms"]))
    sentence = entry["forms"][at].format(**slots)
    lines = [rng.choice(book["greetings"]), ""]
    lines += [sentence, ""]
    lines += [rng.choice(book["closings"]), signature]
    if rng.random() < 0.4:
        lines += ["", "-- ", book["disclaimer"]]
    if quoted:
        lines += ["", *[f"> {line}" for line in quoted.splitlines()]]
    subject = rng.choice(entry["subjects"]).format(**slots)
    return Letter(subject=subject, text="\n".join(lines) + "\n", sentence=sentence, family=_family(at))


def remark(rng: Random, intent: str, language: str) -> tuple[str, str]:
    """Return a terminal remark and its family."""
    found = forms("remark", intent, language)
    at = rng.randrange(len(found))
    return found[at], _family(at)


def hazard(rng: Random, language: str) -> str:
    """Return a cargo description that names a hazard without a UN number."""
    return str(rng.choice(_book(language)["hazard"]["forms"]))
