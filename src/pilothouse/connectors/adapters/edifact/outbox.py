"""Owns the out folder of an EDIFACT mailbox: one file for each effect, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from pilothouse.connectors.adapters.edifact.meaning.profile import Profile
from pilothouse.connectors.adapters.edifact.read import edifact_read
from pilothouse.connectors.adapters.edifact.render import (
    edifact_interchange,
    edifact_message,
    render_template,
)
from pilothouse.connectors.errors import SourceConflictError, SourceUnavailableError, SourceUsageError, near
from pilothouse.connectors.types import WriteTool
from pilothouse.kernel import Json, UsageError

__all__ = ["Outbox"]

EFFECT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
ARGUMENTS: Final = frozenset({"message", "values", "recipient"})


class Outbox:
    """Writes messages from the templates of profiles.

    Args:
        source: Name for errors.
        folder: Where files are put; made when missing.
        profiles: By message type.
        sender: UNB S002.
        recipient: UNB S003 unless the arguments name one.
        charset: Syntax identifier.
    """

    def __init__(
        self,
        source: str,
        folder: Path,
        *,
        profiles: Mapping[str, Profile],
        sender: str,
        recipient: str | None,
        charset: str,
    ) -> None:
        self._source = source
        self._folder = folder
        self._profiles = {name: profile for name, profile in profiles.items() if profile.template}
        self._sender = sender
        self._recipient = recipient
        self._charset = charset

    def tool(self) -> WriteTool:
        """The declaration of ``send``."""
        properties: dict[str, Json] = {
            "message": {"type": "string", "enum": cast("list[Json]", sorted(self._profiles))},
            "values": {"type": "object"},
            "recipient": {"type": "string"},
        }
        templates = sorted(
            (name, profile.kind, *profile.template) for name, profile in self._profiles.items()
        )
        return WriteTool(
            name="send",
            schema={
                "type": "object",
                "properties": properties,
                "required": ["message", "values"],
                "additionalProperties": False,
            },
            effect="write",
            idempotent=True,
            version=hashlib.sha256(repr(templates).encode()).hexdigest()[:16],
            documentation="Write one EDIFACT message into the out folder",
        )

    def send(self, args: Mapping[str, Any], *, effect_id: str, at: datetime) -> dict[str, Json]:
        """Write one message.

        Raises:
            SourceUsageError: The arguments do not fit.
            SourceConflictError: This effect already wrote another message.
            SourceUnavailableError: The folder cannot be written; nothing is left behind.
        """
        if not EFFECT_ID.fullmatch(effect_id):
            raise SourceUsageError(self._source, f"effect id {effect_id!r} cannot name a file")
        reference = hashlib.sha256(effect_id.encode()).hexdigest()[:14].upper()
        data = self._rendered(args, reference, at)
        path = self._folder / f"{effect_id}.edi"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh = _write_once(path, data)
            stored = data if fresh else path.read_bytes()
        except OSError as error:
            raise SourceUnavailableError(self._source, f"cannot write {path.name!r}: {error}") from error
        if not fresh and _said(stored) != _said(data):
            raise SourceConflictError(
                self._source, f"effect {effect_id!r} has already sent another message; use a new effect id"
            )
        digest = hashlib.sha256(stored).hexdigest()
        return {"file": path.name, "reference": reference, "sha256": digest, "fresh": fresh}

    def _rendered(self, args: Mapping[str, Any], reference: str, at: datetime) -> bytes:
        unknown = sorted(set(args) - ARGUMENTS)
        if unknown:
            raise SourceUsageError(
                self._source, f"'send' knows no {unknown[0]!r}; {near(unknown[0], ARGUMENTS)}"
            )
        kind, values = args.get("message"), args.get("values")
        profile = self._profiles.get(kind) if isinstance(kind, str) else None
        if profile is None:
            raise SourceUsageError(
                self._source, f"no template for {kind!r}; {near(str(kind), self._profiles)}"
            )
        if not isinstance(values, Mapping):
            raise SourceUsageError(self._source, f"'values' is {values!r}; give an object")
        recipient = args.get("recipient", self._recipient)
        if not isinstance(recipient, str) or not recipient:
            raise SourceUsageError(self._source, "'send' has no recipient; give one or declare 'recipient'")
        try:
            segments = render_template(profile.template, cast("Mapping[str, Any]", values))
            return edifact_interchange(
                [edifact_message(profile.kind, segments)],
                sender=_party(self._sender),
                recipient=_party(recipient),
                reference=reference,
                at=at,
                charset=self._charset,
            )
        except UsageError as error:
            raise SourceUsageError(self._source, error.message, code=error.code) from None


def _party(text: str) -> str:
    """An identification with an optional qualifier; other marks are released."""
    name, colon, qualifier = text.partition(":")
    safe = re.sub(r"([+:'?*])", r"?\1", name)
    return f"{safe}{colon}{re.sub(r'[^A-Za-z0-9]', '', qualifier)}"


def _write_once(path: Path, data: bytes) -> bool:
    """Put ``data`` at ``path`` unless something is there; readers see all of it or nothing."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
        _sync_folder(path.parent)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _said(data: bytes) -> list[str]:
    """What an interchange says apart from when it was prepared."""
    return [segment.text() for message in edifact_read(data).messages for segment in message.segments]
