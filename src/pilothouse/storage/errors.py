"""Owns the translation of PostgreSQL's errors into the six kinds; other parts never see a driver's error."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pilothouse.kernel import (
    ConflictError,
    DataError,
    LimitError,
    PilothouseError,
    UnavailableError,
    UsageError,
)

if TYPE_CHECKING:
    import psycopg

__all__ = ["REPEATABLE", "ConstraintError", "lost", "translate", "translated"]


class ConstraintError(ConflictError):
    """A row breaks a constraint; ``constraint`` names it and ``kind`` says which sort."""

    code = "storage.constraint"

    def __init__(self, message: str, *, code: str, constraint: str | None) -> None:
        super().__init__(message, code=code)
        self.constraint = constraint
        self.kind = code.removeprefix("storage.")


_CONSTRAINTS = {
    "23505": "storage.unique",
    "23503": "storage.foreign_key",
    "23514": "storage.check",
    "23502": "storage.not_null",
    "23P01": "storage.exclusion",
}
# The connection went away while a statement ran: repeating may help, if it is safe.
REPEATABLE = frozenset({"storage.connection", "storage.shutdown"})
# Exact states first, then the two-character class.
_KINDS: dict[str, tuple[type[PilothouseError], str, str]] = {
    "40": (ConflictError, "storage.serialization", "read again and repeat the transaction"),
    "55P03": (ConflictError, "storage.locked", "another transaction holds the row; try again"),
    "57014": (LimitError, "storage.timeout", "raise the limit or make the query smaller"),
    "53100": (UnavailableError, "storage.disk_full", "free space on the database's disk"),
    "53": (UnavailableError, "storage.resources", "lower pool_size or raise max_connections"),
    "57": (UnavailableError, "storage.shutdown", "the server is stopping or starting; try again"),
    "08": (UnavailableError, "storage.connection", "try again"),
    "25P03": (UnavailableError, "storage.idle_transaction", "the transaction was silent too long; repeat it"),
    "28": (UnavailableError, "storage.login", "check user and password of PILOTHOUSE_DATABASE_URL"),
    "3D": (UsageError, "storage.no_database", "create the database or correct the URL"),
    "42501": (UsageError, "storage.rights", "grant the database role the right it lacks"),
    "42": (UsageError, "storage.sql", "correct the query, or run the migrations"),
    "22": (DataError, "storage.value", "correct the value"),
    "XX": (DataError, "storage.damaged", "read the server's log and see `pilothouse doctor`"),
    "P0001": (DataError, "storage.refused", "a rule in the database refused the change"),
}


def lost(error: BaseException) -> bool:
    """Whether the server or the way to it went away, so that a fresh connection may help."""
    import psycopg

    if not isinstance(error, psycopg.OperationalError):
        return isinstance(error, OSError)
    state = error.sqlstate
    return state is None or state.startswith("08") or state in {"57P01", "57P02", "57P03", "57P05", "25P03"}


def translate(error: psycopg.Error, *, doing: str = "the statement") -> PilothouseError:
    """Return the error of ours that says what the reader should do; the original is its cause."""
    import psycopg

    state = error.sqlstate or ""
    text = " ".join(str(error).split()) or type(error).__name__
    if state in _CONSTRAINTS:
        name = error.diag.constraint_name or error.diag.column_name
        return ConstraintError(f"{doing} breaks {name!r}: {text}", code=_CONSTRAINTS[state], constraint=name)
    kind = _KINDS.get(state) or _KINDS.get(state[:2])
    if kind is not None:
        cls, code, step = kind
        return cls(f"{doing} failed: {text}; {step}", code=code)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return UnavailableError(f"{doing} lost its connection: {text}; try again", code="storage.connection")
    return UsageError(f"{doing} failed: {text}; correct the query or its parameters", code="storage.sql")


@contextmanager
def translated(doing: str) -> Generator[None]:
    """Raise driver errors of the block as errors of ours."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise translate(error, doing=doing) from error
