"""Specs: what an agent is, as data of our own; published, versioned, and read back."""
