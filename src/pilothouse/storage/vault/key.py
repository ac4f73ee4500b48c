"""Owns the key that opens the secrets: a file only its owner may read, never a row of the database.

The format of keys and ciphertexts is age v1 (age-encryption.org/v1, X25519 recipients).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.kernel import DataError, UsageError

if TYPE_CHECKING:
    from pilothouse.storage.settings import StorageSettings

__all__ = ["Key", "find_key", "make_key"]

CREDENTIAL = "pilothouse-secrets-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An age identity.

    Attributes:
        path: Where it lies.
        text: ``AGE-SECRET-KEY-1...``; never printed.
    """

    path: Path
    text: str = field(repr=False)

    @property
    def public(self) -> str:
        """The recipient, ``age1...``: anybody may encrypt for it."""
        import pyrage

        return str(pyrage.x25519.Identity.from_str(self.text).to_public())

    def close(self, secret: bytes) -> bytes:
        """Return ``secret`` encrypted."""
        import pyrage

        return pyrage.encrypt(secret, [pyrage.x25519.Identity.from_str(self.text).to_public()])

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return what was encrypted.

        Raises:
            DataError: ``storage.secret_key``: it was encrypted for another key, or changed.
        """
        import pyrage

        try:
            return pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(self.text)])
        except pyrage.DecryptError:
            raise DataError(
                f"secret {name!r} cannot be opened with {self.path}: another key closed it, or it was "
                "changed; restore that key or set the secret again",
                code="storage.secret_key",
            ) from None


def key_path(settings: StorageSettings) -> Path:
    """Return where the key is or would be: the setting, a systemd credential, the data folder."""
    if settings.secrets_key_file is not None:
        return settings.secrets_key_file
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / CREDENTIAL).exists():
        return Path(folder) / CREDENTIAL
    return settings.data_dir / "secrets.key"


def find_key(settings: StorageSettings) -> Key | None:
    """Return the key, or None where there is none yet.

    Raises:
        UsageError: ``storage.secret_key_file``: others may read it, or it is no age key.
    """
    path = key_path(settings)
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"cannot be read ({type(error).__name__})") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and CREDENTIAL not in path.name:
        raise _wrong(path, f"may be read by others (mode {stat.S_IMODE(mode):o}); run `chmod 600` on it")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    key = Key(path=path, text=lines[0] if lines else "")
    try:
        _ = key.public
    except Exception:
        raise _wrong(path, "holds no age key (AGE-SECRET-KEY-1...)") from None
    return key


def make_key(settings: StorageSettings) -> Key:
    """Return the key, making one that only its owner may read where there is none.

    Raises:
        UsageError: ``storage.secret_key_file``, as of :func:`find_key`.
    """
    found = find_key(settings)
    if found is not None:
        return found
    import pyrage

    path, text = key_path(settings), str(pyrage.x25519.Identity.generate())
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Another process was faster; its key counts.
        return make_key(settings)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    return Key(path=path, text=text)


def _wrong(path: Path, why: str) -> UsageError:
    return UsageError(f"the key of the secrets, {path}, {why}", code="storage.secret_key_file")
