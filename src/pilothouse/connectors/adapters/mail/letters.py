"""Owns where mails lie: a folder of .eml files or an IMAP folder; both give raw bytes under a stable id."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast
from urllib.parse import unquote, urlsplit

from pilothouse.connectors.errors import (
    SourceDataError,
    SourceDeniedError,
    SourceUnavailableError,
    SourceUsageError,
)

__all__ = ["EmlFolder", "ImapFolder", "Letter", "Letters", "server_of"]

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
BATCH: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail that is there.

    Attributes:
        id: Stable as long as the mail is; file name, or UIDVALIDITY and UID.
        version: Changes when the bytes may have changed.
        size: Bytes.
    """

    id: str
    version: str
    size: int


class Letters(Protocol):
    """A place with mails; blocking, so callers use a thread."""

    def listed(self) -> list[Letter]:
        """Return what is there, oldest first."""
        ...

    def fetched(self, wanted: list[Letter]) -> dict[str, bytes]:
        """Return the raw bytes by id; a mail taken away meanwhile is left out."""
        ...


class EmlFolder:
    """Mails as files in a folder."""

    def __init__(self, source: str, folder: Path, *, pattern: str) -> None:
        self._source = source
        self._folder = folder
        self._pattern = pattern

    def listed(self) -> list[Letter]:
        """Return the files, sorted by name."""
        found: list[Letter] = []
        try:
            if not self._folder.is_dir():
                raise SourceUnavailableError(
                    self._source, f"folder {str(self._folder)!r} is not there; mount it or correct 'path'"
                )
            for path in sorted(self._folder.glob(self._pattern)):
                if path.name.startswith(".") or not path.is_file():
                    continue
                stat = path.stat()
                version = f"{stat.st_mtime_ns:x}-{stat.st_size:x}"
                found.append(Letter(id=path.name, version=version, size=stat.st_size))
        except OSError as error:
            raise SourceUnavailableError(
                self._source, f"cannot list {str(self._folder)!r}: {error}"
            ) from error
        return found

    def fetched(self, wanted: list[Letter]) -> dict[str, bytes]:
        """Return the files' bytes."""
        got: dict[str, bytes] = {}
        for letter in wanted:
            try:
                got[letter.id] = (self._folder / letter.id).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceUnavailableError(self._source, f"cannot read {letter.id!r}: {error}") from error
        return got


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a mail server answers and who we are there."""

    scheme: str
    host: str
    port: int
    user: str
    password: str


def server_of(source: str, url: str, user: str, password: str, *, ports: dict[str, int]) -> Server:
    """Read a server's address.

    Raises:
        SourceUsageError: Unknown scheme, no host, or a password that would go over the wire in clear text.
    """
    parts = urlsplit(url)
    if parts.scheme not in ports or not parts.hostname:
        schemes = ", ".join(f"{name}://" for name in ports)
        raise SourceUsageError(
            source, f"address with scheme {parts.scheme!r} is none of {schemes}host[:port]"
        )
    server = Server(
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port or ports[parts.scheme],
        user=user or unquote(parts.username or ""),
        password=password or unquote(parts.password or ""),
    )
    if server.password and parts.scheme in {"imap", "smtp"} and server.host not in LOOPBACK:
        raise SourceUsageError(
            source,
            f"{parts.scheme}:// would send the password to {server.host!r} in clear text; "
            f"use {parts.scheme}s:// or {parts.scheme}+starttls://",
        )
    return server


class ImapFolder:
    """One folder of an IMAP account, opened read-only (EXAMINE) and read with PEEK: no flag ever changes."""

    def __init__(self, source: str, server: Server, *, folder: str, timeout: float) -> None:
        self._source = source
        self._server = server
        self._folder = folder
        self._timeout = timeout

    def listed(self) -> list[Letter]:
        """Return every mail by UID."""
        with self._open() as (box, validity):
            uids = box.uids("ALL")
            sizes = self._sizes(box, uids)
        return [
            Letter(id=f"{validity}/{uid}", version=f"{validity}/{uid}", size=sizes.get(uid, 0))
            for uid in uids
        ]

    def fetched(self, wanted: list[Letter]) -> dict[str, bytes]:
        """Return raw mails."""
        if not wanted:
            return {}
        got: dict[str, bytes] = {}
        with self._open() as (box, validity):
            mine = [letter.id.split("/")[1] for letter in wanted if letter.id.startswith(f"{validity}/")]
            for start in range(0, len(mine), BATCH):
                for uid, raw in self._raw(box, mine[start : start + BATCH]):
                    got[f"{validity}/{uid}"] = raw
        return got

    def _sizes(self, box: Any, uids: list[str]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for start in range(0, len(uids), 500):
            answers = _command(box, ",".join(uids[start : start + 500]), "(RFC822.SIZE)")
            for item in answers:
                words: bytes = cast("tuple[bytes, bytes]", item)[0] if isinstance(item, tuple) else item
                uid, size = _number(words, b"UID"), _number(words, b"RFC822.SIZE")
                if uid and size:
                    sizes[uid] = int(size)
        return sizes

    def _raw(self, box: Any, uids: list[str]) -> Iterator[tuple[str, bytes]]:
        answers = _command(box, ",".join(uids), "(BODY.PEEK[])")
        for number, answer in enumerate(answers):
            if not isinstance(answer, tuple):
                continue
            item = cast("tuple[bytes, bytes]", answer)
            after = answers[number + 1] if number + 1 < len(answers) else b""
            rest = after if isinstance(after, bytes) else b""  # some servers name the UID after the literal
            uid = _number(item[0], b"UID") or _number(rest, b"UID")
            if uid:
                yield uid, item[1]

    @contextmanager
    def _open(self) -> Generator[tuple[Any, str]]:
        import imaplib

        from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError

        where = f"{self._server.host}:{self._server.port}"
        try:
            box = self._connected()
            try:
                box.login(self._server.user, self._server.password, initial_folder=None)
                box.folder.set(self._folder, readonly=True)
                yield box, _validity(box)
            finally:
                _leave(box)
        except MailboxLoginError as error:
            raise SourceDeniedError(
                self._source, f"{where} refused user {self._server.user!r}", code="mail.login"
            ) from error
        except MailboxFolderSelectError as error:
            raise SourceDataError(
                self._source,
                f"has no folder {self._folder!r} at {where}; correct 'folder'",
                code="mail.folder",
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise SourceUsageError(
                self._source, f"the certificate of {where} is not trusted: {error.verify_message}"
            ) from error
        except (OSError, imaplib.IMAP4.error, ImapToolsError, EOFError) as error:
            raise SourceUnavailableError(
                self._source, f"{where} does not answer as IMAP: {type(error).__name__}: {error}"
            ) from error

    def _connected(self) -> Any:
        from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted

        server, timeout = self._server, self._timeout
        if server.scheme == "imaps":
            secure = ssl.create_default_context()
            return MailBox(server.host, server.port, timeout=timeout, ssl_context=secure)
        if server.scheme == "imap+starttls":
            secure = ssl.create_default_context()
            return MailBoxStartTls(server.host, server.port, timeout=timeout, ssl_context=secure)
        return MailBoxUnencrypted(server.host, server.port, timeout=timeout)


def _command(box: Any, uids: str, parts: str) -> list[Any]:
    import imaplib

    status, answers = cast("tuple[str, list[Any]]", box.client.uid("FETCH", uids, parts))
    if status != "OK":
        raise imaplib.IMAP4.error(f"FETCH was answered {status}")
    return [item for item in answers if item]


def _number(words: bytes, name: bytes) -> str:
    """The figure after ``name`` in an answer such as ``1 (UID 5 RFC822.SIZE 44)``."""
    fields = words.replace(b"(", b" ").replace(b")", b" ").split()
    if name not in fields[:-1]:
        return ""
    return fields[fields.index(name) + 1].decode("ascii", "replace")


def _validity(box: Any) -> str:
    _, answer = box.client.response("UIDVALIDITY")
    first = answer[0] if answer else None
    return first.decode("ascii", "replace") if isinstance(first, bytes) else "0"


def _leave(box: Any) -> None:
    """Log out; a connection that is gone already cannot be left politely."""
    try:
        box.logout()
    except Exception:
        box.client.shutdown()
