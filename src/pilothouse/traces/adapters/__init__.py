"""Adapters of traces: the one place of this part that dials out."""
