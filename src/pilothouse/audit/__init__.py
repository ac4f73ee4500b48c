"""Audit owns the append-only log of everything that happened: tree, heads, second device, proofs."""

from pilothouse.audit.bundle import export, offline_verifier
from pilothouse.audit.devices import Attached, FileDevice
from pilothouse.audit.heads import heads, sign
from pilothouse.audit.leaves import label_fields
from pilothouse.audit.log import append, append_many, entries, record
from pilothouse.audit.opening import confirm, keep_chained, open_audit, public_key, require_device
from pilothouse.audit.persons import erase, personal, refers
from pilothouse.audit.ports import AuditDevice
from pilothouse.audit.sequencer import chain, settle
from pilothouse.audit.tree.proofs import find_entries, prove, prove_growth
from pilothouse.audit.types import (
    EMPTY,
    AuditEntry,
    Broken,
    ChainedEntry,
    Growth,
    Head,
    Proof,
    Record,
    SignedHead,
    Tail,
    Verification,
)
from pilothouse.audit.verifier import verify, verify_lines

__all__ = [
    "EMPTY",
    "Attached",
    "AuditDevice",
    "AuditEntry",
    "Broken",
    "ChainedEntry",
    "FileDevice",
    "Growth",
    "Head",
    "Proof",
    "Record",
    "SignedHead",
    "Tail",
    "Verification",
    "append",
    "append_many",
    "chain",
    "confirm",
    "entries",
    "erase",
    "export",
    "find_entries",
    "heads",
    "keep_chained",
    "label_fields",
    "offline_verifier",
    "open_audit",
    "personal",
    "prove",
    "prove_growth",
    "public_key",
    "record",
    "refers",
    "require_device",
    "settle",
    "sign",
    "verify",
    "verify_lines",
]
