#!/usr/bin/env python3
"""Owns checking an exported audit log with nothing but this file and Python: it imports nothing of ours.

Use: python verify.py BUNDLE [--key KEY] [--head FILE] [--device FILE] [--open] [--json]

BUNDLE is what `pilothouse audit export` or `pilothouse audit prove` wrote. KEY is the public key you were
given (64 hexadecimal digits, or a file that holds them); without it the bundle's own key is used and named.
FILE of --head holds signed heads noted earlier, FILE of --device the second device's log. Exit 0: all holds.

The log is the tree of RFC 6962 section 2.1: a leaf is SHA-256(0x00, bytes of the entry), a node is
SHA-256(0x01, left, right). A head signs (Ed25519) the size and root of the tree at one moment; the seal
signs every byte of the file before it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "FORMAT",
    "Check",
    "Frontier",
    "check_proof",
    "grows",
    "head_message",
    "included",
    "leaf_hash",
    "main",
    "node_hash",
    "seal_message",
    "verified",
    "verified_slowly",
]

FORMAT = "pilothouse-audit-1"
FIRST = b'{"format":"pilothouse-audit-1"}'
HEX = r"[0-9a-f]{64}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
ENTRY = re.compile(rb'\{"entry":(\{.*\}),"hash":"(%b)","position":(null|[1-9]\d*)\}' % HEX.encode())
SIGNED = r'"signature":"([0-9a-f]{128})"'
HEAD = re.compile(
    rf'\{{"head":\{{"at":"({TIME})","key":"({HEX})","root":"({HEX})",{SIGNED},"size":(\d+)\}}\}}'.encode(),
    re.A,
)
SEAL = re.compile(
    rf'\{{"seal":\{{"at":"({TIME})","key":"({HEX})","sha256":"({HEX})",{SIGNED}\}}\}}'.encode(), re.A
)
RECENT = 5000


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def head_message(size: int, root: str, at: str) -> bytes:
    """Return the bytes that a head's signature is over."""
    return f"{FORMAT} head\n{size}\n{root}\n{at}\n".encode()


def seal_message(digest: str, at: str) -> bytes:
    """Return the bytes that a seal's signature is over."""
    return f"{FORMAT} seal\n{digest}\n{at}\n".encode()


