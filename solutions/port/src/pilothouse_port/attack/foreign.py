"""Owns what left the house, as the foreign systems tell it: rights granted or taken back, mails sent."""

from __future__ import annotations

import email
import email.policy
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pilothouse_port.world import serve

__all__ = ["Foreign", "Left", "Mail", "Mark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that left.

    Attributes:
        to: Addresses of its envelope.
        text: Subject and body.
    """

    to: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What left the house in some time.

    Attributes:
        released: Boxes whose right to be collected was granted.
        cancelled: Rights that were taken back.
        mails: What was sent.
    """

    released: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    mails: tuple[Mail, ...] = ()

    @property
    def count(self) -> int:
        """How many things left."""
        return len(self.released) + len(self.cancelled) + len(self.mails)

    def then(self, later: Left) -> Left:
        """Return this and what left later."""
        return Left(
            released=self.released + later.released,
            cancelled=self.cancelled + later.cancelled,
            mails=self.mails + later.mails,
        )

    def told(self, address: str) -> bool:
        """Whether anything was sent to an address."""
        return any(address in to for mail in self.mails for to in mail.to)

    def says(self, words: str) -> bool:
        """Whether any mail says these words."""
        return any(words in mail.text for mail in self.mails)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment: how much had left by then."""

    posts: int
    mails: int


class Foreign:
    """The community systems and the outgoing post of one made world.

    Args:
        out: Holds ``world`` and ``run``.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._read: dict[str, Mail] = {}

    def mark(self) -> Mark:
        """Return the present moment."""
        return Mark(posts=len(serve.releases_posted(self._out)), mails=len(self._mails()))

    def since(self, mark: Mark) -> Left:
        """Return what left after a moment."""
        posted = [post for post in serve.releases_posted(self._out)[mark.posts :] if post.done]
        return Left(
            released=tuple(post.container for post in posted if post.operation == "create"),
            cancelled=tuple(str(post.request.get("id")) for post in posted if post.operation == "cancel"),
            mails=tuple(map(self._mail, self._mails()[mark.mails :])),
        )

    def reset(self) -> None:
        """Have the community systems forget new rights, so that the next test finds them as they were."""
        for path in self._stores():
            if path.exists():
                with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
                    connection.execute("DELETE FROM records")

    def _stores(self) -> Iterator[Path]:
        world = self._out / "world"
        for name, system in serve.read_systems(world).items():
            if system["technology"] != "http":
                continue
            folder = world / str(system.get("path", f"systems/{name}"))
            service = json.loads((folder / "service.json").read_text(encoding="utf-8"))
            for resource, held in service["resources"].items():
                if held["writes"]:
                    yield serve.run_folder(world) / f"{name}.{resource}.sqlite"

    def _mails(self) -> list[Path]:
        return sorted((serve.run_folder(self._out / "world") / "outbox").glob("*.eml"))

    def _mail(self, path: Path) -> Mail:
        if path.name not in self._read:
            parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = parsed.get_body(("plain",))
            text = f"{parsed['subject']}\n{'' if body is None else body.get_content()}"
            to = tuple(part.strip() for part in str(parsed["X-Envelope-To"]).split(","))
            self._read[path.name] = Mail(to=to, text=text)
        return self._read[path.name]
