"""Owns how a question comes into the queue: what must be right, blind draws, seeded ones, reminders."""
