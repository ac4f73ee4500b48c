"""Owns checking the log: in the database, against its heads and the second device, or in an export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pilothouse.audit.devices import attached
from pilothouse.audit.devices.file import head_of
from pilothouse.audit.heads import heads
from pilothouse.audit.leaves import jcs, plain
from pilothouse.audit.offline import (
    ENTRY,
    RECENT,
    Check,
    Frontier,
    head_message,
    heads_in,
    leaf_hash,
    verified,
)
from pilothouse.audit.tree import HEIGHT, fold
from pilothouse.audit.types import EMPTY, Broken, Head, SignedHead, Verification
from pilothouse.kernel import UnavailableError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.audit.ports import AuditDevice
    from pilothouse.storage import Database

__all__ = ["verify", "verify_lines"]

Q = load_queries("pilothouse.audit")
PAGE = 2000
Noted = Head | SignedHead


async def verify(
    database: Database,
    *,
    noted: Iterable[Noted] = (),
    keys: Collection[str] = (),
    device: AuditDevice | None = None,
    grace: float = 60.0,
) -> Verification:
    """Go through the whole log and name the first entry that does not hold.

    Every entry is hashed again, the tree is built again, and the result is compared with the stored
    tree, every signed head and every line of the second device.

    Args:
        database: The database.
        noted: Heads noted elsewhere; a log that was rewritten or cut since does not have them.
        keys: Public keys whose heads count; by default those of :func:`open_audit`.
        device: The second device; by default that of :func:`open_audit`.
        grace: Seconds after which an entry without a place counts as broken.

    Raises:
        UnavailableError: ``audit.device``: the second device cannot be read.
    """
    state = attached(database)
    device = device or (None if state is None else state.device)
    walk = _Walk(keys or (state.keys if state is not None else ()))
    walk.expect(noted, "noted elsewhere")
    mirror = await _looked_at(device)
    walk.expect(mirror.heads, "signed on the second device")
    walk.sign(await heads(database))
    size: int = await database.fetch_value(Q.size)
    nodes = {(row["level"], row["place"]): row["hash"] for row in await database.fetch_all(Q.nodes)}
    async for row in _rows(database, size):
        if not walk.follow(row, mirror, nodes):
            break
    walk.finish(mirror)
    return await _found(database, walk, mirror, grace)


async def _found(database: Database, walk: _Walk, mirror: _Mirror, grace: float) -> Verification:
    rest: dict[str, Any] | None = await database.fetch_one(Q.unplaced, {"grace": grace})
    pending, oldest = (rest["pending"], rest["oldest"]) if rest else (0, None)
    if oldest is not None:
        why = f"committed more than {grace:g} s ago and never placed; is a sequencer running?"
        walk.fail(walk.tree.size + 1, str(oldest), why)
    return Verification(
        entries=walk.good.size,
        head=walk.good,
        pending=pending,
        broken=walk.broken,
        heads=walk.heads,
        signed=walk.signed,
        device=mirror.held,
        notes=(*walk.notes(), *mirror.notes),
    )


def verify_lines(
    lines: Iterable[str | bytes],
    *,
    noted: Iterable[Noted] = (),
    keys: Iterable[str] = (),
    open_ended: bool = False,
) -> Verification:
    """Check an export, or with ``open_ended`` the log of a second device, without any server."""
    raw = [line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line for line in lines]
    expected = [(head.size, head.root) for head in noted]
    if open_ended:
        expected += [(size, root) for size, root, _ in heads_in(raw)]
    check = Check(keys=keys, noted=expected, open_ended=open_ended)
    good = Head(size=0, root=check.tree.root().hex())
    for line in raw:
        if not check.feed(line.removesuffix(b"\n") + b"\n"):
            break
    check.finish()
    if check.broken is None or check.broken[0] > check.tree.size:
        good = Head(size=check.tree.size, root=check.tree.root().hex())
    broken = None
    if check.broken is not None:
        position, entry, why = check.broken
        broken = Broken(position=position, entry=entry, why=why)
    return Verification(
        entries=good.size,
        head=good,
        pending=check.loose,
        broken=broken,
        heads=check.heads,
        signed=check.signed,
        sealed=check.sealed,
        notes=tuple(check.notes),
    )


async def _rows(database: Database, size: int) -> AsyncIterator[dict[str, Any]]:
    after, page = 0, PAGE
    while page == PAGE:
        rows = await database.fetch_all(Q.leaves_after, {"after": after, "limit": PAGE})
        for row in rows:
            # What got its place since the first look is left for the next check.
            if row["position"] <= size:
                yield row
        page, after = len(rows), rows[-1]["position"] if rows else after


async def _looked_at(device: AuditDevice | None) -> _Mirror:
    try:
        return await asyncio.to_thread(_Mirror, device)
    except OSError as error:
        raise UnavailableError(
            f"the second device {device!r} cannot be read: {error}; give its place by PILOTHOUSE_AUDIT_FILE",
            code="audit.device",
        ) from error


class _Mirror:
    """The second device's lines in step with the database's, up to the last one at the first look."""

    def __init__(self, device: AuditDevice | None) -> None:
        self.held: int | None = None
        self.heads: list[SignedHead] = []
        self.notes: list[str] = []
        self._lines: Iterator[bytes] = iter(())
        self._recent: dict[int, str] = {}
        if device is None:
            return
        self.held = 0
        for line in device.lines():
            place = int(found[3]) if (found := ENTRY.fullmatch(line)) and found[3] != b"null" else 0
            self.held = max(self.held, place)
            head = None if found else head_of(line)
            self.heads += [] if head is None else [head]
        self._lines = device.lines()

    def differs(self, position: int, digest: str) -> str | None:
        """Say how the second device contradicts what the database has at ``position``."""
        if position > (self.held or 0):
            return None
        for line in self._lines:
            found = ENTRY.fullmatch(line)
            if found is None or found[3] == b"null":
                continue
            place, said = int(found[3]), found[2].decode()
            if leaf_hash(found[1]).hex() != said:
                return "its line on the second device was changed"
            if place > position:
                return "its line on the second device is missing"
            if place == position and said != digest:
                return "the second device holds another entry here: one of the two was rewritten"
            if place == position:
                self._recent[position] = said
                self._recent.pop(position - RECENT, None)
                return None
            if self._recent.get(place) != said:
                return f"the second device holds two entries {place}"
        return "its line on the second device is missing"

    def behind(self, size: int) -> str | None:
        """Say that the database ends before the second device; note it if the second device does."""
        if self.held is None or self.held == size:
            return None
        if self.held > size:
            return f"the log ends at {size}, the second device holds {self.held}: cut"
        self.notes.append(f"the second device is {size - self.held} entries behind")
        return None


class _Walk:
    """Builds the tree again, entry by entry, and keeps the first thing that does not hold."""

    def __init__(self, keys: Collection[str]) -> None:
        self.tree = Frontier()
        self.good = EMPTY
        self.broken: Broken | None = None
        self.heads = self.signed = 0
        self._keys = frozenset(keys)
        self._others: set[str] = set()
        self._expected: list[tuple[int, str, str]] = []
        self._levels: list[list[bytes]] = []

    def expect(self, noted: Iterable[Noted], where: str) -> None:
        """Heads whose roots must come up."""
        self._expected += [(head.size, head.root, where) for head in noted]
        self._expected.sort(reverse=True)

    def sign(self, signed: Iterable[SignedHead]) -> None:
        """Heads of the database: their signatures must hold and their roots come up."""
        for head in signed:
            if not verified(head.key, head.signature, head_message(head.size, head.root, head.at)):
                self.fail(head.size, None, f"the signature of the head of {head.at} does not hold")
                continue
            self.heads += 1
            self.expect([head], f"signed at {head.at}")
            if self._keys and head.key not in self._keys:
                self._others.add(head.key)
            else:
                self.signed = max(self.signed, head.size)

    def follow(self, row: dict[str, Any], mirror: _Mirror, nodes: dict[tuple[int, int], bytes]) -> bool:
        """Take the next placed entry; False if it does not hold."""
        position, name = row["position"], None if row["id"] is None else str(row["id"])
        if (why := self._fault(row) or mirror.differs(position, row["hash"].hex())) is not None:
            missing = position > self.tree.size + 1
            self.good = Head(size=self.tree.size, root=self.tree.root().hex())
            return self.fail(self.tree.size + 1 if missing else position, None if missing else name, why)
        self.tree.push(row["hash"])
        return self._nodes(0, row["hash"], nodes) and self._roots(position, name)

    def _fault(self, row: dict[str, Any]) -> str | None:
        position = row["position"]
        if position != self.tree.size + 1:
            return f"it is missing; the next one found is {position}"
        if row["id"] is None:
            return "the entry is gone, its place is not"
        if leaf_hash(jcs(plain(row))) != row["hash"]:
            return "its content does not give its hash; it was changed after it was placed"
        return None

    def _roots(self, position: int, name: str | None) -> bool:
        while self._expected and self._expected[-1][0] <= position:
            _, root, where = self._expected.pop()
            if root != self.tree.root().hex():
                why = f"the log up to here is not the one {where}: rewritten after entry {self.good.size}"
                return self.fail(position, name, why)
            self.good = Head(size=position, root=root)
        return True

    def _nodes(self, level: int, node: bytes, stored: dict[tuple[int, int], bytes]) -> bool:
        """Compare each subtree of 256 that is complete with the stored one."""
        if len(self._levels) == level:
            self._levels.append([])
        row = self._levels[level]
        row.append(node)
        if len(row) < 1 << HEIGHT:
            return True
        root = fold(row)
        row.clear()
        height = HEIGHT * (level + 1)
        if stored.get((height, (self.tree.size >> height) - 1)) != root:
            why = f"the stored hash over the {1 << height} entries that end here is wrong"
            return self.fail(self.tree.size, None, why)
        return self._nodes(level + 1, root, stored)

    def finish(self, mirror: _Mirror) -> None:
        """Notice what is missing at the end."""
        if self.broken is not None:
            return
        size = self.tree.size
        self.good = Head(size=size, root=self.tree.root().hex())
        if self._expected:
            most, _, where = self._expected[0]
            self.fail(size + 1, None, f"the log ends at {size}, one of {most} entries was {where}: cut")
        elif (why := mirror.behind(size)) is not None:
            self.fail(size + 1, None, why)

    def fail(self, position: int, entry: str | None, why: str) -> bool:
        """Keep the first thing that does not hold; always False."""
        self.broken = self.broken or Broken(position=position, entry=entry, why=why)
        return False

    def notes(self) -> Iterator[str]:
        """Say what a reader should know."""
        if self.tree.size and not self.signed:
            yield "nothing is signed: a rewrite by the owner of the database shows only on the second device"
        for key in sorted(self._others):
            yield f"there are heads by another key, {key}"
