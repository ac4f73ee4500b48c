"""Rows owns what of a foreign database a principal may see, whatever SQL is asked of it."""

from pilothouse.policy.rows.rewrite import RowRules
from pilothouse.policy.rows.types import Dialect, Rewritten, TableRule

__all__ = ["Dialect", "Rewritten", "RowRules", "TableRule"]
