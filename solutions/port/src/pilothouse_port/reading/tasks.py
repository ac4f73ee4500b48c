"""Owns what is read in a port's texts as tasks for the claims reader: rules by meaning, words by language."""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from pilothouse.documents.claims import Task

__all__ = ["ALERTS", "ENCODED", "LANGUAGES", "TextKind", "cleared", "ignored", "lexicon", "task_for"]

TextKind = Literal["mail", "remark"]
LANGUAGES: Final = ("en", "de", "nl", "fr", "es", "it", "pt", "pl")
ENCODED: Final = frozenset((*LANGUAGES, ""))
"""Languages whose sentences an encoder reads; also those nobody told, such as short remarks."""
ALERTS: Final = frozenset(
    {"stop", "stay", "legal", "dispute", "refuse", "lost", "seal", "seal_bad", "alone_seal_bad", "damage"}
)
"""Meanings whose mere mention keeps a sentence unread until somebody says what it means."""
_THINGS: Final = frozenset(
    [
        "until",
        "must",
        "yet",
        "legal",
        "invoice",
        "contact",
        "bank",
        "haulier",
        "code",
        "docs",
        "status",
        "thanks",
        "urgent",
        "body",
        "minor",
        "move",
        "waive",
        "lost",
        "refuse",
        "wrong",
        "stay",
        "change",
        "elsewhere",
        "nodamage",
    ]
)
"""Meanings that "not" does not turn round: things, circumstances, phrases that hold their own negation."""


@functools.cache
def lexicon(language: str) -> dict[str, dict[str, str]]:
    """Return the words of a language: section, meaning, comma-separated terms."""
    path = resources.files("pilothouse_port.reading") / "lexicons" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def terms_of(listed: str) -> list[str]:
    """Return the terms of one line; a gap inside is ``..``, a star stands for letters at either end only."""
    out: list[str] = []
    for raw in listed.split(","):
        term = re.sub(r"\s+\*\s+", " .. ", raw.strip())
        term = re.sub(r"\s+\*$", "", term)
        inner = re.sub(r"\*(?=\s)", "", term)
        if inner and inner.count(" .. ") <= 1 and len(inner.strip("*")) > 1:
            out.append(inner)
    return out


@functools.cache
def task_for(kind: TextKind) -> Task:
    """Return the task of mails or remarks."""
    from pilothouse.documents.claims import task_of

    path = resources.files("pilothouse_port.reading") / "rules.toml"
    table: dict[str, Any] = dict(tomllib.loads(path.read_text(encoding="utf-8"))[kind])
    concepts: dict[str, dict[str, Any]] = {}
    for language in LANGUAGES:
        for name, listed in lexicon(language)[kind].items():
            if name not in ("ignore", "neg"):
                concepts.setdefault(name, {})[language] = terms_of(listed)
        if kind == "mail":
            _part_refusals(concepts, language)
    for name, entry in concepts.items():
        entry["alert"] = name in ALERTS
        entry["negatable"] = name not in _THINGS
    table["concepts"] = concepts
    table["task"] = {**table["task"], "languages": list(LANGUAGES)}
    return task_of(table, where=f"reading/rules.toml [{kind}]")


def _part_refusals(concepts: dict[str, dict[str, Any]], language: str) -> None:
    """Phrases of a dispute that hold their own "not" are a meaning apart, which "not" does not turn round."""
    negators = {
        term.strip("*").lstrip("'") for term in terms_of(lexicon(language)["mail"]["neg"]) if " " not in term
    }
    listed: list[str] = concepts["dispute"][language]
    held = [term for term in listed if {word.strip("*") for word in term.split()} & negators]
    concepts["dispute"][language] = [term for term in listed if term not in held]
    concepts.setdefault("refuse", {})[language] = held or ["under protest"]


@functools.cache
def ignored() -> re.Pattern[str]:
    """Return phrases that only look as if they meant something, such as ``release desk``."""
    found = {
        term for one in LANGUAGES for term in terms_of(lexicon(one)["mail"]["ignore"]) if ".." not in term
    }
    parts = [
        re.escape(t.strip("*")) + (r"\w*" if t.endswith("*") else "")
        for t in sorted(found, key=len, reverse=True)
    ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


_LABEL = r"[ \t]*\*?[\w \u00c0-\u017e-]{1,20}\*?[ \t]?:[ \t]"
_DATE = _LABEL + r"[^\n]{0,24}\d{4}[^\n]{0,12}\d:\d\d[ \t]*"
_ABOUT = rf"(?:\n{_LABEL}[^\na-zß-ÿ]*\d[^\na-zß-ÿ]*(?:/[ \t](?:[A-Z][\w-]*[ \t]?|of[ \t]){{1,6}})?(?=\n|\Z))?"
_HEAD = re.compile(
    rf"^(?:[^\n]{{2,60}}\n[ \t]*={{4,}}[ \t]*\n{_DATE}|(?:[ \t]*[_=-]{{4,}}[ \t]*\n)?{_LABEL}[^\n<@]{{0,60}}"
    rf"<?[^\s@<>]+@[^\s@<>]+>?[ \t]*\n{_DATE}){_ABOUT}$",
    re.MULTILINE,
)
"""Who wrote and when, as letterheads and mail programs put it above a text, and codes it is about."""


def cleared(text: str) -> str:
    """Return a text of the same length without what only looks as if it meant something."""
    for pattern in (ignored(), _HEAD):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return text
