"""Tree owns the tree of RFC 6962 over the log: which hashes a proof needs, where they lie, the proofs."""

from pilothouse.audit.tree.nodes import HEIGHT, fold, roots
from pilothouse.audit.tree.ranges import growth, inclusion, perfect

__all__ = ["HEIGHT", "fold", "growth", "inclusion", "perfect", "roots"]
