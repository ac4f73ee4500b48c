"""Owns the made world: truth (canon, oracle), what each system shows, and the servers that show it."""
