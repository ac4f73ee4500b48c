"""Owns the port of a second device: a place outside the database that keeps the log too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from pilothouse.audit.types import Record, Tail

__all__ = ["AuditDevice"]


class AuditDevice(Protocol):
    """Takes lines and never gives them up; the conformance suite is in ``pilothouse.audit.testing``."""

    def append(self, records: Sequence[Record]) -> None:
        """Make the lines durable, in order; placed ones that it holds already are skipped.

        Raises:
            OSError: They are not durable, or nobody knows; append them again.
        """
        ...

    def tail(self) -> Tail:
        """Return how far it has come, by what is durable.

        Raises:
            OSError: It cannot be read.
        """
        ...

    def lines(self) -> Iterator[bytes]:
        """Yield every line it holds, without newlines.

        Raises:
            OSError: It cannot be read.
        """
        ...
