"""Sight owns what of a source one principal sees: rows by policy, masked fields, and SQL he wrote himself."""

from pilothouse.connectors.sight.asking import Asked, answered
from pilothouse.connectors.sight.reading import Sight, seen, sight_of

__all__ = ["Asked", "Sight", "answered", "seen", "sight_of"]
