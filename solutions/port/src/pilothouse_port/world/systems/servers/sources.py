"""Owns what a running world tells a project: ``[sources.<name>]`` for each system, in ``pilothouse.toml``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Addresses", "sources_toml"]

_PATIENCE: Final = {"mcp": "20s"}  # an MCP server is a Python that starts first


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the servers of a world listen.

    Attributes:
        mariadb: Port, or None where PostgreSQL stands in.
        postgres: Port of the foreign cluster.
        http: Port of the REST services.
        smtp: Port that takes outgoing mail.
        passwords: Of each database's reader.
    """

    mariadb: int | None
    postgres: int | None
    http: int | None
    smtp: int | None
    passwords: Mapping[str, str]

    def database_url(self, name: str, technology: str) -> str:
        """The URL of a system's database for its reader."""
        own = technology == "mariadb" and self.mariadb is not None
        scheme, port = ("mariadb", self.mariadb) if own else ("postgresql", self.postgres)
        suffix = "?charset=utf8mb4" if own else ""
        return f"{scheme}://{name}_reader:{self.passwords[name]}@127.0.0.1:{port}/{name}{suffix}"


def sources_toml(
    world: Path, systems: Mapping[str, Mapping[str, Any]], addresses: Addresses, secret: Path
) -> str:
    """The text of the file: paths and addresses are absolute, so that the tables may be copied anywhere."""
    zone = _world_zone(world)
    parts = ["# Written by `pilothouse port world up`; the addresses change with the world.\n"]
    for name, system in systems.items():
        folder = world / str(system.get("path", f"systems/{name}"))
        options = _OPTIONS[str(system["technology"])](name, folder, addresses, secret)
        table = {
            **options,
            "dump": system.get("dump"),
            "messages": system.get("messages"),
            "integrity": "untrusted" if system["technology"] in {"mail", "mcp"} else "record",
            "readers": [f"acl:{name}"],
            "timeout": _PATIENCE.get(str(system["technology"]), "10s"),
            "timezone": system.get("timezone", zone),
            "title": system.get("title", name),
            "owner": system.get("owner", ""),
        }
        lines = "\n".join(f"{key} = {_toml(value)}" for key, value in table.items() if value is not None)
        parts.append(f"[sources.{name}]\n{lines}\n{_labels(name, system.get('free_text', {}))}")
    return "\n".join(parts)


def _labels(name: str, free: Mapping[str, list[str]]) -> str:
    """Free text is worth less than the record it stands in."""
    return "".join(
        f"[sources.{name}.labels.{json.dumps(object)}.fields]\n"
        + "".join(f'{json.dumps(field)} = {{ integrity = "untrusted" }}\n' for field in fields)
        for object, fields in free.items()
    )


def _world_zone(world: Path) -> str:
    import tomllib

    text = (world / "world.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text).get("timezone", "UTC"))


def _toml(value: Any) -> str:
    # a JSON string, list of strings or flat object with quoted keys is TOML too, but for the colon
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    return json.dumps(value, ensure_ascii=False)


def _database(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
    return {"kind": "sql", "url": f"secret://file/{secret}#{name}"}


def _sqlite(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
    return {"kind": "sql", "url": f"sqlite:///{folder / (name + '.sqlite')}"}


def _folder(kind: str) -> Any:
    def options(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
        return {"kind": kind, "path": str(folder)}

    return options


def _mail(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
    sending = {"smtp": f"smtp://127.0.0.1:{addresses.smtp}", "from": "desk@agency.example"}
    return {"kind": "mail", "path": str(folder), **sending}


def _edifact(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
    suffixes = {path.suffix for path in folder.iterdir() if path.name != "README.md"}
    pattern = f"*{suffixes.pop()}" if len(suffixes) == 1 else "*.edi"
    return {"kind": "edifact", "path": str(folder), "files": pattern}


def _http(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
    service = json.loads((folder / "service.json").read_text(encoding="utf-8"))
    url = f"http://127.0.0.1:{addresses.http}/{name}{service['base_path'].rstrip('/')}"
    return {"kind": "http", "url": url, "openapi": f"{url}/openapi.json"}


def _mcp(name: str, folder: Path, addresses: Addresses, secret: Path) -> dict[str, Any]:
    module = "pilothouse_port.world.systems.servers.mcp_server"
    path = folder / "mcp.json"
    tools = [tool["name"] for tool in json.loads(path.read_text(encoding="utf-8"))["tools"]]
    return {"kind": "mcp", "command": [sys.executable, "-m", module, str(path)], "read": tools}


_OPTIONS: Final[dict[str, Any]] = {
    "mariadb": _database,
    "postgres": _database,
    "sqlite": _sqlite,
    "drop": _folder("drop"),
    "edifact": _edifact,
    "mail": _mail,
    "http": _http,
    "mcp": _mcp,
}
