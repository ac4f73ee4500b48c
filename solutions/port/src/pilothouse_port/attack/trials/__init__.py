"""Trials own running attacks: agents on the real door, approvals misused, verdicts compared."""
