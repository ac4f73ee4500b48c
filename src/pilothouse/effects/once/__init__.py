"""Owns that an effect happens once: its row and lease, sending it, finishing it, asking when nobody knows."""
