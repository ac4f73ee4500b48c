"""Owns the ordered history of the schema; every part fills its own revisions with plain SQL."""
