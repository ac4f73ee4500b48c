"""Owns the manifests: TOML files that say which bytes a pack is made of, read without executing anything."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from pilothouse.kernel import DataError
from pilothouse.registry.packs.types import Member, Pack, PackFile, Wheel

__all__ = ["read_pack", "shipped", "write_pack"]

_HERE = Path(__file__).parent
_KINDS = ("encoder", "text", "speech", "ocr")
_HASH = re.compile(r"[0-9a-f]{64}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def shipped() -> tuple[Pack, ...]:
    """Return the packs this version of Pilothouse knows."""
    return tuple(read_pack(path, _HERE / "licences") for path in sorted(_HERE.glob("*.toml")))


def read_pack(path: Path, licences: Path) -> Pack:
    """Read one manifest; ``licences`` is the folder of the text it names.

    Raises:
        DataError: ``packs.invalid``: a field is missing or of the wrong form; ``packs.no_licence``: there is
            no licence, or no text of it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return _pack(table, _licence(table, path, licences))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{str(path)!r} is no manifest of a pack: {type(error).__name__} {error}", code="packs.invalid"
        ) from error


def write_pack(pack: Pack, folder: Path) -> None:
    """Write the manifest and its licence text as ``pack.toml`` and ``LICENCE.txt``."""
    (folder / "LICENCE.txt").write_text(pack.licence_text, encoding="utf-8")
    fields: dict[str, str | int | bool | list[str]] = {
        "name": pack.name,
        "version": pack.version,
        "kind": pack.kind,
        "format": pack.format,
        "licence": pack.licence,
        "licence_file": "LICENCE.txt",
        "origin": pack.origin,
        "publisher": pack.publisher,
        "second_source": pack.second_source,
        "languages": list(pack.languages),
        "imported": pack.imported,
        "default": pack.default,
        "note": pack.note,
    }
    lines = list(_lines(fields))
    for wheel in pack.wheels:
        lines += ["", "[[wheels]]"]
        lines += _lines(
            {
                "package": wheel.package,
                "version": wheel.version,
                "size": wheel.size,
                "sha256": wheel.sha256,
            }
        )
    for file in pack.files:
        lines += ["", "[[files]]", *_lines({"name": file.name, "size": file.size, "sha256": file.sha256})]
        lines += ["from = [", *map(_member_line, file.members), "]"]
    (folder / "pack.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(fields: Mapping[str, str | int | bool | list[str]]) -> Iterable[str]:
    # What JSON makes of text, whole numbers, truth and lists of text is TOML too.
    return [f"{name} = {json.dumps(value)}" for name, value in fields.items()]


def _member_line(member: Member) -> str:
    pairs = {"package": member.package, "path": member.path, "size": member.size, "sha256": member.sha256}
    return "  { " + ", ".join(_lines(pairs)) + " },"


def _licence(table: Mapping[str, Any], path: Path, licences: Path) -> str:
    named = str(table.get("licence_file", ""))
    file = licences / Path(named).name
    text = file.read_text(encoding="utf-8") if named and file.is_file() else ""
    if not str(table.get("licence", "")).strip() or not text.strip():
        raise DataError(
            f"pack {table.get('name', path.stem)!r} has no licence or no licence text; it is not used",
            code="packs.no_licence",
        )
    return text


def _pack(table: Mapping[str, Any], licence_text: str) -> Pack:
    if table["kind"] not in _KINDS:
        raise ValueError(f"kind {table['kind']!r} is none of {', '.join(_KINDS)}")
    files = tuple(_file(entry) for entry in table["files"])
    if not files:
        raise ValueError("it has no files")
    return Pack(
        name=_plain(table["name"]),
        version=_plain(table["version"]),
        kind=table["kind"],
        format=str(table["format"]),
        licence=str(table["licence"]),
        licence_text=licence_text,
        origin=str(table["origin"]),
        publisher=str(table["publisher"]),
        files=files,
        wheels=tuple(_wheel(entry) for entry in table.get("wheels", ())),
        note=str(table.get("note", "")),
        second_source=str(table.get("second_source", "")),
        languages=tuple(str(language) for language in table.get("languages", ())),
        default=table.get("default") is True,
        imported=table.get("imported") is True,
    )


def _wheel(entry: Mapping[str, Any]) -> Wheel:
    return Wheel(
        package=_plain(entry["package"]),
        version=_plain(entry["version"]),
        size=int(entry["size"]),
        sha256=_sha256(entry["sha256"]),
    )


def _file(entry: Mapping[str, Any]) -> PackFile:
    size, sha256 = int(entry["size"]), _sha256(entry["sha256"])
    named = cast("list[Mapping[str, Any]]", entry.get("from", []))
    members = tuple(
        Member(
            package=_plain(part["package"]),
            path=str(part["path"]),
            size=int(part.get("size", size)),
            sha256=_sha256(part.get("sha256", sha256)),
        )
        for part in named
    )
    if members and sum(member.size for member in members) != size:
        raise ValueError(f"the parts of {entry['name']!r} do not add up to {size} bytes")
    return PackFile(name=_plain(entry["name"]), size=size, sha256=sha256, members=members)


def _plain(value: object) -> str:
    """A name that is safe as a part of a path and of a requirement."""
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise ValueError(f"{value!r} is no plain name")
    return value


def _sha256(value: object) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError(f"{value!r} is no sha256")
    return value
