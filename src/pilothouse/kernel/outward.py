"""Owns the mark of an effect that the door is letting out; whatever writes outside asks for it.

The door sets it while it calls a tool; a connector refuses to write without it. It guards against code that
goes round the door by mistake, not against code that means to: code in this process can do anything.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Generator

from pilothouse.kernel.errors import DeniedError

__all__ = ["passing", "require_passing"]

_passing: contextvars.ContextVar[str | None] = contextvars.ContextVar("pilothouse_passing", default=None)


@contextlib.contextmanager
def passing(effect_id: str) -> Generator[None]:
    """Let ``effect_id`` write outside while the block runs; only the door may."""
    token = _passing.set(effect_id)
    try:
        yield
    finally:
        _passing.reset(token)


def require_passing(effect_id: str) -> None:
    """Refuse unless the door is letting out this very effect.

    Raises:
        DeniedError: ``effects.no_door``.
    """
    if _passing.get() == effect_id and effect_id:
        return
    raise DeniedError(
        f"effect {effect_id!r} is not passing the door; write inside an @effect and perform() that",
        code="effects.no_door",
        reasons=("effects.no_door",),
    )
