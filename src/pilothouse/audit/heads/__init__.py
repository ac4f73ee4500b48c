"""Heads own the signatures over the log: the key, when a head is signed, and refusing to sign a fork."""

from pilothouse.audit.heads.keys import Signer, load_signer, public_key_file
from pilothouse.audit.heads.signing import heads, last_head, sign

__all__ = ["Signer", "heads", "last_head", "load_signer", "public_key_file", "sign"]
