"""Owns the wording books: forms by language, half, intent and family, and their small grammar.

``data/wording/<language>_<half>*.toml``: one form a line, ``[a|b]`` are alternatives, ``{box}`` is a slot.
A family is one hand that writes; the half `unseen` holds families E to H, `train` all others; whoever learns
from one half has not met the other.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from random import Random
from typing import Final, Literal, TypeAlias, cast

__all__ = [
    "FAMILIES",
    "LANGUAGES",
    "UNSEEN_LANGUAGES",
    "Half",
    "Wording",
    "expand",
    "forms",
    "goods_words",
    "half_of",
    "languages_of",
    "section",
    "surfaces",
]

Half: TypeAlias = Literal["train", "unseen"]
Wording: TypeAlias = Literal["train", "unseen", "mixed"]

LANGUAGES: Final = ("en", "de", "nl", "fr", "es")
UNSEEN_LANGUAGES: Final = ("it", "pt", "pl")
FAMILIES: Final[Mapping[Half, str]] = {"train": "ABCDIJKLMNOPQRSTUVWXYZab", "unseen": "EFGH"}

_CHOICE: Final = re.compile(r"\[([^\[\]]*)\]")


def languages_of(half: Half) -> tuple[str, ...]:
    """Return the languages that a half is written in."""
    return LANGUAGES if half == "train" else (*LANGUAGES, *UNSEEN_LANGUAGES)


def half_of(family: str) -> Half:
    """Return the half that a family belongs to."""
    return "train" if family in FAMILIES["train"] else "unseen"


@functools.cache
def section(language: str, half: Half, name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the lines of one section of a book by their keys: ``layout``, ``subjects`` or an intent."""
    return _book(language, half)[name]


@functools.cache
def _book(language: str, half: Half) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    folder = resources.files("pilothouse_port.world") / "data" / "wording"
    paths = sorted(
        (one for one in folder.iterdir() if one.name.startswith(f"{language}_{half}")),
        key=lambda one: one.name,
    )
    book: dict[str, dict[str, tuple[str, ...]]] = {}
    for path in paths:
        read = cast("dict[str, dict[str, str]]", tomllib.loads(path.read_text(encoding="utf-8")))
        for name, entries in read.items():
            lines = book.setdefault(name, {})
            for key, text in entries.items():
                lines[key] = (*lines.get(key, ()), *text.strip("\n").splitlines())
    return book


def goods_words(hs: str, language: str) -> str:
    """Return what the unseen half calls harmless goods of an HS code; empty when it has no word for them."""
    found = _goods().get(hs)
    return found[(*LANGUAGES, *UNSEEN_LANGUAGES).index(language)] if found else ""


@functools.cache
def _goods() -> dict[str, list[str]]:
    path = resources.files("pilothouse_port.world") / "data" / "wording" / "goods.toml"
    return cast("dict[str, list[str]]", tomllib.loads(path.read_text(encoding="utf-8")))


def forms(intent: str, language: str, half: Half) -> dict[str, tuple[str, ...]]:
    """Return the forms of an intent by family, alternatives not yet taken."""
    return dict(section(language, half, intent))


def expand(rng: Random, form: str) -> str:
    """Return ``form`` with one of each group of alternatives."""
    while found := _CHOICE.search(form):
        form = form[: found.start()] + rng.choice(found.group(1).split("|")) + form[found.end() :]
    return re.sub(" {2,}", " ", form)


def surfaces(form: str) -> list[str]:
    """Return every sentence that ``form`` can become."""
    parts = re.split(r"(\[[^\[\]]*\])", form)
    options = [part[1:-1].split("|") if part.startswith("[") else [part] for part in parts]
    return ["".join(chosen) for chosen in itertools.product(*options)]
