"""Owns the text form of values in the journal and the hash that a replay is matched by."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from pilothouse.kernel import Json, UsageError, decode, encode

__all__ = ["EMPTY_HASH", "dump", "hash_text", "load", "wire"]


def dump(value: object, *, path: str = "value") -> str:
    """Return compact wire JSON of ``value``; equal values give equal text."""
    return json.dumps(encode(value, path=path), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def load(text: str | None) -> Any:
    """Return the value of wire JSON; None stands for no value."""
    return None if text is None else decode(cast("Json", json.loads(text)))


def wire(value: object, *, path: str) -> tuple[str, bytes]:
    """Return the text of ``value`` and the SHA-256 of its RFC 8785 form."""
    import rfc8785

    encoded = encode(value, path=path)
    try:
        body = rfc8785.dumps(cast("Any", encoded))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise UsageError(f"{path} has no canonical form: {error}", code="wire.type") from error
    return body.decode(), hashlib.sha256(body).digest()


def hash_text(text: str) -> bytes:
    """Return the SHA-256 of text that is already canonical."""
    return hashlib.sha256(text.encode()).digest()


EMPTY_HASH = hash_text("null")
