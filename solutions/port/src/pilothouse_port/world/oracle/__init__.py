"""Owns the truth about every box and the answer key; independent of the solution's checks by contract."""

from pilothouse_port.world.oracle.judge import KeyLine, Truth, answer_key, judge

__all__ = ["KeyLine", "Truth", "answer_key", "judge"]