class Frontier:
    """The right edge of a growing tree: one hash for each complete subtree."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        """Add a leaf's hash at the right."""
        size, node = self.size, leaf
        while size & 1:
            node = node_hash(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node


def included(leaf: bytes, position: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``leaf`` is entry ``position`` (from 1) of the tree of ``size`` (RFC 9162 section 2.1.3.2)."""
    at, last, node = position - 1, size - 1, leaf
    if not 0 <= at <= last:
        return False
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(step, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, step)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def grows(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of ``new`` entries begins with that of ``old`` (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= new or old == new:
        return old == new and not path and old_root == new_root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    one = other = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            one, other = node_hash(step, one), node_hash(step, other)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            other = node_hash(other, step)
        at, last = at >> 1, last >> 1
    return last == 0 and one == old_root and other == new_root


# Ed25519 (RFC 8032), for machines without the package `cryptography`: slower, the same answer.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


def _point(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def verified_slowly(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is ``key``'s over ``message``, in plain Python."""
    base, owner, r = (
        _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")),
        _point(key),
        _point(signature[:32]),
    )
    s = int.from_bytes(signature[32:], "little")
    if base is None or owner is None or r is None or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    a, b = _times(s, base), _add(r, _times(int.from_bytes(digest, "little") % ORDER, owner))
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def verified(key: str, signature: str, message: bytes) -> bool:
    """Whether ``signature`` is ``key``'s over ``message``; both in hexadecimal."""
    one, other = bytes.fromhex(key), bytes.fromhex(signature)
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return verified_slowly(one, other, message)
    try:
        Ed25519PublicKey.from_public_bytes(one).verify(other, message)
    except InvalidSignature:
        return False
    return True


class Check:
    """Goes through the lines of a log and stops at the first that does not hold.

    Args:
        keys: Public keys to trust; none: the first key met, and a note.
        noted: ``{size: root}`` of heads noted elsewhere.
        open_ended: The log of a second device: it has no seal and may hold lines written twice.
    """

    def __init__(
        self, *, keys: Iterable[str] = (), noted: Iterable[tuple[int, str]] = (), open_ended: bool = False
    ) -> None:
        self.tree = Frontier()
        self.broken: tuple[int, str | None, str] | None = None
        self.notes: list[str] = []
        self.heads = self.signed = self.loose = 0
        self.sealed = False
        self._keys = set(keys)
        self._noted = sorted(noted)
        self._open = open_ended
        self._digest, self._line = hashlib.sha256(), 0
        self._recent: dict[int, bytes] = {}
        self._torn: str | None = None

    def feed(self, raw: bytes) -> bool:
        """Take the next line, with its newline; False as soon as something does not hold."""
        self._line += 1
        line, whole = (raw[:-1], True) if raw.endswith(b"\n") else (raw, False)
        self._one(line, whole)
        self._digest.update(raw)
        return self.broken is None

    def finish(self) -> bool:
        """Notice what is missing at the end; return whether everything holds."""
        if self.broken:
            return False
        if self._noted:
            self._break(
                self.tree.size + 1, f"the log ends at {self.tree.size}, a head of {self._noted[0][0]}: cut"
            )
        elif self._line == 0 or not (self._open or self.sealed):
            self._break(self.tree.size + 1, "the seal at the end is missing: cut, or not an export")
        elif self._torn:
            self.notes.append(f"the last line is torn: {self._torn}")
        return self.broken is None

    def _one(self, line: bytes, whole: bool) -> None:
        if self._line == 1:
            if line != FIRST or not whole:
                self._break(1, f"the first line is {line[:60]!r}, not that of a log ({FORMAT})")
        elif self.sealed:
            self._break(self.tree.size + 1, "there is something after the seal")
        elif whole and (found := ENTRY.fullmatch(line)):
            self._entry(found[1], found[2].decode(), found[3])
        elif whole and (found := HEAD.fullmatch(line)):
            at, key, root, signature, size = (part.decode() for part in found.groups())
            self._head(int(size), root, key, signature, at)
        elif whole and (found := SEAL.fullmatch(line)):
            self._seal(*(part.decode() for part in found.groups()))
        elif self._open:
            # A writer that was killed left half a line; the whole one follows, or its place is missing.
            self._torn = repr(line[:60])
        else:
            self._break(self.tree.size + 1, f"line {self._line}, {line[:60]!r}, is none of a log's")

    def _entry(self, body: bytes, digest: str, place: bytes) -> None:
        position = self.tree.size + 1 if place == b"null" else int(place)
        leaf = leaf_hash(body)
        if leaf.hex() != digest:
            self._break(position, "its content does not give its hash: changed", body)
        elif place == b"null":
            self.loose += 1
            if not self._open:
                self._break(position, "an entry without a place", body)
        elif position <= self.tree.size and self._open and self._recent.get(position) == leaf:
            return
        elif position != self.tree.size + 1:
            self._break(self.tree.size + 1, f"it is missing; the next one found is {position}")
        else:
            self._torn = None
            self._push(position, leaf, body)

    def _push(self, position: int, leaf: bytes, body: bytes) -> None:
        self.tree.push(leaf)
        if self._open:
            self._recent[position] = leaf
            self._recent.pop(position - RECENT, None)
        while self._noted and self._noted[0][0] <= position:
            size, root = self._noted.pop(0)
            if size == position and self.tree.root().hex() != root:
                self._break(
                    position, f"the tree's root is not the one noted elsewhere ({root[:16]}): rewritten", body
                )

    def _head(self, size: int, root: str, key: str, signature: str, at: str) -> None:
        if not verified(key, signature, head_message(size, root, at)):
            self._break(size, f"the signature of the head of {at} does not hold")
        elif size != self.tree.size and not self._open:
            self._break(
                self.tree.size + 1, f"a head of {size} entries stands after {self.tree.size}: missing"
            )
        elif size == self.tree.size and root != self.tree.root().hex():
            self._break(size, f"the tree is not the one signed at {at}: changed after entry {self.signed}")
        else:
            self.heads += 1
            if self._trusted(key):
                self.signed = max(self.signed, size)

    def _seal(self, at: str, key: str, digest: str, signature: str) -> None:
        if digest != self._digest.hexdigest():
            self._break(self.tree.size, "the bytes before the seal are not those it was made for")
        elif not verified(key, signature, seal_message(digest, at)):
            self._break(self.tree.size, "the seal's signature does not hold")
        elif not self._trusted(key):
            self._break(self.tree.size, f"the seal is by the key {key}, which is not one you gave")
        elif self.signed != self.tree.size:
            self._break(self.signed + 1, "no signed head covers the last entries")
        else:
            self.sealed = True

    def _trusted(self, key: str) -> bool:
        if not self._keys:
            self._keys.add(key)
            self.notes.append(f"signed by {key}; compare it with the key you were given")
        if key not in self._keys:
            note = f"there are heads by another key, {key}"
            self.notes += [] if note in self.notes else [note]
        return key in self._keys

    def _break(self, position: int, why: str, body: bytes | None = None) -> None:
        self.broken = self.broken or (position, None if body is None else _name(body), why)


def _name(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["id"])
    except (ValueError, LookupError, TypeError):
        return None


def heads_in(lines: Iterable[bytes]) -> list[tuple[int, str, str]]:
    """Return size, root and key of each head in ``lines`` whose signature holds."""
    found: list[tuple[int, str, str]] = []
    for line in lines:
        match = HEAD.fullmatch(line.rstrip(b"\n"))
        if match is None:
            continue
        at, key, root, signature, size = (part.decode() for part in match.groups())
        if verified(key, signature, head_message(int(size), root, at)):
            found.append((int(size), root, key))
    return found


def check_proof(proof: dict[str, Any], *, keys: Iterable[str] = ()) -> tuple[str | None, list[str]]:
    """Check what `pilothouse audit prove` wrote; return what is wrong, if anything, and notes."""
    try:
        leaf, path = leaf_hash(proof["entry"].encode()), [bytes.fromhex(step) for step in proof["path"]]
        size, root = int(proof["size"]), str(proof["root"])
        if not included(leaf, int(proof["position"]), size, path, bytes.fromhex(root)):
            return "the path does not lead from the entry to the root", []
        head = proof["head"]
        if head is None:
            return None, ["the root is not signed; compare it with one noted elsewhere"]
        message = head_message(head["size"], head["root"], head["at"])
        if (head["size"], head["root"]) != (size, root) or not verified(
            head["key"], head["signature"], message
        ):
            return "the root's signature does not hold", []
        if keys and head["key"] not in keys:
            return f"the root is signed by {head['key']}, which is not a key you gave", []
        return None, [] if keys else [f"signed by {head['key']}; compare it with the key you were given"]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return f"this is no proof: {error!r}", []


def _check_file(path: Path, check: Check) -> Check:
    with path.open("rb") as lines:
        for line in lines:
            if not check.feed(line):
                break
    check.finish()
    return check


def _compare(bundle: Path, device: Path) -> str | None:
    """Return where two logs differ, entry by entry, as far as the shorter goes; else None."""
    with bundle.open("rb") as one, device.open("rb") as other:
        here, there = (
            {m[3]: m[2] for m in map(ENTRY.fullmatch, map(bytes.rstrip, f)) if m} for f in (one, other)
        )
    there.pop(b"null", None)
    for position, digest in sorted(there.items(), key=lambda item: int(item[0])):
        if position in here and here[position] != digest:
            return f"entry {position.decode()} is another one on the second device: rewritten"
    more = len(there) - len(here)
    return (
        f"the second device holds {more} entries more; was the export made before it?" if more > 0 else None
    )


def key_of(text: str) -> str:
    """Return the public key that ``text`` is, or that the file of that name holds."""
    key = (
        text if re.fullmatch(HEX, text) else Path(text).read_text(encoding="ascii", errors="replace").strip()
    )
    if not re.fullmatch(HEX, key):
        raise ValueError(f"{text!r} is no public key: 64 hexadecimal digits are needed")
    return key


def main(argv: Sequence[str] | None = None) -> int:
    """Check a bundle or a proof from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Check an exported audit log of Pilothouse.")
    parser.add_argument("bundle", type=Path, help="file written by `pilothouse audit export` or `prove`")
    parser.add_argument("--key", action="append", default=[], help="public key you were given, or a file")
    parser.add_argument(
        "--head", action="append", default=[], type=Path, help="file of heads noted elsewhere"
    )
    parser.add_argument("--device", type=Path, help="the second device's log, to compare")
    parser.add_argument("--open", action="store_true", help="BUNDLE is a second device's log: no seal")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    try:
        data = _examined(given)
    except (OSError, ValueError) as error:
        print(f"cannot check {given.bundle}: {error}", file=sys.stderr)
        return 2
    lines = [data["words"], *(f"note: {note}" for note in data["notes"])]
    print(json.dumps(data, indent=2) if given.json else "\n".join(lines))
    return 0 if data["ok"] else 1


def _examined(given: argparse.Namespace) -> dict[str, Any]:
    keys = [key_of(text) for text in given.key]
    with given.bundle.open("rb") as handle:
        first = handle.read(len(FIRST))
    if first != FIRST and (proof := _proof(given.bundle)) is not None:
        why, notes = check_proof(proof, keys=keys)
        words = (
            f"entry {proof.get('position')} of {proof.get('size')} stands in the tree" if why is None else why
        )
        return {"ok": why is None, "words": words, "notes": notes}
    noted = [(size, root) for path in given.head for size, root, _ in heads_in(_lines(path))]
    if given.head and not noted:
        raise ValueError(f"no head with a good signature in {[str(path) for path in given.head]}")
    if given.open:
        noted += [(size, root) for size, root, _ in heads_in(_lines(given.bundle))]
    check = _check_file(given.bundle, Check(keys=keys, noted=noted, open_ended=given.open))
    words, broken = f"{check.tree.size} entries hold, root {check.tree.root().hex()}", check.broken
    if broken is None and given.device is not None and (differs := _compare(given.bundle, given.device)):
        broken = (0, None, differs)
    if broken is not None:
        named = f"entry {broken[0]} ({broken[1]})" if broken[1] else f"entry {broken[0]}"
        words = broken[2] if broken[0] == 0 else f"{named}: {broken[2]}"
    return {
        "ok": broken is None,
        "words": words,
        "notes": check.notes,
        "entries": check.tree.size,
        "heads": check.heads,
        "signed": check.signed,
        "root": check.tree.root().hex(),
        "sealed": check.sealed,
    }


def _proof(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError:
        return None
    return found if isinstance(found, dict) and "path" in found else None  # pyright: ignore


def _lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.startswith(b'{"head"')]


if __name__ == "__main__":
    sys.exit(main())
