"""Owns the allow-list of foreign SQL: syntax, functions and types; everything else is refused."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pilothouse.kernel import DeniedError

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["check", "refused"]

_SYNTAX = """
    Select Subquery Union Intersect Except With CTE From Join Lateral Where Group Having Order Ordered Limit
    Offset Distinct Values Tuple Table TableAlias Identifier Column Star Alias Literal Null Boolean Paren
    Not And Or Neg EQ NEQ LT LTE GT GTE NullSafeEQ NullSafeNEQ Is In Between Like ILike Escape Exists Any All
    Add Sub Mul Div Mod DPipe Case If Cast DataType DataTypeParam Interval Var Window WindowSpec Filter
    WithinGroup AtTimeZone Cube Rollup GroupingSets
"""
_FUNCTIONS = """
    Coalesce Nullif Greatest Least Abs Sign Round Ceil Floor Pow Sqrt Exp Ln
    Lower Upper Trim Length Substring Left Right Concat ConcatWs Replace StrPosition Initcap
    Count CountIf Sum Avg Min Max Stddev StddevPop StddevSamp Variance VariancePop Median PercentileCont
    PercentileDisc GroupConcat LogicalAnd LogicalOr
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue
    Extract TimestampTrunc DateTrunc Date TimeToStr DateDiff Year Month Day CurrentDate CurrentTimestamp
"""
_TYPES = """
    TINYINT SMALLINT MEDIUMINT INT BIGINT UBIGINT UINT DECIMAL FLOAT DOUBLE BOOLEAN CHAR NCHAR VARCHAR
    NVARCHAR TEXT DATE TIME TIMETZ TIMESTAMP TIMESTAMPTZ TIMESTAMPNTZ DATETIME INTERVAL UUID
""".split()  # noqa: SIM905 - a list to read
_UNITS = """
    MICROSECOND MICROSECONDS MILLISECOND MILLISECONDS SECOND SECONDS MINUTE MINUTES HOUR HOURS DAY DAYS WEEK
    WEEKS MONTH MONTHS QUARTER QUARTERS YEAR YEARS EPOCH DOW ISODOW DOY ISOYEAR DECADE CENTURY
""".split()  # noqa: SIM905 - a list to read
# What a node may carry; others may carry whatever the allowed nodes below them are.
_ARGUMENTS = {
    "Select": "with_ expressions distinct from_ joins laterals where group having order limit offset windows",
    "Union": "with_ this expression distinct order limit offset",
    "Intersect": "with_ this expression distinct order limit offset",
    "Except": "with_ this expression distinct order limit offset",
    "Subquery": "with_ this alias",
    "Table": "this db alias",
    "Join": "this on using kind side method",
    "Lateral": "this alias",
    "With": "expressions",
    "CTE": "this alias materialized",
    "Limit": "expression",
    "Offset": "expression",
    "Column": "this table",
    "Star": "",
    "Values": "expressions alias",
    "DataType": "this expressions nested",
    "Cast": "this to",
}


def refused(what: str, why: str) -> DeniedError:
    """Return the refusal of a statement; ``what`` is its stable reason."""
    return DeniedError(f"this SQL is refused: {why}", code="policy.sql", reasons=(f"sql.{what}",))


def check(tree: exp.Expr, names: Collection[str], functions: Collection[str]) -> None:
    """Refuse what is not on the list.

    Args:
        tree: A parsed statement.
        names: Columns and aliases that exist, folded.
        functions: Functions that the database has beyond the list, in lower case.

    Raises:
        DeniedError: ``policy.sql``.
    """
    from sqlglot import exp

    allowed = _classes()
    for node in tree.walk():
        kind = type(node).__name__
        if isinstance(node, exp.Anonymous):
            _check_function(node, functions)
        elif isinstance(node, exp.Func) and node.sql_name().lower() in functions:
            continue
        elif type(node) not in allowed:
            raise refused(f"syntax:{kind}", f"{kind!r} is not on the list of what foreign SQL may use")
        else:
            _check_arguments(node, kind)
            _check_words(node, kind, names)


@cache
def _classes() -> frozenset[type[Any]]:
    from sqlglot import exp

    return frozenset(cast("type[Any]", getattr(exp, name)) for name in (_SYNTAX + _FUNCTIONS).split())


def _check_function(node: exp.Expr, functions: Collection[str]) -> None:
    name = node.args["this"]
    if not isinstance(name, str) or name.lower() not in functions:
        raise refused("function", f"the function {node.name!r} is not on the list of functions")


def _check_arguments(node: exp.Expr, kind: str) -> None:
    known = _ARGUMENTS.get(kind)
    if known is None:
        return
    for name, value in node.args.items():
        if value and name not in known.split():
            raise refused(f"syntax:{kind}.{name}", f"{name!r} is not allowed in {kind!r}")


def _check_words(node: exp.Expr, kind: str, names: Collection[str]) -> None:
    from sqlglot import exp

    if isinstance(node, exp.Var) and node.name.upper() not in _UNITS:
        raise refused("word", f"the word {node.name!r} is no unit of time")
    if isinstance(node, exp.DataType) and node.this.name not in _TYPES:
        raise refused("type", f"the type {node.sql()!r} is not on the list of types")
    if isinstance(node, exp.Column) and not node.is_star and node.name.casefold() not in names:
        raise refused("column", f"there is no column {node.name!r}; name the table's columns")
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise refused("table", f"{kind} must be a name, not {node.sql()!r}")
