"""Adapters own the libraries that parse strangers' bytes; they run in the cage, never in our process."""
