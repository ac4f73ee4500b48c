"""Owns what a call must be to be looked at at all: named, canonical, complete, labelled."""

from __future__ import annotations

from pilothouse.effects.declare import EffectSpec
from pilothouse.effects.types import EffectRequest
from pilothouse.kernel import PilothouseError, UsageError
from pilothouse.labels import Label

__all__ = ["check_call"]


def check_call(spec: EffectSpec, request: EffectRequest) -> None:
    """Refuse a call that cannot be stored, has no labels, or does not fit its declaration.

    Raises:
        UsageError: ``effects.not_canonical``, ``effects.args``, ``effects.effect_id`` or ``labels.missing``.
    """
    if not request.effect_id:
        raise UsageError(
            f"{spec.tool!r}: {request.effect_id!r} is no effect id; give one", code="effects.effect_id"
        )
    try:
        _ = request.call_hash
    except PilothouseError as error:
        raise UsageError(f"{spec.tool!r}: {error.message}", code="effects.not_canonical") from error
    missing = [name for name in (*spec.steering, *spec.idempotency) if name not in request.args]
    if missing:
        raise UsageError(f"{spec.tool!r} needs the argument {missing[0]!r}; pass it", code="effects.args")
    bare = [name for name in request.args if not isinstance(request.labels.get(name), Label)]
    if not isinstance(request.pc, Label):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may lie
        bare.append("pc")
    if bare:
        raise UsageError(
            f"{spec.tool!r}: {bare[0]!r} has no label; pass one in labels= and pc=",
            code="labels.missing",
        )
