"""Drafts own words to others: notes in the receiver's language, corrections, every value out of evidence."""

from pilothouse_port.drafts.write import LANGUAGES, refuse_strangers, worded

__all__ = ["LANGUAGES", "refuse_strangers", "worded"]
