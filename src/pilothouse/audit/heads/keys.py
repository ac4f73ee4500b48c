"""Owns the key that signs heads: a file of 0600 made once, and its public half beside it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.audit.offline import head_message, seal_message
from pilothouse.audit.types import SignedHead
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["Signer", "load_signer", "public_key_file"]

log = logging.getLogger(__name__)


class Signer:
    """Signs with an Ed25519 key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw().hex()

    def head(self, *, size: int, root: bytes, at: str) -> SignedHead:
        """Return a signed head."""
        message = head_message(size, root.hex(), at)
        return SignedHead(
            size=size, root=root.hex(), at=at, key=self.public, signature=self._key.sign(message).hex()
        )

    def seal(self, digest: str, at: str) -> dict[str, str]:
        """Return the seal over everything before it in an export."""
        signature = self._key.sign(seal_message(digest, at)).hex()
        return {"at": at, "key": self.public, "sha256": digest, "signature": signature}


def public_key_file(path: Path) -> Path:
    """Return where the public half of the key at ``path`` lies."""
    return path.with_name(path.name + ".pub")


def load_signer(path: Path) -> Signer | None:
    """Return the signer of the key at ``path``, making it on the first start; None if it is not ours to read.

    Raises:
        UsageError: ``audit.key``: the file holds something else, or cannot be made.
    """
    try:
        if not path.exists():
            _make(path)
        signer = Signer(_key(path))
        _published(path, signer.public)
        return signer
    except PermissionError:
        log.info("the audit key %s is not ours to read; this process signs no heads", path)
        return None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the audit key {str(path)!r} cannot be used ({error}); it holds 64 hexadecimal digits: "
            "restore it, or set PILOTHOUSE_AUDIT_KEY to another file",
            code="audit.key",
        ) from error


def _key(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))


def _make(path: Path) -> None:
    """Write a fresh key under another name and link it, so that two that start at once agree on one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    _written(draft, key.private_bytes_raw().hex() + "\n", mode=0o600)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _published(path: Path, public: str) -> None:
    """Write the public half beside the key, if whoever made the key did not get to it."""
    beside = public_key_file(path)
    if not beside.exists():
        _written(beside, public + "\n", mode=0o644)
        log.info("audit key made: heads are signed by %s; note it away from this machine", public)


def _written(path: Path, text: str, *, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
