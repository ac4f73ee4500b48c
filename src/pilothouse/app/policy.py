"""Owns loading a project's policy: its roles and Cedar files become the authority that everything asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import RIGHTS, UsageError

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.kernel import Authority
    from pilothouse.policy import Authorizer, FactType

__all__ = ["load_authority", "load_authorizer"]


def load_authority(project: Project) -> Authority:
    """Return the authority of a project; without roles, kinds and policies it goes by principals' rights.

    Raises:
        UsageError: ``policy.invalid`` or ``project.policy``: a file is missing or wrong; names it.
    """
    if not project.file.roles and not project.file.policy.files and not project.file.kinds:
        return RIGHTS
    return load_authorizer(project)


def load_authorizer(project: Project) -> Authorizer:
    """Return the project's policy as an :class:`~pilothouse.policy.Authorizer`, also where it is empty.

    Raises:
        UsageError: As :func:`load_authority`.
    """
    from pilothouse.policy import Authorizer, Kind

    file = project.file
    return Authorizer.load(
        {name: _text(project.folder / name) for name in file.policy.files},
        roles={name: entry.rights for name, entry in file.roles.items()},
        kinds=[Kind(name=name, attributes=entry.attributes) for name, entry in file.kinds.items()],
        facts=_fact_types(file.principals),
        principals={name: entry.facts for name, entry in file.principals.items() if entry.facts},
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the policy {path} cannot be read ({type(error).__name__}); correct [policy] files in "
            "pilothouse.toml",
            code="project.policy",
        ) from error


def _fact_types(principals: Mapping[str, Any]) -> dict[str, FactType]:
    """Return the type of every fact that some principal has; two types of one fact are refused."""
    types: dict[str, FactType] = {}
    for name, entry in principals.items():
        for fact, value in entry.facts.items():
            kind = _type_of(value)
            if kind is None or types.setdefault(fact, kind) != kind:
                raise UsageError(
                    f"[principals.{name}.facts] {fact} = {value!r} is no text, whole number, truth value or "
                    f"list of texts like the others; correct pilothouse.toml",
                    code="project.policy",
                )
    return types


def _type_of(value: object) -> FactType | None:
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Long"
    if isinstance(value, str):
        return "String"
    return "Set<String>" if isinstance(value, list) else None
