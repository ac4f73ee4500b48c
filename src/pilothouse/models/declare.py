"""Owns the declaration of models in the project file: providers, routes, redactors, budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

from pilothouse.models.budget import BudgetRule
from pilothouse.models.errors import ModelUsageError
from pilothouse.models.privacy.redact import Redactor
from pilothouse.models.provider import Abilities, Price, Provider, Route

__all__ = ["Declared", "declared"]

T = TypeVar("T")
KINDS = ("openai", "local")
TABLES = ("providers", "routes", "redactors", "budgets")
LAST = "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a project declares of models."""

    providers: tuple[Provider, ...] = ()
    routes: tuple[Route, ...] = ()
    redactors: tuple[Redactor, ...] = ()
    budgets: tuple[BudgetRule, ...] = ()


def declared(table: Mapping[str, Any], *, template: Callable[[str], str]) -> Declared:
    """Return the ``[models]`` table of a project as nouns.

    Args:
        table: As it stands in ``pilothouse.toml``.
        template: Reads the template file of a route.

    Raises:
        ModelUsageError: ``models.declaration`` naming the table and the key, or ``models.literal_secret``.
    """
    for name in table:
        if name not in TABLES:
            raise _wrong(name, f"there is no such table; it may be {', '.join(TABLES)}")
    providers = tuple(
        _provider(name, one, f"providers.{name}") for name, one in _tables(table, "providers").items()
    )
    routes = tuple(
        _route(task, one, f"routes.{task}", template) for task, one in _tables(table, "routes").items()
    )
    known = {one.name for one in providers}
    for route in routes:
        unknown = [name for name in route.use if name not in known]
        if unknown:
            raise _wrong(f"routes.{route.task}.use", f"there is no provider {unknown[0]!r}")
    return Declared(
        providers=providers,
        routes=routes,
        redactors=tuple(
            _made(Redactor, one, f"redactors.{name}", name=name)
            for name, one in _tables(table, "redactors").items()
        ),
        budgets=tuple(
            _budget(one, f"budgets[{place}]")
            for place, one in enumerate(_list(table.get("budgets", []), "budgets"))
        ),
    )


def _provider(name: str, table: Mapping[str, Any], path: str) -> Provider:
    found = dict(table)
    kind = found.get("kind", "openai")
    if kind not in KINDS:
        raise _wrong(f"{path}.kind", f"{kind!r} is none; it is {' or '.join(map(repr, KINDS))}")
    if kind == "openai" and not found.get("url"):
        raise _wrong(
            f"{path}.url", "it is missing; write the server's base address, such as 'http://host/v1'"
        )
    credential = found.get("credential", "")
    if credential and not str(credential).startswith("secret://"):
        raise ModelUsageError(
            f"[models.{path}] credential holds a secret in clear text; put it elsewhere and write "
            "secret://env/NAME or secret://store/NAME",
            code="models.literal_secret",
        )
    found["abilities"] = _abilities(found.get("abilities", {}), f"{path}.abilities")
    price = found.get("price", {})
    found["price"] = _made(Price, price, f"{path}.price")
    if kind == "local":
        found.setdefault("model", "smollm2")
        found["abilities"] = _local(found["abilities"], "abilities" in table)
    return _made(Provider, found, path, name=name)


def _local(abilities: Abilities, given: bool) -> Abilities:
    """Return what the embedded runtime can do; it holds every schema by grammar, and may word nothing."""
    return abilities if given else Abilities(json_schema=True, logprobs=True, lora=True, max_context=4096)


def _abilities(value: Any, path: str) -> Abilities:
    if isinstance(value, list):
        value = dict.fromkeys(cast("list[str]", value), True)
    return _made(Abilities, value, path)


def _route(task: str, table: Mapping[str, Any], path: str, template: Callable[[str], str]) -> Route:
    found = dict(table)
    use = [str(one) for one in _list(found.get("use", []), f"{path}.use")]
    words = str(found.pop("template", ""))
    if LAST in use:
        if use[-1] != LAST or not words:
            raise _wrong(f"{path}.use", f"{LAST!r} comes last, and `template` names its file")
        use = use[:-1]
    if not use and not words:
        raise _wrong(f"{path}.use", "it names nobody; list providers, first choice first")
    if "readers" in found:
        found["readers"] = frozenset(_list(found["readers"], f"{path}.readers"))
    return _made(
        Route, {**found, "use": tuple(use), "template": template(words) if words else ""}, path, task=task
    )


def _budget(table: Any, path: str) -> BudgetRule:
    rule = _made(BudgetRule, table, path)
    allowed = {
        "scope": ("project", "principal", "group", "caller", "run"),
        "unit": ("tokens", "money", "cpu_seconds", "wall_seconds"),
        "per": ("", "day", "month"),
    }
    for name, values in allowed.items():
        if getattr(rule, name) not in values:
            raise _wrong(
                f"{path}.{name}", f"{getattr(rule, name)!r} is none of {', '.join(map(repr, values))}"
            )
    return rule


def _made(kind: type[T], table: Any, path: str, **fixed: Any) -> T:
    """Return a noun of a table; each key must be a field, each value of its type."""
    if not isinstance(table, Mapping):
        raise _wrong(path, f"{table!r} is no table")
    found = cast("Mapping[str, Any]", table)
    known = {one.name: str(one.type) for one in fields(cast("Any", kind))}
    values: dict[str, Any] = dict(fixed)
    for name, value in found.items():
        if name not in known or name in fixed:
            raise _wrong(f"{path}.{name}", f"there is no such key; it may be {', '.join(sorted(known))}")
        values[name] = _cast(value, known[name], f"{path}.{name}")
    try:
        return kind(**values)
    except TypeError as error:
        raise _wrong(path, str(error).partition(") ")[2] or str(error)) from None


def _cast(value: Any, kind: str, path: str) -> Any:
    if kind.startswith("Decimal"):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise _wrong(path, f"{value!r} is no number") from None
    if kind.startswith("frozenset"):
        return frozenset(_list(value, path))
    if kind.startswith("tuple"):
        return tuple(_list(value, path))
    plain: dict[str, type | tuple[type, ...]] = {
        "str": str, "bool": bool, "int": int, "float": (int, float), "date | None": date,
    }  # fmt: skip
    wanted = plain.get(kind)
    if wanted is not None and (not isinstance(value, wanted) or (kind == "int" and isinstance(value, bool))):
        raise _wrong(path, f"{value!r} is no {kind.removesuffix(' | None')}")
    return value


def _tables(table: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    found = table.get(name, {})
    if not isinstance(found, Mapping):
        raise _wrong(name, f"{found!r} is no table of tables")
    inner = cast("Mapping[str, Any]", found)
    for key, one in inner.items():
        if not isinstance(one, Mapping):
            raise _wrong(f"{name}.{key}", f"{one!r} is no table")
    return inner


def _list(value: Any, path: str) -> list[Any]:
    if isinstance(value, list | tuple | frozenset):
        return list(cast("list[Any]", value))
    raise _wrong(path, f"{value!r} is no list")


def _wrong(path: str, why: str) -> ModelUsageError:
    return ModelUsageError(f"[models.{path}] in pilothouse.toml: {why}", code="models.declaration")
