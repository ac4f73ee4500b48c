"""Owns what firms put below every mail: a claim of confidence, terms of trade, privacy, the trees."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_footer"]

_PAIRS: Final = (
    (
        r"\b(?:confiden|vertraulich|vertrouwelijk|riservat|poufn)\w*",
        r"\b(?:recipient|addressee|intended|empfanger|adressat|geadresseerd|bestem[dm]|ontvanger|destinat|adresat"
        r"|message|e-?mail|nachricht|bericht|courriel|mensaje|mensagem|messaggio|wiadomos)\w*",
    ),
    (
        r"\b(?:environment|umwelt|milieu|environnement|ambiente|srodowisk|planet|trees|baume|bomen)"
        r"\w*",
        r"\b(?:print|druck|ausdruck|afdruk|imprim|stamp|wydruk)\w*",
    ),
    (
        r"\b(?:adsp|bifa|fenex|agb|terms and conditions|trading conditions|allgemeine\w* geschaftsbedingungen"
        r"|algemene voorwaarden|expeditievoorwaarden|conditions generales|condiciones generales"
        r"|condizioni generali|condicoes gerais|ogolne warunki)\b",
        r"\b(?:appl|transact|govern|subject to|request|gelten|gilt|grundlage|arbeiten|toepassing|werkzaam"
        r"|regi|soumis|aplic|rigen|obowiazuj)\w*",
    ),
    (
        r"\b(?:privacy|datenschutz|gdpr|dsgvo|rgpd|persoonsgegevens|donnees personnelles|datos personales"
        r"|dati personali|dados pessoais|dane osobowe)\w*",
        r"\b(?:website|site|polic|statement|erklarung|hinweise|beleid|verklaring|politi|informativa|web|www)\w*",
    ),
    (
        r"\bvirus\w*",
        r"\b(?:scan|check|gepruft|gecontroleerd|verifi|analis|analys|controll|sprawdz)\w*",
    ),
)
_FOOTERS: Final = tuple((re.compile(one), re.compile(other)) for one, other in _PAIRS)
_CODE: Final = re.compile(r"\d{5}")  # a year is none
MOST: Final = 240
"""Characters of a footer at most."""


def is_footer(folded: str) -> bool:
    """Whether a folded sentence is such a line; one that names a code or number is about something."""
    if len(folded) > MOST or _CODE.search(folded):
        return False
    return any(one.search(folded) and other.search(folded) for one, other in _FOOTERS)
