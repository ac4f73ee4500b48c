"""Owns the sentences people write: mails, remarks and cargo descriptions by language, intent and family."""

from pilothouse_port.world.wording.book import (
    FAMILIES,
    LANGUAGES,
    UNSEEN_LANGUAGES,
    Half,
    Wording,
    forms,
    half_of,
    languages_of,
    surfaces,
)
from pilothouse_port.world.wording.letters import (
    MAIL_INTENTS,
    REMARK_INTENTS,
    Letter,
    Phrase,
    Writer,
)

__all__ = [
    "FAMILIES",
    "LANGUAGES",
    "MAIL_INTENTS",
    "REMARK_INTENTS",
    "UNSEEN_LANGUAGES",
    "Half",
    "Letter",
    "Phrase",
    "Wording",
    "Writer",
    "forms",
    "half_of",
    "languages_of",
    "surfaces",
]
