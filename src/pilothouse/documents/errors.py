"""Owns the errors of reading files; each names the file and what to do with it."""

from __future__ import annotations

from typing import Final

from pilothouse.kernel import DataError, LimitError, PilothouseError, UnavailableError

__all__ = ["Damaged", "Encrypted", "ParserDied", "TooLarge", "Unsupported", "error_of"]


class Damaged(DataError):
    """The file is not what it says, or broken: ask for it again."""

    code = "documents.damaged"


class Encrypted(DataError):
    """The file needs a password: ask for it without."""

    code = "documents.encrypted"


class Unsupported(DataError):
    """There is no reader for this kind of file: ask for another, or read it by hand."""

    code = "documents.unsupported"


class TooLarge(LimitError):
    """The file is over one of the limits of reading; the message names limit and value."""

    code = "documents.too_large"


class ParserDied(UnavailableError):
    """The confined parser ended without an answer; the file may be hostile."""

    code = "documents.parser_died"


_KINDS: Final[dict[str, type[PilothouseError]]] = {
    "damaged": Damaged,
    "encrypted": Encrypted,
    "unsupported": Unsupported,
    "too_large": TooLarge,
}


def error_of(kind: str, message: str) -> PilothouseError:
    """Return the error that a parser's answer names; what it names otherwise is a damaged file."""
    return _KINDS.get(kind, Damaged)(message)
