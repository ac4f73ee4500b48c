"""Owns the engine's errors and the form in which a step's error is recorded and raised again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pilothouse.kernel import (
    ConflictError,
    DataError,
    DeniedError,
    LimitError,
    PilothouseError,
    UnavailableError,
    UsageError,
    Waiting,
)

__all__ = [
    "ChildError",
    "ContinueAs",
    "Diverged",
    "Fenced",
    "JournalLost",
    "ReplayMiss",
    "StepError",
    "error_text",
    "rebuild_error",
]


class Fenced(Waiting):
    """Another claim of this run is newer; this segment stops without writing anything."""


class ContinueAs(Waiting):
    """The run ends and a new one of the same workflow goes on with other arguments."""

    def __init__(self, args: Mapping[str, Any], *, label: str | None = None) -> None:
        super().__init__("continued as a new run")
        self.with_args = dict(args)
        self.label = label


class JournalLost(Waiting):
    """The database did not answer for too long; the run is left as it is and taken up again later."""


class Diverged(Waiting):
    """The code asks for something else than the journal holds at this key.

    Attributes:
        key: Where.
        recorded: What the journal holds, in words.
        called: What the code asked for, in words.
    """

    def __init__(self, key: str, recorded: str, called: str) -> None:
        super().__init__(
            f"at {key!r} the journal holds {recorded} but the code asks for {called}; "
            "guard the change with patched(), fork from an earlier step, or cancel the run"
        )
        self.key, self.recorded, self.called = key, recorded, called


class ReplayMiss(Waiting):
    """A sealed replay asked for something that was never recorded."""


class StepError(PilothouseError):
    """A step failed with an error outside the six kinds; ``kind`` is the name of its class."""

    code = "engine.step_failed"

    def __init__(self, message: str, *, code: str | None = None, kind: str = "Exception") -> None:
        super().__init__(message, code=code)
        self.kind = kind


class ChildError(PilothouseError):
    """A child run failed, was cancelled or is blocked; the message names it."""

    code = "engine.child_failed"


_KINDS: Final[dict[str, type[PilothouseError]]] = {
    "usage": UsageError,
    "denied": DeniedError,
    "data": DataError,
    "unavailable": UnavailableError,
    "limit": LimitError,
    "conflict": ConflictError,
    "child": ChildError,
}


def error_text(error: Exception) -> str:
    """Return the recorded form of ``error``: kind, code, message and what its kind adds."""
    kind = next((name for name, cls in _KINDS.items() if isinstance(error, cls)), "step")
    fields: dict[str, Any] = {"kind": kind, "message": str(error), "class": type(error).__name__}
    if isinstance(error, PilothouseError):
        fields |= {"message": error.message, "code": error.code}
    if isinstance(error, DeniedError):
        fields["reasons"] = list(error.reasons)
    if isinstance(error, StepError):
        fields["class"] = error.kind
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def rebuild_error(text: str) -> PilothouseError:
    """Return the error that a recorded form stands for; the first run and a replay raise the same."""
    fields = json.loads(text)
    kind, message, code = fields["kind"], fields["message"], fields.get("code")
    if kind == "step":
        return StepError(message, code=code, kind=fields["class"])
    if kind == "denied":
        return DeniedError(message, code=code, reasons=fields.get("reasons", ()))
    return _KINDS[kind](message, code=code)
