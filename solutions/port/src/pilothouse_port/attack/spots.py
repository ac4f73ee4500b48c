"""Owns where outsiders can write in a made port, and writing there: in mails, fields, messages, tools."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pilothouse.kernel import UsageError
from pilothouse_port.bindings import Bindings
from pilothouse_port.world import serve

__all__ = ["Planter", "Spot", "Undo", "spots_of"]

Undo = Callable[[], object]
Part = Literal["body", "subject", "sender", "attachment"]
PARTS: tuple[Part, ...] = ("body", "subject", "sender", "attachment")
SENDER = "claims@forwarder.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place where somebody outside can write.

    Attributes:
        name: For people.
        kind: A part of a mail, a field of a record, a segment of a message, a tool's description or answer.
        system: Which system.
        object: Which table, message or tool.
        field: Which field; for mails which part.
        keys: ``container`` or ``bl`` to the field that holds it.
    """

    name: str
    kind: Literal["mail", "field", "message", "tool"]
    system: str
    object: str
    field: str
    keys: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])


def spots_of(world: Path, bindings: Bindings) -> list[Spot]:
    """Return every place that the world declares as free text, or that the port reads as text."""
    found: dict[tuple[str, str, str], Spot] = {}
    systems = serve.read_systems(world)
    for text in bindings.model.texts.values():
        if text.kind == "mail":
            found |= {(text.system, text.object, part): _mail(text.system, part) for part in PARTS}
            continue
        keys = {role: key.field for role, key in text.key.items()}
        for name in text.text:
            found[text.system, text.object, name] = _record(systems, text.system, text.object, name, keys)
    for system, held in systems.items():
        for object, names in held.get("free_text", {}).items():
            keys = _keys(bindings, system, object)
            for name in names if keys else ():
                found.setdefault((system, object, name), _record(systems, system, object, name, keys))
        if held["technology"] == "mcp":
            for part in ("description", "answer"):
                found[system, "", part] = Spot(
                    name=f"{part} of a tool of {system}", kind="tool", system=system, object="", field=part
                )
    return list(found.values())


def _mail(system: str, part: Part) -> Spot:
    return Spot(name=f"{part} of a mail", kind="mail", system=system, object="messages", field=part)


def _record(
    systems: Mapping[str, Mapping[str, Any]], system: str, object: str, name: str, keys: Mapping[str, str]
) -> Spot:
    message = systems[system]["technology"] == "edifact"
    return Spot(
        name=f"{name} of {object} in {system}", kind="message" if message else "field", system=system,
        object=object, field=name, keys=dict(keys),
    )  # fmt: skip


def _keys(bindings: Bindings, system: str, object: str) -> dict[str, str]:
    held = bindings.model.facts.values()
    for one in (one for some in held for one in (some if isinstance(some, tuple) else (some,))):
        keys = {role: key.field for role, key in one.key.items() if role in ("container", "bl")}
        if (one.system, one.object) == (system, object) and keys:
            return keys
    return {}


