"""Owns the project file: reads and validates ``pilothouse.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pilothouse.kernel import Principal, UsageError

__all__ = ["PROJECT_FILE", "Project", "find_project", "load_project"]

PROJECT_FILE = "pilothouse.toml"


class PrincipalEntry(BaseModel):
    """One named person or service of the project.

    Attributes:
        groups: Names a task may be addressed to.
        rights: What it may do.
        facts: What Cedar policies may know of it.
        addresses: Where it is reached, such as a mail address; what is sent there it may read.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["person", "service"] = "person"
    groups: list[str] = Field(default_factory=list[str])
    rights: list[str] = Field(default_factory=list[str])
    facts: dict[str, str | int | bool | list[str]] = Field(
        default_factory=dict[str, "str | int | bool | list[str]"]
    )
    addresses: list[str] = Field(default_factory=list[str])


class RoleEntry(BaseModel):
    """One named set of rights; a principal has it through a group of that name or the right ``role:NAME``."""

    model_config = ConfigDict(extra="forbid")

    rights: list[str]


class PolicyEntry(BaseModel):
    """The ``[policy]`` table.

    Attributes:
        files: Cedar files, relative to the project file.
    """

    model_config = ConfigDict(extra="forbid")

    files: list[str] = Field(default_factory=list[str])


class KindEntry(BaseModel):
    """One kind of row that policies speak of.

    Attributes:
        attributes: Type of each attribute; ``?`` marks one that may be absent.
    """

    model_config = ConfigDict(extra="forbid")

    attributes: dict[str, Literal["String", "Long", "Bool", "String?", "Long?", "Bool?"]]


class ProjectEntry(BaseModel):
    """The ``[project]`` table.

    Attributes:
        name: Shown on screens.
        modules: Python modules beside the file that declare workflows and effects.
        solutions: Installed solutions to load, by entry-point name.
        operator: Principal of the command line when ``--as`` is not given.
        data: Folder of the embedded database, relative to the file.
        sign_in: ``local`` trusts whoever may read the project's data on this machine; ``required`` does not.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    modules: list[str] = Field(default_factory=list[str])
    solutions: list[str] = Field(default_factory=list[str])
    operator: str | None = None
    data: str = ".pilothouse"
    sign_in: Literal["local", "required"] = "local"


class ProjectFile(BaseModel):
    """The whole file; ``sources`` is validated by the connectors, solution tables by the solutions."""

    model_config = ConfigDict(extra="allow")

    project: ProjectEntry
    principals: dict[str, PrincipalEntry] = Field(default_factory=dict[str, PrincipalEntry])
    roles: dict[str, RoleEntry] = Field(default_factory=dict[str, RoleEntry])
    kinds: dict[str, KindEntry] = Field(default_factory=dict[str, KindEntry])
    policy: PolicyEntry = Field(default_factory=PolicyEntry)
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])


class Project:
    """A project folder: where it is, what it declares.

    Attributes:
        folder: Absolute folder of the file.
        file: The validated content.
    """

    def __init__(self, folder: Path, file: ProjectFile) -> None:
        self.folder = folder
        self.file = file

    @property
    def name(self) -> str:
        """The project's name."""
        return self.file.project.name

    @property
    def data_dir(self) -> Path:
        """Folder of the embedded database."""
        return (self.folder / self.file.project.data).resolve()

    def section(self, name: str) -> dict[str, Any]:
        """A solution's own table, empty when absent."""
        value = (self.file.model_extra or {}).get(name, {})
        if not isinstance(value, dict):
            raise UsageError(
                f"[{name}] in {PROJECT_FILE} must be a table, not {value!r}", code="project.invalid"
            )
        return value  # pyright: ignore[reportUnknownVariableType] - toml tables have text keys

    def principal(self, name: str | None = None) -> Principal:
        """Return the named principal, or the project's operator.

        Raises:
            UsageError: ``project.principal``: nobody of that name is declared.
        """
        wanted = name or self.file.project.operator
        found = self.declared(wanted or "")
        if found is None:
            known = ", ".join(sorted(self.file.principals)) or "nobody"
            raise UsageError(
                f"no principal {wanted!r} in {self.folder / PROJECT_FILE} (declared: {known}); "
                f"add [principals.{wanted or 'NAME'}] or use --as",
                code="project.principal",
            )
        return found

    def declared(self, name: str) -> Principal | None:
        """Return a declared principal; None if there is none of that name."""
        entry = self.file.principals.get(name)
        if entry is None:
            return None
        return Principal(
            id=name, kind=entry.kind, rights=frozenset(entry.rights), groups=frozenset(entry.groups)
        )


def find_project(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that holds a project file.

    Raises:
        UsageError: ``project.missing``.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise UsageError(f"no {PROJECT_FILE} in {start} or above; run `pilothouse init`", code="project.missing")


def load_project(folder: Path) -> Project:
    """Read and validate the project file in ``folder``.

    Raises:
        UsageError: ``project.missing`` or ``project.invalid``, naming the table and the field.
    """
    path = folder / PROJECT_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"no {PROJECT_FILE} in {folder}; run `pilothouse init`", code="project.missing"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", code="project.invalid") from error
    try:
        return Project(folder.resolve(), ProjectFile.model_validate(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path}: {where}: {first['msg']} (got {first.get('input')!r})", code="project.invalid"
        ) from error
