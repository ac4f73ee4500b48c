"""Owns the rewriting of foreign SQL: every table it names becomes the rows and columns its asker may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pilothouse.kernel import UsageError
from pilothouse.policy.rows.allowed import check, refused
from pilothouse.policy.rows.conditions import condition, constant
from pilothouse.policy.rows.types import Dialect, Rewritten, TableRule

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect as Grammar

__all__ = ["RowRules"]

_KEPT = 1024
_LONGEST = 20_000
_LARGEST = 5_000
_CTE = "pilothouse_cte_"


class RowRules:
    """What a principal may see of one foreign database; immutable, made anew when policy changes.

    Args:
        dialect: Of the database; ``mysql`` is MariaDB too.
        tables: What it may be asked about; a bare name is the first of that name. Nothing else exists.
        functions: Functions beyond the list that are safe there, by name.
        max_rows: Of a result.
        max_depth: Of queries in queries.
    """

    def __init__(
        self,
        dialect: Dialect,
        tables: Iterable[TableRule],
        *,
        functions: Iterable[str] = (),
        max_rows: int = 10_000,
        max_depth: int = 8,
    ) -> None:
        self.dialect: Dialect = dialect
        self.max_rows = max_rows
        self.max_depth = max_depth
        self.tables: dict[tuple[str | None, str], TableRule] = {}
        self.functions = frozenset(name.lower() for name in functions)
        rules = list(tables)
        for rule in rules:
            key = (rule.schema and rule.schema.casefold(), rule.name.casefold())
            if self.tables.setdefault(key, rule) is not rule:
                raise UsageError(
                    f"table {rule.table!r} has two rules; name each table once", code="policy.invalid"
                )
        for rule in rules:
            self.tables.setdefault((None, rule.name.casefold()), rule)
        self._kept: dict[str, Rewritten] = {}

    def rewrite(self, text: str) -> Rewritten:
        """Return a statement that shows no more than the rules allow.

        Raises:
            DeniedError: ``policy.sql``: it is no single SELECT over known tables, columns and functions, or
                too large; the reason begins with ``sql.``.
        """
        found = self._kept.get(text)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[text] = _Rewriting(self).run(text)
        return found


class _Rewriting:
    """Rewrites one statement."""

    def __init__(self, rules: RowRules) -> None:
        from sqlglot.dialects.dialect import Dialect as Dialects

        self._rules = rules
        self._grammar: Grammar = Dialects.get_or_raise(rules.dialect)
        self._read: set[str] = set()
        self._ctes = 0

    def run(self, text: str) -> Rewritten:
        from sqlglot import ErrorLevel, UnsupportedError, exp

        tree = self._parsed(text)
        for identifier in list(tree.find_all(exp.Identifier)):
            self._grammar.normalize_identifier(identifier)
        check(tree, self._names(tree), self._rules.functions)
        self._visit(tree, {}, 0)
        self._cap(tree)
        try:
            sql = tree.sql(
                dialect=self._grammar, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE
            )
        except UnsupportedError as error:
            raise refused("syntax", f"this database cannot say it: {error}") from error
        return Rewritten(sql=sql, tables=tuple(sorted(self._read)))

    def _parsed(self, text: str) -> exp.Query:
        from sqlglot import exp, parse
        from sqlglot.errors import SqlglotError

        if len(text) > _LONGEST or "\0" in text:
            raise refused("size", f"it has {len(text)} characters; at most {_LONGEST}, none of them NUL")
        try:
            trees = parse(text, read=self._grammar)
            count = sum(1 for tree in trees if tree is not None for _ in tree.walk())
        except (SqlglotError, RecursionError) as error:
            raise refused("syntax", "it cannot be read; write one plain SELECT") from error
        if len(trees) != 1 or not isinstance(trees[0], exp.Select | exp.SetOperation):
            raise refused("statement", "only one SELECT is allowed; write one, without parentheses around it")
        if count > _LARGEST:
            raise refused("size", f"it has {count} parts; at most {_LARGEST}")
        return trees[0]

    def _names(self, tree: exp.Expr) -> set[str]:
        """Return every name that a column reference may mean: columns of known tables, and aliases."""
        from sqlglot import exp

        names = {name.casefold() for rule in self._rules.tables.values() for name in rule.columns}
        names |= {alias.alias.casefold() for alias in tree.find_all(exp.Alias)}
        for alias in tree.find_all(exp.TableAlias):
            names |= {alias.name.casefold(), *(column.name.casefold() for column in alias.columns)}
        return names | {table.name.casefold() for table in tree.find_all(exp.Table)}

    def _visit(self, node: exp.Expr, ctes: Mapping[str, str], depth: int) -> None:
        """Rewrite all tables below ``node``; ``ctes`` are those visible here, by name."""
        from sqlglot import exp

        if isinstance(node, exp.Table):
            node.replace(self._table(node, ctes))
            return
        if isinstance(node, exp.Select | exp.SetOperation):
            depth += 1
            if depth > self._rules.max_depth:
                raise refused("depth", f"queries in queries go deeper than {self._rules.max_depth}")
        with_ = node.args.get("with_")
        if with_ is not None:
            ctes = self._with(with_, dict(ctes), depth)
        for child in list(node.iter_expressions()):
            if child is not with_:
                self._visit(child, ctes, depth)

    def _with(self, with_: exp.With, ctes: dict[str, str], depth: int) -> dict[str, str]:
        """Rename each CTE: then it hides no table, and no database reads the names in another way."""
        from sqlglot import exp

        for cte in with_.expressions:
            self._visit(cte.this, ctes, depth)
            self._ctes += 1
            fresh = f"{_CTE}{self._ctes}"
            ctes[cte.alias] = fresh
            cte.args["alias"].set("this", exp.to_identifier(fresh, quoted=True))
        return ctes

    def _table(self, table: exp.Table, ctes: Mapping[str, str]) -> exp.Expr:
        from sqlglot import exp

        alias = table.args.get("alias") or exp.TableAlias(this=table.this.copy())
        fresh = None if table.db else ctes.get(table.name)
        if fresh is not None:
            return exp.Table(this=exp.to_identifier(fresh, quoted=True), alias=alias)
        rule = self._rules.tables.get((table.db.casefold() or None, table.name.casefold()))
        if rule is None:
            raise refused("table", f"there is no table {table.name!r}")
        self._read.add(rule.table)
        return exp.Subquery(this=self._visible(rule), alias=alias)

    def _visible(self, rule: TableRule) -> exp.Select:
        """Return the query of what may be seen of a table, fenced so that no condition moves into it."""
        from sqlglot import exp

        inner = exp.to_identifier("pilothouse_t", quoted=True)

        def column(name: str) -> exp.Column:
            return exp.Column(this=exp.to_identifier(name, quoted=True), table=inner.copy())

        def of_attribute(name: str) -> exp.Column:
            return column(rule.attributes.get(name, name))

        table = exp.Table(
            this=exp.to_identifier(rule.name, quoted=True),
            db=exp.to_identifier(rule.schema, quoted=True) if rule.schema else None,
            alias=exp.TableAlias(this=inner),
        )
        shown = [
            exp.alias_(_masked(rule, name, column(name)), name, quoted=True, copy=False)
            for name in rule.columns
        ]
        where = condition(rule.condition, of_attribute, self._rules.dialect)
        # Without a fence the planner may run the asker's 1/(amount-7) on rows he must not see.
        return exp.Select(
            expressions=shown,
            from_=exp.From(this=table),
            where=exp.Where(this=where),
            limit=_limit(self._rules.dialect),
            offset=exp.Offset(expression=constant(0)),
        )

    def _cap(self, tree: exp.Query) -> None:
        from sqlglot import exp

        limit = tree.args.get("limit")
        most = self._rules.max_rows
        if limit is not None:
            given = limit.expression
            if not isinstance(given, exp.Literal) or not given.is_int:
                raise refused("limit", "the limit of the whole must be a plain number")
            most = min(most, int(given.name))
        tree.set("limit", exp.Limit(expression=constant(most)))


def _limit(dialect: Dialect) -> exp.Limit | None:
    """Return the limit that an OFFSET needs to stand there."""
    from sqlglot import exp

    if dialect == "postgres":
        return None
    most = exp.Neg(this=constant(1)) if dialect == "sqlite" else constant(2**64 - 1)
    return exp.Limit(expression=most)


def _masked(rule: TableRule, name: str, column: exp.Column) -> exp.Expr:
    from sqlglot import exp

    if name not in rule.masks:
        return column
    value = rule.masks[name]
    if value is None:
        return exp.Case(ifs=[exp.If(this=exp.Boolean(this=False), true=column)])
    # The column is named only so that its type stays: a sum over the mask is a sum over the column.
    return exp.Case(ifs=[exp.If(this=exp.Boolean(this=True), true=constant(value))], default=column)
