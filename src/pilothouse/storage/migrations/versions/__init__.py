"""Owns the revisions, one file each."""
