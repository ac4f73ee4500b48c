"""Owns a reading task as data: claim types, codes, concepts and rules in one or more TOML files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pilothouse.documents.claims.lexicon import Concept, Lexicon, Rule, concepts_of, rules_of
from pilothouse.documents.claims.patterns import CodePattern, Locale
from pilothouse.documents.claims.types import ClaimType, Slot
from pilothouse.kernel import UsageError, content_hash

__all__ = ["Task", "load_task", "task_of"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be read, and what is known of its words; one instance is shared by many readers.

    Attributes:
        name: Such as ``port-mail``.
        languages: Those its terms were written for; another language is said to be unread.
        types: What may be claimed.
        patterns: Codes of its own.
        concepts: Meanings and their terms.
        rules: What concepts say together; of type "" those that say nothing of matter.
        locale: How writers write numbers, where all do alike.
        instructions: For a text model, per type what it means.
        version: Hash of all of it; stands in every claim.
    """

    name: str
    languages: tuple[str, ...]
    types: tuple[ClaimType, ...]
    patterns: tuple[CodePattern, ...] = ()
    concepts: tuple[Concept, ...] = ()
    rules: tuple[Rule, ...] = ()
    locale: Locale = field(default_factory=Locale)
    instructions: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""

    @cached_property
    def lexicon(self) -> Lexicon:
        """The concepts and rules, ready to be met."""
        return Lexicon(self.concepts, self.rules)

    @cached_property
    def by_name(self) -> dict[str, ClaimType]:
        """The types by name."""
        return {one.name: one for one in self.types}

    def type(self, name: str) -> ClaimType:
        """Return a type.

        Raises:
            UsageError: ``claims.type``.
        """
        if name not in self.by_name:
            raise UsageError(
                f"task {self.name!r} has no claim type {name!r}; it has {', '.join(sorted(self.by_name))}",
                code="claims.type",
            )
        return self.by_name[name]


def load_task(*paths: Path) -> Task:
    """Return the task of one or more TOML files; tables of later files are added to those before.

    Raises:
        UsageError: ``claims.task``: a file is missing, no TOML or names what is not declared.
    """
    tables: list[dict[str, Any]] = []
    for path in paths:
        try:
            tables.append(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"task file {str(path)!r}: {error}", code="claims.task") from error
    return task_of(*tables, where=str(paths[0]) if paths else "no file")


def task_of(*tables: Mapping[str, Any], where: str = "task") -> Task:
    """Return the task of tables as a TOML file holds them; see the reference page for their form.

    Raises:
        UsageError: ``claims.task``: names the table and what is wrong.
    """
    merged: dict[str, Any] = {}
    for table in tables:
        merged = cast("dict[str, Any]", _merge(merged, table))
    head = merged.get("task", {})
    types = tuple(_type(name, entry, where) for name, entry in merged.get("types", {}).items())
    if not types or not head.get("name"):
        raise UsageError(
            f"{where}: a task needs [task] name and at least one [types.NAME]", code="claims.task"
        )
    concepts = concepts_of(merged.get("concepts", {}), where)
    names, known = frozenset(one.name for one in concepts), frozenset(one.name for one in types)
    rules = rules_of(merged.get("rules", []), names, known, where)
    harmless = rules_of([{**one, "type": ""} for one in merged.get("harmless", [])], names, known, where)
    locale = head.get("locale", {})
    return Task(
        name=str(head["name"]),
        languages=tuple(head.get("languages", ("en",))),
        types=types,
        patterns=tuple(_pattern(kind, one, where) for kind, one in merged.get("patterns", {}).items()),
        concepts=concepts,
        rules=(*rules, *harmless),
        locale=Locale(order=locale.get("order", ""), decimals=locale.get("decimals", "")),
        instructions={name: str(one.get("means", "")) for name, one in merged.get("types", {}).items()},
        version=content_hash(merged)[:12],
    )


def _merge(first: object, second: object) -> object:
    """Tables are joined, lists appended, anything else replaced."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        a, b = cast("Mapping[str, object]", first), cast("Mapping[str, object]", second)
        return {
            key: _merge(a[key], b[key]) if key in a and key in b else a.get(key, b.get(key))
            for key in {**a, **b}
        }
    if isinstance(first, list) and isinstance(second, list):
        return [*cast("list[object]", first), *cast("list[object]", second)]
    return second


def _type(name: str, entry: dict[str, Any], where: str) -> ClaimType:
    slots = tuple(
        Slot(
            name=slot,
            mention=str(one.get("mention", slot)),
            many=bool(one.get("many", False)),
            anywhere=bool(one.get("anywhere", True)),
        )
        for slot, one in entry.get("slots", {}).items()
    )
    unknown = set(entry) - {"slots", "tightens", "mention", "excludes", "means"}
    if unknown:
        raise UsageError(f"{where}: [types.{name}] has no field {sorted(unknown)[0]!r}", code="claims.task")
    return ClaimType(
        name=name,
        tightens=bool(entry.get("tightens", False)),
        slots=slots,
        mention=str(entry.get("mention", "")),
        excludes=tuple(entry.get("excludes", ())),
    )


def _pattern(kind: str, entry: dict[str, Any], where: str) -> CodePattern:
    try:
        pattern = re.compile(str(entry["regex"]))
    except (KeyError, re.error) as error:
        raise UsageError(f"{where}: [patterns.{kind}] regex: {error}", code="claims.task") from error
    return CodePattern(
        kind=kind,
        pattern=pattern,
        check=entry.get("check", ""),
        near=tuple(str(one).casefold() for one in entry.get("near", ())),
    )
