"""Owns the errors of sources; every one names its source, so that a failure is never an empty result."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from pilothouse.kernel import ConflictError, DataError, DeniedError, LimitError, UnavailableError, UsageError

__all__ = [
    "OutcomeUnknownError",
    "SourceConflictError",
    "SourceDataError",
    "SourceDeniedError",
    "SourceLimitError",
    "SourceUnavailableError",
    "SourceUsageError",
    "near",
    "unknown_field",
    "unknown_object",
    "unknown_tool",
]


class SourceUsageError(UsageError):
    """The query, the arguments or the declaration of a source are wrong."""

    code = "sources.usage"

    def __init__(self, source: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"source {source!r}: {message}", code=code)
        self.source = source


class SourceDataError(DataError):
    """The source answered with rubbish, or has not what was asked for."""

    code = "sources.data"

    def __init__(self, source: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"source {source!r}: {message}", code=code)
        self.source = source


class SourceUnavailableError(UnavailableError):
    """The source is down, slow or asks to come back later; nothing was changed in it."""

    code = "sources.unavailable"

    def __init__(
        self, source: str, message: str, *, code: str | None = None, retry_after: float = 1.0
    ) -> None:
        super().__init__(f"source {source!r}: {message}", code=code, retry_after=retry_after)
        self.source = source


class OutcomeUnknownError(SourceUnavailableError):
    """A write was sent and no answer came back: it may have happened or not; probe before trying again."""

    code = "sources.outcome_unknown"


class SourceDeniedError(DeniedError):
    """The source refused our credentials or this operation."""

    code = "sources.denied"

    def __init__(
        self, source: str, message: str, *, code: str | None = None, reasons: Sequence[str] = ()
    ) -> None:
        super().__init__(f"source {source!r}: {message}", code=code, reasons=reasons)
        self.source = source


class SourceLimitError(LimitError):
    """The answer is larger than the limit declared for the source."""

    code = "sources.limit"

    def __init__(self, source: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"source {source!r}: {message}", code=code)
        self.source = source


class SourceConflictError(ConflictError):
    """What a write stands on has moved in the source."""

    code = "sources.conflict"

    def __init__(self, source: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"source {source!r}: {message}", code=code)
        self.source = source


def near(name: str, known: Iterable[str]) -> str:
    """Return a half sentence that names what ``name`` may have meant.

    Args:
        name: What was asked for.
        known: What there is.
    """
    names = sorted(set(known))
    if not names:
        return "there is none"
    folded = {item.casefold(): item for item in reversed(names)}
    close = [folded[hit] for hit in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    shown = ", ".join(map(repr, names[:8]))
    return f"there is {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def unknown_object(source: str, name: str, known: Iterable[str]) -> SourceDataError:
    """Return the error for an object the source does not have, naming near matches."""
    return SourceDataError(source, f"has no object {name!r}; {near(name, known)}", code="sources.object")


def unknown_field(source: str, object: str, name: str, known: Iterable[str]) -> SourceDataError:
    """Return the error for a field the object does not have, naming near matches."""
    return SourceDataError(
        source, f"{object!r} has no field {name!r}; {near(name, known)}", code="sources.field"
    )


def unknown_tool(source: str, name: str, known: Iterable[str]) -> SourceUsageError:
    """Return the error for a write tool the source does not have, naming near matches."""
    return SourceUsageError(source, f"has no tool {name!r}; {near(name, known)}", code="sources.tool")
