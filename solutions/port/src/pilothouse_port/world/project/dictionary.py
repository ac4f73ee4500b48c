"""Owns the data dictionary each owner keeps: terse, in his language, and not always complete."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.naming import code_word
from pilothouse_port.world.project.deal import SPECS, Dealt
from pilothouse_port.world.project.specs import CODE_SETS, ObjectSpec
from pilothouse_port.world.views import ObjectView

__all__ = ["describe", "object_note", "owner_of", "title_of"]

_BOOK: Final[dict[str, Any]] = tomllib.loads(
    (resources.files("pilothouse_port.world") / "data" / "dictionary.toml").read_text(encoding="utf-8")
)
_AT: Final = {"en": 0, "de": 1, "nl": 2, "fr": 3, "es": 4}

# a message's field: the concept for the dictionary, and the segment that the owner knows it by
_MESSAGE_FIELDS: Final[dict[str, tuple[str, str]]] = {
    "document": ("document number", "BGM 1004"),
    "function": ("code", "BGM 1225"),
    "at": ("changed time", "DTM 137"),
    "declaration": ("certificate number", "RFF ABT"),
    "notice": ("remark number", "RFF"),
    "container": ("container number", "EQD, SGP, RFF AAQ"),
    "bl": ("bill number", "RFF BM"),
    "status": ("state", "GIS, STS"),
    "packages": ("package", "CNT 11"),
    "weight": ("gross weight", "CNT 7"),
    "mass": ("gross weight", "MEA VGM"),
    "unit": ("kind", "MEA 6411"),
    "booking": ("job reference", "RFF BN"),
    "method": ("kind", "DOC"),
    "responsible": ("author", "NAD"),
    "remark": ("remark text", "FTX"),
    "un_number": ("un number", "DGS 7124"),
    "hazard_class": ("class", "DGS 8351"),
    "packing_group": ("package group", "DGS 8339"),
}


def owner_of(dealt: Dealt) -> str:
    """Return who runs the system, in his language."""
    return str(_BOOK["owners"][dealt.role][_AT[dealt.language]])


def title_of(dealt: Dealt) -> str:
    """Return what the owner calls it."""
    return f"{owner_of(dealt)}: {dealt.name}"


def object_note(dealt: Dealt, spec: ObjectSpec) -> str:
    """Return one line on the object."""
    if dealt.technology in {"edifact", "mail"}:
        return ""
    said = dealt.names.words(spec.phrase)
    return said[:1].upper() + said[1:]


def describe(canon: Canon, dealt: Dealt, objects: tuple[ObjectView, ...]) -> str:
    """Return the README of a system."""
    rng = stream(canon.seed, f"dictionary {dealt.role}")
    words: dict[str, str] = _BOOK[dealt.language]
    lines = [f"# {title_of(dealt)}", ""]
    if dealt.technology != "mail":
        lines += [words["zone"].format(zone=dealt.timezone), ""]
    lines += _manners(dealt, words)
    specs = [spec for spec in SPECS if spec.role == dealt.role]
    for spec, view in zip(specs, objects, strict=True):
        lines += [f"## {view.name}", ""]
        if dealt.technology == "mail":
            continue
        if view.note:
            lines += [f"{view.note}.", ""]
        lines += [f"| {words['field']} | {words['meaning']} |", "|---|---|"]
        for one in spec.fields:
            name = dealt.fields[spec.id].get(one.attr)
            if name is None or (not one.codes and one.attr not in _ESSENTIAL and rng.random() < 0.12):
                continue
            phrase = one.phrase
            if dealt.technology == "edifact":
                phrase, name = _MESSAGE_FIELDS[one.phrase]
            said = dealt.names.words(phrase)
            if one.codes:
                codes = dealt.codes[one.codes]
                said += f"; {words['codes']}: " + ", ".join(
                    f"{codes[value]} = {code_word(value, dealt.language)}" for value in CODE_SETS[one.codes]
                )
            lines.append(f"| `{name}` | {said} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


_ESSENTIAL: Final = frozenset(
    ("container", "bill", "number", "open", "unmatched", "outstanding", "weight", "mass", "state", "un")
)


def _manners(dealt: Dealt, words: dict[str, str]) -> list[str]:
    said: list[str] = []
    if dealt.technology == "drop":
        said.append(words["file"])
    if dealt.technology == "edifact":
        said.append(words["cancel"])
    if dealt.role in {"bills", "community", "terminal", "customers"}:
        said.append(words["many"])
    if dealt.role == "receivables":
        said.append(words["reversal"])
    if dealt.role == "decisions":
        said.append(words["decisions"])
    if dealt.decimals != "native":
        said.append(words[dealt.decimals])
    return [" ".join(said), ""] if said else []
