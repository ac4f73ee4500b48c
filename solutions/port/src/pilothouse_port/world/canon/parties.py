"""Owns the firms of a world: numbers, domains (RFC 2606) and the names that others print for them."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from pilothouse_port.world.canon.stock import BRANCHES, CITIES, FIRST, LEGAL_FORMS
from pilothouse_port.world.canon.types import Party

__all__ = ["Firms", "fold", "printed_differently", "printed_harmlessly"]

_LANGUAGES: Final = ("en", "de", "nl", "fr", "es")
_FREE_MAIL: Final = "freemail.example"
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def fold(text: str) -> str:
    """Return ``text`` in ASCII, umlauts written out."""
    plain = unicodedata.normalize("NFKD", text.translate(_GERMAN))
    return "".join(c for c in plain if ord(c) < 128)


class Firms:
    """Makes parties; every number, name and domain once.

    Args:
        rng: The stream of the parties.
        today: Day the world stands at.
        groups: Words of the customer lists, the policy's first.
    """

    def __init__(self, rng: Random, *, today: date, groups: tuple[str, ...]) -> None:
        self._rng = rng
        self._today = today
        self._groups = groups
        self._number = rng.randrange(1000, 4000)
        self._width = rng.choice((6, 7, 8))
        self._seen: set[str] = set()
        self.all: list[Party] = []

    def make(
        self,
        role: Literal["consignee", "forwarder", "shipper"],
        *,
        group: str | None = None,
        listed: bool = True,
    ) -> Party:
        """Return a new party; ``listed=False`` gives one that sales has never registered."""
        rng = self._rng
        language = rng.choice(_LANGUAGES)
        core = self._core(language, role)
        self._number += rng.randint(3, 40)
        party = Party(
            number=str(self._number).zfill(self._width),
            name=f"{core} {rng.choice(LEGAL_FORMS[language])}",
            country={"en": "GB", "de": "DE", "nl": "NL", "fr": "FR", "es": "ES"}[language],
            language=language,
            domain=f"{fold(core).lower().replace(' ', '-')}.example",
            tax=f"{language.upper()}{rng.randrange(10**8, 10**9)}",
            city=rng.choice(CITIES[language]),
            role=role,
            group=rng.choice(self._groups[1:]) if group is None else group,
            registered=listed,
            created=self._today - timedelta(days=rng.randint(200, 3000)),
        )
        if role == "consignee" and rng.random() < 0.04:
            # a small importer whose registered address is nobody's own domain: honest, and looks like a fraud
            party.mailbox, party.domain = party.domain.removesuffix(".example"), _FREE_MAIL
        self.all.append(party)
        return party

    def _core(self, language: str, role: str) -> str:
        rng = self._rng
        while True:
            tail = "Forwarding" if role == "forwarder" else rng.choice(BRANCHES[language])
            core = f"{rng.choice(FIRST)} {tail}"
            if core in self._seen and len(self._seen) > 150:
                core = f"{rng.choice(FIRST)}-{core}"
            if core not in self._seen:
                self._seen.add(core)
                return core


def printed_harmlessly(rng: Random, party: Party) -> str:
    """Return the party's name as a bill prints it: in capitals, without dots or as registered."""
    return rng.choice((party.name, party.name, party.name.upper(), party.name.replace(".", "")))


def printed_differently(rng: Random, party: Party) -> str:
    """Return a name that is another firm's, though it may sound alike."""
    head, *rest = party.name.split(" ")
    other = rng.choice([first for first in FIRST if first[0] != head[0]])
    return " ".join([other, *rest])
