"""Owns the tree of errors; every part subclasses these six and nothing else.

::

    PilothouseError                code, message that names the value and the next step
    ├── UsageError                 fix the code or the settings
    ├── DeniedError                policy said no; carries the reasons
    ├── DataError                  the source is wrong
    ├── UnavailableError           retry; ``retry_after`` seconds
    ├── LimitError                 budget, size, time
    └── ConflictError              the version moved
    Waiting                        BaseException: not an error, never swallowed by ``except Exception``
    ├── AwaitDecision              the segment ends here and goes on when the wait is met
    └── Cancelled                  the run was cancelled

Exit codes of the CLI are mapped here once (:data:`EXIT_CODES`); HTTP will be too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = [
    "EXIT_CODES",
    "AwaitDecision",
    "Cancelled",
    "ConflictError",
    "DataError",
    "DeniedError",
    "LimitError",
    "PilothouseError",
    "UnavailableError",
    "UsageError",
    "Waiting",
    "exit_code",
]


class PilothouseError(Exception):
    """Base of every error a reader may see.

    Args:
        message: What is wrong, with the value as ``{value!r}``, and what to do next.
        code: Stable code such as ``engine.journal_full``; defaults to the class's.
    """

    code: str = "pilothouse.error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class UsageError(PilothouseError):
    """The code or the settings are wrong; the message says where."""

    code = "usage"


class DeniedError(PilothouseError):
    """A right is missing or a rule said no; ``reasons`` are stable codes."""

    code = "denied"

    def __init__(self, message: str, *, code: str | None = None, reasons: Sequence[str] = ()) -> None:
        super().__init__(message, code=code)
        self.reasons = tuple(reasons)


class DataError(PilothouseError):
    """A source, file or stored value is wrong; the message names it."""

    code = "data"


class UnavailableError(PilothouseError):
    """Something outside does not answer now; trying again may work."""

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: float = 1.0) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class LimitError(PilothouseError):
    """A budget, size or time limit was reached; the message names limit and value."""

    code = "limit"


class ConflictError(PilothouseError):
    """The version moved between reading and writing; read again."""

    code = "conflict"


class Waiting(BaseException):
    """Base of the signals that end a segment; no ``except Exception`` swallows them."""


class AwaitDecision(Waiting):
    """Unwinds the segment because an answer is awaited; the engine resumes the run later."""


class Cancelled(Waiting):
    """Unwinds the segment because its run was cancelled."""


EXIT_CODES: Final[dict[type[PilothouseError], int]] = {
    UsageError: 2,
    DeniedError: 3,
}


def exit_code(error: PilothouseError) -> int:
    """Exit code of the CLI: 2 for usage, 3 for a denial, 1 for everything else."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
