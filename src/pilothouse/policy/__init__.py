"""Policy owns who may do what and which values may cause which effect: facts in, verdict out. Pure."""

from pilothouse.policy.sink import Sink, judge
from pilothouse.policy.types import ALLOW, Verdict

__all__ = ["ALLOW", "Sink", "Verdict", "judge"]
