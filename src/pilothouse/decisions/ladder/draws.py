"""Owns the lot that says which effects are reviewed: the agent cannot predict it, an auditor can redo it."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

__all__ = ["KEY_BYTES", "drawn"]

KEY_BYTES: Final = 32
BITS: Final = 256


def drawn(key: bytes, effect_id: str, share: float) -> bool:
    """Whether the lot falls on ``effect_id``: ``HMAC-SHA256(key, effect id) / 2^256 < share``, exactly.

    Args:
        key: Secret of the installation.
        effect_id: The effect.
        share: Chance, from 0 to 1.
    """
    digest = hmac.new(key, effect_id.encode(), hashlib.sha256).digest()
    above, below = float(share).as_integer_ratio()
    return int.from_bytes(digest, "big") * below < above << BITS
