"""Vault owns secrets at rest: age ciphertexts in the database, the key outside of it."""

from pilothouse.storage.vault.key import Key, find_key, make_key
from pilothouse.storage.vault.store import SecretStore, StoredSecret

__all__ = ["Key", "SecretStore", "StoredSecret", "find_key", "make_key"]
