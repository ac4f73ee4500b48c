"""Owns profiles: files that say which segment path means which field of a message, and how to write one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Literal

from pilothouse.connectors.adapters.edifact.meaning.paths import SegmentPath, Step, segment_path, segment_step
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["FieldRule", "Profile", "load_profile", "plain_profile", "raw_field", "shipped_profiles"]

FieldKind = Literal["text", "integer", "decimal", "datetime", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """One field: where it stands (the first path that leads somewhere) and what its value is."""

    name: str
    paths: tuple[SegmentPath, ...]
    kind: FieldKind = "text"
    codes: Mapping[str, str] = field(default_factory=dict[str, str])
    documentation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one message type means.

    Attributes:
        message: Such as ``CUSRES``.
        title: What it is, in words.
        key: Fields that find a row again, beside its message.
        latest_by: Field that tells which message is the last word.
        levels: Segments that open a group, outer first; the innermost group is a row.
        tail: Tags that belong to the whole message again.
        fields: In the order of the file.
        kind: Type and release written, such as ``COREOR:D:00B:UN:SMDG20``.
        template: Segments to write, see :func:`render_template`.
    """

    message: str
    title: str = ""
    key: tuple[str, ...] = ()
    latest_by: str | None = None
    levels: tuple[Step, ...] = ()
    tail: frozenset[str] = frozenset({"CNT", "UNS", "AUT"})
    fields: tuple[FieldRule, ...] = ()
    kind: str = ""
    template: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def shipped_profiles() -> dict[str, Profile]:
    """Return the profiles that come with the product, by message type."""
    folder = files("pilothouse.connectors.adapters").joinpath("profiles")
    loaded = [load_profile(item) for item in folder.iterdir() if item.name.endswith(".toml")]
    return {profile.message: profile for profile in sorted(loaded, key=lambda item: item.message)}


def load_profile(path: Traversable) -> Profile:
    """Read a profile file.

    Raises:
        UsageError: ``edifact.profile``: the file is missing or a line of it cannot be read.
    """
    from pydantic import ValidationError

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        checked = _model().model_validate(table)
    except OSError as error:
        raise UsageError(f"profile {path!s} cannot be read: {error}", code="edifact.profile") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise UsageError(f"profile {path!s} is not right: {error}", code="edifact.profile") from None
    return _profile(str(path), checked.model_dump())


def plain_profile(message: str) -> Profile:
    """Return the profile of a message nobody described: one row a message, read by segment paths."""
    return Profile(message=message)


def raw_field(path: str) -> FieldRule:
    """Return a field named by its segment path.

    Raises:
        UsageError: ``edifact.path``.
    """
    return FieldRule(name=path, paths=(segment_path(path),), kind="text")


def _profile(path: str, table: dict[str, Any]) -> Profile:
    rows: dict[str, Any] = table["rows"]
    write: dict[str, Any] = table["write"]
    fields = tuple(_field(name, rule) for name, rule in table["fields"].items())
    names = {rule.name for rule in fields}
    for name in (*table["key"], *filter(None, [table["latest_by"]])):
        if name not in names:
            raise UsageError(f"profile {path}: {name!r} is no field of it", code="edifact.profile")
    return Profile(
        message=table["message"],
        title=table["title"],
        key=tuple(table["key"]),
        latest_by=table["latest_by"],
        levels=tuple(segment_step(step) for step in rows["levels"]),
        tail=frozenset(rows["tail"]),
        fields=fields,
        kind=write["kind"],
        template=tuple(write["segments"]),
    )


def _field(name: str, rule: dict[str, Any]) -> FieldRule:
    paths: list[str] = rule["path"]
    return FieldRule(
        name=name,
        paths=tuple(segment_path(path) for path in paths),
        kind=rule["type"],
        codes=rule["codes"],
        documentation=rule["documentation"],
    )


@lru_cache(maxsize=1)
def _model() -> type[BaseModel]:
    from pilothouse.connectors.adapters.edifact.meaning.profile_file import ProfileFile

    return ProfileFile
