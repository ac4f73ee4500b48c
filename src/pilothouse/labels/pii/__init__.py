"""Recognisers own finding personal data and credentials in text, and taking them out; pure and offline."""

from pilothouse.labels.pii.find import KINDS, find
from pilothouse.labels.pii.redact import RedactingFilter, redact, redact_value
from pilothouse.labels.pii.types import Found, Recogniser

__all__ = ["KINDS", "Found", "Recogniser", "RedactingFilter", "find", "redact", "redact_value"]