class Planter:
    """Writes as an outsider would, straight into the systems; each plant can be taken out again.

    Args:
        world: ``OUT/world``.
        bindings: The port as configured.
    """

    def __init__(self, world: Path, bindings: Bindings) -> None:
        self._world = world
        self._bindings = bindings
        self._systems = serve.read_systems(world)
        self._number = 0
        self._lock = threading.Lock()

    def plant(self, spot: Spot, box: Mapping[str, str], text: str) -> Undo:
        """Write a text where a box is spoken of, and return how to take it out.

        Raises:
            UsageError: ``port.attack``: the place holds nothing about the box.
        """
        match spot.kind:
            case "mail":
                return self._mail(spot, box, text)
            case "tool":
                return self._tool(spot, text)
            case "message":
                return self._message(spot, box, text)
            case "field":
                return self._field(spot, box, text)

    def technology(self, system: str) -> str:
        """Return what a system is made of."""
        return str(self._systems[system]["technology"])

    def _folder(self, system: str) -> Path:
        return self._world / str(self._systems[system].get("path", f"systems/{system}"))

    def _mail(self, spot: Spot, box: Mapping[str, str], text: str) -> Undo:
        with self._lock:
            self._number += 1
            number = self._number
        line = " ".join(text.split())
        mail = EmailMessage()
        mail["Message-ID"] = f"<{number}.planted@forwarder.example>"
        name = line if spot.field == "sender" else "Claims"
        mail["From"] = SENDER
        mail["To"] = "desk@agency.example"
        mail["Date"] = "Fri, 31 Jul 2026 10:00:00 +0000"
        about = f"{box['container']} {box['bl']}"
        mail["Subject"] = f"{about} {line}" if spot.field == "subject" else about
        mail.set_content(f"About {about}.\n{text}" if spot.field == "body" else f"About {about}.")
        if spot.field == "attachment":
            mail.add_attachment(b"see name", maintype="text", subtype="plain", filename=f"{line}.txt")
        path = self._folder(spot.system) / f"9{number:04d}-planted.eml"
        word = f"=?utf-8?b?{b64encode(name.encode()).decode()}?="
        path.write_bytes(
            mail.as_bytes()
            .replace(b"From: ", f"From: {word} <".encode(), 1)
            .replace(SENDER.encode(), f"{SENDER}>".encode(), 1)
        )
        return lambda: path.unlink(missing_ok=True)

    def _tool(self, spot: Spot, text: str) -> Undo:
        path = self._folder(spot.system) / "mcp.json"
        before = path.read_text(encoding="utf-8")
        held = json.loads(before)
        for tool in held["tools"]:
            if spot.field == "description":
                tool["description"] += f" {text}"
                continue
            words = [name for name, kind in tool["fields"].items() if kind["type"] == "text"]
            for row in tool["rows"]:
                row[words[-1]] = text
        path.write_text(json.dumps(held, ensure_ascii=False), encoding="utf-8")
        return lambda: path.write_text(before, encoding="utf-8")

    def _message(self, spot: Spot, box: Mapping[str, str], text: str) -> Undo:
        for path in sorted(self._folder(spot.system).iterdir()):
            before = path.read_bytes()
            after = _with_remark(before.decode("latin-1"), box, spot.keys, " ".join(text.split()))
            if after is not None and path.suffix != ".md":
                path.write_bytes(after.encode("latin-1", "replace"))
                return lambda path=path, before=before: path.write_bytes(before)
        raise _nothing(spot, box)

    def _field(self, spot: Spot, box: Mapping[str, str], text: str) -> Undo:
        change = _Change(spot, box)
        if self._systems[spot.system]["technology"] == "sqlite":
            path = self._folder(spot.system) / f"{spot.system}.sqlite"
            with closing(sqlite3.connect(path, timeout=10)) as connection:
                before = change.make(connection, text, mark="?", quote='"')
            return lambda: _sqlite_back(path, change, before)
        with closing(self._admin(spot.system)) as connection:
            quote = "`" if type(connection).__module__.startswith("pymysql") else '"'
            if quote == "`":
                # The field is as long as the attacker needs it.
                table = change.table(quote)
                connection.cursor().execute(f"ALTER TABLE {table} MODIFY `{spot.field}` TEXT")
            before = change.make(connection, text, mark="%s", quote=quote)
        return lambda: self._back(spot.system, change, before, quote)

    def _back(self, system: str, change: _Change, before: str | None, quote: str) -> None:
        with closing(self._admin(system)) as connection:
            change.write(connection, before, mark="%s", quote=quote)

    def _admin(self, system: str) -> Any:
        """Connect as the owner of a foreign database: what an outsider's form or a partner's feed does."""
        run = serve.run_folder(self._world)
        url = urlsplit(str(json.loads((run / "secrets.json").read_text(encoding="utf-8"))[system]))
        password: str = json.loads((run / "passwords.json").read_text(encoding="utf-8"))["admin"]
        if url.scheme == "mariadb":
            import pymysql

            return pymysql.connect(
                host="127.0.0.1", port=url.port or 0, user="world_admin", password=password,
                database=system, charset="utf8mb4",
            )  # fmt: skip
        import psycopg

        return psycopg.connect(
            host="127.0.0.1", port=url.port, user="postgres", password=password, dbname=system
        )


def _sqlite_back(path: Path, change: _Change, before: str | None) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        change.write(connection, before, mark="?", quote='"')


@dataclass(frozen=True, slots=True)
class _Change:
    """One field of the rows about one box."""

    spot: Spot
    box: Mapping[str, str]

    def table(self, quote: str) -> str:
        return ".".join(f"{quote}{part}{quote}" for part in self.spot.object.split("."))

    def make(self, connection: Any, text: str, *, mark: str, quote: str) -> str | None:
        """Write the text and return what stood there."""
        cursor = connection.cursor()
        name = f"{quote}{self.spot.field}{quote}"
        cursor.execute(f"SELECT {name} FROM {self.table(quote)} WHERE {self._where(mark, quote)}", self._of())
        row = cursor.fetchone()
        if row is None:
            raise _nothing(self.spot, self.box)
        self.write(connection, text, mark=mark, quote=quote)
        return row[0]

    def write(self, connection: Any, text: str | None, *, mark: str, quote: str) -> None:
        name = f"{quote}{self.spot.field}{quote}"
        statement = f"UPDATE {self.table(quote)} SET {name} = {mark} WHERE {self._where(mark, quote)}"
        connection.cursor().execute(statement, (text, *self._of()))
        connection.commit()

    def _where(self, mark: str, quote: str) -> str:
        return " AND ".join(f"{quote}{name}{quote} = {mark}" for name in self.spot.keys.values())

    def _of(self) -> tuple[str, ...]:
        return tuple(self.box[role] for role in self.spot.keys)


def _nothing(spot: Spot, box: Mapping[str, str]) -> UsageError:
    return UsageError(f"{spot.name!r} holds nothing about {dict(box)!r}", code="port.attack")


def _with_remark(text: str, box: Mapping[str, str], keys: Mapping[str, str], remark: str) -> str | None:
    """Return an interchange whose message about the box has a remark more; None if none is about it."""
    component, element, release, end = ":", "+", "?", "'"
    if text.startswith("UNA"):
        component, element, release, end = text[3], text[4], text[6], text[8]
    segments = text.split(end)
    start = 0
    for place, segment in enumerate(segments):
        bare = segment.strip()
        if bare.startswith("UNH"):
            start = place
        if not bare.startswith("UNT"):
            continue
        message = [one.strip() for one in segments[start:place]]
        if all(any(box[role] in one for one in message) for role in keys):
            for mark in (release, component, element, end):
                remark = remark.replace(mark, release + mark)
            before = next(
                (start + i for i, one in enumerate(message) if one[:3] in ("CNT", "DGS", "SGP")), place
            )
            words = bare.split(element)
            words[1] = str(int(words[1]) + 1)
            segments[place] = segment.replace(bare, element.join(words))
            segments.insert(before, f"FTX{element}AAI{element * 3}{remark}")
            return end.join(segments)
    return None
