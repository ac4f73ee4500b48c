"""Owns what the door needs from outside: evidence read again, and the versions in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pilothouse.decisions import Evidence
from pilothouse.labels import Labelled

__all__ = ["Rereader", "Versions"]


class Rereader(Protocol):
    """Reads evidence again at its source; ``app.py`` binds the connectors."""

    async def reread(self, evidence: Evidence) -> Labelled | None:
        """Return the value as it stands now; None if the source no longer has it.

        Raises:
            UnavailableError: The source does not answer; the effect waits.
        """
        ...


class Versions(Protocol):
    """Tells the versions in force now, so that a caller's memory of them does not count."""

    async def current(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the versions known under ``names``: ``policy_version`` and keys of ``data_versions``.

        A name left out keeps what the caller said.
        """
        ...
