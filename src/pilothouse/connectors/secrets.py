"""Owns secrets by reference: the project file names where a secret is, never the secret."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from pilothouse.kernel import UsageError

__all__ = ["SecretReferences"]

SCHEME = "secret://"


class SecretReferences:
    """Resolves ``secret://env/NAME``, ``secret://file/path#field`` and ``secret://store/name#field``.

    A file's path is relative to ``base`` (``secret://file//run/secrets/x`` is absolute). Without a field the
    whole file is the secret, less the line break at its end; with one, the file is JSON or TOML and
    ``a.b`` names the field.

    Args:
        base: Folder of the project file.
        environ: Where ``env`` references are looked up; the process's environment by default.
        reveal: Opens a stored secret by name and field; without one ``store`` references lead nowhere.
    """

    def __init__(
        self,
        *,
        base: Path,
        environ: Mapping[str, str] | None = None,
        reveal: Callable[[str, str], str] | None = None,
    ) -> None:
        self._base = base
        self._environ = os.environ if environ is None else environ
        self._reveal = reveal

    def resolve(self, reference: str) -> str:
        """Return the secret.

        Raises:
            UsageError: ``sources.secret``: malformed, or nothing stands there.
        """
        store, _, name = reference.removeprefix(SCHEME).partition("/")
        if not reference.startswith(SCHEME) or not name:
            raise _wrong(
                reference, "write secret://store/NAME, secret://env/NAME or secret://file/path#field"
            )
        if store == "env":
            return self._from_environment(reference, name)
        if store == "file":
            return self._from_file(reference, name)
        if store == "store":
            return self._from_store(reference, name)
        raise _wrong(reference, f"there is no store {store!r}; use store, env or file")

    def _from_store(self, reference: str, name: str) -> str:
        if self._reveal is None:
            raise _wrong(reference, "no stored secrets are open here; open the project's studio")
        name, _, field = name.partition("#")
        return self._reveal(name, field)

    def _from_environment(self, reference: str, name: str) -> str:
        value = self._environ.get(name)
        if not value:
            raise _wrong(reference, f"set the environment variable {name}")
        return value

    def _from_file(self, reference: str, name: str) -> str:
        file, _, field = name.partition("#")
        path = self._base / Path(file).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _wrong(reference, f"{path} cannot be read ({type(error).__name__})") from None
        if not field:
            return text.rstrip("\r\n")
        return _field(reference, path, text, field)


def _field(reference: str, path: Path, text: str, field: str) -> str:
    value: object
    try:
        value = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError:
        raise _wrong(reference, f"{path} is neither JSON nor TOML") from None
    for step in field.split("."):
        value = cast("Mapping[str, object]", value).get(step) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value:
        raise _wrong(reference, f"{path} has no text at {field!r}")
    return value


def _wrong(reference: str, why: str) -> UsageError:
    return UsageError(f"secret {reference!r} is not there: {why}", code="sources.secret")
