"""Owns making an author's types storable: models, dataclasses and enums of signatures get wire names."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import typing
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, cast

from pilothouse.kernel import UsageError, encode, wired

__all__ = ["Signature", "caller_locals", "signature_of"]

_seen: set[type] = set()
_PLAIN = frozenset({int, float, str, bool})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Parameters and types of a workflow or step.

    Attributes:
        parameters: For binding calls.
        hints: Resolved annotations; a name that cannot be resolved is left out.
    """

    parameters: inspect.Signature
    hints: Mapping[str, Any]

    @property
    def order(self) -> Mapping[str, int]:
        """Position of every parameter that may be given by position."""
        return {
            name: number
            for number, (name, one) in enumerate(self.parameters.parameters.items())
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        }

    def bind(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, defaults filled in.

        Raises:
            UsageError: ``workflows.arguments``, naming function and mistake.
        """
        try:
            bound = self.parameters.bind(*args, **kwargs)
        except TypeError as error:
            raise UsageError(f"{name}{self.parameters}: {error}", code="workflows.arguments") from error
        bound.apply_defaults()
        return dict(bound.arguments)

    def fit(self, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments in their declared types; plain JSON is turned into them.

        Raises:
            UsageError: ``workflows.arguments``, naming parameter, value and type.
        """
        bound = self.bind(name, (), args)
        fitted = {key: _fitted(f"{name}: {key}", value, self.hints.get(key)) for key, value in bound.items()}
        for key, value in fitted.items():
            encode(value, path=f"{name}.{key}")
        return fitted


def _fitted(what: str, value: Any, declared: Any) -> Any:
    """Return ``value`` as ``declared``: as it is, or read from JSON as an outside caller gives it."""
    if declared is None or declared is Any or _is(value, declared):
        return value
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = None
    if text is None or (isinstance(declared, type) and declared in _PLAIN):
        if isinstance(declared, type):
            raise UsageError(f"{what}={value!r} is not {_words(declared)}", code="workflows.arguments")
        return value
    return _from_json(what, value, text, declared)


def _is(value: Any, declared: Any) -> bool:
    if not isinstance(declared, type) or typing.get_origin(declared) is not None:
        return False
    if declared is float and isinstance(value, int) and not isinstance(value, bool):
        return True
    if declared is int and isinstance(value, bool):
        return False
    return isinstance(value, declared)


def _from_json(what: str, value: Any, text: str, declared: Any) -> Any:
    from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

    try:
        return TypeAdapter(declared).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f".{part}" for part in first["loc"])
        raise UsageError(
            f"{what}={value!r} is not {_words(declared)}: {where} {first['msg']}", code="workflows.arguments"
        ) from error
    except (PydanticSchemaGenerationError, PydanticUserError):
        return value


def _words(declared: Any) -> str:
    return getattr(declared, "__qualname__", str(declared))


def caller_locals(frame: FrameType | None) -> dict[str, Any]:
    """Return the names visible where a decorator stands, for annotations that name local classes."""
    return {} if frame is None else dict(frame.f_locals)


def signature_of(function: Callable[..., Any], visible: Mapping[str, Any]) -> Signature:
    """Return the signature of ``function`` and register the types it mentions under wire names."""
    hints = _hints(function, visible)
    for hint in hints.values():
        _register(hint)
    hints.pop("return", None)
    return Signature(parameters=inspect.signature(function), hints=hints)


def _hints(function: Callable[..., Any], visible: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, localns=dict(visible))
    except (NameError, TypeError):
        # A name that exists only for type checkers: the values are then checked when they are stored.
        return {
            name: hint for name, hint in getattr(function, "__annotations__", {}).items()
            if not isinstance(hint, str)
        }  # fmt: skip


def _register(hint: Any) -> None:
    for part in typing.get_args(hint):
        _register(part)
    if not isinstance(hint, type) or hint in _seen:
        return
    found = cast("type[Any]", hint)
    _seen.add(found)
    if issubclass(found, enum.Enum):
        _name(found)
    elif _is_model(found):
        _name(found)
        _register_fields(found, list(found.model_fields))
    elif dataclasses.is_dataclass(found):
        _name(found)
        _register_fields(found, [field.name for field in dataclasses.fields(found)])


def _is_model(cls: type) -> bool:
    return any(base.__module__ == "pydantic.main" and base.__name__ == "BaseModel" for base in cls.__mro__)


def _register_fields(cls: type, names: list[str]) -> None:
    try:
        hints = typing.get_type_hints(cls)
    except (NameError, TypeError):
        hints = {}
    for name in names:
        _register(hints.get(name))


def _name(cls: type) -> None:
    """Give ``cls`` the wire name ``module:Name`` unless ``@wired`` named it already."""
    from pilothouse.kernel import wire

    if cls not in wire._names:  # pyright: ignore[reportPrivateUsage]
        wired(f"{cls.__module__}:{cls.__qualname__}")(cls)
