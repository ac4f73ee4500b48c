"""Owns the pins: what a tool said about itself when it was accepted, and what changed since."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from pilothouse.connectors.errors import SourceDeniedError, SourceUsageError

__all__ = ["LOCK_NAME", "Declaration", "Pins"]

LOCK_NAME: Final = "pilothouse.lock.toml"
HEADER: Final = (
    "# What the tools of MCP servers said about themselves when they were first met; review and commit.\n"
    "# A tool that says something else is refused. To accept its change, delete its table here.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Everything a tool says about itself that could steer a reader: name, description, schemas."""

    name: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None = None

    def text(self) -> str:
        """Readable and canonical form; its hash is the pin."""
        schemas = {"input": self.input_schema, "output": self.output_schema}
        pretty = json.dumps(schemas, indent=1, sort_keys=True, ensure_ascii=False)
        return f"{self.name}\n{self.description}\n{pretty}\n"

    @property
    def sha256(self) -> str:
        """The pin."""
        return hashlib.sha256(self.text().encode("utf-8", "surrogatepass")).hexdigest()


class Pins:
    """The accepted declarations of one source's tools.

    With ``declared`` (``pins`` of the declaration) a tool without a pin is refused. Otherwise a tool is
    pinned when first met, in the lock file beside ``pilothouse.toml``.
    """

    def __init__(self, source: str, lock: Path, declared: Mapping[str, str] | None) -> None:
        self._source = source
        self._lock = lock
        self._declared = declared
        self._seen: dict[str, tuple[str, str]] = {}
        self.unwritten: str = ""

    def check(self, tool: Declaration) -> None:
        """Accept ``tool`` as pinned, or pin it when it is met for the first time.

        Raises:
            SourceDeniedError: ``mcp.changed``: it says something else than was accepted;
                ``mcp.unpinned``: there is no pin and pins are declared.
        """
        known = self._known(tool.name)
        if known is None and self._declared is not None:
            raise SourceDeniedError(
                self._source,
                f"tool {tool.name!r} has no pin; after reading what it says, declare "
                f"pins.{tool.name} = {tool.sha256!r}:\n{tool.text()}",
                code="mcp.unpinned",
                reasons=("mcp.unpinned",),
            )
        if known is None:
            self._pin(tool)
            return
        sha256, text = known
        if sha256 == tool.sha256:
            self._seen[tool.name] = (sha256, tool.text())
            return
        raise SourceDeniedError(
            self._source,
            f"tool {tool.name!r} no longer says what was accepted (pin {sha256[:12]}, now {tool.sha256}); "
            f"it stays disabled until somebody accepts the change in {self._where()}:\n"
            f"{_difference(text, tool.text())}",
            code="mcp.changed",
            reasons=("mcp.changed",),
        )

    def _known(self, name: str) -> tuple[str, str] | None:
        if self._declared is not None:
            pin = self._declared.get(name)
            return (pin, self._seen.get(name, ("", ""))[1]) if pin else None
        if name in self._seen:
            return self._seen[name]
        return self._locked().get(name)

    def _where(self) -> str:
        return f"pins of [sources.{self._source}]" if self._declared is not None else repr(self._lock.name)

    def _pin(self, tool: Declaration) -> None:
        self._seen[tool.name] = (tool.sha256, tool.text())
        try:
            tables = self._tables()
            tables.setdefault(self._source, {})[tool.name] = {"sha256": tool.sha256, "text": tool.text()}
            _replace(self._lock, _toml(tables))
        except OSError as error:
            self.unwritten = f"pins hold only until this process ends: {self._lock.name!r}: {error}"

    def _locked(self) -> dict[str, tuple[str, str]]:
        tools = self._tables().get(self._source, {})
        return {name: (table.get("sha256", ""), table.get("text", "")) for name, table in tools.items()}

    def _tables(self) -> dict[str, dict[str, dict[str, str]]]:
        try:
            table = tomllib.loads(self._lock.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SourceUsageError(
                self._source, f"{self._lock.name!r} cannot be read: {error}", code="mcp.lock"
            ) from None
        return cast("dict[str, dict[str, dict[str, str]]]", table.get("mcp", {}))


def _difference(old: str, new: str) -> str:
    if not old:
        return f"what it says now:\n{new}"
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "accepted", "now", lineterm="", n=1)
    return "\n".join(lines)


def _toml(tables: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    out = [HEADER]
    for source in sorted(tables):
        for tool in sorted(tables[source]):
            out.append(f"[mcp.{_quoted(source)}.{_quoted(tool)}]")
            out.extend(f"{key} = {_quoted(value)}" for key, value in tables[source][tool].items())
            out.append("")
    return "\n".join(out)


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for surrogates, which are no text anyway."""
    plain = text.encode("utf-8", "replace").decode()
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
