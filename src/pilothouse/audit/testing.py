"""Owns what tests of audit share: a device in memory and the suite that every device passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pilothouse.audit.devices.file import LineReader
from pilothouse.audit.heads.keys import Signer
from pilothouse.audit.leaves import entry_line, head_line, jcs
from pilothouse.audit.offline import FIRST, leaf_hash
from pilothouse.audit.ports import AuditDevice
from pilothouse.audit.types import Record, Tail

__all__ = ["DeviceSuite", "MemoryDevice", "fake_signer", "placed"]


class MemoryDevice:
    """A second device for tests; ``refusing`` makes it answer like a full disk."""

    def __init__(self) -> None:
        self.refusing = False
        self.refusals = 0
        self._lines: list[bytes] = []
        self._reader = LineReader()

    def append(self, records: Sequence[Record]) -> None:
        """Keep the lines.

        Raises:
            OSError: It was told to refuse.
        """
        self._ask()
        for record in records:
            if record.position is None or record.position > self._reader.position:
                self._lines.append(record.line)
                self._reader.take(record.line)

    def tail(self) -> Tail:
        """Return how far it has come.

        Raises:
            OSError: It was told to refuse.
        """
        self._ask()
        return self._reader.tail()

    def lines(self) -> Iterator[bytes]:
        """Yield every line."""
        yield FIRST
        yield from self._lines

    def _ask(self) -> None:
        if self.refusing:
            self.refusals += 1
            raise OSError(28, "No space left on device")


def fake_signer(seed: int = 1) -> Signer:
    """Return a signer whose key is always the same."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Signer(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def placed(position: int | None, **fields: object) -> Record:
    """Return the line of a made entry."""
    entry = {"id": f"id-{position}", "kind": "test.done", "actor": "clerk.amira", **fields}
    body = jcs(entry)
    return entry_line(body, leaf_hash(body).hex(), position)


class DeviceSuite:
    """What every second device must do; inherit it and give a fixture ``device``."""

    def test_a_fresh_device_holds_nothing(self, device: AuditDevice) -> None:
        """Its tail is empty, so the log is copied from the start."""
        assert device.tail() == Tail()

    def test_lines_are_kept_in_order(self, device: AuditDevice) -> None:
        """What was appended comes back."""
        records = [placed(n) for n in (1, 2, 3)]
        device.append(records[:2])
        device.append(records[2:])
        assert [line for line in device.lines() if line != FIRST] == [r.line for r in records]
        assert device.tail().position == 3
        assert device.tail().hash in records[2].line.decode()

    def test_what_it_holds_is_not_taken_twice(self, device: AuditDevice) -> None:
        """Two processes that mirror at once leave one line."""
        device.append([placed(1), placed(2)])
        device.append([placed(1), placed(2), placed(3)])
        assert [line for line in device.lines() if line != FIRST] == [placed(n).line for n in (1, 2, 3)]

    def test_it_remembers_the_last_head(self, device: AuditDevice) -> None:
        """The signer checks against it that the tree only grew."""
        head = fake_signer().head(size=1, root=bytes(32), at="2026-01-05T06:00:00.000000Z")
        device.append([placed(1), head_line(head), placed(2)])
        assert device.tail().head == head

    def test_an_entry_without_a_place_is_loose_until_it_has_one(self, device: AuditDevice) -> None:
        """So the sequencer finds what it must adopt."""
        device.append([placed(None, id="lost")])
        assert device.tail().loose == (placed(None, id="lost").line,)
        device.append([placed(1, id="lost")])
        assert device.tail().loose == ()

    def test_nothing_to_append_is_harmless(self, device: AuditDevice) -> None:
        """An empty page is no error."""
        device.append([])
        assert device.tail() == Tail()
