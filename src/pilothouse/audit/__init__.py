"""Audit owns the append-only, hash-chained log of everything that happened."""

from pilothouse.audit.log import append, entries
from pilothouse.audit.sequencer import chain, keep_chained, settle
from pilothouse.audit.types import GENESIS, AuditEntry, Broken, ChainedEntry, Head, Verification
from pilothouse.audit.verifier import export, verify, verify_lines

__all__ = [
    "GENESIS",
    "AuditEntry",
    "Broken",
    "ChainedEntry",
    "Head",
    "Verification",
    "append",
    "chain",
    "entries",
    "export",
    "keep_chained",
    "settle",
    "verify",
    "verify_lines",
]
