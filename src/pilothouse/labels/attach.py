"""Owns the labels that no source declares: what a person signed or typed, and what nobody declared."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from pilothouse.labels.provenance import Origin
from pilothouse.labels.types import Integrity, Label

__all__ = ["signed", "typed", "unknown"]

# Not read from anywhere: the same words give the same label, also when a run is replayed.
TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def signed(what: str, version: str) -> Label:
    """Return the label of words and configuration that a person signed: public, OPERATOR.

    Args:
        what: Such as ``workflow:release_box``.
        version: Of exactly what was signed.
    """
    return _label(frozenset(), Integrity.OPERATOR, "signed", what, version)


@lru_cache(maxsize=4096)
def typed(by: str, run: str) -> Label:
    """Return the label of words that the authenticated ``by`` typed in this run: public, OPERATOR.

    Attachments, pasted blocks, payloads of triggers and what agents say are data, not typed.
    """
    return _label(frozenset(), Integrity.OPERATOR, "typed", by, run)


@lru_cache(maxsize=4096)
def unknown(reader: str) -> Label:
    """Return the label of what nobody declared: untrusted, for ``reader`` alone."""
    return _label(frozenset({f"user:{reader}"}), Integrity.UNTRUSTED, "unknown", reader, "")


def _label(readers: frozenset[str], integrity: Integrity, source: str, object: str, version: str) -> Label:
    origin = Origin(source=source, object=object, key={}, field="", version=version, read_at=TIMELESS)
    return Label(readers=readers, integrity=integrity, origin=origin)
