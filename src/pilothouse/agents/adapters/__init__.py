"""Adapters: the loop and the sandbox of agents, each behind a face of our own."""
