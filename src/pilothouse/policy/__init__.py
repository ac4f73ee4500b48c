"""Policy owns who may do what and which values may cause which effect: facts in, verdict out. Pure."""

from pilothouse.policy.authorizer import Authorizer, Explanation
from pilothouse.policy.predicate import Predicate
from pilothouse.policy.request import AccessRequest, Scalar, asked
from pilothouse.policy.rows import Dialect, Rewritten, RowRules, TableRule
from pilothouse.policy.schema import Fact, FactType, Kind, ValueType
from pilothouse.policy.sink import Sink, judge
from pilothouse.policy.types import ALLOW, Verdict

__all__ = [
    "ALLOW",
    "AccessRequest",
    "Authorizer",
    "Dialect",
    "Explanation",
    "Fact",
    "FactType",
    "Kind",
    "Predicate",
    "Rewritten",
    "RowRules",
    "Scalar",
    "Sink",
    "TableRule",
    "ValueType",
    "Verdict",
    "asked",
    "judge",
]
