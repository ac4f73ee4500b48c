"""Owns what people hang on mails: letters that alone carry what they want, idle papers, broken files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

from pilothouse_port.world.canon.types import Enclosure

__all__ = ["carrier_of", "letter_in", "papers_beside", "unreadable_file"]

_CARRIED: Final = frozenset({"stop", "dispute", "party_change", "waiver", "payment_advice", "documents"})
_SHARE: Final = 0.13
"""Of the mails that could; about 7 % of all mails."""
_KINDS: Final = ("pdf", "scan", "photo", "eml", "sheet")
_WEIGHTS: Final = (30, 22, 13, 20, 15)
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "pdf": ("letter.pdf", "{bl}.pdf", "doc-{n}.pdf"),
    "scan": ("scan_{n}.pdf", "SCAN{n}.PDF", "img-{n}.pdf"),
    "photo": ("IMG_{n}.jpg", "photo {n}.jpg", "{n}.png"),
    "eml": ("fwd.eml", "message-{n}.eml"),
    "sheet": ("list.xlsx", "{bl}.xlsx", "book{n}.xlsx"),
    "damaged": ("scan_{n}.pdf", "letter.pdf"),
    "locked": ("confidential.pdf", "letter_{n}.pdf"),
    "logo": ("logo.png", "image001.png"),
}


def carrier_of(rng: Random, intent: str) -> str:
    """Deal where the intent of a mail stands: in its ``body``, or in an enclosure of some kind alone."""
    if intent not in _CARRIED or rng.random() >= _SHARE:
        return "body"
    return rng.choices(_KINDS, _WEIGHTS)[0]


def letter_in(rng: Random, kind: str, *, title: str, text: str, slots: Mapping[str, str]) -> Enclosure:
    """Return a letter as an enclosure; what Windows-1252 cannot write goes by mail instead of on paper."""
    if kind in {"pdf", "scan", "photo"} and text.encode("cp1252", "ignore").decode("cp1252") != text:
        kind = "eml"
    if kind == "sheet":
        text = f"B/L\t{slots['bl']}\n\t{slots['ship']}\n{text}"
    return _enclosure(rng, kind, title=title, text=text, slots=slots)


def papers_beside(rng: Random, intent: str, slots: Mapping[str, str]) -> tuple[Enclosure, ...]:
    """Return what hangs on a mail and means nothing: papers of the cargo, the logo under a signature."""
    if intent == "documents" and rng.random() < 0.35:
        rows = [
            f"{n}\tCTN {rng.randrange(1, 900)}\t{rng.randrange(40, 9000) / 10:.1f} KG" for n in range(1, 9)
        ]
        title = rng.choice(("PACKING LIST", "COMMERCIAL INVOICE (COPY)"))
        text = f"{title}\nB/L {slots['bl']}\tContainer {slots['box']}\n" + "\n".join(rows)
        kind = rng.choice(("pdf", "sheet"))
        text = text if kind == "sheet" else text.replace("\t", "   ")
        return (_enclosure(rng, kind, title=title, text=text, slots=slots),)
    if rng.random() < 0.04:
        return (_enclosure(rng, "logo", title="", text="", slots=slots),)
    return ()


def unreadable_file(rng: Random, *, text: str, slots: Mapping[str, str]) -> Enclosure:
    """Return a letter that nobody can open: cut off on its way, or locked with a password."""
    kind = rng.choice(("damaged", "locked"))
    return _enclosure(
        rng, kind, title="", text=text.encode("cp1252", "replace").decode("cp1252"), slots=slots
    )


def _enclosure(rng: Random, kind: str, *, title: str, text: str, slots: Mapping[str, str]) -> Enclosure:
    name = rng.choice(_NAMES[kind]).format(bl=slots["bl"], n=rng.randrange(1000, 9999))
    made = Enclosure(kind=kind, filename=name, title=title, text=text, seed=rng.randrange(2**31))
    if kind != "eml":
        return made
    return replace(made, sender=slots.get("sender", ""), date=slots.get("rfc_date", ""))
