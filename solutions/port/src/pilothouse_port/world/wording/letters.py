"""Owns writing one text: a mail in some layout, a remark, a cargo description, from a language's book."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from pilothouse_port.world.wording.book import (
    FAMILIES,
    UNSEEN_LANGUAGES,
    Half,
    Wording,
    expand,
    goods_words,
    languages_of,
    section,
)
from pilothouse_port.world.wording.layouts import CLOSE, LAYOUTS, OPEN, Parts

__all__ = ["MAIL_INTENTS", "REMARK_INTENTS", "Letter", "Phrase", "Writer"]

MAIL_INTENTS: Final = (
    "stop",
    "stop_withdrawn",
    "dispute",
    "party_change",
    "waiver",
    "payment_advice",
    "status",
    "documents",
    "no_stop",
    "no_dispute",
    "honest_change",
)
REMARK_INTENTS: Final = ("damage", "seal_cut", "plain", "near_miss")

_OTHER_TONGUE: Final = 0.2
"""Share of unseen texts in a language that no training text is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A worded mail; ``sentence`` is the passage that carries the intent, as it stands in ``text``."""

    subject: str
    text: str
    sentence: str
    family: str
    language: str
    layout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A remark or a cargo description."""

    text: str
    family: str
    language: str


class Writer:
    """Writes texts of one half, or of both.

    Args:
        rng: The stream of the texts.
        wording: ``train`` takes all families but E to H, ``unseen`` those, ``mixed`` either.
    """

    def __init__(self, rng: Random, wording: Wording) -> None:
        self._rng = rng
        self._wording: Wording = wording

    def half(self) -> Half:
        """Deal the half of the next text."""
        if self._wording == "mixed":
            seen, unseen = len(FAMILIES["train"]), len(FAMILIES["unseen"])
            return "train" if self._rng.random() * (seen + unseen) < seen else "unseen"
        return self._wording

    def phrase(self, intent: str, language: str, *, half: Half | None = None, abroad: bool = False) -> Phrase:
        """Return a remark or description; ``abroad`` lets an unseen one be in a language of its own."""
        half = half or self.half()
        language = self._language(language, half, abroad=abroad)
        families = section(language, half, intent)
        family = self._rng.choice([*families])
        form = self._rng.choice(families[family])
        return Phrase(text=expand(self._rng, form), family=family, language=language)

    def letter(
        self,
        intent: str,
        language: str,
        slots: Mapping[str, str],
        *,
        signature: str,
        quoted: str = "",
        half: Half | None = None,
        layout: str = "",
    ) -> Letter:
        """Word one mail.

        Args:
            intent: One of :data:`MAIL_INTENTS`.
            language: Of the writer; an unseen text may be in another.
            slots: ``box bl doc ship who mail``, and ``other`` for a box that is merely named beside.
            signature: Name and firm under the closing.
            quoted: An earlier mail to quote below.
            half: Dealt by the writer's wording when left out.
            layout: A layout of the half; dealt when left out.
        """
        rng = self._rng
        half = half or self.half()
        language = self._language(language, half, abroad=not quoted)
        said = self.phrase(intent, language, half=half)
        own = section(language, half, "layout")
        tongue = own
        if rng.random() < 0.07:
            tongue = section(rng.choice(languages_of(half)), half, "layout")

        def one(name: str) -> str:
            return expand(rng, rng.choice(own[name])).format_map(slots)

        parts = Parts(
            greeting=rng.choice(tongue["greetings"]),
            closing=rng.choice(tongue["closings"]),
            sentence=OPEN + said.text.format_map(slots) + CLOSE,
            before=one("before"),
            after=one("after"),
            other=one("other") if slots.get("other") else "",
            fyi=one("fyi"),
            desk=one("desk"),
            disclaimer=rng.choice(own["disclaimers"]),
            labels=tuple(own["labels"][0].split("|")),
            signature=signature,
            slots=slots,
        )
        name = layout or self._layout(half, quoted=bool(quoted), two=bool(parts.other))
        text = "\n".join(LAYOUTS[half][name](rng, parts)).rstrip("\n") + "\n"
        text = self._slips(text, language)
        if quoted:
            text += "\n" + "\n".join(f"> {line}".rstrip() for line in quoted.splitlines()) + "\n"
        subject = rng.choice(section(language, half, "subjects")[intent]).format_map(slots)
        start, end = text.index(OPEN), text.index(CLOSE)
        return Letter(
            subject=subject,
            text=text.replace(OPEN, "").replace(CLOSE, ""),
            sentence=text[start + 1 : end].strip(),
            family=said.family,
            language=said.language,
            layout=name,
        )

    def cover(self, language: str, half: Half, slots: Mapping[str, str], *, signature: str) -> str:
        """Return the few lines above an attached letter, which name the box and say nothing."""
        book = section(language, half, "layout")
        said = [
            self._rng.choice(book["greetings"]),
            "",
            expand(self._rng, self._rng.choice(book["cover"])).format_map(slots),
            "",
            self._rng.choice(book["closings"]),
            signature,
        ]
        return "\n".join(said) + "\n"

    def goods(self, hs: str, language: str) -> str:
        """Return unseen words for harmless goods, empty where the text is one to learn from."""
        if self.half() == "train":
            return ""
        return goods_words(hs, self._language(language, "unseen", abroad=True))

    def _language(self, language: str, half: Half, *, abroad: bool) -> str:
        if half == "unseen" and abroad and self._rng.random() < _OTHER_TONGUE:
            return self._rng.choice(UNSEEN_LANGUAGES)
        return language if language in languages_of(half) else "en"

    def _layout(self, half: Half, *, quoted: bool, two: bool) -> str:
        if two:
            return "two_boxes" if half == "train" else "bullets"
        fit = [
            name
            for name in LAYOUTS[half]
            if name not in {"two_boxes", "bullets"} and not (quoted and name in _QUOTES)
        ]
        plain = fit[0]
        return plain if self._rng.random() < 0.25 else self._rng.choice(fit)

    def _slips(self, text: str, language: str) -> str:
        """Now and then a hurried writer: slips of the fingers, or capitals throughout."""
        draw = self._rng.random()
        if draw < 0.04:
            return _shouted(text)
        if draw < 0.16:
            return _slipped(self._rng, text)
        return text


_QUOTES: Final = frozenset({"thread", "forward", "outlook", "inline"})


def _shouted(text: str) -> str:
    return "".join(word if "@" in word or "ß" in word else word.upper() for word in re.split(r"(\s+)", text))


def _slipped(rng: Random, text: str) -> str:
    """Swap two letters inside long plain words; numbers, names and addresses stay as they are."""
    words = re.split(r"(\s+)", text)
    plain = [at for at, word in enumerate(words) if len(word) > 5 and word.isalpha() and word.islower()]
    for at in rng.sample(plain, min(len(plain), rng.randint(1, 3))):
        place = rng.randrange(1, len(words[at]) - 2)
        word = words[at]
        words[at] = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return "".join(words)
