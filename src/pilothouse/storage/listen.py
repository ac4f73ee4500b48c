"""Owns notifications: one listening connection, any number of subscriptions, reconnecting by itself."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, LiteralString, Self, cast

from pilothouse.kernel import PilothouseError, UsageError
from pilothouse.storage.errors import translate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilothouse.storage.connect import Connector, Link

__all__ = ["Hub", "Notification", "Subscription"]

_CHANNEL = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_LONGEST_QUEUE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One notification; with ``gap`` some may have been missed, so look at the tables."""

    channel: str
    payload: str
    gap: bool = False


class Subscription:
    """An async iterator of notifications. ``async with`` returns when it is listening."""

    def __init__(self, hub: Hub, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self._hub = hub
        self._waiting: deque[Notification] = deque()
        self._news = asyncio.Event()
        self._closed = False
        self._joined = False

    async def __aenter__(self) -> Self:
        await self._join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notification:
        await self._join()
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop listening; ends a loop over this subscription."""
        self.end()
        self._hub.leave(self)

    def end(self) -> None:
        """Mark the end; called by the hub when the database closes."""
        self._closed = True
        self._news.set()

    def put(self, note: Notification) -> None:
        """Hand over a notification; a reader who is far behind gets one gap instead of a full memory."""
        if len(self._waiting) >= _LONGEST_QUEUE:
            self._waiting.clear()
            note = Notification(channel=note.channel, payload="", gap=True)
        self._waiting.append(note)
        self._news.set()

    async def _join(self) -> None:
        if not self._joined and not self._closed:
            self._joined = True
            await self._hub.join(self)


class Hub:
    """The one listening connection of a :class:`~pilothouse.storage.Database`."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._members: list[Subscription] = []
        self._heard: set[str] = set()
        self._link: Link | None = None
        self._watched: int | None = None
        self._busy = asyncio.Lock()
        self._repair: asyncio.Task[None] | None = None
        self._closed = False

    def subscribe(self, channels: Iterable[str]) -> Subscription:
        """Return a subscription; it starts listening when entered or first read."""
        names = tuple(channels)
        for name in names:
            if not _CHANNEL.match(name):
                raise UsageError(
                    f"channel {name!r} is not a name of lower-case letters, digits and _",
                    code="storage.channel",
                )
        return Subscription(self, names)

    async def join(self, member: Subscription) -> None:
        """Listen for ``member``; returns when the server has confirmed."""
        self._members.append(member)
        try:
            async with self._busy:
                await self._listen(set(member.channels))
        except BaseException:
            self.leave(member)
            raise

    def leave(self, member: Subscription) -> None:
        """Forget ``member``. Its channels stay listened to: they are few, and others may come back."""
        if member in self._members:
            self._members.remove(member)

    async def close(self) -> None:
        """End all subscriptions and the connection."""
        self._closed = True
        if self._repair is not None:
            self._repair.cancel()
            with suppress(asyncio.CancelledError):
                await self._repair
        for member in tuple(self._members):
            member.end()
        await self._drop()

    async def _listen(self, channels: set[str]) -> None:
        import psycopg

        link = self._link
        try:
            if link is None or link.closed:
                link = self._link = await self._connector.connect()
                link.add_notify_handler(lambda note: self._deliver(note.channel, note.payload))
                self._heard = set()
            new = channels - self._heard
            if not new:
                return
            self._watch(False)
            text = "; ".join(f"listen {name}" for name in sorted(new))
            await link.execute(cast("LiteralString", text))
            self._heard |= new
            self._watch(True)
        except psycopg.Error as error:
            self._lose()
            raise translate(error, doing="listening") from error

    def _watch(self, on: bool) -> None:
        """Let the loop call us when the server says something; off while psycopg itself reads."""
        loop = asyncio.get_running_loop()
        if self._watched is not None:
            loop.remove_reader(self._watched)
            self._watched = None
        if on and self._link is not None:
            self._watched = self._link.fileno()
            loop.add_reader(self._watched, self._read)

    def _read(self) -> None:
        import psycopg

        assert self._link is not None
        pgconn = self._link.pgconn
        try:
            pgconn.consume_input()
            while note := pgconn.notifies():
                self._deliver(note.relname.decode(), note.extra.decode())
        except psycopg.OperationalError:
            self._lose()

    def _deliver(self, channel: str, payload: str) -> None:
        note = Notification(channel=channel, payload=payload)
        for member in tuple(self._members):
            if channel in member.channels:
                member.put(note)

    def _lose(self) -> None:
        self._watch(False)
        if not self._closed and (self._repair is None or self._repair.done()):
            self._repair = asyncio.get_running_loop().create_task(self._reconnect())

    async def _reconnect(self) -> None:
        await self._drop()
        while self._members and not self._closed:
            try:
                async with self._busy:
                    await self._listen({name for member in self._members for name in member.channels})
                break
            except PilothouseError:
                await asyncio.sleep(1.0)
        for member in tuple(self._members):
            for channel in member.channels:
                member.put(Notification(channel=channel, payload="", gap=True))

    async def _drop(self) -> None:
        self._watch(False)
        link, self._link = self._link, None
        if link is not None:
            await link.close()
